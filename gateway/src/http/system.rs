//! System collections over HTTP, as far as a node that runs alone needs them: `/users`, `/roles`, `/permissions` and so on.
//!
//! Reads follow the caller's permissions like any read; writes are for administrators (notifications excepted), since some
//! of these rows decide about everybody's rights. What they decide is in force on this node before the answer. It must
//! never do what Directus does around these tables besides the row itself: no mails, no uploads, no schema changes.

use std::sync::Arc;

use access::refusal::Refusal;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{Method, Uri};
use axum::response::Response;
use axum::routing::{any, patch};
use serde_json::{Map, Value, json};

use crate::feed;
use crate::http::caller::{Caller, CallerWithBody};
use crate::http::items::{self, parse_body};
use crate::http::reply::{self, HttpError};
use crate::http::route_not_found;
use crate::items::{ReadTarget, UpdateTarget};
use crate::state::Gateway;

/// Who may write rows of a collection here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writes {
    Nobody,
    Administrators,
    Permitted,
}

/// The collections that have a path of their own, without their prefix.
const COLLECTIONS: [(&str, Writes); 15] = [
    ("access", Writes::Administrators),
    ("activity", Writes::Nobody),
    ("comments", Writes::Administrators),
    ("files", Writes::Nobody),
    ("folders", Writes::Administrators),
    ("notifications", Writes::Permitted),
    ("permissions", Writes::Administrators),
    ("policies", Writes::Administrators),
    ("presets", Writes::Administrators),
    ("revisions", Writes::Nobody),
    ("roles", Writes::Administrators),
    ("settings", Writes::Administrators),
    ("translations", Writes::Administrators),
    ("users", Writes::Administrators),
    ("versions", Writes::Nobody),
];

/// The routes of all of them.
pub(super) fn routes() -> Router<Arc<Gateway>> {
    let mut router =
        Router::new().route("/collections/{name}", patch(change_collection)).route("/fields/{collection}/{name}", patch(change_field));
    for (name, writes) in COLLECTIONS {
        let collection = format!("directus_{name}");
        let one = collection.clone();
        let on_list = async move |State(state): State<Arc<Gateway>>,
                                  method: Method,
                                  uri: Uri,
                                  RawQuery(query): RawQuery,
                                  CallerWithBody(caller, body): CallerWithBody| {
            let Some(changes) = admit(writes, &caller, &method)? else { return Ok(route_not_found(&uri)) };
            let response = items::on_collection(&state, &caller, &collection, &method, &uri, query.as_deref(), &body).await?;
            settle(&state, changes, &collection, response).await
        };
        let on_one = async move |State(state): State<Arc<Gateway>>,
                                 Path(key): Path<String>,
                                 method: Method,
                                 uri: Uri,
                                 RawQuery(query): RawQuery,
                                 CallerWithBody(caller, body): CallerWithBody| {
            let Some(changes) = admit(writes, &caller, &method)? else { return Ok(route_not_found(&uri)) };
            let response = items::on_item(&state, &caller, &one, key, &method, &uri, query.as_deref(), &body).await?;
            settle(&state, changes, &one, response).await
        };
        router = router.route(&format!("/{name}"), any(on_list)).route(&format!("/{name}/{{key}}"), any(on_one));
    }
    router
}

/// `PATCH /collections/<name>` with `meta`: what `directus_collections` says of a table. The table itself stays as it is.
async fn change_collection(
    State(state): State<Arc<Gateway>>,
    Path(name): Path<String>,
    CallerWithBody(caller, body): CallerWithBody,
) -> Result<Response, HttpError> {
    if !caller.accountability.admin || caller.schema.collection(&name).is_none_or(|collection| collection.system) {
        return Err(Refusal::Forbidden.into());
    }
    let Value::Object(mut body) = parse_body(&body)? else { return Err(HttpError::payload("Body must be an object")) };
    let Some(Value::Object(meta)) = body.remove("meta") else { return Err(HttpError::payload("\"meta\" must be an object")) };
    let context = items::context(&caller);
    let (table, key) = ("directus_collections", Value::String(name.clone()));
    let known = state.items.read(&context, table, ReadTarget::Keys(vec![key.clone()]), &json!({"fields": ["collection"]})).await?;
    if known.data.get() == "[]" {
        let mut row = Map::from_iter([("collection".to_owned(), key.clone())]);
        row.extend(meta);
        state.items.create(&context, table, &Value::Object(row), &Value::Null).await?;
    } else {
        state.items.update(&context, table, UpdateTarget::Key(key.clone()), &Value::Object(meta), &Value::Null).await?;
    }
    let row = state.items.read(&context, table, ReadTarget::Key(key), &Value::Null).await?;
    let meta: Value = serde_json::from_str(row.data.get()).unwrap_or(Value::Null);
    settle(&state, true, table, reply::value(&json!({"collection": name, "meta": meta, "schema": {"name": name}}))).await
}

/// `PATCH /fields/<collection>/<name>` with `meta`: what `directus_fields` says of a column. The column itself stays as it is,
/// so that anything about `schema` or `type` is refused.
async fn change_field(
    State(state): State<Arc<Gateway>>,
    Path((collection, name)): Path<(String, String)>,
    CallerWithBody(caller, body): CallerWithBody,
) -> Result<Response, HttpError> {
    let known = caller.schema.collection(&collection).filter(|collection| !collection.system);
    if !caller.accountability.admin || known.is_none_or(|collection| collection.field(&name).is_none()) {
        return Err(Refusal::Forbidden.into());
    }
    let Value::Object(mut body) = parse_body(&body)? else { return Err(HttpError::payload("Body must be an object")) };
    if body.contains_key("schema") || body.contains_key("type") {
        return Err(HttpError::payload("Only \"meta\" of a field can be changed here: columns are changed in the database"));
    }
    let Some(Value::Object(meta)) = body.remove("meta") else { return Err(HttpError::payload("\"meta\" must be an object")) };
    let (context, table) = (items::context(&caller), "directus_fields");
    let of_field = json!({"filter": {"collection": {"_eq": collection}, "field": {"_eq": name}}, "limit": 1});
    let found = state.items.read(&context, table, ReadTarget::Query, &of_field).await?;
    let found: Value = serde_json::from_str(found.data.get()).unwrap_or(Value::Null);
    if let Some(key) = found.pointer("/0/id") {
        state.items.update(&context, table, UpdateTarget::Key(key.clone()), &Value::Object(meta), &Value::Null).await?;
    } else {
        let mut row = Map::from_iter([("collection".to_owned(), json!(collection)), ("field".to_owned(), json!(name))]);
        row.extend(meta);
        state.items.create(&context, table, &Value::Object(row), &Value::Null).await?;
    }
    let rows = state.items.read(&context, table, ReadTarget::Query, &of_field).await?;
    let rows: Value = serde_json::from_str(rows.data.get()).unwrap_or(Value::Null);
    let meta = rows.pointer("/0").cloned().unwrap_or(Value::Null);
    settle(&state, true, table, reply::value(&json!({"collection": collection, "field": name, "meta": meta}))).await
}

/// Whether the request changes rows; `None` where nobody may.
fn admit(writes: Writes, caller: &Caller, method: &Method) -> Result<Option<bool>, HttpError> {
    if matches!(method.as_str(), "GET" | "SEARCH") {
        return Ok(Some(false));
    }
    match writes {
        Writes::Nobody => Ok(None),
        Writes::Administrators if !caller.accountability.admin => Err(Refusal::Forbidden.into()),
        Writes::Administrators | Writes::Permitted => Ok(Some(true)),
    }
}

/// What was changed is in force before the answer; other nodes hear of it through capture.
async fn settle(state: &Arc<Gateway>, changes: bool, collection: &str, response: Response) -> Result<Response, HttpError> {
    if changes && response.status().is_success() {
        if collection == "directus_users" {
            feed::look_again(state).await;
        } else {
            feed::clear_caches(state).await?;
        }
    }
    Ok(response)
}
