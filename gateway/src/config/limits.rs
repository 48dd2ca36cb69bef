//! The settings of limits that count over several connections: per user, per address, per cluster.
//!
//! It must never turn a limit on that a proxy in front would make one limit for everybody; failed logins alone have a
//! default, as they are rare where nobody guesses.

use std::num::NonZeroU32;
use std::time::Duration;

use service_runtime::config::{Reader, parse_duration};

use super::bytes;

/// Limits over several connections. `None` is no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitsConfig {
    /// `GATEWAY_MESSAGES_PER_USER`: messages of one user's connections.
    pub messages_per_user: Option<RatePerKey>,
    /// `GATEWAY_MESSAGES_PER_IP`: messages of one address' connections.
    pub messages_per_address: Option<RatePerKey>,
    /// `GATEWAY_UPGRADES_PER_IP`: upgrade requests of one address.
    pub upgrades_per_address: Option<RatePerKey>,
    /// `RATE_LIMITER_ENABLED`, `RATE_LIMITER_POINTS`, `RATE_LIMITER_DURATION`: HTTP requests of one address.
    pub requests_per_address: Option<RatePerKey>,
    /// `GATEWAY_FAILED_LOGINS_PER_IP`: logins of one address that failed.
    pub failed_logins_per_address: Option<RatePerKey>,
    /// `GATEWAY_CONNECTIONS_PER_CLUSTER`: sockets of all nodes together.
    pub connections: Option<u64>,
    /// `GATEWAY_CONNECTIONS_PER_USER`: sockets of one user, on all nodes together.
    pub connections_per_user: Option<u64>,
    /// `GATEWAY_CONNECTIONS_PER_IP`: sockets of one address, on all nodes together.
    pub connections_per_address: Option<u64>,
    /// `GATEWAY_LIMITS_LEASE`: after this time the counts of a node that no longer answers are nobody's.
    pub lease: Duration,
    /// `GATEWAY_MESSAGE_MEMORY`: bytes of messages and bodies that one node holds while they arrive and are worked on.
    pub memory: usize,
}

/// So many in so long a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RatePerKey {
    /// How many.
    pub points: NonZeroU32,
    /// In which time.
    pub duration: Duration,
}

impl RatePerKey {
    /// `600/1m`; a bare number is per second.
    fn parse(text: &str) -> Option<Self> {
        let (points, duration) = text.split_once('/').unwrap_or((text, "1s"));
        let duration = parse_duration(duration).filter(|duration| *duration >= Duration::from_millis(100))?;
        Some(Self { points: points.trim().parse().ok()?, duration })
    }
}

pub(super) fn limits(r: &mut Reader<'_>) -> LimitsConfig {
    let lease = r.milliseconds("GATEWAY_LIMITS_LEASE", Duration::from_secs(15));
    if lease < Duration::from_secs(1) {
        r.fault("GATEWAY_LIMITS_LEASE", "at least 1s");
    }
    let memory = bytes(r, "GATEWAY_MESSAGE_MEMORY", 512 * 1024 * 1024);
    LimitsConfig {
        messages_per_user: rate(r, "GATEWAY_MESSAGES_PER_USER", None),
        messages_per_address: rate(r, "GATEWAY_MESSAGES_PER_IP", None),
        upgrades_per_address: rate(r, "GATEWAY_UPGRADES_PER_IP", None),
        requests_per_address: requests(r),
        failed_logins_per_address: rate(r, "GATEWAY_FAILED_LOGINS_PER_IP", RatePerKey::parse("100/1m")),
        connections: count(r, "GATEWAY_CONNECTIONS_PER_CLUSTER"),
        connections_per_user: count(r, "GATEWAY_CONNECTIONS_PER_USER"),
        connections_per_address: count(r, "GATEWAY_CONNECTIONS_PER_IP"),
        lease,
        memory,
    }
}

/// Directus' own limit on HTTP requests.
fn requests(r: &mut Reader<'_>) -> Option<RatePerKey> {
    let enabled = r.flag("RATE_LIMITER_ENABLED", false);
    let points = r.integer("RATE_LIMITER_POINTS", 1..=i64::from(u32::MAX)).unwrap_or(50);
    let duration = r.duration("RATE_LIMITER_DURATION", Duration::from_secs(1));
    let points = u32::try_from(points).ok().and_then(NonZeroU32::new)?;
    enabled.then_some(RatePerKey { points, duration })
}

fn rate(r: &mut Reader<'_>, name: &str, default: Option<RatePerKey>) -> Option<RatePerKey> {
    match r.text(name).as_deref().map(str::trim) {
        None => default,
        Some("Infinity" | "infinity") => None,
        Some(text) => {
            let rate = RatePerKey::parse(text);
            if rate.is_none() {
                r.fault(name, "a number per time such as 100/10s, or Infinity");
            }
            rate
        }
    }
}

fn count(r: &mut Reader<'_>, name: &str) -> Option<u64> {
    match r.text(name).as_deref() {
        None | Some("Infinity" | "infinity") => None,
        Some(_) => r.integer(name, 0..=i64::from(u32::MAX)).and_then(|n| u64::try_from(n).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_per_time() {
        let check = |text: &str, expect: Option<(u32, u64)>| {
            let rate = RatePerKey::parse(text).map(|rate| (rate.points.get(), u64::try_from(rate.duration.as_millis()).unwrap()));
            assert_eq!(rate, expect, "{text}");
        };
        check("100/10s", Some((100, 10_000)));
        check("5", Some((5, 1000)));
        check("600 / 1m", Some((600, 60_000)));
        check("7/250ms", Some((7, 250)));
        for wrong in ["0/1s", "", "/1s", "x/1s", "5/", "5/0s", "5/x", "-1/1s", "5/1s/1s", "5/99ms"] {
            check(wrong, None);
        }
    }
}
