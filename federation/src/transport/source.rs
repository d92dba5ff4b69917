//! Where connections come from, and from where partners do. Pure.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use foedus_policy::id::OrgId;

use crate::bounds::transport::KNOWN_SOURCES_MAX;

/// Where connections come from, as far as they are counted together: an IPv4 address, or a /64
/// in IPv6, of which one host commonly has all addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source(IpAddr);

impl Source {
    /// The source of a connection from `address`.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(IpAddr::V4(address)),
            IpAddr::V6(address) => {
                let prefix = address.to_bits() & !u128::from(u64::MAX);
                Self(IpAddr::V6(Ipv6Addr::from_bits(prefix)))
            }
        }
    }
}

/// The sources from which partners last came, for whom strangers leave room.
#[derive(Debug, Default)]
pub struct KnownSources(BTreeMap<OrgId, Source>);

impl KnownSources {
    /// A pinned key of `partner` came from `source`.
    pub fn proved(&mut self, partner: OrgId, source: Source) {
        self.0.insert(partner, source);
        if self.0.len() > KNOWN_SOURCES_MAX {
            self.0.pop_first();
        }
    }

    /// Whether a partner last came from `source`.
    pub fn contains(&self, source: Source) -> bool {
        self.0.values().any(|last| *last == source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_one_network_count_together_in_ipv6_only() {
        let address = |text: &str| Source::of(text.parse().expect("an address"));
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:2"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
    }

    #[test]
    fn only_the_last_source_of_a_partner_is_known() {
        let source = |number: u32| Source::of(IpAddr::from(number.to_be_bytes()));
        let mut known = KnownSources::default();
        known.proved(OrgId([1; 32]), source(1));
        known.proved(OrgId([2; 32]), source(2));
        known.proved(OrgId([1; 32]), source(3));
        let found = [1, 2, 3].map(|number| known.contains(source(number)));
        assert_eq!(found, [false, true, true]);
    }

    #[test]
    fn as_many_are_known_as_may_be() {
        let source = Source::of(IpAddr::from([192, 0, 2, 1]));
        let mut known = KnownSources::default();
        for number in 0..=KNOWN_SOURCES_MAX {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&(number as u64).to_be_bytes());
            known.proved(OrgId(id), source);
        }
        assert_eq!(known.0.len(), KNOWN_SOURCES_MAX);
    }
}
