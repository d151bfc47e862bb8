//! The settings of one node that is broker and controller at once, for one reader.

/// Names and values. Clients are told to come to `127.0.0.1:PORT`, whatever the broker listens on.
pub(crate) fn of(
    storage: &str,
    listen: &str,
    port: u16,
    controller: u16,
) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        ("process.roles", "broker,controller".to_owned()),
        ("node.id", "1".to_owned()),
        (
            "controller.quorum.voters",
            format!("1@127.0.0.1:{controller}"),
        ),
        ("controller.listener.names", "CONTROLLER".to_owned()),
        (
            "listeners",
            format!("PLAINTEXT://{listen}:{port},CONTROLLER://127.0.0.1:{controller}"),
        ),
        (
            "advertised.listeners",
            format!("PLAINTEXT://127.0.0.1:{port}"),
        ),
        (
            "listener.security.protocol.map",
            "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT".to_owned(),
        ),
        ("log.dirs", storage.to_owned()),
        // A group begins at once instead of waiting 3 s for more members.
        ("group.initial.rebalance.delay.ms", "0".to_owned()),
        // A member of a group of the newer protocol hears of a change with its next heartbeat, after
        // 0.2 s at most instead of 5 s.
        ("group.consumer.heartbeat.interval.ms", "200".to_owned()),
        ("group.consumer.min.heartbeat.interval.ms", "200".to_owned()),
        // A broker that was killed may come back only when the controller holds it for dead: 3 s
        // after its last heartbeat instead of 9 s.
        ("broker.heartbeat.interval.ms", "500".to_owned()),
        ("broker.session.timeout.ms", "3000".to_owned()),
        // The controller writes at once instead of gathering for 25 ms: four such waits stand
        // between the start and the first client.
        ("controller.quorum.append.linger.ms", "0".to_owned()),
        // What is over its time ends within a second instead of 10 s (a transaction) or five minutes
        // (a record), and a log is compacted as soon, instead of after 15 s: a reader need not wait.
        (
            "transaction.abort.timed.out.transaction.cleanup.interval.ms",
            "500".to_owned(),
        ),
        ("log.retention.check.interval.ms", "500".to_owned()),
        ("log.cleaner.backoff.ms", "500".to_owned()),
        ("log.initial.task.delay.ms", "500".to_owned()),
        // The cleaner's own buffer (128 MB) does not fit into the heap.
        ("log.cleaner.dedupe.buffer.size", "4194304".to_owned()),
    ];
    // The topics that Kafka keeps for itself. One node cannot hold three copies of them, and 50
    // partitions each would be 50 folders to make before the first consumer gets a message.
    let own = [
        (
            "offsets.topic.replication.factor",
            "offsets.topic.num.partitions",
        ),
        (
            "transaction.state.log.replication.factor",
            "transaction.state.log.num.partitions",
        ),
        (
            "transaction.state.log.min.isr",
            "share.coordinator.state.topic.min.isr",
        ),
        (
            "share.coordinator.state.topic.replication.factor",
            "share.coordinator.state.topic.num.partitions",
        ),
    ];
    settings.extend(
        own.into_iter()
            .flat_map(|(a, b)| [(a, "1".to_owned()), (b, "1".to_owned())]),
    );
    settings
}

/// The settings as a file that Kafka reads.
pub(crate) fn properties(settings: &[(&str, String)]) -> String {
    // A backslash begins an escape there.
    settings
        .iter()
        .map(|(name, value)| format!("{name}={}\n", value.replace('\\', "\\\\")))
        .collect()
}

/// The settings as the environment of Kafka's own image.
pub(crate) fn environment(settings: &[(&str, String)]) -> Vec<String> {
    let variable = |name: &str| format!("KAFKA_{}", name.replace('.', "_").to_uppercase());
    settings
        .iter()
        .map(|(name, value)| format!("{}={value}", variable(name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_name_is_written_as_a_property_holds_it() {
        let settings = of("/tmp/a b\\c", "127.0.0.1", 1, 2);
        assert!(properties(&settings).contains("log.dirs=/tmp/a b\\\\c\n"));
    }

    #[test]
    fn the_image_takes_the_same_settings() {
        let environment = environment(&of("/data", "", 9092, 9093));
        assert!(environment.contains(&"KAFKA_PROCESS_ROLES=broker,controller".to_owned()));
        assert!(
            environment
                .contains(&"KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://127.0.0.1:9092".to_owned())
        );
    }
}
