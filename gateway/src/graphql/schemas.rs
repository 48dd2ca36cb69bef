//! The GraphQL schemas in use: one per distinct set of grants, made once and shared.
//!
//! What a schema looks like depends on which fields of which collections a session may read and write, never on values:
//! sessions whose rules differ in `$CURRENT_USER` alone share one. A new schema overview makes all of them void; a change
//! of permissions makes another key. It must never make one schema twice at a time, nor more than so many at once.
//!
//! Cost: two look-ups where the permissions were seen before; else one pass over the grants of every collection.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use access::accountability::Accountability;
use access::permission::{Action, FieldSet, Permissions};
use access::schema::Schema as Overview;
use graphql::{Limits, Prepared, Refused, Request, Schema};
use lru::LruCache;
use tokio::sync::{OnceCell, Semaphore};

use crate::config::GraphQlConfig;
use crate::error::{Cause, ClientError};
use crate::graphql::execute::Caller;
use crate::protocol::graphql::Operation;
use crate::state::Gateway;

/// Permissions whose key is remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);
/// Documents of this size are read off the runtime's threads: that takes milliseconds.
const LARGE: usize = 32 * 1024;

/// The schemas of a node.
pub struct Schemas {
    limits: Limits,
    generations: Semaphore,
    /// Guards the maps only; a schema is made outside of it.
    book: Mutex<Book>,
}

struct Book {
    /// What all entries were made of.
    overview: Option<Arc<Overview>>,
    schemas: LruCache<GrantsKey, Arc<OnceCell<Arc<Schema>>>>,
    /// By address. The permissions are held, so that an address is not used again.
    keys: LruCache<usize, (Arc<Permissions>, GrantsKey)>,
}

/// Names what a schema is made of, but for the overview.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct GrantsKey(u64, u64);

/// Why an operation is not run.
#[derive(Debug)]
pub enum NotPrepared {
    /// The document, its variables or the choice of its operation.
    Refused(Refused),
    /// Something else.
    Error(ClientError),
}

/// Reads an operation against the schema of whoever asks.
///
/// # Errors
/// [`NotPrepared`].
pub async fn prepare(
    state: &Gateway,
    (accountability, permissions): (Arc<Accountability>, Arc<Permissions>),
    operation: Operation,
) -> Result<(Caller, Prepared), NotPrepared> {
    let schema = state.graphql.schema(state, &permissions).await.map_err(NotPrepared::Error)?;
    let caller = Caller { accountability, permissions, schema: Arc::clone(&schema) };
    // Introspection is answered by `prepare`, with every type.
    let heavy = operation.query.len() >= LARGE || operation.query.contains("__schema");
    let limits = state.graphql.limits.clone();
    let read = move || {
        let Operation { query, variables, name } = &operation;
        let request = Request { document: query, variables: Some(variables), operation_name: name.as_deref() };
        ::graphql::prepare(&schema, request, &limits).map_err(NotPrepared::Refused)
    };
    let prepared = if heavy {
        let done = state.tasks.blocking("graphql document", read).await;
        done.unwrap_or_else(|| Err(NotPrepared::Error(ClientError::Internal(Cause::new("a GraphQL document could not be read")))))?
    } else {
        read()?
    };
    Ok((caller, prepared))
}

impl Schemas {
    /// No schemas yet.
    #[must_use]
    pub fn new(config: &GraphQlConfig) -> Self {
        let limits =
            Limits { tokens: config.tokens, depth: config.depth, complexity: config.complexity, introspection: config.introspection };
        let book = Book { overview: None, schemas: LruCache::new(config.schemas), keys: LruCache::new(REMEMBERED) };
        Self { limits, generations: Semaphore::new(config.generations), book: Mutex::new(book) }
    }

    /// The schema of a session with `permissions`.
    ///
    /// # Errors
    /// When it could not be made.
    pub async fn schema(&self, state: &Gateway, permissions: &Arc<Permissions>) -> Result<Arc<Schema>, ClientError> {
        let overview = state.directory.schema();
        let cell = self.cell(&overview, permissions);
        // Whoever comes while it is made waits for the same one.
        let schema = cell.get_or_try_init(|| async {
            let _turn = self.generations.acquire().await.map_err(|_| ClientError::ServiceUnavailable)?;
            let permissions = Arc::clone(permissions);
            let made = state.tasks.blocking("graphql schema", move || Arc::new(Schema::build(&overview, &permissions))).await;
            made.ok_or_else(|| ClientError::Internal(Cause::new("a GraphQL schema could not be made")))
        });
        schema.await.cloned()
    }

    fn cell(&self, overview: &Arc<Overview>, permissions: &Arc<Permissions>) -> Arc<OnceCell<Arc<Schema>>> {
        let address = Arc::as_ptr(permissions) as usize;
        let known = {
            let mut book = self.book();
            book.renew(overview);
            book.keys.get(&address).map(|(_, key)| *key)
        };
        let key = known.unwrap_or_else(|| GrantsKey::new(overview, permissions));
        let mut book = self.book();
        if known.is_none() {
            book.keys.put(address, (Arc::clone(permissions), key));
        }
        if !book.is_of(overview) {
            // The overview changed meanwhile: this one is made for its caller alone.
            return Arc::default();
        }
        Arc::clone(book.schemas.get_or_insert(key, Arc::default))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn is_of(&self, overview: &Arc<Overview>) -> bool {
        self.overview.as_ref().is_some_and(|own| Arc::ptr_eq(own, overview))
    }

    fn renew(&mut self, overview: &Arc<Overview>) {
        if !self.is_of(overview) {
            self.overview = Some(Arc::clone(overview));
            self.schemas.clear();
            self.keys.clear();
        }
    }
}

impl GrantsKey {
    fn new(overview: &Overview, permissions: &Permissions) -> Self {
        let mut hashers = [DefaultHasher::new(), DefaultHasher::new()];
        let mut write = |text: &str| {
            for (place, hasher) in hashers.iter_mut().enumerate() {
                (place, text).hash(hasher);
            }
        };
        if permissions.admin {
            write("admin");
        }
        for collection in overview.collections().filter(|_| !permissions.admin) {
            for action in [Action::Create, Action::Read, Action::Update, Action::Delete] {
                let rules = permissions.rules(&collection.name, action);
                if rules.is_empty() {
                    continue;
                }
                write(&collection.name);
                write(action.name());
                for rule in rules {
                    // A field is sure to be there where a rule without a condition grants it.
                    write(if rule.items.is_some() { "some" } else { "every" });
                    match &rule.fields {
                        FieldSet::All => write("*"),
                        FieldSet::Only(fields) => {
                            fields.iter().map(AsRef::as_ref).collect::<BTreeSet<&str>>().into_iter().for_each(&mut write)
                        }
                    }
                    write("");
                }
            }
        }
        let [first, second] = hashers.map(|hasher| hasher.finish());
        Self(first, second)
    }
}

#[cfg(test)]
mod tests {
    use access::permission::Rule;
    use access::testing::newsroom;
    use serde_json::json;

    use super::*;

    fn permissions(rules: &[(&str, Action, Option<serde_json::Value>, &[&str])]) -> Arc<Permissions> {
        let mut permissions = Permissions::none();
        for (collection, action, items, fields) in rules {
            let fields = FieldSet::Only(fields.iter().map(|field| (*field).into()).collect());
            permissions.add(collection, *action, Rule { items: items.clone().map(Arc::new), validation: None, presets: None, fields });
        }
        Arc::new(permissions)
    }

    fn schemas(capacity: usize) -> Schemas {
        Schemas::new(&GraphQlConfig {
            introspection: true,
            tokens: 1,
            depth: 1,
            complexity: 1,
            schemas: NonZeroUsize::new(capacity).unwrap(),
            generations: 1,
        })
    }

    #[test]
    fn values_of_rules_make_no_other_schema() {
        let overview = Arc::new(newsroom());
        let schemas = schemas(10);
        let of = |value: &str, fields: &[&str]| permissions(&[("articles", Action::Read, Some(json!({"author": {"_eq": value}})), fields)]);
        let cell = |permissions: &Arc<Permissions>| schemas.cell(&overview, permissions);
        let (first, second) = (of("a", &["id", "title"]), of("b", &["title", "id"]));
        assert!(Arc::ptr_eq(&cell(&first), &cell(&first)));
        assert!(Arc::ptr_eq(&cell(&first), &cell(&second)));
        for other in [
            of("a", &["id"]),
            permissions(&[("articles", Action::Read, None, &["id", "title"])]),
            permissions(&[("articles", Action::Update, Some(json!({})), &["id", "title"])]),
            permissions(&[]),
            Arc::new(Permissions::administrator()),
        ] {
            assert!(!Arc::ptr_eq(&cell(&first), &cell(&other)), "{other:?}");
        }
    }

    #[test]
    fn a_new_overview_makes_all_void_and_the_oldest_goes_first() {
        let overview = Arc::new(newsroom());
        let schemas = schemas(1);
        let (one, two) = (Arc::new(Permissions::administrator()), Arc::new(Permissions::none()));
        let first = schemas.cell(&overview, &one);
        let again = schemas.cell(&Arc::new(newsroom()), &one);
        assert!(!Arc::ptr_eq(&first, &again));
        let first = schemas.cell(&overview, &one);
        let _second = schemas.cell(&overview, &two);
        assert!(!Arc::ptr_eq(&first, &schemas.cell(&overview, &one)));
        assert_eq!(schemas.book().schemas.len(), 1);
    }
}
