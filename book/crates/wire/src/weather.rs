//! What the proxy does to all that passes.

use std::time::Duration;

use crate::Way;

/// How the network is at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weather {
    /// Each way.
    pub(crate) delay: Duration,
    /// Bytes per second, for each way of each connection; none: as fast as it goes.
    pub(crate) bandwidth: Option<u64>,
    pub(crate) broker_cut_off: bool,
    pub(crate) client_cut_off: bool,
    /// New connections are not taken.
    pub(crate) refused: bool,
}

impl Weather {
    /// Whether nothing passes this way.
    pub(crate) fn blocks(&self, way: Way) -> bool {
        match way {
            Way::ToBroker => self.broker_cut_off,
            Way::ToClient => self.client_cut_off,
            Way::Both => self.broker_cut_off && self.client_cut_off,
        }
    }

    pub(crate) fn partition(&mut self, way: Way) {
        self.broker_cut_off |= way != Way::ToClient;
        self.client_cut_off |= way != Way::ToBroker;
    }
}
