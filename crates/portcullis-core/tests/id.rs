//! Identifiers: what is let in, and that it stays the text it was.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fmt::Display;
use std::str::FromStr;

use portcullis_core::id::{
    ClientId, Invalid, Issuer, MAX_LENGTH, PrivateUse, RedirectUri, ResourceId,
};
use proptest::prelude::*;

/// What holds for issuer and resource alike: each refused text beside what puts it right.
const REFUSED: &[(&str, Invalid, &str)] = &[
    ("", Invalid::Empty, "https://as.example.com"),
    ("as.example.com", Invalid::Grammar, "https://as.example.com"),
    ("//as.example.com/", Invalid::Grammar, "https://as.example.com/"),
    ("https://as.example.com/a b", Invalid::Grammar, "https://as.example.com/a%20b"),
    ("https://as.example.com/a\\b", Invalid::Grammar, "https://as.example.com/a/b"),
    ("https://as.example.com/%zz", Invalid::Grammar, "https://as.example.com/%7a"),
    ("https://as.exämple.com", Invalid::Grammar, "https://as.xn--exmple-cua.com"),
    ("https://as.example.com\n", Invalid::Grammar, "https://as.example.com"),
    ("ftp://as.example.com", Invalid::Scheme, "https://as.example.com"),
    ("urn:example:as", Invalid::Scheme, "https://example/as"),
    ("http://as.example.com", Invalid::PlainHttp, "https://as.example.com"),
    ("http://localhost.example.com", Invalid::PlainHttp, "http://localhost"),
    ("http://127.1", Invalid::PlainHttp, "http://127.0.0.1"),
    ("http://128.0.0.1", Invalid::PlainHttp, "http://127.255.255.254"),
    ("http://[::2]", Invalid::PlainHttp, "http://[::1]"),
    ("http://[::ffff:127.0.0.1]", Invalid::PlainHttp, "http://[0:0:0:0:0:0:0:1]"),
    ("https:as.example.com", Invalid::Host, "https://as.example.com"),
    ("https:///a", Invalid::Host, "https://as.example.com/a"),
    ("https://as.ex%61mple.com", Invalid::Host, "https://as.example.com"),
    ("https://as.example.com,evil.example", Invalid::Host, "https://as.example.com"),
    ("https://[v1.x]/", Invalid::Host, "https://[2001:db8::1]/"),
    ("https://as.example.com:", Invalid::Port, "https://as.example.com:443"),
    ("https://as.example.com:65536", Invalid::Port, "https://as.example.com:65535"),
    ("https://user@as.example.com", Invalid::UserInfo, "https://as.example.com"),
    ("https://@as.example.com", Invalid::UserInfo, "https://as.example.com"),
    ("https://as.example.com/#x", Invalid::Fragment, "https://as.example.com/x"),
    ("https://as.example.com#", Invalid::Fragment, "https://as.example.com"),
];

#[test]
fn issuers_and_resources_are_refused_by_name() {
    for (refused, reason, accepted) in REFUSED {
        assert_eq!(Issuer::parse(refused).unwrap_err(), *reason, "issuer {refused}");
        assert_eq!(ResourceId::parse(refused).unwrap_err(), *reason, "resource {refused}");
        assert_eq!(Issuer::parse(accepted).unwrap().as_str(), *accepted);
        assert_eq!(ResourceId::parse(accepted).unwrap().as_str(), *accepted);
    }
}

#[test]
fn only_a_resource_may_have_a_query() {
    for with_query in ["https://example.com/mcp?tenant=1", "https://example.com?"] {
        assert_eq!(Issuer::parse(with_query), Err(Invalid::Query));
        assert_eq!(ResourceId::parse(with_query).unwrap().as_str(), with_query);
    }
    assert!(Issuer::parse("https://example.com/mcp").is_ok());
}

#[test]
fn length_is_bounded() {
    let longest = format!("https://example.com/{}", "a".repeat(MAX_LENGTH - 20));
    assert_eq!(longest.len(), MAX_LENGTH);
    assert!(Issuer::parse(&longest).is_ok());
    let longer = longest + "a";
    assert_eq!(Issuer::parse(&longer), Err(Invalid::TooLong));
    assert_eq!(ResourceId::parse(&longer), Err(Invalid::TooLong));
    assert_eq!(ClientId::parse(&longer), Err(Invalid::TooLong));
    assert_eq!(RedirectUri::parse(&longer, PrivateUse::Refused), Err(Invalid::TooLong));
}

// req: CL-3
#[test]
fn nothing_is_normalised() {
    // Each pair is one URL to a URL type, and two identifiers to OAuth.
    let pairs = [
        ("https://example.com", "https://example.com/"),
        ("https://example.com/a", "https://EXAMPLE.com/a"),
        ("https://example.com/a", "HTTPS://example.com/a"),
        ("https://example.com/a", "https://example.com:443/a"),
        ("https://example.com/a", "https://example.com/b/../a"),
        ("https://example.com/~a", "https://example.com/%7Ea"),
        ("https://example.com/%7ea", "https://example.com/%7Ea"),
    ];
    for (left, right) in pairs {
        assert_ne!(Issuer::parse(left).unwrap(), Issuer::parse(right).unwrap());
        assert_eq!(Issuer::parse(left).unwrap(), Issuer::parse(left).unwrap());
        assert_ne!(ResourceId::parse(left).unwrap(), ResourceId::parse(right).unwrap());
        assert_eq!(ResourceId::parse(right).unwrap().to_string(), right);
    }
}

#[test]
fn origin_and_path_are_slices_as_written() {
    let cases = [
        ("https://Example.com", "https://Example.com", ""),
        ("https://example.com/", "https://example.com", "/"),
        ("HTTPS://example.com:443/a/b/", "HTTPS://example.com:443", "/a/b/"),
        ("http://[::1]:8080/mcp", "http://[::1]:8080", "/mcp"),
        ("https://example.com/a://b", "https://example.com", "/a://b"),
    ];
    for (text, origin, path) in cases {
        let (issuer, resource) = (Issuer::parse(text).unwrap(), ResourceId::parse(text).unwrap());
        assert_eq!((issuer.origin(), issuer.path()), (origin, path));
        assert_eq!((resource.origin(), resource.path()), (origin, path));
    }
    let resource = ResourceId::parse("https://example.com?x=/y").unwrap();
    assert_eq!((resource.origin(), resource.path()), ("https://example.com", ""));
    let resource = ResourceId::parse("https://example.com/mcp?x=?/").unwrap();
    assert_eq!((resource.origin(), resource.path()), ("https://example.com", "/mcp"));
}

#[test]
fn loopback_is_a_matter_of_text() {
    for text in ["http://localhost", "https://LOCALHOST:1", "http://127.9.9.9/x", "http://[::1]"] {
        assert!(Issuer::parse(text).unwrap().host_is_loopback(), "{text}");
        assert!(ResourceId::parse(text).unwrap().host_is_loopback(), "{text}");
    }
    for text in ["https://localhost.", "https://127.1", "https://0.0.0.0", "https://[::]"] {
        assert!(!Issuer::parse(text).unwrap().host_is_loopback(), "{text}");
        assert!(!ResourceId::parse(text).unwrap().host_is_loopback(), "{text}");
    }
}

#[test]
fn client_identifiers_are_printable_ascii() {
    for text in ["s6BhdRkqt3", "a b", "~", "https://example.com"] {
        assert_eq!(ClientId::parse(text).unwrap().as_str(), text);
    }
    assert_eq!(ClientId::parse(""), Err(Invalid::Empty));
    for text in ["a\nb", "a\tb", "a\u{7f}b", "ä"] {
        assert_eq!(ClientId::parse(text), Err(Invalid::Character));
    }
}

#[test]
fn a_metadata_document_client_is_an_https_url_with_a_path() {
    for text in [
        "https://app.example.com/client.json",
        "https://app.example.com:8443/oauth/client?v=1",
        "https://app.example.com/a..b/.well-known/...",
    ] {
        assert_eq!(ClientId::parse(text).unwrap().metadata_url(), Some(text));
    }
    for text in [
        "s6BhdRkqt3",
        "https://app.example.com",
        "https://app.example.com/",
        "https://app.example.com?client.json",
        "http://app.example.com/client.json",
        "http://localhost/client.json",
        "https://app.example.com/client.json#",
        "https://user@app.example.com/client.json",
        "https://app.example.com/a/../client.json",
        "https://app.example.com/./client.json",
        "https://app.example.com/%2E%2e/client.json",
        "https://app.example.com/.%2e",
    ] {
        assert_eq!(ClientId::parse(text).unwrap().metadata_url(), None, "{text}");
    }
}

#[test]
fn redirect_uris_are_https_or_loopback() {
    let parse = |text| RedirectUri::parse(text, PrivateUse::Refused);
    for (refused, reason, accepted) in [
        ("http://app.example.com/cb", Invalid::PlainHttp, "https://app.example.com/cb"),
        ("https://app.example.com/cb#x", Invalid::Fragment, "https://app.example.com/cb?x"),
        ("https://u:p@app.example.com/cb", Invalid::UserInfo, "https://app.example.com/cb"),
        ("javascript:alert(1)", Invalid::Scheme, "http://127.0.0.1/cb"),
        ("/cb", Invalid::Grammar, "http://localhost:8080/cb"),
    ] {
        assert_eq!(parse(refused).unwrap_err(), reason);
        assert_eq!(parse(accepted).unwrap().as_str(), accepted);
    }
}

#[test]
fn private_use_schemes_only_where_allowed_and_with_a_dot() {
    for text in ["com.example.app:/oauth2redirect", "com.example.app://cb", "com.example.app:cb"] {
        assert_eq!(RedirectUri::parse(text, PrivateUse::Refused), Err(Invalid::Scheme));
        let allowed = RedirectUri::parse(text, PrivateUse::Allowed).unwrap();
        assert!(allowed.admits(text) && !allowed.admits("com.example.app:/other"));
    }
    for text in ["javascript:alert(1)", "data:text/html,x", "myapp:/cb", "file:///etc/passwd"] {
        assert_eq!(RedirectUri::parse(text, PrivateUse::Allowed), Err(Invalid::Scheme), "{text}");
    }
    for (text, reason) in [
        ("com.example.app:/cb#x", Invalid::Fragment),
        ("com.example.app://u@host/cb", Invalid::UserInfo),
        ("http://app.example.com/cb", Invalid::PlainHttp),
    ] {
        assert_eq!(RedirectUri::parse(text, PrivateUse::Allowed).unwrap_err(), reason);
    }
    assert!(RedirectUri::parse("https://app.example.com/cb", PrivateUse::Allowed).is_ok());
}

#[test]
fn a_redirect_uri_is_matched_exactly() {
    let registered = "https://app.example.com/cb?x=1";
    let uri = RedirectUri::parse(registered, PrivateUse::Refused).unwrap();
    assert!(uri.admits(registered));
    for other in [
        "",
        "https://app.example.com/cb",
        "https://app.example.com/cb?x=1&y",
        "https://app.example.com/cb?x=1#",
        "https://app.example.com:443/cb?x=1",
        "https://app.example.com:8443/cb?x=1",
        "https://APP.example.com/cb?x=1",
        "https://app.example.com/cb/../cb?x=1",
        "https://app.example.com.evil.example/cb?x=1",
        "https://app.example.com@evil.example/cb?x=1",
        "http://app.example.com/cb?x=1",
    ] {
        assert!(!uri.admits(other), "{other}");
    }
}

#[test]
fn the_port_of_a_loopback_redirect_is_free_and_nothing_else() {
    for (registered, other_ports, others) in [
        (
            "http://127.0.0.1/cb",
            ["http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb"],
            ["http://127.0.0.2/cb", "http://localhost/cb", "http://[::1]/cb"],
        ),
        (
            "http://localhost:3000/cb?x",
            ["http://localhost/cb?x", "http://localhost:3001/cb?x"],
            [
                "http://LOCALHOST:3001/cb?x",
                "http://localhost:3001/cb",
                "http://localhost:3001/cb?y",
            ],
        ),
        (
            "http://[::1]:3000/cb",
            ["http://[::1]/cb", "http://[::1]:3001/cb"],
            ["http://[0::1]:3001/cb", "http://[::1]:3001/cb/", "https://[::1]:3001/cb"],
        ),
        (
            "http://127.0.0.1:3000",
            ["http://127.0.0.1", "http://127.0.0.1:80"],
            ["http://127.0.0.1:80/", "http://127.0.0.1:80?", "http://127.0.0.1:80#"],
        ),
    ] {
        let uri = RedirectUri::parse(registered, PrivateUse::Refused).unwrap();
        assert!(uri.admits(registered));
        for other in other_ports {
            assert!(uri.admits(other), "{registered} {other}");
        }
        for other in others {
            assert!(!uri.admits(other), "{registered} {other}");
        }
        for trick in ["http://127.0.0.1:99999/cb", "http://127.0.0.1:x@evil.example/cb"] {
            assert!(!uri.admits(trick), "{registered} {trick}");
        }
    }
    // The port of an https redirect is part of it, loopback or not.
    let secure = RedirectUri::parse("https://localhost:3000/cb", PrivateUse::Refused).unwrap();
    assert!(secure.admits("https://localhost:3000/cb"));
    assert!(!secure.admits("https://localhost:3001/cb"));
}

fn round_trip<T: FromStr + Display + PartialEq + std::fmt::Debug>(text: &str) {
    if let Ok(id) = text.parse::<T>() {
        assert_eq!(id.to_string(), text);
        assert_eq!(text.parse::<T>().ok(), Some(id));
    }
}

/// Text that is nearly a URL, so that much of it is accepted and the rest just not.
fn nearly_url() -> impl Strategy<Value = String> {
    "(https?|HTTPS|com\\.app|x)(://|:|:/)([a-z]{1,3}@)?(localhost|127\\.0\\.0\\.1|\\[::1\\]|[a-c.%]{1,8})\
     (:[0-9]{0,6})?([/?#][a-z/?.%2eE ]{0,12})?"
}

/// Scheme, host, port and the rest, of so few that pairs are often alike.
fn few_urls() -> impl Strategy<Value = (&'static str, &'static str, &'static str, &'static str)> {
    let of = |parts: &'static [&'static str]| prop::sample::select(parts);
    (
        of(&["http", "https"]),
        of(&["127.0.0.1", "localhost", "[::1]", "app.example.com"]),
        of(&["", ":1", ":8080"]),
        of(&["/cb", "/cb/", "/cb?x=1"]),
    )
}

proptest! {
    #[test]
    fn any_text_is_kept_or_refused(text in prop_oneof![any::<String>(), nearly_url()]) {
        round_trip::<Issuer>(&text);
        round_trip::<ResourceId>(&text);
        round_trip::<ClientId>(&text);
        for private_use in [PrivateUse::Refused, PrivateUse::Allowed] {
            if let Ok(uri) = RedirectUri::parse(&text, private_use) {
                prop_assert_eq!(uri.as_str(), &text);
                prop_assert!(uri.admits(&text));
            }
        }
        if let Ok(resource) = ResourceId::parse(&text) {
            let front = [resource.origin(), resource.path()].concat();
            prop_assert!(text.starts_with(&front));
        }
    }

    /// Of two redirects that differ in any part but the port of a loopback address, neither admits the
    /// other.
    #[test]
    fn admitted_is_the_same_but_for_a_loopback_port(left in few_urls(), right in few_urls()) {
        let text = |(scheme, host, port, rest): (&str, &str, &str, &str)| {
            format!("{scheme}://{host}{port}{rest}")
        };
        let uri = RedirectUri::parse(&text(left), PrivateUse::Refused);
        prop_assume!(uri.is_ok());
        let but_port = |(scheme, host, _, rest): (&'static str, &'static str, &str, &'static str)| {
            (scheme, host, rest)
        };
        let free = left.0 == "http" && but_port(left) == but_port(right);
        prop_assert_eq!(uri.unwrap().admits(&text(right)), left == right || free);
    }

    #[test]
    fn every_port_of_loopback(port in any::<u16>(), registered in any::<u16>()) {
        let text = format!("http://127.0.0.1:{registered}/callback");
        let uri = RedirectUri::parse(&text, PrivateUse::Refused).unwrap();
        let same = format!("http://127.0.0.1:{port}/callback");
        let other = format!("http://127.0.0.1:{port}/callbacks");
        prop_assert!(uri.admits(&same));
        prop_assert!(!uri.admits(&other));
    }
}
