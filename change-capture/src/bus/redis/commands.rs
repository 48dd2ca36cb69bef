//! Redis for what is no event: counts that nodes share.
//!
//! It must never be part of the way of an event: it has a connection of its own, so that a slow answer here delays none.
//! All keys of one call have to lie in one slot (one hash tag), so that a Redis Cluster can run it.

use std::sync::Arc;

use redis::{Cmd, ErrorKind, FromRedisValue, Script};
use secrecy::{ExposeSecret as _, SecretString};

use super::link::{Link, Place};
use super::unavailable;
use crate::bus::BusError;
use crate::config::RedisTls;

/// A connection for commands and scripts, to a single server or a cluster; cheap to clone, reconnects by itself.
#[derive(Clone)]
pub struct RedisCommands {
    link: Link,
}

impl RedisCommands {
    /// Connects to the Redis at `url`.
    ///
    /// # Errors
    /// [`BusError::Configuration`] when the URL cannot be used, [`BusError::Unavailable`] when Redis cannot be reached.
    pub async fn connect(url: &SecretString, tls: &RedisTls) -> Result<Self, BusError> {
        let place = Place::find(url.expose_secret(), tls).await.map_err(|error| {
            if error.kind() == ErrorKind::InvalidClientConfig {
                // Its text would repeat the URL with its password.
                BusError::Configuration("the Redis URL cannot be used".into())
            } else {
                unavailable(error)
            }
        })?;
        Ok(Self { link: place.link().await.map_err(unavailable)? })
    }

    /// Runs one command.
    ///
    /// # Errors
    /// [`BusError::Unavailable`] when there is no usable answer.
    pub async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, BusError> {
        self.link.query(command).await.map_err(unavailable)
    }

    /// Runs `script`, which is loaded where it is missing. It may run twice if its answer was lost on the way.
    ///
    /// # Errors
    /// [`BusError::Unavailable`] when there is no usable answer.
    pub async fn script<T: FromRedisValue>(&self, script: &Script, keys: &[String], arguments: &[String]) -> Result<T, BusError> {
        let mut command = redis::cmd("EVALSHA");
        command.arg(script.get_hash()).arg(keys.len()).arg(keys).arg(arguments);
        let name: Arc<str> = keys.first().map_or("", String::as_str).into();
        let answers = self.link.query_each(vec![(name, command)], Some(script)).await.map_err(unavailable)?;
        let answer = answers.into_iter().next().ok_or_else(|| BusError::Unavailable("a script gave no answer".into()))?;
        redis::from_redis_value(answer).map_err(|error| unavailable(error.into()))
    }
}

impl std::fmt::Debug for RedisCommands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisCommands").finish_non_exhaustive()
    }
}
