//! Resume: a client that comes back, to any node, is sent exactly what it missed, or is told that it cannot be.
//!
//! It must never accept a message twice or a message missing: what a returning client hears is compared with what one that
//! stayed has heard, message by message.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use service_runtime::guarded_process::Signal;
use service_runtime::testkit::PrivateRedis;
use tokio::sync::RwLockReadGuard;
use tokio_postgres::Client;

use crate::conformance::{Baseline, Fixture};
use crate::harness::gateway::{ADMIN_TOKEN, Gateway, Program, Running};
use crate::harness::postgres::Database;
use crate::harness::socket::Socket;
use crate::harness::{beside_others, eventually, run};

const LIMIT: Duration = Duration::from_secs(30);
/// Rights of the fixture's reader: the policy that holds them.
const READER: &str = "tok-reader";

struct Deployment {
    nodes: Vec<Gateway>,
    sql: Client,
    worker: Running,
    redis: PrivateRedis,
    database: Database,
    _machine: RwLockReadGuard<'static, ()>,
}

impl Deployment {
    async fn start() -> Result<Self> {
        let machine = beside_others().await;
        let database = Fixture::database(Baseline::Twelve).await?;
        let redis = PrivateRedis::start(&[]).await.context("redis-server")?;
        let worker = Program::worker(&database, redis.url())?.lead().await?;
        let node = || Program::gateway(&["serve"]).database(&database).env("REDIS", redis.url()).listen();
        let (a, b) = tokio::try_join!(node(), node())?;
        let sql = database.connect().await?;
        Ok(Self { nodes: vec![a, b], sql, worker, redis, database, _machine: machine })
    }

    /// Connects and subscribes; gives the first message too.
    async fn subscriber(&self, node: &Gateway, token: &str, subscribe: &Value) -> Result<(Socket, Value)> {
        let mut socket = node.connect(token).await?;
        let mut message = json!({"type": "subscribe", "uid": "s"});
        message.as_object_mut().context("an object")?.extend(subscribe.as_object().context("an object")?.clone());
        let first = socket.ask(message).await?;
        ensure!(first["type"] == "subscription" && first["uid"] == "s", "{first}");
        Ok((socket, first))
    }

    async fn stop(self) -> Result<()> {
        drop(self.sql);
        for node in self.nodes {
            node.stop().await?;
        }
        drop((self.worker, self.redis));
        self.database.drop().await
    }
}

fn position(message: &Value) -> Result<&str> {
    message["position"].as_str().with_context(|| format!("a position in {message}"))
}

/// Messages of `s` until one holds `last` somewhere in its data.
async fn until(socket: &mut Socket, last: &str) -> Result<Vec<Value>> {
    let mut messages = Vec::new();
    loop {
        let message = socket.next().await.with_context(|| format!("{last} after {messages:?}"))?;
        let done = message["data"].to_string().contains(last);
        messages.push(message);
        if done {
            return Ok(messages);
        }
    }
}

/// Without the position, whose snapshot is the subscription's own.
fn contents(messages: &[Value]) -> Vec<Value> {
    let strip = |message: &Value| {
        let mut message = message.clone();
        if let Some(members) = message.as_object_mut() {
            members.remove("position");
        }
        message
    };
    messages.iter().map(strip).collect()
}

const HISTORY: [&str; 9] = [
    "insert into tags (label) values ('one')",
    "insert into tags (label) values ('two'), ('three'), ('four')",
    "update tags set label = label || '!' where label in ('one', 'two')",
    "delete from tags where label = 'three'",
    "begin; insert into tags (label) values ('gone'); rollback",
    "begin; insert into tags (label) values ('five'); update tags set label = 'six' where label = 'five'; commit",
    "delete from tags where label in ('one!', 'two!')",
    "insert into tags (label) values ('four') on conflict (label) do update set label = 'seven'",
    "insert into tags (label) values ('last')",
];

/// Bus and node have forgotten everything, and the worker is not there yet: clients are the first to come back.
#[test]
fn who_is_back_before_the_worker_waits_for_it() {
    run(async {
        let mut deployment = Deployment::start().await?;
        let query = json!({"collection": "tags", "query": {"fields": ["label"]}, "resume": true});
        let (mut socket, _) = deployment.subscriber(&deployment.nodes[0], ADMIN_TOKEN, &query).await?;
        deployment.sql.batch_execute("insert into tags (label) values ('heard')").await?;
        let heard = until(&mut socket, "heard").await?.pop().context("the create")?;
        drop(socket);
        deployment.sql.batch_execute("insert into tags (label) values ('missed')").await?;
        deployment.worker.signal(Signal::STOP)?;
        deployment.redis.kill()?;
        deployment.redis.restart().await?;
        let late = Program::gateway(&["serve"]).database(&deployment.database).env("REDIS", deployment.redis.url()).listen().await?;
        let mut socket = late.connect(ADMIN_TOKEN).await?;
        let mut again = json!({"type": "subscribe", "uid": "s", "resume": position(&heard)?});
        for (name, value) in query.as_object().context("an object")? {
            again.as_object_mut().context("an object")?.entry(name).or_insert(value.clone());
        }
        socket.send(&again).await?;
        let pong = socket.ask(json!({"type": "ping"})).await?;
        ensure!(pong["type"] == "pong", "{pong}");
        deployment.worker.signal(Signal::CONT)?;
        let resumed = socket.next().await?;
        ensure!(resumed["event"] == "resume", "{resumed}");
        let missed = socket.next().await?;
        ensure!(missed["event"] == "create" && missed["data"][0]["label"] == "missed", "{missed}");
        late.stop().await?;
        deployment.stop().await
    });
}

/// Neither a Redis that starts again without anything nor a process that is bus and node in one loses what a client is to go on from:
/// the outbox still has it.
#[test]
fn a_client_goes_on_though_the_bus_lost_everything() {
    run(async {
        let query = json!({"collection": "tags", "query": {"fields": ["id", "label"], "limit": -1}, "resume": true});
        let mut deployment = Deployment::start().await?;
        let (mut socket, init) = deployment.subscriber(&deployment.nodes[0], ADMIN_TOKEN, &query).await?;
        deployment.sql.batch_execute("insert into tags (label) values ('heard')").await?;
        let heard = until(&mut socket, "heard").await?.pop().context("the create")?;
        drop(socket);
        for label in ["missed", "missed too"] {
            deployment.sql.execute("insert into tags (label) values ($1)", &[&label]).await?;
        }
        deployment.redis.kill()?;
        deployment.redis.restart().await?;
        deployment.sql.batch_execute("insert into tags (label) values ('later')").await?;
        for node in &deployment.nodes {
            eventually("the node has the bus back", LIMIT, || async { Ok((node.ready().await? == 200).then_some(())) }).await?;
        }
        let (mut watcher, _) = deployment.subscriber(&deployment.nodes[1], ADMIN_TOKEN, &json!({"collection": "tags"})).await?;
        deployment.sql.batch_execute("insert into tags (label) values ('open')").await?;
        until(&mut watcher, "\"open\"").await?;
        for (from, labels) in [(&heard, ["missed", "missed too", "later", "open"].as_slice()), (&init, &["heard", "missed"])] {
            let mut again = query.clone();
            again["resume"] = json!(position(from)?);
            let (mut socket, first) = deployment.subscriber(&deployment.nodes[1], ADMIN_TOKEN, &again).await?;
            ensure!(first["event"] == "resume", "{first}");
            for label in labels {
                let message = socket.next().await?;
                ensure!(message["event"] == "create" && message["data"][0]["label"] == *label, "{label}: {message}");
            }
        }
        deployment.stop().await?;

        let _machine = beside_others().await;
        let database = Fixture::database(Baseline::Twelve).await?;
        let standalone = || Program::gateway(&["standalone"]).database(&database).listen();
        let (first, sql) = (standalone().await?, database.connect().await?);
        let mut socket = first.connect(ADMIN_TOKEN).await?;
        let mut subscribe = json!({"type": "subscribe", "uid": "s"});
        subscribe.as_object_mut().context("an object")?.extend(query.as_object().context("an object")?.clone());
        socket.ask(subscribe.clone()).await?;
        sql.batch_execute("insert into tags (label) values ('heard')").await?;
        let heard = until(&mut socket, "heard").await?.pop().context("the create")?;
        drop(socket);
        sql.batch_execute("insert into tags (label) values ('published')").await?;
        let mut other = first.connect(ADMIN_TOKEN).await?;
        other.ask(json!({"type": "subscribe", "collection": "tags"})).await?;
        sql.batch_execute("update tags set label = label || '!' where label = 'published'").await?;
        until(&mut other, "published!").await?;
        first.running.signal(Signal::KILL)?;
        first.running.ended(Duration::from_secs(10)).await?;
        sql.batch_execute("insert into tags (label) values ('while it was away')").await?;
        let second = standalone().await?;
        let mut socket = second.connect(ADMIN_TOKEN).await?;
        subscribe["resume"] = json!(position(&heard)?);
        let resumed = socket.ask(subscribe).await?;
        ensure!(resumed["event"] == "resume", "{resumed}");
        for (event, label) in [("create", "published"), ("update", "published!"), ("create", "while it was away")] {
            let message = socket.next().await?;
            ensure!(message["event"] == event && message["data"][0]["label"] == label, "{label}: {message}");
        }
        second.stop().await?;
        drop((sql, first, other));
        database.drop().await
    });
}

/// From every message that the one who stayed has heard: who goes on from there, on the other node, hears the rest.
#[test]
fn a_client_goes_on_from_every_message_on_another_node() {
    run(async {
        let deployment = Deployment::start().await?;
        let query = json!({"collection": "tags", "query": {"fields": ["id", "label"], "limit": -1}, "resume": true});
        let (mut stayed, init) = deployment.subscriber(&deployment.nodes[0], ADMIN_TOKEN, &query).await?;
        for statement in HISTORY {
            deployment.sql.batch_execute(statement).await?;
        }
        let mut heard = vec![init];
        heard.extend(until(&mut stayed, "\"last\"").await?);
        ensure!(heard.len() == 12, "the init, one message per new row, one per other statement: {heard:?}");
        let mut returned = Vec::new();
        for place in 0..heard.len() {
            let mut again = query.clone();
            again["resume"] = json!(position(&heard[place])?);
            let (mut socket, first) = deployment.subscriber(&deployment.nodes[1], ADMIN_TOKEN, &again).await?;
            ensure!(first["event"] == "resume" && first["position"] == again["resume"], "{place}: {first}");
            let missed = socket.take(heard.len() - 1 - place, Duration::from_secs(10)).await;
            ensure!(contents(&missed) == contents(&heard[place + 1..]), "{place}: {missed:?}");
            for (missed, heard) in missed.iter().zip(&heard[place + 1..]) {
                ensure!(position(missed)? == position(heard)?, "positions do not depend on the node");
            }
            returned.push(socket);
        }
        // The stream goes on behind all of them, without a repetition.
        deployment.sql.batch_execute("insert into tags (label) values ('live')").await?;
        for socket in &mut returned {
            let live = until(socket, "\"live\"").await?;
            ensure!(live.len() == 1 && live[0]["event"] == "create", "{live:?}");
        }
        deployment.stop().await
    });
}

/// Clients come and go while others write; what each has folded together is the table in the end.
#[test]
fn clients_that_come_and_go_under_writes_end_with_the_table() {
    run(async {
        let deployment = Deployment::start().await?;
        let query = json!({"collection": "tags", "query": {"fields": ["id", "label"], "limit": -1}});
        let writers = (0..3).map(|writer| write(&deployment.database, writer));
        let clients = (0..4).map(|client| fold(&deployment, &query, client));
        let (written, views) = tokio::join!(futures_util::future::join_all(writers), futures_util::future::join_all(clients));
        written.into_iter().collect::<Result<Vec<()>>>()?;
        let rows = deployment.sql.query("select id, label from tags", &[]).await?;
        let table: BTreeMap<i64, String> = rows.iter().map(|row| (i64::from(row.get::<_, i32>(0)), row.get(1))).collect();
        for view in views {
            let (view, resumes) = view?;
            ensure!(view == table, "{view:?}\nis not\n{table:?}");
            ensure!(resumes > 5, "only {resumes} resumes");
        }
        deployment.stop().await
    });
}

const WRITES: usize = 150;

async fn write(database: &Database, writer: usize) -> Result<()> {
    let sql = database.connect().await?;
    for number in 0..WRITES {
        let statement = match number % 5 {
            0..=2 => format!("insert into tags (label) values ('w{writer}-{number}')"),
            3 => format!("update tags set label = label || '+' where label like 'w{writer}-%' and id % 2 = 0 and length(label) < 30"),
            _ => format!("delete from tags where label like 'w{writer}-%' and id % 3 = {}", number % 3),
        };
        sql.batch_execute(&statement).await?;
    }
    sql.batch_execute(&format!("insert into tags (label) values ('done-{writer}')")).await?;
    Ok(())
}

/// Folds messages into a view, reconnecting to the other node after every few of them.
async fn fold(deployment: &Deployment, query: &Value, client: usize) -> Result<(BTreeMap<i64, String>, usize)> {
    let mut view = BTreeMap::new();
    let mut resume = json!(true);
    let (mut resumes, mut connections) = (0, client);
    loop {
        let mut subscribe = query.clone();
        subscribe["resume"] = resume.clone();
        let node = &deployment.nodes[connections % deployment.nodes.len()];
        connections += 1;
        let (mut socket, first) = deployment.subscriber(node, ADMIN_TOKEN, &subscribe).await?;
        let mut next = Some(first);
        for _message in 0..15 {
            let message = match next.take() {
                Some(first) => first,
                None => socket.next().await?,
            };
            resume = json!(position(&message)?);
            apply(&mut view, &message, &mut resumes)?;
            if (0..3).all(|writer| view.values().any(|label| *label == format!("done-{writer}"))) {
                return Ok((view, resumes));
            }
        }
    }
}

fn apply(view: &mut BTreeMap<i64, String>, message: &Value, resumes: &mut usize) -> Result<()> {
    let event = message["event"].as_str().context("an event")?;
    let rows = message["data"].as_array().cloned().unwrap_or_default();
    match event {
        "resume" => *resumes += 1,
        "init" => view.clear(),
        _ => {}
    }
    for row in rows {
        if event == "delete" {
            let key = row.as_i64().context("a key")?;
            ensure!(view.remove(&key).is_some(), "{key} was deleted twice, or never shown");
        } else {
            let (key, label) = (row["id"].as_i64().context("an id")?, row["label"].as_str().context("a label")?);
            let known = view.insert(key, label.to_owned()).is_some();
            ensure!(event != "create" || !known, "{key} was created twice");
        }
    }
    Ok(())
}

/// Whoever cannot be told exactly gets an `init` that says why.
#[test]
fn what_cannot_be_resumed_begins_anew_and_says_why() {
    run(async {
        let deployment = Deployment::start().await?;
        let node = &deployment.nodes[0];
        let tags = json!({"collection": "tags", "query": {"fields": ["id", "label"], "limit": -1}, "resume": true});
        let (mut socket, init) = deployment.subscriber(node, ADMIN_TOKEN, &tags).await?;
        let here = position(&init)?.to_owned();
        let refused = async |token: &str, subscribe: &Value, reason: &str| {
            let (_socket, first) = deployment.subscriber(node, token, subscribe).await?;
            ensure!(first["event"] == "init" && first["resumed"] == false && first["reason"] == reason, "{reason} expected: {first}");
            position(&first)?;
            anyhow::Ok(())
        };
        let with = |subscribe: &Value, resume: &str| {
            let mut subscribe = subscribe.clone();
            subscribe["resume"] = json!(resume);
            subscribe
        };
        for nonsense in ["", "x", "1.2.3", &"9".repeat(100_000)] {
            refused(ADMIN_TOKEN, &with(&tags, nonsense), "POSITION_INVALID").await?;
        }
        // Another query, or other rights.
        let labels = json!({"collection": "tags", "query": {"fields": ["label"], "limit": -1}});
        refused(ADMIN_TOKEN, &with(&labels, &here), "VIEW_CHANGED").await?;
        // Another incarnation of the stream, and one that ends before the position.
        let mut parts: Vec<&str> = here.splitn(6, '.').collect();
        parts[1] = "1";
        refused(ADMIN_TOKEN, &with(&tags, &parts.join(".")), "POSITION_EXPIRED").await?;
        let mut parts: Vec<&str> = here.splitn(6, '.').collect();
        parts[2] = "99999999";
        refused(ADMIN_TOKEN, &with(&tags, &parts.join(".")), "POSITION_EXPIRED").await?;
        // An aggregate, and a view that reaches into another collection.
        for query in [json!({"aggregate": {"count": "*"}}), json!({"filter": {"author": {"name": {"_nnull": true}}}})] {
            let subscribe = json!({"collection": "articles", "query": query, "resume": true});
            let (_socket, init) = deployment.subscriber(node, ADMIN_TOKEN, &subscribe).await?;
            refused(ADMIN_TOKEN, &with(&subscribe, position(&init)?), "VIEW_NOT_REPLAYABLE").await?;
        }
        // Everything at once.
        deployment.sql.batch_execute("truncate tags cascade").await?;
        ensure!(socket.next().await?["event"] == "init");
        let (_again, first) = deployment.subscriber(node, ADMIN_TOKEN, &with(&tags, &here)).await?;
        // The confirmation may have been sent before the reset was met.
        ensure!(first["event"] == "resume" || first["reason"] == "VIEW_RESET", "{first}");
        let value = deployment.nodes[0].metric("tidegate_gateway_resumes_total{outcome=\"VIEW_RESET\"}").await?;
        ensure!(value >= 1.0, "{value}");
        deployment.stop().await
    });
}

/// Rights that change send the view that they leave, and nothing of what they hide.
#[test]
fn a_change_of_rights_sends_the_view_anew() {
    run(async {
        let deployment = Deployment::start().await?;
        let node = &deployment.nodes[0];
        let articles = json!({"collection": "articles", "query": {"fields": ["*"], "limit": -1, "sort": ["id"]}, "resume": true});
        let (mut reader, init) = deployment.subscriber(node, READER, &articles).await?;
        ensure!(init["event"] == "init", "{init}");
        let policy = "(select a.policy from directus_access a join directus_users u on a.user = u.id or a.role = u.role \
                       join directus_permissions p on p.policy = a.policy where u.token = 'tok-reader' and p.collection = 'articles' limit 1)";
        let rule = |fields: &str, rule: &str| {
            format!(
                "update directus_permissions set fields = '{fields}', permissions = '{rule}' where collection = 'articles' \
                 and action = 'read' and policy = {policy}"
            )
        };
        // A narrower rule: the new view, at once and unasked.
        deployment.sql.batch_execute(&rule("id,title", r#"{"id":{"_eq":1}}"#)).await?;
        let narrowed = reader.next().await?;
        ensure!(narrowed["event"] == "init" && narrowed["data"].as_array().is_some_and(|rows| rows.len() == 1), "{narrowed}");
        ensure!(narrowed["data"][0].as_object().is_some_and(|row| row.len() == 2), "{narrowed}");
        // What it hid is not told any more.
        deployment
            .sql
            .batch_execute("update articles set title = 'hidden' where id = 2; update articles set title = 'shown' where id = 1")
            .await?;
        let update = reader.next().await?;
        ensure!(update["event"] == "update" && update["data"] == json!([{"id": 1, "title": "shown"}]), "{update}");
        // A position from before is of another view.
        let mut again = articles.clone();
        again["resume"] = json!(position(&init)?);
        let (_socket, first) = deployment.subscriber(node, READER, &again).await?;
        ensure!(first["event"] == "init" && first["reason"] == "VIEW_CHANGED", "{first}");
        // None at all: an error, silence, and once the right is back the view, with what happened meanwhile.
        deployment.sql.batch_execute(&format!("create table kept as select * from directus_permissions where collection = 'articles' and action = 'read' and policy = {policy}; delete from directus_permissions where id in (select id from kept)")).await?;
        let error = reader.next().await?;
        ensure!(error["type"] == "subscribe" && error["error"]["code"] == "FORBIDDEN", "{error}");
        // Somebody else has it first: told together with the right, it would simply come behind it.
        let (mut admin, _) = deployment.subscriber(node, ADMIN_TOKEN, &articles).await?;
        deployment.sql.batch_execute("update articles set title = 'meanwhile' where id = 1").await?;
        let seen = admin.next().await?;
        ensure!(seen["event"] == "update" && seen["data"][0]["title"] == "meanwhile", "{seen}");
        deployment.sql.batch_execute("insert into directus_permissions select * from kept").await?;
        let back = reader.next().await?;
        ensure!(back["event"] == "init" && back["data"] == json!([{"id": 1, "title": "meanwhile"}]), "{back}");
        // And from there it can be resumed.
        again["resume"] = json!(position(&back)?);
        let (_socket, first) = deployment.subscriber(node, READER, &again).await?;
        ensure!(first["event"] == "resume", "{first}");
        deployment.stop().await
    });
}
