//! What the proxy of the exercises adds to the time of a round trip.

use std::io;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use brokers::Kind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wire::Proxy;

use super::measure::native;
use crate::percentile::percentile;

/// How many round trips are made one way before the other is measured again.
const TURN: u32 = 100;

/// The round trips with one broker.
pub struct Row {
    what: String,
    direct: Vec<Duration>,
    proxied: Vec<Duration>,
}

/// Round trips with each broker, on one idle connection to it and on one through the proxy.
pub async fn measure(runs: u32) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for kind in Kind::ALL {
        let broker = brokers::start(kind, native()).await?;
        let wire = match kind {
            Kind::Nats => Proxy::nats(broker.url()).await?,
            Kind::RabbitMq => Proxy::amqp(broker.url()).await?,
            Kind::Kafka => Proxy::kafka(broker.url()).await?,
        };
        let mut direct = Trip::begin(kind, broker.url()).await?;
        let mut proxied = Trip::begin(kind, wire.url()).await?;
        let mut row = Row {
            what: format!("{kind} {}, {}", broker.version(), direct.what),
            direct: Vec::new(),
            proxied: Vec::new(),
        };
        // The first turns, while buffers grow, do not count.
        for turn in 0..2 + runs.div_ceil(TURN) {
            for (trip, times) in [
                (&mut direct, &mut row.direct),
                (&mut proxied, &mut row.proxied),
            ] {
                for _ in 0..TURN {
                    let took = trip.time().await?;
                    if turn > 1 {
                        times.push(took);
                    }
                }
            }
        }
        rows.push(row);
        drop((direct, proxied));
        wire.stop().await?;
        broker.stop().await?;
    }
    Ok(rows)
}

/// One connection, and what is asked on it again and again.
struct Trip {
    stream: TcpStream,
    what: &'static str,
    question: Vec<u8>,
    answer: Answer,
}

/// How an answer is known.
enum Answer {
    /// It has so many bytes.
    Length(usize),
    /// This is in it. There may be more: a NATS server speaks unasked, too.
    Holds(&'static [u8]),
}

impl Answer {
    fn is(&self, said: &[u8]) -> bool {
        match self {
            Answer::Length(length) => said.len() >= *length,
            Answer::Holds(part) => said.windows(part.len()).any(|window| window == *part),
        }
    }
}

impl Trip {
    async fn begin(kind: Kind, url: &str) -> Result<Trip> {
        let place = url.rsplit_once('@').map_or(url, |(_, place)| place);
        let place = place.trim_start_matches("nats://");
        let place = place.split('/').next().unwrap_or_default();
        let stream = TcpStream::connect(place).await?;
        stream.set_nodelay(true)?;
        let begun = match kind {
            Kind::Nats => nats(stream).await,
            Kind::RabbitMq => amqp(stream).await,
            Kind::Kafka => kafka(stream).await,
        };
        begun.with_context(|| format!("{kind} does not answer as it should"))
    }

    async fn time(&mut self) -> Result<Duration> {
        let mut answer = Vec::with_capacity(4096);
        let begun = Instant::now();
        self.stream.write_all(&self.question).await?;
        while !self.answer.is(&answer) {
            ensure!(self.stream.read_buf(&mut answer).await? > 0, "it hangs up");
        }
        Ok(begun.elapsed())
    }
}

/// A message to oneself.
async fn nats(mut stream: TcpStream) -> Result<Trip> {
    stream
        .write_all(b"CONNECT {\"verbose\":false}\r\nSUB orders 1\r\nPING\r\n")
        .await?;
    let mut said = Vec::new();
    while !said.ends_with(b"PONG\r\n") {
        said.push(stream.read_u8().await?);
    }
    Ok(Trip {
        stream,
        what: "a message to oneself",
        question: b"PUB orders 3\r\no-1\r\n".to_vec(),
        answer: Answer::Holds(b"MSG orders 1 3\r\no-1\r\n"),
    })
}

/// `basic.qos`, after a login as guest.
async fn amqp(mut stream: TcpStream) -> Result<Trip> {
    stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
    frame(&mut stream).await?;
    // start-ok, with no properties; tune-ok, with the greatest numbers and no heartbeat; open of the
    // virtual host `/`; and the channel.
    let login = b"\0\x0a\0\x0b\0\0\0\0\x05PLAIN\0\0\0\x0c\0guest\0guest\x05en_US";
    stream.write_all(&method(0, login)).await?;
    frame(&mut stream).await?;
    let tune = b"\0\x0a\0\x1f\x07\xff\0\x02\0\0\0\0";
    stream.write_all(&method(0, tune)).await?;
    stream
        .write_all(&method(0, b"\0\x0a\0\x28\x01/\0\0"))
        .await?;
    frame(&mut stream).await?;
    stream.write_all(&method(1, b"\0\x14\0\x0a\0")).await?;
    frame(&mut stream).await?;
    let question = method(1, b"\0\x3c\0\x0a\0\0\0\0\0\x0a\0");
    stream.write_all(&question).await?;
    let answer = frame(&mut stream).await?;
    ensure!(answer.starts_with(b"\0\x3c\0\x0b"), "no qos-ok");
    Ok(Trip {
        stream,
        what: "a prefetch is set",
        question,
        answer: Answer::Length(7 + answer.len() + 1),
    })
}

fn method(channel: u16, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![1];
    frame.extend(channel.to_be_bytes());
    frame.extend((body.len() as u32).to_be_bytes());
    frame.extend(body);
    frame.push(0xCE);
    frame
}

/// The next frame, without its head and its end.
async fn frame(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    stream.read_exact(&mut [0; 3]).await?;
    let length = stream.read_u32().await?;
    let mut body = vec![0; length as usize + 1];
    stream.read_exact(&mut body).await?;
    body.pop();
    Ok(body)
}

/// Which versions does the broker speak?
async fn kafka(mut stream: TcpStream) -> Result<Trip> {
    // ApiVersions, version 0, number 1, no client id.
    let question = b"\0\0\0\x0a\0\x12\0\0\0\0\0\x01\xff\xff".to_vec();
    stream.write_all(&question).await?;
    let length = stream.read_u32().await? as usize;
    stream.read_exact(&mut vec![0; length]).await?;
    Ok(Trip {
        stream,
        what: "its versions are asked for",
        question,
        answer: Answer::Length(4 + length),
    })
}

/// The table: the median and the 99th percentile, and by how much they are greater with the proxy.
pub fn render(rows: &[Row]) -> String {
    let mut table = format!(
        "{:44}{:>16}{:>16}{:>16}\n{:44}{}\n",
        "round trip",
        "direct",
        "through wire",
        "added",
        "",
        "     p50     p99".repeat(3)
    );
    for row in rows {
        let of = |times: &[Duration]| {
            let mut times = times.to_vec();
            times.sort();
            [0.5, 0.99].map(|share| percentile(&times, share).map_or(0, |time| time.as_micros()))
        };
        table += &format!("{:44}", row.what);
        let (direct, proxied) = (of(&row.direct), of(&row.proxied));
        let added = [0, 1].map(|at| proxied[at].saturating_sub(direct[at]));
        for micros in [direct, proxied, added].concat() {
            table += &format!("{:>8}", format!("{micros} us"));
        }
        table.push('\n');
    }
    table.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_the_difference_of_the_percentiles() {
        let times = |from: u64| (from..from + 100).map(Duration::from_micros).collect();
        let rows = [Row {
            what: "NATS 2.15.1, a message to oneself".to_owned(),
            direct: times(100),
            proxied: times(130),
        }];
        insta::assert_snapshot!(render(&rows));
    }
}
