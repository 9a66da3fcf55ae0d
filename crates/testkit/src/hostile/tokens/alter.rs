//! What can be done to the text of a token without the issuer's key.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::Good;
use crate::hostile::Dice;
use crate::{NOW, TestKey, base64url};

pub(super) fn parts(token: &str) -> [String; 3] {
    let parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

fn decoded(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

/// One to three bits, anywhere.
pub(super) fn flipped(mut token: Vec<u8>, dice: &mut Dice<'_>) -> Vec<u8> {
    let before = token.clone();
    for _ in 0..=dice.pick(&[0, 0, 1, 2]) {
        let at = dice.below(token.len());
        token[at] ^= 1 << dice.below(8);
    }
    if token == before {
        token[0] ^= 1;
    }
    token
}

pub(super) fn cut(mut token: Vec<u8>, dice: &mut Dice<'_>) -> Vec<u8> {
    let at = dice.below(token.len());
    let byte = dice.pick(b"A_-.=+/ \t%\0\x7f\xff");
    match dice.below(5) {
        0 => token.truncate(at),
        1 => drop(token.remove(at)),
        2 => token.insert(at, byte),
        3 => drop(token.drain(..at.max(1))),
        _ => {
            let end = (at + 1 + dice.below(40)).min(token.len());
            token.drain(at..end);
        }
    }
    token
}

/// Signatures that some libraries took.
pub(super) fn resigned(token: &str, dice: &mut Dice<'_>) -> String {
    let [header, payload, signature] = parts(token);
    let signature = decoded(&signature);
    let half = signature.len() / 2;
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order: Vec<u8> =
        (0..32).map(|at| u8::from_str_radix(&order[2 * at..2 * at + 2], 16).unwrap()).collect();
    let other = match dice.below(9) {
        0 => vec![0; signature.len()],
        1 => vec![0xff; signature.len()],
        2 => Vec::new(),
        3 => [vec![0; half], signature[half..].to_vec()].concat(),
        4 => [signature[..half].to_vec(), vec![0; half]].concat(),
        5 => [order.clone(), order].concat(),
        // DER.
        6 => {
            let integer = |bytes: &[u8]| [&[2, 33, 0], bytes].concat();
            let body = [integer(&signature[..half]), integer(&signature[half..])].concat();
            [&[0x30, u8::try_from(body.len() % 128).unwrap_or(0)], &*body].concat()
        }
        // The length that overflowed a buffer somewhere, or near it.
        7 => signature.iter().copied().cycle().take(dice.pick(&[65, 128, 8_000, 16_372])).collect(),
        _ => signature.iter().rev().copied().collect(),
    };
    format!("{header}.{payload}.{}", base64url(other))
}

/// The same bytes in another spelling, which some readers take and caches do not know.
pub(super) fn reencoded(token: &str, dice: &mut Dice<'_>) -> String {
    let [mut header, mut payload, mut signature] = parts(token);
    let part = match dice.below(3) {
        0 => &mut header,
        1 => &mut payload,
        _ => &mut signature,
    };
    let bytes = decoded(part);
    match dice.below(7) {
        0 => *part = URL_SAFE.encode(&bytes),
        1 => *part = STANDARD.encode(&bytes),
        2 => part.push('='),
        3 => part.push_str("=="),
        4 => part.insert(part.len() / 2, dice.pick(&['\n', ' ', '.', '%', '\t', '~'])),
        5 => *part = part.replacen('A', "%41", 1),
        _ => {
            // Bits behind the last byte.
            const ALPHABET: &[u8] =
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let last = part.pop().unwrap_or('A');
            let value = ALPHABET.iter().position(|&c| char::from(c) == last).unwrap_or(0);
            part.push(char::from(ALPHABET[value ^ 1]));
        }
    }
    // Where there was nothing to spell otherwise it is one character longer.
    let other = format!("{header}.{payload}.{signature}");
    if other == token { format!("{token}=") } else { other }
}

pub(super) fn unsigned(token: &str, dice: &mut Dice<'_>) -> String {
    let [header, payload, signature] = parts(token);
    let mut header: Value = serde_json::from_slice(&decoded(&header)).unwrap();
    header["alg"] = match dice.below(8) {
        0 => Value::Null,
        1 => json!(["none"]),
        2 => json!(["ES256"]),
        _ => dice.pick(&["none", "None", "NONE", "nOnE", "none ", ""]).into(),
    };
    let kept = if dice.one_in(2) { String::new() } else { signature };
    format!("{}.{payload}.{kept}", base64url(header.to_string()))
}

/// `HS256` with what everybody knows.
pub(super) fn hmac(good: &Good, dice: &mut Dice<'_>) -> String {
    let [header, payload, _] = parts(&good.text);
    let mut header: Value = serde_json::from_slice(&decoded(&header)).unwrap();
    let (name, algorithm) = dice.pick(&[
        ("HS256", &hmac::HMAC_SHA256),
        ("HS384", &hmac::HMAC_SHA384),
        ("HS512", &hmac::HMAC_SHA512),
        ("hs256", &hmac::HMAC_SHA256),
    ]);
    header["alg"] = if dice.one_in(6) { "ES256".into() } else { name.into() };
    let jwk = good.key.public_jwk();
    let secret = match dice.below(6) {
        0 => jwk.to_string().into_bytes(),
        1 => good.key.public_pem().into_bytes(),
        2 => good.key.public_pem().trim_end().as_bytes().to_vec(),
        3 => good.key.public_der(),
        4 => good.key.kid().into_bytes(),
        _ => Vec::new(),
    };
    let input = format!("{}.{payload}", base64url(header.to_string()));
    let tag = hmac::sign(&hmac::Key::new(*algorithm, &secret), input.as_bytes());
    format!("{input}.{}", base64url(tag))
}

/// Another header or other claims under the signature of before.
pub(super) fn edited(token: &str, dice: &mut Dice<'_>) -> String {
    let [header, payload, signature] = parts(token);
    let (part, of_header) = if dice.one_in(3) { (&header, true) } else { (&payload, false) };
    let value: Value = serde_json::from_slice(&decoded(part)).unwrap();
    let mut members = value.as_object().cloned().unwrap();
    if of_header {
        let name = dice.pick(&["alg", "typ", "kid", "x"]);
        let algorithm =
            dice.pick(&["RS256", "PS256", "ES384", "ES512", "EdDSA", "Ed25519", "ES256K", "ES256"]);
        let value: Value = match name {
            "alg" => algorithm.into(),
            "kid" => odd_kid(dice),
            _ => "x".into(),
        };
        members.insert(name.to_owned(), value);
    } else {
        edit(&mut members, dice);
    }
    let other = base64url(Value::from(members).to_string());
    if of_header {
        format!("{other}.{payload}.{signature}")
    } else {
        format!("{header}.{other}.{signature}")
    }
}

/// More than was given.
pub(super) fn edit(claims: &mut Map<String, Value>, dice: &mut Dice<'_>) {
    let (name, value): (&str, Value) = match dice.below(7) {
        0 => ("sub", "admin".into()),
        1 => ("scope", "files:read files:write admin".into()),
        2 => ("exp", (NOW + 1_000_000).into()),
        3 => ("client_id", "other".into()),
        4 => ("roles", json!(["admin"])),
        5 => ("jti", dice.below(1_000_000).into()),
        _ => ("admin", true.into()),
    };
    claims.insert(name.to_owned(), value);
}

/// Names of keys that some server looked up where it should not have.
pub(super) fn odd_kid(dice: &mut Dice<'_>) -> Value {
    match dice.below(5) {
        0 => json!(1),
        1 => json!([TestKey::P256.kid()]),
        2 => "a".repeat(8_000).into(),
        _ => dice
            .pick(&[
                "../../../../dev/null",
                "/etc/passwd",
                "' OR '1'='1",
                "x' UNION SELECT 'AA';--",
                "https://evil.example/keys",
                "$(id)",
                "",
                "\0",
                "*",
                "\u{1f600}",
            ])
            .into(),
    }
}

/// Whatever bytes.
pub(super) fn anything(dice: &mut Dice<'_>) -> Vec<u8> {
    let longest = dice.pick(&[1, 8, 60]);
    let length = dice.below(longest);
    (0..length).map(|_| u8::try_from(dice.below(256)).unwrap_or(b'A')).collect()
}
