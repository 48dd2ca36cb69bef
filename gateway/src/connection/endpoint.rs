//! What a kind of endpoint decides about its connections.
//!
//! It must never hold the connection: the lifecycle owns that and calls back here.

use std::future::Future;
use std::sync::Arc;

use bytes::BytesMut;

use crate::auth::Identity;
use crate::connection::frame::Frame;
use crate::connection::session::Session;
use crate::error::CloseReason;
use crate::protocol::server;

/// The kinds of endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndpointKind {
    /// `WEBSOCKETS_REST_PATH`.
    Rest,
    /// `WEBSOCKETS_GRAPHQL_PATH`.
    GraphQl,
    /// `WEBSOCKETS_LOGS_PATH`.
    Logs,
}

/// Why the rights of a connection are others than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RightsChange {
    /// The token has expired: public rights, until a new token comes.
    Expired,
    /// A clock ran out, or a new authentication failed: public rights for good.
    Lost,
}

/// An endpoint: makes conversations and knows what else hangs on a connection.
pub trait Endpoint: Send + Sync + 'static {
    /// One connection's messages.
    type Conversation: Conversation;

    /// Begins the conversation of a new connection.
    fn converse(&self, session: &Arc<Session>) -> Self::Conversation;

    /// Nobody in particular, from where this connection comes.
    fn public(&self, session: &Session) -> Identity;

    /// The rights of a connection have changed by themselves.
    fn rights_changed(&self, session: &Arc<Session>, change: RightsChange) -> impl Future<Output = ()> + Send;

    /// The connection is no more; called once, whatever happened.
    fn closed(&self, session: &Arc<Session>) -> impl Future<Output = ()> + Send;
}

/// What becomes of the messages of one connection.
pub trait Conversation: Send {
    /// Handles one message, text or binary alike. The next one is read when this returns: whatever may take long and need
    /// not keep its order goes to a task of its own.
    fn message(&mut self, bytes: BytesMut) -> impl Future<Output = ()> + Send;
}

impl EndpointKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Rest, Self::GraphQl, Self::Logs];

    /// The name in metrics and traces.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::GraphQl => "graphql",
            Self::Logs => "logs",
        }
    }

    /// What closes a connection whose identity lapses. `None`: a message tells it, and it may authenticate anew where the
    /// protocol lets it. A client of graphql-transport-ws ends for good at a message that it does not know, and connects
    /// again, with a new token, after this close.
    #[must_use]
    pub const fn lapse(self) -> Option<CloseReason> {
        match self {
            Self::Rest | Self::Logs => None,
            Self::GraphQl => Some(CloseReason::Forbidden),
        }
    }

    /// The server's sign of life.
    #[must_use]
    pub fn ping(self) -> Frame {
        match self {
            Self::Rest | Self::Logs => server::ping(),
            Self::GraphQl => Frame::ping(),
        }
    }
}
