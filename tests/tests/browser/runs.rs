//! Listings run from their pages, by the keyboard alone.

use book_tests::none;
use thirtyfour::prelude::*;

use crate::chromium::Window;
use crate::server::{Server, warm};

/// A page's first run, and a knob with the value of another run that it shows. One for each broker.
const LISTINGS: [(&str, &str, &str); 3] = [
    ("ch02-nats-pub-sub", "finish", "drop"),
    ("ch03-rabbit-queue", "crash-after", "2"),
    ("ch04-kafka-consumer", "commit", "auto"),
];

/// What the run says at its end.
const STATE: &str = "(document.querySelector('.run-state')?.textContent ?? '')";
const EQUALS: &str = "document.querySelector('.run-state.run-equals')";

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_of_each_broker_runs_and_a_knob_is_turned() {
    let Some(window) = Window::open().await else {
        return;
    };
    let warm = warm();
    let server = Server::start(Some(&warm)).await;
    window.page.goto(&server.entrance).await.unwrap();
    for (slug, knob, value) in LISTINGS {
        window.page.goto(server.page(slug)).await.unwrap();
        press(&window, "figure.transcript .run-button").await;
        ended(&window).await;
        assert!(
            window.holds(EQUALS).await,
            "{slug}: {}",
            window.run::<String>(&format!("return {STATE}")).await
        );

        let drawn = |of: &str| format!("document.querySelector('{of} .strip title').textContent");
        let (live, recorded) = (drawn(".run-panel"), drawn("figure.transcript"));
        let is_same = window.holds(&format!("{live} === {recorded}")).await;
        assert!(is_same, "{slug}: the strip that is drawn is another one");
        let marks = "document.querySelectorAll('.run-panel .strip .fate').length";
        let rows = "document.querySelectorAll('.run-panel .strip tbody tr').length";
        let is_told = format!("{marks} > 0 && {marks} === {rows}");
        assert!(
            window.holds(&is_told).await,
            "{slug}: the table says less than the strip"
        );

        let turned = format!(
            "[...document.querySelectorAll('.run-panel label')]
                .find(label => label.firstChild.textContent.trim() === '{knob}')
                .querySelector('select').value = '{value}'"
        );
        window.run::<serde_json::Value>(&turned).await;
        press(&window, ".run-panel .run-button").await;
        ended(&window).await;
        let command = "document.querySelector('.run-panel .prompt').textContent";
        let command: String = window.run(&format!("return {command}")).await;
        assert!(command.contains(&format!("--{knob} {value}")), "{command}");
        let output = "document.querySelector('.run-panel pre').textContent.includes('fate  ')";
        assert!(window.holds(output).await, "{slug} shows no fate strip");

        window.page.refresh().await.unwrap();
        let heard = "document.querySelector('#mdbook-sidebar a.active .visually-hidden')";
        window
            .until(&format!("{heard}?.textContent.includes(' runs tried')"))
            .await;
    }
    none(&window.complaints().await);
    window.close().await;
}

/// Puts the keyboard's focus on an element, and presses Enter.
pub async fn press(window: &Window, element: &str) {
    let element = window.page.find(By::Css(element)).await.unwrap();
    element.send_keys(Key::Enter + "").await.unwrap();
}

/// Returns once the run has ended: its button says Run again.
pub async fn ended(window: &Window) {
    let button = "document.querySelector('.run-panel .run-button')";
    window
        .until(&format!(
            "{button}?.textContent === 'Run' && {STATE}.includes('exit')"
        ))
        .await;
}

/// Runs the page's first run, and once more, looked into.
pub async fn look_inside(window: &Window) {
    press(window, "figure.transcript .run-button").await;
    ended(window).await;
    let inside = window.page.find(By::Css(".run-panel input[type=checkbox]"));
    inside.await.unwrap().send_keys(" ").await.unwrap();
    press(window, ".run-panel .run-button").await;
    ended(window).await;
}
