//! What the configuration accepts, and that every key it reads is documented.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::*;

struct Recording {
    values: BTreeMap<String, String>,
    asked: RefCell<BTreeSet<String>>,
}

impl Lookup for Recording {
    fn get(&self, name: &str) -> Option<String> {
        self.asked.borrow_mut().insert(name.to_owned());
        self.values.get(name).filter(|value| !value.is_empty()).cloned()
    }
    fn names(&self) -> Vec<String> {
        self.values.keys().cloned().collect()
    }
}

fn lookup(values: &[(&str, &str)]) -> Recording {
    let base = [("SECRET", "s"), ("DB_HOST", "127.0.0.1"), ("DB_USER", "u"), ("DB_DATABASE", "d")];
    let values = base.iter().chain(values).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Recording { values, asked: RefCell::default() }
}

#[test]
fn every_key_that_is_read_is_documented() {
    let lookup = lookup(&[]);
    Config::read(&lookup, Role::Standalone).unwrap();
    let undocumented: Vec<_> = lookup
        .asked
        .borrow()
        .iter()
        .filter(|name| {
            !SETTINGS
                .iter()
                .chain(change_capture::SETTINGS)
                .chain(service_runtime::trace::SETTINGS)
                .any(|setting| setting.name == name.as_str())
        })
        .cloned()
        .collect();
    assert_eq!(undocumented, Vec::<String>::new());
}

#[test]
fn directus_names_and_both_units_work() {
    let config = Config::read(
        &lookup(&[
            ("WEBSOCKETS_REST_AUTH", "PUBLIC"),
            ("WEBSOCKETS_REST_AUTH_TIMEOUT", "10000"),
            ("WEBSOCKETS_HEARTBEAT_PERIOD", "1"),
            ("WEBSOCKETS_REST_CONN_LIMIT", "0"),
            ("RATE_LIMITER_ENABLED", "true"),
            ("RATE_LIMITER_POINTS", "3"),
            ("IP_TRUST_PROXY", "loopback,10.0.0.1"),
            ("MAX_PAYLOAD_SIZE", "2mb"),
        ]),
        Role::Standalone,
    )
    .unwrap();
    let rest = config.websockets.rest.unwrap();
    assert_eq!(rest.mode, AuthMode::Public);
    assert_eq!(rest.auth_timeout, Duration::from_secs(10));
    assert_eq!(rest.connection_limit, Some(0));
    assert_eq!(config.websockets.heartbeat, Some(Duration::from_secs(1)));
    assert_eq!(config.rate_limit, Some(RateLimit { points: 3, duration: Duration::from_secs(1) }));
    assert!(matches!(config.proxy.trust, TrustedProxies::Networks(ref networks) if networks.len() == 3));
    assert_eq!(config.max_payload, 2 * 1024 * 1024);
}

#[test]
fn all_faults_are_reported_at_once() {
    let faults = Config::read(&lookup(&[("SECRET", ""), ("PORT", "x"), ("WEBSOCKETS_REST_AUTH", "open")]), Role::Serve).unwrap_err();
    let names: Vec<_> = faults.iter().map(|fault| fault.name.as_str()).collect();
    assert_eq!(names, ["PORT", "REDIS", "SECRET", "WEBSOCKETS_REST_AUTH"]);
}

#[test]
fn misspelt_names_are_noticed() {
    assert_eq!(Config::unknown_names(&lookup(&[("WEBSOCKETS_REST_AUHT", "x")])), ["WEBSOCKETS_REST_AUHT"]);
}
