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
use access::planner::{Planner, Target};
use access::query::Query;
use access::refusal::Refusal;
use access::schema::{Collection, ColumnDefault};
use access::sql;
use access::statement::{Parameter, Statement};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::database::{DatabaseError, sqlstate};
use crate::items::one_row::{Effect, OLD, OneRow, ROW, Revision, RevisionData, Texts};
use crate::items::preparation::Preparation;
use crate::items::record::{ACTIVITY, REVISIONS};
use crate::items::update::delta;
use crate::items::write::{optional_text, text};
use crate::items::{Answer, ItemsContext, ItemsError, ItemsService, ReadTarget, key, record, statement};

/// A row that was written, and the answer if the statement could make it.
struct Written {
    key: String,
    data: Option<String>,
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
        let mut pieces = Statement::default();
        let effect = statement::insert_into(&mut pieces, collection, &values);
        let sent = Value::Object(prepared.sent).to_string();
        let kept = |pieces: &mut Statement| Some(RevisionData::Sent(placeholder(pieces, sent.clone())));
        let Some(note) = note(&mut pieces, &preparation, Action::Create, collection, Some(&sent), kept) else { return Ok(None) };
        let span = service_runtime::span!("write");
        let texts = texts(pieces, effect, note, &preparation, collection, query, service_runtime::trace::traceparent(&span));
        let rows = self.gathering.write(texts, None).await;
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
        let mut pieces = Statement::default();
        statement::update_of(&mut pieces, collection, OLD, &values);
        let set = std::mem::take(&mut pieces.text);
        let effect = Effect::Update { set, chosen: sql::one_of(collection, &rules, OLD, &key_text, &mut pieces) };
        let kept = |pieces: &mut Statement| sql::returned(&preparation.whole_row(collection), &[], pieces).map(RevisionData::Row);
        let delta = delta(&prepared);
        let Some(note) = note(&mut pieces, &preparation, Action::Update, collection, delta.as_deref(), kept) else { return Ok(None) };
        let span = service_runtime::span!("write");
        let texts = texts(pieces, effect, note, &preparation, collection, query, service_runtime::trace::traceparent(&span));
        let rows = match self.gathering.write(texts, Some(key_text)).await {
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

/// What is remembered of a write: activity and revision, as far as they are kept.
type Note = (Option<String>, Option<Revision>);

/// The pieces that remember. `None` where the revision's data cannot be told here.
fn note(
    pieces: &mut Statement,
    preparation: &Preparation<'_>,
    action: Action,
    collection: &Collection,
    delta: Option<&str>,
    data: impl FnOnce(&mut Statement) -> Option<RevisionData>,
) -> Option<Note> {
    if !preparation.keeps_activity(collection) {
        return Some((None, None));
    }
    record::activity(pieces, preparation.context, action, collection, &sql::key_text(collection, ROW));
    let activity = std::mem::take(&mut pieces.text);
    let Some(delta) = delta.filter(|_| preparation.keeps_revisions(collection)) else { return Some((Some(activity), None)) };
    let data = data(pieces)?;
    let delta = placeholder(pieces, delta.to_owned());
    record::revision(pieces, collection);
    Some((Some(activity), Some(Revision { head: std::mem::take(&mut pieces.text), data, delta })))
}

/// The texts of a write whose answer is `key` and `data`; `data` is null where only a read can tell. The trace is handed on to
/// capture, whose triggers run when all of the statement has been done.
fn texts(
    mut pieces: Statement,
    effect: Effect,
    (activity, revision): Note,
    preparation: &Preparation<'_>,
    collection: &Arc<Collection>,
    query: &Query,
    traceparent: Option<String>,
) -> Texts {
    let tables = [&*collection.name, ACTIVITY, REVISIONS];
    let untouched = |name: &&str| preparation.context.schema.collection(name).is_none_or(|collection| !collection.triggered);
    let untouched = tables.iter().all(untouched);
    let data = match preparation.planner().read(&collection.name, query, Target::Returned) {
        Ok(_) if preparation.context.unanswered => None,
        Ok(plan) if query.version().is_none() && untouched => sql::returned(&plan, &tables, &mut pieces),
        // A refusal to read is told after the write, as observed.
        Ok(_) | Err(_) => None,
    };
    let traceparent = traceparent.map(|traceparent| placeholder(&mut pieces, traceparent));
    let key = sql::key_text(collection, ROW);
    OneRow { parameters: pieces.parameters, effect, activity, revision, key, data, traceparent }.texts(untouched)
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
