//! The one table of what a client sees when something goes wrong: error codes with their texts, and close codes.
//!
//! It must never show internal text. Causes (a driver's message, a path, a panic) travel inside [`Cause`] to the log and
//! have no way to the wire: [`ClientError::message`] and [`ClientError::extensions`] are written by hand, variant by
//! variant, and neither type is made from `anyhow::Error` or a driver's error by `?`.

mod close_reason;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use access::refusal::Refusal;
use change_capture::bus::BusError;
use serde_json::{Value, json};

pub use close_reason::{Advice, CloseReason};

use crate::database::DatabaseError;
use crate::items::ItemsError;
use crate::limits::LimitReason;
use crate::protocol::envelope::MAX_VALUES;

/// How much of a client's own text an error repeats.
const ECHO_MAX: usize = 100;

/// An error as a client sees it, on a socket or over HTTP.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The request is refused by the rules of the data model or of permissions.
    #[error("refused: {}", .0.code())]
    Refusal(Refusal),
    /// The first message did not authenticate.
    #[error("handshake failed")]
    HandshakeFailed,
    /// A later message did not authenticate, or the identity has ended.
    #[error("authentication failed")]
    AuthFailed,
    /// No authentication in time.
    #[error("authentication timed out")]
    AuthTimeout,
    /// The token has expired.
    #[error("token expired")]
    TokenExpired,
    /// Wrong e-mail address, password or token over HTTP.
    #[error("invalid credentials")]
    InvalidCredentials,
    /// `items` does not touch system collections.
    #[error("system collection")]
    InvalidCollection,
    /// The connection has used up its messages.
    #[error("too many messages")]
    RequestsExceeded {
        /// Until the next window.
        retry_after: Duration,
    },
    /// Not JSON.
    #[error("unparsable message")]
    Unparsable,
    /// JSON of too many values.
    #[error("message of too many values")]
    TooManyValues,
    /// A message of a wrong shape; the text for the client, prefix included.
    #[error("message of a wrong shape")]
    Validation(String),
    /// A `type` that nobody knows.
    #[error("unknown message type")]
    UnknownType(String),
    /// The connection holds as many subscriptions as it may.
    #[error("too many subscriptions")]
    TooManySubscriptions,
    /// The user has as many connections as he may.
    #[error("too many connections")]
    TooManyConnections,
    /// The address has made as many HTTP requests as it may.
    #[error("too many requests")]
    TooManyRequests {
        /// Until trying again can help.
        retry_after: Duration,
    },
    /// Too many logins of the address have failed.
    #[error("too many failed logins")]
    TooManyLogins {
        /// Until trying again can help.
        retry_after: Duration,
    },
    /// The body of a request is over its bound.
    #[error("body too large")]
    BodyTooLarge,
    /// The body of a request took longer than it may.
    #[error("body too slow")]
    BodyTooSlow,
    /// No such HTTP route.
    #[error("no such route")]
    RouteNotFound {
        /// The path.
        path: String,
    },
    /// Overloaded or ending; trying again helps.
    #[error("service unavailable")]
    ServiceUnavailable,
    /// A store is away; trying again helps.
    #[error("store unavailable")]
    StoreUnavailable(#[source] Cause),
    /// The operation took longer than it may.
    #[error("operation timed out")]
    TimedOut,
    /// A fault of this program.
    #[error("internal error")]
    Internal(#[source] Cause),
}

/// What really happened: for the log only.
#[derive(Debug)]
pub struct Cause(Box<dyn Error + Send + Sync + 'static>);

impl Cause {
    /// Keeps `error` for the log.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync + 'static>>) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl From<Refusal> for ClientError {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<DatabaseError> for ClientError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unavailable(_) | DatabaseError::Busy => Self::StoreUnavailable(Cause::new(error)),
            DatabaseError::Timeout => Self::TimedOut,
            DatabaseError::Sql(_) | DatabaseError::Form(_) => Self::Internal(Cause::new(error)),
        }
    }
}

impl From<ItemsError> for ClientError {
    fn from(error: ItemsError) -> Self {
        match error {
            ItemsError::Refusal(refusal) => refusal.into(),
            ItemsError::Database(error) => error.into(),
        }
    }
}

impl From<BusError> for ClientError {
    fn from(error: BusError) -> Self {
        Self::StoreUnavailable(Cause::new(error))
    }
}

impl ClientError {
    /// The code on the wire.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refusal(refusal) => refusal.code(),
            Self::HandshakeFailed | Self::AuthFailed => "AUTH_FAILED",
            Self::AuthTimeout => "AUTH_TIMEOUT",
            Self::TokenExpired => "TOKEN_EXPIRED",
            Self::InvalidCredentials => "INVALID_CREDENTIALS",
            Self::InvalidCollection => "INVALID_COLLECTION",
            Self::RequestsExceeded { .. } | Self::TooManyRequests { .. } | Self::TooManyLogins { .. } => "REQUESTS_EXCEEDED",
            Self::Unparsable | Self::TooManyValues | Self::Validation(_) | Self::UnknownType(_) => "INVALID_PAYLOAD",
            Self::TooManySubscriptions | Self::TooManyConnections => "LIMIT_EXCEEDED",
            Self::BodyTooLarge => "CONTENT_TOO_LARGE",
            Self::BodyTooSlow => "REQUEST_TIMEOUT",
            Self::RouteNotFound { .. } => "ROUTE_NOT_FOUND",
            Self::ServiceUnavailable | Self::StoreUnavailable(_) | Self::TimedOut => "SERVICE_UNAVAILABLE",
            Self::Internal(_) => "INTERNAL_SERVER_ERROR",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Refusal(refusal) => refusal.status(),
            Self::HandshakeFailed | Self::AuthFailed | Self::AuthTimeout | Self::TokenExpired | Self::InvalidCredentials => 401,
            Self::InvalidCollection | Self::TooManySubscriptions | Self::TooManyConnections => 403,
            Self::BodyTooSlow => 408,
            Self::BodyTooLarge => 413,
            Self::RequestsExceeded { .. } | Self::TooManyRequests { .. } | Self::TooManyLogins { .. } => 429,
            Self::Unparsable | Self::TooManyValues | Self::Validation(_) | Self::UnknownType(_) => 400,
            Self::RouteNotFound { .. } => 404,
            Self::ServiceUnavailable | Self::StoreUnavailable(_) | Self::TimedOut => 503,
            Self::Internal(_) => 500,
        }
    }

    /// The text on the wire.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Refusal(refusal) => refusal.message(),
            Self::HandshakeFailed => "Authentication handshake failed.".to_owned(),
            Self::AuthFailed => "Authentication failed.".to_owned(),
            Self::AuthTimeout => "Authentication timed out.".to_owned(),
            Self::TokenExpired => "Token expired.".to_owned(),
            Self::InvalidCredentials => "Invalid user credentials.".to_owned(),
            Self::InvalidCollection => "Cannot trigger an action on a system collection.".to_owned(),
            Self::RequestsExceeded { retry_after } => format!("Too many messages, retry after {}ms.", milliseconds(*retry_after)),
            Self::Unparsable => "Unable to parse the incoming message.".to_owned(),
            Self::TooManyValues => format!("The message holds more than {MAX_VALUES} JSON values."),
            Self::Validation(text) => text.clone(),
            Self::UnknownType(kind) => format!("Unknown message type \"{}\".", kind.chars().take(ECHO_MAX).collect::<String>()),
            Self::TooManySubscriptions => "The connection holds as many subscriptions as it may.".to_owned(),
            Self::TooManyConnections => "The user has as many connections as he may.".to_owned(),
            Self::TooManyRequests { retry_after } => format!("Too many requests, retry after {}ms.", milliseconds(*retry_after)),
            Self::TooManyLogins { retry_after } => format!("Too many failed logins, retry after {}ms.", milliseconds(*retry_after)),
            Self::BodyTooLarge => "Uploaded content is too large.".to_owned(),
            Self::BodyTooSlow => "The request's body took too long.".to_owned(),
            Self::RouteNotFound { path } => format!("Route {path} doesn't exist."),
            Self::ServiceUnavailable | Self::StoreUnavailable(_) => "The service is unavailable at the moment.".to_owned(),
            Self::TimedOut => "The operation took too long.".to_owned(),
            Self::Internal(_) => "An unexpected error occurred.".to_owned(),
        }
    }

    /// `extensions` of an HTTP error, the code included.
    #[must_use]
    pub fn extensions(&self) -> Value {
        let code = self.code();
        match self {
            Self::Refusal(refusal) => refusal.extensions(),
            Self::RouteNotFound { path } => json!({"path": path, "code": code}),
            Self::RequestsExceeded { retry_after } | Self::TooManyRequests { retry_after } | Self::TooManyLogins { retry_after } => {
                json!({"reset": milliseconds(*retry_after), "code": code})
            }
            Self::TooManySubscriptions => json!({"category": "subscriptions", "code": code}),
            Self::TooManyConnections => json!({"category": "connections", "code": code}),
            Self::HandshakeFailed
            | Self::AuthFailed
            | Self::AuthTimeout
            | Self::TokenExpired
            | Self::InvalidCredentials
            | Self::InvalidCollection
            | Self::BodyTooLarge
            | Self::BodyTooSlow
            | Self::Unparsable
            | Self::TooManyValues
            | Self::Validation(_)
            | Self::UnknownType(_)
            | Self::ServiceUnavailable
            | Self::StoreUnavailable(_)
            | Self::TimedOut
            | Self::Internal(_) => json!({"code": code}),
        }
    }

    /// The body of an HTTP reply. Several validation failures are several errors.
    #[must_use]
    pub fn body(&self) -> Value {
        if let Self::Refusal(Refusal::FailedValidation(failures)) = self {
            let errors: Vec<Value> =
                failures.iter().map(|failure| json!({"message": failure.message(), "extensions": failure.extensions()})).collect();
            return json!({"errors": errors});
        }
        json!({"errors": [{"message": self.message(), "extensions": self.extensions()}]})
    }

    /// The limit that refused, where the error stands for one and who refused has not counted it already.
    #[must_use]
    pub const fn limit(&self) -> Option<LimitReason> {
        match self {
            Self::Refusal(Refusal::QueryTooCostly(_)) => Some(LimitReason::QueryCost),
            Self::TooManySubscriptions => Some(LimitReason::Subscriptions),
            Self::BodyTooLarge => Some(LimitReason::BodySize),
            Self::BodyTooSlow => Some(LimitReason::BodyTime),
            Self::Refusal(_)
            | Self::HandshakeFailed
            | Self::AuthFailed
            | Self::AuthTimeout
            | Self::TokenExpired
            | Self::InvalidCredentials
            | Self::InvalidCollection
            | Self::RequestsExceeded { .. }
            | Self::Unparsable
            | Self::TooManyValues
            | Self::Validation(_)
            | Self::UnknownType(_)
            | Self::TooManyConnections
            | Self::TooManyRequests { .. }
            | Self::TooManyLogins { .. }
            | Self::RouteNotFound { .. }
            | Self::ServiceUnavailable
            | Self::StoreUnavailable(_)
            | Self::TimedOut
            | Self::Internal(_) => None,
        }
    }

    /// When trying again can help, where that is known.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        if let Self::RequestsExceeded { retry_after } | Self::TooManyRequests { retry_after } | Self::TooManyLogins { retry_after } = self {
            Some(*retry_after)
        } else {
            None
        }
    }

    /// Writes what a person may have to look at to the log. Refusals are no faults and leave no line.
    pub fn log(&self) {
        match self {
            Self::Internal(cause) => tracing::error!(cause = chain(cause), "internal error"),
            Self::StoreUnavailable(cause) => tracing::warn!(cause = chain(cause), "a store is away"),
            Self::Refusal(_)
            | Self::HandshakeFailed
            | Self::AuthFailed
            | Self::AuthTimeout
            | Self::TokenExpired
            | Self::InvalidCredentials
            | Self::InvalidCollection
            | Self::RequestsExceeded { .. }
            | Self::Unparsable
            | Self::TooManyValues
            | Self::Validation(_)
            | Self::UnknownType(_)
            | Self::TooManySubscriptions
            | Self::TooManyConnections
            | Self::TooManyRequests { .. }
            | Self::TooManyLogins { .. }
            | Self::BodyTooLarge
            | Self::BodyTooSlow
            | Self::ServiceUnavailable
            | Self::TimedOut
            | Self::RouteNotFound { .. } => {}
        }
    }
}

/// Whole milliseconds, at least one: a client that waits for zero asks again at once.
fn milliseconds(duration: Duration) -> u128 {
    duration.as_micros().div_ceil(1000).max(1)
}

/// A cause and its own causes in one line.
fn chain(cause: &Cause) -> String {
    let mut text = cause.to_string();
    let mut next = cause.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Uid;
    use crate::protocol::server::{MessageType, error};

    const SECRET: &str = "hush-7f3a";

    /// One of each variant; those that wrap a cause wrap the secret.
    fn all() -> Vec<ClientError> {
        let cause = || Cause::new(std::io::Error::other(SECRET));
        vec![
            ClientError::Refusal(Refusal::Forbidden),
            ClientError::HandshakeFailed,
            ClientError::AuthFailed,
            ClientError::AuthTimeout,
            ClientError::TokenExpired,
            ClientError::InvalidCredentials,
            ClientError::InvalidCollection,
            ClientError::RequestsExceeded { retry_after: Duration::from_millis(1000) },
            ClientError::Unparsable,
            ClientError::TooManyValues,
            ClientError::Validation("Validation error: x".into()),
            ClientError::UnknownType("x".into()),
            ClientError::TooManySubscriptions,
            ClientError::TooManyConnections,
            ClientError::TooManyRequests { retry_after: Duration::from_millis(1000) },
            ClientError::TooManyLogins { retry_after: Duration::from_millis(1000) },
            ClientError::BodyTooLarge,
            ClientError::BodyTooSlow,
            ClientError::ServiceUnavailable,
            ClientError::TimedOut,
            ClientError::RouteNotFound { path: "/x".into() },
            ClientError::StoreUnavailable(cause()),
            ClientError::Internal(cause()),
        ]
    }

    #[test]
    fn every_code_is_a_documented_label() {
        for each in all() {
            assert!(crate::metrics::CODES.contains(&each.code()), "{} is missing in metrics/tables.rs", each.code());
        }
    }

    #[test]
    fn no_cause_reaches_a_client() {
        let mut wrapped = 0;
        for each in all() {
            let frame = error(MessageType::Server, &each, Some(&Uid::from("u")));
            let shown = format!("{}{}{each}", String::from_utf8_lossy(frame.bytes()), each.body());
            assert!(!shown.contains(SECRET), "{shown}");
            let (ClientError::StoreUnavailable(cause) | ClientError::Internal(cause)) = &each else { continue };
            assert!(chain(cause).contains(SECRET), "the log gets it");
            wrapped += 1;
        }
        assert_eq!(wrapped, 2);
    }

    #[test]
    fn bodies_are_exact() {
        let check = |error: ClientError, expect: Value| assert_eq!(error.body(), expect);
        check(
            ClientError::RouteNotFound { path: "/websocket".into() },
            json!({"errors": [{"message": "Route /websocket doesn't exist.", "extensions": {"path": "/websocket", "code": "ROUTE_NOT_FOUND"}}]}),
        );
        check(
            ClientError::RequestsExceeded { retry_after: Duration::from_micros(59_990_500) },
            json!({"errors": [{"message": "Too many messages, retry after 59991ms.", "extensions": {"reset": 59991, "code": "REQUESTS_EXCEEDED"}}]}),
        );
        check(
            ClientError::InvalidCredentials,
            json!({"errors": [{"message": "Invalid user credentials.", "extensions": {"code": "INVALID_CREDENTIALS"}}]}),
        );
    }

    #[test]
    fn a_clients_own_text_is_cut() {
        assert!(ClientError::UnknownType("x".repeat(1_000_000)).message().len() < 200);
    }
}
