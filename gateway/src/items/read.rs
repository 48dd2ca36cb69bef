//! Executing a read.
//!
//! It must never parse what Postgres answered: JSON passes through as text.

use access::plan::{ReadPlan, Root, Selected};
use access::refusal::Refusal;
use access::schema::ColumnDefault;
use access::sql::{self, ReadOptions, Shape};
use access::statement::Statement;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::database::{Database, DatabaseError, RawText, Row};
use crate::items::ItemsError;

/// What a read found.
pub(super) struct Found {
    /// A list; or an object, `None` where there is none.
    pub(super) data: Option<Box<RawValue>>,
    /// The counts that were asked for.
    pub(super) meta: Option<Box<RawValue>>,
}

/// The statement of `plan`.
pub(super) fn statement(plan: &ReadPlan, object: bool) -> Statement {
    let shape = if object { Shape::Object } else { Shape::List };
    sql::read(plan, &ReadOptions { shape, snapshot: false, keys: None })
}

/// Executes the statement of `plan`: one row.
pub(super) async fn execute(database: &Database, plan: &ReadPlan, statement: &Statement) -> Result<Found, ItemsError> {
    found(plan, &one(database, statement).await?)
}

/// What the row of `plan`'s statement says.
pub(super) fn found(plan: &ReadPlan, row: &Row) -> Result<Found, ItemsError> {
    Ok(Found { data: data(row)?, meta: meta(plan, row)? })
}

/// The object that a statement without counts finds.
pub(super) async fn object(database: &Database, statement: &Statement) -> Result<Option<Box<RawValue>>, ItemsError> {
    data(&one(database, statement).await?)
}

async fn one(database: &Database, statement: &Statement) -> Result<Row, ItemsError> {
    let row = database.query_one(statement).await.map_err(refused)?;
    row.ok_or_else(|| DatabaseError::form(NoRow).into())
}

fn data(row: &Row) -> Result<Option<Box<RawValue>>, ItemsError> {
    let data = row.try_get::<_, Option<RawText<'_>>>("data").map_err(DatabaseError::form)?;
    data.map(|text| raw(text.0.to_owned())).transpose()
}

/// What an empty singleton shows of the fields asked for: its key as null, and defaults that are not null.
pub(super) fn defaults(plan: &ReadPlan) -> Result<Box<RawValue>, ItemsError> {
    let mut members = Map::new();
    if let Root::Items(level) = &plan.root {
        for selection in &level.select {
            let Selected::Column(field) = &selection.value else { continue };
            match &field.default {
                _ if field.name == level.collection.primary_key => {
                    members.insert(selection.key.clone(), Value::Null);
                }
                ColumnDefault::Value(value) if !value.is_null() => {
                    members.insert(selection.key.clone(), value.clone());
                }
                // Not evaluated, as observed.
                ColumnDefault::Expression(expression) => {
                    let shown = expression.split("::").next().unwrap_or_default().trim_matches('\'');
                    members.insert(selection.key.clone(), Value::from(shown));
                }
                ColumnDefault::Value(_) | ColumnDefault::None | ColumnDefault::AutoIncrement => {}
            }
        }
    }
    raw(Value::Object(members).to_string())
}

fn meta(plan: &ReadPlan, row: &Row) -> Result<Option<Box<RawValue>>, ItemsError> {
    let wanted = [("total_count", plan.total_count.is_some()), ("filter_count", plan.filter_count.is_some())];
    let mut members = Map::new();
    for (name, _) in wanted.into_iter().filter(|(_, wanted)| *wanted) {
        let count: i64 = row.try_get(name).map_err(DatabaseError::form)?;
        members.insert(name.to_owned(), count.into());
    }
    if members.is_empty() { Ok(None) } else { raw(Value::Object(members).to_string()).map(Some) }
}

pub(super) fn raw(text: String) -> Result<Box<RawValue>, ItemsError> {
    RawValue::from_string(text).map_err(|error| DatabaseError::form(error).into())
}

/// What a client may know of a failed read: values that do not fit and operations that a type does not have are faults of
/// the query.
pub(crate) fn refused(error: DatabaseError) -> ItemsError {
    let invalid = |reason: &str| ItemsError::Refusal(Refusal::InvalidQuery(reason.to_owned()));
    match error.state() {
        Some(
            "22P02" | "22003" | "22007" | "22008" | "22009" | "22021" | "22023" | "22025" | "22P05" | "2200N" | "22030" | "22032" | "22012",
        ) => invalid("A value in the query doesn't fit its field"),
        Some("42883" | "42804" | "42803" | "42846" | "0A000") => {
            invalid("The query asks for something that a field's type doesn't support")
        }
        Some("54000" | "54001" | "54011" | "54023") => invalid("The query is too large"),
        Some(_) | None => error.into(),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no row")]
struct NoRow;
