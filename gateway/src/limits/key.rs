//! Whose budget something is counted against.
//!
//! It must never be longer than a few words, and never hold what a client wrote: keys are kept by the ten thousand.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use uuid::Uuid;

/// Whose budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// Everybody's.
    Everybody,
    /// A user's.
    User(Uuid),
    /// An address': of IPv6 the network, as one host has 2^64 of them.
    Address(IpAddr),
    /// One of those that share a budget because there is no room for more of their own.
    Crowd(u16),
}

impl Key {
    pub(super) fn address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            address @ IpAddr::V4(_) => address,
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        })
    }
}

/// The end of a name in Redis.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everybody => f.write_str("all"),
            Self::User(user) => write!(f, "user:{user}"),
            Self::Address(address) => write!(f, "ip:{address}"),
            Self::Crowd(number) => write!(f, "crowd:{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_host_are_one_key() {
        let key = |address: &str| Key::address(address.parse().unwrap()).to_string();
        assert_eq!(key("10.0.0.1"), "ip:10.0.0.1");
        assert_eq!(key("::ffff:10.0.0.1"), "ip:10.0.0.1");
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), "ip:2001:db8:1:2::");
        assert_ne!(key("10.0.0.1"), key("10.0.0.2"));
    }
}
