//! All subscriptions of this node: by connection for their owners, by collection for events.
//!
//! It must never deliver anything itself; it finds the collection's task. Locks are held for map look-ups only.

mod listen;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use change_capture::bus::{Bus, BusError, FeedControl, StreamHead};
use change_event::{ChangeEvent, Epoch, Snapshot};
use service_runtime::Tasks;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;
use tracing::Span;

use crate::connection::session::{ConnectionId, Session};
use crate::database::{Database, DatabaseError};
use crate::metrics::Metrics;
use crate::subscription::collection::{CollectionTask, Command, Limits, Start};
use crate::subscription::lanes::{Lanes, Notice, lanes};
use crate::subscription::position::Position;
use crate::subscription::reader::{Reader, ViewRead};
use crate::subscription::replay::{NotResumed, Replay};
use crate::subscription::request::{Planned, Request, SubscriptionId};
use crate::subscription::shared_read::SharedReads;

/// Resumes that may read the stream at the same time.
const REPLAYS: usize = 8;
/// How long a resume waits for a leader where there is none yet: a standby takes over in less.
const LEADER: Duration = Duration::from_secs(5);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(50);

/// What bounds the subscriptions of a node.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// Subscriptions of one connection.
    pub per_connection: usize,
    /// Bytes that may wait for one subscription's `init`.
    pub pending_bytes: usize,
    /// Keys remembered for one view that cannot be judged in memory.
    pub view_keys: usize,
    /// Least time between two messages of an aggregate.
    pub aggregate_interval: Duration,
}

/// The outcome of an activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// The `init` was sent and events follow.
    Live,
    /// Too much arrived between registration and `init`, or the permissions changed: plan and read it again.
    Again,
}

/// The subscriptions of a node.
pub struct Registry {
    options: RegistryOptions,
    reader: Reader,
    shared_reads: SharedReads,
    feed: FeedControl,
    bus: Arc<dyn Bus>,
    metrics: Arc<Metrics>,
    tasks: Tasks,
    next: AtomicU64,
    /// Resumes that read the stream at once; each holds a page of it.
    replays: Semaphore,
    /// Guards the map only. A task lives as long as the process once its collection was subscribed to.
    collections: Mutex<HashMap<Arc<str>, Lanes>>,
    /// Guards the map only.
    connections: Mutex<HashMap<ConnectionId, Connection>>,
}

struct Connection {
    session: Arc<Session>,
    held: HashMap<SubscriptionId, Held>,
    /// On their way: named in order of arrival, not registered yet. No more than messages in work, and mostly none: a list,
    /// which holds nothing then.
    announced: Vec<(SubscriptionId, Announced)>,
}

struct Announced {
    uid: Option<Arc<str>>,
    resumes_as: Option<u64>,
}

/// One subscription as its connection holds it.
#[derive(Clone)]
struct Held {
    request: Arc<Request>,
    /// Its permissions do not allow it at the moment; the client has been told once.
    refused: bool,
    /// Its `init` was sent.
    live: bool,
    resumes_as: Option<u64>,
}

/// One subscription, for whoever plans it again.
pub(crate) struct HeldSubscription {
    pub(crate) session: Arc<Session>,
    pub(crate) id: SubscriptionId,
    pub(crate) request: Arc<Request>,
    pub(crate) refused: bool,
    pub(crate) live: bool,
}

impl Connection {
    fn new(session: &Arc<Session>) -> Self {
        Self { session: Arc::clone(session), held: HashMap::new(), announced: Vec::new() }
    }

    fn announced(&self, id: SubscriptionId) -> Option<&Announced> {
        self.announced.iter().find(|(announced, _)| *announced == id).map(|(_, it)| it)
    }
}

impl Registry {
    /// An empty registry that subscribes through `feed` and reads what was missed from `bus`.
    #[must_use]
    pub fn new(
        options: RegistryOptions,
        database: Database,
        (feed, bus): (FeedControl, Arc<dyn Bus>),
        metrics: Arc<Metrics>,
        tasks: Tasks,
    ) -> Arc<Self> {
        let reader = Reader::new(database, metrics.event_reads.clone());
        Arc::new(Self {
            options,
            reader,
            shared_reads: SharedReads::default(),
            feed,
            bus,
            metrics,
            tasks,
            next: AtomicU64::new(1),
            replays: Semaphore::new(REPLAYS),
            collections: Mutex::default(),
            connections: Mutex::default(),
        })
    }

    /// A name for the next subscription, in order of arrival. An unsubscribe that comes before it is registered still
    /// ends it. [`Registry::conclude`] must follow. `None` for a resume that is under way, or done, already.
    pub fn announce(&self, session: &Arc<Session>, uid: Option<Arc<str>>, resumes_as: Option<u64>) -> Option<SubscriptionId> {
        let mut connections = self.connections();
        let connection = connections.entry(session.id()).or_insert_with(|| Connection::new(session));
        let mut others = connection.announced.iter().map(|(_, it)| it.resumes_as).chain(connection.held.values().map(|it| it.resumes_as));
        if resumes_as.is_some() && others.any(|other| other == resumes_as) {
            return None;
        }
        let id = SubscriptionId(self.next.fetch_add(1, Ordering::Relaxed));
        connection.announced.push((id, Announced { uid, resumes_as }));
        Some(id)
    }

    /// The subscription has been registered, or never will be.
    pub fn conclude(&self, connection: ConnectionId, id: SubscriptionId) {
        if let Some(connection) = self.connections().get_mut(&connection) {
            connection.announced.retain(|(announced, _)| *announced != id);
            if connection.announced.is_empty() {
                connection.announced = Vec::new();
            }
        }
    }

    /// Whether `connection` holds as many subscriptions as it may besides `id`, not counting those that `uid` would replace.
    /// Those before it that are on their way count: many at once must not pass a limit that none has reached yet.
    #[must_use]
    pub fn is_full(&self, connection: ConnectionId, id: SubscriptionId, uid: Option<&str>) -> bool {
        let other = |name: Option<&str>| uid.is_none() || name != uid;
        self.connections().get(&connection).is_some_and(|connection| {
            let held = connection.held.iter().filter(|(held, entry)| **held != id && other(entry.request.uid.as_deref()));
            let coming = connection
                .announced
                .iter()
                .filter(|(coming, name)| *coming < id && !connection.held.contains_key(coming) && other(name.uid.as_deref()));
            held.count() + coming.count() >= self.options.per_connection
        })
    }

    /// Registers a subscription: when this returns, every change that a later snapshot does not contain reaches it. Returns
    /// the newest event that it will not be told of; `None` when it has ended already.
    ///
    /// # Errors
    /// When the bus cannot be subscribed to.
    pub async fn register(
        &self,
        session: &Arc<Session>,
        id: SubscriptionId,
        request: &Arc<Request>,
        planned: Planned,
    ) -> Result<Option<StreamHead>, BusError> {
        let task = self.task(&request.collection).await?;
        let ended = {
            let mut connections = self.connections();
            let connection = connections.entry(session.id()).or_insert_with(|| Connection::new(session));
            let same = |held: &Held| request.uid.is_some() && held.request.uid == request.uid;
            let newer = connection.held.iter().any(|(other, held)| *other > id && same(held));
            match connection.announced(id).filter(|_| !newer) {
                Some(Announced { resumes_as, .. }) => {
                    let resumes_as = *resumes_as;
                    connection.held.insert(id, Held { request: Arc::clone(request), refused: false, live: false, resumes_as });
                    false
                }
                None => true,
            }
        };
        if ended {
            // A later message with this uid was faster, or it was ended before it began.
            return Ok(None);
        }
        if session.queue().is_closed() {
            // The connection ended while this was on its way; its clean-up may have come before the insertion above.
            self.close(session.id()).await;
            return Ok(None);
        }
        let (done, registered) = oneshot::channel();
        let queue = Arc::clone(session.queue());
        let command = Command::Register { subscription: id, request: Arc::clone(request), planned: Box::new(planned), queue, done };
        task.command(command).await;
        // The task answers unless the process is ending.
        Ok(registered.await.ok())
    }

    /// Starts delivery; with `at_any_rate` the view is read once more behind whatever came meanwhile, if `start` does not hold any more.
    /// A subscription that is gone by now counts as live.
    pub async fn activate(&self, session: &Session, request: &Request, id: SubscriptionId, start: Start, at_any_rate: bool) -> Activation {
        let Some(task) = self.collections().get(&request.collection).cloned() else { return Activation::Live };
        let (done, activated) = oneshot::channel();
        task.command(Command::Activate { subscription: id, start, at_any_rate, done }).await;
        if !activated.await.unwrap_or(true) {
            return Activation::Again;
        }
        if let Some(held) = self.connections().get_mut(&session.id()).and_then(|connection| connection.held.get_mut(&id)) {
            held.live = true;
        }
        Activation::Live
    }

    /// Confirms a resume and sends what was missed after `from`, up to `until` or further. Returns the last event sent.
    ///
    /// # Errors
    /// Why it cannot be told; a part may have been sent, which a following `init` replaces.
    pub async fn replay(
        &self,
        session: &Session,
        request: &Request,
        planned: &Planned,
        from: &Position,
        until: StreamHead,
    ) -> Result<StreamHead, NotResumed> {
        let until = self.opened(&request.collection, until).await;
        // The semaphore is never closed.
        let _turn = self.replays.acquire().await;
        let replay = Replay { bus: &*self.bus, reader: &self.reader, queue: session.queue(), view_keys: self.options.view_keys };
        replay.run(request, planned, from, until).await
    }

    /// `head`, or where the stream stands once a leader has opened the bus: clients are back sooner than it after everything was
    /// started again, and what they missed is told as soon as the bus has it again.
    async fn opened(&self, collection: &str, mut head: StreamHead) -> StreamHead {
        let end = Instant::now() + LEADER;
        while head.epoch == Epoch::UNOPENED && Instant::now() < end {
            tokio::time::sleep(LOOK).await;
            // A bus that is away says later where it stands.
            head = self.feed.subscribe(collection).await.unwrap_or(head);
        }
        head
    }

    /// Reads a view, or the one item in `item`, for an `init`; equal ones that are wanted at once are read once.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(&self, planned: &Planned, item: Option<&str>) -> Result<Arc<ViewRead>, DatabaseError> {
        let key = (Arc::clone(&planned.statement), item.map(Into::into));
        self.shared_reads.read(key, || self.reader.view(planned, item)).await
    }

    /// What is committed now: a subscription without data begins here.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn snapshot(&self) -> Result<Option<Arc<Snapshot>>, DatabaseError> {
        self.reader.snapshot().await
    }

    /// Whether `connection` still holds `id`.
    #[must_use]
    pub fn holds(&self, connection: ConnectionId, id: SubscriptionId) -> bool {
        self.connections().get(&connection).is_some_and(|connection| connection.held.contains_key(&id))
    }

    /// Ends one subscription.
    pub async fn remove(&self, connection: ConnectionId, id: SubscriptionId) {
        let held = self.connections().get_mut(&connection).and_then(|connection| connection.held.remove(&id));
        if let Some(held) = held {
            self.tell(&held.request.collection, Command::Remove { subscription: id }).await;
        }
    }

    /// Ends the subscriptions of `uid` that are older than `before`, as a new one replaces them.
    pub async fn replace(&self, connection: ConnectionId, uid: &str, before: SubscriptionId) {
        self.remove_where(connection, |id, other| id < before && other.as_deref() == Some(uid)).await;
    }

    /// Ends the subscription of `uid`, or all of the connection.
    pub async fn unsubscribe(&self, connection: ConnectionId, uid: Option<&str>) {
        self.remove_where(connection, |_, other| uid.is_none() || other.as_deref() == uid).await;
    }

    /// Forgets a closed connection.
    pub async fn close(&self, connection: ConnectionId) {
        self.remove_where(connection, |_, _| true).await;
        self.connections().remove(&connection);
    }

    /// Every subscription, for planning them again; of one connection if `only` is given.
    pub(crate) fn held(&self, only: Option<ConnectionId>) -> Vec<HeldSubscription> {
        let connections = self.connections();
        let of = |connection: &Connection| {
            let session = Arc::clone(&connection.session);
            let held = connection.held.iter().map(move |(id, held)| HeldSubscription {
                session: Arc::clone(&session),
                id: *id,
                request: Arc::clone(&held.request),
                refused: held.refused,
                live: held.live,
            });
            held.collect::<Vec<_>>()
        };
        match only {
            Some(id) => connections.get(&id).map(of).unwrap_or_default(),
            None => connections.values().flat_map(of).collect(),
        }
    }

    /// Moves a subscription to the group of its new plan, or parks it. Returns whether it was refused before.
    pub(crate) async fn regroup(&self, held: &HeldSubscription, planned: Option<Planned>) {
        let refused = planned.is_none();
        if let Some(entry) = self.connections().get_mut(&held.session.id()).and_then(|connection| connection.held.get_mut(&held.id)) {
            entry.refused = refused;
        }
        self.tell(&held.request.collection, Command::Regroup { subscription: held.id, planned: planned.map(Box::new) }).await;
    }

    /// After moving subscriptions: those whose view became another one are sent it.
    pub(crate) async fn settle(&self, collection: &str) {
        self.tell(collection, Command::Settle).await;
    }

    /// Hears of `collection` though nobody subscribes to it: the node itself must know.
    ///
    /// # Errors
    /// When the bus cannot be subscribed to.
    pub async fn watch(&self, collection: &str) -> Result<(), BusError> {
        self.feed.subscribe(collection).await.map(|_head| ())
    }

    /// Hands an event to its collection. The answer comes when it has been delivered; until then `span` lasts.
    pub async fn event(&self, event: Arc<ChangeEvent>, span: Span) -> oneshot::Receiver<()> {
        let (done, delivered) = oneshot::channel();
        let collection = Arc::clone(&event.collection);
        self.notify(&collection, Notice::Event(event, span, done)).await;
        delivered
    }

    /// Changes of `collection` were lost: its views are read again.
    pub async fn gap(&self, collection: &str) {
        self.notify(collection, Notice::Gap).await;
    }

    /// Lets the collections' tasks end once what they were told is done.
    pub fn shut(&self) {
        self.collections().clear();
    }

    /// Waits until everything told so far is done in every collection.
    pub async fn barrier(&self) {
        let tasks: Vec<_> = self.collections().values().cloned().collect();
        for task in tasks {
            let (done, passed) = oneshot::channel();
            task.notice(Notice::Barrier(done)).await;
            // A task that ended has nothing left to do.
            let _passed = passed.await;
        }
    }

    async fn remove_where(&self, connection: ConnectionId, which: impl Fn(SubscriptionId, &Option<Arc<str>>) -> bool) {
        let removed: Vec<(SubscriptionId, Held)> = {
            let mut connections = self.connections();
            let Some(connection) = connections.get_mut(&connection) else { return };
            connection.announced.retain(|(id, it)| !which(*id, &it.uid));
            connection.held.extract_if(|id, held| which(*id, &held.request.uid)).collect()
        };
        for (subscription, held) in removed {
            self.tell(&held.request.collection, Command::Remove { subscription }).await;
        }
    }

    async fn tell(&self, collection: &str, command: Command) {
        let task = self.collections().get(collection).cloned();
        if let Some(task) = task {
            task.command(command).await;
        }
    }

    async fn notify(&self, collection: &str, notice: Notice) {
        let task = self.collections().get(collection).cloned();
        if let Some(task) = task {
            task.notice(notice).await;
        }
    }

    /// The task of a collection, started and subscribed to the bus when there is none.
    async fn task(&self, collection: &Arc<str>) -> Result<Lanes, BusError> {
        if let Some(task) = self.collections().get(collection).cloned() {
            return Ok(task);
        }
        let head = self.feed.subscribe(collection).await?;
        let mut collections = self.collections();
        let task = collections.entry(Arc::clone(collection)).or_insert_with(|| {
            let (lanes, queue) = lanes();
            let limits = Limits {
                pending_bytes: self.options.pending_bytes,
                view_keys: self.options.view_keys,
                aggregate_interval: self.options.aggregate_interval,
            };
            let task = CollectionTask::new(head, self.reader.clone(), limits, Arc::clone(&self.metrics));
            self.tasks.spawn("collection", task.run(queue));
            lanes
        });
        Ok(task.clone())
    }

    fn collections(&self) -> MutexGuard<'_, HashMap<Arc<str>, Lanes>> {
        self.collections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<ConnectionId, Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
