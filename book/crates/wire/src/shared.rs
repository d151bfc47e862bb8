//! What the parts of a proxy share.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::address::Address;
use crate::frame::Request;
use crate::relay::relay;
use crate::{ApiKey, Error, Loss};

/// How long to wait when no connection can be taken.
const BREATH: Duration = Duration::from_millis(20);

/// A frame that is to be lost.
pub(crate) struct Rule {
    pub(crate) api: ApiKey,
    /// How many requests of this kind pass before it.
    pub(crate) before: u32,
    pub(crate) loss: Loss,
}

pub(crate) struct Shared {
    rules: Mutex<Vec<Rule>>,
    /// How many frames have been lost.
    pub(crate) struck: watch::Sender<u32>,
    /// What stood in the proxy's way; the first thing counts.
    pub(crate) problem: watch::Sender<Option<Arc<Error>>>,
    /// The proxy's port for each broker.
    doors: Mutex<BTreeMap<Address, u16>>,
    /// None once the proxy has ended.
    tasks: Mutex<Option<JoinSet<()>>>,
}

impl Shared {
    pub(crate) fn new() -> Shared {
        Shared {
            rules: Mutex::default(),
            struck: watch::Sender::new(0),
            problem: watch::Sender::new(None),
            doors: Mutex::default(),
            tasks: Mutex::new(Some(JoinSet::new())),
        }
    }

    pub(crate) fn lose(&self, rule: Rule) {
        locked(&self.rules).push(rule);
    }

    /// Counts the request, and says whether it is one to lose.
    pub(crate) fn judge(&self, request: Request) -> Option<Loss> {
        let mut rules = locked(&self.rules);
        let mut hit = None;
        for (place, rule) in rules.iter_mut().enumerate() {
            match rule.before.checked_sub(1) {
                _ if rule.api != request.api => {}
                Some(before) => rule.before = before,
                None => hit = hit.or(Some(place)),
            }
        }
        hit.map(|place| rules.remove(place).loss)
    }

    pub(crate) fn strike(&self) {
        self.struck.send_modify(|count| *count += 1);
    }

    pub(crate) fn fail(&self, error: Error) {
        self.problem.send_if_modified(|problem| {
            let first = problem.is_none();
            if first {
                *problem = Some(Arc::new(error));
            }
            first
        });
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

    /// Takes what runs; from here on nothing new does.
    pub(crate) fn take(&self) -> Option<JoinSet<()>> {
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
