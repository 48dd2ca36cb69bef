//! `connection_init`: the handshake of the subprotocol, with the token in its payload where the mode wants one.
//!
//! It must never acknowledge a connection whose token was not proven, and never mistake a database that is away for a
//! wrong token.

use std::sync::Arc;

use serde_json::Value;

use crate::auth::AuthError;
use crate::config::AuthMode;
use crate::connection::session::Session;
use crate::error::{ClientError, CloseReason};
use crate::protocol::graphql;
use crate::protocol::server::{self, MessageType};
use crate::state::Gateway;

/// Handles one `connection_init` of a connection that is not acknowledged yet. Returns whether it is now.
pub(super) async fn initialise(state: &Gateway, session: &Arc<Session>, payload: Option<Value>) -> bool {
    match session.mode() {
        // Who it is was decided by the request, or by a message of type `auth`; a token in the payload is ignored.
        AuthMode::Public | AuthMode::Strict => {
            session.send(graphql::acknowledged());
            return true;
        }
        AuthMode::Handshake => {}
    }
    match graphql::access_token(payload) {
        Ok(Some(token)) => authenticate(state, session, &token).await,
        Ok(None) => {
            session.queue().close(CloseReason::Forbidden);
            false
        }
        Err(text) => {
            session.send(graphql::malformed_initialisation(&text));
            false
        }
    }
}

async fn authenticate(state: &Gateway, session: &Arc<Session>, token: &str) -> bool {
    let attempt = session.begin_authentication();
    let access_changes = state.connections.access_changes();
    match state.authenticator.token(token, Arc::clone(session.client())).await {
        Ok(identity) if !identity.is_anonymous() => {
            if session.claim(&state.limits, identity.accountability.user).await.is_err() {
                // The user is who he says, and has as many connections as he may.
                session.queue().close(CloseReason::TooManyConnections);
                return false;
            }
            session.identify(identity);
            session.send(graphql::acknowledged());
            session.look_again(&state.authenticator, access_changes).await;
            true
        }
        // Nobody has looked at the token.
        Err(AuthError::TooManyFailures { .. }) => {
            session.resume(&attempt);
            session.queue().close(CloseReason::Overloaded);
            false
        }
        Err(AuthError::Unavailable(error)) => {
            tracing::warn!(connection = %session.id(), %error, "a token could not be checked; the client is told to come again");
            session.resume(&attempt);
            session.queue().close(CloseReason::Overloaded);
            false
        }
        // A token of nobody is none. As observed the connection stays, until its time is over.
        Ok(_)
        | Err(
            AuthError::InvalidCredentials | AuthError::InvalidToken | AuthError::Expired | AuthError::Suspended | AuthError::InvalidOtp,
        ) => {
            session.resume(&attempt);
            session.send(server::error(MessageType::Auth, &ClientError::AuthFailed, None));
            false
        }
    }
}
