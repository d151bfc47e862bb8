//! Brokers kept running, so that a listing does not wait for one to start.

pub mod down;
pub mod keeper;
pub mod status;
pub mod up;

use brokers::Kind;
use clap::ValueEnum;

/// A broker on the command line.
#[derive(Clone, Copy, ValueEnum)]
pub enum Name {
    Nats,
    Rabbitmq,
    Kafka,
}

impl From<Name> for Kind {
    fn from(name: Name) -> Kind {
        match name {
            Name::Nats => Kind::Nats,
            Name::Rabbitmq => Kind::RabbitMq,
            Name::Kafka => Kind::Kafka,
        }
    }
}
