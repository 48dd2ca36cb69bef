//! The pool of connections, and what one connection remembers.
//!
//! It must never grow without a bound: connections are capped, the wait for one is capped, and the statements that one
//! connection keeps prepared are capped (the least recently used is dropped), so that a client that invents query shapes
//! costs the server no memory.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool::managed::{self, Metrics, QueueMode, RecycleResult, Timeouts};
use deadpool_postgres::{ClientWrapper, ManagerConfig, RecyclingMethod};
use lru::LruCache;
use tokio_postgres::Statement;

use super::DatabaseError;
use crate::config::DatabaseConfig;

/// Statements that one connection keeps prepared.
const PREPARED_PER_CONNECTION: NonZeroUsize = NonZeroUsize::new(256).unwrap();
/// Dead peers are noticed within about a minute, also on idle connections.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;
/// Between two statements a transaction waits at most for a hash or for a second connection, which is bounded like a statement. Who
/// is idle for so much longer is frozen or cut off, and what he has locked must not hold up the others.
const IDLE_MARGIN: Duration = Duration::from_secs(5);

pub(super) type Pool = managed::Pool<ConnectionManager>;
pub(super) type PooledConnection = managed::Object<ConnectionManager>;

/// Opens connections and checks them on reuse.
pub(super) struct ConnectionManager {
    inner: deadpool_postgres::Manager,
    setup: String,
    /// Grows when prepared statements may no longer fit the schema.
    generation: Arc<AtomicU64>,
}

/// One connection with its prepared statements.
pub(super) struct Connection {
    client: ClientWrapper,
    generation: u64,
    /// Guards the cache only; never held across an await.
    statements: Mutex<LruCache<Box<str>, Statement>>,
}

impl ConnectionManager {
    pub(super) fn new(config: &DatabaseConfig, generation: Arc<AtomicU64>) -> Self {
        let mut connection = config.connection.config.clone();
        connection.keepalives(true).keepalives_idle(KEEPALIVE_IDLE).keepalives_interval(KEEPALIVE_INTERVAL);
        connection.keepalives_retries(KEEPALIVE_RETRIES).tcp_user_timeout(KEEPALIVE_IDLE);
        if connection.get_application_name().is_none() {
            connection.application_name("tidegate-gateway");
        }
        if connection.get_connect_timeout().is_none() {
            connection.connect_timeout(config.statement_timeout);
        }
        let statement = config.statement_timeout.as_millis();
        // Sent as statements and not as start-up options, which poolers refuse. The formats are pinned because roles and
        // databases may carry their own.
        let setup = format!(
            "set statement_timeout = {statement}; set idle_in_transaction_session_timeout = {}; set timezone = 'UTC'; set extra_float_digits = 1; \
             set datestyle = 'ISO, MDY'; set intervalstyle = 'postgres'; set bytea_output = 'hex'; set client_min_messages = 'warning'",
            statement.saturating_add(IDLE_MARGIN.as_millis())
        );
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        Self { inner: deadpool_postgres::Manager::from_config(connection, config.connection.tls.connector(), recycling), setup, generation }
    }
}

impl managed::Manager for ConnectionManager {
    type Type = Connection;
    type Error = tokio_postgres::Error;

    async fn create(&self) -> Result<Connection, tokio_postgres::Error> {
        let client = managed::Manager::create(&self.inner).await?;
        client.batch_execute(&self.setup).await?;
        let generation = self.generation.load(Ordering::Acquire);
        Ok(Connection { client, generation, statements: Mutex::new(LruCache::new(PREPARED_PER_CONNECTION)) })
    }

    async fn recycle(&self, connection: &mut Connection, metrics: &Metrics) -> RecycleResult<tokio_postgres::Error> {
        managed::Manager::recycle(&self.inner, &mut connection.client, metrics).await?;
        let generation = self.generation.load(Ordering::Acquire);
        if connection.generation != generation {
            connection.generation = generation;
            connection.statements.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        }
        Ok(())
    }

    fn detach(&self, connection: &mut Connection) {
        managed::Manager::detach(&self.inner, &mut connection.client);
    }
}

impl Connection {
    pub(super) const fn client(&self) -> &ClientWrapper {
        &self.client
    }

    /// The prepared form of `text`. Cost: one round trip when it is not in the cache.
    pub(super) async fn prepare(&self, text: &str) -> Result<Statement, tokio_postgres::Error> {
        let cached = self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(text).cloned();
        if let Some(statement) = cached {
            return Ok(statement);
        }
        let statement = self.client.prepare(text).await?;
        // What falls out is closed on the server when its last clone is dropped.
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).put(text.into(), statement.clone());
        Ok(statement)
    }

    /// Forgets the prepared form of `text`.
    pub(super) fn forget(&self, text: &str) {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).pop(text);
    }
}

/// A pool for `config`; connects only when it is used.
pub(super) fn build(config: &DatabaseConfig, generation: Arc<AtomicU64>) -> Result<Pool, DatabaseError> {
    let bound = Some(config.statement_timeout);
    Pool::builder(ConnectionManager::new(config, generation))
        .max_size(config.pool_max.max(1))
        // The connection used last has the most statements prepared.
        .queue_mode(QueueMode::Lifo)
        .timeouts(Timeouts { wait: bound, create: bound, recycle: bound })
        .runtime(deadpool_postgres::Runtime::Tokio1)
        .build()
        .map_err(DatabaseError::form)
}

/// A connection, or why there is none.
pub(super) async fn checkout(pool: &Pool) -> Result<PooledConnection, DatabaseError> {
    pool.get().await.map_err(|error| match error {
        managed::PoolError::Backend(error) => match DatabaseError::from(error) {
            // Connecting fails in ways that are no answer to a statement (authentication, unknown database, DNS).
            DatabaseError::Sql(_) | DatabaseError::Form(_) | DatabaseError::Timeout => DatabaseError::Unavailable(None),
            other @ (DatabaseError::Unavailable(_) | DatabaseError::Busy) => other,
        },
        managed::PoolError::Timeout(managed::TimeoutType::Wait) => DatabaseError::Busy,
        managed::PoolError::Timeout(managed::TimeoutType::Create | managed::TimeoutType::Recycle)
        | managed::PoolError::Closed
        | managed::PoolError::NoRuntimeSpecified
        | managed::PoolError::PostCreateHook(_) => DatabaseError::Unavailable(None),
    })
}
