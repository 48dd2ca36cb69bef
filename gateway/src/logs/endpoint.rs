//! The logs endpoint: strict, administrators only, no heartbeat.
//!
//! It must never keep a listener whose rights have ended.

use std::sync::Arc;

use bytes::BytesMut;
use secrecy::ExposeSecret as _;

use crate::auth::Identity;
use crate::connection::endpoint::{Conversation, Endpoint, RightsChange};
use crate::connection::session::Session;
use crate::error::{ClientError, CloseReason};
use crate::protocol::auth::AuthMessage;
use crate::protocol::envelope::{self, Envelope};
use crate::protocol::logs::{self, LogsMessage};
use crate::protocol::server::{self, MessageType};
use crate::state::Gateway;

/// The endpoint of `WEBSOCKETS_LOGS_PATH`.
pub struct LogsEndpoint {
    state: Arc<Gateway>,
}

/// The messages of one listener.
pub struct LogsConversation {
    state: Arc<Gateway>,
    session: Arc<Session>,
}

impl LogsEndpoint {
    /// The endpoint of a node.
    #[must_use]
    pub const fn new(state: Arc<Gateway>) -> Self {
        Self { state }
    }
}

impl Endpoint for LogsEndpoint {
    type Conversation = LogsConversation;

    fn converse(&self, session: &Arc<Session>) -> LogsConversation {
        LogsConversation { state: Arc::clone(&self.state), session: Arc::clone(session) }
    }

    fn public(&self, session: &Session) -> Identity {
        self.state.authenticator.public(Arc::clone(session.client()))
    }

    async fn rights_changed(&self, session: &Arc<Session>, _change: RightsChange) {
        self.state.logs.leave(session.id());
    }

    async fn closed(&self, session: &Arc<Session>) {
        self.state.logs.leave(session.id());
    }
}

impl Conversation for LogsConversation {
    async fn message(&mut self, bytes: BytesMut) {
        let Ok(message) = envelope::parse(&bytes) else {
            self.session.send(server::error(MessageType::Server, &ClientError::Unparsable, None));
            return;
        };
        match message.kind.as_str() {
            "auth" => self.authenticate(&message).await,
            "subscribe" | "unsubscribe" => self.listen(&message),
            // As observed: everything else, pings included, has no answer here.
            _ => {}
        }
    }
}

impl LogsConversation {
    fn listen(&self, message: &Envelope) {
        let wish = LogsMessage::read(&message.kind, message.members.get("log_level"));
        self.session.send(match wish {
            Err(text) => logs::error("INVALID_PAYLOAD", &text),
            Ok(_) if !self.session.accountability().admin => {
                self.state.logs.leave(self.session.id());
                logs::error("FORBIDDEN", "You don't have permission to access this.")
            }
            Ok(LogsMessage::Subscribe(level)) => {
                self.state.logs.listen(self.session.id(), level, Arc::clone(self.session.queue()));
                logs::subscribed(level)
            }
            Ok(LogsMessage::Unsubscribe) => {
                self.state.logs.leave(self.session.id());
                logs::unsubscribed()
            }
        });
    }

    async fn authenticate(&self, message: &Envelope) {
        let Some(token) = AuthMessage::read(message).ok().and_then(|credentials| credentials.access_token) else {
            // Nothing was tried, so nothing changes.
            self.session.send(logs::auth_error("Authentication failed."));
            return;
        };
        let access_changes = self.state.connections.access_changes();
        let identity = self.state.authenticator.token(token.expose_secret(), Arc::clone(self.session.client())).await.ok();
        let text = match identity {
            Some(identity) if identity.accountability.admin => {
                if self.session.claim(&self.state.limits, identity.accountability.user).await.is_err() {
                    self.state.logs.leave(self.session.id());
                    self.session.send(server::error(MessageType::Auth, &ClientError::TooManyConnections, message.uid.as_ref()));
                    self.session.queue().close(CloseReason::TooManyConnections);
                    return;
                }
                self.session.identify(identity);
                self.session.send(server::authenticated(message.uid.as_ref(), None));
                self.session.look_again(&self.state.authenticator, access_changes).await;
                return;
            }
            Some(_) => "Unauthorized access.",
            None => "Authentication failed.",
        };
        self.state.logs.leave(self.session.id());
        self.session.send(logs::auth_error(text));
        self.session.queue().close(CloseReason::AuthenticationFailed);
    }
}
