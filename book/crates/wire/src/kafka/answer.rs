//! Answers of a Kafka broker that hold addresses of brokers.

use std::fmt::Display;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{
    ApiKey, DescribeClusterResponse, FetchResponse, FindCoordinatorResponse, MetadataResponse,
    ProduceResponse, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable, Message, StrBytes};

use super::frame::Request;
use crate::Error;
use crate::address::Address;

/// The first versions whose answers say where the partition has gone (KIP-951).
const PRODUCE_TELLS: i16 = 10;
const FETCH_TELLS: i16 = 16;

/// Whether the answer holds addresses.
pub(crate) fn tells_addresses(request: &Request) -> bool {
    match ApiKey::try_from(request.api) {
        Ok(ApiKey::Metadata | ApiKey::FindCoordinator | ApiKey::DescribeCluster) => true,
        Ok(ApiKey::Produce) => request.version >= PRODUCE_TELLS,
        Ok(ApiKey::Fetch) => request.version >= FETCH_TELLS,
        _ => false,
    }
}

/// A host and a port inside an answer.
type Place<'a> = (&'a mut StrBytes, &'a mut i32);

/// An answer that has been read.
pub(crate) struct Answer {
    api: ApiKey,
    version: i16,
    header: ResponseHeader,
    body: Body,
}

enum Body {
    Metadata(MetadataResponse),
    Coordinator(FindCoordinatorResponse),
    Cluster(DescribeClusterResponse),
    Produce(ProduceResponse),
    Fetch(FetchResponse),
}

impl Answer {
    /// Reads an answer that holds addresses.
    pub(crate) fn read(request: Request, frame: &Bytes) -> Result<Answer, Error> {
        let Request { api, version, .. } = request;
        let api = ApiKey::try_from(api).unwrap_or(ApiKey::ApiVersions);
        let unread = |why: &dyn Display| Error::Answer {
            api,
            version,
            why: why.to_string(),
        };
        let mut frame = frame.clone();
        let header = api.response_header_version(version);
        let header = ResponseHeader::decode(&mut frame, header).map_err(|why| unread(&why))?;
        let body = body(api, version, &mut frame).map_err(|why| unread(&why))?;
        match frame.is_empty() {
            true => Ok(Answer {
                api,
                version,
                header,
                body,
            }),
            false => Err(unread(&format!("{} bytes are left over", frame.len()))),
        }
    }

    /// The addresses. Where a broker has none to tell, it says a port below 1.
    fn places(&mut self) -> Vec<Place<'_>> {
        let all: Vec<Place<'_>> = match &mut self.body {
            Body::Metadata(body) => {
                let brokers = body.brokers.iter_mut();
                brokers.map(|it| (&mut it.host, &mut it.port)).collect()
            }
            Body::Coordinator(body) => {
                let many = body.coordinators.iter_mut();
                let many = many.map(|it| (&mut it.host, &mut it.port));
                many.chain([(&mut body.host, &mut body.port)]).collect()
            }
            Body::Cluster(body) => {
                let brokers = body.brokers.iter_mut();
                brokers.map(|it| (&mut it.host, &mut it.port)).collect()
            }
            Body::Produce(body) => {
                let leaders = body.node_endpoints.iter_mut();
                leaders.map(|it| (&mut it.host, &mut it.port)).collect()
            }
            Body::Fetch(body) => {
                let leaders = body.node_endpoints.iter_mut();
                leaders.map(|it| (&mut it.host, &mut it.port)).collect()
            }
        };
        let told = |(host, port): &Place<'_>| !host.is_empty() && **port > 0;
        all.into_iter().filter(told).collect()
    }

    /// Where the brokers are that it tells of.
    pub(crate) fn addresses(&mut self) -> Vec<Address> {
        let address = |(host, port): Place<'_>| Address {
            host: host.to_string(),
            port: u16::try_from(*port).unwrap_or_default(),
        };
        self.places().into_iter().map(address).collect()
    }

    /// Tells others in their place, as many and in the same order.
    pub(crate) fn replace(&mut self, addresses: &[Address]) {
        for ((host, port), address) in self.places().into_iter().zip(addresses) {
            *host = StrBytes::from_string(address.host.clone());
            *port = i32::from(address.port);
        }
    }

    /// The frame.
    pub(crate) fn write(&self) -> Result<Bytes, Error> {
        let (api, version) = (self.api, self.version);
        let mut frame = BytesMut::new();
        let header = self
            .header
            .encode(&mut frame, api.response_header_version(version));
        let body = header.and_then(|()| match &self.body {
            Body::Metadata(body) => body.encode(&mut frame, version),
            Body::Coordinator(body) => body.encode(&mut frame, version),
            Body::Cluster(body) => body.encode(&mut frame, version),
            Body::Produce(body) => body.encode(&mut frame, version),
            Body::Fetch(body) => body.encode(&mut frame, version),
        });
        let why = |why: &dyn Display| Error::Answer {
            api,
            version,
            why: why.to_string(),
        };
        body.map_err(|error| why(&error))?;
        Ok(frame.freeze())
    }
}

/// Reads what follows the header.
fn body(api: ApiKey, version: i16, frame: &mut Bytes) -> Result<Body, String> {
    match api {
        ApiKey::Metadata => decode(frame, version).map(Body::Metadata),
        ApiKey::FindCoordinator => decode(frame, version).map(Body::Coordinator),
        ApiKey::DescribeCluster => decode(frame, version).map(Body::Cluster),
        ApiKey::Produce => decode(frame, version).map(Body::Produce),
        ApiKey::Fetch => decode(frame, version).map(Body::Fetch),
        _ => Err("it holds no addresses".to_owned()),
    }
}

fn decode<T: Decodable + Message>(frame: &mut Bytes, version: i16) -> Result<T, String> {
    let known = T::VERSIONS;
    if version < known.min || version > known.max {
        return Err(format!("only versions {known} are known"));
    }
    T::decode(frame, version).map_err(|why| why.to_string())
}
