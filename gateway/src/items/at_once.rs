//! Writes of one row without nested values: one statement, which is its own transaction.
//!
//! Row, activity and revision are data-modifying WITH queries of one statement, prepared once per shape, and the answer is
//! made of the row that it returns. It must never write what the transaction of [`super::write`] would refuse: the rules for
//! rows stand in the UPDATE itself, and whatever would have to be found out between two statements is left to that path.
//!
//! Cost in round trips: 1 for a create or an update; 2 where only a read after the commit can answer (rules or filters that
//! choose rows, functions, triggers of the table's own). An update that the database refuses is done again by the longer path,
//! which knows in which order faults are told.

use std::sync::Arc;

use access::payload::{Prepared, WriteKind};
use access::permission::Action;
use access::plan::ReadPlan;
use access::planner::{Planner, Target};
use access::query::Query;
use access::refusal::Refusal;
use access::schema::{Collection, ColumnDefault};
use access::sql;
use access::statement::{Parameter, Statement};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::database::{DatabaseError, sqlstate};
use crate::items::preparation::Preparation;
use crate::items::record::{ACTIVITY, REVISIONS};
use crate::items::update::delta;
use crate::items::write::{optional_text, text};
use crate::items::{Answer, ItemsContext, ItemsError, ItemsService, ReadTarget, key, record, statement};

/// The WITH query that returns the written row.
const ROW: &str = "w";
/// The table of an UPDATE.
const OLD: &str = "t";

/// A row that was written, and the answer if the statement could make it.
struct Written {
    key: String,
    data: Option<String>,
}

/// What a revision keeps of the row.
enum RevisionData {
    /// A parameter.
    Sent(String),
    /// The row as it is then.
    Row(Box<ReadPlan>),
}

impl ItemsService {
    /// Creates one item. `None`: nothing was done, because it takes more than one statement.
    pub(super) async fn create_at_once(
        &self,
        context: &ItemsContext,
        collection: &Arc<Collection>,
        data: &Map<String, Value>,
        query: &Query,
    ) -> Result<Option<Answer>, ItemsError> {
        let preparation = Preparation::new(self, context);
        if !self.may_mutate(1) {
            return Ok(None);
        }
        let prepared = preparation.payload(collection, WriteKind::Create, data).await?;
        let counted = collection.key_field().is_some_and(|field| field.default == ColumnDefault::AutoIncrement);
        if has_nested(&prepared) || (counted && prepared.key.is_some()) {
            return Ok(None);
        }
        if let Some(fault) = prepared.fault {
            return Err(fault.into());
        }
        if let Some(key) = prepared.key.as_ref().filter(|key| !key.is_null()) {
            Planner::key_text(collection, key)?;
        }
        let values = preparation.assignments(&prepared.columns).await?;
        let mut statement = Statement::default();
        statement.push("WITH ").push(ROW).push(" AS (");
        statement::insert_into(&mut statement, collection, &values);
        statement.push(" RETURNING *)");
        let sent = Value::Object(prepared.sent).to_string();
        let revision = (RevisionData::Sent(sent.clone()), sent);
        note(&mut statement, &preparation, Action::Create, collection, Some(revision));
        let span = service_runtime::span!("write");
        answer(&mut statement, &preparation, collection, query, service_runtime::trace::traceparent(&span));
        let rows = self.database.write(&statement).await;
        let rows = rows.map_err(|error| match sqlstate::to_refusal(&error, &collection.name, Some(data), &context.schema) {
            Some(refusal) => refusal.into(),
            None => ItemsError::from(error),
        })?;
        let written = Written::of(&rows)?.ok_or_else(|| DatabaseError::form(NotReturned))?;
        let target = ReadTarget::Key(key::json(collection, &written.key));
        self.told(context, collection, written, &target, query).await.map(Some)
    }

    /// Changes one item. `None`: nothing was done, because it takes more than one statement, or the database refused it.
    pub(super) async fn update_at_once(
        &self,
        context: &ItemsContext,
        collection: &Arc<Collection>,
        key: &Value,
        data: &Map<String, Value>,
        query: &Query,
    ) -> Result<Option<Answer>, ItemsError> {
        let preparation = Preparation::new(self, context);
        if !self.may_mutate(1) || collection.triggered {
            return Ok(None);
        }
        let key_text = Planner::key_text(collection, key)?;
        let fields: Vec<String> = data.keys().cloned().collect();
        let rules = preparation.planner().write_access(collection, Action::Update, Some(&fields))?;
        // Rows are checked before payloads: what is wrong with this one is told by the longer path.
        let Ok(prepared) = preparation.payload(collection, WriteKind::Update, data).await else { return Ok(None) };
        if has_nested(&prepared) || prepared.fault.is_some() {
            return Ok(None);
        }
        let values = preparation.assignments(&prepared.columns).await?;
        let mut statement = Statement::default();
        statement.push("WITH ").push(ROW).push(" AS (");
        statement::update_of(&mut statement, collection, OLD, &values);
        let chosen = sql::one_of(collection, &rules, OLD, &key_text, &mut statement);
        statement.push(" WHERE ").push(&chosen).push(&format!(" RETURNING {OLD}.*)"));
        let delta = delta(&prepared);
        let revision = delta.map(|delta| (RevisionData::Row(Box::new(preparation.whole_row(collection))), delta));
        if !note(&mut statement, &preparation, Action::Update, collection, revision) {
            return Ok(None);
        }
        let span = service_runtime::span!("write");
        answer(&mut statement, &preparation, collection, query, service_runtime::trace::traceparent(&span));
        let rows = match self.database.write(&statement).await {
            Ok(rows) => rows,
            Err(DatabaseError::Sql(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match Written::of(&rows)? {
            Some(written) => self.told(context, collection, written, &ReadTarget::Key(key.clone()), query).await.map(Some),
            // No such row: an administrator is told what a read of it finds.
            None if context.permissions.admin => self.answer(context, collection, &ReadTarget::Key(key.clone()), query).await.map(Some),
            None => {
                let collection = collection.name.to_string();
                Err(Refusal::ForbiddenAction { action: Action::Update, fields, collection }.into())
            }
        }
    }

    /// The answer, read after the commit where the statement could not make it.
    async fn told(
        &self,
        context: &ItemsContext,
        collection: &Arc<Collection>,
        written: Written,
        target: &ReadTarget,
        query: &Query,
    ) -> Result<Answer, ItemsError> {
        match written.data {
            Some(data) => Ok(Answer { data: RawValue::from_string(data).map_err(DatabaseError::form)?, meta: None }),
            None => Ok(Answer { meta: None, ..self.answer(context, collection, target, query).await? }),
        }
    }

    /// Whether one write may change so many items.
    fn may_mutate(&self, items: u64) -> bool {
        self.config.max_batch_mutation.is_none_or(|most| most >= items)
    }
}

impl Written {
    /// The row of an answer; `None` where no row was written.
    fn of(rows: &[crate::database::Row]) -> Result<Option<Self>, ItemsError> {
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(Self { key: text(row, "key")?, data: optional_text(row, "data")? }))
    }
}

/// Whether other rows have to be written before or after this one.
fn has_nested(prepared: &Prepared) -> bool {
    !prepared.to_one.is_empty() || !prepared.to_any.is_empty() || !prepared.to_many.is_empty()
}

/// Adds activity and revision (its data and its delta), as far as they are kept. False where the data cannot be told here.
fn note(
    statement: &mut Statement,
    preparation: &Preparation<'_>,
    action: Action,
    collection: &Collection,
    revision: Option<(RevisionData, String)>,
) -> bool {
    if !preparation.keeps_activity(collection) {
        return true;
    }
    statement.push(", a AS (");
    record::activity(statement, preparation.context, action, collection, &sql::key_text(collection, ROW));
    statement.push(" FROM ").push(ROW);
    let Some((data, delta)) = revision.filter(|_| preparation.keeps_revisions(collection)) else {
        statement.push(")");
        return true;
    };
    let data = match data {
        RevisionData::Sent(text) => placeholder(statement, text),
        RevisionData::Row(plan) => match sql::returned(&plan, ROW, &[], statement) {
            Some(data) => data,
            None => return false,
        },
    };
    let delta = placeholder(statement, delta);
    statement.push(" RETURNING \"id\", \"item\"), r AS (");
    record::revision(statement, collection);
    statement.push(&format!(", a.\"item\", {data}::json, {delta}::json FROM a)"));
    true
}

/// Adds the columns `key` and `data`; `data` is null where only a read can tell. The trace is handed on to capture, whose
/// triggers run when all of the statement has been done.
fn answer(
    statement: &mut Statement,
    preparation: &Preparation<'_>,
    collection: &Arc<Collection>,
    query: &Query,
    traceparent: Option<String>,
) {
    let tables = [&*collection.name, ACTIVITY, REVISIONS];
    let untouched = |name: &&str| preparation.context.schema.collection(name).is_none_or(|collection| !collection.triggered);
    let data = match preparation.planner().read(&collection.name, query, Target::Returned) {
        Ok(_) if preparation.context.unanswered => None,
        Ok(plan) if query.version().is_none() && tables.iter().all(untouched) => sql::returned(&plan, ROW, &tables, statement),
        // A refusal to read is told after the write, as observed.
        Ok(_) | Err(_) => None,
    };
    let data = data.unwrap_or_else(|| "NULL::text".to_owned());
    statement.push(&format!(" SELECT {} AS key, {data} AS data", sql::key_text(collection, ROW)));
    if let Some(traceparent) = traceparent {
        let place = placeholder(statement, traceparent);
        statement.push(&format!(", set_config('tidegate.traceparent', {place}::text, true) AS trace"));
    }
    statement.push(" FROM ").push(ROW);
}

/// Binds `text` without writing its place yet.
fn placeholder(statement: &mut Statement, text: String) -> String {
    statement.parameters.push(Parameter::Text(text));
    format!("${}", statement.parameters.len())
}

/// A statement that returns the row that it wrote did not.
#[derive(Debug, thiserror::Error)]
#[error("no row came back")]
struct NotReturned;
