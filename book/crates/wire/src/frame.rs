//! Kafka's frames: four bytes that tell the length, then that many.

use std::io;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::{ApiKey, Error};

/// What a broker takes at most, `socket.request.max.bytes`, is 100 MiB by default. So is
/// librdkafka's `receive.message.max.bytes`, nearly.
const MAX: i32 = 100 << 20;

/// Reads a frame; none where the connection ends between two.
pub(crate) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Bytes>> {
    let mut length = [0; 4];
    if from.read(&mut length[..1]).await? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut length[1..]).await?;
    let length = i32::from_be_bytes(length);
    let size = usize::try_from(length).ok().filter(|_| length <= MAX);
    let size = size.ok_or_else(|| io::Error::other(Error::Size(length)))?;
    // Memory comes as the bytes come: a length alone takes none.
    let mut frame = Vec::new();
    from.take(size as u64).read_to_end(&mut frame).await?;
    match frame.len() == size {
        true => Ok(Some(frame.into())),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Writes a frame.
pub(crate) async fn write(to: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> io::Result<()> {
    let length = i32::try_from(frame.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_be_bytes()).await?;
    to.write_all(frame).await
}

/// What a request begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    /// The answer begins with the same number.
    pub(crate) correlation: i32,
}

impl Request {
    /// None where the frame is too short, or a kind that is not known here.
    pub(crate) fn read(mut frame: &[u8]) -> Option<Request> {
        Some(Request {
            api: ApiKey::try_from(frame.try_get_i16().ok()?).ok()?,
            version: frame.try_get_i16().ok()?,
            correlation: frame.try_get_i32().ok()?,
        })
    }
}

/// The number that an answer begins with.
pub(crate) fn correlation(mut frame: &[u8]) -> Option<i32> {
    frame.try_get_i32().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_request_tells_what_it_is() {
        let frame = [0, 0, 0, 9, 0, 0, 0, 7, 1, 2];
        let request = Request::read(&frame).unwrap();
        assert_eq!((request.api, request.version), (ApiKey::Produce, 9));
        assert_eq!(request.correlation, 7);
    }

    #[test]
    fn a_short_or_unknown_request_is_none() {
        let frame = [0, 0, 0, 9, 0, 0, 0, 7];
        for end in 0..frame.len() {
            assert_eq!(Request::read(&frame[..end]), None, "{end} bytes");
        }
        assert_eq!(Request::read(&[0x7f, 0xff, 0, 9, 0, 0, 0, 7]), None);
    }

    #[tokio::test]
    async fn what_is_written_is_read() {
        let mut wire = Vec::new();
        write(&mut wire, b"order").await.unwrap();
        write(&mut wire, b"").await.unwrap();
        let mut from = wire.as_slice();
        assert_eq!(read(&mut from).await.unwrap().unwrap(), "order");
        assert_eq!(read(&mut from).await.unwrap().unwrap(), "");
        assert_eq!(read(&mut from).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_frame_that_is_cut_or_too_long_is_an_error() {
        for cut in [&[0][..], &[0, 0, 0], &[0, 0, 0, 2, 1]] {
            let error = read(&mut &cut[..]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
        for length in [i32::MAX, -1] {
            let frame = length.to_be_bytes();
            let error = read(&mut frame.as_slice()).await.unwrap_err();
            assert!(error.to_string().contains("100 MiB at most"), "{error}");
        }
    }
}
