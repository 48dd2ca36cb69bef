//! `subscribe`: checks, registers, reads the `init` and starts delivery.
//!
//! Registered first, read afterwards: whatever is committed after the read's snapshot arrives as an event, whatever the
//! snapshot contains does not. It must never answer with data before the subscription is registered.

use std::sync::Arc;

use access::permission::Action;
use access::planner::Planner;
use access::query::Query;
use access::refusal::Refusal;
use serde_json::Value;

use crate::connection::frame::Frame;
use crate::connection::session::Session;
use crate::error::{Cause, ClientError};
use crate::metrics::Operation;
use crate::protocol::server::{self, MessageType};
use crate::protocol::subscribe::SubscribeMessage;
use crate::protocol::subscription as wire;
use crate::state::Gateway;
use crate::subscription::{Activation, Planned, Request, SubscriptionId, plan};

/// How often an `init` is read again because too much happened while it was read.
const ATTEMPTS: u32 = 5;

/// Handles one message; every outcome is answered on the session's queue.
pub(super) async fn subscribe(state: &Arc<Gateway>, session: &Arc<Session>, id: SubscriptionId, message: SubscribeMessage) {
    let uid = message.uid.clone();
    let timed = state.metrics.operations.timed(Operation::Subscribe);
    let outcome = begin(state, session, id, message).await;
    drop(timed);
    state.subscriptions.conclude(session.id(), id);
    if let Err(error) = outcome {
        error.log();
        state.metrics.errors.with_label_values(&[error.code()]).inc();
        // A closed connection needs no answer.
        let _answered = session.queue().send(server::error(MessageType::Subscribe, &error, uid.as_ref()));
    }
}

async fn begin(state: &Arc<Gateway>, session: &Arc<Session>, id: SubscriptionId, message: SubscribeMessage) -> Result<(), ClientError> {
    let uid: Option<Arc<str>> = message.uid.as_ref().map(|uid| (*uid.as_text()).into());
    let accountability = session.accountability();
    let permissions = state.directory.permissions(&accountability).await?;
    let schema = state.directory.schema();
    let planner = Planner { schema: &schema, permissions: &permissions, limits: &state.config.query };
    if schema.collection(&message.collection).is_none_or(|collection| !collection.active) {
        planner.check_collection(&message.collection, Action::Read)?;
    }
    if state.subscriptions.is_full(session.id(), uid.as_deref()) {
        return Err(ClientError::TooManySubscriptions);
    }
    let raw = Value::Object(message.query);
    let mut query = Query::parse(&raw, &state.config.query)?;
    let variables = state.directory.variables(&accountability, &query.variable_paths(), Some(&permissions)).await?;
    query.resolve(&variables)?;

    // From here on an older subscription of this uid is gone, whatever happens.
    if let Some(uid) = &uid {
        state.subscriptions.replace(session.id(), uid, id).await;
    }
    let request = Arc::new(Request {
        collection: message.collection.as_str().into(),
        event: message.event,
        item: message.item.map(Into::into),
        query,
        explicit_limit: raw.get("limit").is_some_and(|limit| !limit.is_null()),
        uid,
    });
    let planned = plan(&state.config, &schema, &permissions, &request)?;

    for _attempt in 0..ATTEMPTS {
        state
            .subscriptions
            .register(session, id, &request, planned.clone())
            .await
            .map_err(|error| ClientError::StoreUnavailable(Cause::new(error)))?;
        let init = match init(state, &request, &planned).await {
            Ok(init) => init,
            Err(error) => {
                state.subscriptions.remove(session.id(), id).await;
                return Err(error);
            }
        };
        let replaced = !state.subscriptions.holds(session.id(), id);
        if replaced {
            // A later message took the uid over; this one is still answered.
            let _answered = session.queue().send(init.frame);
            return Ok(());
        }
        match state.subscriptions.activate(&request, id, init.frame, init.snapshot).await {
            Activation::Live => return Ok(()),
            Activation::ReadAgain => state.subscriptions.remove(session.id(), id).await,
        }
    }
    Err(ClientError::ServiceUnavailable)
}

struct Init {
    frame: Frame,
    snapshot: Option<Arc<change_event::Snapshot>>,
}

async fn init(state: &Arc<Gateway>, request: &Request, planned: &Planned) -> Result<Init, ClientError> {
    let uid = request.uid.as_deref();
    if request.event.is_some() {
        let snapshot = state.subscriptions.snapshot().await?;
        return Ok(Init { frame: wire::frame("init", None, None, uid), snapshot });
    }
    let read = state.subscriptions.read(planned, request.item.as_deref()).await?;
    let Some(data) = read.data else { return Err(Refusal::Forbidden.into()) };
    let frame = wire::frame("init", Some(data.as_bytes()), read.meta.as_deref(), uid);
    Ok(Init { frame, snapshot: read.snapshot })
}
