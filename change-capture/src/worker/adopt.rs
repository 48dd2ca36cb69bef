//! After a crash of Postgres the bus may hold the last batches, while their records, whose commits do not wait for the disk,
//! are lost. Then the bus is ahead, and yet nothing is wrong: what it holds is what the outbox still has.
//!
//! This proves it event by event. It must never accept a tail on trust: one difference, and a new epoch begins.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use change_event::{ChangeEvent, Sequence};

use super::ledger::{Heads, Ledger};
use super::outbox::{Found, Outbox, OutboxRow};
use crate::bus::{Bus, StreamHead};
use crate::database::{DatabaseError, Session};

/// Events read from the bus at a time.
const STRIDE: usize = 500;

/// One collection's events on the bus after the ledger's head.
struct Tail {
    head: StreamHead,
    /// What was read and not compared yet, oldest first.
    events: VecDeque<Arc<ChangeEvent>>,
    next: Sequence,
}

/// What the bus has of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// This very row.
    Same,
    /// Nothing at this place or later.
    Nothing,
    /// Something else.
    Other,
}

/// Whether what the bus holds beyond the ledger's head is what the ledger's next batches would publish, in this very order.
/// Batches that it holds whole count as published from here on; one that it holds in part stays announced, to be repeated.
pub(super) async fn adopt(session: &Session, outbox: &Outbox, ledger: &mut Ledger, bus: &dyn Bus) -> Result<bool, DatabaseError> {
    let mut adopted = false;
    loop {
        if ledger.pending.is_none() {
            match outbox.take(&session.client, ledger, true).await? {
                Found::Nothing(_) => return Ok(adopted),
                Found::Batch(boundary, _) | Found::Large(boundary) => ledger.announced(boundary),
            }
        }
        let Some(until) = ledger.pending.clone() else { return Ok(adopted) };
        let mut tails: HashMap<Arc<str>, Option<Tail>> = HashMap::new();
        let mut moved = Heads::new();
        let (mut same, mut whole) = (true, true);
        let mut rows = outbox.stream(&session.client, &ledger.boundary, &until).await?;
        // The stream is read to its end in any case: the session has other work to do.
        while let Some(row) = rows.next().await? {
            if !same {
                continue;
            }
            let known = moved.get(&row.collection).or_else(|| ledger.heads.get(&row.collection)).map_or(0, |head| head.0);
            moved.insert(Arc::clone(&row.collection), Sequence(known + 1));
            match compare(row, ledger, bus, &mut tails).await {
                Held::Same => {}
                Held::Nothing => whole = false,
                Held::Other => same = false,
            }
        }
        if !same {
            return Ok(false);
        }
        adopted = true;
        if !whole {
            return Ok(true);
        }
        ledger.published(until, moved);
    }
}

async fn compare(row: OutboxRow, ledger: &Ledger, bus: &dyn Bus, tails: &mut HashMap<Arc<str>, Option<Tail>>) -> Held {
    if !tails.contains_key(&row.collection) {
        let known = ledger.heads.get(&row.collection).copied().unwrap_or(Sequence(0));
        let Ok(head) = bus.head(&row.collection).await else { return Held::Other };
        let tail = head.filter(|head| head.epoch == ledger.epoch && head.sequence > known).map(|head| Tail {
            head,
            events: VecDeque::new(),
            next: Sequence(known.0 + 1),
        });
        tails.insert(Arc::clone(&row.collection), tail);
    }
    let Some(Some(tail)) = tails.get_mut(&row.collection) else { return Held::Nothing };
    if tail.next > tail.head.sequence {
        return Held::Nothing;
    }
    if tail.events.is_empty() {
        let after = StreamHead { epoch: tail.head.epoch, sequence: Sequence(tail.next.0 - 1) };
        match bus.read_after(&row.collection, after, STRIDE).await {
            Ok(Some(events)) => tail.events.extend(events),
            Ok(None) | Err(_) => return Held::Other,
        }
    }
    let Some(event) = tail.events.pop_front() else { return Held::Other };
    tail.next = Sequence(tail.next.0 + 1);
    // Statement numbers come from a sequence, whose values no crash brings back.
    if event.transaction.0 == row.xid && event.statement == row.statement && event.written_at == row.written_at {
        Held::Same
    } else {
        Held::Other
    }
}
