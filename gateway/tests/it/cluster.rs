//! Two stateless nodes, one worker, Redis and a SQL session: a client on one node sees every change, whoever made it.
//!
//! It must never speak to the node that its subscriber is connected to when it writes.

mod secrets;

use std::collections::BTreeSet;
use std::collections::HashSet;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use futures_util::SinkExt as _;
use serde_json::{Value, json};
use service_runtime::testkit::PrivateRedis;
use tokio::sync::RwLockReadGuard;
use tokio::time::Instant;
use tokio_postgres::Client;

use crate::conformance::{Baseline, Fixture};
use crate::harness::gateway::{ADMIN_TOKEN, Gateway, Program, Running};
use crate::harness::http::Request;
use crate::harness::postgres::Database;
use crate::harness::socket::Socket;
use crate::harness::{beside_others, run};

/// How long what was written may take to be shown.
const SHOW_LIMIT: Duration = Duration::from_secs(30);

/// A deployment of its own.
struct Cluster {
    a: Gateway,
    b: Gateway,
    sql: Client,
    worker: Running,
    redis: PrivateRedis,
    database: Database,
    _machine: RwLockReadGuard<'static, ()>,
}

impl Cluster {
    /// Starts everything; the worker leads when the nodes come.
    async fn start() -> Result<Self> {
        let machine = beside_others().await;
        let database = Fixture::database(Baseline::Twelve).await?;
        let redis = PrivateRedis::start(&[]).await.context("redis-server")?;
        let worker = Program::worker(&database, redis.url())?.lead().await?;
        let node = || Program::gateway(&["serve"]).database(&database).env("REDIS", redis.url()).listen();
        let (a, b) = tokio::try_join!(node(), node())?;
        let sql = database.connect().await?;
        Ok(Self { a, b, sql, worker, redis, database, _machine: machine })
    }

    async fn stop(self) -> Result<()> {
        drop(self.sql);
        self.a.stop().await?;
        self.b.stop().await?;
        drop(self.worker);
        drop(self.redis);
        self.database.drop().await
    }
}

/// A client that has subscribed to `collections`; the uid of each subscription is its collection.
async fn subscriber(node: &Gateway, collections: &[&str]) -> Result<Socket> {
    let mut socket = node.connect(ADMIN_TOKEN).await?;
    for collection in collections {
        let init = socket.ask(json!({"type": "subscribe", "collection": collection, "uid": collection})).await?;
        ensure!(init["event"] == "init", "{init}");
    }
    Ok(socket)
}

/// The next event of a subscription.
async fn event(socket: &mut Socket, name: &str, uid: &str) -> Result<Value> {
    let message = socket.next().await?;
    ensure!(message["type"] == "subscription" && message["event"] == name && message["uid"] == uid, "{name} of {uid} expected: {message}");
    Ok(message["data"].clone())
}

/// Rows of events of one kind, gathered until there are `count`.
async fn rows(socket: &mut Socket, name: &str, uid: &str, count: usize) -> Result<Vec<Value>> {
    let mut rows = Vec::new();
    while rows.len() < count {
        let data = event(socket, name, uid).await?;
        rows.extend(data.as_array().context("a list")?.clone());
    }
    Ok(rows)
}

/// Waits until a row of this label is shown, by an event or in a new init.
async fn shown(socket: &mut Socket, label: &str, worker: &Running) -> Result<()> {
    let deadline = Instant::now() + SHOW_LIMIT;
    loop {
        let message = socket.take(1, Duration::from_secs(1)).await.pop().unwrap_or_default();
        if message["data"].as_array().is_some_and(|rows| rows.iter().any(|row| row["label"] == label)) {
            return Ok(());
        }
        ensure!(socket.ended().is_none(), "the socket stays up: {:?}", socket.ended());
        ensure!(Instant::now() < deadline, "{label} was never shown; worker:\n{}", worker.output());
    }
}

/// On a new deployment nodes, clients and writers may all be there before the first worker is.
#[test]
fn who_subscribed_before_the_first_worker_misses_nothing() {
    run(async {
        let _machine = beside_others().await;
        let database = Fixture::database(Baseline::Twelve).await?;
        let redis = PrivateRedis::start(&[]).await.context("redis-server")?;
        let node = Program::gateway(&["serve"]).database(&database).env("REDIS", redis.url()).listen().await?;
        let mut socket = node.connect(ADMIN_TOKEN).await?;
        // Without a limit of its own, an init holds a hundred rows.
        let subscribe = json!({"type": "subscribe", "collection": "tags", "query": {"limit": -1}});
        ensure!(socket.ask(subscribe).await?["event"] == "init");
        let sql = database.connect().await?;
        let insert = async |label: &str| sql.execute("insert into tags (label) values ($1)", &[&label]).await;
        insert("before").await?;
        let worker = Program::worker(&database, redis.url())?.start()?;
        let (mut written, mut seen, mut live) = (0, HashSet::new(), 0);
        let deadline = Instant::now() + SHOW_LIMIT;
        while seen.len() <= written {
            let missing = || (1..=written).map(|number| format!("row {number}")).filter(|label| !seen.contains(label)).collect::<Vec<_>>();
            ensure!(Instant::now() < deadline, "of {written} never shown: {:?}; worker:\n{}", missing(), worker.output());
            // Until some writes have met a worker that leads.
            if live < 50 {
                written += 1;
                insert(&format!("row {written}")).await?;
            }
            for message in socket.take(usize::MAX, Duration::from_millis(1)).await {
                let begun = message["event"] == "init";
                live += usize::from(message["event"] == "create");
                for label in message["data"].as_array().into_iter().flatten().filter_map(|row| row["label"].as_str()) {
                    if label == "before" || label.starts_with("row ") {
                        ensure!(seen.insert(label.to_owned()) || begun, "{label} came twice");
                    }
                }
            }
        }
        node.stop().await?;
        drop((sql, worker, redis));
        database.drop().await
    });
}

#[test]
fn a_change_over_the_other_node_by_socket_is_seen() {
    run(async {
        let cluster = Cluster::start().await?;
        let mut on_a = subscriber(&cluster.a, &["messages"]).await?;
        let mut on_b = cluster.b.connect(ADMIN_TOKEN).await?;
        let reply = on_b.ask(json!({"type": "items", "collection": "messages", "action": "create", "data": {"text": "over B"}})).await?;
        let id = &reply["data"]["id"];
        ensure!(event(&mut on_a, "create", "messages").await?[0]["id"] == *id, "{reply}");
        on_b.ask(json!({"type": "items", "collection": "messages", "action": "update", "id": id, "data": {"text": "again"}})).await?;
        ensure!(event(&mut on_a, "update", "messages").await?[0]["text"] == "again");
        on_b.ask(json!({"type": "items", "collection": "messages", "action": "delete", "id": id})).await?;
        ensure!(event(&mut on_a, "delete", "messages").await? == json!([id]));
        cluster.stop().await
    });
}

#[test]
fn a_change_over_the_other_node_by_http_is_seen() {
    run(async {
        let cluster = Cluster::start().await?;
        let mut on_a = subscriber(&cluster.a, &["messages"]).await?;
        let create = Request::new("POST", "/items/messages").token(ADMIN_TOKEN).json(json!({"text": "over HTTP"}));
        let reply = cluster.b.request(create).await?;
        ensure!(reply.status == 200, "{reply:?}");
        let data = event(&mut on_a, "create", "messages").await?;
        ensure!(data[0]["text"] == "over HTTP" && data[0]["id"] == reply.body["data"]["id"], "{data}");
        cluster.stop().await
    });
}

#[test]
fn a_change_by_sql_is_seen_on_both_nodes() {
    run(async {
        let cluster = Cluster::start().await?;
        let mut on_a = subscriber(&cluster.a, &["tags"]).await?;
        let mut on_b = subscriber(&cluster.b, &["tags"]).await?;
        cluster.sql.batch_execute("insert into tags (label) values ('by sql')").await?;
        cluster.sql.batch_execute("update tags set label = 'changed' where label = 'by sql'").await?;
        cluster.sql.batch_execute("delete from tags where label = 'changed'").await?;
        for socket in [&mut on_a, &mut on_b] {
            let created = event(socket, "create", "tags").await?;
            ensure!(created[0]["label"] == "by sql", "{created}");
            ensure!(event(socket, "update", "tags").await?[0]["label"] == "changed");
            ensure!(event(socket, "delete", "tags").await? == json!([created[0]["id"]]));
        }
        cluster.stop().await
    });
}

#[test]
fn rows_removed_by_a_cascade_are_seen() {
    run(async {
        let cluster = Cluster::start().await?;
        let keys = cluster.sql.query("select id from comments where article = 1 order by id", &[]).await?;
        let keys: BTreeSet<i64> = keys.iter().map(|row| i64::from(row.get::<_, i32>(0))).collect();
        ensure!(!keys.is_empty(), "the fixture has comments on article 1");
        let mut on_a = subscriber(&cluster.a, &["comments"]).await?;
        cluster.sql.batch_execute("delete from articles where id = 1").await?;
        let deleted = rows(&mut on_a, "delete", "comments", keys.len()).await?;
        ensure!(deleted.iter().filter_map(Value::as_i64).collect::<BTreeSet<_>>() == keys, "{deleted:?}");
        cluster.stop().await
    });
}

#[test]
fn rows_loaded_by_copy_are_seen() {
    run(async {
        let cluster = Cluster::start().await?;
        let mut on_a = subscriber(&cluster.a, &["categories"]).await?;
        let mut sink = pin!(cluster.sql.copy_in("copy categories (id, name) from stdin").await?);
        sink.send(Bytes::from_static(b"c1\tOne\nc2\tTwo\nc3\tThree\n")).await?;
        sink.finish().await?;
        let created = rows(&mut on_a, "create", "categories", 3).await?;
        let names: BTreeSet<&str> = created.iter().filter_map(|row| row["name"].as_str()).collect();
        ensure!(names == BTreeSet::from(["One", "Two", "Three"]), "{created:?}");
        cluster.stop().await
    });
}

#[test]
fn an_upsert_is_a_create_or_an_update() {
    run(async {
        let cluster = Cluster::start().await?;
        let mut on_a = subscriber(&cluster.a, &["categories"]).await?;
        let upsert = "insert into categories (id, name) values ('ai', 'Machines'), ('new', 'New') on conflict (id) do update set name = excluded.name";
        cluster.sql.batch_execute(upsert).await?;
        let mut seen: Vec<(String, String)> = Vec::new();
        for _ in 0..2 {
            let message = on_a.next().await?;
            let row = &message["data"][0];
            ensure!(message["data"].as_array().is_some_and(|rows| rows.len() == 1), "{message}");
            seen.push((message["event"].as_str().unwrap_or_default().to_owned(), row["name"].as_str().unwrap_or_default().to_owned()));
        }
        seen.sort();
        ensure!(seen == [("create".to_owned(), "New".to_owned()), ("update".to_owned(), "Machines".to_owned())], "{seen:?}");
        cluster.stop().await
    });
}

/// What comes behind the rolled-back change is the next thing that is seen.
#[test]
fn nothing_is_seen_of_a_transaction_that_is_rolled_back() {
    run(async {
        let cluster = Cluster::start().await?;
        let mut on_a = subscriber(&cluster.a, &["tags"]).await?;
        cluster
            .sql
            .batch_execute("begin; insert into tags (label) values ('never'); update tags set label = 'nor this' where id = 1; rollback")
            .await?;
        cluster
            .sql
            .batch_execute("begin; savepoint s; delete from tags; rollback to s; insert into tags (label) values ('kept'); commit")
            .await?;
        let data = event(&mut on_a, "create", "tags").await?;
        ensure!(data[0]["label"] == "kept", "{data}");
        cluster.stop().await
    });
}

#[test]
fn a_transaction_over_three_tables_is_seen_whole_in_order_and_only_once_committed() {
    run(async {
        let cluster = Cluster::start().await?;
        let mut on_a = cluster.a.connect(ADMIN_TOKEN).await?;
        // Own columns: such events come from the row images. Those that need a read may be overtaken by those that do not.
        for (collection, fields) in
            [("categories", ["id", "name"]), ("tags", ["id", "label"]), ("comments", ["id", "text"]), ("messages", ["id", "text"])]
        {
            let subscribe = json!({"type": "subscribe", "collection": collection, "uid": collection, "query": {"fields": fields}});
            ensure!(on_a.ask(subscribe).await?["event"] == "init");
        }
        let writes = "begin; insert into categories (id, name) values ('t', 'first'); insert into tags (label) values ('second'); \
            update comments set text = 'third' where id = 1; update categories set name = 'fourth' where id = 't'; \
            delete from tags where label = 'second'";
        cluster.sql.batch_execute(writes).await?;
        // Another session commits while the transaction is open: its change is seen, the open ones are not.
        cluster.database.execute("insert into messages (text) values ('meanwhile')").await?;
        ensure!(event(&mut on_a, "create", "messages").await?[0]["text"] == "meanwhile");
        cluster.sql.batch_execute("commit").await?;
        let category = event(&mut on_a, "create", "categories").await?;
        // A row is shown as the statement left it, not as a later one of the transaction changed or removed it.
        ensure!(category == json!([{"id": "t", "name": "first"}]), "{category}");
        let tag = event(&mut on_a, "create", "tags").await?;
        ensure!(tag[0]["label"] == "second", "{tag}");
        ensure!(event(&mut on_a, "update", "comments").await?[0]["text"] == "third");
        ensure!(event(&mut on_a, "update", "categories").await?[0]["name"] == "fourth");
        ensure!(event(&mut on_a, "delete", "tags").await? == json!([tag[0]["id"]]));
        cluster.stop().await
    });
}

/// A node that ends tells its clients to come back, and the other node is not disturbed.
#[test]
fn a_node_that_ends_closes_its_clients_and_leaves_the_other_alone() {
    run(async {
        let cluster = Cluster::start().await?;
        let mut on_a = subscriber(&cluster.a, &["tags"]).await?;
        let mut on_b = subscriber(&cluster.b, &["tags"]).await?;
        cluster.a.running.signal(service_runtime::guarded_process::Signal::TERM)?;
        let ended = on_a.until_ended(Duration::from_secs(25)).await.context("the clients of the ending node are closed")?;
        ensure!([1001, 1012].contains(&ended.code), "a close that tells to reconnect: {ended:?}");
        ensure!(cluster.a.running.ended(Duration::from_secs(25)).await? == Some(0), "{}", cluster.a.running.output());
        cluster.sql.batch_execute("insert into tags (label) values ('still here')").await?;
        ensure!(event(&mut on_b, "create", "tags").await?[0]["label"] == "still here");
        let mut again = subscriber(&cluster.b, &["tags"]).await?;
        cluster.sql.batch_execute("insert into tags (label) values ('moved over')").await?;
        ensure!(event(&mut again, "create", "tags").await?[0]["label"] == "moved over");
        cluster.stop().await
    });
}

/// Redis goes away and comes back empty: sockets stay, and what happened meanwhile is made good, by events or by a new init.
#[test]
fn nothing_is_lost_when_redis_is_restarted() {
    run(async {
        let mut cluster = Cluster::start().await?;
        let mut on_a = subscriber(&cluster.a, &["tags"]).await?;
        cluster.redis.kill()?;
        cluster.sql.batch_execute("insert into tags (label) values ('while redis was away')").await?;
        cluster.redis.restart().await?;
        shown(&mut on_a, "while redis was away", &cluster.worker).await?;
        cluster.sql.batch_execute("insert into tags (label) values ('and goes on')").await?;
        shown(&mut on_a, "and goes on", &cluster.worker).await?;
        cluster.stop().await
    });
}
