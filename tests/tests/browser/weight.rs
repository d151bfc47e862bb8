//! What a page costs before its reader asks for anything.

use book_tests::{book, none};

use crate::chromium::Window;
use crate::loaded::{Loaded, loaded, packed};
use crate::server::Server;

/// Of a page with its style sheets and scripts, in bytes, as gzip makes it.
const PAGE: usize = 60_000;
/// Of the book's own scripts, in bytes, as gzip makes them.
const SCRIPTS: usize = 8_192;

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_light_with_all_that_it_loads() {
    let Some(window) = Window::open().await else {
        return;
    };
    let server = Server::start(None).await;
    window.page.goto(&server.entrance).await.unwrap();
    let mut problems = Vec::new();
    for page in book().unwrap().pages().unwrap() {
        let slug = &page.slug;
        window.page.goto(server.page(slug)).await.unwrap();
        let loaded = loaded(&window).await;
        let page = packed(&loaded);
        if page > PAGE {
            problems.push(format!("{slug}: {page} bytes, {PAGE} at most: {loaded:#?}"));
        }
        // mdBook's name for the one that the theme has.
        let is_own = |file: &&Loaded| {
            let theme = file.path.contains("/highlight-") && file.path.ends_with(".js");
            theme || file.path.contains("/-/")
        };
        let own: Vec<&Loaded> = loaded.iter().filter(is_own).collect();
        assert!(
            own.len() >= 2,
            "the book's own scripts are not among {loaded:#?}"
        );
        let size: usize = own.iter().map(|file| file.packed).sum();
        if size > SCRIPTS {
            problems.push(format!(
                "{slug}: scripts of {size} bytes, {SCRIPTS} at most: {own:#?}"
            ));
        }
    }
    none(&problems);
    window.close().await;
}
