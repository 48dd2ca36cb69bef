//! Which limit refused: metric label, and the first column of `docs/limits.md`.
//!
//! It must never tell the client more than its code does: whose limit was reached is for operators.

/// Which limit refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitReason {
    /// `RATE_LIMITER_*`: messages of one connection.
    MessagesPerConnection,
    /// `GATEWAY_MESSAGES_PER_USER`.
    MessagesPerUser,
    /// `GATEWAY_MESSAGES_PER_IP`.
    MessagesPerAddress,
    /// `RATE_LIMITER_*`: HTTP requests of one address.
    RequestsPerAddress,
    /// `GATEWAY_UPGRADES_PER_IP`.
    UpgradesPerAddress,
    /// `GATEWAY_FAILED_LOGINS_PER_IP`.
    FailedLogins,
    /// `auth_login_attempts` in the settings of the project: the user was suspended.
    LoginAttempts,
    /// `WEBSOCKETS_*_CONN_LIMIT`.
    ConnectionsPerEndpoint,
    /// `GATEWAY_MAX_UNAUTHENTICATED`.
    Unauthenticated,
    /// `GATEWAY_CONNECTIONS_PER_CLUSTER`.
    ConnectionsPerCluster,
    /// `GATEWAY_CONNECTIONS_PER_USER`.
    ConnectionsPerUser,
    /// `GATEWAY_CONNECTIONS_PER_IP`.
    ConnectionsPerAddress,
    /// `GATEWAY_MAX_SUBSCRIPTIONS`.
    Subscriptions,
    /// `MAX_RELATIONAL_DEPTH`, `QUERY_LIMIT_MAX`, `GATEWAY_MAX_FILTER_*` and the other bounds of a query.
    QueryCost,
    /// `GATEWAY_MAX_MESSAGE_BYTES*`.
    MessageSize,
    /// `GATEWAY_MESSAGE_MEMORY`.
    MessageMemory,
    /// `MAX_PAYLOAD_SIZE`.
    BodySize,
    /// `GATEWAY_BODY_TIMEOUT`.
    BodyTime,
    /// `GATEWAY_REPLY_TIMEOUT`.
    ReplyTime,
}

impl LimitReason {
    /// Every reason, once.
    pub const ALL: [Self; 19] = [
        Self::MessagesPerConnection,
        Self::MessagesPerUser,
        Self::MessagesPerAddress,
        Self::RequestsPerAddress,
        Self::UpgradesPerAddress,
        Self::FailedLogins,
        Self::LoginAttempts,
        Self::ConnectionsPerEndpoint,
        Self::Unauthenticated,
        Self::ConnectionsPerCluster,
        Self::ConnectionsPerUser,
        Self::ConnectionsPerAddress,
        Self::Subscriptions,
        Self::QueryCost,
        Self::MessageSize,
        Self::MessageMemory,
        Self::BodySize,
        Self::BodyTime,
        Self::ReplyTime,
    ];

    /// The name in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::MessagesPerConnection => "messages_per_connection",
            Self::MessagesPerUser => "messages_per_user",
            Self::MessagesPerAddress => "messages_per_ip",
            Self::RequestsPerAddress => "requests_per_ip",
            Self::UpgradesPerAddress => "upgrades_per_ip",
            Self::FailedLogins => "failed_logins_per_ip",
            Self::LoginAttempts => "login_attempts",
            Self::ConnectionsPerEndpoint => "connections_per_endpoint",
            Self::Unauthenticated => "unauthenticated",
            Self::ConnectionsPerCluster => "connections_per_cluster",
            Self::ConnectionsPerUser => "connections_per_user",
            Self::ConnectionsPerAddress => "connections_per_ip",
            Self::Subscriptions => "subscriptions",
            Self::QueryCost => "query_cost",
            Self::MessageSize => "message_size",
            Self::MessageMemory => "message_memory",
            Self::BodySize => "body_size",
            Self::BodyTime => "body_time",
            Self::ReplyTime => "reply_time",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table that operators read.
    const DOCUMENT: &str = include_str!("../../../docs/limits.md");

    #[test]
    fn the_document_lists_every_reason_once() {
        for reason in LimitReason::ALL {
            let rows = DOCUMENT.matches(&format!("| `{}` |", reason.label())).count();
            assert_eq!(rows, 1, "docs/limits.md has {rows} rows of {}", reason.label());
        }
        assert_eq!(DOCUMENT.lines().filter(|line| line.starts_with("| `")).count(), LimitReason::ALL.len());
    }
}
