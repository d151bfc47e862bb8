//! The one place where a listing prints.

use std::io::{self, ErrorKind, Write};

use crate::{Event, ParseError, Strip, lane, strip};

/// Records what happened and prints each line at once.
///
/// When the reader of the output goes away (`cargo run -p ch03-rabbit-queue | head -1`),
/// the log falls silent and the listing runs to its end, so that it still removes what it
/// made on a broker. Any other failure to write is told by [`Log::finish`].
#[derive(Debug)]
pub struct Log<W = io::Stdout> {
    out: W,
    events: Vec<Event>,
    state: Result<(), io::Error>,
}

impl Log {
    /// An empty log that prints to standard output.
    pub fn new() -> Log {
        Log::to(io::stdout())
    }
}

impl Default for Log {
    fn default() -> Log {
        Log::new()
    }
}

impl<W: Write> Log<W> {
    /// An empty log that prints to `out`.
    pub fn to(out: W) -> Log<W> {
        Log {
            out,
            events: Vec::new(),
            state: Ok(()),
        }
    }

    /// Prints the event and keeps it.
    pub fn event(&mut self, event: Event) {
        self.print(&event.to_string());
        self.events.push(event);
    }

    /// Prints a line that is no event, such as `worker 1  killed while it holds o-3`.
    pub fn remark(&mut self, lane: &str, text: &str) {
        self.print(&format!("{lane}  {text}"));
    }

    /// Records a line that another process of this run has said: an event, or a remark.
    ///
    /// # Errors
    /// [`ParseError::NoLane`] when it has no lane: that process said something that is not for the
    /// log.
    pub fn hear(&mut self, line: &str) -> Result<(), ParseError> {
        match line.parse::<Event>() {
            Ok(event) => self.event(event),
            Err(_) => {
                let (lane, text) = lane(line).ok_or_else(|| ParseError::NoLane(line.to_owned()))?;
                self.remark(lane, text);
            }
        }
        Ok(())
    }

    /// What was kept, in the order in which it was printed.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Judges all events; see [`strip()`]. `left` are the numbers still on the broker.
    pub fn strip(&self, left: &[u32]) -> Strip {
        strip(&self.events, left)
    }

    /// A listing's last act: judges all events, prints the strip and gives it back.
    ///
    /// # Errors
    /// When a line could not be written, for example because the disk is full. A reader
    /// that went away is no error.
    pub fn finish(self, left: &[u32]) -> io::Result<Strip> {
        let strip = self.strip(left);
        self.close(&strip)?;
        Ok(strip)
    }

    /// Like [`Log::finish`], for a listing that judged a part of the events itself.
    ///
    /// # Errors
    /// As for [`Log::finish`].
    pub fn close(mut self, strip: &Strip) -> io::Result<()> {
        for line in strip.to_string().lines() {
            self.print(line);
        }
        match self.state {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    /// Prints one line, unless an earlier one could not be written.
    fn print(&mut self, line: &str) {
        if self.state.is_ok() {
            self.state = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Fate, Verb};

    /// Takes `room` bytes, then fails with `kind` and counts how often it was asked.
    struct Pipe {
        room: usize,
        kind: ErrorKind,
        asked: usize,
    }

    impl Write for &mut Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.room < bytes.len() {
                self.asked += 1;
                return Err(self.kind.into());
            }
            self.room -= bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn run<W: Write>(out: W) -> io::Result<Strip> {
        let mut log = Log::to(out);
        log.event(Event::new("shop", Verb::Sent, 1).text("payment.charge"));
        log.remark("worker 1", "killed while it holds o-1");
        log.event(Event::new("worker 2", Verb::Done, 1));
        assert_eq!(log.events().len(), 2);
        log.finish(&[])
    }

    #[test]
    fn lines_are_printed_in_order_and_the_strip_last() {
        let mut out = Vec::new();
        let strip = run(&mut out).unwrap();
        assert_eq!(strip.count(Fate::Done), 1);
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @"
        shop  sent o-1 payment.charge
        worker 1  killed while it holds o-1
        worker 2  done o-1
        fate  o-1 ●D
        fate  1 done
        ");
    }

    #[test]
    fn what_another_process_says_is_an_event_or_a_remark() {
        let mut out = Vec::new();
        let mut log = Log::to(&mut out);
        log.hear("worker 1  got o-1").unwrap();
        log.hear("worker 1  leaves the group").unwrap();
        assert_eq!(log.events(), [Event::new("worker 1", Verb::Got, 1)]);
        let told = log.hear("thread main panicked");
        assert_eq!(told, Err(ParseError::NoLane("thread main panicked".into())));
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @"
        worker 1  got o-1
        worker 1  leaves the group
        ");
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        let mut pipe = Pipe {
            room: 40,
            kind: ErrorKind::BrokenPipe,
            asked: 0,
        };
        let strip = run(&mut pipe).unwrap();
        assert_eq!(strip.count(Fate::Done), 1, "events are kept all the same");
        assert_eq!(pipe.asked, 1, "nothing is written after the first failure");
    }

    #[test]
    fn a_full_disk_is_told_at_the_end() {
        let mut pipe = Pipe {
            room: 0,
            kind: ErrorKind::StorageFull,
            asked: 0,
        };
        let error = run(&mut pipe).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    }
}
