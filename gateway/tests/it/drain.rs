//! How a node ends: not ready first, then its clients in batches, with every request that it took up answered.
//!
//! It must never pass because nothing happened meanwhile: somebody writes and somebody watches in every test.

mod rolling;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use service_runtime::guarded_process::Signal;
use tokio::time::Instant;

use crate::conformance::{Baseline, Fixture};
use crate::harness::gateway::{ADMIN_TOKEN, Gateway, Program};
use crate::harness::http::Request;
use crate::harness::postgres::Database;
use crate::harness::socket::Ended;
use crate::harness::{TASKS, beside_others, eventually, run};

const LIMIT: Duration = Duration::from_secs(25);
/// Inserts of this name take so long.
const SLOW: &str = "create function public.be_slow() returns trigger language plpgsql as \
    'begin if new.name = ''slow'' then perform pg_sleep(2); end if; if new.name = ''stuck'' then perform pg_sleep(60); end if; return new; end'; \
    create trigger be_slow before insert on categories for each row execute function public.be_slow()";

async fn standalone(settings: &[(&str, &str)]) -> Result<(Gateway, Database)> {
    let database = Fixture::database(Baseline::Twelve).await?;
    database.execute(SLOW).await?;
    let program = settings.iter().fold(Program::gateway(&["standalone"]), |program, (name, value)| program.env(name, *value));
    Ok((program.database(&database).listen().await?, database))
}

/// Waits until the database is at work on an insert of this many rows that take long.
async fn until_in_work(database: &Database, inserts: i64) -> Result<()> {
    let sql = database.connect().await?;
    let query = "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'";
    eventually("inserts are in work", LIMIT, || async { Ok((sql.query_one(query, &[]).await?.get::<_, i64>(0) >= inserts).then_some(())) })
        .await
}

async fn count(database: &Database, condition: &str) -> Result<i64> {
    let sql = database.connect().await?;
    Ok(sql.query_one(&format!("select count(*) from categories where {condition}"), &[]).await?.get(0))
}

/// What was taken up before the signal is carried out and answered, over sockets and HTTP; what has no answer was not done.
#[test]
fn what_was_taken_up_is_answered_before_the_close() {
    run(async {
        let _machine = beside_others().await;
        let (node, database) = standalone(&[]).await?;
        let mut socket = node.connect(ADMIN_TOKEN).await?;
        let create = |id: &str, name: &str| json!({"type": "items", "action": "create", "collection": "categories", "data": {"id": id, "name": name}, "uid": id});
        socket.send(&create("s1", "slow")).await?;
        let request = Request::new("POST", "/items/categories").token(ADMIN_TOKEN).json(json!({"id": "h1", "name": "slow"}));
        let base = node.base.clone();
        let over_http = TASKS.spawn("request", async move { request.send(&base).await });
        until_in_work(&database, 2).await?;
        node.running.signal(Signal::TERM)?;
        eventually("the node is not ready", LIMIT, || async { Ok((node.ready().await? != 200).then_some(())) }).await?;
        // Too late, or just in time: either way the answer says which.
        let mut late = Vec::new();
        for number in 0..50 {
            let id = format!("l{number}");
            if socket.send(&create(&id, "late")).await.is_err() {
                break;
            }
            late.push(id);
        }
        let ended = socket.until_ended(LIMIT).await;
        ensure!(ended == Some(Ended { code: 1012, reason: "Service restart".to_owned() }), "{ended:?}");
        let answers = socket.drain();
        let answered = |id: &str| answers.iter().any(|answer| answer["uid"] == id && answer["data"]["id"] == id);
        ensure!(answered("s1"), "the write in work has an answer: {answers:?}");
        for id in &late {
            let done = count(&database, &format!("id = '{id}'")).await? == 1;
            ensure!(done == answered(id), "{id}: done {done}, answered {}", answered(id));
        }
        let reply = over_http.await?.context("the request panicked")??;
        ensure!(reply.status == 200 && reply.body["data"]["id"] == "h1", "{reply:?}");
        ensure!(count(&database, "name = 'slow'").await? == 2);
        ensure!(node.running.ended(LIMIT).await? == Some(0), "{}", node.running.output());
        database.drop().await
    });
}

/// Load balancers get time: not ready at once, yet everybody is served, the newcomers too.
#[test]
fn a_node_serves_on_while_load_balancers_learn() {
    run(async {
        let _machine = beside_others().await;
        let (node, database) = standalone(&[("GATEWAY_DRAIN_DELAY", "4s"), ("GATEWAY_DRAIN_BATCH", "1")]).await?;
        let mut sockets = vec![node.connect(ADMIN_TOKEN).await?, node.connect(ADMIN_TOKEN).await?];
        ensure!(node.ready().await? == 200);
        node.running.signal(Signal::TERM)?;
        eventually("the node is not ready", LIMIT, || async { Ok((node.ready().await? != 200).then_some(())) }).await?;
        sockets.push(node.connect(ADMIN_TOKEN).await.context("a newcomer")?);
        for socket in &mut sockets {
            ensure!(socket.ask(json!({"type": "ping"})).await?["type"] == "pong");
        }
        for socket in &mut sockets {
            let ended = socket.until_ended(LIMIT).await.context("a client is left open")?;
            ensure!(ended.code == 1012, "{ended:?}");
        }
        ensure!(node.running.ended(LIMIT).await? == Some(0), "{}", node.running.output());
        database.drop().await
    });
}

/// Whoever asks a second time does not want to wait: the node ends at once, whatever is in work.
#[test]
fn a_second_signal_ends_at_once() {
    run(async {
        let _machine = beside_others().await;
        let (node, database) = standalone(&[("LOG_LEVEL", "info")]).await?;
        let mut socket = node.connect(ADMIN_TOKEN).await?;
        socket
            .send(&json!({"type": "items", "action": "create", "collection": "categories", "data": {"id": "x", "name": "stuck"}}))
            .await?;
        until_in_work(&database, 1).await?;
        node.running.signal(Signal::TERM)?;
        eventually("the node is not ready", LIMIT, || async { Ok((node.ready().await? != 200).then_some(())) }).await?;
        ensure!(socket.ask(json!({"type": "ping"})).await?["type"] == "pong", "the write is waited for");
        let second = Instant::now();
        node.running.signal(Signal::INT)?;
        let code = node.running.ended(LIMIT).await?;
        ensure!(code == Some(1), "{code:?}\n{}", node.running.output());
        ensure!(second.elapsed() < Duration::from_secs(5), "{:?}", second.elapsed());
        drop(node);
        database.drop().await
    });
}

/// Work that takes longer than the drain does not hold up the end.
#[test]
fn the_end_comes_in_time_whatever_is_in_work() {
    run(async {
        let _machine = beside_others().await;
        let (node, database) = standalone(&[("GATEWAY_DRAIN_TIMEOUT", "2s"), ("GATEWAY_QUERY_TIMEOUT", "60s")]).await?;
        let mut socket = node.connect(ADMIN_TOKEN).await?;
        socket
            .send(&json!({"type": "items", "action": "create", "collection": "categories", "data": {"id": "x", "name": "stuck"}}))
            .await?;
        until_in_work(&database, 1).await?;
        let signal = Instant::now();
        node.running.signal(Signal::TERM)?;
        let ended = socket.until_ended(LIMIT).await.context("closed")?;
        ensure!(ended.code == 1012, "{ended:?}");
        ensure!(node.running.ended(LIMIT).await? == Some(0), "{}", node.running.output());
        ensure!(signal.elapsed() < Duration::from_secs(12), "{:?}", signal.elapsed());
        database.drop().await
    });
}

/// Without a bus between them a second node hears of nothing: it says so, and takes over when the first one ends.
#[test]
fn a_second_standalone_node_is_not_ready_until_the_first_has_ended() {
    run(async {
        let _machine = beside_others().await;
        let (first, database) = standalone(&[]).await?;
        eventually("the first leads", LIMIT, || async { Ok((first.ready().await? == 200).then_some(())) }).await?;
        let second = Program::gateway(&["standalone"]).database(&database).listen().await?;
        eventually("the second stands by", LIMIT, || async { Ok((second.ready().await? == 503).then_some(())) }).await?;
        let told = || second.running.output().contains("another process captures this database").then_some(());
        eventually("the second says why", LIMIT, || async { Ok(told()) }).await?;
        let mut socket = second.connect(ADMIN_TOKEN).await?;
        let subscribe = json!({"type": "subscribe", "collection": "tags", "uid": "1", "query": {"fields": ["label"], "filter": {"label": {"_starts_with": "of "}}}});
        ensure!(socket.ask(subscribe.clone()).await?["data"] == json!([]));
        // Published by the first, to itself.
        let mut there = first.connect(ADMIN_TOKEN).await?;
        there.ask(subscribe).await?;
        database.execute("insert into tags (label) values ('of the first')").await?;
        ensure!(there.next().await?["event"] == "create");
        first.running.signal(Signal::TERM)?;
        ensure!(first.running.ended(LIMIT).await? == Some(0), "{}", first.running.output());
        eventually("the second leads", LIMIT, || async { Ok((second.ready().await? == 200).then_some(())) }).await?;
        let begun = socket.next().await?;
        ensure!(begun["event"] == "init" && begun["data"] == json!([{"label": "of the first"}]), "{begun}");
        database.execute("insert into tags (label) values ('of the second')").await?;
        ensure!(socket.next().await?["data"] == json!([{"label": "of the second"}]));
        second.stop().await?;
        database.drop().await
    });
}
