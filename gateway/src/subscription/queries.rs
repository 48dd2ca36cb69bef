//! One parsed query for all subscriptions that were asked for in the same words.
//!
//! Most clients of an application send the same query, and parsed it is the largest part of what a subscription takes. It must
//! never share what depends on who asks: a query with a dynamic variable is everybody's own.
//!
//! Cost of a query that is known: its text, one look-up under a lock. Memory: the words of so many queries as [`KNOWN`] says,
//! each no longer than [`LONGEST`], and the queries for as long as some subscription has them.

use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use access::accountability::Accountability;
use access::permission::Permissions;
use access::query::{Query, QueryLimits};
use lru::LruCache;
use serde_json::Value;

use crate::directory::Directory;
use crate::error::ClientError;

const KNOWN: NonZero<usize> = NonZero::new(1_000).unwrap();
/// In bytes of JSON.
const LONGEST: usize = 4_096;

/// The queries of this node's subscriptions.
#[derive(Debug)]
pub struct Queries {
    limits: QueryLimits,
    /// By their words; held for a look-up or an insertion.
    known: Mutex<LruCache<Box<str>, Weak<Query>>>,
}

impl Queries {
    /// None yet; all are parsed within `limits`.
    #[must_use]
    pub fn new(limits: QueryLimits) -> Self {
        Self { limits, known: Mutex::new(LruCache::new(KNOWN)) }
    }

    /// What `raw` asks for, its variables resolved for who asks.
    ///
    /// # Errors
    /// The refusal that the client is told, or a fault of the database.
    pub async fn resolved(
        &self,
        raw: &Value,
        directory: &Directory,
        accountability: &Accountability,
        permissions: &Arc<Permissions>,
    ) -> Result<Arc<Query>, ClientError> {
        let words = raw.to_string();
        if let Some(query) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&*words).and_then(Weak::upgrade) {
            return Ok(query);
        }
        let parsed = Query::parse(raw, &self.limits)?;
        let variables = directory.variables(accountability, &parsed.variable_paths(), Some(permissions)).await?;
        let mut query = parsed.clone();
        query.resolve(&variables)?;
        let shared = query == parsed && words.len() <= LONGEST;
        let query = Arc::new(query);
        if shared {
            self.known.lock().unwrap_or_else(PoisonError::into_inner).put(words.into(), Arc::downgrade(&query));
        }
        Ok(query)
    }
}
