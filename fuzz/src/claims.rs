//! What must be found, by another reader, in claims that were accepted: the rules of RFC 7519, RFC 9068
//! and RFC 7662, told a second time.

use portcullis_core::token::VerifiedToken;
use serde_json::Value;

use crate::{AUDIENCE, ISSUER, NOW};

const NOW_F: f64 = NOW as f64;
/// Allowed by default, and a second for fractions.
const SKEW: f64 = 31.0;

/// What holds of every accepted token, signed or introspected, where a claim is there at all.
pub fn are_as_expected(claims: &Value, token: &VerifiedToken) {
    assert!(claims.get("iss").is_none_or(|issuer| issuer == ISSUER));
    assert_eq!(token.issuer().as_str(), ISSUER);
    assert!(claims.get("aud").is_none_or(|audience| texts(audience).any(|text| text == AUDIENCE)));
    if let Some(expires) = claims.get("exp").map(|exp| exp.as_f64().unwrap()) {
        assert!(expires > NOW_F - SKEW);
        assert_eq!(expires.floor(), token.expires().as_secs() as f64);
    }
    for start in ["nbf", "iat"].into_iter().filter_map(|name| claims.get(name)) {
        assert!((0.0..NOW_F + SKEW).contains(&start.as_f64().unwrap()));
    }
    assert_eq!(claims["sub"].as_str(), token.subject());
    let clients = ["client_id", "azp", "appid"].into_iter().filter_map(|name| claims.get(name));
    assert_eq!(clients.map(|client| client.as_str().unwrap()).next(), token.client_id());
    assert!(token.subject().is_some() || token.client_id().is_some());
    assert_eq!(claims.get("cnf").is_some(), token.confirmation().is_some());
    let granted = claims.get("scope").or(claims.get("scp")).unwrap_or(&Value::Null);
    let mut granted = texts(granted).flat_map(|text| text.split(' ')).collect::<Vec<_>>();
    granted.retain(|scope| !scope.is_empty());
    assert!(token.scopes().iter().all(|scope| granted.contains(&scope.as_str())));
    assert!(granted.iter().all(|scope| token.scopes().contains(&scope.parse().unwrap())));
    assert!(!is(claims, "typ", &["ID", "Refresh", "Logout", "Offline"]));
    assert!(absent_or(claims, "token_use", &["access", "access_token"]));
    let bound = absent_or(claims, "token_type", &["DPoP"]) && claims.get("token_type").is_some();
    let bound = bound || is(claims, "typ", &["DPoP"]);
    assert!(!bound || claims["cnf"]["jkt"].is_string());
    let names = ["sub", "client_id", "azp", "appid", "jti"].into_iter();
    let names = names.filter_map(|name| claims[name].as_str());
    assert!(!names.flat_map(str::chars).any(char::is_control));
    assert_eq!(token.resource().as_str(), AUDIENCE);
    assert!(!claims["events"].is_object());
}

/// Beyond that, of a signed token under a header of this `typ`, where `JWT` is accepted.
pub fn are_of_an_access_token(typ: Option<&str>, claims: &Value) {
    assert!(["iss", "aud", "exp"].iter().all(|name| claims.get(name).is_some()));
    let typ = typ.unwrap_or("JWT").to_ascii_lowercase();
    if typ.strip_prefix("application/").unwrap_or(&typ) != "at+jwt" {
        let has = |names: &[&str]| names.iter().any(|name| claims.get(name).is_some());
        let login = has(&["nonce", "at_hash", "c_hash"]);
        assert!(is(claims, "typ", &["Bearer"]) || (has(&["scope", "scp"]) && !login));
    }
}

/// And of an introspection answer, which has no header.
pub fn are_of_an_access_token_answer(claims: &Value) {
    assert!(absent_or(claims, "token_type", &["Bearer", "DPoP", "access_token"]));
    let login = ["nonce", "at_hash", "c_hash"].iter().any(|name| claims.get(name).is_some());
    assert!(!login || is(claims, "typ", &["Bearer"]));
}

fn absent_or(claims: &Value, name: &str, wanted: &[&str]) -> bool {
    claims.get(name).is_none_or(|found| {
        found.as_str().is_some_and(|found| wanted.iter().any(|w| found.eq_ignore_ascii_case(w)))
    })
}

fn is(claims: &Value, name: &str, wanted: &[&str]) -> bool {
    claims[name].as_str().is_some_and(|found| wanted.contains(&found))
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let items = value.as_array().into_iter().flatten();
    value.as_str().into_iter().chain(items.filter_map(Value::as_str))
}
