//! One transaction of writes: what all of them share.
//!
//! It must never leave the keys of one statement set for the next: capture would put them into the wrong event.

use std::collections::HashSet;
use std::sync::Arc;

use access::permission::Action;
use access::plan::{ReadPlan, RuleSet};
use access::planner::Planner;
use access::refusal::Refusal;
use access::schema::Collection;
use access::sql;
use access::statement::Statement;
use serde_json::{Map, Value};
use tracing::Span;

use crate::database::{DatabaseError, RawText, Row, Transaction, sqlstate};
use crate::items::preparation::Preparation;
use crate::items::read::{self, Found};
use crate::items::statement;
use crate::items::{ItemsContext, ItemsError, ItemsService, key};

/// Levels of nested items.
const MAX_DEPTH: usize = 16;

/// An open transaction under one session's rights. Dropping it takes everything back.
pub(super) struct Write<'s> {
    pub(super) service: &'s ItemsService,
    pub(super) context: &'s ItemsContext,
    pub(super) preparation: Preparation<'s>,
    transaction: Transaction,
    /// Items created, updated and deleted so far.
    mutations: u64,
    /// How deep in nested items the write is.
    depth: usize,
    /// The keys of an update or delete are set, and must not reach another statement.
    keyed: bool,
    /// What was created so far, where all of it will be taken back: nothing is recorded then.
    pub(super) trial: Option<Created>,
    /// Lasts as long as the transaction; what it changes goes on from here.
    _span: Span,
}

/// Collection and key of rows.
pub(super) type Created = HashSet<(Arc<str>, String)>;

/// A row that was written.
#[derive(Debug, Clone)]
pub(super) struct Written {
    /// Its key as Postgres prints it.
    pub(super) key: String,
    /// Its revision, where one is kept.
    pub(super) revision: Option<i32>,
}

/// A statement that returns the row it wrote did not.
#[derive(Debug, thiserror::Error)]
#[error("no row came back")]
struct NoRow;

impl<'s> Write<'s> {
    /// Begins.
    pub(super) async fn begin(service: &'s ItemsService, context: &'s ItemsContext) -> Result<Self, ItemsError> {
        let mut transaction = service.database.transaction().await?;
        let span = service_runtime::span!("write");
        if let Some(traceparent) = service_runtime::trace::traceparent(&span) {
            transaction.query(&statement::hand_on(traceparent)).await?;
        }
        let preparation = Preparation::new(service, context);
        Ok(Self { service, context, preparation, transaction, mutations: 0, depth: 0, keyed: false, trial: None, _span: span })
    }

    /// Gives up sooner than a writer could be chosen as the victim of a deadlock.
    pub(super) async fn hurry(&mut self) -> Result<(), ItemsError> {
        Ok(self.transaction.script("SET LOCAL lock_timeout = '250ms'").await?)
    }

    /// What `plan` finds within the transaction.
    pub(super) async fn read(&mut self, plan: &ReadPlan, object: bool) -> Result<Found, ItemsError> {
        let rows = self.transaction.query(&read::statement(plan, object)).await.map_err(read::refused)?;
        read::found(plan, only(&rows)?)
    }

    /// Takes everything back.
    pub(super) async fn take_back(self) -> Result<(), ItemsError> {
        Ok(self.transaction.rollback().await?)
    }

    /// Makes everything durable.
    pub(super) async fn commit(self) -> Result<(), ItemsError> {
        // Deferred constraints speak up only now; whose they are is in the error itself.
        let schema = &self.context.schema;
        self.transaction.commit().await.map_err(|error| match sqlstate::to_refusal(&error, "", None, schema) {
            Some(refusal) => refusal.into(),
            None => error.into(),
        })
    }

    /// Counts mutations against the operator's bound.
    pub(super) fn count(&mut self, items: usize) -> Result<(), Refusal> {
        self.mutations = self.mutations.saturating_add(items as u64);
        match self.service.config.max_batch_mutation {
            Some(most) if self.mutations > most => Err(Refusal::InvalidPayload(format!("Exceeded max batch mutation limit of {most}"))),
            Some(_) | None => Ok(()),
        }
    }

    /// Goes one level into nested items. Each takes a part of the stack.
    pub(super) fn enter(&mut self) -> Result<(), Refusal> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Refusal::InvalidPayload(format!("Items are nested more than {MAX_DEPTH} levels deep")));
        }
        Ok(())
    }

    /// Comes back from it.
    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// The caller's rights.
    pub(super) fn planner(&self) -> Planner<'_> {
        self.service.planner(self.context)
    }

    /// A related collection, if it may be used at all.
    pub(super) fn related(&self, name: &str, action: Action) -> Result<Arc<Collection>, Refusal> {
        self.planner().check_collection(name, action)
    }

    /// Runs a statement that does not carry keys.
    pub(super) async fn run(
        &mut self,
        statement: &Statement,
        collection: &Collection,
        payload: Option<&Map<String, Value>>,
    ) -> Result<Vec<Row>, ItemsError> {
        if std::mem::take(&mut self.keyed) {
            self.transaction.query(&statement::forget_keys()).await?;
        }
        let result = self.transaction.query(statement).await;
        result.map_err(|error| self.refused(error, collection, payload))
    }

    /// Runs an update or delete that carries its keys, and returns the keys of the rows that it found.
    pub(super) async fn run_keyed(
        &mut self,
        statement: &Statement,
        collection: &Collection,
        payload: Option<&Map<String, Value>>,
    ) -> Result<Vec<String>, ItemsError> {
        self.keyed = true;
        let result = self.transaction.query(statement).await;
        let rows = result.map_err(|error| self.refused(error, collection, payload))?;
        rows.iter().map(|row| text(row, "key")).collect()
    }

    /// Runs a statement that itself forgets the keys of the one before.
    pub(super) async fn run_forgetting(&mut self, statement: &Statement, collection: &Collection) -> Result<Vec<Row>, ItemsError> {
        self.keyed = false;
        let result = self.transaction.query(statement).await;
        result.map_err(|error| self.refused(error, collection, None))
    }

    /// Those of `keys` that exist and that the rules let through, locked in key order.
    pub(super) async fn lock(&mut self, collection: &Collection, rules: &RuleSet, keys: &[String]) -> Result<Vec<String>, ItemsError> {
        let rows = self.run(&sql::matching_keys(collection, rules, keys, true), collection, None).await?;
        rows.iter().map(|row| text(row, "key")).collect()
    }

    /// The text of `column`, by key, of the rows with these keys.
    pub(super) async fn values_by_key(
        &mut self,
        collection: &Collection,
        column: &str,
        keys: &[String],
    ) -> Result<Vec<(String, Option<String>)>, ItemsError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.run(&statement::values_by_key(collection, column, keys), collection, None).await?;
        rows.iter().map(|row| Ok((text(row, "key")?, optional_text(row, "value")?))).collect()
    }

    /// The keys of the rows that a query selects for `action`. They are found as a reader; who may neither find nor write them is
    /// told the latter, as observed.
    pub(super) async fn keys_to_write(
        &mut self,
        collection: &Collection,
        raw: &Value,
        action: Action,
        fields: Option<&[String]>,
    ) -> Result<Vec<Value>, ItemsError> {
        let found = self.keys_of_query(collection, raw).await;
        if matches!(&found, Err(ItemsError::Refusal(refusal)) if refusal.code() == "FORBIDDEN") {
            self.planner().write_access(collection, action, fields)?;
        }
        found
    }

    /// The keys of the rows that a query selects under the caller's read permissions, in its order.
    async fn keys_of_query(&mut self, collection: &Collection, raw: &Value) -> Result<Vec<Value>, ItemsError> {
        // The whole query is checked, but only what selects rows counts.
        self.service.query(self.context, raw).await?;
        let mut members = raw.as_object().cloned().unwrap_or_default();
        for name in ["aggregate", "groupBy", "group", "alias", "deep", "meta", "version", "export", "backlink"] {
            members.remove(name);
        }
        members.insert("fields".to_owned(), Value::Array(vec![Value::from(&*collection.primary_key)]));
        let query = self.service.query(self.context, &Value::Object(members)).await?;
        let plan = self.planner().read(&collection.name, &query, access::planner::Target::Query)?;
        self.keys_of_plan(collection, &plan).await
    }

    /// The keys of the rows that a plan selects.
    pub(super) async fn keys_of_plan(&mut self, collection: &Collection, plan: &ReadPlan) -> Result<Vec<Value>, ItemsError> {
        if std::mem::take(&mut self.keyed) {
            self.transaction.query(&statement::forget_keys()).await?;
        }
        let rows = self.transaction.query(&sql::keys(plan)).await.map_err(read::refused)?;
        rows.iter().map(|row| Ok(key::json(collection, &text(row, "key")?))).collect()
    }

    fn refused(&self, error: DatabaseError, collection: &Collection, payload: Option<&Map<String, Value>>) -> ItemsError {
        match sqlstate::to_refusal(&error, &collection.name, payload, &self.context.schema) {
            Some(refusal) => refusal.into(),
            None => error.into(),
        }
    }
}

/// The canonical texts of keys, each once, in the order given.
pub(super) fn key_texts(collection: &Collection, keys: &[Value]) -> Result<Vec<String>, Refusal> {
    let mut texts = Vec::with_capacity(keys.len());
    let mut seen = std::collections::HashSet::with_capacity(keys.len());
    for key in keys {
        let text = Planner::key_text(collection, key)?;
        if seen.insert(text.clone()) {
            texts.push(text);
        }
    }
    Ok(texts)
}

/// Puts the relation's field in front of the path of what failed below it.
pub(super) fn below(field: &str) -> impl Fn(ItemsError) -> ItemsError {
    move |error| match error {
        ItemsError::Refusal(Refusal::FailedValidation(mut failures)) => {
            failures.iter_mut().for_each(|failure| failure.path.insert(0, field.to_owned()));
            Refusal::FailedValidation(failures).into()
        }
        other @ (ItemsError::Refusal(_) | ItemsError::Database(_)) => other,
    }
}

/// A text column of a row that is never NULL.
pub(super) fn text(row: &Row, column: &str) -> Result<String, ItemsError> {
    optional_text(row, column)?.ok_or_else(|| DatabaseError::form(NoRow).into())
}

/// The only row of a statement that returns the row it wrote.
pub(super) fn only(rows: &[Row]) -> Result<&Row, ItemsError> {
    rows.first().ok_or_else(|| DatabaseError::form(NoRow).into())
}

/// A text column of a row.
pub(super) fn optional_text(row: &Row, column: &str) -> Result<Option<String>, ItemsError> {
    let text = row.try_get::<_, Option<RawText<'_>>>(column).map_err(DatabaseError::form)?;
    Ok(text.map(|text| text.0.to_owned()))
}
