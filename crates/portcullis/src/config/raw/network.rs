//! Networks, and the words for some.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::values::FromText;
use crate::config::problem::BadValue;

/// Networks: one, or those of a word.
#[derive(Clone, Debug)]
pub(in crate::config) struct Networks(pub(in crate::config) Vec<IpNet>);

const LOOPBACK: (Ipv4Net, Ipv6Net) = (
    Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
    Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128),
);
/// RFC 1918, and the unique local addresses of RFC 4193.
const PRIVATE: ([Ipv4Net; 3], Ipv6Net) = (
    [
        Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8),
        Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12),
        Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
    ],
    Ipv6Net::new_assert(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
);

impl Networks {
    pub(in crate::config) fn loopback() -> Vec<IpNet> {
        vec![LOOPBACK.0.into(), LOOPBACK.1.into()]
    }
}

impl FromText for Networks {
    const KIND: &'static str = "network";
    fn from_text(text: &str) -> Result<Self, BadValue> {
        match text {
            "loopback" => return Ok(Networks(Networks::loopback())),
            "private" => {
                let v4 = PRIVATE.0.into_iter().map(IpNet::from);
                return Ok(Networks(v4.chain([PRIVATE.1.into()]).collect()));
            }
            _ => {}
        }
        let single = text.parse().map(|address: IpAddr| IpNet::from(address));
        let network = single.or_else(|_| text.parse::<IpNet>()).map_err(|_| BadValue::Network)?;
        if network.prefix_len() == 0 {
            return Err(BadValue::Everybody);
        }
        if network.trunc() != network {
            return Err(BadValue::NetworkBits(network.trunc()));
        }
        Ok(Networks(vec![network]))
    }
}
