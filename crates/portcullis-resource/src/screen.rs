//! Which addresses of the network are open to everybody.
//!
//! Where a document names a URL, whoever wrote it chooses whom we knock at. What is not of the public
//! internet is the operator's own (metadata services, databases, this machine), and is no stranger's to name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// IANA's registry of special-purpose IPv4 addresses, less what is globally reachable in it, and multicast.
const SPECIAL_V4: &[(Ipv4Addr, u8)] = &[
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// What is special within `2000::/3`, outside which nothing is public: protocol assignments (Teredo among
/// them), documentation, 6to4.
const SPECIAL_V6: &[(Ipv6Addr, u8)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];
const GLOBAL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// The prefix by which networks without IPv4 reach it (RFC 6052).
const NAT64: (Ipv6Addr, u8) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Whether the address is one of the public internet. One that has another within it (IPv4-mapped, NAT64,
/// ISATAP) is as public as that.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded(address) {
            Some(inner) => is_public_v4(inner) && !is_isatap(address),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4
        .iter()
        .any(|(net, len)| Ipv4Net::new(*net, *len).is_ok_and(|net| net.contains(&address)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    is_within(address, GLOBAL_V6) && !SPECIAL_V6.iter().any(|net| is_within(address, *net))
}

fn is_within(address: Ipv6Addr, (net, len): (Ipv6Addr, u8)) -> bool {
    Ipv6Net::new(net, len).is_ok_and(|net| net.contains(&address))
}

/// The IPv4 address that a packet to this one ends at.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., a, b, c, d] = address.octets();
    let inner = Ipv4Addr::new(a, b, c, d);
    let is_mapped = address.to_ipv4_mapped().is_some();
    (is_mapped || is_within(address, NAT64) || is_isatap(address)).then_some(inner)
}

/// ISATAP (RFC 5214 section 6.1): a tunnel whose end is a host of a site.
fn is_isatap(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [_, _, _, _, 0 | 0x200, 0x5efe, _, _])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_of_the_public_internet_is_told_from_what_is() {
        for (private, public) in [
            ("0.0.0.0", "1.0.0.0"),
            ("10.0.0.1", "11.0.0.1"),
            ("100.64.0.1", "100.128.0.1"),
            ("127.0.0.1", "128.0.0.1"),
            ("127.255.255.254", "126.255.255.254"),
            ("169.254.169.254", "169.253.169.254"),
            ("172.31.255.255", "172.32.0.0"),
            ("192.0.0.8", "192.0.1.8"),
            ("192.0.2.1", "192.0.3.1"),
            ("192.88.99.1", "192.88.98.1"),
            ("192.168.0.1", "192.169.0.1"),
            ("198.19.255.255", "198.20.0.0"),
            ("198.51.100.1", "198.51.101.1"),
            ("203.0.113.1", "203.0.112.1"),
            ("224.0.0.1", "223.255.255.255"),
            ("255.255.255.255", "8.8.8.8"),
            ("::", "2000::"),
            ("::1", "2600::1"),
            ("::127.0.0.1", "2a00:1450::1"),
            ("::ffff:127.0.0.1", "::ffff:8.8.8.8"),
            ("::ffff:169.254.169.254", "::ffff:1.1.1.1"),
            ("64:ff9b::10.0.0.1", "64:ff9b::8.8.8.8"),
            ("64:ff9b:1::8.8.8.8", "2606:4700::1111"),
            ("2001::1", "2001:200::1"),
            ("2001:db8::1", "2001:db9::1"),
            ("2002:808:808::1", "2003::1"),
            ("3fff::1", "3ffe::1"),
            ("fe80::1", "2a01::1"),
            ("fc00::1", "2a02::1"),
            ("fd12::1", "2a03::1"),
            ("ff02::1", "2a04::1"),
            ("2a00::5efe:8.8.8.8", "2a00::5eff:808:808"),
            ("2a00::200:5efe:10.0.0.1", "2a00::200:5eff:a00:1"),
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }
}
