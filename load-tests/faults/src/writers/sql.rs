//! Writes by SQL: single statements, and transactions with savepoints, rollbacks and pauses.
//!
//! It must never touch a marker row.

use std::time::Duration;

use anyhow::{Context as _, Result};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use serde_json::Value;
use tokio_postgres::Client;

use super::Writer;
use crate::grants::COLLECTIONS;

/// A session that is opened when it is needed.
#[derive(Default)]
pub(super) struct Session(Option<Client>);

impl super::Session for Session {
    async fn write(&mut self, writer: &mut Writer) -> Result<()> {
        if self.0.is_none() {
            self.0 = Some(writer.cluster.database.connect(&writer.name).await?);
        }
        let client = self.0.as_ref().context("a session")?;
        if writer.random.random_bool(0.6) {
            let statement = statement(writer);
            // Keys that are taken, parents that are missing: that is for the database to refuse.
            return survived(client.batch_execute(&statement).await);
        }
        client.batch_execute("begin").await?;
        for _ in 0..writer.random.random_range(1..5) {
            let statement = statement(writer);
            match writer.random.random_range(0..4) {
                0 => {
                    client.batch_execute("savepoint s").await?;
                    let kept = client.batch_execute(&statement).await.is_ok() && writer.random.random_bool(0.5);
                    client.batch_execute(if kept { "release savepoint s" } else { "rollback to savepoint s" }).await?;
                }
                1 => {
                    // A writer that takes its time while others commit.
                    tokio::time::sleep(Duration::from_millis(writer.random.random_range(1..80))).await;
                    survived(client.batch_execute(&statement).await)?;
                }
                _ => survived(client.batch_execute(&statement).await)?,
            }
        }
        let end = if writer.random.random_bool(0.15) { "rollback" } else { "commit" };
        Ok(client.batch_execute(end).await?)
    }

    fn reset(&mut self) {
        self.0 = None;
    }
}

/// A refusal of the database leaves the session as it is.
fn survived(outcome: Result<(), tokio_postgres::Error>) -> Result<()> {
    match outcome {
        Err(error) if error.as_db_error().is_none() => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn statement(writer: &mut Writer) -> String {
    let collection =
        COLLECTIONS.choose_weighted(&mut writer.random, |name| if *name == "folders" { 1 } else { 3 }).copied().unwrap_or("docs");
    let key = literal(&writer.key(collection));
    match writer.random.random_range(0..40) {
        0..=7 => insert(writer, collection, &key, "on conflict do nothing"),
        8..=14 => {
            let updates = "team = excluded.team, level = excluded.level, owner = excluded.owner, note = excluded.note";
            insert(writer, collection, &key, &format!("on conflict (id) do update set {updates}"))
        }
        15..=24 => {
            let sets = assignments(writer, collection);
            format!("update {collection} set {sets} where id = {key} and kind = 'row'")
        }
        25..=28 => {
            // Several rows; now and then more than the bound for one statement.
            let (sets, level) = (assignments(writer, collection), writer.random.random_range(0..6));
            format!("update {collection} set {sets} where level = {level} and kind = 'row'")
        }
        29 => format!("update {collection} set n = n + 1 where kind = 'row'"),
        30..=32 => {
            let other = literal(&writer.key(collection));
            format!("update {collection} set id = {other} where id = {key} and kind = 'row'")
        }
        33..=36 => format!("delete from {collection} where id = {key} and kind = 'row'"),
        37 => {
            let team = writer.team().unwrap_or("red");
            format!("delete from {collection} where team = '{team}' and level = {} and kind = 'row'", writer.random.random_range(0..6))
        }
        38 => format!("delete from folders where id = {} and kind = 'row'", writer.number()),
        _ if writer.random.random_bool(0.15) => {
            // The marker stays at least what it was: it is read once the lock of the truncation is held.
            "truncate tags; insert into tags (id, kind, n) select 'marker', 'marker', n from oracle.marker".to_owned()
        }
        _ => format!("insert into {collection} (id) values ({key})"),
    }
}

fn insert(writer: &mut Writer, collection: &str, key: &str, conflict: &str) -> String {
    let values = writer.values(collection, true);
    let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
    let literals: Vec<String> = values.iter().map(|(_, value)| literal(value)).collect();
    format!("insert into {collection} (id, {}) values ({key}, {}) {conflict}", names.join(", "), literals.join(", "))
}

fn assignments(writer: &mut Writer, collection: &str) -> String {
    let values = writer.values(collection, false);
    values.iter().map(|(name, value)| format!("{name} = {}", literal(value))).collect::<Vec<_>>().join(", ")
}

/// All values are made in this crate and hold no quote.
fn literal(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Number(_) | Value::Bool(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}
