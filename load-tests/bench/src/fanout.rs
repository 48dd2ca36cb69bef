//! One change to many subscribers with the same query: deliveries per second, latency, CPU, and the floor beside it.
//!
//! ```text
//! insert #n ──▶ Postgres ──▶ gateway ──▶ N sockets ──▶ heard exactly once, in order?
//! frame  #n ──────────────▶ floor ─────▶ N sockets     the same pace, the same subscribers, frames of the same length
//! ```
//!
//! It must never count the warm-up, nor measure the floor with an easier client than the gateway's.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, ValueEnum};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use serde_json::json;
use service_runtime::Tasks;
use service_runtime::guarded_process::{GuardedProcess, Launch, Signal, free_port};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_postgres::{Client, Statement};

use crate::Report;
use crate::servers::{ServerOptions, Servers, TOKEN};
use crate::socket::{Endpoint, Socket, parsed};
use crate::statistics::Percentiles;
use crate::subscribers::{Faults, Subscribers};
use crate::usage::{Used, Watched};

/// Connections that are being opened at a time.
const OPENING: usize = 64;
/// How long to listen for what should not come.
const QUIET: Duration = Duration::from_millis(300);
/// A write that starts later than this counts from when it was due.
const LATE: Duration = Duration::from_millis(2);
/// With this the gateway's frames have the 150 to 200 bytes that published figures are about.
const PADDING: &str = "a text of moderate length, as messages have";

/// How many subscribers and changes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Connections, each with one subscription.
    #[arg(long, default_value_t = 1000)]
    pub(crate) subscribers: usize,
    /// Changes that are measured.
    #[arg(long, default_value_t = 100)]
    pub(crate) changes: usize,
    /// Changes before those.
    #[arg(long, default_value_t = 5)]
    pub(crate) warmup: usize,
    /// Changes per second; without it, one follows the other as fast as they commit.
    #[arg(long, conflicts_with = "paced")]
    pub(crate) rate: Option<f64>,
    /// The next change only after everybody has heard the last one.
    #[arg(long)]
    pub(crate) paced: bool,
    /// What the subscribers speak.
    #[arg(long, value_enum, default_value_t = Protocol::Rest)]
    pub(crate) protocol: Protocol,
    /// Subscribers take messages in batches: milliseconds that one may wait for others.
    #[arg(long, conflicts_with = "protocol")]
    pub(crate) batch: Option<u32>,
    /// Connections more that subscribe to the same and then read nothing; the raw broadcast, which waits for everybody, is left out.
    #[arg(long, default_value_t = 0)]
    pub(crate) slow: usize,
    /// The least length of each row's text.
    #[arg(long, default_value_t = 0)]
    pub(crate) text_bytes: usize,
    /// Without the raw broadcast.
    #[arg(long)]
    pub(crate) no_floor: bool,
}

/// The protocols of subscribers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// `/websocket`.
    Rest,
    /// `/graphql`.
    Graphql,
}

/// What came out.
#[derive(Debug, Serialize)]
pub(crate) struct Fanout {
    subscribers: usize,
    changes: usize,
    frame_bytes: usize,
    gateway: Measured,
    floor: Option<Measured>,
    /// Server CPU per delivery: the gateway's by the floor's.
    cpu_ratio: Option<f64>,
    /// Database reads that the changes caused.
    event_reads: Option<f64>,
    /// Connections that read nothing, and how many of them were closed for it.
    slow: Option<(usize, f64)>,
}

/// One broadcaster under load.
#[derive(Debug, Serialize)]
struct Measured {
    deliveries: u64,
    deliveries_per_second: f64,
    /// From the start of the write to the receipt.
    latency_ms: Percentiles,
    server_micros_per_delivery: Option<f64>,
    postgres_micros_per_delivery: Option<f64>,
    client_micros_per_delivery: Option<f64>,
    used: Used,
    faults: Faults,
}

/// Whatever makes a change known.
enum Writer {
    Sql { client: Client, insert: Statement, user: String, text_bytes: usize },
    Floor { speaker: TcpStream, frame_bytes: usize },
}

/// Measures the gateway, then the floor.
pub(crate) async fn run(options: &Options, servers: &ServerOptions, tasks: &Tasks) -> Result<Fanout> {
    ensure!(options.subscribers > 0 && options.changes > 0, "there must be subscribers and changes");
    ensure!(options.rate.is_none_or(|rate| rate > 0.0), "--rate must be above zero");
    let servers = Servers::start(servers, tasks).await?;
    let outcome = through_gateway(options, &servers, tasks).await;
    let Outcome { measured: gateway, frame_bytes, event_reads, slow_consumers } = servers.explain(outcome).await?;
    // Nothing else may be at work while the floor is measured.
    drop(servers);
    let floor = if options.no_floor || options.slow > 0 {
        None
    } else {
        Some(through_floor(options, frame_bytes, tasks).await.context("the floor")?)
    };
    let cpu = |measured: &Measured| measured.server_micros_per_delivery;
    let cpu_ratio = floor.as_ref().and_then(|floor| Some(cpu(&gateway)? / cpu(floor).filter(|cpu| *cpu > 0.0)?));
    let slow = slow_consumers.filter(|_| options.slow > 0).map(|closed| (options.slow, closed));
    Ok(Fanout { subscribers: options.subscribers, changes: options.changes, frame_bytes, gateway, floor, cpu_ratio, event_reads, slow })
}

/// What is known of a run through the gateway.
struct Outcome {
    measured: Measured,
    /// The mean length of its frames.
    frame_bytes: usize,
    /// Database reads that the events caused.
    event_reads: Option<f64>,
    /// Connections that were closed because they read too slowly.
    slow_consumers: Option<f64>,
}

async fn through_gateway(options: &Options, servers: &Servers, tasks: &Tasks) -> Result<Outcome> {
    let client = servers.sql(tasks).await?;
    if options.text_bytes > 0 {
        client.batch_execute("alter table messages alter column text type text").await.context("cannot widen the column")?;
    }
    // Rows of earlier runs are no part of the view.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let user = format!("bench-{}", now.as_micros());
    let query = json!({"fields": ["id", "text", "user"], "filter": {"user": {"_eq": user}}});
    let subscribe = json!({"type": "subscribe", "collection": "messages", "uid": "1", "query": query}).to_string();
    let numbers = stream::iter(0..u32::try_from(options.subscribers)?);
    let sockets: Vec<Socket> = match options.protocol {
        Protocol::Rest => {
            numbers.map(|number| subscribed(servers, &subscribe, number, options.batch)).buffer_unordered(OPENING).try_collect().await?
        }
        Protocol::Graphql => {
            let sockets = numbers.map(|number| listening(servers, number)).buffer_unordered(OPENING).try_collect().await?;
            until_listening(servers, options.subscribers).await?;
            sockets
        }
    };

    // Held open, and never read from again.
    let first = u32::try_from(options.subscribers)?;
    let deaf = stream::iter(first..first + u32::try_from(options.slow)?);
    let deaf: Vec<Socket> =
        deaf.map(|number| subscribed(servers, &subscribe, number, None)).buffer_unordered(OPENING).try_collect().await?;

    let insert = client.prepare("insert into messages (text, \"user\") values ($1, $2)").await?;
    let reads = servers.counter("tidegate_gateway_event_reads_total").await?;
    let (bytes, frames) = (servers.counter("tidegate_gateway_sent_bytes_total").await?, sent(servers).await?);
    let closed = servers.counter("tidegate_gateway_slow_consumers_total").await?;
    let writer = Writer::Sql { client, insert, user, text_bytes: options.text_bytes };
    let measured = broadcast(options, writer, sockets, servers.watched, tasks).await?;
    drop(deaf);
    let since = |now: Option<f64>, before: Option<f64>| Some(now? - before?);
    let bytes = since(servers.counter("tidegate_gateway_sent_bytes_total").await?, bytes);
    let frames = since(sent(servers).await?, frames);
    let reads = since(servers.counter("tidegate_gateway_event_reads_total").await?, reads);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the length of a short frame")]
    let frame_bytes = bytes.zip(frames).map_or(170, |(bytes, frames)| (bytes / frames.max(1.0)).round() as usize);
    let slow_consumers = since(servers.counter("tidegate_gateway_slow_consumers_total").await?, closed);
    Ok(Outcome { measured, frame_bytes, event_reads: reads, slow_consumers })
}

async fn sent(servers: &Servers) -> Result<Option<f64>> {
    servers.counter("tidegate_gateway_sent_frames_total").await
}

async fn subscribed(servers: &Servers, subscribe: &str, number: u32, batch: Option<u32>) -> Result<Socket> {
    let mut endpoint = servers.endpoint.clone();
    if let Some(batch) = batch {
        endpoint.path = format!("{}?batch={batch}", endpoint.path);
    }
    let mut socket = Socket::authenticated(&endpoint, TOKEN, number).await?;
    let init = parsed(&socket.ask(subscribe).await?)?;
    ensure!(init.get("event").is_some_and(|event| event == "init"), "no init: {init}");
    Ok(socket)
}

/// The same selection over `/graphql`, where there is no filter and no `init`.
async fn listening(servers: &Servers, number: u32) -> Result<Socket> {
    let endpoint = Endpoint { path: "/graphql".to_owned(), ..servers.endpoint.clone() };
    let mut socket = Socket::graphql(&endpoint, TOKEN, number).await?;
    let query = "subscription { messages_mutated(event: create) { key event data { id text user } } }";
    socket.send(&json!({"id": "1", "type": "subscribe", "payload": {"query": query}}).to_string()).await?;
    Ok(socket)
}

/// Subscriptions over `/graphql` are not confirmed: the gateway counts them.
async fn until_listening(servers: &Servers, subscribers: usize) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let live = servers.counter("tidegate_gateway_subscriptions").await?.context("--admin-port is missing")?;
        #[expect(clippy::cast_precision_loss, reason = "a count of subscribers")]
        if live >= subscribers as f64 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{live} of {subscribers} subscriptions are live");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn through_floor(options: &Options, frame_bytes: usize, tasks: &Tasks) -> Result<Measured> {
    let port = free_port()?.to_string();
    let subscribers = options.subscribers.to_string();
    let arguments = ["floor", "--port", &port, "--subscribers", &subscribers].map(std::ffi::OsStr::new);
    let log = std::env::temp_dir().join(format!("tidegate-bench-floor-{port}.log"));
    let program = std::env::current_exe()?;
    let mut process = GuardedProcess::start(Launch {
        program: &program,
        arguments: arguments.into(),
        user: None,
        log: &log,
        end: Signal::TERM,
        remove: None,
    })?;
    let address = format!("127.0.0.1:{port}").parse()?;
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut sockets = Vec::with_capacity(options.subscribers);
    while sockets.len() < options.subscribers {
        match Socket::bare(address, u32::try_from(sockets.len())?).await {
            Ok(socket) => sockets.push(socket),
            Err(error) if !sockets.is_empty() || Instant::now() > deadline => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    let speaker = TcpStream::connect(address).await?;
    speaker.set_nodelay(true)?;
    let watched = Watched { server: Some(process.pid()), postgres: None };
    let measured = broadcast(options, Writer::Floor { speaker, frame_bytes }, sockets, watched, tasks).await;
    process.end(Signal::TERM)?;
    let _already_gone = std::fs::remove_file(&log);
    measured
}

/// Writes all changes at the pace asked for, and measures until everybody has heard all of them.
async fn broadcast(options: &Options, mut writer: Writer, sockets: Vec<Socket>, watched: Watched, tasks: &Tasks) -> Result<Measured> {
    let (warmup, total) = (options.warmup, options.warmup + options.changes);
    let subscribers = Subscribers::listen(sockets, total, warmup, tasks);
    for number in 0..warmup {
        subscribers.writing(number, Instant::now());
        writer.write(number).await?;
    }
    ensure!(subscribers.all_heard(warmup).await, "the warm-up was not heard: {}", subscribers.finish(QUIET).await?.faults.text());
    let before = watched.sample()?;
    let start = Instant::now();
    for number in warmup..total {
        if let Some(rate) = options.rate {
            #[expect(clippy::cast_precision_loss, reason = "a count of changes")]
            let due = start + Duration::from_secs_f64((number - warmup) as f64 / rate);
            tokio::time::sleep_until(due.into()).await;
            // Timers are coarse; but a writer that lags behind must not hide the wait of its changes.
            let now = Instant::now();
            subscribers.writing(number, if now - due > LATE { due } else { now });
        } else {
            subscribers.writing(number, Instant::now());
        }
        writer.write(number).await?;
        if options.paced && !subscribers.all_heard(number + 1).await {
            break;
        }
    }
    let complete = subscribers.all_heard(total).await;
    let used = watched.since(&before)?;
    let tally = subscribers.finish(QUIET).await?;
    if !complete || !tally.faults.none() {
        bail!("not every subscriber heard every change exactly once: {}", tally.faults.text());
    }
    let deliveries = tally.latencies.count();
    #[expect(clippy::cast_precision_loss, reason = "a count of deliveries")]
    let deliveries_per_second = deliveries as f64 / used.seconds;
    Ok(Measured {
        deliveries,
        deliveries_per_second,
        latency_ms: tally.latencies.percentiles(),
        server_micros_per_delivery: Used::micros_per(used.server, deliveries),
        postgres_micros_per_delivery: Used::micros_per(used.postgres, deliveries),
        client_micros_per_delivery: Used::micros_per(Some(used.client), deliveries),
        used,
        faults: tally.faults,
    })
}

impl Writer {
    async fn write(&mut self, number: usize) -> Result<()> {
        let mut text = format!("{} {PADDING}", Subscribers::mark(number));
        match self {
            Self::Sql { client, insert, user, text_bytes } => {
                text.extend(std::iter::repeat_n('.', text_bytes.saturating_sub(text.len())));
                client.execute(insert, &[&text, user]).await.context("cannot insert")?;
            }
            Self::Floor { speaker, frame_bytes } => {
                let payload = frame_bytes.saturating_sub(4);
                ensure!((126..=0xffff).contains(&payload), "the floor writes frames of 130 to 65,539 bytes");
                let mut frame = Vec::with_capacity(payload + 8);
                frame.extend_from_slice(&u32::try_from(*frame_bytes)?.to_be_bytes());
                frame.extend_from_slice(&[0x81, 126]);
                frame.extend_from_slice(&u16::try_from(payload)?.to_be_bytes());
                frame.extend(text.bytes().chain(std::iter::repeat(b' ')).take(payload));
                speaker.write_all(&frame).await?;
            }
        }
        Ok(())
    }
}

impl Report for Fanout {
    fn text(&self) -> String {
        let Self { subscribers, changes, frame_bytes, .. } = self;
        let mut text = format!("{subscribers} subscribers, {changes} changes, frames of {frame_bytes} bytes\n");
        text.push_str(&self.gateway.text("gateway"));
        if let Some(floor) = &self.floor {
            text.push_str(&floor.text("floor"));
        }
        if let Some(ratio) = self.cpu_ratio {
            text.push_str(&format!("server CPU per delivery: {ratio:.2} times the floor\n"));
        }
        if let Some(reads) = self.event_reads {
            text.push_str(&format!("database reads caused by the changes: {reads}\n"));
        }
        if let Some((slow, closed)) = self.slow {
            text.push_str(&format!("connections that read nothing: {slow}, of which closed for it: {closed}\n"));
        }
        text
    }
}

impl Measured {
    fn text(&self, name: &str) -> String {
        let micros = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |value| format!("{value:.2} µs"));
        format!(
            "{name}\n  {:.0} deliveries/s ({} in {:.2} s); {}\n  write to receipt {}\n  CPU per delivery: server {}, postgres {}, client {}\n  busy: {}\n",
            self.deliveries_per_second,
            self.deliveries,
            self.used.seconds,
            self.faults.text(),
            self.latency_ms.text(),
            micros(self.server_micros_per_delivery),
            micros(self.postgres_micros_per_delivery),
            micros(self.client_micros_per_delivery),
            self.used.cores(),
        )
    }
}
