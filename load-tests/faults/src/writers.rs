//! Random writers: by SQL, by COPY, through the socket and over HTTP.
//!
//! They must never care what became of a write: what was committed, the database itself remembers (`oracle.history`).

mod copy;
mod sql;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::cluster::Cluster;
use crate::rule::{LEVELS, TEAMS};

/// Keys are drawn from so many: small, so that writers meet.
const KEYS: i64 = 40;
/// How long a writer may hang before its session is given up.
const LIMIT: Duration = Duration::from_secs(5);

/// How a writer writes.
#[derive(Debug, Clone, Copy)]
enum Way {
    Sql,
    Copy,
    Socket,
    Http,
}

/// Running writers.
#[derive(Debug)]
pub(crate) struct Writers {
    run: watch::Sender<bool>,
    idle: Vec<watch::Receiver<bool>>,
    attempts: Arc<AtomicU64>,
    /// Whether rows are large, for clients that read slowly.
    heavy: watch::Sender<bool>,
}

/// What every writer has.
struct Writer {
    cluster: Arc<Cluster>,
    random: StdRng,
    users: Vec<String>,
    pause: Duration,
    attempts: Arc<AtomicU64>,
    heavy: watch::Receiver<bool>,
    name: String,
}

impl Writers {
    /// Starts them, waiting; `rate`: attempts per second of all together.
    pub(crate) fn start(cluster: &Arc<Cluster>, seed: u64, rate: f64) -> Self {
        let ways = [Way::Sql, Way::Sql, Way::Sql, Way::Copy, Way::Socket, Way::Http];
        let each = Duration::from_secs_f64(ways.len() as f64 / rate);
        let (run, running) = watch::channel(false);
        let (heavy, is_heavy) = watch::channel(false);
        let attempts = Arc::new(AtomicU64::new(0));
        let users: Vec<String> = cluster.grants.users().into_iter().map(|user| user.id).collect();
        let mut idle = Vec::new();
        for (number, way) in ways.into_iter().enumerate() {
            let (is_idle, watched) = watch::channel(true);
            idle.push(watched);
            let writer = Writer {
                cluster: Arc::clone(cluster),
                random: StdRng::seed_from_u64(seed ^ ((number as u64 + 1) << 32)),
                users: users.clone(),
                pause: each,
                attempts: Arc::clone(&attempts),
                heavy: is_heavy.clone(),
                name: format!("{way:?}-{number}").to_lowercase(),
            };
            let running = running.clone();
            cluster.tasks.spawn("writer", async move {
                match way {
                    Way::Sql => writer.run(sql::Session::default(), running, is_idle).await,
                    Way::Copy => writer.run(copy::Session::default(), running, is_idle).await,
                    Way::Socket => writer.run(wire::SocketSession::default(), running, is_idle).await,
                    Way::Http => writer.run(wire::HttpSession, running, is_idle).await,
                }
            });
        }
        Self { run, idle, attempts, heavy }
    }

    /// Lets them write.
    pub(crate) fn go(&self) {
        self.run.send_replace(true);
    }

    /// Writes of large rows, or of ordinary ones.
    pub(crate) fn heavy(&self, heavy: bool) {
        self.heavy.send_replace(heavy);
    }

    /// Stops them; returns when the last statement has ended.
    pub(crate) async fn pause(&mut self) -> Result<()> {
        self.run.send_replace(false);
        for idle in &mut self.idle {
            idle.wait_for(|idle| *idle).await?;
        }
        Ok(())
    }

    /// Writes begun so far.
    pub(crate) fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }
}

/// One way to write.
trait Session {
    /// One random write, or several in a transaction. An error gives the session up.
    async fn write(&mut self, writer: &mut Writer) -> Result<()>;
    /// Begins anew.
    fn reset(&mut self);
}

impl Writer {
    async fn run(mut self, mut session: impl Session, mut running: watch::Receiver<bool>, idle: watch::Sender<bool>) {
        loop {
            if !*running.borrow_and_update() {
                // What waits in a session must not be written behind the check.
                session.reset();
                idle.send_replace(true);
                if running.wait_for(|run| *run).await.is_err() {
                    return;
                }
            }
            idle.send_replace(false);
            let due = Instant::now() + self.pause.mul_f64(self.random.random_range(0.2..1.8));
            self.attempts.fetch_add(1, Ordering::Relaxed);
            if !matches!(timeout(LIMIT, session.write(&mut self)).await, Ok(Ok(()))) {
                session.reset();
            }
            tokio::time::sleep_until(due).await;
        }
    }

    fn level(&mut self) -> Option<i64> {
        self.random.random_bool(0.9).then(|| self.random.random_range(0..LEVELS))
    }

    fn team(&mut self) -> Option<&'static str> {
        if self.random.random_bool(0.1) { None } else { TEAMS.choose(&mut self.random).copied() }
    }

    fn owner(&mut self) -> Option<String> {
        if self.random.random_bool(0.3) { None } else { self.users.choose(&mut self.random).cloned() }
    }

    fn note(&mut self) -> Option<String> {
        // The kernel takes some megabytes for a socket before its writer feels that nobody reads.
        let words = if *self.heavy.borrow() { 3500 } else { self.random.random_range(1..12) };
        if self.random.random_bool(0.25) { None } else { Some(format!("Nöte \"{}\"\n", self.random.random::<u16>()).repeat(words)) }
    }

    fn number(&mut self) -> i64 {
        self.random.random_range(1..=KEYS)
    }

    /// The key of a row that may exist, as SQL and JSON.
    fn key(&mut self, collection: &str) -> Value {
        let number = self.number();
        if collection == "tags" { json!(format!("t{number}")) } else { json!(number) }
    }

    /// A few random columns with values.
    fn values(&mut self, collection: &str, all: bool) -> Vec<(&'static str, Value)> {
        let mut values = vec![
            ("team", json!(self.team())),
            ("level", json!(self.level())),
            ("owner", json!(self.owner())),
            ("note", json!(self.note())),
            ("secret", json!(format!("secret {}", self.number()))),
        ];
        let parent = self.random.random_bool(0.7).then(|| self.number());
        match collection {
            "docs" => values.push(("folder", json!(parent))),
            "tags" => values.push(("doc", json!(parent))),
            _ => {}
        }
        if !all {
            values.retain(|_| self.random.random_bool(0.4));
            if values.is_empty() {
                values.push(("level", json!(self.level())));
            }
        }
        values
    }
}
