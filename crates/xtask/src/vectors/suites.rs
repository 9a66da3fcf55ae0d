//! The suites: where their files are, how they are read, what their authors expect.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Map, Value, json};

use super::judge::{self, Verdict};
use super::{Expect, Tally};
use crate::repo::{Failure, Result, failed, has_ending};

pub(super) struct Suite {
    pub(super) name: &'static str,
    pub(super) run: fn(&Path, &mut Tally) -> Result,
}

pub(super) const ALL: &[Suite] = &[
    Suite { name: "wycheproof-jws", run: |dir, t| web(dir, "json_web_signature_test.json", t) },
    Suite { name: "wycheproof-jwk", run: |dir, t| web(dir, "json_web_key_test.json", t) },
    Suite { name: "wycheproof-jwc", run: |dir, t| web(dir, "json_web_crypto_test.json", t) },
    Suite { name: "wycheproof-jwe", run: |dir, t| web(dir, "json_web_encryption_test.json", t) },
    Suite {
        name: "ecdsa-p256",
        run: |dir, t| raw(dir, "ecdsa_secp256r1_sha256_p1363_test.json", "ES256", t),
    },
    Suite {
        name: "ecdsa-p384",
        run: |dir, t| raw(dir, "ecdsa_secp384r1_sha384_p1363_test.json", "ES384", t),
    },
    Suite { name: "ed25519", run: |dir, t| raw(dir, "ed25519_test.json", "EdDSA", t) },
    Suite {
        name: "rsa-pkcs1",
        run: |dir, t| raw(dir, "rsa_signature_2048_sha256_test.json", "RS256", t),
    },
    Suite {
        name: "rsa-pss",
        run: |dir, t| raw(dir, "rsa_pss_2048_sha256_mgf1_32_test.json", "PS256", t),
    },
    Suite { name: "cookbook-tokens", run: cookbook_tokens },
    Suite { name: "cookbook-keys", run: cookbook_keys },
    Suite { name: "json-parsing", run: json_parsing },
    Suite { name: "json-transform", run: json_transform },
];

/// Wycheproof's tests of JOSE libraries: a token or an encrypted message under a key or a key set.
///
/// Two families are refused whatever their authors say of them, by design and before any crypto:
/// symmetric algorithms, since a resource server that could verify them could also sign; and JWE,
/// since a token that only its reader can open is not this system's.
fn web(dir: &Path, file: &str, tally: &mut Tally) -> Result {
    for (group, test) in tests(&read(&dir.join("wycheproof").join(file))?)? {
        let id = id_of(&test)?;
        let (keys, symmetric) = key_set(group.get("public").or_else(|| group.get("private")));
        let encrypted = test.get("jwe");
        let token = encrypted.or_else(|| test.get("jws"));
        let expect = match test.get("result").and_then(Value::as_str) {
            Some("valid") if !symmetric && encrypted.is_none() => Expect::Accept,
            Some("valid" | "invalid" | "acceptable") => Expect::Refuse,
            other => return failed(format!("{file} {id}: result {other:?}")),
        };
        // A few encrypted messages come in JSON serialization, which no header field can carry.
        let text = token
            .and_then(Value::as_str)
            .map_or_else(|| token.map(Value::to_string).unwrap_or_default(), str::to_owned);
        tally.vector(&id, expect, || judge::compact(&text, &keys));
    }
    Ok(())
}

/// A JWKS document of a key or a set, and whether a symmetric key is all it has.
fn key_set(keys: Option<&Value>) -> (Vec<u8>, bool) {
    let keys = keys.cloned().unwrap_or_default();
    let list =
        keys.get("keys").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![keys.clone()]);
    let symmetric = list.iter().all(|key| key.get("kty").and_then(Value::as_str) == Some("oct"));
    (json!({ "keys": list }).to_string().into_bytes(), symmetric)
}

/// Wycheproof's tests of one signature algorithm: message and signature in hex under one key.
fn raw(dir: &Path, file: &str, algorithm: &str, tally: &mut Tally) -> Result {
    for (group, test) in tests(&read(&dir.join("wycheproof").join(file))?)? {
        let id = id_of(&test)?;
        let (Some(message), Some(signature)) = (hex(test.get("msg")), hex(test.get("sig"))) else {
            return failed(format!("{file} {id}: message or signature is no hex"));
        };
        let jwk = match group.get("publicKeyJwk").or_else(|| group.get("keyJwk")) {
            Some(jwk) => jwk.clone(),
            None => match point(group.get("publicKey")) {
                Some(jwk) => jwk,
                None => return failed(format!("{file} {id}: no key")),
            },
        };
        let expect = match test.get("result").and_then(Value::as_str) {
            Some("valid") => Expect::Accept,
            // "acceptable" is PKCS #1 without the NULL, which old signers wrote: not ours to take.
            Some("invalid" | "acceptable") => Expect::Refuse,
            other => return failed(format!("{file} {id}: result {other:?}")),
        };
        let jwk = jwk.to_string().into_bytes();
        tally.vector(&id, expect, || judge::signature(&jwk, algorithm, &message, &signature));
    }
    Ok(())
}

/// The JWK of an uncompressed point, for groups that come without one.
fn point(key: Option<&Value>) -> Option<Value> {
    let curve = match key?.get("curve")?.as_str()? {
        "secp256r1" => "P-256",
        "secp384r1" => "P-384",
        _ => return None,
    };
    let bytes = hex(key?.get("uncompressed"))?;
    let coordinates = bytes.strip_prefix(&[4])?;
    let (x, y) = coordinates.split_at_checked(coordinates.len() / 2)?;
    Some(json!({ "kty": "EC", "crv": curve, "x": BASE64URL.encode(x), "y": BASE64URL.encode(y) }))
}

/// RFC 7520, 7797 and 8037: every example that has a compact form. An example verifies if it is signed
/// with an asymmetric key; what is encrypted, symmetric or unencoded (`b64`) is refused.
fn cookbook_tokens(dir: &Path, tally: &mut Tally) -> Result {
    for folder in ["jws", "jwe", "curve25519", "rfc7797"] {
        for (name, text) in files(&dir.join("jose-cookbook").join(folder))? {
            let Some(example) =
                has_ending(&name, "json").then(|| value(&name, &text)).transpose()?
            else {
                continue;
            };
            let Some(token) = example.pointer("/output/compact").and_then(Value::as_str) else {
                continue;
            };
            let input = example.pointer("/input/key").cloned().unwrap_or_default();
            let key = public_part(&input);
            let signed = example.get("signing").is_some();
            let symmetric = input.get("kty").and_then(Value::as_str) == Some("oct");
            let expect = if signed && !symmetric { Expect::Accept } else { Expect::Refuse };
            let keys = json!({ "keys": [key] }).to_string().into_bytes();
            tally.vector(&name, expect, || judge::compact(token, &keys));
        }
    }
    Ok(())
}

/// RFC 7520 section 3: public keys are keys, private and symmetric ones are not.
fn cookbook_keys(dir: &Path, tally: &mut Tally) -> Result {
    for (name, text) in files(&dir.join("jose-cookbook/jwk"))? {
        let expect = if name.contains("public") { Expect::Accept } else { Expect::Refuse };
        tally.vector(&name, expect, || judge::key(&text));
    }
    Ok(())
}

fn public_part(jwk: &Value) -> Value {
    const PUBLIC: &[&str] = &["kty", "kid", "use", "alg", "crv", "x", "y", "n", "e"];
    let members = jwk.as_object().into_iter().flatten();
    let members = members.filter(|(name, _)| PUBLIC.contains(&name.as_str()));
    Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>())
}

/// `JSONTestSuite`: `y_` is JSON, `n_` is not, `i_` is up to the reader. Whatever is taken must be
/// readable by the lenient parser an upstream is likely to have as well.
fn json_parsing(dir: &Path, tally: &mut Tally) -> Result {
    for (name, text) in files(&dir.join("jsontestsuite/test_parsing"))? {
        let expect = match name.get(..2) {
            Some("y_") => Expect::Accept,
            Some("n_") => Expect::Refuse,
            Some("i_") => Expect::Answer,
            _ => continue,
        };
        tally.vector(&name, expect, || readable_elsewhere(judge::json(&text), &text));
    }
    Ok(())
}

/// Here the lenient parser is the yardstick.
fn readable_elsewhere(verdict: Verdict, text: &[u8]) -> Verdict {
    match verdict {
        Verdict::Accepted if serde_json::from_slice::<Value>(text).is_err() => Verdict::Split,
        other => other,
    }
}

/// `JSONTestSuite`: texts that parsers read differently: what is ambiguous is refused.
fn json_transform(dir: &Path, tally: &mut Tally) -> Result {
    for (name, text) in files(&dir.join("jsontestsuite/test_transform"))? {
        let ambiguous = name.starts_with("object_same_key") || name.contains("invalid_codepoint");
        let expect = if ambiguous { Expect::Refuse } else { Expect::Accept };
        tally.vector(&name, expect, || judge::json(&text));
    }
    Ok(())
}

fn tests(document: &Value) -> Result<Vec<(Value, Value)>> {
    let groups = document.get("testGroups").and_then(Value::as_array).into_iter().flatten();
    let pairs = groups.flat_map(|group| {
        let tests = group.get("tests").and_then(Value::as_array).into_iter().flatten();
        tests.map(|test| (group.clone(), test.clone()))
    });
    let pairs: Vec<_> = pairs.collect();
    let said = document.get("numberOfTests").and_then(Value::as_u64);
    if said == u64::try_from(pairs.len()).ok() {
        Ok(pairs)
    } else {
        failed(format!("the file says {said:?} tests and has {}", pairs.len()))
    }
}

fn id_of(test: &Value) -> Result<String> {
    match test.get("tcId").and_then(Value::as_u64) {
        Some(id) => Ok(id.to_string()),
        None => failed("a test without tcId"),
    }
}

fn hex(text: Option<&Value>) -> Option<Vec<u8>> {
    let text = text?.as_str()?;
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let pairs = digits?;
    if pairs.len() % 2 == 1 {
        return None;
    }
    Some(
        pairs
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect(),
    )
}

fn read(path: &Path) -> Result<Value> {
    let text = std::fs::read(path)
        .map_err(|e| Failure::Failed(format!("{} cannot be read: {e}", path.display())))?;
    value(&path.display().to_string(), &text)
}

fn value(name: &str, text: &[u8]) -> Result<Value> {
    serde_json::from_slice(text).map_err(|e| Failure::Failed(format!("{name} is no JSON: {e}")))
}

/// The files of a folder, by name.
fn files(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let unreadable =
        |e: std::io::Error| Failure::Failed(format!("{} cannot be read: {e}", folder.display()));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.path().is_file() {
            let text = std::fs::read(entry.path()).map_err(unreadable)?;
            found.push((entry.file_name().to_string_lossy().into_owned(), text));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_and_points_are_read() {
        assert_eq!(hex(Some(&json!("00ff10"))), Some(vec![0, 255, 16]));
        assert_eq!(hex(Some(&json!("0"))), None);
        assert_eq!(hex(Some(&json!("0g"))), None);
        let key = json!({ "curve": "secp256r1", "uncompressed": format!("04{}{}", "01".repeat(32), "02".repeat(32)) });
        let jwk = point(Some(&key)).unwrap();
        assert_eq!(jwk["x"], BASE64URL.encode([1; 32]));
        assert_eq!(jwk["y"], BASE64URL.encode([2; 32]));
    }

    #[test]
    fn private_members_are_left_behind() {
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": "a", "y": "b", "d": "secret" });
        assert_eq!(public_part(&jwk), json!({ "kty": "EC", "crv": "P-256", "x": "a", "y": "b" }));
    }

    #[test]
    fn a_symmetric_key_is_known_alone_and_in_a_set() {
        assert!(key_set(Some(&json!({ "kty": "oct", "k": "x" }))).1);
        assert!(key_set(Some(&json!({ "keys": [{ "kty": "oct" }] }))).1);
        assert!(!key_set(Some(&json!({ "keys": [{ "kty": "oct" }, { "kty": "RSA" }] }))).1);
    }
}
