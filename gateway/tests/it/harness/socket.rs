//! A WebSocket client for the tests: what it receives lands in a queue, and how it ended can be asked.
//!
//! It must never answer for the test: only protocol pings and closes are answered by the library below.

use std::time::Duration;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::TASKS;
use super::http::USER_AGENT;

/// How many messages wait in the queue of a client before its socket is read no further.
const QUEUE: usize = 100_000;
/// How long the client waits for the other half of a close.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
/// How long a reply may take where a test expects one.
pub(crate) const REPLY_LIMIT: Duration = Duration::from_secs(10);

/// An upgrade request.
#[derive(Debug, Clone)]
pub(crate) struct Dial {
    port: u16,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    protocols: Vec<String>,
    limit: Duration,
}

/// What became of an upgrade request.
pub(crate) enum Dialled {
    /// The connection is open.
    Open(Socket),
    /// The server answered with another status than 101.
    Refused(u16),
    /// There was no usable answer.
    Failed(DialFailure),
}

/// Why there was no usable answer to an upgrade request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DialFailure {
    /// Nothing came in time.
    Timeout,
    /// The connection ended, or the answer was none of HTTP's.
    Dropped,
}

/// An open connection.
pub(crate) struct Socket {
    sink: SplitSink<WebSocketStream<TcpStream>, Message>,
    inbox: mpsc::Receiver<Value>,
    ended: watch::Receiver<Option<Ended>>,
    pongs: watch::Receiver<u32>,
    protocol: Option<String>,
}

/// How a connection ended, in the codes of RFC 6455: 1005 a close without a code, 1006 no close at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

/// Data frames to send.
pub(crate) enum Outgoing {
    /// One text frame; the bytes need not be UTF-8.
    Text(Bytes),
    /// One binary frame.
    Binary(Bytes),
    /// One text message in several frames.
    Fragments(Vec<Bytes>),
}

impl Dial {
    /// `/websocket` on this machine.
    pub(crate) fn new(port: u16) -> Self {
        let (headers, protocols) = (vec![("user-agent".to_owned(), USER_AGENT.to_owned())], Vec::new());
        Self { port, path: "/websocket".to_owned(), query: String::new(), headers, protocols, limit: Duration::from_secs(10) }
    }

    /// Another path.
    pub(crate) fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// The query, without its question mark.
    pub(crate) fn query(mut self, query: &str) -> Self {
        query.clone_into(&mut self.query);
        self
    }

    /// One more header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Subprotocols to offer.
    pub(crate) fn protocols(mut self, protocols: Vec<String>) -> Self {
        self.protocols = protocols;
        self
    }

    /// How long the upgrade may take.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sends the request.
    pub(crate) async fn open(&self) -> Dialled {
        match timeout(self.limit, self.upgrade()).await {
            Err(_) => Dialled::Failed(DialFailure::Timeout),
            Ok(Ok((stream, protocol))) => Dialled::Open(Socket::new(stream, protocol)),
            Ok(Err(error)) => match error.downcast_ref::<Error>() {
                Some(Error::Http(response)) => Dialled::Refused(response.status().as_u16()),
                _ => Dialled::Failed(DialFailure::Dropped),
            },
        }
    }

    async fn upgrade(&self) -> Result<(WebSocketStream<TcpStream>, Option<String>)> {
        let mark = if self.query.is_empty() { "" } else { "?" };
        let mut request = format!("ws://127.0.0.1:{}{}{mark}{}", self.port, self.path, self.query).into_client_request()?;
        for (name, value) in &self.headers {
            request.headers_mut().append(name.parse::<HeaderName>()?, HeaderValue::from_bytes(value.as_bytes())?);
        }
        if !self.protocols.is_empty() {
            request.headers_mut().insert("sec-websocket-protocol", self.protocols.join(", ").parse()?);
        }
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let (stream, response) = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await?;
        let protocol = response.headers().get("sec-websocket-protocol").and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok((stream, protocol))
    }
}

impl Socket {
    fn new(stream: WebSocketStream<TcpStream>, protocol: Option<String>) -> Self {
        let (sink, stream) = stream.split();
        let (to_inbox, inbox) = mpsc::channel(QUEUE);
        let (to_ended, ended) = watch::channel(None);
        let (to_pongs, pongs) = watch::channel(0);
        TASKS.spawn("test client", async move {
            let how = pump(stream, &to_inbox, &to_pongs).await;
            // The end is known before the queue closes: who finds the queue closed can ask why.
            to_ended.send_replace(Some(how));
            drop(to_inbox);
        });
        Self { sink, inbox, ended, pongs, protocol }
    }

    /// The subprotocol that the server chose.
    pub(crate) fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Sends JSON.
    pub(crate) async fn send(&mut self, message: &Value) -> Result<()> {
        self.send_frames(Outgoing::Text(message.to_string().into())).await
    }

    /// Sends data frames as they are.
    pub(crate) async fn send_frames(&mut self, frames: Outgoing) -> Result<()> {
        anyhow::ensure!(self.ended.borrow().is_none(), "connection is closed");
        match frames {
            Outgoing::Text(bytes) => self.sink.send(frame(bytes, Data::Text, true)).await?,
            Outgoing::Binary(bytes) => self.sink.send(frame(bytes, Data::Binary, true)).await?,
            Outgoing::Fragments(parts) => {
                let last = parts.len().saturating_sub(1);
                for (place, part) in parts.into_iter().enumerate() {
                    let kind = if place == 0 { Data::Text } else { Data::Continue };
                    self.sink.send(frame(part, kind, place == last)).await?;
                }
            }
        }
        Ok(())
    }

    /// The next message, however long it takes; `None` when the connection has ended.
    pub(crate) async fn received(&mut self) -> Option<Value> {
        self.inbox.recv().await
    }

    /// Sends JSON and gives the next message.
    pub(crate) async fn ask(&mut self, message: Value) -> Result<Value> {
        self.send(&message).await?;
        self.next().await.with_context(|| format!("after {message}"))
    }

    /// The next message, which has to come.
    pub(crate) async fn next(&mut self) -> Result<Value> {
        self.take(1, REPLY_LIMIT).await.pop().with_context(|| format!("no message came (ended: {:?})", self.ended.borrow()))
    }

    /// Up to `count` messages, as many as come within `limit`.
    pub(crate) async fn take(&mut self, count: usize, limit: Duration) -> Vec<Value> {
        let deadline = Instant::now() + limit;
        let mut taken = Vec::new();
        while taken.len() < count
            && let Ok(Some(message)) = timeout_at(deadline, self.inbox.recv()).await
        {
            taken.push(message);
        }
        taken
    }

    /// What lies in the queue now.
    pub(crate) fn drain(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.inbox.try_recv().ok()).collect()
    }

    /// How the connection ended, if it has.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.ended.borrow().clone()
    }

    /// Waits for the end of the connection.
    pub(crate) async fn until_ended(&mut self, limit: Duration) -> Option<Ended> {
        timeout(limit, self.ended.wait_for(Option::is_some)).await.ok()?.ok()?.clone()
    }

    /// Sends a protocol ping; `true` when its pong comes in time.
    pub(crate) async fn ping(&mut self, payload: &str, limit: Duration) -> bool {
        let before = *self.pongs.borrow_and_update();
        let sent = self.sink.send(Message::Ping(payload.to_owned().into())).await.is_ok();
        sent && timeout(limit, self.pongs.wait_for(|count| *count > before)).await.is_ok_and(|seen| seen.is_ok())
    }

    /// Closes with a code and waits for the server's half.
    pub(crate) async fn close(&mut self, code: u16, reason: &str) {
        let reason = Utf8Bytes::from(reason.to_owned());
        if self.sink.send(Message::Close(Some(CloseFrame { code: code.into(), reason }))).await.is_ok() {
            self.until_ended(CLOSE_LIMIT).await;
        }
    }
}

fn frame(bytes: Bytes, kind: Data, last: bool) -> Message {
    Message::Frame(Frame::message(bytes, OpCode::Data(kind), last))
}

async fn pump(mut stream: SplitStream<WebSocketStream<TcpStream>>, inbox: &mpsc::Sender<Value>, pongs: &watch::Sender<u32>) -> Ended {
    let mut how = Ended { code: 1006, reason: String::new() };
    let mut limit = None;
    loop {
        // Behind the server's close only the end of the connection is awaited, and not for ever.
        let next = match limit {
            None => stream.next().await,
            Some(limit) => timeout_at(limit, stream.next()).await.unwrap_or_default(),
        };
        let Some(Ok(message)) = next else { break };
        let value = match message {
            Message::Text(text) => serde_json::from_str(&text).unwrap_or_else(|_| json!({ "<text>": text.as_str() })),
            Message::Binary(bytes) => json!({ "<binary>": STANDARD.encode(bytes) }),
            Message::Pong(_) => {
                pongs.send_modify(|count| *count += 1);
                continue;
            }
            Message::Close(close) => {
                how = close.map_or(Ended { code: 1005, reason: String::new() }, |CloseFrame { code, reason }| Ended {
                    code: code.into(),
                    reason: reason.as_str().to_owned(),
                });
                limit = Some(Instant::now() + CLOSE_LIMIT);
                continue;
            }
            Message::Ping(_) | Message::Frame(_) => continue,
        };
        if inbox.send(value).await.is_err() {
            break;
        }
    }
    how
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn frames_arrive_and_ends_are_told_apart() {
        crate::harness::run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let port = listener.local_addr()?.port();
            let server = TASKS.spawn("test server", async move {
                let (stream, _) = listener.accept().await?;
                let mut socket = tokio_tungstenite::accept_async(stream).await?;
                // Fragments are put together again by the library.
                let message = socket.next().await.context("a message")??;
                socket.send(message).await?;
                socket.send(Message::Binary(Bytes::from_static(b"\xff"))).await?;
                socket.close(Some(CloseFrame { code: 4001.into(), reason: "enough".into() })).await?;
                while let Some(Ok(_)) = socket.next().await {}
                drop(socket);
                let (mut stream, _) = listener.accept().await?;
                stream.write_all(b"HTTP/1.1 401 Unauthorized\r\n\r\n").await?;
                drop(stream);
                drop(listener.accept().await?);
                let (_silent, _) = listener.accept().await?;
                std::future::pending::<Result<()>>().await
            });
            let Dialled::Open(mut socket) = Dial::new(port).open().await else { panic!("open") };
            socket.send_frames(Outgoing::Fragments(vec!["{\"a\"".into(), ":".into(), "1}".into()])).await?;
            assert_eq!(socket.take(3, REPLY_LIMIT).await, [json!({"a": 1}), json!({"<binary>": "/w=="})]);
            assert_eq!(socket.ended(), Some(Ended { code: 4001, reason: "enough".to_owned() }));
            assert!(socket.send(&json!(1)).await.is_err());
            assert!(matches!(Dial::new(port).open().await, Dialled::Refused(401)));
            assert!(matches!(Dial::new(port).open().await, Dialled::Failed(DialFailure::Dropped)));
            let silent = Dial::new(port).limit(Duration::from_millis(100)).open().await;
            assert!(matches!(silent, Dialled::Failed(DialFailure::Timeout)));
            server.abort();
            Ok(())
        });
    }
}
