//! One connection to Postgres with its driver task.
//!
//! It must never reconnect by itself: whoever owns a session decides what a lost one means.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use service_runtime::Tasks;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client, Config};

use crate::tls::PostgresTls;

const OLDEST_VERSION: u32 = 14;
/// How long a session may take to come about.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// Refused, failed or lost.
    #[error("the database failed")]
    Postgres(#[from] tokio_postgres::Error),
    /// No answer within the deadline.
    #[error("the database did not answer in time")]
    Timeout,
    /// The server is too old for `xid8`, triggers with transition tables on partitioned tables and `create or replace trigger`.
    #[error("Postgres {0} is too old; 14 or newer is needed")]
    Version(u32),
    /// A newer version has installed the schema `tidegate`; this one must not undo that.
    #[error("the schema tidegate has layout {0}, which is newer than this build")]
    Newer(i32),
    /// Postgres returned something that this build does not understand.
    #[error("unexpected answer from the database: {0}")]
    Unexpected(&'static str),
}

impl DatabaseError {
    /// The SQLSTATE, where Postgres gave one.
    pub(crate) fn state(&self) -> Option<&SqlState> {
        match self {
            Self::Postgres(error) => error.code(),
            Self::Timeout | Self::Version(_) | Self::Newer(_) | Self::Unexpected(_) => None,
        }
    }

    /// Whether another session was in the way and a later attempt may work.
    pub(crate) fn is_lock_conflict(&self) -> bool {
        matches!(self.state(), Some(&(SqlState::LOCK_NOT_AVAILABLE | SqlState::T_R_DEADLOCK_DETECTED | SqlState::QUERY_CANCELED)))
    }
}

/// A connection; its driver task ends when the client is dropped or the connection is lost.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    /// Rings for every notification, and when the connection is lost.
    pub(crate) doorbell: Arc<Notify>,
}

/// Settings of every session of ours: no timeout of the role or the database may cut a worker, a dead worker must not hold
/// its locks for long, and a commit of ours never waits for the disk (what that means is in docs/decisions/0002).
const SESSION: &str = "set statement_timeout = 0; set idle_in_transaction_session_timeout = 0; set lock_timeout = '5s';
    set default_transaction_isolation = 'read committed'; set default_transaction_read_only = off;
    set synchronous_commit = off; set client_min_messages = warning; set search_path = pg_catalog;
    set idle_session_timeout = 0; set timezone = 'UTC'; set tidegate.quiet = 'on'; set jit = off; set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2;
    set tcp_keepalives_count = 3; set tcp_user_timeout = '10s'";

/// Connects; `name` becomes the `application_name`.
pub(crate) async fn connect(config: &Config, tls: &PostgresTls, name: &str, tasks: &Tasks) -> Result<Session, DatabaseError> {
    within(CONNECT_DEADLINE, establish(config, tls, name, tasks)).await
}

/// The driver's own bound is that of the TCP connection: a server that is frozen behind its listener, or a proxy that lost its
/// server, takes the connection and never answers.
async fn within<T>(deadline: Duration, connecting: impl Future<Output = Result<T, DatabaseError>>) -> Result<T, DatabaseError> {
    timeout(deadline, connecting).await.map_err(|_| DatabaseError::Timeout)?
}

async fn establish(config: &Config, tls: &PostgresTls, name: &str, tasks: &Tasks) -> Result<Session, DatabaseError> {
    let mut config = config.clone();
    config.application_name(name);
    let (client, mut connection) = config.connect(tls.connector()).await?;
    let version = connection.parameter("server_version").and_then(|text| text.split(['.', ' ', 'b', 'r', 'd']).next()?.parse().ok());
    if let Some(version) = version
        && version < OLDEST_VERSION
    {
        return Err(DatabaseError::Version(version));
    }
    let doorbell = Arc::new(Notify::new());
    let ring = Arc::clone(&doorbell);
    tasks.spawn("database connection", async move {
        loop {
            match poll_fn(|context| connection.poll_message(context)).await {
                Some(Ok(AsyncMessage::Notification(_))) => ring.notify_one(),
                // Notices of our own DDL.
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    tracing::debug!(%error, "database connection lost");
                    break;
                }
                None => break,
            }
        }
        ring.notify_one();
    });
    client.batch_execute(SESSION).await?;
    Ok(Session { client, doorbell })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker waited for ever for a session of a database that was frozen while it connected, and never led again.
    #[tokio::test]
    async fn a_server_that_takes_connections_and_never_answers_is_given_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = Config::new();
        config.host("127.0.0.1").port(listener.local_addr().unwrap().port()).user("nobody");
        let (tls, tasks) = (PostgresTls::unchecked(), Tasks::new());
        let outcome = within(Duration::from_millis(50), establish(&config, &tls, "test", &tasks)).await;
        assert!(matches!(outcome, Err(DatabaseError::Timeout)), "{outcome:?}");
    }
}
