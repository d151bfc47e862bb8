//! Recorded runs of an exercise's programs: what happened, and what was seen on the wire, a line each.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;

use crate::Exercise;
use crate::files::{read, stems};

impl Exercise {
    /// Where the run of this variant is recorded.
    pub fn recording(&self, variant: &str) -> PathBuf {
        self.recordings().join(variant.to_owned() + ".txt")
    }

    /// The recorded runs: by variant, what the file says.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn recorded(&self) -> Result<BTreeMap<String, String>> {
        let names = stems(&self.dir, &self.recordings(), ".txt")?;
        let read = |name: String| {
            let text = read(&self.dir, &self.recording(&name))?;
            Ok((name, text))
        };
        names.into_iter().map(read).collect()
    }

    fn recordings(&self) -> PathBuf {
        self.dir.join("runs")
    }
}

/// What two runs of one program have in common: for each message, the lines about it in their order.
/// The times are left out, who speaks, and every number: connections, ports and ids are others in
/// each run.
pub fn shape<L: AsRef<str>>(lines: impl IntoIterator<Item = L>) -> BTreeMap<String, Vec<String>> {
    let mut shape: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines {
        let Some((says, about)) = about(line.as_ref()) else {
            continue;
        };
        for message in about.split(", ") {
            let of = shape.entry(message.to_owned()).or_default();
            of.push(without_numbers(says));
        }
    }
    shape
}

/// What a line says of which messages, `to the broker: PUB payment.processed, 3 bytes` and `o-3`.
/// Before both stand the time and who it is, with two spaces or more between them.
fn about(line: &str) -> Option<(&str, &str)> {
    let mut columns = line.split("  ").filter(|column| !column.trim().is_empty());
    let (about, says) = (columns.nth(2)?.trim(), columns.next()?.trim());
    about.starts_with("o-").then_some((says, about))
}

/// Words that have a digit, and inboxes, which are random, become `#`.
fn without_numbers(says: &str) -> String {
    let words = says.split(' ').map(|word| {
        let bare = word.trim_end_matches(',');
        let varies = bare.contains(|c: char| c.is_ascii_digit()) || bare.starts_with("_INBOX.");
        match varies {
            true => word.replace(bare, "#"),
            false => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_what_each_message_went_through() {
        let first = [
            "     0  payments      starts",
            "    13  connection 1  is opened",
            "    14  connection 1  o-1  to the broker: PUB payment.processed, 3 bytes",
            "    15  connection 1  o-1  to the broker: +ACK $JS.ACK.SHOP.7, SHOP 1",
            "    16  connection 1  o-1, o-2  to the client: Produce answer 2, orders 0 at 0",
        ];
        let shape = shape(first);
        assert_eq!(
            shape["o-1"],
            [
                "to the broker: PUB payment.processed, # bytes",
                "to the broker: +ACK #, SHOP #",
                "to the client: Produce answer #, orders # at #",
            ]
        );
        assert_eq!(shape["o-2"].len(), 1);
        assert_eq!(shape.len(), 2);
    }

    #[test]
    fn times_connections_and_inboxes_differ_in_each_run() {
        let one = ["  9  connection 1  o-1  to the client: JetStream PubAck _INBOX.a.b, SHOP 5"];
        let other =
            ["    90  connection 12  o-1  to the client: JetStream PubAck _INBOX.c.d, SHOP 6"];
        assert_eq!(shape(one), shape(other));
        let later =
            ["    90  connection 12  o-2  to the client: JetStream PubAck _INBOX.c.d, SHOP 6"];
        assert_ne!(shape(one), shape(later));
    }
}
