//! Writes by COPY: many rows, one statement, no values in its text.
//!
//! It must never touch a marker row.

use std::io::Cursor;
use std::pin::pin;

use anyhow::{Context as _, Result};
use futures_util::SinkExt as _;
use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use serde_json::Value;
use tokio_postgres::Client;

use super::Writer;
use crate::grants::COLLECTIONS;

/// Over `CAPTURE_MAX_ROWS_PER_STATEMENT` of the cluster.
const MANY: usize = 24;

/// A session that is opened when it is needed.
#[derive(Default)]
pub(super) struct Session(Option<Client>);

impl super::Session for Session {
    async fn write(&mut self, writer: &mut Writer) -> Result<()> {
        if self.0.is_none() {
            self.0 = Some(writer.cluster.database.connect(&writer.name).await?);
        }
        let client = self.0.as_ref().context("a session")?;
        let collection = COLLECTIONS.choose(&mut writer.random).copied().unwrap_or("docs");
        let count = if writer.random.random_bool(0.03) { MANY } else { writer.random.random_range(1..6) };
        let mut rows: Vec<(Value, Vec<(&str, Value)>)> = Vec::new();
        while rows.len() < count {
            let key = writer.key(collection);
            if rows.iter().all(|(other, _)| *other != key) {
                rows.push((key, writer.values(collection, true)));
            }
        }
        // Keys that are taken fail the whole statement: most often room is made for them, in the same transaction.
        let room = writer.random.random_bool(0.8);
        if room {
            let keys: Vec<String> = rows.iter().map(|(key, _)| key.to_string().replace('"', "'")).collect();
            client.batch_execute(&format!("begin; delete from {collection} where id in ({})", keys.join(", "))).await?;
        }
        let outcome = copy(client, collection, &rows).await;
        let committed = outcome.is_ok() && !writer.random.random_bool(0.1);
        if room {
            client.batch_execute(if committed { "commit" } else { "rollback" }).await?;
        }
        match outcome {
            Err(error) if error.as_db_error().is_none() => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn reset(&mut self) {
        self.0 = None;
    }
}

async fn copy(client: &Client, collection: &str, rows: &[(Value, Vec<(&str, Value)>)]) -> Result<(), tokio_postgres::Error> {
    let names: Vec<&str> = rows.iter().take(1).flat_map(|(_, values)| values).map(|(name, _)| *name).collect();
    let mut sink = pin!(client.copy_in::<_, Cursor<String>>(&format!("copy {collection} (id, {}) from stdin", names.join(", "))).await?);
    for (key, values) in rows {
        let cells: Vec<String> = std::iter::once(key).chain(values.iter().map(|(_, value)| value)).map(cell).collect();
        sink.send(Cursor::new(cells.join("\t") + "\n")).await?;
    }
    sink.finish().await.map(|_| ())
}

/// A value in the text format of COPY.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "\\N".to_owned(),
        Value::String(text) => text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r"),
        Value::Number(_) | Value::Bool(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_survive_the_text_format() {
        for (value, text) in [(json!(null), "\\N"), (json!(7), "7"), (json!("a\\N\t\"b\"\n"), "a\\\\N\\t\"b\"\\n")] {
            assert_eq!(cell(&value), text);
        }
    }
}
