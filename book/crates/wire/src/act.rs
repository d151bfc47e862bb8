//! What becomes of a frame that was named beforehand.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::shared::Shared;
use crate::{Error, Frame, Kind};

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It is not passed on. The connection goes on.
    Drop,
    /// The connection ends in its place: what came before it has been passed on.
    Cut,
    /// It is passed on, and then the connection ends.
    CutAfter,
    /// It waits so long in the proxy, and what follows it on its way waits behind it, as in any TCP
    /// connection.
    Delay(Duration),
}

/// A fault that has taken place: its witness.
#[derive(Clone, Debug)]
pub struct Strike {
    /// When it took effect, since the proxy began to listen.
    pub at: Duration,
    /// What became of the frame.
    pub fate: Fate,
    /// The frame's kind.
    pub kind: Kind,
    /// The frame.
    pub frame: Frame,
}

/// What has become of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// [`Act::Drop`], or a held frame that was discarded.
    Dropped,
    /// [`Act::Cut`], or a held frame in whose place the connection was cut.
    Cut,
    /// [`Act::CutAfter`].
    CutAfter,
    /// [`Act::Delay`].
    Delayed(Duration),
    /// It was held, and passed on then.
    Held,
}

/// A frame that waits in the proxy, or will once it comes. If this value is dropped, it passes on.
///
/// What follows it on its way waits behind it; the other way goes on.
pub struct Held {
    pub(crate) shared: Arc<Shared>,
    pub(crate) reached: oneshot::Receiver<Frame>,
    pub(crate) frame: Option<Frame>,
    pub(crate) verdict: oneshot::Sender<Verdict>,
}

/// What its holder says of a held frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass,
    Discard,
    Cut,
}

/// The proxy's side of a hold.
pub(crate) struct Gate {
    pub(crate) reached: Option<oneshot::Sender<Frame>>,
    pub(crate) verdict: oneshot::Receiver<Verdict>,
}

impl Held {
    /// Returns once the frame has come: all that came before it on its way has been passed on, and it
    /// waits.
    ///
    /// # Errors
    /// When the proxy could not do its work, or the connection has ended while the frame stood behind
    /// others, or the proxy has.
    pub async fn reached(&mut self) -> Result<Frame, Arc<Error>> {
        if let Some(frame) = &self.frame {
            return Ok(frame.clone());
        }
        let frame = tokio::select! {
            biased;
            reached = &mut self.reached => reached.map_err(|_| Arc::new(Error::Unreached))?,
            error = self.shared.failed() => return Err(error),
        };
        Ok(self.frame.insert(frame).clone())
    }

    /// Lets it go on.
    pub fn pass(self) {
        self.decide(Verdict::Pass);
    }

    /// Does not pass it on. The connection goes on.
    pub fn discard(self) {
        self.decide(Verdict::Discard);
    }

    /// Ends the connection in its place.
    pub fn cut(self) {
        self.decide(Verdict::Cut);
    }

    fn decide(self, verdict: Verdict) {
        // Where nobody waits for it any more, the connection has ended.
        let _ = self.verdict.send(verdict);
    }
}

/// A frame that is waited for.
pub(crate) struct Rule {
    pub(crate) kind: Kind,
    /// How many frames of this kind pass before it.
    pub(crate) before: u32,
    pub(crate) what: What,
}

pub(crate) enum What {
    Act(Act),
    Hold(Gate),
}
