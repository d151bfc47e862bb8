//! The built book in memory, as it is served.
//!
//! A request never touches the file system: it names an entry of this table or gets
//! a 404. A build that fails, or one that is half done, changes nothing here.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;

use super::policy::policy;
use super::refusal::Refusal;

/// Put before the end of each page, so that it reloads after a build and its listings run.
/// Built files stay as they are.
const SCRIPT: &str = "<script src=\"/-/live/main.js\" type=\"module\"></script>\n";
/// The beginning of a page's body, as mdBook writes it, and as a page has it that is served:
/// the style sheet keeps a place for what the script will add.
const BODY: [&str; 2] = ["<body>", "<body class=\"live\">"];

/// All files of one build.
pub struct Site {
    /// One more with each build of a server; the next server counts on from another number.
    pub build: u64,
    files: HashMap<String, File>,
}

/// One file, ready to be sent.
pub struct File {
    /// The content.
    pub body: Bytes,
    /// The media type.
    pub kind: &'static str,
    /// The content security policy, on pages.
    pub policy: Option<HeaderValue>,
}

impl Site {
    /// Reads the built book in `folder`. A symbolic link there is left out, so
    /// nothing outside the folder is served.
    pub fn load(folder: &Path, build: u64) -> Result<Site> {
        let mut files = HashMap::new();
        add_folder(&mut files, folder, "")?;
        Ok(Site { build, files })
    }

    /// The file at a path as [`clean`] gives it. A folder is its index.html.
    pub fn get(&self, path: &str) -> Option<&File> {
        if path.is_empty() || path.ends_with('/') {
            self.files.get(&format!("{path}index.html"))
        } else {
            self.files.get(path)
        }
    }
}

fn add_folder(files: &mut HashMap<String, File>, folder: &Path, prefix: &str) -> Result<()> {
    let what = || format!("cannot read {}", folder.display());
    for entry in std::fs::read_dir(folder).with_context(what)? {
        let entry = entry.with_context(what)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let (kind, path) = (entry.file_type().with_context(what)?, entry.path());
        if name.starts_with('.') {
            continue;
        } else if kind.is_dir() {
            add_folder(files, &path, &format!("{prefix}{name}/"))?;
        } else if kind.is_file() {
            let content =
                std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.insert(format!("{prefix}{name}"), File::new(&name, content));
        }
    }
    Ok(())
}

impl File {
    fn new(name: &str, content: Vec<u8>) -> File {
        let kind = media_type(name);
        if kind != HTML {
            let body = Bytes::from(content);
            return File {
                body,
                kind,
                policy: None,
            };
        }
        let framed = name == "toc.html";
        let page = String::from_utf8_lossy(&content);
        let policy = HeaderValue::from_str(&policy(&page, framed)).ok();
        let body = match page.rsplit_once("</body>") {
            Some((before, after)) if !framed => {
                let before = before.replacen(BODY[0], BODY[1], 1);
                format!("{before}{SCRIPT}</body>{after}").into()
            }
            _ => Bytes::from(content),
        };
        File { body, kind, policy }
    }
}

const HTML: &str = "text/html; charset=utf-8";

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => HTML,
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// The path of a request as the site's table knows it: decoded once, without the
/// first slash. Whatever could mean another place is refused.
pub fn clean(raw: &str) -> Result<String, Refusal> {
    const REFUSED: Refusal = Refusal::new(
        StatusCode::BAD_REQUEST,
        "This path is malformed; a page's path is plain names between single slashes.",
    );
    let encoded = raw.strip_prefix('/').ok_or(REFUSED)?;
    if encoded.to_ascii_lowercase().contains("%2f") {
        return Err(REFUSED);
    }
    let path = percent_decode_str(encoded)
        .decode_utf8()
        .map_err(|_| REFUSED)?;
    let foreign = |c: char| c.is_control() || c == '\\' || c == '%' || c == ':';
    let names = path.strip_suffix('/').unwrap_or(&path);
    let bad = |name: &str| name.is_empty() || name.starts_with('.');
    if path.contains(foreign) || (!path.is_empty() && names.split('/').any(bad)) {
        return Err(REFUSED);
    }
    Ok(path.into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn plain_paths_are_decoded_once() {
        assert_eq!(clean("/").unwrap(), "");
        assert_eq!(clean("/a/b.html").unwrap(), "a/b.html");
        assert_eq!(clean("/a%20b/").unwrap(), "a b/");
    }

    #[test]
    fn whatever_could_mean_another_place_is_refused() {
        for path in [
            "",
            "*",
            "//",
            "//etc/passwd",
            "/../etc/passwd",
            "/a/../../etc/passwd",
            "/a/./b",
            "/%2e%2e/etc/passwd",
            "/%2E%2E%2Fetc",
            "/a%2fb",
            "/%252e%252e/etc",
            "/..%5c..%5cetc",
            "/a\\b",
            "/a%00.html",
            "/a%0d%0aX: y",
            "/%ff",
            "/C:/x",
            "/.hidden",
        ] {
            assert!(clean(path).is_err(), "{path} is let through");
        }
    }

    #[test]
    fn a_link_out_of_the_folder_is_not_served() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("page.html"), "<body></body>").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("file.txt")).unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join("etc")).unwrap();
        let site = Site::load(folder.path(), 1).unwrap();
        assert!(site.get("page.html").is_some());
        assert!(site.get("file.txt").is_none());
        assert!(site.get("etc/passwd").is_none());
    }
}
