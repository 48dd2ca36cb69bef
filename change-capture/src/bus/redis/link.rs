//! The connections to Redis: to a single server, or to every node of a cluster.
//!
//! Which of the two it is, the server says itself. It must never let the rest of the bus know more about the difference than
//! that a cluster has no transaction over several collections.
//!
//! On a cluster the events of a collection travel by sharded pub/sub, through the node that owns its slot; a plain PUBLISH
//! would go to every node.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::try_join_all;
use redis::aio::{ConnectionManager, ConnectionManagerConfig, PubSubSink, PubSubStream};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::{
    Client, Cmd, ErrorKind, FromRedisValue, ProtocolVersion, PushInfo, PushKind, RedisError, RedisResult, Script, ServerErrorKind, Value,
};
use tokio::sync::mpsc;

use super::{CONNECT_TIMEOUT, RESPONSE_TIMEOUT};
use crate::config::RedisTls;

/// Pushes that may wait between the connections of a cluster and the feed.
const PUSHES: usize = 16_384;

/// Where Redis is.
#[derive(Clone)]
pub(super) enum Place {
    Server(Box<Client>),
    Cluster(String, RedisTls),
}

/// A connection for commands; cheap to clone, reconnects by itself.
#[derive(Clone)]
pub(super) enum Link {
    Server(Box<ConnectionManager>),
    Cluster(ClusterConnection),
}

/// The kind of channel: events stay with their collection's slot, the rest concerns everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    Events,
    Everywhere,
}

impl Place {
    /// Asks the server at `url` what it is.
    pub(super) async fn find(url: &str, tls: &RedisTls) -> RedisResult<Self> {
        let client = Box::new(tls.client(url)?);
        let link = Self::Server(client.clone()).link().await?;
        // Whoever may not ask is on a server that is not told apart from a single one.
        let about: String = link.query(redis::cmd("INFO").arg("cluster")).await.unwrap_or_default();
        Ok(if about.contains("cluster_enabled:1") { Self::Cluster(url.to_owned(), tls.clone()) } else { Self::Server(client) })
    }

    pub(super) async fn link(&self) -> RedisResult<Link> {
        match self {
            Self::Server(client) => {
                let config = ConnectionManagerConfig::new()
                    .set_connection_timeout(Some(CONNECT_TIMEOUT))
                    .set_response_timeout(Some(RESPONSE_TIMEOUT))
                    .set_number_of_retries(1)
                    .set_min_delay(Duration::from_millis(20))
                    .set_max_delay(Duration::from_millis(200));
                Ok(Link::Server(Box::new(client.get_connection_manager_with_config(config).await?)))
            }
            Self::Cluster(url, tls) => Ok(Link::Cluster(cluster(url, tls).build()?.get_async_connection().await?)),
        }
    }

    /// A connection for subscriptions. It does not reconnect: whoever loses it has to look for what was missed.
    pub(super) async fn subscriber(&self) -> RedisResult<(Subscriptions, Messages)> {
        match self {
            Self::Server(client) => {
                let (sink, stream) = client.get_async_pubsub().await?.split();
                Ok((Subscriptions::Server(sink), Messages::Server(stream)))
            }
            Self::Cluster(url, tls) => {
                let (sender, pushes) = mpsc::channel(PUSHES);
                let overflowed = Arc::new(AtomicBool::new(false));
                let mark = Arc::clone(&overflowed);
                let push = move |push: PushInfo| sender.try_send(push).inspect_err(|_| mark.store(true, Ordering::Release));
                let client: ClusterClient = cluster(url, tls).push_sender(push).build()?;
                let connection = client.get_async_connection().await?;
                Ok((Subscriptions::Cluster(connection.clone()), Messages::Cluster { pushes, overflowed, _connection: connection }))
            }
        }
    }
}

fn cluster(url: &str, tls: &RedisTls) -> ClusterClientBuilder {
    let builder = ClusterClientBuilder::new([url]);
    let builder = match tls.certificates(url) {
        Some(certificates) => builder.certs(certificates),
        None => builder,
    };
    builder.use_protocol(ProtocolVersion::RESP3).connection_timeout(CONNECT_TIMEOUT).response_timeout(RESPONSE_TIMEOUT).retries(3)
}

impl Link {
    pub(super) const fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// The command that publishes an event.
    pub(super) const fn publish_command(&self) -> &'static str {
        if self.is_cluster() { "SPUBLISH" } else { "PUBLISH" }
    }

    pub(super) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        match self {
            Self::Server(connection) => command.query_async(&mut *connection.clone()).await,
            Self::Cluster(connection) => command.query_async(&mut connection.clone()).await,
        }
    }

    /// Runs commands in one round trip, in this order as far as they concern the same slot, and returns their answers in this
    /// order. Each comes with the name that decides its slot. `script` is what they call, to be loaded where it is missing.
    pub(super) async fn query_each(&self, commands: Vec<(Arc<str>, Cmd)>, script: Option<&Script>) -> RedisResult<Vec<Value>> {
        match self {
            Self::Server(connection) => {
                let mut connection = (**connection).clone();
                let mut pipeline = redis::pipe();
                for (_, command) in commands {
                    pipeline.add_command(command);
                }
                match (pipeline.query_async(&mut connection).await, script) {
                    // A restarted Redis has forgotten the script. Whatever part ran is skipped when it is repeated.
                    (Err(error), Some(script)) if lacks_script(&error) => {
                        script.load_async(&mut connection).await?;
                        pipeline.query_async(&mut connection).await
                    }
                    (answers, _) => answers,
                }
            }
            Self::Cluster(connection) => {
                let mut groups: HashMap<Arc<str>, Vec<(usize, Cmd)>> = HashMap::new();
                for (place, (name, command)) in commands.into_iter().enumerate() {
                    groups.entry(name).or_default().push((place, command));
                }
                let answers = try_join_all(groups.into_values().map(|group| in_order(connection.clone(), group, script))).await?;
                let mut answers: Vec<(usize, Value)> = answers.into_iter().flatten().collect();
                answers.sort_by_key(|(place, _)| *place);
                Ok(answers.into_iter().map(|(_, answer)| answer).collect())
            }
        }
    }
}

async fn in_order(
    mut connection: ClusterConnection,
    group: Vec<(usize, Cmd)>,
    script: Option<&Script>,
) -> RedisResult<Vec<(usize, Value)>> {
    let mut answers = Vec::with_capacity(group.len());
    for (place, command) in group {
        let answer = match (command.query_async(&mut connection).await, script) {
            (Err(error), Some(script)) if lacks_script(&error) => {
                script.load_async(&mut connection).await?;
                command.query_async(&mut connection).await?
            }
            (answer, _) => answer?,
        };
        answers.push((place, answer));
    }
    Ok(answers)
}

fn lacks_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// Chooses what arrives; cheap to clone.
#[derive(Clone)]
pub(super) enum Subscriptions {
    Server(PubSubSink),
    Cluster(ClusterConnection),
}

impl Subscriptions {
    pub(super) async fn subscribe(&mut self, kind: Channel, channel: &str) -> RedisResult<()> {
        match (self, kind) {
            (Self::Server(sink), _) => sink.subscribe(channel).await,
            (Self::Cluster(connection), Channel::Events) => connection.ssubscribe(channel).await,
            (Self::Cluster(connection), Channel::Everywhere) => connection.subscribe(channel).await,
        }
    }

    /// Many at once: one command for a server, one per channel for a cluster, as each may be another slot.
    pub(super) async fn subscribe_all(&mut self, channels: &[(Channel, String)]) -> RedisResult<()> {
        match self {
            Self::Server(sink) => {
                for some in channels.chunks(500) {
                    let names: Vec<&String> = some.iter().map(|(_, name)| name).collect();
                    sink.subscribe(names).await?;
                }
                Ok(())
            }
            Self::Cluster(_) => {
                for some in channels.chunks(50) {
                    try_join_all(some.iter().map(|(kind, name)| {
                        let mut this = self.clone();
                        async move { this.subscribe(*kind, name).await }
                    }))
                    .await?;
                }
                Ok(())
            }
        }
    }

    pub(super) async fn unsubscribe(&mut self, kind: Channel, channel: &str) -> RedisResult<()> {
        match (self, kind) {
            (Self::Server(sink), _) => sink.unsubscribe(channel).await,
            (Self::Cluster(connection), Channel::Events) => connection.sunsubscribe(channel).await,
            (Self::Cluster(connection), Channel::Everywhere) => connection.unsubscribe(channel).await,
        }
    }

    /// Whether the connection still answers.
    pub(super) async fn ping(&mut self) -> RedisResult<()> {
        match self {
            Self::Server(sink) => sink.ping::<Value>().await.map(drop),
            Self::Cluster(connection) => redis::cmd("PING").query_async::<Value>(connection).await.map(drop),
        }
    }
}

/// What arrives.
pub(super) enum Messages {
    Server(PubSubStream),
    Cluster {
        pushes: mpsc::Receiver<PushInfo>,
        /// Pushes were dropped, nobody knows of which channel.
        overflowed: Arc<AtomicBool>,
        /// Messages arrive as long as a handle to the connections lives.
        _connection: ClusterConnection,
    },
}

/// One message: channel and payload.
pub(super) struct Message {
    pub(super) channel: String,
    pub(super) payload: Bytes,
}

impl Messages {
    /// The next message; `None` when messages may have been lost: whoever reads has to subscribe anew and repair.
    /// Cancel-safe: a message is taken only when it is returned.
    pub(super) async fn next(&mut self) -> Option<Message> {
        match self {
            Self::Server(stream) => {
                let message = stream.next().await?;
                let payload = Bytes::copy_from_slice(message.get_payload_bytes());
                Some(Message { channel: message.get_channel_name().to_owned(), payload })
            }
            Self::Cluster { pushes, overflowed, .. } => loop {
                let push = pushes.recv().await?;
                if overflowed.load(Ordering::Acquire) {
                    return None;
                }
                if matches!(push.kind, PushKind::SMessage | PushKind::Message) {
                    let mut parts = push.data.into_iter().filter_map(|part| Bytes::from_redis_value(part).ok());
                    let (Some(channel), Some(payload)) = (parts.next(), parts.next()) else { continue };
                    return Some(Message { channel: String::from_utf8_lossy(&channel).into_owned(), payload });
                }
                // One node is enough: which collections it carried is not worth knowing.
                if matches!(push.kind, PushKind::Disconnection) {
                    return None;
                }
                // Confirmations.
            },
        }
    }
}
