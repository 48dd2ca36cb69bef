//! The order and completeness of the drain.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use change_capture::bus::{Bus as _, BusCapacity, InProcessBus, StreamHead};
use change_capture::config::NotifyMode;
use change_event::{ChangeEvent, Operation, Sequence};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio_postgres::Client;

use crate::harness::{Collector, Database, Rig, Worker, eventually, summary};

const T: &str = "create table t (id int primary key, v int)";

#[tokio::test]
async fn a_late_commit_is_not_skipped_and_a_long_writer_stalls_nobody() {
    let mut rig = Rig::start(&[T], &["t"]).await;
    let late = rig.database.client().await;
    late.batch_execute("begin; insert into t values (1, 0)").await.unwrap();
    rig.database.run(&["insert into t values (2, 0)", "insert into t values (3, 0)"]).await;
    assert_eq!(rig.summary().await, ["t c 2", "t c 3"]);
    late.batch_execute("insert into t values (4, 0); commit").await.unwrap();
    assert_eq!(rig.summary().await, ["t c 1", "t c 4"]);
}

#[tokio::test]
async fn a_key_follows_the_order_of_commits_and_not_of_transaction_ids() {
    let mut rig = Rig::start(&[T, "insert into t values (1, 0), (2, 0)"], &["t"]).await;
    let (first, second) = (rig.database.client().await, rig.database.client().await);
    // `first` has the lower transaction id but touches key 1 after `second` has committed.
    first.batch_execute("begin; update t set v = 10 where id = 2").await.unwrap();
    second.batch_execute("begin; update t set v = 1 where id = 1; commit").await.unwrap();
    first.batch_execute("update t set v = 2 where id = 1; commit").await.unwrap();
    let events = rig.events().await;
    let values: Vec<_> = events.iter().map(|event| event.rows[0].new.as_ref().unwrap().get()).collect();
    assert_eq!(values, [r#"{"id":1,"v":1}"#, r#"{"id":2,"v":10}"#, r#"{"id":1,"v":2}"#]);
    assert!(events[0].transaction > events[1].transaction);
}

#[tokio::test]
async fn a_right_that_is_taken_away_is_told_before_what_was_committed_after_it() {
    let database = Database::create().await;
    database.run(&[T, "create table directus_permissions (id int primary key, v int)"]).await;
    let bus = InProcessBus::new(BusCapacity::default());
    let worker = Worker::start(database.worker_config(), Arc::new(bus.clone()));
    worker.synchronise().await;
    worker.stop().await;
    // `first` wrote before the right was taken away and commits after it: its locks order nothing.
    let first = database.client().await;
    first.batch_execute("begin; insert into t values (1, 0)").await.unwrap();
    database.run(&["insert into t values (2, 0)", "insert into directus_permissions values (1, 0)"]).await;
    first.batch_execute("commit").await.unwrap();
    let mut seen = Collector::subscribe(&bus, &["t", "directus_permissions"]).await;
    let worker = Worker::start(database.worker_config(), Arc::new(bus));
    worker.synchronise().await;
    let events: Vec<String> = seen.take().iter().map(|event| summary(event)).collect();
    assert_eq!(events, ["directus_permissions c 1", "t c 1", "t c 2"]);
    worker.stop().await;
}

#[tokio::test]
async fn every_way_to_be_woken_delivers_without_a_barrier() {
    for notify in [NotifyMode::Adaptive, NotifyMode::Always, NotifyMode::Off] {
        let database = Database::create().await;
        let mut config = database.worker_config();
        config.notify = notify;
        // So long a fallback would fail the test: the doorbell must ring, or polling go on.
        config.poll_max = Duration::from_secs(if notify == NotifyMode::Off { 1 } else { 3600 });
        let mut rig = Rig::with(database, config, &[T], &["t"]).await;
        let client = rig.database.client().await;
        for id in 0..50 {
            client.execute("insert into t values ($1, 0)", &[&id]).await.unwrap();
            let item = rig.seen.next().await;
            assert!(format!("{item:?}").contains("Create"), "{item:?}");
        }
        rig.worker.stop().await;
    }
}

#[tokio::test]
async fn a_prepared_transaction_works_and_arrives_when_it_is_committed() {
    let database = Database::create_preparing().await;
    let config = database.worker_config();
    let mut rig = Rig::with(database, config, &[T], &["t"]).await;
    rig.database.run(&["begin; insert into t values (1, 0); prepare transaction 'p'", "insert into t values (2, 0)"]).await;
    assert_eq!(rig.summary().await, ["t c 2"]);
    rig.database.run(&["commit prepared 'p'"]).await;
    assert!(format!("{:?}", rig.seen.next().await).contains("sequence: Sequence(3)"), "without a barrier, by polling");
}

#[tokio::test]
async fn nothing_happens_while_nothing_changes() {
    let mut rig = Rig::start(&[T], &["t", change_event::SCHEMA_COLLECTION]).await;
    rig.database.run(&["insert into t values (1, 0)"]).await;
    assert_eq!(rig.summary().await, ["t c 1"]);
    let client = rig.database.client().await;
    eventually("the worker sleeps", || async { rig.worker.metrics.awake.get() == 0 }).await;
    let state = "select d.tup_inserted + d.tup_updated + d.tup_deleted, (select max(id) from tidegate.ledger), d.xact_commit
                   from pg_stat_database d where datname = current_database()";
    let read = async || -> (i64, i64, i64) {
        let row = client.query_one(state, &[]).await.unwrap();
        (row.get(0), row.get(1), row.get(2))
    };
    // Reads of the worker, its maintenance and its heartbeat go on, and none of them writes or publishes. What was written
    // before is counted late, so the first stretches may still grow; anything that recurs would show in every one.
    eventually("a quiet stretch", || async {
        let before = read().await;
        eventually("the worker reads", || async { read().await.2 > before.2 + 50 }).await;
        let after = read().await;
        (before.0, before.1) == (after.0, after.1)
    })
    .await;
    assert!(rig.seen.take().is_empty());
}

#[tokio::test]
async fn an_old_snapshot_neither_bloats_the_tables_nor_slows_the_drain() {
    let database = Database::create().await;
    let mut config = database.worker_config();
    config.rotate_bytes = 200_000;
    let mut rig = Rig::with(database, config, &[T, "insert into t values (1, 0)"], &["t"]).await;
    let holder = rig.database.client().await;
    holder.batch_execute("begin isolation level repeatable read; select * from t").await.unwrap();
    let client = rig.database.client().await;
    let update = client.prepare("update t set v = v + 1 where id = 1").await.unwrap();
    let mut durations = Vec::new();
    for round in 0..1500 {
        let started = Instant::now();
        client.execute(&update, &[]).await.unwrap();
        rig.seen.next().await;
        if round >= 100 {
            durations.push(started.elapsed());
        }
    }
    eventually("the outbox rotates", || async { rig.worker.metrics.rotations.get() > 0 }).await;
    // The test's own table has the bloat that an old snapshot causes; ours must not.
    let sizes = client
        .query_one(
            "select pg_relation_size('tidegate.control'), (select sum(pg_relation_size(inhrelid))::bigint from pg_inherits
               where inhparent = 'tidegate.outbox'::regclass), pg_relation_size('t')",
            &[],
        )
        .await
        .unwrap();
    let (control, outbox, table): (i64, i64, i64) = (sizes.get(0), sizes.get(1), sizes.get(2));
    assert!(control <= 8192 * 2, "{control}");
    assert!(outbox < 800_000, "{outbox}");
    assert!(table > 8192, "{table}");
    let median = |some: &mut [Duration]| {
        some.sort();
        some[some.len() / 2]
    };
    let (first, last) = durations.split_at_mut(700);
    let (first, last) = (median(first), median(last));
    assert!(last < first * 3 + Duration::from_millis(2), "drains stay flat: first half {first:?}, second half {last:?}");
}

#[tokio::test]
async fn rotation_waits_for_what_is_open_and_loses_nothing() {
    let database = Database::create().await;
    let mut config = database.worker_config();
    config.rotate_bytes = 50_000;
    let mut rig = Rig::with(database, config, &[T], &["t"]).await;
    let (open, old) = (rig.database.client().await, rig.database.client().await);
    open.batch_execute("begin; insert into t values (-1, 0)").await.unwrap();
    // Reads the number of the slot in use as of now, and writes to that slot much later.
    old.batch_execute("begin isolation level repeatable read; select * from t").await.unwrap();
    let client = rig.database.client().await;
    let mut expected = 0;
    for round in 1..=6 {
        client.execute("insert into t select $1 * 1000 + i, 0 from generate_series(1, 900) i", &[&round]).await.unwrap();
        expected += 900;
        eventually("the outbox rotates", || async { rig.worker.metrics.rotations.get() >= u64::try_from(round).unwrap() }).await;
    }
    old.batch_execute("insert into t values (-2, 0); commit").await.unwrap();
    open.batch_execute("insert into t values (-3, 0); commit").await.unwrap();
    let events = rig.events().await;
    let keys: Vec<_> = events.iter().flat_map(|event| &event.rows).map(|row| row.key.get().parse::<i32>().unwrap()).collect();
    assert_eq!(keys.len(), expected + 3);
    assert_eq!(keys[expected..], [-2, -1, -3]);
    rig.worker.stop().await;
}

#[tokio::test]
async fn a_transaction_larger_than_memory_should_hold_is_streamed_in_order() {
    let mut rig = Rig::start(&["create table t (id int primary key, v text)"], &["t"]).await;
    let client = rig.database.client().await;
    client.batch_execute("begin").await.unwrap();
    let insert = client.prepare("insert into t values ($1, repeat('x', 5000))").await.unwrap();
    for id in 0..4000 {
        client.execute(&insert, &[&id]).await.unwrap();
    }
    client.batch_execute("commit").await.unwrap();
    let events = rig.events().await;
    let keys: Vec<_> = events.iter().map(|event| event.rows[0].key.get().parse::<i32>().unwrap()).collect();
    assert_eq!(keys, (0..4000).collect::<Vec<_>>());
}

/// Random writers with savepoints and rollbacks, one more open throughout: every committed version of every row arrives
/// exactly once and in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_writers_lose_double_and_reorder_nothing() {
    let seed: u64 = rand::rng().random::<u32>().into();
    println!("seed {seed}");
    let database = Database::create().await;
    let mut config = database.worker_config();
    config.rotate_bytes = 300_000;
    let schema = ["create table a (id int primary key, v int not null)", "create table b (id int primary key, v int not null)"];
    let mut rig = Rig::with(database, config, &schema, &["a", "b"]).await;
    let open = rig.database.client().await;
    open.batch_execute("begin; insert into a values (-1, 1)").await.unwrap();
    let mut writers = Vec::new();
    for writer in 0..12 {
        let client = rig.database.client().await;
        let random = StdRng::seed_from_u64(seed + writer);
        writers.push(rig.worker.tasks.spawn("writer", write_at_random(client, random)));
    }
    for writer in writers {
        writer.await.unwrap().unwrap().unwrap();
    }
    open.batch_execute("commit").await.unwrap();
    let events = rig.events().await;
    let mut rows: HashMap<(String, i32), Option<i32>> = HashMap::new();
    let mut versions = 0;
    for event in &events {
        for row in &event.rows {
            let value = |image: &Option<Box<serde_json::value::RawValue>>| {
                image.as_ref().map(|image| serde_json::from_str::<serde_json::Value>(image.get()).unwrap()["v"].as_i64().unwrap())
            };
            let (old, new) = (value(&row.old), value(&row.new));
            let place = rows.entry((event.collection.to_string(), row.key.get().parse().unwrap())).or_default();
            // Each change starts from where the last one of this row ended: nothing is missing, doubled or out of order.
            assert_eq!(place.map(i64::from), old, "{:?} {} {}", event.operation, event.collection, row.key);
            assert_eq!(event.operation == Operation::Delete, new.is_none());
            *place = new.map(|new| i32::try_from(new).unwrap());
            versions += 1;
        }
    }
    let client = rig.database.client().await;
    for table in ["a", "b"] {
        let found = client.query(&format!("select id, v from {table} order by id"), &[]).await.unwrap();
        let found: Vec<(i32, i32)> = found.iter().map(|row| (row.get(0), row.get(1))).collect();
        let mut folded: Vec<(i32, i32)> =
            rows.iter().filter(|((name, _), _)| name == table).filter_map(|((_, id), v)| Some((*id, (*v)?))).collect();
        folded.sort_unstable();
        assert_eq!(folded, found, "{table}");
    }
    assert!(versions > 4000, "{versions}");
    // A bus that knows nothing gets the newest of these very events again, whether the worker ended in order or not.
    let mut config = rig.database.worker_config();
    config.rotate_bytes = 300_000;
    rig.worker.kill().await;
    for orderly in [true, false] {
        let bus = InProcessBus::new(BusCapacity::default());
        let worker = Worker::start(config.clone(), Arc::new(bus.clone()));
        worker.synchronise().await;
        let again = u64::from(same_events(&bus, "a", &events).await + same_events(&bus, "b", &events).await);
        // The batch under way when a worker was killed is repeated in any case.
        assert!(again > 100 && worker.metrics.republished.get() > 50, "{again}");
        if orderly { worker.stop().await } else { worker.kill().await }
    }
}

/// How many events of the collection the bus has. They end with the last of `events`, and are the same.
async fn same_events(bus: &InProcessBus, collection: &str, events: &[Arc<ChangeEvent>]) -> u32 {
    let head = bus.head(collection).await.unwrap().unwrap();
    let mut found = 0;
    for expected in events.iter().rev().filter(|event| &*event.collection == collection) {
        let after = StreamHead { epoch: head.epoch, sequence: Sequence(head.sequence.0 - 1 - u64::from(found)) };
        let Some(events) = bus.read_after(collection, after, 1).await.unwrap() else { break };
        assert_eq!(events[0].encode().unwrap(), expected.encode().unwrap());
        found += 1;
    }
    found
}

async fn write_at_random(client: Client, mut random: StdRng) -> Result<(), tokio_postgres::Error> {
    for _ in 0..250 {
        let mut statements = String::from("begin;");
        let savepoint = random.random_bool(0.3);
        // Keys in ascending order over both tables: writers conflict, but never deadlock.
        let mut keys: Vec<(usize, i32)> =
            (0..random.random_range(1..6)).map(|_| (random.random_range(0..2), random.random_range(0..40))).collect();
        keys.sort_unstable();
        keys.dedup();
        for (index, (table, id)) in keys.iter().enumerate() {
            let table = ["a", "b"][*table];
            if savepoint && index == 1 {
                statements += "savepoint s;";
            }
            statements += &match random.random_range(0..4) {
                0 => format!("delete from {table} where id = {id};"),
                1 => format!("update {table} set v = v + 1 where id = {id};"),
                _ => format!("insert into {table} values ({id}, 1) on conflict (id) do update set v = {table}.v + 1;"),
            };
        }
        if savepoint && keys.len() > 1 && random.random_bool(0.5) {
            statements += "rollback to s;";
        }
        statements += if random.random_bool(0.2) { "rollback" } else { "commit" };
        client.batch_execute(&statements).await?;
    }
    Ok(())
}
