//! Tokens that are not the issuer's, or not for this server.

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use testkit::server::{Server, respond};
use testkit::{NOW, Signer, TestKey, base64url, compact, sha256_base64url};

use crate::common::rig::{self, PUBLIC, RESOURCE, Rig, call};
use crate::common::wire::Reply;
use crate::{JSON, Row, bearer, post, prove, row};

fn signer() -> Signer {
    Signer::new(TestKey::P256)
}

fn with(rig: &Rig, changes: &Value) -> Value {
    let usual = json!({ "iss": rig.issuer.url(""), "aud": RESOURCE, "scope": "files:read" });
    let mut claims = testkit::claims_with(&usual);
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    claims
}

fn request(token: &str) -> Vec<u8> {
    post(&format!("{JSON}{}", bearer(token)), call("read_file"))
}

fn refused(what: &str, token: &str) -> Row {
    row(what, request(token), 401)
}

fn accepted(what: &str, token: &str) -> Row {
    row(what, request(token), 200)
}

/// Whatever the header says is refused without asking anybody: the issuer was asked once, for its keys.
// req: RS-3
#[tokio::test]
async fn headers_choose_neither_algorithm_nor_key() {
    let rig = Rig::start().await;
    let evil = Server::start(|_| respond(200, &[], testkit::jwks(&[TestKey::P256Second]))).await;
    let claims = with(&rig, &json!({}));
    let header = |changes: Value| {
        let mut header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": TestKey::P256.kid() });
        for (name, value) in changes.as_object().unwrap() {
            header[name] = value.clone();
        }
        header.to_string()
    };
    let unsigned = |alg: &str| compact(header(json!({ "alg": alg })), claims.to_string(), b"");
    let by_public_key = |secret: &[u8]| {
        let input = format!(
            "{}.{}",
            base64url(header(json!({ "alg": "HS256" }))),
            base64url(claims.to_string())
        );
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
        format!("{input}.{}", base64url(tag))
    };
    let own = |changes: Value| {
        Signer::new(TestKey::P256Second).sign_parts(header(changes), claims.to_string())
    };
    let honest = |changes: Value| signer().sign_parts(header(changes), claims.to_string());
    let good = honest(json!({}));
    let [head, payload, signature] = [0, 1, 2].map(|at| good.split('.').nth(at).unwrap());
    let pem = TestKey::P256.public_pem();
    let url = evil.url("/keys");
    let mut rows = vec![
        accepted("the token of which the others are made", &good),
        refused("alg none", &unsigned("none")),
        refused("alg None", &unsigned("None")),
        refused(
            "alg nOnE, the signature left",
            &format!("{}.{payload}.{signature}", base64url(header(json!({ "alg": "nOnE" })))),
        ),
        refused("HMAC with the public key, PEM", &by_public_key(pem.as_bytes())),
        refused(
            "HMAC with the public key, JWK",
            &by_public_key(TestKey::P256.public_jwk().to_string().as_bytes()),
        ),
        refused("an algorithm other than the key's", &honest(json!({ "alg": "ES384" }))),
        refused(
            "a key of its own in jwk",
            &own(json!({ "jwk": TestKey::P256Second.public_jwk() })),
        ),
        refused("a key of its own at jku", &own(json!({ "jku": url }))),
        refused("a key of its own at x5u", &own(json!({ "x5u": url }))),
        refused("a key of its own in x5c", &own(json!({ "x5c": ["MIIB"] }))),
        refused("kid is a path", &own(json!({ "kid": "../../../dev/null" }))),
        refused("kid is SQL", &own(json!({ "kid": "x' UNION SELECT 'AA" }))),
        refused("kid is a URL", &own(json!({ "kid": url }))),
        refused("kid of the issuer, signed by another", &own(json!({}))),
        refused("unknown crit", &honest(json!({ "crit": ["x"], "x": 1 }))),
        accepted("an unknown parameter, not critical", &honest(json!({ "x": 1 }))),
        refused("b64 false", &honest(json!({ "b64": false }))),
        refused("nested", &signer().header("cty", "JWT").sign_payload(&good)),
        refused("five parts", &format!("{head}.{payload}.{signature}.{payload}.{signature}")),
        refused(
            "JWE",
            &format!(
                "{}.{payload}.{payload}.{payload}.{payload}",
                base64url(r#"{"alg":"dir","enc":"A256GCM"}"#)
            ),
        ),
        refused("two parts", &format!("{head}.{payload}")),
        row(
            "21,830 characters of signature",
            request(&format!("{head}.{payload}.{}", "A".repeat(21_830))),
            400,
        ),
        refused("a signature too long", &format!("{head}.{payload}.{}", "A".repeat(15_000))),
    ];
    rows.push(accepted("and still", &honest(json!({ "y": 1 }))));
    prove(&rig, rows).await;
    assert_eq!((rig.issuer.asked(), evil.asked()), (1, 0));
}

// req: RS-3
#[tokio::test]
async fn signatures_that_are_none_of_the_key() {
    let rig = Rig::start().await;
    let good = signer().sign(&with(&rig, &json!({})));
    let (input, signature) = good.rsplit_once('.').unwrap();
    let raw = {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(signature).unwrap()
    };
    let (r, s) = raw.split_at(32);
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let integer = |bytes: &[u8]| {
        let zero: &[u8] = if bytes[0] >= 0x80 { &[0] } else { &[] };
        let length = u8::try_from(zero.len() + bytes.len()).unwrap();
        [&[2, length], zero, bytes].concat()
    };
    let body = [integer(r), integer(s)].concat();
    let der = [&[0x30, u8::try_from(body.len()).unwrap()], &*body].concat();
    let signed = |signature: &[u8]| format!("{input}.{}", base64url(signature));
    // The last character holds four bits that mean nothing.
    let stray = {
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let at = alphabet.find(&good[good.len() - 1..]).unwrap();
        format!("{}{}", &good[..good.len() - 1], &alphabet[at + 1..at + 2])
    };
    let rows = vec![
        accepted("r and s", &signed(&raw)),
        refused("r and s are zero", &signed(&[0; 64])),
        refused("r is zero", &signed(&[&[0; 32], s].concat())),
        refused("s is zero", &signed(&[r, &[0; 32]].concat())),
        refused("r and s are the order", &signed(&[order, order].concat())),
        refused("DER", &signed(&der)),
        refused("nothing", &signed(b"")),
        refused("stray bits", &stray),
        row("padding", request(&format!("{good}==")), 401),
        refused(
            "a foreign alphabet",
            &format!("{input}.{}", signature.replacen(['-', '_'], "+", 1) + "+"),
        ),
    ];
    prove(&rig, rows).await;
}

// req: RS-3
#[tokio::test]
async fn claims_of_another_type_or_none() {
    let rig = Rig::start().await;
    let sign = |changes: Value| signer().sign(&with(&rig, &changes));
    let good = with(&rig, &json!({})).to_string();
    let inner = &good[1..good.len() - 1];
    let expiring = |number: &str| {
        let payload =
            good.replace(&format!("\"exp\":{}", NOW + 3540), &format!("\"exp\":{number}"));
        signer().sign_payload(payload)
    };
    let (digits, deep) = ("9".repeat(400), "[".repeat(200) + &"]".repeat(200));
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let rows = vec![
        accepted("exp a number", &expiring(&format!("{}", NOW + 60))),
        refused("exp over", &expiring(&format!("{}", NOW - 60))),
        refused("exp a string", &expiring(&format!("\"{}\"", NOW + 60))),
        refused("exp 1e400", &expiring("1e400")),
        refused("exp 2^64", &expiring("18446744073709551616")),
        refused("exp negative", &expiring("-1")),
        refused("exp of 400 digits", &expiring(&digits)),
        refused("no exp", &sign(json!({ "exp": null }))),
        accepted("nbf just past", &sign(json!({ "nbf": NOW - 1 }))),
        refused("nbf to come", &sign(json!({ "nbf": NOW + 3600 }))),
        refused("nbf a string", &sign(json!({ "nbf": "0" }))),
        refused("nbf 1e400", &signer().sign_payload(format!("{{{inner},\"nbf\":1e400}}"))),
        refused("iss an array", &sign(json!({ "iss": [rig.issuer.url("")] }))),
        refused("no iss", &sign(json!({ "iss": null }))),
        refused("no aud", &sign(json!({ "aud": null }))),
        refused("neither sub nor client", &sign(json!({ "sub": null, "client_id": null }))),
        accepted("no sub but a client", &sign(json!({ "sub": null }))),
        refused("a member twice", &signer().sign_payload(format!("{{{inner},\"sub\":\"admin\"}}"))),
        refused(
            "a member twice, escaped",
            &signer().sign_payload(format!("{{\"\\u0073ub\":\"admin\",{inner}}}")),
        ),
        accepted("escapes alone", &signer().sign_payload(good.replace("\"sub\"", "\"\\u0073ub\""))),
        refused("a byte order mark", &signer().sign_payload(format!("\u{feff}{good}"))),
        refused("UTF-16", &signer().sign_payload(utf16)),
        refused(
            "no UTF-8",
            &signer().sign_payload([b"{\"x\":\"\xC3\x28\",", inner.as_bytes(), b"}"].concat()),
        ),
        refused("depth", &signer().sign_payload(format!("{{{inner},\"x\":{deep}}}"))),
        accepted("a little depth", &signer().sign_payload(format!("{{{inner},\"x\":[[[[]]]]}}"))),
        refused("two documents", &signer().sign_payload(format!("{good}{good}"))),
    ];
    prove(&rig, rows).await;
}

// req: RS-4
#[tokio::test]
async fn tokens_that_are_for_somebody_or_something_else() {
    let rig = Rig::start().await;
    let sign = |changes: Value| signer().sign(&with(&rig, &changes));
    let typ = |typ: &str| signer().typ(typ).sign(&with(&rig, &json!({})));
    let proof = testkit::Proof::new(TestKey::P256).sign();
    let logout = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    let rows = vec![
        accepted("its own audience", &sign(json!({ "aud": RESOURCE }))),
        accepted(
            "its own among others",
            &sign(json!({ "aud": ["https://other.example", RESOURCE] })),
        ),
        refused("another audience", &sign(json!({ "aud": "https://other.example/mcp" }))),
        refused("the parent path", &sign(json!({ "aud": format!("{PUBLIC}/files") }))),
        refused("a path below", &sign(json!({ "aud": format!("{RESOURCE}/a") }))),
        refused("the bare origin", &sign(json!({ "aud": PUBLIC }))),
        refused("a slash more", &sign(json!({ "aud": format!("{RESOURCE}/") }))),
        refused("another case", &sign(json!({ "aud": RESOURCE.to_ascii_uppercase() }))),
        refused("an ID token", &typ("JWT")),
        refused("a logout token", &typ("logout+jwt")),
        refused("events", &sign(json!({ "events": logout }))),
        refused("a DPoP proof", &proof),
        accepted("an access token by its long name", &typ("application/at+jwt")),
        refused(
            "bound to a key that is not shown",
            &sign(json!({ "cnf": { "jkt": sha256_base64url("k") } })),
        ),
        refused(
            "bound to a certificate that is not shown",
            &sign(json!({ "cnf": { "x5t#S256": sha256_base64url("c") } })),
        ),
        refused("another issuer's", &sign(json!({ "iss": "https://other.example" }))),
        refused(
            "the issuer with a slash",
            &sign(json!({ "iss": format!("{}/", rig.issuer.url("")) })),
        ),
    ];
    prove(&rig, rows).await;
}

/// Where an issuer's access tokens are of no type of their own, something else must tell them from ID tokens.
// req: RS-3
#[tokio::test]
async fn an_id_token_is_none_where_access_tokens_look_like_it() {
    let rig = Rig::start().await;
    let text = Rig::text(&rig.issuer, &rig.upstream, "", "");
    let text = text.replacen("jwks = ", "accept_typ = [\"JWT\"]\njwks = ", 1);
    rig.serving.reload(&rig::config(&text)).unwrap();
    let sign = |changes: Value| signer().typ("JWT").sign(&with(&rig, &changes));
    let rows = vec![
        accepted("with a scope", &sign(json!({}))),
        refused("with a nonce", &sign(json!({ "nonce": "n" }))),
        refused("with a hash of another token", &sign(json!({ "at_hash": "h" }))),
        refused("with nothing", &sign(json!({ "scope": null }))),
    ];
    prove(&rig, rows).await;
}

/// There is no server without an audience: where it is cannot be left out, nor can whose tokens it takes.
// req: RS-4
#[tokio::test]
async fn a_server_without_an_audience_or_an_issuer_does_not_start() {
    let issuer = Server::start(|_| respond(404, &[], "")).await;
    let text = Rig::text(&issuer, &issuer, "", "");
    assert!(rig::load(&text).is_ok());
    for (what, line) in [
        ("audience", "path = \"/files/mcp\"\n"),
        ("issuers", "issuers = [\"idp\"]\n"),
        ("access", "access = \"rules\"\n"),
    ] {
        assert!(text.contains(line), "{what}");
        assert!(rig::load(&text.replace(line, "")).is_err(), "{what}");
    }
}

/// One place for a token, and one way to write it.
// req: RS-10
#[tokio::test]
async fn a_token_anywhere_else_is_none() {
    let rig = Rig::start().await;
    let good = rig.token(&json!({}));
    let sent = |lines: String| post(&format!("{JSON}{lines}"), call("read_file"));
    let query = |query: &str, lines: &str| {
        let request = String::from_utf8(sent(lines.to_owned())).unwrap();
        request.replacen("/files/mcp", &format!("/files/mcp?{query}={good}"), 1)
    };
    let rows = vec![
        row("as it should be", sent(bearer(&good)), 200),
        row("another case", sent(format!("authorization: bEARER {good}\r\n")), 200),
        row("two headers alike", sent(bearer(&good) + &bearer(&good)), 400),
        row("two headers, one empty", sent(format!("Authorization:\r\n{}", bearer(&good))), 400),
        row(
            "two headers, one Basic",
            sent(format!("{}Authorization: Basic YTpi\r\n", bearer(&good))),
            400,
        ),
        row("two in one", sent(bearer(&format!("{good}, Bearer {good}"))), 400),
        row("in the query", query("access_token", ""), 400),
        row("in the query beside", query("access_token", &bearer(&good)), 400),
        row("in the query, escaped", query("acc%65ss_token", &bearer(&good)), 400),
        row("another query", query("a", &bearer(&good)), 200),
        row("in a cookie", sent(format!("Cookie: access_token={good}\r\n")), 401),
        row("for a proxy", sent(format!("Proxy-Authorization: Bearer {good}\r\n")), 401),
        row(
            "in a header of a proxy",
            sent(format!("X-Forwarded-Access-Token: {good}\r\nX-Forwarded-User: alice\r\n")),
            401,
        ),
        row("an underscore", sent(format!("Authorization_: Bearer {good}\r\n")), 401),
        row("of another scheme", sent(format!("Authorization: Token {good}\r\n")), 401),
        row("as if it were bound", sent(format!("Authorization: DPoP {good}\r\n")), 401),
    ];
    let replies = prove(&rig, rows).await;
    let challenged = replies.iter().filter(|reply| reply.status == 401);
    let is_told = |reply: &Reply| {
        reply.header("www-authenticate").is_some_and(|it| it.contains("resource_metadata"))
    };
    assert!(challenged.into_iter().all(is_told));
}
