//! Metadata documents: where they stand, and whose word they are taken for.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use portcullis_core::id::{Invalid, Issuer, ResourceId};
use portcullis_core::json::Flaw;
use portcullis_core::metadata::{
    AuthorizationServer, Fetched, MAX_ITEMS, MAX_LENGTH, MAX_TEXT, MetadataError,
    ProtectedResource, discovery_urls, resource_metadata_urls,
};
use portcullis_core::scope::ScopeSet;
use proptest::prelude::*;
use serde_json::{Value, json};

mod resource;
mod robustness;
mod server;

fn issuer(text: &str) -> Issuer {
    Issuer::parse(text).unwrap()
}

fn resource(text: &str) -> ResourceId {
    ResourceId::parse(text).unwrap()
}

fn scopes(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

fn protected(text: &str) -> ProtectedResource {
    ProtectedResource::new(resource(text), vec![issuer("https://as.example.com")]).unwrap()
}

const MCP: &str = "https://mcp.example.com/files/mcp";

const AS: &str = "https://as.example.com";

/// A resource's document with one member set (or, with null, not there).
fn resource_document(member: &str, value: Value) -> Vec<u8> {
    let mut document = json!({ "resource": MCP, "authorization_servers": [AS] });
    document.as_object_mut().unwrap().insert(member.to_owned(), value);
    document.to_string().into_bytes()
}

fn judge_resource(member: &str, value: Value) -> Result<ProtectedResource, MetadataError> {
    let document = resource_document(member, value);
    ProtectedResource::judge(&document, Fetched::FromChallengeOrPath(MCP))
}

fn judge_server(member: &str, value: Value) -> Result<AuthorizationServer, MetadataError> {
    let mut document = json!({ "issuer": AS });
    document.as_object_mut().unwrap().insert(member.to_owned(), value);
    AuthorizationServer::judge(document.to_string().as_bytes(), &issuer(AS))
}

const URLS: [&str; 8] = [
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "registration_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "pushed_authorization_request_endpoint",
    "device_authorization_endpoint",
];

const LISTS: [&str; 6] = [
    "response_types_supported",
    "grant_types_supported",
    "token_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_methods_supported",
    "code_challenge_methods_supported",
    "dpop_signing_alg_values_supported",
];

const FLAGS: [&str; 2] =
    ["authorization_response_iss_parameter_supported", "client_id_metadata_document_supported"];
