//! What the parts of a proxy share.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::act::{Rule, What};
use crate::address::Address;
use crate::kafka::Topics;
use crate::ledger::Ledger;
use crate::reader::Protocol;
use crate::relay::relay;
use crate::weather::Weather;
use crate::{Error, Fate, Frame};

/// How long to wait when no connection can be taken.
const BREATH: Duration = Duration::from_millis(20);

pub(crate) struct Shared {
    pub(crate) protocol: Protocol,
    pub(crate) topics: Arc<Topics>,
    begun: Instant,
    ledger: Mutex<Ledger>,
    /// Something has been entered in the ledger.
    entered: Notify,
    pub(crate) weather: watch::Sender<Weather>,
    /// How often all connections were reset.
    pub(crate) resets: watch::Sender<u32>,
    /// The proxy's port for each broker.
    doors: Mutex<BTreeMap<Address, u16>>,
    /// None once the proxy has ended.
    tasks: Mutex<Option<JoinSet<()>>>,
}

impl Shared {
    pub(crate) fn new(protocol: Protocol) -> Shared {
        Shared {
            protocol,
            topics: Arc::default(),
            begun: Instant::now(),
            ledger: Mutex::default(),
            entered: Notify::new(),
            weather: watch::Sender::default(),
            resets: watch::Sender::default(),
            doors: Mutex::default(),
            tasks: Mutex::new(Some(JoinSet::new())),
        }
    }

    /// When the proxy began to listen.
    pub(crate) fn begun(&self) -> Instant {
        self.begun
    }

    /// The time since the proxy began to listen.
    pub(crate) fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    pub(crate) fn delay(&self) -> Duration {
        self.weather.borrow().delay
    }

    /// Looks at the ledger.
    pub(crate) fn look<T>(&self, see: impl FnOnce(&Ledger) -> T) -> T {
        see(&locked(&self.ledger))
    }

    /// Enters something in the ledger.
    fn write<T>(&self, enter: impl FnOnce(&mut Ledger) -> T) -> T {
        let entered = enter(&mut locked(&self.ledger));
        self.entered.notify_waiters();
        entered
    }

    pub(crate) fn rule(&self, rule: Rule) {
        self.write(|ledger| ledger.rules.push(rule));
    }

    /// Enters a frame, and says what is to become of it.
    pub(crate) fn enter(&self, frame: Frame) -> Option<(What, Frame)> {
        self.write(|ledger| ledger.enter(frame))
    }

    pub(crate) fn strike(&self, fate: Fate, frame: Frame) {
        let at = self.now();
        self.write(|ledger| ledger.strike(at, fate, frame));
    }

    /// A partition holds up a frame.
    pub(crate) fn withhold(&self) {
        self.write(|ledger| ledger.withheld += 1);
    }

    /// A connection is there; gives its number.
    pub(crate) fn opened(&self) -> u32 {
        let at = self.now();
        self.write(|ledger| ledger.open(at))
    }

    /// A connection has ended.
    pub(crate) fn closed(&self, connection: u32) {
        let at = self.now();
        self.write(|ledger| ledger.close(at, connection));
    }

    pub(crate) fn fail(&self, error: Error) {
        self.write(|ledger| {
            ledger.problem.get_or_insert_with(|| Arc::new(error));
        });
    }

    /// Returns once the ledger shows it.
    pub(crate) async fn until<T>(&self, see: impl Fn(&Ledger) -> Option<T>) -> T {
        loop {
            let entered = self.entered.notified();
            tokio::pin!(entered);
            // What is entered from here on is noticed.
            entered.as_mut().enable();
            if let Some(seen) = self.look(&see) {
                return seen;
            }
            entered.await;
        }
    }

    /// Returns once something stands in the proxy's way.
    pub(crate) async fn failed(&self) -> Arc<Error> {
        self.until(|ledger| ledger.problem.clone()).await
    }

    /// The proxy's own address for the broker at this one.
    pub(crate) fn door(self: &Arc<Self>, broker: Address) -> Result<Address, Error> {
        let mut doors = locked(&self.doors);
        let port = match doors.get(&broker) {
            Some(port) => *port,
            None => {
                let port = self.open(vec![broker.clone()])?;
                doors.insert(broker, port);
                port
            }
        };
        Ok(Address {
            host: Ipv4Addr::LOCALHOST.to_string(),
            port,
        })
    }

    /// A port whose connections go on to the first of these that takes them.
    pub(crate) fn open(self: &Arc<Self>, servers: Vec<Address>) -> Result<u16, Error> {
        let (listener, port) = listen().map_err(Error::Listen)?;
        let (shared, servers) = (self.clone(), Arc::new(servers));
        self.spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((client, _)) if shared.weather.borrow().refused => {
                        // It ends with a reset.
                        drop(client.set_zero_linger());
                    }
                    Ok((client, _)) => {
                        let (servers, here) = (servers.clone(), shared.clone());
                        shared.spawn(async move { relay(&here, client, &servers).await });
                    }
                    // The client has gone already, or this program has no file descriptor left. The
                    // latter is a poll: nothing tells when another connection has ended.
                    Err(_) => sleep(BREATH).await,
                }
            }
        });
        Ok(port)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(tasks) = locked(&self.tasks).as_mut() {
            while tasks.try_join_next().is_some() {}
            tasks.spawn(task);
        }
    }

    /// Takes what runs; from here on nothing new does, and nobody waits for a frame.
    pub(crate) fn take(&self) -> Option<JoinSet<()>> {
        self.write(|ledger| ledger.rules.clear());
        locked(&self.tasks).take()
    }
}

/// A free port of the loopback interface.
fn listen() -> io::Result<(TcpListener, u16)> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    TcpListener::from_std(listener).map(|listener| (listener, port))
}

/// What is kept is whole at any time, so a panic elsewhere does not spoil it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
