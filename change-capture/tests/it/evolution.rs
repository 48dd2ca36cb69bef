//! Tables that change while they are captured: partitions that come and go, columns with new names, large values.

use std::time::{Duration, Instant};

use change_capture::bus::FeedItem;
use change_event::Operation;

use crate::harness::{Database, Rig, eventually};

#[tokio::test]
async fn partitions_come_and_go_with_their_rows() {
    let schema = [
        "create table p (id int primary key, v text) partition by range (id)",
        "create table p1 partition of p for values from (0) to (100)",
        "create table q (id int primary key, v text)",
        "insert into p values (1, 'a')",
        "insert into q values (101, 'b')",
    ];
    let mut rig = Rig::start(&schema, &["p", "q"]).await;
    rig.database.run(&["alter table p attach partition q for values from (100) to (200)"]).await;
    rig.worker.synchronise().await;
    rig.database.run(&["update q set v = 'c'", "update p set v = 'd' where id = 101"]).await;
    // Row 101 came into the collection without a statement; a write to the partition is one to the collection.
    assert_eq!(rig.summary().await, ["p r", "p u 101", "p u 101"]);
    rig.database.run(&["alter table p detach partition q"]).await;
    rig.worker.synchronise().await;
    rig.database.run(&["update q set v = 'e'", "update p set v = 'f'"]).await;
    let mut short = rig.summary().await;
    short[..2].sort();
    assert_eq!(short, ["p r", "q r", "q u 101", "p u 1"]);
    rig.database.run(&["drop table p1"]).await;
    rig.worker.synchronise().await;
    assert_eq!(rig.summary().await, ["p r"], "its rows are gone without a statement");
    // A look without a change tells nobody to read again.
    rig.worker.synchronise().await;
    assert!(rig.summary().await.is_empty());
}

#[tokio::test]
async fn a_table_is_told_to_be_read_once_its_partition_is_captured() {
    let schema = ["create table p (id int primary key) partition by range (id)", "create table q (id int primary key)"];
    let mut rig = Rig::start(&schema, &["p", "q"]).await;
    let (first, busy) = (rig.database.client().await, rig.database.client().await);
    // A writer that waits for the attachment has the partition before the worker can: no triggers until it ends.
    first.batch_execute("begin; alter table p attach partition q for values from (0) to (100)").await.unwrap();
    let write = busy.batch_execute("begin; insert into q values (1)");
    let commit = async {
        eventually("the writer waits", || async {
            let client = rig.database.client().await;
            client.query_one("select exists (select from pg_locks where not granted)", &[]).await.unwrap().get(0)
        })
        .await;
        first.batch_execute("commit").await
    };
    let (written, committed) = tokio::join!(write, commit);
    written.unwrap();
    committed.unwrap();
    {
        let mut synchronised = std::pin::pin!(rig.worker.control.synchronise());
        let waits = tokio::time::timeout(Duration::from_millis(600), &mut synchronised).await;
        assert!(waits.is_err(), "the partition is in use");
        assert!(!rig.seen.take().iter().any(|event| &*event.collection == "p"), "not yet");
        busy.batch_execute("commit").await.unwrap();
        synchronised.await.unwrap();
    }
    rig.database.run(&["insert into q values (2)"]).await;
    let short = rig.summary().await;
    assert_eq!(short[short.len() - 2..], ["p r", "p c 2"], "{short:?}");
}

#[tokio::test]
async fn a_renamed_column_and_a_renamed_table_go_on() {
    let mut rig = Rig::start(&["create table t (id int primary key, a text)"], &["t", "u"]).await;
    rig.database
        .run(&[
            "insert into t values (1, 'x')",
            "alter table t rename a to b",
            "insert into t values (2, 'y')",
            "alter table t rename to u",
        ])
        .await;
    rig.worker.synchronise().await;
    rig.database.run(&["insert into u values (3, 'z')"]).await;
    let events = rig.events().await;
    let made: Vec<_> = events.iter().filter(|event| event.operation == Operation::Create).collect();
    let image = |index: usize| made[index].rows[0].new.as_ref().unwrap().get();
    assert_eq!((image(0), image(1), image(2)), (r#"{"id":1,"a":"x"}"#, r#"{"id":2,"b":"y"}"#, r#"{"id":3,"b":"z"}"#));
    assert_eq!((&*made[0].collection, &*made[2].collection), ("t", "u"));
    assert!(events.iter().any(|event| event.operation == Operation::Reset && &*event.collection == "u"), "nobody knows what u was before");
}

#[tokio::test]
async fn a_megabyte_travels_whole_where_it_may_and_is_named_where_it_may_not() {
    let database = Database::create().await;
    let mut config = database.worker_config();
    config.max_value_bytes = 4 << 20;
    let mut rig = Rig::with(database, config, &["create table t (id int primary key, v text)"], &["t"]).await;
    rig.database.run(&["insert into t values (1, repeat('x', 1048576))", "update t set v = v || repeat('y', 4194304)"]).await;
    let events = rig.events().await;
    let image = events[0].rows[0].new.as_ref().unwrap().get();
    assert!(image.len() > 1 << 20 && image.contains("xxxx") && events[0].rows[0].omitted.is_empty());
    let row = &events[1].rows[0];
    assert_eq!((row.new.as_ref().unwrap().get(), &*row.omitted[0]), (r#"{"id":1}"#, "v"));
}

/// A doorbell that rings for nobody costs time and nothing else; an idle worker asks ever more rarely.
#[tokio::test]
async fn a_lost_doorbell_costs_at_most_a_poll() {
    let database = Database::create().await;
    let mut config = database.worker_config();
    config.poll_max = Duration::from_millis(400);
    config.catalog_interval = Duration::from_secs(3600);
    let mut rig = Rig::with(database, config, &["create table t (id int primary key)"], &["t"]).await;
    // What a lost notification looks like to the worker.
    rig.database.run(&["create or replace function tidegate.ring(mode text) returns void language plpgsql as $$ begin end $$"]).await;
    for id in 0..5 {
        eventually("the worker sleeps", || async { rig.worker.metrics.awake.get() == 0 }).await;
        let written = Instant::now();
        rig.database.run(&[&format!("insert into t values ({id})")]).await;
        let item = rig.seen.next().await;
        assert!(matches!(&item, FeedItem::Event(event) if event.rows[0].key.get() == id.to_string()), "{item:?}");
        assert!(written.elapsed() < Duration::from_secs(5), "{:?}", written.elapsed());
    }
}
