//! The directory itself: the current state, its replacement on change events, and the permissions derived from it.
//!
//! It must never mix two states in one answer: a state is replaced whole. Nor may who somebody is be of another moment than what
//! his role may do: moved into a role from which something had been taken before, he would have it for an instant, though at no
//! time anybody granted it. So new access rules hold only from a moment at which every open identity was looked at, too, and an
//! identity that is newer than the rules makes them look at themselves ([`Directory::confirm`]).
//!
//! Cost: [`Directory::schema`] is one atomic load. A reload reads the catalog or the access tables whole; reloads run one at
//! a time, and all requests that arrive while one runs share the next.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use access::accountability::{Accountability, ClientOrigin};
use access::permission::Permissions;
use access::schema::Schema;
use access::variables::Variables;
use arc_swap::ArcSwap;
use change_event::ChangeEvent;
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use uuid::Uuid;

use super::access_rules::{AccessRules, Moment, Standing};
use super::derived::Derived;
use super::looked_at::LookedAt;
use super::metadata::Metadata;
use super::overview;
use crate::database::catalog::{ForeignKey, Table};
use crate::database::{Cause, Database, DatabaseError, catalog};
use crate::metrics::DirectoryMetrics;

/// SQLSTATE of a table that does not exist.
const UNDEFINED_TABLE: &str = "42P01";

/// How often new access rules are read because they changed again while the identities were looked at.
const SETTLE: u32 = 5;

/// Whoever holds identities that were authenticated earlier.
pub trait Bearers: Send + Sync {
    /// Looks again at all of them, and gives what puts that into effect, at once and without waiting, behind the new rules.
    fn look_again(&self) -> BoxFuture<'_, Result<Conclusion, DatabaseError>>;
}

/// Puts into effect what a look has found.
pub type Conclusion = Box<dyn FnOnce() + Send>;

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
    /// The last moment at which the access rules of `state` were seen to be the ones that hold.
    confirmed: ArcSwap<Moment>,
    /// Odd while state, moment and identities are replaced.
    swaps: AtomicU64,
    bearers: OnceLock<Box<dyn Bearers>>,
    revision: watch::Sender<u64>,
    requests: Mutex<Requests>,
    /// Held by the one reload that runs; remembers what it covered.
    reloading: tokio::sync::Mutex<Covered>,
    derived: Derived,
    metrics: DirectoryMetrics,
}

/// One consistent picture.
pub(super) struct State {
    pub(super) revision: u64,
    pub(super) schema: Arc<Schema>,
    pub(super) access: Arc<AccessRules>,
    source: Arc<SchemaSource>,
    looked_at: LookedAt,
}

/// What a schema was made of, to see whether a reload found anything new.
#[derive(PartialEq)]
struct SchemaSource {
    tables: Vec<Table>,
    foreign_keys: Vec<ForeignKey>,
    metadata: Metadata,
}

/// What a reload has to read again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Parts {
    schema: bool,
    access: bool,
    /// The access rules if they have changed.
    confirm: bool,
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
        let (state, moment) = State::load(&database, &options).await.inspect_err(|error| {
            if error.state() == Some(UNDEFINED_TABLE) {
                tracing::error!(
                    "this database has no directus_* tables: run `gateway bootstrap`, or set DB_* to the database of a Directus"
                );
            }
        })?;
        let metrics = DirectoryMetrics::detached();
        Ok(Arc::new(Self {
            database,
            options,
            state: ArcSwap::from_pointee(state),
            confirmed: ArcSwap::from_pointee(moment),
            swaps: AtomicU64::new(0),
            bearers: OnceLock::new(),
            revision: watch::Sender::new(1),
            requests: Mutex::default(),
            reloading: tokio::sync::Mutex::default(),
            derived: Derived::new(metrics.clone()),
            metrics,
        }))
    }

    /// The current overview.
    #[must_use]
    pub fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.state.load().schema)
    }

    /// What it tells Prometheus.
    #[must_use]
    pub const fn metrics(&self) -> &DirectoryMetrics {
        &self.metrics
    }

    /// What is held of rule sets, permissions and looked-up values.
    #[must_use]
    pub fn cached(&self) -> [usize; 3] {
        self.derived.len()
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

    /// From now on new access rules wait for these to be looked at. Set once, at the start.
    pub fn watched_by(&self, bearers: Box<dyn Bearers>) {
        // A second one would be a fault of the program, and the first one stays.
        let _set = self.bearers.set(bearers);
    }

    /// Whether all rows with these `xmin` (in decimal, by commas) are as old as the access rules that are in force, so that both
    /// held at one moment.
    #[must_use]
    pub fn covers(&self, xmins: &str) -> bool {
        let moment = self.confirmed.load();
        let mut xmins = xmins.split(',').peekable();
        xmins.peek().is_some() && xmins.all(|xmin| xmin.parse().is_ok_and(|xmin| moment.snapshot.follows_row(xmin)))
    }

    /// Makes sure that the access rules in force are those of a moment after this call. Returns whether others had to be read.
    /// Cost: one small read for everybody who asks at the same time.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn confirm(&self) -> Result<bool, DatabaseError> {
        self.refresh(Parts { confirm: true, ..Parts::default() }).await
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
        self.derived.permissions(&self.state.load_full(), &self.database, accountability).await
    }

    /// Names what is in force: rules and the identities of all bearers. Waits, some milliseconds at most, while they are replaced.
    pub async fn epoch(&self) -> u64 {
        loop {
            let swaps = self.swaps.load(Ordering::SeqCst);
            if swaps.is_multiple_of(2) {
                return swaps;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Whether nothing was replaced since [`Directory::epoch`] gave `epoch`.
    #[must_use]
    pub fn is_of(&self, epoch: u64) -> bool {
        self.swaps.load(Ordering::SeqCst) == epoch
    }

    /// Values that rules look up may have changed.
    pub fn forget_lookups(&self) {
        self.derived.forget_lookups();
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
        self.derived.variables(&self.state.load_full(), &self.database, accountability, paths, as_user).await
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
        self.refresh(Parts { schema: true, access: true, lookups: true, confirm: false }).await.map(|_| ())
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
            self.metrics.schema_reloads.inc();
            let read = SchemaSource::load(&self.database).await?;
            if read != *old.source {
                source = Arc::new(read);
            }
        }
        let (mut access, mut conclusion) = (Arc::clone(&old.access), None);
        if (work.access || work.confirm)
            && let Some((read, moment, looked)) = self.access_rules(&old, work.access).await?
        {
            (access, conclusion) = (Arc::new(read), Some((moment, looked)));
        }
        if work.lookups {
            self.metrics.lookup_reloads.inc();
            self.derived.forget_lookups();
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
        // From here on nothing waits.
        let swap = conclusion.is_some().then(|| Swap::begin(&self.swaps));
        self.state.store(Arc::new(State { revision, schema, source, access, looked_at }));
        self.derived.forget_rules();
        if let Some((moment, looked)) = conclusion {
            self.confirmed.store(Arc::new(moment));
            looked();
        }
        drop(swap);
        self.revision.send_replace(revision);
        Ok(true)
    }
}

impl Directory {
    /// The access rules if they are others than before, as of a moment at which the identities of all bearers were looked at; the
    /// conclusion of that look is to be put into effect together with them.
    async fn access_rules(&self, old: &State, changed: bool) -> Result<Option<(AccessRules, Moment, Conclusion)>, DatabaseError> {
        if !changed {
            let moment = Moment::now(&self.database).await?;
            if moment.print == self.confirmed.load().print {
                self.confirmed.store(Arc::new(moment));
                return Ok(None);
            }
        }
        let mut attempts = 0;
        loop {
            self.metrics.access_reloads.inc();
            let (read, moment) = AccessRules::load(&self.database).await?;
            if read == *old.access {
                if moment.print != self.confirmed.load().print {
                    // They may have been others in between.
                    self.swaps.fetch_add(2, Ordering::SeqCst);
                }
                self.confirmed.store(Arc::new(moment));
                return Ok(None);
            }
            let Some(bearers) = self.bearers.get() else { return Ok(Some((read, moment, Box::new(|| ())))) };
            let conclusion = bearers.look_again().await?;
            let after = Moment::now(&self.database).await?;
            attempts += 1;
            // Rules that never rest must not keep their changes from taking effect.
            if after.print == moment.print {
                return Ok(Some((read, after, conclusion)));
            }
            if attempts >= SETTLE {
                return Ok(Some((read, moment, conclusion)));
            }
        }
    }
}

impl State {
    async fn load(database: &Database, options: &DirectoryOptions) -> Result<(Self, Moment), DatabaseError> {
        let source = Arc::new(SchemaSource::load(database).await?);
        let (access, moment) = AccessRules::load(database).await?;
        let access = Arc::new(access);
        let schema = Arc::new(source.overview(options));
        let looked_at = LookedAt::new(&schema, &access);
        Ok((Self { revision: 1, schema, source, access, looked_at }, moment))
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
        Self {
            schema: self.schema || other.schema,
            access: self.access || other.access,
            confirm: self.confirm || other.confirm,
            lookups: self.lookups || other.lookups,
        }
    }
}

/// While it lives, what is in force is being replaced.
struct Swap<'a>(&'a AtomicU64);

impl<'a> Swap<'a> {
    fn begin(swaps: &'a AtomicU64) -> Self {
        swaps.fetch_add(1, Ordering::SeqCst);
        Self(swaps)
    }
}

impl Drop for Swap<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these locks guard is replaced whole; a panic elsewhere leaves nothing half-done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
