//! A worker of a listing is the same program in a process of its own, and ends with it.

use std::os::unix::process::ExitStatusExt;

use brokers::{Broker, Kind, Options, Worker};

/// The environment's variable that tells a worker from the test that started it.
const ADDRESS: &str = "NATS_URL";
/// What makes this program, a test harness, the worker.
const ARGS: [&str; 4] = ["--exact", "worker::the_worker", "--nocapture", "--quiet"];

/// Not a test but what a worker does: it says the broker's address and stays until it is asked to
/// end, one way or the other.
#[tokio::test]
async fn the_worker() {
    let Ok(url) = std::env::var(ADDRESS) else {
        return;
    };
    let dismissed = async {
        println!("worker 1  {url}");
        brokers::parent_gone().await;
    };
    tokio::select! {
        // In this order: it listens for signals before it says anything.
        biased;
        () = brokers::interrupted() => println!("worker 1  terminated"),
        () = dismissed => println!("worker 1  dismissed"),
    }
}

async fn broker() -> Broker {
    let options = Options {
        private: true,
        ..Options::default()
    };
    brokers::start(Kind::Nats, options).await.unwrap()
}

/// The worker's next line that is not the harness's.
async fn line(worker: &mut Worker) -> Option<String> {
    loop {
        let line = worker.line().await.unwrap()?;
        if line.starts_with("worker 1  ") {
            return Some(line);
        }
    }
}

async fn started(broker: &Broker) -> Worker {
    let mut worker = Worker::start(broker, ARGS).unwrap();
    let expected = format!("worker 1  {}", broker.url());
    assert_eq!(line(&mut worker).await, Some(expected));
    worker
}

#[tokio::test]
async fn a_worker_is_dismissed_terminated_or_killed() {
    let broker = broker().await;
    let mut worker = started(&broker).await;
    worker.dismiss();
    let said = line(&mut worker).await;
    assert_eq!(said.as_deref(), Some("worker 1  dismissed"));
    assert!(worker.ended().await.unwrap().success());

    let mut worker = started(&broker).await;
    worker.terminate().unwrap();
    let said = line(&mut worker).await;
    assert_eq!(said.as_deref(), Some("worker 1  terminated"));
    assert!(worker.ended().await.unwrap().success());
    assert!(worker.terminate().is_err(), "it has ended already");

    let mut worker = started(&broker).await;
    worker.kill().await.unwrap();
    assert_eq!(line(&mut worker).await, None, "it says no goodbye");
    assert_eq!(worker.ended().await.unwrap().signal(), Some(9));
    broker.stop().await.unwrap();
}
