//! What the database itself remembers: every committed version of every row, in order per key.
//!
//! It must never contain a version that was not committed; the triggers of the fixture write it in the same transaction.

use std::collections::{BTreeMap, HashMap};

use anyhow::Result;
use serde_json::Value;
use tokio_postgres::Client;

use crate::clock::Moment;

const NEW: &str = "select seq, coalesce((extract(epoch from pg_xact_commit_timestamp(xid::xid)) * 1000000)::bigint, 0),
    writer, collection, operation, key, version::text from oracle.history where seq > $1 order by seq";

/// One version of a row; without `row` the row is gone.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) seq: i64,
    pub(crate) committed: Moment,
    pub(crate) writer: String,
    pub(crate) operation: String,
    pub(crate) row: Option<Value>,
}

/// The versions of a collection, by key.
pub(crate) type Keys = BTreeMap<String, Vec<Version>>;

/// All versions since the last [`History::forget`], each key beginning with the last one before it.
#[derive(Debug, Default)]
pub(crate) struct History {
    collections: HashMap<String, Keys>,
    seen: i64,
}

impl History {
    /// Reads what is new; returns how many versions.
    pub(crate) async fn read(&mut self, sql: &Client) -> Result<usize> {
        let rows = sql.query(NEW, &[&self.seen]).await?;
        for row in &rows {
            let (collection, key): (String, String) = (row.try_get(3)?, row.try_get(5)?);
            let text: Option<String> = row.try_get(6)?;
            let version = Version {
                seq: row.try_get(0)?,
                committed: row.try_get(1)?,
                writer: row.try_get(2)?,
                operation: row.try_get(4)?,
                row: text.map(|text| serde_json::from_str(&text)).transpose()?,
            };
            self.seen = version.seq;
            self.collections.entry(collection).or_default().entry(key).or_default().push(version);
        }
        Ok(rows.len())
    }

    /// One more version of a row.
    #[cfg(test)]
    pub(crate) fn note(&mut self, collection: &str, key: &str, committed: Moment, row: Option<Value>) {
        self.seen += 1;
        let versions = self.collections.entry(collection.to_owned()).or_default().entry(key.to_owned()).or_default();
        let operation = match (&row, versions.last()) {
            (None, _) => "delete",
            (Some(_), Some(Version { row: Some(_), .. })) => "update",
            (Some(_), _) => "create",
        };
        versions.push(Version { seq: self.seen, committed, writer: "test".to_owned(), operation: operation.to_owned(), row });
    }

    /// The last write that was read.
    pub(crate) const fn seen(&self) -> i64 {
        self.seen
    }

    /// The versions of one collection.
    pub(crate) fn of(&self, collection: &str) -> Option<&Keys> {
        self.collections.get(collection)
    }

    /// When each version was committed, by its stamp.
    pub(crate) fn committed(&self) -> HashMap<i64, Moment> {
        let versions = self.collections.values().flat_map(BTreeMap::values).flatten();
        let stamp = |row: &Value| row.get("stamp").and_then(Value::as_i64);
        versions.filter_map(|version| Some((stamp(version.row.as_ref()?)?, version.committed))).collect()
    }

    /// Keeps the last version of each key only.
    pub(crate) fn forget(&mut self) {
        for versions in self.collections.values_mut().flat_map(BTreeMap::values_mut) {
            versions.drain(..versions.len().saturating_sub(1));
        }
    }
}
