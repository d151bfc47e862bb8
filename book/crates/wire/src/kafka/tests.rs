//! Messages that `kafka-protocol` writes, in each of their versions.
#![allow(clippy::unwrap_used)]

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{self, *};
use kafka_protocol::protocol::{Decodable, Encodable, Message, StrBytes};
use kafka_protocol::records::{
    Compression, Record as Written, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use std::sync::Arc;

use super::{ApiKey, *};
use crate::address::Address;

const ID: [u8; 16] = [7; 16];

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn theirs(api: ApiKey) -> messages::ApiKey {
    messages::ApiKey::try_from(api as i16).unwrap()
}

#[test]
fn the_apis_have_kafkas_names() {
    for number in -1..100 {
        if let Some(api) = ApiKey::of(number) {
            assert_eq!(format!("{api:?}"), format!("{:?}", theirs(api)));
        }
    }
}

/// Both ways of a connection, and topics that know one.
struct Scene {
    to_broker: Reader,
    to_client: Reader,
}

impl Scene {
    fn new() -> Scene {
        let (asked, topics) = (Arc::new(Asked::default()), Arc::new(Topics::default()));
        topics.learn(&ID, "orders".to_owned());
        Scene {
            to_broker: Reader::new(Way::ToBroker, asked.clone(), topics.clone()),
            to_client: Reader::new(Way::ToClient, asked, topics),
        }
    }

    /// What is read of a request.
    fn request(&mut self, api: ApiKey, version: i16, body: &impl Encodable) -> Fields {
        let mut content = BytesMut::new();
        let header = RequestHeader::default()
            .with_request_api_key(api as i16)
            .with_request_api_version(version)
            .with_correlation_id(3)
            .with_client_id(Some(text("shop")));
        header
            .encode(&mut content, theirs(api).request_header_version(version))
            .unwrap();
        body.encode(&mut content, version).unwrap();
        let mut buffer = BytesMut::from(&frame::whole(&content).unwrap()[..]);
        let unit = self.to_broker.next(&mut buffer).unwrap().unwrap();
        assert_eq!(unit.kind, request(api));
        let Any::Kafka(fields) = unit.fields else {
            panic!()
        };
        assert_eq!(fields.client.as_deref(), Some("shop"), "{api:?} {version}");
        *fields
    }

    /// What is read of an answer.
    fn answer(&mut self, api: ApiKey, version: i16, body: &impl Encodable) -> Unit {
        let mut content = BytesMut::new();
        content.put_i16(api as i16);
        content.put_i16(version);
        content.put_i32(3);
        let mut buffer = BytesMut::from(&frame::whole(&content).unwrap()[..]);
        self.to_broker.next(&mut buffer).unwrap().unwrap();
        content.clear();
        let header = ResponseHeader::default().with_correlation_id(3);
        header
            .encode(&mut content, theirs(api).response_header_version(version))
            .unwrap();
        body.encode(&mut content, version).unwrap();
        let mut buffer = BytesMut::from(&frame::whole(&content).unwrap()[..]);
        let unit = self.to_client.next(&mut buffer).unwrap().unwrap();
        assert_eq!(unit.kind, answer(api));
        unit
    }

    fn answered(&mut self, api: ApiKey, version: i16, body: &impl Encodable) -> Fields {
        let Any::Kafka(fields) = self.answer(api, version, body).fields else {
            panic!()
        };
        *fields
    }

    /// The same answer after the proxy's addresses have come in, and the brokers' own.
    fn moved<T: Encodable + Decodable>(
        &mut self,
        api: ApiKey,
        version: i16,
        body: &T,
    ) -> (T, Vec<String>) {
        let unit = self.answer(api, version, body);
        let Tells::Places(places) = unit.tells else {
            panic!("{api:?} {version}")
        };
        let mut own = Vec::new();
        let door = |broker: Address| {
            own.push(broker.to_string());
            // Longer than those that were there, so that lengths change.
            let host = format!("{}.proxy.example", broker.host.repeat(20));
            Ok(Address { host, port: 1 })
        };
        let frame = places.fill(&unit.bytes, door).unwrap();
        let length = i32::from_be_bytes(frame[..4].try_into().unwrap());
        assert_eq!(length as usize, frame.len() - 4);
        let mut content = frame.slice(4..);
        ResponseHeader::decode(&mut content, theirs(api).response_header_version(version)).unwrap();
        let body = T::decode(&mut content, version).unwrap();
        assert!(content.is_empty(), "{api:?} {version}: bytes are left over");
        (body, own)
    }
}

fn versions<T: Message>() -> impl Iterator<Item = i16> {
    T::VERSIONS.min..=T::VERSIONS.max
}

/// Two brokers, and one that is not there.
const BROKERS: [(&str, i32); 3] = [("kafka-1", 9092), ("", -1), ("kafka-2", 19092)];
const OWN: [&str; 2] = ["kafka-1:9092", "kafka-2:19092"];

fn proxies(host: &str) -> String {
    format!("{}.proxy.example", host.repeat(20))
}

#[test]
fn metadata_tells_the_proxys_addresses_and_the_names_of_topics() {
    use metadata_response::{MetadataResponseBroker, MetadataResponseTopic};
    for version in versions::<MetadataResponse>() {
        let broker = |(host, port)| {
            MetadataResponseBroker::default()
                .with_host(text(host))
                .with_port(port)
                .with_rack((version >= 1).then(|| text("r")))
        };
        let mut topic = MetadataResponseTopic::default().with_name(Some(text("stock").into()));
        if version >= 10 {
            topic.topic_id = vec![9; 16].try_into().unwrap();
        }
        let partition = metadata_response::MetadataResponsePartition::default();
        let mut partition = partition.with_replica_nodes(vec![1.into(), 2.into()]);
        if version >= 5 {
            partition.offline_replicas = vec![2.into()];
        }
        topic.partitions = vec![partition];
        let body = MetadataResponse::default()
            .with_brokers(BROKERS.map(broker).to_vec())
            .with_topics(vec![topic]);
        let mut scene = Scene::new();
        let (moved, own) = scene.moved(ApiKey::Metadata, version, &body);
        assert_eq!(own, OWN);
        let hosts = moved.brokers.iter().map(|it| it.host.to_string());
        let expected = BROKERS.map(|(host, _)| {
            if host.is_empty() {
                host.to_owned()
            } else {
                proxies(host)
            }
        });
        assert!(hosts.eq(expected), "{version}");
        assert_eq!(moved.topics, body.topics);
        if version >= 10 {
            assert_eq!(scene.to_client.topics.name(&[9; 16]), "stock");
        }
    }
}

#[test]
fn coordinators_and_the_cluster_tell_the_proxys_addresses() {
    use describe_cluster_response::DescribeClusterBroker;
    use find_coordinator_response::Coordinator;
    for version in versions::<FindCoordinatorResponse>() {
        let mut body = FindCoordinatorResponse::default();
        if version >= 4 {
            let one = |(host, port)| {
                Coordinator::default()
                    .with_key(text("payments"))
                    .with_host(text(host))
                    .with_port(port)
            };
            body.coordinators = BROKERS.map(one).to_vec();
        } else {
            body = body.with_host(text("kafka-1")).with_port(9092);
        }
        let (moved, own) = Scene::new().moved(ApiKey::FindCoordinator, version, &body);
        let host = match version {
            4.. => moved.coordinators[0].host.to_string(),
            _ => moved.host.to_string(),
        };
        assert_eq!(host, proxies("kafka-1"));
        assert_eq!(own, OWN[..if version >= 4 { 2 } else { 1 }]);
    }
    for version in versions::<DescribeClusterResponse>() {
        let one = |(host, port)| {
            DescribeClusterBroker::default()
                .with_host(text(host))
                .with_port(port)
        };
        let body = DescribeClusterResponse::default().with_brokers(BROKERS.map(one).to_vec());
        let (moved, own) = Scene::new().moved(ApiKey::DescribeCluster, version, &body);
        assert_eq!(own, OWN);
        assert_eq!(moved.brokers[2].host.to_string(), proxies("kafka-2"));
    }
}

#[test]
fn partitions_that_have_moved_tell_the_proxys_addresses() {
    for version in 10..=ProduceResponse::VERSIONS.max {
        let one = |(host, port)| {
            produce_response::NodeEndpoint::default()
                .with_host(text(host))
                .with_port(port)
        };
        let body = ProduceResponse::default().with_node_endpoints(BROKERS.map(one).to_vec());
        let (moved, own) = Scene::new().moved(ApiKey::Produce, version, &body);
        assert_eq!(own, OWN);
        assert_eq!(moved.node_endpoints[2].host.to_string(), proxies("kafka-2"));
    }
    for version in 16..=FetchResponse::VERSIONS.max {
        let one = |(host, port)| {
            fetch_response::NodeEndpoint::default()
                .with_host(text(host))
                .with_port(port)
        };
        let body = FetchResponse::default().with_node_endpoints(BROKERS.map(one).to_vec());
        let (moved, own) = Scene::new().moved(ApiKey::Fetch, version, &body);
        assert_eq!(own, OWN);
        assert_eq!(moved.node_endpoints[2].port, 1);
    }
}

/// Two records in one batch: o-1 and a tombstone for o-2.
fn batch(compression: Compression) -> Bytes {
    let record = |offset: i64, value: Option<&'static str>| Written {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: 0,
        producer_id: 5,
        producer_epoch: 0,
        timestamp_type: TimestampType::Creation,
        offset,
        // One batch takes records that follow one another.
        sequence: offset as i32,
        timestamp: 0,
        key: Some(Bytes::from(format!("o-{offset}"))),
        value: value.map(Bytes::from),
        headers: IndexMap::new(),
    };
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression,
    };
    let records = [record(1, Some("created")), record(2, None)];
    RecordBatchEncoder::encode(&mut bytes, &records, &options).unwrap();
    bytes.freeze()
}

fn assert_records(partition: &Partition) {
    let producer = (partition.producer_id, partition.sequence);
    assert_eq!((partition.records, producer), (2, (Some(5), Some(1))));
    let kept: Vec<_> = partition
        .kept
        .iter()
        .map(|it| (it.offset, it.key.as_deref(), it.value.as_deref()))
        .collect();
    let (one, two): (&[u8], &[u8]) = (b"o-1", b"o-2");
    assert_eq!(
        kept,
        [(1, Some(one), Some(&b"created"[..])), (2, Some(two), None)]
    );
}

#[test]
fn produce_is_read() {
    for version in versions::<ProduceRequest>() {
        let partition = PartitionProduceData::default().with_index(4);
        let mut topic = TopicProduceData::default()
            .with_partition_data(vec![partition.with_records(Some(batch(Compression::None)))]);
        match version {
            13.. => topic.topic_id = ID.to_vec().try_into().unwrap(),
            _ => topic.name = text("orders").into(),
        }
        let body = ProduceRequest::default()
            .with_acks(-1)
            .with_topic_data(vec![topic]);
        let fields = Scene::new().request(ApiKey::Produce, version, &body);
        assert_eq!(fields.acks, Some(-1));
        let [partition] = &fields.partitions[..] else {
            panic!("{version}")
        };
        assert_eq!((&*partition.topic, partition.partition), ("orders", 4));
        assert_eq!(partition.offset, None);
        assert_records(partition);
    }
    for version in versions::<ProduceResponse>() {
        use produce_response::{PartitionProduceResponse, TopicProduceResponse};
        let partition = PartitionProduceResponse::default()
            .with_index(4)
            .with_error_code(7)
            .with_base_offset(99);
        let mut topic = TopicProduceResponse::default().with_partition_responses(vec![partition]);
        match version {
            13.. => topic.topic_id = ID.to_vec().try_into().unwrap(),
            _ => topic.name = text("orders").into(),
        }
        let body = ProduceResponse::default().with_responses(vec![topic]);
        let fields = Scene::new().answered(ApiKey::Produce, version, &body);
        let [partition] = &fields.partitions[..] else {
            panic!("{version}")
        };
        assert_eq!((&*partition.topic, partition.partition), ("orders", 4));
        assert_eq!((partition.offset, partition.error), (Some(99), 7));
    }
}

#[test]
fn fetch_is_read() {
    for version in versions::<FetchRequest>() {
        use fetch_request::{FetchPartition, FetchTopic};
        let partition = FetchPartition::default()
            .with_partition(4)
            .with_fetch_offset(5);
        let mut topic = FetchTopic::default().with_partitions(vec![partition]);
        match version {
            13.. => topic.topic_id = ID.to_vec().try_into().unwrap(),
            _ => topic.topic = text("orders").into(),
        }
        let body = FetchRequest::default().with_topics(vec![topic]);
        let fields = Scene::new().request(ApiKey::Fetch, version, &body);
        let [partition] = &fields.partitions[..] else {
            panic!("{version}")
        };
        assert_eq!((&*partition.topic, partition.partition), ("orders", 4));
        assert_eq!(partition.offset, Some(5));
    }
    for version in versions::<FetchResponse>() {
        use fetch_response::{AbortedTransaction, FetchableTopicResponse, PartitionData};
        let partition = PartitionData::default()
            .with_partition_index(4)
            .with_aborted_transactions(Some(vec![AbortedTransaction::default()]))
            .with_records(Some(batch(Compression::None)));
        let mut topic = FetchableTopicResponse::default().with_partitions(vec![partition]);
        match version {
            13.. => topic.topic_id = ID.to_vec().try_into().unwrap(),
            _ => topic.topic = text("orders").into(),
        }
        let body = FetchResponse::default().with_responses(vec![topic]);
        let fields = Scene::new().answered(ApiKey::Fetch, version, &body);
        let [partition] = &fields.partitions[..] else {
            panic!("{version}")
        };
        assert_eq!((&*partition.topic, partition.partition), ("orders", 4));
        assert_eq!(partition.offset, Some(1));
        assert_records(partition);
    }
}

#[test]
fn groups_are_read() {
    let group = |fields: &Fields| {
        (
            fields.group.clone(),
            fields.generation,
            fields.member.clone(),
        )
    };
    let expected = (Some("payments".to_owned()), Some(3), Some("m".to_owned()));
    for version in versions::<OffsetCommitRequest>() {
        use offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(4)
            .with_committed_offset(5);
        let topic = OffsetCommitRequestTopic::default()
            .with_name(text("orders").into())
            .with_partitions(vec![partition]);
        let body = OffsetCommitRequest::default()
            .with_group_id(text("payments").into())
            .with_generation_id_or_member_epoch(3)
            .with_member_id(text("m"))
            .with_topics(vec![topic]);
        let fields = Scene::new().request(ApiKey::OffsetCommit, version, &body);
        assert_eq!(group(&fields), expected);
        assert_eq!(fields.partitions[0].offset, Some(5));
        assert_eq!(fields.partitions[0].topic, "orders");
    }
    for version in versions::<OffsetCommitResponse>() {
        use offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
        let partition = OffsetCommitResponsePartition::default().with_error_code(22);
        let topic = OffsetCommitResponseTopic::default().with_partitions(vec![partition]);
        let body = OffsetCommitResponse::default().with_topics(vec![topic]);
        let fields = Scene::new().answered(ApiKey::OffsetCommit, version, &body);
        assert_eq!(fields.partitions[0].error, 22);
    }
    for version in versions::<JoinGroupRequest>() {
        let body = JoinGroupRequest::default()
            .with_group_id(text("payments").into())
            .with_member_id(text("m"));
        let fields = Scene::new().request(ApiKey::JoinGroup, version, &body);
        assert_eq!((&fields.group, &fields.member), (&expected.0, &expected.2));
    }
    for version in versions::<JoinGroupResponse>() {
        let body = JoinGroupResponse::default()
            .with_generation_id(3)
            .with_protocol_name(Some(text("range")))
            .with_member_id(text("m"));
        let fields = Scene::new().answered(ApiKey::JoinGroup, version, &body);
        assert_eq!(
            (fields.generation, &fields.member),
            (expected.1, &expected.2)
        );
    }
    for version in versions::<SyncGroupRequest>() {
        let body = SyncGroupRequest::default()
            .with_group_id(text("payments").into())
            .with_generation_id(3)
            .with_member_id(text("m"));
        assert_eq!(
            group(&Scene::new().request(ApiKey::SyncGroup, version, &body)),
            expected
        );
    }
    for version in versions::<HeartbeatResponse>() {
        let body = HeartbeatResponse::default().with_error_code(27);
        assert_eq!(
            Scene::new()
                .answered(ApiKey::Heartbeat, version, &body)
                .error,
            27
        );
    }
    for version in versions::<LeaveGroupRequest>() {
        let mut body = LeaveGroupRequest::default().with_group_id(text("payments").into());
        match version {
            ..=2 => body.member_id = text("m"),
            _ => {
                let member = leave_group_request::MemberIdentity::default();
                body.members = vec![member.with_member_id(text("m"))];
            }
        }
        let fields = Scene::new().request(ApiKey::LeaveGroup, version, &body);
        assert_eq!((&fields.group, &fields.member), (&expected.0, &expected.2));
    }
}

#[test]
fn a_compressed_batch_is_counted_and_a_broken_one_is_nothing() {
    let mut partition = Partition::default();
    let mut room = 4096;
    let mut compressed = batch(Compression::None).to_vec();
    // The lowest bits of the attributes name the compression.
    compressed[22] |= 1;
    records::read(&compressed, &mut partition, &mut room);
    assert_eq!((partition.records, partition.kept.len()), (2, 0));
    let whole = batch(Compression::None);
    for end in 0..whole.len() {
        records::read(&whole[..end], &mut Partition::default(), &mut room);
    }
    let mut small = 3;
    let mut partition = Partition::default();
    records::read(&whole, &mut partition, &mut small);
    assert_eq!((partition.records, partition.kept.len()), (2, 1));
    assert_eq!(partition.kept[0].value.as_deref(), Some(&b""[..]));
}
