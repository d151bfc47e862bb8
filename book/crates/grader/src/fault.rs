//! Faults, and the witnesses without which they do not count.

use wire::{Fate, Frame, Kind, Proxy, Strike};

use crate::Case;

/// A fault that the story strikes. A run in which it has not struck is inconclusive: it needs a
/// witness from outside the program and one in the record of what the program did; or there is nothing
/// in the program that it could strike.
pub struct Fault {
    pub(crate) case: Case,
    /// Its place in the case's list; none where faults are off.
    pub(crate) place: Option<usize>,
    pub(crate) on: bool,
}

/// What is known of a fault.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) what: String,
    pub(crate) outside: bool,
    pub(crate) inside: bool,
    /// There is nothing that it could strike.
    pub(crate) placeless: bool,
}

impl Fault {
    /// Whether the story is to strike it.
    pub fn on(&self) -> bool {
        self.on
    }

    /// The witness from outside: the proxy's strike, a process that is gone or stands still, a limit
    /// that a broker has reached.
    pub fn outside(&self, seen: bool) {
        self.note(|known| known.outside |= seen);
    }

    /// The witness in the record: an operation without an answer, a message that came again.
    pub fn inside(&self, seen: bool) {
        self.note(|known| known.inside |= seen);
    }

    /// The witness in the record that something which the program has asked for had no answer: there
    /// are more frames of the kind `asked` than of the kind `answered`, less those that were struck.
    pub fn unanswered(&self, wire: &Proxy, asked: Kind, answered: Kind) {
        let strikes = wire.strikes();
        let struck = strikes.iter().filter(|strike| strike.kind == answered);
        let answers = wire.count(answered).saturating_sub(struck.count() as u64);
        self.inside(wire.count(asked) > answers);
    }

    /// Both witnesses of a fault that ends a connection in the proxy: the proxy has cut it at a frame of
    /// this kind, and the program has gone on over another connection.
    pub fn cut(&self, wire: &Proxy, kind: Kind) {
        let strikes = wire.strikes();
        let cut = |strike: &&Strike| {
            strike.kind == kind && matches!(strike.fate, Fate::Cut | Fate::CutAfter)
        };
        let Some(strike) = strikes.iter().find(cut) else {
            return;
        };
        self.outside(true);
        let frames = wire.frames();
        let later =
            |frame: &Frame| frame.connection > strike.frame.connection && frame.at > strike.at;
        self.inside(frames.iter().any(later));
    }

    /// This program does nothing that the fault could strike, and the run counts without it. `lane` and
    /// `text` are a line of the report's account: who does what instead.
    pub fn has_no_place(&self, lane: &str, text: &str) {
        self.note(|known| known.placeless = true);
        self.case.saw(lane, text);
    }

    fn note(&self, change: impl FnOnce(&mut Known)) {
        if let Some(place) = self.place {
            self.case.with(|state| change(&mut state.faults[place]));
        }
    }
}

impl Known {
    /// Why the run does not count, where it does not.
    pub(crate) fn doubt(&self) -> Option<String> {
        let lacks = match (self.outside, self.inside) {
            _ if self.placeless => return None,
            (true, true) => return None,
            (false, true) => "nothing outside the program saw it strike",
            (true, false) => "what the program did shows nothing of it",
            (false, false) => "it has not struck",
        };
        Some(format!("the fault `{}`: {lacks}", self.what))
    }
}

/// What the proxy has done, in words.
pub(crate) fn told(strike: &Strike) -> String {
    let kind = strike.kind;
    match strike.fate {
        Fate::Dropped => format!("does not pass on: {kind}"),
        Fate::Cut => format!("ends the connection in place of: {kind}"),
        Fate::CutAfter => format!("ends the connection after: {kind}"),
        Fate::Delayed(delay) => format!("delays by {} ms: {kind}", delay.as_millis()),
        Fate::Held => format!("has held, and passes on: {kind}"),
    }
}
