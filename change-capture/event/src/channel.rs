//! Names of everything Tidegate keeps in Redis.
//!
//! It must never let two names of one collection fall into different slots: the `{collection}` hash tag keeps the stream
//! and the channel of a collection together, so that appending and publishing is one atomic step on Redis Cluster too.

/// Builds names under one namespace, so that several deployments can share a Redis.
#[derive(Debug, Clone)]
pub struct ChannelNames {
    namespace: String,
}

impl ChannelNames {
    /// Names under `namespace` (`GATEWAY_BUS_NAMESPACE`).
    #[must_use]
    pub fn new(namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into() }
    }

    /// The pub/sub channel of a collection.
    #[must_use]
    pub fn channel(&self, collection: &str) -> String {
        format!("{}:events:{{{collection}}}", self.namespace)
    }

    /// The capped stream of a collection.
    #[must_use]
    pub fn stream(&self, collection: &str) -> String {
        format!("{}:stream:{{{collection}}}", self.namespace)
    }

    /// The hash that holds a collection's last position and fence.
    #[must_use]
    pub fn head(&self, collection: &str) -> String {
        format!("{}:head:{{{collection}}}", self.namespace)
    }

    /// The hash that says which leader opened the bus, and in which epoch.
    #[must_use]
    pub fn bus(&self) -> String {
        format!("{}:bus", self.namespace)
    }

    /// The set of all collections that have a head.
    #[must_use]
    pub fn collections(&self) -> String {
        format!("{}:collections", self.namespace)
    }

    /// The channel on which a leader announces that it has opened the bus.
    #[must_use]
    pub fn opened(&self) -> String {
        format!("{}:opened", self.namespace)
    }

    /// A count that nodes share to enforce a limit. One hash tag for all: a call is about several at once.
    #[must_use]
    pub fn limit(&self, name: &str) -> String {
        format!("{}:{{limits}}:{name}", self.namespace)
    }

    /// A channel for messages from node to node, such as log lines.
    #[must_use]
    pub fn topic(&self, topic: &str) -> String {
        format!("{}:topic:{{{topic}}}", self.namespace)
    }
}
