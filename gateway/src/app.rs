//! The composition root: builds what a node consists of, starts its named tasks, and ends them in order.
//!
//! Start: database, bus, worker (standalone only), schema and access, then the listener: a node that accepts connections
//! can serve them. End: not ready, no new connections, open ones closed in jittered batches with the "reconnect" code,
//! feed, then the rest. It must never accept a connection before it is ready, nor leave a task behind.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use change_capture::CaptureMetrics;
use change_capture::bus::{Bus, BusCapacity, InProcessBus, RedisBus};
use change_capture::worker::{self, WorkerConfig, WorkerControl, WorkerState};
use change_event::ChannelNames;
use prometheus::Registry as MetricsRegistry;
use service_runtime::admin::{self, Health, Phase};
use service_runtime::{CancellationToken, Tasks};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::auth::Authenticator;
use crate::config::Config;
use crate::connection::bearers::OpenIdentities;
use crate::connection::open::OpenConnections;
use crate::database::Database;
use crate::directory::{Directory, DirectoryOptions};
use crate::feed;
use crate::graphql::Schemas;
use crate::http;
use crate::http::listener::{ListenerLimits, ListenerMetrics};
use crate::items::ItemsService;
use crate::limits::{self, LimitReason, Limits, SharedPlace};
use crate::logs::{self, Hub, Lines};
use crate::metrics::{self, Metrics};
use crate::state::Gateway;
use crate::subscription::{Queries, Registry, RegistryOptions};

/// What tasks get at the end, however long the drain took.
const LAST: Duration = Duration::from_secs(5);

/// What the process is besides a node.
pub enum Worker {
    /// Another process captures; events come through Redis.
    Elsewhere,
    /// This process captures too, and the bus never leaves it.
    Embedded(Box<WorkerConfig>),
}

/// Everything that a run needs.
pub struct Run {
    /// The configuration.
    pub config: Config,
    /// Bounds of the bus.
    pub capacity: BusCapacity,
    /// The worker.
    pub worker: Worker,
    /// A page at `/`.
    pub page: Option<http::Page>,
    /// The lines of this process, for the logs endpoint.
    pub lines: Option<Lines>,
    /// Called once the node accepts connections.
    pub ready: Option<Box<dyn FnOnce() + Send>>,
}

/// Runs a node until `shutdown`, then drains it.
///
/// # Errors
/// When it cannot start, or when the embedded worker ends by itself.
pub async fn run(run: Run, tasks: Tasks, shutdown: CancellationToken) -> anyhow::Result<()> {
    let config = Arc::new(run.config);
    let registry = MetricsRegistry::new();
    let metrics = Arc::new(Metrics::new(&registry)?);
    let health = Health::default();
    service_runtime::metrics::process(&registry, health.clone(), &tasks)?;
    // The node's own parts end after the connections have been drained.
    let parts = CancellationToken::new();
    if let Some(address) = config.admin {
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address} (GATEWAY_ADMIN_PORT)"))?;
        tasks.spawn("admin", admin::serve(listener, health.clone(), registry.clone(), parts.clone()));
    }
    let database = Database::new(&config.database)?;
    let elsewhere = matches!(run.worker, Worker::Elsewhere);
    let bus = bus(&config, run.capacity, elsewhere, &tasks, &parts).await?;
    let capture = start_worker(run.worker, &bus, &registry, &tasks, &parts, &shutdown)?;
    if let Some(capture) = &capture {
        tokio::select! {
            () = capture.ready() => {}
            () = shutdown.cancelled() => return Ok(()),
        }
    }
    let node_feed = bus.feed().await.context("cannot subscribe to the bus")?;
    feed::watch(&node_feed.control).await.context("cannot subscribe to the bus")?;
    node_feed.metrics.register(&registry)?;
    metrics.bus_available.set(1);
    let node = logs::node_name();
    if let Some(lines) = run.lines {
        node_feed.control.subscribe_topic(logs::TOPIC).await.context("cannot subscribe to the bus")?;
        tasks.spawn("logs", logs::publish(lines, Arc::clone(&node), Arc::clone(&bus), parts.clone()));
    }
    let options = DirectoryOptions { exclude_tables: config.database.exclude_tables.clone() };
    let directory = Directory::load(database.clone(), options).await.context("cannot read schema and access from the database")?;
    let (tls, names) = (config.bus.redis_tls.clone(), ChannelNames::new(config.bus.namespace.clone()));
    let redis = config.bus.redis.clone().filter(|_| elsewhere).map(|url| SharedPlace { url, tls, names });
    let limits = Limits::new(&config.limits, redis, Arc::clone(&metrics));
    tasks.spawn("limits", limits::exchange(Arc::clone(&limits), config.limits.lease, parts.clone()));
    let authenticator =
        Authenticator::new(config.auth.clone(), database.clone(), Arc::clone(&directory), Arc::clone(&limits), tasks.clone());
    let authenticator = Arc::new(authenticator);
    metrics::register_parts(&registry, &config, &database, &directory, &authenticator)?;
    let subscriptions = Registry::new(
        RegistryOptions {
            per_connection: config.bounds.subscriptions,
            pending_bytes: config.bounds.send_queue_bytes,
            view_keys: config.bounds.view_keys,
            aggregate_interval: config.aggregate_interval,
        },
        database.clone(),
        (node_feed.control.clone(), Arc::clone(&bus)),
        Arc::clone(&metrics),
        tasks.clone(),
    );
    let state = Arc::new(Gateway {
        items: ItemsService::new(database.clone(), Arc::clone(&directory), Arc::clone(&config), tasks.clone())
            .timed_by(metrics.operations.clone()),
        graphql: Schemas::new(&config.graphql),
        connections: OpenConnections::new(&config, Arc::clone(&metrics)),
        config: Arc::clone(&config),
        database,
        directory,
        authenticator,
        subscriptions,
        queries: Queries::new(config.query.clone()),
        limits,
        logs: Hub::new(node),
        metrics,
        capture,
        tasks: tasks.clone(),
        shutdown: parts.clone(),
    });
    state.directory.watched_by(Box::new(OpenIdentities::new(&state.connections, &state.authenticator)));
    tasks.spawn("feed", feed::run(Arc::clone(&state), node_feed.items, health.clone(), parts.clone()));

    let listener = http::listener::bind(config.listen).with_context(|| format!("cannot listen on {} (HOST, PORT)", config.listen))?;
    let address = listener.local_addr()?;
    health.set(Phase::Ready);
    tracing::info!(%address, "ready");
    if let Some(capture) = &state.capture {
        tasks.spawn("capture-health", follow(capture.clone(), health.clone(), parts.clone()));
    }
    if let Some(ready) = run.ready {
        ready();
    }
    let limits = ListenerLimits {
        connections: config.bounds.connections,
        header_timeout: config.bounds.header_timeout,
        reply_timeout: config.bounds.reply_timeout,
    };
    let given_up = Some(state.metrics.refusals.with_label_values(&[LimitReason::ReplyTime.label()]));
    let deaf = CancellationToken::new();
    let serving =
        http::listener::serve(listener, http::router(&state, run.page), limits, ListenerMetrics { given_up }, &tasks, deaf.clone());
    let end = leave(&config, &health, &shutdown, &deaf);
    let ((), end) = tokio::join!(serving, end);

    tracing::info!(connections = state.connections.len(), "draining");
    let cut_off = state.connections.drain(end, config.drain.batch).await;
    if cut_off > 0 {
        tracing::warn!(connections = cut_off, "connections were cut off: their clients did not answer the close in time");
    }
    parts.cancel();
    state.subscriptions.shut();
    drop(state);
    // HTTP requests that were accepted have what is left of the drain time.
    let left = tasks.finish(end.saturating_duration_since(Instant::now()).max(LAST)).await;
    if left > 0 {
        tracing::warn!(tasks = left, "tasks were still running at the end");
    }
    Ok(())
}

/// Readiness of a node that is its own worker: what another process captures does not reach it, so it is ready only while it
/// leads.
async fn follow(capture: WorkerControl, health: Health, parts: CancellationToken) {
    let mut state = capture.state();
    loop {
        let now = *state.borrow_and_update();
        health.set(if now == WorkerState::Leading { Phase::Ready } else { Phase::Degraded });
        if now == WorkerState::StandingBy {
            tracing::warn!(
                "another process captures this database: this node hears of no change, and is not ready, until that one ends. \
                 Several nodes need REDIS, `gateway serve` and `change-capture run`"
            );
        }
        tokio::select! {
            // Both only wait.
            changed = state.changed() => if changed.is_err() { return },
            () = parts.cancelled() => return,
        }
    }
}

/// Waits for the end of the node; then it is not ready, serves on until load balancers know, and accepts nothing more.
/// Returns when the last connection has to be closed.
async fn leave(config: &Config, health: &Health, shutdown: &CancellationToken, deaf: &CancellationToken) -> Instant {
    shutdown.cancelled().await;
    health.set(Phase::Draining);
    let begin = Instant::now();
    tokio::time::sleep(config.drain.delay).await;
    deaf.cancel();
    begin + config.drain.timeout
}

async fn bus(
    config: &Config,
    capacity: BusCapacity,
    shared: bool,
    tasks: &Tasks,
    parts: &CancellationToken,
) -> anyhow::Result<Arc<dyn Bus>> {
    if !shared {
        return Ok(Arc::new(InProcessBus::new(capacity)));
    }
    let url = config.bus.redis.as_ref().context("REDIS is not set")?;
    let names = ChannelNames::new(config.bus.namespace.clone());
    let bus = RedisBus::connect_with(url, &config.bus.redis_tls, names, capacity, tasks.clone(), parts.clone())
        .await
        .context("cannot connect to Redis (REDIS)")?;
    Ok(Arc::new(bus))
}

/// Starts the embedded worker. Its end, other than by shutdown, ends the process.
fn start_worker(
    worker: Worker,
    bus: &Arc<dyn Bus>,
    registry: &MetricsRegistry,
    tasks: &Tasks,
    parts: &CancellationToken,
    shutdown: &CancellationToken,
) -> anyhow::Result<Option<WorkerControl>> {
    let Worker::Embedded(config) = worker else { return Ok(None) };
    let metrics = Arc::new(CaptureMetrics::register(registry)?);
    let control = WorkerControl::new();
    let running = worker::run(*config, Arc::clone(bus), metrics, control.clone(), tasks.clone(), parts.clone());
    let (parts, shutdown) = (parts.clone(), shutdown.clone());
    tasks.spawn("change-capture", async move {
        let ended = running.await;
        if !parts.is_cancelled() {
            tracing::error!(?ended, "the change-capture worker ended; the process ends with it");
            shutdown.cancel();
        }
    });
    Ok(Some(control))
}
