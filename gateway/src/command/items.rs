//! `items`: checks what has to hold before anything is read or written, and maps the message to the items service.
//!
//! It must never choose rows itself: which items a message means is decided by [`Selector`] and the service alone.

use std::sync::Arc;

use serde_json::Value;

use crate::connection::session::Session;
use crate::directory::is_system_collection;
use crate::error::ClientError;
use crate::items::{Answer, DeleteTarget, ItemsContext, ReadTarget, UpdateTarget};
use crate::protocol::items::{ItemsMessage, ItemsRequest, Selector};
use crate::protocol::server::{self, MessageType};
use crate::state::Gateway;

use access::permission::Action;
use access::refusal::Refusal;

use super::refuse;

/// Handles one message.
pub(super) async fn items(state: &Arc<Gateway>, session: &Arc<Session>, message: ItemsMessage) {
    let ItemsMessage { uid, collection, request } = message;
    match operate(state, session, &collection, request).await {
        Ok(answer) => session.send(server::items(Some(&answer.data), answer.meta.as_deref(), uid.as_ref())),
        Err(error) => refuse(state, session, MessageType::Items, &error, uid.as_ref()),
    }
}

async fn operate(state: &Gateway, session: &Session, collection: &str, request: ItemsRequest) -> Result<Answer, ClientError> {
    let schema = state.directory.schema();
    let known = schema.collection(collection);
    if is_system_collection(collection) && known.is_some() {
        return Err(ClientError::InvalidCollection);
    }
    let singleton = known.is_some_and(|collection| collection.singleton);
    let (accountability, permissions) = state.rights(session).await?;
    let context = ItemsContext { accountability, permissions, schema, unanswered: false };
    let or_null = |value: Option<Value>| value.unwrap_or(Value::Null);
    let answer = match request {
        ItemsRequest::Create { data, query } => state.items.create(&context, collection, &or_null(data), &or_null(query)).await?,
        ItemsRequest::Read { selector, query } => {
            let target = match selector {
                Selector::One(key) => ReadTarget::Key(key),
                Selector::Many(keys) => ReadTarget::Keys(keys),
                Selector::None => ReadTarget::Query,
            };
            state.items.read(&context, collection, target, &or_null(query)).await?
        }
        ItemsRequest::Update { selector, data, query } => {
            let data = or_null(data);
            let target = update_target(selector, &data, singleton);
            state.items.update(&context, collection, target, &data, &or_null(query)).await?
        }
        ItemsRequest::Delete { selector, query } => {
            let query = or_null(query);
            let target = match delete_target(selector, &query) {
                Ok(target) => target,
                // That there is no such collection is told before that nothing was named.
                Err(refusal) => {
                    state.items.exists(&context, collection, Action::Delete)?;
                    return Err(refusal.into());
                }
            };
            state.items.delete(&context, collection, target, &query).await?
        }
    };
    Ok(answer)
}

/// `id`, else `ids`, else the row of a singleton, else a list of items in `data`, else what the query selects.
fn update_target(selector: Selector, data: &Value, singleton: bool) -> UpdateTarget {
    match selector {
        Selector::One(key) => UpdateTarget::Key(key),
        Selector::Many(keys) => UpdateTarget::Keys(keys),
        Selector::None if data.is_array() && !singleton => UpdateTarget::Batch,
        Selector::None => UpdateTarget::Query,
    }
}

/// `id`, else `ids`, else what the query selects, which has to be there.
fn delete_target(selector: Selector, query: &Value) -> Result<DeleteTarget, Refusal> {
    match selector {
        Selector::One(key) => Ok(DeleteTarget::Key(key)),
        Selector::Many(keys) => Ok(DeleteTarget::Keys(keys)),
        Selector::None if is_truthy(query) => Ok(DeleteTarget::Query),
        Selector::None => Err(Refusal::InvalidMessage("Either 'ids', 'id' or 'query' is required for a DELETE request.".to_owned())),
    }
}

/// As JavaScript sees it: `{}` and `[]` are, `0` and `""` are not.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn updates_follow_their_precedence() {
        let check = |selector: Selector, data: Value, singleton: bool, expect: UpdateTarget| {
            assert_eq!(update_target(selector, &data, singleton), expect);
        };
        check(Selector::One(json!(0)), json!([{}]), true, UpdateTarget::Key(json!(0)));
        check(Selector::Many(vec![]), json!([{}]), true, UpdateTarget::Keys(vec![]));
        check(Selector::None, json!([{}]), true, UpdateTarget::Query);
        check(Selector::None, json!([{}]), false, UpdateTarget::Batch);
        check(Selector::None, json!({}), false, UpdateTarget::Query);
        check(Selector::None, json!(null), false, UpdateTarget::Query);
    }

    #[test]
    fn a_delete_names_its_items() {
        assert_eq!(delete_target(Selector::One(json!("")), &json!(null)), Ok(DeleteTarget::Key(json!(""))));
        assert_eq!(delete_target(Selector::Many(vec![]), &json!({})), Ok(DeleteTarget::Keys(vec![])));
        assert_eq!(delete_target(Selector::None, &json!({})), Ok(DeleteTarget::Query));
        for nothing in [json!(null), json!(false), json!(0), json!("")] {
            let refusal = delete_target(Selector::None, &nothing).unwrap_err();
            assert_eq!(refusal.message(), "Either 'ids', 'id' or 'query' is required for a DELETE request.");
            assert_eq!(refusal.code(), "INVALID_PAYLOAD");
        }
    }
}
