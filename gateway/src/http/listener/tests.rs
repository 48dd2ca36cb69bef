use std::time::Instant;

use axum::routing::get;
use futures_util::future::try_join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

use super::*;

struct Server {
    address: SocketAddr,
    tasks: Tasks,
    shutdown: CancellationToken,
    gate: Gate,
}

/// A request that has begun and may not end yet.
#[derive(Clone, Default)]
struct Gate {
    begun: Arc<Notify>,
    open: Arc<Notify>,
}

impl Gate {
    async fn wait(&self) {
        self.begun.notify_one();
        self.open.notified().await;
    }
}

async fn fails() -> String {
    panic!("on purpose")
}

impl Server {
    fn start(connections: usize, header_timeout: Duration) -> Self {
        let gate = Gate::default();
        let waits = gate.clone();
        let router = Router::new()
            .route("/peer", get(|info: ConnectInfo<SocketAddr>| async move { info.0.ip().to_string() }))
            .route("/large", get(|| async { "x".repeat(64 * 1024 * 1024) }))
            .route("/panic", get(fails))
            .route("/slow", get(move || async move { waits.wait().await }));
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let (tasks, shutdown) = (Tasks::new(), CancellationToken::new());
        let (own, token) = (tasks.clone(), shutdown.clone());
        let limits = ListenerLimits { connections, header_timeout, reply_timeout: Duration::from_millis(300) };
        tasks.spawn("listener", async move { serve(listener, router, limits, ListenerMetrics::default(), &own, token).await });
        Self { address, tasks, shutdown, gate }
    }

    async fn send(&self, bytes: &str) -> TcpStream {
        let mut client = TcpStream::connect(self.address).await.unwrap();
        client.write_all(bytes.as_bytes()).await.unwrap();
        client
    }

    async fn ask(&self, path: &str) -> String {
        let mut client = self.send(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
        rest(&mut client).await
    }
}

async fn rest(client: &mut TcpStream) -> String {
    let mut reply = Vec::new();
    tokio::time::timeout(Duration::from_secs(10), client.read_to_end(&mut reply)).await.expect("the server closes").unwrap();
    String::from_utf8(reply).unwrap()
}

#[tokio::test]
async fn replies_know_the_peer_and_carry_a_date() {
    let server = Server::start(10, Duration::from_secs(5));
    let reply = server.ask("/peer").await;
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with("127.0.0.1"), "{reply}");
    assert!(reply.contains("\r\nDate: ") && reply.contains(" GMT\r\n"), "{reply}");
}

#[tokio::test]
async fn half_a_head_is_not_waited_for() {
    let server = Server::start(10, Duration::from_millis(200));
    for half in ["", "G", "GET /peer HTTP/1.1\r\nHost: x\r\n"] {
        let start = Instant::now();
        let mut client = server.send(half).await;
        let reply = rest(&mut client).await;
        assert!(!reply.starts_with("HTTP/1.1 200"), "{reply}");
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn beyond_the_limit_connections_wait() {
    let server = Server::start(1, Duration::from_secs(30));
    let holder = server.send("").await;
    let waiting = server.ask("/peer");
    tokio::pin!(waiting);
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut waiting).await.is_err(), "the place is taken");
    drop(holder);
    assert!(waiting.await.ends_with("127.0.0.1"));
}

#[tokio::test]
async fn a_panic_ends_one_connection_only() {
    let server = Server::start(10, Duration::from_secs(5));
    assert_eq!(server.ask("/panic").await, "");
    assert!(server.ask("/peer").await.ends_with("127.0.0.1"));
    assert_eq!(server.tasks.panics(), 1);
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let server = Server::start(10, Duration::from_secs(5));
    for bytes in [
        format!("GET / HTTP/1.1\r\nX-Large: {}\r\n\r\n", "x".repeat(200_000)),
        format!("GET / HTTP/1.1\r\n{}\r\n", "X-Many: 1\r\n".repeat(101)),
    ] {
        let mut client = TcpStream::connect(server.address).await.unwrap();
        let (mut read, mut write) = client.split();
        let mut reply = Vec::new();
        // The server may close before it has read everything.
        let (_written, _read) = tokio::join!(write.write_all(bytes.as_bytes()), read.read_to_end(&mut reply));
        assert!(reply.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&reply));
    }
}

#[tokio::test]
async fn a_shutdown_lets_requests_finish_and_takes_no_new_ones() {
    let server = Server::start(10, Duration::from_secs(30));
    let idle = server.send("").await;
    let mut busy = server.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.gate.begun.notified().await;
    server.shutdown.cancel();
    server.gate.open.notify_one();
    assert!(rest(&mut busy).await.starts_with("HTTP/1.1 200"), "the request in work is answered");
    assert_eq!(server.tasks.finish(Duration::from_secs(5)).await, 0, "nothing is left, the idle connection included");
    drop(idle);
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_herd_that_comes_at_once_and_says_nothing_goes_away() {
    let server = Server::start(10_000, Duration::from_millis(500));
    let mut clients = try_join_all((0..2000).map(|_| TcpStream::connect(server.address))).await.unwrap();
    for client in &mut clients {
        assert_eq!(rest(client).await, "");
    }
}

/// A client that asks for much and reads nothing does not hold its connection, nor the reply.
#[tokio::test]
async fn a_reply_that_nobody_takes_is_given_up() {
    let server = Server::start(1, Duration::from_secs(5));
    let mut deaf = server.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await;
    // The only place is free again though the first client is still there.
    assert!(server.ask("/peer").await.starts_with("HTTP/1.1 200 OK"));
    let mut received = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(10), deaf.read_to_end(&mut received)).await.expect("the server gave up");
    assert!(end.is_err() || received.len() < 64 * 1024 * 1024, "the whole reply came");
}
