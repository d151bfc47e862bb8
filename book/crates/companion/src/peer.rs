//! Whose program is at the other end of a connection. Other users of the machine can reach 127.0.0.1
//! too. They can read the ticket in a browser's command line, and get the cookie, which a browser
//! sends to every port, with a server of their own.

use std::net::{SocketAddr, SocketAddrV4};

use tokio::net::TcpStream;

/// What the kernel tells of sockets: those of IPv4, and those of IPv6, which reach IPv4 addresses too.
const TABLES: [(&str, &str); 2] = [
    ("/proc/net/tcp", ""),
    ("/proc/net/tcp6", "0000000000000000FFFF0000"),
];

/// Whether it is the reader's, or root's, which may do anything here. Where the system does not tell,
/// it counts as the reader's.
pub fn is_own(stream: &TcpStream) -> bool {
    let (Ok(SocketAddr::V4(peer)), Ok(SocketAddr::V4(here))) =
        (stream.peer_addr(), stream.local_addr())
    else {
        return false;
    };
    let mut told = false;
    for (table, prefix) in TABLES {
        let Ok(table) = std::fs::read_to_string(table) else {
            continue;
        };
        told = true;
        if let Some(owner) = owner(&table, prefix, peer, here) {
            return owner == 0 || owner == rustix::process::getuid().as_raw();
        }
    }
    !told
}

/// The user whose socket it is, by a table of the kernel (proc(5), `/proc/net/tcp`).
fn owner(table: &str, prefix: &str, peer: SocketAddrV4, here: SocketAddrV4) -> Option<u32> {
    let place = |it: SocketAddrV4| {
        let address = u32::from_ne_bytes(it.ip().octets());
        format!("{prefix}{address:08X}:{:04X}", it.port())
    };
    let (peer, here) = (place(peer), place(here));
    table.lines().skip(1).find_map(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        // 01 is an established connection. A closed one has root for its owner, whosever it was.
        match words[..] {
            [_, local, remote, "01", _, _, _, uid, ..] if local == peer && remote == here => {
                uid.parse().ok()
            }
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::net::TcpListener;

    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:10CC 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 0100007F:C350 0100007F:10CC 01 00000000:00000000 00:00000000 00000000  1000        0 2
   2: 0100007F:10CC 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 3
   3: 0100007F:C351 0100007F:10CC 06 00000000:00000000 03:00000A2F 00000000     0        0 0
";

    #[test]
    #[cfg(target_endian = "little")]
    fn the_owner_is_that_of_the_other_end() {
        let at = |port: u16| SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, port);
        let of = |port| owner(TABLE, "", at(port), at(4300));
        assert_eq!(of(0xC350), Some(1000));
        // A closed connection is nobody's, and so is one that is not there.
        assert_eq!(of(0xC351), None);
        assert_eq!(of(0xC352), None);
    }

    #[tokio::test]
    async fn a_connection_of_this_program_is_its_own() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let _client = TcpStream::connect(address).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        assert!(is_own(&stream));
    }

    #[tokio::test]
    async fn a_connection_through_ipv6_is_its_own() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mapped = std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped();
        let _client = TcpStream::connect((mapped, port)).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        assert!(is_own(&stream));
    }
}
