//! A client, as far as the connection and trusted proxies tell.

use std::net::IpAddr;

use http::HeaderMap;
use portcullis_core::keys::CertificateThumbprint;

use super::listener::Peer;
use crate::client::address::TrustedProxies;

/// Who sends a request.
pub(super) struct Client {
    pub(super) address: IpAddr,
    pub(super) certificate: Option<CertificateThumbprint>,
}

impl Client {
    pub(super) fn of(peer: &Peer, proxies: &TrustedProxies, headers: &HeaderMap) -> Client {
        if !proxies.trusts(peer.address) {
            return Client { address: peer.address, certificate: peer.certificate };
        }
        // The connection is the proxy's, and so is a certificate of it.
        let certificate = proxies.certificate(peer.address, headers).unwrap_or_else(|error| {
            tracing::warn!(proxy = %peer.address, %error, "no client certificate");
            None
        });
        Client { address: proxies.address(peer.address, headers), certificate }
    }
}
