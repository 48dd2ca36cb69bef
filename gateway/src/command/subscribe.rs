//! `subscribe`: checks, registers, reads the `init` and starts delivery.
//!
//! Registered first, read afterwards: whatever is committed after the read's snapshot arrives as an event, whatever the
//! snapshot contains does not. A resume sends the missed events in place of the `init`. It must never answer with data
//! before the subscription is registered, nor send what was read with permissions that are gone by then.

use std::sync::Arc;

use access::permission::Action;
use access::planner::Planner;
use access::refusal::Refusal;
use change_capture::bus::StreamHead;
use change_event::Snapshot;
use serde_json::Value;

use crate::connection::session::Session;
use crate::error::{Cause, ClientError};
use crate::metrics::Operation;
use crate::protocol::server::{self, MessageType};
use crate::protocol::subscribe::{Resume, SubscribeMessage};
use crate::protocol::subscription as wire;
use crate::state::Gateway;
use crate::subscription::{Activation, NotResumed, Place, Planned, Position, Request, Start, SubscriptionId, plan};

/// How often a subscription starts over because its permissions changed or too much happened while it began.
const ATTEMPTS: u32 = 5;
/// From this attempt on a view that does not come to rest is read where nothing can come in between.
const PATIENT: u32 = 3;

/// Handles one message; every outcome is answered on the session's queue.
pub(super) async fn subscribe(state: &Arc<Gateway>, session: &Arc<Session>, id: SubscriptionId, message: SubscribeMessage) {
    let uid = message.uid.clone();
    let timed = state.metrics.operations.timed(Operation::Subscribe);
    let outcome = begin(state, session, id, message).await;
    drop(timed);
    state.subscriptions.conclude(session.id(), id);
    if let Err(error) = outcome {
        error.log();
        super::count(state, &error);
        // A closed connection needs no answer.
        let _answered = session.queue().send(server::error(MessageType::Subscribe, &error, uid.as_ref()));
    }
}

async fn begin(state: &Arc<Gateway>, session: &Arc<Session>, id: SubscriptionId, message: SubscribeMessage) -> Result<(), ClientError> {
    let uid: Option<Arc<str>> = message.uid.as_ref().map(|uid| (*uid.as_text()).into());
    let positions = message.resume.is_some();
    let mut from = match message.resume {
        None | Some(Resume::Positions) => Origin::Now,
        Some(Resume::From(text)) => text.parse().map_or_else(
            |_| {
                state.metrics.resumes.with_label_values(&[NotResumed::Invalid.name()]).inc();
                Origin::Refused(NotResumed::Invalid)
            },
            Origin::Position,
        ),
    };
    let raw = Value::Object(message.query);
    let mut request = None;
    for attempt in 1..=ATTEMPTS {
        // Before the permissions are looked at: what changes later is seen below.
        let revision = state.directory.revision();
        let (accountability, permissions) = state.rights(session).await?;
        let schema = state.directory.schema();
        let request = match &request {
            Some(request) => Arc::clone(request),
            None => {
                let planner = Planner { schema: &schema, permissions: &permissions, limits: &state.config.query };
                if schema.collection(&message.collection).is_none_or(|collection| !collection.active) {
                    planner.check_collection(&message.collection, Action::Read)?;
                }
                if state.subscriptions.is_full(session.id(), id, uid.as_deref()) {
                    return Err(ClientError::TooManySubscriptions);
                }
                let query = state.queries.resolved(&raw, &state.directory, &accountability, &permissions).await?;
                // From here on an older subscription of this uid is gone, whatever happens.
                if let Some(uid) = &uid {
                    state.subscriptions.replace(session.id(), uid, id).await;
                }
                Arc::clone(request.insert(Arc::new(Request {
                    collection: message.collection.as_str().into(),
                    event: message.event,
                    item: message.item.as_deref().map(Into::into),
                    query,
                    explicit_limit: raw.get("limit").is_some_and(|limit| !limit.is_null()),
                    uid: uid.clone(),
                    positions,
                    form: None,
                })))
            }
        };
        let planned = plan(&state.config, &schema, &permissions, &request)?;
        let head = state
            .subscriptions
            .register(session, id, &request, planned.clone())
            .await
            .map_err(|error| ClientError::StoreUnavailable(Cause::new(error)))?;
        let is_current = || state.directory.revision() == revision && Arc::ptr_eq(&session.accountability(), &accountability);
        if !is_current() {
            // Whoever followed the change may not have found this subscription yet; whoever follows a later one will.
            state.subscriptions.remove(session.id(), id).await;
            continue;
        }
        let start = match start(state, session, &request, &planned, &mut from, head).await {
            Ok(start) => start,
            Err(error) => {
                state.subscriptions.remove(session.id(), id).await;
                return Err(error);
            }
        };
        let replaced = !state.subscriptions.holds(session.id(), id);
        if replaced {
            // A later message took the uid over; this one is still answered.
            if let Some(init) = start.init {
                let _answered = session.queue().send(init);
            }
            return Ok(());
        }
        // What an item that is gone, or a refused resume, is answered is not a view's `init`.
        let at_any_rate = attempt >= PATIENT && request.item.is_none() && matches!(from, Origin::Now);
        match state.subscriptions.activate(session, &request, id, start, at_any_rate).await {
            Activation::Live => {
                if !is_current() {
                    crate::subscription::refresh(state, Some(session.id())).await;
                }
                return Ok(());
            }
            Activation::Again => {
                state.subscriptions.remove(session.id(), id).await;
                if matches!(from, Origin::Position(_)) {
                    from = Origin::Refused(NotResumed::TooSlow);
                }
            }
        }
    }
    Err(ClientError::ServiceUnavailable)
}

/// Where the client wants to begin.
enum Origin {
    Now,
    /// After what it was sent last.
    Position(Position),
    /// There, but that is not possible.
    Refused(NotResumed),
}

/// What the subscription begins with: the missed events, which are sent at once, or an `init`.
async fn start(
    state: &Arc<Gateway>,
    session: &Arc<Session>,
    request: &Request,
    planned: &Planned,
    from: &mut Origin,
    head: Option<StreamHead>,
) -> Result<Start, ClientError> {
    if let (Origin::Position(position), Some(until)) = (&*from, head) {
        match state.subscriptions.replay(session, request, planned, position, until).await {
            Ok(seen) => {
                state.metrics.resumes.with_label_values(&["RESUMED"]).inc();
                return Ok(Start { init: None, snapshot: position.snapshot.clone(), seen: Some(seen), shown: Arc::default() });
            }
            Err(reason) => {
                state.metrics.resumes.with_label_values(&[reason.name()]).inc();
                *from = Origin::Refused(reason);
            }
        }
    }
    let mut extensions = match from {
        Origin::Refused(reason) => wire::not_resumed(reason.name()),
        Origin::Now | Origin::Position(_) => Vec::new(),
    };
    let uid = request.uid.as_deref();
    let mut position = |snapshot: &Option<Arc<Snapshot>>| {
        if let (true, Some(head)) = (request.positions, head) {
            let position = Position { at: Place::after(head), view: request.view_digest(planned), snapshot: snapshot.clone() };
            extensions.extend_from_slice(&wire::position(&position.to_string()));
        }
    };
    if request.event.is_some() {
        let snapshot = state.subscriptions.snapshot().await?;
        position(&snapshot);
        return Ok(Start { init: Some(wire::frame("init", None, None, &extensions, uid)), snapshot, seen: None, shown: Arc::default() });
    }
    let read = state.subscriptions.read(planned, request.item.as_deref()).await?;
    let Some(data) = &read.data else { return Err(Refusal::Forbidden.into()) };
    position(&read.snapshot);
    let init = wire::frame("init", Some(data.as_bytes()), read.meta.as_deref(), &extensions, uid);
    Ok(Start { init: Some(init), snapshot: read.snapshot.clone(), seen: None, shown: Arc::clone(&read.shown) })
}
