//! The bus of a cluster: Redis holds heads and streams and fans out by pub/sub.
//!
//! A Lua script does the whole step for one collection: check the fence, skip what is known, refuse a hole, append, trim,
//! publish. It must never trust that Redis kept anything: a head that is missing or behind is set again by the leader
//! ([`BusError::Lost`]), one that is ahead ends the epoch ([`BusError::Ahead`]).
//! Cost of a publish: one round trip, whatever the number of events and collections.

mod feed;
mod place;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use change_event::{ChangeEvent, ChannelNames, Epoch, Sequence};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ErrorKind, Pipeline, RedisError, Script, ServerErrorKind, Value};
use secrecy::{ExposeSecret as _, SecretString};
use service_runtime::{CancellationToken, Tasks};

use super::feed_queue::FeedQueue;
use super::{BoxFuture, Bus, BusCapacity, BusError, Feed, Fence, KnownHead, StreamHead};

/// A command that takes longer has met a Redis that is gone or hangs.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The bus through Redis; clones share it.
#[derive(Clone)]
pub struct RedisBus(Arc<Shared>);

struct Shared {
    client: Client,
    /// Publishes; apart from the reads, so that a large repair delays no event.
    writing: ConnectionManager,
    reading: ConnectionManager,
    names: ChannelNames,
    capacity: BusCapacity,
    scripts: Scripts,
    // Collections that are known to be in the set of all; held for a look-up.
    listed: Mutex<HashSet<Arc<str>>>,
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
        // The error would repeat the URL with its password.
        let client = Client::open(url.expose_secret()).map_err(|_| BusError::Configuration("the Redis URL cannot be used".into()))?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(20))
            .set_max_delay(Duration::from_millis(200));
        let writing = client.get_connection_manager_with_config(config.clone()).await.map_err(unavailable)?;
        let reading = client.get_connection_manager_with_config(config).await.map_err(unavailable)?;
        let scripts = Scripts {
            publish: Script::new(include_str!("redis/publish.lua")),
            open: Script::new(include_str!("redis/open.lua")),
            opened: Script::new(include_str!("redis/opened.lua")),
        };
        let listed = Mutex::default();
        Ok(Self(Arc::new(Shared { client, writing, reading, names, capacity, scripts, listed, tasks, shutdown })))
    }
}

impl Shared {
    /// Runs a pipeline of script calls and reads what each of them said.
    async fn run(&self, pipeline: &Pipeline, script: &Script, collections: &[Arc<str>]) -> Result<(), BusError> {
        let mut connection = self.writing.clone();
        let replies = match pipeline.query_async::<Vec<Value>>(&mut connection).await {
            // A restarted Redis has forgotten the script. Whatever part ran is skipped when it is repeated.
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                script.load_async(&mut connection).await.map_err(unavailable)?;
                pipeline.query_async::<Vec<Value>>(&mut connection).await.map_err(unavailable)?
            }
            other => other.map_err(unavailable)?,
        };
        for (reply, collection) in replies.iter().zip(collections) {
            read_reply(reply, collection)?;
        }
        Ok(())
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
        command.query_async::<()>(&mut self.writing.clone()).await.map_err(unavailable)?;
        self.listed.lock().unwrap_or_else(PoisonError::into_inner).extend(new);
        Ok(())
    }

    async fn open(&self, fence: Fence, epoch: Epoch, heads: &[KnownHead]) -> Result<(), BusError> {
        let mut connection = self.writing.clone();
        let present: Vec<String> =
            redis::cmd("SMEMBERS").arg(self.names.collections()).query_async(&mut connection).await.map_err(unavailable)?;
        // Redis may have lost the set since this process filled it.
        self.listed.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let known: HashSet<&str> = heads.iter().map(|head| &*head.collection).collect();
        let forgotten = present.iter().filter(|collection| !known.contains(collection.as_str())).map(|collection| KnownHead {
            collection: collection.as_str().into(),
            published: Sequence(0),
            assigned: Sequence(0),
        });
        let all: Vec<KnownHead> = heads.iter().cloned().chain(forgotten).collect();
        let collections: Vec<Arc<str>> = all.iter().map(|head| Arc::clone(&head.collection)).collect();
        self.list(&collections).await?;
        for (heads, collections) in all.chunks(500).zip(collections.chunks(500)) {
            let mut pipeline = redis::pipe();
            for head in heads {
                pipeline
                    .cmd("EVALSHA")
                    .arg(self.scripts.open.get_hash())
                    .arg(2)
                    .arg(self.names.head(&head.collection))
                    .arg(self.names.stream(&head.collection))
                    .arg(fence.0)
                    .arg(epoch.0)
                    .arg(head.published.0)
                    .arg(head.assigned.0)
                    .arg(now_milliseconds());
            }
            self.run(&pipeline, &self.scripts.open, collections).await?;
        }
        let mut pipeline = redis::pipe();
        pipeline.cmd("EVALSHA").arg(self.scripts.opened.get_hash()).arg(1);
        pipeline.arg(self.names.bus()).arg(fence.0).arg(epoch.0).arg(self.names.opened());
        self.run(&pipeline, &self.scripts.opened, &["all collections".into()]).await
    }

    async fn publish(&self, fence: Fence, events: &[Arc<ChangeEvent>]) -> Result<(), BusError> {
        let mut pipeline = redis::pipe();
        let mut collections = Vec::new();
        for run in events.chunk_by(|one, other| one.collection == other.collection) {
            let Some(first) = run.first() else { continue };
            pipeline
                .cmd("EVALSHA")
                .arg(self.scripts.publish.get_hash())
                .arg(2)
                .arg(self.names.head(&first.collection))
                .arg(self.names.stream(&first.collection))
                .arg(fence.0)
                .arg(first.epoch.0)
                .arg(self.names.channel(&first.collection))
                .arg("PUBLISH")
                .arg(now_milliseconds())
                .arg(self.capacity.stream_events)
                .arg(self.capacity.stream_bytes)
                .arg(u64::try_from(self.capacity.stream_age.as_millis()).unwrap_or(u64::MAX >> 12));
            for event in run {
                let payload = event.encode().map_err(|error| BusError::Configuration(error.to_string().into()))?;
                pipeline.arg(event.sequence.0).arg(payload);
            }
            collections.push(Arc::clone(&first.collection));
        }
        self.list(&collections).await?;
        self.run(&pipeline, &self.scripts.publish, &collections).await
    }

    /// Where a collection's stream stands.
    async fn head(&self, collection: &str) -> Result<Option<StreamHead>, BusError> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.names.head(collection)).arg("epoch").arg("sequence");
        let found = command.query_async(&mut self.reading.clone()).await.map_err(unavailable)?;
        Ok(stream_head(found))
    }

    /// Where several stand, in the order asked; `None` while no leader has opened the bus. One transaction: a bus that is
    /// flushed and opened again in the middle would look as if collections had vanished.
    async fn heads(&self, collections: &[Arc<str>]) -> Result<Option<Vec<Option<StreamHead>>>, BusError> {
        let mut pipeline = redis::pipe();
        pipeline.atomic().cmd("HMGET").arg(self.names.bus()).arg("epoch").arg("fence");
        for collection in collections {
            pipeline.cmd("HMGET").arg(self.names.head(collection)).arg("epoch").arg("sequence");
        }
        let found: Vec<(Option<u64>, Option<u64>)> = pipeline.query_async(&mut self.reading.clone()).await.map_err(unavailable)?;
        let mut found = found.into_iter();
        let opened = found.next().and_then(stream_head);
        Ok(opened.map(|_| found.map(stream_head).collect()))
    }

    /// The epoch and fence in which the bus was opened.
    async fn opened(&self) -> Result<Option<(Epoch, Fence)>, BusError> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.names.bus()).arg("epoch").arg("fence");
        let (epoch, fence): (Option<u64>, Option<u64>) = command.query_async(&mut self.reading.clone()).await.map_err(unavailable)?;
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
        let entries: Vec<(String, Vec<Bytes>)> = command.query_async(&mut self.reading.clone()).await.map_err(unavailable)?;
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
    fn open<'a>(&'a self, fence: Fence, epoch: Epoch, heads: &'a [KnownHead]) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(self.0.open(fence, epoch, heads))
    }

    fn is_open<'a>(&'a self, fence: Fence, epoch: Epoch) -> BoxFuture<'a, Result<bool, BusError>> {
        Box::pin(async move { Ok(self.0.opened().await? == Some((epoch, fence))) })
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
            command.query_async::<()>(&mut self.0.writing.clone()).await.map_err(unavailable)
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
