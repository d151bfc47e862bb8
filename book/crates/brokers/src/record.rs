//! Tells a recorder which broker a program really used.

use std::io::Write;

use crate::{Broker, Error};

/// Appends one JSON line to the file that `BOOK_RECORD` names, where it names one.
pub(crate) fn broker(broker: &Broker) -> Result<(), Error> {
    let Some(file) = std::env::var_os("BOOK_RECORD").filter(|file| !file.is_empty()) else {
        return Ok(());
    };
    let line = serde_json::json!({
        "broker": broker.kind().to_string(),
        "version": broker.version(),
        "source": broker.source().to_string(),
    });
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&file)
        // In one piece: a listing's workers append to the same file.
        .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()))
        .map_err(Error::io("append to the file that BOOK_RECORD names"))
}
