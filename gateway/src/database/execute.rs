//! Running statements: reads and single writes.
//!
//! It must never run a write twice: only [`Database::query`], which is for reads, asks again after a lost connection.
//!
//! Cost of a read: one round trip once its text is prepared on the connection, two the first time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use access::statement::Statement;
use futures_util::TryStreamExt as _;
use tokio::time::timeout;
use tokio_postgres::Row;

use super::codec::TextParameter;
use super::pool::{self, Connection, Pool, PooledConnection};
use super::{DatabaseError, Transaction};
use crate::config::DatabaseConfig;
use crate::metrics::DatabaseMetrics;

/// The server cancels a statement at its own timeout; what lasts longer than this on top is a dead connection.
const GRACE: Duration = Duration::from_secs(5);

/// Why a statement runs; a label of the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A client's request.
    Request,
    /// A change event.
    Event,
    /// The schema overview and access rules.
    Directory,
    /// Authentication.
    Authentication,
}

/// A handle to the database; cheap to clone.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    cause: Cause,
    shared: Arc<Shared>,
}

/// The pool at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// Open connections.
    pub connections: usize,
    /// Open and not in use.
    pub idle: usize,
    /// Callers that wait for one.
    pub waiting: usize,
}

pub(super) struct Shared {
    generation: Arc<AtomicU64>,
    counts: [AtomicU64; 4],
    pub(super) patience: Duration,
    pub(super) metrics: DatabaseMetrics,
}

impl Cause {
    /// All of them, in the order of their counters.
    pub const ALL: [Self; 4] = [Self::Request, Self::Event, Self::Directory, Self::Authentication];

    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Event => "event",
            Self::Directory => "directory",
            Self::Authentication => "authentication",
        }
    }
}

impl Database {
    /// A pool for `config`. Nothing connects before the first statement.
    ///
    /// # Errors
    /// When the pool cannot be built.
    pub fn new(config: &DatabaseConfig) -> Result<Self, DatabaseError> {
        let generation = Arc::new(AtomicU64::new(0));
        let pool = pool::build(config, Arc::clone(&generation))?;
        let patience = config.statement_timeout.saturating_add(GRACE);
        let shared = Shared { generation, counts: Default::default(), patience, metrics: DatabaseMetrics::detached() };
        Ok(Self { pool, cause: Cause::Request, shared: Arc::new(shared) })
    }

    /// The same database, counting its statements under `cause`.
    #[must_use]
    pub fn caused_by(&self, cause: Cause) -> Self {
        Self { cause, ..self.clone() }
    }

    /// How many statements ran for `cause`.
    #[must_use]
    pub fn statements(&self, cause: Cause) -> u64 {
        self.shared.counter(cause).load(Ordering::Relaxed)
    }

    /// What it tells Prometheus.
    #[must_use]
    pub fn metrics(&self) -> &DatabaseMetrics {
        &self.shared.metrics
    }

    /// The pool at this moment.
    #[must_use]
    pub fn pool_state(&self) -> PoolState {
        let status = self.pool.status();
        PoolState { connections: status.size, idle: status.available, waiting: status.waiting }
    }

    /// Rows of a read. It may run twice: once more when the connection was lost or a prepared form went stale.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn query(&self, statement: &Statement) -> Result<Vec<Row>, DatabaseError> {
        match self.query_once(statement).await {
            Err(DatabaseError::Unavailable(Some(_))) if !self.pool.is_closed() => self.query_once(statement).await,
            result => result,
        }
    }

    /// The first row of a read, if there is one.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn query_one(&self, statement: &Statement) -> Result<Option<Row>, DatabaseError> {
        Ok(self.query(statement).await?.into_iter().next())
    }

    /// One writing statement in a transaction of its own; returns how many rows it touched. Never runs twice.
    ///
    /// # Errors
    /// [`DatabaseError`]; after [`DatabaseError::Unavailable`] nobody knows whether it was committed.
    pub async fn execute(&self, statement: &Statement) -> Result<u64, DatabaseError> {
        self.on_connection(async |connection| unless_stale(connection, statement, execute).await).await
    }

    /// Rows of one writing statement (`RETURNING`) in a transaction of its own. Never runs twice.
    ///
    /// # Errors
    /// As [`Database::execute`].
    pub async fn write(&self, statement: &Statement) -> Result<Vec<Row>, DatabaseError> {
        self.query_once(statement).await
    }

    /// Begins a transaction (read committed).
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn transaction(&self) -> Result<Transaction, DatabaseError> {
        match self.begin().await {
            Err(DatabaseError::Unavailable(Some(_))) if !self.pool.is_closed() => self.begin().await,
            result => result,
        }
    }

    /// Asks the server for a sign of life.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        self.query(&Statement { text: "select 1".to_owned(), parameters: Vec::new() }).await.map(|_| ())
    }

    /// Makes every connection prepare its statements anew: the schema changed.
    pub fn forget_statements(&self) {
        self.shared.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Closes the pool: idle connections end now, others when they are given back.
    pub fn close(&self) {
        self.pool.close();
    }

    /// Runs `work` on a connection: counted, timed and bounded.
    pub(super) async fn on_connection<T>(
        &self,
        work: impl AsyncFnOnce(&Connection) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, DatabaseError> {
        let connection = self.checkout().await?;
        self.shared.count(self.cause);
        let _timed = self.shared.metrics.statement(self.cause);
        let result = timeout(self.shared.patience, work(&connection)).await;
        settle(connection, result)
    }

    async fn checkout(&self) -> Result<PooledConnection, DatabaseError> {
        let _timed = self.shared.metrics.wait();
        pool::checkout(&self.pool).await
    }

    async fn query_once(&self, statement: &Statement) -> Result<Vec<Row>, DatabaseError> {
        self.on_connection(async |connection| unless_stale(connection, statement, query).await).await
    }

    async fn begin(&self) -> Result<Transaction, DatabaseError> {
        let connection = self.checkout().await?;
        Transaction::begin(connection, self.cause, Arc::clone(&self.shared)).await
    }
}

pub(super) type Bounded<T> = Result<Result<T, tokio_postgres::Error>, tokio::time::error::Elapsed>;

impl Shared {
    fn counter(&self, cause: Cause) -> &AtomicU64 {
        let [request, event, directory, authentication] = &self.counts;
        match cause {
            Cause::Request => request,
            Cause::Event => event,
            Cause::Directory => directory,
            Cause::Authentication => authentication,
        }
    }

    pub(super) fn count(&self, cause: Cause) {
        self.counter(cause).fetch_add(1, Ordering::Relaxed);
    }
}

/// Gives the connection back, or gives it up when the server did not answer at all.
fn settle<T>(connection: PooledConnection, result: Bounded<T>) -> Result<T, DatabaseError> {
    match result {
        Ok(result) => result.map_err(DatabaseError::from),
        Err(_) => {
            discard(Some(connection));
            Err(DatabaseError::Timeout)
        }
    }
}

/// Runs `work`, and once more with a fresh prepared form when the old one no longer fitted. An error has undone the
/// statement, so that this holds for writes too; inside a transaction it does not.
pub(super) async fn unless_stale<'a, T, F>(
    connection: &'a Connection,
    statement: &'a Statement,
    work: impl Fn(&'a Connection, &'a Statement) -> F,
) -> Result<T, tokio_postgres::Error>
where
    F: Future<Output = Result<T, tokio_postgres::Error>>,
{
    match work(connection, statement).await {
        Err(error) if is_stale(&error) => work(connection, statement).await,
        result => result,
    }
}

pub(super) async fn query(connection: &Connection, statement: &Statement) -> Result<Vec<Row>, tokio_postgres::Error> {
    let prepared = connection.prepare(&statement.text).await?;
    let rows = async {
        let stream = connection.client().query_raw(&prepared, statement.parameters.iter().map(TextParameter)).await?;
        stream.try_collect().await
    };
    rows.await.inspect_err(|error| forget_if_stale(connection, &statement.text, error))
}

pub(super) async fn execute(connection: &Connection, statement: &Statement) -> Result<u64, tokio_postgres::Error> {
    let prepared = connection.prepare(&statement.text).await?;
    let touched = connection.client().execute_raw(&prepared, statement.parameters.iter().map(TextParameter)).await;
    touched.inspect_err(|error| forget_if_stale(connection, &statement.text, error))
}

pub(super) async fn batch(connection: &Connection, text: &str) -> Result<(), tokio_postgres::Error> {
    connection.client().batch_execute(text).await
}

/// Ends the connection instead of giving it back.
pub(super) fn discard(connection: Option<PooledConnection>) {
    if let Some(connection) = connection {
        drop(PooledConnection::take(connection));
    }
}

/// The prepared form no longer fits: its result type changed (0A000), it is gone from the server (26000), or the types of
/// its places changed under it (42883, 42804).
fn is_stale(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|state| matches!(state.code(), "0A000" | "26000" | "42883" | "42804"))
}

fn forget_if_stale(connection: &Connection, text: &str, error: &tokio_postgres::Error) {
    if is_stale(error) {
        connection.forget(text);
    }
}
