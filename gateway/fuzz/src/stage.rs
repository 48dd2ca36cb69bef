//! The newsroom, its users, and a message on its way to a statement.
//!
//! It must never differ from the gateway in the order of the steps: parse, resolve, plan, write.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use access::permission::{Action, Permissions, Rule};
use access::plan::ReadPlan;
use access::planner::{Planner, Target};
use access::query::{Query, QueryLimits};
use access::refusal::Refusal;
use access::schema::{Collection, Schema};
use access::sql::{self, ReadOptions, Shape};
use access::statement::Statement;
use access::testing::{REPORTER, collections, newsroom, permissions, relations, rule};
use access::variables::Variables;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::lexer::Names;

/// Who asks, one after the other, for every input.
pub const USERS: [&str; 8] = ["admin", "reporter", "reader", "multi", "editor", "writer", "prober", "nobody"];

/// The schema and everybody's rights.
pub struct Stage {
    /// The newsroom, without indexes on its relations.
    pub schema: Schema,
    /// The same with one on every column: other statements come of it.
    pub indexed: Schema,
    /// What statements may name.
    pub names: Names,
    /// By name.
    pub sessions: Vec<(&'static str, Permissions)>,
    /// The values that variables take.
    pub variables: Variables,
    limits: [QueryLimits; 2],
}

/// The one stage.
pub static STAGE: LazyLock<Stage> = LazyLock::new(|| Stage {
    schema: newsroom(),
    names: Names::new(&newsroom()),
    indexed: Schema::new(collections().into_iter().map(indexed), relations()),
    sessions: USERS.into_iter().map(|user| (user, if user == "prober" { prober() } else { permissions(user) })).collect(),
    variables: Variables {
        now: moment(),
        user: json!(REPORTER),
        role: json!("20000000-0000-4000-8000-000000000002"),
        roles: json!(["20000000-0000-4000-8000-000000000001", "20000000-0000-4000-8000-000000000002"]),
        policies: json!(["30000000-0000-4000-8000-000000000001"]),
        paths: HashMap::from([("$CURRENT_USER.email".to_owned(), json!("zq7@example.com"))]),
    },
    limits: [QueryLimits::default(), QueryLimits { default_limit: 10, max_limit: Some(50), max_relational_depth: 3, max_json_depth: 2, ..QueryLimits::default() }],
});

/// The moment at which everything happens.
#[must_use]
pub fn moment() -> Timestamp {
    Timestamp::from_second(1_750_000_000).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn indexed(mut collection: Collection) -> Collection {
    for field in collection.fields.values_mut() {
        Arc::make_mut(field).indexed = true;
    }
    collection
}

/// Somebody who sees a little of much: rules over relations, masks on several fields, system collections.
fn prober() -> Permissions {
    let mut rights = Permissions::none();
    let mut read = |collection: &str, rule: Rule| rights.add(collection, Action::Read, rule);
    read("directus_users", rule(&json!({"status": {"_eq": "active"}}), &["id", "first_name", "role"]));
    read("directus_roles", rule(&Value::Null, &["id", "name"]));
    read("articles", rule(&json!({"author": {"active": {"_eq": true}}}), &["id", "title", "author", "comments", "meta"]));
    read("articles", rule(&json!({"comments": {"_some": {"approved": {"_eq": true}}}}), &["id", "views", "score", "tags"]));
    read("articles", rule(&json!({"year(date_created)": {"_gt": 2020}}), &["id", "date_created", "category"]));
    read("authors", rule(&json!({"name": {"_contains": "a"}}), &["id", "name", "rating"]));
    read("comments", rule(&json!({"article": {"status": {"_eq": "published"}}}), &["id", "text", "article"]));
    read("categories", rule(&json!({"parent": {"_nnull": true}}), &["*"]));
    read("articles_tags", rule(&Value::Null, &["id", "articles_id", "tags_id"]));
    read("tags", rule(&json!({"label": {"_in": ["a", "b"]}}), &["id", "label"]));
    read("pages", rule(&Value::Null, &["id", "blocks"]));
    read("pages_blocks", rule(&Value::Null, &["id", "item", "collection", "pages_id"]));
    read("block_text", rule(&json!({"body": {"_nempty": true}}), &["id", "body"]));
    rights
}

impl Stage {
    /// What becomes of a read that a message asks for, on one of the schemas and under one of the operator's bounds.
    ///
    /// # Errors
    /// The refusal that the client is told.
    pub fn plan(&self, permissions: &Permissions, message: &Map<String, Value>, tight: bool) -> Result<ReadPlan, Refusal> {
        let limits = &self.limits[usize::from(tight)];
        let schema = if tight { &self.indexed } else { &self.schema };
        let collection = message.get("collection").and_then(Value::as_str).unwrap_or("articles");
        let mut query = Query::parse(message.get("query").unwrap_or(&Value::Null), limits)?;
        query.resolve(&self.variables)?;
        let target = match (message.get("id"), message.get("ids")) {
            (Some(id), _) => Target::Key(id),
            (None, Some(Value::Array(ids))) => Target::Keys(ids),
            (None, _) => Target::Query,
        };
        Planner { schema, permissions, limits }.read(collection, &query, target)
    }

    /// Every statement that a plan is executed by.
    #[must_use]
    pub fn statements(plan: &ReadPlan, keys: &[String]) -> Vec<Statement> {
        let options = |shape, snapshot, keys: Option<&[String]>| ReadOptions { shape, snapshot, keys: keys.map(<[String]>::to_vec) };
        vec![
            sql::read(plan, &options(Shape::List, false, None)),
            sql::read(plan, &options(Shape::Object, true, None)),
            sql::read(plan, &options(Shape::Keyed, true, Some(keys))),
            sql::keys(plan),
        ]
    }
}

/// The message, if the input is one.
#[must_use]
pub fn message(data: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(data) {
        Ok(Value::Object(message)) => Some(message),
        _ => None,
    }
}

/// Every refusal has a code and a text, and none of the text is of the program's inside.
pub fn check_refusal(refusal: &Refusal) {
    let (code, text) = (refusal.code(), refusal.message());
    assert!(!code.is_empty() && !text.is_empty(), "{refusal:?}");
}
