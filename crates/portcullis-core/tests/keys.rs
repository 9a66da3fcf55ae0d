//! Key sets: what is usable, what is set aside, which key a token gets.
#![allow(
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::needless_raw_string_hashes,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "tests"
)]

use portcullis_core::json::Flaw;
use portcullis_core::jws::Algorithm;
use portcullis_core::keys::{
    KeySet, KeysError, MAX_DOCUMENT, MAX_KEYS, NoMatch, PublicKey, Thumbprint, Unusable,
    VerifyError,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use testkit::{TestKey, base64url, jwks};

fn parse(keys: &[Value]) -> KeySet {
    KeySet::parse(testkit::ISSUER.parse().unwrap(), json!({ "keys": keys }).to_string().as_bytes())
        .unwrap()
}

/// The public JWK of a key with some members replaced; `null` leaves one out.
fn jwk(key: TestKey, changes: &Value) -> Value {
    let mut jwk = key.public_jwk();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            jwk.as_object_mut().unwrap().remove(name);
        } else {
            jwk[name] = value.clone();
        }
    }
    jwk
}

fn unusable(jwk: &Value) -> Unusable {
    PublicKey::from_jwk(jwk.to_string().as_bytes()).unwrap_err()
}

fn usable(jwk: &Value) -> PublicKey {
    PublicKey::from_jwk(jwk.to_string().as_bytes()).unwrap()
}

const RFC7638_KEY: &str = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;

#[test]
fn thumbprints_of_the_rfcs() {
    let ed25519 =
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let ec = r#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#;
    let cases = [
        (RFC7638_KEY, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"), // RFC 7638 section 3.1
        (ed25519, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),     // RFC 8037 appendix A.3
        (ec, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"),          // RFC 9449 section 6.1
    ];
    for (jwk, expected) in cases {
        let key = PublicKey::from_jwk(jwk.as_bytes()).unwrap();
        assert_eq!(key.thumbprint().to_string(), expected);
        assert_eq!(Thumbprint::parse(expected), Some(key.thumbprint()));
    }
}

#[test]
fn a_thumbprint_has_one_spelling() {
    let good = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    assert!(Thumbprint::parse(good).is_some());
    for bad in [
        "",
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9X",
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs=",
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xt",
        "NzbLsXh8uDCcd+6MNwXF4W/7noWXFZAfHkxZsRGC9Xs",
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9XsAAAA",
    ] {
        assert_eq!(Thumbprint::parse(bad), None, "{bad}");
    }
}

#[test]
fn the_key_set_of_rfc_7517() {
    // Appendix A.1: an EC key for encryption and an RSA key for RS256.
    let ec = json!({
        "kty": "EC", "crv": "P-256", "use": "enc", "kid": "1",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    });
    let set = parse(&[ec, serde_json::from_str(RFC7638_KEY).unwrap()]);
    assert_eq!(set.usable().count(), 1);
    assert_eq!(set.skipped()[0].kid.as_deref(), Some("1"));
    assert_eq!(set.skipped()[0].reason, Unusable::Use);
    let key = set.find(Some("2011-04-29"), Algorithm::RS256).unwrap();
    assert!(
        key.allows(Algorithm::RS256)
            && !key.allows(Algorithm::RS384)
            && !key.allows(Algorithm::PS256)
    );
}

#[test]
fn one_bad_key_leaves_the_others() {
    let symmetric = json!({"kty": "oct", "k": "c2VjcmV0", "kid": "shared"});
    let set = parse(&[
        symmetric,
        TestKey::P256.public_jwk(),
        json!("nonsense"),
        json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "later"}),
        TestKey::Rsa.public_jwk(),
    ]);
    let kids: Vec<_> = set.usable().map(|key| key.kid().unwrap()).collect();
    assert_eq!(kids, ["p256", "rsa"]);
    let reasons: Vec<_> = set.skipped().iter().map(|skipped| skipped.reason).collect();
    assert_eq!(reasons, [Unusable::Symmetric, Unusable::NotAnObject, Unusable::UnknownType]);
}

#[test]
fn keys_that_give_secrets_away() {
    for (key, members) in [
        (TestKey::Rsa, &["d", "p", "q", "dp", "dq", "qi", "oth"][..]),
        (TestKey::P256, &["d", "k"]),
        (TestKey::Ed25519, &["d"]),
    ] {
        assert!(PublicKey::from_jwk(key.public_jwk().to_string().as_bytes()).is_ok());
        for member in members {
            let jwk = jwk(key, &json!({*member: "AQAB"}));
            assert!(matches!(unusable(&jwk), Unusable::Private(name) if name == *member), "{jwk}");
        }
    }
    assert_eq!(unusable(&json!({"kty": "oct", "k": "AQAB"})), Unusable::Symmetric);
}

#[test]
fn rsa_keys_that_are_too_weak_or_too_costly() {
    let n = |octets: &[u8]| json!({"n": base64url(octets)});
    let mut modulus = vec![0xFF; 256];
    usable(&jwk(TestKey::Rsa, &n(&modulus)));
    usable(&jwk(TestKey::Rsa, &n(&vec![0xFF; 1024])));
    assert_eq!(unusable(&TestKey::Rsa1024.public_jwk()), Unusable::ModulusTooShort);
    assert_eq!(unusable(&jwk(TestKey::Rsa, &n(&[0xFF; 64]))), Unusable::ModulusTooShort);
    assert_eq!(unusable(&jwk(TestKey::Rsa, &n(&[]))), Unusable::ModulusTooShort);
    assert_eq!(unusable(&jwk(TestKey::Rsa, &n(&vec![0xFF; 1025]))), Unusable::ModulusTooLong);
    modulus[0] = 0x7F;
    assert_eq!(unusable(&jwk(TestKey::Rsa, &n(&modulus))), Unusable::ModulusTooShort);
    modulus.insert(0, 0);
    assert_eq!(unusable(&jwk(TestKey::Rsa, &n(&modulus))), Unusable::Modulus);
    let mut even = vec![0xFF; 256];
    even[255] = 0xFE;
    assert_eq!(unusable(&jwk(TestKey::Rsa, &n(&even))), Unusable::Modulus);

    let e = |octets: &[u8]| jwk(TestKey::Rsa, &json!({"e": base64url(octets)}));
    usable(&e(&[1, 0, 1]));
    usable(&e(&[3]));
    usable(&e(&[0xFF, 0xFF, 0xFF, 0xFF]));
    for bad in [
        &[][..],
        &[0],
        &[1],
        &[2],
        &[1, 0],
        &[0, 1, 0, 1],
        &[1, 0, 0, 0, 1],
        &[1, 1, 1, 1, 1, 1, 1, 1, 1],
    ] {
        assert_eq!(unusable(&e(bad)), Unusable::Exponent, "{bad:?}");
    }
}

#[test]
fn curves() {
    let cases = [
        (TestKey::P256, json!({"crv": "P-384"}), Unusable::Coordinate("x")),
        (TestKey::P256, json!({"crv": "secp256k1"}), Unusable::UnknownCurve),
        (TestKey::P256, json!({"crv": "p-256"}), Unusable::UnknownCurve),
        (TestKey::P256, json!({"crv": "Ed25519"}), Unusable::UnknownCurve),
        (TestKey::P256, json!({"crv": null}), Unusable::Missing("crv")),
        (TestKey::Ed25519, json!({"crv": "X25519"}), Unusable::UnknownCurve),
        (TestKey::Ed25519, json!({"crv": "Ed448"}), Unusable::UnknownCurve),
        (TestKey::Ed25519, json!({"crv": "P-256"}), Unusable::UnknownCurve),
        (TestKey::Ed25519, json!({"crv": null}), Unusable::Missing("crv")),
        (TestKey::Rsa, json!({"kty": "EC"}), Unusable::Missing("crv")),
        (TestKey::Rsa, json!({"kty": "rsa"}), Unusable::UnknownType),
        (TestKey::Rsa, json!({"kty": null}), Unusable::Missing("kty")),
        (TestKey::Rsa, json!({"n": null}), Unusable::Missing("n")),
        (TestKey::Rsa, json!({"e": null}), Unusable::Missing("e")),
    ];
    for (key, changes, expected) in cases {
        assert_eq!(unusable(&jwk(key, &changes)), expected, "{changes}");
    }
    for key in TestKey::USABLE {
        usable(&key.public_jwk());
    }
}

/// Points of small order: whoever knows one signs every message, without any private key.
// req: RS-3
#[test]
fn ed25519_keys_of_small_order_are_no_keys() {
    let of = |y: &str, sign: u8| {
        let mut x: Vec<u8> = (0..32)
            .map(|i| u8::from_str_radix(y.get(2 * i..2 * i + 2).unwrap(), 16).unwrap())
            .collect();
        x[31] |= sign << 7;
        jwk(TestKey::Ed25519, &json!({"x": base64url(x)}))
    };
    let zeros = "00".repeat(30);
    let ones = "ff".repeat(30);
    for y in [
        format!("00{zeros}00"),
        format!("01{zeros}00"),
        format!("ec{ones}7f"),
        format!("ed{ones}7f"),
        format!("ee{ones}7f"),
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05".to_owned(),
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a".to_owned(),
    ] {
        for sign in [0, 1] {
            assert_eq!(unusable(&of(&y, sign)), Unusable::Point, "{y} {sign}");
        }
    }
    // The base point of RFC 8032 section 5.1 is a point of large order.
    usable(&of(&format!("58{}", "66".repeat(31)), 0));
}

#[test]
fn coordinates_and_points() {
    let short = base64url([1; 31]);
    let (zero, ones) = (base64url([0; 32]), base64url([0xFF; 32]));
    let other_y = TestKey::P256Second.public_jwk()["y"].clone();
    let long_zero = base64url([0; 66]);
    let (zero_384, ones_384) = (base64url([0; 48]), base64url([0xFF; 48]));
    let mut off_curve = decode(&TestKey::P384.public_jwk()["y"]);
    off_curve[47] ^= 1;
    let cases = [
        (TestKey::P256, json!({"x": short}), Unusable::Coordinate("x")),
        (TestKey::P256, json!({"y": short}), Unusable::Coordinate("y")),
        (TestKey::P256, json!({"y": null}), Unusable::Missing("y")),
        (TestKey::P256, json!({"x": 1}), Unusable::MemberType("x")),
        (TestKey::P256, json!({"y": other_y}), Unusable::Point),
        (TestKey::P256, json!({"x": zero, "y": zero}), Unusable::Point),
        (TestKey::P256, json!({"x": ones}), Unusable::Point),
        (TestKey::P384, json!({"y": base64url(&off_curve)}), Unusable::Point),
        // Infinity, which has no coordinates, is what some write as zeros.
        (TestKey::P384, json!({"x": zero_384, "y": zero_384}), Unusable::Point),
        (TestKey::P384, json!({"x": ""}), Unusable::Coordinate("x")),
        (TestKey::P384, json!({"x": ones_384}), Unusable::Point),
        (TestKey::P384, json!({"y": ones_384}), Unusable::Point),
        (TestKey::P521, json!({"x": long_zero, "y": long_zero}), Unusable::Point),
        (TestKey::Ed25519, json!({"x": short}), Unusable::Coordinate("x")),
    ];
    for (key, changes, expected) in cases {
        assert_eq!(unusable(&jwk(key, &changes)), expected, "{changes}");
    }
}

fn decode(member: &Value) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(member.as_str().unwrap()).unwrap()
}

#[test]
fn members_are_canonical_base64url() {
    let x = TestKey::P256.public_jwk()["x"].as_str().unwrap().to_owned();
    // 32 octets leave two bits over, so of four last characters one is canonical.
    let stray = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = stray.find(x.chars().last().unwrap()).unwrap();
    let strayed = format!("{}{}", x.split_at(42).0, stray.as_bytes()[last + 1] as char);
    for bad in
        [format!("{x}="), format!(" {x}"), x.replace(|c: char| c.is_ascii_digit(), "+"), strayed]
    {
        assert_eq!(
            unusable(&jwk(TestKey::P256, &json!({ "x": bad }))),
            Unusable::Base64("x"),
            "{bad}"
        );
    }
}

#[test]
fn keys_for_other_purposes() {
    let cases = [
        (json!({"use": "enc"}), Some(Unusable::Use)),
        (json!({"use": "SIG"}), Some(Unusable::Use)),
        (json!({"use": ["sig"]}), Some(Unusable::MemberType("use"))),
        (json!({"use": "sig"}), None),
        (json!({"key_ops": ["encrypt"]}), Some(Unusable::KeyOps)),
        (json!({"key_ops": ["sign"]}), Some(Unusable::KeyOps)),
        (json!({"key_ops": []}), Some(Unusable::KeyOps)),
        (json!({"key_ops": "verify"}), Some(Unusable::MemberType("key_ops"))),
        (json!({"key_ops": ["verify", 1]}), Some(Unusable::MemberType("key_ops"))),
        (json!({"key_ops": ["verify"]}), None),
        (json!({"alg": "ES384"}), Some(Unusable::Algorithm)),
        (json!({"alg": "RS256"}), Some(Unusable::Algorithm)),
        (json!({"alg": "HS256"}), Some(Unusable::Algorithm)),
        (json!({"alg": "ECDH-ES"}), Some(Unusable::Algorithm)),
        (json!({"alg": "none"}), Some(Unusable::Algorithm)),
        (json!({"alg": 256}), Some(Unusable::MemberType("alg"))),
        (json!({"alg": "ES256"}), None),
        (json!({"kid": 1}), Some(Unusable::MemberType("kid"))),
        (json!({"kid": null}), None),
        (json!({"x5c": "whatever", "x5t": 1}), None),
    ];
    for (changes, expected) in cases {
        let jwk = jwk(TestKey::P256, &changes);
        let found = PublicKey::from_jwk(jwk.to_string().as_bytes()).err();
        assert_eq!(found, expected, "{changes}");
    }
    assert_eq!(unusable(&jwk(TestKey::Rsa, &json!({"alg": "RSA-OAEP"}))), Unusable::Algorithm);
    assert_eq!(unusable(&jwk(TestKey::Rsa, &json!({"alg": "ES256"}))), Unusable::Algorithm);
    assert_eq!(unusable(&jwk(TestKey::Ed25519, &json!({"alg": "ES256"}))), Unusable::Algorithm);
    assert!(usable(&jwk(TestKey::Ed25519, &json!({"alg": "Ed25519"}))).allows(Algorithm::EdDSA));
}

#[test]
fn a_key_serves_its_own_algorithms_only() {
    let rsa = [
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
    ];
    for (key, allowed) in [
        (TestKey::Rsa, &rsa[..]),
        (TestKey::P256, &[Algorithm::ES256]),
        (TestKey::P384, &[Algorithm::ES384]),
        (TestKey::P521, &[Algorithm::ES512]),
        (TestKey::Ed25519, &[Algorithm::EdDSA]),
    ] {
        let key = usable(&key.public_jwk());
        for algorithm in Algorithm::ALL {
            assert_eq!(key.allows(algorithm), allowed.contains(&algorithm));
            let expected =
                if key.allows(algorithm) { VerifyError::Length } else { VerifyError::Algorithm };
            assert_eq!(key.verify(algorithm, b"message", b"short"), Err(expected));
        }
    }
}

#[test]
fn two_keys_of_one_name_are_no_key() {
    let twin = jwk(TestKey::P256Second, &json!({"kid": "p256"}));
    let set = parse(&[TestKey::P256.public_jwk(), twin.clone(), TestKey::Rsa.public_jwk()]);
    assert_eq!(set.usable().count(), 1);
    assert!(set.skipped().iter().all(|skipped| skipped.reason == Unusable::DuplicateKid));
    assert_eq!(set.skipped().len(), 2);
    assert_eq!(set.find(Some("p256"), Algorithm::ES256).unwrap_err(), NoMatch::UnknownKid);
    // The same name for keys that no token could confuse, and a bad key of that name, do no harm.
    let other_kind = jwk(TestKey::Rsa, &json!({"kid": "p256"}));
    let bad = jwk(TestKey::P256Second, &json!({"kid": "p256", "use": "enc"}));
    let set = parse(&[TestKey::P256.public_jwk(), other_kind, bad]);
    assert!(set.find(Some("p256"), Algorithm::ES256).is_ok());
    assert!(set.find(Some("p256"), Algorithm::PS512).is_ok());
    assert_eq!(set.skipped().len(), 1);
}

#[test]
fn which_key_a_token_gets() {
    let set = KeySet::parse(
        testkit::ISSUER.parse().unwrap(),
        &jwks(&[TestKey::Rsa, TestKey::P256, TestKey::P256Second]),
    )
    .unwrap();
    assert_eq!(set.find(Some("p256"), Algorithm::ES256).unwrap().kid(), Some("p256"));
    assert_eq!(set.find(Some("p256"), Algorithm::RS256).unwrap_err(), NoMatch::WrongAlgorithm);
    assert_eq!(set.find(Some("gone"), Algorithm::ES256).unwrap_err(), NoMatch::UnknownKid);
    assert_eq!(set.find(None, Algorithm::RS256).unwrap().kid(), Some("rsa"));
    assert_eq!(set.find(None, Algorithm::ES256).unwrap_err(), NoMatch::Ambiguous);
    assert_eq!(set.find(None, Algorithm::EdDSA).unwrap_err(), NoMatch::WrongAlgorithm);
    // A key without a name is found without a name only.
    let nameless = parse(&[jwk(TestKey::P256, &json!({"kid": null}))]);
    assert!(nameless.find(None, Algorithm::ES256).is_ok());
    assert_eq!(nameless.find(Some("p256"), Algorithm::ES256).unwrap_err(), NoMatch::UnknownKid);
}

#[test]
fn documents_that_are_no_key_set() {
    let cases: [(&[u8], KeysError); 9] = [
        (b"", KeysError::Json(Flaw::Syntax)),
        (b"<html>sign in</html>", KeysError::Json(Flaw::Syntax)),
        (b"[]", KeysError::Json(Flaw::NotAnObject)),
        (b"{}", KeysError::NoKeys),
        (b"{\"keys\":{}}", KeysError::NoKeys),
        (b"{\"keys\":null}", KeysError::NoKeys),
        (b"{\"keys\":[],\"keys\":[]}", KeysError::Json(Flaw::DuplicateMember)),
        (b"\xEF\xBB\xBF{\"keys\":[]}", KeysError::Json(Flaw::Encoding)),
        (b"{\"keys\":[]} x", KeysError::Json(Flaw::TrailingBytes)),
    ];
    for (document, expected) in cases {
        assert_eq!(
            KeySet::parse(testkit::ISSUER.parse().unwrap(), document).unwrap_err(),
            expected,
            "{document:?}"
        );
    }
}

#[test]
fn an_empty_set_is_a_set() {
    let set = KeySet::parse(testkit::ISSUER.parse().unwrap(), br#"{"keys":[]}"#).unwrap();
    assert_eq!(set.usable().count(), 0);
    assert_eq!(set.find(None, Algorithm::ES256).unwrap_err(), NoMatch::WrongAlgorithm);
    assert_eq!(set.find(Some("p256"), Algorithm::ES256).unwrap_err(), NoMatch::UnknownKid);
}

#[test]
fn sets_are_bounded() {
    assert_eq!((MAX_KEYS, MAX_DOCUMENT), (256, 1_048_576));
    let key = |i: usize| jwk(TestKey::Ed25519, &json!({"kid": i.to_string()}));
    let keys: Vec<_> = (0..=MAX_KEYS).map(key).collect();
    assert_eq!(parse(&keys[..MAX_KEYS]).usable().count(), MAX_KEYS);
    let document = json!({ "keys": keys }).to_string();
    assert_eq!(
        KeySet::parse(testkit::ISSUER.parse().unwrap(), document.as_bytes()).unwrap_err(),
        KeysError::TooMany
    );
    let pad = |n: usize| format!(r#"{{"keys":[],"x":"{}"}}"#, "a".repeat(n));
    let room = MAX_DOCUMENT - pad(0).len();
    assert!(KeySet::parse(testkit::ISSUER.parse().unwrap(), pad(room).as_bytes()).is_ok());
    assert_eq!(
        KeySet::parse(testkit::ISSUER.parse().unwrap(), pad(room + 1).as_bytes()).unwrap_err(),
        KeysError::TooLong
    );
}

#[test]
fn one_jwk_is_an_object() {
    assert_eq!(PublicKey::from_jwk(b"[]").unwrap_err(), Unusable::NotAnObject);
    assert_eq!(PublicKey::from_jwk(b"{").unwrap_err(), Unusable::Json(Flaw::Syntax));
    let twice = br#"{"kty":"OKP","kty":"OKP"}"#;
    assert_eq!(PublicKey::from_jwk(twice).unwrap_err(), Unusable::Json(Flaw::DuplicateMember));
}

#[test]
fn many_members_are_compared_too() {
    // Past the first sixteen, names are kept another way.
    let members = |last: &str| {
        let many: Vec<_> = (0..40).map(|i| format!(r#""m{i}":{i}"#)).collect();
        format!(r#"{{"keys":[],{},"{last}":0}}"#, many.join(","))
    };
    assert!(KeySet::parse(testkit::ISSUER.parse().unwrap(), members("m40").as_bytes()).is_ok());
    for repeated in ["keys", "m0", "m14", "m15", "m16", "m39", "\\u006d20"] {
        let document = members(repeated);
        let expected = KeysError::Json(Flaw::DuplicateMember);
        assert_eq!(
            KeySet::parse(testkit::ISSUER.parse().unwrap(), document.as_bytes()).unwrap_err(),
            expected,
            "{repeated}"
        );
    }
}

proptest! {
    #[test]
    fn no_document_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = KeySet::parse(testkit::ISSUER.parse().unwrap(), &bytes);
        let _ = PublicKey::from_jwk(&bytes);
    }

    #[test]
    fn no_members_panic(
        kty in "RSA|EC|OKP|oct",
        crv in "P-256|P-384|P-521|Ed25519",
        x in "[A-Za-z0-9_-]{0,100}",
        y in "[A-Za-z0-9_-]{0,100}",
        n in proptest::collection::vec(any::<u8>(), 250..270),
        e in proptest::collection::vec(any::<u8>(), 0..6),
    ) {
        let jwk = json!({"kty": kty, "crv": crv, "x": x, "y": y, "n": base64url(n), "e": base64url(e)});
        if let Ok(key) = PublicKey::from_jwk(jwk.to_string().as_bytes()) {
            for algorithm in Algorithm::ALL {
                prop_assert!(key.verify(algorithm, b"message", &[7; 256]).is_err());
            }
        }
    }
}

#[test]
fn a_key_is_shown_by_its_name() {
    let set = KeySet::parse(testkit::ISSUER.parse().unwrap(), &jwks(&[TestKey::P256])).unwrap();
    let key = set.usable().next().unwrap();
    let shown = format!("{key:?}");
    assert!(shown.contains(&TestKey::P256.kid()), "{shown}");
    assert!(!shown.contains(TestKey::P256.public_jwk()["x"].as_str().unwrap()), "{shown}");
}
