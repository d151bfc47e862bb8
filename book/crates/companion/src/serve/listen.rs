//! Connections, and how much one may ask for.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use companion::peer;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;

/// The port that is asked for where the command line names none.
const PORT: u16 = 4300;
/// Connections at once; one more is answered 503.
pub const CONNECTIONS: usize = 64;
/// A request's line and headers, in bytes; more is answered 431.
const HEAD_LIMIT: usize = 16 * 1024;
/// Headers of a request; more is answered 431.
const HEADERS: usize = 64;
/// How long a request's line and headers may take, and how long an idle connection
/// is kept.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// How long a client may take no byte of its answer.
const WRITE_TIME: Duration = Duration::from_secs(10);
/// How long a connection beyond the limit is kept to be told so.
const REFUSE_TIME: Duration = Duration::from_secs(1);

/// Binds 127.0.0.1, nothing else. A port that was asked for must be free; in place
/// of the usual one any free port will do, which is said.
pub async fn bind(port: Option<u16>) -> Result<TcpListener> {
    let wanted = port.unwrap_or(PORT);
    match TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).await {
        Err(error) if error.kind() == ErrorKind::AddrInUse && port.is_none() => {
            eprintln!("port {wanted} is taken, another one is used");
            let any = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
            any.context("cannot listen on 127.0.0.1")
        }
        Err(error) if error.kind() == ErrorKind::AddrInUse => Err(error).with_context(|| {
            format!("port {wanted} is taken; choose another with --port, or leave --port out")
        }),
        bound => bound.with_context(|| format!("cannot listen on 127.0.0.1:{wanted}")),
    }
}

/// Serves until it is dropped.
pub async fn serve(listener: TcpListener, service: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) if peer::is_own(&stream) => stream,
            // Another user of this machine: there is nothing to say to it.
            Ok(_) => continue,
            Err(error) => {
                eprintln!("a connection was not accepted: {error}");
                // poll: without a free file descriptor the next one fails as fast as this one.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        match places.clone().try_acquire_owned() {
            Ok(place) => {
                let service = service.clone();
                tokio::spawn(async move {
                    converse(stream, service).await;
                    drop(place);
                });
            }
            Err(_) => refuse(stream),
        }
    }
}

/// Answers the requests of one connection. What goes wrong there, a client that
/// leaves or sends nonsense, concerns that client alone.
async fn converse(stream: TcpStream, service: Router) {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIME));
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_header_size(HEAD_LIMIT)
        .max_headers(HEADERS)
        .serve_connection(
            TokioIo::new(Box::pin(stream)),
            TowerToHyperService::new(service),
        )
        .await;
}

/// Says that all places are taken. What the client sent is read, for a moment: to
/// close over unread bytes would reset the connection and lose the answer.
fn refuse(mut stream: TcpStream) {
    const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\
        Content-Type: text/plain\r\nContent-Length: 33\r\n\r\nToo many connections; try again.\n";
    tokio::spawn(tokio::time::timeout(REFUSE_TIME, async move {
        let _ = stream.write_all(FULL).await;
        let _ = stream.shutdown().await;
        let mut rest = stream.take(HEAD_LIMIT as u64);
        let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
    }));
}
