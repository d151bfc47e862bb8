//! `cargo book status`: warm brokers, the cache, and where a listing's broker comes from.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Result;
use brokers::warm::{Entry, State};
use brokers::{Kind, cache};
use time::OffsetDateTime;

use crate::{output, signals};

/// Show the warm brokers, the cache, and where a listing's broker comes from
#[derive(clap::Args)]
pub struct Args {}

/// Prints what there is. That nothing runs is no error.
pub fn run(_: Args) -> Result<ExitCode> {
    signals::interruptible(async {
        output::line(Report::read().await?.render())?;
        Ok(ExitCode::SUCCESS)
    })
}

/// All that is told.
struct Report {
    /// The process that keeps warm brokers, and when it last told of one.
    keeper: Option<(u32, SystemTime)>,
    cache: PathBuf,
    brokers: Vec<About>,
}

/// What is told of one broker.
struct About {
    kind: Kind,
    /// A warm one, and whether it answers.
    warm: Option<(Entry, bool)>,
    /// The newest version in the cache.
    cached: Option<String>,
    /// The reader's own, as its variable says.
    external: Option<String>,
    /// What BROKERS says.
    forced: Option<String>,
}

impl Report {
    async fn read() -> Result<Report> {
        let state = State::read()?.filter(State::is_alive);
        let mut brokers = Vec::new();
        for kind in Kind::ALL {
            brokers.push(About::read(kind, state.as_ref()).await?);
        }
        let cache = cache::folder()?;
        let keeper = state.map(|state| (state.pid, written(&cache.join("warm.json"))));
        Ok(Report {
            keeper,
            cache,
            brokers,
        })
    }

    fn render(&self) -> String {
        let mut text = match self.keeper {
            Some((pid, since)) => {
                let since = OffsetDateTime::from(since);
                let (date, hour, minute) = (since.date(), since.hour(), since.minute());
                format!(
                    "warm brokers, kept by process {pid} since {date} {hour:02}:{minute:02} UTC\n"
                )
            }
            None => "warm brokers: none; `cargo book up` starts them\n".to_owned(),
        };
        if self.keeper.is_some() {
            self.list(&mut text, About::warm);
        }
        let _ = writeln!(text, "\ncache {}", self.cache.display());
        self.list(&mut text, |about| {
            about.cached.clone().unwrap_or_else(|| "none yet".into())
        });
        text.push_str("\nwhere a listing's broker comes from\n");
        self.list(&mut text, About::source);
        text.trim_end().to_owned()
    }

    fn list(&self, text: &mut String, tell: impl Fn(&About) -> String) {
        for about in &self.brokers {
            let _ = writeln!(text, "  {:8}  {}", about.kind.to_string(), tell(about));
        }
    }
}

/// When a file was written; now, if it just vanished.
fn written(path: &Path) -> SystemTime {
    let modified = std::fs::metadata(path).and_then(|data| data.modified());
    modified.unwrap_or_else(|_| SystemTime::now())
}

impl About {
    async fn read(kind: Kind, state: Option<&State>) -> Result<About> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let warm = match state.and_then(|state| state.entry(kind)) {
            None => None,
            Some(entry) => {
                let answers = brokers::external(kind, &entry.url).await.is_ok();
                Some((entry.clone(), answers))
            }
        };
        Ok(About {
            kind,
            warm,
            cached: brokers::installed(kind)?.map(|(version, _)| version),
            external: set(kind.variable()),
            forced: set("BROKERS"),
        })
    }

    fn warm(&self) -> String {
        let Some((entry, answers)) = &self.warm else {
            return "not started".to_owned();
        };
        let pid = entry
            .pid
            .map_or_else(String::new, |pid| format!("  process {pid}"));
        let silent = if *answers { "" } else { "  does not answer" };
        format!("{}  {}{pid}{silent}", entry.version, entry.url)
    }

    /// The first source that fits, in the order in which a listing looks. The address of
    /// an external broker may hold a password, so it is not shown.
    fn source(&self) -> String {
        match (self.forced.as_deref(), &self.external, &self.warm) {
            (None | Some("external"), Some(_), _) => format!("external, {}", self.kind.variable()),
            (Some("external"), None, _) => format!(
                "nowhere: BROKERS=external, but {} is not set",
                self.kind.variable()
            ),
            (Some("container"), _, _) => "container, by BROKERS".to_owned(),
            (Some(other), _, _) if other != "native" => {
                format!("nowhere: BROKERS={other} is none of external, native, container")
            }
            (None, None, Some((_, true))) if self.kind != Kind::Nats => "warm".to_owned(),
            _ => match &self.cached {
                Some(version) => format!("native: on PATH, else {version} from the cache"),
                None => "native: on PATH, else installed at the first run".to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(kind: Kind) -> About {
        About {
            kind,
            warm: None,
            cached: None,
            external: None,
            forced: None,
        }
    }

    fn report(keeper: Option<(u32, SystemTime)>, brokers: [About; 3]) -> String {
        let cache = PathBuf::from("cache/messaging-book");
        Report {
            keeper,
            cache,
            brokers: brokers.into(),
        }
        .render()
    }

    #[test]
    fn a_fresh_machine() {
        insta::assert_snapshot!(report(None, Kind::ALL.map(about)));
    }

    #[test]
    fn everything_at_once() {
        let entry = |url: &str, version: &str, pid| Entry {
            url: url.to_owned(),
            version: version.to_owned(),
            pid,
        };
        let [mut nats, mut rabbit, mut kafka] = Kind::ALL.map(about);
        nats.warm = Some((entry("nats://127.0.0.1:21001", "2.15.1", Some(71)), true));
        nats.cached = Some("2.15.1".to_owned());
        rabbit.warm = Some((
            entry("amqp://guest:guest@127.0.0.1:21002/%2f", "4.3.6", None),
            true,
        ));
        kafka.warm = Some((entry("127.0.0.1:21003", "4.4.0", Some(73)), false));
        kafka.external = Some("kafka.example:9092".to_owned());
        insta::assert_snapshot!(report(
            Some((70, SystemTime::UNIX_EPOCH)),
            [nats, rabbit, kafka]
        ));
    }

    #[test]
    fn a_forced_source() {
        let forced = |kind, source: &str| About {
            forced: Some(source.to_owned()),
            ..about(kind)
        };
        let brokers = [
            forced(Kind::Nats, "native"),
            forced(Kind::RabbitMq, "container"),
            forced(Kind::Kafka, "external"),
        ];
        insta::assert_snapshot!(report(None, brokers));
        let source = forced(Kind::Nats, "docker").source();
        assert_eq!(
            source,
            "nowhere: BROKERS=docker is none of external, native, container"
        );
    }
}
