//! A tap: shows what a listing and its broker say to each other.
//!
//! The listing runs with [`VARIABLE`] set to [`Tap::setting`]. Then the `brokers` crate asks here for
//! an address in front of each broker that it has found, and hands that one out; all processes of the
//! listing go through it. Who asks knows the tap's word, and the broker is on this machine; anything
//! else is refused.

mod door;
mod tell;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use catalog::Wire;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use brokers::tap::VARIABLE;
use door::Door;
use tell::Teller;
pub use tell::Told;

/// How many frames of the story are shown of a recorded run.
pub const RECORDED: usize = 60;
/// Frames that may wait to be told; the proxies keep what comes meanwhile.
const AHEAD: usize = 64;

/// What a proxy tells.
enum Seen {
    /// A frame that has passed it, by its number among the tap's proxies.
    Frame(usize, Instant, wire::Frame),
    /// So many have passed that it has not kept.
    Lost(u64),
}

/// Takes what listings ask for, until it ends. No proxy of its own outlives it.
pub struct Tap {
    setting: String,
    heard: mpsc::Receiver<Seen>,
    over: watch::Sender<bool>,
    teller: Teller,
    door: JoinHandle<()>,
}

impl Tap {
    /// Opens a tap for a run of this package.
    ///
    /// # Errors
    /// When this machine has no port for it, or no random numbers.
    pub async fn open(package: &str) -> Result<Tap> {
        let (tell, heard) = mpsc::channel(AHEAD);
        let (over, ends) = watch::channel(false);
        let door = Door::open(tell, ends).await;
        let door = door.context("cannot open a tap for what is said on the wire")?;
        let setting = door.setting();
        Ok(Tap {
            setting,
            heard,
            over,
            teller: Teller::new(package),
            door: tokio::spawn(Arc::new(door).keep()),
        })
    }

    /// The value of [`VARIABLE`] for the listing.
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// The next frame, its time since `begun`. May be dropped before it is there. None comes once the
    /// run is [over](Tap::over) and all has been told.
    pub async fn next(&mut self, begun: Instant) -> Option<Told> {
        Some(match self.heard.recv().await? {
            Seen::Lost(count) => Told::Rest("frames beyond the first".to_owned(), count),
            Seen::Frame(proxy, at, frame) => {
                let since = at.saturating_duration_since(begun);
                let ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
                self.teller.tell(ms, proxy, &frame)
            }
        })
    }

    /// The listing has ended: what it has said to the last is still told, and then no more.
    pub fn over(&self) {
        self.over.send_replace(true);
    }

    /// All that has been said, once the listing has ended.
    pub async fn all(mut self, begun: Instant) -> Wire {
        self.over();
        let mut wire = Wire::default();
        while let Some(told) = self.next(begun).await {
            match told {
                Told::Frame(frame) => wire.frames.push(frame),
                Told::Rest(kind, count) => *wire.rest.entry(kind).or_default() += count,
            }
        }
        wire.frames.sort_by_key(|frame| frame.ms);
        wire
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.door.abort();
    }
}

/// How long the connections of a listing that has ended may take to end, too.
const LAST_WORDS: Duration = Duration::from_secs(2);
