//! Takes the host out of an IP address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::masking::HIDDEN;
use crate::model::value::Value;

/// An address in text. A zone index and a prefix length go; what is no address is hidden.
pub(super) fn truncate(text: &str) -> String {
    if text.is_empty() || is_marked(text) {
        return text.to_owned();
    }
    let bare = text.trim();
    let bare = bare.split_once(['/', '%']).map_or(bare, |(address, _)| address);
    match bare.parse::<IpAddr>() {
        Ok(address) => match network(address) {
            IpAddr::V4(network) => network.to_string(),
            IpAddr::V6(network) => network.to_string(),
        },
        Err(_) => HIDDEN.to_owned(),
    }
}

/// An address as 4 or 16 bytes; `None` for any other length.
pub(super) fn truncate_packed(bytes: &[u8]) -> Option<Value> {
    let network = if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        network(Ipv4Addr::from(four).into())
    } else {
        network(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into())
    };
    Some(Value::Bytes(match (network, bytes.len()) {
        (IpAddr::V4(network), 16) => network.to_ipv6_mapped().octets().to_vec(),
        (IpAddr::V4(network), _) => network.octets().to_vec(),
        (IpAddr::V6(network), _) => network.octets().to_vec(),
    }))
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            Ipv4Addr::new(a, b, c, 0).into()
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into()
        }
    }
}

/// Others write the hidden group as `.xx`: such a text is done.
fn is_marked(text: &str) -> bool {
    text.strip_suffix(".xx").is_some_and(|rest| format!("{rest}.0").parse::<Ipv4Addr>().is_ok())
}
