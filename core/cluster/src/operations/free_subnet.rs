//! Chooses addresses for a cluster's own network that no other network of the engine uses, and, as
//! far as visible from here, no route of its machine.

use crate::engine::{Engine, EngineError};
use crate::error::ClusterError;
use crate::nodes::Subnet;
use bollard::query_parameters::ListNetworksOptions;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Ranges for private use (RFC 1918). The first ones are those that Docker and VPNs use least.
const POOLS: [&str; 3] = ["172.28.0.0/14", "192.168.128.0/17", "10.224.0.0/12"];
/// A network of 1,024 addresses, half of which are for nodes.
const BITS: u8 = 22;

/// Returns subnets that are currently free, in the order in which to try them. Another run may take
/// one at any moment; the engine decides.
pub(super) async fn candidates(
    engine: &Engine,
    cluster: &str,
) -> Result<impl Iterator<Item = Subnet>, ClusterError> {
    let networks = engine.docker().list_networks(None::<ListNetworksOptions>).await;
    let networks = networks.map_err(|err| EngineError::failed("list networks", err))?;
    let configs = networks.into_iter().filter_map(|it| it.ipam?.config).flatten();
    let used: Vec<Subnet> = configs.filter_map(|it| it.subnet?.parse().ok()).collect();
    let mut routed = Vec::new();
    if engine.endpoint().is_local() {
        // Without such a table, the engine's own check must suffice.
        routed.extend(routes(&std::fs::read_to_string("/proc/net/route").unwrap_or_default()));
    }
    let pools = POOLS.iter().filter_map(|it| it.parse::<Subnet>().ok());
    let all: Vec<_> = pools.map(|it| it.parts(BITS).collect::<Vec<_>>()).collect();
    // Concurrent runs should begin with different ones.
    let mut hasher = DefaultHasher::new();
    cluster.hash(&mut hasher);
    let start = usize::try_from(hasher.finish() % (1 << 16)).unwrap_or_default();
    let rotated = all.into_iter().flat_map(move |mut pool| {
        let n_parts = pool.len().max(1);
        pool.rotate_left(start % n_parts);
        pool
    });
    let free: Vec<_> = rotated.filter(|it| !used.iter().any(|used| used.overlaps(it))).collect();
    Ok(unrouted_first(free, &routed))
}

/// Returns the subnets to which the machine has no route, and then the others. A VPN may have
/// routes for all private addresses, or for all addresses, and the engine works regardless.
fn unrouted_first(free: Vec<Subnet>, routed: &[Subnet]) -> impl Iterator<Item = Subnet> + use<> {
    let is_routed = |it: &Subnet| routed.iter().any(|route| route.overlaps(it));
    let (routed, unrouted): (Vec<_>, Vec<_>) = free.into_iter().partition(is_routed);
    unrouted.into_iter().chain(routed)
}

/// Returns the ranges to which a machine has routes, except for the default route. Source: proc(5).
/// Numbers are in network byte order, written as numbers of the machine.
fn routes(table: &str) -> impl Iterator<Item = Subnet> {
    table.lines().filter_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let number = |idx: usize| u32::from_str_radix(words.get(idx)?, 16).ok().map(u32::from_be);
        let (first, mask) = (number(1)?, number(7)?);
        let bits = u8::try_from(mask.leading_ones()).ok()?;
        (mask != 0).then(|| Subnet::new(first, bits))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn routes_of_the_machine_are_read() {
        let table = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n\
                     eth0\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                     docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n";
        let found: Vec<_> = routes(table).map(|it| it.to_string()).collect();
        assert_eq!(found, ["172.17.0.0/16"]);
    }

    #[test]
    fn a_route_for_everything_takes_no_subnet_away() {
        let subnet = |it: &str| it.parse::<Subnet>().unwrap();
        let free = vec![subnet("172.28.0.0/22"), subnet("10.224.0.0/22")];
        let order = |routes: &[&str]| {
            let routes: Vec<_> = routes.iter().map(|it| subnet(it)).collect();
            unrouted_first(free.clone(), &routes).map(|it| it.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(order(&["172.16.0.0/12"]), ["10.224.0.0/22", "172.28.0.0/22"]);
        assert_eq!(order(&["0.0.0.0/1", "128.0.0.0/1"]), ["172.28.0.0/22", "10.224.0.0/22"]);
    }

    #[test]
    fn every_pool_is_a_subnet() {
        let count = |it: &str| it.parse::<Subnet>().unwrap().parts(BITS).count();
        assert_eq!(POOLS.map(count), [256, 32, 1024]);
    }
}
