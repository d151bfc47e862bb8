//! How long the checker takes over 100,000 operations: `cargo bench -p history`.

use std::time::{Duration, Instant};

use history::{Expect, History, Operation, Place, check};

/// Each is published, received, worked on and acknowledged: four operations.
const MESSAGES: u32 = 25_000;
const RUNS: usize = 5;

fn main() {
    for (broker, history) in [("Kafka", kafka()), ("RabbitMQ", rabbit())] {
        let mut times: Vec<Duration> = (0..RUNS)
            .map(|_| {
                let start = Instant::now();
                let found = check(&history);
                let took = start.elapsed();
                assert!(found.is_empty(), "{:?}", found.first());
                took
            })
            .collect();
        times.sort();
        let count = history.operations().len();
        println!(
            "{broker}: {count} operations in {:?} (median of {RUNS}; {:?} to {:?})",
            times[RUNS / 2],
            times[0],
            times[RUNS - 1]
        );
    }
}

fn at(moment: u32) -> Duration {
    Duration::from_micros(u64::from(moment) * 10)
}

fn kafka() -> History {
    let mut history = History::new(Expect::exactly_once().groups(["payments"]).in_flight(1));
    for message in 0..MESSAGES {
        let (partition, offset) = (message % 4, u64::from(message / 4));
        let (place, next) = (
            Place::offset("orders", partition, offset),
            Place::offset("orders", partition, offset + 1),
        );
        let worker = format!("worker {partition}");
        let published = Operation::publish("shop", message).key(format!("c-{}", message % 100));
        history.extend([
            published.at(place.clone()).when(at(message)),
            Operation::receive(&worker, "payments", message)
                .at(place)
                .when(at(message + 1)),
            Operation::effect(&worker, "payments", message).when(at(message + 2)),
            Operation::commit(&worker, "payments", next).when(at(message + 3)),
        ]);
    }
    history
}

fn rabbit() -> History {
    let mut history = History::new(Expect::exactly_once().groups(["payments"]).in_flight(100));
    for message in 0..MESSAGES {
        let worker = format!("worker {}", message % 4);
        let place = Place::tag("payments", u64::from(message / 4 + 1));
        history.extend([
            Operation::publish("shop", message).when(at(message)),
            Operation::receive(&worker, "payments", message)
                .at(place.clone())
                .when(at(message + 1)),
            Operation::effect(&worker, "payments", message).when(at(message + 20)),
            Operation::ack(&worker, "payments", message)
                .at(place)
                .when(at(message + 21)),
        ]);
    }
    history
}
