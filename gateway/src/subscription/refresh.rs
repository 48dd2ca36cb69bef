//! Permissions changed: every subscription is planned again and moves to the group that it belongs to now.
//!
//! The feed waits for this before it hands out later events, so no frame after the change carries what it hid. It must
//! never leave a subscription in a group whose plan was made with other permissions: what cannot be planned is parked.
//! Whoever's view became another one is sent it, as a fresh `init`: rows that came or went with the rights are no events.
//!
//! Cost: one plan per distinct (permissions, request) pair, not per subscription.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use access::permission::Permissions;
use access::refusal::Refusal;

use crate::connection::session::ConnectionId;
use crate::error::ClientError;
use crate::protocol::server::{self, MessageType};
use crate::state::{ATTEMPTS, Gateway};
use crate::subscription::planning::plan;
use crate::subscription::request::{Planned, Request};

/// Plans again every subscription of this node, or of the one connection in `only`.
pub async fn refresh(state: &Arc<Gateway>, only: Option<ConnectionId>) {
    plan_again(state, only, true).await;
}

/// Plans again every subscription of a connection whose identity has lapsed for a moment: what the public may not have
/// waits without a word.
pub async fn refresh_quietly(state: &Arc<Gateway>, connection: ConnectionId) {
    plan_again(state, Some(connection), false).await;
}

/// Until nothing was replaced meanwhile: of two that overlap, the one with older rules must not have the last word.
async fn plan_again(state: &Arc<Gateway>, only: Option<ConnectionId>, tell: bool) {
    for _attempt in 0..ATTEMPTS {
        let epoch = state.directory.epoch().await;
        plan_once(state, only, tell).await;
        if state.directory.is_of(epoch) {
            return;
        }
    }
}

async fn plan_once(state: &Arc<Gateway>, only: Option<ConnectionId>, tell: bool) {
    let schema = state.directory.schema();
    let mut permissions_of: HashMap<ConnectionId, Option<Arc<Permissions>>> = HashMap::new();
    let mut planned: HashMap<PlanKey, Result<Planned, Refusal>> = HashMap::new();
    let mut touched: HashSet<Arc<str>> = HashSet::new();
    for held in state.subscriptions.held(only) {
        touched.insert(Arc::clone(&held.request.collection));
        let connection = held.session.id();
        let permissions = if let Some(known) = permissions_of.get(&connection) {
            known.clone()
        } else {
            let loaded = state.rights(&held.session).await.map(|(_, permissions)| permissions);
            // Fails closed: without permissions nothing is delivered until they can be read.
            let loaded = loaded.inspect_err(|error| tracing::warn!(%error, "permissions could not be read; subscriptions wait")).ok();
            permissions_of.insert(connection, loaded.clone());
            loaded
        };
        let outcome = match permissions {
            None => Err(Refusal::Forbidden),
            Some(permissions) => {
                let key = PlanKey::new(&permissions, &held.request);
                planned.entry(key).or_insert_with(|| plan(&state.config, &schema, &permissions, &held.request)).clone()
            }
        };
        match outcome {
            Ok(planned) => state.subscriptions.regroup(&held, Some(planned)).await,
            Err(refusal) => {
                if let Some(form) = &held.request.form {
                    // A GraphQL operation that may not go on has an end, and its client is told which.
                    state.subscriptions.remove(connection, held.id).await;
                    // A closed connection needs no telling.
                    let _told = held.session.queue().send(form.refused(&ClientError::from(refusal), held.request.uid.as_deref()));
                    continue;
                }
                state.subscriptions.regroup(&held, None).await;
                // One that has not begun yet is answered where it begins.
                if tell && held.live && !held.refused {
                    let uid = held.request.uid.as_deref().map(server::text_uid);
                    let frame = server::error(MessageType::Subscribe, &ClientError::from(refusal), uid.as_ref());
                    // A closed connection needs no telling.
                    let _told = held.session.queue().send(frame);
                }
            }
        }
    }
    for collection in touched {
        state.subscriptions.settle(&collection).await;
    }
}

/// Requests that plan alike: the same permissions object and the same query on the same collection.
#[derive(PartialEq, Eq, Hash)]
struct PlanKey {
    permissions: usize,
    request: String,
}

impl PlanKey {
    fn new(permissions: &Arc<Permissions>, request: &Request) -> Self {
        let text = format!("{}\u{0}{:?}\u{0}{:?}\u{0}{:?}", request.collection, request.event, request.item, request.query);
        Self { permissions: Arc::as_ptr(permissions) as usize, request: text }
    }
}
