//! Why a connection ends: log field, metric label and close code at once. `docs/close-codes.md` is the table for clients.
//!
//! It must never give one code two meanings: the ranges say what a client should do.

use crate::limits::LimitReason;

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// Authentication failed; an error frame went before.
    AuthenticationFailed,
    /// No authentication in time, at the start or after the token expired; an error frame went before.
    AuthenticationTimedOut,
    /// The user, token or session behind the connection has ended; an error frame went before.
    AccessEnded,
    /// The client was silent for one period after a ping.
    HeartbeatMissed,
    /// The client closed; its code is echoed.
    ClientClosed(Option<u16>),
    /// The connection broke without a close; nobody reads the close frame.
    PeerGone,
    /// The client broke RFC 6455.
    ProtocolError,
    /// A text message or close reason is no UTF-8.
    InvalidText,
    /// A message is over its bound.
    MessageTooBig,
    /// A fault of this program.
    InternalError,
    /// The node holds as much of large messages as it may.
    Overloaded,
    /// This node ends; others go on.
    Drain,
    /// The connection may have missed something that cannot be repaired in place.
    Resynchronise,
    /// The client reads too slowly; what waits for it is over its bound.
    SlowConsumer,
    /// The user has as many connections as he may; an error frame went before.
    TooManyConnections,
    /// GraphQL: a message that the subprotocol does not know, or malformed.
    InvalidMessage,
    /// GraphQL: an operation before the connection was acknowledged.
    NotAcknowledged,
    /// GraphQL: nobody has authenticated, or the identity has ended.
    Forbidden,
    /// GraphQL: the client offers another subprotocol first.
    SubprotocolNotAcceptable,
    /// GraphQL: no accepted `connection_init` in time.
    InitialisationTimedOut,
    /// GraphQL: an operation under an id that is in use.
    SubscriberExists,
    /// GraphQL: a second `connection_init`.
    TooManyInitialisations,
}

/// What a client should do after a close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Advice {
    /// Connect again, after a short random delay.
    Reconnect,
    /// Get a new token, then connect.
    Authenticate,
    /// The client is at fault: the same would happen again.
    Correct,
    /// Nothing: the client wanted it.
    Nothing,
}

impl CloseReason {
    /// Every reason, once.
    pub const ALL: [Self; 22] = [
        Self::AuthenticationFailed,
        Self::AuthenticationTimedOut,
        Self::AccessEnded,
        Self::HeartbeatMissed,
        Self::ClientClosed(None),
        Self::PeerGone,
        Self::ProtocolError,
        Self::InvalidText,
        Self::MessageTooBig,
        Self::InternalError,
        Self::Overloaded,
        Self::Drain,
        Self::Resynchronise,
        Self::SlowConsumer,
        Self::TooManyConnections,
        Self::InvalidMessage,
        Self::NotAcknowledged,
        Self::Forbidden,
        Self::SubprotocolNotAcceptable,
        Self::InitialisationTimedOut,
        Self::SubscriberExists,
        Self::TooManyInitialisations,
    ];

    /// The WebSocket close code; `None` sends an empty close frame, which clients report as 1005.
    #[must_use]
    pub const fn code(self) -> Option<u16> {
        match self {
            Self::AuthenticationFailed | Self::AuthenticationTimedOut | Self::AccessEnded | Self::HeartbeatMissed | Self::PeerGone => None,
            Self::ClientClosed(code) => code,
            Self::ProtocolError => Some(1002),
            Self::InvalidText => Some(1007),
            Self::MessageTooBig => Some(1009),
            Self::InternalError => Some(1011),
            Self::Drain => Some(1012),
            Self::Overloaded => Some(1013),
            Self::Resynchronise => Some(4001),
            Self::SlowConsumer => Some(4008),
            Self::TooManyConnections => Some(4029),
            Self::InvalidMessage => Some(4400),
            Self::NotAcknowledged => Some(4401),
            Self::Forbidden => Some(4403),
            Self::SubprotocolNotAcceptable => Some(4406),
            Self::InitialisationTimedOut => Some(4408),
            Self::SubscriberExists => Some(4409),
            Self::TooManyInitialisations => Some(4429),
        }
    }

    /// The limit that closed it, where who refused has not counted it already.
    #[must_use]
    pub const fn limit(self) -> Option<LimitReason> {
        match self {
            Self::MessageTooBig => Some(LimitReason::MessageSize),
            Self::Overloaded => Some(LimitReason::MessageMemory),
            Self::AuthenticationFailed
            | Self::AuthenticationTimedOut
            | Self::AccessEnded
            | Self::HeartbeatMissed
            | Self::ClientClosed(_)
            | Self::PeerGone
            | Self::ProtocolError
            | Self::InvalidText
            | Self::InternalError
            | Self::Drain
            | Self::Resynchronise
            | Self::SlowConsumer
            | Self::TooManyConnections
            | Self::InvalidMessage
            | Self::NotAcknowledged
            | Self::Forbidden
            | Self::SubprotocolNotAcceptable
            | Self::InitialisationTimedOut
            | Self::SubscriberExists
            | Self::TooManyInitialisations => None,
        }
    }

    /// The text of the close frame; sent only with a code.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::AuthenticationFailed
            | Self::AuthenticationTimedOut
            | Self::AccessEnded
            | Self::HeartbeatMissed
            | Self::ClientClosed(_)
            | Self::PeerGone => "",
            // Their codes say all, and as observed nothing else does.
            Self::ProtocolError | Self::InvalidText | Self::MessageTooBig => "",
            Self::InternalError => "Internal error",
            Self::Drain => "Service restart",
            Self::Resynchronise => "Resynchronise",
            Self::SlowConsumer => "Slow consumer",
            Self::Overloaded => "Try again later",
            Self::TooManyConnections => "Too many connections",
            Self::InvalidMessage => "Invalid message received",
            Self::NotAcknowledged => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::SubprotocolNotAcceptable => "Subprotocol not acceptable",
            Self::InitialisationTimedOut => "Connection initialisation timeout",
            Self::SubscriberExists => "Subscriber already exists",
            Self::TooManyInitialisations => "Too many initialisation requests",
        }
    }

    /// The name in logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::AuthenticationFailed => "authentication_failed",
            Self::AuthenticationTimedOut => "authentication_timed_out",
            Self::AccessEnded => "access_ended",
            Self::HeartbeatMissed => "heartbeat_missed",
            Self::ClientClosed(_) => "client_closed",
            Self::PeerGone => "peer_gone",
            Self::ProtocolError => "protocol_error",
            Self::InvalidText => "invalid_text",
            Self::MessageTooBig => "message_too_big",
            Self::InternalError => "internal_error",
            Self::Drain => "drain",
            Self::Resynchronise => "resynchronise",
            Self::SlowConsumer => "slow_consumer",
            Self::Overloaded => "overloaded",
            Self::TooManyConnections => "too_many_connections",
            Self::InvalidMessage => "invalid_message",
            Self::NotAcknowledged => "not_acknowledged",
            Self::Forbidden => "forbidden",
            Self::SubprotocolNotAcceptable => "subprotocol_not_acceptable",
            Self::InitialisationTimedOut => "initialisation_timed_out",
            Self::SubscriberExists => "subscriber_exists",
            Self::TooManyInitialisations => "too_many_initialisations",
        }
    }

    /// What the client should do.
    #[must_use]
    pub const fn advice(self) -> Advice {
        match self {
            Self::AuthenticationFailed | Self::AuthenticationTimedOut | Self::AccessEnded | Self::Forbidden => Advice::Authenticate,
            Self::HeartbeatMissed
            | Self::PeerGone
            | Self::InternalError
            | Self::Overloaded
            | Self::Drain
            | Self::Resynchronise
            | Self::SlowConsumer
            | Self::TooManyConnections
            | Self::InitialisationTimedOut => Advice::Reconnect,
            Self::ProtocolError
            | Self::InvalidText
            | Self::MessageTooBig
            | Self::InvalidMessage
            | Self::NotAcknowledged
            | Self::SubprotocolNotAcceptable
            | Self::SubscriberExists
            | Self::TooManyInitialisations => Advice::Correct,
            Self::ClientClosed(_) => Advice::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// The table that clients read.
    const DOCUMENT: &str = include_str!("../../../docs/close-codes.md");

    #[test]
    fn the_document_lists_every_reason() {
        for reason in CloseReason::ALL {
            let code = if reason == CloseReason::ClientClosed(None) {
                "the client's own".to_owned()
            } else if reason == CloseReason::PeerGone {
                "none".to_owned()
            } else {
                reason.code().map_or("1005".to_owned(), |code| code.to_string())
            };
            let advice = match reason.advice() {
                Advice::Reconnect => "reconnect",
                Advice::Authenticate => "authenticate, then reconnect",
                Advice::Correct => "do not repeat",
                Advice::Nothing => "nothing",
            };
            let row = format!("| {code} | `{}` | {} | {advice} |", reason.label(), reason.text());
            assert!(DOCUMENT.contains(&row), "docs/close-codes.md lacks\n{row}");
        }
    }

    #[test]
    fn codes_and_labels_are_distinct() {
        let codes: Vec<u16> = CloseReason::ALL.iter().filter_map(|reason| reason.code()).collect();
        assert_eq!(codes.iter().collect::<HashSet<_>>().len(), codes.len());
        assert_eq!(CloseReason::ALL.iter().map(|reason| reason.label()).collect::<HashSet<_>>().len(), CloseReason::ALL.len());
        for reason in CloseReason::ALL {
            // 4400 to 4499 are those of graphql-transport-ws, which defines them.
            let private = reason.code().filter(|code| (4000..4400).contains(code) || *code >= 4500);
            assert!(private.is_none_or(|code| code < 4100 && reason.advice() == Advice::Reconnect), "4000-4099 means reconnect");
        }
    }
}
