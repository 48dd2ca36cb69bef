//! `ip_access` of a policy: which addresses it applies to.
//!
//! It must never apply a bound policy to an unknown address, and never read a faulty entry as "everybody".

use std::net::IpAddr;

use ipnet::IpNet;

/// The addresses of one policy. Entries that are no address, block or range match nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Addresses(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Block(IpNet),
    Range(IpAddr, IpAddr),
}

impl Addresses {
    /// Reads the list; `None` when there is none, so that the policy is bound to no address.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let entries: Vec<_> = text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
        (!entries.is_empty()).then(|| Self(entries.iter().filter_map(|entry| parse_entry(entry)).collect()))
    }

    /// Whether `address` is one of them.
    pub(super) fn contains(&self, address: Option<IpAddr>) -> bool {
        let Some(address) = address.map(|address| address.to_canonical()) else { return false };
        self.0.iter().any(|entry| match entry {
            Entry::Block(block) => block.contains(&address),
            Entry::Range(first, last) => first.is_ipv4() == address.is_ipv4() && *first <= address && address <= *last,
        })
    }
}

fn parse_entry(entry: &str) -> Option<Entry> {
    if let Ok(address) = entry.parse::<IpAddr>() {
        return Some(Entry::Block(address.to_canonical().into()));
    }
    if let Ok(block) = entry.parse::<IpNet>() {
        return Some(Entry::Block(block));
    }
    let (first, last) = entry.split_once('-')?;
    let (first, last): (IpAddr, IpAddr) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let (first, last) = (first.to_canonical(), last.to_canonical());
    (first.is_ipv4() == last.is_ipv4()).then_some(Entry::Range(first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_blocks_and_ranges() {
        let list = Addresses::parse("10.0.0.1, 192.168.0.0/16,172.16.0.5-172.16.0.9,2001:db8::/32, nonsense").unwrap();
        for (address, expect) in [
            ("10.0.0.1", true),
            ("::ffff:10.0.0.1", true),
            ("10.0.0.2", false),
            ("192.168.9.9", true),
            ("172.16.0.5", true),
            ("172.16.0.9", true),
            ("172.16.0.10", false),
            ("2001:db8::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(list.contains(Some(address.parse().unwrap())), expect, "{address}");
        }
        assert!(!list.contains(None));
        assert_eq!(Addresses::parse(" , "), None);
        assert!(!Addresses::parse("nonsense").unwrap().contains(Some("10.0.0.1".parse().unwrap())));
    }
}
