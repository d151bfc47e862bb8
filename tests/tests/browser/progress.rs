//! What a reader has done: in the sidebar and on a page of its own.

use std::path::Path;
use std::time::Duration;

use book_tests::none;
use thirtyfour::prelude::*;

use crate::chromium::{LONG, Window};
use crate::server::Server;

const ALL: &str = "document.querySelector('tr.all [data-of=pages]').textContent";
const STATUS: &str = "document.querySelector('.progress-tools [role=status]').textContent";
const NOTE: &str = "(document.querySelector('.read-note')?.textContent ?? '')";

/// Whether the sidebar's entries stand where they would without any mark.
const MOVES_NOTHING: &str = "
    const links = [...document.querySelectorAll('#mdbook-sidebar a')];
    const places = () => links.map(link => link.getBoundingClientRect().top).join();
    const before = places();
    const marks = document.querySelectorAll('#mdbook-sidebar :is(.marks, .visually-hidden)');
    marks.forEach(mark => mark.remove());
    return marks.length > 0 && places() === before;
";

/// A window on a page of the served book.
async fn on(window: &Window, server: &Server, page: &str) {
    if window.page.current_url().await.unwrap().host().is_none() {
        window.page.goto(&server.entrance).await.unwrap();
    }
    window.page.goto(server.page(page)).await.unwrap();
}

/// Goes to the end of the page, as a reader does with the keyboard.
async fn read_to_the_end(window: &Window) {
    let body = window.page.find(By::Tag("body")).await.unwrap();
    body.send_keys(Key::End + "").await.unwrap();
    window
        .until(&format!("{NOTE}.startsWith('✓ You have read this page')"))
        .await;
}

async fn press(window: &Window, name: &str) {
    let path = format!("//main//button[text()='{name}']");
    let button = window.page.find(By::XPath(path)).await.unwrap();
    button.send_keys(Key::Enter + "").await.unwrap();
}

/// Answers the question that is open by the keyboard: the first button is Cancel.
async fn agree(window: &Window) {
    window
        .until("document.activeElement.textContent === 'Cancel'")
        .await;
    let cancel = window.page.active_element().await.unwrap();
    cancel.send_keys(Key::Tab + "").await.unwrap();
    let other = window.page.active_element().await.unwrap();
    other.send_keys(Key::Enter + "").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_read_to_its_end_has_its_mark() {
    let Some(window) = Window::open().await else {
        return;
    };
    let server = Server::start(None).await;
    window.resize(1600, 900).await;
    on(&window, &server, "ch03-rabbit-queue").await;
    window
        .until(&format!("{NOTE}.startsWith('A page counts as read')"))
        .await;
    let mark = "document.querySelector('#mdbook-sidebar a.active .marks')";
    assert!(window.holds(&format!("!{mark}")).await);
    read_to_the_end(&window).await;
    window.until(&format!("{mark}?.textContent === '✓'")).await;
    let heard = "document.querySelector('#mdbook-sidebar a.active').innerText";
    assert!(window.holds(&format!("{heard}.includes('(read)')")).await);
    // It is there on another page, and moves nothing when it comes.
    on(&window, &server, "ch03-rabbit-topology").await;
    let there = "#mdbook-sidebar a[href$=\"ch03-rabbit-queue.html\"] .marks";
    window
        .until(&format!("document.querySelector('{there}')"))
        .await;
    assert!(window.run::<bool>(MOVES_NOTHING).await);
    none(&window.complaints().await);
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_exported_reset_and_imported_by_the_keyboard() {
    let Some(window) = Window::open().await else {
        return;
    };
    let server = Server::start(None).await;
    let downloads = tempfile::tempdir().unwrap();
    let folder = downloads.path().to_str().unwrap();
    let allow = serde_json::json!({"behavior": "allow", "downloadPath": folder});
    let cdp = window.page.cdp();
    cdp.send_raw("Browser.setDownloadBehavior", allow)
        .await
        .unwrap();
    on(&window, &server, "ch01").await;
    read_to_the_end(&window).await;
    on(&window, &server, "progress").await;
    window.until(&format!("{ALL}.startsWith('1 of ')")).await;
    window
        .until("document.querySelector('[data-page=ch01] .done')?.textContent === '1 of 1'")
        .await;

    press(&window, "Export").await;
    window
        .until(&format!("{STATUS}.includes('downloads')"))
        .await;
    let file = downloads.path().join("progress.json");
    written(&file).await;
    let before = std::fs::read_to_string(server.own.join("progress.json")).unwrap();
    let exported = std::fs::read_to_string(&file).unwrap();
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(parsed(&exported), parsed(&before));

    // Esc, and the first button, change nothing.
    for key in [Key::Escape, Key::Enter] {
        press(&window, "Reset").await;
        window
            .until("document.activeElement.textContent === 'Cancel'")
            .await;
        // Below an open question no key turns the page.
        let cancel = window.page.active_element().await.unwrap();
        cancel.send_keys(Key::Right + "").await.unwrap();
        cancel.send_keys(key + "").await.unwrap();
        window
            .until(&format!("{STATUS} === 'Nothing is changed.'"))
            .await;
    }
    assert_eq!(
        window.page.current_url().await.unwrap().as_str(),
        server.page("progress")
    );
    press(&window, "Reset").await;
    agree(&window).await;
    window.until(&format!("{ALL}.startsWith('0 of ')")).await;
    assert!(
        window
            .holds(&format!("{STATUS}.includes('progress-1.json')"))
            .await
    );
    assert!(!server.own.join("progress.json").exists());
    let copy = std::fs::read_to_string(server.own.join("progress-1.json")).unwrap();
    assert_eq!(copy, before);

    let letter = downloads.path().join("letter.json");
    std::fs::write(&letter, "Dear reader").unwrap();
    choose(&window, &letter).await;
    window
        .until(&format!(
            "{STATUS}.startsWith('letter.json is no progress')"
        ))
        .await;
    let other = downloads.path().join("other.json");
    std::fs::write(&other, "{\"v\": 2}").unwrap();
    choose(&window, &other).await;
    agree(&window).await;
    window
        .until(&format!(
            "{STATUS}.startsWith('it is no progress of this book')"
        ))
        .await;
    assert!(!server.own.join("progress.json").exists());

    choose(&window, &file).await;
    agree(&window).await;
    window.until(&format!("{ALL}.startsWith('1 of ')")).await;
    let mark = "document.querySelector('#mdbook-sidebar a[href$=\"ch01.html\"] .marks')";
    window.until(&format!("{mark}?.textContent === '✓'")).await;
    // The refusal of the other file is a complaint of the browser's, too.
    let complaints = window.complaints().await;
    assert!(
        complaints
            .iter()
            .all(|it| it.contains("/-/progress/import")),
        "{complaints:?}"
    );
    window.close().await;
}

/// Gives a file to the page, as the system's dialog does.
async fn choose(window: &Window, file: &Path) {
    let input = window
        .page
        .find(By::Css(".progress-tools input"))
        .await
        .unwrap();
    input.send_keys(file.to_str().unwrap()).await.unwrap();
}

/// Returns once the download is there.
async fn written(file: &Path) {
    let there = async {
        let mut look = tokio::time::interval(Duration::from_millis(50));
        while !file.exists() {
            look.tick().await;
        }
    };
    tokio::time::timeout(LONG, there)
        .await
        .expect("no file was downloaded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_told_on_the_page_and_stays() {
    let Some(window) = Window::open().await else {
        return;
    };
    let server = Server::start(None).await;
    let file = server.own.join("progress.json");
    std::fs::write(&file, "{ half of it").unwrap();
    on(&window, &server, "ch01").await;
    window
        .until(&format!("{NOTE}.includes('progress.json is malformed')"))
        .await;
    on(&window, &server, "progress").await;
    window
        .until(&format!("{NOTE}.includes('progress.json is malformed')"))
        .await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{ half of it");
    press(&window, "Reset").await;
    agree(&window).await;
    window.until(&format!("{ALL}.startsWith('0 of ')")).await;
    let copy = std::fs::read_to_string(server.own.join("progress-1.json")).unwrap();
    assert_eq!(copy, "{ half of it");
    window.close().await;
}
