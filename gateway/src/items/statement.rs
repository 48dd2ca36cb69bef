//! The SQL of writes.
//!
//! It must never put a value into the text. `tidegate.keys`, which capture copies into an event, is set by the very statement
//! that it belongs to, in a subquery that is evaluated before the first row: no round trip of its own.

use std::sync::Arc;

use access::schema::{Collection, ColumnDefault, Field};
use access::statement::{Parameter, Statement, quote_identifier};

use crate::items::one_row::Effect;

/// A column and its value in Postgres' text form; `None` is NULL.
pub(super) type Assignment = (Arc<str>, Option<String>);

/// Inserts one row; returns its `key`.
pub(super) fn insert(collection: &Collection, values: &[Assignment]) -> Statement {
    let mut statement = Statement::default();
    let Effect::Insert { into, values } = insert_into(&mut statement, collection, values) else { return statement };
    match values {
        Some(values) => statement.push(&format!("{into} VALUES ({values})")),
        None => statement.push(&into).push(" DEFAULT VALUES"),
    };
    returning(&mut statement, collection);
    statement
}

/// The pieces of an INSERT of one row, whose values become parameters of `statement`.
pub(super) fn insert_into(statement: &mut Statement, collection: &Collection, values: &[Assignment]) -> Effect {
    let into = format!("INSERT INTO {}", table(&collection.name));
    if values.is_empty() {
        return Effect::Insert { into, values: None };
    }
    let columns: Vec<String> = values.iter().map(|(name, _)| quote_identifier(name)).collect();
    for (index, (_, value)) in values.iter().enumerate() {
        statement.push(if index == 0 { "" } else { ", " }).bind(parameter(value));
    }
    Effect::Insert { into: format!("{into} ({})", columns.join(", ")), values: Some(std::mem::take(&mut statement.text)) }
}

/// Changes the rows with these keys; returns the `key` of each that exists. Without values the rows are touched: an update
/// that changes nothing is an update all the same.
pub(super) fn update(collection: &Collection, values: &[Assignment], keys: &[String], sent: &str) -> Statement {
    let mut statement = Statement::default();
    update_of(&mut statement, collection, "t", values);
    chosen(&mut statement, collection, keys);
    writer_keys(&mut statement, " AND ", sent);
    returning(&mut statement, collection);
    statement
}

/// `UPDATE … AS alias SET …`.
pub(super) fn update_of(statement: &mut Statement, collection: &Collection, alias: &str, values: &[Assignment]) {
    statement.push("UPDATE ").push(&table(&collection.name)).push(" AS ").push(alias).push(" SET ");
    if values.is_empty() {
        let column = quote_identifier(touchable(collection));
        statement.push(&format!("{column} = {alias}.{column}"));
    }
    for (index, (name, value)) in values.iter().enumerate() {
        if index > 0 {
            statement.push(", ");
        }
        statement.identifier(name).push(" = ").bind(parameter(value));
    }
}

/// Deletes the rows with these keys; returns the `key` of each that existed.
pub(super) fn delete(collection: &Collection, keys: &[String], sent: &str) -> Statement {
    let mut statement = Statement::default();
    statement.push("DELETE FROM ").push(&table(&collection.name));
    chosen(&mut statement, collection, keys);
    writer_keys(&mut statement, " AND ", sent);
    returning(&mut statement, collection);
    statement
}

/// Forgets the keys of the last update or delete.
pub(super) fn forget_keys() -> Statement {
    Statement { text: "SELECT set_config('tidegate.keys', '', true)".to_owned(), parameters: Vec::new() }
}

/// What the transaction changes goes on in the trace of this `traceparent`: the capture triggers read it.
pub(super) fn hand_on(traceparent: String) -> Statement {
    Statement { text: "SELECT set_config('tidegate.traceparent', $1, true)".to_owned(), parameters: vec![Parameter::Text(traceparent)] }
}

/// Moves the sequence of an auto-increment key past a key that was supplied. It never moves backwards: others may have taken
/// numbers that are not committed yet.
pub(super) fn advance_sequence(collection: &Collection) -> Statement {
    let mut statement = Statement::default();
    let key = quote_identifier(&collection.primary_key);
    statement.push("SELECT setval(s.name, m.most) FROM (SELECT pg_get_serial_sequence(");
    statement.bind(Parameter::Text(table(&collection.name))).push("::text, ");
    statement.bind(Parameter::Text(collection.primary_key.to_string()));
    statement.push(&format!("::text)::regclass AS name) s, (SELECT max({key}) AS most FROM {}) m ", table(&collection.name)));
    statement.push("WHERE s.name IS NOT NULL AND m.most > coalesce(pg_sequence_last_value(s.name), 0)");
    statement
}

/// `key` and the text of `column` as `value` of the rows with these keys.
pub(super) fn values_by_key(collection: &Collection, column: &str, keys: &[String]) -> Statement {
    let mut statement = Statement::default();
    let (key, column) = (quote_identifier(&collection.primary_key), quote_identifier(column));
    statement.push(&format!("SELECT {key}::text AS key, {column}::text AS value FROM {}", table(&collection.name)));
    chosen(&mut statement, collection, keys);
    statement
}

/// The `key` of the first row.
pub(super) fn first_key(collection: &Collection) -> Statement {
    let key = quote_identifier(&collection.primary_key);
    let text = format!("SELECT {key}::text AS key FROM {} ORDER BY {key} LIMIT 1", table(&collection.name));
    Statement { text, parameters: Vec::new() }
}

/// The largest `value` of `column` among the rows whose `link` is `parent`.
pub(super) fn largest(collection: &Collection, column: &str, link: &str, parent: &str) -> Statement {
    let mut statement = Statement::default();
    let column = quote_identifier(column);
    statement.push(&format!("SELECT max({column})::int8 AS value FROM {}", table(&collection.name)));
    matching(&mut statement, collection, link, &[parent.to_owned()]);
    statement
}

/// ` AND (SELECT set_config(…)) IS NOT NULL`: true, and evaluated once, before any row.
pub(super) fn writer_keys(statement: &mut Statement, conjunction: &str, sent: &str) {
    statement.push(conjunction).push("(SELECT set_config('tidegate.keys', ");
    statement.bind(Parameter::Text(sent.to_owned())).push("::text, true)) IS NOT NULL");
}

fn chosen(statement: &mut Statement, collection: &Collection, keys: &[String]) {
    matching(statement, collection, &collection.primary_key, keys);
}

fn matching(statement: &mut Statement, collection: &Collection, column: &str, values: &[String]) {
    let kind = collection.field(column).map_or("", |field| &*field.database_type);
    statement.push(" WHERE ").identifier(column);
    // The plan of an array of unknown length looks so dear that Postgres would plan anew every time.
    if let ([one], "int2" | "int4" | "int8" | "uuid" | "text" | "numeric") = (values, kind) {
        statement.push(" = ").bind(Parameter::Text(one.clone())).push(&format!("::{kind}"));
        return;
    }
    let list = Parameter::Array(values.iter().cloned().map(Some).collect());
    match kind {
        // The column's own type, so that its index serves.
        "int2" | "int4" | "int8" | "uuid" | "text" | "numeric" => statement.push(" = ANY(").bind(list).push(&format!("::{kind}[])")),
        "varchar" => statement.push(" = ANY(").bind(list).push("::text[])"),
        _ => statement.push("::text = ANY(").bind(list).push("::text[])"),
    };
}

fn returning(statement: &mut Statement, collection: &Collection) {
    statement.push(" RETURNING ").identifier(&collection.primary_key).push("::text AS key");
}

/// A column that may be set to itself. Identity keys and generated columns may not.
fn touchable(collection: &Collection) -> &str {
    let plain = |field: &&Arc<Field>| !field.generated && field.default != ColumnDefault::AutoIncrement;
    collection.columns().find(plain).map_or(&collection.primary_key, |field| &field.name)
}

fn parameter(value: &Option<String>) -> Parameter {
    value.clone().map_or(Parameter::Null, Parameter::Text)
}

fn table(name: &str) -> String {
    format!("\"public\".{}", quote_identifier(name))
}

#[cfg(test)]
mod tests {
    use access::testing::newsroom;

    use super::*;

    #[test]
    fn values_are_parameters_and_keys_travel_along() {
        let schema = newsroom();
        let tags = schema.collection("tags").unwrap();
        let hostile = "x'); drop table tags; --";
        let made = insert(tags, &[("label".into(), Some(hostile.to_owned())), ("id".into(), None)]);
        assert_eq!(made.text, "INSERT INTO \"public\".\"tags\" (\"label\", \"id\") VALUES ($1, $2) RETURNING \"id\"::text AS key");
        assert_eq!(made.parameters, [Parameter::Text(hostile.to_owned()), Parameter::Null]);
        assert_eq!(insert(tags, &[]).text, "INSERT INTO \"public\".\"tags\" DEFAULT VALUES RETURNING \"id\"::text AS key");
        // Nothing to change: the row is touched, but never its identity.
        let touched = update(tags, &[], &["1".to_owned()], "[1]");
        assert_eq!(
            touched.text,
            "UPDATE \"public\".\"tags\" AS t SET \"label\" = t.\"label\" WHERE \"id\" = $1::int4 \
             AND (SELECT set_config('tidegate.keys', $2::text, true)) IS NOT NULL RETURNING \"id\"::text AS key"
        );
        assert_eq!(
            delete(tags, &[], "[]").text,
            "DELETE FROM \"public\".\"tags\" WHERE \"id\" = ANY($1::int4[]) \
             AND (SELECT set_config('tidegate.keys', $2::text, true)) IS NOT NULL RETURNING \"id\"::text AS key"
        );
    }
}
