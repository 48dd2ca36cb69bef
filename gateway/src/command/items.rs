//! `items`: reads and writes, by the one service that HTTP uses too.
//!
//! It must never touch a system collection, and never decide about permissions itself.

use serde_json::Value;

use crate::connection::session::Session;
use crate::directory::is_system_collection;
use crate::error::ClientError;
use crate::items::{Answer, DeleteTarget, ItemsContext, ItemsError, ReadTarget, UpdateTarget};
use crate::protocol::items::{ItemsMessage, ItemsRequest, Selector};
use crate::protocol::server::{self, MessageType};
use crate::state::Gateway;

/// Handles one message; every outcome is answered.
pub(super) async fn items(state: &Gateway, session: &Session, message: ItemsMessage) {
    let uid = message.uid.clone();
    match perform(state, session, message).await {
        Ok(answer) => session.send(server::items(Some(&answer.data), answer.meta.as_deref(), uid.as_ref())),
        Err(error) => {
            error.log();
            state.metrics.errors.with_label_values(&[error.code()]).inc();
            session.send(server::error(MessageType::Items, &error, uid.as_ref()));
        }
    }
}

async fn perform(state: &Gateway, session: &Session, message: ItemsMessage) -> Result<Answer, ClientError> {
    let ItemsMessage { collection, request, .. } = message;
    let schema = state.directory.schema();
    if is_system_collection(&collection) && schema.collection(&collection).is_some() {
        return Err(ClientError::InvalidCollection);
    }
    let accountability = session.accountability();
    let permissions = state.directory.permissions(&accountability).await?;
    let context = ItemsContext { accountability, permissions, schema };
    let service = &state.items;
    let answer = match request {
        ItemsRequest::Create { data, query } => service.create(&context, &collection, &or_null(data), &or_null(query)).await,
        ItemsRequest::Read { selector, query } => {
            let target = match selector {
                Selector::One(key) => ReadTarget::Key(key),
                Selector::Many(keys) => ReadTarget::Keys(keys),
                Selector::None => ReadTarget::Query,
            };
            service.read(&context, &collection, target, &or_null(query)).await
        }
        ItemsRequest::Update { selector, data, query } => {
            let data = or_null(data);
            let singleton = context.schema.collection(&collection).is_some_and(|collection| collection.singleton);
            let target = match selector {
                Selector::One(key) => UpdateTarget::Key(key),
                Selector::Many(keys) => UpdateTarget::Keys(keys),
                Selector::None if data.is_array() && !singleton => UpdateTarget::Batch,
                Selector::None => UpdateTarget::Query,
            };
            service.update(&context, &collection, target, &data, &or_null(query)).await
        }
        ItemsRequest::Delete { selector, query } => {
            let query = or_null(query);
            let target = match selector {
                Selector::One(key) => DeleteTarget::Key(key),
                Selector::Many(keys) => DeleteTarget::Keys(keys),
                Selector::None if is_given(&query) => DeleteTarget::Query,
                Selector::None => {
                    let hint = "Either 'ids', 'id' or 'query' is required for a DELETE request.";
                    return Err(access::refusal::Refusal::InvalidMessage(hint.to_owned()).into());
                }
            };
            service.delete(&context, &collection, target, &query).await
        }
    };
    answer.map_err(|error| match error {
        ItemsError::Refusal(refusal) => refusal.into(),
        ItemsError::Database(error) => error.into(),
    })
}

fn or_null(value: Option<Value>) -> Value {
    value.unwrap_or(Value::Null)
}

/// JavaScript's notion of a value that is there.
fn is_given(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Bool(true) | Value::Array(_) | Value::Object(_) => true,
    }
}
