//! Cargo as a shell would start it.

use std::ffi::OsString;
use std::process::Command;

/// What cargo tells a program about its own package. A build script may ask to run again when
/// it changes (ring's does), and cargo would build half the workspace anew, back and forth.
const OWN: [&str; 6] = [
    "CARGO_BIN_",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_TMPDIR",
];

/// The cargo that runs this program, else the one on PATH.
pub fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Takes from a command what cargo tells this program.
pub fn untold(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let own = name.to_str();
        if own.is_some_and(|name| OWN.iter().any(|own| name.starts_with(own))) {
            command.env_remove(name);
        }
    }
}

/// That cargo, without what it tells this program.
pub fn cargo() -> Command {
    let mut cargo = Command::new(program());
    untold(&mut cargo);
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_not_told_of_this_package() {
        let cargo = cargo();
        let removed: Vec<_> = cargo
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .collect();
        let name = std::ffi::OsStr::new("CARGO_PKG_NAME");
        assert!(removed.contains(&(name, None)), "{removed:?}");
    }
}
