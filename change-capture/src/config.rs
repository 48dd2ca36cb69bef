//! The settings that worker and gateway share: where Postgres and Redis are, and how capture behaves.
//!
//! It must never open a connection, and never put a value into a fault.

mod postgres;
mod redis;

use service_runtime::config::{Reader, Setting};

pub use postgres::{DatabaseAddress, database_from_reader, worker_database_from_reader};
pub use redis::{RedisTls, redis_tls_from_reader, redis_url_from_reader};

/// Directus' names for the database, which work as they are.
pub const DATABASE_SETTINGS: &[Setting] = &[
    Setting { name: "DB_CLIENT", default: "pg", help: "the database client; only pg is supported" },
    Setting { name: "DB_HOST", default: "", help: "host of the database" },
    Setting { name: "DB_PORT", default: "5432", help: "port of the database" },
    Setting { name: "DB_DATABASE", default: "", help: "name of the database" },
    Setting { name: "DB_USER", default: "", help: "user of the database" },
    Setting { name: "DB_PASSWORD", default: "", help: "password of the database" },
    Setting {
        name: "DB_CONNECTION_STRING",
        default: "",
        help: "a connection string; the single DB_ settings override its parts; sslmode as in libpq, and no-verify",
    },
    Setting {
        name: "DB_SSL",
        default: "",
        help: "TLS to the database, with its certificate checked; by default when a DB_SSL__ setting is there",
    },
    Setting { name: "DB_SSL__CA", default: "", help: "the authorities to trust in place of the system's, in PEM form" },
    Setting { name: "DB_SSL__CA_FILE", default: "", help: "a file that holds it" },
    Setting { name: "DB_SSL__CERT", default: "", help: "the client's certificate in PEM form" },
    Setting { name: "DB_SSL__CERT_FILE", default: "", help: "a file that holds it" },
    Setting { name: "DB_SSL__KEY", default: "", help: "its private key in PEM form" },
    Setting { name: "DB_SSL__KEY_FILE", default: "", help: "a file that holds it" },
    Setting { name: "DB_SSL__REJECT_UNAUTHORIZED", default: "true", help: "false: encrypt, and take any certificate" },
];

/// Where the bus is.
pub const BUS_SETTINGS: &[Setting] = &[
    Setting { name: "REDIS", default: "", help: "URL of Redis: redis://user:password@host:port/database" },
    Setting { name: "REDIS_ENABLED", default: "", help: "whether to use Redis; by default when REDIS or REDIS_HOST is set" },
    Setting { name: "REDIS_HOST", default: "", help: "host of Redis, in place of REDIS" },
    Setting { name: "REDIS_PORT", default: "6379", help: "port of Redis" },
    Setting { name: "REDIS_USERNAME", default: "", help: "user of Redis" },
    Setting { name: "REDIS_PASSWORD", default: "", help: "password of Redis" },
    Setting { name: "REDIS_TLS", default: "", help: "TLS to Redis, as rediss:// in REDIS; by default when a REDIS_TLS__ setting is there" },
    Setting { name: "REDIS_TLS__CA", default: "", help: "the authorities to trust in place of the system's, in PEM form" },
    Setting { name: "REDIS_TLS__CA_FILE", default: "", help: "a file that holds it" },
    Setting { name: "REDIS_TLS__CERT", default: "", help: "the client's certificate in PEM form" },
    Setting { name: "REDIS_TLS__CERT_FILE", default: "", help: "a file that holds it" },
    Setting { name: "REDIS_TLS__KEY", default: "", help: "its private key in PEM form" },
    Setting { name: "REDIS_TLS__KEY_FILE", default: "", help: "a file that holds it" },
    Setting { name: "REDIS_TLS__REJECT_UNAUTHORIZED", default: "true", help: "false: encrypt, and take any certificate" },
    Setting {
        name: "GATEWAY_BUS_NAMESPACE",
        default: "tidegate",
        help: "prefix of every name in Redis; deployments that share a Redis need different ones",
    },
];

/// How changes are captured.
pub const CAPTURE_SETTINGS: &[Setting] = &[
    Setting {
        name: "CAPTURE_DB_URL",
        default: "",
        help: "a direct connection to the database for the worker, past any pooler; default: the DB_ settings",
    },
    Setting {
        name: "CAPTURE_NOTIFY",
        default: "adaptive",
        help: "how writers wake the worker: adaptive (only while it sleeps), always, off (polling)",
    },
    Setting { name: "CAPTURE_POLL_MIN", default: "0.5ms", help: "shortest time between two reads of the outbox while changes flow" },
    Setting { name: "CAPTURE_POLL_MAX", default: "250ms", help: "longest time between two reads of the outbox while nothing happens" },
    Setting {
        name: "CAPTURE_MAX_ROWS_PER_STATEMENT",
        default: "10000",
        help: "a statement that changes more rows becomes one reset: subscribers read again",
    },
    Setting {
        name: "CAPTURE_MAX_VALUE_BYTES",
        default: "262144",
        help: "a value with more bytes is left out of change images; readers fetch it",
    },
    Setting {
        name: "CAPTURE_CATALOG_INTERVAL",
        default: "5s",
        help: "how often to look for schema changes that no event trigger announced",
    },
    Setting {
        name: "CAPTURE_LEADER_TIMEOUT",
        default: "1500ms",
        help: "a leader that shows no sign of life for so long is replaced by a standby",
    },
    Setting { name: "CAPTURE_ADMIN_PORT", default: "0", help: "port of the worker's /metrics, /live, /ready and /startup; 0 is off" },
    Setting { name: "CAPTURE_EXCLUDE", default: "", help: "comma-separated tables that are not captured" },
];

/// How writers wake the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NotifyMode {
    /// Only while the worker sleeps: no cost for busy writers.
    #[default]
    Adaptive,
    /// Every captured statement; each such commit takes a cluster-wide lock, and PREPARE TRANSACTION fails.
    Always,
    /// Never; the worker polls.
    Off,
}

impl NotifyMode {
    /// The word in settings and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Adaptive => "adaptive",
            Self::Always => "always",
            Self::Off => "off",
        }
    }
}

/// The prefix of every name in Redis.
pub fn bus_namespace_from_reader(reader: &mut Reader<'_>) -> String {
    let namespace = reader.text_or("GATEWAY_BUS_NAMESPACE", "tidegate");
    if namespace.contains(['{', '}']) {
        // Braces would change which part of a name decides its cluster slot.
        reader.fault("GATEWAY_BUS_NAMESPACE", "a name without braces");
    }
    namespace
}

/// `CAPTURE_NOTIFY`.
pub(crate) fn notify_from_reader(reader: &mut Reader<'_>) -> NotifyMode {
    match reader.text_or("CAPTURE_NOTIFY", "adaptive").trim().to_ascii_lowercase().as_str() {
        "adaptive" => NotifyMode::Adaptive,
        "always" => NotifyMode::Always,
        "off" => NotifyMode::Off,
        _ => {
            reader.fault("CAPTURE_NOTIFY", "adaptive, always or off");
            NotifyMode::default()
        }
    }
}

/// A PEM text: the value of the setting, or the file that the setting with `_FILE` names.
fn pem(reader: &mut Reader<'_>, name: &str) -> Option<Vec<u8>> {
    let file = format!("{name}_FILE");
    if let Some(path) = reader.text(&file) {
        let bytes = std::fs::read(path).ok();
        if bytes.is_none() {
            reader.fault(&file, "a file that can be read");
        }
        return bytes;
    }
    // Files of settings hold one line per setting.
    reader.text(name).map(|text| text.replace("\\n", "\n").into_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn lookup(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn reads_the_database_by_directus_names() {
        let lookup = lookup(&[
            ("DB_CLIENT", "pg"),
            ("DB_HOST", "db.example"),
            ("DB_PORT", "6432"),
            ("DB_DATABASE", "news"),
            ("DB_USER", "u"),
            ("DB_PASSWORD", "p"),
        ]);
        let mut reader = Reader::new(&lookup);
        let config = database_from_reader(&mut reader).unwrap().config;
        assert_eq!((config.get_dbname(), config.get_user(), config.get_ports()), (Some("news"), Some("u"), &[6432][..]));
        assert!(reader.finish(()).is_ok());
    }

    #[test]
    fn the_worker_may_go_past_a_pooler() {
        let lookup = lookup(&[("DB_HOST", "pooler"), ("DB_USER", "u"), ("CAPTURE_DB_URL", "postgres://w@direct:5433/news")]);
        let mut reader = Reader::new(&lookup);
        assert_eq!(worker_database_from_reader(&mut reader).unwrap().config.get_ports(), &[5433]);
        assert_eq!(database_from_reader(&mut reader).unwrap().config.get_ports(), &[5432]);
    }

    #[test]
    fn what_cannot_work_is_a_fault_and_nothing_configured_is_none() {
        let empty = lookup(&[]);
        let mut reader = Reader::new(&empty);
        assert!(database_from_reader(&mut reader).is_none() && redis_url_from_reader(&mut reader).is_none());
        assert!(reader.finish(()).is_ok());
        let bad = lookup(&[("DB_CLIENT", "mysql"), ("REDIS", "localhost:6379"), ("CAPTURE_NOTIFY", "loud")]);
        let mut reader = Reader::new(&bad);
        assert!(database_from_reader(&mut reader).is_none() && redis_url_from_reader(&mut reader).is_none());
        notify_from_reader(&mut reader);
        assert_eq!(reader.finish(()).unwrap_err().len(), 3);
    }
}
