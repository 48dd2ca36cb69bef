//! Messages of the GraphQL endpoint, in order: the rate limit, then Directus' own layer, then graphql-transport-ws.
//!
//! `connection_init` and `auth` are awaited, so that what follows has their rights; operations become tasks, as many at a
//! time as the connection may have, and the next message waits. It must never leave an operation without an end: one that
//! panics ends with an internal error.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::FutureExt as _;
use tokio::time::Instant;

use crate::command;
use crate::connection::endpoint::Conversation;
use crate::connection::session::Session;
use crate::error::{Cause, ClientError, CloseReason};
use crate::graphql::answer;
use crate::graphql::initialise::initialise;
use crate::graphql::operations::Operations;
use crate::graphql::subscribe;
use crate::limits::{FixedWindow, LimitReason};
use crate::protocol::envelope::{self, Envelope, EnvelopeFault};
use crate::protocol::graphql::{self, ClientMessage, Operation};
use crate::protocol::server::{self, MessageType};
use crate::state::Gateway;

/// Messages of this size are parsed off the runtime's threads: that takes milliseconds.
const LARGE: usize = 256 * 1024;

/// The messages of one connection.
pub struct GraphQlConversation {
    state: Arc<Gateway>,
    session: Arc<Session>,
    window: Option<FixedWindow>,
    acknowledged: bool,
    operations: Arc<Operations>,
}

impl Conversation for GraphQlConversation {
    async fn message(&mut self, bytes: BytesMut) {
        if self.session.queue().is_closed() {
            return;
        }
        let limited = self.admit().err();
        match self.read(bytes).await {
            Ok(message) => match limited {
                Some(retry_after) => Box::pin(self.limit(message, &ClientError::RequestsExceeded { retry_after })).await,
                // Boxed, as everything that only runs while a message is handled.
                None => Box::pin(self.dispatch(message)).await,
            },
            Err(fault) => {
                let error = match (limited, fault) {
                    (Some(retry_after), _) => ClientError::RequestsExceeded { retry_after },
                    (None, EnvelopeFault::TooManyValues) => ClientError::TooManyValues,
                    // As observed: one text for every fault of this layer.
                    (None, EnvelopeFault::Unparsable | EnvelopeFault::Invalid(_)) => ClientError::Unparsable,
                };
                self.count("invalid");
                self.refuse(&error);
            }
        }
    }
}

impl GraphQlConversation {
    pub(super) fn new(state: Arc<Gateway>, session: Arc<Session>) -> Self {
        let window = state.config.rate_limit.map(|limit| FixedWindow::new(limit.points, limit.duration));
        Self { state, session, window, acknowledged: false, operations: Arc::default() }
    }

    /// Takes one message from the budgets of the connection, its address and its user.
    fn admit(&mut self) -> Result<(), Duration> {
        let limits = &self.state.limits;
        if let Some(Err(retry_after)) = self.window.as_mut().map(|window| window.take(Instant::now())) {
            limits.refused(LimitReason::MessagesPerConnection);
            return Err(retry_after);
        }
        let accountability = self.session.accountability();
        limits.message(accountability.user, self.session.client().ip).map_err(|limited| limited.retry_after)
    }

    async fn read(&self, bytes: BytesMut) -> Result<Envelope, EnvelopeFault> {
        if bytes.len() < LARGE {
            return envelope::parse(&bytes);
        }
        let parsed = Box::pin(self.state.tasks.blocking("large message", move || envelope::parse(&bytes)));
        parsed.await.unwrap_or(Err(EnvelopeFault::Unparsable))
    }

    async fn dispatch(&mut self, message: Envelope) {
        if message.kind == "auth" {
            self.count("auth");
            return command::authenticate(&self.state, &self.session, message).await;
        }
        let message = ClientMessage::read(message);
        if self.session.must_authenticate() && !matches!(message, ClientMessage::Initialise { .. }) {
            return self.session.queue().close(CloseReason::Forbidden);
        }
        match message {
            ClientMessage::Initialise { .. } if self.acknowledged => self.session.queue().close(CloseReason::TooManyInitialisations),
            ClientMessage::Initialise { payload } => {
                self.count("connection_init");
                self.acknowledged = initialise(&self.state, &self.session, payload).await;
                if self.acknowledged {
                    self.session.introduce_by(None);
                }
            }
            ClientMessage::Ping(payload) => {
                self.count("ping");
                self.session.send(graphql::pong(payload.as_ref()));
            }
            ClientMessage::Subscribe { id, operation } => {
                self.count("subscribe");
                self.begin(id, operation).await;
            }
            ClientMessage::Complete { id } => {
                self.count("complete");
                self.complete(&id).await;
            }
            ClientMessage::Nothing => self.count("other"),
            ClientMessage::Invalid => {
                self.count("unknown");
                self.session.queue().close(CloseReason::InvalidMessage);
            }
        }
    }

    async fn begin(&self, id: String, operation: Operation) {
        if !self.acknowledged {
            return self.session.queue().close(CloseReason::NotAcknowledged);
        }
        let (state, session) = (&self.state, &self.session);
        let Some(ticket) = self.operations.begin(id.clone(), |subscription| state.subscriptions.holds(session.id(), subscription)) else {
            return session.queue().close_saying(CloseReason::SubscriberExists, &format!("Subscriber for {id} already exists"));
        };
        // Until fewer operations are in work than the connection may have, no further message is read.
        let Ok(permit) = Arc::clone(session.operations()).acquire_owned().await else { return };
        let (state, session, operations) = (Arc::clone(state), Arc::clone(session), Arc::clone(&self.operations));
        let memory = self.session.take_message_memory();
        self.state.tasks.spawn("graphql operation", async move {
            let work = subscribe::run(&state, &session, &operations, &ticket, operation);
            if AssertUnwindSafe(work).catch_unwind().await.is_err() {
                let error = ClientError::Internal(Cause::new("a GraphQL operation panicked"));
                error.log();
                operations.finish(&ticket, || session.send(graphql::error(&ticket.id, &answer::errors_of(&error))));
            }
            // Answered before it counts as done: who waits for all permits finds every answer in the queue.
            drop((memory, permit));
        });
    }

    async fn complete(&self, id: &str) {
        if let Some(subscription) = self.operations.complete(id) {
            self.state.subscriptions.remove(self.session.id(), subscription).await;
        }
    }

    /// Over the limit. A client of the subprotocol ends for good at a message that it does not know: an operation is told
    /// by its own error, and only what has no id by a message of Directus' layer.
    async fn limit(&self, message: Envelope, error: &ClientError) {
        match ClientMessage::read(message) {
            ClientMessage::Subscribe { id, .. } if self.acknowledged => {
                command::count(&self.state, error);
                self.session.send(graphql::error(&id, &answer::errors_of(error)));
            }
            // It makes less work, and its client believes it done.
            ClientMessage::Complete { id } => self.complete(&id).await,
            ClientMessage::Nothing => {}
            ClientMessage::Initialise { .. } | ClientMessage::Ping(_) | ClientMessage::Subscribe { .. } | ClientMessage::Invalid => {
                self.refuse(error);
            }
        }
    }

    fn refuse(&self, error: &ClientError) {
        error.log();
        command::count(&self.state, error);
        self.session.send(server::error(MessageType::Server, error, None));
    }

    fn count(&self, kind: &str) {
        self.state.metrics.messages.with_label_values(&[kind]).inc();
    }
}
