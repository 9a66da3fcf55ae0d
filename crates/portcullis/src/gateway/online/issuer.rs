//! An issuer: what it says of itself, its keys, and whether it tells us about tokens.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_core::introspection::is_active;
use portcullis_core::jws::Algorithm;
use portcullis_core::metadata::MetadataError;
use portcullis_core::secret::Secret;
use portcullis_resource::clock::Clock;
use portcullis_resource::fetch::FetchError;
use portcullis_resource::introspection::{Introspect as _, Introspection};
use portcullis_resource::keys::RemoteKeys;
use portcullis_resource::metadata::{DiscoveryError, Metadata};

use super::{Finding, within};
use crate::config::issuer::{KeySource, TrustedIssuer};
use crate::gateway::issuers::Contact;
use crate::gateway::random;

pub(super) async fn ask(issuer: &TrustedIssuer, clock: &Arc<dyn Clock>) -> Vec<Finding> {
    let about = format!("issuers.{}", issuer.name);
    let found = |part, outcome| Finding { about: about.clone(), part, outcome };
    let contact = match Contact::new(issuer, clock) {
        Ok(contact) => contact,
        Err(unusable) => return vec![found("files", Err(unusable.to_string()))],
    };
    let is_endpoint_given = issuer.introspection.as_ref().is_none_or(|it| it.endpoint.is_some());
    // It is not asked for what the configuration says itself.
    let is_discovered = issuer.jwks == KeySource::Discovered || !is_endpoint_given;
    let (metadata, keys, introspection) = tokio::join!(
        if_there(is_discovered.then(|| metadata(&contact.documents))),
        within(keys(&contact.keys)),
        if_there(contact.introspection.as_ref().map(|(_, asked)| inquiry(asked))),
    );
    let parts = [("metadata", metadata), ("keys", Some(keys)), ("introspection", introspection)];
    let parts = parts.into_iter().filter_map(|(part, outcome)| Some(found(part, outcome?)));
    parts.collect()
}

async fn if_there(
    asking: Option<impl Future<Output = Result<String, String>>>,
) -> Option<Result<String, String>> {
    match asking {
        None => None,
        Some(asking) => Some(within(asking).await),
    }
}

/// What the issuer says of itself, which must be for the issuer that was meant, byte for byte.
async fn metadata(documents: &Metadata) -> Result<String, String> {
    match documents.get().await {
        Ok(_) => Ok(format!("speaks for {}", documents.issuer())),
        Err(error) => {
            let way_out = match &error {
                DiscoveryError::Fetch(FetchError::Connection { .. }) => {
                    "see that it runs and can be reached from here; \"ca\" names authorities of its own, and \
                     \"allow_private\" lets its documents name private networks"
                        .to_owned()
                }
                DiscoveryError::Fetch(_) => "see that it answers as it should".to_owned(),
                DiscoveryError::Document {
                    error: MetadataError::Mismatch { found, .. }, ..
                } => {
                    format!("write issuer = {found:?} if that is who is meant")
                }
                DiscoveryError::Status { .. } => {
                    "see that \"issuer\" is what it calls itself, or say where its keys are by \"jwks\"".to_owned()
                }
                DiscoveryError::Document { .. } | DiscoveryError::Missing(_) => {
                    "say where its keys are by \"jwks\"".to_owned()
                }
            };
            Err(format!("{error}: {way_out}"))
        }
    }
}

async fn keys(keys: &RemoteKeys) -> Result<String, String> {
    let found = keys.tried().await.map_err(|unavailable| {
        format!("{}: see \"jwks\", \"ca\" and \"allow_private\"", unavailable.reason)
    })?;
    let set = found.keys;
    let count = set.usable().count();
    let fits = |algorithm: &&Algorithm| set.usable().any(|key| key.allows(**algorithm));
    let names: Vec<&str> = Algorithm::ALL.iter().filter(fits).map(|it| it.as_str()).collect();
    let skipped: Vec<String> = set
        .skipped()
        .iter()
        .map(|skipped| {
            format!("{} ({})", skipped.kid.as_deref().unwrap_or("one without kid"), skipped.reason)
        })
        .collect();
    let left_out =
        if skipped.is_empty() { String::new() } else { format!("; not {}", skipped.join(", ")) };
    if count == 0 {
        return Err(format!("none that can be used{left_out}: no token of it will do"));
    }
    let plural = if count == 1 { "key" } else { "keys" };
    Ok(format!("{count} {plural} for {}{left_out}", names.join(", ")))
}

/// A token that nobody issued is no token there: whoever says so has taken us for the client that we are.
async fn inquiry(introspection: &Introspection) -> Result<String, String> {
    let mut bytes = [0; 32];
    random::fill(&mut bytes);
    let token = Secret::new(format!("portcullis-check-{}", URL_SAFE_NO_PAD.encode(bytes)));
    let answer = introspection.ask(&token).await.map_err(|unavailable| {
        format!(
            "{}: see \"endpoint\", \"client_id\" and the credential beside it",
            unavailable.reason
        )
    })?;
    match is_active(&answer) {
        Ok(false) => Ok("knows this client, and that a token nobody issued is none".to_owned()),
        Ok(true) => Err(
            "says that a token nobody issued is active: ask another endpoint, this one lets everybody in".to_owned(),
        ),
        Err(error) => Err(format!("{error}: see that \"endpoint\" is that of RFC 7662")),
    }
}
