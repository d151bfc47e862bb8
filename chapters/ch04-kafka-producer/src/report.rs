//! Delivery reports: what became of each record that was handed to the producer.

use anyhow::Result;
use history::{Event, Log, Verb};
use rdkafka::error::KafkaError;
use rdkafka::producer::DeliveryFuture;

/// A record whose report is still to come.
pub struct Report {
    /// The number of its order.
    pub order: u32,
    /// The type of its event.
    pub kind: &'static str,
    /// Ready when the record is stored or given up.
    pub delivery: DeliveryFuture,
}

/// Waits for each record's report and tells what it says.
pub async fn read(reports: Vec<Report>, log: &mut Log) -> Result<()> {
    // ANCHOR: report
    for Report {
        order,
        kind,
        delivery,
    } in reports
    {
        let kafka = |verb| Event::new("kafka", verb, order);
        match delivery.await? {
            // With acks=0 a report means: written to the socket. Kafka says nothing.
            Ok(report) if report.offset < 0 => {
                log.remark("kafka", &format!("no answer for o-{order} {kind}"));
            }
            Ok(report) => {
                let (partition, offset) = (report.partition, report.offset);
                let place = format!("{kind} in partition {partition}, offset {offset}");
                log.event(kafka(Verb::Stored).text(place));
            }
            // Now it is on you: split the record, keep it elsewhere, tell the customer.
            Err((KafkaError::MessageProduction(why), _)) => {
                log.event(kafka(Verb::Failed).text(format!("{kind}: {why}")));
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
    // ANCHOR_END: report
    Ok(())
}
