//! The order and completeness of the drain.

use std::time::Duration;

use change_capture::config::NotifyMode;

use crate::harness::{Database, Rig};

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
