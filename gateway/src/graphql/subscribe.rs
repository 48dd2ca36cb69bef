//! One operation over a socket: from the document to its last frame, or to a subscription that lives on.
//!
//! A query or mutation is answered with one `next` and one `complete`; what is wrong before execution with one `error`. A
//! subscription is not confirmed. It must never let a subscription live whose client has completed it on the way.

use std::sync::Arc;

use graphql::{EventKind as GraphqlEvent, Prepared, Refused, Response, Subscription};

use crate::command;
use crate::connection::session::Session;
use crate::error::{Cause, ClientError};
use crate::graphql::answer;
use crate::graphql::execute::{Caller, Order, execute};
use crate::graphql::operations::{Operations, Ticket};
use crate::graphql::schemas::{NotPrepared, prepare};
use crate::protocol::graphql::{self as wire, Operation};
use crate::protocol::subscribe::EventKind;
use crate::state::Gateway;
use crate::subscription::{self, Form, Request, SubscriptionId, plan};

/// Runs one operation to its end, or until its subscription is live.
pub(super) async fn run(state: &Arc<Gateway>, session: &Arc<Session>, operations: &Operations, ticket: &Ticket, operation: Operation) {
    // Before the permissions are looked at: what changes later is seen below.
    let revision = state.directory.revision();
    let prepared = match state.rights(session).await {
        Ok(rights) => prepare(state, rights, operation).await,
        Err(error) => Err(NotPrepared::Error(error.into())),
    };
    let (caller, prepared) = match prepared {
        Ok(prepared) => prepared,
        Err(NotPrepared::Refused(Refused::Execution(response))) => return finish(session, operations, ticket, &response),
        Err(NotPrepared::Refused(Refused::Request(errors))) => {
            return operations.finish(ticket, || session.send(wire::error(&ticket.id, &answer::json(&errors))));
        }
        Err(NotPrepared::Error(error)) => {
            note(state, &error);
            return operations.finish(ticket, || session.send(wire::error(&ticket.id, &answer::errors_of(&error))));
        }
    };
    let (fields, order) = match prepared {
        Prepared::Query(fields) => (fields, Order::AtOnce),
        Prepared::Mutation(fields) => (fields, Order::OneByOne),
        Prepared::Subscription(subscription) => {
            let (key, location) = (Arc::clone(&subscription.key), subscription.location);
            if let Err(error) = listen(state, session, operations, ticket, &caller, *subscription, revision).await {
                note(state, &error);
                operations.finish(ticket, || session.send(wire::error(&ticket.id, &answer::errors_at(&error, &key, location))));
            }
            return;
        }
    };
    let response = execute(state, &caller, &fields, order).await;
    finish(session, operations, ticket, &response);
}

fn finish(session: &Session, operations: &Operations, ticket: &Ticket, response: &Response) {
    let payload = answer::json(response);
    operations.finish(ticket, || {
        session.send(wire::next(&ticket.id, &payload));
        session.send(wire::complete(&ticket.id));
    });
}

async fn listen(
    state: &Arc<Gateway>,
    session: &Arc<Session>,
    operations: &Operations,
    ticket: &Ticket,
    caller: &Caller,
    subscription: Subscription,
    revision: u64,
) -> Result<(), ClientError> {
    let name: Arc<str> = ticket.id.as_str().into();
    // Nothing is resumed here, so that there always is a name.
    let Some(id) = state.subscriptions.announce(session, Some(Arc::clone(&name)), None) else { return Ok(()) };
    let registered = register(state, session, id, name, caller, subscription).await;
    state.subscriptions.conclude(session.id(), id);
    registered?;
    if !operations.subscribed(ticket, id) {
        state.subscriptions.remove(session.id(), id).await;
    } else if state.directory.revision() != revision || !Arc::ptr_eq(&session.accountability(), &caller.accountability) {
        // Permissions or identity changed on the way: whoever followed the change may not have found this subscription yet.
        subscription::refresh(state, Some(session.id())).await;
    }
    Ok(())
}

async fn register(
    state: &Gateway,
    session: &Arc<Session>,
    id: SubscriptionId,
    name: Arc<str>,
    caller: &Caller,
    subscription: Subscription,
) -> Result<(), ClientError> {
    if state.subscriptions.is_full(session.id(), id, None) {
        return Err(ClientError::TooManySubscriptions);
    }
    let query = state.queries.resolved(&subscription.query, &state.directory, &caller.accountability, &caller.permissions).await?;
    let request = Arc::new(Request {
        collection: Arc::clone(&subscription.collection),
        event: subscription.event.map(|event| match event {
            GraphqlEvent::Create => EventKind::Create,
            GraphqlEvent::Update => EventKind::Update,
            GraphqlEvent::Delete => EventKind::Delete,
        }),
        item: None,
        query,
        explicit_limit: false,
        uid: Some(name),
        positions: false,
        form: Some(Arc::new(Form::new(subscription))),
    });
    let planned = plan(&state.config, caller.schema.overview(), &caller.permissions, &request)?;
    let registered = state.subscriptions.listen(session, id, &request, planned).await;
    registered.map_err(|error| ClientError::StoreUnavailable(Cause::new(error)))
}

fn note(state: &Gateway, error: &ClientError) {
    error.log();
    command::count(state, error);
}
