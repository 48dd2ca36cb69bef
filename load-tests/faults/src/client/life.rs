//! The life of a client: connect, subscribe, listen, come back.
//!
//! ```text
//! /websocket  subscribe ─▶ init, or resume ─▶ events …
//! /graphql    subscribe ─▶ a first event (a marker is touched until it comes) ─▶ query ─▶ its rows, and events …
//! ```
//! Over GraphQL nothing confirms a subscription: only an event does. It must never trust rows that were asked for before.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::credentials::Credentials;
use super::{Order, State, Watched, What};
use crate::clock::now;
use crate::cluster::Cluster;
use crate::socket::{Incoming, Socket, Unwelcome};

/// How often a client asks whether its server is there, and after how long without any answer it goes elsewhere.
const PING: Duration = Duration::from_millis(1000);
const SILENCE: Duration = Duration::from_millis(4000);
/// How long a refused subscription waits before it is tried again.
const RETRY: Duration = Duration::from_millis(1200);
/// How long a GraphQL subscription waits for its first event, or its rows, before something is done about it.
const FIRST_EVENT: Duration = Duration::from_millis(400);

/// What a client's task has.
pub(super) struct Life {
    pub(super) cluster: Arc<Cluster>,
    pub(super) credentials: Credentials,
    pub(super) graphql: bool,
    pub(super) random: StdRng,
    pub(super) state: Arc<Mutex<State>>,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) changed: watch::Sender<u64>,
    /// Subscriptions to try again, and when.
    pub(super) retry: Option<Instant>,
    /// When the token that has expired is renewed.
    pub(super) renew: Option<Instant>,
}

/// What a message calls for.
#[derive(Debug, Default)]
struct Replies {
    messages: Vec<Value>,
    /// The server does not accept who the client is.
    unwelcome: Option<String>,
}

impl Life {
    pub(super) async fn run(mut self) {
        let mut last = None;
        loop {
            // Whoever had to leave a node goes to another one first.
            let ports = self.cluster.nodes.iter().map(|node| node.clients.port());
            let others: Vec<u16> = ports.filter(|port| Some(*port) != last).collect();
            let Some(node) = others.choose(&mut self.random).copied() else { return };
            last = Some(node);
            (self.retry, self.renew) = (None, None);
            let outcome = self.connection(node).await;
            let was_open = self.state().open.take().is_some();
            if let Err(error) = outcome {
                if error.downcast_ref::<Unwelcome>().is_some() {
                    self.credentials.refused();
                }
                if was_open {
                    for watched in &mut self.state().watched {
                        watched.ended(&format!("{error:#}"));
                    }
                }
            }
            self.changed.send_modify(|count| *count += 1);
            let pause = Duration::from_millis(self.random.random_range(20..300));
            // What is said to a client that is away is said too late, but the end of the run is heard.
            let until = Instant::now() + pause;
            while let Ok(order) = tokio::time::timeout_at(until, self.orders.recv()).await {
                if order.is_none() {
                    return;
                }
            }
        }
    }

    async fn connection(&mut self, node: u16) -> Result<()> {
        let (proof, proven) = self.credentials.proof(node).await?;
        let socket = if self.graphql { Socket::graphql(node, &proof).await? } else { Socket::open(node, &proof).await? };
        {
            let mut state = self.state();
            state.open = Some(proven);
            for watched in &mut state.watched {
                watched.note(What::Began { proven });
            }
        }
        self.changed.send_modify(|count| *count += 1);
        self.live(socket, node).await
    }

    /// One connection, until it ends.
    async fn live(&mut self, mut socket: Socket, node: u16) -> Result<()> {
        self.subscribe(&mut socket, |_| true, true).await?;
        let mut heard = Instant::now();
        let mut ping = tokio::time::interval(PING);
        loop {
            let later = Instant::now() + Duration::from_secs(3600);
            let (retry, renew) = (self.retry.unwrap_or(later), self.renew.unwrap_or(later));
            // All are cancel-safe; nothing is sent inside an arm's future.
            tokio::select! {
                incoming = socket.next() => {
                    heard = Instant::now();
                    if let Incoming::Message(message) = incoming? {
                        let replies = if self.graphql { self.heard_graphql(&message) } else { self.heard(&message) };
                        for reply in &replies.messages {
                            socket.send(reply).await?;
                        }
                        if let Some(why) = replies.unwelcome {
                            self.credentials.refused();
                            bail!("{why}");
                        }
                    }
                }
                _ = ping.tick() => {
                    ensure!(heard.elapsed() < SILENCE, "the server is silent");
                    socket.send(&json!({"type": "ping"})).await?;
                }
                () = tokio::time::sleep_until(retry), if self.retry.is_some() => {
                    self.retry = None;
                    if self.graphql {
                        self.insist(&mut socket).await?;
                    } else {
                        self.subscribe(&mut socket, |watched| !watched.live && watched.asked.is_none(), true).await?;
                    }
                }
                () = tokio::time::sleep_until(renew), if self.renew.is_some() => {
                    self.renew = None;
                    self.authenticate(&mut socket, node).await?;
                    heard = Instant::now();
                }
                order = self.orders.recv() => match order {
                    None | Some(Order::Drop) => bail!("the client broke off"),
                    // A name is free again only when its operation has ended.
                    Some(Order::Subscribe) if self.graphql => {
                        // With a token that lasts.
                        self.credentials.renew_next_time();
                        bail!("the client begins anew");
                    }
                    Some(Order::Subscribe) => self.subscribe(&mut socket, |_| true, false).await?,
                    Some(Order::Sleep(time)) => {
                        tokio::time::sleep(time).await;
                        heard = Instant::now();
                    }
                },
            }
        }
    }

    /// Subscribes; those that have a position go on from it if `resume` says so.
    async fn subscribe(&mut self, socket: &mut Socket, which: impl Fn(&Watched) -> bool, resume: bool) -> Result<()> {
        let messages: Vec<Value> = {
            let mut state = self.state();
            let mut messages = Vec::new();
            for watched in state.watched.iter_mut().filter(|watched| which(watched)) {
                if self.graphql {
                    watched.begin();
                    messages.push(watched.subscription.operation(false));
                    continue;
                }
                watched.asked = Some(now());
                let position = watched.position.as_deref().filter(|_| resume);
                messages.push(watched.subscription.message(position));
            }
            messages
        };
        if self.graphql {
            self.retry = Some(Instant::now() + FIRST_EVENT);
        }
        for message in messages {
            socket.send(&message).await?;
        }
        Ok(())
    }

    /// What has not begun yet: touches a marker whose event would tell, asks for rows again, subscribes again.
    async fn insist(&mut self, socket: &mut Socket) -> Result<()> {
        let mut messages = Vec::new();
        let mut touched = Vec::new();
        {
            let mut state = self.state();
            for watched in state.watched.iter_mut().filter(|watched| !watched.live) {
                if watched.is_refused() {
                    watched.begin();
                    messages.push(watched.subscription.operation(false));
                } else if !watched.is_heard() {
                    touched.push((watched.subscription.collection_name(), watched.subscription.has_text_keys()));
                } else if watched.asked.is_none() {
                    watched.ask();
                    messages.push(watched.subscription.operation(true));
                }
            }
        }
        if !(messages.is_empty() && touched.is_empty()) {
            self.retry = Some(Instant::now() + FIRST_EVENT);
        }
        for (collection, text) in touched {
            // Without it the next look touches again.
            let Ok(may_write) = Arc::clone(&self.cluster.touching).try_read_owned() else { continue };
            let (key, database) = (if text { "'marker'" } else { "-1" }, self.cluster.database.clone());
            self.cluster.tasks.spawn("touch", async move {
                let _touched = database.try_once(&format!("update {collection} set n = n where id = {key}")).await;
                drop(may_write);
            });
        }
        for message in messages {
            socket.send(&message).await?;
        }
        Ok(())
    }

    /// Sends a new token, by HTTP or in the message itself.
    async fn authenticate(&mut self, socket: &mut Socket, node: u16) -> Result<()> {
        let message = if self.random.random_bool(0.5) {
            json!({"type": "auth", "access_token": self.credentials.renew(node).await?})
        } else {
            json!({"type": "auth", "refresh_token": self.credentials.take_refresh_token()})
        };
        for watched in &mut self.state().watched {
            watched.note(What::Renewed);
        }
        socket.send(&message).await
    }

    /// Takes one message of `/websocket`.
    fn heard(&mut self, message: &Value) -> Replies {
        let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
        let mut replies = Replies::default();
        match text("type") {
            "ping" => replies.messages.push(json!({"type": "pong"})),
            "auth" if text("status") == "ok" => {
                if let Some(token) = message.get("refresh_token").and_then(Value::as_str) {
                    self.credentials.refreshed(token);
                }
            }
            "auth" if message.pointer("/error/code").is_some_and(|code| code == "TOKEN_EXPIRED") => {
                for watched in &mut self.state().watched {
                    watched.note(What::Lapsed);
                }
                // The server waits for ten seconds.
                self.renew = Some(Instant::now() + Duration::from_millis(self.random.random_range(0..5000)));
            }
            "auth" => replies.unwelcome = Some(message.to_string()),
            "subscription" | "subscribe" => self.heard_subscription(message),
            _ => {}
        }
        replies
    }

    fn heard_subscription(&mut self, message: &Value) {
        let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
        let mut retry = false;
        {
            let mut state = self.state();
            let Some(watched) = state.watched.iter_mut().find(|watched| watched.subscription.uid == text("uid")) else { return };
            if let Some(position) = message.get("position").and_then(Value::as_str) {
                watched.position = Some(position.to_owned());
            }
            let rows = || message.get("data").and_then(Value::as_array).cloned().unwrap_or_default();
            match (text("type"), text("event")) {
                (_, "init") => {
                    let asked = watched.asked.take();
                    if let Some(asked) = asked {
                        watched.answered = asked;
                    }
                    watched.note(What::Init { asked, rows: rows() });
                }
                (_, "resume") => {
                    watched.answered = watched.asked.take().unwrap_or(watched.answered);
                    watched.note(What::Resumed);
                }
                (_, event @ ("create" | "update")) => watched.note(What::Content { create: event == "create", rows: rows() }),
                (_, "delete") if watched.subscription.aggregate => watched.note(What::Content { create: false, rows: rows() }),
                (_, "delete") => {
                    let text_key = watched.subscription.has_text_keys();
                    let keys = rows().iter().map(|key| key_text(key, text_key)).collect();
                    watched.note(What::Delete { keys });
                }
                _ => {
                    watched.asked = None;
                    watched.note(What::Refused(message.to_string()));
                    retry = true;
                }
            }
        }
        if retry {
            self.retry = Some(Instant::now() + RETRY);
        }
        self.changed.send_modify(|count| *count += 1);
    }

    /// Takes one message of graphql-transport-ws.
    fn heard_graphql(&mut self, message: &Value) -> Replies {
        let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
        let mut replies = Replies::default();
        if text("type") == "ping" {
            replies.messages.push(json!({"type": "pong"}));
        }
        let (rows_of, name) = text("id").strip_prefix("rows-").map_or((false, text("id")), |name| (true, name));
        let mut retry = None;
        {
            let mut state = self.state();
            let Some(watched) = state.watched.iter_mut().find(|watched| watched.subscription.uid == name) else { return replies };
            let (collection, text_key) = (watched.subscription.collection_name(), watched.subscription.has_text_keys());
            let event = message.pointer(&format!("/payload/data/{collection}_mutated"));
            let rows = message.pointer(&format!("/payload/data/{collection}")).and_then(Value::as_array);
            match (text("type"), rows_of) {
                ("next", true) => {
                    let asked = watched.asked.take();
                    if let (Some(asked), Some(rows)) = (asked, rows) {
                        watched.answered = asked;
                        let rows = rows.iter().map(|row| typed(row, text_key)).collect();
                        watched.note(What::Rows { asked, rows });
                    } else {
                        retry = Some(RETRY);
                    }
                }
                ("next", false) => {
                    if !watched.is_heard() {
                        watched.note(What::Live);
                        watched.ask();
                        replies.messages.push(watched.subscription.operation(true));
                        retry = Some(RETRY);
                    }
                    let key = event.and_then(|event| event.get("key")).map(|key| key_text(key, text_key));
                    let kind = event.and_then(|event| event.get("event")).and_then(Value::as_str);
                    let row = event.and_then(|event| event.get("data")).filter(|row| row.is_object());
                    match (kind, key, row) {
                        (Some("delete"), Some(key), None) => watched.note(What::Delete { keys: vec![key] }),
                        (Some(kind @ ("create" | "update")), _, Some(row)) => {
                            watched.note(What::Content { create: kind == "create", rows: vec![typed(row, text_key)] });
                        }
                        _ => replies.unwelcome = Some(format!("no event: {message}")),
                    }
                }
                ("error", true) => {
                    watched.asked = None;
                    retry = Some(RETRY);
                }
                ("error", false) => {
                    watched.asked = None;
                    watched.note(What::Refused(message.to_string()));
                    retry = Some(RETRY);
                }
                _ => {}
            }
        }
        if let Some(retry) = retry {
            self.retry.get_or_insert(Instant::now() + retry);
        }
        self.changed.send_modify(|count| *count += 1);
        replies
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A row of GraphQL, whose keys are text, with a key of its column's type.
fn typed(row: &Value, text: bool) -> Value {
    let mut row = row.clone();
    let number = row.get("id").and_then(Value::as_str).and_then(|id| id.parse::<i64>().ok()).filter(|_| !text);
    if let (Some(number), Some(row)) = (number, row.as_object_mut()) {
        row.insert("id".to_owned(), json!(number));
    }
    row
}

/// A key of a delete has the type that its writer used; here it gets that of its column.
fn key_text(key: &Value, text: bool) -> String {
    match key {
        Value::String(number) if !text => number.clone(),
        other @ (Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            other.to_string()
        }
    }
}
