//! The certificate authorities that this machine trusts, as a file that Java reads.
//!
//! A Java of the cache brings its own list or none: Debian's package makes one only when it is
//! installed for real. What the machine trusts is in a PEM file; Java wants a key store.

use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Where the PEM file is: on Debian and Ubuntu, on Fedora, on macOS and Alpine.
const BUNDLES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// The format's own numbers (`sun.security.provider.JavaKeyStore`).
const MAGIC: u32 = 0xFEED_FEED;
const VERSION: u32 = 2;
const TRUSTED_CERTIFICATE: u32 = 2;

/// Writes a Java key store (JKS) of the machine's authorities; `false` where it has none.
pub(crate) fn write_store(file: &Path) -> io::Result<bool> {
    let named = std::env::var_os("SSL_CERT_FILE").map(std::path::PathBuf::from);
    let bundles = named.into_iter().chain(BUNDLES.iter().map(Into::into));
    let Some(pem) = bundles
        .filter_map(|bundle| std::fs::read_to_string(bundle).ok())
        .next()
    else {
        return Ok(false);
    };
    std::fs::write(file, store(&certificates(&pem)))?;
    Ok(true)
}

/// The certificates of a PEM file in binary form (DER).
fn certificates(pem: &str) -> Vec<Vec<u8>> {
    pem.split("-----BEGIN CERTIFICATE-----")
        .skip(1)
        .filter_map(|rest| {
            let text: String = rest.split("-----END").next()?.split_whitespace().collect();
            STANDARD.decode(text).ok()
        })
        .collect()
}

/// A key store without a password: Java checks the digest at its end only against a password.
fn store(certificates: &[Vec<u8>]) -> Vec<u8> {
    const DIGEST: [u8; 20] = [0; 20];
    let mut store = Vec::new();
    store.extend(MAGIC.to_be_bytes());
    store.extend(VERSION.to_be_bytes());
    store.extend((certificates.len() as u32).to_be_bytes());
    for (number, certificate) in certificates.iter().enumerate() {
        store.extend(TRUSTED_CERTIFICATE.to_be_bytes());
        text(&mut store, &format!("authority-{number}"));
        store.extend(0u64.to_be_bytes()); // when it was added
        text(&mut store, "X.509");
        store.extend((certificate.len() as u32).to_be_bytes());
        store.extend(certificate);
    }
    store.extend(DIGEST);
    store
}

fn text(store: &mut Vec<u8>, text: &str) {
    store.extend((text.len() as u16).to_be_bytes());
    store.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_holds_the_certificates_of_a_pem_file() {
        let pem = "# one\n-----BEGIN CERTIFICATE-----\nAQID\nBAU=\n-----END CERTIFICATE-----\n\
                   -----BEGIN CERTIFICATE-----\nBg==\n-----END CERTIFICATE-----\nrest\n";
        let found = certificates(pem);
        assert_eq!(found, [vec![1, 2, 3, 4, 5], vec![6]]);
        let store = store(&found);
        assert_eq!(
            store[..12],
            [0xFE, 0xED, 0xFE, 0xED, 0, 0, 0, 2, 0, 0, 0, 2]
        );
        assert!(
            store
                .windows(9)
                .any(|window| window == [0, 0, 0, 5, 1, 2, 3, 4, 5])
        );
    }

    #[test]
    fn rubbish_gives_no_certificate() {
        assert!(certificates("").is_empty());
        assert!(certificates("-----BEGIN CERTIFICATE-----\n???\n").is_empty());
    }
}
