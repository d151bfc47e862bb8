//! What a broker tells by HTTP of itself.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time::timeout;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The body of its answer to a request for this path.
pub async fn get(address: impl ToSocketAddrs, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut told = String::new();
    let read = stream.read_to_string(&mut told);
    timeout(PATIENCE, read).await.unwrap().unwrap();
    let (_, body) = told.split_once("\r\n\r\n").unwrap();
    body.to_owned()
}
