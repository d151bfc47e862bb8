//! Predictions, answered on their pages by the keyboard alone.

use book_tests::{book, none};
use serde_json::Value;
use thirtyfour::prelude::*;

use crate::chromium::Window;
use crate::server::{Server, warm};

/// How far what stands in the text has moved without anything that the reader did. mdBook's own
/// script moves the sidebar's entries when it lists the headings of the page there.
const SHIFTS: &str = "
    const observer = new PerformanceObserver(() => {});
    observer.observe({type: 'layout-shift', buffered: true});
    const text = document.querySelector('main');
    const isText = entry => entry.sources.some(source => text.contains(source.node));
    const shifts = observer.takeRecords().filter(entry => !entry.hadRecentInput && isText(entry));
    return shifts.reduce((sum, entry) => sum + entry.value, 0);
";

/// A prediction of a page.
struct Prediction<'a> {
    window: &'a Window,
    /// In JavaScript.
    section: String,
}

impl Prediction<'_> {
    fn new<'a>(window: &'a Window, name: &str) -> Prediction<'a> {
        let section = format!("document.querySelector('[data-prediction=\"{name}\"]')");
        Prediction { window, section }
    }

    /// Comes near it, which makes it one that can be answered.
    async fn reach(&self) {
        let script = format!("{}.scrollIntoView()", self.section);
        self.window.run::<Value>(&script).await;
        let section = &self.section;
        self.window
            .until(&format!("{section}.classList.contains('answerable')"))
            .await;
    }

    async fn find(&self, inside: &str) -> WebElement {
        let script = format!("return {}.querySelector('{inside}')", self.section);
        let found = self.window.page.execute(&script, Vec::new()).await.unwrap();
        found.element().unwrap()
    }

    async fn keys(&self, inside: &str, keys: impl Into<TypingData>) {
        let element = self.find(inside).await;
        element.send_keys(keys).await.unwrap();
    }

    /// Whether a condition holds, in which `it` is the section.
    async fn holds(&self, condition: &str) -> bool {
        self.window.holds(&self.with(condition)).await
    }

    async fn until(&self, condition: &str) {
        self.window.until(&self.with(condition)).await;
    }

    fn with(&self, condition: &str) -> String {
        format!("(it => {condition})({})", self.section)
    }

    async fn said(&self) -> String {
        let said = format!(
            "return {}.querySelector('[role=status]').textContent",
            self.section
        );
        self.window.run(&said).await
    }

    async fn until_said(&self, begin: &str) {
        let said = format!("it.querySelector('[role=status]')?.textContent.startsWith('{begin}')");
        self.until(&said).await;
    }
}

/// Whether the answer can be seen.
const SHOWN: &str = "it.querySelector('details').open
    && getComputedStyle(it.querySelector('[data-right]')).visibility === 'visible'";

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_answer_is_named_after_the_run_kept_and_answered_again() {
    let Some(window) = Window::open().await else {
        return;
    };
    let warm = warm();
    let server = Server::start(Some(&warm)).await;
    window.page.goto(&server.entrance).await.unwrap();
    let to = server.page("ch02-nats-pub-sub");
    window.page.goto(&to).await.unwrap();

    let late = Prediction::new(&window, "ch02-nats-pub-sub/late");
    late.reach().await;
    assert!(!late.holds(SHOWN).await);
    late.keys(".run-button", Key::Enter + "").await;
    late.until_said("Choose an answer first").await;
    // The arrow keys choose, and do not turn the page.
    late.keys("input", " ").await;
    late.keys("input", Key::Right + "").await;
    late.until("it.querySelectorAll('input')[1].checked").await;
    late.keys("input:checked", Key::Left + "").await;
    late.until("it.querySelectorAll('input')[0].checked").await;
    assert_eq!(window.page.current_url().await.unwrap().as_str(), to);
    assert!(!late.holds(SHOWN).await);
    late.keys("input:checked", Key::Enter + "").await;
    late.until_said("✗ Wrong: you answered A.").await;
    assert!(late.holds(SHOWN).await);
    let beliefs = book().unwrap().misconceptions().unwrap();
    let mine = "it.querySelector('.predict-mine').parentElement.textContent";
    let says = serde_json::to_string(&beliefs["M02"].says).unwrap();
    assert!(late.holds(&format!("{mine}.includes({says})")).await);
    let live = "it.querySelector('.predict-live').textContent";
    assert!(
        late.holds(&format!("{live} === '✓ Your run: lost 2, as recorded.'"))
            .await
    );
    // It was run where the page shows it, which leads back.
    let panel = "document.querySelector('#transcript-ch02-nats-pub-sub-late + .run-panel')";
    let back = format!("{panel}.querySelector('.run-state a').textContent");
    assert!(
        window
            .holds(&format!("{back} === 'Your prediction was wrong.'"))
            .await
    );
    window
        .until(
            "document.querySelector('#mdbook-sidebar a.active .visually-hidden')
                ?.textContent.includes('1 of 2 predictions answered')",
        )
        .await;

    window.page.refresh().await.unwrap();
    late.reach().await;
    late.until_said("✗ Wrong: you answered A. Open the answer")
        .await;
    assert!(late.holds("it.querySelectorAll('input')[0].checked").await);
    assert_eq!(window.run::<f64>(SHIFTS).await, 0.0);
    late.keys("summary", Key::Enter + "").await;
    late.until(SHOWN).await;
    assert!(late.holds(&format!("{mine}.includes({says})")).await);

    late.keys("input:checked", Key::Right + "").await;
    late.keys("input:checked", Key::Enter + "").await;
    late.until_said("✓ Right: it is B.").await;

    // A knob that was turned meanwhile shows what the run has.
    let knob = format!("{panel}.querySelector('select')");
    let turn = format!("{knob}.value = 'drop'");
    window.run::<Value>(&turn).await;
    late.keys("input:checked", Key::Left + "").await;
    late.keys("input:checked", Key::Enter + "").await;
    late.until_said("✗ Wrong: you answered A.").await;
    assert_eq!(
        window.run::<String>(&format!("return {knob}.value")).await,
        "drain"
    );
    none(&window.complaints().await);
    window.close().await;
}

/// The answer is in the way of nobody who wants no run.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_opened_needs_no_run() {
    let Some(window) = Window::open().await else {
        return;
    };
    let server = Server::start(None).await;
    window.page.goto(&server.entrance).await.unwrap();
    let to = server.page("ch02-nats-pub-sub");
    window.page.goto(&to).await.unwrap();
    let drop = Prediction::new(&window, "ch02-nats-pub-sub/drop");
    drop.reach().await;
    // Who only looks has not answered.
    drop.keys("summary", Key::Enter + "").await;
    drop.until(SHOWN).await;
    assert_eq!(drop.said().await, "");
    drop.keys("summary", Key::Enter + "").await;
    drop.keys("input", " ").await;
    drop.keys("summary", Key::Enter + "").await;
    drop.until_said("✗ Wrong: you answered A.").await;
    window
        .until("document.querySelector('#mdbook-sidebar a.active .marks')?.textContent === '◇'")
        .await;
    let kept = std::fs::read_to_string(server.own.join("progress.json")).unwrap();
    assert!(kept.contains("ch02-nats-pub-sub/drop"), "{kept}");
    none(&window.complaints().await);
    window.close().await;
}

/// The page has no such run, so it is run right there.
#[tokio::test(flavor = "multi_thread")]
async fn an_opener_runs_what_another_chapter_shows() {
    let Some(window) = Window::open().await else {
        return;
    };
    let warm = warm();
    let server = Server::start(Some(&warm)).await;
    window.page.goto(&server.entrance).await.unwrap();
    let to = server.page("ch04");
    window.page.goto(&to).await.unwrap();
    let twice = Prediction::new(&window, "ch02-nats-request-reply/twice");
    twice.reach().await;
    twice.keys("input[value=\"1\"]", " ").await;
    twice.keys(".run-button", Key::Enter + "").await;
    twice.until_said("✓ Right: it is B.").await;
    let output = "it.querySelector('.run-panel pre').textContent.includes('fate  ')";
    assert!(twice.holds(output).await);
    // The panel looks as it does below a figure.
    let knobs = "getComputedStyle(it.querySelector('.run-panel fieldset'))";
    assert!(
        twice
            .holds(&format!("{knobs}.borderTopWidth !== '0px'"))
            .await
    );
    let live = "it.querySelector('.predict-live').textContent";
    assert!(
        twice
            .holds(&format!(
                "{live} === '✓ Your run: duplicate 1, as recorded.'"
            ))
            .await
    );
    // The page that first asked for it has an answer of its own, which is none yet.
    let first = server.page("ch02-nats-request-reply");
    window.page.goto(&first).await.unwrap();
    twice.reach().await;
    let marks = "#mdbook-sidebar a[href$=\"ch04.html\"] .marks";
    window
        .until(&format!(
            "document.querySelector('{marks}')?.textContent === '◇'"
        ))
        .await;
    assert!(twice.holds("!it.querySelector('input:checked')").await);
    none(&window.complaints().await);
    window.close().await;
}

/// Without the address that the terminal shows nothing is run and nothing kept, which is said; the
/// answer is told all the same.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_is_told_so_and_sees_the_answer() {
    let Some(window) = Window::open().await else {
        return;
    };
    let server = Server::start(None).await;
    let (address, _) = server.entrance.split_once("?token=").unwrap();
    let to = format!("{address}ch04.html");
    window.page.goto(&to).await.unwrap();
    let twice = Prediction::new(&window, "ch02-nats-request-reply/twice");
    twice.reach().await;
    twice.keys("input", " ").await;
    twice.keys("input", Key::Enter + "").await;
    twice.until_said("✗ Wrong: you answered A.").await;
    twice.until(SHOWN).await;
    let state = "it.querySelector('.run-state').textContent";
    const OPEN: &str = "Open the book at the address that the terminal shows";
    twice.until(&format!("{state}.startsWith('{OPEN}')")).await;
    let live = "it.querySelector('.predict-live').textContent";
    twice
        .until(&format!(
            "{live}.startsWith('Your run did not come to its end')"
        ))
        .await;
    let said = "it.querySelector('[role=status]').textContent";
    twice
        .until(&format!(
            "{said}.includes('Your answer is not kept: {OPEN}')"
        ))
        .await;
    assert!(!server.own.join("progress.json").exists());
    let complaints = window.complaints().await;
    assert!(
        complaints.iter().all(|it| it.contains("403")),
        "{complaints:?}"
    );
    window.close().await;
}

/// A page that no server serves asks, and answers behind a click.
#[tokio::test(flavor = "multi_thread")]
async fn a_built_page_asks_and_has_its_answer_behind_a_click() {
    let Some(window) = Window::open().await else {
        return;
    };
    let server = Server::start(None).await;
    let page = server.file("ch02-nats-pub-sub.html");
    window.page.goto(&page).await.unwrap();
    let late = Prediction::new(&window, "ch02-nats-pub-sub/late");
    assert!(late.holds("!it.querySelector('form, input, button')").await);
    assert!(!late.holds(SHOWN).await);
    late.keys("summary", Key::Enter + "").await;
    late.until(SHOWN).await;
    window
        .page
        .goto(&server.file("progress.html"))
        .await
        .unwrap();
    let row = "document.querySelector('[data-page=ch02-nats-pub-sub] [data-of=predictions]')";
    assert!(window.holds(&format!("{row}.textContent === '2'")).await);
    assert!(window.holds("!document.querySelector('main button')").await);
    none(&window.complaints().await);
    window.close().await;
}
