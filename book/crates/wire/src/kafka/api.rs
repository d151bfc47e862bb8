//! Kafka's APIs: <https://kafka.apache.org/protocol#protocol_api_keys>.

/// A request's kind, and that of the answer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
#[allow(missing_docs, reason = "the names are Kafka's own")]
pub enum ApiKey {
    Produce = 0,
    Fetch = 1,
    ListOffsets = 2,
    Metadata = 3,
    OffsetCommit = 8,
    OffsetFetch = 9,
    FindCoordinator = 10,
    JoinGroup = 11,
    Heartbeat = 12,
    LeaveGroup = 13,
    SyncGroup = 14,
    DescribeGroups = 15,
    ListGroups = 16,
    SaslHandshake = 17,
    ApiVersions = 18,
    CreateTopics = 19,
    DeleteTopics = 20,
    DeleteRecords = 21,
    InitProducerId = 22,
    OffsetForLeaderEpoch = 23,
    AddPartitionsToTxn = 24,
    AddOffsetsToTxn = 25,
    EndTxn = 26,
    TxnOffsetCommit = 28,
    DescribeConfigs = 32,
    SaslAuthenticate = 36,
    CreatePartitions = 37,
    DeleteGroups = 42,
    IncrementalAlterConfigs = 44,
    OffsetDelete = 47,
    DescribeCluster = 60,
    DescribeProducers = 61,
    DescribeTransactions = 65,
    ConsumerGroupHeartbeat = 68,
    ConsumerGroupDescribe = 69,
    GetTelemetrySubscriptions = 71,
    PushTelemetry = 72,
    DescribeTopicPartitions = 75,
}

impl ApiKey {
    /// All that have a name here.
    const ALL: [ApiKey; 38] = {
        use ApiKey::*;
        [
            Produce,
            Fetch,
            ListOffsets,
            Metadata,
            OffsetCommit,
            OffsetFetch,
            FindCoordinator,
            JoinGroup,
            Heartbeat,
            LeaveGroup,
            SyncGroup,
            DescribeGroups,
            ListGroups,
            SaslHandshake,
            ApiVersions,
            CreateTopics,
            DeleteTopics,
            DeleteRecords,
            InitProducerId,
            OffsetForLeaderEpoch,
            AddPartitionsToTxn,
            AddOffsetsToTxn,
            EndTxn,
            TxnOffsetCommit,
            DescribeConfigs,
            SaslAuthenticate,
            CreatePartitions,
            DeleteGroups,
            IncrementalAlterConfigs,
            OffsetDelete,
            DescribeCluster,
            DescribeProducers,
            DescribeTransactions,
            ConsumerGroupHeartbeat,
            ConsumerGroupDescribe,
            GetTelemetrySubscriptions,
            PushTelemetry,
            DescribeTopicPartitions,
        ]
    };

    /// The API with this number; there are others, which a proxy does not look into.
    pub fn of(number: i16) -> Option<ApiKey> {
        ApiKey::ALL.into_iter().find(|api| *api as i16 == number)
    }

    /// Whether strings are compact and structures have tags in this version (KIP-482), of the APIs
    /// that are looked into.
    pub(super) fn is_flexible(self, version: i16) -> bool {
        let first = match self {
            ApiKey::ConsumerGroupHeartbeat | ApiKey::DescribeCluster => 0,
            ApiKey::InitProducerId => 2,
            ApiKey::AddOffsetsToTxn
            | ApiKey::AddPartitionsToTxn
            | ApiKey::EndTxn
            | ApiKey::FindCoordinator
            | ApiKey::TxnOffsetCommit => 3,
            ApiKey::Heartbeat | ApiKey::LeaveGroup | ApiKey::SyncGroup => 4,
            ApiKey::JoinGroup | ApiKey::OffsetFetch => 6,
            ApiKey::OffsetCommit => 8,
            ApiKey::Metadata | ApiKey::Produce => 9,
            ApiKey::Fetch => 12,
            _ => return false,
        };
        version >= first
    }
}
