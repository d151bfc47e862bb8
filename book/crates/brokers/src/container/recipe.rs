//! What each broker's image is, and how a container of it is made.

use super::super::warm;
use crate::native::{kafka, nats, rabbitmq};
use crate::pins::{KAFKA_IMAGE, NATS_IMAGE, RABBITMQ_IMAGE};
use crate::source::Options;
use crate::{Error, Kind};

/// How a container is made and known to be ready.
pub(super) struct Recipe {
    pub(super) image: String,
    /// The broker's port inside the container.
    pub(super) port: u16,
    /// `NAME=VALUE`.
    pub(super) environment: Vec<String>,
    /// Arguments behind the image.
    pub(super) args: Vec<String>,
    /// Files to lay inside before it starts: path and content.
    pub(super) files: Vec<(&'static str, String)>,
    /// What the broker says in its log when it serves.
    pub(super) ready: &'static str,
}

/// The variable that names another image to use.
pub(super) fn variable(kind: Kind) -> &'static str {
    match kind {
        Kind::Nats => "BOOK_IMAGE_NATS",
        Kind::RabbitMq => "BOOK_IMAGE_RABBITMQ",
        Kind::Kafka => "BOOK_IMAGE_KAFKA",
    }
}

/// The image to use: the official one, or the reader's, who may have to fetch it from a mirror.
fn image(kind: Kind) -> Result<String, Error> {
    let official = match kind {
        Kind::Nats => NATS_IMAGE,
        Kind::RabbitMq => RABBITMQ_IMAGE,
        Kind::Kafka => KAFKA_IMAGE,
    };
    let Some(chosen) = std::env::var_os(variable(kind)).filter(|image| !image.is_empty()) else {
        return Ok(official.to_owned());
    };
    let chosen = chosen.to_string_lossy().into_owned();
    // Where an option could stand it must not be taken for one.
    if chosen.starts_with('-') || chosen.contains(char::is_whitespace) {
        return Err(Error::BadSetting {
            variable: variable(kind),
            value: chosen,
            fix: format!("use the name of an image, for example mirror.example/{official}"),
        });
    }
    Ok(chosen)
}

impl Recipe {
    /// The recipe for a broker whose clients come to `port` of loopback.
    pub(super) fn of(kind: Kind, port: u16, options: &Options) -> Result<Recipe, Error> {
        let image = image(kind)?;
        Ok(match kind {
            Kind::Nats => Recipe {
                image,
                port: 4222,
                environment: Vec::new(),
                args: ["--jetstream", "--store_dir", "/data"]
                    .map(str::to_owned)
                    .to_vec(),
                files: Vec::new(),
                ready: nats::READY,
            },
            Kind::RabbitMq => Recipe {
                image,
                port: 5672,
                environment: Vec::new(),
                args: Vec::new(),
                files: if options.warm_host {
                    definitions()
                } else {
                    Vec::new()
                },
                ready: rabbitmq::READY,
            },
            Kind::Kafka => {
                // Kafka tells its clients where to come, itself as well: so it listens on the same
                // port inside as outside.
                let controller = if port == 9093 { 9094 } else { 9093 };
                let settings = kafka::settings::of("/var/lib/kafka/data", "", port, controller);
                Recipe {
                    image,
                    port,
                    environment: kafka::settings::environment(&settings),
                    args: Vec::new(),
                    files: Vec::new(),
                    ready: kafka::READY,
                }
            }
        })
    }
}

/// The virtual hosts to lease, where the image looks for settings.
fn definitions() -> Vec<(&'static str, String)> {
    const FILE: &str = "/etc/rabbitmq/book-definitions.json";
    vec![
        (FILE, warm::definitions()),
        (
            "/etc/rabbitmq/conf.d/20-book.conf",
            format!("load_definitions = {FILE}\n"),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_clients_are_sent_to_the_published_port() -> Result<(), Error> {
        let recipe = Recipe::of(Kind::Kafka, 21_000, &Options::default())?;
        assert_eq!(recipe.port, 21_000);
        let told = "KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://127.0.0.1:21000".to_owned();
        assert!(recipe.environment.contains(&told));
        let listens = "KAFKA_LISTENERS=PLAINTEXT://:21000,CONTROLLER://127.0.0.1:9093".to_owned();
        assert!(recipe.environment.contains(&listens));
        Ok(())
    }

    #[test]
    fn a_warm_rabbitmq_gets_its_virtual_hosts() -> Result<(), Error> {
        let files =
            |options| Recipe::of(Kind::RabbitMq, 21_000, &options).map(|recipe| recipe.files.len());
        assert_eq!(files(Options::default())?, 0);
        assert_eq!(
            files(Options {
                warm_host: true,
                ..Options::default()
            })?,
            2
        );
        Ok(())
    }
}
