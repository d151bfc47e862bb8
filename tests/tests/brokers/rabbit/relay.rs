//! A stretch of network before the broker that a test can break.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

#[derive(Clone, Copy, Default)]
struct State {
    /// Connections that are older than the last cut are gone.
    cuts: u32,
    /// What the broker says gets lost.
    deaf: bool,
    /// What the client says gets lost.
    mute: bool,
    /// What the client says waits.
    held: bool,
}

pub struct Relay {
    /// The broker's address by way of this network.
    pub url: String,
    own: SocketAddr,
    broker: String,
    state: watch::Sender<State>,
    accepting: JoinHandle<()>,
}

impl Relay {
    pub async fn before(url: &str) -> Relay {
        let broker = url.split(['@', '/']).nth(3).unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap();
        let (state, _) = watch::channel(State::default());
        Relay {
            url: url.replace(&broker, &own.to_string()),
            own,
            accepting: accept(listener, &broker, &state),
            broker,
            state,
        }
    }

    /// From now on nothing that the broker says arrives.
    pub fn lose_answers(&self) {
        self.state.send_modify(|state| state.deaf = true);
    }

    /// From now on nothing that the client says arrives.
    pub fn lose_questions(&self) {
        self.state.send_modify(|state| state.mute = true);
    }

    /// From now on what the client says waits.
    pub fn hold_questions(&self) {
        self.state.send_modify(|state| state.held = true);
    }

    /// What has waited arrives at once.
    pub fn release_questions(&self) {
        self.state.send_modify(|state| state.held = false);
    }

    /// Cuts all connections, lets no new one through, and returns when none is left.
    pub async fn down(&mut self) {
        self.accepting.abort();
        // It is an error: the task was told to end. Its port is free then.
        let _ = (&mut self.accepting).await;
        self.state.send_modify(|state| state.cuts += 1);
        // Each connection looks at the state as long as it carries something.
        self.state.closed().await;
    }

    pub async fn up(&mut self) {
        self.state.send_modify(|state| {
            state.deaf = false;
            state.mute = false;
        });
        let listener = TcpListener::bind(self.own).await.unwrap();
        self.accepting = accept(listener, &self.broker, &self.state);
    }
}

fn accept(listener: TcpListener, broker: &str, state: &watch::Sender<State>) -> JoinHandle<()> {
    let (broker, state) = (broker.to_owned(), state.clone());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            // As it is now: a cut that comes before the task begins is one for it as well.
            let seen = state.subscribe();
            let begun = seen.borrow().cuts;
            tokio::spawn(carry(client, broker.clone(), seen, begun));
        }
    })
}

async fn carry(
    mut client: TcpStream,
    broker: String,
    mut state: watch::Receiver<State>,
    begun: u32,
) -> std::io::Result<()> {
    let mut broker = TcpStream::connect(broker).await?;
    let (mut asked, mut said) = ([0; 4096], [0; 4096]);
    loop {
        let now = *state.borrow_and_update();
        if now.cuts != begun {
            return Ok(());
        }
        tokio::select! {
            // What was changed before something came holds for it.
            biased;
            changed = state.changed() => if changed.is_err() { return Ok(()) },
            read = client.read(&mut asked), if !now.held => match read? {
                0 => return Ok(()),
                count if !state.borrow().mute => broker.write_all(&asked[..count]).await?,
                _ => {}
            },
            read = broker.read(&mut said) => match read? {
                0 => return Ok(()),
                count if !state.borrow().deaf => client.write_all(&said[..count]).await?,
                _ => {}
            },
        }
    }
}
