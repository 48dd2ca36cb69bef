//! Losing workers, sessions and state at the worst moments.

use std::sync::Arc;
use std::time::Duration;

use change_capture::bus::{BusCapacity, BusError, FeedItem, InProcessBus, RedisBus};
use change_capture::worker::WorkerConfig;
use change_event::ChannelNames;
use service_runtime::testkit::{PrivatePostgres, PrivatePostgresOptions, PrivateRedis};
use service_runtime::{CancellationToken, Tasks};

use crate::harness::{Collector, Database, Fault, FaultyBus, Worker, eventually, soon, summary};

const T: &str = "create table t (id int primary key, v int)";

/// Keys of the events that a feed carries next, each of one row.
async fn keys(seen: &mut Collector, count: i32) -> Vec<i32> {
    let mut keys = Vec::new();
    for _ in 0..count {
        match seen.next().await {
            FeedItem::Event(event) => keys.push(event.rows[0].key.get().parse().unwrap()),
            other => panic!("{other:?}"),
        }
    }
    keys
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_takes_over_from_a_killed_leader_and_nothing_is_lost_or_doubled() {
    let database = Database::create().await;
    database.run(&[T]).await;
    let bus = InProcessBus::new(BusCapacity::default());
    let mut leader = Worker::start(database.worker_config(), Arc::new(bus.clone()));
    leader.is_leader().await;
    leader.synchronise().await;
    let mut seen = Collector::subscribe(&bus, &["t"]).await;
    let client = database.client().await;
    let tasks = Tasks::new();
    let writer = tasks.spawn("writer", async move {
        for id in 0..3000 {
            client.execute("insert into t values ($1, 0)", &[&id]).await.unwrap();
        }
    });
    let mut expected = 0;
    for _ in 0..4 {
        let standby = Worker::start(database.worker_config(), Arc::new(bus.clone()));
        soon("the standby is ready", standby.control.ready()).await;
        assert_eq!(standby.metrics.leader.get(), 0);
        assert_eq!(keys(&mut seen, 100).await, (expected..expected + 100).collect::<Vec<_>>());
        expected += 100;
        leader.kill().await;
        standby.is_leader().await;
        leader = standby;
    }
    writer.await.unwrap().unwrap();
    assert_eq!(keys(&mut seen, 3000 - expected).await, (expected..3000).collect::<Vec<_>>());
    leader.synchronise().await;
    assert!(seen.take().is_empty());
    leader.stop().await;
}

#[tokio::test]
async fn a_standby_answers_synchronise_once_the_leader_has_published() {
    let database = Database::create().await;
    database.run(&[T]).await;
    let bus = InProcessBus::new(BusCapacity::default());
    let leader = Worker::start(database.worker_config(), Arc::new(bus.clone()));
    leader.is_leader().await;
    let standby = Worker::start(database.worker_config(), Arc::new(bus.clone()));
    soon("the standby is ready", standby.control.ready()).await;
    let mut seen = Collector::subscribe(&bus, &["t", "u"]).await;
    database.run(&["create table u (id int primary key)", "insert into t values (1, 0)"]).await;
    standby.synchronise().await;
    database.run(&["insert into u values (7)"]).await;
    standby.synchronise().await;
    let short: Vec<_> = seen.take().iter().map(|event| summary(event)).collect();
    assert!(short.contains(&"t c 1".to_owned()) && short.last().is_some_and(|last| last == "u c 7"), "{short:?}");
}

#[tokio::test]
async fn a_crash_between_publishing_and_knowing_gives_the_same_sequences_again() {
    let database = Database::create().await;
    database.run(&[T, "create table u (id int primary key)"]).await;
    let inner = InProcessBus::new(BusCapacity::default());
    let bus = FaultyBus::around(Arc::new(inner.clone()));
    let first = Worker::start(database.worker_config(), Arc::new(bus.clone()));
    first.is_leader().await;
    first.synchronise().await;
    let mut seen = Collector::subscribe(&inner, &["t", "u"]).await;
    bus.set(Fault::HangAfter);
    database.run(&["begin; insert into t values (1, 0); insert into u values (1); insert into t values (2, 0); commit"]).await;
    for expect in ["t c 1", "u c 1", "t c 2"] {
        let FeedItem::Event(event) = seen.next().await else { panic!("an event") };
        assert_eq!(summary(&event), expect);
    }
    let before: Vec<_> = bus.offered("t");
    // More is committed while the batch is neither finished nor known.
    database.run(&["insert into t values (3, 0)"]).await;
    first.kill().await;
    bus.set(Fault::None);
    let second = Worker::start(database.worker_config(), Arc::new(bus.clone()));
    second.synchronise().await;
    let again: Vec<_> = bus.offered("t").split_off(before.len());
    let of_batch = &before[before.len() - 2..];
    assert_eq!(
        again[..2].iter().map(|(_, sequence, event)| (sequence, event)).collect::<Vec<_>>(),
        of_batch.iter().map(|(_, sequence, event)| (sequence, event)).collect::<Vec<_>>()
    );
    assert!(again[0].0 > of_batch[0].0, "under a newer fence");
    let rest: Vec<_> = seen.take().iter().map(|event| summary(event)).collect();
    assert_eq!(rest, ["t c 3"], "the repeated batch was skipped, what came later follows");
    second.stop().await;
}

#[tokio::test]
async fn a_bus_that_fails_halfway_gets_the_rest_later() {
    let database = Database::create().await;
    database.run(&[T]).await;
    let inner = InProcessBus::new(BusCapacity::default());
    let bus = FaultyBus::around(Arc::new(inner.clone()));
    let worker = Worker::start(database.worker_config(), Arc::new(bus.clone()));
    worker.synchronise().await;
    let mut seen = Collector::subscribe(&inner, &["t"]).await;
    bus.set(Fault::Half);
    database.run(&["begin; insert into t values (1, 0); insert into t values (2, 0); insert into t values (3, 0); commit"]).await;
    assert_eq!(keys(&mut seen, 1).await, [1]);
    bus.set(Fault::Unavailable);
    database.run(&["insert into t values (4, 0)"]).await;
    eventually("publishing fails", || async { worker.metrics.publish_failures.get() > 2 }).await;
    bus.set(Fault::None);
    assert_eq!(keys(&mut seen, 3).await, [2, 3, 4]);
    worker.stop().await;
}

#[tokio::test]
async fn a_leader_that_was_paused_cannot_publish_after_its_successor() {
    let database = Database::create().await;
    database.run(&[T]).await;
    let inner = InProcessBus::new(BusCapacity::default());
    let paused = FaultyBus::around(Arc::new(inner.clone()));
    let first = Worker::start(database.worker_config(), Arc::new(paused.clone()));
    first.is_leader().await;
    first.synchronise().await;
    let mut seen = Collector::subscribe(&inner, &["t"]).await;
    paused.set(Fault::HangBefore);
    database.run(&["insert into t values (1, 0)"]).await;
    eventually("the leader is about to publish", || async {
        !paused.offered("t").is_empty() && paused.offered("t").last().unwrap().2.contains("\"k\":1")
    })
    .await;
    // The network or an administrator ends its session; the standby takes over and publishes.
    let second = Worker::start(database.worker_config(), Arc::new(inner.clone()));
    soon("the standby is ready", second.control.ready()).await;
    database
        .run(&["select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tidegate capture'
                    and pid in (select pid from pg_locks where locktype = 'advisory' and granted and objid = 1)"])
        .await;
    second.is_leader().await;
    second.synchronise().await;
    assert_eq!(keys(&mut seen, 1).await, [1]);
    database.run(&["insert into t values (2, 0)"]).await;
    assert_eq!(keys(&mut seen, 1).await, [2]);
    let answers = paused.results().len();
    paused.set(Fault::None);
    eventually("the old leader's publish is answered", || async { paused.results().len() > answers }).await;
    assert!(matches!(paused.results().last(), Some(Err(BusError::Fenced(_)))), "{:?}", paused.results().last());
    eventually("the old leader gives up", || async { first.metrics.leader.get() == 0 }).await;
    second.synchronise().await;
    assert!(seen.take().is_empty());
}

#[tokio::test]
async fn a_database_that_went_back_in_time_begins_a_new_epoch() {
    let database = Database::create().await;
    database.run(&[T]).await;
    let bus = InProcessBus::new(BusCapacity::default());
    let first = Worker::start(database.worker_config(), Arc::new(bus.clone()));
    first.synchronise().await;
    database.run(&["insert into t values (1, 0)"]).await;
    first.synchronise().await;
    first.stop().await;
    let old = {
        let mut seen = Collector::subscribe(&bus, &[]).await;
        let head = seen.control.subscribe("t").await.unwrap();
        assert!(seen.take().is_empty());
        head
    };
    let mut seen = Collector::subscribe(&bus, &["t"]).await;
    // As after restoring a backup that was made before these events.
    database.run(&["truncate tidegate.ledger_0, tidegate.ledger_1, tidegate.outbox"]).await;
    let second = Worker::start(database.worker_config(), Arc::new(bus.clone()));
    eventually("a new epoch begins", || async { second.metrics.epochs.get() == 1 }).await;
    assert!(matches!(seen.next().await, FeedItem::Gap { .. }));
    database.run(&["insert into t values (2, 0)"]).await;
    let FeedItem::Event(event) = seen.next().await else { panic!("an event") };
    assert!(event.epoch > old.epoch && event.sequence.0 == 1, "{event:?}");
    second.stop().await;
    // As after restoring a dump into another cluster.
    database.run(&["update tidegate.control set system_identifier = 1"]).await;
    let third = Worker::start(database.worker_config(), Arc::new(bus.clone()));
    third.synchronise().await;
    assert!(matches!(seen.next().await, FeedItem::Gap { .. }));
    database.run(&["insert into t values (3, 0)"]).await;
    let FeedItem::Event(newer) = seen.next().await else { panic!("an event") };
    assert!(newer.epoch > event.epoch, "{newer:?}");
}

#[tokio::test]
async fn a_worker_comes_back_after_its_sessions_are_cut() {
    let database = Database::create().await;
    database.run(&[T]).await;
    let bus = InProcessBus::new(BusCapacity::default());
    let worker = Worker::start(database.worker_config(), Arc::new(bus.clone()));
    worker.synchronise().await;
    let mut seen = Collector::subscribe(&bus, &["t"]).await;
    for (id, session) in ["tidegate capture", "tidegate maintenance", "tidegate heartbeat %"].iter().enumerate() {
        let cut = format!(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like '{session}'"
        );
        database.run(&[&cut, &format!("insert into t values ({id}, 0)")]).await;
        assert_eq!(keys(&mut seen, 1).await, [i32::try_from(id).unwrap()]);
    }
    worker.stop().await;
}

#[tokio::test]
async fn redis_faults_lose_nothing() {
    let database = Database::create().await;
    database.run(&[T]).await;
    let mut redis = PrivateRedis::start(&[]).await.unwrap();
    let connect = async || {
        let names = ChannelNames::new("worker");
        RedisBus::connect(&redis.url().into(), names, BusCapacity::default(), Tasks::new(), CancellationToken::new()).await.unwrap()
    };
    let (bus, node) = (connect().await, connect().await);
    let worker = Worker::start(database.worker_config(), Arc::new(bus));
    worker.synchronise().await;
    let mut seen = Collector::subscribe(&node, &["t"]).await;
    database.run(&["insert into t values (1, 0)"]).await;
    assert_eq!(keys(&mut seen, 1).await, [1]);
    let FeedItem::Event(first) = ({
        database.run(&["insert into t values (2, 0)"]).await;
        seen.next().await
    }) else {
        panic!("an event")
    };
    let mut admin = redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    redis::cmd("FLUSHALL").query_async::<()>(&mut admin).await.unwrap();
    // The leader notices by itself, before any change.
    eventually("the bus is opened again", || async { worker.metrics.bus_reopened.get() >= 1 }).await;
    redis::cmd("FLUSHALL").query_async::<()>(&mut admin).await.unwrap();
    database.run(&["insert into t values (3, 0)"]).await;
    let next = match seen.next().await {
        FeedItem::Event(next) => next,
        other => panic!("{other:?} in place of an event"),
    };
    assert_eq!((next.epoch, next.sequence.0), (first.epoch, first.sequence.0 + 1), "flushing costs no epoch");
    redis.kill().unwrap();
    assert!(matches!(seen.next().await, FeedItem::Availability(false)));
    database.run(&["insert into t values (4, 0)"]).await;
    eventually("publishing fails", || async { worker.metrics.publish_failures.get() > 0 }).await;
    redis.restart().await.unwrap();
    // Availability and the event may come in either order: the event is published as soon as the bus is open.
    let mut back = (false, false);
    while back != (true, true) {
        match seen.next().await {
            FeedItem::Availability(true) => back.0 = true,
            FeedItem::Event(event) => {
                assert_eq!((event.epoch, event.sequence.0), (first.epoch, first.sequence.0 + 2));
                back.1 = true;
            }
            other => panic!("{other:?}"),
        }
    }
    worker.stop().await;
}

#[tokio::test]
async fn a_frozen_leader_is_replaced() {
    let database = Database::create().await;
    database.run(&[T]).await;
    let bus = InProcessBus::new(BusCapacity::default());
    let config = || {
        let mut config = database.worker_config();
        config.leader_timeout = Duration::from_millis(300);
        config
    };
    // A session that holds the lock and shows no life, as of a stopped process.
    let frozen = database.client().await;
    frozen.batch_execute("select pg_advisory_lock(1414087749, 1)").await.unwrap();
    let standby = Worker::start(config(), Arc::new(bus.clone()));
    standby.is_leader().await;
    assert!(frozen.batch_execute("select 1").await.is_err(), "its session was ended");
    standby.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_of_postgres_loses_nothing_and_costs_no_epoch() {
    let settings = vec![("fsync".to_owned(), "off".to_owned())];
    let mut server = PrivatePostgres::start(PrivatePostgresOptions { settings, ..Default::default() }).await.unwrap();
    server.create_database("d").await.unwrap();
    crate::harness::connect(&server.config("d")).await.batch_execute(T).await.unwrap();
    let bus = InProcessBus::new(BusCapacity::default());
    let worker = Worker::start(WorkerConfig::new(server.config("d").parse::<tokio_postgres::Config>().unwrap()), Arc::new(bus.clone()));
    worker.synchronise().await;
    let mut seen = Collector::subscribe(&bus, &["t"]).await;
    let mut next = 0;
    for round in 0..5 {
        let client = crate::harness::connect(&server.config("d")).await;
        // The last ones are published a moment before the crash, which takes their records with it.
        for id in next..next + 50 {
            client.execute("insert into t values ($1, 0)", &[&id]).await.unwrap();
        }
        assert_eq!(keys(&mut seen, 50).await, (next..next + 50).collect::<Vec<_>>());
        next += 50;
        if round % 2 == 0 {
            // Committed, and not published by the time of the crash.
            client.execute("insert into t values ($1, 0)", &[&next]).await.unwrap();
            next += 1;
        }
        server.crash().unwrap();
        server.restart().await.unwrap();
        if round % 2 == 0 {
            assert_eq!(keys(&mut seen, 1).await, [next - 1]);
        }
    }
    eventually("it leads again", || async { worker.control.synchronise().await.is_ok() }).await;
    assert!(seen.take().is_empty(), "nothing twice");
    assert_eq!(worker.metrics.epochs.get(), 0);
    worker.stop().await;
}
