//! How a page looks, moves and is heard: what a reader asks of the system is kept, what opens moves
//! nothing above it, and the keyboard reaches all.

use book_tests::none;
use serde_json::{Value, json};
use thirtyfour::prelude::*;

use crate::chromium::Window;
use crate::runs::{ended, look_inside, press};
use crate::server::Server;
use crate::{HEIGHT, THEMES};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_printed_in_black_on_white_with_what_is_closed() {
    let Some((window, _server)) = open(PAGE, 1280).await else {
        return;
    };
    let is_shown = "document.querySelector('.predict [data-right]').checkVisibility()";
    assert!(!window.holds(is_shown).await);
    let media = json!({"media": "print"});
    let devtools = window.page.cdp();
    let emulated = devtools.send_raw("Emulation.setEmulatedMedia", media);
    emulated.await.unwrap();
    let colours = "(({color, backgroundColor}) => `${color} on ${backgroundColor}`)
        (getComputedStyle(document.documentElement))";
    for theme in THEMES {
        let dress = format!("document.documentElement.className = '{theme} js'");
        window.run::<Value>(&dress).await;
        window
            .until(&format!(
                "{colours} === 'rgb(0, 0, 0) on rgb(255, 255, 255)'"
            ))
            .await;
    }
    window.until(is_shown).await;
    let row = "document.querySelector('.strip tbody td').checkVisibility()";
    assert!(window.holds(row).await);
    let buttons = "[...document.querySelectorAll('.run-button')]";
    assert!(window.holds(&format!("{buttons}.length > 0")).await);
    let hidden = format!("!{buttons}.some(it => it.checkVisibility())");
    assert!(window.holds(&hidden).await);
    window.close().await;
}

/// By the tabulator, from the first to the last, with a run that is looked into.
#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_shows_where_it_is() {
    let Some((window, _server)) = open(QUICK, 360).await else {
        return;
    };
    look_inside(&window).await;
    window
        .until("document.querySelector('.run-panel .wire-frame')")
        .await;
    // The page, where the tabulator begins.
    let begin = "document.body.tabIndex = -1; document.body.focus();";
    window.run::<Value>(begin).await;
    // A frame is drawn, and has a line around it of its own.
    let seen = "
        const it = document.activeElement;
        if (it === document.body) return ['', true];
        const {outlineStyle, outlineWidth} = getComputedStyle(it);
        const isOutlined = outlineStyle !== 'none' && outlineWidth !== '0px';
        const isDrawn = it.matches('.wire-frame') && getComputedStyle(it.querySelector('rect')).stroke !== 'none';
        return [it.outerHTML.slice(0, 120), isOutlined || isDrawn];";
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
    for kind in [
        "run-button",
        "<summary",
        "<code",
        "mdbook-sidebar-toggle",
        "<select",
        "wire-frame",
    ] {
        let is_reached = reached.iter().any(|element| element.contains(kind));
        assert!(
            is_reached,
            "the keyboard does not reach {kind}: {reached:#?}"
        );
    }
    none(&problems);
    window.close().await;
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

/// A script: `window.moved` has what moves from then on, once an element is there and laid out.
fn watch(place: &str) -> String {
    format!(
        "window.moved = null;
         window.shifts?.disconnect();
         const begin = () => requestAnimationFrame(() => requestAnimationFrame(() => {{
             window.moved = [];
             window.shifts = new PerformanceObserver(list => {{
                 for (const {{value, sources}} of list.getEntries()) {{
                     const nodes = sources.map(({{node}}) => node?.outerHTML?.slice(0, 100));
                     window.moved.push(`${{value}}: ${{nodes.join(' and ')}}`);
                 }}
             }});
             window.shifts.observe({{type: 'layout-shift'}});
         }}));
         const isThere = () => document.querySelector('{place}');
         if (isThere()) begin();
         else new MutationObserver((_, first) => {{
             if (!isThere()) return;
             first.disconnect();
             begin();
         }}).observe(document.body, {{childList: true, subtree: true}});"
    )
}

/// What stands above a run stays where it is, and from the moment at which its place is made nothing
/// else moves either, until its end. The same is true of one that is looked into, and of the next.
/// What has moved, once the browser has drawn all that has changed, and told of it.
const MOVED: &str = "return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(
    () => setTimeout(() => done(window.moved), 100))));";

#[tokio::test(flavor = "multi_thread")]
async fn a_run_moves_nothing() {
    let Some((window, _server)) = open(QUICK, 1280).await else {
        return;
    };
    let above = "
        const figure = document.querySelector('figure.transcript');
        const all = [...document.querySelectorAll('main *')];
        const above = all.slice(0, all.indexOf(figure)).filter(it => it.getClientRects().length);
        const places = () => above.map(it => it.getBoundingClientRect().top + scrollY);
        const before = places();
        window.above = () => {
            const now = places();
            return above.filter((_, at) => now[at] !== before[at]).map(it => it.outerHTML.slice(0, 100));
        };";
    window.run::<Value>(above).await;
    window.run::<Value>(&watch(".run-panel")).await;
    run(&window).await;
    none(&window.run::<Vec<String>>("return window.above()").await);
    window.until("window.moved").await;
    none(&window.run::<Vec<String>>(MOVED).await);

    let inside = window.page.find(By::Css(".run-panel input[type=checkbox]"));
    inside.await.unwrap().send_keys(" ").await.unwrap();
    // The first time its place is made, the second time it is there.
    for _ in 0..2 {
        let place = ".run-panel .wire-drawing";
        window.run::<Value>(&watch(place)).await;
        if window
            .holds(&format!("document.querySelector('{place}')"))
            .await
        {
            window.until("window.moved").await;
        }
        press(&window, ".run-panel .run-button").await;
        ended(&window).await;
        window
            .until("window.moved && document.querySelector('.run-panel .wire-frame')")
            .await;
        none(&window.run::<Vec<String>>(MOVED).await);
    }
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
