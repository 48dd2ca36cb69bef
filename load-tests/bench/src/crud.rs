//! Reads and writes over sockets: a few connections, each with one message under way.
//!
//! The first answer of each kind is looked at closely, all others by their head and `uid`. It must never measure an
//! operation that was refused, nor one whose answer was another's.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use futures_util::future::try_join_all;
use rand::Rng as _;
use serde::Serialize;
use serde_json::{Value, json};
use service_runtime::Tasks;

use crate::Report;
use crate::servers::{ServerOptions, Servers, TOKEN};
use crate::socket::{Socket, is_ok, parsed};
use crate::statistics::{Latencies, Percentiles};
use crate::usage::Used;

/// Rows of the fixture's collection of articles.
const ARTICLES: u32 = 10_000;
/// Rows of one large read.
const PAGE: u32 = 100;
/// Statements are prepared and caches filled before the measurement.
const WARMUP: Duration = Duration::from_millis(500);

/// How many connections, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Connections; each waits for its answer before it asks again.
    #[arg(long, default_value_t = 8)]
    pub(crate) connections: u32,
    /// Seconds for each kind of operation.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) seconds: f64,
}

/// What came out.
#[derive(Debug, Serialize)]
pub(crate) struct Crud {
    connections: u32,
    read_by_key: Measured,
    read_100_with_two_relations: Measured,
    create: Measured,
    update: Measured,
}

/// One kind of operation.
#[derive(Debug, Serialize)]
struct Measured {
    operations: u64,
    per_second: f64,
    latency_ms: Percentiles,
    server_micros: Option<f64>,
    postgres_micros: Option<f64>,
    client_micros: Option<f64>,
    used: Used,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    ReadByKey,
    ReadRelated,
    Create,
    Update,
}

/// Measures one kind of operation after the other, on the same connections.
pub(crate) async fn run(options: &Options, servers: &ServerOptions, tasks: &Tasks) -> Result<Crud> {
    ensure!(options.connections > 0 && options.seconds > 0.0, "there must be connections and time");
    let servers = Servers::start(servers, tasks).await?;
    let measured = async {
        let opened = (0..options.connections).map(|number| Socket::authenticated(&servers.endpoint, TOKEN, number));
        let mut sockets = try_join_all(opened).await?;
        let mut all = Vec::new();
        for operation in [Operation::ReadByKey, Operation::ReadRelated, Operation::Create, Operation::Update] {
            all.push(measure(operation, options, &servers, &mut sockets).await?);
        }
        anyhow::Ok(all)
    };
    let measured = servers.explain(measured.await).await?;
    let Ok([read_by_key, read_100_with_two_relations, create, update]) = <[Measured; 4]>::try_from(measured) else {
        unreachable!("four operations have four results");
    };
    Ok(Crud { connections: options.connections, read_by_key, read_100_with_two_relations, create, update })
}

async fn measure(operation: Operation, options: &Options, servers: &Servers, sockets: &mut [Socket]) -> Result<Measured> {
    if let Some(socket) = sockets.first_mut() {
        let answer = parsed(&socket.ask(&operation.message("first")).await?)?;
        ensure!(operation.is_right(&answer), "{operation:?} was answered by {answer}");
    }
    let warm = Instant::now() + WARMUP;
    try_join_all(sockets.iter_mut().map(|socket| repeat(operation, socket, warm))).await?;
    let before = servers.watched.sample()?;
    let end = Instant::now() + Duration::from_secs_f64(options.seconds);
    let each = try_join_all(sockets.iter_mut().map(|socket| repeat(operation, socket, end))).await?;
    let used = servers.watched.since(&before)?;
    let mut latencies = Latencies::default();
    each.into_iter().for_each(|more| latencies.append(more));
    let operations = latencies.count();
    #[expect(clippy::cast_precision_loss, reason = "a count of operations")]
    let per_second = operations as f64 / used.seconds;
    Ok(Measured {
        operations,
        per_second,
        latency_ms: latencies.percentiles(),
        server_micros: Used::micros_per(used.server, operations),
        postgres_micros: Used::micros_per(used.postgres, operations),
        client_micros: Used::micros_per(Some(used.client), operations),
        used,
    })
}

/// Asks and waits, until `end`.
async fn repeat(operation: Operation, socket: &mut Socket, end: Instant) -> Result<Latencies> {
    let mut latencies = Latencies::with_capacity(1 << 16);
    let mut number = 0_u64;
    while Instant::now() < end {
        number += 1;
        let uid = number.to_string();
        let message = operation.message(&uid);
        let asked = Instant::now();
        let answer = socket.ask(&message).await?;
        latencies.add(asked.elapsed());
        let own = answer.ends_with(format!("\"uid\":\"{uid}\"}}").as_bytes());
        ensure!(own && is_ok(&answer, "items"), "{operation:?} was answered by {}", String::from_utf8_lossy(&answer));
    }
    Ok(latencies)
}

impl Operation {
    fn message(self, uid: &str) -> String {
        let key = rand::rng().random_range(1..=ARTICLES - PAGE);
        let mut message = json!({"type": "items", "collection": "bench_articles", "uid": uid});
        let rest = match self {
            Self::ReadByKey => json!({"action": "read", "id": key}),
            Self::ReadRelated => json!({"action": "read", "query": {
                "fields": ["id", "title", "views", "author.name", "comments.id", "comments.text"],
                "filter": {"id": {"_gte": key}}, "sort": ["id"], "limit": PAGE,
            }}),
            Self::Create => {
                json!({"action": "create", "data": {"title": "A new article", "body": "With some text.", "author": 1 + key % 100}})
            }
            Self::Update => json!({"action": "update", "id": key, "data": {"title": "A changed article", "views": key}}),
        };
        if let (Value::Object(message), Value::Object(rest)) = (&mut message, rest) {
            message.extend(rest);
        }
        message.to_string()
    }

    /// Whether a whole answer holds what was asked for.
    fn is_right(self, answer: &Value) -> bool {
        let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str);
        match self {
            Self::ReadByKey => answer.pointer("/data/title").is_some() && answer.pointer("/data/body").is_some(),
            Self::ReadRelated => {
                let rows = answer.pointer("/data").and_then(Value::as_array);
                let full = |row: &Value| {
                    row.pointer("/author/name").is_some_and(Value::is_string)
                        && row.pointer("/comments").and_then(Value::as_array).is_some_and(|comments| comments.len() == 3)
                        && row.pointer("/comments/2/text").is_some_and(Value::is_string)
                };
                rows.is_some_and(|rows| rows.len() == PAGE as usize && rows.iter().all(full))
            }
            Self::Create => text("/data/title") == Some("A new article") && text("/data/date_created").is_some(),
            Self::Update => text("/data/title") == Some("A changed article") && text("/data/date_updated").is_some(),
        }
    }
}

impl Report for Crud {
    fn text(&self) -> String {
        let lines = [
            ("read by key", &self.read_by_key),
            ("read 100 rows with two relations", &self.read_100_with_two_relations),
            ("create", &self.create),
            ("update", &self.update),
        ];
        let mut text = format!("{} connections, closed loop\n", self.connections);
        for (name, measured) in lines {
            let micros = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |value| format!("{value:.0} µs"));
            text.push_str(&format!(
                "{name}\n  {:.0}/s; {}\n  CPU per operation: server {}, postgres {}, client {}\n  busy: {}\n",
                measured.per_second,
                measured.latency_ms.text(),
                micros(measured.server_micros),
                micros(measured.postgres_micros),
                micros(measured.client_micros),
                measured.used.cores(),
            ));
        }
        text
    }
}
