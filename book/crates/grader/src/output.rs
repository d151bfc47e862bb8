//! What a program prints: its last lines, and how much there was.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes that a program may print.
pub(crate) const LIMIT: u64 = 1 << 20;
/// Lines of which a report shows the last.
const LINES: usize = 12;
/// Bytes of a line that are kept.
const LINE: usize = 300;

/// The last lines of a stream.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    lines: VecDeque<String>,
    rest: Vec<u8>,
    /// What the program says when it panics: the line behind `panicked at`.
    pub(crate) panic: Option<String>,
    panics: bool,
}

impl Tail {
    /// The last lines, an unfinished one included.
    pub(crate) fn lines(&self) -> Vec<String> {
        let rest = String::from_utf8_lossy(&self.rest).into_owned();
        let rest = Some(rest).filter(|rest| !rest.is_empty());
        self.lines.iter().cloned().chain(rest).collect()
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                self.line();
            } else if self.rest.len() < LINE {
                self.rest.push(byte);
            }
        }
    }

    fn line(&mut self) {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.rest)).into_owned();
        if std::mem::take(&mut self.panics) {
            self.panic = self.panic.take().or(Some(line.clone()));
        }
        self.panics = line.starts_with("thread ") && line.contains(" panicked at ");
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}

/// Reads a stream to its end, in pieces.
pub(crate) async fn each_piece(mut stream: impl AsyncRead + Unpin, mut take: impl FnMut(&[u8])) {
    let mut piece = vec![0; 8 << 10];
    while let Ok(length) = stream.read(&mut piece).await {
        if length == 0 {
            break;
        }
        take(&piece[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_long_ones_cut() {
        let mut tail = Tail::default();
        for number in 0..20 {
            tail.push(format!("line {number}\n").as_bytes());
        }
        tail.push(&[b'x'; 1000]);
        let lines = tail.lines();
        assert_eq!(lines.len(), LINES + 1);
        assert_eq!(lines[0], "line 8");
        assert_eq!(lines[LINES].len(), LINE);
    }

    #[test]
    fn a_panic_is_told_by_its_words() {
        let mut tail = Tail::default();
        tail.push(b"\nthread 'main' (7) panicked at src/main.rs:9:5:\nnot yet ");
        assert_eq!(tail.panic, None);
        tail.push(b"implemented: publish\nnote: run with\n");
        assert_eq!(tail.panic.as_deref(), Some("not yet implemented: publish"));
    }
}
