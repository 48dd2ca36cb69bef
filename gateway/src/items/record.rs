//! What is remembered of writes: activity and revisions.
//!
//! It must never hold a password or a hash: revisions hold what was sent or what answers show, and concealed columns show
//! nothing.

use std::net::IpAddr;

use access::permission::Action;
use access::schema::Collection;
use access::statement::{Parameter, Statement};

use crate::database::DatabaseError;
use crate::items::statement::writer_keys;
use crate::items::write::Write;
use crate::items::{ItemsContext, ItemsError};

/// The table of activity.
pub(super) const ACTIVITY: &str = "directus_activity";
/// The table of revisions.
pub(super) const REVISIONS: &str = "directus_revisions";

/// One written row.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Its key.
    pub(super) key: String,
    /// The revision's `data`.
    pub(super) data: Option<String>,
}

impl Write<'_> {
    /// One row of activity per entry, and one revision each where there is a `delta`. Returns the revisions in the order of
    /// the entries. One statement, whatever their number; it also forgets the keys that an update or delete set.
    pub(super) async fn record(
        &mut self,
        action: Action,
        collection: &Collection,
        entries: &[Entry],
        delta: Option<&str>,
    ) -> Result<Vec<i32>, ItemsError> {
        if entries.is_empty() || self.trial.is_some() || !self.preparation.keeps_activity(collection) {
            return Ok(Vec::new());
        }
        let delta = delta.filter(|_| self.preparation.keeps_revisions(collection));
        let statement = statement(self.context, action, collection, entries, delta);
        let rows = self.run_forgetting(&statement, collection).await?;
        rows.iter().map(|row| row.try_get("id").map_err(|error| DatabaseError::form(error).into())).collect()
    }

    /// Makes `parent` the parent of the revisions that nested writes made.
    pub(super) async fn adopt(&mut self, parent: Option<i32>, nested: &[i32], collection: &Collection) -> Result<(), ItemsError> {
        let Some(parent) = parent.filter(|_| !nested.is_empty()) else { return Ok(()) };
        let mut statement = Statement::default();
        statement.push("UPDATE \"public\".\"directus_revisions\" SET \"parent\" = ").bind(Parameter::Text(parent.to_string()));
        let children = nested.iter().map(|child| Some(child.to_string())).collect();
        statement.push(" WHERE \"id\" = ANY(").bind(Parameter::Array(children)).push("::int4[])");
        self.run(&statement, collection, None).await.map(drop)
    }
}

fn statement(context: &ItemsContext, action: Action, collection: &Collection, entries: &[Entry], delta: Option<&str>) -> Statement {
    let keys = entries.iter().map(|entry| Some(entry.key.clone())).collect();
    let mut statement = Statement::default();
    if delta.is_some() {
        statement.push("WITH a AS (");
    }
    activity(&mut statement, context, action, collection, "e.key");
    statement.push(" FROM unnest(").bind(Parameter::Array(keys)).push("::text[]) WITH ORDINALITY AS e(key, place)");
    writer_keys(&mut statement, " WHERE ", "");
    statement.push(" ORDER BY e.place");
    let Some(delta) = delta else { return statement };
    let keys = entries.iter().map(|entry| Some(entry.key.clone())).collect();
    let data = entries.iter().map(|entry| entry.data.clone()).collect();
    statement.push(" RETURNING \"id\", \"item\") ");
    revision(&mut statement, collection);
    statement.push(", a.\"item\", d.data::json, ").bind(Parameter::Text(delta.to_owned()));
    statement.push("::json FROM a JOIN unnest(").bind(Parameter::Array(keys)).push("::text[], ");
    statement.bind(Parameter::Array(data)).push("::text[]) WITH ORDINALITY AS d(key, data, place) ON d.key = a.\"item\"");
    statement.push(" ORDER BY d.place RETURNING \"id\"");
    statement
}

/// `INSERT INTO activity … SELECT …`, up to its FROM; `key` is the expression of the row's key.
pub(super) fn activity(statement: &mut Statement, context: &ItemsContext, action: Action, collection: &Collection, key: &str) {
    let accountability = &context.accountability;
    let client = &accountability.client;
    let optional = |text: Option<String>| text.map_or(Parameter::Null, Parameter::Text);
    statement.push(
        "INSERT INTO \"public\".\"directus_activity\" (\"action\", \"user\", \"collection\", \"item\", \"ip\", \"user_agent\", \"origin\")",
    );
    statement.push(" SELECT ").bind(Parameter::Text(action.name().to_owned()));
    statement.push("::text, ").bind(optional(accountability.user.map(|user| user.to_string())));
    statement.push("::uuid, ").bind(Parameter::Text(collection.name.to_string()));
    statement.push("::text, ").push(key).push(", ").bind(optional(client.ip.map(address)));
    statement.push("::text, ").bind(optional(client.user_agent.clone()));
    statement.push("::text, ").bind(optional(client.origin.clone())).push("::text");
}

/// `INSERT INTO revisions … SELECT` the first two of five columns: activity (of `a`), collection, item, data and delta.
pub(super) fn revision(statement: &mut Statement, collection: &Collection) {
    statement.push(
        "INSERT INTO \"public\".\"directus_revisions\" (\"activity\", \"collection\", \"item\", \"data\", \"delta\") SELECT a.\"id\", ",
    );
    statement.bind(Parameter::Text(collection.name.to_string())).push("::text");
}

/// The address without the prefix of IPv4 in IPv6.
fn address(ip: IpAddr) -> String {
    ip.to_canonical().to_string()
}
