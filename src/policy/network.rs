//! Which addresses requests may go to whose target a customer or an operator has written over HTTP: none that leads
//! into the network that the service itself stands in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Networks that requests may go to although they are not public.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Takes the networks that an operator allows.
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self(allowed)
    }

    /// Tells whether a request may go to this address.
    pub fn allow(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.0.iter().any(|network| network.contains(&address))
    }
}

/// Tells whether an address belongs to the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// The registry of special addresses: <https://www.iana.org/assignments/iana-ipv4-special-registry>.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        [0 | 127, ..] => true,
        [100, second, ..] => (64..128).contains(&second),
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18..=19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => {
            true
        }
        [224..=255, ..] => true,
        _ => false,
    };
    !(special || address.is_private() || address.is_link_local())
}

/// Of IPv6, what is assigned for use by all, without the addresses that stand for others.
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // 2001::/23 holds protocols such as Teredo, 2001:db8::/32 is for books, 2002::/16 stands for IPv4.
        [0x2001, second, ..] => second >= 0x200 && second != 0x0db8,
        [0x2002, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_allowed() {
        let table = [
            ("1.1.1.1", true, "public"),
            ("172.32.0.1", true, "just after a private network"),
            ("100.63.0.1", true, "just before that of carriers"),
            ("2606:4700::1111", true, "public"),
            ("0.0.0.0", false, "this machine"),
            ("127.8.8.8", false, "loopback"),
            ("10.1.2.3", false, "private"),
            ("172.16.0.1", false, "private"),
            ("192.168.0.1", false, "private"),
            ("169.254.169.254", false, "where clouds tell their secrets"),
            ("100.64.0.1", false, "between carriers"),
            ("198.18.0.1", false, "for benchmarks"),
            ("224.0.0.1", false, "many at once"),
            ("255.255.255.255", false, "all at once"),
            ("::", false, "this machine"),
            ("::1", false, "loopback"),
            ("::ffff:10.0.0.1", false, "private, in other clothes"),
            ("::ffff:1.1.1.1", true, "public, in other clothes"),
            ("64:ff9b::a00:1", false, "stands for IPv4"),
            ("2002:a00:1::", false, "stands for IPv4"),
            ("2001:0:a00:1::", false, "a tunnel"),
            ("2001:db8::1", false, "for books"),
            ("fc00::1", false, "private"),
            ("fe80::1", false, "this cable"),
            ("ff02::1", false, "many at once"),
        ];
        let none = Networks::default();
        for (address, right, why) in table {
            assert_eq!(none.allow(address.parse().unwrap()), right, "{address}: {why}");
        }
    }

    #[test]
    fn an_operator_can_allow_more() {
        let networks = Networks::new(vec!["10.1.0.0/16".parse().unwrap(), "::1/128".parse().unwrap()]);
        for (address, right) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("10.2.0.1", false),
            ("::1", true),
            ("127.0.0.1", false),
        ] {
            assert_eq!(networks.allow(address.parse().unwrap()), right, "{address}");
        }
    }
}
