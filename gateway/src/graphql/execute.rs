//! Running a prepared operation: one call of the items service per root field.
//!
//! The fields of a query run side by side, a few at a time; those of a mutation one after the other, each in its own
//! transaction, and a failed one does not stop the next. It must never touch rows but through the items service.

use std::sync::Arc;

use access::accountability::Accountability;
use access::permission::Permissions;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use graphql::{Call, GraphqlError, Outcome, Prepared, Response, RootField, Schema};
use serde_json::Value;

use crate::command;
use crate::error::ClientError;
use crate::graphql::answer;
use crate::items::{Answer, DeleteTarget, ItemsContext, ItemsError, ReadTarget, UpdateTarget};
use crate::state::Gateway;

/// Fields of one query that are read at the same time: each holds a connection of the pool.
const AT_ONCE: usize = 4;

/// Who runs an operation, and against which schema it was prepared.
pub struct Caller {
    /// Who.
    pub accountability: Arc<Accountability>,
    /// With which permissions.
    pub permissions: Arc<Permissions>,
    /// What the document was read against.
    pub schema: Arc<Schema>,
}

/// Which fields run one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Reads.
    AtOnce,
    /// Writes.
    OneByOne,
}

/// Runs the fields of a query or mutation.
pub async fn execute(state: &Gateway, caller: &Caller, fields: &[RootField], order: Order) -> Response {
    let at_once = match order {
        Order::AtOnce => AT_ONCE,
        Order::OneByOne => 1,
    };
    let work: Vec<BoxFuture<'_, _>> = fields.iter().map(|field| run(state, caller, field).boxed()).collect();
    let done: Vec<_> = stream::iter(work).buffered(at_once).collect().await;
    let mut outcomes = Vec::with_capacity(done.len());
    let mut further = Vec::new();
    for (outcome, more) in done {
        outcomes.push(outcome);
        further.extend(more);
    }
    let mut response = Prepared::respond(fields, outcomes);
    response.errors.extend(further);
    response
}

/// One field. The second part is what is left to say where one error is not all.
async fn run(state: &Gateway, caller: &Caller, field: &RootField) -> (Outcome, Vec<GraphqlError>) {
    match call(state, caller, &field.call).await {
        Ok(outcome) => (outcome, Vec::new()),
        Err(error) => {
            let error = ClientError::from(error);
            error.log();
            command::count(state, &error);
            let mut errors = answer::graphql_errors(&error).into_iter();
            let first = errors.next().unwrap_or_else(|| GraphqlError::new(error.message()));
            (Outcome::Failed(first), errors.map(|error| answer::at(error, &field.key, field.location)).collect())
        }
    }
}

async fn call(state: &Gateway, caller: &Caller, call: &Call) -> Result<Outcome, ItemsError> {
    let items = &state.items;
    let rows = |answer: Answer| Outcome::Rows(answer.data);
    match call {
        Call::Known(_) => Ok(Outcome::Answered),
        Call::ReadMany { collection, query } | Call::ReadSingleton { collection, query } | Call::Aggregate { collection, query } => {
            items.read(&caller.context(true), collection, ReadTarget::Query, query).await.map(rows)
        }
        Call::ReadOne { collection, key, query } => {
            items.read(&caller.context(true), collection, ReadTarget::Key(key.clone()), query).await.map(rows)
        }
        Call::Create { collection, data, query } => {
            let (context, query) = caller.write(query.as_ref());
            items.create(&context, collection, data, query).await.map(|answer| written(&context, answer))
        }
        Call::UpdateOne { collection, key, data, query } => {
            // The service answers the update of one item with the whole item, whatever the query says.
            let target = UpdateTarget::Key(key.clone());
            items.update(&caller.context(false), collection, target, &Value::Object(data.clone()), &Value::Null).await?;
            match query {
                Some(query) => items.read(&caller.context(true), collection, ReadTarget::Key(key.clone()), query).await.map(rows),
                None => Ok(Outcome::Answered),
            }
        }
        Call::UpdateMany { collection, keys, data, query } => {
            let (context, query) = caller.write(query.as_ref());
            let target = UpdateTarget::Keys(keys.clone());
            let answer = items.update(&context, collection, target, &Value::Object(data.clone()), query).await?;
            Ok(written(&context, answer))
        }
        Call::UpdateBatch { collection, data, query } => {
            let (context, query) = caller.write(query.as_ref());
            items.update(&context, collection, UpdateTarget::Batch, data, query).await.map(|answer| written(&context, answer))
        }
        Call::UpdateSingleton { collection, data, query } => {
            let (context, query) = caller.write(query.as_ref());
            let answer = items.update(&context, collection, UpdateTarget::Query, &Value::Object(data.clone()), query).await?;
            Ok(written(&context, answer))
        }
        Call::DeleteOne { collection, key } => {
            items.delete(&caller.context(true), collection, DeleteTarget::Key(key.clone()), &Value::Null).await.map(rows)
        }
        Call::DeleteMany { collection, keys } => {
            items.delete(&caller.context(true), collection, DeleteTarget::Keys(keys.clone()), &Value::Null).await.map(rows)
        }
    }
}

fn written(context: &ItemsContext, answer: Answer) -> Outcome {
    if context.unanswered { Outcome::Answered } else { Outcome::Rows(answer.data) }
}

impl Caller {
    fn context(&self, answered: bool) -> ItemsContext {
        ItemsContext {
            accountability: Arc::clone(&self.accountability),
            permissions: Arc::clone(&self.permissions),
            schema: Arc::clone(self.schema.overview()),
            unanswered: !answered,
        }
    }

    /// For a write that is read back with `query`, or not at all.
    fn write<'a>(&self, query: Option<&'a Value>) -> (ItemsContext, &'a Value) {
        (self.context(query.is_some()), query.unwrap_or(&Value::Null))
    }
}
