//! One connection: what comes from the client goes to the broker, and back.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use crate::address::Address;
use crate::frame::{self, Request};
use crate::kafka::{Answer, tells_addresses};
use crate::shared::Shared;
use crate::{Error, Loss};

/// Requests with acks=0 have no answer, so what is remembered of them would have no end.
const MOST: usize = 10_000;

/// A request whose answer matters here.
struct Asked {
    request: Request,
    loss: Option<Loss>,
}

/// The requests of a connection, in their order; the broker answers in that order.
type Open = Mutex<VecDeque<Asked>>;

/// Passes frames on until one side ends the connection or a rule does.
pub(crate) async fn relay(shared: &Arc<Shared>, mut client: TcpStream, servers: &[Address]) {
    // A broker that is gone is no problem of the proxy's: its client sees a connection end, as it
    // would without a proxy.
    let Ok(mut server) = Address::connect(servers).await else {
        return;
    };
    if client.set_nodelay(true).is_err() {
        return;
    }
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let open = Open::default();
    let ended = tokio::try_join!(
        there(shared, &open, from_client, to_server),
        back(shared, &open, from_server, to_client),
    );
    // An error of ours has come inside one of the connection's. Those are every day's business.
    if let Err(error) = ended
        && let Some(Ok(ours)) = error.into_inner().map(|inner| inner.downcast::<Error>())
    {
        shared.fail(*ours);
    }
}

/// The client's requests.
async fn there(
    shared: &Shared,
    open: &Open,
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
) -> io::Result<()> {
    while let Some(frame) = frame::read(&mut from).await? {
        if let Some(request) = Request::read(&frame) {
            let loss = shared.judge(request);
            if loss == Some(Loss::Request) {
                shared.strike();
                continue;
            }
            if loss.is_some() || tells_addresses(&request) {
                remember(open, Asked { request, loss });
            }
        }
        frame::write(&mut to, &frame).await?;
    }
    // The client says no more, and may still listen.
    to.shutdown().await
}

/// The broker's answers.
async fn back(
    shared: &Arc<Shared>,
    open: &Open,
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
) -> io::Result<()> {
    while let Some(frame) = frame::read(&mut from).await? {
        let asked = frame::correlation(&frame).and_then(|number| recall(open, number));
        let loss = asked.as_ref().and_then(|asked| asked.loss);
        match (loss, asked) {
            (Some(Loss::Answer), _) => shared.strike(),
            (Some(Loss::Connection), _) => {
                shared.strike();
                break;
            }
            (_, Some(asked)) if tells_addresses(&asked.request) => {
                let frame = moved(shared, asked.request, &frame);
                frame::write(&mut to, &frame.map_err(io::Error::other)?).await?;
            }
            _ => frame::write(&mut to, &frame).await?,
        }
    }
    // This ends both directions.
    Err(io::ErrorKind::ConnectionAborted.into())
}

/// The answer with the proxy's own addresses in place of the brokers'.
fn moved(shared: &Arc<Shared>, request: Request, frame: &Bytes) -> Result<Bytes, Error> {
    let mut answer = Answer::read(request, frame)?;
    let mut doors = Vec::new();
    for broker in answer.addresses() {
        doors.push(shared.door(broker)?);
    }
    // What holds no address goes on as it is, byte for byte.
    if doors.is_empty() {
        return Ok(frame.clone());
    }
    answer.replace(&doors);
    answer.write()
}

fn remember(open: &Open, asked: Asked) {
    let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
    if open.len() == MOST {
        open.pop_front();
    }
    open.push_back(asked);
}

/// The request with this number; what was asked before it and has no answer gets none any more.
fn recall(open: &Open, correlation: i32) -> Option<Asked> {
    let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
    let place = open
        .iter()
        .position(|asked| asked.request.correlation == correlation)?;
    open.drain(..=place).next_back()
}
