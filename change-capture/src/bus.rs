//! The bus carries change events from the one leading worker to every gateway node.
//!
//! ```text
//! worker --publish--> [ capped stream + head per collection ] --feed--> node
//!                          ^ read_after repairs a gap
//! ```
//!
//! Two implementations under one contract suite (`tests/it/bus_contract.rs`): [`InProcessBus`] for a single process,
//! [`RedisBus`] for many nodes. A bus must never deliver an event of a collection twice or out of order to one feed, and
//! must never lose one without a [`FeedItem::Gap`].

mod capacity;
mod capped_stream;
mod feed;
mod feed_metrics;
mod feed_queue;
mod in_process;
mod redis;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use change_event::{ChangeEvent, Epoch, Sequence};

pub use capacity::{BusCapacity, SETTINGS as CAPACITY_SETTINGS};
pub use feed::{Feed, FeedControl, FeedItem, FeedItems, GapReason};
pub use feed_metrics::{FeedMetrics, METRICS as FEED_METRICS};
pub use in_process::InProcessBus;
pub use redis::{RedisBus, RedisCommands};

/// What every method of a [`Bus`] returns: a boxed future, so that a bus can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The number of a leadership. It grows with every one; a publish with an older fence is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(pub u64);

/// The place of the newest event of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamHead {
    /// The incarnation of the stream.
    pub epoch: Epoch,
    /// The sequence of its newest event; 0 when there was none in this epoch.
    pub sequence: Sequence,
}

/// What a leader knows of one collection when it opens the bus.
#[derive(Debug, Clone)]
pub struct KnownHead {
    /// The collection.
    pub collection: Arc<str>,
    /// The newest event that was certainly published.
    pub published: Sequence,
    /// The newest event that may have been published: the end of a batch that a predecessor left unfinished.
    pub assigned: Sequence,
}

/// Why the bus did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BusError {
    /// The store behind the bus cannot be reached. Try again later.
    #[error("the bus is unavailable: {0}")]
    Unavailable(Arc<str>),
    /// A leader with a newer fence has published.
    #[error("fenced out by leadership {}", .0.0)]
    Fenced(Fence),
    /// The bus does not hold what must come before these events (it lost its state): open it again.
    #[error("the bus lost its place in {0}")]
    Lost(Arc<str>),
    /// The bus holds events that this leader knows nothing of: the database went back in time. A new epoch is due.
    #[error("the bus is ahead of the database in {0}")]
    Ahead(Arc<str>),
    /// The bus was closed, or this feed's end was dropped.
    #[error("the feed is closed")]
    Closed,
    /// The configuration cannot work.
    #[error("{0}")]
    Configuration(Arc<str>),
}

/// The way from the worker to the gateway nodes.
pub trait Bus: Send + Sync + 'static {
    /// Says who leads, in which epoch, and where every stream stands, before the first publish of a leadership and after
    /// [`BusError::Lost`]. Streams that end before their head are emptied (they could only replay with a hole), missing heads
    /// restored, `tail` is published as [`Bus::publish`] does; every feed then checks its place again.
    ///
    /// `tail` are published events that the bus [lacks](Bus::lacks), in order; the heads are those before it.
    ///
    /// # Errors
    /// [`BusError::Fenced`], [`BusError::Ahead`], [`BusError::Unavailable`].
    fn open<'a>(
        &'a self,
        fence: Fence,
        epoch: Epoch,
        heads: &'a [KnownHead],
        tail: &'a [Arc<ChangeEvent>],
    ) -> BoxFuture<'a, Result<(), BusError>>;

    /// Whether some stream ends before the head that is known to be published: the bus lost events.
    ///
    /// # Errors
    /// [`BusError::Unavailable`].
    fn lacks<'a>(&'a self, epoch: Epoch, heads: &'a [KnownHead]) -> BoxFuture<'a, Result<bool, BusError>> {
        Box::pin(async move {
            for known in heads {
                let needed = StreamHead { epoch, sequence: known.published };
                if self.head(&known.collection).await?.is_none_or(|head| head < needed) {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    /// Whether the bus still is as the leader with this fence opened it, and has what was published lately. Cheap: a leader asks
    /// now and then, so that a store that lost everything, or its tail, is set up again before the next change.
    ///
    /// # Errors
    /// [`BusError::Unavailable`].
    fn is_open<'a>(&'a self, fence: Fence, epoch: Epoch) -> BoxFuture<'a, Result<bool, BusError>>;

    /// Appends to the collections' capped streams and publishes: in the given order, atomically per run of events of one
    /// collection, idempotent by (epoch, sequence), so that what a stream already has is skipped.
    ///
    /// # Errors
    /// [`BusError::Unavailable`] (nothing, all or a prefix was published: publish again), [`BusError::Fenced`],
    /// [`BusError::Lost`] (open again).
    fn publish<'a>(&'a self, fence: Fence, events: &'a [Arc<ChangeEvent>]) -> BoxFuture<'a, Result<(), BusError>>;

    /// Where the stream of a collection stands; `None` when the bus knows nothing of it.
    ///
    /// # Errors
    /// [`BusError::Unavailable`].
    fn head<'a>(&'a self, collection: &'a str) -> BoxFuture<'a, Result<Option<StreamHead>, BusError>>;

    /// At most `limit` events after `after`, oldest first, or `None` when the stream no longer reaches back that far or
    /// the epoch is another one.
    ///
    /// # Errors
    /// [`BusError::Unavailable`].
    fn read_after<'a>(
        &'a self,
        collection: &'a str,
        after: StreamHead,
        limit: usize,
    ) -> BoxFuture<'a, Result<Option<Vec<Arc<ChangeEvent>>>, BusError>>;

    /// Sends a message to every node that subscribed to `topic` (log lines, presence); at most once.
    ///
    /// # Errors
    /// [`BusError::Unavailable`].
    fn broadcast<'a>(&'a self, topic: &'a str, payload: Bytes) -> BoxFuture<'a, Result<(), BusError>>;

    /// Opens a feed; one per gateway node. It lives until its [`FeedItems`] is dropped.
    ///
    /// # Errors
    /// [`BusError::Unavailable`] when the first connection fails.
    fn feed<'a>(&'a self) -> BoxFuture<'a, Result<Feed, BusError>>;
}

/// An estimate of what an event occupies, for bounds in bytes.
pub(crate) fn weight(event: &ChangeEvent) -> usize {
    let rows: usize = event
        .rows
        .iter()
        .map(|row| {
            let images = row.old.as_ref().map_or(0, |image| image.get().len()) + row.new.as_ref().map_or(0, |image| image.get().len());
            images + row.key.get().len() + 64
        })
        .sum();
    rows + event.collection.len() + event.writer_keys.as_ref().map_or(0, |keys| keys.get().len()) + 160
}
