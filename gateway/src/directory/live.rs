//! The directory itself: the current state, its replacement on change events, and the permissions derived from it.
//!
//! It must never mix two states in one answer, and never let what was derived from an old one be found under a new one:
//! the keys of both caches hold the revision.
//!
//! Cost: [`Directory::schema`] is one atomic load; [`Directory::permissions`] two short locks when it is cached. A reload
//! reads the catalog or the access tables whole; reloads run one at a time, and all requests that arrive while one runs
//! share the next.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use access::accountability::{Accountability, ClientOrigin};
use access::permission::Permissions;
use access::schema::Schema;
use access::variables::Variables;
use arc_swap::ArcSwap;
use change_event::ChangeEvent;
use jiff::Timestamp;
use lru::LruCache;
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use super::access_rules::{AccessRules, Standing};
use super::looked_at::LookedAt;
use super::lookup::{self, Subject};
use super::metadata::Metadata;
use super::overview;
use super::rule_set::RuleSet;
use crate::database::catalog::{ForeignKey, Table};
use crate::database::{Cause, Database, DatabaseError, catalog};

/// Combinations of policies whose rules are kept compiled.
const RULE_SETS: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
/// Sessions with rules of their own whose permissions are kept.
const RESOLVED: NonZeroUsize = NonZeroUsize::new(8192).unwrap();
/// Users whose `.field` values are kept.
const LOOKED_UP: NonZeroUsize = NonZeroUsize::new(8192).unwrap();

/// What is not a collection, whatever the catalog says.
#[derive(Debug, Clone, Default)]
pub struct DirectoryOptions {
    /// `DB_EXCLUDE_TABLES`.
    pub exclude_tables: Vec<String>,
}

/// The schema overview and the access rules, current to the last applied change.
pub struct Directory {
    database: Database,
    options: DirectoryOptions,
    state: ArcSwap<State>,
    revision: watch::Sender<u64>,
    requests: Mutex<Requests>,
    /// Held by the one reload that runs; remembers what it covered.
    reloading: tokio::sync::Mutex<Covered>,
    /// Grows when looked-up values may have changed.
    lookups: AtomicU64,
    administrator: Arc<Permissions>,
    nobody: Arc<Permissions>,
    rule_sets: Cache<RuleSetKey, RuleSet>,
    resolved: Cache<ResolvedKey, Permissions>,
    looked_up: Cache<LookupKey, HashMap<String, Value>>,
}

type Cache<K, V> = Mutex<LruCache<K, Arc<V>>>;

/// One consistent picture.
struct State {
    revision: u64,
    schema: Arc<Schema>,
    source: Arc<SchemaSource>,
    access: Arc<AccessRules>,
    looked_at: LookedAt,
}

/// What a schema was made of, to see whether a reload found anything new.
#[derive(PartialEq)]
struct SchemaSource {
    tables: Vec<Table>,
    foreign_keys: Vec<ForeignKey>,
    metadata: Metadata,
}

#[derive(PartialEq, Eq, Hash, Clone)]
struct RuleSetKey {
    revision: u64,
    policies: Vec<Uuid>,
    app: bool,
}

#[derive(PartialEq, Eq, Hash)]
struct ResolvedKey {
    rules: RuleSetKey,
    /// The values of the session's variables as JSON text; empty where no rule needs any.
    session: String,
}

#[derive(PartialEq, Eq, Hash)]
struct LookupKey {
    lookups: u64,
    revision: u64,
    user: Option<Uuid>,
    role: Option<Uuid>,
    policies: Vec<Uuid>,
    paths: Vec<String>,
}

/// What a reload has to read again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Parts {
    schema: bool,
    access: bool,
    lookups: bool,
}

#[derive(Default)]
struct Requests {
    /// Numbers the requests.
    last: u64,
    pending: Parts,
}

#[derive(Default)]
struct Covered {
    /// The last request that a finished reload covers.
    through: u64,
    /// Whether that reload changed anything.
    changed: bool,
}

impl Directory {
    /// Reads everything.
    ///
    /// # Errors
    /// [`DatabaseError`], also when the `directus_*` tables do not exist.
    pub async fn load(database: Database, options: DirectoryOptions) -> Result<Arc<Self>, DatabaseError> {
        let database = database.caused_by(Cause::Directory);
        let source = Arc::new(SchemaSource::load(&database).await?);
        let access = Arc::new(AccessRules::load(&database).await?);
        let schema = Arc::new(source.overview(&options));
        let looked_at = LookedAt::new(&schema, &access);
        let state = State { revision: 1, schema, source, access, looked_at };
        Ok(Arc::new(Self {
            database,
            options,
            state: ArcSwap::from_pointee(state),
            revision: watch::Sender::new(1),
            requests: Mutex::default(),
            reloading: tokio::sync::Mutex::default(),
            lookups: AtomicU64::new(0),
            administrator: Arc::new(Permissions::administrator()),
            nobody: Arc::new(Permissions::none()),
            rule_sets: Mutex::new(LruCache::new(RULE_SETS)),
            resolved: Mutex::new(LruCache::new(RESOLVED)),
            looked_up: Mutex::new(LruCache::new(LOOKED_UP)),
        }))
    }

    /// The current overview.
    #[must_use]
    pub fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.state.load().schema)
    }

    /// Grows with every effective change of schema or access.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.state.load().revision
    }

    /// Tells of new revisions.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Who a user with this role is at this moment, coming from `client`.
    #[must_use]
    pub fn accountability(&self, user: Option<Uuid>, role: Option<Uuid>, share: Option<Uuid>, client: Arc<ClientOrigin>) -> Accountability {
        let Standing { roles, policies, admin, app } = self.state.load().access.standing(user, role, client.ip);
        // A share shows one item, whatever its role could do elsewhere.
        let (admin, app) = if share.is_some() { (false, false) } else { (admin, app) };
        Accountability { user, role, roles, policies, admin, app, share, client }
    }

    /// What a session may do at this moment: its policies are worked out anew from user, role and address, so that
    /// attachments made or taken since the authentication count. Equal sessions share one value.
    ///
    /// # Errors
    /// [`DatabaseError`], when a rule's `.field` variable has to be looked up.
    pub async fn permissions(&self, accountability: &Accountability) -> Result<Arc<Permissions>, DatabaseError> {
        // What a share may show beyond its own page is not ours to guess.
        if accountability.share.is_some() {
            return Ok(Arc::clone(&self.nobody));
        }
        let state = self.state.load_full();
        let standing = state.access.standing(accountability.user, accountability.role, accountability.client.ip);
        if standing.admin {
            return Ok(Arc::clone(&self.administrator));
        }
        let key = RuleSetKey { revision: state.revision, policies: standing.policies.clone(), app: standing.app };
        let rules = self.rule_set(&state, &key);
        let needs = rules.needs();
        let paths = if needs.paths().is_empty() {
            Arc::default()
        } else {
            self.look_up_for_rules(&state, accountability, &standing, needs.paths()).await?
        };
        let mut variables = session_variables(accountability, &standing);
        variables.paths = paths.as_ref().clone();
        if needs.now() {
            return Ok(Arc::new(rules.resolve(&variables)));
        }
        let session = if needs.session() { session_key(&variables, needs.paths()) } else { String::new() };
        let key = ResolvedKey { rules: key, session };
        if let Some(permissions) = lock(&self.resolved).get(&key) {
            return Ok(Arc::clone(permissions));
        }
        let permissions = Arc::new(rules.resolve(&variables));
        // Another session may have been faster; its value is the shared one.
        Ok(Arc::clone(lock(&self.resolved).get_or_insert(key, || permissions)))
    }

    /// The values of variables for one resolution. With `as_user`, `paths` are looked up under these permissions and
    /// what they hide is absent (filters of users); without, unrestricted (permission rules).
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn variables(
        &self,
        accountability: &Accountability,
        paths: &[String],
        as_user: Option<&Permissions>,
    ) -> Result<Variables, DatabaseError> {
        let state = self.state.load_full();
        let standing = state.access.standing(accountability.user, accountability.role, accountability.client.ip);
        let mut variables = session_variables(accountability, &standing);
        if paths.is_empty() {
            return Ok(variables);
        }
        variables.paths = match as_user {
            None => self.look_up_for_rules(&state, accountability, &standing, paths).await?.as_ref().clone(),
            Some(permissions) => {
                let subject = Subject { accountability, roles: &standing.roles, policies: &standing.policies };
                lookup::values(&self.database, &state.schema, &subject, paths, permissions).await?
            }
        };
        Ok(variables)
    }

    /// Takes note of a change event of `collection`: reads again what it decides. Returns whether anything that sessions
    /// see may have changed. Cost for a collection that decides nothing: one hash lookup.
    ///
    /// # Errors
    /// [`DatabaseError`]; the parts stay marked, and the next call reads them.
    pub async fn apply(&self, collection: &str) -> Result<bool, DatabaseError> {
        let parts = self.parts(collection);
        if parts == Parts::default() {
            return Ok(false);
        }
        self.refresh(parts).await
    }

    /// As [`Directory::apply`], with the event at hand: an update of `directus_users` that touches no field which a rule
    /// looks up (every login writes `last_access`) costs a comparison of the images and nothing else.
    ///
    /// # Errors
    /// As [`Directory::apply`].
    pub async fn apply_event(&self, event: &ChangeEvent) -> Result<bool, DatabaseError> {
        let mut parts = self.parts(&event.collection);
        parts.lookups &= self.state.load().looked_at.touched_by(event);
        if parts == Parts::default() {
            return Ok(false);
        }
        self.refresh(parts).await
    }

    /// Whether a change of `collection` can change schema, access or the values of variables: the cheap half of
    /// [`Directory::apply`].
    #[must_use]
    pub fn concerns(&self, collection: &str) -> bool {
        self.parts(collection) != Parts::default()
    }

    /// Reads everything again, whatever the events said.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn reload(&self) -> Result<(), DatabaseError> {
        self.refresh(Parts { schema: true, access: true, lookups: true }).await.map(|_| ())
    }

    fn parts(&self, collection: &str) -> Parts {
        let parts = match collection {
            change_event::SCHEMA_COLLECTION | "directus_collections" | "directus_fields" | "directus_relations" => {
                Parts { schema: true, ..Parts::default() }
            }
            "directus_roles" | "directus_policies" | "directus_access" | "directus_permissions" => {
                Parts { access: true, ..Parts::default() }
            }
            _ => Parts::default(),
        };
        Parts { lookups: self.state.load().looked_at.contains(collection), ..parts }
    }

    /// Reads `parts` again, or waits for a reload that does.
    async fn refresh(&self, parts: Parts) -> Result<bool, DatabaseError> {
        let ticket = {
            let mut requests = lock(&self.requests);
            requests.last += 1;
            requests.pending = requests.pending.and(parts);
            requests.last
        };
        let mut covered = self.reloading.lock().await;
        if covered.through >= ticket {
            return Ok(covered.changed);
        }
        let (through, work) = {
            let mut requests = lock(&self.requests);
            (requests.last, std::mem::take(&mut requests.pending))
        };
        // Puts the work back should this future end early, by an error or by being dropped.
        let unfinished = Unfinished { requests: &self.requests, work: Some(work) };
        let changed = self.read_again(work).await?;
        unfinished.done();
        *covered = Covered { through, changed };
        Ok(changed)
    }

    async fn read_again(&self, work: Parts) -> Result<bool, DatabaseError> {
        let old = self.state.load_full();
        let mut source = Arc::clone(&old.source);
        if work.schema {
            let read = SchemaSource::load(&self.database).await?;
            if read != *old.source {
                source = Arc::new(read);
            }
        }
        let mut access = Arc::clone(&old.access);
        if work.access {
            let read = AccessRules::load(&self.database).await?;
            if read != *old.access {
                access = Arc::new(read);
            }
        }
        if work.lookups {
            self.lookups.fetch_add(1, Ordering::AcqRel);
            lock(&self.looked_up).clear();
        }
        let new_schema = !Arc::ptr_eq(&source, &old.source);
        if !new_schema && Arc::ptr_eq(&access, &old.access) && !work.lookups {
            return Ok(false);
        }
        let schema = if new_schema { Arc::new(source.overview(&self.options)) } else { Arc::clone(&old.schema) };
        if new_schema {
            self.database.forget_statements();
        }
        let looked_at = LookedAt::new(&schema, &access);
        let revision = old.revision + 1;
        self.state.store(Arc::new(State { revision, schema, source, access, looked_at }));
        lock(&self.rule_sets).clear();
        lock(&self.resolved).clear();
        self.revision.send_replace(revision);
        Ok(true)
    }

    fn rule_set(&self, state: &State, key: &RuleSetKey) -> Arc<RuleSet> {
        if let Some(rules) = lock(&self.rule_sets).get(key) {
            return Arc::clone(rules);
        }
        let rules = key.policies.iter().flat_map(|policy| state.access.rules(*policy)).map(Arc::clone).collect();
        let rules = Arc::new(RuleSet::new(rules, key.app));
        lock(&self.rule_sets).put(key.clone(), Arc::clone(&rules));
        rules
    }

    async fn look_up_for_rules(
        &self,
        state: &State,
        accountability: &Accountability,
        standing: &Standing,
        paths: &[String],
    ) -> Result<Arc<HashMap<String, Value>>, DatabaseError> {
        // Read before the query: what was looked up before a change is never found after it.
        let lookups = self.lookups.load(Ordering::Acquire);
        let key = LookupKey {
            lookups,
            revision: state.revision,
            user: accountability.user,
            role: accountability.role,
            policies: standing.policies.clone(),
            paths: paths.to_vec(),
        };
        if let Some(values) = lock(&self.looked_up).get(&key) {
            return Ok(Arc::clone(values));
        }
        let subject = Subject { accountability, roles: &standing.roles, policies: &standing.policies };
        let values = lookup::values(&self.database, &state.schema, &subject, paths, &self.administrator).await?;
        let values = Arc::new(values);
        lock(&self.looked_up).put(key, Arc::clone(&values));
        Ok(values)
    }
}

impl SchemaSource {
    async fn load(database: &Database) -> Result<Self, DatabaseError> {
        Ok(Self {
            tables: catalog::tables(database).await?,
            foreign_keys: catalog::foreign_keys(database).await?,
            metadata: Metadata::load(database).await?,
        })
    }

    fn overview(&self, options: &DirectoryOptions) -> Schema {
        overview::build(&self.tables, &self.foreign_keys, &self.metadata, &options.exclude_tables)
    }
}

impl Parts {
    const fn and(self, other: Self) -> Self {
        Self { schema: self.schema || other.schema, access: self.access || other.access, lookups: self.lookups || other.lookups }
    }
}

struct Unfinished<'a> {
    requests: &'a Mutex<Requests>,
    work: Option<Parts>,
}

impl Unfinished<'_> {
    fn done(mut self) {
        self.work = None;
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(work) = self.work {
            let mut requests = lock(self.requests);
            requests.pending = requests.pending.and(work);
        }
    }
}

fn session_variables(accountability: &Accountability, standing: &Standing) -> Variables {
    Variables {
        user: json!(accountability.user),
        role: json!(accountability.role),
        roles: json!(standing.roles),
        policies: json!(standing.policies),
        ..Variables::anonymous(Timestamp::now())
    }
}

/// The session's values as a cache key; the policies are part of the rule set's key already.
fn session_key(variables: &Variables, paths: &[String]) -> String {
    let values: Vec<_> = paths.iter().map(|path| variables.paths.get(path)).collect();
    json!([variables.user, variables.role, variables.roles, values]).to_string()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these locks guard is replaced whole; a panic elsewhere leaves nothing half-done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
