//! Transactions.
//!
//! It must never report as committed what Postgres has rolled back, nor give a connection back with a transaction open.

use std::sync::Arc;

use access::statement::Statement;
use futures_util::FutureExt as _;
use prometheus::HistogramTimer;
use tokio::time::timeout;
use tokio_postgres::Row;

use super::execute::{Bounded, Cause, Shared, batch, discard, execute, query};
use super::pool::{Connection, PooledConnection};
use super::{DatabaseError, SqlError};

/// An open transaction on a connection of its own; dropping it rolls back.
pub struct Transaction {
    /// `None` once the transaction has ended.
    connection: Option<PooledConnection>,
    /// A statement failed: Postgres would turn a COMMIT into a ROLLBACK without saying so.
    failed: bool,
    cause: Cause,
    shared: Arc<Shared>,
}

impl Transaction {
    pub(super) async fn begin(connection: PooledConnection, cause: Cause, shared: Arc<Shared>) -> Result<Self, DatabaseError> {
        // The guard comes first: should this future be dropped half way, it takes back what may have begun.
        let mut transaction = Self { connection: Some(connection), failed: false, cause, shared };
        let _timed = transaction.start()?;
        let begun = timeout(transaction.shared.patience, batch(transaction.connection()?, "BEGIN")).await;
        transaction.settle(begun)?;
        Ok(transaction)
    }

    /// Rows of a statement, reading or writing (`RETURNING`).
    ///
    /// # Errors
    /// [`DatabaseError`]; the transaction can only be rolled back afterwards.
    pub async fn query(&mut self, statement: &Statement) -> Result<Vec<Row>, DatabaseError> {
        let _timed = self.start()?;
        let result = timeout(self.shared.patience, query(self.connection()?, statement)).await;
        self.settle(result)
    }

    /// How many rows a statement touched.
    ///
    /// # Errors
    /// [`DatabaseError`]; the transaction can only be rolled back afterwards.
    pub async fn execute(&mut self, statement: &Statement) -> Result<u64, DatabaseError> {
        let _timed = self.start()?;
        let result = timeout(self.shared.patience, execute(self.connection()?, statement)).await;
        self.settle(result)
    }

    /// Several statements without parameters in one text: constants of the source code only.
    ///
    /// # Errors
    /// [`DatabaseError`]; the transaction can only be rolled back afterwards.
    pub async fn script(&mut self, text: &'static str) -> Result<(), DatabaseError> {
        let _timed = self.start()?;
        let result = timeout(self.shared.patience, batch(self.connection()?, text)).await;
        self.settle(result)
    }

    /// Makes it durable.
    ///
    /// # Errors
    /// [`DatabaseError`]: it was not committed, except after [`DatabaseError::Unavailable`] and
    /// [`DatabaseError::Timeout`], when nobody knows.
    pub async fn commit(mut self) -> Result<(), DatabaseError> {
        if self.failed {
            let _rolled_back = self.end("ROLLBACK").await;
            return Err(DatabaseError::Sql(Box::new(SqlError::aborted())));
        }
        self.end("COMMIT").await
    }

    /// Takes everything back.
    ///
    /// # Errors
    /// [`DatabaseError`]; it is taken back all the same.
    pub async fn rollback(mut self) -> Result<(), DatabaseError> {
        self.end("ROLLBACK").await
    }

    async fn end(&mut self, how: &'static str) -> Result<(), DatabaseError> {
        let Some(connection) = self.connection.take() else { return Err(DatabaseError::Unavailable(None)) };
        // Should this future be dropped, the connection must not go back to the pool in an unknown state.
        let mut guard = Unfinished(Some(connection));
        let Some(connection) = guard.0.as_ref() else { return Err(DatabaseError::Unavailable(None)) };
        let _timed = self.shared.metrics.statement(self.cause);
        match timeout(self.shared.patience, batch(connection, how)).await {
            Ok(result) => {
                drop(guard.0.take());
                result.map_err(DatabaseError::from)
            }
            Err(_) => Err(DatabaseError::Timeout),
        }
    }

    fn connection(&self) -> Result<&Connection, DatabaseError> {
        self.connection.as_deref().ok_or(DatabaseError::Unavailable(None))
    }

    /// Until the statement has succeeded the transaction counts as failed: the future that runs it may be dropped.
    fn start(&mut self) -> Result<HistogramTimer, DatabaseError> {
        if self.failed {
            return Err(DatabaseError::Sql(Box::new(SqlError::aborted())));
        }
        self.failed = true;
        self.shared.count(self.cause);
        Ok(self.shared.metrics.statement(self.cause))
    }

    fn settle<T>(&mut self, result: Bounded<T>) -> Result<T, DatabaseError> {
        match result {
            Ok(Ok(result)) => {
                self.failed = false;
                Ok(result)
            }
            Ok(Err(error)) => Err(error.into()),
            Err(_) => {
                discard(self.connection.take());
                Err(DatabaseError::Timeout)
            }
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // The first poll puts ROLLBACK on the wire; whoever gets the connection next queues behind it.
        if batch(&connection, "ROLLBACK").now_or_never().is_some_and(|sent| sent.is_err()) {
            discard(Some(connection));
        }
    }
}

/// A connection that goes nowhere but to its end, unless it is taken out.
struct Unfinished(Option<PooledConnection>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        discard(self.0.take());
    }
}
