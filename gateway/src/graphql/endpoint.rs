//! The endpoint of `WEBSOCKETS_GRAPHQL_PATH`: what else hangs on its connections.
//!
//! It must never let a connection stay that speaks another subprotocol, or that has not introduced itself in time.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio::time::Instant;

use crate::auth::Identity;
use crate::connection::endpoint::{Endpoint, RightsChange};
use crate::connection::session::Session;
use crate::error::CloseReason;
use crate::graphql::conversation::GraphQlConversation;
use crate::protocol::graphql::SUBPROTOCOL;
use crate::state::Gateway;
use crate::subscription;

/// From the upgrade to an accepted `connection_init`, in every mode.
const INTRODUCTION: Duration = Duration::from_secs(3);

/// The endpoint, for one upgrade.
pub struct GraphQlEndpoint {
    state: Arc<Gateway>,
    /// The subprotocol that the handshake agrees to is ours.
    acceptable: bool,
}

impl GraphQlEndpoint {
    /// The endpoint of a node, for an upgrade with these headers. The handshake echoes the first subprotocol on offer.
    #[must_use]
    pub fn new(state: Arc<Gateway>, headers: &HeaderMap) -> Self {
        let first =
            headers.get(SEC_WEBSOCKET_PROTOCOL).and_then(|offered| offered.to_str().ok()).and_then(|offered| offered.split(',').next());
        Self { state, acceptable: first.is_some_and(|first| first.trim() == SUBPROTOCOL) }
    }
}

impl Endpoint for GraphQlEndpoint {
    type Conversation = GraphQlConversation;

    fn converse(&self, session: &Arc<Session>) -> GraphQlConversation {
        if self.acceptable {
            session.introduce_by(Some(Instant::now() + INTRODUCTION));
        } else {
            session.queue().close(CloseReason::SubprotocolNotAcceptable);
        }
        GraphQlConversation::new(Arc::clone(&self.state), Arc::clone(session))
    }

    fn public(&self, session: &Session) -> Identity {
        self.state.authenticator.public(Arc::clone(session.client()))
    }

    async fn rights_changed(&self, session: &Arc<Session>, _change: RightsChange) {
        subscription::refresh(&self.state, Some(session.id())).await;
    }

    async fn closed(&self, session: &Arc<Session>) {
        self.state.subscriptions.close(session.id()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::lifecycle::{self, Connection};
    use crate::metrics::Metrics;

    fn size_of_future<F>(_run: fn(&'static GraphQlEndpoint, &'static Metrics, Box<Connection>) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_connection_holds_no_operations() {
        let size = size_of_future(lifecycle::run::<GraphQlEndpoint>);
        println!("{size} bytes");
        assert!(size < 1536, "{size} bytes: what is large and rare has to be boxed");
    }
}
