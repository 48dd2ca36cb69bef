//! Oracle clients: real sockets, real protocol. What arrives is folded into a copy of each view and kept in a log.
//!
//! ```text
//! connect ─▶ subscribe ─▶ init, or resume ─▶ events … ─▶ the connection ends ─▶ connect to any node ─▶ …
//! ```
//! They must never judge: the log goes to [`crate::judge`]. They come back for ever, as clients of an application do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::clock::{Moment, now};
use crate::cluster::Cluster;
use crate::grants::{COLLECTIONS, User};
use crate::rule::Rule;
use crate::socket::{Incoming, Socket};

/// How often a client asks whether its server is there, and after how long without any answer it goes elsewhere.
const PING: Duration = Duration::from_millis(1000);
const SILENCE: Duration = Duration::from_millis(4000);
/// How long a refused subscription waits before it is tried again.
const RETRY: Duration = Duration::from_millis(1200);

/// Where the view of an aggregate keeps its one row.
pub(crate) const COUNT: &str = "count";

/// What a client subscribes to.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub(crate) uid: String,
    /// By its place in [`COLLECTIONS`].
    pub(crate) collection: usize,
    pub(crate) filter: Rule,
    /// `None`: `*`.
    pub(crate) fields: Option<Vec<&'static str>>,
    /// The number of rows, not the rows.
    pub(crate) aggregate: bool,
    /// Goes on from its position when a connection has ended, instead of beginning anew.
    pub(crate) resume: bool,
}

/// One thing that happened to a subscription.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) at: Moment,
    pub(crate) what: What,
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// The whole view; `asked`: when the client subscribed, if this is the answer.
    Init { asked: Option<Moment>, rows: Vec<Value> },
    /// `create` or `update`.
    Content { create: bool, rows: Vec<Value> },
    /// Keys in their text form.
    Delete { keys: Vec<String> },
    /// The server says that it is not allowed, or not possible now.
    Refused(String),
    /// The connection ended. `resumes`: the client will ask to go on from here; else what comes next begins with an `init`.
    Ended { why: String, resumes: bool },
    /// The server goes on from where the connection ended.
    Resumed,
}

/// A subscription and everything about it since the last check.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    pub(crate) subscription: Subscription,
    /// What the log begins with; `None`: nothing was known.
    pub(crate) base: Option<BTreeMap<String, Value>>,
    pub(crate) log: Vec<Entry>,
    /// The folded copy; `None` until an `init`.
    pub(crate) view: Option<BTreeMap<String, Value>>,
    /// Whether the copy is kept up to date: not between the end of a connection and the answer on the next.
    pub(crate) live: bool,
    /// Of the last message.
    position: Option<String>,
    /// When the answer that is awaited was asked for.
    asked: Option<Moment>,
    /// When the last answered `init` was asked for.
    pub(crate) answered: Moment,
}

/// A client as the suite sees it.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) number: usize,
    /// By its place among the users.
    pub(crate) user: usize,
    state: Arc<Mutex<Vec<Watched>>>,
    orders: mpsc::Sender<Order>,
    changed: watch::Receiver<u64>,
}

/// What the suite tells a client.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    /// Breaks off, and comes back.
    Drop,
    /// Asks for everything anew on the same connection.
    Subscribe,
    /// Reads nothing for so long.
    Sleep(Duration),
}

/// The task of a client.
struct Life {
    cluster: Arc<Cluster>,
    user: User,
    random: StdRng,
    state: Arc<Mutex<Vec<Watched>>>,
    orders: mpsc::Receiver<Order>,
    changed: watch::Sender<u64>,
    /// Subscriptions to try again, and when.
    retry: Option<Instant>,
}

impl Subscription {
    fn random(random: &mut StdRng, number: usize) -> Self {
        let collection = random.random_range(0..COLLECTIONS.len());
        let one = |random: &mut StdRng| Box::new(Rule::on_open_fields(random));
        let filter = match random.random_range(0..5) {
            0 => Rule::All,
            1 => Rule::Both(one(random), one(random)),
            2 => Rule::Either(one(random), one(random)),
            _ => Rule::on_open_fields(random),
        };
        let fields = random.random_bool(0.4).then(|| {
            let mut fields = vec!["id", "stamp", "kind", "n"];
            fields.extend(["team", "level", "owner"].iter().filter(|_| random.random_bool(0.5)));
            fields.shuffle(random);
            fields
        });
        Self { uid: format!("s{number}"), collection, filter, fields, aggregate: random.random_bool(0.12), resume: random.random_bool(0.6) }
    }

    /// The collection's name.
    pub(crate) fn collection_name(&self) -> &'static str {
        COLLECTIONS.get(self.collection).copied().unwrap_or_default()
    }

    fn message(&self, position: Option<&str>) -> Value {
        let filter = self.filter.filter();
        let query = if self.aggregate {
            json!({"aggregate": {"count": "*"}, "filter": filter})
        } else {
            let fields = self.fields.as_ref().map_or_else(|| json!(["*"]), |fields| json!(fields));
            json!({"fields": fields, "filter": filter, "limit": -1})
        };
        let mut message = json!({"type": "subscribe", "collection": self.collection_name(), "uid": self.uid, "query": query});
        if self.resume
            && let Some(message) = message.as_object_mut()
        {
            message.insert("resume".to_owned(), position.map_or(json!(true), |position| json!(position)));
        }
        message
    }

    /// The key of this collection's marker.
    pub(crate) fn marker(&self) -> &'static str {
        if self.collection_name() == "tags" { "\"marker\"" } else { "-1" }
    }
}

impl Watched {
    /// A subscription to which all this has happened.
    #[cfg(test)]
    pub(crate) fn of(subscription: Subscription, log: Vec<Entry>) -> Self {
        let mut watched =
            Self { subscription, base: None, log: Vec::new(), view: None, live: false, position: None, asked: None, answered: 0 };
        for entry in log {
            watched.note(entry.what);
            if let Some(last) = watched.log.last_mut() {
                last.at = entry.at;
            }
        }
        watched
    }

    fn note(&mut self, what: What) {
        self.live = match &what {
            What::Init { .. } | What::Resumed => true,
            What::Content { .. } | What::Delete { .. } => self.live,
            What::Refused(_) | What::Ended { .. } => false,
        };
        match &what {
            What::Init { rows, .. } | What::Content { rows, .. } if self.subscription.aggregate => {
                self.view = Some(rows.iter().map(|row| (COUNT.to_owned(), row.clone())).collect());
            }
            What::Init { rows, .. } => self.view = Some(rows.iter().map(|row| (key_of(row), row.clone())).collect()),
            What::Content { rows, .. } => {
                if let Some(view) = &mut self.view {
                    view.extend(rows.iter().map(|row| (key_of(row), row.clone())));
                }
            }
            What::Delete { keys } => {
                if let Some(view) = &mut self.view {
                    view.retain(|key, _| !keys.contains(key));
                }
            }
            What::Refused(_) | What::Ended { resumes: false, .. } => {
                self.view = None;
                self.position = None;
            }
            What::Ended { resumes: true, .. } | What::Resumed => {}
        }
        self.log.push(Entry { at: now(), what });
    }

    /// The connection of this subscription has ended.
    fn ended(&mut self, why: &str) {
        self.asked = None;
        self.note(What::Ended { why: why.to_owned(), resumes: self.position.is_some() && self.view.is_some() });
    }

    /// The count of an aggregate; its values are text.
    pub(crate) fn count(&self) -> Option<i64> {
        let count = self.view.as_ref().filter(|_| self.live)?.get(COUNT)?.get("count")?;
        count.as_i64().or_else(|| count.as_str()?.parse().ok())
    }

    /// The number that the marker row carries in this view.
    pub(crate) fn marker(&self) -> Option<i64> {
        self.view.as_ref().filter(|_| self.live)?.get(self.subscription.marker())?.get("n")?.as_i64()
    }

    /// The log begins anew with the view of now.
    pub(crate) fn checkpoint(&mut self) {
        self.base.clone_from(&self.view);
        self.log.clear();
    }
}

/// The key of a row as text of JSON.
pub(crate) fn key_of(row: &Value) -> String {
    row.get("id").map(Value::to_string).unwrap_or_default()
}

impl Client {
    /// Starts a client with a few random subscriptions.
    pub(crate) fn start(cluster: &Arc<Cluster>, number: usize, user: usize, seed: u64) -> Result<Self> {
        let mut random = StdRng::seed_from_u64(seed ^ ((number as u64 + 1) << 40));
        let users = cluster.grants.users();
        ensure!(user < users.len(), "no such user");
        let state = Arc::new(Mutex::new(
            (0..random.random_range(3..6))
                .map(|number| Watched {
                    subscription: Subscription::random(&mut random, number),
                    base: None,
                    log: Vec::new(),
                    view: None,
                    live: false,
                    position: None,
                    asked: None,
                    answered: 0,
                })
                .collect(),
        ));
        let (orders, receiver) = mpsc::channel(16);
        let (changed, watched) = watch::channel(0);
        let Some(this) = users.get(user).cloned() else { anyhow::bail!("no such user") };
        let life =
            Life { cluster: Arc::clone(cluster), user: this, random, state: Arc::clone(&state), orders: receiver, changed, retry: None };
        cluster.tasks.spawn("client", life.run());
        Ok(Self { number, user, state, orders, changed: watched })
    }

    /// Tells it something; a client that is busy being told is told later.
    pub(crate) async fn tell(&self, order: Order) {
        // Its task ends with the run.
        let _told = self.orders.send(order).await;
    }

    /// Its subscriptions.
    pub(crate) fn watched(&self) -> MutexGuard<'_, Vec<Watched>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `condition` holds for each subscription that `concerns` it; `false` at the deadline.
    pub(crate) async fn until(&self, deadline: Instant, condition: impl Fn(&Watched) -> bool) -> bool {
        let mut changed = self.changed.clone();
        loop {
            changed.mark_unchanged();
            if self.watched().iter().all(&condition) {
                return true;
            }
            match tokio::time::timeout_at(deadline, changed.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return self.watched().iter().all(&condition),
            }
        }
    }
}

impl Life {
    async fn run(mut self) {
        let mut last = None;
        loop {
            // Whoever had to leave a node goes to another one first.
            let ports = self.cluster.nodes.iter().map(|node| node.clients.port());
            let others: Vec<u16> = ports.filter(|port| Some(*port) != last).collect();
            let Some(node) = others.choose(&mut self.random).copied() else { return };
            last = Some(node);
            let why = match Socket::open(node, &self.user.token).await {
                Ok(socket) => self.live(socket).await.err().map(|error| format!("{error:#}")),
                Err(_) => None,
            };
            if let Some(why) = why {
                for watched in self.watched().iter_mut() {
                    watched.ended(&why);
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

    /// One connection, until it ends.
    async fn live(&mut self, mut socket: Socket) -> Result<()> {
        self.subscribe(&mut socket, |_| true, true).await?;
        let mut heard = Instant::now();
        let mut ping = tokio::time::interval(PING);
        loop {
            let retry = self.retry.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            // All are cancel-safe; nothing is sent inside an arm's future.
            tokio::select! {
                incoming = socket.next() => {
                    heard = Instant::now();
                    if let Incoming::Message(message) = incoming?
                        && self.heard(&message)
                    {
                        socket.send(&json!({"type": "pong"})).await?;
                    }
                }
                _ = ping.tick() => {
                    ensure!(heard.elapsed() < SILENCE, "the server is silent");
                    socket.send(&json!({"type": "ping"})).await?;
                }
                () = tokio::time::sleep_until(retry), if self.retry.is_some() => {
                    self.retry = None;
                    self.subscribe(&mut socket, |watched| !watched.live && watched.asked.is_none(), true).await?;
                }
                order = self.orders.recv() => match order {
                    None | Some(Order::Drop) => anyhow::bail!("the client broke off"),
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
            let mut watched = self.watched();
            let mut messages = Vec::new();
            for watched in watched.iter_mut().filter(|watched| which(watched)) {
                watched.asked = Some(now());
                let position = watched.position.as_deref().filter(|_| resume);
                messages.push(watched.subscription.message(position));
            }
            messages
        };
        for message in messages {
            socket.send(&message).await?;
        }
        Ok(())
    }

    /// Takes one message; `true`: the server wants a pong.
    fn heard(&mut self, message: &Value) -> bool {
        let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("type") == "ping" {
            return true;
        }
        if !matches!(text("type"), "subscription" | "subscribe") {
            return false;
        }
        let mut retry = false;
        {
            let mut all = self.watched();
            let Some(watched) = all.iter_mut().find(|watched| watched.subscription.uid == text("uid")) else { return false };
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
                    let text_key = watched.subscription.collection_name() == "tags";
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
        false
    }

    fn watched(&self) -> MutexGuard<'_, Vec<Watched>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
