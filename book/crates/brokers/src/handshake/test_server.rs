//! A server for one connection, that says what it is told to say, right or wrong.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::thread::JoinHandle;

/// Says `answer` at once and closes its side; gives what it heard until the client hung up.
pub(super) fn answering(answer: impl Into<Vec<u8>>) -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // A client that has heard enough hangs up in the middle, and may be right.
        let _ = stream
            .write_all(&answer)
            .and_then(|()| stream.shutdown(Shutdown::Write));
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard);
        heard
    });
    (address, heard)
}

/// Takes connections and says nothing, as long as the listener is kept.
pub(super) fn silent() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (listener.local_addr().unwrap(), listener)
}
