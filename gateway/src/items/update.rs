//! Changing items.
//!
//! Order, as observed: bound on mutations → form of the keys → fields, then rows → payload → m2o and m2a objects → one UPDATE
//! for all keys → o2m lists → activity and revisions. It must never change a row that the caller's rules do not cover: the
//! stored rows are checked, and locked, before any of them changes.

use std::sync::Arc;

use access::payload::{ColumnValue, Prepared, WriteKind};
use access::permission::Action;
use access::refusal::Refusal;
use access::schema::{Collection, FieldType};
use access::sql::{self, ReadOptions, Shape};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use crate::items::record::Entry;
use crate::items::write::{Write, Written, key_texts, text};
use crate::items::{ItemsError, key, statement};

impl Write<'_> {
    /// Changes the rows with these keys to the same values, with everything nested. Returns the rows that exist. Boxed, since
    /// nested items are changed the same way.
    pub(super) fn update_keys<'a>(
        &'a mut self,
        collection: &'a Arc<Collection>,
        sent: &'a [Value],
        data: Map<String, Value>,
    ) -> BoxFuture<'a, Result<Vec<Written>, ItemsError>> {
        async move {
            self.enter()?;
            let written = self.update_items(collection, sent, &data).await?;
            self.leave();
            Ok(written)
        }
        .boxed()
    }

    /// Changes each member of a list by the key that it holds; returns the keys.
    pub(super) async fn update_batch(&mut self, collection: &Arc<Collection>, data: &Value) -> Result<Vec<Value>, ItemsError> {
        let members = data.as_array().ok_or_else(|| Refusal::InvalidPayload("\"data\" must be an array".to_owned()))?;
        let mut keys = Vec::with_capacity(members.len());
        for member in members {
            let (key, data) = keyed(collection, member.as_object().cloned().unwrap_or_default())?;
            self.update_keys(collection, std::slice::from_ref(&key), data).await?;
            keys.push(key);
        }
        Ok(keys)
    }

    /// Changes the one row of a singleton collection, or creates it.
    pub(super) async fn upsert_singleton(&mut self, collection: &Arc<Collection>, data: Map<String, Value>) -> Result<(), ItemsError> {
        let rows = self.run(&statement::first_key(collection), collection, None).await?;
        match rows.first() {
            Some(row) => {
                let key = key::json(collection, &text(row, "key")?);
                self.update_keys(collection, std::slice::from_ref(&key), data).await?;
            }
            None => {
                self.create(Arc::clone(collection), data).await?;
            }
        }
        Ok(())
    }

    async fn update_items(
        &mut self,
        collection: &Arc<Collection>,
        sent: &[Value],
        data: &Map<String, Value>,
    ) -> Result<Vec<Written>, ItemsError> {
        self.count(sent.len())?;
        let mut keys = key_texts(collection, sent)?;
        // As text, as observed: in this order rows are noted, and their lists changed.
        keys.sort_unstable();
        self.check_rows(collection, &keys, data).await?;
        let mut prepared = self.preparation.payload(collection, WriteKind::Update, data).await?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut nested = Vec::new();
        let linked = self.link(&prepared, &mut nested).await?;
        prepared.link(linked);
        let values = self.preparation.assignments(&prepared.columns).await?;
        let writer_keys = serde_json::to_string(sent).unwrap_or_default();
        let changed = self.run_keyed(&statement::update(collection, &values, &keys, &writer_keys), collection, Some(data)).await?;
        // Whatever way Postgres took.
        let changed: Vec<String> = keys.into_iter().filter(|key| changed.contains(key)).collect();
        for change in &prepared.to_many {
            for key in &changed {
                self.change_list(collection, key, change.clone(), false, &mut nested).await?;
            }
        }
        let delta = delta(&prepared);
        let entries = self.entries(collection, &changed, delta.is_some()).await?;
        let revisions = self.record(Action::Update, collection, &entries, delta.as_deref()).await?;
        self.adopt(revisions.first().copied(), &nested, collection).await?;
        let mut revisions = revisions.into_iter();
        Ok(changed.into_iter().map(|key| Written { key, revision: revisions.next() }).collect())
    }

    /// Refuses unless every row exists and every field of `data` is granted on it.
    async fn check_rows(&mut self, collection: &Collection, keys: &[String], data: &Map<String, Value>) -> Result<(), ItemsError> {
        let fields: Vec<String> = data.keys().cloned().collect();
        let rules = self.planner().write_access(collection, Action::Update, Some(&fields))?;
        let admin = self.context.permissions.admin;
        if admin && keys.len() < 2 {
            return Ok(());
        }
        let allowed = self.lock(collection, &rules, keys).await?;
        if !admin && (keys.is_empty() || allowed.len() < keys.len()) {
            let collection = collection.name.to_string();
            return Err(Refusal::ForbiddenAction { action: Action::Update, fields, collection }.into());
        }
        Ok(())
    }

    /// What activity and revisions note of the changed rows: their columns as they stand now.
    async fn entries(&mut self, collection: &Arc<Collection>, keys: &[String], revisions: bool) -> Result<Vec<Entry>, ItemsError> {
        if !revisions || self.trial.is_some() || !self.preparation.keeps_revisions(collection) {
            return Ok(keys.iter().map(|key| Entry { key: key.clone(), data: None }).collect());
        }
        let plan = self.preparation.whole_row(collection);
        let options = ReadOptions { shape: Shape::Keyed, snapshot: false, keys: Some(keys.to_vec()) };
        let rows = self.run(&sql::read(&plan, &options), collection, None).await?;
        let mut entries = rows.iter().map(|row| Ok((text(row, "key")?, text(row, "data")?))).collect::<Result<Vec<_>, ItemsError>>()?;
        let mut data_of = |key: &String| entries.iter_mut().find(|(found, _)| found == key).map(|(_, data)| std::mem::take(data));
        Ok(keys.iter().map(|key| Entry { key: key.clone(), data: data_of(key) }).collect())
    }
}

/// The key of an object to update, and the rest of it.
pub(super) fn keyed(collection: &Collection, mut data: Map<String, Value>) -> Result<(Value, Map<String, Value>), Refusal> {
    match data.remove(&*collection.primary_key).filter(|key| !key.is_null()) {
        Some(key) => Ok((key, data)),
        None => Err(Refusal::InvalidPayload("Item in update misses primary key".to_owned())),
    }
}

/// What was written, as answers would show it; `None` where nothing was.
pub(super) fn delta(prepared: &Prepared) -> Option<String> {
    if prepared.columns.is_empty() {
        return None;
    }
    let members = prepared.columns.iter().map(|(field, value)| {
        let shown = match value {
            ColumnValue::Null => Value::Null,
            _ if field.concealed() => Value::from("**********"),
            ColumnValue::Hash(_) | ColumnValue::Encrypted(_) => Value::from("**********"),
            ColumnValue::Text(text) => match field.kind {
                FieldType::Json => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str())),
                FieldType::Csv if text.is_empty() => Value::Array(Vec::new()),
                FieldType::Csv => text.split(',').map(Value::from).collect(),
                FieldType::Integer => text.parse::<i64>().map_or_else(|_| Value::from(text.as_str()), Value::from),
                FieldType::Float => text.parse::<f64>().map_or_else(|_| Value::from(text.as_str()), Value::from),
                FieldType::Boolean => text.parse::<bool>().map_or_else(|_| Value::from(text.as_str()), Value::from),
                FieldType::String
                | FieldType::Text
                | FieldType::BigInteger
                | FieldType::Decimal
                | FieldType::Date
                | FieldType::Time
                | FieldType::DateTime
                | FieldType::Timestamp
                | FieldType::Uuid
                | FieldType::Hash
                | FieldType::Binary
                | FieldType::Geometry
                | FieldType::Alias
                | FieldType::Unknown => Value::from(text.as_str()),
            },
        };
        (field.name.to_string(), shown)
    });
    Some(Value::Object(members.collect()).to_string())
}
