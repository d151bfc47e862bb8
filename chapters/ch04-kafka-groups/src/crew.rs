//! The consumer processes: how the shop starts them, hears from them, kills one and sends them home,
//! and which of them has which partition. Nothing here talks to Kafka.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, PipeReader, PipeWriter};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use history::{Event, Log, Verb, lane};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::PARTITIONS;
use crate::args::{Accident, Args, Name, Protocol, word};
use crate::consumer::IN_THE_GROUP;

/// Longer than the session of a dead member of an earlier run.
const PATIENCE: Duration = Duration::from_secs(60);
/// When nobody has said anything for so long, nothing more is to come.
const SILENCE: Duration = Duration::from_secs(1);

/// The consumers that run, and what each has.
pub struct Crew<'a> {
    args: &'a Args,
    place: [&'a str; 3],
    members: BTreeMap<u32, Child>,
    has: BTreeMap<u32, BTreeSet<i32>>,
    joined: BTreeSet<u32>,
    // All of them write into one pipe, so that what happened first is read first.
    writer: PipeWriter,
    lines: mpsc::Receiver<String>,
}

impl<'a> Crew<'a> {
    /// Nobody yet.
    pub fn new(args: &'a Args, url: &'a str, topic: &'a str, group: &'a str) -> Result<Crew<'a>> {
        let (reader, writer) = std::io::pipe().context("no pipe")?;
        let (sender, lines) = mpsc::channel(64);
        thread::spawn(move || read(reader, &sender));
        Ok(Crew {
            args,
            place: [url, topic, group],
            members: BTreeMap::new(),
            has: BTreeMap::new(),
            joined: BTreeSet::new(),
            writer,
            lines,
        })
    }

    /// Starts the consumer of this number.
    pub fn start(&mut self, number: u32) -> Result<()> {
        let (args, [url, topic, group]) = (self.args, self.place);
        let child = Command::new(std::env::current_exe()?)
            .args(["--protocol", &word(&args.protocol)])
            .args(["--name", &word(&args.name)])
            .args(["consumer", &number.to_string(), topic, group])
            .env("KAFKA_BOOTSTRAP_SERVERS", url)
            .stdin(Stdio::piped())
            .stdout(self.writer.try_clone()?)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start a consumer")?;
        self.members.insert(number, child);
        self.has.insert(number, BTreeSet::new());
        Ok(())
    }

    /// Returns when all are in the group, each partition is somebody's, and nobody has two of them
    /// while somebody has none. Tells who has what.
    pub async fn settled(&mut self, log: &mut Log) -> Result<()> {
        loop {
            let counts = self.has.values().map(BTreeSet::len);
            let all = counts.clone().sum::<usize>() == PARTITIONS;
            let fair = counts.clone().max() <= counts.min().map(|least| least + 1);
            let joined = self
                .members
                .keys()
                .all(|member| self.joined.contains(member));
            if all && joined && (fair || self.members.len() == 1) {
                break;
            }
            let line = self.next(PATIENCE).await?;
            self.record(log, &line.context("the group does not come to rest")?)?;
        }
        let told: Vec<String> = self.has.iter().map(of_one).collect();
        log.remark("inventory", &told.join(", "));
        Ok(())
    }

    /// Records what they hear of the accident, where they hear something.
    pub async fn heard(&mut self, log: &mut Log) -> Result<()> {
        let args = self.args;
        match (args.accident, args.protocol, args.name) {
            (Accident::Leaves, _, Name::None) => self.settled(log).await,
            (Accident::Leaves, _, Name::Fixed) | (Accident::Killed, ..) => Ok(()),
            (Accident::Restarted, Protocol::Classic, Name::None) => {
                self.watch(log, "consumer 2  gives up").await
            }
            (Accident::Restarted, Protocol::Classic, Name::Fixed) => {
                self.watch(log, "consumer 1  gets").await
            }
            (Accident::Restarted, Protocol::Consumer, Name::None) => Ok(()),
            (Accident::Restarted, Protocol::Consumer, Name::Fixed) => {
                self.watch(log, "consumer 1  ends").await
            }
        }
    }

    /// Records what they do until one says this.
    async fn watch(&mut self, log: &mut Log, until: &str) -> Result<()> {
        loop {
            let line = self.next(PATIENCE).await?;
            let line = line.context("nobody says what was to come")?;
            self.record(log, &line)?;
            if line.starts_with(until) {
                return Ok(());
            }
        }
    }

    /// Records what they do until so many orders are done. So many of them may be stuck: when all
    /// others are done, it is over as soon as nothing happens any more.
    pub async fn packed(&mut self, log: &mut Log, orders: usize, stuck: usize) -> Result<()> {
        let is_done = |event: &&Event| event.verb == Verb::Done;
        loop {
            let done = log.events().iter().filter(is_done).count();
            if done >= orders {
                return Ok(());
            }
            let patience = match done + stuck < orders {
                true => PATIENCE,
                false => SILENCE,
            };
            let Some(line) = self.next(patience).await? else {
                ensure!(done + stuck >= orders, "nobody packs the orders");
                return Ok(());
            };
            self.record(log, &line)?;
        }
    }

    /// How many orders nobody packs after the accident: those on the partitions of one who is dead
    /// or away, and whose place nobody has taken.
    pub fn stuck(&self) -> usize {
        match (self.args.accident, self.args.protocol, self.args.name) {
            (Accident::Leaves, _, Name::None) => 0,
            (Accident::Restarted, Protocol::Classic, Name::Fixed) => 0,
            // Everybody has stopped, and waits for the dead one to come to the meeting.
            (Accident::Restarted, Protocol::Classic, Name::None) => 2,
            _ => 1,
        }
    }

    /// Asks one to leave, by closing its standard input, and waits for its end.
    pub async fn leave(&mut self, number: u32) -> Result<()> {
        let mut member = self.take(number)?;
        drop(member.stdin.take());
        let ended = member.wait().await?;
        ensure!(ended.success(), "consumer {number} failed");
        Ok(())
    }

    /// SIGKILL: no goodbye to Kafka.
    pub async fn kill(&mut self, number: u32, log: &mut Log) -> Result<()> {
        self.take(number)?.kill().await?;
        log.remark(&format!("consumer {number}"), "is killed");
        Ok(())
    }

    /// Sends all home. Where the group waits for a dead member, leaving takes long as well: then they
    /// are killed.
    pub async fn go_home(mut self) -> Result<()> {
        for member in self.members.values_mut() {
            drop(member.stdin.take());
        }
        let all = async {
            for (number, member) in &mut self.members {
                let ended = member.wait().await?;
                ensure!(ended.success(), "consumer {number} failed");
            }
            Ok(())
        };
        timeout(SILENCE, all).await.unwrap_or(Ok(()))
    }

    fn take(&mut self, number: u32) -> Result<Child> {
        self.has.remove(&number);
        self.joined.remove(&number);
        self.members.remove(&number).context("no such consumer")
    }

    async fn next(&mut self, patience: Duration) -> Result<Option<String>> {
        match timeout(patience, self.lines.recv()).await {
            Ok(line) => Ok(Some(line.context("the pipe is closed")?)),
            Err(_) => Ok(None),
        }
    }

    fn record(&mut self, log: &mut Log, line: &str) -> Result<()> {
        let (lane, text) = lane(line).context("a line without a lane")?;
        let number = lane.rsplit(' ').next().unwrap_or_default().parse()?;
        if text == IN_THE_GROUP {
            self.joined.insert(number);
            return Ok(());
        }
        let partitions = |text: &str| -> Result<BTreeSet<i32>> {
            text.split(' ').map(|word| Ok(word.parse()?)).collect()
        };
        if let Some(has) = self.has.get_mut(&number) {
            if let Some(gets) = text.strip_prefix("gets ") {
                has.append(&mut partitions(gets)?);
            } else if let Some(lets_go) = text.strip_prefix("gives up ") {
                *has = &*has - &partitions(lets_go)?;
            }
        }
        match line.parse::<Event>() {
            Ok(event) => log.event(event),
            Err(_) => log.remark(lane, text),
        }
        Ok(())
    }
}

fn of_one((number, has): (&u32, &BTreeSet<i32>)) -> String {
    let numbers: Vec<String> = has.iter().map(i32::to_string).collect();
    match numbers.is_empty() {
        true => format!("consumer {number} is idle"),
        false => format!("consumer {number} has {}", numbers.join(" ")),
    }
}

fn read(reader: PipeReader, sender: &mpsc::Sender<String>) {
    for line in BufReader::new(reader).lines() {
        let Ok(line) = line else { break };
        if sender.blocking_send(line).is_err() {
            break;
        }
    }
}
