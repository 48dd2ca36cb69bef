//! Reading and writing items: the one service behind sockets, HTTP and whatever else touches rows.
//!
//! A read is one statement and one round trip. A write is one transaction with its nested writes, activity and revisions,
//! and is answered by what a read under the reader's permissions finds after the commit. It must never execute a plan that the
//! planner did not make with the caller's permissions (revisions alone, which no answer shows, keep the whole row).
//!
//! ```text
//! read    query ─▶ plan ─▶ one statement ─▶ Answer           kept   the statements of reads by key alone
//! one row without nested values ─▶ at_once: one statement that writes, remembers and answers (one_row), with others (gathering)
//! write   transaction, mutations counted, errors translated      statement   SQL of writes
//! version   a write that is taken back, and a read in between
//! create, update, delete ─▶ nested (each relation is a write of its own) ─▶ record (activity, revisions)
//! ```
//!
//! Cost in round trips, once statements are prepared: a read 1; a create or an update of one row 1, or 2 (see `at_once`);
//! otherwise BEGIN, COMMIT and the read of the answer, and for each row INSERT and record, or lock, UPDATE, read and record.
//! A delete has lock, DELETE and record, and no read.

mod at_once;
mod create;
mod delete;
mod gathering;
mod kept;
mod key;
mod nested;
mod one_row;
mod preparation;
mod read;
mod record;
mod statement;
mod update;
mod version;
mod write;

use std::sync::Arc;

use access::accountability::Accountability;
use access::permission::{Action, Permissions};
use access::planner::{Planner, Target};
use access::query::{Query, QueryLimits, canonical};
use access::refusal::Refusal;
use access::schema::{Collection, Schema};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use service_runtime::Tasks;
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::database::{Database, DatabaseError};
use crate::directory::Directory;
use crate::items::gathering::Gathering;
use crate::items::kept::KeptReads;
use crate::items::write::Write;
use crate::metrics::{Operation, Operations};

pub(crate) use crate::items::read::refused;

/// Each takes a connection of the pool and locks rows.
const TRIALS: usize = 2;

/// The service. Cheap to share, without state of its own.
pub struct ItemsService {
    database: Database,
    directory: Arc<Directory>,
    config: Arc<Config>,
    tasks: Tasks,
    /// The operator's bounds without the one on limits: for what the service itself has to find whole.
    unlimited: QueryLimits,
    operations: Operations,
    kept: KeptReads,
    gathering: Gathering,
    /// How many content versions may be tried out at a time.
    trials: Semaphore,
}

/// Under whose rights an operation runs, and on which overview; taken once per operation.
#[derive(Debug, Clone)]
pub struct ItemsContext {
    /// Who asks.
    pub accountability: Arc<Accountability>,
    /// What they may do.
    pub permissions: Arc<Permissions>,
    /// What exists.
    pub schema: Arc<Schema>,
    /// The answer of a write is not looked at: nothing is read back, and its data is null.
    pub unanswered: bool,
}

/// What to read. A singleton collection read by [`ReadTarget::Query`] gives its object.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadTarget {
    /// What the query selects: a list.
    Query,
    /// One item: an object.
    Key(Value),
    /// Several items: a list.
    Keys(Vec<Value>),
}

/// What to update.
#[derive(Debug, Clone, PartialEq)]
pub enum UpdateTarget {
    /// One item; the answer is the whole item, `query` is ignored.
    Key(Value),
    /// Several items with the same data; the answer is a list read with `query`.
    Keys(Vec<Value>),
    /// What `query` selects, or the one row of a singleton collection. An empty query on anything else is refused.
    Query,
    /// `data` is a list of objects, each with its key.
    Batch,
}

/// What to delete.
#[derive(Debug, Clone, PartialEq)]
pub enum DeleteTarget {
    /// One item; the answer is the key as sent.
    Key(Value),
    /// Several; the answer is the keys as sent.
    Keys(Vec<Value>),
    /// What `query` selects; the answer is the keys as stored.
    Query,
}

impl UpdateTarget {
    fn canonical(self) -> Self {
        match self {
            Self::Key(key) => Self::Key(canonical(&key).into_owned()),
            Self::Keys(keys) => Self::Keys(keys.iter().map(|key| canonical(key).into_owned()).collect()),
            Self::Query | Self::Batch => self,
        }
    }
}

impl DeleteTarget {
    fn canonical(self) -> Self {
        match self {
            Self::Key(key) => Self::Key(canonical(&key).into_owned()),
            Self::Keys(keys) => Self::Keys(keys.iter().map(|key| canonical(key).into_owned()).collect()),
            Self::Query => self,
        }
    }
}

/// The answer of an operation, as JSON text made by Postgres.
#[derive(Debug, Clone)]
pub struct Answer {
    /// `data`.
    pub data: Box<RawValue>,
    /// `meta`, where it was asked for.
    pub meta: Option<Box<RawValue>>,
}

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum ItemsError {
    /// The client is told.
    #[error("refused")]
    Refusal(Refusal),
    /// The log is told, the client that something went wrong.
    #[error("database")]
    Database(#[from] DatabaseError),
}

impl ItemsService {
    /// A service over these.
    #[must_use]
    pub fn new(database: Database, directory: Arc<Directory>, config: Arc<Config>, tasks: Tasks) -> Self {
        let unlimited = QueryLimits { max_limit: None, ..config.query.clone() };
        let gathering = Gathering::new(database.clone(), tasks.clone(), config.writes_together);
        Self {
            database,
            directory,
            config,
            tasks,
            unlimited,
            operations: Operations::detached(),
            kept: KeptReads::new(),
            gathering,
            trials: Semaphore::new(TRIALS),
        }
    }

    /// The same service, whose operations are timed by `operations`.
    #[must_use]
    pub fn timed_by(self, operations: Operations) -> Self {
        Self { operations, ..self }
    }

    /// Reads items.
    ///
    /// # Errors
    /// The refusal that the client is told, or a fault of the database.
    #[tracing::instrument(level = "info", target = "tidegate::trace", name = "read", skip_all, fields(tidegate.collection = collection))]
    pub async fn read(&self, context: &ItemsContext, collection: &str, target: ReadTarget, query: &Value) -> Result<Answer, ItemsError> {
        let _timed = self.operations.timed(Operation::Read);
        let collection = self.planner(context).check_collection(collection, Action::Read)?;
        let query = self.query(context, query).await?;
        self.answer(context, &collection, &target, &query).await
    }

    /// Creates one item, or every member of a list in one transaction; anything but an object or a list acts as `{}`.
    ///
    /// # Errors
    /// The refusal that the client is told, or a fault of the database. A refusal of the read back comes after the commit.
    #[tracing::instrument(level = "info", target = "tidegate::trace", name = "create", skip_all, fields(tidegate.collection = collection))]
    pub async fn create(&self, context: &ItemsContext, collection: &str, data: &Value, query: &Value) -> Result<Answer, ItemsError> {
        let _timed = self.operations.timed(Operation::Create);
        let collection = self.planner(context).check_collection(collection, Action::Create)?;
        let query = self.query(context, query).await?;
        let data = &*canonical(data);
        if !data.is_array() {
            let answer = self.create_at_once(context, &collection, &members(data), &query).await?;
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
        let mut write = Write::begin(self, context).await?;
        let target = if let Value::Array(items) = data {
            let mut keys = Vec::with_capacity(items.len());
            for item in items {
                let written = write.create(Arc::clone(&collection), members(item)).await?;
                keys.push(key::json(&collection, &written.key));
            }
            ReadTarget::Keys(keys)
        } else {
            let written = write.create(Arc::clone(&collection), members(data)).await?;
            ReadTarget::Key(key::json(&collection, &written.key))
        };
        write.commit().await?;
        let answer = self.answer(context, &collection, &target, &query).await?;
        Ok(Answer { meta: None, ..answer })
    }

    /// Changes items.
    ///
    /// # Errors
    /// The refusal that the client is told, or a fault of the database. A refusal of the read back comes after the commit.
    #[tracing::instrument(level = "info", target = "tidegate::trace", name = "update", skip_all, fields(tidegate.collection = collection))]
    pub async fn update(
        &self,
        context: &ItemsContext,
        collection: &str,
        target: UpdateTarget,
        data: &Value,
        query: &Value,
    ) -> Result<Answer, ItemsError> {
        let _timed = self.operations.timed(Operation::Update);
        let collection = self.planner(context).check_collection(collection, Action::Update)?;
        let singleton = collection.singleton && target == UpdateTarget::Query;
        if target == UpdateTarget::Query && !singleton && names_nothing(query) {
            let hint = "Either 'ids', 'id' or 'query' is required for an UPDATE request.";
            return Err(Refusal::InvalidMessage(hint.to_owned()).into());
        }
        let mut parsed = self.query(context, query).await?;
        if matches!(target, UpdateTarget::Key(_)) && !query.is_null() {
            // Checked, and then without a meaning.
            parsed = self.query(context, &Value::Null).await?;
        }
        let (target, data) = (target.canonical(), &*canonical(data));
        if let UpdateTarget::Key(key) = &target {
            let answer = self.update_at_once(context, &collection, key, &object(data)?, &parsed).await?;
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
        let mut write = Write::begin(self, context).await?;
        let read = match target {
            UpdateTarget::Key(key) => {
                write.update_keys(&collection, std::slice::from_ref(&key), object(data)?).await?;
                ReadTarget::Key(key)
            }
            UpdateTarget::Keys(keys) => {
                write.update_keys(&collection, &keys, object(data)?).await?;
                ReadTarget::Keys(keys)
            }
            UpdateTarget::Batch => ReadTarget::Keys(write.update_batch(&collection, data).await?),
            UpdateTarget::Query if singleton => {
                write.upsert_singleton(&collection, object(data)?).await?;
                ReadTarget::Query
            }
            UpdateTarget::Query => {
                let data = object(data)?;
                // Where there is nothing to change, nobody asks who may.
                let fields: Vec<String> = data.keys().cloned().collect();
                let keys = write.keys_to_write(&collection, query, Action::Update, Some(&fields)).await?;
                if !keys.is_empty() {
                    write.update_keys(&collection, &keys, data).await?;
                }
                ReadTarget::Query
            }
        };
        write.commit().await?;
        self.answer(context, &collection, &read, &parsed).await
    }

    /// Deletes items; the answer is what named them, or their keys where a query did.
    ///
    /// # Errors
    /// The refusal that the client is told, or a fault of the database.
    #[tracing::instrument(level = "info", target = "tidegate::trace", name = "delete", skip_all, fields(tidegate.collection = collection))]
    pub async fn delete(
        &self,
        context: &ItemsContext,
        collection: &str,
        target: DeleteTarget,
        query: &Value,
    ) -> Result<Answer, ItemsError> {
        let _timed = self.operations.timed(Operation::Delete);
        let collection = self.planner(context).check_collection(collection, Action::Delete)?;
        let mut write = Write::begin(self, context).await?;
        let echo = match target.canonical() {
            DeleteTarget::Key(key) => {
                write.delete_keys(&collection, std::slice::from_ref(&key)).await?;
                key
            }
            DeleteTarget::Keys(keys) => {
                write.delete_keys(&collection, &keys).await?;
                Value::Array(keys)
            }
            DeleteTarget::Query => {
                let keys = write.keys_to_write(&collection, query, Action::Delete, None).await?;
                if !keys.is_empty() {
                    write.delete_keys(&collection, &keys).await?;
                }
                Value::Array(keys)
            }
        };
        write.commit().await?;
        let data = serde_json::value::to_raw_value(&echo).map_err(DatabaseError::form)?;
        Ok(Answer { data, meta: None })
    }

    /// Whether `collection` can be asked for at all.
    ///
    /// # Errors
    /// The refusal that the client is told.
    pub fn exists(&self, context: &ItemsContext, collection: &str, action: Action) -> Result<(), Refusal> {
        self.planner(context).check_collection(collection, action).map(drop)
    }

    /// A query as sent, checked, with its variables resolved under the user's own rights.
    async fn query(&self, context: &ItemsContext, raw: &Value) -> Result<Query, ItemsError> {
        let mut query = Query::parse(raw, &self.config.query)?;
        let paths = query.variable_paths();
        let variables = self.directory.variables(&context.accountability, &paths, Some(&context.permissions)).await?;
        query.resolve(&variables)?;
        Ok(query)
    }

    async fn answer(
        &self,
        context: &ItemsContext,
        collection: &Arc<Collection>,
        target: &ReadTarget,
        query: &Query,
    ) -> Result<Answer, ItemsError> {
        if context.unanswered {
            return Ok(Answer { data: RawValue::NULL.to_owned(), meta: None });
        }
        // The row of a key, as it is read without a query.
        let plain = match target {
            ReadTarget::Key(key) if *query == Query::default_for(&self.config.query) => Some(Planner::key_text(collection, key)?),
            ReadTarget::Key(_) | ReadTarget::Query | ReadTarget::Keys(_) => None,
        };
        if let Some(statement) = plain.as_ref().and_then(|key| self.kept.of(context, &collection.name, key)) {
            let data = read::object(&self.database, &statement).await?.ok_or(Refusal::Forbidden)?;
            return Ok(Answer { data, meta: None });
        }
        let (plan, object) = {
            let (target, object) = match target {
                ReadTarget::Query => (Target::Query, collection.singleton),
                ReadTarget::Key(key) => (Target::Key(key), true),
                ReadTarget::Keys(keys) => (Target::Keys(keys), false),
            };
            (self.planner(context).read(&collection.name, query, target)?, object)
        };
        if let Some(version) = query.version() {
            return self.version(context, collection, target, query, version).await;
        }
        let statement = read::statement(&plan, object);
        if let Some(key) = &plain {
            self.kept.keep(context, &collection.name, key, &statement);
        }
        let row = read::execute(&self.database, &plan, &statement).await?;
        match row.data {
            Some(data) => Ok(Answer { data, meta: row.meta }),
            None if *target == ReadTarget::Query => Ok(Answer { data: read::defaults(&plan)?, meta: row.meta }),
            None => Err(Refusal::Forbidden.into()),
        }
    }

    fn planner<'a>(&'a self, context: &'a ItemsContext) -> Planner<'a> {
        Planner { schema: &context.schema, permissions: &context.permissions, limits: &self.config.query }
    }
}

impl From<Refusal> for ItemsError {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

/// Whether a query leaves open which items it is about.
fn names_nothing(query: &Value) -> bool {
    match query {
        // `{}` was written on purpose: it names every row up to the default limit, as for a delete.
        Value::Object(_) => false,
        Value::String(text) => text.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => true,
    }
}

/// The members of an item to create; whatever is no object has none, as observed.
fn members(item: &Value) -> Map<String, Value> {
    item.as_object().cloned().unwrap_or_default()
}

/// The members of a change, which has to be an object.
fn object(data: &Value) -> Result<Map<String, Value>, Refusal> {
    data.as_object().cloned().ok_or_else(|| Refusal::InvalidPayload("\"data\" must be of type object".to_owned()))
}

#[cfg(test)]
mod tests;
