//! A WebSocket to a gateway, through a proxy.
//!
//! It must never hide an end: a connection that breaks, closes or goes silent is an error for whoever reads.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

const OPEN_LIMIT: Duration = Duration::from_secs(5);
const SEND_LIMIT: Duration = Duration::from_secs(5);

/// An open connection.
#[derive(Debug)]
pub(crate) struct Socket(WebSocketStream<TcpStream>);

/// What arrived.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A message of the protocol.
    Message(Value),
    /// A frame that needs no attention.
    Nothing,
}

impl Socket {
    /// Connects and authenticates by the URL.
    pub(crate) async fn open(port: u16, token: &str) -> Result<Self> {
        let open = async {
            let request = format!("ws://127.0.0.1:{port}/websocket?access_token={token}").into_client_request()?;
            let stream = TcpStream::connect(("127.0.0.1", port)).await?;
            stream.set_nodelay(true)?;
            socket2::SockRef::from(&stream).set_recv_buffer_size(32 * 1024)?;
            let (stream, _) = tokio_tungstenite::client_async(request, stream).await?;
            anyhow::Ok(Self(stream))
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
                Some(frame) => bail!("closed with {} {}", u16::from(frame.code), frame.reason),
                None => bail!("closed without a code"),
            },
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(Incoming::Nothing),
        }
    }
}
