//! Exercises, solved on their pages.

use std::path::Path;

use book_tests::warm::Warm;
use book_tests::{none, root};
use thirtyfour::prelude::*;

use crate::axe::Axe;
use crate::chromium::Window;
use crate::copy::Copy;
use crate::server::{Server, warm};

const EXERCISE: &str = "ex02-ack-after-work";
const PAGE: &str = "ch02-nats-jetstream";
/// The text of the editor, which has a shadow tree of its own.
const INSIDE: &str = "document.querySelector('.solve-text')?.shadowRoot";
const STATE: &str = "(document.querySelector('.solve-panel .run-state')?.textContent ?? '')";
/// What is said of the text: whether it is saved.
const KEPT: &str = "(document.querySelector('.solve-kept')?.textContent ?? '')";
/// Its first line.
const FIRST: &str = "(document.querySelector('.solve-text')?.shadowRoot.querySelector('.cm-line')?.textContent ?? '')";
/// A question that only the reader can answer. It has the keyboard where the reader asked for something.
const ASKED: &str = "document.querySelector('.solve-asks')?.contains(document.activeElement)";

/// A page of a copy of the book.
struct Page {
    window: Window,
    // It ends before another test has the copy.
    server: Server,
    copy: Copy,
}

impl Page {
    /// Its exercise is not open yet. None where there is no browser.
    async fn open(warm: Option<&Warm>) -> Option<Page> {
        let window = Window::open().await?;
        let copy = Copy::lay();
        let server = Server::of(copy.serve(), warm).await;
        let page = Page {
            window,
            server,
            copy,
        };
        page.window.page.goto(&page.server.entrance).await.unwrap();
        page.go().await;
        Some(page)
    }

    async fn go(&self) {
        let to = self.server.page(PAGE);
        self.window.page.goto(to).await.unwrap();
    }

    /// Opens the editor by the keyboard.
    async fn solve(&self) {
        let button = format!("#{EXERCISE} > pre > .run-button");
        let button = self.window.page.find(By::Css(button)).await.unwrap();
        button.send_keys(Key::Enter + "").await.unwrap();
        self.window
            .until(&format!(
                "{INSIDE}?.activeElement?.classList.contains('cm-content')"
            ))
            .await;
    }

    /// Types with the keyboard, wherever its focus is.
    async fn keys(&self, keys: impl Into<TypingData>) {
        let chain = self.window.page.action_chain().send_keys(keys);
        chain.perform().await.unwrap();
    }

    /// Types this key while Control is held.
    async fn control(&self, key: &str) {
        let chain = self.window.page.action_chain().key_down(Key::Control);
        let chain = chain.send_keys(key).key_up(Key::Control);
        chain.perform().await.unwrap();
    }

    /// Types this text in place of what the editor has.
    async fn type_all(&self, text: &str) {
        let focus = format!("{INSIDE}.querySelector('.cm-content').focus()");
        self.window.run::<serde_json::Value>(&focus).await;
        self.control("a").await;
        self.keys(Key::Delete + "").await;
        // As a paste does: key by key, each line would be indented once more.
        let paste = format!(
            "const data = new DataTransfer();
             data.setData('text/plain', {text:?});
             const event = new ClipboardEvent('paste', {{clipboardData: data, bubbles: true, cancelable: true}});
             {INSIDE}.querySelector('.cm-content').dispatchEvent(event);"
        );
        self.window.run::<serde_json::Value>(&paste).await;
    }

    /// The text of the editor as far as it is shown.
    async fn text(&self) -> String {
        let lines = format!(
            "return [...{INSIDE}.querySelectorAll('.cm-line')].map(it => it.textContent).join('\\n')"
        );
        self.window.run(&lines).await
    }

    /// Presses a button of the panel.
    async fn press(&self, word: &str) {
        let click = format!(
            "[...document.querySelectorAll('.solve-panel button')].find(it => it.textContent === {word:?}).focus()"
        );
        self.window.run::<serde_json::Value>(&click).await;
        self.keys(Key::Enter + "").await;
    }

    async fn close(self) {
        let complaints = self.window.complaints().await.into_iter();
        // How the server says that a file is another one than the page believes.
        let others = complaints.filter(|it| !it.contains("409 (Conflict)"));
        none(&others.collect::<Vec<_>>());
        self.window.close().await;
    }
}

fn answer(name: &str) -> String {
    let path = match name {
        "solution" => "src/main.rs".to_owned(),
        other => format!("examples/{EXERCISE}-{other}.rs"),
    };
    let path = root().join("solutions").join(EXERCISE).join(path);
    read(&path)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_refused_where_it_does_not_compile_fails_and_passes() {
    let warm = warm();
    let Some(page) = Page::open(Some(&warm)).await else {
        return;
    };
    let window = &page.window;
    page.solve().await;

    let broken = answer("naive-early").replace("async fn main() -> ", "async fn main() -> Missing");
    page.type_all(&broken).await;
    page.press("Check").await;
    window
        .until(&format!("{STATE}.startsWith('It does not compile')"))
        .await;
    assert_eq!(read(&page.copy.main(EXERCISE)), broken);
    let line = 1 + broken
        .lines()
        .position(|line| line.contains("Missing"))
        .unwrap();
    let listed =
        format!("document.querySelector('.solve-go')?.textContent === 'Line {line}: error'");
    assert!(window.holds(&listed).await);
    window
        .until(&format!("{INSIDE}.querySelector('.cm-lint-marker-error')"))
        .await;
    page.press(&format!("Line {line}: error")).await;
    window
        .until(&format!(
            "{INSIDE}.querySelector('.cm-activeLine')?.textContent.includes('Missing')"
        ))
        .await;

    page.type_all(&answer("naive-early")).await;
    page.press("Check").await;
    window
        .until(&format!("{STATE}.startsWith('Graded in')"))
        .await;
    window
        .until(
            "document.querySelector('.solve-verdict.run-differs')?.textContent === 'lost-message'",
        )
        .await;
    assert!(
        window
            .holds("document.querySelector('.solve-found a').textContent.length > 20")
            .await
    );
    assert!(
        window
            .holds("document.querySelectorAll('.solve-moments tbody tr').length > 2")
            .await
    );
    assert!(
        window
            .holds("document.querySelector('.solve-found .strip:has(svg) tbody td')")
            .await
    );
    if let Some(axe) = Axe::fetch() {
        axe.reads(window).await;
    }
    page.press("Show hint 1").await;
    window
        .until("document.querySelector('.exercise .hint').open")
        .await;

    assert!(
        window
            .holds("document.querySelector('.exercise p.solution')")
            .await
    );
    page.type_all(&answer("solution")).await;
    page.press("Check").await;
    window
        .until("document.querySelector('.solve-verdict.run-equals')?.textContent === 'passed'")
        .await;
    // The page stays as it is, and the solution comes.
    window
        .until("document.querySelector('.exercise details.solution')")
        .await;
    assert!(window.holds(INSIDE).await);
    let progress = read(&page.server.own.join("progress.json"));
    assert!(progress.contains("\"passed\": true"), "{progress}");

    // Whoever comes back finds it as it was left.
    window.page.refresh().await.unwrap();
    window
        .until("document.querySelector('.exercise details.solution')")
        .await;
    let heard = "document.querySelector('#mdbook-sidebar a.active .visually-hidden')";
    window
        .until(&format!(
            "{heard}?.textContent.includes('1 of 1 exercises passed')"
        ))
        .await;
    page.solve().await;
    let shown = page.text().await;
    assert!(
        shown.lines().count() > 3 && answer("solution").starts_with(&shown),
        "{shown}"
    );
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_outlives_a_reload_and_can_be_undone() {
    let Some(page) = Page::open(None).await else {
        return;
    };
    let window = &page.window;
    let before = read(&page.copy.main(EXERCISE));
    page.solve().await;
    // The page goes in the middle of the typing.
    page.keys("// half a th").await;
    window.page.refresh().await.unwrap();
    page.solve().await;
    assert!(
        page.text().await.starts_with("// half a th"),
        "{}",
        page.text().await
    );
    page.keys("ought").await;
    window
        .until(&format!("{KEPT} === 'Not saved; kept as a draft'"))
        .await;
    // Another browser, or another port, has only what the server has kept.
    window
        .run::<serde_json::Value>("return localStorage.clear()")
        .await;
    window.page.refresh().await.unwrap();
    page.solve().await;
    assert!(
        page.text().await.starts_with("// half a thought"),
        "{}",
        page.text().await
    );
    page.control("z").await;
    window
        .until(&format!("!{FIRST}.startsWith('// half a thought')"))
        .await;
    page.control("z").await;
    window
        .until(&format!("!{FIRST}.startsWith('// half')"))
        .await;
    assert_eq!(page.text().await.lines().next(), before.lines().next());
    assert_eq!(read(&page.copy.main(EXERCISE)), before, "nothing was saved");
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_changed_meanwhile_is_asked_about() {
    let Some(page) = Page::open(None).await else {
        return;
    };
    let window = &page.window;
    let main = page.copy.main(EXERCISE);
    page.solve().await;
    page.keys("// mine ").await;
    std::fs::write(&main, "// theirs\n").unwrap();
    page.control("s").await;
    window.until(ASKED).await;
    let shown = "document.querySelector('.solve-asks pre').textContent";
    assert!(
        window
            .holds(&format!(
                "{shown}.includes('-// theirs') && {shown}.includes('+// mine')"
            ))
            .await
    );
    assert_eq!(read(&main), "// theirs\n");
    if let Some(axe) = Axe::fetch() {
        axe.reads(window).await;
    }
    page.press("Keep mine").await;
    window.until(&format!("{KEPT} === 'Saved'")).await;
    assert!(read(&main).starts_with("// mine "));

    page.keys("too ").await;
    std::fs::write(&main, "// theirs again\n").unwrap();
    page.control("s").await;
    window.until(ASKED).await;
    page.press("Take the file's").await;
    window
        .until(&format!("{FIRST} === '// theirs again'"))
        .await;
    assert_eq!(read(&main), "// theirs again\n");
    page.control("z").await;
    window
        .until(&format!("{FIRST}.startsWith('// mine too ')"))
        .await;
    page.press("Reset").await;
    window.until(ASKED).await;
    page.press("Yes, the stub").await;
    window
        .until(&format!(
            "{KEPT}.startsWith('This is the stub; your answer is')"
        ))
        .await;
    assert_eq!(read(&main), answer("stub"));
    let copy = page.server.own.join(format!("answers/{EXERCISE}-1.rs"));
    assert!(read(&copy).starts_with("// mine too "));
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_leaves_the_keyboard_to_who_types() {
    let Some(page) = Page::open(None).await else {
        return;
    };
    let window = &page.window;
    let main = page.copy.main(EXERCISE);
    page.solve().await;
    page.keys("// mine ").await;
    std::fs::write(&main, "// theirs\n").unwrap();
    // As when the reader comes back from another program.
    window
        .run::<serde_json::Value>("dispatchEvent(new Event('focus'))")
        .await;
    window
        .until("document.querySelector('.solve-asks button')")
        .await;
    page.keys("still ").await;
    window
        .until(&format!("{FIRST}.startsWith('// mine still ')"))
        .await;
    // Control and S goes to the question, and to no button of it.
    page.control("s").await;
    window
        .until("document.activeElement.matches('.solve-asks')")
        .await;
    page.keys(" ").await;
    assert!(window.holds(ASKED).await);
    assert_eq!(read(&main), "// theirs\n");
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_editor_is_for_the_keyboard_and_for_a_small_window() {
    let Some(page) = Page::open(None).await else {
        return;
    };
    let window = &page.window;
    window.resize(360, 800).await;
    let above = format!(
        "return document.querySelector('#{EXERCISE} > pre').getBoundingClientRect().top + scrollY"
    );
    let before: f64 = window.run(&above).await;
    page.solve().await;
    let after: f64 = window.run(&above).await;
    assert!(
        (before - after).abs() < 1.0,
        "what is above has moved: {before}, {after}"
    );
    let width = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
    assert!(window.holds(width).await);

    page.keys(Key::Tab + "").await;
    window.until(&format!("{FIRST}.startsWith('    ')")).await;
    let address = window.page.current_url().await.unwrap();
    // mdBook's own keys: the next page, the search, the help.
    page.keys("s/?").await;
    page.keys(Key::Right + "").await;
    page.keys(Key::Left + "").await;
    window
        .until(&format!("{FIRST}.startsWith('    s/?')"))
        .await;
    page.keys(Key::Escape + "").await;
    window
        .until("document.activeElement.textContent === 'Check'")
        .await;
    page.keys(Key::Tab + "").await;
    window
        .until("document.activeElement.textContent === 'Save'")
        .await;
    assert_eq!(window.page.current_url().await.unwrap(), address);
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_are_predicted_by_choice() {
    let warm = warm();
    let Some(page) = Page::open(Some(&warm)).await else {
        return;
    };
    let window = &page.window;
    let to = page.server.page("ch02-nats-pub-sub");
    window.page.goto(to).await.unwrap();
    let button = window
        .page
        .find(By::Css(".exercise > pre > .run-button"))
        .await
        .unwrap();
    button.send_keys(Key::Enter + "").await.unwrap();
    window
        .until("document.querySelectorAll('.solve-panel select').length === 4")
        .await;
    for (program, verdict) in [
        ("closed", "passed"),
        ("drain", "lost-message"),
        ("flush", "passed"),
        ("return", "lost-message"),
    ] {
        let choose = format!(
            "[...document.querySelectorAll('.solve-panel label')]
                .find(it => it.textContent.startsWith('{program} ')).querySelector('select').value = '{verdict}'"
        );
        window.run::<serde_json::Value>(&choose).await;
    }
    // Of the browser's six connections to a server it holds none once it is over.
    let count = "
        window.streams = 0;
        window.EventSource = class extends EventSource {
            constructor(...all) {
                super(...all);
                window.streams += 1;
            }
        };";
    window.run::<serde_json::Value>(count).await;
    page.press("Check").await;
    window
        .until("document.querySelector('.solve-verdict.run-equals')?.textContent === 'passed'")
        .await;
    assert!(window.holds("window.streams === 0").await);
    page.close().await;
}
