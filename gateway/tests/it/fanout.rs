//! Many subscribers with one query: each gets every event, and events cause no database read.
//!
//! It must never be a benchmark: it prints what a delivery cost in this build, and judges only what was delivered.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::conformance::{Baseline, Fixture};
use crate::harness::gateway::{ADMIN_TOKEN, Program};
use crate::harness::raw::{RawClient, RawFrame};
use crate::harness::socket::{Dial, Dialled};
use crate::harness::{TASKS, alone, eventually, run};

const SUBSCRIBERS: usize = 1000;
const INSERTS: usize = 100;
/// How long Postgres holds back the statistics of an idle session, and a little more; there is nothing else to wait for.
const STATISTICS: Duration = Duration::from_secs(11);
/// Clock ticks per second of `/proc/<pid>/stat`, on every Linux that matters.
const TICKS: f64 = 100.0;

#[test]
fn a_thousand_subscribers_get_every_event_and_the_database_is_not_read() {
    run(async {
        let _machine = alone().await;
        let database = Fixture::database(Baseline::Twelve).await?;
        let gateway = Program::gateway(&["standalone"]).database(&database).listen().await?;
        let query = json!({"fields": ["id", "text", "user"], "filter": {"user": {"_eq": "load"}}});
        // With `event` the init reads nothing, which would blur the count below.
        let subscribe = json!({"type": "subscribe", "collection": "messages", "event": "create", "uid": "s", "query": query}).to_string();
        let connected = stream::iter(0..SUBSCRIBERS).map(|_| async {
            let mut client = RawClient::upgraded(gateway.port, ADMIN_TOKEN, None).await?;
            client.send(&RawFrame::new(1, subscribe.as_str())).await?;
            let init = client.frame().await?.context("no init")?;
            ensure!(String::from_utf8_lossy(&init.payload).contains("\"init\""));
            anyhow::Ok(client)
        });
        let clients: Vec<RawClient> = connected.buffer_unordered(50).try_collect().await?;
        let sql = database.connect().await?;
        let before = scans(&sql).await?;
        let start = ticks(gateway.running.pid())?;
        let readers = clients.into_iter().map(|client| TASKS.spawn("subscriber", read_all(client, "/data/0/text")));
        let readers: Vec<_> = readers.collect();
        for number in 0..INSERTS {
            let text = format!("message {number:03} {}", "x".repeat(60));
            sql.execute("insert into messages (text, \"user\") values ($1, 'load')", &[&text]).await?;
        }
        let counts = try_join_all(readers).await?;
        for count in counts {
            count.context("a reader panicked")??;
        }
        let deliveries = (SUBSCRIBERS * INSERTS) as f64;
        let spent = (ticks(gateway.running.pid())? - start) / TICKS;
        println!(
            "{SUBSCRIBERS} subscribers x {INSERTS} inserts: {:.1} µs of CPU of the whole process per delivery",
            spent * 1e6 / deliveries
        );
        ensure!(gateway.metric("tidegate_gateway_deliveries_total").await? >= deliveries, "deliveries are counted");
        let reads = gateway.metric("tidegate_gateway_event_reads_total").await?;
        ensure!(reads == 0.0, "events caused {reads} reads, as the gateway counts them");
        tokio::time::sleep(STATISTICS).await;
        let after = scans(&sql).await?;
        ensure!(after == before, "events caused {} scans of the collection", after - before);
        gateway.stop().await?;
        drop(sql);
        database.drop().await
    });
}

/// Who asked for batches gets the same messages in the same order as who did not.
#[test]
fn messages_that_are_joined_stay_as_they_are() {
    run(async {
        let database = Fixture::database(Baseline::Twelve).await?;
        let gateway = Program::gateway(&["standalone"]).database(&database).listen().await?;
        for faulty in ["batch=", "batch=x", "batch=-1", "batch=1001", "batch=5&batch=1.5"] {
            let dialled = Dial::new(gateway.port).query(&format!("access_token={ADMIN_TOKEN}&{faulty}")).open().await;
            ensure!(matches!(dialled, Dialled::Refused(400)), "{faulty}");
        }
        let mut sockets = Vec::new();
        for batch in ["", "&batch=0", "&batch=5", "&batch=300"] {
            let dialled = Dial::new(gateway.port).query(&format!("access_token={ADMIN_TOKEN}{batch}")).open().await;
            let Dialled::Open(mut socket) = dialled else { anyhow::bail!("{batch} is refused") };
            ensure!(socket.ask(json!({"type": "subscribe", "collection": "tags"})).await?["event"] == "init");
            sockets.push(socket);
        }
        let sql = database.connect().await?;
        for number in 0..INSERTS {
            sql.execute("insert into tags (label) values ($1)", &[&format!("tag {number}")]).await?;
        }
        let mut heard = Vec::new();
        for socket in &mut sockets {
            let labels = socket.take(INSERTS, Duration::from_secs(10)).await;
            heard.push(labels.into_iter().map(|message| message["data"][0]["label"].clone()).collect::<Vec<_>>());
        }
        let expect: Vec<Value> = (0..INSERTS).map(|number| json!(format!("tag {number}"))).collect();
        ensure!(heard.iter().all(|labels| *labels == expect), "{heard:?}");
        gateway.stop().await?;
        drop((sql, sockets));
        database.drop().await
    });
}

/// The same over GraphQL, with one subscriber of the other protocol in the same group.
#[test]
fn a_thousand_graphql_subscribers_share_a_group_with_the_other_protocol() {
    run(async {
        let _machine = alone().await;
        let database = Fixture::database(Baseline::Twelve).await?;
        let gateway = Program::gateway(&["standalone"]).database(&database).listen().await?;
        let selection = "subscription($e: EventEnum) { messages_mutated(event: $e) { key event data { id text user } } }";
        let payload = json!({"query": selection, "variables": {"e": "create"}});
        let subscribe = json!({"id": "s", "type": "subscribe", "payload": payload}).to_string();
        let connected = stream::iter(0..SUBSCRIBERS).map(|_| async {
            let mut client = RawClient::graphql(gateway.port, ADMIN_TOKEN).await?;
            client.send(&RawFrame::new(1, subscribe.as_str())).await?;
            anyhow::Ok(client)
        });
        let clients: Vec<RawClient> = connected.buffer_unordered(50).try_collect().await?;
        let mut other = RawClient::upgraded(gateway.port, ADMIN_TOKEN, None).await?;
        let same = json!({"type": "subscribe", "collection": "messages", "event": "create", "query": {"fields": ["id", "text", "user"]}});
        other.send(&RawFrame::new(1, same.to_string())).await?;
        let init = other.frame().await?.context("no init")?;
        ensure!(String::from_utf8_lossy(&init.payload).contains("\"init\""));
        // Subscriptions over GraphQL are not confirmed: the gateway counts them.
        eventually("every subscription is live", Duration::from_secs(60), || async {
            Ok((gateway.metric("tidegate_gateway_subscriptions ").await? >= SUBSCRIBERS as f64 + 1.0).then_some(()))
        })
        .await?;
        let groups = gateway.metric("tidegate_gateway_subscription_groups ").await?;
        ensure!(groups == 1.0, "{groups} groups judge each event");
        let sql = database.connect().await?;
        let start = ticks(gateway.running.pid())?;
        let readers =
            clients.into_iter().map(|client| TASKS.spawn("subscriber", read_all(client, "/payload/data/messages_mutated/data/text")));
        let readers: Vec<_> = readers.chain([TASKS.spawn("subscriber", read_all(other, "/data/0/text"))]).collect();
        for number in 0..INSERTS {
            let text = format!("message {number:03} {}", "x".repeat(60));
            sql.execute("insert into messages (text, \"user\") values ($1, 'load')", &[&text]).await?;
        }
        for heard in try_join_all(readers).await? {
            heard.context("a reader panicked")??;
        }
        let spent = (ticks(gateway.running.pid())? - start) / TICKS;
        let deliveries = (SUBSCRIBERS * INSERTS) as f64;
        println!("{SUBSCRIBERS} GraphQL subscribers x {INSERTS} inserts: {:.1} µs of CPU per delivery", spent * 1e6 / deliveries);
        let reads = gateway.metric("tidegate_gateway_event_reads_total").await?;
        ensure!(reads == 0.0, "events caused {reads} reads, as the gateway counts them");
        gateway.stop().await?;
        drop(sql);
        database.drop().await
    });
}

/// Reads until every event has come, in order, once; its text stands at `place`.
async fn read_all(mut client: RawClient, place: &'static str) -> Result<()> {
    for number in 0..INSERTS {
        let frame = tokio::time::timeout(Duration::from_secs(60), client.frame()).await.context("an event is missing")??;
        let message: Value = serde_json::from_slice(&frame.context("the connection ended")?.payload)?;
        let expected = format!("message {number:03} ");
        let fits = message.pointer(place).and_then(Value::as_str).is_some_and(|text| text.starts_with(&expected));
        ensure!(fits, "{expected}expected: {message}");
    }
    Ok(())
}

async fn scans(sql: &Client) -> Result<i64> {
    let scans = "select seq_scan + coalesce(idx_scan, 0) from pg_stat_user_tables where relname = 'messages'";
    Ok(sql.query_one(scans, &[]).await?.get(0))
}

/// User and system time of a process in clock ticks.
fn ticks(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().context("a name in brackets")?.split_whitespace().collect();
    Ok(fields.get(11).context("utime")?.parse::<f64>()? + fields.get(12).context("stime")?.parse::<f64>()?)
}
