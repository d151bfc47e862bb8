//! Members of a group for a test: what they are told, and how they go.

use std::collections::BTreeSet;
use std::env;
use std::io::Read;
use std::ops::Deref;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::{ClientConfig, TopicPartitionList};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::group::settings;
use super::topic::{LONG, Settings, Topic};

/// Long enough for a group whose members are alive to share its partitions anew.
pub const WHILE: Duration = Duration::from_millis(1500);

/// What happens to a member.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    Gets(BTreeSet<i32>),
    GivesUp(BTreeSet<i32>),
    Order(String),
    Fatal(RDKafkaErrorCode),
}

struct Callbacks(mpsc::UnboundedSender<Told>);

fn numbers(partitions: &TopicPartitionList) -> BTreeSet<i32> {
    let partitions = partitions.elements();
    partitions.iter().map(|it| it.partition()).collect()
}

impl ClientContext for Callbacks {}

impl ConsumerContext for Callbacks {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance {
            let _ = self.0.send(Told::GivesUp(numbers(partitions)));
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = rebalance {
            let _ = self.0.send(Told::Gets(numbers(partitions)));
        }
    }
}

/// A consumer that is closed on a thread of its own, for which no test waits. While librdkafka closes a
/// consumer that has not heard of the last rebalance yet, it may drop the question that rdkafka asks
/// it then, and rdkafka waits for the answer for ever.
pub struct Apart<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> Apart<T> {
    pub fn new(consumer: T) -> Apart<T> {
        Apart(Some(consumer))
    }
}

impl<T: Send + 'static> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().unwrap()
    }
}

impl<T: Send + 'static> Drop for Apart<T> {
    fn drop(&mut self) {
        if let Some(consumer) = self.0.take() {
            thread::spawn(move || drop(consumer));
        }
    }
}

/// A member of the topic's group in this process, and what it has.
pub struct Member {
    told: mpsc::UnboundedReceiver<Told>,
    pub has: BTreeSet<i32>,
    leave: mpsc::Sender<()>,
    work: JoinHandle<()>,
}

impl Member {
    pub fn join(topic: &Topic, settings: Settings<'_>) -> Member {
        Member::of(&super::group::settings(topic, settings), &topic.name)
    }

    fn of(config: &ClientConfig, topic: &str) -> Member {
        let (tell, told) = mpsc::unbounded_channel();
        let (leave, mut leaves) = mpsc::channel(1);
        let callbacks = Callbacks(tell.clone());
        let consumer: StreamConsumer<Callbacks> = config.create_with_context(callbacks).unwrap();
        consumer.subscribe(&[topic]).unwrap();
        let mut consumer = Apart::new(consumer);
        let work = tokio::spawn(async move {
            loop {
                let record = tokio::select! {
                    goes = leaves.recv() => match goes {
                        Some(()) => break,
                        // The test is over.
                        None => return,
                    },
                    record = consumer.recv() => record,
                };
                let told = match record {
                    Ok(record) => {
                        let body = record.payload().unwrap().to_vec();
                        Told::Order(String::from_utf8(body).unwrap())
                    }
                    Err(KafkaError::MessageConsumptionFatal(why)) => Told::Fatal(why),
                    // The end of a partition, or news.
                    Err(_) => continue,
                };
                let _ = tell.send(told);
            }
            let last = consumer.0.take();
            spawn_blocking(move || drop(last)).await.unwrap();
        });
        let has = BTreeSet::new();
        Member {
            told,
            has,
            leave,
            work,
        }
    }

    /// The next thing that it is told.
    pub async fn next(&mut self) -> Told {
        let told = timeout(LONG, self.told.recv()).await.unwrap().unwrap();
        match &told {
            Told::Gets(more) => self.has.extend(more),
            Told::GivesUp(less) => self.has.retain(|it| !less.contains(it)),
            Told::Order(_) | Told::Fatal(_) => {}
        }
        told
    }

    /// Returns when it has so many partitions.
    pub async fn until(&mut self, count: usize) {
        while self.has.len() != count {
            self.next().await;
        }
    }

    /// What it has, once nobody has told it anything for a while.
    pub async fn after_a_while(&mut self) -> usize {
        while timeout(WHILE, self.next()).await.is_ok() {}
        self.has.len()
    }

    /// What it gives up next.
    pub async fn gives_up(&mut self) -> BTreeSet<i32> {
        loop {
            if let Told::GivesUp(partitions) = self.next().await {
                return partitions;
            }
        }
    }

    /// Says goodbye.
    async fn goes(self) {
        self.leave.send(()).await.unwrap();
        self.work.await.unwrap();
    }
}

/// How long a member in a process of its own may take to leave.
const GOODBYE: Duration = Duration::from_secs(30);

/// The variable in which another process of this program finds what it is to be.
const MEMBER: &str = "BOOK_TESTS_MEMBER";

/// A member in a process of its own, which can be killed, once it has partitions.
pub async fn process(topic: &Topic, more: Settings<'_>) -> Child {
    let config = settings(topic, more);
    let config = config.config_map();
    let lines: Vec<String> = config
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "kafka::members::another_process"])
        .env(MEMBER, format!("{}\n{}", topic.name, lines.join("\n")))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stderr.take().unwrap()).lines();
    let has = async { while output.next_line().await.unwrap().unwrap() != "it has partitions" {} };
    timeout(LONG, has).await.unwrap();
    child
}

/// No test, but what such a process does.
#[tokio::test(flavor = "multi_thread")]
async fn another_process() {
    let Ok(what) = env::var(MEMBER) else { return };
    let (topic, lines) = what.split_once('\n').unwrap();
    let mut config = ClientConfig::new();
    for (key, value) in lines.lines().map(|line| line.split_once('=').unwrap()) {
        config.set(key, value);
    }
    let mut member = Member::of(&config, topic);
    while member.has.is_empty() {
        member.next().await;
    }
    eprintln!("it has partitions");
    // It leaves when its standard input is closed.
    let wait = || std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    spawn_blocking(wait).await.unwrap();
    // It may wait for ever, see `Apart`. Then it has not said goodbye.
    let goodbye = timeout(GOODBYE, member.goes()).await;
    // Whoever waits there is not waited for.
    std::process::exit(i32::from(goodbye.is_err()));
}

pub async fn killed(mut process: Child) {
    process.kill().await.unwrap();
}

pub async fn sent_home(mut process: Child) {
    drop(process.stdin.take());
    assert!(process.wait().await.unwrap().success());
}
