//! The program itself: exit codes, subcommands, signals.

use std::process::Stdio;
use std::time::{Duration, Instant};

use change_capture::bus::{BusCapacity, FeedItem, RedisBus};
use change_event::ChannelNames;
use rustix::process::{Pid, Signal, kill_process};
use service_runtime::testkit::PrivateRedis;
use service_runtime::{CancellationToken, Tasks};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::harness::{Collector, Database, eventually, soon};

const T: &str = "create table t (id int primary key, v int)";

fn program(settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_change-capture"));
    command.env_clear().envs(settings.iter().copied()).env("CONFIG_PATH", "/nonexistent").stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn output(settings: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String) {
    let output = program(settings).args(arguments).output().await.unwrap();
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[tokio::test]
async fn every_fault_is_named_at_once_without_its_value() {
    let settings =
        [("DB_CLIENT", "mysql-secret"), ("CAPTURE_NOTIFY", "loud-secret"), ("REDIS", "secret"), ("CAPTURE_MAX_VALUE_BYTES", "-1")];
    let (code, text) = output(&settings, &["run"]).await;
    assert_eq!(code, Some(64));
    for name in ["DB_CLIENT", "CAPTURE_NOTIFY", "REDIS", "CAPTURE_MAX_VALUE_BYTES"] {
        assert!(text.contains(name), "{text}");
    }
    assert!(!text.contains("secret"), "{text}");
}

#[tokio::test]
async fn install_status_and_uninstall() {
    let database = Database::create().await;
    database.run(&[T, "create table keyless (v int)"]).await;
    let url = database.connection_string();
    let settings = [("CAPTURE_DB_URL", &*url)];
    let (code, text) = output(&settings, &["status"]).await;
    assert!(code == Some(1) && text.contains("not installed"), "{text}");
    let (code, text) = output(&settings, &["install"]).await;
    assert!(code == Some(0) && text.contains("1 tables captured") && text.contains("keyless (no primary key)"), "{text}");
    database.run(&["insert into t values (1, 0)"]).await;
    let (code, text) = output(&settings, &["status", "--json"]).await;
    assert_eq!(code, Some(1), "nobody leads: {text}");
    let status: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status["installed"], true);
    assert_eq!(status["outbox_events"], 2, "the first reset and the insert: {text}");
    assert_eq!(status["tables"]["captured"][0]["collection"], "t");
    assert_eq!(status["tables"]["skipped"][0]["reason"], "no_primary_key");
    let (code, _) = output(&settings, &["uninstall"]).await;
    assert_eq!(code, Some(0));
    let (code, text) = output(&settings, &["status"]).await;
    assert!(code == Some(1) && text.contains("not installed"), "{text}");
}

struct Process {
    child: Child,
    admin: u16,
}

impl Process {
    fn start(database: &Database, redis: &PrivateRedis) -> Self {
        let admin = service_runtime::guarded_process::free_port().unwrap();
        let settings = [
            ("CAPTURE_DB_URL", database.connection_string()),
            ("REDIS", redis.url()),
            ("HOST", "127.0.0.1".to_owned()),
            ("CAPTURE_ADMIN_PORT", admin.to_string()),
            ("LOG_LEVEL", "warn".to_owned()),
        ];
        let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, &**value)).collect();
        Self { child: program(&settings).arg("run").spawn().unwrap(), admin }
    }

    async fn get(&self, path: &str) -> String {
        let Ok(mut socket) = TcpStream::connect(("127.0.0.1", self.admin)).await else { return String::new() };
        socket.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).await.unwrap();
        text
    }

    async fn is_ready(&self) -> bool {
        self.get("/ready").await.starts_with("HTTP/1.1 200")
    }

    async fn leads(&self) -> bool {
        self.get("/metrics").await.contains("\ntidegate_capture_leader 1")
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap()).unwrap(), signal).unwrap();
    }
}

async fn key(seen: &mut Collector) -> i32 {
    match seen.next().await {
        FeedItem::Event(event) => event.rows[0].key.get().parse().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_stopped_process_is_replaced_within_seconds_and_stays_out_when_it_wakes() {
    let database = Database::create().await;
    database.run(&[T]).await;
    let redis = PrivateRedis::start(&[]).await.unwrap();
    let mut leader = Process::start(&database, &redis);
    eventually("the first leads", || leader.leads()).await;
    let mut standby = Process::start(&database, &redis);
    eventually("the standby is ready", || standby.is_ready()).await;
    assert!(leader.is_ready().await && !standby.leads().await);
    let (code, text) = output(&[("CAPTURE_DB_URL", &database.connection_string())], &["status"]).await;
    assert!(code == Some(0) && text.contains("leader           backend"), "{text}");
    let (code, text) = output(&[("CAPTURE_DB_URL", &database.connection_string())], &["uninstall"]).await;
    assert!(code == Some(1) && text.contains("stop it first"), "{text}");
    let names = ChannelNames::new("tidegate");
    let node = RedisBus::connect(&redis.url().into(), names, BusCapacity::default(), Tasks::new(), CancellationToken::new()).await.unwrap();
    let mut seen = Collector::subscribe(&node, &["t"]).await;
    database.run(&["insert into t values (1, 0)"]).await;
    assert_eq!(key(&mut seen).await, 1);

    let stopped = Instant::now();
    leader.signal(Signal::STOP);
    database.run(&["insert into t values (2, 0)"]).await;
    assert_eq!(key(&mut seen).await, 2);
    println!("replaced a stopped leader after {:?}", stopped.elapsed());
    assert!(standby.leads().await);
    assert!(stopped.elapsed() < Duration::from_secs(10), "{:?}", stopped.elapsed());

    leader.signal(Signal::CONT);
    eventually("the old leader stands by", || async { leader.is_ready().await && !leader.leads().await }).await;
    let killed = Instant::now();
    standby.signal(Signal::KILL);
    database.run(&["insert into t values (3, 0)"]).await;
    assert_eq!(key(&mut seen).await, 3);
    println!("replaced a killed leader after {:?}", killed.elapsed());
    standby.child.wait().await.unwrap();

    // SIGTERM: what is committed before is published, and the process ends by itself.
    leader.signal(Signal::TERM);
    let status = soon("the leader ends", leader.child.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0));
    let (_, text) = output(&[("CAPTURE_DB_URL", &database.connection_string())], &["status", "--json"]).await;
    let status: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&status["outbox_events"], &status["leader"]), (&0.into(), &serde_json::Value::Null));
}

#[tokio::test]
async fn a_second_signal_ends_a_worker_that_cannot_finish() {
    let database = Database::create().await;
    database.run(&[T]).await;
    let mut redis = PrivateRedis::start(&[]).await.unwrap();
    let mut process = Process::start(&database, &redis);
    eventually("it leads", || process.leads()).await;
    // What is committed is published before the end; with a frozen Redis that takes as long as the worker is patient.
    redis.signal(Signal::STOP).unwrap();
    database.run(&["insert into t values (1, 0)"]).await;
    let asked = Instant::now();
    process.signal(Signal::TERM);
    process.signal(Signal::INT);
    let status = soon("the worker ends", process.child.wait()).await.unwrap();
    assert_eq!(status.code(), Some(1), "after {:?}", asked.elapsed());
    redis.signal(Signal::CONT).unwrap();
}

#[tokio::test]
async fn the_documented_metrics_are_served() {
    let database = Database::create().await;
    database.run(&[T]).await;
    let redis = PrivateRedis::start(&[]).await.unwrap();
    let process = Process::start(&database, &redis);
    eventually("it leads", || process.leads()).await;
    database.run(&["insert into t values (1, 0)"]).await;
    eventually("an event is counted", || async {
        process.get("/metrics").await.contains("tidegate_capture_events_total{operation=\"create\"} 1")
    })
    .await;
    let text = process.get("/metrics").await;
    let mut served: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(|line| line.split(' ').next().unwrap()).collect();
    served.sort_unstable();
    let documented = change_capture::metrics::METRICS.iter().chain(service_runtime::metrics::PROCESS);
    let mut documented: Vec<&str> = documented.map(|metric| metric.name).collect();
    documented.sort_unstable();
    assert_eq!(served, documented);
}
