//! What the log says of refusals, as a table.

use http::HeaderMap;
use portcullis::observe::mend::Explained;
use portcullis::observe::{Claimed, Noted, Observer, Trusts};
use portcullis_core::denial::Denial;
use portcullis_core::error::Failure;
use portcullis_core::jws::{self, Algorithm};
use portcullis_core::time::UnixTime;
use portcullis_core::token::Refusal;
use serde_json::json;
use testkit::{ISSUER, NOW};

use super::request::{about, call, headers, judge, metrics, token};

const KEYCLOAK: &str = "https://idp.example.com/realms/acme";
const ENTRA: &str = "https://login.microsoftonline.com/T/v2.0";
const AUTH0: &str = "https://acme.eu.auth0.com/";

/// What is said of a failure where that issuer is the only one, and the token says so.
fn explained(issuer: &str, failure: Failure) -> String {
    said(&[issuer], false, &headers(&token(&json!({ "iss": issuer }))), failure)
}

fn said(issuers: &[&str], opaque: bool, headers: &HeaderMap, failure: Failure) -> String {
    let observer = Observer::new(metrics(), None);
    let name = |place| if place == 0 { "acme".to_owned() } else { format!("acme-{place}") };
    let issuers = issuers.iter().enumerate();
    let issuers = issuers.map(|(place, issuer)| (name(place), (*issuer).to_owned())).collect();
    let server = observer.watch_as("files", &[], Trusts { issuers, opaque });
    let denial = Denial::before_reading(failure, headers);
    let claimed = Claimed::of(headers);
    let mut noted = Noted::denied(about(&server), &denial);
    noted.claimed = claimed.as_ref();
    Explained::of(&noted).unwrap().to_string()
}

fn audience(found: &str) -> Failure {
    let wanted = "https://mcp.example.com/files/mcp".to_owned();
    Failure::Token(Refusal::Audience { found: found.to_owned(), wanted })
}

#[test]
fn a_foreign_audience_comes_with_what_to_do_at_the_provider() {
    for (issuer, mend) in [
        (
            KEYCLOAK,
            "; Keycloak: add an audience mapper for it to a client scope that the client gets",
        ),
        (AUTH0, "; Auth0: make an API with this identifier; a client asks for it by \"audience\""),
        ("https://idp.example.com", ""),
    ] {
        assert_eq!(
            explained(issuer, audience("account")),
            format!("aud is [\"account\"], wanted https://mcp.example.com/files/mcp{mend}")
        );
    }
    let several = explained("https://idp.example.com", audience("account master-realm"));
    assert!(several.starts_with("aud is [\"account\", \"master-realm\"], wanted "), "{several}");
    let missing = explained(KEYCLOAK, Failure::Token(Refusal::Missing("aud")));
    assert!(missing.starts_with("token: the claim aud is missing; Keycloak: add an audience"));
}

#[test]
fn a_header_type_comes_with_the_key_that_accepts_it() {
    let typ = |typ: &str| Failure::Token(Refusal::HeaderType(typ.to_owned()));
    assert_eq!(
        explained(KEYCLOAK, typ("JWT")),
        "typ is \"JWT\", wanted \"at+jwt\"; accept_typ = [\"JWT\"] in [issuers.acme] if its access tokens are so"
    );
    assert!(explained(KEYCLOAK, typ("")).starts_with(
        "the header has no typ, wanted \"at+jwt\"; accept_typ = [\"JWT\"] in [issuers.acme]"
    ));
    assert!(explained(AUTH0, typ("JWT")).contains(
        "; Auth0: choose the token dialect RFC 9068 for the API; or accept_typ = [\"JWT\"] in [issuers.acme]"
    ));
    // No type that is never an access token is suggested.
    assert_eq!(explained(KEYCLOAK, typ("dpop+jwt")), "typ is \"dpop+jwt\", wanted \"at+jwt\"");
}

#[test]
fn an_unknown_issuer_is_named_and_held_against_those_that_are_known() {
    let by = |found: &str, wanted: &[&str]| {
        said(wanted, false, &headers(&token(&json!({ "iss": found }))), Failure::UnknownIssuer)
    };
    for (found, wanted, mend) in [
        (KEYCLOAK, AUTH0, "; if it is to be trusted, describe it under [issuers]"),
        ("https://acme.eu.auth0.com", AUTH0, "; they differ by a slash at the end: "),
        (
            "https://idp.example.com/realms/ACME",
            KEYCLOAK,
            "; they differ by upper and lower case: ",
        ),
        ("http://idp.example.com/realms/acme", KEYCLOAK, "; they differ by http and https: "),
        ("https://sts.windows.net/T/", ENTRA, "; Entra ID: this is a token of version 1; set "),
        ("https://sts.windows.net/T/", KEYCLOAK, "; if it is to be trusted, "),
    ] {
        let text = by(found, &[wanted]);
        let expected = format!("iss is {found:?}, wanted {wanted:?}{mend}");
        assert!(text.starts_with(&expected), "{text}");
    }
    assert!(by(ISSUER, &[KEYCLOAK, AUTH0]).contains(&format!("wanted {KEYCLOAK:?} or {AUTH0:?};")));
    let many = ["https://a", "https://b", "https://c", "https://d", "https://e"];
    assert!(by(ISSUER, &many).contains("\"https://d\" or another;"));
    let long = format!("https://{}", "é".repeat(5_000));
    assert!(by(&long, &[KEYCLOAK]).len() < 1_000);
}

#[test]
fn an_opaque_token_is_told_from_a_foreign_one() {
    let text = said(&[KEYCLOAK], false, &headers("some-opaque-token"), Failure::UnknownIssuer);
    assert_eq!(
        text,
        "the token is no JWT, and no issuer here is asked about such tokens; let the issuer make JWTs, or have it \
         asked: introspection = { … } in [issuers.NAME]"
    );
    assert!(!text.contains("some-opaque"));
}

#[test]
fn times_come_with_how_far_the_clocks_are_apart() {
    let at = UnixTime::from_secs;
    let expired = |ago| explained(KEYCLOAK, Failure::Token(Refusal::Expired(at(NOW - ago))));
    assert_eq!(
        expired(40),
        "expired 40 s ago; if it was fresh, the clocks of issuer and gateway differ"
    );
    assert_eq!(expired(301), "expired 301 s ago; the client has to refresh it");
    let clocks = "; the clocks of issuer and gateway differ: set them right, or raise \"skew\" in [issuers.acme]";
    let future = explained(KEYCLOAK, Failure::Token(Refusal::IssuedInFuture(at(NOW + 90))));
    assert_eq!(future, format!("issued 90 s from now{clocks}"));
    let early = explained(KEYCLOAK, Failure::Token(Refusal::NotYetValid(at(NOW + 90))));
    assert_eq!(early, format!("not valid for another 90 s{clocks}"));
}

#[test]
fn missing_scopes_are_held_against_those_of_the_token() {
    let observer = Observer::new(metrics(), None);
    let trusts = Trusts { issuers: vec![("acme".to_owned(), ISSUER.to_owned())], opaque: false };
    let server = observer.watch_as("files", &[], trusts);
    for (scope, text) in [
        (json!("files:read mcp"), "needs files:delete, the token has files:read mcp"),
        (json!(""), "needs files:delete, the token has no scope"),
    ] {
        let token = token(&json!({ "scope": scope }));
        let denial = judge(&token, &call(1, "delete_file")).unwrap_err();
        let explained = Explained::of(&Noted::denied(about(&server), &denial)).unwrap();
        assert_eq!(explained.to_string(), text);
    }
}

#[test]
fn other_refusals_name_the_key_that_decides() {
    let token = |refusal| explained(KEYCLOAK, Failure::Token(refusal));
    for (text, ending) in [
        (token(Refusal::NoEvidence), "\"access_token_claim\" in [issuers.acme]"),
        (
            token(Refusal::Requirement("repository".to_owned())),
            "\"require\" in [issuers.acme] says so",
        ),
        (
            token(Refusal::Missing("sub")),
            "Keycloak: give the client the client scope \"basic\", which brings sub",
        ),
        (token(Refusal::Algorithm(Algorithm::ES256)), "in [issuers.acme] if it is to sign so"),
        (
            token(Refusal::Jws(jws::Refusal::Signature)),
            "in [issuers.acme] is not where its keys are",
        ),
        (
            token(Refusal::OtherPurpose("typ")),
            "the client sends its ID token, or another, for its access token",
        ),
        (
            explained(KEYCLOAK, Failure::Origin("https://a.example.com".to_owned())),
            "\"allowed_origins\" of [servers.files] if the page may call",
        ),
        (
            explained(KEYCLOAK, Failure::Host("a.example.com".to_owned())),
            "\"allowed_hosts\" of [servers.files] if it is another name of it",
        ),
        (explained(KEYCLOAK, Failure::Forbidden), "\"portcullis policy explain\" shows why"),
    ] {
        assert!(text.ends_with(ending), "{text}");
    }
    // What nothing is known about is said as it is.
    assert_eq!(token(Refusal::Inactive), Failure::Token(Refusal::Inactive).to_string());
    assert_eq!(explained(KEYCLOAK, Failure::Unauthenticated), "no token");
}

#[test]
fn what_was_allowed_needs_no_explanation() {
    let observer = Observer::new(metrics(), None);
    let server = observer.watch_as("files", &[], Trusts::default());
    let permit = judge(&token(&json!({})), &call(1, "read_file")).unwrap();
    let noted = Noted::allowed(about(&server), &permit, http::StatusCode::OK);
    assert!(Explained::of(&noted).is_none());
}
