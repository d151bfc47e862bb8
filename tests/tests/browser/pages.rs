//! Every page: without a complaint of the browser's, and not wider than the window.

use book_tests::{book, none};
use thirtyfour::prelude::*;

use crate::axe::Axe;
use crate::chromium::Window;
use crate::server::Server;
use crate::{HEIGHT, THEMES};

/// Widths in CSS pixels: a page of 1,280 at 400 % (WCAG 2.2, 1.4.10), a small phone, and a wide screen.
const WIDTHS: [u32; 3] = [320, 360, 1600];

/// How much wider the page is than its window, and the first element that sticks out.
const TOO_WIDE: &str = "
    const over = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    const inner = document.documentElement.clientWidth + 1;
    const out = [...document.querySelectorAll('main *')].find(element => {
        for (let at = element; at; at = at.parentElement) {
            if (getComputedStyle(at).overflowX !== 'visible') return false;
        }
        return element.getBoundingClientRect().right > inner;
    });
    return [over, out ? out.outerHTML.slice(0, 200) : ''];
";

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_as_wide_as_their_window_and_nothing_in_them_fails() {
    let Some(window) = Window::open().await else {
        return;
    };
    let server = Server::start(None).await;
    window.page.goto(&server.entrance).await.unwrap();
    let mut problems = Vec::new();
    for page in book().unwrap().pages().unwrap() {
        let slug = &page.slug;
        window.page.goto(server.page(slug)).await.unwrap();
        for width in WIDTHS {
            window.resize(width, HEIGHT).await;
            let (over, out): (i64, String) = window.run(TOO_WIDE).await;
            if over > 0 {
                problems.push(format!(
                    "{slug}: at {width} px the page is {over} px too wide: {out}"
                ));
            }
        }
        let complaints = window.complaints().await.into_iter();
        problems.extend(complaints.map(|it| format!("{slug}: {it}")));
    }
    none(&problems);
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_theme_is_chosen_and_kept() {
    let Some(window) = Window::open().await else {
        return;
    };
    let server = Server::start(None).await;
    window.resize(1600, HEIGHT).await;
    window.page.goto(&server.entrance).await.unwrap();
    for theme in THEMES {
        let element = |id: String| window.page.find(By::Id(id));
        element("mdbook-theme-toggle".into())
            .await
            .unwrap()
            .click()
            .await
            .unwrap();
        let choice = element(format!("mdbook-theme-{theme}")).await.unwrap();
        choice.click().await.unwrap();
        let has = format!("document.documentElement.classList.contains('{theme}')");
        window.until(&has).await;
        window
            .page
            .goto(server.page("ch03-rabbit-queue"))
            .await
            .unwrap();
        window.until(&has).await;
    }
    none(&window.complaints().await);
    window.close().await;
}

/// The scripts of the search come when somebody asks for it, and not before.
#[tokio::test(flavor = "multi_thread")]
async fn a_word_is_found_by_the_keyboard_alone() {
    let Some(window) = Window::open().await else {
        return;
    };
    let server = Server::start(None).await;
    window.page.goto(&server.entrance).await.unwrap();
    let loaded = "document.querySelector('script[src*=searcher]')";
    assert!(
        !window
            .run::<bool>(&format!("return Boolean({loaded})"))
            .await
    );
    let body = window.page.find(By::Tag("body")).await.unwrap();
    body.send_keys("/").await.unwrap();
    window
        .until("document.activeElement.id === 'mdbook-searchbar'")
        .await;
    let bar = window.page.find(By::Id("mdbook-searchbar")).await.unwrap();
    bar.send_keys("prefetch").await.unwrap();
    window
        .until("document.querySelectorAll('#mdbook-searchresults li').length > 3")
        .await;
    let axe = Axe::fetch();
    if let Some(axe) = &axe {
        axe.reads(&window).await;
    }
    bar.send_keys(Key::Down + Key::Enter).await.unwrap();
    window
        .until("location.search.includes('highlight=prefetch')")
        .await;
    window.until("document.querySelector('mark')").await;
    if let Some(axe) = &axe {
        axe.reads(&window).await;
    }
    none(&window.complaints().await);
    window.close().await;
}

/// The list is closed until a reader wants to know: then the mark opens it at its claim.
#[tokio::test(flavor = "multi_thread")]
async fn a_mark_opens_the_tests_of_its_claim_and_what_they_ran_on() {
    let Some(window) = Window::open().await else {
        return;
    };
    let server = Server::start(None).await;
    window.page.goto(&server.entrance).await.unwrap();
    for (slug, broker) in [
        ("ch02-nats-jetstream", "NATS"),
        ("ch03-rabbit-queue", "RabbitMQ"),
        ("ch04-kafka-groups", "Kafka"),
    ] {
        window.page.goto(server.page(slug)).await.unwrap();
        let mark = window
            .page
            .find(By::Css("main > p .claim a"))
            .await
            .unwrap();
        assert!(
            window
                .holds("!document.querySelector('.evidence').open")
                .await
        );
        mark.send_keys(Key::Enter + "").await.unwrap();
        window
            .until("document.querySelector('.evidence').open && document.querySelector(':target')")
            .await;
        let said: String = window
            .run("return document.querySelector('.evidence li:target').innerText")
            .await;
        assert!(said.contains("shown by"), "{slug}: {said}");
        assert!(
            said.contains(&format!("ran on {broker} ")),
            "{slug}: {said}"
        );
        let seen = "
            const at = document.querySelector(':target').getBoundingClientRect();
            return at.top >= 0 && at.bottom <= innerHeight;";
        assert!(window.run::<bool>(seen).await, "{slug}: it is out of sight");
    }
    none(&window.complaints().await);
    window.close().await;
}
