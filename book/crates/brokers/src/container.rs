//! A broker in a container. Stub.

use crate::source::Options;
use crate::{Error, Kind};

#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    pub(crate) version: String,
}

pub(crate) async fn start(kind: Kind, _: &Options) -> Result<Container, Error> {
    Err(Error::NoSource { kind, tried: vec![] })
}

impl Container {
    pub(crate) async fn kill(&mut self) -> Result<(), Error> { Ok(()) }
    pub(crate) async fn pause(&mut self) -> Result<(), Error> { Ok(()) }
    pub(crate) async fn resume(&mut self) -> Result<(), Error> { Ok(()) }
    pub(crate) async fn restart(&mut self) -> Result<(), Error> { Ok(()) }
    pub(crate) async fn stop(self) -> Result<(), Error> { Ok(()) }
}
