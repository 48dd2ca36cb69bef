//! Servers, databases, workers and what they published.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use change_capture::CaptureMetrics;
use change_capture::bus::{
    BoxFuture, Bus, BusCapacity, BusError, Feed, FeedControl, FeedItem, FeedItems, Fence, InProcessBus, KnownHead, StreamHead,
};
use change_capture::worker::{self, WorkerConfig, WorkerControl};
use change_event::{ChangeEvent, Epoch, Operation};
use futures_util::FutureExt as _;
use prometheus::Registry;
use service_runtime::testkit::{PrivatePostgres, PrivatePostgresOptions};
use service_runtime::{CancellationToken, Tasks};
use tokio::sync::{OnceCell, watch};
use tokio_postgres::{Client, NoTls};

/// Every wait in these tests ends after this at the latest; only a failing test reaches it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

static SERVER: OnceCell<PrivatePostgres> = OnceCell::const_new();
static PREPARING: OnceCell<PrivatePostgres> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

async fn start(prepared: &str) -> PrivatePostgres {
    let settings = [
        ("fsync", "off"),
        ("synchronous_commit", "off"),
        ("full_page_writes", "off"),
        ("max_connections", "300"),
        ("log_min_messages", "error"),
        ("max_prepared_transactions", prepared),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    PrivatePostgres::start(PrivatePostgresOptions { settings, ..Default::default() }).await.unwrap()
}

/// A database of one test.
pub(crate) struct Database {
    server: &'static PrivatePostgres,
    pub(crate) name: String,
}

impl Database {
    /// An empty database.
    pub(crate) async fn create() -> Self {
        Self::on(SERVER.get_or_init(|| start("0")).await).await
    }

    /// The same on a server that allows prepared transactions.
    pub(crate) async fn create_preparing() -> Self {
        Self::on(PREPARING.get_or_init(|| start("10")).await).await
    }

    async fn on(server: &'static PrivatePostgres) -> Self {
        let name = format!("t{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        let admin = connect(&server.config("template1")).await;
        admin.batch_execute(&format!("create database {name} template template0")).await.unwrap();
        Self { server, name }
    }

    pub(crate) fn connection_string(&self) -> String {
        self.server.config(&self.name)
    }

    pub(crate) fn config(&self) -> tokio_postgres::Config {
        self.connection_string().parse().unwrap()
    }

    pub(crate) fn server(&self) -> &'static PrivatePostgres {
        self.server
    }

    pub(crate) async fn client(&self) -> Client {
        connect(&self.connection_string()).await
    }

    /// Runs statements, each committed by itself.
    pub(crate) async fn run(&self, statements: &[&str]) {
        let client = self.client().await;
        for statement in statements {
            client.batch_execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        }
    }

    pub(crate) fn worker_config(&self) -> WorkerConfig {
        WorkerConfig { catalog_interval: Duration::from_millis(200), ..WorkerConfig::new(self.config()) }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's client lives as long as its runtime")]
pub(crate) async fn connect(config: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(config, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Waits for `future`, at most [`DEADLINE`].
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// Asks again until the answer is yes, at most [`DEADLINE`].
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    soon(what, async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// A running worker.
pub(crate) struct Worker {
    pub(crate) control: WorkerControl,
    pub(crate) metrics: Arc<CaptureMetrics>,
    pub(crate) tasks: Tasks,
    shutdown: CancellationToken,
    /// Aborting it is the closest thing to `kill -9` inside one process.
    handle: tokio::task::JoinHandle<Option<()>>,
}

impl Worker {
    pub(crate) fn start(config: WorkerConfig, bus: Arc<dyn Bus>) -> Self {
        let (control, tasks, shutdown) = (WorkerControl::new(), Tasks::new(), CancellationToken::new());
        let metrics = Arc::new(CaptureMetrics::register(&Registry::new()).unwrap());
        let run = worker::run(config, bus, Arc::clone(&metrics), control.clone(), tasks.clone(), shutdown.clone());
        let handle = tasks.spawn("worker", async move { run.await.unwrap() });
        Self { control, metrics, tasks, shutdown, handle }
    }

    pub(crate) async fn is_leader(&self) {
        eventually("the worker leads", || async { self.metrics.leader.get() == 1 }).await;
    }

    pub(crate) async fn synchronise(&self) {
        soon("synchronised", self.control.synchronise()).await.unwrap();
    }

    /// SIGTERM.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        assert_eq!(self.tasks.finish(DEADLINE).await, 0, "every task ends");
    }

    /// kill -9.
    pub(crate) async fn kill(self) {
        self.handle.abort();
        assert!(soon("killed", self.handle).await.is_err(), "the worker was still running");
    }
}

/// A worker with an in-process bus and a feed.
pub(crate) struct Rig {
    pub(crate) database: Database,
    pub(crate) worker: Worker,
    pub(crate) seen: Collector,
}

impl Rig {
    /// Runs `schema`, starts a worker, subscribes to `collections`.
    pub(crate) async fn start(schema: &[&str], collections: &[&str]) -> Self {
        let database = Database::create().await;
        let config = database.worker_config();
        Self::with(database, config, schema, collections).await
    }

    pub(crate) async fn with(database: Database, config: WorkerConfig, schema: &[&str], collections: &[&str]) -> Self {
        database.run(schema).await;
        let bus = InProcessBus::new(BusCapacity::default());
        let worker = Worker::start(config, Arc::new(bus.clone()));
        soon("ready", worker.control.ready()).await;
        // The resets of newly captured tables are out before anybody listens.
        worker.synchronise().await;
        let seen = Collector::subscribe(&bus, collections).await;
        Self { database, worker, seen }
    }

    /// Everything that was committed until now and not taken yet.
    pub(crate) async fn events(&mut self) -> Vec<Arc<ChangeEvent>> {
        self.worker.synchronise().await;
        self.seen.take()
    }

    /// The same, in short form.
    pub(crate) async fn summary(&mut self) -> Vec<String> {
        self.events().await.iter().map(|event| summary(event)).collect()
    }
}

/// A feed whose items are kept.
pub(crate) struct Collector {
    pub(crate) control: FeedControl,
    pub(crate) items: FeedItems,
}

impl Collector {
    pub(crate) async fn subscribe(bus: &dyn Bus, collections: &[&str]) -> Self {
        let Feed { control, items, .. } = bus.feed().await.unwrap();
        for collection in collections {
            control.subscribe(collection).await.unwrap();
        }
        Self { control, items }
    }

    pub(crate) async fn next(&mut self) -> FeedItem {
        soon("an item", self.items.next()).await.expect("the feed goes on")
    }

    /// The events that wait; anything but an event is a failure.
    pub(crate) fn take(&mut self) -> Vec<Arc<ChangeEvent>> {
        std::iter::from_fn(|| self.items.next().now_or_never().flatten())
            .map(|item| match item {
                FeedItem::Event(event) => event,
                other => panic!("not an event: {other:?}"),
            })
            .collect()
    }
}

/// `articles c 1,2`: collection, operation, keys.
pub(crate) fn summary(event: &ChangeEvent) -> String {
    let operation = match event.operation {
        Operation::Create => "c",
        Operation::Update => "u",
        Operation::Delete => "d",
        Operation::Reset => "r",
    };
    let keys: Vec<_> = event.rows.iter().map(|row| row.key.get()).collect();
    format!("{} {operation} {}", event.collection, keys.join(",")).trim_end().to_owned()
}

/// What a [`FaultyBus`] does with publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Passes everything on.
    None,
    /// Publishes and then never answers: the worker dies between publishing and knowing.
    HangAfter,
    /// Holds publishes back until the fault is lifted: a worker that is paused in the middle.
    HangBefore,
    /// Publishes one event of each call and then fails.
    Half,
    /// Fails.
    Unavailable,
}

type Offer = (Fence, Arc<ChangeEvent>);

/// A bus that fails on request, and remembers every event that a worker tried to publish.
#[derive(Clone)]
pub(crate) struct FaultyBus {
    inner: Arc<dyn Bus>,
    fault: Arc<watch::Sender<Fault>>,
    offered: Arc<Mutex<Vec<Offer>>>,
    results: Arc<Mutex<Vec<Result<(), BusError>>>>,
}

impl FaultyBus {
    pub(crate) fn around(inner: Arc<dyn Bus>) -> Self {
        Self { inner, fault: Arc::new(watch::Sender::new(Fault::None)), offered: Arc::default(), results: Arc::default() }
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// What publishes of `collection` were attempted so far: (fence, sequence, event as JSON).
    pub(crate) fn offered(&self, collection: &str) -> Vec<(Fence, u64, String)> {
        let offered = self.offered.lock().unwrap();
        offered
            .iter()
            .filter(|(_, event)| &*event.collection == collection)
            .map(|(fence, event)| (*fence, event.sequence.0, String::from_utf8(event.encode().unwrap()).unwrap()))
            .collect()
    }

    /// What the bus said to the publishes.
    pub(crate) fn results(&self) -> Vec<Result<(), BusError>> {
        self.results.lock().unwrap().clone()
    }
}

impl Bus for FaultyBus {
    fn open<'a>(
        &'a self,
        fence: Fence,
        epoch: Epoch,
        heads: &'a [KnownHead],
        tail: &'a [Arc<ChangeEvent>],
    ) -> BoxFuture<'a, Result<(), BusError>> {
        self.inner.open(fence, epoch, heads, tail)
    }
    fn is_open<'a>(&'a self, fence: Fence, epoch: Epoch) -> BoxFuture<'a, Result<bool, BusError>> {
        self.inner.is_open(fence, epoch)
    }
    fn publish<'a>(&'a self, fence: Fence, events: &'a [Arc<ChangeEvent>]) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            self.offered.lock().unwrap().extend(events.iter().map(|event| (fence, Arc::clone(event))));
            let fault = *self.fault.borrow();
            let result = match fault {
                Fault::None => self.inner.publish(fence, events).await,
                Fault::HangAfter => {
                    self.inner.publish(fence, events).await?;
                    std::future::pending().await
                }
                Fault::HangBefore => {
                    let mut fault = self.fault.subscribe();
                    fault.wait_for(|fault| *fault == Fault::None).await.unwrap();
                    self.inner.publish(fence, events).await
                }
                Fault::Half => {
                    self.inner.publish(fence, &events[..1]).await?;
                    Err(BusError::Unavailable("half".into()))
                }
                Fault::Unavailable => Err(BusError::Unavailable("on purpose".into())),
            };
            self.results.lock().unwrap().push(result.clone());
            result
        })
    }
    fn head<'a>(&'a self, collection: &'a str) -> BoxFuture<'a, Result<Option<StreamHead>, BusError>> {
        self.inner.head(collection)
    }
    fn read_after<'a>(
        &'a self,
        collection: &'a str,
        after: StreamHead,
        limit: usize,
    ) -> BoxFuture<'a, Result<Option<Vec<Arc<ChangeEvent>>>, BusError>> {
        self.inner.read_after(collection, after, limit)
    }
    fn broadcast<'a>(&'a self, topic: &'a str, payload: Bytes) -> BoxFuture<'a, Result<(), BusError>> {
        self.inner.broadcast(topic, payload)
    }
    fn feed<'a>(&'a self) -> BoxFuture<'a, Result<Feed, BusError>> {
        self.inner.feed()
    }
}
