//! What `change-capture status` shows.
//!
//! It must never change anything, and never wait: it reads beside a running worker.

use serde::Serialize;
use tokio_postgres::Client;

use super::{LOCK_LEADER, LOCK_SPACE, TablesReport, tables_report};
use crate::database::DatabaseError;

/// The state of capture in one database.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Whether the schema `tidegate` is there.
    pub installed: bool,
    /// Whether event triggers announce schema changes.
    pub event_triggers: bool,
    /// The worker that leads.
    pub leader: Option<Leader>,
    /// The incarnation of the streams.
    pub epoch: Option<i64>,
    /// How writers wake the worker.
    pub notify: Option<String>,
    /// Committed events that are not known to be published.
    pub outbox_events: i64,
    /// Age of the oldest of them, in milliseconds.
    pub outbox_oldest_milliseconds: Option<i64>,
    /// Bytes that the outbox occupies.
    pub outbox_bytes: i64,
    /// The tables.
    pub tables: TablesReport,
}

/// Who leads.
#[derive(Debug, Clone, Serialize)]
pub struct Leader {
    /// Process id of its database session.
    pub backend: i32,
    /// Where it is connected from.
    pub address: Option<String>,
    /// Its fence.
    pub fence: Option<i64>,
}

/// Rows that are committed but not covered by what is known to be published. A batch counts as published once a later
/// one, or its settlement, is in the ledger.
pub(crate) const UNPUBLISHED: &str = "
  with ledger as (select * from tidegate.ledger order by id desc limit 2),
  done as (select coalesce((select boundary from (select *, row_number() over (order by id desc) as n from ledger) l
                             where case when (select settled from ledger order by id desc limit 1) then n = 1 else n = 2 end),
                           '3:3:'::pg_snapshot) as boundary)
  select o.* from tidegate.outbox o
   where (o.xid >= (select pg_snapshot_xmax(boundary) from done)
          or o.xid = any (array(select x from done, pg_snapshot_xip(done.boundary) x)))";

/// Reads the state.
///
/// # Errors
/// [`DatabaseError`].
pub async fn status(client: &Client, exclude: &[String]) -> Result<Status, DatabaseError> {
    let tables = tables_report(client, exclude).await?;
    let installed: bool = client.query_one("select to_regclass('tidegate.control') is not null", &[]).await?.try_get(0)?;
    let mut status = Status {
        installed,
        event_triggers: false,
        leader: None,
        epoch: None,
        notify: None,
        outbox_events: 0,
        outbox_oldest_milliseconds: None,
        outbox_bytes: 0,
        tables,
    };
    if !installed {
        return Ok(status);
    }
    if let Some(row) = client.query_opt("select epoch, notify from tidegate.control", &[]).await? {
        status.epoch = row.try_get(0)?;
        status.notify = row.try_get(1)?;
    }
    let found = client.query_one("select count(*) = 2 from pg_event_trigger where evtname in ('tidegate_ddl', 'tidegate_drop')", &[]);
    status.event_triggers = found.await?.try_get(0)?;
    let leader = client
        .query_opt(
            "select l.pid, a.client_addr::text, (select max(fence) from tidegate.ledger)
               from pg_locks l left join pg_stat_activity a on a.pid = l.pid
              where l.locktype = 'advisory' and l.database = (select oid from pg_database where datname = current_database())
                and l.classid = $1::int4::oid and l.objid = $2::int4::oid and l.objsubid = 2 and l.granted",
            &[&LOCK_SPACE, &LOCK_LEADER],
        )
        .await?;
    if let Some(row) = leader {
        status.leader = Some(Leader { backend: row.try_get(0)?, address: row.try_get(1)?, fence: row.try_get(2)? });
    }
    let row = client
        .query_one(
            &format!(
                "select count(*), (extract(epoch from clock_timestamp() - min(written_at)) * 1000)::bigint,
                   (select sum(pg_total_relation_size(inhrelid))::bigint from pg_inherits where inhparent = 'tidegate.outbox'::regclass)
                 from ({UNPUBLISHED}) waiting"
            ),
            &[],
        )
        .await?;
    status.outbox_events = row.try_get(0)?;
    status.outbox_oldest_milliseconds = row.try_get(1)?;
    status.outbox_bytes = row.try_get::<_, Option<i64>>(2)?.unwrap_or(0);
    Ok(status)
}
