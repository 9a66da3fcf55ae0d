//! The client's address and certificate, behind proxies that are trusted to tell.
//!
//! A header is believed only as far as the chain of trust goes: the peer of the connection is known, what a
//! trusted peer says of its own peer is believed, and so on from right to left until somebody is named who is
//! not trusted to tell more. That one is the client. Whatever stands further left was written by the client
//! or by nobody knows whom, and is not looked at.
//!
//! `X-Forwarded-For` goes before `Forwarded` (RFC 7239): nearly every proxy writes the former, and passes the
//! latter on as the client sent it. A proxy that writes `Forwarded` alone has to remove the
//! `X-Forwarded-For` of clients.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{FORWARDED, HeaderMap, HeaderName};
use ipnet::{IpNet, Ipv4Net};
use portcullis_core::keys::CertificateThumbprint;

use super::forwarded;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");

/// More proxies than this stand before nobody.
pub(super) const MAX_HOPS: usize = 32;

/// A certificate in base64, with its colons, is no longer than this.
const MAX_CERTIFICATE: usize = 16 * 1024;

/// The proxies whose word is taken about who stands behind them.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Box<[IpNet]>);

/// Why there is no saying which certificate a client has, though a trusted proxy speaks of one (RFC 9440).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadCertificate {
    /// More than one header: the proxy adds its own to that of the client, instead of replacing it.
    #[error("several Client-Cert headers: the proxy has to remove those of clients")]
    Several,
    /// Not a byte sequence of RFC 8941: base64 between colons.
    #[error("the Client-Cert header is no byte sequence")]
    Malformed,
    /// Longer than any certificate.
    #[error("the Client-Cert header is longer than {MAX_CERTIFICATE} bytes")]
    TooLong,
}

impl TrustedProxies {
    /// Those of these networks. A network of IPv4-mapped addresses is the IPv4 network it means.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        TrustedProxies(networks.into_iter().map(unmapped).collect())
    }

    /// Whether this one is trusted.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client's address, where `peer` is at the other end of the connection. IPv4-mapped addresses are
    /// IPv4 ones.
    pub fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        if headers.contains_key(X_FORWARDED_FOR) {
            let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
            let hops = lines.flat_map(|line| line.to_str().unwrap_or("?").rsplit(','));
            self.client(peer, hops.map(|hop| forwarded::node(hop.trim(), forwarded::Bare::Allowed)))
        } else {
            let lines = headers.get_all(FORWARDED).iter().rev();
            let hops = lines.flat_map(|line| {
                let hops = line.to_str().ok().and_then(forwarded::hops);
                // One thing that cannot be read makes everything beside it doubtful.
                hops.unwrap_or_else(|| vec![None]).into_iter().rev()
            });
            self.client(peer, hops)
        }
    }

    /// The first from the right who is not trusted. What is no address ends the chain: it is known by whom it
    /// was said, and no more.
    fn client(&self, peer: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>) -> IpAddr {
        let mut last = peer;
        for hop in hops.take(MAX_HOPS) {
            let Some(hop) = hop else { break };
            last = hop.to_canonical();
            if !self.trusts(last) {
                break;
            }
        }
        last
    }

    /// The client's certificate, as `Client-Cert` (RFC 9440) of a trusted peer tells it. That of the
    /// connection itself is then the proxy's. Whoever is not trusted says nothing by that header.
    pub fn certificate(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
    ) -> Result<Option<CertificateThumbprint>, BadCertificate> {
        let mut lines = headers.get_all(CLIENT_CERT).iter();
        let Some(line) = lines.next() else { return Ok(None) };
        if !self.trusts(peer) {
            return Ok(None);
        }
        if lines.next().is_some() {
            return Err(BadCertificate::Several);
        }
        if line.len() > MAX_CERTIFICATE {
            return Err(BadCertificate::TooLong);
        }
        let text = line.to_str().ok().map(str::trim).and_then(|text| text.strip_prefix(':'));
        let text = text.and_then(|text| text.strip_suffix(':')).ok_or(BadCertificate::Malformed)?;
        match STANDARD.decode(text) {
            Ok(der) if !der.is_empty() => Ok(Some(CertificateThumbprint::of_der(&der))),
            _ => Err(BadCertificate::Malformed),
        }
    }
}

/// `::ffff:a.b.c.d/96+n` is `a.b.c.d/n`.
fn unmapped(network: IpNet) -> IpNet {
    const MAPPED: u8 = 96;
    let IpNet::V6(v6) = network else { return network };
    let v4 = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(MAPPED));
    match v4.map(|(address, prefix)| Ipv4Net::new(address, prefix)) {
        Some(Ok(v4)) => IpNet::V4(v4),
        _ => network,
    }
}
