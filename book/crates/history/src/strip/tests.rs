#![allow(clippy::unwrap_used)]
use super::*;

fn event(verb: Verb, message: u32) -> Event {
    Event::new("lane", verb, message)
}

/// One message of each fate, numbered in the order of `Fate::ALL`.
fn all_five() -> Strip {
    let mut events: Vec<Event> = (1..=5).map(|n| event(Verb::Stored, n)).collect();
    for (verb, message) in [
        (Verb::Got, 1),
        (Verb::Done, 1),
        (Verb::Got, 2),
        (Verb::Got, 2),
        (Verb::Done, 2),
        (Verb::Got, 3),
        (Verb::Done, 3),
        (Verb::Got, 3),
        (Verb::Done, 3),
        (Verb::Got, 4),
    ] {
        events.push(event(verb, message));
    }
    strip(&events, &[5])
}

#[test]
fn each_fate_is_told_apart() {
    let fates: Vec<Fate> = all_five().fates().iter().map(|(_, fate)| *fate).collect();
    assert_eq!(fates, Fate::ALL);
}

#[test]
fn a_message_without_confirm_is_lost_only_where_nothing_confirms() {
    let sent = [event(Verb::Sent, 1), event(Verb::Sent, 2)];
    assert_eq!(strip(&sent, &[]).count(Fate::Lost), 2);

    // Here the broker confirms, and did not confirm o-2: its publisher still has it.
    let confirmed = [
        event(Verb::Sent, 1),
        event(Verb::Stored, 1),
        event(Verb::Sent, 2),
        event(Verb::Failed, 2),
    ];
    assert_eq!(strip(&confirmed, &[]).fates(), [(1, Fate::Lost)]);
}

#[test]
fn a_message_whose_confirm_was_cut_is_lost_once_a_worker_had_it() {
    let events = [
        event(Verb::Stored, 1),
        event(Verb::Done, 1),
        event(Verb::Sent, 2),
        event(Verb::Got, 2),
    ];
    assert_eq!(
        strip(&events, &[]).fates(),
        [(1, Fate::Done), (2, Fate::Lost)]
    );
}

#[test]
fn work_done_twice_outweighs_what_is_left_and_done_once_does_not() {
    let once = [event(Verb::Stored, 1), event(Verb::Done, 1)];
    assert_eq!(strip(&once, &[1]).fates(), [(1, Fate::Stuck)]);
    let twice = [event(Verb::Done, 1), event(Verb::Done, 1)];
    assert_eq!(strip(&twice, &[1]).fates(), [(1, Fate::Duplicate)]);
}

#[test]
fn the_strip_is_ordered_by_number_and_knows_messages_that_are_only_left() {
    let events = [event(Verb::Done, 10), event(Verb::Done, 9)];
    let fates = strip(&events, &[2, 2]);
    assert_eq!(
        fates.fates(),
        [(2, Fate::Stuck), (9, Fate::Done), (10, Fate::Done)]
    );
}

#[test]
fn the_terminal_form_shows_all_five() {
    insta::assert_snapshot!(all_five(), @"
    fate  o-1 ●D  o-2 ↻R  o-3 ◆2  o-4 ✕L  o-5 ■S
    fate  1 done, 1 redelivered, 1 duplicate, 1 lost, 1 stuck
    ");
}

#[test]
fn the_terminal_form_wraps_after_ten() {
    let events: Vec<Event> = (1..=11).map(|n| event(Verb::Done, n)).collect();
    insta::assert_snapshot!(strip(&events, &[]), @"
    fate  o-1 ●D  o-2 ●D  o-3 ●D  o-4 ●D  o-5 ●D  o-6 ●D  o-7 ●D  o-8 ●D  o-9 ●D  o-10 ●D
    fate  o-11 ●D
    fate  11 done
    ");
}

#[test]
fn the_drawing_shows_all_five() {
    insta::assert_snapshot!("all_five.svg", all_five().svg());
}

#[test]
fn the_drawing_wraps_after_ten_and_an_empty_one_says_so() {
    let events: Vec<Event> = (1..=11).map(|n| event(Verb::Done, n)).collect();
    let drawing = strip(&events, &[]).svg();
    assert!(drawing.contains(r#"viewBox="0 0 640 140""#), "{drawing}");
    insta::assert_snapshot!("empty.svg", strip(&[], &[]).svg());
}

#[test]
fn a_page_has_the_drawing_in_words_and_as_a_table() {
    let html = strip(&[event(Verb::Done, 1)], &[2]).html();
    let (drawing, words) = html.split_once("</svg>\n").unwrap();
    assert!(drawing.starts_with("<svg "), "{drawing}");
    assert_eq!(
        words,
        "<p aria-hidden=\"true\">1 done, 1 stuck</p>\
         <details><summary>The same as a table</summary>\
         <table><thead><tr><th>message</th><th>fate</th></tr></thead>\
         <tbody><tr><td>o-1</td><td>done</td></tr><tr><td>o-2</td><td>stuck</td></tr></tbody>\
         </table></details>"
    );
    assert!(!strip(&[], &[]).html().contains("table"));
}

#[test]
fn the_terminal_form_is_read_back() {
    let long: Vec<Event> = (1..=23).map(|n| event(Verb::Sent, n)).collect();
    for strip in [all_five(), strip(&long, &[4]), strip(&[], &[])] {
        let mut lines = vec!["shop  sent o-1".to_owned(), String::new()];
        lines.extend(strip.to_string().lines().map(str::to_owned));
        assert_eq!(Strip::parse(&lines), Ok(strip));
    }
}

#[test]
fn a_strip_that_does_not_add_up_is_refused() {
    assert_eq!(Strip::parse(&["shop  sent o-1"]), Err(ParseError::NoStrip));
    assert_eq!(
        Strip::parse(&["fate  o-1 ●L", "fate  1 done"]),
        Err(ParseError::Fate("●L".into()))
    );
    assert_eq!(
        Strip::parse(&["fate  1 ●D", "fate  1 done"]),
        Err(ParseError::Message("1".into()))
    );
    // A strip that was cut off, and one whose counts were edited by hand.
    assert_eq!(
        Strip::parse(&["fate  o-1 ●D"]),
        Err(ParseError::Count {
            marks: "no messages".into(),
            line: "o-1 ●D".into()
        })
    );
    assert_eq!(
        Strip::parse(&["fate  o-1 ✕L", "fate  1 done"]),
        Err(ParseError::Count {
            marks: "1 lost".into(),
            line: "1 done".into()
        })
    );
}
