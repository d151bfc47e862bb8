//! The content security policy of a page: its own files, and the inline scripts
//! that it was built with.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The policy for this page. `framed`: the page may stand in a frame of the book's
/// own, which is how mdBook shows the table of contents without JavaScript.
pub fn policy(html: &str, framed: bool) -> String {
    let scripts: String = inline_scripts(html)
        .map(|script| format!(" 'sha256-{}'", STANDARD.encode(Sha256::digest(script))))
        .collect();
    let ancestors = if framed { "'self'" } else { "'none'" };
    // Style attributes: mdBook's template has one, its search sets one.
    // Images as data: mdBook's style sheet has one.
    format!(
        "default-src 'none'; script-src 'self'{scripts}; style-src 'self'; \
         style-src-attr 'unsafe-inline'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; frame-src 'self'; base-uri 'self'; form-action 'self'; \
         frame-ancestors {ancestors}"
    )
}

/// The text of each script element that has no address of its own.
fn inline_scripts(html: &str) -> impl Iterator<Item = &str> {
    let mut rest = html;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once("<script")?;
            let (attributes, body) = after.split_once('>')?;
            let (script, after) = body.split_once("</script>")?;
            rest = after;
            if !attributes.contains("src=") {
                return Some(script);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_inline_script_is_hashed_and_no_other() {
        let html = "<script>a</script><script src=\"b.js\"></script><p><script\n>c</script>";
        assert_eq!(inline_scripts(html).collect::<Vec<_>>(), ["a", "c"]);
        // printf a | openssl dgst -sha256 -binary | base64
        let policy = policy("<script>a</script>", false);
        assert!(policy.contains("'sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs='"));
    }

    #[test]
    fn a_page_without_inline_scripts_allows_none() {
        let policy = policy("<p>text</p>", false);
        assert!(policy.contains("script-src 'self'; style-src"));
        assert!(policy.ends_with("frame-ancestors 'none'"));
    }
}
