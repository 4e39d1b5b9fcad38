//! Which addresses keys may be fetched from.
//!
//! Whoever can make an issuer's URL, a redirect or a name of DNS lead somewhere else must not get
//! the gateway to ask a server that only the gateway can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Who can reach an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Everybody.
    Public,
    /// Those on the same machine or network.
    Private,
    /// Nobody who wants keys: link-local addresses, where clouds keep their metadata, multicast,
    /// documentation, and what is reserved.
    Never,
}

/// What may be connected to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Permitted {
    /// Whether that includes [`Reach::Private`].
    pub(super) private: bool,
}

impl Permitted {
    pub(super) fn permits(self, address: IpAddr) -> bool {
        match Reach::of(address) {
            Reach::Public => true,
            Reach::Private => self.private,
            Reach::Never => false,
        }
    }
}

/// The networks of the IANA IPv4 Special-Purpose Address Registry (RFC 6890) that are not reached
/// over the Internet, and multicast.
const SPECIAL_V4: [(Ipv4Net, Reach); 16] = [
    (v4(0, 0, 0, 0, 8), Reach::Never),
    (v4(10, 0, 0, 0, 8), Reach::Private),
    (v4(100, 64, 0, 0, 10), Reach::Private),
    (v4(127, 0, 0, 0, 8), Reach::Private),
    (v4(169, 254, 0, 0, 16), Reach::Never),
    (v4(172, 16, 0, 0, 12), Reach::Private),
    (v4(192, 0, 0, 0, 24), Reach::Never),
    (v4(192, 0, 2, 0, 24), Reach::Never),
    (v4(192, 31, 196, 0, 24), Reach::Never),
    (v4(192, 88, 99, 0, 24), Reach::Never),
    (v4(192, 168, 0, 0, 16), Reach::Private),
    (v4(198, 18, 0, 0, 15), Reach::Never),
    (v4(198, 51, 100, 0, 24), Reach::Never),
    (v4(203, 0, 113, 0, 24), Reach::Never),
    (v4(224, 0, 0, 0, 4), Reach::Never),
    (v4(240, 0, 0, 0, 4), Reach::Never),
];

/// Global unicast (RFC 4291 section 2.4): of IPv6, everything outside of it is special.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// What is special inside of it: protocol assignments with Teredo, documentation twice, and 6to4,
/// which leads to any IPv4 address.
const SPECIAL_V6: [Ipv6Net; 4] = [
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

/// Unique local addresses (RFC 4193).
const UNIQUE_LOCAL: Ipv6Net = v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7);

/// Where NAT64 keeps IPv4 addresses (RFC 6052 section 2.1).
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(segments: [u16; 8], length: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), length)
}

impl Reach {
    /// Judges an address. An IPv4 address inside of an IPv6 one is what counts.
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        let special = SPECIAL_V4.iter().find(|(network, _)| network.contains(&address));
        special.map_or(Self::Public, |(_, reach)| *reach)
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if NAT64.contains(&address) {
            let [.., a, b, c, d] = address.octets();
            return Self::of_v4(Ipv4Addr::new(a, b, c, d));
        }
        if UNIQUE_LOCAL.contains(&address) || address == Ipv6Addr::LOCALHOST {
            return Self::Private;
        }
        let is_special = SPECIAL_V6.iter().any(|network| network.contains(&address));
        if GLOBAL_V6.contains(&address) && !is_special { Self::Public } else { Self::Never }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_reach(expected: Reach, addresses: &[&str]) {
        for text in addresses {
            assert_eq!(Reach::of(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn addresses_of_the_internet_are_public() {
        assert_reach(
            Reach::Public,
            &[
                "1.1.1.1",
                "9.255.255.255",
                "11.0.0.0",
                "100.63.255.255",
                "100.128.0.0",
                "126.255.255.255",
                "128.0.0.0",
                "172.15.255.255",
                "172.32.0.0",
                "192.0.1.0",
                "192.167.255.255",
                "192.169.0.0",
                "223.255.255.255",
                "2606:4700::1111",
                "2a00:1450::1",
                "::ffff:1.1.1.1",
                "64:ff9b::1.1.1.1",
            ],
        );
    }

    #[test]
    fn addresses_of_one_network_are_private() {
        assert_reach(
            Reach::Private,
            &[
                "10.0.0.0",
                "10.255.255.255",
                "100.64.0.0",
                "100.127.255.255",
                "127.0.0.1",
                "127.255.255.255",
                "172.16.0.0",
                "172.31.255.255",
                "192.168.0.1",
                "::1",
                "fc00::1",
                "fdff:ffff::1",
                "::ffff:127.0.0.1",
                "::ffff:10.0.0.1",
                "64:ff9b::10.0.0.1",
            ],
        );
    }

    #[test]
    fn some_addresses_are_for_nobody() {
        assert_reach(
            Reach::Never,
            &[
                "0.0.0.0",
                "0.1.2.3",
                "169.254.169.254",
                "169.254.0.0",
                "192.0.0.1",
                "192.0.2.1",
                "198.18.0.1",
                "198.19.255.255",
                "198.51.100.1",
                "203.0.113.1",
                "224.0.0.1",
                "239.255.255.255",
                "240.0.0.1",
                "255.255.255.255",
                "::",
                "::2",
                "::127.0.0.1",
                "fe80::1",
                "fec0::1",
                "ff02::1",
                "100::1",
                "64:ff9b:1::1",
                "2001::1",
                "2001:db8::1",
                "2002:7f00:1::",
                "3fff::1",
                "::ffff:169.254.169.254",
                "64:ff9b::169.254.169.254",
            ],
        );
    }
}
