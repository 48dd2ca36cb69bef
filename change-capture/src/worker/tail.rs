//! The newest published events, made again from the outbox for a bus that lost them.
//!
//! Published rows stay in the outbox until their slot is emptied, and the ledger tells which batch a row was in: the batch whose
//! end sees its transaction and whose beginning did not. Sorted as they were then, the rows get the numbers that they had.
//!
//! It must never number an event by guess. The ledger says how many events of each collection a batch held; a batch that
//! does not hold as many any more is left out, with everything before it.

use std::collections::HashMap;
use std::sync::Arc;

use change_event::{ChangeEvent, Sequence, Snapshot, TransactionId};
use tokio_postgres::Client;

use super::event::event;
use super::ledger::{Heads, Ledger, Record, signed};
use super::outbox::{Outbox, OutboxRow, sort};
use crate::database::DatabaseError;
use crate::metrics::CaptureMetrics;

/// At most so many events; a stream holds about as many.
const EVENTS: u64 = 20_000;
/// At most so many bytes of images.
const BYTES: u64 = 32 << 20;

/// Published events in order, and where each collection stood before them.
#[derive(Default)]
pub(super) struct Tail {
    pub(super) events: Vec<Arc<ChangeEvent>>,
    pub(super) before: Heads,
}

/// One published batch, as the ledger has it.
struct Step {
    until: Snapshot,
    /// How many events of each collection.
    moved: Heads,
}

/// Rows of one transaction.
type Transaction = (u64, Vec<OutboxRow>);

/// What the outbox still has of what was published.
pub(super) async fn tail(client: &Client, outbox: &Outbox, ledger: &Ledger, metrics: &CaptureMetrics) -> Result<Tail, DatabaseError> {
    let steps = steps(ledger, Ledger::records(client).await?)?;
    let rows = outbox.newest(client, signed(EVENTS), signed(BYTES)).await?;
    let batches = batches(&steps, transactions(rows));
    let mut before = ledger.heads.clone();
    for (collection, count) in batches.iter().flat_map(|batch| counted(batch)) {
        if let Some(head) = before.get_mut(&collection) {
            head.0 = head.0.saturating_sub(count.0);
        }
    }
    let mut heads = before.clone();
    let events = batches.into_iter().flatten().map(|row| {
        let head = heads.entry(Arc::clone(&row.collection)).or_insert(Sequence(0));
        head.0 += 1;
        Arc::new(event(row, ledger.epoch, *head, metrics))
    });
    Ok(Tail { events: events.collect(), before })
}

/// The batches that are known to be published, oldest first. The first is only the place where the second begins.
fn steps(ledger: &Ledger, records: Vec<Record>) -> Result<Vec<Step>, DatabaseError> {
    let mut steps: Vec<Step> = Vec::new();
    let mut known: Option<Heads> = None;
    let mut last = None;
    for record in records {
        // A record holds the heads that the batch of the record before it moved.
        match known.as_mut().and_then(|known| moved(known, &record.heads, record.whole)) {
            Some(moved) => {
                if let Some(step) = steps.last_mut() {
                    step.moved = moved;
                }
            }
            // The beginning of an epoch, or of what the ledger still has.
            None if record.whole => {
                steps.clear();
                known = Some(record.heads);
            }
            None => continue,
        }
        let until = record.boundary.parse().map_err(|_| DatabaseError::Unexpected("a snapshot"))?;
        last = Some(record.boundary);
        steps.push(Step { until, moved: Heads::new() });
    }
    let Some(mut known) = known else { return Ok(Vec::new()) };
    if ledger.pending.is_some() {
        if ledger.pending != last {
            return Ok(Vec::new());
        }
        // Announced, and not known to be published: the leader repeats it anyway.
        steps.pop();
    } else if let (Some(step), Some(moved)) = (steps.last_mut(), moved(&mut known, &ledger.heads, true)) {
        step.moved = moved;
    }
    Ok(steps)
}

/// How far `recorded` is ahead of `known`, which takes it over; `None` if it does not continue it.
fn moved(known: &mut Heads, recorded: &Heads, whole: bool) -> Option<Heads> {
    if whole && known.keys().any(|collection| !recorded.contains_key(collection)) {
        return None;
    }
    let mut moved = Heads::new();
    for (collection, head) in recorded {
        let before = known.get(collection).map_or(0, |head| head.0);
        let by = head.0.checked_sub(before)?;
        if by > 0 {
            moved.insert(Arc::clone(collection), Sequence(by));
        }
    }
    known.extend(moved.keys().filter_map(|collection| Some((Arc::clone(collection), *recorded.get(collection)?))));
    Some(moved)
}

/// Rows by transaction, in the order of their numbers.
fn transactions(mut rows: Vec<OutboxRow>) -> Vec<Transaction> {
    rows.sort_by_key(|row| row.xid);
    let mut transactions: Vec<Transaction> = Vec::new();
    for row in rows {
        match transactions.last_mut() {
            Some((xid, rows)) if *xid == row.xid => rows.push(row),
            _ => transactions.push((row.xid, vec![row])),
        }
    }
    transactions
}

/// The newest batches that are whole, each in the order in which it was published.
fn batches(steps: &[Step], transactions: Vec<Transaction>) -> Vec<Vec<OutboxRow>> {
    let mut transactions = transactions.into_iter().peekable();
    // Began before the end of the last step and had not ended by then.
    let mut open: Vec<Transaction> = Vec::new();
    let mut batches = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        let mut batch = Vec::new();
        let begun = std::iter::from_fn(|| transactions.next_if(|(xid, _)| *xid < step.until.end().0));
        for (xid, rows) in std::mem::take(&mut open).into_iter().chain(begun) {
            if step.until.contains(TransactionId(xid)) {
                batch.extend(rows);
            } else {
                open.push((xid, rows));
            }
        }
        if place > 0 && counted(&batch) == step.moved {
            sort(&mut batch);
            batches.push(batch);
        } else {
            batches.clear();
        }
    }
    batches
}

fn counted(batch: &[OutboxRow]) -> Heads {
    let mut counts: HashMap<Arc<str>, Sequence> = HashMap::new();
    for row in batch {
        counts.entry(Arc::clone(&row.collection)).or_insert(Sequence(0)).0 += 1;
    }
    counts
}
