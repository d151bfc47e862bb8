//! A broker in a container, made with the docker command line.
//!
//! The images are the official ones, of fixed versions. `BOOK_IMAGE_NATS`, `BOOK_IMAGE_RABBITMQ`
//! and `BOOK_IMAGE_KAFKA` name others, for readers whose images come from a mirror.
//!
//! A container is not made with `--rm`: one that was killed is started again with its data. The
//! guard removes it, and hears its name before the engine does.

mod recipe;

use std::path::{Path, PathBuf};

use self::recipe::{Recipe, variable};
use crate::clients::{Tools, on_path};
use crate::guard::Guard;
use crate::native::{GRACE, READY, data_folder, port_taken};
use crate::process::{Program, Running, length};
use crate::progress::Step;
use crate::source::Options;
use crate::{Error, Kind, Tried, external, ports};

/// A container, the log that it writes, and the tools that serve it.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    pub(crate) version: String,
    name: String,
    docker: PathBuf,
    log: PathBuf,
    ready: &'static str,
    tools: Tools,
    /// `docker start --attach`, which writes the log and lasts as long as the broker.
    attached: Option<Running>,
}

/// Makes a container and waits for the broker's word that it is ready.
pub(crate) async fn start(kind: Kind, options: &Options) -> Result<Container, Error> {
    let none = |tried: Tried| Error::NoSource {
        kind,
        tried: vec![tried],
    };
    let docker = on_path("docker").ok_or_else(|| {
        none(Tried {
            what: "container".into(),
            why: "there is no docker on PATH".into(),
            fix: "install Docker (Debian: apt-get install docker.io)".into(),
        })
    })?;
    let mut attempts = 0;
    loop {
        let started = attempt(kind, options, &docker).await;
        match started {
            // As with a native broker: the port was free a moment ago.
            Err(Error::PortTaken { .. }) if options.port.is_none() && attempts < 3 => attempts += 1,
            other => return other,
        }
    }
}

async fn attempt(kind: Kind, options: &Options, docker: &Path) -> Result<Container, Error> {
    let port = ports::choose(kind, options.port)?;
    let recipe = Recipe::of(kind, port, options)?;
    let mut guard = Guard::start(None)?;
    let folder = data_folder(kind, &mut guard).await?;
    let name = folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut container = Container {
        kind,
        url: match kind {
            Kind::Nats => format!("nats://127.0.0.1:{port}"),
            Kind::RabbitMq => format!("amqp://guest:guest@127.0.0.1:{port}/%2f"),
            Kind::Kafka => format!("127.0.0.1:{port}"),
        },
        version: "unknown".into(),
        name,
        docker: docker.to_owned(),
        log: folder.join("log"),
        ready: recipe.ready,
        tools: Tools::with(guard, &folder),
        attached: None,
    };
    match container.make(&recipe, port, &folder).await {
        Ok(()) => Ok(container),
        Err(error) => {
            container.stop().await?;
            Err(match error {
                Error::Died { tail, .. } if port_taken(&tail) => Error::PortTaken { kind, port },
                other => other,
            })
        }
    }
}

impl Container {
    async fn make(&mut self, recipe: &Recipe, port: u16, folder: &Path) -> Result<(), Error> {
        self.reach_engine().await?;
        self.get_image(&recipe.image).await?;
        self.tools.guard().container(&self.name).await?;
        let create = self
            .docker(&["create", "--name", &self.name, "--label", "messaging-book"])
            .arg("--publish")
            .arg(format!("127.0.0.1:{port}:{}", recipe.port))
            .args(
                recipe
                    .environment
                    .iter()
                    .flat_map(|variable| ["--env", variable]),
            )
            .arg(&recipe.image)
            .args(&recipe.args);
        self.tools.run(create, "docker create").await?;
        for (path, content) in &recipe.files {
            let file = folder.join("file");
            std::fs::write(&file, content).map_err(Error::io("write a file for the container"))?;
            let copy = self
                .docker(&["cp"])
                .arg(&file)
                .arg(format!("{}:{path}", self.name));
            self.tools.run(copy, "docker cp").await?;
        }
        self.launch().await?;
        self.version = self.greet(&recipe.image).await?;
        Ok(())
    }

    fn docker(&self, args: &[&str]) -> Program {
        self.tools.program(&self.docker).args(args.iter().copied())
    }

    fn tried(&self, why: String, fix: impl Into<String>) -> Error {
        let tried = Tried {
            what: "container".into(),
            why,
            fix: fix.into(),
        };
        Error::NoSource {
            kind: self.kind,
            tried: vec![tried],
        }
    }

    async fn reach_engine(&mut self) -> Result<(), Error> {
        let ask = self.docker(&["version", "--format", "{{.Server.Version}}"]);
        let asked = self.tools.run(ask, "docker version").await;
        asked.map(|_| ()).map_err(|error| {
            let fix = "start Docker (sudo systemctl start docker), and be in the group docker";
            self.tried(format!("the Docker engine does not answer: {error}"), fix)
        })
    }

    async fn get_image(&mut self, image: &str) -> Result<(), Error> {
        let inspect = self.docker(&["image", "inspect", image]);
        if self
            .tools
            .run(inspect, "docker image inspect")
            .await
            .is_ok()
        {
            return Ok(());
        }
        let step = Step::begin(format!("fetching the image {image}"));
        let pull = self.docker(&["pull", image]);
        let told = format!("docker pull {image}");
        let pulled = self
            .tools
            .watch(pull, &told, |printed| step.detail(&layers(printed)))
            .await;
        step.end();
        pulled.map(|_| ()).map_err(|error| {
            let fix = format!(
                "check the network, or set {} to an image that can be had",
                variable(self.kind)
            );
            self.tried(format!("the image cannot be fetched: {error}"), fix)
        })
    }

    /// Starts the container and waits until the broker in it says that it is ready.
    async fn launch(&mut self) -> Result<(), Error> {
        let from = length(&self.log);
        // Attached from the start, it brings every line of this start and none of an earlier one.
        let mut start = self.docker(&["start", "--attach", &self.name]);
        start.output.clone_from(&self.log);
        let running = start.launch(self.tools.guard()).await?;
        let ready = self.ready;
        self.attached
            .insert(running)
            .wait_for_line(self.kind, &self.log, from, READY, |line| {
                line.contains(ready).then_some(())
            })
            .await
    }

    /// The version that the broker tells through the published port; for Kafka, which tells its
    /// release alone, the image's own.
    async fn greet(&self, image: &str) -> Result<String, Error> {
        let told = external::greet(self.kind, &self.url)
            .await
            .map_err(|error| {
                let reason = match error {
                    Error::Unreachable { reason, .. } | Error::Refused { reason, .. } => reason,
                    other => other.to_string(),
                };
                let why = format!(
                    "the broker in it is ready, but not to be reached at {}: {reason}",
                    self.url
                );
                self.tried(
                    why,
                    "use a Docker engine of this machine (unset DOCKER_HOST)",
                )
            })?;
        let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
        Ok(if tag.starts_with(&format!("{told}.")) {
            tag.to_owned()
        } else {
            told
        })
    }

    /// Ends the broker with SIGKILL.
    pub(crate) async fn kill(&mut self) -> Result<(), Error> {
        let Some(mut attached) = self.attached.take() else {
            return Ok(());
        };
        self.engine("kill").await?;
        attached.reap(self.tools.guard()).await.map(|_| ())
    }

    /// Stops the execution of everything in the container.
    pub(crate) async fn pause(&mut self) -> Result<(), Error> {
        self.engine("pause").await
    }

    /// Lets it go on.
    pub(crate) async fn resume(&mut self) -> Result<(), Error> {
        self.engine("unpause").await
    }

    /// Ends the broker with SIGTERM, or finds it killed, and starts it again on the same port and
    /// data.
    pub(crate) async fn restart(&mut self) -> Result<(), Error> {
        if let Some(mut attached) = self.attached.take() {
            // A paused container cannot be stopped, and one that runs cannot be resumed.
            let _ = self.engine("unpause").await;
            let seconds = GRACE.as_secs().to_string();
            let stop = self.docker(&["stop", "--time", &seconds, &self.name]);
            self.tools.run(stop, "docker stop").await?;
            attached.reap(self.tools.guard()).await?;
        }
        self.launch().await
    }

    /// Runs `rabbitmqctl` in the container and gives what it prints.
    pub(crate) async fn control(&mut self, args: &[&str]) -> Result<String, Error> {
        if self.kind != Kind::RabbitMq {
            let source_name = "it has no such tool".into();
            return Err(Error::NotOwned {
                kind: self.kind,
                what: "control",
                source_name,
            });
        }
        let control = self
            .docker(&["exec", &self.name, "rabbitmqctl"])
            .args(args.iter().copied());
        self.tools
            .run(control, &format!("rabbitmqctl {}", args.join(" ")))
            .await
    }

    async fn engine(&mut self, verb: &str) -> Result<(), Error> {
        let order = self.docker(&[verb, &self.name]);
        self.tools
            .run(order, &format!("docker {verb}"))
            .await
            .map(|_| ())
    }

    /// Ends the broker and removes its container.
    pub(crate) async fn stop(mut self) -> Result<(), Error> {
        // Reaped while the guard works, since a zombie would look alive to it.
        let attached = self.attached.take();
        let reap = async {
            if let Some(mut attached) = attached {
                let _ = attached.child.wait().await;
            }
        };
        let (closed, ()) = tokio::join!(self.tools.close(), reap);
        closed
    }
}

/// `3 of 7 layers` out of what `docker pull` prints where there is no terminal.
fn layers(printed: &str) -> String {
    let count = |words: &str| printed.lines().filter(|line| line.ends_with(words)).count();
    format!(
        "{} of {} layers",
        count("Pull complete"),
        count("Pulling fs layer")
    )
}

#[cfg(test)]
mod tests {
    use super::layers;

    #[test]
    fn a_pull_says_how_far_it_is() {
        let printed = "2.15.1: Pulling from library/nats\na: Pulling fs layer\nb: Pulling fs layer\na: Pull complete\n";
        assert_eq!(layers(printed), "1 of 2 layers");
    }
}
