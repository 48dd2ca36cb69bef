//! What else changes when a connection's rights do: its subscriptions.
//!
//! It must never let a subscription go on with rights that its connection no longer has.

use std::sync::Arc;

use crate::connection::endpoint::RightsChange;
use crate::connection::session::Session;
use crate::state::Gateway;
use crate::subscription;

/// The connection has become somebody else: its subscriptions go on under the new rights.
pub(super) async fn refresh(state: &Arc<Gateway>, session: &Arc<Session>) {
    subscription::refresh(state, Some(session.id())).await;
}

/// The connection has lost its identity. After expiry a new token usually follows at once, and clients take an error of
/// one subscription for the end of all: subscriptions that the public may not have wait without a word.
pub(super) async fn changed(state: &Arc<Gateway>, session: &Arc<Session>, change: RightsChange) {
    match change {
        RightsChange::Expired => subscription::refresh_quietly(state, session.id()).await,
        RightsChange::Lost => subscription::refresh(state, Some(session.id())).await,
    }
}
