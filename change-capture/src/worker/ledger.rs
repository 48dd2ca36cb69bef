//! The leader's place in the outbox, in memory and in the database.
//!
//! ```text
//! boundary A ────────── batch (A, B] ──────────▶ boundary B
//!   record: boundary B, heads after A    (appended before the batch is published)
//! ```
//! A record says "the batch that ends at B is being published; everything up to the record before is". A `settled` record
//! says "everything up to B is published". From the last two records a successor computes the very batch that was under way:
//! the same rows in the same order, so the same sequences.
//!
//! It must never be written by anybody but the session that holds the leader's lock. Rows are only ever appended; a table
//! that was updated for every batch would grow a version chain under every old snapshot.

use std::collections::HashMap;
use std::sync::Arc;

use change_event::{Epoch, Sequence};
use tokio_postgres::Client;

use crate::bus::Fence;
use crate::database::DatabaseError;

/// Before every transaction: everything in the outbox is new.
const ORIGIN: &str = "3:3:";
/// Records per table before the other takes its turn.
const TURN: u64 = 20_000;

/// The heads of all collections.
pub(super) type Heads = HashMap<Arc<str>, Sequence>;

/// One record as it stands in the ledger.
#[derive(Debug)]
pub(super) struct Record {
    id: i64,
    pub(super) boundary: String,
    pub(super) heads: Heads,
    /// Whether `heads` are all that there were, rather than those that had moved.
    pub(super) whole: bool,
    settled: bool,
    second: bool,
}

/// Where this leadership stands.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) epoch: Epoch,
    pub(super) fence: Fence,
    /// A: everything visible in this snapshot is published.
    pub(super) boundary: String,
    /// The end of a batch that was announced but is not known to be published.
    pub(super) pending: Option<String>,
    /// Heads as of `boundary`.
    pub(super) heads: Heads,
    /// Heads that no record holds yet.
    unrecorded: Heads,
    table: usize,
    next_id: i64,
    records: u64,
}

impl Ledger {
    /// Takes up where the last leadership ended, under a new fence.
    pub(super) async fn take_over(client: &Client) -> Result<Self, DatabaseError> {
        let row = client.query_one("select nextval('tidegate.fence'), epoch from tidegate.control", &[]).await?;
        let (fence, epoch): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let records = Self::records(client).await?;
        let first = records.iter().rposition(|record| record.whole).unwrap_or(0);
        let records = records.get(first..).unwrap_or_default();
        let mut ledger = Self {
            epoch: Epoch(unsigned(epoch)?),
            fence: Fence(unsigned(fence)?),
            boundary: ORIGIN.to_owned(),
            pending: None,
            heads: Heads::new(),
            unrecorded: Heads::new(),
            table: 0,
            next_id: 1,
            records: u64::try_from(records.len()).unwrap_or(TURN),
        };
        for record in records {
            // A later record proves that the batch before it was published.
            if let Some(published) = ledger.pending.replace(record.boundary.clone()) {
                ledger.boundary = published;
            }
            if record.settled {
                ledger.boundary = ledger.pending.take().unwrap_or_default();
            }
            ledger.heads.extend(record.heads.iter().map(|(collection, head)| (Arc::clone(collection), *head)));
            ledger.next_id = record.id + 1;
            ledger.table = usize::from(record.second);
        }
        if records.is_empty() {
            ledger.turn(client).await?;
        }
        Ok(ledger)
    }

    /// Every record that is still there, oldest first; those of earlier epochs too.
    pub(super) async fn records(client: &Client) -> Result<Vec<Record>, DatabaseError> {
        let rows = client
            .query(
                "select l.id, l.boundary::text, l.heads::text, l.whole, l.settled, l.tableoid = 'tidegate.ledger_1'::regclass
                   from (select *, tableoid from tidegate.ledger_0 union all select *, tableoid from tidegate.ledger_1) l order by l.id",
                &[],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Record {
                    id: row.try_get(0)?,
                    boundary: row.try_get(1)?,
                    heads: serde_json::from_str(row.try_get(2)?).map_err(|_| DatabaseError::Unexpected("heads in the ledger"))?,
                    whole: row.try_get(3)?,
                    settled: row.try_get(4)?,
                    second: row.try_get(5)?,
                })
            })
            .collect()
    }

    /// The table that takes the next record, its id, and the heads that it has to hold.
    pub(super) fn next_record(&self) -> Result<(usize, i64, String), DatabaseError> {
        let heads = serde_json::to_string(&self.unrecorded).map_err(|_| DatabaseError::Unexpected("heads"))?;
        Ok((self.table, self.next_id, heads))
    }

    /// What "new since the boundary" means: the first transaction that had not begun, and those that were open.
    pub(super) fn since(&self) -> Option<(&str, Vec<&str>)> {
        let mut parts = self.boundary.splitn(3, ':').skip(1);
        let next = parts.next()?;
        Some((next, parts.next()?.split(',').filter(|transaction| !transaction.is_empty()).collect()))
    }

    /// The record was appended: the batch up to `boundary` is under way.
    pub(super) fn announced(&mut self, boundary: String) {
        self.next_id += 1;
        self.records += 1;
        self.unrecorded.clear();
        self.pending = Some(boundary);
    }

    /// The batch up to `boundary` is published, and these heads moved.
    pub(super) fn published(&mut self, boundary: String, moved: Heads) {
        self.boundary = boundary;
        self.pending = None;
        self.heads.extend(moved.iter().map(|(collection, head)| (Arc::clone(collection), *head)));
        self.unrecorded.extend(moved);
    }

    /// Nothing was captured up to `boundary`.
    pub(super) fn advanced(&mut self, boundary: String) {
        self.boundary = boundary;
    }

    /// Whether the database knows less than this ledger.
    pub(super) fn is_unsettled(&self) -> bool {
        !self.unrecorded.is_empty()
    }

    /// Writes down that everything up to the boundary is published, so that a successor has nothing to repeat.
    pub(super) async fn settle(&mut self, client: &Client) -> Result<(), DatabaseError> {
        let (table, id, heads) = self.next_record()?;
        client
            .execute(
                &format!(
                    "insert into tidegate.ledger_{table} (id, fence, boundary, heads, whole, settled)
                     values ($1, $2, $3::text::pg_snapshot, $4::text::json, false, true)"
                ),
                &[&id, &signed(self.fence.0), &self.boundary, &heads],
            )
            .await?;
        self.next_id += 1;
        self.records += 1;
        self.unrecorded.clear();
        Ok(())
    }

    /// Whether the other table should take its turn.
    pub(super) fn is_turn_over(&self) -> bool {
        self.records >= TURN && self.pending.is_none()
    }

    /// Empties the other table and starts it with a whole record. A reader in the way only delays it.
    pub(super) async fn turn(&mut self, client: &Client) -> Result<(), DatabaseError> {
        let heads = serde_json::to_string(&self.heads).map_err(|_| DatabaseError::Unexpected("heads"))?;
        let table = 1 - self.table;
        client.batch_execute("begin; set local lock_timeout = '20ms'; set local synchronous_commit = on").await?;
        let done = async {
            client.batch_execute(&format!("truncate tidegate.ledger_{table}")).await?;
            client
                .execute(
                    &format!(
                        "insert into tidegate.ledger_{table} (id, fence, boundary, heads, whole, settled)
                         values ($1, $2, $3::text::pg_snapshot, $4::text::json, true, true)"
                    ),
                    &[&self.next_id, &signed(self.fence.0), &self.boundary, &heads],
                )
                .await?;
            client.execute("update tidegate.control set epoch = $1 where epoch <> $1", &[&signed(self.epoch.0)]).await?;
            Ok::<_, DatabaseError>(())
        }
        .await;
        client.batch_execute(if done.is_ok() { "commit" } else { "rollback" }).await?;
        done?;
        self.table = table;
        self.next_id += 1;
        self.records = 1;
        self.unrecorded.clear();
        Ok(())
    }

    /// Starts a new epoch: positions of the old one prove nothing any more. The batch under way is read anew.
    pub(super) async fn begin_epoch(&mut self, client: &Client) -> Result<(), DatabaseError> {
        let now: i64 = client.query_one("select (extract(epoch from clock_timestamp()) * 1000)::bigint", &[]).await?.try_get(0)?;
        self.epoch = Epoch(unsigned(now)?.max(self.epoch.0 + 1));
        self.heads.clear();
        self.unrecorded.clear();
        self.pending = None;
        self.turn(client).await
    }

    /// Makes this leadership newer than one that a bus remembers from a lost state of this database.
    pub(super) async fn raise_fence(&mut self, client: &Client, above: Fence) -> Result<(), DatabaseError> {
        let raised = signed(above.0).saturating_add(1);
        let fence: i64 =
            client.query_one("select setval('tidegate.fence', greatest($1, nextval('tidegate.fence')))", &[&raised]).await?.try_get(0)?;
        self.fence = Fence(unsigned(fence)?);
        Ok(())
    }
}

/// Numbers that count up from a clock fit both ways for the next ten thousand years.
fn unsigned(number: i64) -> Result<u64, DatabaseError> {
    u64::try_from(number).map_err(|_| DatabaseError::Unexpected("a negative number"))
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
