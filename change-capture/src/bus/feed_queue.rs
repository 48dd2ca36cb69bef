//! The bounded queue between a bus and the matcher of one node.
//!
//! Full-policy: an event that does not fit is dropped and its collection is marked; the consumer finds one gap where the
//! first dropped event stood, and events of that collection flow again once it has taken the gap. So nothing is ever lost
//! silently, nobody on the producing side waits, and gaps are bounded by the number of collections.
//! Cost: one short lock per push and per pop.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use change_event::ChangeEvent;
use service_runtime::CancellationToken;
use tokio::sync::Notify;

use super::{BusCapacity, FeedItem, FeedMetrics, GapReason, weight};

#[derive(Debug)]
struct Queued {
    item: FeedItem,
    bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Queued>,
    /// Events and topic messages in `items`; gaps and availability do not count.
    payloads: usize,
    bytes: usize,
    /// Collections with a gap in `items`.
    gaps: HashSet<Arc<str>>,
    /// Those of them whose events are dropped until the gap is taken.
    lagging: HashSet<Arc<str>>,
    producers_gone: bool,
}

impl State {
    /// A gap that already waits covers a new one: whoever takes it reads everything that was committed until then.
    fn gap(&mut self, collection: Arc<str>, reason: GapReason, metrics: &FeedMetrics) {
        if self.gaps.insert(Arc::clone(&collection)) {
            metrics.gap(reason);
            self.items.push_back(Queued { item: FeedItem::Gap { collection, reason }, bytes: 0 });
        }
    }
}

/// One feed's queue; both ends share it.
#[derive(Debug)]
pub(super) struct FeedQueue {
    // Guards everything; held for a push or a pop, never across an await.
    state: Mutex<State>,
    changed: Notify,
    abandoned: CancellationToken,
    feed_events: usize,
    feed_bytes: usize,
    metrics: FeedMetrics,
}

impl FeedQueue {
    pub(super) fn new(capacity: &BusCapacity) -> Self {
        Self {
            state: Mutex::default(),
            changed: Notify::new(),
            abandoned: CancellationToken::new(),
            feed_events: capacity.feed_events,
            feed_bytes: capacity.feed_bytes,
            metrics: FeedMetrics::new(),
        }
    }

    pub(super) const fn metrics(&self) -> &FeedMetrics {
        &self.metrics
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        // A panic elsewhere cannot leave the state half-changed: every act is one push or pop.
        let output = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let output = act(&mut state);
            self.show(&state);
            output
        };
        self.changed.notify_one();
        output
    }

    /// Two stores beside a lock that is held anyway.
    fn show(&self, state: &State) {
        self.metrics.waiting_events.set(i64::try_from(state.payloads).unwrap_or(i64::MAX));
        self.metrics.waiting_bytes.set(i64::try_from(state.bytes).unwrap_or(i64::MAX));
    }

    /// Offers an event.
    pub(super) fn event(&self, event: Arc<ChangeEvent>) {
        let bytes = weight(&event);
        self.with(|state| {
            if state.lagging.contains(&event.collection) {
                return;
            }
            if state.payloads >= self.feed_events || state.bytes.saturating_add(bytes) > self.feed_bytes {
                state.lagging.insert(Arc::clone(&event.collection));
                state.gap(Arc::clone(&event.collection), GapReason::Lagged, &self.metrics);
                return;
            }
            state.payloads += 1;
            state.bytes += bytes;
            state.items.push_back(Queued { item: FeedItem::Event(event), bytes });
        });
    }

    /// Says that `collection` must be read again.
    pub(super) fn gap(&self, collection: Arc<str>, reason: GapReason) {
        self.with(|state| state.gap(collection, reason, &self.metrics));
    }

    /// Says that the store went away or came back. Only the latest of several pieces of news in a row is kept.
    pub(super) fn availability(&self, available: bool) {
        self.with(|state| match state.items.back_mut() {
            Some(Queued { item: FeedItem::Availability(last), .. }) => *last = available,
            Some(_) | None => state.items.push_back(Queued { item: FeedItem::Availability(available), bytes: 0 }),
        });
    }

    /// Offers a topic message; dropped when the queue is full, as topics are at most once.
    pub(super) fn topic(&self, topic: Arc<str>, payload: Bytes) {
        let bytes = payload.len() + 64;
        self.with(|state| {
            if state.payloads < self.feed_events && state.bytes.saturating_add(bytes) <= self.feed_bytes {
                state.payloads += 1;
                state.bytes += bytes;
                state.items.push_back(Queued { item: FeedItem::Topic { topic, payload }, bytes });
            }
        });
    }

    /// No more items will come.
    pub(super) fn close(&self) {
        self.with(|state| state.producers_gone = true);
    }

    /// Nobody will take items any more.
    pub(super) fn abandon(&self) {
        self.with(|state| {
            state.items.clear();
            state.payloads = 0;
            state.bytes = 0;
        });
        self.abandoned.cancel();
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.is_cancelled()
    }

    /// Returns once nobody will take items any more.
    pub(super) async fn abandoned(&self) {
        self.abandoned.cancelled().await;
    }

    /// The next item; `None` when the bus has closed the feed and everything was taken. Cancel-safe.
    pub(super) async fn next(&self) -> Option<FeedItem> {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(queued) = state.items.pop_front() {
                    match &queued.item {
                        FeedItem::Event(_) | FeedItem::Topic { .. } => {
                            state.payloads -= 1;
                            state.bytes -= queued.bytes;
                        }
                        FeedItem::Gap { collection, .. } => {
                            state.gaps.remove(collection);
                            state.lagging.remove(collection);
                        }
                        FeedItem::Availability(_) => {}
                    }
                    self.show(&state);
                    return Some(queued.item);
                }
                if state.producers_gone {
                    return None;
                }
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use change_event::{Epoch, FORM, Operation, Sequence, TransactionId};

    use super::*;

    fn event(collection: &str, sequence: u64) -> Arc<ChangeEvent> {
        Arc::new(ChangeEvent {
            form: FORM,
            epoch: Epoch(1),
            sequence: Sequence(sequence),
            collection: collection.into(),
            operation: Operation::Reset,
            statement: 0,
            transaction: TransactionId(1),
            written_at: 0,
            rows: vec![],
            writer_keys: None,
            traceparent: None,
        })
    }

    async fn take(queue: &FeedQueue) -> String {
        match queue.next().await {
            Some(FeedItem::Event(event)) => format!("{}{}", event.collection, event.sequence),
            Some(FeedItem::Gap { collection, reason }) => format!("gap {collection} {reason:?}"),
            Some(FeedItem::Availability(available)) => format!("available {available}"),
            Some(FeedItem::Topic { topic, .. }) => format!("topic {topic}"),
            None => "end".to_owned(),
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_becomes_one_gap_and_others_flow_on_after_it() {
        let queue = FeedQueue::new(&BusCapacity { feed_events: 2, ..BusCapacity::default() });
        for sequence in 1..=5 {
            queue.event(event("a", sequence));
        }
        assert_eq!(take(&queue).await, "a1");
        // There is room again, but a3 stands behind the hole: it must not be seen before the gap.
        queue.event(event("a", 6));
        queue.event(event("b", 1));
        assert_eq!(take(&queue).await, "a2");
        assert_eq!(take(&queue).await, "gap a Lagged");
        queue.event(event("a", 7));
        assert_eq!(take(&queue).await, "b1");
        assert_eq!(take(&queue).await, "a7");
        queue.close();
        assert_eq!(take(&queue).await, "end");
    }

    #[tokio::test]
    async fn bytes_count_too_and_repeated_news_do_not_pile_up() {
        let queue = FeedQueue::new(&BusCapacity { feed_bytes: 300, ..BusCapacity::default() });
        queue.event(event("a", 1));
        queue.event(event("a", 2));
        queue.gap("a".into(), GapReason::Epoch);
        queue.gap("c".into(), GapReason::Epoch);
        queue.gap("c".into(), GapReason::Trimmed);
        queue.availability(false);
        queue.availability(true);
        queue.topic("t".into(), Bytes::from(vec![0; 400]));
        for expect in ["a1", "gap a Lagged", "gap c Epoch", "available true"] {
            assert_eq!(take(&queue).await, expect);
        }
        queue.topic("t".into(), Bytes::new());
        assert_eq!(take(&queue).await, "topic t");
    }
}
