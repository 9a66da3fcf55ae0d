//! What the issuer signed itself and nobody may take: said for others, said in two ways, or no access token.

use serde_json::{Value, json};

use super::{Good, Tokens, parts};
use crate::hostile::Dice;
use crate::{NOW, Signer, TestKey, base64url, compact};

impl Tokens {
    /// Signed by the issuer, and not for this server, not now, or not to get in with.
    pub(super) fn for_others(&self, dice: &mut Dice<'_>) -> String {
        let mut claims = self.claims();
        let mut signer = Signer::new(TestKey::P256);
        let bare = self
            .audience
            .find("://")
            .and_then(|at| self.audience[at + 3..].find('/').map(|to| at + 3 + to));
        let origin = &self.audience[..bare.unwrap_or(self.audience.len())];
        let mut set = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
        match dice.below(24) {
            0 => set("aud", origin.into()),
            1 => set("aud", format!("{}/", self.audience).into()),
            2 => set("aud", self.audience.to_ascii_uppercase().into()),
            3 => set("aud", json!(["https://other.example/mcp"])),
            4 => set("aud", json!([])),
            5 => set("aud", json!([self.audience, 1])),
            6 => set("iss", "https://other.example".into()),
            7 => set("iss", format!("{}/", self.issuer).into()),
            8 => set("iss", json!([self.issuer])),
            9 => set("exp", (NOW - 3600).into()),
            10 => set("exp", format!("{}", NOW + 3600).into()),
            11 => set("exp", json!(-1)),
            12 => set("nbf", (NOW + 3600).into()),
            13 => set("iat", (NOW + 3600).into()),
            14 => set("sub", json!(1)),
            15 => {
                set("events", json!({ "http://schemas.openid.net/event/backchannel-logout": {} }));
            }
            16 => set("cnf", json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" })),
            17 => set("cnf", json!({ "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" })),
            18 => set("nbf", json!("tomorrow")),
            name @ 19..=21 => drop(claims.remove(["aud", "exp", "iss"][name - 19])),
            _ => {
                let kinds = [
                    "JWT",
                    "dpop+jwt",
                    "logout+jwt",
                    "secevent+jwt",
                    "at",
                    "JOSE",
                    "",
                    "at+jwt ",
                    "id+jwt",
                ];
                signer = signer.typ(dice.pick(&kinds));
            }
        }
        signer.sign(&claims.into())
    }

    /// Signed by the issuer, and not the same to every reader.
    pub(super) fn two_readings(&self, dice: &mut Dice<'_>) -> String {
        let signer = Signer::new(TestKey::P256);
        let good = Value::from(self.claims()).to_string();
        let inner = &good[1..good.len() - 1];
        let header =
            json!({ "alg": "ES256", "typ": "at+jwt", "kid": TestKey::P256.kid() }).to_string();
        let inner_header = &header[1..header.len() - 1];
        let number = dice.pick(&[
            "1e400",
            "18446744073709551616",
            "1.5",
            "-0.5",
            "true",
            "\"1795136340\"",
            "null",
            "[1]",
            "01",
        ]);
        let payload = match dice.below(14) {
            0 => format!("{{{inner},\"sub\":\"admin\"}}"),
            1 => format!("{{\"\\u0073ub\":\"admin\",{inner}}}"),
            2 => format!("{{{inner},\"x\":{{\"y\":1,\"y\":2}}}}"),
            3 => format!("\u{feff}{good}"),
            4 => format!("{good}{good}"),
            5 => format!("{good}\0"),
            6 => format!("[{good}]"),
            7 => format!("/**/{good}"),
            8 => format!("{{{inner},}}"),
            9 => good.replace(&format!("\"exp\":{}", NOW + 3540), &format!("\"exp\":{number}")),
            10 => good.replace(
                &format!("\"exp\":{}", NOW + 3540),
                &format!("\"exp\":{}", "9".repeat(400)),
            ),
            11 => {
                let units: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
                return signer.sign_payload(units);
            }
            12 => {
                return signer
                    .sign_payload([b"{\"x\":\"\xC3\x28\",", inner.as_bytes(), b"}"].concat());
            }
            _ => {
                let header = match dice.below(6) {
                    0 => format!("{{{inner_header},\"alg\":\"none\"}}"),
                    1 => format!("{{{inner_header},\"\\u0061lg\":\"ES256\"}}"),
                    2 => format!("{{{inner_header},\"crit\":[\"x\"],\"x\":1}}"),
                    3 => format!("{{{inner_header},\"b64\":false}}"),
                    4 => format!("{{{inner_header},\"zip\":\"DEF\"}}"),
                    _ => format!("\u{feff}{header}"),
                };
                return signer.sign_parts(header, good);
            }
        };
        signer.sign_payload(payload)
    }
}

/// Encrypted, nested, in another serialization.
pub(super) fn other_kind(good: &Good, dice: &mut Dice<'_>) -> String {
    let [header, payload, signature] = parts(&good.text);
    match dice.below(7) {
        0 => format!("{header}.{payload}.{signature}.{payload}.{signature}"),
        1 => {
            compact(
                json!({ "alg": "RSA-OAEP", "enc": "A256GCM", "kid": TestKey::Rsa.kid() })
                    .to_string(),
                &good.text,
                b"",
            ) + ".AAAA.AAAA"
        }
        2 => Signer::new(TestKey::P256).header("cty", "JWT").sign_payload(&good.text),
        3 => format!("{header}..{signature}"),
        4 => base64url(
            json!({ "payload": payload, "protected": header, "signature": signature }).to_string(),
        ),
        5 => format!("{header}.{payload}.{signature}."),
        _ => format!(".{header}.{payload}.{signature}"),
    }
}
