//! How a page looks, moves and is heard: what a reader asks of the system is kept, what opens moves
//! nothing above it, and the keyboard reaches all.

use book_tests::none;
use serde_json::{Value, json};
use thirtyfour::prelude::*;

use crate::HEIGHT;
use crate::chromium::Window;
use crate::server::Server;

/// A page with listings, transcripts, a strip, a prediction, an exercise and tables.
const PAGE: &str = "ch03-rabbit-queue";
/// A page whose listing is soon there: its broker is.
const QUICK: &str = "ch02-nats-pub-sub";

async fn open(slug: &str, width: u32) -> Option<(Window, Server)> {
    let window = Window::open().await?;
    let server = Server::start(None).await;
    window.resize(width, HEIGHT).await;
    window.page.goto(&server.entrance).await.unwrap();
    window.page.goto(server.page(slug)).await.unwrap();
    Some((window, server))
}

/// Has the browser say that its reader asks for this.
async fn ask(window: &Window, feature: &str, value: &str) {
    let media = json!({"features": [{"name": feature, "value": value}]});
    let devtools = window.page.cdp();
    let emulated = devtools.send_raw("Emulation.setEmulatedMedia", media);
    emulated.await.unwrap();
    let asked = format!("matchMedia('({feature}: {value})').matches");
    window.until(&asked).await;
}

/// Presses a key, wherever the focus is.
async fn key(window: &Window, key: Key) {
    let keys = window.page.action_chain().send_keys(key + "");
    keys.perform().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_moves_where_no_motion_is_asked_for() {
    let Some((window, _server)) = open(PAGE, 1280).await else {
        return;
    };
    let moving = "
        return [...document.querySelectorAll('*')].flatMap(it => {
            const {transitionDuration, animationName} = getComputedStyle(it);
            const still = transitionDuration.split(', ').every(it => it === '0s');
            return still && animationName === 'none' ? [] : it.outerHTML.slice(0, 100);
        });";
    assert!(!window.run::<Vec<String>>(moving).await.is_empty());
    ask(&window, "prefers-reduced-motion", "reduce").await;
    none(&window.run::<Vec<String>>(moving).await);
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_forced_colours_nothing_depends_on_another_colour() {
    let Some((window, _server)) = open(PAGE, 1280).await else {
        return;
    };
    ask(&window, "forced-colors", "active").await;
    let unlike = "
        const probe = document.body.appendChild(document.createElement('p'));
        probe.style.color = 'CanvasText';
        const ink = getComputedStyle(probe).color;
        probe.remove();
        const is = (kind, property) => [...document.querySelectorAll(kind)]
            .map(it => `${kind}: ${property} ${getComputedStyle(it)[property]}, not ${ink}`)
            .filter(it => !it.includes(`${property} ${ink},`));
        return [
            ...is('.fate-strip g', 'color'), ...is('.fate-letter', 'fill'),
            ...is('.lane', 'borderInlineStartColor'),
        ];";
    none(&window.run::<Vec<String>>(unlike).await);
    window.close().await;
}

/// By the tabulator, from the first to the last.
#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_shows_where_it_is() {
    let Some((window, _server)) = open(PAGE, 360).await else {
        return;
    };
    let seen = "
        const it = document.activeElement;
        if (it === document.body) return ['', true];
        const {outlineStyle, outlineWidth} = getComputedStyle(it);
        return [it.outerHTML.slice(0, 120), outlineStyle !== 'none' && outlineWidth !== '0px'];";
    let mut problems = Vec::new();
    let mut reached = Vec::new();
    loop {
        key(&window, Key::Tab).await;
        let (element, is_seen): (String, bool) = window.run(seen).await;
        if element.is_empty() || reached.first() == Some(&element) {
            break;
        }
        if !is_seen {
            problems.push(format!("nothing shows the focus on {element}"));
        }
        reached.push(element);
        assert!(reached.len() < 1000, "the keyboard never comes to an end");
    }
    for kind in ["run-button", "<summary", "<code", "mdbook-sidebar-toggle"] {
        let is_reached = reached.iter().any(|element| element.contains(kind));
        assert!(
            is_reached,
            "the keyboard does not reach {kind}: {reached:#?}"
        );
    }
    window.close().await;
    none(&problems);
}

#[tokio::test(flavor = "multi_thread")]
async fn arrow_keys_scroll_what_is_wide_and_turn_the_page_elsewhere() {
    let Some((window, server)) = open(PAGE, 360).await else {
        return;
    };
    let wide = "document.querySelector('main pre > code[tabindex]')";
    window.until(wide).await;
    window.run::<Value>(&format!("{wide}.focus()")).await;
    key(&window, Key::Right).await;
    window.until(&format!("{wide}.scrollLeft > 0")).await;
    let here = window.page.current_url().await.unwrap();
    assert_eq!(here.as_str(), server.page(PAGE));
    window.run::<Value>(&format!("{wide}.blur()")).await;
    key(&window, Key::Right).await;
    window.until(&format!("location.href !== '{here}'")).await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sidebar_opens_by_the_keyboard_and_by_the_mouse() {
    let Some((window, _server)) = open(PAGE, 360).await else {
        return;
    };
    let toggle = window.page.find(By::Id("mdbook-sidebar-toggle"));
    let toggle = toggle.await.unwrap();
    let is = |open: bool| {
        format!("document.querySelector('[aria-expanded={open}]#mdbook-sidebar-toggle')")
    };
    window.until(&is(false)).await;
    toggle.send_keys(Key::Enter + "").await.unwrap();
    window.until(&is(true)).await;
    toggle.send_keys(" ").await.unwrap();
    window.until(&is(false)).await;
    // The button moves with the page.
    window.until("document.getAnimations().length === 0").await;
    toggle.click().await.unwrap();
    window.until(&is(true)).await;
    window.close().await;
}

/// What stands above a run stays where it is, and from the moment at which its place is made nothing
/// else moves either, until its end.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_moves_nothing() {
    let Some((window, _server)) = open(QUICK, 1280).await else {
        return;
    };
    let watch = "
        const figure = document.querySelector('figure.transcript');
        const all = [...document.querySelectorAll('main *')];
        const above = all.slice(0, all.indexOf(figure)).filter(it => it.getClientRects().length);
        const places = () => above.map(it => it.getBoundingClientRect().top + scrollY);
        const before = places();
        window.above = () => {
            const now = places();
            return above.filter((_, at) => now[at] !== before[at]).map(it => it.outerHTML.slice(0, 100));
        };
        window.moved = null;
        new MutationObserver((_, first) => {
            if (!document.querySelector('.run-panel')) return;
            first.disconnect();
            requestAnimationFrame(() => requestAnimationFrame(() => {
                window.moved = [];
                new PerformanceObserver(list => {
                    for (const {value, sources} of list.getEntries()) {
                        const nodes = sources.map(({node}) => node?.outerHTML?.slice(0, 100));
                        window.moved.push(`${value}: ${nodes.join(' and ')}`);
                    }
                }).observe({type: 'layout-shift'});
            }));
        }).observe(document.body, {childList: true, subtree: true});";
    window.run::<Value>(watch).await;
    run(&window).await;
    none(&window.run::<Vec<String>>("return window.above()").await);
    window.until("window.moved").await;
    none(&window.run::<Vec<String>>("return window.moved").await);
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_heard_once_a_second_at_most_and_its_end_always() {
    let Some((window, _server)) = open(QUICK, 1280).await else {
        return;
    };
    // Noted in the very call, and not when an observer has the time for it.
    let listen = "
        window.heard = [];
        const {append} = Element.prototype;
        Element.prototype.append = function (...nodes) {
            if (this.role === 'log' && nodes.length) window.heard.push([performance.now(), nodes[0].textContent]);
            append.apply(this, nodes);
        };";
    window.run::<Value>(listen).await;
    run(&window).await;
    window
        .until("heard.some(([, text]) => text.startsWith('Lines: '))")
        .await;
    let heard: Vec<(f64, String)> = window.run("return window.heard").await;
    for pair in heard.windows(2) {
        let pause = pair[1].0 - pair[0].0;
        assert!(pause > 990.0, "{pause} ms between two of {heard:#?}");
    }
    assert!(
        heard.last().unwrap().1.contains("exit code 0"),
        "{heard:#?}"
    );
    window.close().await;
}

/// Runs the page's first transcript to its end.
async fn run(window: &Window) {
    let button = By::Css("figure.transcript .run-button");
    let button = window.page.find(button).await.unwrap();
    button.send_keys(Key::Enter + "").await.unwrap();
    window
        .until("document.querySelector('.run-state')?.textContent.includes('exit')")
        .await;
}
