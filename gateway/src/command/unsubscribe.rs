//! `unsubscribe`: ends one subscription of the connection, or all. It is answered whether there was one or not.
//!
//! It must never be put off: it is done before the next message is read, and ends a `subscribe` that is still on its way.

use std::sync::Arc;

use crate::connection::session::Session;
use crate::protocol::server;
use crate::protocol::unsubscribe::UnsubscribeMessage;
use crate::state::Gateway;

/// Handles one message.
pub(super) async fn unsubscribe(state: &Arc<Gateway>, session: &Arc<Session>, message: UnsubscribeMessage) {
    let uid = message.uid.as_ref().map(crate::protocol::Uid::as_text);
    state.subscriptions.unsubscribe(session.id(), uid.as_deref()).await;
    session.send(server::unsubscribed(message.uid.as_ref()));
}
