//! The editor that is checked in.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

fn read(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/serve/live/editor");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// The packages in it, as it says itself, and the version of each.
fn packages() -> BTreeMap<String, String> {
    let editor = read("editor.js");
    let head = editor.split_once("*/").unwrap().0;
    let lines = head.lines().skip(1);
    lines
        .map(|line| {
            let package = line.trim().strip_suffix(", MIT").expect(line);
            let (name, version) = package.split_once(' ').unwrap();
            (name.to_owned(), version.to_owned())
        })
        .collect()
}

#[test]
fn it_has_the_versions_of_its_lock_and_all_licenses() {
    let lock: Value = serde_json::from_str(&read("package-lock.json")).unwrap();
    let wanted: Value = serde_json::from_str(&read("package.json")).unwrap();
    let licenses = read("editor.licenses.txt");
    let packages = packages();
    for (name, version) in &packages {
        let locked = &lock["packages"][format!("node_modules/{name}")]["version"];
        assert_eq!(locked, version.as_str(), "{name}: run npm run build");
        let head = format!("{name} {version}, MIT\n\nMIT License\n");
        let other = head.replace("\nMIT License\n", "\nCopyright ");
        assert!(
            licenses.contains(&head) || licenses.contains(&other),
            "{name}"
        );
    }
    for (name, version) in wanted["devDependencies"].as_object().unwrap() {
        if name != "esbuild" {
            assert_eq!(
                Some(version.as_str().unwrap()),
                packages.get(name).map(|it| &**it)
            );
        }
    }
}

#[test]
fn it_asks_no_host() {
    // A name, which nobody asks for.
    let editor = read("editor.js").replace("http://www.w3.org/2000/svg", "");
    assert!(!editor.contains("://"));
    for asks in ["fetch(", "XMLHttpRequest", "importScripts", "import("] {
        assert!(!editor.contains(asks), "{asks}");
    }
}
