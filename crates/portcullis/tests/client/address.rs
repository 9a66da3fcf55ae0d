//! Addresses behind proxies, as a table: who is believed, and what is not.

use std::net::IpAddr;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use portcullis::client::address::TrustedProxies;

/// Two networks of proxies.
pub(crate) fn proxies() -> TrustedProxies {
    let networks = ["10.0.0.0/8", "2001:db8:ffff::/48", "::ffff:192.0.2.0/120"];
    TrustedProxies::new(networks.map(|network| network.parse().unwrap()))
}

pub(crate) fn headers(lines: &[(&str, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

const XFF: &str = "x-forwarded-for";
const FWD: &str = "forwarded";

/// The peer, the headers it sends, and the client.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

fn check(table: &[Case<'_>]) {
    for (peer, lines, expected) in table {
        let lines: Vec<_> = lines.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let found = proxies().address(peer.parse().unwrap(), &headers(&lines));
        assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{peer} with {lines:?}");
    }
}

#[test]
fn a_stranger_is_who_they_are_whatever_they_write() {
    check(&[
        ("203.0.113.7", &[], "203.0.113.7"),
        ("203.0.113.7", &[(XFF, "198.51.100.1")], "203.0.113.7"),
        ("203.0.113.7", &[(XFF, "10.0.0.1")], "203.0.113.7"),
        ("203.0.113.7", &[(FWD, "for=198.51.100.1")], "203.0.113.7"),
        ("::ffff:203.0.113.7", &[(XFF, "198.51.100.1")], "203.0.113.7"),
        ("2001:db8::7", &[(XFF, "198.51.100.1")], "2001:db8::7"),
        // The accepted twin: the same of a proxy.
        ("10.0.0.1", &[(XFF, "198.51.100.1")], "198.51.100.1"),
        ("10.0.0.1", &[(FWD, "for=198.51.100.1")], "198.51.100.1"),
    ]);
}

#[test]
fn the_rightmost_that_is_not_trusted_is_the_client() {
    check(&[
        ("10.0.0.1", &[], "10.0.0.1"),
        // What the client wrote stands left of what the proxy saw.
        ("10.0.0.1", &[(XFF, "127.0.0.1, 198.51.100.1")], "198.51.100.1"),
        ("10.0.0.1", &[(XFF, "198.51.100.1, 203.0.113.9")], "203.0.113.9"),
        // Through several proxies.
        ("10.0.0.1", &[(XFF, "1.2.3.4, 198.51.100.1, 10.0.0.3, 10.0.0.2")], "198.51.100.1"),
        ("10.0.0.1", &[(XFF, "198.51.100.1, 203.0.113.9, 10.0.0.2")], "203.0.113.9"),
        // Nobody else is named.
        ("10.0.0.1", &[(XFF, "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
        // Several lines are one list.
        ("10.0.0.1", &[(XFF, "1.2.3.4"), (XFF, "198.51.100.1")], "198.51.100.1"),
        ("10.0.0.1", &[(XFF, "198.51.100.1"), (XFF, "10.0.0.3, 10.0.0.2")], "198.51.100.1"),
        ("10.0.0.1", &[(XFF, "1.2.3.4,198.51.100.1 ,\t10.0.0.3")], "198.51.100.1"),
    ]);
}

#[test]
fn what_is_no_address_ends_the_chain() {
    check(&[
        ("10.0.0.1", &[(XFF, "198.51.100.1, unknown")], "10.0.0.1"),
        ("10.0.0.1", &[(XFF, "198.51.100.1, , 10.0.0.2")], "10.0.0.2"),
        ("10.0.0.1", &[(XFF, "198.51.100.1, 010.0.0.9")], "10.0.0.1"),
        ("10.0.0.1", &[(XFF, "198.51.100.1, 10.0.0.999")], "10.0.0.1"),
        ("10.0.0.1", &[(XFF, "198.51.100.1:http")], "10.0.0.1"),
        ("10.0.0.1", &[(XFF, "[2001:db8::1")], "10.0.0.1"),
        ("10.0.0.1", &[(XFF, "fe80::1%eth0")], "10.0.0.1"),
        ("10.0.0.1", &[(XFF, "")], "10.0.0.1"),
        // Garbage of the client stands further left and does no harm.
        ("10.0.0.1", &[(XFF, "\"<script>, 198.51.100.1")], "198.51.100.1"),
    ]);
    let bytes = headers(&[(XFF, b"198.51.100.1"), (XFF, b"\xff")]);
    let peer: IpAddr = "10.0.0.1".parse().unwrap();
    assert_eq!(proxies().address(peer, &bytes), peer);
}

#[test]
fn addresses_come_in_all_their_spellings() {
    check(&[
        ("10.0.0.1", &[(XFF, "198.51.100.1:4711")], "198.51.100.1"),
        ("10.0.0.1", &[(XFF, "2001:db8::1")], "2001:db8::1"),
        ("10.0.0.1", &[(XFF, "[2001:db8::1]")], "2001:db8::1"),
        ("10.0.0.1", &[(XFF, "[2001:db8::1]:4711")], "2001:db8::1"),
        // IPv4 within IPv6 is IPv4, on every side of a comparison.
        ("10.0.0.1", &[(XFF, "::ffff:198.51.100.1")], "198.51.100.1"),
        ("::ffff:10.0.0.1", &[(XFF, "198.51.100.1, ::ffff:10.0.0.2")], "198.51.100.1"),
        ("192.0.2.1", &[(XFF, "198.51.100.1")], "198.51.100.1"),
        ("::ffff:192.0.2.1", &[(XFF, "198.51.100.1")], "198.51.100.1"),
        ("192.0.3.1", &[(XFF, "198.51.100.1")], "192.0.3.1"),
        ("2001:db8:ffff::1", &[(XFF, "198.51.100.1")], "198.51.100.1"),
    ]);
}

#[test]
fn forwarded_is_read_where_nothing_else_is_there() {
    check(&[
        ("10.0.0.1", &[(FWD, "for=198.51.100.1")], "198.51.100.1"),
        ("10.0.0.1", &[(FWD, "For=\"[2001:db8::1]:4711\";proto=https;by=10.0.0.9")], "2001:db8::1"),
        ("10.0.0.1", &[(FWD, "proto=https; for=\"198.51.100.1:_port\"")], "198.51.100.1"),
        ("10.0.0.1", &[(FWD, "for=1.2.3.4, for=198.51.100.1, for=10.0.0.2")], "198.51.100.1"),
        ("10.0.0.1", &[(FWD, "for=1.2.3.4"), (FWD, "for=198.51.100.1")], "198.51.100.1"),
        ("10.0.0.1", &[(FWD, "for=198.51.100.1;host=\"a,for=1.2.3.4\"")], "198.51.100.1"),
        ("10.0.0.1", &[(FWD, "host=\"\\\",for=1.2.3.4\";for=198.51.100.1")], "198.51.100.1"),
        // Brackets belong within quotes, and mean nothing else without.
        ("10.0.0.1", &[(FWD, "for=[2001:db8::1]")], "2001:db8::1"),
        // Nearly every proxy writes the other one, and lets this one pass as the client wrote it.
        ("10.0.0.1", &[(FWD, "for=1.2.3.4"), (XFF, "198.51.100.1")], "198.51.100.1"),
        ("10.0.0.1", &[(FWD, "for=1.2.3.4"), (XFF, "garbage")], "10.0.0.1"),
    ]);
}

#[test]
fn what_forwarded_hides_or_garbles_ends_the_chain() {
    check(&[
        ("10.0.0.1", &[(FWD, "for=unknown")], "10.0.0.1"),
        ("10.0.0.1", &[(FWD, "for=1.2.3.4, for=_hidden")], "10.0.0.1"),
        ("10.0.0.1", &[(FWD, "for=1.2.3.4, by=10.0.0.9")], "10.0.0.1"),
        ("10.0.0.1", &[(FWD, "for=2001:db8::1")], "10.0.0.1"),
        ("10.0.0.1", &[(FWD, "for=1.2.3.4;for=198.51.100.1")], "10.0.0.1"),
        ("10.0.0.1", &[(FWD, "for=198.51.100.1,")], "10.0.0.1"),
        ("10.0.0.1", &[(FWD, "198.51.100.1")], "10.0.0.1"),
        // Quotes that the client leaves open swallow nothing of what the proxy adds.
        ("10.0.0.1", &[(FWD, "for=\"1.2.3.4, for=198.51.100.1")], "10.0.0.1"),
        ("10.0.0.1", &[(FWD, "for=\"x, for=\"[2001:db8::1]\"")], "10.0.0.1"),
        ("10.0.0.1", &[(FWD, "for=\"1.2.3.4"), (FWD, "for=198.51.100.1")], "198.51.100.1"),
    ]);
}

#[test]
fn long_chains_are_followed_for_a_while() {
    let hops = |count: usize, separator: &str, prefix: &str| {
        let proxies = vec![format!("{prefix}10.0.0.2"); count].join(separator);
        format!("{prefix}198.51.100.1{separator}{proxies}")
    };
    let client = |header, value: &str| {
        let headers = headers(&[(header, value.as_bytes())]);
        proxies().address("10.0.0.1".parse().unwrap(), &headers).to_string()
    };
    assert_eq!(client(XFF, &hops(31, ",", "")), "198.51.100.1");
    assert_eq!(client(XFF, &hops(32, ",", "")), "10.0.0.2");
    assert_eq!(client(FWD, &hops(31, ",", "for=")), "198.51.100.1");
    assert_eq!(client(FWD, &hops(32, ",", "for=")), "10.0.0.2");
    // A client may write as much as it likes to the left.
    let long = format!("{}, for=198.51.100.7", hops(5_000, ",", "for="));
    assert_eq!(client(FWD, &long), "198.51.100.7");
}

#[test]
fn without_trusted_proxies_nobody_is_believed() {
    let headers = headers(&[(XFF, b"198.51.100.1"), (FWD, b"for=198.51.100.1")]);
    let peer: IpAddr = "127.0.0.1".parse().unwrap();
    assert_eq!(TrustedProxies::default().address(peer, &headers), peer);
}
