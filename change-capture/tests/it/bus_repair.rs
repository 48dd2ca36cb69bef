//! What a feed hears, and what a worker does, when the way to Redis or Redis itself fails: real servers behind a proxy that
//! can be cut, held, and turned to another server.

use std::net::Ipv4Addr;
use std::sync::Arc;

use change_capture::bus::{BusCapacity, FeedItem, RedisBus};
use change_event::{ChannelNames, Epoch};
use service_runtime::testkit::PrivateRedis;
use service_runtime::{CancellationToken, Tasks};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::harness::{Collector, Database, Worker, eventually};

const T: &str = "create table t (id int primary key, v text)";

/// What a [`Proxy`] does with its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Leads to the server at this port; connections to another one are cut.
    To(u16),
    /// Cut, and nobody answers.
    Cut,
}

/// A network between one program and Redis.
struct Proxy {
    port: u16,
    way: watch::Sender<Way>,
    _tasks: Tasks,
}

impl Proxy {
    async fn start(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (port, way, tasks) = (listener.local_addr().unwrap().port(), watch::Sender::new(Way::To(server)), Tasks::new());
        let (turned, inner) = (way.subscribe(), tasks.clone());
        tasks.spawn("proxy", async move {
            while let Ok((client, _)) = listener.accept().await {
                let Way::To(server) = *turned.borrow() else { continue };
                let Ok(server_side) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await else { continue };
                let ((client_in, client_out), (server_in, server_out)) = (client.into_split(), server_side.into_split());
                let (up, down) = (turned.clone(), turned.clone());
                inner.spawn("up", async move { pass(client_in, server_out, server, up).await });
                inner.spawn("down", async move { pass(server_in, client_out, server, down).await });
            }
        });
        Self { port, way, _tasks: tasks }
    }

    fn turn(&self, way: Way) {
        self.way.send_replace(way);
    }

    async fn bus(&self, capacity: BusCapacity) -> RedisBus {
        let url = format!("redis://127.0.0.1:{}/", self.port);
        RedisBus::connect(&url.into(), ChannelNames::new("repair"), capacity, Tasks::new(), CancellationToken::new()).await.unwrap()
    }
}

async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, server: u16, mut way: watch::Receiver<Way>) {
    let mut bytes = vec![0; 16_384];
    loop {
        let now = *way.borrow_and_update();
        tokio::select! {
            // Bytes that were read are written before anything else is looked at.
            read = from.read(&mut bytes), if now == Way::To(server) => match read {
                Ok(count) if count > 0 && to.write_all(&bytes[..count]).await.is_ok() => {}
                _ => return,
            },
            changed = way.changed() => if changed.is_err() || *way.borrow() != Way::To(server) { return },
        }
    }
}

async fn ask(redis: &PrivateRedis, command: &[&str]) -> String {
    let mut client = redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let mut asked = redis::cmd(command[0]);
    asked.arg(&command[1..]);
    asked.query_async(&mut client).await.unwrap()
}

/// Events by key, gaps and availability, until the event with `key`; also the epoch of that event.
async fn until(seen: &mut Collector, key: i32) -> (Vec<String>, Epoch) {
    let mut items = Vec::new();
    loop {
        match seen.next().await {
            FeedItem::Event(event) => {
                items.push(event.rows[0].key.get().to_owned());
                if items.last().unwrap() == &key.to_string() {
                    return (items, event.epoch);
                }
            }
            FeedItem::Gap { reason, .. } => items.push(format!("{reason:?}")),
            FeedItem::Availability(available) => items.push(if available { "back" } else { "away" }.to_owned()),
            other => panic!("{other:?}"),
        }
    }
}

/// Without what says whether Redis is there: that and the first event race.
fn changes(items: Vec<String>) -> Vec<String> {
    items.into_iter().filter(|item| item != "back" && item != "away").collect()
}

/// A replica takes over that never got the last events. The outbox still has them: whoever lacks them gets them, whoever has
/// them hears of nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_replica_gets_the_tail_that_it_lacks() {
    let primary = PrivateRedis::start(&[]).await.unwrap();
    let port = primary.port().to_string();
    let replica = PrivateRedis::start(&["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"]).await.unwrap();
    eventually("the replica follows", || async { ask(&replica, &["INFO", "replication"]).await.contains("master_link_status:up") }).await;
    let (near, far) = (Proxy::start(primary.port()).await, Proxy::start(primary.port()).await);
    let database = Database::create().await;
    database.run(&[T]).await;
    let worker = Worker::start(database.worker_config(), Arc::new(near.bus(BusCapacity::default()).await));
    worker.synchronise().await;
    let mut up_to_date = Collector::subscribe(&near.bus(BusCapacity::default()).await, &["t"]).await;
    let mut behind = Collector::subscribe(&far.bus(BusCapacity::default()).await, &["t"]).await;
    database.run(&["insert into t values (1)"]).await;
    let (_, epoch) = until(&mut up_to_date, 1).await;
    until(&mut behind, 1).await;
    let head = ChannelNames::new("repair").head("t");
    let known = ask(&primary, &["HGET", &head, "sequence"]).await;
    eventually("the replica has it", || async { ask(&replica, &["HGET", &head, "sequence"]).await == known }).await;
    // From here on the replica is on its own: what the old primary still takes is the tail that will be lost.
    let _ok = ask(&replica, &["REPLICAOF", "NO", "ONE"]).await;
    far.turn(Way::Cut);
    database.run(&["insert into t values (2)"]).await;
    until(&mut up_to_date, 2).await;
    near.turn(Way::To(replica.port()));
    drop(primary);
    // Without any change: whoever lacks an event must not wait for the next one to learn of it.
    far.turn(Way::To(replica.port()));
    let (items, after) = until(&mut behind, 2).await;
    assert_eq!((changes(items), after), (vec!["2".to_owned()], epoch));
    eventually("it counts what it published again", || async { worker.metrics.republished.get() > 0 }).await;
    assert!(worker.metrics.bus_reopened.get() > 0);
    database.run(&["insert into t values (3)"]).await;
    let (items, after) = until(&mut up_to_date, 3).await;
    assert_eq!((changes(items), after), (vec!["3".to_owned()], epoch), "nothing twice, nothing to read again, the same epoch");
    assert_eq!(changes(until(&mut behind, 3).await.0), ["3"]);
    worker.stop().await;
}

/// Redis starts again without anything while a node is cut off from it. The outbox still has what the node missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_lost_everything_is_filled_again() {
    let mut redis = PrivateRedis::start(&[]).await.unwrap();
    let far = Proxy::start(redis.port()).await;
    let near = Proxy::start(redis.port()).await;
    let database = Database::create().await;
    database.run(&[T]).await;
    let worker = Worker::start(database.worker_config(), Arc::new(near.bus(BusCapacity::default()).await));
    worker.synchronise().await;
    let mut whole = Collector::subscribe(&near.bus(BusCapacity::default()).await, &["t"]).await;
    let mut cut = Collector::subscribe(&far.bus(BusCapacity::default()).await, &["t"]).await;
    database.run(&["insert into t values (1)"]).await;
    let (_, epoch) = until(&mut cut, 1).await;
    far.turn(Way::Cut);
    assert!(matches!(cut.next().await, FeedItem::Availability(false)));
    database.run(&["insert into t values (2)", "insert into t values (3)"]).await;
    assert_eq!(until(&mut whole, 3).await.0, ["1", "2", "3"], "published, and lost with this Redis");
    redis.kill().unwrap();
    database.run(&["insert into t values (4)"]).await;
    redis.restart().await.unwrap();
    far.turn(Way::To(redis.port()));
    let (items, after) = until(&mut cut, 4).await;
    assert_eq!((changes(items), after), (["2", "3", "4"].map(str::to_owned).to_vec(), epoch));
    assert_eq!(changes(until(&mut whole, 4).await.0), ["4"]);
    worker.stop().await;
}

/// The network between one node and Redis is cut: what it missed it reads from the stream, in order, before it says that all
/// is well again. Another node hears of nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_network_is_repaired_from_the_stream() {
    let redis = PrivateRedis::start(&[]).await.unwrap();
    let (near, far) = (Proxy::start(redis.port()).await, Proxy::start(redis.port()).await);
    let database = Database::create().await;
    database.run(&[T]).await;
    let worker = Worker::start(database.worker_config(), Arc::new(near.bus(BusCapacity::default()).await));
    worker.synchronise().await;
    let open = Proxy::start(redis.port()).await;
    let mut whole = Collector::subscribe(&open.bus(BusCapacity::default()).await, &["t"]).await;
    let mut cut = Collector::subscribe(&far.bus(BusCapacity::default()).await, &["t"]).await;
    database.run(&["insert into t values (1)"]).await;
    until(&mut cut, 1).await;
    far.turn(Way::Cut);
    assert!(matches!(cut.next().await, FeedItem::Availability(false)));
    database.run(&["insert into t values (2)", "insert into t values (3)"]).await;
    assert_eq!(until(&mut whole, 3).await.0, ["1", "2", "3"], "nobody else noticed");
    // The worker's own way is cut as well: changes wait in the outbox.
    near.turn(Way::Cut);
    database.run(&["insert into t values (4)"]).await;
    eventually("publishing fails", || async { worker.metrics.publish_failures.get() > 0 }).await;
    far.turn(Way::To(redis.port()));
    assert_eq!(changes(until(&mut cut, 3).await.0), ["2", "3"]);
    assert!(matches!(cut.next().await, FeedItem::Availability(true)), "it says so");
    near.turn(Way::To(redis.port()));
    assert_eq!(until(&mut cut, 4).await.0, ["4"]);
    assert_eq!(until(&mut whole, 4).await.0, ["4"]);
    worker.stop().await;
}
