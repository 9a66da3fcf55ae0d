//! Where a token may stand. Input: a query, then header lines.
//!
//! * A token that was found is a token68 and stood, byte for byte and alone behind a scheme and spaces,
//!   in the only `Authorization` header.
//! * A query in which any decoder finds `access_token` is refused, whatever the headers say.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_core::bearer::{MAX_LENGTH, Malformed, Presented, Scheme, TokenHash, present};
use portcullis_fuzz::{first_line, headers};

fuzz_target!(|input: &[u8]| {
    let (query, lines) = first_line(input);
    let query = std::str::from_utf8(query).ok();
    let headers = headers(lines);
    let values: Vec<_> = headers.get_all("authorization").iter().collect();
    let presented = present(&headers, query);
    if query.is_some_and(spills_a_token) {
        assert!(matches!(presented, Presented::Malformed(Malformed::InQuery)));
        return;
    }
    match presented {
        Presented::Absent => assert!(values.len() <= 1),
        Presented::Malformed(Malformed::InQuery) => assert!(query.is_some_and(|q| !q.is_empty())),
        Presented::Malformed(Malformed::SeveralHeaders) => assert!(values.len() > 1),
        Presented::Malformed(_) => assert_eq!(values.len(), 1),
        Presented::Token(token) => {
            assert_eq!(values.len(), 1);
            let text = token.text();
            let (scheme, rest) = values[0].as_bytes().split_at(token.scheme().as_str().len());
            assert!(scheme.eq_ignore_ascii_case(token.scheme().as_str().as_bytes()));
            let spaces = rest.strip_suffix(text.as_bytes()).unwrap();
            assert!(!spaces.is_empty() && spaces.iter().all(|byte| *byte == b' '));
            assert!(is_token68(text) && text.len() <= MAX_LENGTH);
            assert_eq!(token.hash(), TokenHash::of(text));
            assert!(text.len() < 16 || !format!("{token:?}").contains(text), "a token in a log");
            assert!(matches!(token.scheme(), Scheme::Bearer | Scheme::Dpop));
        }
    }
});

/// RFC 9110 section 11.2: one or more of these characters, then any number of `=`.
fn is_token68(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    !digits.is_empty() && digits.chars().all(|c| c.is_ascii_alphanumeric() || "-._~+/".contains(c))
}

/// Decodes as forms do: `+` is a space, what is no escape stands for itself.
fn spills_a_token(query: &str) -> bool {
    query.split('&').chain(query.split(';')).any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        let mut decoded = Vec::new();
        let mut rest = name.as_bytes();
        while let [byte, tail @ ..] = rest {
            let escape = tail.get(..2).filter(|_| *byte == b'%');
            let escape = escape.and_then(|hex| std::str::from_utf8(hex).ok());
            let escape = escape.filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
            match escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                Some(byte) => decoded.push(byte),
                None => decoded.push(if *byte == b'+' { b' ' } else { *byte }),
            }
            rest = if escape.is_some() { &tail[2..] } else { tail };
        }
        decoded.eq_ignore_ascii_case(b"access_token")
    })
}
