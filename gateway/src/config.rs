//! The gateway's configuration: the only file that names a key.
//!
//! Directus' own names work as they are; new ones start with `GATEWAY_`. It must never print a value: faults name keys.
//! Durations follow `service_runtime::config::parse_duration`: a unit is exact, a bare number of 1000 or more is
//! milliseconds, a smaller one seconds.

mod limits;
mod settings;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use access::query::QueryLimits;
use ipnet::IpNet;
use regex::Regex;
use secrecy::SecretString;
use service_runtime::config::{Fault, Lookup, Reader};
use service_runtime::telemetry::LogStyle;
use service_runtime::trace::TraceConfig;

use crate::auth::Hashing;

pub use limits::{LimitsConfig, RatePerKey};
pub use settings::SETTINGS;

/// Everything a gateway process is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// `HOST`, `PORT`.
    pub listen: SocketAddr,
    /// `GATEWAY_ADMIN_PORT`; `None` when 0.
    pub admin: Option<SocketAddr>,
    /// `PUBLIC_URL`.
    pub public_url: String,
    /// The `OTEL_` settings; `None` sends no traces.
    pub traces: Option<TraceConfig>,
    /// `LOG_LEVEL`, `LOG_STYLE`.
    pub log: LogConfig,
    /// `DB_*`.
    pub database: DatabaseConfig,
    /// `REDIS*`, `GATEWAY_BUS_*`.
    pub bus: BusConfig,
    /// `SECRET`, token times, cookies.
    pub auth: AuthConfig,
    /// `WEBSOCKETS_*`.
    pub websockets: WebSocketsConfig,
    /// `RATE_LIMITER_*`.
    pub rate_limit: Option<RateLimit>,
    /// `QUERY_LIMIT_*`, `MAX_RELATIONAL_DEPTH`, `MAX_JSON_QUERY_DEPTH`.
    pub query: QueryLimits,
    /// `GRAPHQL_*`, `GATEWAY_GRAPHQL_*`.
    pub graphql: GraphQlConfig,
    /// `MAX_BATCH_MUTATION`.
    pub max_batch_mutation: Option<u64>,
    /// `GATEWAY_WRITES_TOGETHER`: writes of one row in one transaction at most.
    pub writes_together: usize,
    /// `CORS_*`.
    pub cors: CorsConfig,
    /// `IP_TRUST_PROXY`, `IP_CUSTOM_HEADER`.
    pub proxy: ProxyTrust,
    /// `MAX_PAYLOAD_SIZE`: the largest HTTP body in bytes.
    pub max_payload: usize,
    /// What one connection and one node may hold.
    pub bounds: Bounds,
    /// What several connections together may do.
    pub limits: LimitsConfig,
    /// How a node ends.
    pub drain: DrainConfig,
    /// `GATEWAY_AGGREGATE_INTERVAL`: the least time between two messages of an aggregate subscription.
    pub aggregate_interval: Duration,
}

/// Logging.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// A Directus level name.
    pub level: String,
    /// Text or JSON.
    pub style: LogStyle,
}

/// The database.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// Where and who, and how the way there is protected.
    pub connection: change_capture::config::DatabaseAddress,
    /// `DB_POOL__MAX`: connections per node.
    pub pool_max: usize,
    /// `GATEWAY_QUERY_TIMEOUT`: the longest a statement may run.
    pub statement_timeout: Duration,
    /// `DB_EXCLUDE_TABLES`.
    pub exclude_tables: Vec<String>,
}

/// The bus.
#[derive(Debug, Clone)]
pub struct BusConfig {
    /// `REDIS` or `REDIS_*`; `None` for the in-process bus.
    pub redis: Option<SecretString>,
    /// `REDIS_TLS__*`.
    pub redis_tls: change_capture::config::RedisTls,
    /// `GATEWAY_BUS_NAMESPACE`.
    pub namespace: String,
}

/// Tokens, passwords and cookies.
#[derive(Debug, Clone)]
pub struct AuthConfig {
    /// `SECRET`: signs and checks JWTs.
    pub secret: SecretString,
    /// `ACCESS_TOKEN_TTL`.
    pub access_token_ttl: Duration,
    /// `REFRESH_TOKEN_TTL`.
    pub refresh_token_ttl: Duration,
    /// `REFRESH_TOKEN_COOKIE_*`.
    pub refresh_cookie: CookieConfig,
    /// `SESSION_COOKIE_*`.
    pub session_cookie: CookieConfig,
    /// `SESSION_COOKIE_TTL`.
    pub session_ttl: Duration,
    /// `HASH_*`: how new password hashes are made.
    pub hashing: Hashing,
    /// `LOGIN_STALL_TIME`: a failed login takes at least this long.
    pub login_stall: Duration,
}

/// One cookie's attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieConfig {
    /// The name.
    pub name: String,
    /// `Domain`.
    pub domain: Option<String>,
    /// `Secure`.
    pub secure: bool,
    /// `SameSite`: `strict`, `lax` or `none`.
    pub same_site: String,
}

/// How a WebSocket endpoint authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// Nobody has to.
    Public,
    /// By the first message.
    Handshake,
    /// By the request.
    Strict,
}

/// The sockets.
#[derive(Debug, Clone)]
pub struct WebSocketsConfig {
    /// `WEBSOCKETS_ENABLED`. Directus' default is false; a gateway that serves no sockets is useless, so ours is true.
    pub enabled: bool,
    /// `WEBSOCKETS_REST_*`; `None` when disabled.
    pub rest: Option<EndpointConfig>,
    /// `WEBSOCKETS_GRAPHQL_*`; `None` when disabled.
    pub graphql: Option<EndpointConfig>,
    /// `WEBSOCKETS_LOGS_*`; `None` when disabled.
    pub logs: Option<LogsEndpointConfig>,
    /// `WEBSOCKETS_HEARTBEAT_PERIOD`; `None` when disabled.
    pub heartbeat: Option<Duration>,
}

/// What a GraphQL document may ask, and how many schemas are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphQlConfig {
    /// `GRAPHQL_INTROSPECTION`.
    pub introspection: bool,
    /// `GRAPHQL_QUERY_TOKEN_LIMIT`: lexical tokens of a document.
    pub tokens: usize,
    /// `GATEWAY_GRAPHQL_MAX_DEPTH`: levels of selections.
    pub depth: usize,
    /// `GATEWAY_GRAPHQL_MAX_COMPLEXITY`: fields of an operation, its fragments spread.
    pub complexity: usize,
    /// `GRAPHQL_SCHEMA_CACHE_CAPACITY`.
    pub schemas: NonZeroUsize,
    /// `GRAPHQL_SCHEMA_GENERATION_MAX_CONCURRENT`.
    pub generations: usize,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointConfig {
    /// The exact path.
    pub path: String,
    /// How it authenticates.
    pub mode: AuthMode,
    /// For the handshake, and for a new token after expiry.
    pub auth_timeout: Duration,
    /// Connections per node; `None` is unlimited.
    pub connection_limit: Option<u64>,
}

/// The logs endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogsEndpointConfig {
    /// The exact path.
    pub path: String,
    /// The lowest level that is streamed.
    pub level: String,
    /// Whole records instead of reduced ones.
    pub raw: bool,
    /// Connections per node; `None` is unlimited.
    pub connection_limit: Option<u64>,
}

/// A fixed window of points per connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Messages per window.
    pub points: u32,
    /// The window.
    pub duration: Duration,
}

/// Cross-origin rules.
#[derive(Debug, Clone)]
pub struct CorsConfig {
    /// `CORS_ENABLED`.
    pub enabled: bool,
    /// `CORS_ORIGIN`.
    pub origin: CorsOrigin,
    /// `CORS_METHODS`.
    pub methods: String,
    /// `CORS_ALLOWED_HEADERS`.
    pub allowed_headers: String,
    /// `CORS_EXPOSED_HEADERS`.
    pub exposed_headers: String,
    /// `CORS_CREDENTIALS`.
    pub credentials: bool,
    /// `CORS_MAX_AGE`, seconds.
    pub max_age: u64,
}

/// Which origins are allowed.
#[derive(Debug, Clone)]
pub enum CorsOrigin {
    /// None.
    Nobody,
    /// Any; the request's origin is echoed.
    Anybody,
    /// Any of these.
    List(Vec<OriginPattern>),
}

/// One allowed origin.
#[derive(Debug, Clone)]
pub enum OriginPattern {
    /// Exactly this.
    Exact(String),
    /// `regex:…`.
    Pattern(Regex),
}

/// Whose forwarding headers are believed.
#[derive(Debug, Clone, Default)]
pub struct ProxyTrust {
    /// `IP_TRUST_PROXY`.
    pub trust: TrustedProxies,
    /// `IP_CUSTOM_HEADER`.
    pub custom_header: Option<String>,
}

/// The proxies in front of a node.
#[derive(Debug, Clone, Default)]
pub enum TrustedProxies {
    /// `false`: the peer is the client.
    #[default]
    Nobody,
    /// `true`: the leftmost forwarded address is the client.
    Everybody,
    /// That many hops, from the peer on.
    Hops(usize),
    /// These networks.
    Networks(Vec<IpNet>),
}

/// Bounds of everything that a client can make grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// `GATEWAY_MAX_MESSAGE_BYTES`: one WebSocket message.
    pub message_bytes: usize,
    /// `GATEWAY_MAX_MESSAGE_BYTES_UNAUTHENTICATED`: one message before authentication.
    pub message_bytes_unauthenticated: usize,
    /// `GATEWAY_SEND_QUEUE_BYTES`: what waits to be written to one connection.
    pub send_queue_bytes: usize,
    /// `GATEWAY_MAX_PENDING_OPERATIONS`: messages of one connection in work at once.
    pub pending_operations: usize,
    /// `GATEWAY_MAX_SUBSCRIPTIONS`: subscriptions of one connection.
    pub subscriptions: usize,
    /// `GATEWAY_MAX_UNAUTHENTICATED`: sockets of one node that have not authenticated yet.
    pub unauthenticated: usize,
    /// `GATEWAY_MAX_HTTP_CONNECTIONS`: TCP connections of one node.
    pub connections: usize,
    /// `GATEWAY_HEADER_TIMEOUT`: from accept to the end of the request head.
    pub header_timeout: Duration,
    /// `GATEWAY_BODY_TIMEOUT`: from the end of the head to the end of the body.
    pub body_timeout: Duration,
    /// `GATEWAY_REPLY_TIMEOUT`: how long a client may take none of a reply.
    pub reply_timeout: Duration,
    /// `GATEWAY_VIEW_KEYS_MAX`: keys remembered for one group whose filter reaches into other collections.
    pub view_keys: usize,
}

/// How a node ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainConfig {
    /// `GATEWAY_DRAIN_TIMEOUT`: from SIGTERM to the last close.
    pub timeout: Duration,
    /// `GATEWAY_DRAIN_DELAY`: the part of it in which the node is not ready, yet serves as before.
    pub delay: Duration,
    /// `GATEWAY_DRAIN_BATCH`: connections closed together.
    pub batch: usize,
}

/// How a process runs; decides what must be configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `serve`: a stateless node on Redis.
    Serve,
    /// `standalone`: node, worker and in-process bus.
    Standalone,
}

impl Config {
    /// Reads and validates the whole configuration.
    ///
    /// # Errors
    /// All faults at once, by key.
    pub fn read(lookup: &dyn Lookup, role: Role) -> Result<Self, Vec<Fault>> {
        let mut r = Reader::new(lookup);
        let host = r.text_or("HOST", "0.0.0.0");
        let host = host.parse::<IpAddr>().unwrap_or_else(|_| {
            if host == "localhost" {
                return IpAddr::from([127, 0, 0, 1]);
            }
            r.fault("HOST", "an IP address");
            IpAddr::from([0, 0, 0, 0])
        });
        let port = port(&mut r, "PORT", 8055);
        let admin_port = self::port(&mut r, "GATEWAY_ADMIN_PORT", 0);
        let connection = change_capture::config::database_from_reader(&mut r).unwrap_or_else(|| {
            // Nothing at all, or a fault that is recorded already: read on, so that every fault is told at once.
            r.fault("DB_DATABASE", "the database, by the DB_ settings or DB_CONNECTION_STRING");
            tokio_postgres::Config::new().into()
        });
        let redis = change_capture::config::redis_url_from_reader(&mut r);
        if role == Role::Serve && redis.is_none() {
            r.fault("REDIS", "a redis:// address: a node of `serve` hears of changes through Redis");
        }
        let secret = r.secret("SECRET");
        if secret.is_none() {
            r.fault("SECRET", "the secret that signs tokens, the same as Directus'");
        }
        let config = Self {
            listen: SocketAddr::new(host, port),
            admin: (admin_port != 0).then(|| SocketAddr::new(host, admin_port)),
            public_url: r.text_or("PUBLIC_URL", "/"),
            traces: TraceConfig::from_reader(&mut r, "tidegate-gateway"),
            log: LogConfig { level: r.text_or("LOG_LEVEL", "info"), style: log_style(&r) },
            database: DatabaseConfig {
                connection,
                pool_max: size(&mut r, "DB_POOL__MAX", 10, 1..=1000),
                statement_timeout: r.milliseconds("GATEWAY_QUERY_TIMEOUT", Duration::from_secs(15)),
                exclude_tables: list(&r.text_or("DB_EXCLUDE_TABLES", "spatial_ref_sys,sysdiagrams")),
            },
            bus: BusConfig {
                redis,
                redis_tls: change_capture::config::redis_tls_from_reader(&mut r),
                namespace: r.text_or("GATEWAY_BUS_NAMESPACE", "tidegate"),
            },
            auth: auth(&mut r, secret.unwrap_or_default()),
            websockets: websockets(&mut r),
            rate_limit: rate_limit(&mut r),
            query: QueryLimits {
                default_limit: r.integer("QUERY_LIMIT_DEFAULT", -1..=i64::MAX).map_or(100, |n| u64::try_from(n).unwrap_or(u64::MAX)),
                max_limit: r.integer("QUERY_LIMIT_MAX", -1..=i64::MAX).and_then(|n| u64::try_from(n).ok()),
                max_relational_depth: depth(&mut r, "MAX_RELATIONAL_DEPTH", 2),
                max_json_depth: depth(&mut r, "MAX_JSON_QUERY_DEPTH", 1),
                max_conditions: size(&mut r, "GATEWAY_MAX_FILTER_CONDITIONS", 2_000, 1..=10_000),
                max_values: size(&mut r, "GATEWAY_MAX_FILTER_VALUES", 65_535, 1..=65_535),
            },
            graphql: graphql(&mut r),
            max_batch_mutation: match r.text("MAX_BATCH_MUTATION").as_deref() {
                None | Some("Infinity" | "infinity") => None,
                Some(_) => r.integer("MAX_BATCH_MUTATION", 0..=i64::MAX).and_then(|n| u64::try_from(n).ok()),
            },
            writes_together: size(&mut r, "GATEWAY_WRITES_TOGETHER", 64, 1..=1_000),
            cors: cors(&mut r),
            proxy: proxy(&mut r),
            max_payload: bytes(&mut r, "MAX_PAYLOAD_SIZE", 1_000_000),
            limits: limits::limits(&mut r),
            bounds: bounds(&mut r),
            drain: drain(&mut r),
            aggregate_interval: r.milliseconds("GATEWAY_AGGREGATE_INTERVAL", Duration::from_millis(250)),
        };
        r.finish(config)
    }

    /// Names that look like ours or Directus' socket settings but are not known: most likely misspelt.
    #[must_use]
    pub fn unknown_names(lookup: &dyn Lookup) -> Vec<String> {
        let known = |name: &str| {
            SETTINGS.iter().chain(change_capture::SETTINGS).chain(change_capture::BUS_CAPACITY_SETTINGS).any(|setting| setting.name == name)
        };
        let ours = |name: &str| ["WEBSOCKETS_", "GATEWAY_", "CAPTURE_"].iter().any(|prefix| name.starts_with(prefix));
        lookup.names().into_iter().filter(|name| ours(name) && !known(name)).collect()
    }

    /// The path of the `.env` file that wins over the process environment: `CONFIG_PATH`, else `.env` where it exists.
    #[must_use]
    pub fn env_file(lookup: &dyn Lookup) -> PathBuf {
        lookup.get("CONFIG_PATH").map_or_else(|| PathBuf::from(".env"), PathBuf::from)
    }
}

impl AuthMode {
    /// The name in the settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Handshake => "handshake",
            Self::Strict => "strict",
        }
    }
}

impl CorsOrigin {
    /// Whether `origin` is allowed.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        match self {
            Self::Nobody => false,
            Self::Anybody => true,
            Self::List(patterns) => patterns.iter().any(|pattern| match pattern {
                OriginPattern::Exact(exact) => exact == origin,
                OriginPattern::Pattern(pattern) => pattern.is_match(origin),
            }),
        }
    }
}

fn port(r: &mut Reader<'_>, name: &str, default: u16) -> u16 {
    r.integer(name, 0..=65_535).and_then(|n| u16::try_from(n).ok()).unwrap_or(default)
}

fn size(r: &mut Reader<'_>, name: &str, default: usize, range: std::ops::RangeInclusive<i64>) -> usize {
    r.integer(name, range).and_then(|n| usize::try_from(n).ok()).unwrap_or(default)
}

fn depth(r: &mut Reader<'_>, name: &str, least: i64) -> u32 {
    r.integer(name, least..=100).and_then(|n| u32::try_from(n).ok()).unwrap_or(10)
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// A number of bytes: `1048576`, `1mb`, `512kb` (powers of 1024, as the `bytes` notation of Node programs).
fn bytes(r: &mut Reader<'_>, name: &str, default: usize) -> usize {
    let Some(text) = r.text(name) else { return default };
    let lower = text.trim().to_ascii_lowercase();
    let split = lower.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(lower.len());
    let (number, unit) = lower.split_at(split);
    let factor = match unit.trim() {
        "" | "b" => Some(1.0),
        "kb" | "k" => Some(1024.0),
        "mb" | "m" => Some(1024.0 * 1024.0),
        "gb" | "g" => Some(1024.0 * 1024.0 * 1024.0),
        _ => None,
    };
    match (number.parse::<f64>(), factor) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be positive and far below the limit")]
        (Ok(number), Some(factor)) if number * factor <= 4e12 => (number * factor) as usize,
        _ => {
            r.fault(name, "a number of bytes such as 1048576 or 1mb");
            default
        }
    }
}

fn log_style(r: &Reader<'_>) -> LogStyle {
    if r.text("LOG_STYLE").as_deref() == Some("raw") { LogStyle::Raw } else { LogStyle::Pretty }
}

fn cookie(r: &mut Reader<'_>, prefix: &str, default: &str) -> CookieConfig {
    CookieConfig {
        name: r.text_or(&format!("{prefix}_NAME"), default),
        domain: r.text(&format!("{prefix}_DOMAIN")),
        secure: r.flag(&format!("{prefix}_SECURE"), false),
        same_site: r.text_or(&format!("{prefix}_SAME_SITE"), "lax").to_ascii_lowercase(),
    }
}

fn auth(r: &mut Reader<'_>, secret: SecretString) -> AuthConfig {
    AuthConfig {
        hashing: hashing(r),
        secret,
        access_token_ttl: r.duration("ACCESS_TOKEN_TTL", Duration::from_secs(15 * 60)),
        refresh_token_ttl: r.duration("REFRESH_TOKEN_TTL", Duration::from_secs(7 * 86_400)),
        refresh_cookie: cookie(r, "REFRESH_TOKEN_COOKIE", "directus_refresh_token"),
        session_cookie: cookie(r, "SESSION_COOKIE", "directus_session_token"),
        session_ttl: r.duration("SESSION_COOKIE_TTL", Duration::from_secs(86_400)),
        login_stall: r.milliseconds("LOGIN_STALL_TIME", Duration::from_millis(500)),
    }
}

/// Parameters that do not go together are a fault of the setting that bounds the others.
fn hashing(r: &mut Reader<'_>) -> Hashing {
    let mut number =
        |name: &str, default: u32| r.integer(name, 0..=i64::from(u32::MAX)).and_then(|n| u32::try_from(n).ok()).unwrap_or(default);
    let (kind, memory, passes) = (number("HASH_TYPE", 2), number("HASH_MEMORY_COST", 65_536), number("HASH_TIME_COST", 3));
    let (lanes, length) = (number("HASH_PARALLELISM", 4), number("HASH_LENGTH", 32));
    let data = r.text("HASH_ASSOCIATED_DATA").unwrap_or_default();
    Hashing::new(kind, memory, passes, lanes, length as usize, data.as_bytes()).unwrap_or_else(|| {
        r.fault(
            "HASH_MEMORY_COST",
            "at least 8 KiB per lane, with HASH_TYPE 0 to 2, HASH_LENGTH from 4 and HASH_ASSOCIATED_DATA up to 32 bytes",
        );
        Hashing::default()
    })
}

fn endpoint(r: &mut Reader<'_>, kind: &str, default_path: &str) -> Option<EndpointConfig> {
    let name = |what: &str| format!("WEBSOCKETS_{kind}_{what}");
    let enabled = r.flag(&name("ENABLED"), true);
    let mode = match r.text_or(&name("AUTH"), "handshake").to_ascii_lowercase().as_str() {
        "public" => AuthMode::Public,
        "handshake" => AuthMode::Handshake,
        "strict" => AuthMode::Strict,
        _ => {
            r.fault(&name("AUTH"), "public, handshake or strict");
            AuthMode::Handshake
        }
    };
    // The guides also write WEBSOCKETS_AUTH_TIMEOUT.
    let fallback = r.duration("WEBSOCKETS_AUTH_TIMEOUT", Duration::from_secs(10));
    let endpoint = EndpointConfig {
        path: r.text_or(&name("PATH"), default_path),
        mode,
        auth_timeout: r.duration(&name("AUTH_TIMEOUT"), fallback),
        connection_limit: connection_limit(r, &name("CONN_LIMIT")),
    };
    enabled.then_some(endpoint)
}

fn connection_limit(r: &mut Reader<'_>, name: &str) -> Option<u64> {
    match r.text(name).as_deref() {
        None | Some("Infinity" | "infinity") => None,
        Some(_) => r.integer(name, 0..=i64::MAX).and_then(|n| u64::try_from(n).ok()),
    }
}

fn websockets(r: &mut Reader<'_>) -> WebSocketsConfig {
    let enabled = r.flag("WEBSOCKETS_ENABLED", true);
    let rest = endpoint(r, "REST", "/websocket").filter(|_| enabled);
    let graphql = endpoint(r, "GRAPHQL", "/graphql").filter(|_| enabled);
    let logs_enabled = r.flag("WEBSOCKETS_LOGS_ENABLED", true);
    let logs = LogsEndpointConfig {
        path: r.text_or("WEBSOCKETS_LOGS_PATH", "/websocket/logs"),
        level: r.text_or("WEBSOCKETS_LOGS_LEVEL", "info"),
        raw: r.text("WEBSOCKETS_LOGS_STYLE").as_deref() == Some("raw"),
        connection_limit: connection_limit(r, "WEBSOCKETS_LOGS_CONN_LIMIT"),
    };
    let heartbeat_enabled = r.flag("WEBSOCKETS_HEARTBEAT_ENABLED", true);
    let period = r.duration("WEBSOCKETS_HEARTBEAT_PERIOD", Duration::from_secs(30));
    if period.is_zero() {
        r.fault("WEBSOCKETS_HEARTBEAT_PERIOD", "a duration above zero");
    }
    WebSocketsConfig {
        enabled,
        rest,
        graphql,
        logs: (enabled && logs_enabled).then_some(logs),
        heartbeat: heartbeat_enabled.then_some(period),
    }
}

fn graphql(r: &mut Reader<'_>) -> GraphQlConfig {
    GraphQlConfig {
        introspection: r.flag("GRAPHQL_INTROSPECTION", true),
        tokens: size(r, "GRAPHQL_QUERY_TOKEN_LIMIT", 5_000, 1..=1_000_000),
        depth: size(r, "GATEWAY_GRAPHQL_MAX_DEPTH", 20, 1..=100),
        complexity: size(r, "GATEWAY_GRAPHQL_MAX_COMPLEXITY", 5_000, 1..=1_000_000),
        schemas: NonZeroUsize::new(size(r, "GRAPHQL_SCHEMA_CACHE_CAPACITY", 100, 1..=100_000)).unwrap_or(NonZeroUsize::MIN),
        generations: size(r, "GRAPHQL_SCHEMA_GENERATION_MAX_CONCURRENT", 5, 1..=1_000),
    }
}

fn rate_limit(r: &mut Reader<'_>) -> Option<RateLimit> {
    let enabled = r.flag("RATE_LIMITER_ENABLED", false);
    let general = r.integer("RATE_LIMITER_POINTS", 1..=i64::from(u32::MAX));
    let points = r.integer("RATE_LIMITER_WEBSOCKETS_POINTS", 1..=i64::from(u32::MAX)).or(general);
    let general = r.duration("RATE_LIMITER_DURATION", Duration::from_secs(1));
    let duration = r.duration("RATE_LIMITER_WEBSOCKETS_DURATION", general);
    enabled.then(|| RateLimit { points: points.and_then(|n| u32::try_from(n).ok()).unwrap_or(50), duration })
}

fn cors(r: &mut Reader<'_>) -> CorsConfig {
    let origin = match r.text_or("CORS_ORIGIN", "false").as_str() {
        "false" => CorsOrigin::Nobody,
        "true" => CorsOrigin::Anybody,
        text => CorsOrigin::List(
            list(text)
                .into_iter()
                .filter_map(|item| match item.strip_prefix("regex:") {
                    None => Some(OriginPattern::Exact(item)),
                    Some(pattern) => Regex::new(pattern.trim_matches('/'))
                        .map(OriginPattern::Pattern)
                        .map_err(|_| r.fault("CORS_ORIGIN", "a valid regular expression after regex:"))
                        .ok(),
                })
                .collect(),
        ),
    };
    CorsConfig {
        enabled: r.flag("CORS_ENABLED", false),
        origin,
        methods: r.text_or("CORS_METHODS", "GET,POST,PATCH,DELETE"),
        allowed_headers: r.text_or("CORS_ALLOWED_HEADERS", "Content-Type,Authorization"),
        exposed_headers: r.text_or("CORS_EXPOSED_HEADERS", "Content-Range"),
        credentials: r.flag("CORS_CREDENTIALS", true),
        max_age: r.integer("CORS_MAX_AGE", 0..=i64::MAX).and_then(|n| u64::try_from(n).ok()).unwrap_or(18_000),
    }
}

fn proxy(r: &mut Reader<'_>) -> ProxyTrust {
    let trust = match r.text_or("IP_TRUST_PROXY", "false").trim() {
        "false" => TrustedProxies::Nobody,
        "true" => TrustedProxies::Everybody,
        text => match text.parse::<usize>() {
            Ok(hops) => TrustedProxies::Hops(hops),
            Err(_) => TrustedProxies::Networks(
                list(text)
                    .iter()
                    .flat_map(|item| {
                        let networks = networks(item);
                        if networks.is_empty() {
                            r.fault("IP_TRUST_PROXY", "true, false, a number of hops, or a list of addresses and CIDR blocks");
                        }
                        networks
                    })
                    .collect(),
            ),
        },
    };
    let custom_header = r.text("IP_CUSTOM_HEADER").filter(|name| name != "false").map(|name| name.to_ascii_lowercase());
    ProxyTrust { trust, custom_header }
}

/// An address, a block, or one of the three names that Express knows.
fn networks(item: &str) -> Vec<IpNet> {
    let named: &[&str] = match item {
        "loopback" => &["127.0.0.0/8", "::1/128"],
        "linklocal" => &["169.254.0.0/16", "fe80::/10"],
        "uniquelocal" => &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
        _ => return item.parse::<IpNet>().or_else(|_| item.parse::<IpAddr>().map(IpNet::from)).into_iter().collect(),
    };
    named.iter().filter_map(|block| block.parse().ok()).collect()
}

fn bounds(r: &mut Reader<'_>) -> Bounds {
    Bounds {
        message_bytes: bytes(r, "GATEWAY_MAX_MESSAGE_BYTES", 104_857_600),
        message_bytes_unauthenticated: bytes(r, "GATEWAY_MAX_MESSAGE_BYTES_UNAUTHENTICATED", 65_536),
        send_queue_bytes: bytes(r, "GATEWAY_SEND_QUEUE_BYTES", 1_048_576),
        pending_operations: size(r, "GATEWAY_MAX_PENDING_OPERATIONS", 32, 1..=10_000),
        subscriptions: size(r, "GATEWAY_MAX_SUBSCRIPTIONS", 200, 1..=1_000_000),
        unauthenticated: size(r, "GATEWAY_MAX_UNAUTHENTICATED", 5_000, 1..=10_000_000),
        connections: size(r, "GATEWAY_MAX_CONNECTIONS", 100_000, 1..=100_000_000),
        header_timeout: r.milliseconds("GATEWAY_HEADER_TIMEOUT", Duration::from_secs(10)),
        body_timeout: r.milliseconds("GATEWAY_BODY_TIMEOUT", Duration::from_secs(30)),
        reply_timeout: r.milliseconds("GATEWAY_REPLY_TIMEOUT", Duration::from_secs(30)),
        view_keys: size(r, "GATEWAY_VIEW_KEYS_MAX", 100_000, 0..=100_000_000),
    }
}

fn drain(r: &mut Reader<'_>) -> DrainConfig {
    let drain = DrainConfig {
        timeout: r.milliseconds("GATEWAY_DRAIN_TIMEOUT", Duration::from_secs(20)),
        delay: r.milliseconds("GATEWAY_DRAIN_DELAY", Duration::ZERO),
        batch: size(r, "GATEWAY_DRAIN_BATCH", 50, 1..=1_000_000),
    };
    if drain.delay >= drain.timeout {
        r.fault("GATEWAY_DRAIN_DELAY", "less than GATEWAY_DRAIN_TIMEOUT, of which it is a part");
    }
    drain
}

#[cfg(test)]
mod tests;
