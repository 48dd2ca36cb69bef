//! Reading the outbox by the difference of two snapshots.
//!
//! New since A is `xid >= pg_snapshot_xmax(A) or xid = any (those in progress at A that have ended since)`: two index
//! lookups, whose cost is the number of new rows. It must never look at the rows of transactions that are still open, or
//! one large writer would make every read slow, and never order by anything but what locks and rights imply (see [`order`]).

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, RowStream, Statement};

use super::ledger::{Ledger, signed};
use crate::database::DatabaseError;

/// A read that finds more than this is repeated as a stream.
const SMALL_ROWS: usize = 1_000;
const SMALL_BYTES: i64 = 8 << 20;

/// Transactions by their last row, rows of a transaction by statement. Ids are drawn inside the trigger, after the
/// statement has its row locks: of two transactions that touched the same key, the one that commits first has drawn all its
/// ids before the other could draw the one for that key. So the last id orders any two transactions that can conflict, in
/// whatever order they began, and each is whole.
///
/// Before all of them stands what says who may see what ([`RIGHTS`]), in the same order among itself: two transactions that touch
/// different keys may have committed in the other order, and what was written after a right was taken away must not be told
/// before that it was. Streams are numbered by collection, so that this moves nothing within one.
fn order() -> String {
    let rights = RIGHTS.join(",");
    format!("order by f.collection <> all ('{{{rights}}}'), max(f.id) over (partition by f.xid), f.statement, f.id")
}

/// The tables of rights and of who has them.
const RIGHTS: [&str; 6] =
    ["directus_access", "directus_permissions", "directus_policies", "directus_roles", "directus_sessions", "directus_users"];

const COLUMNS: &str = "o.id, o.xid, o.statement, o.collection, o.operation, o.rows, o.written_at, o.writer_keys, o.traceparent";

/// What the worker reads of a row.
const OUTPUT: &str = "f.id, f.xid::text as xid, f.statement, f.collection, f.operation, f.rows,
  (extract(epoch from f.written_at) * 1000000)::bigint as written_at, f.writer_keys, f.traceparent";

/// One row: one event without its place in a stream.
#[derive(Debug)]
pub(super) struct OutboxRow {
    pub(super) id: i64,
    pub(super) xid: u64,
    pub(super) statement: u64,
    pub(super) collection: Arc<str>,
    pub(super) operation: i8,
    pub(super) rows: Option<String>,
    /// Microseconds since the Unix epoch.
    pub(super) written_at: i64,
    pub(super) writer_keys: Option<String>,
    pub(super) traceparent: Option<String>,
}

/// What a read found.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing new up to this snapshot.
    Nothing(String),
    /// A small batch up to this snapshot; its record is in the ledger.
    Batch(String, Vec<OutboxRow>),
    /// A batch to be streamed; its record is in the ledger.
    Large(String),
}

/// The prepared statements of a leadership.
#[derive(Debug)]
pub(super) struct Outbox {
    /// By ledger table.
    take: [Statement; 2],
    /// The same with a bound in bytes.
    take_carefully: [Statement; 2],
    stream: Statement,
    count: Statement,
    newest: Statement,
}

impl Outbox {
    pub(super) async fn prepare(client: &Client) -> Result<Self, DatabaseError> {
        // The tables are never analysed, being emptied all the time: the planner must not believe that they are small.
        client.batch_execute("set enable_seqscan = off; set plan_cache_mode = force_generic_plan; set work_mem = '16MB'").await?;
        Ok(Self {
            take: [client.prepare(&take(0)).await?, client.prepare(&take(1)).await?],
            take_carefully: [client.prepare(&take_carefully(0)).await?, client.prepare(&take_carefully(1)).await?],
            stream: client
                .prepare(&format!(
                    "with {}, fresh as ({}) select {OUTPUT} from fresh f {}",
                    snapshots("$2::text::pg_snapshot"),
                    fresh(),
                    order()
                ))
                .await?,
            count: client
                .prepare(&format!(
                    "with {}, fresh as ({}) select f.collection, count(*) from fresh f group by f.collection",
                    snapshots("$2::text::pg_snapshot"),
                    fresh()
                ))
                .await?,
            newest: client
                .prepare(&format!(
                    "select {OUTPUT} from (
                       select o.*, sum(coalesce(octet_length(o.rows), 0)) over (order by o.xid desc, o.id desc) as running
                         from (select {COLUMNS} from tidegate.outbox o order by o.xid desc limit $1::int8) o) f
                      where f.running <= $2::int8"
                ))
                .await?,
        })
    }

    /// Reads what is new since the ledger's boundary. If there is anything, the same statement appends the record that
    /// announces the batch, so the announcement costs no round trip of its own.
    ///
    /// `carefully` bounds the answer in bytes, for a read after a pause: what a database can write between two regular reads
    /// is bounded by its disk, what waits after an hour is not. The bound costs as much as all the rest.
    pub(super) async fn take(&self, client: &Client, ledger: &Ledger, carefully: bool) -> Result<Found, DatabaseError> {
        let (table, id, heads) = ledger.next_record()?;
        let fence = signed(ledger.fence.0);
        let unknown = || DatabaseError::Unexpected("ledger table");
        let rows = if carefully {
            let statement = self.take_carefully.get(table).ok_or_else(unknown)?;
            client.query(statement, &[&ledger.boundary, &id, &fence, &heads]).await?
        } else {
            let statement = self.take.get(table).ok_or_else(unknown)?;
            let (next, open) = ledger.since().ok_or(DatabaseError::Unexpected("a snapshot"))?;
            client.query(statement, &[&next, &open, &id, &fence, &heads]).await?
        };
        let first = rows.first().ok_or(DatabaseError::Unexpected("no snapshot"))?;
        let (boundary, large): (String, bool) = (first.try_get("boundary")?, first.try_get("large")?);
        if large || rows.len() > SMALL_ROWS {
            return Ok(Found::Large(boundary));
        }
        if first.try_get::<_, Option<i64>>("id")?.is_none() {
            return Ok(Found::Nothing(boundary));
        }
        let mut rows = rows.iter().map(OutboxRow::read).collect::<Result<Vec<_>, _>>()?;
        sort(&mut rows);
        Ok(Found::Batch(boundary, rows))
    }

    /// The rows between two snapshots, one at a time; the server waits while nobody reads.
    pub(super) async fn stream(&self, client: &Client, after: &str, until: &str) -> Result<OutboxStream, DatabaseError> {
        let parameters: [&(dyn ToSql + Sync); 2] = [&after, &until];
        Ok(OutboxStream(Box::pin(client.query_raw(&self.stream, parameters).await?)))
    }

    /// The rows of the newest transactions, published or not: at most so many rows and bytes, in no order. The oldest
    /// transaction may be there in part.
    pub(super) async fn newest(&self, client: &Client, rows: i64, bytes: i64) -> Result<Vec<OutboxRow>, DatabaseError> {
        client.query(&self.newest, &[&rows, &bytes]).await?.iter().map(OutboxRow::read).collect()
    }

    /// How many events each collection has between two snapshots.
    pub(super) async fn count(&self, client: &Client, after: &str, until: &str) -> Result<Vec<(Arc<str>, u64)>, DatabaseError> {
        let rows = client.query(&self.count, &[&after, &until]).await?;
        rows.iter()
            .map(|row| {
                let count = u64::try_from(row.try_get::<_, i64>(1)?).map_err(|_| DatabaseError::Unexpected("a count"))?;
                Ok((row.try_get::<_, &str>(0)?.into(), count))
            })
            .collect()
    }
}

/// Rows that arrive one at a time.
pub(super) struct OutboxStream(std::pin::Pin<Box<RowStream>>);

impl OutboxStream {
    pub(super) async fn next(&mut self) -> Result<Option<OutboxRow>, DatabaseError> {
        self.0.next().await.map(|row| OutboxRow::read(&row?)).transpose()
    }
}

impl OutboxRow {
    fn read(row: &Row) -> Result<Self, DatabaseError> {
        let statement = u64::try_from(row.try_get::<_, i64>("statement")?);
        Ok(Self {
            id: row.try_get("id")?,
            xid: row.try_get::<_, &str>("xid")?.parse().map_err(|_| DatabaseError::Unexpected("a transaction id"))?,
            statement: statement.map_err(|_| DatabaseError::Unexpected("a statement number"))?,
            collection: row.try_get::<_, &str>("collection")?.into(),
            operation: row.try_get("operation")?,
            rows: row.try_get("rows")?,
            written_at: row.try_get("written_at")?,
            writer_keys: row.try_get("writer_keys")?,
            traceparent: row.try_get("traceparent")?,
        })
    }
}

/// `s`: the two snapshots. `ended`: what was in progress at A and is visible at B.
fn snapshots(until: &str) -> String {
    format!(
        "s as materialized (select $1::text::pg_snapshot as a, {until} as b),
         ended as materialized (
           select array(select x from s, pg_snapshot_xip(s.a) x where pg_visible_in_snapshot(x, s.b)) as xids)"
    )
}

/// New rows. Whatever a statement can see is committed; that B saw it too matters where B is not this statement's snapshot.
fn fresh() -> String {
    format!(
        "select {COLUMNS} from tidegate.outbox o
          where o.xid >= (select pg_snapshot_xmax(a) from s) and o.xid < (select pg_snapshot_xmax(b) from s)
            and pg_visible_in_snapshot(o.xid, (select b from s))
         union all
         select {COLUMNS} from tidegate.outbox o where o.xid = any ((select xids from ended)::xid8[])"
    )
}

/// As [`order`].
pub(super) fn sort(rows: &mut [OutboxRow]) {
    let mut last: HashMap<u64, i64> = HashMap::new();
    for row in rows.iter() {
        let id = last.entry(row.xid).or_insert(row.id);
        *id = (*id).max(row.id);
    }
    rows.sort_by_key(|row| (!RIGHTS.contains(&&*row.collection), last.get(&row.xid).copied(), row.statement, row.id));
}

/// $1 the first transaction that had not begun at A, $2 those that were open at A. This statement's snapshot is B.
fn take(table: usize) -> String {
    format!(
        "with fresh as materialized (
           select {COLUMNS} from tidegate.outbox o where o.xid >= $1::text::xid8
           union all
           select {COLUMNS} from tidegate.outbox o
            where o.xid = any (array(select x from unnest($2::text[]::xid8[]) x where pg_visible_in_snapshot(x, pg_current_snapshot())))
           limit {}),
         record as (insert into tidegate.ledger_{table} (id, fence, boundary, heads, whole, settled)
                    select $3, $4, pg_current_snapshot(), $5::text::json, false, false from (select from fresh limit 1) any_row)
         select s.b::text as boundary, false as large, {OUTPUT} from (select pg_current_snapshot() as b) s left join fresh f on true",
        SMALL_ROWS + 1
    )
}

fn take_carefully(table: usize) -> String {
    format!(
        "with {}, few as ({} limit {}),
         fresh as materialized (select few.*, sum(coalesce(octet_length(few.rows), 0)) over (rows unbounded preceding) as running from few),
         size as materialized (select count(*) as total, coalesce(max(running), 0)::bigint as bytes from fresh),
         record as (insert into tidegate.ledger_{table} (id, fence, boundary, heads, whole, settled)
                    select $2, $3, s.b, $4::text::json, false, false from s, size where size.total > 0)
         select s.b::text as boundary, size.total > {SMALL_ROWS} or size.bytes > {SMALL_BYTES} as large, {OUTPUT}
           from s cross join size
           left join fresh f on size.total <= {SMALL_ROWS} and size.bytes <= {SMALL_BYTES}",
        snapshots("pg_current_snapshot()"),
        fresh(),
        SMALL_ROWS + 1
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_go_by_their_last_row_and_rows_by_statement() {
        let row = |id: i64, xid: u64, statement: u64| OutboxRow {
            id,
            xid,
            statement,
            collection: "c".into(),
            operation: 0,
            rows: None,
            written_at: 0,
            writer_keys: None,
            traceparent: None,
        };
        // Transaction 7 began first and ended last; a statement of 8 was captured after the one that it set off.
        let mut rows = [row(1, 7, 1), row(3, 8, 3), row(4, 8, 2), row(6, 7, 6), row(5, 9, 5)];
        sort(&mut rows);
        assert_eq!(rows.map(|row| row.id), [4, 3, 5, 1, 6]);
    }
}
