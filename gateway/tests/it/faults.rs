//! What a gateway does when something around it ends: the database, the worker, itself.
//!
//! It must never forgive a lost change: each test ends with one that was made during or after the fault.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use service_runtime::CancellationToken;
use service_runtime::guarded_process::Signal;
use service_runtime::testkit::PrivateRedis;
use tokio::time::Instant;

use crate::conformance::{Baseline, Fixture};
use crate::harness::gateway::{ADMIN_TOKEN, Gateway, Program, Running};
use crate::harness::postgres::{Database, Postgres};
use crate::harness::socket::Socket;
use crate::harness::{beside_others, eventually, run};

/// How long a recovery may take.
const RECOVERY: Duration = Duration::from_secs(40);

async fn subscriber(gateway: &Gateway) -> Result<Socket> {
    let mut socket = gateway.connect(ADMIN_TOKEN).await?;
    let init =
        socket.ask(json!({"type": "subscribe", "collection": "tags", "uid": "t", "query": {"fields": ["label"], "limit": -1}})).await?;
    ensure!(init["event"] == "init", "{init}");
    Ok(socket)
}

/// Waits until a row of this label is shown, by an event or in a new init.
async fn shown(socket: &mut Socket, label: &str, log: &Running) -> Result<()> {
    let deadline = Instant::now() + RECOVERY;
    loop {
        let message = socket.take(1, Duration::from_millis(500)).await.pop().unwrap_or(Value::Null);
        if message["data"].as_array().is_some_and(|rows| rows.iter().any(|row| row["label"] == label)) {
            return Ok(());
        }
        ensure!(socket.ended().is_none(), "the socket stays up: {:?}", socket.ended());
        ensure!(Instant::now() < deadline, "{label} was never shown\n{}", log.output());
    }
}

/// A statement that has to get through as soon as the server is back.
async fn insert(database: &Database, label: &str) -> Result<()> {
    let statement = format!("insert into tags (label) values ('{label}')");
    eventually("the database is back", RECOVERY, || async { Ok(database.execute(&statement).await.ok()) }).await
}

async fn survives_a_restart_of_postgres(crash: bool) -> Result<()> {
    let _machine = beside_others().await;
    let mut server = Postgres::start_durable().await?;
    let database = Fixture::database_in(&server, Baseline::Twelve).await?;
    let gateway = Program::gateway(&["standalone"]).database(&database).listen().await?;
    let mut socket = subscriber(&gateway).await?;
    insert(&database, "before").await?;
    shown(&mut socket, "before", &gateway.running).await?;
    server.restart(crash).await?;
    insert(&database, "after").await?;
    shown(&mut socket, "after", &gateway.running).await?;
    // Reads and writes over the gateway work again, too; the first may still meet a connection that is gone.
    let create = || json!({"type": "items", "action": "create", "collection": "tags", "data": {"label": "over the gateway"}, "uid": "c"});
    let deadline = Instant::now() + RECOVERY;
    loop {
        socket.send(&create()).await?;
        let answered = socket.take(10, Duration::from_millis(500)).await.into_iter().find(|message| message["uid"] == "c");
        if answered.is_some_and(|answer| answer["data"]["label"] == "over the gateway") {
            break;
        }
        ensure!(Instant::now() < deadline, "no write gets through\n{}", gateway.running.output());
    }
    gateway.stop().await
}

#[test]
fn a_gateway_survives_a_restart_of_postgres() {
    run(survives_a_restart_of_postgres(false));
}

#[test]
fn a_gateway_survives_a_crash_of_postgres() {
    run(survives_a_restart_of_postgres(true));
}

/// Many write at once, so that what they write goes to the database together, and it crashes under them: what was answered is there,
/// and nothing is there twice.
#[test]
fn what_was_answered_is_there_once_though_postgres_crashes() {
    const WRITERS: usize = 16;
    run(async {
        let _machine = beside_others().await;
        let mut server = Postgres::start_durable().await?;
        let database = Fixture::database_in(&server, Baseline::Twelve).await?;
        let gateway = Program::gateway(&["standalone"]).database(&database).listen().await?;
        let ended = CancellationToken::new();
        let write = async |writer: usize| {
            let mut socket = gateway.connect(ADMIN_TOKEN).await?;
            let mut answered = Vec::new();
            for n in 0.. {
                if ended.is_cancelled() {
                    break;
                }
                let label = format!("crash {writer} {n}");
                let create = json!({"type": "items", "action": "create", "collection": "tags", "data": {"label": label}, "uid": label});
                let answer = socket.ask(create).await?;
                if answer["status"] == "error" {
                    ensure!(matches!(answer["error"]["code"].as_str(), Some("SERVICE_UNAVAILABLE" | "INTERNAL_SERVER_ERROR")), "{answer}");
                    continue;
                }
                ensure!(answer["data"]["label"] == label.as_str(), "{label}: {answer}");
                answered.push((answer["data"]["id"].as_i64().context("a key")?, label));
            }
            anyhow::Ok(answered)
        };
        let rows = async || {
            let Ok(sql) = database.connect().await else { return Ok(None) };
            let rows = sql.query("select id::int8, label::text from tags where label like 'crash %'", &[]).await;
            anyhow::Ok(rows.ok().map(|rows| rows.iter().map(|row| (row.get(0), row.get(1))).collect::<Vec<(i64, String)>>()))
        };
        let crash = async {
            for _ in 0..3 {
                let before = eventually("the database is back", RECOVERY, rows).await?.len();
                eventually("they write", RECOVERY, async || Ok(rows().await?.filter(|rows| rows.len() > before + 5 * WRITERS))).await?;
                server.restart(true).await?;
            }
            ended.cancel();
            Ok(())
        };
        let (answered, ()) = tokio::try_join!(try_join_all((0..WRITERS).map(write)), crash)?;
        let there = eventually("the database is back", RECOVERY, rows).await?;
        let labels: HashSet<&str> = there.iter().map(|(_, label)| label.as_str()).collect();
        ensure!(labels.len() == there.len(), "a row is there twice");
        let there: HashSet<&(i64, String)> = there.iter().collect();
        for row in answered.iter().flatten() {
            ensure!(there.contains(row), "{row:?} was answered and is gone");
        }
        let sql = database.connect().await?;
        let noted = "select count(*) from directus_activity a join tags t on a.item = t.id::text where a.collection = 'tags' and a.action = 'create' and t.label like 'crash %'";
        let noted: i64 = sql.query_one(noted, &[]).await?.get(0);
        ensure!(noted == i64::try_from(there.len())?, "{noted} notes of {} rows", there.len());
        gateway.stop().await
    });
}

/// The worker dies without a word while a second one stands by: nothing that is written meanwhile is lost or doubled.
#[test]
fn a_standby_worker_takes_over() {
    run(async {
        let _machine = beside_others().await;
        let database = Fixture::database(Baseline::Twelve).await?;
        let redis = PrivateRedis::start(&[]).await.context("redis-server")?;
        let worker = || Program::worker(&database, redis.url());
        let first = worker()?.lead().await?;
        let gateway = Program::gateway(&["serve"]).database(&database).env("REDIS", redis.url()).listen().await?;
        let mut socket = subscriber(&gateway).await?;
        let second = worker()?.start()?;
        let sql = database.connect().await?;
        for number in 0..50 {
            if number == 10 {
                first.signal(Signal::KILL)?;
            }
            sql.batch_execute(&format!("insert into tags (label) values ('row {number}')")).await?;
        }
        let mut labels = Vec::new();
        let deadline = Instant::now() + RECOVERY;
        while labels.len() < 50 {
            let message = socket.take(1, Duration::from_secs(1)).await.pop().unwrap_or(Value::Null);
            // A new init shows everything at once: it is allowed, and holds all rows so far.
            if message["event"] == "init" {
                labels.clear();
            }
            let rows = message["data"].as_array().into_iter().flatten().filter_map(|row| row["label"].as_str());
            labels.extend(rows.filter(|label| label.starts_with("row ")).map(str::to_owned));
            ensure!(Instant::now() < deadline, "only {labels:?}\nstandby:\n{}", second.output());
        }
        let expected: Vec<String> = (0..50).map(|number| format!("row {number}")).collect();
        ensure!(labels == expected, "{labels:?}");
        gateway.stop().await?;
        drop((first, second));
        database.drop().await
    });
}

/// SIGTERM closes the clients with a code that means "come back", finishes what is in work, and ends with 0.
#[test]
fn a_gateway_drains_on_sigterm() {
    run(async {
        let _machine = beside_others().await;
        let database = Fixture::database(Baseline::Twelve).await?;
        let gateway = Program::gateway(&["standalone"]).database(&database).listen().await?;
        let mut sockets = Vec::new();
        for _ in 0..20 {
            sockets.push(subscriber(&gateway).await?);
        }
        gateway.running.signal(Signal::TERM)?;
        for socket in &mut sockets {
            let ended = socket.until_ended(Duration::from_secs(25)).await.context("a client is left open")?;
            ensure!([1001, 1012].contains(&ended.code), "{ended:?}");
        }
        let code = gateway.running.ended(Duration::from_secs(25)).await?;
        ensure!(code == Some(0), "ended with {code:?}\n{}", gateway.running.output());
        drop(gateway);
        database.drop().await
    });
}

/// Faulty settings are all named at once, without their values, and the program ends with 64.
#[test]
fn faulty_settings_are_refused_by_name() {
    run(async {
        let _machine = beside_others().await;
        let program =
            Program::gateway(&["standalone"]).env("PORT", "secret-port").env("WEBSOCKETS_REST_AUTH", "secret-mode").env("SECRET", "");
        let running = program.start()?;
        let code = running.ended(Duration::from_secs(20)).await?;
        let output = running.output();
        ensure!(code == Some(64), "{code:?}\n{output}");
        for name in ["PORT", "WEBSOCKETS_REST_AUTH", "SECRET", "DB_"] {
            ensure!(output.contains(name), "{name} is not named\n{output}");
        }
        ensure!(!output.contains("secret-"), "a value is shown\n{output}");
        Ok(())
    });
}
