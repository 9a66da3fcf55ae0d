//! Metadata documents. Input: what was asked for, a line break, the document that came.
//!
//! * A document is used only where another reader finds in it the very issuer, or resource, asked for.
//! * Members taken from it are those another reader finds; plain `http` is for this machine
//!   only, and only where the party asked about is on it too.
//! * What is written of a used document is judged to be the same.
#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use portcullis_core::id::{Issuer, ResourceId};
use portcullis_core::metadata::{AuthorizationServer, Fetched, ProtectedResource, discovery_urls};
use portcullis_fuzz::lenient;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let (asked, document) = portcullis_fuzz::first_line(input);
    let Ok(asked) = std::str::from_utf8(asked) else { return };
    if let Ok(issuer) = Issuer::parse(asked) {
        assert!(discovery_urls(&issuer).iter().all(|url| url.starts_with(issuer.origin())));
        server(document, &issuer);
    }
    resource(document, asked, Fetched::FromChallengeOrPath(asked));
    resource(document, asked, Fetched::FromRoot(asked));
});

fn server(document: &[u8], asked: &Issuer) {
    let Ok(judged) = AuthorizationServer::judge(document, asked) else { return };
    let written = judged.to_json();
    assert_eq!(lenient(document)["issuer"], asked.as_str());
    members_are_from(&lenient(document), &lenient(&written), asked.host_is_loopback());
    // Not the documents but what is written of them: an empty list is left out (RFC 8414 section 3.2).
    assert_eq!(AuthorizationServer::judge(&written, asked).unwrap().to_json(), written);
}

fn resource(document: &[u8], asked: &str, fetched: Fetched<'_>) {
    let Ok(judged) = ProtectedResource::judge(document, fetched) else { return };
    let id = judged.resource();
    let of_root = matches!(fetched, Fetched::FromRoot(_))
        && matches!(id.as_str().strip_prefix(id.origin()), Some("" | "/"))
        && ResourceId::parse(asked).is_ok_and(|asked| asked.origin() == id.origin());
    assert!(id.as_str() == asked || of_root, "{id} for {asked}");
    assert!(!judged.authorization_servers().is_empty());
    assert!(judged.scopes_supported().iter().all(|scope| scope.as_str() != "offline_access"));
    assert!(judged.metadata_url().starts_with(id.origin()));
    assert!(judged.well_known_path().starts_with("/.well-known/"));
    members_are_from(&lenient(document), &lenient(&judged.to_json()), id.host_is_loopback());
    assert_eq!(ProtectedResource::judge(&judged.to_json(), fetched), Ok(judged));
}

fn members_are_from(document: &Value, written: &Value, local: bool) {
    for (name, value) in written.as_object().unwrap() {
        match name.as_str() {
            "bearer_methods_supported" => assert_eq!(*value, Value::from(vec!["header"])),
            // Sorted, and without what is no scope.
            "scopes_supported" => {
                let listed = document[name].as_array().unwrap();
                assert!(value.as_array().unwrap().iter().all(|scope| listed.contains(scope)));
            }
            _ => assert_eq!(*value, document[name], "{name}"),
        }
        let is_url = name.ends_with("_endpoint")
            || ["issuer", "jwks_uri", "resource", "resource_documentation"].contains(&&name[..]);
        assert!(!is_url || is_secure(value.as_str().unwrap(), local), "{value}");
        let servers = value.as_array().filter(|_| name == "authorization_servers");
        assert!(servers.into_iter().flatten().all(|url| is_secure(url.as_str().unwrap(), local)));
    }
}

/// `local`: whether the party that the document speaks for is on this machine.
fn is_secure(url: &str, local: bool) -> bool {
    let (scheme, rest) = url.split_once("://").unwrap();
    let authority = rest.split(['/', '?']).next().unwrap_or_default().to_ascii_lowercase();
    let host = authority.rsplit_once(':').filter(|_| !authority.ends_with(']'));
    let host = host.map_or(&authority[..], |(host, _)| host);
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    scheme.eq_ignore_ascii_case("https")
        || (local && (host == "localhost" || address.is_ok_and(|address| address.is_loopback())))
}
