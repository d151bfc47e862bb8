//! Where a listing asks for its tap: one question and one answer on each connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use wire::Proxy;

use super::{LAST_WORDS, Seen};
use crate::peer;

/// How many brokers one run may have.
const BROKERS: usize = 8;
/// How many may ask at once.
const ASKING: usize = 16;
/// How long a question may be.
const LONGEST: u64 = 2048;
/// How long a question may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait when no connection can be taken.
const BREATH: Duration = Duration::from_millis(20);

pub(super) struct Door {
    listener: TcpListener,
    address: SocketAddr,
    word: String,
    tell: mpsc::Sender<Seen>,
    over: watch::Receiver<bool>,
    taps: Mutex<Taps>,
}

/// The proxies that there are.
#[derive(Default)]
struct Taps {
    /// What was asked for, and what was answered.
    urls: Vec<(String, String)>,
    telling: JoinSet<()>,
}

impl Door {
    pub(super) async fn open(
        tell: mpsc::Sender<Seen>,
        over: watch::Receiver<bool>,
    ) -> Result<Door> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let mut random = [0_u8; 16];
        getrandom::fill(&mut random).context("this machine has no random numbers")?;
        Ok(Door {
            address: listener.local_addr()?,
            listener,
            word: random.iter().map(|byte| format!("{byte:02x}")).collect(),
            tell,
            over,
            taps: Mutex::default(),
        })
    }

    pub(super) fn setting(&self) -> String {
        format!("{}/{}", self.address, self.word)
    }

    /// Answers until the run is over, and then until all that was said has been told.
    pub(super) async fn keep(self: Arc<Self>) {
        let mut over = self.over.clone();
        let mut asking = JoinSet::new();
        loop {
            let stream = tokio::select! {
                _ = over.wait_for(|over| *over) => break,
                taken = self.listener.accept() => taken,
            };
            while asking.try_join_next().is_some() {}
            match stream {
                Ok((stream, _)) if asking.len() < ASKING && peer::is_own(&stream) => {
                    let door = self.clone();
                    asking.spawn(async move { drop(timeout(PATIENCE, door.answer(stream)).await) });
                }
                Ok(_) => {}
                // No file descriptor is left. A poll: nothing tells when one is free again.
                Err(_) => tokio::time::sleep(BREATH).await,
            }
        }
        asking.shutdown().await;
        let mut taps = std::mem::take(&mut *self.taps.lock().await);
        while taps.telling.join_next().await.is_some() {}
    }

    async fn answer(&self, mut stream: TcpStream) -> Result<()> {
        let mut question = String::new();
        let mut from = BufReader::new((&mut stream).take(LONGEST));
        from.read_line(&mut question).await?;
        let answer = match self.tap(question.trim_end()).await {
            Ok(url) => format!("ok {url}\n"),
            Err(error) => format!("no {}\n", format!("{error:#}").replace('\n', " ")),
        };
        stream.write_all(answer.as_bytes()).await?;
        Ok(())
    }

    /// The address in front of the broker that the question names.
    async fn tap(&self, question: &str) -> Result<String> {
        let words: Vec<&str> = question.split(' ').collect();
        let [word, kind, url] = words[..] else {
            bail!("a question is WORD KIND URL");
        };
        ensure!(same(word, &self.word), "this is not the tap's word");
        ensure!(
            hosts(url).all(is_here),
            "only a broker on this machine can be looked into"
        );
        let mut taps = self.taps.lock().await;
        let known = |(asked, given): &&(String, String)| asked == url || given == url;
        if let Some((_, given)) = taps.urls.iter().find(known) {
            return Ok(given.clone());
        }
        ensure!(
            taps.urls.len() < BROKERS,
            "a run has at most {BROKERS} brokers"
        );
        let proxy = match kind {
            "nats" => Proxy::nats(url).await?,
            "rabbitmq" => Proxy::amqp(url).await?,
            "kafka" => Proxy::kafka(url).await?,
            other => bail!("there is no broker {other}"),
        };
        let (given, number) = (proxy.url().to_owned(), taps.urls.len());
        taps.urls.push((url.to_owned(), given.clone()));
        let (tell, over) = (self.tell.clone(), self.over.clone());
        taps.telling.spawn(follow(number, proxy, tell, over));
        Ok(given)
    }
}

/// Tells of each frame that passes, until the run is over and its connections have ended.
async fn follow(
    number: usize,
    proxy: Proxy,
    tell: mpsc::Sender<Seen>,
    mut over: watch::Receiver<bool>,
) {
    let begun = proxy.begun();
    let mut told = 0;
    let ended = async {
        drop(over.wait_for(|over| *over).await);
        // A broker that goes on may keep a connection open.
        drop(timeout(LAST_WORDS, proxy.closed()).await);
    };
    tokio::pin!(ended);
    loop {
        let (frames, last) = tokio::select! {
            biased;
            frames = proxy.frames_after(told) => (frames, false),
            () = &mut ended => (proxy.frames().split_off(told), true),
        };
        let none = frames.is_empty();
        told += frames.len();
        for frame in frames {
            let at = begun + frame.at;
            if tell.send(Seen::Frame(number, at, frame)).await.is_err() {
                return;
            }
        }
        if none || last {
            break;
        }
    }
    if proxy.left_out() > 0 {
        drop(tell.send(Seen::Lost(proxy.left_out())).await);
    }
}

/// Compares all of both, so that the time tells nothing.
fn same(one: &str, other: &str) -> bool {
    let differs = |(a, b): (u8, u8)| a ^ b;
    let bits = one.bytes().zip(other.bytes()).map(differs);
    one.len() == other.len() && bits.fold(0, |all, bits| all | bits) == 0
}

/// The hosts of a URL, or of a list of addresses.
fn hosts(url: &str) -> impl Iterator<Item = &str> {
    url.split(',').map(|one| {
        let one = one.split_once("://").map_or(one, |(_, rest)| rest);
        let one = one.split(['/', '?', '#']).next().unwrap_or_default();
        let one = one.rsplit_once('@').map_or(one, |(_, place)| place);
        match one.strip_prefix('[') {
            Some(inner) => inner.split(']').next().unwrap_or_default(),
            None => one.split(':').next().unwrap_or_default(),
        }
    })
}

fn is_here(host: &str) -> bool {
    let address: Option<IpAddr> = host.parse().ok();
    host == "localhost" || address.is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_elsewhere_is_none_of_this_machine() {
        for here in [
            "nats://127.0.0.1:4222",
            "nats://user:pass@localhost:4222,nats://[::1]:4223",
            "amqp://guest:guest@127.0.0.1:5672/book-01",
            "127.0.0.1:9092,localhost:9093",
        ] {
            assert!(hosts(here).all(is_here), "{here}");
        }
        for elsewhere in [
            "nats://192.0.2.1:4222",
            "nats://127.0.0.1@example.com:4222",
            "nats://127.0.0.1:4222,nats://example.com:4222",
            "amqp://127.0.0.1.example.com/",
            "example.com:9092?127.0.0.1",
            "",
        ] {
            assert!(!hosts(elsewhere).all(is_here), "{elsewhere}");
        }
    }
}
