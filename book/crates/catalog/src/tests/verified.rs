use super::*;

fn recorded(broker: &str, version: &str, date: &str) -> String {
    format!(
        r#"{{ "command": "", "broker": {{ "name": "{broker}", "version": "{version}" }},
            "client": "lapin 4.11.0", "date": "{date}", "lines": [], "wire": [] }}"#
    )
}

#[test]
fn claims_are_verified_on_the_broker_of_the_newest_run_and_the_locked_client() {
    let runs = "chapters/ch03-queue/transcripts";
    let mut book = Book::new().file(
        "Cargo.lock",
        "[[package]]\nname = 'lapin'\nversion = '4.12.3'\n",
    );
    for (name, run) in [
        ("a", recorded("RabbitMQ", "4.3.5", "2026-11-20")),
        ("b", recorded("RabbitMQ", "4.3.6", "2026-11-24")),
        ("c", recorded("RabbitMQ", "4.3.4", "2026-09-02")),
        ("d", r#"{ "date": "2026-11-25" }"#.to_owned()),
        ("malformed", "{".to_owned()),
    ] {
        book = book
            .file(&format!("{runs}/{name}.trycmd"), "")
            .file(&format!("{runs}/{name}.run.json"), &run);
    }
    let verified = book.open().verified().unwrap();
    let [(name, on)] = &verified.iter().collect::<Vec<_>>()[..] else {
        panic!("{verified:?}");
    };
    let id: ClaimId = "rabbit.unacked.redelivered".parse().unwrap();
    assert_eq!(*name, id.broker());
    assert_eq!(on.broker.version, "4.3.6");
    assert_eq!(on.client, "lapin 4.12.3");
    assert_eq!(on.date, "2026-11-24");
}

#[test]
fn without_a_recorded_run_nothing_is_verified() {
    assert!(Book::new().open().verified().unwrap().is_empty());
}
