//! The receiving side of a bus, as a gateway node sees it.
//!
//! It must never hand out an event of a collection before every earlier one, unless a gap says so.

use std::sync::Arc;

use bytes::Bytes;
use change_event::ChangeEvent;

use super::feed_queue::FeedQueue;
use super::{BoxFuture, BusError, FeedMetrics, StreamHead};

/// One node's feed: a handle to choose what it carries, and its items.
#[derive(Debug)]
pub struct Feed {
    /// Chooses what the feed carries.
    pub control: FeedControl,
    /// What it carries.
    pub items: FeedItems,
    /// What it tells Prometheus.
    pub metrics: FeedMetrics,
}

/// Chooses what a feed carries; cheap to clone.
#[derive(Clone)]
pub struct FeedControl(Arc<dyn FeedBackend>);

/// What a feed carries, in order.
#[derive(Debug)]
pub struct FeedItems {
    queue: Arc<FeedQueue>,
}

/// Why a collection must be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GapReason {
    /// This node took events too slowly; some were dropped.
    Lagged,
    /// Events were missed, and the stream no longer reaches back to them.
    Trimmed,
    /// The stream started over: a new epoch.
    Epoch,
    /// An event of a newer form than this build reads.
    Undecodable,
}

/// One thing that a feed delivers.
#[derive(Debug, Clone)]
pub enum FeedItem {
    /// A change: in order, without gap or duplicate per collection.
    Event(Arc<ChangeEvent>),
    /// Changes were missed for good: whoever watches the collection reads it again. Events that follow continue after
    /// what such a read sees, or repeat a part of it.
    Gap {
        /// The collection.
        collection: Arc<str>,
        /// Why.
        reason: GapReason,
    },
    /// The store behind the bus went away, or came back. Once it is back, every subscribed collection has been checked
    /// against its head and repaired; what that gave stands before this item.
    Availability(bool),
    /// A message to a topic.
    Topic {
        /// The topic.
        topic: Arc<str>,
        /// The message.
        payload: Bytes,
    },
}

/// What an implementation of a bus provides for its feeds.
pub(super) trait FeedBackend: Send + Sync {
    fn subscribe<'a>(&'a self, collection: &'a str) -> BoxFuture<'a, Result<StreamHead, BusError>>;
    fn unsubscribe<'a>(&'a self, collection: &'a str) -> BoxFuture<'a, Result<(), BusError>>;
    fn subscribe_topic<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<(), BusError>>;
}

impl Feed {
    pub(super) fn new(backend: Arc<dyn FeedBackend>, queue: Arc<FeedQueue>) -> Self {
        Self { control: FeedControl(backend), metrics: queue.metrics().clone(), items: FeedItems { queue } }
    }
}

impl FeedControl {
    /// Carries `collection` from now on. When this returns, every event after the returned head will be delivered; the
    /// head is what this feed has delivered or what is known to be published at that moment, with sequence 0 where
    /// nothing is. Subscribing again is harmless; subscriptions are not counted.
    ///
    /// # Errors
    /// [`BusError::Unavailable`]: the store is away; nothing was subscribed.
    pub async fn subscribe(&self, collection: &str) -> Result<StreamHead, BusError> {
        self.0.subscribe(collection).await
    }

    /// Carries `collection` no more. Items that already wait are still delivered.
    ///
    /// # Errors
    /// [`BusError::Closed`] when the feed has ended.
    pub async fn unsubscribe(&self, collection: &str) -> Result<(), BusError> {
        self.0.unsubscribe(collection).await
    }

    /// Carries messages to `topic` from now on.
    ///
    /// # Errors
    /// [`BusError::Unavailable`]: the store is away; nothing was subscribed.
    pub async fn subscribe_topic(&self, topic: &str) -> Result<(), BusError> {
        self.0.subscribe_topic(topic).await
    }
}

impl std::fmt::Debug for FeedControl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FeedControl").finish_non_exhaustive()
    }
}

impl FeedItems {
    /// The next item, or `None` when the bus has shut down. Cancel-safe: an item is taken only when it is returned.
    pub async fn next(&mut self) -> Option<FeedItem> {
        self.queue.next().await
    }
}

impl Drop for FeedItems {
    fn drop(&mut self) {
        self.queue.abandon();
    }
}
