//! A decision against one ES256 verification with a kept key.
//!
//! `cargo bench -p portcullis-core --bench decide`

#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a measuring program"
)]

mod common;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use portcullis_core::bearer::{AccessToken, present};
use portcullis_core::decide::decide;
use portcullis_core::id::ResourceId;
use portcullis_core::jws::Algorithm;
use portcullis_core::keys::KeySet;
use portcullis_core::operation::{Limits, Operation};
use portcullis_core::policy::{Policy, Rule};
use portcullis_core::proof::{Evidence, confirm};
use portcullis_core::scope::ScopeSet;
use portcullis_core::time::UnixTime;
use portcullis_core::token::{Expectation, Unverified};
use serde_json::json;
use testkit::{AUDIENCE, ISSUER, NOW, Signer, TestKey, claims};

fn resource() -> ResourceId {
    ResourceId::parse(AUDIENCE).unwrap()
}

/// A policy as large deployments write them: an area of tools for each scope.
fn policy(rules: usize) -> Policy {
    let rules = (0..rules).map(|i| {
        let scope = format!("area{}:use", i % 50);
        Rule::allow([
            format!("tools/call area_{i}_*").as_str(),
            format!("resources/read area://{i}/**").as_str(),
        ])
        .unwrap()
        .scopes(ScopeSet::parse(&format!("files:read {scope}")).unwrap())
    });
    Policy::rules(resource(), rules)
        .base_scopes(ScopeSet::parse("files:read").unwrap())
        .build()
        .unwrap()
}

fn call(tool: &str) -> Operation {
    call_with(tool, &json!({}))
}

fn call_with(tool: &str, arguments: &serde_json::Value) -> Operation {
    let headers = HeaderMap::from_iter([(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    )]);
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
                       "params": { "name": tool, "arguments": arguments } });
    Operation::read(&Method::POST, &headers, Bytes::from(body.to_string()), Limits::default())
        .unwrap()
}

fn main() {
    let keys = KeySet::parse(ISSUER.parse().unwrap(), &testkit::jwks(&[TestKey::P256])).unwrap();
    let mut claims = claims();
    claims["scope"] = json!("files:read files:write area9:use profile mcp");
    let token = Signer::new(TestKey::P256).sign(&claims);
    let now = UnixTime::from_secs(NOW);
    let expectation = Expectation::new(ISSUER.parse().unwrap(), resource());
    let verified =
        Unverified::parse(&token).unwrap().verify(&keys, &Arc::new(expectation), now).unwrap();
    let verified = Arc::new(verified);
    let authorization = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, authorization)]);
    let presented = AccessToken::try_from(present(&headers, None)).unwrap();
    // A caller is for one request and has no copy.
    let caller = || confirm(Arc::clone(&verified), &presented, Evidence::None).unwrap();

    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let key = keys.find(None, Algorithm::ES256).unwrap();
    let verify = || key.verify(Algorithm::ES256, message.as_bytes(), &signature).unwrap();

    common::heading();
    let mut ok = true;
    for rules in [10, 1_000] {
        let policy = policy(rules);
        for (what, tool, allowed) in
            [("allowed", "area_9_read", true), ("denied", "area_8_read", false)]
        {
            let operation = call(tool);
            let decide = || decide(&policy, caller(), operation.clone(), now);
            assert_eq!(decide().is_ok(), allowed, "{tool}");
            ok &=
                common::compare(&format!("{what} by {rules} rules / ES256"), 0.03, decide, verify);
        }
    }
    let rule = Rule::allow(["tools/call read"]).unwrap();
    let rule = rule.arg("path", ["/srv/*.txt", "/public/**"]).unwrap();
    let policy = Policy::rules(resource(), [rule]).build().unwrap();
    for (what, path, allowed) in
        [("allowed", "/public/a/b.txt", true), ("denied", "/etc/passwd", false)]
    {
        let operation = call_with("read", &json!({ "path": path, "encoding": "utf-8" }));
        let decide = || decide(&policy, caller(), operation.clone(), now);
        assert_eq!(decide().is_ok(), allowed, "{path}");
        ok &= common::compare(&format!("{what} by a path / ES256"), 0.05, decide, verify);
    }
    std::process::exit(i32::from(!ok));
}
