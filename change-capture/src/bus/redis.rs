//! The bus of many nodes: Redis holds heads and streams and fans out by pub/sub. A single server or a Redis Cluster.
//!
//! A Lua script does the whole step for one collection: check the fence, skip what is known, refuse a hole, append, trim,
//! publish. It must never trust that Redis kept anything: a head that is missing or behind is set again by the leader
//! ([`BusError::Lost`]), one that is ahead ends the epoch ([`BusError::Ahead`]).
//! Cost of a publish: one round trip, whatever the number of events and collections (on a cluster: per run of events of one
//! collection, side by side for different collections).

mod commands;
mod feed;
mod link;
mod place;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use change_event::{ChangeEvent, ChannelNames, Epoch, Sequence};
use redis::{Cmd, ErrorKind, RedisError, Script, Value};
use secrecy::{ExposeSecret as _, SecretString};
use service_runtime::{CancellationToken, Tasks};

pub use self::commands::RedisCommands;
use self::link::{Link, Place};
use super::feed_queue::FeedQueue;
use crate::config::RedisTls;

use super::{BoxFuture, Bus, BusCapacity, BusError, Feed, Fence, KnownHead, StreamHead};

/// A command that takes longer has met a Redis that is gone or hangs.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest that a replica is expected to lag behind.
const TAIL: Duration = Duration::from_secs(600);
/// Events of a lost tail that are published at a time.
const TAIL_EVENTS: usize = 500;

/// The bus through Redis; clones share it.
#[derive(Clone)]
pub struct RedisBus(Arc<Shared>);

struct Shared {
    place: Place,
    /// Publishes; apart from the reads, so that a large repair delays no event.
    writing: Link,
    reading: Link,
    names: ChannelNames,
    capacity: BusCapacity,
    scripts: Scripts,
    // Collections that are known to be in the set of all; held for a look-up.
    listed: Mutex<HashSet<Arc<str>>>,
    // The newest event of each collection that this process published, and when; held for a look-up.
    published: Mutex<HashMap<Arc<str>, (StreamHead, Instant)>>,
    tasks: Tasks,
    shutdown: CancellationToken,
}

struct Scripts {
    publish: Script,
    open: Script,
    opened: Script,
}

impl RedisBus {
    /// Connects to the Redis at `url`.
    ///
    /// # Errors
    /// [`BusError::Configuration`] when the URL cannot be used, [`BusError::Unavailable`] when Redis cannot be reached.
    pub async fn connect(
        url: &SecretString,
        names: ChannelNames,
        capacity: BusCapacity,
        tasks: Tasks,
        shutdown: CancellationToken,
    ) -> Result<Self, BusError> {
        Self::connect_with(url, &RedisTls::default(), names, capacity, tasks, shutdown).await
    }

    /// The same with certificates of one's own.
    ///
    /// # Errors
    /// As [`RedisBus::connect`].
    pub async fn connect_with(
        url: &SecretString,
        tls: &RedisTls,
        names: ChannelNames,
        capacity: BusCapacity,
        tasks: Tasks,
        shutdown: CancellationToken,
    ) -> Result<Self, BusError> {
        let place = Place::find(url.expose_secret(), tls).await.map_err(|error| {
            if error.kind() == ErrorKind::InvalidClientConfig {
                // Its text would repeat the URL with its password.
                BusError::Configuration("the Redis URL cannot be used".into())
            } else {
                unavailable(error)
            }
        })?;
        let (writing, reading) = (place.link().await.map_err(unavailable)?, place.link().await.map_err(unavailable)?);
        let scripts = Scripts {
            publish: Script::new(include_str!("redis/publish.lua")),
            open: Script::new(include_str!("redis/open.lua")),
            opened: Script::new(include_str!("redis/opened.lua")),
        };
        let (listed, published) = (Mutex::default(), Mutex::default());
        Ok(Self(Arc::new(Shared { place, writing, reading, names, capacity, scripts, listed, published, tasks, shutdown })))
    }
}

impl Shared {
    /// Runs script calls and reads what each of them said.
    async fn run(&self, commands: Vec<(Arc<str>, Cmd)>, script: &Script) -> Result<(), BusError> {
        let collections: Vec<Arc<str>> = commands.iter().map(|(collection, _)| Arc::clone(collection)).collect();
        let replies = self.writing.query_each(commands, Some(script)).await.map_err(unavailable)?;
        replies.iter().zip(&collections).try_for_each(|(reply, collection)| read_reply(reply, collection))
    }

    /// A collection is listed before its first event, so that no head is ever overlooked by [`RedisBus::open`].
    async fn list(&self, collections: &[Arc<str>]) -> Result<(), BusError> {
        let new: Vec<Arc<str>> = {
            let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
            collections.iter().filter(|collection| !listed.contains(*collection)).cloned().collect()
        };
        if new.is_empty() {
            return Ok(());
        }
        let mut command = redis::cmd("SADD");
        command.arg(self.names.collections());
        for collection in &new {
            command.arg(&**collection);
        }
        self.writing.query::<()>(&command).await.map_err(unavailable)?;
        self.listed.lock().unwrap_or_else(PoisonError::into_inner).extend(new);
        Ok(())
    }

    async fn lacks(&self, epoch: Epoch, heads: &[KnownHead]) -> Result<bool, BusError> {
        let needed = heads.iter().map(|known| (Arc::clone(&known.collection), StreamHead { epoch, sequence: known.published }));
        self.is_behind(&needed.collect::<Vec<_>>()).await
    }

    /// Whether the stream of some collection ends before the head that is needed.
    async fn is_behind(&self, needed: &[(Arc<str>, StreamHead)]) -> Result<bool, BusError> {
        if needed.is_empty() {
            return Ok(false);
        }
        let commands = needed.iter().map(|(collection, _)| (Arc::clone(collection), self.head_command(collection))).collect();
        let answers = self.reading.query_each(commands, None).await.map_err(unavailable)?;
        for (answer, (_, needed)) in answers.into_iter().zip(needed) {
            let found = redis::from_redis_value(answer).map_err(|error| unavailable(error.into()))?;
            if stream_head(found).is_none_or(|found| found < *needed) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn open(&self, fence: Fence, epoch: Epoch, heads: &[KnownHead], tail: &[Arc<ChangeEvent>]) -> Result<(), BusError> {
        let mut command = redis::cmd("SMEMBERS");
        command.arg(self.names.collections());
        let present: Vec<String> = self.writing.query(&command).await.map_err(unavailable)?;
        // What is told now counts, whatever was published under another epoch or fence.
        self.published.lock().unwrap_or_else(PoisonError::into_inner).clear();
        // Redis may have lost the set since this process filled it.
        self.listed.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let known: HashSet<&str> = heads.iter().map(|head| &*head.collection).collect();
        let forgotten = present.iter().filter(|collection| !known.contains(collection.as_str())).map(|collection| KnownHead {
            collection: collection.as_str().into(),
            published: Sequence(0),
            assigned: Sequence(0),
        });
        // Gone by the end if Redis is emptied in between. Another leader's mark in its place comes to the same: it begins again.
        let mark = rand::random::<u64>().to_string();
        let mut command = redis::cmd("HSET");
        command.arg(self.names.bus()).arg("opening").arg(&mark);
        self.writing.query::<()>(&command).await.map_err(unavailable)?;
        let all: Vec<KnownHead> = heads.iter().cloned().chain(forgotten).collect();
        let collections: Vec<Arc<str>> = all.iter().map(|head| Arc::clone(&head.collection)).collect();
        self.list(&collections).await?;
        for heads in all.chunks(500) {
            let commands = heads.iter().map(|head| {
                let mut command = self.call(&self.scripts.open, &head.collection);
                command.arg(fence.0).arg(epoch.0).arg(head.published.0).arg(head.assigned.0).arg(now_milliseconds());
                (Arc::clone(&head.collection), command)
            });
            self.run(commands.collect(), &self.scripts.open).await?;
        }
        // Before anybody is told to look: whoever missed these finds them in the stream.
        for events in tail.chunks(TAIL_EVENTS) {
            self.publish(fence, events).await?;
        }
        let mut command = redis::cmd("EVALSHA");
        command.arg(self.scripts.opened.get_hash()).arg(1);
        command.arg(self.names.bus()).arg(fence.0).arg(epoch.0).arg(self.names.opened()).arg(&mark);
        self.run(vec![("all collections".into(), command)], &self.scripts.opened).await
    }

    /// The start of a script call on a collection's keys.
    fn call(&self, script: &Script, collection: &str) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(script.get_hash()).arg(2).arg(self.names.head(collection)).arg(self.names.stream(collection));
        command
    }

    async fn publish(&self, fence: Fence, events: &[Arc<ChangeEvent>]) -> Result<(), BusError> {
        let mut commands = Vec::new();
        for run in events.chunk_by(|one, other| one.collection == other.collection) {
            let Some(first) = run.first() else { continue };
            let mut command = self.call(&self.scripts.publish, &first.collection);
            command
                .arg(fence.0)
                .arg(first.epoch.0)
                .arg(self.names.channel(&first.collection))
                .arg(self.writing.publish_command())
                .arg(now_milliseconds())
                .arg(self.capacity.stream_events)
                .arg(self.capacity.stream_bytes)
                .arg(u64::try_from(self.capacity.stream_age.as_millis()).unwrap_or(u64::MAX >> 12));
            for event in run {
                let payload = event.encode().map_err(|error| BusError::Configuration(error.to_string().into()))?;
                command.arg(event.sequence.0).arg(payload);
            }
            commands.push((Arc::clone(&first.collection), command));
        }
        let collections: Vec<Arc<str>> = commands.iter().map(|(collection, _)| Arc::clone(collection)).collect();
        self.list(&collections).await?;
        self.run(commands, &self.scripts.publish).await?;
        let now = Instant::now();
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        for run in events.chunk_by(|one, other| one.collection == other.collection) {
            if let Some(last) = run.last() {
                let head = StreamHead { epoch: last.epoch, sequence: last.sequence };
                published.insert(Arc::clone(&last.collection), (head, now));
            }
        }
        Ok(())
    }

    /// Whether Redis still has what was published lately. A replica that takes over may never have got the last events, and
    /// nothing else would tell before their collections change again. What is older than [`TAIL`] has reached every replica.
    async fn has_tail(&self) -> Result<bool, BusError> {
        let tail: Vec<(Arc<str>, StreamHead)> = {
            let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
            published.retain(|_, (_, at)| at.elapsed() < TAIL);
            published.iter().map(|(collection, (head, _))| (Arc::clone(collection), *head)).collect()
        };
        // A newer leader may have moved them on.
        Ok(!self.is_behind(&tail).await?)
    }

    /// Where a collection's stream stands.
    async fn head(&self, collection: &str) -> Result<Option<StreamHead>, BusError> {
        let found = self.reading.query(&self.head_command(collection)).await.map_err(unavailable)?;
        Ok(stream_head(found))
    }

    /// Where several stand, in the order asked; `None` while no leader has opened the bus. A bus that is flushed and opened
    /// again in the middle must not look as if collections had vanished: a single server reads all in one transaction; in
    /// a cluster, a head that is missing is asked for once more after the bus was seen to be open.
    async fn heads(&self, collections: &[Arc<str>]) -> Result<Option<Vec<Option<StreamHead>>>, BusError> {
        let mut commands = vec![("bus".into(), self.opened_command())];
        commands.extend(collections.iter().map(|collection| (Arc::clone(collection), self.head_command(collection))));
        let found: Vec<(Option<u64>, Option<u64>)> = match &self.reading {
            Link::Server(connection) => {
                let mut pipeline = redis::pipe();
                pipeline.atomic();
                for (_, command) in commands {
                    pipeline.add_command(command);
                }
                pipeline.query_async(&mut *connection.clone()).await.map_err(unavailable)?
            }
            Link::Cluster(_) => {
                let answers = self.reading.query_each(commands, None).await.map_err(unavailable)?;
                answers.into_iter().map(redis::from_redis_value).collect::<Result<_, _>>().map_err(|error| unavailable(error.into()))?
            }
        };
        let mut found = found.into_iter();
        if found.next().and_then(stream_head).is_none() {
            return Ok(None);
        }
        let mut heads: Vec<Option<StreamHead>> = found.map(stream_head).collect();
        if self.reading.is_cluster() {
            for (head, collection) in heads.iter_mut().zip(collections).filter(|(head, _)| head.is_none()) {
                *head = self.head(collection).await?;
            }
        }
        Ok(Some(heads))
    }

    fn head_command(&self, collection: &str) -> Cmd {
        let mut command = redis::cmd("HMGET");
        command.arg(self.names.head(collection)).arg("epoch").arg("sequence");
        command
    }

    fn opened_command(&self) -> Cmd {
        let mut command = redis::cmd("HMGET");
        command.arg(self.names.bus()).arg("epoch").arg("fence");
        command
    }

    /// The epoch and fence in which the bus was opened.
    async fn opened(&self) -> Result<Option<(Epoch, Fence)>, BusError> {
        let (epoch, fence): (Option<u64>, Option<u64>) = self.reading.query(&self.opened_command()).await.map_err(unavailable)?;
        Ok(epoch.zip(fence).map(|(epoch, fence)| (Epoch(epoch), Fence(fence))))
    }

    async fn read_after(&self, collection: &str, after: StreamHead, limit: usize) -> Result<Option<Vec<Arc<ChangeEvent>>>, BusError> {
        let Some(head) = self.head(collection).await? else { return Ok(None) };
        if head.epoch != after.epoch || head.sequence < after.sequence {
            return Ok(None);
        }
        if head.sequence == after.sequence {
            return Ok(Some(Vec::new()));
        }
        let mut command = redis::cmd("XRANGE");
        command.arg(self.names.stream(collection)).arg(format!("{}-0", after.sequence.0 + 1)).arg("+").arg("COUNT").arg(limit);
        let entries: Vec<(String, Vec<Bytes>)> = self.reading.query(&command).await.map_err(unavailable)?;
        let mut events = Vec::with_capacity(entries.len());
        for (expected, (_, fields)) in (after.sequence.0 + 1..).zip(entries) {
            // t, time, e, event
            let Some(Ok(event)) = fields.get(3).map(|payload| ChangeEvent::decode(payload)) else { return Ok(None) };
            if event.epoch != after.epoch || event.sequence.0 != expected {
                return Ok(None);
            }
            events.push(Arc::new(event));
        }
        // An empty answer below the head means that the stream expired or was trimmed past this place.
        Ok(if events.is_empty() { None } else { Some(events) })
    }
}

impl Bus for RedisBus {
    fn open<'a>(
        &'a self,
        fence: Fence,
        epoch: Epoch,
        heads: &'a [KnownHead],
        tail: &'a [Arc<ChangeEvent>],
    ) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(self.0.open(fence, epoch, heads, tail))
    }

    fn lacks<'a>(&'a self, epoch: Epoch, heads: &'a [KnownHead]) -> BoxFuture<'a, Result<bool, BusError>> {
        Box::pin(self.0.lacks(epoch, heads))
    }

    fn is_open<'a>(&'a self, fence: Fence, epoch: Epoch) -> BoxFuture<'a, Result<bool, BusError>> {
        Box::pin(async move { Ok(self.0.opened().await? == Some((epoch, fence)) && self.0.has_tail().await?) })
    }

    fn publish<'a>(&'a self, fence: Fence, events: &'a [Arc<ChangeEvent>]) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(self.0.publish(fence, events))
    }

    fn head<'a>(&'a self, collection: &'a str) -> BoxFuture<'a, Result<Option<StreamHead>, BusError>> {
        Box::pin(self.0.head(collection))
    }

    fn read_after<'a>(
        &'a self,
        collection: &'a str,
        after: StreamHead,
        limit: usize,
    ) -> BoxFuture<'a, Result<Option<Vec<Arc<ChangeEvent>>>, BusError>> {
        Box::pin(self.0.read_after(collection, after, limit))
    }

    fn broadcast<'a>(&'a self, topic: &'a str, payload: Bytes) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            let mut command = redis::cmd("PUBLISH");
            command.arg(self.0.names.topic(topic)).arg(&*payload);
            self.0.writing.query::<()>(&command).await.map_err(unavailable)
        })
    }

    fn feed<'a>(&'a self) -> BoxFuture<'a, Result<Feed, BusError>> {
        Box::pin(async move {
            let queue = Arc::new(FeedQueue::new(&self.0.capacity));
            let control = feed::start(Arc::clone(&self.0), Arc::clone(&queue)).await?;
            Ok(Feed::new(Arc::new(control), queue))
        })
    }
}

impl std::fmt::Debug for RedisBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisBus").field("names", &self.0.names).finish_non_exhaustive()
    }
}

fn stream_head((epoch, sequence): (Option<u64>, Option<u64>)) -> Option<StreamHead> {
    Some(StreamHead { epoch: Epoch(epoch?), sequence: Sequence(sequence?) })
}

fn read_reply(reply: &Value, collection: &Arc<str>) -> Result<(), BusError> {
    let words: Vec<String> = redis::from_redis_value(reply.clone()).map_err(|error| BusError::Unavailable(error.to_string().into()))?;
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["ok"] => Ok(()),
        ["fenced", fence] => Err(BusError::Fenced(Fence(fence.parse().unwrap_or(u64::MAX)))),
        ["ahead"] => Err(BusError::Ahead(Arc::clone(collection))),
        ["lost"] => Err(BusError::Lost(Arc::clone(collection))),
        _ => Err(BusError::Unavailable("a script gave an unknown answer".into())),
    }
}

/// Redis' messages name commands and addresses, never values.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unavailable(error: RedisError) -> BusError {
    BusError::Unavailable(error.to_string().into())
}

fn now_milliseconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|since| u64::try_from(since.as_millis()).ok()).unwrap_or(0)
}
