//! The compact serialization: what is taken apart, what is refused before any cryptography.
#![allow(
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::needless_raw_string_hashes,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    missing_docs,
    reason = "tests"
)]

use portcullis_core::json::Flaw;
use portcullis_core::jws::{Algorithm, Compact, MAX_LENGTH, Part, Refusal};
use portcullis_core::keys::{KeySet, NoMatch, PublicKey};
use proptest::prelude::*;
use serde_json::{Value, json};
use testkit::{Signer, TestKey, base64url, claims, compact};

fn key(key: TestKey) -> PublicKey {
    PublicKey::from_jwk(key.public_jwk().to_string().as_bytes()).unwrap()
}

fn refusal(token: &str) -> Refusal {
    Compact::parse(token).unwrap_err()
}

/// A signed token with this header and any payload; the signature is honest.
fn with_header(header: &str) -> String {
    Signer::new(TestKey::P256).sign_parts(header, "{}")
}

// The keys and signatures of RFC 7515 appendix A and RFC 8037 appendix A.
const RFC7515_PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const A1_SIGNATURE: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const A2_KEY: &str = r#"{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}"#;
const A2_SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const A3_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const A3_SIGNATURE: &str =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const A4_KEY: &str = r#"{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}"#;
const A4_SIGNATURE: &str = "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";
const RFC8037_KEY: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const RFC8037_SIGNATURE: &str =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

#[test]
fn the_examples_of_the_rfcs_verify() {
    let examples = [
        (
            Algorithm::RS256,
            A2_KEY,
            format!("eyJhbGciOiJSUzI1NiJ9.{RFC7515_PAYLOAD}.{A2_SIGNATURE}"),
        ),
        (
            Algorithm::ES256,
            A3_KEY,
            format!("eyJhbGciOiJFUzI1NiJ9.{RFC7515_PAYLOAD}.{A3_SIGNATURE}"),
        ),
        (Algorithm::ES512, A4_KEY, format!("eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.{A4_SIGNATURE}")),
        (
            Algorithm::EdDSA,
            RFC8037_KEY,
            format!("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.{RFC8037_SIGNATURE}"),
        ),
    ];
    for (algorithm, jwk, token) in &examples {
        let key = PublicKey::from_jwk(jwk.as_bytes()).unwrap();
        let parsed = Compact::parse(token).unwrap();
        assert_eq!(parsed.algorithm(), *algorithm);
        assert_eq!(parsed.verify(&key), Ok(()), "{algorithm}");
        // And no other key of the RFCs verifies it.
        for (_, other, _) in examples.iter().filter(|(other, _, _)| other != algorithm) {
            let other = PublicKey::from_jwk(other.as_bytes()).unwrap();
            assert_eq!(parsed.verify(&other), Err(Refusal::KeyAlgorithm));
        }
    }
    let parsed = Compact::parse(&examples[2].2).unwrap();
    assert_eq!(parsed.payload(), b"Payload");
}

#[test]
fn the_hmac_example_of_rfc_7515_is_refused() {
    let header = base64url("{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}");
    assert_eq!(
        refusal(&format!("{header}.{RFC7515_PAYLOAD}.{A1_SIGNATURE}")),
        Refusal::AlgorithmSymmetric
    );
}

#[test]
fn every_algorithm_verifies_with_its_key_and_fails_with_another_of_the_kind() {
    let rsa = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"].map(|a| (TestKey::Rsa, a));
    let others = [
        (TestKey::P256, "ES256"),
        (TestKey::P384, "ES384"),
        (TestKey::P521, "ES512"),
        (TestKey::Ed25519, "EdDSA"),
        (TestKey::Ed25519, "Ed25519"),
    ];
    for (signing, algorithm) in rsa.into_iter().chain(others) {
        let token = Signer::new(signing).algorithm(algorithm).sign(&claims());
        let parsed = Compact::parse(&token).unwrap();
        assert_eq!(parsed.algorithm(), Algorithm::from_name(algorithm).unwrap());
        assert_eq!(parsed.verify(&key(signing)), Ok(()), "{algorithm}");
        for other in TestKey::USABLE.into_iter().filter(|other| *other != signing) {
            assert!(parsed.verify(&key(other)).is_err(), "{algorithm} with {other:?}");
        }
    }
    let first = Signer::new(TestKey::Rsa).sign(&claims());
    let parsed = Compact::parse(&first).unwrap();
    assert_eq!(parsed.verify(&key(TestKey::RsaSecond)), Err(Refusal::Signature));
}

// req: RS-3
#[test]
fn a_public_key_is_no_hmac_secret() {
    // Signed with HMAC under the PEM text as secret, the classic confusion.
    let forged = Signer::new(TestKey::Rsa).algorithm("HS256").sign(&claims());
    assert_eq!(refusal(&forged), Refusal::AlgorithmSymmetric);
    assert!(Compact::parse(&Signer::new(TestKey::Rsa).sign(&claims())).is_ok());
}

#[test]
fn algorithms_nobody_should_accept() {
    let cases = [
        (r#"{}"#, Refusal::AlgorithmMissing),
        (r#"{"alg":null}"#, Refusal::ParameterType("alg")),
        (r#"{"alg":["ES256"]}"#, Refusal::ParameterType("alg")),
        (r#"{"alg":256}"#, Refusal::ParameterType("alg")),
        (r#"{"alg":"none"}"#, Refusal::AlgorithmNone),
        (r#"{"alg":"None"}"#, Refusal::AlgorithmNone),
        (r#"{"alg":"NONE"}"#, Refusal::AlgorithmNone),
        (r#"{"alg":"nOnE"}"#, Refusal::AlgorithmNone),
        (r#"{"alg":"\u006eone"}"#, Refusal::AlgorithmNone),
        (r#"{"alg":"HS256"}"#, Refusal::AlgorithmSymmetric),
        (r#"{"alg":"HS384"}"#, Refusal::AlgorithmSymmetric),
        (r#"{"alg":"hs512"}"#, Refusal::AlgorithmSymmetric),
        (r#"{"alg":""}"#, Refusal::AlgorithmUnknown),
        (r#"{"alg":"es256"}"#, Refusal::AlgorithmUnknown),
        (r#"{"alg":"ES256 "}"#, Refusal::AlgorithmUnknown),
        (r#"{"alg":"ES256K"}"#, Refusal::AlgorithmUnknown),
        (r#"{"alg":"RS1"}"#, Refusal::AlgorithmUnknown),
        (r#"{"alg":"RSA-OAEP"}"#, Refusal::AlgorithmUnknown),
        (r#"{"alg":"dir"}"#, Refusal::AlgorithmUnknown),
        (r#"{"alg":"Ed448"}"#, Refusal::AlgorithmUnknown),
        (r#"{"alg":"ES256","alg":"none"}"#, Refusal::Header(Flaw::DuplicateMember)),
        (r#"{"alg":"ES256","\u0061lg":"none"}"#, Refusal::Header(Flaw::DuplicateMember)),
    ];
    for (header, expected) in cases {
        assert_eq!(refusal(&with_header(header)), expected, "{header}");
    }
    assert!(Compact::parse(&with_header(r#"{"alg":"ES256"}"#)).is_ok());
    assert!(Compact::parse(&with_header(r#"{"alg":"\u0045S256"}"#)).is_ok());
    // Unsigned in every shape.
    assert_eq!(refusal(&compact(r#"{"alg":"none"}"#, "{}", "")), Refusal::AlgorithmNone);
}

#[test]
fn headers_that_want_something_unusual() {
    let jwk = TestKey::P256.public_jwk();
    let cases = [
        (json!({"crit": ["exp"]}), Refusal::Critical),
        (json!({"crit": []}), Refusal::Critical),
        (json!({"crit": "b64", "b64": true}), Refusal::Unencoded),
        (json!({"b64": false}), Refusal::Unencoded),
        (json!({"b64": true}), Refusal::Unencoded),
        (json!({"jwk": jwk}), Refusal::KeyInHeader("jwk")),
        (json!({"jku": "https://attacker.example/jwks"}), Refusal::KeyInHeader("jku")),
        (json!({"x5u": "https://attacker.example/cert"}), Refusal::KeyInHeader("x5u")),
        (json!({"x5c": ["MIIB"]}), Refusal::KeyInHeader("x5c")),
        (json!({"enc": "A128GCM"}), Refusal::Encryption("enc")),
        (json!({"zip": "DEF"}), Refusal::Encryption("zip")),
        (json!({"cty": "JWT"}), Refusal::Nested),
        (json!({"cty": "application/jwt"}), Refusal::Nested),
        (json!({"cty": 1}), Refusal::ParameterType("cty")),
        (json!({"typ": ["at+jwt"]}), Refusal::ParameterType("typ")),
        (json!({"kid": 7}), Refusal::ParameterType("kid")),
        (json!({"kid": null}), Refusal::ParameterType("kid")),
    ];
    for (extra, expected) in cases {
        let signer = extra
            .as_object()
            .unwrap()
            .iter()
            .fold(Signer::new(TestKey::P256), |signer, (name, value)| {
                signer.header(name, value.clone())
            });
        assert_eq!(refusal(&signer.sign(&claims())), expected, "{extra}");
    }
    // What nobody has to understand is ignored (RFC 7515 section 4), as are names of another case.
    let signer = Signer::new(TestKey::P256)
        .header("x5t", "dGVzdA")
        .header("cty", "json")
        .header("CRIT", "no")
        .header("v", json!({"deep": [1, 2]}));
    let token = signer.sign(&claims());
    assert_eq!(Compact::parse(&token).unwrap().verify(&key(TestKey::P256)), Ok(()));
}

#[test]
fn a_kid_is_a_name_and_nothing_else() {
    let keys =
        KeySet::parse(testkit::ISSUER.parse().unwrap(), &testkit::jwks(&[TestKey::P256])).unwrap();
    for kid in
        ["../../dev/null", "' OR 1=1 --", "https://attacker.example/key", "", "p256\0", "P256"]
    {
        let token = Signer::new(TestKey::P256).kid(kid).sign(&claims());
        let parsed = Compact::parse(&token).unwrap();
        assert_eq!(parsed.kid(), Some(kid));
        assert_eq!(keys.find(parsed.kid(), parsed.algorithm()).unwrap_err(), NoMatch::UnknownKid);
    }
    assert!(keys.find(Some("p256"), Algorithm::ES256).is_ok());
}

#[test]
fn headers_that_are_not_one_plain_object() {
    let cases: [(&[u8], Flaw); 11] = [
        (b"", Flaw::Syntax),
        (b"[]", Flaw::NotAnObject),
        (b"\"alg\"", Flaw::NotAnObject),
        (b"{\"alg\":\"ES256\"", Flaw::Syntax),
        (b"{\"alg\":\"ES256\"}{}", Flaw::TrailingBytes),
        (b"{\"alg\":\"ES256\"}\0", Flaw::TrailingBytes),
        (b"\xEF\xBB\xBF{\"alg\":\"ES256\"}", Flaw::Encoding),
        (b"{\0\"\0", Flaw::Encoding),
        (b"\0{\0\"", Flaw::Encoding),
        (b"{\"alg\":\"ES256\",\"kid\":\"\xFF\"}", Flaw::InvalidUtf8),
        (b"{\"alg\":\"ES256\",\"kid\":\"\\ud800\"}", Flaw::LoneSurrogate),
    ];
    for (header, flaw) in cases {
        assert_eq!(refusal(&compact(header, "{}", [1; 64])), Refusal::Header(flaw), "{header:?}");
    }
    let deep = format!(r#"{{"alg":"ES256","x":{}1{}}}"#, "[".repeat(70), "]".repeat(70));
    assert_eq!(refusal(&with_header(&deep)), Refusal::Header(Flaw::TooDeep));
    assert!(Compact::parse(&with_header("\r\n {\"alg\" : \"ES256\"}\n")).is_ok());
}

#[test]
fn the_number_of_parts() {
    let token = Signer::new(TestKey::P256).sign(&claims());
    assert!(Compact::parse(&token).is_ok());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let cases = [
        (String::new(), Refusal::Parts),
        ("opaque".to_owned(), Refusal::Parts),
        (signed.to_owned(), Refusal::Parts),
        (format!("{token}.{signature}"), Refusal::Parts),
        (format!("{token}."), Refusal::Parts),
        (format!(".{token}"), Refusal::Parts),
        (format!("{token}.a.b"), Refusal::Encrypted),
        ("....".to_owned(), Refusal::Encrypted),
        (".....".to_owned(), Refusal::Parts),
        ("..".to_owned(), Refusal::Header(Flaw::Syntax)),
        (format!("{signed}."), Refusal::SignatureLength),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(&text), expected, "{text}");
    }
}

#[test]
fn base64url_has_one_spelling() {
    let token = Signer::new(TestKey::P256).sign_payload(r#"{"ab":1}"#);
    let parts: Vec<_> = token.split('.').collect();
    assert!(Compact::parse(&token).is_ok());
    let with = |i: usize, part: String| {
        let mut parts: Vec<_> = parts.iter().map(|part| (*part).to_owned()).collect();
        parts[i] = part;
        parts.join(".")
    };
    for (i, part) in [(0, Part::Header), (1, Part::Payload)] {
        for bad in [
            format!("{}=", parts[i]),
            format!("{} ", parts[i]),
            format!("\n{}", parts[i]),
            format!("+{}", &parts[i][1..]),
            format!("/{}", &parts[i][1..]),
            format!("ä{}", &parts[i][2..]),
        ] {
            assert_eq!(refusal(&with(i, bad.clone())), Refusal::Base64(part), "{bad}");
        }
    }
    // 64 octets leave four bits over in the last character: the other fifteen values are refused.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (body, last) = parts[2].split_at(85);
    let value = alphabet.find(last).unwrap();
    assert_eq!(value % 16, 0);
    for stray in 1..16 {
        let bad = format!("{body}{}", &alphabet[value + stray..=value + stray]);
        assert_eq!(refusal(&with(2, bad)), Refusal::Base64(Part::Signature));
    }
    assert_eq!(refusal(&with(2, format!("{body}+"))), Refusal::Base64(Part::Signature));
    assert_eq!(refusal(&with(2, format!("{}==", parts[2]))), Refusal::SignatureLength);
}

#[test]
fn signatures_have_the_length_their_algorithm_makes_them() {
    let cases: [(&str, &[usize]); 6] = [
        ("ES256", &[0, 1, 63, 65, 96, 132, 16_372]),
        ("ES384", &[64, 95, 97]),
        ("ES512", &[64, 131, 133]),
        ("EdDSA", &[63, 65, 114]),
        ("RS256", &[0, 64, 255, 1025]),
        ("PS512", &[0, 255, 1025]),
    ];
    for (algorithm, lengths) in cases {
        for length in lengths {
            let token = compact(format!(r#"{{"alg":"{algorithm}"}}"#), "{}", vec![7; *length]);
            let expected =
                if token.len() > MAX_LENGTH { Refusal::TooLong } else { Refusal::SignatureLength };
            assert_eq!(refusal(&token), expected, "{algorithm} {length}");
        }
    }
    // The 21,830 characters that overran a buffer elsewhere, and as many as fit into a token.
    let long = format!("{}.e30.{}", base64url(r#"{"alg":"ES256"}"#), "A".repeat(21_830));
    assert_eq!(refusal(&long), Refusal::TooLong);
    let long = format!("{}.e30.{}", base64url(r#"{"alg":"ES256"}"#), "A".repeat(16_000));
    assert_eq!(refusal(&long), Refusal::SignatureLength);
    // An RSA signature as long as some modulus, but not as this one.
    let token = compact(r#"{"alg":"RS256"}"#, "{}", [7; 257]);
    assert_eq!(
        Compact::parse(&token).unwrap().verify(&key(TestKey::Rsa)),
        Err(Refusal::SignatureLength)
    );
}

/// The order of each curve's group (SEC 2 sections 2.4.2, 2.5.1 and 2.6.1).
const ECDSA: [(TestKey, &str); 3] = [
    (TestKey::P256, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
    (
        TestKey::P384,
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    ),
    (
        TestKey::P521,
        "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
    ),
];

#[test]
fn ecdsa_values_out_of_range_and_der_are_refused() {
    for (signing, order) in ECDSA {
        let order = hex(order);
        let token = Signer::new(signing).sign(&claims());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = decode(signature);
        let (r, s) = signature.split_at(order.len());
        let (zero, ones) = (vec![0; order.len()], vec![0xFF; order.len()]);
        let verify = |r: &[u8], s: &[u8]| {
            let text = format!("{signed}.{}", base64url([r, s].concat()));
            Compact::parse(&text).unwrap().verify(&key(signing))
        };
        for (r, s) in [
            (&zero[..], &zero[..]),
            (&zero, s),
            (r, &zero),
            (&order, s),
            (r, &order),
            (&ones, &ones),
            (s, r),
        ] {
            assert_eq!(verify(r, s), Err(Refusal::Signature), "{signing:?}");
        }
        assert_eq!(verify(r, s), Ok(()), "{signing:?}");
        let der = format!("{signed}.{}", base64url(der(r, s)));
        assert_eq!(refusal(&der), Refusal::SignatureLength, "{signing:?}");
    }
}

/// The same values as other software has them: a SEQUENCE of two INTEGERs, some octets longer.
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |v: &[u8]| {
        let v: Vec<u8> = v.iter().copied().skip_while(|b| *b == 0).collect();
        let pad = if v[0] > 0x7F { vec![0] } else { vec![] };
        [vec![2, u8::try_from(v.len() + pad.len()).unwrap()], pad, v].concat()
    };
    let body = [integer(r), integer(s)].concat();
    let len = u8::try_from(body.len()).unwrap();
    let head = if len > 0x7F { vec![0x30, 0x81, len] } else { vec![0x30, len] };
    [head, body].concat()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

#[test]
fn tokens_of_sixteen_kilobytes_and_no_more() {
    assert_eq!(MAX_LENGTH, 16_384);
    let room =
        |n: usize| Signer::new(TestKey::P256).sign_payload(json!({"x": "a".repeat(n)}).to_string());
    let base = room(0).len();
    let mut n = (MAX_LENGTH - base) * 3 / 4;
    while room(n + 1).len() <= MAX_LENGTH {
        n += 1;
    }
    assert!(Compact::parse(&room(n)).is_ok());
    assert_eq!(refusal(&room(n + 1)), Refusal::TooLong);
}

#[test]
fn a_proof_brings_its_key_and_a_token_must_not() {
    let jwk = TestKey::P256.public_jwk();
    let with = Signer::new(TestKey::P256).header("jwk", jwk.clone()).sign(&claims());
    let (parsed, own) = Compact::parse_with_jwk(&with).unwrap();
    assert_eq!(parsed.verify(&own), Ok(()));
    assert_eq!(own.thumbprint(), key(TestKey::P256).thumbprint());
    let without = Signer::new(TestKey::P256).sign(&claims());
    assert_eq!(Compact::parse_with_jwk(&without).unwrap_err(), Refusal::KeyMissing);
    let text = Signer::new(TestKey::P256).header("jwk", jwk.to_string()).sign(&claims());
    assert_eq!(Compact::parse_with_jwk(&text).unwrap_err(), Refusal::ParameterType("jwk"));
    let both = Signer::new(TestKey::P256)
        .header("jwk", jwk)
        .header("jku", "https://a.example")
        .sign(&claims());
    assert_eq!(Compact::parse_with_jwk(&both).unwrap_err(), Refusal::KeyInHeader("jku"));
}

#[test]
fn refusals_say_what_is_wrong() {
    for algorithm in Algorithm::ALL {
        assert_eq!(algorithm.to_string(), algorithm.as_str());
    }
    for (part, name) in
        [(Part::Header, "header"), (Part::Payload, "payload"), (Part::Signature, "signature")]
    {
        assert_eq!(
            Refusal::Base64(part).to_string(),
            format!("the {name} is not canonical base64url")
        );
    }
}

#[test]
fn debug_shows_neither_payload_nor_signature() {
    let token = Signer::new(TestKey::P256).sign(&claims());
    let shown = format!("{:?}", Compact::parse(&token).unwrap());
    assert!(shown.contains("ES256") && !shown.contains("alice"), "{shown}");
    assert!(!shown.contains(&token[token.len() - 20..]));
}

fn decode(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bits = 0_u32;
    let mut have = 0;
    let mut out = Vec::new();
    for c in text.bytes() {
        bits = (bits << 6) | u32::try_from(alphabet.iter().position(|a| *a == c).unwrap()).unwrap();
        have += 6;
        if have >= 8 {
            have -= 8;
            out.push(u8::try_from((bits >> have) & 0xFF).unwrap());
        }
    }
    out
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,400}") {
        let _ = Compact::parse(&text);
        let _ = Compact::parse_with_jwk(&text);
    }

    #[test]
    fn no_parts_panic(
        header in proptest::collection::vec(any::<u8>(), 0..80),
        payload in proptest::collection::vec(any::<u8>(), 0..80),
        signature in proptest::collection::vec(any::<u8>(), 0..140),
    ) {
        let _ = Compact::parse(&compact(header, &payload, &signature));
        let token = compact(r#"{"alg":"ES256"}"#, &payload, [1; 64]);
        let parsed = Compact::parse(&token).unwrap();
        prop_assert_eq!(parsed.payload(), &payload[..]);
        prop_assert!(parsed.verify(&key(TestKey::P256)).is_err());
    }

    #[test]
    fn headers_round_trip(typ in ".{0,40}", kid in ".{0,40}", other in "[a-z]{4,9}") {
        let token = Signer::new(TestKey::Ed25519).typ(&typ).kid(&kid).header(&other, Value::Null).sign(&claims());
        let parsed = Compact::parse(&token).unwrap();
        prop_assert_eq!(parsed.typ(), Some(typ.as_str()));
        prop_assert_eq!(parsed.kid(), Some(kid.as_str()));
    }
}
