//! How the gateway shows an issuer who it is.

use super::{Here, Wrong};
use crate::config::issuer::{ClientAuth, Identity};
use crate::config::raw::{self, AuthMethod, Field, Line, Parsed};

/// Exactly one credential, and the method that goes with it.
pub(super) fn check(raw: raw::Introspection, here: Here<'_>) -> Option<ClientAuth> {
    let there = [
        ("client_secret", raw.client_secret.place(), raw.client_secret.is_absent()),
        ("private_key", raw.private_key.place(), raw.private_key.is_absent()),
        ("certificate", raw.certificate.place(), raw.certificate.is_absent()),
    ];
    let mut found = there.iter().filter(|(_, _, is_absent)| !is_absent);
    let (first, second) = (found.next(), found.next());
    if let (Some((one, _, _)), Some((other, place, _))) = (first, second) {
        here.report(place.unwrap_or(here.place), Wrong::Both { one, other });
        return None;
    }
    let method = match (&raw.auth, first) {
        (Field::There(at), _) => at.value,
        (Field::Wrong, _) => return None,
        (Field::Absent, Some(("client_secret", ..))) => AuthMethod::ClientSecretBasic,
        (Field::Absent, Some(("private_key", ..))) => AuthMethod::PrivateKeyJwt,
        (Field::Absent, Some(_)) => AuthMethod::TlsClientAuth,
        (Field::Absent, None) => {
            here.report_here(Wrong::NoCredential);
            return None;
        }
    };
    let wanted = match method {
        AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost => Some("client_secret"),
        AuthMethod::PrivateKeyJwt => Some("private_key"),
        AuthMethod::TlsClientAuth => Some("certificate"),
        AuthMethod::None => None,
    };
    if method != AuthMethod::PrivateKeyJwt {
        here.alone(&raw.kid, "kid", "a private_key");
        here.alone(&raw.alg, "alg", "a private_key");
    }
    let name = method.as_str();
    match (first, wanted) {
        (Some((found, place, _)), wanted) if Some(*found) != wanted => {
            let place = place.unwrap_or(here.place);
            here.report(place, Wrong::CredentialUnused { method: name, found });
            return None;
        }
        (None, Some(wanted)) => {
            let place = raw.auth.place().unwrap_or(here.place);
            here.report(place, Wrong::CredentialMissing { method: name, wanted });
            return None;
        }
        _ => {}
    }
    credential(method, raw, here)
}

fn credential(method: AuthMethod, raw: raw::Introspection, here: Here<'_>) -> Option<ClientAuth> {
    Some(match method {
        AuthMethod::None => ClientAuth::None,
        AuthMethod::ClientSecretBasic => {
            ClientAuth::SecretBasic(here.secret(raw.client_secret.take()?)?)
        }
        AuthMethod::ClientSecretPost => {
            ClientAuth::SecretPost(here.secret(raw.client_secret.take()?)?)
        }
        AuthMethod::PrivateKeyJwt => {
            let algorithm = here.needed("alg", &raw.alg).map(|Parsed(algorithm)| *algorithm);
            let key = here.secret(raw.private_key.take()?);
            let kid = raw.kid.value().map(|Parsed(Line(kid))| kid.clone());
            ClientAuth::PrivateKey { key: key?, kid, algorithm: algorithm? }
        }
        AuthMethod::TlsClientAuth => {
            let at = raw.certificate.take()?;
            let path = format!("{}.certificate", here.path);
            let here = Here { path: &path, place: at.place, ..here };
            let cert = here.needed_file("cert", &at.value.cert);
            let key = here.needed_file("key", &at.value.key);
            ClientAuth::Certificate(Identity { cert: cert?, key: key? })
        }
    })
}
