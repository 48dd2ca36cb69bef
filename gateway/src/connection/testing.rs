//! A connection over real loopback TCP, with an endpoint whose messages are commands of the test.

use std::sync::Arc;
use std::time::Duration;

use access::accountability::{Accountability, ClientOrigin};
use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use prometheus::{IntGauge, Registry};
use secrecy::SecretString;
use service_runtime::Tasks;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::endpoint::{Conversation, Endpoint, EndpointKind, RightsChange};
use super::frame::Frame;
use super::lifecycle::{self, ConnectionOptions, MessageLimits, Opening};
use super::open::{ConnectionLimits, OpenConnections, Place};
use super::session::Session;
use crate::auth::{Identity, Proof};
use crate::config::AuthMode;
use crate::limits::MessageMemory;
use crate::metrics::Metrics;

pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CONTINUATION: u8 = 0;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

/// What the endpoint saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    Message(Vec<u8>),
    Rights(RightsChange),
    Closed,
}

/// Echoes, and does what messages say.
pub(super) struct TestEndpoint(pub(super) mpsc::Sender<Seen>);

pub(super) struct TestConversation {
    session: Arc<Session>,
    seen: mpsc::Sender<Seen>,
}

impl Endpoint for TestEndpoint {
    type Conversation = TestConversation;

    fn converse(&self, session: &Arc<Session>) -> TestConversation {
        TestConversation { session: Arc::clone(session), seen: self.0.clone() }
    }

    fn public(&self, session: &Session) -> Identity {
        Identity::public(Accountability::public(Arc::clone(session.client())))
    }

    async fn rights_changed(&self, _session: &Arc<Session>, change: RightsChange) {
        self.0.send(Seen::Rights(change)).await.unwrap();
    }

    async fn closed(&self, _session: &Arc<Session>) {
        self.0.send(Seen::Closed).await.unwrap();
    }
}

impl Conversation for TestConversation {
    async fn message(&mut self, bytes: BytesMut) {
        self.seen.send(Seen::Message(bytes.to_vec())).await.unwrap();
        match &*bytes {
            b"panic" => panic!("on purpose"),
            b"auth" => self.session.identify(user(None)),
            b"auth for 1s" => self.session.identify(user(Some(Duration::from_secs(1)))),
            b"begin" => _ = self.session.begin_authentication(),
            b"flood" => {
                for _ in 0..10_000 {
                    self.session.send(Frame::text(&[b'x'; 4096]));
                }
            }
            _ => self.session.send(Frame::text(&bytes)),
        }
    }
}

/// Somebody, whose token may end.
pub(super) fn user(life: Option<Duration>) -> Identity {
    let accountability = Accountability { user: Some(Uuid::from_u128(7)), ..Accountability::default() };
    let proof = Proof::StaticToken(Arc::new(SecretString::from("t")));
    Identity { accountability: Arc::new(accountability), expires_at: life.map(|life| Timestamp::now() + life), proof }
}

/// One connection and both its ends.
pub(super) struct Stage {
    pub(super) client: Client,
    pub(super) seen: mpsc::Receiver<Seen>,
    pub(super) connections: Arc<OpenConnections>,
    pub(super) tasks: Tasks,
}

/// How a stage is set.
pub(super) struct Setting {
    pub(super) mode: AuthMode,
    pub(super) identity: Option<Identity>,
    pub(super) auth_timeout: Duration,
    pub(super) heartbeat: Option<Duration>,
    pub(super) early: &'static [u8],
    pub(super) memory: Arc<MessageMemory>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            mode: AuthMode::Public,
            identity: None,
            auth_timeout: Duration::from_secs(60),
            heartbeat: None,
            early: b"",
            memory: MessageMemory::new(usize::MAX, IntGauge::new("memory", "memory").unwrap()),
        }
    }
}

pub(super) const SMALL: usize = 100;
pub(super) const LARGE: usize = 100_000;

pub(super) fn connections(unauthenticated: usize, rest: Option<u64>) -> (Arc<OpenConnections>, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::new(&Registry::new()).unwrap());
    let limits = ConnectionLimits { rest, unauthenticated, ..ConnectionLimits::default() };
    (OpenConnections::with_limits(limits, Arc::clone(&metrics)), metrics)
}

/// An upgraded connection and its client.
pub(super) async fn opening(setting: Setting, place: Place) -> (TcpStream, Opening) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let (client, server) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let public = || Identity::public(Accountability::public(Arc::new(ClientOrigin::default())));
    let opening = Opening {
        socket: server.unwrap().0,
        early: Bytes::from_static(setting.early),
        memory: setting.memory.share(),
        place,
        mode: setting.mode,
        identity: setting.identity.unwrap_or_else(public),
        limits: ConnectionOptions {
            auth_timeout: setting.auth_timeout,
            heartbeat: setting.heartbeat,
            messages: MessageLimits { authenticated: LARGE, unauthenticated: SMALL },
            batch: None,
            queue: 100_000,
            operations: 2,
        },
    };
    (client.unwrap(), opening)
}

impl Stage {
    pub(super) async fn set(setting: Setting) -> Self {
        let (connections, metrics) = connections(10, None);
        Self::join(setting, connections, metrics).await
    }

    /// With another largest message.
    pub(super) async fn set_with(setting: Setting, largest: usize) -> Self {
        let (connections, metrics) = connections(10, None);
        Self::joining(setting, connections, metrics, largest).await
    }

    pub(super) async fn join(setting: Setting, connections: Arc<OpenConnections>, metrics: Arc<Metrics>) -> Self {
        Self::joining(setting, connections, metrics, LARGE).await
    }

    async fn joining(setting: Setting, connections: Arc<OpenConnections>, metrics: Arc<Metrics>, largest: usize) -> Self {
        let place = connections.reserve(EndpointKind::Rest).unwrap();
        if setting.mode == AuthMode::Handshake && setting.identity.is_none() {
            place.wait_for_authentication().unwrap();
        }
        let (client, mut opening) = opening(setting, place).await;
        opening.limits.messages.authenticated = largest;
        let (sender, seen) = mpsc::channel(1000);
        let tasks = Tasks::new();
        tasks.spawn("connection", async move { lifecycle::run(&TestEndpoint(sender), &metrics, lifecycle::open(&metrics, opening)).await });
        Self { client: Client(client), seen, connections, tasks }
    }

    /// The next thing that the endpoint saw.
    pub(super) async fn next(&mut self) -> Seen {
        tokio::time::timeout(Duration::from_secs(10), self.seen.recv()).await.expect("in time").expect("not over")
    }

    /// The client is done; waits until nothing of the connection is left.
    pub(super) async fn end(self) {
        let Self { client, mut seen, connections, tasks } = self;
        drop(client);
        let closed = async { while seen.recv().await.expect("not over") != Seen::Closed {} };
        tokio::time::timeout(Duration::from_secs(10), closed).await.expect("in time");
        assert!(connections.is_empty());
        assert_eq!(tasks.finish(Duration::from_secs(10)).await, 0);
    }
}

/// The client's side of a socket, frame by frame.
pub(super) struct Client(pub(super) TcpStream);

impl Client {
    pub(super) async fn frame(&mut self, fin: bool, opcode: u8, payload: &[u8]) {
        self.bytes(&masked(fin, opcode, payload)).await;
    }

    pub(super) async fn text(&mut self, payload: &str) {
        self.frame(true, TEXT, payload.as_bytes()).await;
    }

    pub(super) async fn bytes(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The next frame: opcode and payload.
    pub(super) async fn read(&mut self) -> (u8, Vec<u8>) {
        let reading = async {
            let mut head = [0; 2];
            self.0.read_exact(&mut head).await.unwrap();
            let length = match head[1] {
                126 => usize::from(self.0.read_u16().await.unwrap()),
                127 => usize::try_from(self.0.read_u64().await.unwrap()).unwrap(),
                short => usize::from(short),
            };
            let mut payload = vec![0; length];
            self.0.read_exact(&mut payload).await.unwrap();
            (head[0] & 0x0f, payload)
        };
        tokio::time::timeout(Duration::from_secs(10), reading).await.expect("a frame in time")
    }

    pub(super) async fn read_text(&mut self) -> String {
        let (opcode, payload) = self.read().await;
        assert_eq!(opcode, TEXT, "{payload:?}");
        String::from_utf8(payload).unwrap()
    }

    /// Reads up to the close frame, answers it, and sees the connection end. Returns the code.
    pub(super) async fn closed(&mut self) -> Option<u16> {
        loop {
            let (opcode, payload) = self.read().await;
            if opcode == CLOSE {
                // The server may have shut the socket already.
                let _answered = self.0.write_all(&masked(true, CLOSE, &payload)).await;
                self.ended().await;
                return payload.first_chunk().map(|code| u16::from_be_bytes(*code));
            }
        }
    }

    /// Sees the connection end.
    pub(super) async fn ended(&mut self) {
        let mut rest = Vec::new();
        let end = tokio::time::timeout(Duration::from_secs(10), self.0.read_to_end(&mut rest)).await.expect("the server closes");
        // A reset is an end too.
        assert!(end.map_or(true, |count| count == 0), "{rest:?}");
    }
}

pub(super) fn masked(fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![u8::from(fin) << 7 | opcode];
    match payload.len() {
        short @ 0..=125 => bytes.push(0x80 | u8::try_from(short).unwrap()),
        medium @ 126..=65_535 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&u16::try_from(medium).unwrap().to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    let mask = [1, 2, 3, 4];
    bytes.extend_from_slice(&mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}
