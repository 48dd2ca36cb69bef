//! `gateway probe`: a client that connects, subscribes, and on request sees a change of its own come back as an event.
//!
//! It must never leave its item behind once it has seen it, nor print the token.

use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use form_urlencoded::byte_serialize;
use futures_util::{SinkExt as _, StreamExt as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{Found, ProbeOptions};

/// A client's connection.
struct Client {
    socket: WebSocketStream<TcpStream>,
    limit: std::time::Duration,
}

/// Connects and subscribes as `options` say.
///
/// # Errors
/// When the node does not answer as a client may expect; the text says at which step.
pub async fn probe(options: &ProbeOptions, token: Option<SecretString>) -> anyhow::Result<Found> {
    let opened = tokio::time::timeout(options.limit(), open(options, token.as_ref())).await.context("no connection in time")?;
    let anonymous = token.is_none();
    let Some(socket) = opened? else {
        ensure!(anonymous, "the upgrade was refused: the token is not valid");
        return Ok(Found::AsksForCredentials);
    };
    let mut client = Client { socket, limit: options.limit() };
    client.send(json!({"type": "subscribe", "collection": options.collection, "uid": "probe"})).await?;
    let init = client.until("the first message of the subscription", |message| answers(message, "subscription", "init")).await;
    let init = match init {
        Err(error) if anonymous && error.downcast_ref::<Refused>().is_some_and(|refused| refused.kind == "auth") => {
            return Ok(Found::AsksForCredentials);
        }
        other => other?,
    };
    let Some(item) = &options.item else {
        return Ok(Found::Subscribed { items: init.get("data").and_then(Value::as_array).map_or(0, Vec::len) });
    };
    client.round_trip(options, item).await
}

/// `None`: refused for lack of credentials.
async fn open(options: &ProbeOptions, token: Option<&SecretString>) -> anyhow::Result<Option<WebSocketStream<TcpStream>>> {
    let mut url = options.url.clone();
    if let Some(token) = token {
        // Accepted in every mode of the endpoint.
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str("access_token=");
        url.extend(byte_serialize(token.expose_secret().as_bytes()));
    }
    let uri: Uri = url.parse().context("--url is no address")?;
    ensure!(uri.scheme_str() == Some("ws"), "--url must begin with ws://");
    let host = uri.host().context("--url has no host")?;
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), uri.port_u16().unwrap_or(80))).await;
    let stream = stream.with_context(|| format!("cannot connect to {}", options.url))?;
    match client_async(uri, stream).await {
        Ok((socket, _)) => Ok(Some(socket)),
        Err(tungstenite::Error::Http(response)) if response.status() == tungstenite::http::StatusCode::UNAUTHORIZED => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} is no WebSocket endpoint", options.url)),
    }
}

/// An answer with an error.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {kind} was refused: {error}")]
struct Refused {
    step: &'static str,
    kind: String,
    error: Value,
}

fn answers(message: &Map<String, Value>, kind: &str, event: &str) -> bool {
    message.get("type").is_some_and(|found| found == kind) && message.get("event").is_some_and(|found| found == event)
}

impl Client {
    async fn send(&mut self, message: Value) -> anyhow::Result<()> {
        self.socket.send(Message::text(message.to_string())).await.context("the connection was closed")
    }

    /// Reads until a message is the wanted one; errors end it, everything else is passed over.
    async fn until(&mut self, step: &'static str, wanted: impl Fn(&Map<String, Value>) -> bool) -> anyhow::Result<Map<String, Value>> {
        let deadline = Instant::now() + self.limit;
        loop {
            let next = tokio::time::timeout_at(deadline.into(), self.socket.next());
            let message = next.await.with_context(|| format!("{step} did not come in time"))?;
            let message = message.with_context(|| format!("{step}: the connection was closed"))??;
            let Message::Text(text) = message else { continue };
            let Ok(Value::Object(message)) = serde_json::from_str::<Value>(&text) else { bail!("{step}: an answer is no JSON object") };
            if let Some(error) = message.get("error") {
                let kind = message.get("type").and_then(Value::as_str).unwrap_or("a message").to_owned();
                return Err(Refused { step, kind, error: error.clone() }.into());
            }
            if message.get("type").is_some_and(|kind| kind == "ping") {
                self.send(json!({"type": "pong"})).await?;
            } else if wanted(&message) {
                return Ok(message);
            }
        }
    }

    /// Creates the item, waits for its event, deletes it.
    async fn round_trip(&mut self, options: &ProbeOptions, item: &Map<String, Value>) -> anyhow::Result<Found> {
        let began = Instant::now();
        let items = |action: &str, more: Value| {
            let mut message = json!({"type": "items", "action": action, "collection": options.collection, "uid": action});
            if let (Value::Object(message), Value::Object(more)) = (&mut message, more) {
                message.extend(more);
            }
            message
        };
        self.send(items("create", json!({"data": item}))).await?;
        // The answer and the event come in any order; only the event shows the whole way, and it holds the key as well.
        let event = self
            .until("the change event of the item", |message| {
                answers(message, "subscription", "create") && {
                    let created = message.get("data").and_then(|data| data.get(0));
                    created.is_some_and(|created| item.iter().all(|(name, value)| created.get(name) == Some(value)))
                }
            })
            .await?;
        let after = began.elapsed();
        let key = event.get("data").and_then(|data| data.get(0)).and_then(|created| created.get(&options.key));
        let key = key.with_context(|| format!("the item has no field {}: name its key with --key", options.key))?;
        self.send(items("delete", json!({"id": key}))).await?;
        self.until("the change event of the deletion", |message| {
            answers(message, "subscription", "delete")
                && message.get("data").and_then(Value::as_array).is_some_and(|keys| keys.contains(key))
        })
        .await?;
        Ok(Found::Delivered { after })
    }
}
