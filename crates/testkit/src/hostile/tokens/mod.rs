//! Tokens that must not be accepted, made from some that are: what an attacker can do who knows valid tokens
//! and every public key, but no private key of the issuer.
//!
//! A few are signed with the issuer's own key and refused all the same, for what they say: they are meant for
//! somebody else, over, or could be read in two ways.

mod alter;
mod said;

use serde_json::{Map, Value, json};

use self::alter::{
    anything, cut, edit, edited, flipped, hmac, odd_kid, parts, reencoded, resigned, unsigned,
};
use super::spelling::Dice;
use crate::{Signer, TestKey, claims_with};

/// What a request brings instead of a good token.
#[derive(Clone, Debug)]
pub struct Forgery {
    /// What was done.
    pub how: &'static str,
    /// Header lines, without their ends.
    pub lines: Vec<Vec<u8>>,
    /// A query for the target, or nothing.
    pub query: String,
}

/// Valid tokens of one issuer for one server.
#[derive(Clone, Debug)]
pub struct Tokens {
    issuer: String,
    audience: String,
    good: Vec<Good>,
}

#[derive(Clone, Debug)]
struct Good {
    key: TestKey,
    text: String,
}

/// The keys that the issuer must publish.
pub const PUBLISHED: [TestKey; 3] = [TestKey::P256, TestKey::Ed25519, TestKey::Rsa];

impl Tokens {
    /// Tokens with these scopes.
    pub fn new(issuer: &str, audience: &str, scope: &str) -> Tokens {
        let base = claims_with(&json!({ "iss": issuer, "aud": audience, "scope": scope }));
        let mut good = Vec::new();
        for (number, name) in ["alice", "bob", "carol"].into_iter().enumerate() {
            for key in PUBLISHED {
                let mut claims = base.clone();
                claims["sub"] = name.into();
                claims["jti"] = format!("{name}-{number}").into();
                good.push(Good { key, text: Signer::new(key).sign(&claims) });
            }
        }
        Tokens { issuer: issuer.to_owned(), audience: audience.to_owned(), good }
    }

    /// The header line of a valid token, spelled in one of the ways that mean the same.
    pub fn accepted(&self, dice: &mut Dice<'_>) -> Vec<u8> {
        let token = &self.one(dice).text;
        let name = dice.pick(&["Authorization", "authorization", "AUTHORIZATION"]);
        let scheme = dice.pick(&["Bearer", "bearer", "BEARER", "bEaReR"]);
        let gap = dice.pick(&[" ", " ", "   "]);
        let end = dice.pick(&["", "", " ", "\t"]);
        format!("{name}: {scheme}{gap}{token}{end}").into_bytes()
    }

    /// Something that must not be accepted.
    pub fn forged(&self, dice: &mut Dice<'_>) -> Forgery {
        match dice.below(6) {
            5 => self.misplaced(dice),
            _ => loop {
                let (how, token) = self.altered(dice);
                // Two parts of one token are that token.
                if self.good.iter().all(|good| good.text.as_bytes() != token) {
                    break one(how, [b"Authorization: Bearer ".to_vec(), token].concat());
                }
            },
        }
    }

    fn one(&self, dice: &mut Dice<'_>) -> &Good {
        &self.good[dice.below(self.good.len())]
    }

    /// A token that is not among the good ones, or seldom.
    fn altered(&self, dice: &mut Dice<'_>) -> (&'static str, Vec<u8>) {
        let good = self.one(dice).clone();
        let text = good.text.as_bytes().to_vec();
        match dice.below(16) {
            0 => ("bits flipped", flipped(text, dice)),
            1 => ("cut, stretched or filled in", cut(text, dice)),
            2 => ("another signature", resigned(&good.text, dice).into_bytes()),
            3 => ("parts of two tokens", self.spliced(dice).into_bytes()),
            4 => ("another base64", reencoded(&good.text, dice).into_bytes()),
            5 => ("no signature", unsigned(&good.text, dice).into_bytes()),
            6 => ("a public key as a secret", hmac(&good, dice).into_bytes()),
            7 | 8 => ("edited, signature kept", edited(&good.text, dice).into_bytes()),
            9 | 10 => ("edited, signed with another key", self.by_another_key(dice).into_bytes()),
            11 => ("a key of its own", self.own_key(dice).into_bytes()),
            12 => ("for somebody else", self.for_others(dice).into_bytes()),
            13 => ("two readings", self.two_readings(dice).into_bytes()),
            14 => ("another kind of token", said::other_kind(&good, dice).into_bytes()),
            _ => ("anything", anything(dice)),
        }
    }

    /// Good tokens where none is looked for, or more of them than one.
    fn misplaced(&self, dice: &mut Dice<'_>) -> Forgery {
        let good = &self.one(dice).text;
        let other = &self.one(dice).text;
        let bearer = |token: &str| format!("Authorization: Bearer {token}").into_bytes();
        let forged = flipped(good.clone().into_bytes(), &mut Dice([].iter()));
        let forged = String::from_utf8_lossy(&forged).into_owned();
        let line = |line: String| one("no credentials", line.into_bytes());
        match dice.below(24) {
            0 => two(bearer(good), bearer(good)),
            1 => two(bearer(&forged), bearer(good)),
            2 => two(bearer(good), bearer(&forged)),
            3 => two(bearer(good), b"Authorization: Basic YTpi".to_vec()),
            4 => two(b"authorization:".to_vec(), bearer(good)),
            5 => line(format!("Authorization: Bearer {good} {other}")),
            6 => line(format!("Authorization: Bearer {good},{other}")),
            7 => line(format!("Authorization: Bearer {good}, Bearer {other}")),
            8 => line(format!("Authorization: Bearer \"{good}\"")),
            9 => line(format!("Authorization: Bearer\t{good}")),
            10 => line(format!("Authorization: Bearer={good}")),
            11 => line(format!("Authorization: Bearer{good}")),
            12 => line(format!("Authorization: {good}")),
            13 => {
                let scheme =
                    dice.pick(&["Basic", "DPoP", "Token", "JWT", "Bear", "Bearers", "OAuth"]);
                line(format!("Authorization: {scheme} {good}"))
            }
            14 => line(
                dice.pick(&["Authorization: Bearer", "Authorization:", "Authorization: Bearer  "])
                    .to_owned(),
            ),
            15 => line(format!("Authorization: Bearer {good}\r\n {other}")),
            16 => line(format!("Authorization : Bearer {good}")),
            17 => line(format!("Authorization: Bearer\u{a0}{good}")),
            18 => {
                let name = dice.pick(&[
                    "X-Authorization",
                    "Proxy-Authorization",
                    "Authorization_",
                    "X-Forwarded-Authorization",
                    "X-Forwarded-Access-Token",
                    "X-Original-Authorization",
                    "Mcp-Authorization",
                    "Access-Token",
                ]);
                line(format!("{name}: Bearer {good}"))
            }
            19 => line(format!("Cookie: access_token={good}; Authorization=Bearer {good}")),
            20 => line(format!("X-Forwarded-User: alice\r\nX-Auth-Request-User: {}", "alice")),
            name => {
                let name = ["access_token", "ACCESS_TOKEN", "acc%65ss_token"][(name - 21) % 3];
                let lines = if dice.one_in(2) { vec![bearer(good)] } else { vec![] };
                Forgery { how: "in the query", lines, query: format!("?a=b&{name}={good}") }
            }
        }
    }

    /// Parts of two valid tokens, in any order.
    fn spliced(&self, dice: &mut Dice<'_>) -> String {
        let (one, two) = (parts(&self.one(dice).text), parts(&self.one(dice).text));
        let mut pick = |at: usize| {
            let from = if dice.one_in(2) { &one } else { &two };
            from[if dice.one_in(6) { dice.below(3) } else { at }].clone()
        };
        let mut spliced = vec![pick(0), pick(1), pick(2)];
        if dice.one_in(8) {
            spliced.push(dice.pick(&[&one[2], &two[1]]).clone());
        }
        spliced.join(".")
    }

    fn claims(&self) -> Map<String, Value> {
        let claims = claims_with(&json!({ "iss": self.issuer, "aud": self.audience }));
        claims.as_object().cloned().unwrap()
    }

    /// Whatever claims, under the name of a good key and signed with one that is none of the issuer's.
    fn by_another_key(&self, dice: &mut Dice<'_>) -> String {
        let (key, claimed) = dice.pick(&[
            (TestKey::P256Second, TestKey::P256),
            (TestKey::P256Second, TestKey::P256),
            (TestKey::P256Second, TestKey::Rsa),
            (TestKey::P384, TestKey::P256),
            (TestKey::RsaSecond, TestKey::Rsa),
        ]);
        let signer = Signer::new(key);
        let signer = match dice.below(4) {
            0 => signer.without("kid"),
            1 => signer.header("kid", odd_kid(dice)),
            2 => signer.kid(&key.kid()),
            _ => signer.kid(&claimed.kid()),
        };
        let signer =
            if dice.one_in(4) { signer.algorithm(claimed.default_algorithm()) } else { signer };
        let mut claims = self.claims();
        if dice.one_in(2) {
            edit(&mut claims, dice);
        }
        // Where the header names what the key cannot sign by, an honest signature of the key stands there.
        match signer_for(key, &signer) {
            Some(_) => signer.sign(&claims.into()),
            None => Signer::new(key).sign_parts(
                json!({ "alg": claimed.default_algorithm(), "typ": "at+jwt", "kid": claimed.kid() }).to_string(),
                Value::from(claims).to_string(),
            ),
        }
    }

    /// A token that brings, or names, the key that it is signed with.
    fn own_key(&self, dice: &mut Dice<'_>) -> String {
        let key = TestKey::P256Second;
        let jwk = key.public_jwk();
        let url = dice.pick(&[
            "https://evil.example/keys",
            "http://127.0.0.1:1/keys",
            "file:///etc/passwd",
            "data:,",
        ]);
        let signer = Signer::new(key);
        let signer = if dice.one_in(2) { signer.kid(&TestKey::P256.kid()) } else { signer };
        let signer = match dice.below(5) {
            0 => signer.header("jwk", jwk),
            1 => signer.header("jku", url),
            2 => signer.header("x5u", url),
            3 => signer.header("x5c", json!(["MIIB"])),
            _ => signer.header("jwk", jwk).header("jku", url).header("crit", json!(["jku"])),
        };
        signer.sign(&self.claims().into())
    }
}

fn one(how: &'static str, line: Vec<u8>) -> Forgery {
    Forgery { how, lines: vec![line], query: String::new() }
}

fn two(first: Vec<u8>, second: Vec<u8>) -> Forgery {
    Forgery { how: "two headers", lines: vec![first, second], query: String::new() }
}

/// The signer, if the key can sign by what its header says.
fn signer_for(key: TestKey, signer: &Signer) -> Option<&Signer> {
    let named = signer.named();
    let family = &key.default_algorithm()[..2];
    (named == key.default_algorithm() || (family == "RS" && named.starts_with("RS")))
        .then_some(signer)
}
