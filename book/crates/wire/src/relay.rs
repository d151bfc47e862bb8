//! One connection: what comes from the client goes to the broker, and back.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Way;
use crate::address::Address;
use crate::line::{End, Line};
use crate::shared::Shared;

/// How long the receivers of what was passed on before a cut have to take it.
const LINGER: Duration = Duration::from_secs(1);

/// Passes frames on until both sides end the connection or a rule does.
pub(crate) async fn relay(shared: &Arc<Shared>, mut client: TcpStream, servers: &[Address]) {
    // A broker that is gone is no problem of the proxy's: its client sees a reset, nearly as it would
    // without a proxy.
    let server = Address::connect(servers).await;
    let (Ok(mut server), Ok(())) = (server, client.set_nodelay(true)) else {
        drop(client.set_zero_linger());
        return;
    };
    let open = Open::new(shared);
    match pass(shared, open.number, &mut client, &mut server).await {
        End::Quiet => {}
        End::Cut => {
            drop(open);
            // Closed while something is unread, a socket says reset, and what was passed on before is
            // lost with it.
            let both = async { tokio::join!(drain(&mut client), drain(&mut server)) };
            drop(timeout(LINGER, both).await);
        }
        End::Reset => {
            drop((client.set_zero_linger(), server.set_zero_linger()));
        }
    }
}

async fn pass(
    shared: &Arc<Shared>,
    number: u32,
    client: &mut TcpStream,
    server: &mut TcpStream,
) -> End {
    let mut resets = shared.resets.subscribe();
    let (to_broker, to_client) = shared.protocol.readers(&shared.topics);
    let (from_client, into_client) = client.split();
    let (from_server, into_server) = server.split();
    let there = Line::new(shared, number, Way::ToBroker, to_broker);
    let back = Line::new(shared, number, Way::ToClient, to_client);
    let ended = async {
        tokio::try_join!(
            there.run(from_client, into_server),
            back.run(from_server, into_client)
        )
    };
    tokio::select! {
        ended = ended => ended.err().unwrap_or(End::Quiet),
        _ = resets.changed() => End::Reset,
    }
}

/// Ends a connection, and takes what its other side still says.
async fn drain(stream: &mut TcpStream) {
    let mut sink = [0; 4096];
    drop(stream.shutdown().await);
    while matches!(stream.read(&mut sink).await, Ok(1..)) {}
}

/// A connection that counts as open.
struct Open<'a> {
    shared: &'a Shared,
    number: u32,
}

impl<'a> Open<'a> {
    fn new(shared: &'a Shared) -> Open<'a> {
        let number = shared.opened();
        Open { shared, number }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.shared.closed(self.number);
    }
}
