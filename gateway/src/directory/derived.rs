//! What is derived from a state: the permissions of sessions, and the values of variables.
//!
//! It must never let what was derived from an old state be found under a new one: the keys of all caches hold the revision.
//!
//! Cost: two short locks when the permissions are cached; one read of the database where `.field` values are not.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use access::accountability::Accountability;
use access::permission::Permissions;
use access::variables::Variables;
use jiff::Timestamp;
use lru::LruCache;
use serde_json::{Value, json};
use uuid::Uuid;

use super::access_rules::Standing;
use super::live::State;
use super::lookup::{self, Subject};
use super::rule_set::RuleSet;
use crate::database::{Database, DatabaseError};
use crate::metrics::DirectoryMetrics;

/// Combinations of policies whose rules are kept compiled.
const RULE_SETS: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
/// Sessions with rules of their own whose permissions are kept.
const RESOLVED: NonZeroUsize = NonZeroUsize::new(8192).unwrap();
/// Users whose `.field` values are kept.
const LOOKED_UP: NonZeroUsize = NonZeroUsize::new(8192).unwrap();

/// Permissions and looked-up values, kept while the state that they were derived from is the current one.
pub(super) struct Derived {
    /// Grows when looked-up values may have changed.
    lookups: AtomicU64,
    administrator: Arc<Permissions>,
    nobody: Arc<Permissions>,
    rule_sets: Cache<RuleSetKey, RuleSet>,
    resolved: Cache<ResolvedKey, Permissions>,
    looked_up: Cache<LookupKey, HashMap<String, Value>>,
    metrics: DirectoryMetrics,
}

type Cache<K, V> = Mutex<LruCache<K, Arc<V>>>;

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

impl Derived {
    pub(super) fn new(metrics: DirectoryMetrics) -> Self {
        Self {
            lookups: AtomicU64::new(0),
            administrator: Arc::new(Permissions::administrator()),
            nobody: Arc::new(Permissions::none()),
            rule_sets: Mutex::new(LruCache::new(RULE_SETS)),
            resolved: Mutex::new(LruCache::new(RESOLVED)),
            looked_up: Mutex::new(LruCache::new(LOOKED_UP)),
            metrics,
        }
    }

    /// How many rule sets, permissions and looked-up values are held.
    pub(super) fn len(&self) -> [usize; 3] {
        [lock(&self.rule_sets).len(), lock(&self.resolved).len(), lock(&self.looked_up).len()]
    }

    /// Rows that looked-up values came from have changed.
    pub(super) fn forget_lookups(&self) {
        self.lookups.fetch_add(1, Ordering::AcqRel);
        lock(&self.looked_up).clear();
    }

    /// There is a new state.
    pub(super) fn forget_rules(&self) {
        lock(&self.rule_sets).clear();
        lock(&self.resolved).clear();
    }

    /// What a session may do at this moment: its policies are worked out anew from user, role and address, so that
    /// attachments made or taken since the authentication count. Equal sessions share one value.
    ///
    /// # Errors
    /// [`DatabaseError`], when a rule's `.field` variable has to be looked up.
    pub(super) async fn permissions(
        &self,
        state: &State,
        database: &Database,
        accountability: &Accountability,
    ) -> Result<Arc<Permissions>, DatabaseError> {
        // What a share may show beyond its own page is not ours to guess.
        if accountability.share.is_some() {
            return Ok(Arc::clone(&self.nobody));
        }
        let standing = state.access.standing(accountability.user, accountability.role, accountability.client.ip);
        if standing.admin {
            return Ok(Arc::clone(&self.administrator));
        }
        let key = RuleSetKey { revision: state.revision, policies: standing.policies.clone(), app: standing.app };
        let rules = self.rule_set(state, &key);
        let needs = rules.needs();
        let paths = if needs.paths().is_empty() {
            Arc::default()
        } else {
            self.look_up_for_rules(state, database, accountability, &standing, needs.paths()).await?
        };
        let mut variables = session_variables(accountability, &standing);
        variables.paths = paths.as_ref().clone();
        if needs.now() {
            return Ok(Arc::new(rules.resolve(&variables)));
        }
        let session = if needs.session() { session_key(&variables, needs.paths()) } else { String::new() };
        let key = ResolvedKey { rules: key, session };
        if let Some(permissions) = self.metrics.permissions.looked_up(lock(&self.resolved).get(&key)) {
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
    pub(super) async fn variables(
        &self,
        state: &State,
        database: &Database,
        accountability: &Accountability,
        paths: &[String],
        as_user: Option<&Permissions>,
    ) -> Result<Variables, DatabaseError> {
        let standing = state.access.standing(accountability.user, accountability.role, accountability.client.ip);
        let mut variables = session_variables(accountability, &standing);
        if paths.is_empty() {
            return Ok(variables);
        }
        variables.paths = match as_user {
            None => self.look_up_for_rules(state, database, accountability, &standing, paths).await?.as_ref().clone(),
            Some(permissions) => {
                let subject = Subject { accountability, roles: &standing.roles, policies: &standing.policies };
                lookup::values(database, &state.schema, &subject, paths, permissions).await?
            }
        };
        Ok(variables)
    }

    fn rule_set(&self, state: &State, key: &RuleSetKey) -> Arc<RuleSet> {
        if let Some(rules) = self.metrics.rule_sets.looked_up(lock(&self.rule_sets).get(key)) {
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
        database: &Database,
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
        if let Some(values) = self.metrics.variables.looked_up(lock(&self.looked_up).get(&key)) {
            return Ok(Arc::clone(values));
        }
        let subject = Subject { accountability, roles: &standing.roles, policies: &standing.policies };
        let values = lookup::values(database, &state.schema, &subject, paths, &self.administrator).await?;
        let values = Arc::new(values);
        lock(&self.looked_up).put(key, Arc::clone(&values));
        Ok(values)
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
    // What these locks guard is put in whole; a panic elsewhere leaves nothing half-done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
