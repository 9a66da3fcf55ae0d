//! Certificates of clients, as trusted proxies tell them (RFC 9440).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis::client::address::BadCertificate;
use portcullis_core::keys::CertificateThumbprint;

use super::address::{headers, proxies};

const HEADER: &str = "client-cert";

/// Any bytes will do: only their hash is ever looked at.
const DER: &[u8] = b"\x30\x82one certificate";

fn told() -> String {
    format!(":{}:", STANDARD.encode(DER))
}

fn of(peer: &str, lines: &[&[u8]]) -> Result<Option<CertificateThumbprint>, BadCertificate> {
    let lines: Vec<_> = lines.iter().map(|line| (HEADER, *line)).collect();
    proxies().certificate(peer.parse().unwrap(), &headers(&lines))
}

#[test]
fn a_trusted_proxy_tells_the_certificate_of_its_client() {
    let expected = Ok(Some(CertificateThumbprint::of_der(DER)));
    assert_eq!(of("10.0.0.1", &[told().as_bytes()]), expected);
    assert_eq!(of("::ffff:10.0.0.1", &[format!(" {} ", told()).as_bytes()]), expected);
    assert_eq!(of("10.0.0.1", &[]), Ok(None));
}

#[test]
fn a_stranger_tells_nothing() {
    assert_eq!(of("203.0.113.7", &[told().as_bytes()]), Ok(None));
    assert_eq!(of("203.0.113.7", &[b"garbage", b"and more"]), Ok(None));
}

#[test]
fn a_header_beside_that_of_the_proxy_is_refused() {
    let told = told();
    for lines in [[told.as_bytes(), told.as_bytes()], [b"".as_slice(), told.as_bytes()]] {
        assert_eq!(of("10.0.0.1", &lines), Err(BadCertificate::Several));
    }
}

#[test]
fn what_is_no_byte_sequence_is_refused() {
    let encoded = STANDARD.encode(DER);
    assert!(encoded.ends_with('='), "so that padding can be left out");
    let unpadded = format!(":{}:", encoded.trim_end_matches('='));
    let listed = format!("{0}, {0}", told());
    let with_parameter = format!("{};a=1", told());
    for line in [
        encoded.as_bytes(),
        unpadded.as_bytes(),
        listed.as_bytes(),
        with_parameter.as_bytes(),
        b"",
        b":",
        b"::",
        b": :",
        b":!:",
        b":\xff:",
    ] {
        assert_eq!(of("10.0.0.1", &[line]), Err(BadCertificate::Malformed), "{line:?}");
    }
}

#[test]
fn no_certificate_is_longer_than_a_bound() {
    let of_length = |length| of("10.0.0.1", &[format!(":{}:", "A".repeat(length)).as_bytes()]);
    assert!(matches!(of_length(16 * 1024 - 4), Ok(Some(_))));
    assert_eq!(of_length(16 * 1024), Err(BadCertificate::TooLong));
}
