//! The settings that worker and gateway share: where Postgres and Redis are, and how capture behaves.
//!
//! It must never open a connection, and never put a value into a fault.

use std::time::Duration;

use secrecy::SecretString;
use service_runtime::config::{Reader, Setting};
use tokio_postgres::Config;

/// Directus' names for the database, which work as they are.
pub const DATABASE_SETTINGS: &[Setting] = &[
    Setting { name: "DB_CLIENT", default: "pg", help: "the database client; only pg is supported" },
    Setting { name: "DB_HOST", default: "", help: "host of the database" },
    Setting { name: "DB_PORT", default: "5432", help: "port of the database" },
    Setting { name: "DB_DATABASE", default: "", help: "name of the database" },
    Setting { name: "DB_USER", default: "", help: "user of the database" },
    Setting { name: "DB_PASSWORD", default: "", help: "password of the database" },
    Setting { name: "DB_CONNECTION_STRING", default: "", help: "a connection string; the single DB_ settings override its parts" },
];

/// Where the bus is.
pub const BUS_SETTINGS: &[Setting] = &[
    Setting { name: "REDIS", default: "", help: "URL of Redis: redis://user:password@host:port/database" },
    Setting { name: "REDIS_ENABLED", default: "", help: "whether to use Redis; by default when REDIS or REDIS_HOST is set" },
    Setting { name: "REDIS_HOST", default: "", help: "host of Redis, in place of REDIS" },
    Setting { name: "REDIS_PORT", default: "6379", help: "port of Redis" },
    Setting { name: "REDIS_USERNAME", default: "", help: "user of Redis" },
    Setting { name: "REDIS_PASSWORD", default: "", help: "password of Redis" },
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

/// Where the application's database is, by Directus' names. `None` when nothing is configured, or what is cannot work;
/// the latter is recorded in `reader`.
pub fn database_from_reader(reader: &mut Reader<'_>) -> Option<Config> {
    if let Some(client) = reader.text("DB_CLIENT")
        && !matches!(&*client, "pg" | "postgres" | "postgresql")
    {
        reader.fault("DB_CLIENT", "pg; Tidegate works on Postgres only");
        return None;
    }
    if reader.flag("DB_SSL", false) {
        reader.fault("DB_SSL", "false; TLS to the database is not supported yet");
        return None;
    }
    let text = reader.text("DB_CONNECTION_STRING");
    let (host, database) = (reader.text("DB_HOST"), reader.text("DB_DATABASE"));
    if text.is_none() && host.is_none() && database.is_none() {
        return None;
    }
    let mut config = match text.map(|text| text.parse::<Config>()) {
        Some(Ok(config)) => config,
        Some(Err(_)) => {
            reader.fault("DB_CONNECTION_STRING", "a Postgres connection string");
            return None;
        }
        None => Config::new(),
    };
    // A later host would be tried besides the first, so single settings replace only what the string left open.
    if config.get_hosts().is_empty() {
        config.host(host.as_deref().unwrap_or("localhost"));
        let port = reader.integer("DB_PORT", 1..=65_535).and_then(|port| u16::try_from(port).ok()).unwrap_or(5432);
        config.port(port);
    }
    if let Some(database) = database {
        config.dbname(database);
    }
    if let Some(user) = reader.text("DB_USER") {
        config.user(user);
    }
    if let Some(password) = reader.text("DB_PASSWORD") {
        config.password(password);
    }
    if config.get_user().is_none() {
        reader.fault("DB_USER", "the user of the database");
        return None;
    }
    Some(with_liveness(config))
}

/// The worker's own way to the database: `CAPTURE_DB_URL`, else the application's.
pub fn worker_database_from_reader(reader: &mut Reader<'_>) -> Option<Config> {
    let Some(text) = reader.text("CAPTURE_DB_URL") else { return database_from_reader(reader) };
    match text.parse::<Config>() {
        Ok(config) if !config.get_hosts().is_empty() => Some(with_liveness(config)),
        Ok(_) | Err(_) => {
            reader.fault("CAPTURE_DB_URL", "a Postgres connection string with a host");
            None
        }
    }
}

/// A dead peer is noticed within seconds; a silent one would otherwise hold a worker for hours.
fn with_liveness(mut config: Config) -> Config {
    config
        .connect_timeout(Duration::from_secs(5))
        .keepalives(true)
        .keepalives_idle(Duration::from_secs(5))
        .keepalives_interval(Duration::from_secs(2))
        .keepalives_retries(3)
        .tcp_user_timeout(Duration::from_secs(10));
    config
}

/// Where Redis is, by Directus' names; `None` when it is not to be used.
pub fn redis_url_from_reader(reader: &mut Reader<'_>) -> Option<SecretString> {
    let (url, host) = (reader.text("REDIS"), reader.text("REDIS_HOST"));
    if !reader.flag("REDIS_ENABLED", url.is_some() || host.is_some()) {
        return None;
    }
    if let Some(url) = url {
        if !["redis://", "rediss://", "redis+unix://", "unix://"].iter().any(|scheme| url.starts_with(scheme)) {
            reader.fault("REDIS", "a URL that starts with redis://");
            return None;
        }
        return Some(url.into());
    }
    let host = host.unwrap_or_else(|| "localhost".to_owned());
    let port = reader.integer("REDIS_PORT", 1..=65_535).unwrap_or(6379);
    let user = reader.text("REDIS_USERNAME").map(|user| percent_encode(&user)).unwrap_or_default();
    let credentials = match reader.text("REDIS_PASSWORD") {
        Some(password) => format!("{user}:{}@", percent_encode(&password)),
        None if user.is_empty() => String::new(),
        None => format!("{user}@"),
    };
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host };
    Some(format!("redis://{credentials}{host}:{port}/").into())
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

fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use secrecy::ExposeSecret as _;

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
        let config = database_from_reader(&mut reader).unwrap();
        assert_eq!((config.get_dbname(), config.get_user(), config.get_ports()), (Some("news"), Some("u"), &[6432][..]));
        assert!(reader.finish(()).is_ok());
    }

    #[test]
    fn the_worker_may_go_past_a_pooler() {
        let lookup = lookup(&[("DB_HOST", "pooler"), ("DB_USER", "u"), ("CAPTURE_DB_URL", "postgres://w@direct:5433/news")]);
        let mut reader = Reader::new(&lookup);
        assert_eq!(worker_database_from_reader(&mut reader).unwrap().get_ports(), &[5433]);
        assert_eq!(database_from_reader(&mut reader).unwrap().get_ports(), &[5432]);
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

    #[test]
    fn redis_parts_make_a_url() {
        for (pairs, expect) in [
            (&[("REDIS", "redis://h:1/2")][..], Some("redis://h:1/2")),
            (&[("REDIS", "redis://h"), ("REDIS_ENABLED", "false")], None),
            (&[("REDIS_HOST", "h"), ("REDIS_PASSWORD", "p@ss")], Some("redis://:p%40ss@h:6379/")),
            (&[("REDIS_HOST", "h"), ("REDIS_PORT", "7"), ("REDIS_USERNAME", "u"), ("REDIS_PASSWORD", "p")], Some("redis://u:p@h:7/")),
            (&[("REDIS_ENABLED", "true")], Some("redis://localhost:6379/")),
        ] {
            let lookup = lookup(pairs);
            let url = redis_url_from_reader(&mut Reader::new(&lookup));
            assert_eq!(url.as_ref().map(|url| url.expose_secret()), expect);
        }
    }
}
