//! Takes the messages of one connection in order and hands each to its command.
//!
//! `auth`, `ping` and `unsubscribe` are done before the next message is read, so they keep their order; `items` and
//! `subscribe` run beside each other, as many as one connection may have. It must never let anything through before the
//! first authentication where the endpoint demands one.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::time::Instant;

use crate::auth::Identity;
use crate::command::{auth, items, subscribe};
use crate::connection::endpoint::{Conversation, Endpoint, RightsChange};
use crate::connection::session::Session;
use crate::error::{ClientError, CloseReason};
use crate::limits::FixedWindow;
use crate::protocol::envelope::{self, Envelope, EnvelopeFault};
use crate::protocol::items::ItemsMessage;
use crate::protocol::server::{self, MessageType};
use crate::protocol::subscribe::SubscribeMessage;
use crate::protocol::unsubscribe::UnsubscribeMessage;
use crate::state::Gateway;
use crate::subscription;

/// The endpoint of `WEBSOCKETS_REST_PATH`.
pub struct RestEndpoint {
    state: Arc<Gateway>,
}

/// The messages of one connection.
pub struct RestConversation {
    state: Arc<Gateway>,
    session: Arc<Session>,
    window: Option<FixedWindow>,
}

impl RestEndpoint {
    /// The endpoint of a node.
    #[must_use]
    pub const fn new(state: Arc<Gateway>) -> Self {
        Self { state }
    }
}

impl Endpoint for RestEndpoint {
    type Conversation = RestConversation;

    fn converse(&self, session: &Arc<Session>) -> RestConversation {
        let window = self.state.config.rate_limit.map(|limit| FixedWindow::new(limit.points, limit.duration));
        RestConversation { state: Arc::clone(&self.state), session: Arc::clone(session), window }
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

impl Conversation for RestConversation {
    async fn message(&mut self, bytes: BytesMut) {
        if self.session.must_authenticate() {
            // The message that authenticates costs no point.
            auth::handshake(&self.state, &self.session, &bytes).await;
            return;
        }
        if let Some(window) = &mut self.window
            && let Err(retry_after) = window.take(Instant::now())
        {
            self.refuse(MessageType::Server, &ClientError::RequestsExceeded { retry_after });
            return;
        }
        match envelope::parse(&bytes) {
            Ok(message) => self.dispatch(message).await,
            Err(EnvelopeFault::Unparsable) => self.refuse(MessageType::Server, &ClientError::Unparsable),
            Err(EnvelopeFault::TooManyValues) => self.refuse(MessageType::Server, &ClientError::TooManyValues),
            Err(EnvelopeFault::Invalid(text)) => self.refuse(MessageType::Server, &ClientError::Validation(text)),
        }
    }
}

impl RestConversation {
    async fn dispatch(&self, message: Envelope) {
        let (state, session) = (&self.state, &self.session);
        let count = |kind| state.metrics.messages.with_label_values(&[kind]).inc();
        match message.kind.as_str() {
            "auth" => {
                count("auth");
                auth::again(state, session, &message).await;
            }
            "ping" => {
                count("ping");
                session.send(server::pong(message.uid.as_ref()));
            }
            // Its arrival was the point.
            "pong" => count("pong"),
            "unsubscribe" => {
                count("unsubscribe");
                let message = UnsubscribeMessage::read(message);
                let uid = message.uid.as_ref().map(|uid| uid.as_text().into_owned());
                state.subscriptions.unsubscribe(session.id(), uid.as_deref()).await;
                session.send(server::unsubscribed(message.uid.as_ref()));
            }
            "subscribe" => {
                count("subscribe");
                match SubscribeMessage::read(message) {
                    Ok(message) => self.subscribe(message).await,
                    Err(text) => self.refuse(MessageType::Subscribe, &ClientError::Validation(text)),
                }
            }
            "items" => {
                count("items");
                let uid = message.uid.clone();
                match ItemsMessage::read(message) {
                    Ok(message) => self.items(message).await,
                    Err(text) => {
                        let error = ClientError::Validation(text);
                        state.metrics.errors.with_label_values(&[error.code()]).inc();
                        session.send(server::error(MessageType::Items, &error, uid.as_ref()));
                    }
                }
            }
            _ => {
                count("unknown");
                let error = ClientError::UnknownType(message.kind);
                session.send(server::error(MessageType::Server, &error, message.uid.as_ref()));
            }
        }
    }

    async fn subscribe(&self, message: SubscribeMessage) {
        // Named here, where messages are in order: an unsubscribe right behind it finds it.
        let uid = message.uid.as_ref().map(|uid| uid.as_text().as_ref().into());
        let id = self.state.subscriptions.announce(&self.session, uid);
        let Ok(permit) = Arc::clone(self.session.operations()).acquire_owned().await else { return };
        let (state, session) = (Arc::clone(&self.state), Arc::clone(&self.session));
        self.state.tasks.spawn("subscribe", async move {
            subscribe::subscribe(&state, &session, id, message).await;
            drop(permit);
        });
    }

    async fn items(&self, message: ItemsMessage) {
        let Ok(permit) = Arc::clone(self.session.operations()).acquire_owned().await else { return };
        let (state, session) = (Arc::clone(&self.state), Arc::clone(&self.session));
        self.state.tasks.spawn("items", async move {
            items::items(&state, &session, message).await;
            drop(permit);
        });
    }

    fn refuse(&self, kind: MessageType, error: &ClientError) {
        self.state.metrics.errors.with_label_values(&[error.code()]).inc();
        self.session.send(server::error(kind, error, None));
    }
}

/// Why a connection ends whose authentication failed.
pub(super) const FAILED: CloseReason = CloseReason::AuthenticationFailed;
