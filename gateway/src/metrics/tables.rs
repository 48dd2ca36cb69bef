//! The table of the gateway's metrics: what `/metrics` serves and `docs/metrics.md` says.
//!
//! It must never lag behind: a test compares it with a scrape of a running node, names, types and label values.

use service_runtime::metrics::{Label, Metric};

use crate::database::Cause;
use crate::error::CloseReason;
use crate::limits::LimitReason;

/// Every metric of a node; those of its feed are in [`change_capture::bus::FEED_METRICS`], those of every process in
/// [`service_runtime::metrics::PROCESS`].
pub const METRICS: &[&Metric] = &[
    &CONNECTIONS,
    &CONNECTIONS_LIMIT,
    &REFUSED_UPGRADES,
    &CLOSED_CONNECTIONS,
    &AUTHENTICATIONS,
    &AUTHENTICATION_SECONDS,
    &MESSAGES,
    &ERRORS,
    &OPERATION_SECONDS,
    &SUBSCRIPTIONS,
    &GROUPS,
    &EVENTS,
    &FEED_SECONDS,
    &DELIVERY_SECONDS,
    &DELIVERIES,
    &RESUMES,
    &EVENT_READS,
    &SENT_FRAMES,
    &SENT_BYTES,
    &SEND_QUEUE_BYTES,
    &SLOW_CONSUMERS,
    &BUS_AVAILABLE,
    &POOL_CONNECTIONS,
    &POOL_LIMIT,
    &POOL_WAITING,
    &POOL_WAIT_SECONDS,
    &STATEMENT_SECONDS,
    &GATHERED_WRITES,
    &GATHERED_TRANSACTIONS,
    &SCHEMA_COLLECTIONS,
    &DIRECTORY_REVISION,
    &DIRECTORY_RELOADS,
    &CACHE_ENTRIES,
    &CACHE_HITS,
    &CACHE_MISSES,
    &REFUSALS,
    &LIMITS_SHARED,
    &LIMIT_EXCHANGES,
    &MESSAGE_MEMORY,
    &DRAIN_BATCHES,
];

pub(super) const CONNECTIONS: Metric = Metric::gauge("tidegate_gateway_connections", "Open sockets, by state.")
    .by(&[Label { name: "state", values: &["unauthenticated", "authenticated"] }]);
pub(super) const CONNECTIONS_LIMIT: Metric =
    Metric::gauge("tidegate_gateway_connections_limit", "The most connections that this node accepts (`GATEWAY_MAX_CONNECTIONS`).");
pub(super) const REFUSED_UPGRADES: Metric = Metric::counter("tidegate_gateway_refused_upgrades_total", "Upgrades refused, by reason.")
    .by(&[Label { name: "reason", values: crate::http::upgrade::REFUSALS }]);
pub(super) const CLOSED_CONNECTIONS: Metric = Metric::counter(
    "tidegate_gateway_closed_connections_total",
    "Sockets that have ended, by reason; [close-codes.md](close-codes.md) explains each.",
)
.by(&[Label { name: "reason", values: CLOSE_REASONS }]);
pub(super) const AUTHENTICATIONS: Metric =
    Metric::counter("tidegate_gateway_authentications_total", "Proofs of identity, by method and outcome, over sockets and HTTP.").by(&[
        Label { name: "method", values: METHODS },
        Label {
            name: "outcome",
            values: &["accepted", "invalid_credentials", "invalid_token", "expired", "suspended", "invalid_otp", "unavailable", "limited"],
        },
    ]);
pub(super) const AUTHENTICATION_SECONDS: Metric = Metric::histogram(
    "tidegate_gateway_authentication_seconds",
    "How long proofs of identity take, by method, seconds; a refused login is held back for `LOGIN_STALL_TIME`.",
    SECONDS,
)
.by(&[Label { name: "method", values: METHODS }]);
pub(super) const MESSAGES: Metric =
    Metric::counter("tidegate_gateway_messages_total", "Messages received on sockets, by type.").by(&[Label {
        name: "type",
        values: &[
            "auth",
            "connection_init",
            "ping",
            "pong",
            "items",
            "subscribe",
            "unsubscribe",
            "complete",
            "other",
            "unknown",
            "invalid",
        ],
    }]);
pub(super) const ERRORS: Metric = Metric::counter("tidegate_gateway_errors_total", "Messages answered with an error, by code.")
    .by(&[Label { name: "code", values: CODES }]);
pub(super) const OPERATION_SECONDS: Metric = Metric::histogram(
    "tidegate_gateway_operation_seconds",
    "How long operations of clients take, by operation, over sockets and HTTP, seconds.",
    SECONDS,
)
.by(&[Label { name: "operation", values: &["read", "create", "update", "delete", "subscribe"] }]);
pub(super) const SUBSCRIPTIONS: Metric = Metric::gauge("tidegate_gateway_subscriptions", "Live subscriptions.");
pub(super) const GROUPS: Metric =
    Metric::gauge("tidegate_gateway_subscription_groups", "Live subscription groups: what an event is judged for, however many members.");
pub(super) const EVENTS: Metric = Metric::counter(
    "tidegate_gateway_events_total",
    "Change events by stage: taken from the bus, judged for one group, became a frame for one group.",
)
.by(&[Label { name: "stage", values: &["received", "evaluated", "matched"] }]);
pub(super) const FEED_SECONDS: Metric = Metric::histogram(
    "tidegate_gateway_feed_seconds",
    "From the writing statement to the node taking its event from the bus, seconds; one observation per event.",
    LATENCY,
);
pub(super) const DELIVERY_SECONDS: Metric = Metric::histogram(
    "tidegate_gateway_delivery_seconds",
    "From the writing statement to its frame handed to the sockets of a group, seconds; one observation per event and group. The rest of \
     the writer's transaction is part of it.",
    LATENCY,
);
pub(super) const DELIVERIES: Metric = Metric::counter("tidegate_gateway_deliveries_total", "Frames handed to the sockets of subscribers.");
pub(super) const RESUMES: Metric = Metric::counter(
    "tidegate_gateway_resumes_total",
    "Subscriptions that asked to go on from a position, by outcome; all but RESUMED began anew.",
)
.by(&[Label {
    name: "outcome",
    values: &[
        "RESUMED",
        "POSITION_INVALID",
        "POSITION_EXPIRED",
        "VIEW_CHANGED",
        "VIEW_NOT_REPLAYABLE",
        "VIEW_RESET",
        "TOO_SLOW",
        "STREAM_UNAVAILABLE",
    ],
}]);
pub(super) const EVENT_READS: Metric =
    Metric::counter("tidegate_gateway_event_reads_total", "Database reads that change events caused, per group and never per subscriber.");
pub(super) const SENT_FRAMES: Metric = Metric::counter("tidegate_gateway_sent_frames_total", "Frames written to sockets.");
pub(super) const SENT_BYTES: Metric = Metric::counter("tidegate_gateway_sent_bytes_total", "Bytes written to sockets.");
pub(super) const SEND_QUEUE_BYTES: Metric =
    Metric::gauge("tidegate_gateway_send_queue_bytes", "Bytes that wait for clients which do not keep up, all connections together.");
pub(super) const SLOW_CONSUMERS: Metric =
    Metric::counter("tidegate_gateway_slow_consumers_total", "Connections closed because their queue was full.");
pub(super) const BUS_AVAILABLE: Metric = Metric::gauge("tidegate_gateway_bus_available", "1 while the bus is reachable.");
pub(super) const POOL_CONNECTIONS: Metric =
    Metric::gauge("tidegate_gateway_pool_connections", "Open connections to the database, by state.")
        .by(&[Label { name: "state", values: &["idle", "used"] }]);
pub(super) const POOL_LIMIT: Metric =
    Metric::gauge("tidegate_gateway_pool_limit", "The most connections to the database (`DB_POOL__MAX`).");
pub(super) const POOL_WAITING: Metric =
    Metric::gauge("tidegate_gateway_pool_waiting", "Operations that wait for a connection to the database.");
pub(super) const POOL_WAIT_SECONDS: Metric =
    Metric::histogram("tidegate_gateway_pool_wait_seconds", "How long statements wait for a connection to the database, seconds.", SECONDS);
pub(super) const STATEMENT_SECONDS: Metric = Metric::histogram(
    "tidegate_gateway_statement_seconds",
    "How long statements take in the database, by cause, seconds; the wait for a connection is apart.",
    SECONDS,
)
.by(&[Label { name: "cause", values: CAUSES }]);
pub(super) const GATHERED_WRITES: Metric = Metric::counter(
    "tidegate_gateway_gathered_writes_total",
    "Writes of one row that went together with others in one transaction (`GATEWAY_WRITES_TOGETHER`).",
);
pub(super) const GATHERED_TRANSACTIONS: Metric =
    Metric::counter("tidegate_gateway_gathered_transactions_total", "The transactions that such writes went in.");
pub(super) const SCHEMA_COLLECTIONS: Metric = Metric::gauge("tidegate_gateway_schema_collections", "Collections in the schema overview.");
pub(super) const DIRECTORY_REVISION: Metric =
    Metric::gauge("tidegate_gateway_directory_revision", "Grows with every effective change of schema or access.");
pub(super) const DIRECTORY_RELOADS: Metric =
    Metric::counter("tidegate_gateway_directory_reloads_total", "Times that a part of schema and access was read again, by part.")
        .by(&[Label { name: "part", values: &["schema", "access", "lookups"] }]);
pub(super) const CACHE_ENTRIES: Metric =
    Metric::gauge("tidegate_gateway_permission_cache_entries", "What is held of derived permissions, by cache.")
        .by(&[Label { name: "cache", values: CACHES }]);
pub(super) const CACHE_HITS: Metric =
    Metric::counter("tidegate_gateway_permission_cache_hits_total", "Look-ups that found what they wanted, by cache.")
        .by(&[Label { name: "cache", values: CACHES }]);
pub(super) const CACHE_MISSES: Metric =
    Metric::counter("tidegate_gateway_permission_cache_misses_total", "Look-ups that had to work it out, by cache.")
        .by(&[Label { name: "cache", values: CACHES }]);

pub(super) const REFUSALS: Metric =
    Metric::counter("tidegate_gateway_refusals_total", "What a limit refused, by reason; [limits.md](limits.md) explains each.")
        .by(&[Label { name: "reason", values: LIMIT_REASONS }]);
pub(super) const LIMITS_SHARED: Metric = Metric::gauge(
    "tidegate_gateway_limits_shared",
    "1 while the nodes count their limits together through Redis, 0 while this one counts alone.",
);
pub(super) const LIMIT_EXCHANGES: Metric =
    Metric::counter("tidegate_gateway_limit_exchanges_total", "Used budgets of users and addresses that other nodes were told of.");
pub(super) const MESSAGE_MEMORY: Metric = Metric::gauge(
    "tidegate_gateway_message_memory_bytes",
    "Bytes of large messages and bodies that are arriving or in work (`GATEWAY_MESSAGE_MEMORY`).",
);
pub(super) const DRAIN_BATCHES: Metric =
    Metric::counter("tidegate_gateway_drain_batches_total", "Batches of connections that were closed because the node ends.");

/// Of policies compiled, permissions resolved for a session, and values of variables that the database was asked for.
const CACHES: &[&str] = &["rule_sets", "permissions", "variables"];
const METHODS: &[&str] = &["token", "login", "refresh"];
const SECONDS: &[f64] = &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];
const LATENCY: &[f64] = &[0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

const CAUSES: &[&str] = &{
    let [request, event, directory, authentication] = Cause::ALL;
    [request.label(), event.label(), directory.label(), authentication.label()]
};

#[expect(clippy::indexing_slicing, reason = "worked out by the compiler, which would stop at a wrong index")]
const CLOSE_REASONS: &[&str] = &{
    let mut labels = [""; CloseReason::ALL.len()];
    let mut place = 0;
    while place < labels.len() {
        labels[place] = CloseReason::ALL[place].label();
        place += 1;
    }
    labels
};

#[expect(clippy::indexing_slicing, reason = "worked out by the compiler, which would stop at a wrong index")]
const LIMIT_REASONS: &[&str] = &{
    let mut labels = [""; LimitReason::ALL.len()];
    let mut place = 0;
    while place < labels.len() {
        labels[place] = LimitReason::ALL[place].label();
        place += 1;
    }
    labels
};

/// The codes of `error::ClientError` and of refusals; a test there asks for each.
pub(crate) const CODES: &[&str] = &[
    "FORBIDDEN",
    "INVALID_QUERY",
    "INVALID_PAYLOAD",
    "COLLECTION_INACTIVE",
    "FAILED_VALIDATION",
    "RECORD_NOT_UNIQUE",
    "INVALID_FOREIGN_KEY",
    "VALUE_OUT_OF_RANGE",
    "VALUE_TOO_LONG",
    "NOT_NULL_VIOLATION",
    "AUTH_FAILED",
    "AUTH_TIMEOUT",
    "TOKEN_EXPIRED",
    "INVALID_CREDENTIALS",
    "INVALID_COLLECTION",
    "REQUESTS_EXCEEDED",
    "LIMIT_EXCEEDED",
    "CONTENT_TOO_LARGE",
    "REQUEST_TIMEOUT",
    "ROUTE_NOT_FOUND",
    "SERVICE_UNAVAILABLE",
    "INTERNAL_SERVER_ERROR",
];
