//! `WWW-Authenticate`: what is written is what is read, and nothing a value holds changes that.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use portcullis_core::challenge::{
    Challenge, MAX_CHALLENGES, MAX_LENGTH, MAX_PARAMETERS, Malformed, parse,
};
use proptest::prelude::*;

fn read(value: &str) -> Result<Vec<Challenge>, Malformed> {
    parse([value.as_bytes()])
}

fn one(value: &str) -> Challenge {
    let challenges = read(value).unwrap();
    assert_eq!(challenges.len(), 1, "{value}");
    challenges[0].clone()
}

fn written(challenge: &Challenge) -> String {
    challenge.to_header_value().to_str().unwrap().to_owned()
}

#[test]
fn rfc_9110_section_11_6_1() {
    let value = r#"Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\"""#;
    let challenges = read(value).unwrap();
    let expected = [
        Challenge::new("Basic").with("realm", "simple"),
        Challenge::new("Newauth")
            .with("realm", "apps")
            .with("type", "1")
            .with("title", "Login to \"apps\""),
    ];
    assert_eq!(challenges, expected);
    // The same in two header lines, and with the order turned round.
    let lines = value.split_once(", N").unwrap();
    let second = format!("N{}", lines.1);
    assert_eq!(parse([lines.0.as_bytes(), second.as_bytes()]).unwrap(), expected);
    assert_eq!(parse([second.as_bytes(), lines.0.as_bytes()]).unwrap()[1], expected[0]);
}

#[test]
fn rfc_6750_section_3() {
    let challenge = one(
        r#"Bearer realm="example", error="invalid_token", error_description="The access token expired""#,
    );
    assert!(challenge.is("bearer") && !challenge.is("DPoP"));
    assert_eq!(challenge.scheme(), "Bearer");
    assert_eq!(challenge.param("realm"), Some("example"));
    assert_eq!(challenge.param("ERROR"), Some("invalid_token"));
    assert_eq!(challenge.param("error_description"), Some("The access token expired"));
    assert_eq!(challenge.param("scope"), None);
    assert_eq!(one(r#"Bearer realm="example""#), Challenge::new("Bearer").with("realm", "example"));
}

#[test]
fn rfc_9728_section_5_1() {
    let url = "https://resource.example.com/.well-known/oauth-protected-resource";
    let challenge = Challenge::new("Bearer").with("resource_metadata", url);
    assert_eq!(written(&challenge), format!("Bearer resource_metadata=\"{url}\""));
    // The example is printed with a line break behind the equals sign; unfolded, that is white space.
    assert_eq!(one(&format!("Bearer resource_metadata=  \"{url}\"")), challenge);
}

#[test]
fn rfc_9449_sections_7_1_and_7_2() {
    assert_eq!(
        one(r#"DPoP error="invalid_token", error_description="Invalid DPoP key binding", algs="ES256""#)
            .param("algs"),
        Some("ES256")
    );
    let both = read(r#"Bearer, DPoP algs="ES256 PS256""#).unwrap();
    let dpop = Challenge::new("DPoP").with("algs", "ES256 PS256");
    assert_eq!(both, [Challenge::new("Bearer"), dpop.clone()]);
    let invalid = Challenge::new("Bearer")
        .with("error", "invalid_token")
        .with("error_description", "Invalid token");
    let both = r#"Bearer error="invalid_token", error_description="Invalid token", DPoP algs="ES256 PS256""#;
    assert_eq!(read(both).unwrap(), [invalid, dpop]);
}

#[test]
fn token68_and_parameters_are_told_apart() {
    for (value, token68) in [
        ("Negotiate abc=", "abc="),
        ("Negotiate abc==", "abc=="),
        ("Negotiate  a+/~-._Z9 ,", "a+/~-._Z9"),
        ("Bearer realm", "realm"),
    ] {
        assert_eq!(one(value).token68(), Some(token68), "{value}");
        let again = one(&written(&one(value)));
        assert_eq!(again, one(value));
    }
    for value in ["Negotiate abc=x", "Negotiate abc=\"x\"", "Negotiate abc = x", "Negotiate ABC= x"]
    {
        assert_eq!(one(value).token68(), None, "{value}");
        assert_eq!(one(value).param("abc"), Some("x"), "{value}");
    }
    let two = read("Negotiate abc=, Basic realm=x").unwrap();
    assert_eq!((two[0].token68(), two[1].param("realm")), (Some("abc="), Some("x")));
    // A challenge has one or the other.
    assert_eq!(read("Negotiate abc=, realm=x"), Err(Malformed::Scheme));
    assert_eq!(one("Negotiate abc=").with("realm", "x"), one("Negotiate realm=x"));
}

#[test]
fn lists_may_have_empty_elements_and_white_space() {
    let expected = Challenge::new("Bearer").with("a", "1").with("b", "2");
    for value in [
        "Bearer a=1,b=2",
        "Bearer a=1 ,\tb=2",
        ",, Bearer a=1, ,b=2,, ",
        "Bearer ,a=1,b=2",
        "  Bearer   a\t=\t1,b =2",
        "Bearer A=\"1\",B=\"\\2\"",
    ] {
        assert_eq!(one(value), expected, "{value}");
    }
    assert_eq!(parse([&b"Bearer a=1"[..], b"b=2"]).unwrap(), [expected]);
    for nothing in ["", " ", ",", " , ,\t"] {
        assert_eq!(read(nothing), Ok(vec![]));
    }
    assert_eq!(parse([]), Ok(vec![]));
    assert_eq!(read("Bearer, Bearer").unwrap().len(), 2);
}

#[test]
fn quoted_strings() {
    for (value, read) in [
        (r#"X a="""#, ""),
        (r#"X a="\"\\\,""#, "\"\\,"),
        ("X a=\" \t, b=2\"", " \t, b=2"),
        ("X a=\"ä\"", "ä"),
    ] {
        assert_eq!(one(value).param("a"), Some(read), "{value}");
        assert_eq!(one(value).param("b"), None);
    }
    // Latin-1, which older servers send: not text, but no reason to lose the challenge.
    assert_eq!(parse([&b"X a=\"\xe4\""[..]]).unwrap()[0].param("a"), Some("\u{fffd}"));
}

#[test]
fn what_is_not_a_list_of_challenges_is_refused_by_name() {
    for (refused, reason, accepted) in [
        ("realm=x", Malformed::Scheme, "Bearer realm=x"),
        ("\"Bearer\"", Malformed::Scheme, "Bearer"),
        ("Bearer a=1, =2", Malformed::Scheme, "Bearer a=1, b=2"),
        ("Bearer a=1, \"x\"", Malformed::Scheme, "Bearer a=1, b=\"x\""),
        ("Bearer =1", Malformed::Scheme, "Bearer a=1"),
        ("Bearer ,=1", Malformed::Scheme, "Bearer ,a=1"),
        ("Bearer \"x\"", Malformed::Parameter, "Bearer a=\"x\""),
        ("Bearer a b", Malformed::Parameter, "Bearer a,b"),
        ("Bearer\ta=1", Malformed::Separator, "Bearer a=1"),
        ("Bearer a=1, b=", Malformed::Parameter, "Bearer a=1, b=2"),
        ("Bearer a=1, b=,", Malformed::Parameter, "Bearer a=1, b=2,"),
        ("Bearer a=\"x", Malformed::QuotedString, "Bearer a=\"x\""),
        ("Bearer a=\"x\\\"", Malformed::QuotedString, "Bearer a=\"x\\\\\""),
        ("Bearer a=\"x\\", Malformed::QuotedString, "Bearer a=\"x\\ \""),
        ("Bearer a=\"\u{7f}\"", Malformed::QuotedString, "Bearer a=\"\u{7e}\""),
        ("Bearer a=\"\\\n\"", Malformed::QuotedString, "Bearer a=\"\\n\""),
        ("Bearer a=\"x\"b=1", Malformed::Separator, "Bearer a=\"x\",b=1"),
        ("Bearer a=1 b=2", Malformed::Separator, "Bearer a=1, b=2"),
        ("Bearer a=http://x", Malformed::Separator, "Bearer a=\"http://x\""),
        ("Bearer a=1, A=1", Malformed::RepeatedParameter, "Bearer a=1, X a=1"),
    ] {
        assert_eq!(read(refused), Err(reason), "{refused}");
        assert!(read(accepted).is_ok(), "{accepted}");
    }
}

#[test]
fn everything_is_bounded() {
    assert_eq!((MAX_LENGTH, MAX_CHALLENGES, MAX_PARAMETERS), (8192, 16, 32));
    let fill = |length: usize| format!("Bearer a=\"{}\"", "x".repeat(length - 11));
    assert!(read(&fill(MAX_LENGTH)).is_ok());
    assert_eq!(read(&fill(MAX_LENGTH + 1)), Err(Malformed::TooLong));
    // The bound is on all headers together.
    assert_eq!(parse([fill(MAX_LENGTH).as_bytes(), b"X"]), Err(Malformed::TooLong));

    let challenges = |n: usize| vec!["X"; n].join(",");
    assert_eq!(read(&challenges(MAX_CHALLENGES)).unwrap().len(), MAX_CHALLENGES);
    assert_eq!(read(&challenges(MAX_CHALLENGES + 1)), Err(Malformed::TooManyChallenges));

    let params = |n: usize| (0..n).map(|i| format!("p{i}=1")).collect::<Vec<_>>().join(",");
    assert!(read(&format!("X {}", params(MAX_PARAMETERS))).is_ok());
    let more = format!("X {}", params(MAX_PARAMETERS + 1));
    assert_eq!(read(&more), Err(Malformed::TooManyParameters));
}

#[test]
fn writing_never_injects() {
    let challenge = Challenge::new("Bearer")
        .with("error_description", "x\", scope=\"admin")
        .with("realm", "a\r\nSet-Cookie: b=c\u{0}")
        .with("resource_metadata", "\\\", DPoP algs=\"none");
    let value = written(&challenge);
    assert_eq!(
        value,
        r#"Bearer error_description="x\", scope=\"admin", realm="a??Set-Cookie: b=c?", resource_metadata="\\\", DPoP algs=\"none""#
    );
    let back = one(&value);
    assert_eq!(back.param("error_description"), challenge.param("error_description"));
    assert_eq!(back.param("resource_metadata"), challenge.param("resource_metadata"));
    assert_eq!(back.param("scope"), None);
    // Names and schemes come from the program; they cannot break out either.
    let odd = Challenge::new("Be arer\r\n,").with("na\"me=,", "x").with("\r\n", "y").with("", "z");
    assert_eq!(written(&odd), "Bearer name=\"x\"");
    assert_eq!(written(&Challenge::new("\u{e4} ")), "unknown");
}

#[test]
fn a_parameter_stands_once() {
    let challenge =
        Challenge::new("Bearer").with("Scope", "a").with("realm", "r").with("scope", "b");
    assert_eq!(written(&challenge), "Bearer scope=\"b\", realm=\"r\"");
}

#[test]
fn debug_shows_names_only() {
    let challenge = one("Bearer nonce=hush, realm=r");
    assert_eq!(format!("{challenge:?}"), "Challenge(Bearer [\"nonce\", \"realm\"])");
}

/// Text made of what the grammar lives on.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[ -~]{0,40}", "[\\\\\",= \\t\\r\\na\u{0}\u{7f}ä]{0,24}"]
}

fn as_sent(value: &str) -> String {
    value.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).collect()
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        scheme in "[A-Za-z][A-Za-z0-9-]{0,8}",
        params in prop::collection::btree_map("[a-z_]{1,8}", hostile(), 0..6),
        before in "[a-z]{1,4}",
    ) {
        let sent = params.iter().fold(Challenge::new(&scheme), |c, (name, value)| c.with(name, value));
        let expected = params
            .iter()
            .fold(Challenge::new(&scheme), |c, (name, value)| c.with(name, &as_sent(value)));
        let value = sent.to_header_value();
        prop_assert!(value.as_bytes().iter().all(|b| matches!(b, b' '..=b'~')));
        prop_assert_eq!(parse([value.as_bytes()]), Ok(vec![expected.clone()]));
        // Nor does it reach into its neighbours of one list.
        let list = [before.as_bytes(), b", ", value.as_bytes(), b", ", before.as_bytes()].concat();
        let neighbour = Challenge::new(&before);
        prop_assert_eq!(parse([&list[..]]), Ok(vec![neighbour.clone(), expected, neighbour]));
    }

    #[test]
    fn names_and_schemes_never_break_out(scheme in hostile(), name in hostile(), value in hostile()) {
        let sent = Challenge::new(&scheme).with(&name, &value);
        let read = parse([sent.to_header_value().as_bytes()]).unwrap();
        prop_assert_eq!(read.len(), 1);
        prop_assert_eq!(read[0].scheme(), sent.scheme());
        let expected = sent.param(&name).map(as_sent);
        prop_assert_eq!(read[0].param(&name), expected.as_deref());
    }

    #[test]
    fn any_bytes_are_judged_and_what_is_read_can_be_written(
        lines in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..48),
                "[A-Ca-c=\",\\\\ \\t]{0,24}".prop_map(String::into_bytes),
            ],
            0..3,
        ),
    ) {
        if let Ok(challenges) = parse(lines.iter().map(Vec::as_slice)) {
            let values: Vec<_> = challenges.iter().map(Challenge::to_header_value).collect();
            let again = parse(values.iter().map(http::HeaderValue::as_bytes)).unwrap();
            prop_assert_eq!(again.len(), challenges.len());
            for (left, right) in again.iter().zip(&challenges) {
                prop_assert_eq!(left.scheme(), right.scheme());
                prop_assert_eq!(left.token68(), right.token68());
                for name in ["a", "b", "c", "ab", "realm", "scope"] {
                    // What cannot stand in a header is replaced on the way out.
                    let sent = right.param(name).map(as_sent);
                    prop_assert_eq!(left.param(name), sent.as_deref());
                }
            }
        }
    }
}
