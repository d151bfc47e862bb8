//! What a program prints, as far as a page can take it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::Cut;

/// Where a line without an end is cut, in bytes, where it is shown.
const LINE: usize = 64 * 1024;

/// How much a run may still print.
pub struct Budget {
    bytes: AtomicUsize,
    lines: AtomicUsize,
}

impl Budget {
    /// One of so many bytes and lines.
    pub fn new(bytes: usize, lines: usize) -> Budget {
        Budget {
            bytes: AtomicUsize::new(bytes),
            lines: AtomicUsize::new(lines),
        }
    }

    /// Pays for a line.
    pub fn pay(&self, line: &str) -> Result<(), Cut> {
        let pay = |from: &AtomicUsize, price| {
            let less = |left: usize| left.checked_sub(price);
            from.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
        };
        let paid = pay(&self.bytes, line.len()).and_then(|_| pay(&self.lines, 1));
        paid.map(drop).map_err(|_| Cut::TooMuch)
    }
}

/// The lines of a stream. A carriage return ends a line, too: cargo draws its progress with it.
pub struct Lines<R> {
    stream: R,
    read: VecDeque<u8>,
    longest: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Those of this one.
    pub fn new(stream: R) -> Lines<R> {
        Lines::cut_at(stream, LINE)
    }

    /// The same, cut where they have so many bytes.
    pub fn cut_at(stream: R, longest: usize) -> Lines<R> {
        Lines {
            stream,
            read: VecDeque::new(),
            longest,
        }
    }

    /// The next line; none at the end of the stream.
    pub async fn next(&mut self) -> Result<Option<String>> {
        let mut line = Vec::new();
        let mut buffer = [0; 8 * 1024];
        loop {
            while let Some(byte) = self.read.pop_front() {
                let ends = byte == b'\n' || byte == b'\r';
                if !ends {
                    line.push(byte);
                }
                if ends || line.len() == self.longest {
                    return Ok(Some(text(&line)));
                }
            }
            let read = self.stream.read(&mut buffer).await;
            let read = read.context("cannot read what a program prints")?;
            if read == 0 {
                return Ok((!line.is_empty()).then(|| text(&line)));
            }
            self.read.extend(&buffer[..read]);
        }
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    async fn lines(bytes: &[u8]) -> Vec<String> {
        let mut lines = Lines::new(bytes);
        let mut all = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            all.push(line);
        }
        all
    }

    #[tokio::test]
    async fn lines_end_at_both_ends_of_a_line_and_at_the_end() {
        assert_eq!(lines(b"").await, [""; 0]);
        assert_eq!(lines(b"a\n\nb\rc").await, ["a", "", "b", "c"]);
        assert_eq!(lines(b"\xff\n").await, ["\u{fffd}"]);
        let long = lines(&vec![b'x'; LINE + 1]).await;
        assert_eq!(long.iter().map(String::len).collect::<Vec<_>>(), [LINE, 1]);
    }

    #[tokio::test]
    async fn what_is_paid_for_is_bounded() {
        let budget = Budget::new(10, 3);
        assert!(budget.pay("12345").is_ok());
        assert!(budget.pay("123456").is_err(), "too many bytes");
        assert!(budget.pay("").is_ok());
        assert!(budget.pay("").is_ok());
        assert!(budget.pay("").is_err(), "too many lines");
    }
}
