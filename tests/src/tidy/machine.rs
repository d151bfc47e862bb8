//! Nothing in the repository belongs to one machine or one network.

use crate::files::File;

/// Beginnings of paths that only one machine has. In pieces, so that this file has none.
const PATHS: [&str; 5] = [
    concat!("/", "root"),
    concat!("/", "work"),
    concat!("/", "home"),
    concat!("/", "Users"),
    concat!("/tmp", "/bash"),
];
/// Hosts of package registries. A machine's own package clients know theirs, which may be a
/// mirror, so none is written down. In pieces, so that this file has none.
const HOSTS: [&str; 11] = [
    concat!("deb.", "debian.org"),
    concat!("snapshot.", "debian.org"),
    concat!("archive.", "ubuntu.com"),
    concat!("pypi", ".org"),
    concat!("files.", "pythonhosted.org"),
    concat!("repo1.", "maven.org"),
    concat!("repo.", "maven.apache.org"),
    concat!("proxy.", "golang.org"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("registry.", "npmjs.org"),
];

/// No path of a machine.
pub fn no_path(file: &File) -> Vec<String> {
    places(file, |line| {
        PATHS.into_iter().find(|path| holds_path(line, path))
    })
    .map(|(number, path)| {
        format!(
            "{}:{number}: `{path}` is a path of one machine; make it relative, or ask the system for it",
            file.path
        )
    })
    .collect()
}

/// No host of a package registry, and no address in a private network.
pub fn no_host(file: &File) -> Vec<String> {
    let hosts = places(file, |line| {
        HOSTS.into_iter().find(|host| line.contains(host))
    });
    let hosts = hosts.map(|(number, host)| {
        format!(
            "{}:{number}: `{host}` is a registry's host; leave the address to the machine's package client",
            file.path
        )
    });
    let networks = places(file, private_address).map(|(number, address)| {
        format!(
            "{}:{number}: `{address}` is an address in a private network; use 127.0.0.1",
            file.path
        )
    });
    hosts.chain(networks).collect()
}

fn places<'a, T>(
    file: &'a File,
    find: impl Fn(&'a str) -> Option<T> + 'a,
) -> impl Iterator<Item = (usize, T)> + 'a {
    file.text
        .lines()
        .enumerate()
        .filter_map(move |(index, line)| Some((index + 1, find(line)?)))
}

/// Whether the path begins somewhere in the line: not inside a longer path or name.
fn holds_path(line: &str, path: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || "._-".contains(c);
    line.match_indices(path).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + path.len()..].chars().next();
        !before.is_some_and(|c| is_name(c) || "}$*~)".contains(c)) && !after.is_some_and(is_name)
    })
}

/// The first word of a line that is an address set apart for private networks.
fn private_address(line: &str) -> Option<&str> {
    line.split(|c: char| !c.is_ascii_digit() && c != '.')
        .find(|word| {
            let parts: Vec<u8> = word
                .split('.')
                .filter_map(|part| part.parse().ok())
                .collect();
            word.split('.').count() == 4
                && matches!(
                    parts[..],
                    [10, _, _, _] | [192, 168, _, _] | [172, 16..=31, _, _]
                )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> File {
        File::new("a.md", text)
    }

    #[test]
    fn a_machines_path_is_refused() {
        for path in PATHS {
            let problems = no_path(&file(&format!("first\nsee `{path}/x` there")));
            assert_eq!(problems.len(), 1, "{path}");
            assert!(
                problems[0].starts_with(&format!("a.md:2: `{path}` is a path")),
                "{problems:?}"
            );
            assert_eq!(no_path(&file(&format!("HOME={path}"))).len(), 1, "{path}");
            for text in ["chapters", "$HOME", "~", "https://a.b"] {
                assert_eq!(
                    no_path(&file(&format!("{text}{path}/x"))),
                    [""; 0],
                    "{text}{path}"
                );
            }
            assert_eq!(
                no_path(&file(&format!("{path}er/1 {path}-1"))),
                [""; 0],
                "{path}"
            );
        }
    }

    #[test]
    fn a_registrys_host_is_refused() {
        for host in HOSTS {
            assert_eq!(
                no_host(&file(&format!("https://{host}/x"))).len(),
                1,
                "{host}"
            );
        }
        assert_eq!(
            no_host(&file("https://docs.rs and https://github.com")),
            [""; 0]
        );
    }

    #[test]
    fn a_private_address_is_refused() {
        for address in [
            concat!("10.", "0.0.7"),
            concat!("192.", "168.1.2"),
            concat!("172.", "20.0.1"),
        ] {
            assert_eq!(
                no_host(&file(&format!("amqp://{address}:5672"))).len(),
                1,
                "{address}"
            );
        }
        for text in [
            "127.0.0.1:4222",
            "version 10.11.12",
            "1.10.0.0",
            "0.0.0.0",
            "10.300.0.1",
        ] {
            assert_eq!(no_host(&file(text)), [""; 0], "{text}");
        }
    }
}
