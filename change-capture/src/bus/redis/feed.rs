//! One node's feed from Redis: a task with one pub/sub connection.
//!
//! It reads as fast as Redis sends, because Redis drops a subscriber whose output buffer grows; whatever takes time (heads,
//! repairs, subscriptions) runs beside the reading. It must never wait inside its loop for anything but the next thing to
//! happen, and never deliver behind a hole.
//!
//! Loss without a sign is possible in pub/sub: a cut connection, a failover. Three looks find it: after every reconnect, when
//! a leader opens the bus, and every few seconds.

mod control;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use change_event::{ChangeEvent, DecodeError, Epoch, Sequence};
use futures_util::future::{BoxFuture as Running, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use service_runtime::Backoff;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::link::{Channel, Message, Messages, Subscriptions};
use super::place::{Arrival, Look, Place};
use super::{CONNECT_TIMEOUT, RESPONSE_TIMEOUT, Shared, unavailable};
use crate::bus::capped_stream::origin;
use crate::bus::feed_metrics::RepairCause;
use crate::bus::feed_queue::FeedQueue;
use crate::bus::{BusError, GapReason, StreamHead};
use control::{Command, Control};

/// Requests that may wait for the task; callers wait for room.
const COMMANDS: usize = 1024;
/// Events per read of a repair.
const REPAIR: usize = 500;
/// How often heads are looked at and the connection is asked for a sign of life.
const LOOK: Duration = Duration::from_secs(2);
/// How often a feed asks whether a leader has opened a Redis that came back empty.
const AWAIT_LEADER: Duration = Duration::from_millis(100);

/// What ran beside the loop and has ended.
enum Done {
    Subscribed(Arc<str>, Result<StreamHead, BusError>),
    SubscribedTopic(Arc<str>, oneshot::Sender<Result<(), BusError>>, Result<(), BusError>),
    Unsubscribed,
    Repaired(Arc<str>, Result<Repair, BusError>),
    Looked { urgent: bool, heads: Result<Heads, BusError> },
    Alive(Result<(), BusError>),
}

/// Heads by collection; `None` while no leader has opened the bus.
type Heads = Option<Vec<(Asked, Option<StreamHead>)>>;

/// A collection, and where the feed stood in it when its head was asked for.
type Asked = (Arc<str>, Option<StreamHead>);

enum Repair {
    Events(Vec<Arc<ChangeEvent>>),
    /// The stream does not reach back; this is its head.
    Gone(Option<StreamHead>),
}

struct Collection {
    place: Place,
    /// Callers of `subscribe` that wait for the head.
    waiting: Vec<oneshot::Sender<Result<StreamHead, BusError>>>,
    /// Whether a caller has been told that it is subscribed.
    confirmed: bool,
}

/// The way back to normal service after a reconnect.
struct Recovery {
    /// Whether a leader has opened the bus, so that heads mean something.
    looked: bool,
    /// Collections that are not repaired yet.
    open: HashSet<Arc<str>>,
}

/// Why the loop over one connection ended.
enum Ended {
    Lost(BusError),
    Closed,
}

struct Reader {
    bus: Arc<Shared>,
    queue: Arc<FeedQueue>,
    commands: mpsc::Receiver<Command>,
    collections: HashMap<Arc<str>, Collection>,
    topics: HashSet<Arc<str>>,
    /// What a message's channel stands for.
    channels: HashMap<String, Source>,
    recovering: Option<Recovery>,
    running: FuturesUnordered<Running<'static, Done>>,
}

#[derive(Clone)]
enum Source {
    Collection(Arc<str>),
    Topic(Arc<str>),
    Opened,
}

/// Connects and starts the task.
pub(super) async fn start(bus: Arc<Shared>, queue: Arc<FeedQueue>) -> Result<Control, BusError> {
    let (commands, receiver) = mpsc::channel(COMMANDS);
    let connection = connect(&bus).await?;
    let mut reader = Reader {
        channels: HashMap::from([(bus.names.opened(), Source::Opened)]),
        bus: Arc::clone(&bus),
        queue,
        commands: receiver,
        collections: HashMap::new(),
        topics: HashSet::new(),
        recovering: None,
        running: FuturesUnordered::new(),
    };
    bus.tasks.spawn("bus feed", async move {
        reader.run(connection).await;
        reader.queue.close();
    });
    Ok(Control { commands })
}

async fn connect(bus: &Shared) -> Result<(Subscriptions, Messages), BusError> {
    let late = |_| BusError::Unavailable("no connection in time".into());
    let connection = timeout(CONNECT_TIMEOUT, bus.place.subscriber()).await.map_err(late)?.map_err(unavailable)?;
    let (mut sink, stream) = connection;
    timeout(RESPONSE_TIMEOUT, sink.subscribe(Channel::Everywhere, &bus.names.opened())).await.map_err(late)?.map_err(unavailable)?;
    Ok((sink, stream))
}

impl Reader {
    async fn run(&mut self, mut connection: (Subscriptions, Messages)) {
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
        loop {
            match self.serve(&mut connection, &mut backoff).await {
                Ended::Closed => return,
                Ended::Lost(error) => tracing::warn!(%error, "the bus went away"),
            }
            if self.recovering.take().is_none() {
                self.queue.metrics().disconnections.inc();
                self.queue.availability(false);
            }
            self.abort_running();
            self.recovering = Some(Recovery { looked: false, open: self.collections.keys().cloned().collect() });
            loop {
                tokio::select! {
                    // All only wait or receive; a connection attempt that is dropped closes its socket.
                    () = self.queue.abandoned() => return,
                    () = self.bus.shutdown.cancelled() => return,
                    command = self.commands.recv() => match command {
                        Some(command) => self.refuse(command),
                        None => return,
                    },
                    again = async { backoff.wait().await; self.bus.clone() } => if let Ok(new) = connect(&again).await {
                        connection = new;
                        break;
                    },
                }
            }
        }
    }

    /// Serves one connection until it is lost.
    async fn serve(&mut self, connection: &mut (Subscriptions, Messages), backoff: &mut Backoff) -> Ended {
        let (sink, stream) = connection;
        if self.recovering.is_some() {
            if let Err(error) = self.resubscribe(sink).await {
                return Ended::Lost(error);
            }
            self.look(true);
        }
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        loop {
            tokio::select! {
                // All branches are cancel-safe: streams and channels give an item only when it is taken.
                message = stream.next() => match message {
                    Some(message) => self.message(message),
                    None => return Ended::Lost(BusError::Unavailable("the connection was closed".into())),
                },
                Some(done) = self.running.next() => {
                    if let Err(error) = self.done(done) {
                        return Ended::Lost(error);
                    }
                    if self.recovering.as_ref().is_some_and(|recovery| recovery.looked && recovery.open.is_empty()) {
                        self.recovering = None;
                        backoff.reset();
                        self.queue.availability(true);
                    }
                }
                command = self.commands.recv() => match command {
                    Some(command) => self.command(command, sink),
                    None => return Ended::Closed,
                },
                _ = ticks.tick() => {
                    if self.recovering.is_none() {
                        self.look(false);
                    }
                    let mut sink = sink.clone();
                    self.running.push(async move {
                        let alive = timeout(RESPONSE_TIMEOUT, sink.ping()).await;
                        Done::Alive(match alive {
                            Ok(answer) => answer.map_err(unavailable),
                            Err(_) => Err(BusError::Unavailable("no sign of life".into())),
                        })
                    }.boxed());
                }
                () = self.queue.abandoned() => return Ended::Closed,
                () = self.bus.shutdown.cancelled() => return Ended::Closed,
            }
        }
    }

    /// After a reconnect: subscribes to everything again, in few commands.
    async fn resubscribe(&mut self, sink: &mut Subscriptions) -> Result<(), BusError> {
        let channels: Vec<(Channel, String)> = self
            .channels
            .iter()
            .map(|(name, source)| match source {
                Source::Collection(_) => (Channel::Events, name.clone()),
                Source::Topic(_) | Source::Opened => (Channel::Everywhere, name.clone()),
            })
            .collect();
        let late = |_| BusError::Unavailable("no answer in time".into());
        timeout(RESPONSE_TIMEOUT, sink.subscribe_all(&channels)).await.map_err(late)?.map_err(unavailable)
    }

    /// Work of a lost connection: its results would be about a world that is gone.
    fn abort_running(&mut self) {
        self.running = FuturesUnordered::new();
        for collection in self.collections.values_mut() {
            collection.place.failed();
            for waiting in collection.waiting.drain(..) {
                let _gone = waiting.send(Err(BusError::Unavailable("the connection was lost".into())));
            }
        }
        let (collections, channels, names) = (&mut self.collections, &mut self.channels, &self.bus.names);
        collections.retain(|name, collection| {
            if !collection.confirmed {
                channels.remove(&names.channel(name));
            }
            collection.confirmed
        });
    }

    fn forget(&mut self, name: &Arc<str>) {
        self.collections.remove(name);
        self.channels.remove(&self.bus.names.channel(name));
        if let Some(recovery) = &mut self.recovering {
            recovery.open.remove(name);
        }
    }

    fn refuse(&mut self, command: Command) {
        let away = || BusError::Unavailable("the bus is away".into());
        match command {
            Command::Subscribe(collection, answer) => {
                // A feed that already carries it keeps its promise once the bus is back.
                let known = self.collections.get(&collection).and_then(|it| it.place.position());
                let _gone = answer.send(known.ok_or_else(away));
            }
            Command::Unsubscribe(collection) => self.forget(&collection),
            Command::SubscribeTopic(topic, answer) => {
                let _gone = answer.send(if self.topics.contains(&topic) { Ok(()) } else { Err(away()) });
            }
        }
    }

    fn command(&mut self, command: Command, sink: &Subscriptions) {
        let mut sink = sink.clone();
        match command {
            Command::Subscribe(name, answer) => {
                if let Some(known) = self.collections.get_mut(&name) {
                    match known.place.position() {
                        Some(position) => {
                            let _gone = answer.send(Ok(position));
                        }
                        None => known.waiting.push(answer),
                    }
                    return;
                }
                let channel = self.bus.names.channel(&name);
                self.channels.insert(channel.clone(), Source::Collection(Arc::clone(&name)));
                self.collections.insert(Arc::clone(&name), Collection { place: Place::unknown(), waiting: vec![answer], confirmed: false });
                let bus = Arc::clone(&self.bus);
                self.running.push(
                    async move {
                        // Subscribed first, then the head: whatever comes after the head arrives.
                        let head = async {
                            sink.subscribe(Channel::Events, &channel).await.map_err(unavailable)?;
                            let head = bus.head(&name).await?;
                            let epoch = match head {
                                Some(head) => return Ok(head),
                                None => bus.opened().await?.map(|(epoch, _)| epoch),
                            };
                            Ok(origin(epoch.unwrap_or(Epoch::UNOPENED)))
                        };
                        let late = |_| BusError::Unavailable("no answer in time".into());
                        let head = timeout(RESPONSE_TIMEOUT, head).await.map_err(late).flatten();
                        Done::Subscribed(name, head)
                    }
                    .boxed(),
                );
            }
            Command::Unsubscribe(name) => {
                self.forget(&name);
                let channel = self.bus.names.channel(&name);
                self.running.push(
                    async move {
                        // The channel is unknown by now: whatever still arrives on it is ignored.
                        let _ignored = sink.unsubscribe(Channel::Events, &channel).await;
                        Done::Unsubscribed
                    }
                    .boxed(),
                );
            }
            Command::SubscribeTopic(topic, answer) => {
                let channel = self.bus.names.topic(&topic);
                self.channels.insert(channel.clone(), Source::Topic(Arc::clone(&topic)));
                self.running.push(
                    async move {
                        let late = |_| BusError::Unavailable("no answer in time".into());
                        let done = timeout(RESPONSE_TIMEOUT, sink.subscribe(Channel::Everywhere, &channel)).await.map_err(late);
                        Done::SubscribedTopic(topic, answer, done.and_then(|done| done.map_err(unavailable)))
                    }
                    .boxed(),
                );
            }
        }
    }

    fn message(&mut self, message: Message) {
        match self.channels.get(&message.channel).cloned() {
            None => {}
            Some(Source::Topic(topic)) => self.queue.topic(topic, message.payload),
            // A new leader, or one that found the bus empty: heads may have moved without an event.
            Some(Source::Opened) => self.look(true),
            Some(Source::Collection(name)) => {
                let Some(collection) = self.collections.get_mut(&name) else { return };
                match ChangeEvent::decode(&message.payload) {
                    Ok(event) => match collection.place.arrive(event.epoch, event.sequence) {
                        Arrival::Deliver => self.queue.event(Arc::new(event)),
                        Arrival::Drop => {}
                        Arrival::Gap(reason) => {
                            self.queue.gap(name, reason);
                            self.queue.event(Arc::new(event));
                        }
                        Arrival::Repair(after) => self.repair(name, after, RepairCause::Hole),
                    },
                    Err(error) => {
                        if let DecodeError::Malformed(error) = &error {
                            tracing::error!(collection = %name, %error, "malformed event on the bus");
                        }
                        collection.place.forget();
                        self.queue.gap(name, GapReason::Undecodable);
                    }
                }
            }
        }
    }

    fn repair(&self, name: Arc<str>, after: StreamHead, cause: RepairCause) {
        self.queue.metrics().repair(cause);
        let bus = Arc::clone(&self.bus);
        self.running.push(
            async move {
                let repair = async {
                    Ok(match bus.read_after(&name, after, REPAIR).await? {
                        Some(events) => Repair::Events(events),
                        None => Repair::Gone(bus.head(&name).await?),
                    })
                };
                let repaired = repair.await;
                Done::Repaired(name, repaired)
            }
            .boxed(),
        );
    }

    /// Looks at all heads; `urgent` after anything that may have lost events.
    fn look(&self, urgent: bool) {
        let bus = Arc::clone(&self.bus);
        let asked: Vec<Asked> = self.collections.iter().map(|(name, it)| (Arc::clone(name), it.place.position())).collect();
        self.running.push(
            async move {
                let heads = async {
                    let names: Vec<Arc<str>> = asked.iter().map(|(name, _)| Arc::clone(name)).collect();
                    let Some(heads) = bus.heads(&names).await? else {
                        tokio::time::sleep(AWAIT_LEADER).await;
                        return Ok(None);
                    };
                    Ok(Some(asked.into_iter().zip(heads).collect()))
                };
                Done::Looked { urgent, heads: heads.await }
            }
            .boxed(),
        );
    }

    fn done(&mut self, done: Done) -> Result<(), BusError> {
        match done {
            Done::Unsubscribed => {}
            Done::Alive(alive) => alive?,
            Done::Subscribed(name, head) => self.subscribed(&name, head),
            Done::SubscribedTopic(topic, answer, done) => {
                if done.is_ok() {
                    self.topics.insert(topic);
                } else {
                    self.channels.remove(&self.bus.names.topic(&topic));
                }
                let _gone = answer.send(done);
            }
            Done::Repaired(name, repaired) => self.repaired(name, repaired)?,
            Done::Looked { urgent, heads } => match heads {
                // No leader has opened the bus: nobody can say what was missed. Only a recovery waits for one.
                Ok(None) => {
                    if self.recovering.is_some() {
                        self.look(true);
                    }
                }
                Ok(Some(heads)) => {
                    if let Some(recovery) = &mut self.recovering {
                        recovery.looked = true;
                    }
                    for ((name, asked), head) in heads {
                        let Some(collection) = self.collections.get_mut(&name) else { continue };
                        let look = collection.place.look(head, asked, urgent);
                        self.act(name, look);
                    }
                }
                Err(error) => {
                    if self.recovering.is_some() {
                        return Err(error);
                    }
                    // The ping decides whether the connection is lost.
                    tracing::debug!(%error, "could not look at the heads");
                }
            },
        }
        Ok(())
    }

    fn subscribed(&mut self, name: &Arc<str>, head: Result<StreamHead, BusError>) {
        let Some(collection) = self.collections.get_mut(name) else { return };
        match head {
            Ok(head) => {
                collection.confirmed = true;
                let look = collection.place.start(Some(head));
                for waiting in collection.waiting.drain(..) {
                    let _gone = waiting.send(Ok(head));
                }
                self.act(Arc::clone(name), look);
            }
            Err(error) => {
                for waiting in collection.waiting.drain(..) {
                    let _gone = waiting.send(Err(error.clone()));
                }
                self.forget(name);
            }
        }
    }

    fn repaired(&mut self, name: Arc<str>, repaired: Result<Repair, BusError>) -> Result<(), BusError> {
        let Some(collection) = self.collections.get_mut(&name) else { return Ok(()) };
        match repaired {
            Ok(Repair::Events(events)) => {
                let newest = events.last().map(|event| StreamHead { epoch: event.epoch, sequence: event.sequence });
                let partial = events.len() == REPAIR;
                self.queue.metrics().repaired_events.inc_by(events.len() as u64);
                for event in events {
                    self.queue.event(event);
                }
                let look = match (collection.place.repaired(newest), newest) {
                    // There may be more in the stream than arrived by itself.
                    (Look::Fine, Some(newest)) if partial => {
                        let further = StreamHead { sequence: Sequence(newest.sequence.0 + 1), ..newest };
                        collection.place.look(Some(further), Some(newest), true)
                    }
                    (look, _) => look,
                };
                self.act(name, look);
            }
            Ok(Repair::Gone(head)) => {
                let reason = collection.place.unrepairable(head);
                self.act(name, Look::Gap(reason));
            }
            Err(error) => {
                collection.place.failed();
                // Without the missing events nothing can be delivered: treat it as a lost connection, which repairs all.
                return Err(error);
            }
        }
        Ok(())
    }

    /// Follows up on a look, and notes when a collection is repaired.
    fn act(&mut self, name: Arc<str>, look: Look) {
        match look {
            Look::Repair(after) => {
                self.repair(name, after, RepairCause::Look);
                return;
            }
            Look::Gap(reason) => self.queue.gap(Arc::clone(&name), reason),
            Look::Fine => {}
        }
        let reading = self.collections.get(&name).is_some_and(|collection| collection.place.is_reading());
        if let Some(recovery) = &mut self.recovering
            && !reading
        {
            recovery.open.remove(&name);
        }
    }
}
