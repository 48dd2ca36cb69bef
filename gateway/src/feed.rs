//! Bus in: every event of the collections that this node cares about, in order, to whoever needs it.
//!
//! Events that change schema, access or identities are applied before any later event is handed out: a revoked right
//! has ended everywhere on this node before the next change is delivered. It must never drop an event: a full collection
//! queue makes it wait, and what the bus then loses it reports as a gap.

mod access_change;

use std::sync::Arc;

use change_capture::bus::{BusError, FeedControl, FeedItem, FeedItems};
use change_event::ChangeEvent;
use service_runtime::CancellationToken;
use service_runtime::admin::{Health, Phase};
use tracing::Span;

use crate::logs;
use crate::state::Gateway;
use crate::subscription;

/// Collections whose events decide what exists and who may do what.
pub const WATCHED: [&str; 11] = [
    change_event::SCHEMA_COLLECTION,
    "directus_access",
    "directus_collections",
    "directus_fields",
    "directus_permissions",
    "directus_policies",
    "directus_relations",
    "directus_roles",
    "directus_sessions",
    "directus_settings",
    "directus_users",
];

/// Subscribes to what the node itself must hear, before anything is loaded: changes during the load are seen.
///
/// # Errors
/// When the bus cannot be reached.
pub async fn watch(control: &FeedControl) -> Result<(), BusError> {
    for collection in WATCHED {
        control.subscribe(collection).await?;
    }
    Ok(())
}

/// Hands out events until `shutdown`.
pub async fn run(state: Arc<Gateway>, mut items: FeedItems, health: Health, shutdown: CancellationToken) {
    access_change::watch_concerns(&state).await;
    let (mut last, mut planned) = (None, state.directory.revision());
    let mut revisions = state.directory.watch();
    loop {
        // All are cancel-safe: an item that was not returned is returned by the next call.
        let item = tokio::select! {
            item = items.next() => item,
            // Somebody who authenticated was first to read a change.
            Ok(()) = revisions.changed() => {
                access_change::plan_again(&state, &mut planned).await;
                continue;
            }
            () = shutdown.cancelled() => return,
        };
        match item {
            None => return,
            Some(FeedItem::Event(event)) => {
                state.metrics.event_received(event.written_at);
                let span = received(&event);
                if WATCHED.contains(&&*event.collection) || state.directory.concerns(&event.collection) {
                    access_change::apply(&state, &event, &mut planned).await;
                }
                // A transaction over several collections arrives in the order of its statements.
                if let Some((transaction, collection, delivered)) = last.take()
                    && transaction == event.transaction
                    && collection != event.collection
                {
                    // A task that ended has nothing left to deliver.
                    let _delivered = delivered.await;
                }
                let (transaction, collection) = (event.transaction, Arc::clone(&event.collection));
                last = Some((transaction, collection, state.subscriptions.event(event, span).await));
            }
            Some(FeedItem::Gap { collection, reason }) => {
                tracing::warn!(collection = &*collection, ?reason, "changes were lost on the bus; views are read again");
                if WATCHED.contains(&&*collection) || state.directory.concerns(&collection) {
                    access_change::everything(&state, true).await;
                }
                state.subscriptions.gap(&collection).await;
            }
            Some(FeedItem::Availability(available)) => {
                state.metrics.bus_available.set(i64::from(available));
                health.set(if available { Phase::Ready } else { Phase::Degraded });
                if !available {
                    tracing::warn!("the bus is away: live but uncertain");
                }
            }
            Some(FeedItem::Topic { topic, payload }) => {
                if &*topic == logs::TOPIC {
                    state.logs.deliver(&payload);
                }
            }
        }
    }
}

/// The node's part of the trace that an event carries: until it has been delivered.
fn received(event: &ChangeEvent) -> Span {
    let Some(traceparent) = event.traceparent.as_ref().filter(|_| service_runtime::trace::is_on()) else { return Span::none() };
    let span = service_runtime::span!(
        parent: None,
        "receive",
        "otel.kind" = "consumer",
        "messaging.system" = "tidegate",
        "messaging.destination.name" = &*event.collection,
        "tidegate.epoch" = event.epoch.0,
        "tidegate.sequence" = event.sequence.0
    );
    service_runtime::trace::continue_from(&span, traceparent);
    span
}

/// `POST /utils/cache/clear`: what this node holds of schema and access is read again, and everything that follows from
/// it happens before the answer.
///
/// # Errors
/// When the database cannot be read.
pub async fn clear_caches(state: &Arc<Gateway>) -> Result<(), crate::database::DatabaseError> {
    state.directory.reload().await?;
    access_change::watch_concerns(state).await;
    subscription::refresh(state, None).await;
    Ok(())
}

/// Everything that identities and permissions rest on is looked at again, on this node, before this returns.
pub async fn look_again(state: &Arc<Gateway>) {
    access_change::everything(state, false).await;
}
