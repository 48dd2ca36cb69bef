//! Reads by key without a query, planned and written once: they are most reads, and a quarter of what one costs.
//!
//! It must never answer under a schema or under permissions other than those of the reader: entries are found by the very
//! values that they were made of, which they keep alive, and all go when the schema is another one.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use access::permission::Permissions;
use access::schema::Schema;
use access::statement::{Parameter, Statement};
use lru::LruCache;

use crate::items::ItemsContext;

/// Statements that are kept. Full: the one used longest ago goes.
const MOST: NonZeroUsize = NonZeroUsize::new(512).unwrap();

/// The statements of one node.
pub(super) struct KeptReads {
    /// Held for a lookup or an insertion, never across an await.
    kept: Mutex<Kept>,
}

struct Kept {
    schema: Option<Arc<Schema>>,
    /// By the address of the permissions, which the entry keeps from being another's, and by collection.
    entries: LruCache<(usize, Arc<str>), Entry>,
}

struct Entry {
    _permissions: Arc<Permissions>,
    statement: Statement,
    /// Which parameter is the key.
    place: usize,
}

impl KeptReads {
    pub(super) fn new() -> Self {
        Self { kept: Mutex::new(Kept { schema: None, entries: LruCache::new(MOST) }) }
    }

    /// The statement that reads the row with this key.
    pub(super) fn of(&self, context: &ItemsContext, collection: &Arc<str>, key: &str) -> Option<Statement> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.schema.as_ref().is_some_and(|schema| Arc::ptr_eq(schema, &context.schema)) {
            return None;
        }
        let entry = kept.entries.get(&(address(context), Arc::clone(collection)))?;
        let mut statement = entry.statement.clone();
        *statement.parameters.get_mut(entry.place)? = Parameter::Text(key.to_owned());
        Some(statement)
    }

    /// Keeps the statement that reads the row with this key, if it can be told which parameter is the key.
    pub(super) fn keep(&self, context: &ItemsContext, collection: &Arc<str>, key: &str, statement: &Statement) {
        let is_key = |parameter: &Parameter| matches!(parameter, Parameter::Text(text) if text == key);
        let mut places = statement.parameters.iter().enumerate().filter(|(_, parameter)| is_key(parameter)).map(|(place, _)| place);
        let (Some(place), None) = (places.next(), places.next()) else { return };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.schema.as_ref().is_some_and(|schema| Arc::ptr_eq(schema, &context.schema)) {
            kept.entries.clear();
            kept.schema = Some(Arc::clone(&context.schema));
        }
        let entry = Entry { _permissions: Arc::clone(&context.permissions), statement: statement.clone(), place };
        kept.entries.put((address(context), Arc::clone(collection)), entry);
    }
}

fn address(context: &ItemsContext) -> usize {
    Arc::as_ptr(&context.permissions).addr()
}
