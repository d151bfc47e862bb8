//! What the client counts of its own work: requests, batches, bytes.

use rdkafka::Statistics;
use rdkafka::client::ClientContext;
use tokio::sync::watch;

/// What a producer has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that carry records.
    pub requests: i64,
    /// Batches in them.
    pub batches: i64,
    /// Records in the batches.
    pub records: i64,
    /// Bytes of the batches as they went out, with their heads.
    pub bytes: i64,
}

/// Takes the client's statistics as they come.
pub struct Counter(pub watch::Sender<Counts>);

// ANCHOR: stats
impl ClientContext for Counter {
    // Called every `statistics.interval.ms`, on a thread of the client.
    fn stats(&self, statistics: Statistics) {
        let brokers = statistics.brokers.values();
        let produce = brokers.filter_map(|broker| broker.req.get("Produce"));
        self.0.send_modify(|counts| {
            // This is counted from the client's start on,
            counts.requests = produce.sum();
            // and these since the statistics before.
            for topic in statistics.topics.values() {
                counts.batches += topic.batchcnt.cnt;
                counts.records += topic.batchcnt.sum;
                counts.bytes += topic.batchsize.sum;
            }
        });
    }
}
// ANCHOR_END: stats
