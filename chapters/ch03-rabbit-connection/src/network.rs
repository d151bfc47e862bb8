//! A stretch of network between the shop and RabbitMQ that can be faulty: a relay on loopback.

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the network does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct State {
    /// How often it has been cut; connections that are older than that are gone.
    cuts: u32,
    /// What RabbitMQ says gets lost on the way.
    deaf: bool,
}

/// The network, and the address of RabbitMQ behind it.
pub struct Network {
    pub url: String,
    state: watch::Sender<State>,
}

impl Network {
    /// A network without a fault, in front of the RabbitMQ at `url`.
    pub async fn before(url: &str) -> Result<Network> {
        let rest = url.split_once("//").context("not an address")?.1;
        let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        let address = rest.split(['/', '?']).next().unwrap_or(rest).to_owned();
        let relay = TcpListener::bind("127.0.0.1:0").await?;
        let own = relay.local_addr()?.to_string();
        let (state, watch) = watch::channel(State::default());
        let through = url.replace(&address, &own);
        tokio::spawn(async move {
            while let Ok((client, _)) = relay.accept().await {
                tokio::spawn(carry(client, address.clone(), watch.clone()));
            }
        });
        Ok(Network {
            url: through,
            state,
        })
    }

    /// From now on nothing that RabbitMQ says arrives.
    pub fn lose_answers(&self) {
        self.state.send_modify(|state| state.deaf = true);
    }

    /// Cuts all connections. New ones are carried without a fault.
    pub fn cut(&self) {
        self.state.send_modify(|state| {
            state.cuts += 1;
            state.deaf = false;
        });
    }
}

async fn carry(
    mut client: TcpStream,
    address: String,
    mut state: watch::Receiver<State>,
) -> Result<()> {
    let begun = state.borrow_and_update().cuts;
    let mut rabbit = TcpStream::connect(address).await?;
    let (mut asked, mut said) = ([0; 4096], [0; 4096]);
    while state.borrow_and_update().cuts == begun {
        tokio::select! {
            changed = state.changed() => changed?,
            read = client.read(&mut asked) => match read? {
                0 => break,
                count => rabbit.write_all(&asked[..count]).await?,
            },
            read = rabbit.read(&mut said) => match read? {
                0 => break,
                count if !state.borrow().deaf => client.write_all(&said[..count]).await?,
                _ => {}
            },
        }
    }
    Ok(())
}
