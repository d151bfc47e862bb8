//! Kafka's frames: four bytes that tell the length, then that many.

use std::collections::VecDeque;
use std::sync::{Mutex, OnceLock, PoisonError};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::Fields;
use crate::Error;
use crate::reader::MAX;

/// The bytes that tell the length.
pub(crate) const LENGTH: usize = 4;

/// How many requests without an answer are remembered. Those with acks=0 have none, so what is
/// remembered of them would have no end.
const MOST: usize = 10_000;

/// Takes a frame off the front of what has come, its length included.
pub(crate) fn next(buffer: &mut BytesMut) -> Result<Option<Bytes>, Error> {
    let Ok(length) = (&buffer[..]).try_get_i32() else {
        return Ok(None);
    };
    let size = usize::try_from(length).ok().filter(|size| *size <= MAX);
    let whole = LENGTH + size.ok_or(Error::Size(length))?;
    let enough = buffer.len() >= whole;
    Ok(enough.then(|| buffer.split_to(whole).freeze()))
}

/// A frame with this content.
pub(crate) fn whole(content: &[u8]) -> Result<Bytes, Error> {
    let length = i32::try_from(content.len()).map_err(|_| Error::Size(i32::MAX))?;
    let mut frame = BytesMut::with_capacity(LENGTH + content.len());
    frame.put_i32(length);
    frame.put_slice(content);
    Ok(frame.freeze())
}

/// What a request begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) api: i16,
    pub(crate) version: i16,
    /// The answer begins with the same number.
    pub(crate) correlation: i32,
}

impl Request {
    /// The bytes of these three.
    pub(crate) const LENGTH: usize = 2 + 2 + 4;

    /// What is known of a request, or the answer to it, before anything else is read.
    pub(crate) fn fields(self) -> Fields {
        Fields {
            api: self.api,
            version: self.version,
            correlation: self.correlation,
            ..Fields::default()
        }
    }

    /// None where the frame is too short.
    pub(crate) fn read(mut frame: &[u8]) -> Option<Request> {
        Some(Request {
            api: frame.try_get_i16().ok()?,
            version: frame.try_get_i16().ok()?,
            correlation: frame.try_get_i32().ok()?,
        })
    }
}

/// The requests of a connection, in their order; the broker answers in that order.
#[derive(Default)]
pub(crate) struct Asked {
    requests: Mutex<VecDeque<Request>>,
    /// What stood where a length must be. What follows it is not read.
    lost: OnceLock<i32>,
}

impl Asked {
    /// What comes from here on cannot be read: no frame has this length.
    pub(crate) fn lose(&self, length: i32) {
        // It is lost once.
        let _ = self.lost.set(length);
    }

    /// That length, where there was one.
    pub(crate) fn lost(&self) -> Option<i32> {
        self.lost.get().copied()
    }

    pub(crate) fn remember(&self, request: Request) {
        let mut asked = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() == MOST {
            asked.pop_front();
        }
        asked.push_back(request);
    }

    /// The request that this answers; what was asked before it and has no answer gets none any more.
    pub(crate) fn recall(&self, mut answer: &[u8]) -> Option<Request> {
        let correlation = answer.try_get_i32().ok()?;
        let mut asked = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let place = asked
            .iter()
            .position(|request| request.correlation == correlation)?;
        asked.drain(..=place).next_back()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_request_tells_what_it_is() {
        let frame = [0, 0, 0, 9, 0, 0, 0, 7, 1, 2];
        let request = Request::read(&frame).unwrap();
        assert_eq!((request.api, request.version), (0, 9));
        assert_eq!(request.correlation, 7);
    }

    #[test]
    fn a_short_request_is_none() {
        let frame = [0, 0, 0, 9, 0, 0, 0, 7];
        for end in 0..frame.len() {
            assert_eq!(Request::read(&frame[..end]), None, "{end} bytes");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut wire = BytesMut::new();
        for content in ["order", ""] {
            wire.extend_from_slice(&whole(content.as_bytes()).unwrap());
        }
        assert_eq!(next(&mut wire).unwrap().unwrap()[LENGTH..], *b"order");
        assert_eq!(next(&mut wire).unwrap().unwrap()[LENGTH..], *b"");
        assert_eq!(next(&mut wire).unwrap(), None);
    }

    #[test]
    fn a_frame_that_is_not_whole_waits_and_one_that_is_too_long_is_an_error() {
        for part in [&[][..], &[0], &[0, 0, 0], &[0, 0, 0, 2, 1]] {
            assert_eq!(next(&mut BytesMut::from(part)).unwrap(), None);
        }
        for length in [i32::MAX, -1] {
            let mut frame = BytesMut::from(&length.to_be_bytes()[..]);
            let error = next(&mut frame).unwrap_err();
            assert!(
                error.to_string().contains("more than 100 MiB, or none"),
                "{error}"
            );
        }
    }

    #[test]
    fn an_answer_finds_its_request_and_those_before_it_are_forgotten() {
        let asked = Asked::default();
        for correlation in 1..=3 {
            asked.remember(Request {
                api: 0,
                version: 9,
                correlation,
            });
        }
        assert_eq!(asked.recall(&[0, 0, 0, 2]).unwrap().correlation, 2);
        assert_eq!(asked.recall(&[0, 0, 0, 1]), None);
        assert_eq!(asked.recall(&[0, 0, 0]), None);
        assert_eq!(asked.recall(&[0, 0, 0, 3]).unwrap().correlation, 3);
    }
}
