//! A change of users, sessions, policies, permissions or the schema takes effect on open connections.
//!
//! It must never be skipped because it is inconvenient: an error while applying one fails closed and is tried again with
//! the next change. Cost: nothing for changes that cannot matter (a login only touches `last_access`).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use change_event::{ChangeEvent, Operation, RowChange};
use serde_json::Value;
use service_runtime::Backoff;
use uuid::Uuid;

use crate::connection::endpoint::EndpointKind;
use crate::connection::session::Session;
use crate::database::DatabaseError;
use crate::state::Gateway;
use crate::subscription;

/// Columns of a user that decide what he may do.
const DECISIVE: [&str; 3] = ["status", "role", "token"];

/// Applies one event. `planned` is the revision of the directory that all subscriptions were last planned with: somebody else may
/// have been first to read what the event changed.
pub(super) async fn apply(state: &Arc<Gateway>, event: &Arc<ChangeEvent>, planned: &mut u64) {
    let mut backoff = patience();
    let changed = loop {
        match state.directory.apply_event(event).await {
            Ok(changed) => break changed,
            Err(error) if may_answer_later(state, &mut backoff, &error).await => {}
            Err(error) => {
                tracing::error!(%error, collection = &*event.collection, "a change of schema or access could not be read");
                break true;
            }
        }
    };
    match &*event.collection {
        "directus_users" => users(state, event).await,
        "directus_sessions" => sessions(state, event).await,
        // Roles and policies also decide the flags of an identity.
        "directus_access" | "directus_policies" | "directus_roles" => {
            for session in state.connections.sessions() {
                session.revise(&state.authenticator);
            }
        }
        _ => {}
    }
    if changed {
        *planned = 0;
    }
    plan_again(state, planned).await;
    state.subscriptions.barrier().await;
}

/// Plans all subscriptions with what the directory holds, unless `planned` says that they are.
pub(super) async fn plan_again(state: &Arc<Gateway>, planned: &mut u64) {
    let revision = state.directory.revision();
    if revision == *planned {
        return;
    }
    *planned = revision;
    watch_concerns(state).await;
    // What was looked up before it was heard of may have changed since.
    state.directory.forget_lookups();
    for session in state.connections.sessions() {
        session.revise(&state.authenticator);
        if session.kind() == EndpointKind::Logs && !session.accountability().admin {
            state.logs.leave(session.id());
        }
    }
    subscription::refresh(state, None).await;
}

/// How long the database is waited for.
const fn patience() -> Backoff {
    Backoff::new(Duration::from_millis(50), Duration::from_secs(2))
}

/// Waits if what went wrong is that the database does not answer: without it nobody knows who may see what comes next, and what
/// comes waits. `false`: waiting does not help, or the node is about to end.
async fn may_answer_later(state: &Gateway, backoff: &mut Backoff, error: &DatabaseError) -> bool {
    if !matches!(error, DatabaseError::Unavailable(_) | DatabaseError::Busy | DatabaseError::Timeout) {
        return false;
    }
    tracing::warn!(%error, "rights cannot be read; nothing is told until they are");
    tokio::select! {
        () = backoff.wait() => true,
        () = state.shutdown.cancelled() => false,
    }
}

/// Subscribes to what the rules of now look through (`$CURRENT_USER.team.name`), so that a change there is heard.
pub(super) async fn watch_concerns(state: &Gateway) {
    for collection in state.directory.schema().collections() {
        if state.directory.concerns(&collection.name)
            && let Err(error) = state.subscriptions.watch(&collection.name).await
        {
            tracing::error!(%error, collection = &*collection.name, "changes of this collection decide permissions and cannot be heard");
        }
    }
}

/// Everything may have changed. `patient`: waits for a database that does not answer.
pub(super) async fn everything(state: &Arc<Gateway>, patient: bool) {
    let mut backoff = patience();
    while let Err(error) = state.directory.reload().await {
        if !patient || !may_answer_later(state, &mut backoff, &error).await {
            tracing::error!(%error, "schema and access could not be read again");
            break;
        }
    }
    recheck(state, |_| true).await;
    watch_concerns(state).await;
    subscription::refresh(state, None).await;
    state.subscriptions.barrier().await;
}

async fn users(state: &Arc<Gateway>, event: &ChangeEvent) {
    if event.operation == Operation::Create {
        return;
    }
    let changed: HashSet<Uuid> =
        event.rows.iter().filter(|row| decisive(row)).filter_map(|row| serde_json::from_str(row.key.get()).ok()).collect();
    if changed.is_empty() && event.operation != Operation::Reset {
        return;
    }
    let all = event.operation == Operation::Reset;
    let touched = recheck(state, |session| all || session.accountability().user.is_some_and(|user| changed.contains(&user))).await;
    for session in touched {
        subscription::refresh(state, Some(session.id())).await;
    }
}

/// Whether the row's change can matter; without both images it can.
fn decisive(row: &RowChange) -> bool {
    let (Some(old), Some(new)) = (&row.old, &row.new) else { return true };
    let (Ok(Value::Object(old)), Ok(Value::Object(new))) = (serde_json::from_str(old.get()), serde_json::from_str(new.get())) else {
        return true;
    };
    DECISIVE.iter().any(|column| old.get(*column) != new.get(*column))
}

async fn sessions(state: &Arc<Gateway>, event: &ChangeEvent) {
    if event.operation == Operation::Create {
        return;
    }
    let keys: HashSet<String> = event.rows.iter().filter_map(|row| serde_json::from_str(row.key.get()).ok()).collect();
    let all = event.operation == Operation::Reset;
    recheck(state, |session| session.session_key().is_some_and(|key| all || keys.contains(&*key))).await;
}

/// Checks the identity of every session that `which` selects; returns those that are still there.
async fn recheck(state: &Arc<Gateway>, which: impl Fn(&Session) -> bool) -> Vec<Arc<Session>> {
    // First, so that an authentication that is under way right now looks again too.
    state.connections.access_changed();
    let mut checked = Vec::new();
    for session in state.connections.sessions() {
        if which(&session) {
            if let Err(error) = session.recheck(&state.authenticator).await {
                tracing::error!(%error, "an identity could not be checked again; the connection is closed");
                session.queue().close(crate::error::CloseReason::Resynchronise);
            }
            checked.push(session);
        }
    }
    checked
}
