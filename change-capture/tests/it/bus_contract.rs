//! What every bus promises, run against each of them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use change_capture::bus::{Bus, BusCapacity, BusError, FeedItem, Fence, GapReason, InProcessBus, KnownHead, RedisBus, StreamHead};
use change_event::{ChangeEvent, ChannelNames, Epoch, FORM, Operation, RowChange, Sequence, TransactionId};
use serde_json::value::RawValue;
use service_runtime::testkit::{PrivateRedis, PrivateRedisCluster};
use service_runtime::{CancellationToken, Tasks};

use crate::harness::{Collector, soon};

const E: Epoch = Epoch(1000);

/// Two ends of one bus: a worker's and a node's.
struct Ends {
    worker: Arc<dyn Bus>,
    node: Arc<dyn Bus>,
    servers: Option<Servers>,
}

impl Ends {
    fn is_cluster(&self) -> bool {
        matches!(self.servers, Some(Servers::Cluster { .. }))
    }
}

/// Held while a test runs.
enum Servers {
    One { _redis: PrivateRedis },
    Cluster { _redis: PrivateRedisCluster },
}

fn in_process(capacity: BusCapacity) -> std::future::Ready<Ends> {
    let bus = InProcessBus::new(capacity);
    std::future::ready(Ends { worker: Arc::new(bus.clone()), node: Arc::new(bus), servers: None })
}

async fn redis(capacity: BusCapacity) -> Ends {
    let redis = PrivateRedis::start(&[]).await.unwrap();
    let (worker, node) = (redis_bus(&redis, capacity).await, redis_bus(&redis, capacity).await);
    Ends { worker: Arc::new(worker), node: Arc::new(node), servers: Some(Servers::One { _redis: redis }) }
}

async fn cluster(capacity: BusCapacity) -> Ends {
    let redis = PrivateRedisCluster::start().await.unwrap();
    let (worker, node) = (bus_at(&redis.url(), capacity).await, bus_at(&redis.url(), capacity).await);
    Ends { worker: Arc::new(worker), node: Arc::new(node), servers: Some(Servers::Cluster { _redis: redis }) }
}

macro_rules! contract {
    ($($name:ident($capacity:expr);)*) => {
        mod inside_one_process {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::in_process($capacity).await).await;
            })*
        }
        mod through_redis {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::redis($capacity).await).await;
            })*
        }
        mod through_a_redis_cluster {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::cluster($capacity).await).await;
            })*
        }
    };
}

contract! {
    delivers_in_order_to_those_who_subscribed(super::BusCapacity::default());
    a_subscription_joins_the_stream_exactly(super::BusCapacity::default());
    who_subscribed_before_any_leader_misses_nothing(super::BusCapacity::default());
    who_subscribed_before_any_leader_is_told_what_it_may_have_missed(super::BusCapacity::default());
    publishing_again_changes_nothing(super::BusCapacity::default());
    an_older_fence_is_refused(super::BusCapacity::default());
    a_hole_is_refused_until_the_bus_is_opened_again(super::BusCapacity::default());
    a_bus_from_the_future_asks_for_a_new_epoch(super::BusCapacity::default());
    a_new_epoch_is_told_to_every_subscriber_even_without_an_event(super::BusCapacity::default());
    reads_back_whole_or_not_at_all(super::BusCapacity { stream_events: 100, ..super::BusCapacity::default() });
    the_stream_is_bounded_in_bytes(super::BusCapacity { stream_bytes: 50_000, ..super::BusCapacity::default() });
    a_consumer_that_lags_gets_a_gap_and_then_what_is_new(super::BusCapacity { feed_events: 10, ..super::BusCapacity::default() });
    topics_reach_their_subscribers(super::BusCapacity::default());
    collections_with_odd_names_work(super::BusCapacity::default());
}

fn event(collection: &str, epoch: Epoch, sequence: u64) -> Arc<ChangeEvent> {
    let raw = |text: String| RawValue::from_string(text).unwrap();
    Arc::new(ChangeEvent {
        form: FORM,
        epoch,
        sequence: Sequence(sequence),
        collection: collection.into(),
        operation: Operation::Create,
        statement: sequence,
        transaction: TransactionId(sequence),
        written_at: 1,
        rows: vec![RowChange {
            key: raw(sequence.to_string()),
            old: None,
            new: Some(raw(format!(r#"{{"id":{sequence},"price":1.50}}"#))),
            omitted: vec![],
        }],
        writer_keys: None,
        traceparent: None,
    })
}

fn events(collection: &str, sequences: std::ops::RangeInclusive<u64>) -> Vec<Arc<ChangeEvent>> {
    sequences.map(|sequence| event(collection, E, sequence)).collect()
}

fn known(collection: &str, published: u64, assigned: u64) -> KnownHead {
    KnownHead { collection: collection.into(), published: Sequence(published), assigned: Sequence(assigned) }
}

fn at(sequence: u64) -> StreamHead {
    StreamHead { epoch: E, sequence: Sequence(sequence) }
}

fn short(item: &FeedItem) -> String {
    match item {
        FeedItem::Event(event) => format!("{}{}", event.collection, event.sequence),
        FeedItem::Gap { collection, reason } => format!("gap {collection} {reason:?}"),
        FeedItem::Availability(available) => format!("available {available}"),
        FeedItem::Topic { topic, payload } => format!("topic {topic} {payload:?}"),
    }
}

async fn expect(seen: &mut Collector, items: &[&str]) {
    for item in items {
        assert_eq!(short(&seen.next().await), *item);
    }
}

async fn delivers_in_order_to_those_who_subscribed(ends: Ends) {
    ends.worker.open(Fence(1), E, &[], &[]).await.unwrap();
    let mut first = Collector::subscribe(&*ends.node, &["a", "b"]).await;
    let mut second = Collector::subscribe(&*ends.node, &["b"]).await;
    let mixed = [events("a", 1..=1), events("b", 1..=1), events("a", 2..=3), events("c", 1..=1), events("b", 2..=2)].concat();
    ends.worker.publish(Fence(1), &mixed).await.unwrap();
    if ends.is_cluster() {
        // Collections live on different nodes: each is in order, and nobody orders one against the other.
        let mut items = Vec::new();
        for _ in 0..5 {
            items.push(short(&first.next().await));
        }
        items.sort_by_key(|item| item.as_bytes()[0]);
        assert_eq!(items, ["a1", "a2", "a3", "b1", "b2"]);
    } else {
        expect(&mut first, &["a1", "b1", "a2", "a3", "b2"]).await;
    }
    expect(&mut second, &["b1", "b2"]).await;
    second.control.unsubscribe("b").await.unwrap();
    second.control.subscribe("a").await.unwrap();
    ends.worker.publish(Fence(1), &[events("b", 3..=3), events("a", 4..=4)].concat()).await.unwrap();
    expect(&mut second, &["a4"]).await;
    let mut last = [short(&first.next().await), short(&first.next().await)];
    last.sort();
    assert_eq!(last, ["a4", "b3"]);
}

async fn a_subscription_joins_the_stream_exactly(ends: Ends) {
    ends.worker.open(Fence(1), E, &[], &[]).await.unwrap();
    let feed = Collector::subscribe(&*ends.node, &[]).await;
    assert_eq!(feed.control.subscribe("quiet").await.unwrap(), at(0));
    let worker = Arc::clone(&ends.worker);
    let publish = async move {
        for sequence in 1..=400 {
            worker.publish(Fence(1), &events("a", sequence..=sequence)).await.unwrap();
        }
    };
    let follow = async {
        let mut feeds = Vec::new();
        for _ in 0..20 {
            let seen = Collector::subscribe(&*ends.node, &[]).await;
            let head = seen.control.subscribe("a").await.unwrap();
            feeds.push((head, seen));
        }
        feeds
    };
    let ((), feeds) = tokio::join!(publish, follow);
    for (head, mut seen) in feeds {
        for sequence in head.sequence.0 + 1..=400 {
            assert_eq!(short(&seen.next().await), format!("a{sequence}"));
        }
    }
}

async fn who_subscribed_before_any_leader_misses_nothing(ends: Ends) {
    // Many, because what is tested is a race: a node looks at the heads when a leader opens the bus, and by then the first
    // event may be in a head and not yet in the node's hands.
    let collections: Vec<String> = (0..100).map(|number| format!("c{number}")).collect();
    let names: Vec<&str> = collections.iter().map(String::as_str).collect();
    let mut seen = Collector::subscribe(&*ends.node, &names).await;
    ends.worker.open(Fence(1), E, &[], &[]).await.unwrap();
    for collection in &collections {
        ends.worker.publish(Fence(1), &events(collection, 1..=1)).await.unwrap();
    }
    let later: Vec<_> = collections.iter().flat_map(|collection| events(collection, 2..=2)).collect();
    ends.worker.publish(Fence(1), &later).await.unwrap();
    let mut items = Vec::new();
    for _ in 0..2 * collections.len() {
        items.push(short(&seen.next().await));
    }
    for collection in &collections {
        let [first, second] = [1, 2].map(|sequence| items.iter().position(|item| *item == format!("{collection}{sequence}")));
        assert!(first.is_some() && first < second, "{collection}: {items:?}");
    }
}

async fn who_subscribed_before_any_leader_is_told_what_it_may_have_missed(ends: Ends) {
    let mut seen = Collector::subscribe(&*ends.node, &["a", "b"]).await;
    // Others published five events of `a`, nobody knows when.
    ends.worker.open(Fence(1), E, &[known("a", 5, 5)], &[]).await.unwrap();
    ends.worker.publish(Fence(1), &events("b", 1..=1)).await.unwrap();
    ends.worker.publish(Fence(1), &events("a", 6..=6)).await.unwrap();
    let mut items = vec![short(&seen.next().await), short(&seen.next().await)];
    items.sort_unstable();
    assert!(items[0] == "b1" && items[1].starts_with("gap a"), "{items:?}");
    // The sixth may lie before the gap or after it, the seventh is told.
    ends.worker.publish(Fence(1), &events("a", 7..=7)).await.unwrap();
    let mut item = short(&seen.next().await);
    if item == "a6" {
        item = short(&seen.next().await);
    }
    assert_eq!(item, "a7");
}

async fn publishing_again_changes_nothing(ends: Ends) {
    ends.worker.open(Fence(1), E, &[], &[]).await.unwrap();
    let mut seen = Collector::subscribe(&*ends.node, &["a"]).await;
    ends.worker.publish(Fence(1), &events("a", 1..=3)).await.unwrap();
    ends.worker.publish(Fence(1), &events("a", 1..=3)).await.unwrap();
    // A successor repeats the last batch, of which it knows that it may be out.
    ends.worker.open(Fence(2), E, &[known("a", 1, 4)], &[]).await.unwrap();
    ends.worker.publish(Fence(2), &events("a", 2..=5)).await.unwrap();
    expect(&mut seen, &["a1", "a2", "a3", "a4", "a5"]).await;
    assert_eq!(ends.node.head("a").await.unwrap(), Some(at(5)));
    assert_eq!(ends.node.read_after("a", at(0), 10).await.unwrap().unwrap().len(), 5);
}

async fn an_older_fence_is_refused(ends: Ends) {
    ends.worker.open(Fence(1), E, &[], &[]).await.unwrap();
    ends.worker.publish(Fence(1), &events("a", 1..=1)).await.unwrap();
    ends.worker.open(Fence(2), E, &[known("a", 1, 1)], &[]).await.unwrap();
    for refused in [ends.worker.publish(Fence(1), &events("a", 2..=2)).await, ends.worker.open(Fence(1), E, &[known("a", 1, 1)], &[]).await]
    {
        assert!(matches!(refused, Err(BusError::Fenced(Fence(2)))), "{refused:?}");
    }
    assert!(!ends.worker.is_open(Fence(1), E).await.unwrap());
    assert!(ends.worker.is_open(Fence(2), E).await.unwrap());
    ends.worker.publish(Fence(2), &events("a", 2..=2)).await.unwrap();
}

async fn a_hole_is_refused_until_the_bus_is_opened_again(ends: Ends) {
    ends.worker.open(Fence(1), E, &[], &[]).await.unwrap();
    let mut seen = Collector::subscribe(&*ends.node, &["a"]).await;
    ends.worker.publish(Fence(1), &events("a", 1..=2)).await.unwrap();
    let refused = ends.worker.publish(Fence(1), &events("a", 4..=5)).await;
    assert!(matches!(refused, Err(BusError::Lost(_))), "{refused:?}");
    expect(&mut seen, &["a1", "a2"]).await;
    // The leader knows that 3 was published: whoever has not seen it must hear of the gap.
    ends.worker.open(Fence(1), E, &[known("a", 3, 3)], &[]).await.unwrap();
    expect(&mut seen, &["gap a Trimmed"]).await;
    ends.worker.publish(Fence(1), &events("a", 4..=5)).await.unwrap();
    expect(&mut seen, &["a4", "a5"]).await;
    assert!(ends.node.read_after("a", at(2), 10).await.unwrap().is_none());
    assert_eq!(ends.node.read_after("a", at(3), 10).await.unwrap().unwrap().len(), 2);
}

async fn a_bus_from_the_future_asks_for_a_new_epoch(ends: Ends) {
    ends.worker.open(Fence(1), E, &[], &[]).await.unwrap();
    ends.worker.publish(Fence(1), &[events("a", 1..=5), events("b", 1..=1)].concat()).await.unwrap();
    let refused = ends.worker.open(Fence(2), E, &[known("a", 3, 4), known("b", 1, 1)], &[]).await;
    assert!(matches!(refused, Err(BusError::Ahead(_))), "{refused:?}");
    let refused = ends.worker.open(Fence(2), E, &[known("a", 5, 5)], &[]).await;
    assert!(matches!(refused, Err(BusError::Ahead(_))), "a collection that the leader has never heard of: {refused:?}");
    ends.worker.open(Fence(2), Epoch(E.0 + 1), &[], &[]).await.unwrap();
    assert!(ends.node.read_after("a", at(3), 10).await.unwrap().is_none());
    let refused = ends.worker.publish(Fence(2), &events("a", 1..=1)).await;
    assert!(matches!(refused, Err(BusError::Lost(_))), "an event of the old epoch: {refused:?}");
    ends.worker.publish(Fence(2), &[event("a", Epoch(E.0 + 1), 1)]).await.unwrap();
}

async fn a_new_epoch_is_told_to_every_subscriber_even_without_an_event(ends: Ends) {
    ends.worker.open(Fence(1), E, &[], &[]).await.unwrap();
    let mut seen = Collector::subscribe(&*ends.node, &["a"]).await;
    ends.worker.publish(Fence(1), &events("a", 1..=1)).await.unwrap();
    expect(&mut seen, &["a1"]).await;
    let next = Epoch(E.0 + 1);
    ends.worker.open(Fence(2), next, &[], &[]).await.unwrap();
    expect(&mut seen, &["gap a Epoch"]).await;
    ends.worker.publish(Fence(2), &[event("a", next, 1)]).await.unwrap();
    expect(&mut seen, &["a1"]).await;
}

async fn reads_back_whole_or_not_at_all(ends: Ends) {
    ends.worker.open(Fence(1), E, &[], &[]).await.unwrap();
    for sequence in 0..50 {
        ends.worker.publish(Fence(1), &events("a", sequence * 10 + 1..=sequence * 10 + 10)).await.unwrap();
    }
    assert!(ends.node.read_after("a", at(100), 1000).await.unwrap().is_none(), "long gone");
    let read = ends.node.read_after("a", at(410), 1000).await.unwrap().unwrap();
    assert_eq!(read.iter().map(|event| event.sequence.0).collect::<Vec<_>>(), (411..=500).collect::<Vec<_>>());
    assert_eq!(read[0].rows[0].new.as_ref().unwrap().get(), r#"{"id":411,"price":1.50}"#);
    let read = ends.node.read_after("a", at(450), 20).await.unwrap().unwrap();
    assert_eq!(read.last().unwrap().sequence.0, 470);
    assert_eq!(ends.node.read_after("a", at(500), 20).await.unwrap().map(|events| events.len()), Some(0));
    assert!(ends.node.read_after("a", at(501), 20).await.unwrap().is_none(), "a future that never was");
    assert!(ends.node.read_after("never", at(0), 20).await.unwrap().is_none());
    assert!(ends.node.head("never").await.unwrap().is_none());
    let other = StreamHead { epoch: Epoch(1), sequence: Sequence(450) };
    assert!(ends.node.read_after("a", other, 20).await.unwrap().is_none());
}

async fn the_stream_is_bounded_in_bytes(ends: Ends) {
    ends.worker.open(Fence(1), E, &[], &[]).await.unwrap();
    for sequence in 1..=100 {
        let mut big = ChangeEvent::clone(&event("a", E, sequence));
        big.rows[0].new = Some(RawValue::from_string(format!("\"{}\"", "x".repeat(2_000))).unwrap());
        ends.worker.publish(Fence(1), &[Arc::new(big)]).await.unwrap();
    }
    assert!(ends.node.read_after("a", at(70), 100).await.unwrap().is_none());
    assert_eq!(ends.node.read_after("a", at(85), 100).await.unwrap().map(|events| events.len()), Some(15));
}

async fn a_consumer_that_lags_gets_a_gap_and_then_what_is_new(ends: Ends) {
    ends.worker.open(Fence(1), E, &[], &[]).await.unwrap();
    let mut seen = Collector::subscribe(&*ends.node, &["a", "marker"]).await;
    let mut probe = Collector::subscribe(&*ends.node, &["a"]).await;
    ends.worker.publish(Fence(1), &events("a", 1..=20)).await.unwrap();
    // The probe has the same bound: its gap shows that everything has arrived, here as there.
    while short(&probe.next().await) != "gap a Lagged" {}
    let mut items = Vec::new();
    soon("the gap", async {
        loop {
            items.push(short(&seen.items.next().await.unwrap()));
            if items.last().unwrap().starts_with("gap") {
                break;
            }
        }
    })
    .await;
    assert_eq!(items.pop().unwrap(), "gap a Lagged");
    assert_eq!(items, (1..=10).map(|sequence| format!("a{sequence}")).collect::<Vec<_>>());
    ends.worker.publish(Fence(1), &events("a", 21..=21)).await.unwrap();
    let last = loop {
        let item = short(&seen.next().await);
        if item == "a21" {
            break item;
        }
    };
    assert_eq!(last, "a21");
}

async fn topics_reach_their_subscribers(ends: Ends) {
    let mut seen = Collector::subscribe(&*ends.node, &[]).await;
    seen.control.subscribe_topic("logs").await.unwrap();
    ends.worker.broadcast("other", Bytes::from_static(b"no")).await.unwrap();
    ends.worker.broadcast("logs", Bytes::from_static(b"\x00line")).await.unwrap();
    expect(&mut seen, &[r#"topic logs b"\0line""#]).await;
}

async fn collections_with_odd_names_work(ends: Ends) {
    ends.worker.open(Fence(1), E, &[], &[]).await.unwrap();
    let names = ["tidegate:schema", "with space", "{brace}", "ünï\u{2603}", "a}b"];
    let mut seen = Collector::subscribe(&*ends.node, &names).await;
    for name in names {
        ends.worker.publish(Fence(1), &events(name, 1..=1)).await.unwrap();
        expect(&mut seen, &[&format!("{name}1")]).await;
    }
}

async fn redis_bus(redis: &PrivateRedis, capacity: BusCapacity) -> RedisBus {
    bus_at(&redis.url(), capacity).await
}

async fn bus_at(url: &str, capacity: BusCapacity) -> RedisBus {
    let names = ChannelNames::new("faults");
    RedisBus::connect(&url.into(), names, capacity, Tasks::new(), CancellationToken::new()).await.unwrap()
}

/// Opens the bus as often as it takes: Redis has just come back.
async fn open(bus: &RedisBus, fence: u64, heads: &[KnownHead]) {
    crate::harness::eventually("the bus opens", || async { bus.open(Fence(fence), E, heads, &[]).await.is_ok() }).await;
}

#[tokio::test]
async fn a_restarted_redis_is_repaired_by_the_leader_and_missed_events_become_a_gap() {
    let mut redis = PrivateRedis::start(&[]).await.unwrap();
    let bus = redis_bus(&redis, BusCapacity::default()).await;
    bus.open(Fence(1), E, &[], &[]).await.unwrap();
    let mut seen = Collector::subscribe(&bus, &["a", "b"]).await;
    bus.publish(Fence(1), &[events("a", 1..=2), events("b", 1..=1)].concat()).await.unwrap();
    expect(&mut seen, &["a1", "a2", "b1"]).await;
    redis.kill().unwrap();
    expect(&mut seen, &["available false"]).await;
    assert!(matches!(bus.publish(Fence(1), &events("a", 3..=3)).await, Err(BusError::Unavailable(_))));
    assert!(matches!(seen.control.subscribe("c").await, Err(BusError::Unavailable(_))));
    redis.restart().await.unwrap();
    // b2 was published and lost with the old Redis before it reached this feed.
    open(&bus, 1, &[known("a", 2, 3), known("b", 2, 2)]).await;
    expect(&mut seen, &["gap b Trimmed", "available true"]).await;
    bus.publish(Fence(1), &[events("a", 3..=3), events("b", 3..=3)].concat()).await.unwrap();
    expect(&mut seen, &["a3", "b3"]).await;
}

#[tokio::test]
async fn a_flushed_redis_is_noticed_and_costs_nobody_an_event() {
    let redis = PrivateRedis::start(&[]).await.unwrap();
    let bus = redis_bus(&redis, BusCapacity::default()).await;
    bus.open(Fence(1), E, &[], &[]).await.unwrap();
    let mut seen = Collector::subscribe(&bus, &["a"]).await;
    bus.publish(Fence(1), &events("a", 1..=2)).await.unwrap();
    expect(&mut seen, &["a1", "a2"]).await;
    let mut admin = redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    redis::cmd("FLUSHALL").query_async::<()>(&mut admin).await.unwrap();
    assert!(!bus.is_open(Fence(1), E).await.unwrap());
    assert!(matches!(bus.publish(Fence(1), &events("a", 3..=3)).await, Err(BusError::Lost(_))));
    bus.open(Fence(1), E, &[known("a", 2, 2)], &[]).await.unwrap();
    assert_eq!(bus.head("a").await.unwrap(), Some(at(2)), "the same epoch, the same place");
    bus.publish(Fence(1), &events("a", 3..=3)).await.unwrap();
    expect(&mut seen, &["a3"]).await;
}

#[tokio::test]
async fn a_cut_subscriber_reads_what_it_missed_from_the_stream() {
    let redis = PrivateRedis::start(&[]).await.unwrap();
    let bus = redis_bus(&redis, BusCapacity::default()).await;
    bus.open(Fence(1), E, &[], &[]).await.unwrap();
    let mut seen = Collector::subscribe(&bus, &["a"]).await;
    let mut admin = redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    for round in 0..3 {
        let first = round * 1200;
        bus.publish(Fence(1), &events("a", first + 1..=first + 1)).await.unwrap();
        expect(&mut seen, &[&format!("a{}", first + 1)]).await;
        // As Redis does with a subscriber whose output buffer overflows.
        redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("pubsub").query_async::<()>(&mut admin).await.unwrap();
        for start in (first + 2..first + 1201).step_by(100) {
            bus.publish(Fence(1), &events("a", start..=(start + 99).min(first + 1200))).await.unwrap();
        }
        let mut next = first + 2;
        let mut back = false;
        while next <= first + 1200 || !back {
            match seen.next().await {
                FeedItem::Event(event) => {
                    assert_eq!(event.sequence.0, next, "in order, none missing, none twice");
                    next += 1;
                }
                FeedItem::Availability(available) => back = available,
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_node_of_the_cluster_that_restarts_empty_is_repaired() {
    let mut redis = PrivateRedisCluster::start().await.unwrap();
    let bus = bus_at(&redis.url(), BusCapacity::default()).await;
    bus.open(Fence(1), E, &[], &[]).await.unwrap();
    let names: Vec<String> = (0..12).map(|number| format!("c{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut seen = Collector::subscribe(&bus, &names).await;
    let round = |sequence: u64| names.iter().flat_map(move |name| events(name, sequence..=sequence)).collect::<Vec<_>>();
    bus.publish(Fence(1), &round(1)).await.unwrap();
    for _ in &names {
        assert!(matches!(seen.next().await, FeedItem::Event(_)));
    }
    // Its keys are gone, and it keeps its slots.
    redis.nodes()[1].restart().await.unwrap();
    let heads: Vec<KnownHead> = names.iter().map(|name| known(name, 1, 1)).collect();
    crate::harness::eventually("the bus opens", || async { bus.open(Fence(1), E, &heads, &[]).await.is_ok() }).await;
    crate::harness::eventually("the bus takes events", || async { bus.publish(Fence(1), &round(2)).await.is_ok() }).await;
    bus.publish(Fence(1), &round(3)).await.unwrap();
    // Every collection gets to the end, and where an event is missing a gap stands in its place.
    let mut reached: std::collections::HashMap<String, u64> = names.iter().map(|name| ((*name).to_owned(), 1)).collect();
    let mut gaps = std::collections::HashSet::new();
    while reached.iter().any(|(_, sequence)| *sequence < 3) {
        match seen.next().await {
            FeedItem::Event(event) => {
                let before = reached.insert(event.collection.to_string(), event.sequence.0).unwrap();
                let gap = gaps.remove(&event.collection);
                assert!(event.sequence.0 == before + 1 || (gap && event.sequence.0 > before), "{event:?} after {before}");
            }
            FeedItem::Gap { collection, .. } => {
                gaps.insert(collection);
            }
            FeedItem::Availability(_) => {}
            other => panic!("{other:?}"),
        }
        if reached.iter().all(|(name, sequence)| *sequence == 3 || gaps.contains(&**name)) {
            break;
        }
    }
    assert!(gaps.len() < names.len(), "the other nodes lost nothing");
}

#[tokio::test]
async fn a_lost_message_is_found_by_the_regular_look() {
    let redis = PrivateRedis::start(&[]).await.unwrap();
    let bus = redis_bus(&redis, BusCapacity::default()).await;
    bus.open(Fence(1), E, &[], &[]).await.unwrap();
    let mut seen = Collector::subscribe(&bus, &["a"]).await;
    bus.publish(Fence(1), &events("a", 1..=1)).await.unwrap();
    expect(&mut seen, &["a1"]).await;
    // The event is in the stream, and its message never comes: nothing but the head tells.
    let lost = event("a", E, 2);
    let mut admin = redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let names = ChannelNames::new("faults");
    redis::pipe()
        .cmd("XADD")
        .arg(names.stream("a"))
        .arg("2-0")
        .arg(&[("t", b"0".to_vec()), ("e", lost.encode().unwrap())])
        .cmd("HSET")
        .arg(names.head("a"))
        .arg("sequence")
        .arg(2)
        .query_async::<()>(&mut admin)
        .await
        .unwrap();
    expect(&mut seen, &["a2"]).await;
}

#[tokio::test]
async fn an_event_of_a_newer_form_is_a_gap() {
    let redis = PrivateRedis::start(&[]).await.unwrap();
    let bus = redis_bus(&redis, BusCapacity::default()).await;
    bus.open(Fence(1), E, &[], &[]).await.unwrap();
    let mut seen = Collector::subscribe(&bus, &["a"]).await;
    let mut admin = redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let channel = ChannelNames::new("faults").channel("a");
    redis::cmd("PUBLISH").arg(channel).arg(r#"{"v":9,"s":1}"#).query_async::<()>(&mut admin).await.unwrap();
    let item = seen.next().await;
    assert!(matches!(item, FeedItem::Gap { reason: GapReason::Undecodable, .. }), "{item:?}");
    bus.publish(Fence(1), &events("a", 1..=1)).await.unwrap();
    expect(&mut seen, &["a1"]).await;
}

#[tokio::test]
async fn the_stream_is_bounded_in_age() {
    let redis = PrivateRedis::start(&[]).await.unwrap();
    let capacity = BusCapacity { stream_age: Duration::from_millis(300), ..BusCapacity::default() };
    let bus = redis_bus(&redis, capacity).await;
    bus.open(Fence(1), E, &[], &[]).await.unwrap();
    bus.publish(Fence(1), &events("a", 1..=3)).await.unwrap();
    assert_eq!(bus.read_after("a", at(0), 9).await.unwrap().map(|events| events.len()), Some(3));
    crate::harness::eventually("the stream expires", || async { bus.read_after("a", at(0), 9).await.unwrap().is_none() }).await;
    bus.publish(Fence(1), &events("a", 4..=4)).await.unwrap();
    assert_eq!(bus.read_after("a", at(3), 9).await.unwrap().map(|events| events.len()), Some(1));
    assert!(bus.read_after("a", at(2), 9).await.unwrap().is_none());
}
