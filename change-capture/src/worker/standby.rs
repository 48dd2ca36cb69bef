//! Waiting to lead, and replacing a leader that fell silent.
//!
//! It must never wait inside a statement: a session that waits for a lock in `pg_advisory_lock` holds a snapshot, and a
//! standby that did so for days would keep vacuum from its work. So it asks now and then.

use std::time::{Duration, Instant};

use super::heartbeat::NAME;
use super::{Context, SessionError};
use crate::database::Session;
use crate::install::{LOCK_LEADER, LOCK_SPACE};

/// How often a standby asks: a dead leader is replaced within this, a silent one within the leader timeout plus this.
const INTERVAL: Duration = Duration::from_millis(200);

/// The leader's session, and how long its heartbeat has been silent: null when there is no heartbeat, or its activity is
/// not visible.
const LEADER: &str = "
  select l.pid, (extract(epoch from clock_timestamp() - max(a.state_change)) * 1000)::bigint, count(a.pid)
    from pg_locks l left join pg_stat_activity a on a.application_name = $3 || l.pid
   where l.locktype = 'advisory' and l.database = (select oid from pg_database where datname = current_database())
     and l.classid = $1::int4::oid and l.objid = $2::int4::oid and l.objsubid = 2 and l.granted
   group by l.pid";

/// Returns true once this session holds the leader's lock, false on shutdown.
pub(super) async fn take_lead(context: &Context, main: &Session) -> Result<bool, SessionError> {
    let patience = i64::try_from(context.config.leader_timeout.as_millis()).unwrap_or(i64::MAX);
    let mut without_heart: Option<(i32, Instant)> = None;
    let mut waiting = false;
    while !context.shutdown.is_cancelled() {
        let taken: bool = main.client.query_one("select pg_try_advisory_lock($1, $2)", &[&LOCK_SPACE, &LOCK_LEADER]).await?.try_get(0)?;
        if taken {
            return Ok(true);
        }
        if !waiting {
            waiting = true;
            tracing::info!("standing by: another worker leads");
        }
        if let Some(row) = main.client.query_opt(LEADER, &[&LOCK_SPACE, &LOCK_LEADER, &NAME]).await? {
            let (pid, silence, hearts): (i32, Option<i64>, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let silent = if hearts > 0 {
                without_heart = None;
                silence.is_some_and(|silence| silence > patience)
            } else {
                // A leader connects its heartbeat before it takes the lock, so having none means that it lost it.
                let since = without_heart.filter(|(known, _)| *known == pid).map_or_else(Instant::now, |(_, since)| since);
                without_heart = Some((pid, since));
                since.elapsed() > context.config.leader_timeout
            };
            if silent {
                tracing::warn!(backend = pid, "the leading worker is silent; ending its session");
                main.client.execute("select pg_terminate_backend($1)", &[&pid]).await?;
                // The lock is free within milliseconds: ask at once.
                continue;
            }
        }
        tokio::select! {
            // Both only wait.
            () = tokio::time::sleep(INTERVAL) => {}
            () = context.shutdown.cancelled() => {}
        }
    }
    Ok(false)
}
