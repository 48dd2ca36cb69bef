//! What the nodes of a cluster count together, in Redis.
//!
//! Counts of connections lie in a hash per key, node by node, and count as long as their node's lease lives: a node that is
//! killed frees what it held when its lease ends, and one that was cut off tells everything again. Counters of windows end
//! by themselves. It must never keep anybody waiting for a Redis that is away: the first call that fails ends sharing until
//! the exchange task has reached Redis again, with one line in the log for each change.
//!
//! ```text
//! <namespace>:{limits}:nodes                        node → end of its lease
//! <namespace>:{limits}:held:user:<id>               node → "<version>:<connections>"
//! <namespace>:{limits}:<limit>:<key>:<window>       points used
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use change_capture::bus::{BusError, RedisCommands};
use change_capture::config::RedisTls;
use change_event::ChannelNames;
use prometheus::IntGauge;
use redis::{FromRedisValue, Script};
use secrecy::SecretString;
use uuid::Uuid;

use super::counts::Report;
use super::rate::Used;

/// A call that takes longer has met a Redis that is away.
const CALL: Duration = Duration::from_secs(1);
/// Redis forgets a count that was not told for so long; they are told again every ten minutes.
const COUNT_LIFE: Duration = Duration::from_secs(60 * 60);

/// The Redis that nodes count in.
#[derive(Debug, Clone)]
pub struct SharedPlace {
    /// Its address.
    pub url: SecretString,
    /// Certificates of one's own.
    pub tls: RedisTls,
    /// The names of what lies there.
    pub names: ChannelNames,
}

/// Where nodes count together.
pub(super) struct Shared {
    url: SecretString,
    tls: RedisTls,
    names: ChannelNames,
    /// This process, and no other before or after it.
    node: String,
    lease: Duration,
    commands: ArcSwapOption<RedisCommands>,
    available: AtomicBool,
    /// Whether the log was told that Redis is away.
    complained: AtomicBool,
    gauge: IntGauge,
    hold: Script,
    renew: Script,
    add: Script,
}

/// The answer of [`Shared::hold`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// Counted.
    Counted,
    /// The count at this place is full; nothing was counted.
    Full(usize),
    /// Redis is away.
    Away,
}

/// An addition to a counter.
#[derive(Debug, Clone)]
pub(super) struct Addition {
    pub(super) name: String,
    pub(super) points: i64,
    pub(super) life: Duration,
}

impl Addition {
    /// What a key used of a window.
    pub(super) fn of(limit: &str, used: Used, life: Duration) -> Self {
        Self { name: format!("{limit}:{}:{}", used.key, used.number), points: used.points.into(), life }
    }
}

impl Shared {
    pub(super) fn new(place: SharedPlace, lease: Duration, gauge: IntGauge) -> Self {
        let SharedPlace { url, tls, names } = place;
        Self {
            url,
            tls,
            names,
            node: Uuid::new_v4().simple().to_string(),
            lease,
            commands: ArcSwapOption::empty(),
            available: AtomicBool::new(false),
            complained: AtomicBool::new(false),
            gauge,
            hold: Script::new(include_str!("shared/hold.lua")),
            renew: Script::new(include_str!("shared/renew.lua")),
            add: Script::new(include_str!("shared/add.lua")),
        }
    }

    /// Whether the nodes count together at the moment.
    pub(super) fn is_available(&self) -> bool {
        self.available.load(Ordering::Relaxed)
    }

    /// Renews this node's lease, over a new connection if there is none. `Some(false)`: Redis may have dropped what this
    /// node counted. `None`: it is away.
    pub(super) async fn renew(&self) -> Option<bool> {
        let connected = self.connect().await;
        if let Err(error) = connected {
            self.lost(&error);
            return None;
        }
        let arguments = [self.node.clone(), milliseconds(self.lease)];
        let kept: i64 = self.script(&self.renew, &[self.names.limit("nodes")], &arguments).await?;
        Some(kept == 1)
    }

    /// What this node counted is known: from now on nodes count together.
    pub(super) fn found(&self) {
        if !self.available.swap(true, Ordering::Relaxed) {
            self.gauge.set(1);
            if self.complained.swap(false, Ordering::Relaxed) {
                tracing::info!("limits are counted by all nodes together again");
            }
        }
    }

    /// Takes counts of this node, if with them none exceeds its limit (`None` is no limit) over all nodes.
    pub(super) async fn hold(&self, reports: &[(Report, Option<u64>)]) -> Held {
        let mut keys = vec![self.names.limit("nodes")];
        let mut arguments = vec![self.node.clone(), milliseconds(COUNT_LIFE)];
        for (report, limit) in reports {
            keys.push(self.names.limit(&format!("held:{}", report.key)));
            arguments.extend([report.version.to_string(), report.count.to_string()]);
            arguments.push(limit.map_or_else(|| "-1".to_owned(), |limit| limit.to_string()));
        }
        match self.script::<usize>(&self.hold, &keys, &arguments).await {
            None => Held::Away,
            Some(0) => Held::Counted,
            Some(place) => Held::Full(place - 1),
        }
    }

    /// Adds to counters; what each holds then, in this order.
    pub(super) async fn add(&self, additions: &[Addition]) -> Option<Vec<i64>> {
        let keys: Vec<String> = additions.iter().map(|addition| self.names.limit(&addition.name)).collect();
        let arguments: Vec<String> =
            additions.iter().flat_map(|addition| [addition.points.to_string(), milliseconds(addition.life)]).collect();
        let totals: Vec<i64> = self.script(&self.add, &keys, &arguments).await?;
        (totals.len() == additions.len()).then_some(totals)
    }

    /// Takes a name that nobody has taken within `life`; false if somebody has.
    pub(super) async fn take_once(&self, name: &str, life: Duration) -> Option<bool> {
        let mut command = redis::cmd("SET");
        command.arg(self.names.limit(name)).arg(1).arg("NX").arg("PX").arg(milliseconds(life));
        let set: Option<String> = self.within(async |commands| commands.query(&command).await).await?;
        Some(set.is_some())
    }

    /// Forgets a counter.
    pub(super) async fn clear(&self, name: &str) {
        let mut command = redis::cmd("DEL");
        command.arg(self.names.limit(name));
        let _away: Option<i64> = self.within(async |commands| commands.query(&command).await).await;
    }

    async fn connect(&self) -> Result<(), BusError> {
        if self.commands.load().is_none() {
            let connecting = tokio::time::timeout(4 * CALL, RedisCommands::connect(&self.url, &self.tls));
            let commands = connecting.await.map_err(|_| BusError::Unavailable("no connection in time".into()))??;
            self.commands.store(Some(Arc::new(commands)));
        }
        Ok(())
    }

    async fn script<T: FromRedisValue>(&self, script: &Script, keys: &[String], arguments: &[String]) -> Option<T> {
        self.within(async |commands| commands.script(script, keys, arguments).await).await
    }

    /// An answer in time, or Redis is away.
    async fn within<T>(&self, call: impl AsyncFnOnce(&RedisCommands) -> Result<T, BusError>) -> Option<T> {
        let commands = self.commands.load_full()?;
        match tokio::time::timeout(CALL, call(&commands)).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => self.lost(&error),
            Err(_) => self.lost(&BusError::Unavailable("no answer in time".into())),
        }
        None
    }

    fn lost(&self, error: &BusError) {
        self.available.store(false, Ordering::Relaxed);
        self.gauge.set(0);
        if !self.complained.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "Redis is away: every node counts its limits alone");
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("node", &self.node).field("available", &self.available).finish_non_exhaustive()
    }
}

fn milliseconds(duration: Duration) -> String {
    duration.as_millis().max(1).to_string()
}
