//! What an issuer may serve in place of its keys.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::server::{Answer, respond, stream};
use testkit::{Signer, TestKey, base64url, jwks};
use tokio::time::timeout;

use crate::common::rig::{Rig, call, header, post};
use crate::common::skip;
use crate::common::wire::SOON;

/// Between fetches where the issuer says nothing: a fifth before a quarter of an hour.
const DUE: Duration = Duration::from_secs(721);

/// How long keys are used that could not be fetched anew.
const STALE: Duration = Duration::from_secs(3601);

/// The longest a fetch may take.
const FETCH: Duration = Duration::from_secs(11);

/// The longest between tries while the issuer is away.
const RETRY: Duration = Duration::from_secs(16);

/// Between fetches that tokens can cause.
const COOLDOWN: Duration = Duration::from_secs(31);

/// The status for a token that was not seen before, signed so.
async fn status(rig: &Rig, signer: &Signer, number: usize) -> u16 {
    let claims = rig.claims(&json!({ "jti": format!("token-{number}") }));
    let request = post(&signer.sign(&claims), call("read_file"));
    rig.client().await.whole(request).await.status().as_u16()
}

fn key(key: TestKey, changes: &Value) -> Value {
    let mut jwk = key.public_jwk();
    for (name, value) in changes.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk
}

/// One key that nobody should use, beside one that is good: the one is of no use, the other is.
// req: RS-3
#[tokio::test]
async fn a_bad_key_is_of_no_use_and_harms_no_other() {
    let ec = TestKey::P256Second;
    let signer = || Signer::new(ec);
    let rsa = || Signer::new(TestKey::Rsa);
    let point = |x: &[u8], y: &[u8]| key(ec, &json!({ "x": base64url(x), "y": base64url(y) }));
    let cases: Vec<(&str, Vec<Value>, Signer, u16)> = vec![
        ("as it should be", vec![key(ec, &json!({}))], signer(), 200),
        ("use sig", vec![key(ec, &json!({ "use": "sig" }))], signer(), 200),
        ("use enc", vec![key(ec, &json!({ "use": "enc" }))], signer(), 401),
        ("key_ops verify", vec![key(ec, &json!({ "key_ops": ["verify"] }))], signer(), 200),
        ("key_ops encrypt", vec![key(ec, &json!({ "key_ops": ["encrypt"] }))], signer(), 401),
        ("private members", vec![key(ec, &json!({ "d": base64url([1; 32]) }))], signer(), 401),
        ("alg of the curve", vec![key(ec, &json!({ "alg": "ES256" }))], signer(), 200),
        ("alg of another curve", vec![key(ec, &json!({ "alg": "ES384" }))], signer(), 401),
        ("another curve", vec![key(ec, &json!({ "crv": "P-384" }))], signer(), 401),
        ("a point off the curve", vec![point(&[1; 32], &[2; 32])], signer(), 401),
        ("the point at infinity", vec![point(&[0; 32], &[0; 32])], signer(), 401),
        (
            "one kid twice",
            vec![key(ec, &json!({})), key(TestKey::P256, &json!({ "kid": ec.kid() }))],
            signer(),
            401,
        ),
        (
            "a symmetric key",
            vec![json!({ "kty": "oct", "kid": ec.kid(), "k": "c2VjcmV0", "alg": "HS256" })],
            signer().algorithm("HS256"),
            401,
        ),
        ("RSA", vec![key(TestKey::Rsa, &json!({}))], rsa(), 200),
        ("RSA with e = 1", vec![key(TestKey::Rsa, &json!({ "e": "AQ" }))], rsa(), 401),
        (
            "RSA of 1024 bits",
            vec![TestKey::Rsa1024.public_jwk()],
            rsa().kid(&TestKey::Rsa1024.kid()),
            401,
        ),
        ("no key at all", vec![json!(1), json!("key"), json!({})], signer(), 401),
    ];
    for (case, bad, signer, expected) in cases {
        let mut keys = bad;
        keys.push(TestKey::P256.public_jwk());
        let set = json!({ "keys": keys }).to_string();
        let rig = Rig::with_issuer(move |_| respond(200, &[], set.clone())).await;
        assert_eq!(status(&rig, &signer, 0).await, expected, "{case}");
        assert_eq!(status(&rig, &Signer::new(TestKey::P256), 1).await, 200, "{case}: the other");
    }
}

/// With e = 1 everybody can write signatures: what is signed, padded.
// req: RS-3
#[tokio::test]
async fn a_signature_that_is_its_own_message_is_none() {
    let set =
        json!({ "keys": [key(TestKey::Rsa, &json!({ "e": "AQ" })), TestKey::P256.public_jwk()] });
    let rig = Rig::with_issuer(move |_| respond(200, &[], set.to_string())).await;
    let good = Signer::new(TestKey::Rsa).sign(&rig.claims(&json!({})));
    let (input, _) = good.rsplit_once('.').unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, input.as_bytes());
    let name = [
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
        0x05, 0x00, 0x04, 0x20,
    ];
    let tail = [&[0][..], &name, digest.as_ref()].concat();
    let padded = [&[0, 1][..], &vec![0xff; 256 - 2 - tail.len()], &tail].concat();
    let forged = format!("{input}.{}", base64url(padded));
    let answer = rig.client().await.whole(post(&forged, call("read_file"))).await;
    assert_eq!((answer.status().as_u16(), rig.sent()), (401, 0));
    assert_eq!(status(&rig, &Signer::new(TestKey::P256), 1).await, 200);
}

/// An issuer that answers badly keeps the keys it had, for as long as they may be used; then its tokens are
/// neither good nor bad. When it is back, so are they, without anybody's help.
// req: RS-15
#[tokio::test]
async fn old_keys_live_on_while_there_are_no_others() {
    let many = json!({ "keys": (0..5_000).map(|number| key(TestKey::P256, &json!({ "kid": number.to_string() }))).collect::<Vec<_>>() });
    let many = many.to_string();
    type Bad = (&'static str, Box<dyn Fn() -> Answer + Send>);
    let bad: Vec<Bad> = vec![
        ("5xx", Box::new(|| respond(500, &[], jwks(&[])))),
        ("a page", Box::new(|| respond(200, &[("content-type", "text/html")], "<html>"))),
        ("a redirect", Box::new(|| respond(302, &[("location", "/other")], ""))),
        ("10 MB", Box::new(|| respond(200, &[], vec![b' '; 10 << 20]))),
        ("5,000 keys", Box::new(move || respond(200, &[], many.clone()))),
        ("nothing ever", Box::new(|| None)),
        ("drops", {
            let senders = std::sync::Mutex::new(Vec::new());
            Box::new(move || {
                let (mut sender, answer) = stream(200, &[]);
                sender.try_send(http_body::Frame::data("{".into())).ok();
                senders.lock().unwrap().push(sender);
                answer
            })
        }),
        ("not its keys", Box::new(|| respond(200, &[], "{\"keys\":{}}"))),
        ("nothing new of nothing", Box::new(|| respond(304, &[], ""))),
    ];
    for (case, bad) in bad {
        let rig = Rig::start().await;
        let signer = Signer::new(TestKey::P256);
        assert_eq!(status(&rig, &signer, 0).await, 200, "{case}");
        let is_timeout = matches!(case, "nothing ever" | "drops");
        let fails = !matches!(case, "nothing new of nothing");
        rig.issuer.answer(move |_| bad());
        skip(DUE).await;
        // That it was asked once more proves that the first answer was of no use.
        for asked in [2, 3] {
            if fails || asked == 2 {
                timeout(SOON, rig.issuer.until_asked(asked)).await.expect(case);
                skip(if is_timeout { FETCH } else { Duration::ZERO }).await;
                tokio::task::yield_now().await;
                skip(Duration::from_secs(2)).await;
            }
        }
        assert_eq!(status(&rig, &signer, 1).await, 200, "{case}: before they are stale");
        if !fails {
            continue;
        }
        skip(STALE).await;
        let client = rig.client();
        let request = post(&signer.sign(&rig.claims(&json!({ "jti": "late" }))), call("read_file"));
        let answer = client.await.whole(request).await;
        assert_eq!(answer.status().as_u16(), 503, "{case}: once they are stale");
        assert!(!header(answer.headers(), "retry-after").is_empty(), "{case}");
        rig.issuer.answer(|_| respond(200, &[], jwks(&[TestKey::P256])));
        // What is under way is given up, and what is due next comes.
        for time in [FETCH, RETRY] {
            skip(time).await;
            tokio::task::yield_now().await;
        }
        let back = async {
            let mut number = 10;
            while status(&rig, &signer, number).await != 200 {
                number += 1;
            }
        };
        timeout(SOON, back).await.expect(case);
    }
}

/// A set without keys is one: what it no longer holds is over.
// req: RS-3
#[tokio::test]
async fn an_empty_set_is_obeyed() {
    let rig = Rig::start().await;
    let signer = Signer::new(TestKey::P256);
    assert_eq!(status(&rig, &signer, 0).await, 200);
    rig.issuer.answer(|_| respond(200, &[], jwks(&[])));
    skip(DUE).await;
    let refused = async {
        // Also the token that was seen before.
        while status(&rig, &signer, 0).await != 401 {}
    };
    timeout(SOON, refused).await.unwrap();
}

/// Tokens that name keys which nobody has make one fetch in a cooldown, however many they are.
#[tokio::test]
async fn a_flood_of_unknown_keys_is_one_fetch() {
    for issuer_has_keys in [true, false] {
        let rig = Rig::with_issuer(move |_| {
            if issuer_has_keys {
                respond(200, &[], jwks(&[TestKey::P256]))
            } else {
                respond(200, &[], jwks(&[]))
            }
        })
        .await;
        let expected = if issuer_has_keys { 200 } else { 401 };
        assert_eq!(status(&rig, &Signer::new(TestKey::P256), 0).await, expected);
        let flood = async |from: usize| {
            let mut client = rig.client().await;
            for number in from..from + 200 {
                let signer = Signer::new(TestKey::P256Second).kid(&format!("kid-{number}"));
                let request = post(&signer.sign(&rig.claims(&json!({}))), call("read_file"));
                assert_eq!(client.whole(request).await.status(), 401);
            }
        };
        flood(0).await;
        assert_eq!(rig.issuer.asked(), 1, "within the cooldown of the first fetch");
        skip(COOLDOWN).await;
        tokio::join!(flood(1_000), flood(2_000), flood(3_000));
        assert_eq!(rig.issuer.asked(), 2, "by time alone");
        assert_eq!(status(&rig, &Signer::new(TestKey::P256), 2).await, expected);
    }
}

/// A key that the issuer begins to sign with is accepted within a second, and one that it drops is gone.
// req: RS-3
#[tokio::test]
async fn a_new_key_is_accepted_within_a_second() {
    let rig = Rig::start().await;
    let (old, new) = (Signer::new(TestKey::P256), Signer::new(TestKey::P256Second));
    assert_eq!(status(&rig, &old, 0).await, 200);
    assert_eq!(status(&rig, &new, 0).await, 401);
    skip(COOLDOWN).await;
    rig.issuer.answer(|_| respond(200, &[], jwks(&[TestKey::P256, TestKey::P256Second])));
    let first = timeout(Duration::from_secs(1), status(&rig, &new, 1)).await;
    assert_eq!(first, Ok(200), "the first token that it signed");
    assert_eq!(status(&rig, &old, 2).await, 200);
    rig.issuer.answer(|_| respond(200, &[], jwks(&[TestKey::P256Second])));
    skip(DUE).await;
    let gone = async { while status(&rig, &old, 0).await != 401 {} };
    timeout(SOON, gone).await.unwrap();
    assert_eq!(status(&rig, &new, 3).await, 200);
}
