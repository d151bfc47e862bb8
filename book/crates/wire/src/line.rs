//! One way of a connection: frames that wait, and then pass.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::act::{Gate, Verdict, What};
use crate::reader::{Reader, Tells, Unit};
use crate::shared::Shared;
use crate::weather::Weather;
use crate::{Act, Error, Fate, Frame, Way, nats};

/// How much is read at once.
const CHUNK: usize = 64 << 10;
/// How many bytes wait in the proxy at most. Beyond that it does not read, and TCP slows its sender
/// down, as it would without a proxy.
const MOST: usize = 4 << 20;
/// How much passes at once where the bandwidth has a limit.
const SLICE: usize = 4 << 10;

/// How late a timer may be. What passes behind it makes up for that, else small frames would each wait
/// for a tick.
const TICK: Duration = Duration::from_millis(2);

/// How a way, or a connection, ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Its sender says no more, or its receiver is gone; the other way goes on until it ends itself.
    Quiet,
    /// The connection ends, and what was passed on arrives.
    Cut,
    /// The connection ends at once.
    Reset,
}

/// Something that waits to be passed on.
struct Item {
    due: Option<Instant>,
    bytes: Bytes,
    then: Then,
    /// The frame, where something becomes of it.
    frame: Option<Box<Frame>>,
    withheld: bool,
}

enum Then {
    Pass,
    Hold(Gate),
    Cut(Fate),
    CutAfter,
    End(End),
}

/// What the first thing in the queue waits for.
#[derive(Clone, Copy)]
enum Wait {
    /// The queue is empty, or nothing but the weather or the socket can help.
    Nothing,
    Until(Instant),
    Verdict,
    End(End),
}

pub(crate) struct Line<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) connection: u32,
    pub(crate) way: Way,
    reader: Reader,
    weather: watch::Receiver<Weather>,
    /// What has come and is no whole frame yet.
    buffer: BytesMut,
    queue: VecDeque<Item>,
    /// The bytes in the queue.
    waiting: usize,
    /// What goes to the socket now.
    out: BytesMut,
    /// When the line has carried what it carries, where its bandwidth has a limit.
    free: Instant,
    /// When it has carried the next slice.
    carried: Option<Instant>,
}

impl<'a> Line<'a> {
    pub(crate) fn new(shared: &'a Arc<Shared>, connection: u32, way: Way, reader: Reader) -> Self {
        Line {
            shared,
            connection,
            way,
            reader,
            weather: shared.weather.subscribe(),
            buffer: BytesMut::with_capacity(CHUNK),
            queue: VecDeque::new(),
            waiting: 0,
            out: BytesMut::new(),
            free: Instant::now(),
            carried: None,
        }
    }

    /// Passes frames on until this way ends. What ends the whole connection is an error.
    pub(crate) async fn run(
        mut self,
        mut from: ReadHalf<'_>,
        mut to: WriteHalf<'_>,
    ) -> Result<(), End> {
        let mut open = true;
        loop {
            let wait = self.advance();
            let writes = !self.out.is_empty();
            match wait {
                _ if writes => {}
                Wait::End(End::Quiet) => {
                    // The receiver may be gone already.
                    drop(to.shutdown().await);
                    return Ok(());
                }
                Wait::End(end) => return Err(end),
                Wait::Nothing | Wait::Until(_) | Wait::Verdict => {}
            }
            if self.buffer.capacity() - self.buffer.len() < CHUNK / 4 {
                self.buffer.reserve(CHUNK);
            }
            tokio::select! {
                biased;
                written = to.write_buf(&mut self.out), if writes => {
                    if !matches!(written, Ok(1..)) {
                        // The receiver is gone. The other way hears of that, too.
                        return Ok(());
                    }
                }
                verdict = first(&mut self.queue, wait), if !writes => self.decide(verdict),
                // The other end lives as long as the proxy.
                _ = self.weather.changed() => {}
                read = from.read_buf(&mut self.buffer), if open && self.waiting < MOST => {
                    open = self.take(read);
                }
            }
        }
    }

    /// Queues what has come; says whether more may follow.
    fn take(&mut self, read: io::Result<usize>) -> bool {
        let end = match read {
            Ok(1..) => None,
            Ok(0) => Some(End::Quiet),
            Err(_) => Some(End::Reset),
        };
        loop {
            let unit = match self.reader.next(&mut self.buffer) {
                Ok(None) if end.is_some() => self.reader.rest(&mut self.buffer),
                Ok(unit) => unit,
                Err(error) => return self.fail(error),
            };
            let Some(unit) = unit else { break };
            if let Err(error) = self.enter(unit) {
                return self.fail(error);
            }
        }
        if let Some(end) = end {
            self.push(self.shared.delay(), Bytes::new(), Then::End(end), None);
        }
        end.is_none()
    }

    fn fail(&mut self, error: Error) -> bool {
        self.shared.fail(error);
        self.push(Duration::ZERO, Bytes::new(), Then::End(End::Cut), None);
        false
    }

    /// Judges a frame, and queues it.
    fn enter(&mut self, unit: Unit) -> Result<(), Error> {
        let bytes = match unit.tells {
            Tells::Nothing => unit.bytes,
            Tells::Info => nats::moved(&unit.bytes, |broker| self.shared.door(broker))?,
            Tells::Places(places) => places.fill(&unit.bytes, |broker| self.shared.door(broker))?,
        };
        let frame = Frame {
            at: self.shared.now(),
            connection: self.connection,
            way: self.way,
            kind: unit.kind,
            fields: unit.fields,
        };
        let delay = self.shared.delay();
        let Some((what, frame)) = self.shared.enter(frame) else {
            self.push(delay, bytes, Then::Pass, None);
            return Ok(());
        };
        match what {
            What::Act(Act::Drop) => self.shared.strike(Fate::Dropped, frame),
            What::Act(Act::Delay(more)) => {
                self.push(delay + more, bytes, Then::Pass, None);
                self.shared.strike(Fate::Delayed(more), frame);
            }
            What::Act(Act::Cut) => self.push(delay, bytes, Then::Cut(Fate::Cut), Some(frame)),
            What::Act(Act::CutAfter) => self.push(delay, bytes, Then::CutAfter, Some(frame)),
            What::Hold(gate) => self.push(delay, bytes, Then::Hold(gate), Some(frame)),
        }
        Ok(())
    }

    fn push(&mut self, delay: Duration, bytes: Bytes, then: Then, frame: Option<Frame>) {
        self.waiting += bytes.len();
        self.queue.push_back(Item {
            due: (!delay.is_zero()).then(|| Instant::now() + delay),
            bytes,
            then,
            frame: frame.map(Box::new),
            withheld: false,
        });
    }

    /// What its holder says of the frame that is held, the first of the queue.
    fn decide(&mut self, verdict: Option<Verdict>) {
        let (Some(verdict), Some(item)) = (verdict, self.queue.front_mut()) else {
            return;
        };
        let fate = match verdict {
            Verdict::Cut => {
                item.then = Then::Cut(Fate::Cut);
                return;
            }
            Verdict::Pass => Fate::Held,
            Verdict::Discard => {
                self.waiting -= item.bytes.len();
                item.bytes = Bytes::new();
                Fate::Dropped
            }
        };
        item.then = Then::Pass;
        if let Some(frame) = item.frame.take() {
            self.shared.strike(fate, *frame);
        }
    }

    /// Gives the socket what may pass, and says what the next thing waits for.
    fn advance(&mut self) -> Wait {
        let weather = *self.weather.borrow_and_update();
        while let Some(item) = self.queue.front_mut() {
            // To end a connection passes nothing on.
            if weather.blocks(self.way) && !matches!(item.then, Then::Cut(Fate::Cut)) {
                if !item.withheld {
                    item.withheld = true;
                    self.shared.withhold();
                }
                return match item.then {
                    Then::Hold(_) => Wait::Verdict,
                    _ => Wait::Nothing,
                };
            }
            if let Some(due) = item.due.filter(|due| *due > Instant::now()) {
                return Wait::Until(due);
            }
            // What the socket does not take stays in the queue, where it counts.
            if self.out.len() >= CHUNK {
                return Wait::Nothing;
            }
            // What stands before it is passed on first.
            let first = self.out.is_empty();
            match &mut item.then {
                Then::Pass | Then::CutAfter => {}
                _ if !first => return Wait::Nothing,
                Then::Hold(gate) => {
                    if let (Some(reached), Some(frame)) = (gate.reached.take(), &item.frame) {
                        drop(reached.send(frame.as_ref().clone()));
                    }
                    return Wait::Verdict;
                }
                Then::Cut(fate) => {
                    let fate = *fate;
                    if let Some(frame) = item.frame.take() {
                        self.shared.strike(fate, *frame);
                    }
                    return Wait::End(End::Cut);
                }
                Then::End(end) => return Wait::End(*end),
            }
            if let Some(rate) = weather.bandwidth {
                let slice = item.bytes.len().min(SLICE);
                let carried = *self.carried.get_or_insert_with(|| {
                    let took = Duration::from_secs_f64(slice as f64 / rate as f64);
                    let now = Instant::now();
                    self.free.max(now.checked_sub(TICK).unwrap_or(now)) + took
                });
                if carried > Instant::now() {
                    return Wait::Until(carried);
                }
                (self.free, self.carried) = (carried, None);
                self.out.extend_from_slice(&item.bytes.split_to(slice));
                self.waiting -= slice;
                if !item.bytes.is_empty() {
                    continue;
                }
            }
            self.carried = None;
            self.waiting -= item.bytes.len();
            self.out.extend_from_slice(&item.bytes);
            match item.then {
                Then::CutAfter => {
                    item.bytes = Bytes::new();
                    item.then = Then::Cut(Fate::CutAfter);
                }
                _ => drop(self.queue.pop_front()),
            }
        }
        Wait::Nothing
    }
}

/// Returns when what the first thing of the queue waits for has come; where that is a verdict, with it.
async fn first(queue: &mut VecDeque<Item>, wait: Wait) -> Option<Verdict> {
    match (wait, queue.front_mut().map(|item| &mut item.then)) {
        (Wait::Until(due), _) => {
            // The fault itself: a delay, or a bandwidth.
            sleep_until(due).await;
            None
        }
        // Its holder has dropped it: it passes.
        (Wait::Verdict, Some(Then::Hold(gate))) => {
            Some((&mut gate.verdict).await.unwrap_or(Verdict::Pass))
        }
        _ => pending().await,
    }
}
