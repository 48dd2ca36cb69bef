//! How long a change takes from its commit to a feed, and what capture costs the writer.
//!
//! Starts a private Postgres and Redis, so it touches nothing: `cargo run --release -p change-capture --example latency`.
//! It must never be read as a benchmark of the machine: it compares modes with each other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use change_capture::CaptureMetrics;
use change_capture::bus::{Bus, BusCapacity, FeedItem, InProcessBus, RedisBus};
use change_capture::config::NotifyMode;
use change_capture::worker::{self, WorkerConfig, WorkerControl};
use change_event::ChannelNames;
use prometheus::Registry;
use service_runtime::testkit::{PrivatePostgres, PrivatePostgresOptions, PrivateRedis};
use service_runtime::{CancellationToken, Tasks};
use tokio_postgres::{Client, NoTls};

const WRITERS: usize = 8;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let redis = PrivateRedis::start(&[]).await?;
    for fsync in ["off", "on"] {
        let settings = vec![("fsync".to_owned(), fsync.to_owned())];
        let server = PrivatePostgres::start(PrivatePostgresOptions { settings, ..Default::default() }).await?;
        for bus in ["in-process", "redis"] {
            for notify in [NotifyMode::Adaptive, NotifyMode::Always, NotifyMode::Off] {
                measure(&server, &redis, bus, notify, fsync).await?;
            }
        }
        throughput(&server, None).await?;
    }
    Ok(())
}

async fn measure(server: &PrivatePostgres, redis: &PrivateRedis, bus_name: &str, notify: NotifyMode, fsync: &str) -> anyhow::Result<()> {
    let (tasks, shutdown) = (Tasks::new(), CancellationToken::new());
    let name = format!("l_{fsync}_{}_{}", bus_name.replace('-', "_"), notify.as_str());
    server.create_database(&name).await?;
    let client = connect(&server.config(&name), &tasks).await?;
    client.batch_execute("create table t (id serial primary key, v text)").await?;
    let bus: Arc<dyn Bus> = match bus_name {
        "redis" => {
            let names = ChannelNames::new(&name);
            Arc::new(RedisBus::connect(&redis.url().into(), names, BusCapacity::default(), tasks.clone(), shutdown.clone()).await?)
        }
        _ => Arc::new(InProcessBus::new(BusCapacity::default())),
    };
    let control = WorkerControl::new();
    let config = WorkerConfig { notify, ..WorkerConfig::new(server.config(&name).parse::<tokio_postgres::Config>()?) };
    let metrics = Arc::new(CaptureMetrics::register(&Registry::new())?);
    let run = worker::run(config, Arc::clone(&bus), metrics, control.clone(), tasks.clone(), shutdown.clone());
    tasks.spawn("worker", run);
    control.ready().await;
    control.synchronise().await?;
    let mut feed = bus.feed().await?;
    feed.control.subscribe("t").await?;
    for rate in [10_u32, 100, 1000] {
        let count = (rate * 3).clamp(50, 3000);
        let mut latencies = Vec::new();
        let insert = client.prepare("insert into t (v) values ('some text of moderate length')").await?;
        let mut due = tokio::time::Instant::now();
        for _ in 0..count {
            due += Duration::from_secs(1) / rate;
            tokio::time::sleep_until(due).await;
            client.execute(&insert, &[]).await?;
            let committed = Instant::now();
            while !matches!(feed.items.next().await, Some(FeedItem::Event(_)) | None) {}
            latencies.push(committed.elapsed());
        }
        latencies.sort();
        let at = |share: f64| latencies.get((latencies.len() as f64 * share) as usize).copied().unwrap_or_default();
        report(&format!(
            "fsync {fsync:3} {bus_name:10} {:8} at most {rate:4}/s: commit -> feed p50 {:>9.2?} p90 {:>9.2?} p99 {:>9.2?}",
            notify.as_str(),
            at(0.5),
            at(0.9),
            at(0.99)
        ));
    }
    let writers = throughput(server, Some(&name)).await?;
    let started = Instant::now();
    control.synchronise().await?;
    report(&format!(
        "fsync {fsync:3} {bus_name:10} {:8} {WRITERS} writers: {writers:.0} commits/s, caught up {:.2?} after they stopped",
        notify.as_str(),
        started.elapsed()
    ));
    shutdown.cancel();
    tasks.finish(Duration::from_secs(10)).await;
    Ok(())
}

/// Single-row inserts by several writers for a while; without a database, a table that nobody captures.
async fn throughput(server: &PrivatePostgres, database: Option<&str>) -> anyhow::Result<f64> {
    let tasks = Tasks::new();
    let name = database.unwrap_or("l_plain");
    if database.is_none() {
        server.create_database(name).await?;
        connect(&server.config(name), &tasks).await?.batch_execute("create table t (id serial primary key, v text)").await?;
    }
    let started = Instant::now();
    let mut handles = Vec::new();
    for _ in 0..WRITERS {
        let client = connect(&server.config(name), &tasks).await?;
        handles.push(tasks.spawn("writer", async move {
            let insert = client.prepare("insert into t (v) values ('some text of moderate length')").await?;
            let mut count = 0_u32;
            while started.elapsed() < Duration::from_secs(3) {
                client.execute(&insert, &[]).await?;
                count += 1;
            }
            Ok::<_, tokio_postgres::Error>(count)
        }));
    }
    let mut total = 0;
    for handle in handles {
        total += handle.await?.unwrap_or(Ok(0))?;
    }
    let rate = f64::from(total) / started.elapsed().as_secs_f64();
    if database.is_none() {
        report(&format!("without capture, {WRITERS} writers: {rate:.0} commits/s"));
    }
    Ok(rate)
}

async fn connect(config: &str, tasks: &Tasks) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(config, NoTls).await?;
    tasks.spawn("connection", connection);
    Ok(client)
}

#[expect(clippy::print_stdout, reason = "a program whose purpose is its output")]
fn report(line: &str) {
    println!("{line}");
}
