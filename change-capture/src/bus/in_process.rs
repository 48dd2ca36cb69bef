//! The bus of a process that is worker and gateway in one.
//!
//! It must never do more than its Redis sibling promises: one contract suite runs against both, so that what works in
//! `dev` works in a cluster. Cost of a publish: one lock, one append, one push per subscribed feed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use change_event::{ChangeEvent, Epoch, Sequence};

use super::capped_stream::{Append, CappedStream, origin};
use super::feed::FeedBackend;
use super::feed_queue::FeedQueue;
use super::{BoxFuture, Bus, BusCapacity, BusError, Feed, Fence, GapReason, KnownHead, StreamHead};

/// A bus inside one process; clones share it.
#[derive(Debug, Clone)]
pub struct InProcessBus(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    capacity: BusCapacity,
    // Guards streams and feeds together, so that an event cannot slip between a subscription and its head.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    fence: Fence,
    epoch: Epoch,
    streams: HashMap<Arc<str>, CappedStream>,
    feeds: Vec<Subscriber>,
    next_feed: u64,
}

#[derive(Debug)]
struct Subscriber {
    id: u64,
    queue: Arc<FeedQueue>,
    collections: HashMap<Arc<str>, StreamHead>,
    topics: HashSet<Arc<str>>,
}

struct Control {
    bus: Arc<Shared>,
    id: u64,
}

impl InProcessBus {
    /// An empty bus that nobody leads yet.
    #[must_use]
    pub fn new(capacity: BusCapacity) -> Self {
        let state = State { fence: Fence(0), epoch: Epoch::UNOPENED, streams: HashMap::new(), feeds: Vec::new(), next_feed: 0 };
        Self(Arc::new(Shared { capacity, state: Mutex::new(state) }))
    }
}

impl Shared {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.feeds.retain(|feed| !feed.queue.is_abandoned());
        act(&mut state)
    }
}

impl State {
    fn check(&self, fence: Fence) -> Result<(), BusError> {
        if fence < self.fence { Err(BusError::Fenced(self.fence)) } else { Ok(()) }
    }

    fn open(
        &mut self,
        fence: Fence,
        epoch: Epoch,
        heads: &[KnownHead],
        tail: &[Arc<ChangeEvent>],
        capacity: &BusCapacity,
    ) -> Result<(), BusError> {
        self.check(fence)?;
        let known: HashMap<&str, &KnownHead> = heads.iter().map(|head| (&*head.collection, head)).collect();
        for (collection, stream) in &self.streams {
            let assigned = known.get(&**collection).map_or(Sequence(0), |head| head.assigned);
            if stream.head().epoch > epoch || (stream.head().epoch == epoch && stream.head().sequence > assigned) {
                return Err(BusError::Ahead(Arc::clone(collection)));
            }
        }
        self.fence = fence;
        self.epoch = epoch;
        self.streams.retain(|_, stream| stream.head().epoch == epoch);
        for head in heads {
            let place = StreamHead { epoch, sequence: head.published };
            let stream = self.streams.entry(Arc::clone(&head.collection)).or_insert_with(|| CappedStream::new(place));
            if stream.head().sequence < head.published {
                *stream = CappedStream::new(place);
            }
        }
        let now = Instant::now();
        for event in tail {
            let refused =
                self.streams.get_mut(&event.collection).is_none_or(|stream| stream.append(event, capacity, now) == Append::Refused);
            if refused {
                return Err(BusError::Lost(Arc::clone(&event.collection)));
            }
        }
        for feed in &mut self.feeds {
            for (collection, position) in &mut feed.collections {
                let head = self.streams.get(collection).map_or(origin(epoch), CappedStream::head);
                if position.epoch == epoch && position.sequence == head.sequence {
                    continue;
                }
                // Before the first event of all there is nothing to miss. After it, another process may have published
                // since who subscribed here looked at the database.
                if position.epoch != Epoch::UNOPENED || head.sequence != Sequence(0) {
                    let reason = if position.epoch == epoch { GapReason::Trimmed } else { GapReason::Epoch };
                    feed.queue.gap(Arc::clone(collection), reason);
                }
                *position = head;
            }
        }
        Ok(())
    }

    fn publish(&mut self, fence: Fence, events: &[Arc<ChangeEvent>], capacity: &BusCapacity) -> Result<(), BusError> {
        self.check(fence)?;
        let now = Instant::now();
        for event in events {
            if event.epoch != self.epoch {
                return Err(BusError::Lost(Arc::clone(&event.collection)));
            }
            let epoch = self.epoch;
            let stream = self.streams.entry(Arc::clone(&event.collection)).or_insert_with(|| CappedStream::new(origin(epoch)));
            match stream.append(event, capacity, now) {
                Append::Known => {}
                Append::Refused => return Err(BusError::Lost(Arc::clone(&event.collection))),
                Append::Appended => {
                    for feed in &mut self.feeds {
                        if let Some(position) = feed.collections.get_mut(&event.collection) {
                            *position = stream.head();
                            feed.queue.event(Arc::clone(event));
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

impl Bus for InProcessBus {
    fn open<'a>(
        &'a self,
        fence: Fence,
        epoch: Epoch,
        heads: &'a [KnownHead],
        tail: &'a [Arc<ChangeEvent>],
    ) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move { self.0.with(|state| state.open(fence, epoch, heads, tail, &self.0.capacity)) })
    }

    fn is_open<'a>(&'a self, fence: Fence, epoch: Epoch) -> BoxFuture<'a, Result<bool, BusError>> {
        Box::pin(async move { Ok(self.0.with(|state| state.fence == fence && state.epoch == epoch)) })
    }

    fn publish<'a>(&'a self, fence: Fence, events: &'a [Arc<ChangeEvent>]) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move { self.0.with(|state| state.publish(fence, events, &self.0.capacity)) })
    }

    fn head<'a>(&'a self, collection: &'a str) -> BoxFuture<'a, Result<Option<StreamHead>, BusError>> {
        Box::pin(async move { Ok(self.0.with(|state| state.streams.get(collection).map(CappedStream::head))) })
    }

    fn read_after<'a>(
        &'a self,
        collection: &'a str,
        after: StreamHead,
        limit: usize,
    ) -> BoxFuture<'a, Result<Option<Vec<Arc<ChangeEvent>>>, BusError>> {
        Box::pin(async move { Ok(self.0.with(|state| state.streams.get(collection).and_then(|stream| stream.read_after(after, limit)))) })
    }

    fn broadcast<'a>(&'a self, topic: &'a str, payload: Bytes) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            self.0.with(|state| {
                for feed in &state.feeds {
                    if let Some(topic) = feed.topics.get(topic) {
                        feed.queue.topic(Arc::clone(topic), payload.clone());
                    }
                }
            });
            Ok(())
        })
    }

    fn feed<'a>(&'a self) -> BoxFuture<'a, Result<Feed, BusError>> {
        Box::pin(async move {
            let queue = Arc::new(FeedQueue::new(&self.0.capacity));
            let id = self.0.with(|state| {
                state.next_feed += 1;
                let id = state.next_feed;
                state.feeds.push(Subscriber { id, queue: Arc::clone(&queue), collections: HashMap::new(), topics: HashSet::new() });
                id
            });
            Ok(Feed::new(Arc::new(Control { bus: Arc::clone(&self.0), id }), queue))
        })
    }
}

impl Control {
    fn with<T>(&self, act: impl FnOnce(&mut Subscriber, &HashMap<Arc<str>, CappedStream>, Epoch) -> T) -> Result<T, BusError> {
        self.bus.with(|state| {
            let feed = state.feeds.iter_mut().find(|feed| feed.id == self.id).ok_or(BusError::Closed)?;
            Ok(act(feed, &state.streams, state.epoch))
        })
    }
}

impl FeedBackend for Control {
    fn subscribe<'a>(&'a self, collection: &'a str) -> BoxFuture<'a, Result<StreamHead, BusError>> {
        Box::pin(async move {
            self.with(|feed, streams, epoch| {
                let head = streams.get(collection).map_or(origin(epoch), CappedStream::head);
                feed.collections.insert(collection.into(), head);
                head
            })
        })
    }

    fn unsubscribe<'a>(&'a self, collection: &'a str) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            self.with(|feed, _, _| {
                feed.collections.remove(collection);
            })
        })
    }

    fn subscribe_topic<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            self.with(|feed, _, _| {
                feed.topics.insert(topic.into());
            })
        })
    }
}
