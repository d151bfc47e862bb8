//! What passes between a run and its broker, told to a page that looks inside.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Result;
use companion::tap::{Tap, Told, VARIABLE};
use tokio::process::Command;
use tokio::sync::mpsc::Sender;

use super::news::News;

/// How many frames a page is told of.
const FRAMES: usize = 400;
/// How much text, in bytes.
const BYTES: usize = 64 * 1024;

/// A run's tap, where its page wants one.
pub struct Inside {
    tap: Option<Tap>,
    frames: usize,
    bytes: usize,
    /// By kind: the frames that are only counted.
    rest: BTreeMap<String, u64>,
}

impl Inside {
    /// A tap for a run of this package; none unless it is `wanted`.
    pub async fn open(wanted: bool, package: &str) -> Result<Inside> {
        let tap = match wanted {
            true => Some(Tap::open(package).await?),
            false => None,
        };
        Ok(Inside {
            tap,
            frames: 0,
            bytes: 0,
            rest: BTreeMap::new(),
        })
    }

    /// Lets the listing that this command starts go through the tap.
    pub fn lead(&self, command: &mut Command) {
        match &self.tap {
            Some(tap) => command.env(VARIABLE, tap.setting()),
            None => command.env_remove(VARIABLE),
        };
    }

    /// Tells of each frame, its time since `begun`; does not return before the tap is over. May be
    /// dropped half-way.
    pub async fn tell(&mut self, begun: Instant, page: &Sender<News>) {
        let Some(tap) = &mut self.tap else { return };
        // Its place first: a frame that has been taken is told.
        while let Ok(place) = page.reserve().await {
            let frame = match tap.next(begun).await {
                None => return,
                Some(Told::Frame(frame)) => frame.shortened(),
                Some(Told::Rest(kind, count)) => {
                    *self.rest.entry(kind).or_default() += count;
                    continue;
                }
            };
            let (kind, frame) = (frame.kind.clone(), frame.to_string());
            if self.frames == FRAMES || self.bytes + frame.len() > BYTES {
                *self.rest.entry(kind).or_default() += 1;
                continue;
            }
            self.frames += 1;
            self.bytes += frame.len();
            place.send(News::Frame { frame });
        }
    }

    /// The listing has ended: tells what it has said to the last, and how much else has passed.
    pub async fn finish(mut self, begun: Instant, page: &Sender<News>) {
        let Some(tap) = &self.tap else { return };
        tap.over();
        self.tell(begun, page).await;
        // A page that is gone is no problem of the run's.
        let _ = page.send(News::Wire { rest: self.rest }).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::mpsc::channel;

    use super::*;

    /// A page that is told of all that a client says through the tap.
    async fn told(said: String) -> (Vec<String>, BTreeMap<String, u64>) {
        let begun = Instant::now();
        let inside = Inside::open(true, "ch02-x").await.unwrap();
        let setting = inside.tap.as_ref().unwrap().setting().to_owned();
        let (address, word) = setting.split_once('/').unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let broker = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(
                    async move { tokio::io::copy(&mut client, &mut tokio::io::sink()).await },
                );
            }
        });
        let mut asking = TcpStream::connect(address).await.unwrap();
        let question = format!("{word} nats nats://{broker}\n");
        asking.write_all(question.as_bytes()).await.unwrap();
        let mut answer = String::new();
        asking.read_to_string(&mut answer).await.unwrap();
        let given = answer.trim_end().strip_prefix("ok nats://").unwrap();
        let mut client = TcpStream::connect(given).await.unwrap();
        client.write_all(said.as_bytes()).await.unwrap();
        // Once the broker has closed its side, it has had all of it.
        client.shutdown().await.unwrap();
        client.read_to_end(&mut Vec::new()).await.unwrap();
        drop(client);
        let (page, mut heard) = channel(10);
        let hearing = async {
            let (mut frames, mut all) = (Vec::new(), BTreeMap::new());
            while let Some(news) = heard.recv().await {
                match news {
                    News::Frame { frame } => frames.push(frame),
                    News::Wire { rest } => all = rest,
                    other => panic!("{other:?}"),
                }
            }
            (frames, all)
        };
        let telling = async move { inside.finish(begun, &page).await };
        tokio::join!(hearing, telling).0
    }

    #[tokio::test]
    async fn a_page_is_told_of_the_first_frames_and_of_how_many_more_there_are() {
        let (frames, rest) = told("PUB a 3\r\no-1\r\n".repeat(FRAMES + 7)).await;
        assert_eq!(frames.len(), FRAMES);
        assert!(frames[0].ends_with("  connection 1  ->  PUB  o-1  subject: a"));
        assert_eq!(rest, BTreeMap::from([("PUB".to_owned(), 7)]));
    }

    #[tokio::test]
    async fn what_a_frame_says_is_bounded() {
        let header = format!("X: {}\r\n", "y ".repeat(500)).repeat(40);
        let head = format!("NATS/1.0\r\n{header}\r\n");
        let said = format!("HPUB a {} {}\r\n{head}o-1\r\n", head.len(), head.len() + 3);
        let (frames, rest) = told(said.repeat(FRAMES)).await;
        let bytes: usize = frames.iter().map(String::len).sum();
        assert!(bytes <= BYTES && !frames.is_empty(), "{bytes}");
        assert_eq!(frames.len() as u64 + rest["PUB"], FRAMES as u64);
    }
}
