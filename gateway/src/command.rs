//! What a client's message does: one file per type, all answers on the session's queue.
//!
//! ```text
//! reader ──bytes──▶ RestConversation (in order: limit, envelope, auth, ping, unsubscribe) ──task──▶ items, subscribe
//! ```
//!
//! It must never leave a bad request without an answer; only `pong` has none.

mod auth;
mod dispatch;
mod items;
mod ping;
mod rights;
mod subscribe;
mod unsubscribe;

use crate::connection::session::Session;
use crate::error::ClientError;
use crate::protocol::Uid;
use crate::protocol::server::{self, MessageType};
use crate::state::Gateway;

pub(crate) use auth::authenticate;
pub use dispatch::{RestConversation, RestEndpoint};

/// Answers with an error, counts it, and logs what a person may have to look at.
fn refuse(state: &Gateway, session: &Session, kind: MessageType, error: &ClientError, uid: Option<&Uid>) {
    error.log();
    count(state, error);
    session.send(server::error(kind, error, uid));
}

/// Counts an error by its code, and by its limit if it stands for one.
pub(crate) fn count(state: &Gateway, error: &ClientError) {
    state.metrics.errors.with_label_values(&[error.code()]).inc();
    if let Some(limit) = error.limit() {
        state.metrics.refused(limit);
    }
}
