//! Which addresses are on the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use ipnet::IpNet;

/// Blocks that are not, of IANA's registries of special-purpose addresses (RFC 6890 and its updates), of multicast
/// (RFC 5771, RFC 4291), and what clouds have at 168.63.129.16.
const SPECIAL: [&str; 28] = [
    "0.0.0.0/8",        // this network
    "10.0.0.0/8",       // private
    "100.64.0.0/10",    // shared by customers of a carrier, and by clouds
    "127.0.0.0/8",      // loopback
    "168.63.129.16/32", // Azure's host
    "169.254.0.0/16",   // link-local, with the clouds' metadata
    "172.16.0.0/12",    // private
    "192.0.0.0/24",     // protocols
    "192.0.2.0/24",     // documentation
    "192.88.99.0/24",   // relays from IPv6
    "192.168.0.0/16",   // private
    "198.18.0.0/15",    // benchmarks
    "198.51.100.0/24",  // documentation
    "203.0.113.0/24",   // documentation
    "224.0.0.0/4",      // multicast
    "240.0.0.0/4",      // reserved, and broadcast
    "::/96",            // unspecified, loopback, and IPv4 as it once was written
    "::ffff:0:0:0/96",  // translation from IPv4
    "64:ff9b:1::/48",   // translation to private IPv4
    "100::/64",         // discarded
    "2001::/23",        // protocols, with tunnels (Teredo)
    "2001:db8::/32",    // documentation
    "3fff::/20",        // documentation
    "5f00::/16",        // segment routing
    "fc00::/7",         // private
    "fe80::/10",        // link-local
    "fec0::/10",        // private, as it once was
    "ff00::/8",         // multicast
];

static BLOCKS: LazyLock<Vec<IpNet>> = LazyLock::new(|| SPECIAL.iter().filter_map(|block| block.parse().ok()).collect());

/// Whether an address is on the public internet. An IPv6 address that stands for one of IPv4 is like that one.
pub fn is_public(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let meant = match address {
        IpAddr::V6(six) => embedded(six).map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    };
    !BLOCKS.iter().any(|block| block.contains(&address) || block.contains(&meant))
}

/// The address of IPv4 in one of translation (`64:ff9b::/96`, RFC 6052) or of 6to4 (`2002::/16`, RFC 3056).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let four = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => Some(four(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_is_one() {
        assert_eq!(BLOCKS.len(), SPECIAL.len());
    }

    #[test]
    fn what_is_not_public_is_known() {
        for (address, expect) in [
            ("1.1.1.1", true),
            ("93.184.215.14", true),
            ("172.15.255.255", true),
            ("172.32.0.0", true),
            ("2606:4700::1111", true),
            ("64:ff9b::101:101", true),
            ("2002:101:101::1", true),
            ("127.0.0.1", false),
            ("10.1.2.3", false),
            ("172.31.255.255", false),
            ("192.168.0.1", false),
            ("169.254.169.254", false),
            ("168.63.129.16", false),
            ("100.100.100.200", false),
            ("0.0.0.0", false),
            ("255.255.255.255", false),
            ("224.0.0.1", false),
            ("::", false),
            ("::1", false),
            ("::7f00:1", false),
            ("::ffff:10.0.0.1", false),
            ("::ffff:1.1.1.1", true),
            ("fd00:ec2::254", false),
            ("fe80::1", false),
            ("64:ff9b::a00:1", false),
            ("2002:a00:1::1", false),
            ("2001:0:1::1", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), expect, "{address}");
        }
    }
}
