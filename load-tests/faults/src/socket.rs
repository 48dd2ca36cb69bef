//! A WebSocket to a gateway, through a proxy.
//!
//! It must never hide an end: a connection that breaks, closes or goes silent is an error for whoever reads.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::{Error, Message};

const OPEN_LIMIT: Duration = Duration::from_secs(5);
const SEND_LIMIT: Duration = Duration::from_secs(5);
/// The name of the cookie that holds a session.
pub(crate) const SESSION_COOKIE: &str = "directus_session_token";

/// An open connection.
#[derive(Debug)]
pub(crate) struct Socket(WebSocketStream<TcpStream>);

/// What proves who connects.
#[derive(Debug, Clone)]
pub(crate) enum Proof {
    /// A token of any kind.
    Token(String),
    /// The token of a session cookie.
    Session(String),
}

/// What arrived.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A message of the protocol.
    Message(Value),
    /// A frame that needs no attention.
    Nothing,
}

/// The server does not accept who connects.
#[derive(Debug)]
pub(crate) struct Unwelcome(String);

impl std::error::Error for Unwelcome {}

impl std::fmt::Display for Unwelcome {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Socket {
    /// Connects to `/websocket` and authenticates by the URL or a cookie.
    pub(crate) async fn open(port: u16, proof: &Proof) -> Result<Self> {
        let request = match proof {
            Proof::Token(token) => format!("ws://127.0.0.1:{port}/websocket?access_token={token}").into_client_request()?,
            Proof::Session(token) => {
                let mut request = format!("ws://127.0.0.1:{port}/websocket").into_client_request()?;
                request.headers_mut().insert("cookie", format!("{SESSION_COOKIE}={token}").parse()?);
                request
            }
        };
        Self::connect(port, request).await
    }

    /// Connects to `/graphql` and authenticates by its first message.
    pub(crate) async fn graphql(port: u16, proof: &Proof) -> Result<Self> {
        let mut request = format!("ws://127.0.0.1:{port}/graphql").into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse()?);
        let mut socket = Self::connect(port, request).await?;
        let (Proof::Token(token) | Proof::Session(token)) = proof;
        socket.send(&json!({"type": "connection_init", "payload": {"access_token": token}})).await?;
        let acknowledged = async {
            loop {
                if let Incoming::Message(message) = socket.next().await? {
                    let is_acknowledged = message.get("type").is_some_and(|kind| kind == "connection_ack");
                    return if is_acknowledged { anyhow::Ok(()) } else { Err(Unwelcome(format!("not acknowledged: {message}")).into()) };
                }
            }
        };
        timeout(OPEN_LIMIT, acknowledged).await.context("no acknowledgement")??;
        Ok(socket)
    }

    async fn connect(port: u16, request: Request) -> Result<Self> {
        let open = async {
            let stream = TcpStream::connect(("127.0.0.1", port)).await?;
            stream.set_nodelay(true)?;
            socket2::SockRef::from(&stream).set_recv_buffer_size(32 * 1024)?;
            match tokio_tungstenite::client_async(request, stream).await {
                Ok((stream, _)) => anyhow::Ok(Self(stream)),
                Err(Error::Http(response)) if matches!(response.status().as_u16(), 401 | 403) => {
                    Err(Unwelcome(format!("the upgrade is answered with {}", response.status())).into())
                }
                Err(error) => Err(error.into()),
            }
        };
        timeout(OPEN_LIMIT, open).await.context("no answer to an upgrade")?
    }

    /// Sends one message.
    pub(crate) async fn send(&mut self, message: &Value) -> Result<()> {
        timeout(SEND_LIMIT, self.0.send(Message::Text(message.to_string().into()))).await.context("a message cannot be sent")??;
        Ok(())
    }

    /// The next thing that arrives. Cancel-safe: the stream keeps what it has read.
    pub(crate) async fn next(&mut self) -> Result<Incoming> {
        match self.0.next().await.context("the connection ended")?? {
            Message::Text(text) => Ok(Incoming::Message(serde_json::from_str(&text).with_context(|| format!("not JSON: {text}"))?)),
            Message::Close(frame) => match frame {
                Some(frame) if u16::from(frame.code) == 4403 => Err(Unwelcome(format!("closed with 4403 {}", frame.reason)).into()),
                Some(frame) => bail!("closed with {} {}", u16::from(frame.code), frame.reason),
                None => bail!("closed without a code"),
            },
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(Incoming::Nothing),
        }
    }
}
