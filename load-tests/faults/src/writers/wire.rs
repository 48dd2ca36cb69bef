//! Writes through the gateway: over a socket, and by HTTP.
//!
//! It must never retry: a write whose answer was lost may have happened, and the database knows.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Writer;
use crate::cluster::ADMIN_TOKEN;
use crate::grants::COLLECTIONS;
use crate::http::request;
use crate::socket::{Incoming, Proof, Socket};

/// How long an answer may take before the writer goes elsewhere.
const ANSWER: Duration = Duration::from_secs(4);

/// A socket that is opened when it is needed.
#[derive(Default)]
pub(super) struct SocketSession(Option<Socket>);

/// One connection per request.
pub(super) struct HttpSession;

impl super::Session for SocketSession {
    async fn write(&mut self, writer: &mut Writer) -> Result<()> {
        if self.0.is_none() {
            self.0 = Some(Socket::open(node(writer)?, &Proof::Token(ADMIN_TOKEN.to_owned())).await?);
        }
        let socket = self.0.as_mut().context("a socket")?;
        let collection = COLLECTIONS.choose(&mut writer.random).copied().unwrap_or("docs");
        let key = writer.key(collection);
        let mut message = json!({"type": "items", "collection": collection, "uid": "w"});
        let more = match writer.random.random_range(0..8) {
            0..=2 => json!({"action": "create", "data": with_key(writer, collection, &key)}),
            3..=5 => json!({"action": "update", "id": key, "data": data(writer, collection, false)}),
            6 => {
                let level = writer.random.random_range(0..6);
                let query = json!({"filter": {"_and": [{"level": {"_eq": level}}, {"kind": {"_eq": "row"}}]}, "limit": 5});
                json!({"action": "update", "query": query, "data": data(writer, collection, false)})
            }
            _ => json!({"action": "delete", "id": key}),
        };
        if let (Some(message), Value::Object(more)) = (message.as_object_mut(), more) {
            message.extend(more);
        }
        socket.send(&message).await?;
        timeout(ANSWER, async {
            loop {
                if let Incoming::Message(answer) = socket.next().await?
                    && answer.get("uid").is_some_and(|uid| uid == "w")
                {
                    return anyhow::Ok(());
                }
            }
        })
        .await?
    }

    fn reset(&mut self) {
        self.0 = None;
    }
}

impl super::Session for HttpSession {
    async fn write(&mut self, writer: &mut Writer) -> Result<()> {
        let collection = COLLECTIONS.choose(&mut writer.random).copied().unwrap_or("docs");
        let key = writer.key(collection);
        let path = format!("/items/{collection}/{}", key.as_str().map_or_else(|| key.to_string(), str::to_owned));
        let (method, path, body) = match writer.random.random_range(0..6) {
            0 | 1 => ("POST", format!("/items/{collection}"), Some(with_key(writer, collection, &key))),
            2..=4 => ("PATCH", path, Some(data(writer, collection, false))),
            _ => ("DELETE", path, None),
        };
        let port = node(writer)?;
        timeout(ANSWER, request(port, method, &path, Some(ADMIN_TOKEN), body.as_ref())).await??;
        Ok(())
    }

    fn reset(&mut self) {}
}

fn node(writer: &mut Writer) -> Result<u16> {
    Ok(writer.cluster.nodes.choose(&mut writer.random).context("nodes")?.clients.port())
}

fn data(writer: &mut Writer, collection: &str, all: bool) -> Value {
    let values: BTreeMap<&str, Value> = writer.values(collection, all).into_iter().collect();
    json!(values)
}

fn with_key(writer: &mut Writer, collection: &str, key: &Value) -> Value {
    let mut data = data(writer, collection, true);
    if let Some(data) = data.as_object_mut() {
        data.insert("id".to_owned(), key.clone());
    }
    data
}
