//! A node of two is replaced while hundreds of clients watch and many write: everybody comes back and sees what there is.
//!
//! It must never compare with anything but the database: what clients see in the end is what a fresh read shows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use service_runtime::CancellationToken;
use service_runtime::guarded_process::Signal;
use service_runtime::testkit::PrivateRedis;
use tokio::time::Instant;

use crate::conformance::{Baseline, Fixture};
use crate::harness::gateway::{ADMIN_TOKEN, Program};
use crate::harness::socket::{Dial, Dialled, Socket};
use crate::harness::{TASKS, alone, eventually, run};

const CLIENTS: usize = 200;
const WRITERS: usize = 8;
const LIMIT: Duration = Duration::from_secs(60);

/// What one client sees.
type View = BTreeMap<i64, String>;

/// A client that watches a collection, and comes back to the next node whenever it is closed.
struct Watcher {
    view: Arc<Mutex<View>>,
    inits: Arc<AtomicUsize>,
}

/// How the connections of all clients ended.
#[derive(Default)]
struct Ends(Mutex<BTreeMap<u16, u32>>);

impl Ends {
    fn add(&self, code: u16) {
        *self.0.lock().unwrap().entry(code).or_default() += 1;
    }
}

/// A connection to the first node that accepts one, beginning with `place`.
async fn connect(ports: [u16; 2], place: usize, stop: &CancellationToken) -> Option<Socket> {
    let mut place = place;
    while !stop.is_cancelled() {
        let dial = Dial::new(ports[place % 2]).query(&format!("access_token={ADMIN_TOKEN}"));
        if let Dialled::Open(socket) = dial.open().await {
            return Some(socket);
        }
        place += 1;
        tokio::task::yield_now().await;
    }
    None
}

impl Watcher {
    fn start(ports: [u16; 2], place: usize, ends: Arc<Ends>, stop: CancellationToken) -> Self {
        let watcher = Self { view: Arc::default(), inits: Arc::default() };
        let (view, inits) = (Arc::clone(&watcher.view), Arc::clone(&watcher.inits));
        TASKS.spawn("watcher", async move {
            let mut place = place;
            while let Some(mut socket) = connect(ports, place, &stop).await {
                // Rows written over sockets come as fast as a node takes them; two hundred clients need not hear of each.
                let query = json!({"fields": ["id", "label"], "limit": -1, "filter": {"label": {"_nstarts_with": "w"}}});
                let subscribe = json!({"type": "subscribe", "collection": "tags", "uid": "t", "query": query});
                if socket.send(&subscribe).await.is_ok() {
                    watch(&mut socket, &view, &inits, &stop).await;
                }
                if let Some(ended) = socket.ended() {
                    ends.add(ended.code);
                }
                place += 1;
            }
        });
        watcher
    }
}

async fn watch(socket: &mut Socket, view: &Mutex<View>, inits: &AtomicUsize, stop: &CancellationToken) {
    loop {
        let message = tokio::select! {
            message = socket.received() => message,
            () = stop.cancelled() => return,
        };
        let Some(message) = message else { return };
        let mut view = view.lock().unwrap();
        let rows = message["data"].as_array().cloned().unwrap_or_default();
        match message["event"].as_str() {
            Some("init") => {
                *view = rows.iter().filter_map(row).collect();
                inits.fetch_add(1, Ordering::SeqCst);
            }
            Some("create" | "update") => view.extend(rows.iter().filter_map(row)),
            Some("delete") => rows.iter().filter_map(Value::as_i64).for_each(|key| _ = view.remove(&key)),
            _ => {}
        }
    }
}

fn row(row: &Value) -> Option<(i64, String)> {
    Some((row["id"].as_i64()?, row["label"].as_str()?.to_owned()))
}

/// Creates rows over a socket, one after the other, for as long as it may; what was answered, and what never was.
async fn write(ports: [u16; 2], number: usize, stop: CancellationToken) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut answered, mut unanswered) = (BTreeSet::new(), BTreeSet::new());
    let mut place = number;
    while let Some(mut socket) = connect(ports, place, &CancellationToken::new()).await {
        for count in 0.. {
            if stop.is_cancelled() {
                return (answered, unanswered);
            }
            let label = format!("w{number}-{place}-{count}");
            let create = json!({"type": "items", "action": "create", "collection": "tags", "data": {"label": label}, "uid": label});
            if socket.send(&create).await.is_err() {
                unanswered.insert(label);
                break;
            }
            match socket.received().await {
                Some(answer) if answer["data"]["label"] == label.as_str() => answered.insert(label),
                Some(answer) => panic!("{answer}"),
                None => {
                    unanswered.insert(label);
                    break;
                }
            };
        }
        place += 1;
    }
    (answered, unanswered)
}

#[test]
fn a_node_is_replaced_under_load_and_nothing_is_lost() {
    run(async {
        let _machine = alone().await;
        let database = Fixture::database(Baseline::Twelve).await?;
        let redis = PrivateRedis::start(&[]).await.context("redis-server")?;
        let worker = Program::worker(&database, redis.url())?.lead().await?;
        let node = || {
            let program = Program::gateway(&["serve"]).database(&database).env("REDIS", redis.url());
            program.env("GATEWAY_DRAIN_TIMEOUT", "8s").env("GATEWAY_DRAIN_BATCH", "10")
        };
        let (mut a, b) = tokio::try_join!(node().listen(), node().listen())?;
        let ports = [a.port, b.port];
        let (stop, ends) = (CancellationToken::new(), Arc::new(Ends::default()));
        let watchers: Vec<Watcher> = (0..CLIENTS).map(|place| Watcher::start(ports, place, Arc::clone(&ends), stop.clone())).collect();
        until_all(&watchers, "everybody has begun", |_, inits| inits > 0).await?;

        // Somebody writes past the gateway, others over it, on both nodes.
        let sql = database.connect().await?;
        let pause = CancellationToken::new();
        let writers: Vec<_> = (0..WRITERS).map(|number| TASKS.spawn("writer", write(ports, number, pause.clone()))).collect();
        let rows = Arc::new(AtomicU32::new(0));
        let (count, ended) = (Arc::clone(&rows), pause.clone());
        // As often as this machine can bring every change to two hundred clients.
        let mut pace = tokio::time::interval(Duration::from_millis(50));
        let by_sql = TASKS.spawn("SQL writer", async move {
            while !ended.is_cancelled() {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let change = format!(
                    "insert into tags (label) values ('sql {number}'); update tags set label = 'changed {number}' where label = 'sql {}'; \
                     delete from tags where label = 'changed {}'",
                    number.saturating_sub(1),
                    number.saturating_sub(3),
                );
                sql.batch_execute(&change).await?;
                pace.tick().await;
            }
            anyhow::Ok(())
        });
        let some = async |least: u32| {
            eventually("rows are written", LIMIT, || async { Ok((rows.load(Ordering::SeqCst) >= least).then_some(())) }).await
        };
        some(20).await?;

        // Node A is replaced: it ends in order, and a new one takes its place.
        let begin = Instant::now();
        a.running.signal(Signal::TERM)?;
        let code = a.running.ended(Duration::from_secs(20)).await?;
        ensure!(code == Some(0), "ended with {code:?}\n{}", a.running.output());
        println!("the node ended after {:?}", begin.elapsed());
        let written = rows.load(Ordering::SeqCst);
        a = node().listen_on(ports[0]).await?;
        some(written + 20).await?;
        pause.cancel();
        by_sql.await?.context("the SQL writer panicked")??;
        let (mut answered, mut unanswered) = (BTreeSet::new(), BTreeSet::new());
        for writer in writers {
            let (yes, no) = writer.await?.context("a writer panicked")?;
            answered.extend(yes);
            unanswered.extend(no);
        }

        // The node told its clients why, and nobody was closed for another reason.
        let closed = ends.0.lock().unwrap().clone();
        println!("closes: {closed:?}; written over sockets: {}, without answer: {}", answered.len(), unanswered.len());
        ensure!(closed.keys().eq([&1012]) && closed[&1012] as usize == CLIENTS / 2, "{closed:?}");
        // Everything that was answered is there once; what was not answered was not done.
        let sql = database.connect().await?;
        let stored = sql.query("select label from tags where label like 'w%-%-%'", &[]).await?;
        let labels: BTreeSet<String> = stored.iter().map(|row| row.get(0)).collect();
        ensure!(labels.len() == stored.len(), "a row was written twice");
        ensure!(labels == answered, "lost {:?}, unasked {:?}", answered.difference(&labels), labels.difference(&answered));
        ensure!(unanswered.is_disjoint(&labels));
        // Everybody sees what a fresh read shows.
        let rows = sql.query("select id, label from tags where label not like 'w%'", &[]).await?;
        let expected: View = rows.iter().map(|row| (i64::from(row.get::<_, i32>(0)), row.get(1))).collect();
        until_all(&watchers, "everybody sees what there is", |view, _| *view == expected).await?;
        stop.cancel();
        a.stop().await?;
        b.stop().await?;
        drop((worker, redis));
        database.drop().await
    });
}

async fn until_all(watchers: &[Watcher], what: &str, fits: impl Fn(&View, usize) -> bool) -> Result<()> {
    let waiting = eventually(what, LIMIT, || async {
        let all = watchers.iter().all(|watcher| fits(&watcher.view.lock().unwrap(), watcher.inits.load(Ordering::SeqCst)));
        Ok(all.then_some(()))
    });
    waiting.await
}
