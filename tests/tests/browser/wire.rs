//! What passes between a listing and its broker, looked into from the page by the keyboard.

use book_tests::none;
use thirtyfour::prelude::*;

use crate::HEIGHT;
use crate::chromium::Window;
use crate::runs::{look_inside, press};
use crate::server::{Server, warm};

/// How many frames are drawn, and how many lines of output stand between them.
const DRAWN: &str =
    "const count = it => document.querySelectorAll(`details.wire[open] ${it}`).length;
    return ['.wire-frame', '.wire-line', '.wire-table tbody tr'].map(count);";
/// Whether each row of the table is drawn.
const IS_DRAWN: &str = "(count => count('.wire-table tbody tr') > 0 && count('.wire-frame') + count('.wire-line') \
     === count('.wire-table tbody tr'))(it => document.querySelectorAll(`details.wire[open] ${it}`).length)";
/// What the drawn frames say.
const LABELS: &str = "return [...document.querySelectorAll('.wire-frame')]
    .map(frame => frame.querySelector('text:last-of-type').textContent);";
/// Notes whether a frame is drawn before the end of its run.
const WATCH: &str = "
    window.grew = false;
    new MutationObserver(() => {
        const runs = document.querySelector('.run-panel .run-button')?.textContent === 'Stop';
        if (runs && document.querySelector('.run-panel .wire-frame')) window.grew = true;
    }).observe(document.body, {childList: true, subtree: true});";
/// The one of the listings below that runs for seconds.
const LONG: &str = "ch04-kafka-consumer";

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_looked_into_while_it_runs() {
    let Some(window) = Window::open().await else {
        return;
    };
    let warm = warm();
    let server = Server::start(Some(&warm)).await;
    window.page.goto(&server.entrance).await.unwrap();
    for (slug, sent, got) in [
        ("ch02-nats-pub-sub", "sends PUB o-1", "gets MSG o-1"),
        (
            "ch03-rabbit-queue",
            "sends basic.publish o-1",
            "gets basic.deliver o-1",
        ),
        (LONG, "sends Produce request o-1", "gets Produce answer"),
    ] {
        window.resize(1280, HEIGHT).await;
        window.page.goto(server.page(slug)).await.unwrap();
        window.run::<serde_json::Value>(WATCH).await;
        look_inside(&window).await;
        if slug == LONG {
            assert!(
                window.holds("window.grew").await,
                "{slug}: no frame is drawn while it runs"
            );
        }
        let equals = "document.querySelector('.run-state.run-equals')";
        assert!(window.holds(equals).await, "{slug} differs");
        drawn(&window).await;
        let labels: Vec<String> = window.run(LABELS).await;
        for what in [sent, got] {
            let said = labels.iter().any(|label| label.contains(what));
            assert!(said, "{slug}: no frame {what} in {labels:#?}");
        }
        opens(&window, slug).await;
        window.resize(360, HEIGHT).await;
        let fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
        assert!(
            window.holds(fits).await,
            "{slug}: what is drawn is wider than the page"
        );
    }
    none(&window.complaints().await);
    window.close().await;
}

/// A page on another host, or on a disk, has what was recorded.
#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_run_is_looked_into_without_a_server() {
    let Some(window) = Window::open().await else {
        return;
    };
    let server = Server::start(None).await;
    for slug in [
        "ch02-nats-jetstream",
        "ch03-rabbit-queue",
        "ch04-kafka-consumer",
    ] {
        let page = server.file(&format!("{slug}.html"));
        window.page.goto(&page).await.unwrap();
        let scripts = "return [...document.scripts].filter(it => /live|wire/.test(it.src)).length";
        assert_eq!(
            window.run::<u32>(scripts).await,
            0,
            "{slug} loads it at once"
        );
        press(&window, ".transcript > .wire > summary").await;
        drawn(&window).await;
        opens(&window, slug).await;
    }
    // A table that is wider than its place scrolls by the keys that turn mdBook's pages.
    let before = window.page.current_url().await.unwrap();
    window.resize(360, 900).await;
    window.page.refresh().await.unwrap();
    press(&window, ".transcript > .wire > summary").await;
    drawn(&window).await;
    press(&window, ".wire[open] details > summary").await;
    let table = window.page.find(By::Css(".wire[open] .wire-table")).await;
    table.unwrap().send_keys(Key::Right + "").await.unwrap();
    window
        .until("document.querySelector('.wire[open] .wire-table')?.scrollLeft > 0")
        .await;
    assert_eq!(window.page.current_url().await.unwrap(), before);
    none(&window.complaints().await);
    window.close().await;
}

/// The rows are entered at once, and the frames drawn when the browser draws next.
async fn drawn(window: &Window) {
    window.until(IS_DRAWN).await;
}

/// The second frame opens by the keyboard, and the page stays.
async fn opens(window: &Window, slug: &str) {
    let (frames, lines, rows): (u32, u32, u32) = window.run(DRAWN).await;
    assert!(
        frames > 2 && lines > 2,
        "{slug}: {frames} frames, {lines} lines"
    );
    assert_eq!(frames + lines, rows, "{slug}: the table says the same");
    let before = window.page.current_url().await.unwrap();
    let first = window.page.find(By::Css(".wire-frame[tabindex='0']")).await;
    let keys = Key::Down + Key::Right + Key::Left + Key::Enter;
    first.unwrap().send_keys(keys).await.unwrap();
    let second = "document.querySelectorAll('.wire-frame')[1]";
    window
        .until(&format!(
            "{second}.getAttribute('aria-expanded') === 'true'"
        ))
        .await;
    assert!(
        window
            .holds(&format!("document.activeElement === {second}"))
            .await
    );
    let fields: Vec<String> = window
        .run("return [...document.querySelectorAll('.wire-fields dt')].map(it => it.textContent)")
        .await;
    assert!(
        fields.len() > 1 && fields[0] == "client",
        "{slug}: {fields:?}"
    );
    assert_eq!(window.page.current_url().await.unwrap(), before);
}
