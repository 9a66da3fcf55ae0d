//! The access token of a request: found in one place, or not at all.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use portcullis_core::bearer::{
    AccessToken, MAX_LENGTH, Malformed, Presented, Scheme, TokenHash, present,
};
use proptest::prelude::*;

fn headers(values: &[&[u8]]) -> HeaderMap {
    values.iter().map(|v| (AUTHORIZATION, HeaderValue::from_bytes(v).unwrap())).collect()
}

fn token(headers: &HeaderMap) -> AccessToken<'_> {
    match present(headers, None) {
        Presented::Token(token) => token,
        other => panic!("no token but {other:?}"),
    }
}

fn malformed(headers: &HeaderMap, query: Option<&str>) -> Option<Malformed> {
    match present(headers, query) {
        Presented::Malformed(malformed) => Some(malformed),
        _ => None,
    }
}

fn absent(headers: &HeaderMap) -> bool {
    matches!(present(headers, None), Presented::Absent)
}

// req: RS-10
#[test]
fn the_token_stands_in_the_authorization_header() {
    // The examples of RFC 6750 section 2.1 and RFC 9449 section 7.1.
    let bearer = headers(&[b"Bearer mF_9.B5f-4.1JqM"]);
    assert_eq!(token(&bearer).text(), "mF_9.B5f-4.1JqM");
    assert_eq!(token(&bearer).scheme(), Scheme::Bearer);
    let dpop = headers(&[b"DPoP Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"]);
    assert_eq!(token(&dpop).text(), "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
    assert_eq!(token(&dpop).scheme(), Scheme::Dpop);
    for spelled in ["bearer a", "BEARER a", "bEaReR   a", "dpop a", "DPOP a"] {
        assert_eq!(token(&headers(&[spelled.as_bytes()])).text(), "a");
    }
}

#[test]
fn no_header_or_another_scheme_is_no_token() {
    assert!(absent(&HeaderMap::new()));
    for other in ["Basic dXNlcjpwYXNz", "Bearerx a", "Negotiate", "eyJhbGciOiJ9.e30.c2ln"] {
        assert!(absent(&headers(&[other.as_bytes()])), "{other}");
    }
}

// req: RS-10
#[test]
fn two_headers_are_malformed() {
    let pairs: [[&[u8]; 2]; 4] = [
        [b"Bearer a", b"Bearer a"],
        [b"Bearer a", b"DPoP a"],
        [b"Bearer a", b"Basic a"],
        [b"Basic a", b"Basic a"],
    ];
    for pair in pairs {
        assert_eq!(malformed(&headers(&pair), None), Some(Malformed::SeveralHeaders));
        assert_eq!(malformed(&headers(&pair[..1]), None), None);
    }
    // Nor is a list within one header a way to bring two.
    let list = headers(&[b"Bearer a, Bearer b"]);
    assert_eq!(malformed(&list, None), Some(Malformed::NotToken68));
}

// req: RS-10
#[test]
fn a_token_in_the_query_is_malformed_also_beside_a_good_header() {
    let good = headers(&[b"Bearer a"]);
    for query in [
        "access_token=a",
        "x=1&access_token=a",
        "x=1;access_token=a",
        "access_token",
        "access_token=&x",
        "access%5Ftoken=a",
        "%61ccess_toke%6e=a",
        "Access_Token=a",
    ] {
        assert_eq!(malformed(&good, Some(query)), Some(Malformed::InQuery), "{query}");
        assert_eq!(malformed(&HeaderMap::new(), Some(query)), Some(Malformed::InQuery));
    }
    for query in
        ["", "x=access_token", "access_tokens=a", "xaccess_token=a", "access%255Ftoken=a", "%zz"]
    {
        assert_eq!(malformed(&good, Some(query)), None, "{query}");
        assert!(matches!(present(&good, Some(query)), Presented::Token(_)));
    }
}

#[test]
fn the_header_is_a_scheme_a_space_and_a_token_and_nothing_else() {
    let cases: [(&[u8], Malformed); 15] = [
        (b"", Malformed::Scheme),
        (b" Bearer a", Malformed::Scheme),
        (b"Bearer\ta", Malformed::Scheme),
        (b"Bearer:a", Malformed::Scheme),
        (b"Bearer=a", Malformed::Scheme),
        (b"\"Bearer\" a", Malformed::Scheme),
        (b"Bearer", Malformed::NotToken68),
        (b"Bearer ", Malformed::NotToken68),
        (b"Bearer a ", Malformed::NotToken68),
        (b"Bearer \ta", Malformed::NotToken68),
        (b"Bearer a b", Malformed::NotToken68),
        (b"Bearer ==", Malformed::NotToken68),
        (b"Bearer a=b", Malformed::NotToken68),
        (b"Bearer \"a\"", Malformed::NotToken68),
        (b"Bearer \xc3\xa4", Malformed::NotAscii),
    ];
    for (value, reason) in cases {
        assert_eq!(malformed(&headers(&[value]), None), Some(reason), "{value:?}");
    }
    for good in ["a", "a==", "-._~+/", "AZaz09"] {
        assert_eq!(token(&headers(&[format!("Bearer {good}").as_bytes()])).text(), good);
    }
}

#[test]
fn length_is_bounded() {
    assert_eq!(MAX_LENGTH, 16_384);
    let value = |length: usize| format!("Bearer {}", "a".repeat(length));
    assert_eq!(token(&headers(&[value(MAX_LENGTH).as_bytes()])).text().len(), MAX_LENGTH);
    let longer = headers(&[value(MAX_LENGTH + 1).as_bytes()]);
    assert_eq!(malformed(&longer, None), Some(Malformed::TooLong));
}

#[test]
fn debug_shows_no_token() {
    let secret = headers(&[b"Bearer mF_9.B5f-4.1JqM"]);
    // SHA-256 of "abc" is in FIPS 180-4.
    assert_eq!(TokenHash::of("abc").to_string(), "ba7816bf…");
    assert_eq!(format!("{:?}", TokenHash::of("abc")), "ba7816bf…");
    assert_eq!(TokenHash::of("abc").as_bytes().last(), Some(&0xad));
    let shown = format!("{:?}", present(&secret, None));
    assert_eq!(shown, format!("Token(AccessToken(Bearer {}))", token(&secret).hash()));
    assert!(!shown.contains("mF_9"));
}

#[test]
fn hashes_are_of_the_text_alone() {
    let (bearer, dpop, other) =
        (headers(&[b"Bearer a"]), headers(&[b"DPoP a"]), headers(&[b"Bearer b"]));
    assert_eq!(token(&bearer).hash(), token(&dpop).hash());
    assert_eq!(token(&bearer).hash(), TokenHash::of("a"));
    assert_ne!(token(&bearer).hash(), token(&other).hash());
}

proptest! {
    #[test]
    fn any_header_is_judged(
        value in prop::collection::vec(any::<u8>(), 0..64),
        query in any::<Option<String>>(),
    ) {
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
            let _ = present(&headers, query.as_deref());
        }
    }

    #[test]
    fn what_is_taken_is_what_was_sent(text in "[A-Za-z0-9._~+/ =,\"-]{0,24}", spaces in 1_usize..4) {
        let value = format!("Bearer{}{text}", " ".repeat(spaces));
        let headers = headers(&[value.as_bytes()]);
        match present(&headers, None) {
            Presented::Token(token) => {
                prop_assert_eq!(token.text(), text.trim_start_matches(' '));
                prop_assert!(!token.text().contains([' ', ',', '"']) && !token.text().starts_with('='));
            }
            Presented::Malformed(Malformed::NotToken68) => prop_assert!(
                text.contains([' ', ',', '"']) || text.is_empty() || text.starts_with('=')
                    || text.trim_end_matches('=').contains('=')
            ),
            other => prop_assert!(false, "{other:?}"),
        }
    }
}
