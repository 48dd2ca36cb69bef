//! Messages of `/websocket` to commands: the handshake first, then the rate limit, then by type.
//!
//! What is cheap is answered here and keeps its order (`ping`); what reads or writes becomes a task, as many at a time as
//! the connection may have, and the next message waits; `auth` is awaited, so that what follows it has its rights. It must
//! never let a task go unanswered: one that panics is answered with an internal error.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::BytesMut;
use futures_util::FutureExt as _;
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument as _;

use crate::auth::Identity;
use crate::connection::endpoint::{Conversation, Endpoint, RightsChange};
use crate::connection::session::Session;
use crate::error::{Cause, ClientError};
use crate::limits::MessageGate;
use crate::protocol::Uid;
use crate::protocol::envelope::{self, Envelope, EnvelopeFault};
use crate::protocol::items::ItemsMessage;
use crate::protocol::server::MessageType;
use crate::protocol::subscribe::SubscribeMessage;
use crate::protocol::unsubscribe::UnsubscribeMessage;
use crate::state::Gateway;

use super::subscribe::subscribe;
use super::unsubscribe::unsubscribe;
use super::{auth, items, ping, refuse, rights};

/// Messages of this size are parsed off the runtime's threads: that takes milliseconds.
const LARGE: usize = 256 * 1024;

/// The endpoint of `WEBSOCKETS_REST_PATH`.
pub struct RestEndpoint {
    state: Arc<Gateway>,
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
        let gate = MessageGate::new(&self.state.limits, self.state.config.rate_limit);
        RestConversation { state: Arc::clone(&self.state), session: Arc::clone(session), gate }
    }

    fn public(&self, session: &Session) -> Identity {
        self.state.authenticator.public(Arc::clone(session.client()))
    }

    async fn rights_changed(&self, session: &Arc<Session>, change: RightsChange) {
        rights::changed(&self.state, session, change).await;
    }

    async fn closed(&self, session: &Arc<Session>) {
        self.state.subscriptions.close(session.id()).await;
    }
}

/// The messages of one connection.
pub struct RestConversation {
    state: Arc<Gateway>,
    session: Arc<Session>,
    gate: MessageGate,
}

impl Conversation for RestConversation {
    async fn message(&mut self, bytes: BytesMut) {
        if self.session.queue().is_closed() {
            return;
        }
        if self.session.must_authenticate() {
            return Box::pin(auth::handshake(&self.state, &self.session, bytes)).await;
        }
        let user = self.session.accountability().user;
        if let Err(retry_after) = self.gate.admit(user, self.session.client().ip) {
            return self.refuse(MessageType::Server, &ClientError::RequestsExceeded { retry_after }, None);
        }
        match self.read(bytes).await {
            // Boxed, as everything that only runs while a message is handled: see the test at the end.
            Ok(message) => Box::pin(self.dispatch(message)).await,
            Err(fault) => {
                let error = match fault {
                    EnvelopeFault::Unparsable => ClientError::Unparsable,
                    EnvelopeFault::TooManyValues => ClientError::TooManyValues,
                    EnvelopeFault::Invalid(text) => ClientError::Validation(text),
                };
                self.count("invalid");
                self.refuse(MessageType::Server, &error, None);
            }
        }
    }
}

impl RestConversation {
    async fn read(&self, bytes: BytesMut) -> Result<Envelope, EnvelopeFault> {
        if bytes.len() < LARGE {
            return envelope::parse(&bytes);
        }
        let parsed = Box::pin(self.state.tasks.blocking("large message", move || envelope::parse(&bytes)));
        parsed.await.unwrap_or(Err(EnvelopeFault::Unparsable))
    }

    async fn dispatch(&self, message: Envelope) {
        match message.kind.as_str() {
            "auth" => {
                self.count("auth");
                auth::authenticate(&self.state, &self.session, message).await;
            }
            "ping" => {
                self.count("ping");
                ping::ping(&self.session, message.uid.as_ref());
            }
            "pong" => self.count("pong"),
            "items" => {
                self.count("items");
                self.items(message).await;
            }
            "subscribe" => {
                self.count("subscribe");
                self.subscribe(message).await;
            }
            "unsubscribe" => {
                self.count("unsubscribe");
                unsubscribe(&self.state, &self.session, UnsubscribeMessage::read(message)).await;
            }
            _ => {
                self.count("unknown");
                self.refuse(MessageType::Server, &ClientError::UnknownType(message.kind), message.uid.as_ref());
            }
        }
    }

    async fn items(&self, message: Envelope) {
        let uid = message.uid.clone();
        match ItemsMessage::read(message) {
            Ok(message) => {
                let Some(permit) = self.permit().await else { return };
                let (state, session) = self.both();
                self.start(permit, MessageType::Items, uid, async move { items::items(&state, &session, message).await });
            }
            Err(text) => self.refuse(MessageType::Items, &ClientError::Validation(text), uid.as_ref()),
        }
    }

    async fn subscribe(&self, message: Envelope) {
        let uid = message.uid.clone();
        match SubscribeMessage::read(message) {
            Ok(message) => {
                // Named here, where messages are in order: an unsubscribe right behind it finds it.
                let name = uid.as_ref().map(|uid| Arc::from(&*uid.as_text()));
                // A client that resumes twice from one place means one subscription: the SDK does so after a reconnect.
                let Some(id) = self.state.subscriptions.announce(&self.session, name, message.resumes_as()) else { return };
                let Some(permit) = self.permit().await else { return };
                let (state, session) = self.both();
                self.start(permit, MessageType::Subscribe, uid, async move { subscribe(&state, &session, id, message).await });
            }
            // The one error of the protocol that never carries a uid.
            Err(text) => self.refuse(MessageType::Subscribe, &ClientError::Validation(text), None),
        }
    }

    /// Waits until fewer messages are in work than the connection may have; until then no further one is read.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(self.session.operations()).acquire_owned().await.ok()
    }

    /// Runs `work` as a task. Not `async`: the work is large, and would be a part of what every idle connection holds.
    fn start(&self, permit: OwnedSemaphorePermit, kind: MessageType, uid: Option<Uid>, work: impl Future<Output = ()> + Send + 'static) {
        let (state, session) = self.both();
        let memory = self.session.take_message_memory();
        let span = service_runtime::span!(parent: None, "message", "otel.name" = kind.name(), "otel.kind" = "server");
        let work = async move {
            if AssertUnwindSafe(work).catch_unwind().await.is_err() {
                let error = ClientError::Internal(Cause::new("a command panicked"));
                refuse(&state, &session, kind, &error, uid.as_ref());
            }
            // Answered before it counts as done: who waits for all permits finds every answer in the queue.
            drop((memory, permit));
        };
        self.state.tasks.spawn(kind.name(), work.instrument(span));
    }

    fn both(&self) -> (Arc<Gateway>, Arc<Session>) {
        (Arc::clone(&self.state), Arc::clone(&self.session))
    }

    fn refuse(&self, kind: MessageType, error: &ClientError, uid: Option<&Uid>) {
        refuse(&self.state, &self.session, kind, error, uid);
    }

    fn count(&self, kind: &str) {
        self.state.metrics.messages.with_label_values(&[kind]).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::lifecycle::{self, Connection};
    use crate::metrics::Metrics;

    fn size_of_future<F>(_run: fn(&'static RestEndpoint, &'static Metrics, Box<Connection>) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_connection_holds_no_commands() {
        let size = size_of_future(lifecycle::run::<RestEndpoint>);
        println!("{size} bytes");
        assert!(size < 1536, "{size} bytes: what is large and rare has to be boxed");
    }
}
