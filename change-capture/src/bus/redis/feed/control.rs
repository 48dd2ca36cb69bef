//! How the owner of a feed talks to its task.
//!
//! It must never answer by itself: only the task knows what is subscribed.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::bus::feed::FeedBackend;
use crate::bus::{BoxFuture, BusError, StreamHead};

/// The requests of [`Control`].
pub(super) enum Command {
    Subscribe(Arc<str>, oneshot::Sender<Result<StreamHead, BusError>>),
    Unsubscribe(Arc<str>),
    SubscribeTopic(Arc<str>, oneshot::Sender<Result<(), BusError>>),
}

/// The handle to the task.
pub(in crate::bus) struct Control {
    pub(super) commands: mpsc::Sender<Command>,
}

impl FeedBackend for Control {
    fn subscribe<'a>(&'a self, collection: &'a str) -> BoxFuture<'a, Result<StreamHead, BusError>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.commands.send(Command::Subscribe(collection.into(), answer)).await.map_err(|_| BusError::Closed)?;
            answered.await.map_err(|_| BusError::Closed)?
        })
    }

    fn unsubscribe<'a>(&'a self, collection: &'a str) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move { self.commands.send(Command::Unsubscribe(collection.into())).await.map_err(|_| BusError::Closed) })
    }

    fn subscribe_topic<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.commands.send(Command::SubscribeTopic(topic.into(), answer)).await.map_err(|_| BusError::Closed)?;
            answered.await.map_err(|_| BusError::Closed)?
        })
    }
}
