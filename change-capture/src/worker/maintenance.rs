//! What happens beside the drain, on a session of its own: triggers follow the catalog, emptied slots of the outbox are
//! reused, metrics are read.
//!
//! It must never hold up the drain, and never empty a slot that holds an unpublished row: it trusts the ledger alone, under
//! a lock that no writer can hold at the same time.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use super::control::Request;
use super::leader::Shared;
use super::{Context, SessionError};
use crate::database::{DatabaseError, Session};
use crate::install::{TablesReport, UNPUBLISHED, fingerprint, guard_secrets, sync_tables};

/// Slots of the outbox.
const SLOTS: i16 = 4;
/// How often sizes and ages are looked at.
const TICK: Duration = Duration::from_secs(1);
/// How soon a table that was in use is tried again.
const RETRY: Duration = Duration::from_millis(250);

/// The maintenance of one connection's life.
pub(super) struct Maintenance {
    context: Context,
    session: Session,
    /// Whether every table that can be captured is.
    complete: bool,
    catalog_at: Instant,
    slot_since: Instant,
    requests: Vec<Request>,
}

/// Puts the report into the metrics.
pub(super) fn note_tables(context: &Context, report: &TablesReport) {
    context.metrics.tables_captured.set(i64::try_from(report.captured.len()).unwrap_or(i64::MAX));
    context.metrics.tables_skipped.set(i64::try_from(report.skipped.len()).unwrap_or(i64::MAX));
}

impl Maintenance {
    pub(super) fn new(context: &Context, session: Session, complete: bool) -> Self {
        let now = Instant::now();
        Self { context: context.clone(), session, complete, catalog_at: now, slot_since: now, requests: Vec::new() }
    }

    /// While another worker leads: answers requests; everything else is the leader's.
    pub(super) async fn serve_standby(&mut self) -> Result<(), SessionError> {
        loop {
            // Cancel-safe: receiving loses nothing, and a request that was received waits in `self`.
            if self.requests.is_empty()
                && let Some(request) = self.context.control.next_request().await
            {
                self.requests.push(request);
            }
            self.sync_until_complete().await?;
            let asked: String = self.session.client.query_one("select pg_current_snapshot()::text", &[]).await?.try_get(0)?;
            let waiting =
                format!("select exists (select from ({UNPUBLISHED}) w where pg_visible_in_snapshot(w.xid, $1::text::pg_snapshot))");
            while self.session.client.query_one(&waiting, &[&asked]).await?.try_get(0)? {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            for request in self.requests.drain(..) {
                let _gone = request.send(());
            }
        }
    }

    /// While this worker leads.
    pub(super) async fn serve_leader(&mut self, shared: &Shared) -> Result<(), SessionError> {
        // Standing by may have been left in the middle of a transaction.
        self.session.client.batch_execute("rollback").await?;
        // What happened while nobody looked.
        self.look_at_catalog(shared).await?;
        loop {
            if !self.requests.is_empty() {
                self.sync_until_complete().await?;
                self.requests.drain(..).for_each(|request| shared.answer_when_published(request));
            }
            let wait = if self.complete { TICK } else { RETRY };
            tokio::select! {
                // All are cancel-safe: Notify keeps a ring, receiving loses nothing, the rest only waits.
                () = shared.schema_changed.notified() => {
                    self.sync().await?;
                    self.remember_catalog().await?;
                }
                request = self.context.control.next_request() => {
                    self.requests.extend(request);
                    continue;
                }
                () = tokio::time::sleep(wait) => {}
            }
            if !self.complete {
                self.sync().await?;
            }
            if self.catalog_at.elapsed() >= self.context.config.catalog_interval {
                self.look_at_catalog(shared).await?;
            }
            self.rotate().await?;
            self.measure().await?;
        }
    }

    async fn sync(&mut self) -> Result<(), DatabaseError> {
        let report = sync_tables(&self.session.client, &self.context.config.exclude).await?;
        if report.changed > 0 {
            tracing::info!(changed = report.changed, captured = report.captured.len(), "capture triggers follow the catalog");
        }
        note_tables(&self.context, &report);
        self.complete = !report.is_incomplete();
        Ok(())
    }

    async fn sync_until_complete(&mut self) -> Result<(), DatabaseError> {
        loop {
            self.sync().await?;
            if self.complete {
                return Ok(());
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Announces a schema change that no event trigger did, and lets the triggers follow.
    async fn look_at_catalog(&mut self, shared: &Shared) -> Result<(), DatabaseError> {
        self.catalog_at = Instant::now();
        let now = fingerprint(&self.session.client).await?;
        let known: String = self.session.client.query_one("select fingerprint from tidegate.control", &[]).await?.try_get(0)?;
        if now != known {
            self.sync().await?;
            self.session.client.execute("select tidegate.reset($1)", &[&change_event::SCHEMA_COLLECTION]).await?;
            self.remember_catalog().await?;
            // The doorbell rings for others only while the worker sleeps; this one is us.
            shared.ring();
        } else {
            guard_secrets(&self.session.client).await?;
        }
        Ok(())
    }

    async fn remember_catalog(&self) -> Result<(), DatabaseError> {
        let client = &self.session.client;
        let now = fingerprint(client).await?;
        client.execute("update tidegate.control set fingerprint = $1 where fingerprint <> $1", &[&now]).await?;
        Ok(())
    }

    /// Moves the writers to an empty slot when the current one is large or old. The lock is asked for without waiting: an
    /// emptied slot is one that nobody writes to, unless a transaction with an old snapshot still does.
    async fn rotate(&mut self) -> Result<(), DatabaseError> {
        let client = &self.session.client;
        let row = client
            .query_one(
                "select c.slot, pg_total_relation_size(format('tidegate.outbox_%s', c.slot)::regclass),
                        pg_relation_size(format('tidegate.outbox_%s', c.slot)::regclass) > 0 from tidegate.control c",
                &[],
            )
            .await?;
        let (current, bytes, used): (i16, i64, bool) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if !used {
            self.slot_since = Instant::now();
        }
        let large = u64::try_from(bytes).is_ok_and(|bytes| bytes > self.context.config.rotate_bytes);
        let old = used && self.slot_since.elapsed() > self.context.config.rotate_interval;
        if !large && !old {
            return Ok(());
        }
        for step in 1..SLOTS {
            let slot = (current + step).rem_euclid(SLOTS);
            if empty_slot(client, slot).await? {
                client.execute("update tidegate.control set slot = $1", &[&slot]).await?;
                self.slot_since = Instant::now();
                self.context.metrics.rotations.inc();
                break;
            }
        }
        Ok(())
    }

    async fn measure(&self) -> Result<(), DatabaseError> {
        let row = self
            .session
            .client
            .query_one(
                &format!(
                    "select count(*), extract(epoch from clock_timestamp() - min(written_at))::float8,
                       (select sum(pg_total_relation_size(inhrelid))::bigint from pg_inherits where inhparent = 'tidegate.outbox'::regclass),
                       (select extract(epoch from clock_timestamp() - min(xact_start))::float8 from pg_stat_activity
                         where backend_xid is not null and datname = current_database())
                     from ({UNPUBLISHED}) waiting"
                ),
                &[],
            )
            .await?;
        let metrics = &self.context.metrics;
        metrics.outbox_events.set(row.try_get(0)?);
        metrics.outbox_oldest.set(row.try_get::<_, Option<f64>>(1)?.unwrap_or(0.0));
        metrics.outbox_bytes.set(row.try_get::<_, Option<i64>>(2)?.unwrap_or(0));
        metrics.oldest_writer.set(row.try_get::<_, Option<f64>>(3)?.unwrap_or(0.0));
        Ok(())
    }
}

/// Empties a slot if every row in it is published; whether it is empty now. With the lock held there is no writer in the
/// slot, so every row in it is committed or dead, and a new statement sees the committed ones.
async fn empty_slot(client: &Client, slot: i16) -> Result<bool, DatabaseError> {
    // The commit waits for the disk: the ledger rows that prove the publication lie before it in the log.
    client.batch_execute("begin; set local synchronous_commit = on").await?;
    let emptied = async {
        client.batch_execute(&format!("lock table tidegate.outbox_{slot} in access exclusive mode nowait")).await?;
        let waiting: bool =
            client.query_one(&format!("select exists (select from ({UNPUBLISHED}) w where w.slot = $1)"), &[&slot]).await?.try_get(0)?;
        if !waiting {
            client.batch_execute(&format!("truncate tidegate.outbox_{slot}")).await?;
        }
        Ok(!waiting)
    }
    .await;
    client.batch_execute(if emptied.is_ok() { "commit" } else { "rollback" }).await?;
    match emptied {
        Err(error) if DatabaseError::is_lock_conflict(&error) => Ok(false),
        other => other,
    }
}
