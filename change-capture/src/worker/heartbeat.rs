//! Proof of life: a session of its own that asks something trivial every fraction of the leader timeout.
//!
//! A process that is stopped keeps its connections open, and with them the leader's lock; only its silence tells. Standbys
//! watch when this session last did anything (`pg_stat_activity`), so a beat writes nothing. It must never share a session
//! with the drain: a long read is not silence.

use std::time::Duration;

use service_runtime::CancellationToken;
use tokio::time::timeout;

use super::{Context, SessionError};
use crate::database::{DatabaseError, Session, connect};

/// Prefix of the session's name; the process id of the main session follows.
pub(super) const NAME: &str = "tidegate heartbeat ";

/// A running heartbeat; it stops when this is dropped.
pub(super) struct Heartbeat {
    stop: CancellationToken,
    failed: CancellationToken,
}

impl Heartbeat {
    pub(super) async fn start(context: &Context, main: &Session) -> Result<Self, SessionError> {
        let pid: i32 = main.client.query_one("select pg_backend_pid()", &[]).await?.try_get(0)?;
        let session = connect(&context.config.database, &context.config.tls, &format!("{NAME}{pid}"), &context.tasks).await?;
        let heartbeat = Self { stop: CancellationToken::new(), failed: CancellationToken::new() };
        let (stop, failed) = (heartbeat.stop.clone(), heartbeat.failed.clone());
        let interval = context.config.leader_timeout / 4;
        // A database that is slow to answer is slow for the standbys too: giving up at once would only add a change of leader.
        let patience = (context.config.leader_timeout * 4).max(Duration::from_secs(5));
        context.tasks.spawn("capture heartbeat", async move {
            tokio::select! {
                () = stop.cancelled() => {}
                error = beat(&session, interval, patience) => {
                    tracing::warn!(%error, "the heartbeat of this worker failed");
                    failed.cancel();
                }
            }
        });
        Ok(heartbeat)
    }

    /// Returns when a beat did not come through.
    pub(super) async fn failed(&self) {
        self.failed.cancelled().await;
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn beat(session: &Session, interval: Duration, patience: Duration) -> DatabaseError {
    loop {
        match timeout(patience, session.client.batch_execute("select 1")).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return error.into(),
            Err(_) => return DatabaseError::Timeout,
        }
        tokio::time::sleep(interval).await;
    }
}
