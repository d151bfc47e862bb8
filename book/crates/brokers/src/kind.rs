//! The three brokers and what is fixed about each.

use std::fmt;

/// Which broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// NATS server, with or without JetStream.
    Nats,
    /// RabbitMQ.
    RabbitMq,
    /// Apache Kafka in KRaft mode.
    Kafka,
}

impl Kind {
    /// All of them, in the book's order.
    pub const ALL: [Kind; 3] = [Kind::Nats, Kind::RabbitMq, Kind::Kafka];

    /// The name used in folders, commands and files.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Nats => "nats",
            Kind::RabbitMq => "rabbitmq",
            Kind::Kafka => "kafka",
        }
    }

    /// The environment variable that names a broker of your own.
    pub fn variable(self) -> &'static str {
        match self {
            Kind::Nats => "NATS_URL",
            Kind::RabbitMq => "AMQP_URL",
            Kind::Kafka => "KAFKA_BOOTSTRAP_SERVERS",
        }
    }

    /// A value that the variable could have.
    pub fn example(self) -> &'static str {
        match self {
            Kind::Nats => "nats://127.0.0.1:4222",
            Kind::RabbitMq => "amqp://guest:guest@127.0.0.1:5672/%2f",
            Kind::Kafka => "127.0.0.1:9092",
        }
    }

    /// The oldest version that the listings run on.
    pub fn floor(self) -> &'static str {
        match self {
            Kind::Nats => "2.11.0",
            Kind::RabbitMq => "4.0.0",
            Kind::Kafka => "4.0.0",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Nats => "NATS",
            Kind::RabbitMq => "RabbitMQ",
            Kind::Kafka => "Kafka",
        })
    }
}

/// Whether the dotted version `found` is at least `floor`; a part that is missing counts as 0 and
/// anything behind the digits of a part is passed over (`4.3.6-rc.1` is 4.3.6).
pub(crate) fn at_least(found: &str, floor: &str) -> bool {
    let parts = |version: &str| -> Vec<u64> {
        version
            .split(['.', '-', '+', '~'])
            .map_while(|part| part.parse().ok())
            .collect()
    };
    let (mut found, mut floor) = (parts(found), parts(floor));
    let length = found.len().max(floor.len());
    found.resize(length, 0);
    floor.resize(length, 0);
    found >= floor
}

#[cfg(test)]
mod tests {
    use super::at_least;

    #[test]
    fn versions_compare_by_number_not_by_letter() {
        assert!(at_least("4.10.0", "4.9"));
        assert!(at_least("4.3.6", "4.3.6"));
        assert!(at_least("4.3", "4.3.0"));
        assert!(at_least("4.3.6-rc.1", "4.3.6"));
        assert!(!at_least("3.13.7", "4.0.0"));
        assert!(!at_least("2.9.10", "2.11.0"));
    }
}
