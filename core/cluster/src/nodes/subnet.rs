//! The addresses of a cluster's network. Pure.
//!
//! The lower half of a network's addresses is for nodes, each of which has a permanent one, because
//! etcd identifies its members by their addresses. The engine uses the upper half, for other
//! containers that are connected to the network, so none of them takes the address of a node that
//! is not running.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// A range of IPv4 addresses, for example `172.28.4.0/22`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subnet {
    first: u32,
    bits: u8,
}

/// Why a text is not a [`Subnet`]; it may be an IPv6 one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoSubnet;

impl FromStr for Subnet {
    type Err = NoSubnet;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, bits) = text.split_once('/').ok_or(NoSubnet)?;
        let address: Ipv4Addr = address.parse().map_err(|_| NoSubnet)?;
        let bits = bits.parse().ok().filter(|it| *it <= 32).ok_or(NoSubnet)?;
        Ok(Self::new(u32::from(address), bits))
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.first), self.bits)
    }
}

impl Subnet {
    /// Returns the subnet of `bits` bits that contains `address`.
    pub(crate) fn new(address: u32, bits: u8) -> Self {
        Self { first: address & !hosts(bits), bits }
    }

    fn last(&self) -> u32 {
        self.first | hosts(self.bits)
    }

    /// Returns whether two subnets have an address in common.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.first <= other.last() && other.first <= self.last()
    }

    /// Returns the parts of this subnet that have `bits` bits.
    pub(crate) fn parts(&self, bits: u8) -> impl Iterator<Item = Self> + use<> {
        let size = u64::from(hosts(bits)) + 1;
        let (first, last) = (u64::from(self.first), u64::from(self.last()));
        let starts = (first..=last).step_by(usize::try_from(size).unwrap_or(usize::MAX));
        starts.filter_map(move |it| Some(Self::new(u32::try_from(it).ok()?, bits)))
    }

    /// Returns the address of the network's gateway.
    pub(crate) fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::from(self.first.saturating_add(1))
    }

    /// Returns the part from which the engine assigns addresses to other containers.
    pub(crate) fn of_others(&self) -> Self {
        let bits = self.bits.saturating_add(1).min(32);
        Self { first: self.last() & !hosts(bits), bits }
    }

    /// Returns the addresses that nodes may have.
    pub(crate) fn of_nodes(&self) -> impl Iterator<Item = Ipv4Addr> + use<> {
        (self.first.saturating_add(2)..self.of_others().first).map(Ipv4Addr::from)
    }
}

/// Returns the host bits of an address.
fn hosts(bits: u8) -> u32 {
    u32::MAX.checked_shr(u32::from(bits)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn nodes_and_others_never_share_an_address() {
        let net = subnet("172.28.4.0/22");
        assert_eq!(net.gateway().to_string(), "172.28.4.1");
        assert_eq!(net.of_others().to_string(), "172.28.6.0/23");
        let of_nodes: Vec<_> = net.of_nodes().collect();
        assert_eq!(of_nodes.first().unwrap().to_string(), "172.28.4.2");
        assert_eq!(of_nodes.last().unwrap().to_string(), "172.28.5.255");
        assert_eq!(of_nodes.len(), 510);
    }

    #[test]
    fn the_smallest_subnets_have_few_addresses_or_none() {
        let count = |it: &str| subnet(it).of_nodes().count();
        assert_eq!(count("10.0.0.0/28"), 6);
        assert_eq!(count("10.0.0.0/29"), 2);
        assert_eq!(count("10.0.0.0/30"), 0);
        assert_eq!(count("10.0.0.0/32"), 0);
        assert_eq!(count("255.255.255.255/32"), 0);
    }

    #[test]
    fn overlaps_are_found_both_ways() {
        let (small, large) = (subnet("10.1.2.0/24"), subnet("10.1.0.0/16"));
        assert!(small.overlaps(&large) && large.overlaps(&small));
        assert!(!small.overlaps(&subnet("10.1.3.0/24")));
        assert!(subnet("0.0.0.0/0").overlaps(&small));
    }

    #[test]
    fn a_subnet_has_parts() {
        let parts: Vec<_> = subnet("172.28.0.0/20").parts(22).map(|it| it.to_string()).collect();
        assert_eq!(parts, ["172.28.0.0/22", "172.28.4.0/22", "172.28.8.0/22", "172.28.12.0/22"]);
        assert_eq!(subnet("10.0.0.0/24").parts(24).count(), 1);
    }

    #[test]
    fn what_is_no_subnet_of_ipv4_is_none() {
        for text in ["", "10.0.0.0", "10.0.0.0/33", "fd00::/64", "10.0.0/8"] {
            assert_eq!(text.parse::<Subnet>(), Err(NoSubnet), "{text}");
        }
        assert_eq!(subnet("10.9.8.7/8").to_string(), "10.0.0.0/8");
    }
}
