//! A client that takes nothing from the server but what RFC 6455 allows a server to send.
//!
//! It must never accept a masked, fragmented, reserved, overlong or wrongly measured frame: reading is half of the proof.

use std::io::ErrorKind;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::wire::{BINARY, CLOSE, PING, PONG, TEXT};
use crate::harness::raw::RawClient;

/// How long anything that has to come may take.
pub(super) const LIMIT: Duration = Duration::from_secs(10);
/// The key of RFC 6455, section 1.3.
pub(super) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// How bytes get onto the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// In one write.
    Whole,
    /// Every byte in a segment of its own.
    Bytes,
}

/// What a server may send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    Text(String),
    Pong(Vec<u8>),
    /// `None`: without a code.
    Close(Option<u16>),
    /// The end of the stream.
    End,
    /// The connection was reset.
    Reset,
}

/// One WebSocket connection to the server.
pub(super) struct Peer {
    stream: BufReader<TcpStream>,
}

impl Peer {
    /// A connection that has been upgraded, over which nothing was read yet.
    pub(super) fn new(client: RawClient) -> Self {
        Self { stream: BufReader::new(client.stream) }
    }

    /// A connection that is upgraded and authenticated.
    pub(super) async fn authenticated(port: u16, token: &str) -> Result<Self> {
        Ok(Self::new(RawClient::upgraded(port, token, None).await?))
    }

    /// A connection that is upgraded and has yet to authenticate.
    pub(super) async fn unauthenticated(port: u16) -> Result<Self> {
        let mut client = RawClient::connect(port, None).await?;
        let request = format!(
            "GET /websocket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        client.write(request.as_bytes()).await?;
        let head = client.head().await?;
        ensure!(head.starts_with("HTTP/1.1 101"), "{head}");
        Ok(Self::new(client))
    }

    /// Sends bytes.
    pub(super) async fn deliver(&mut self, bytes: &[u8], delivery: Delivery) -> Result<()> {
        let stream = self.stream.get_mut();
        match delivery {
            Delivery::Whole => stream.write_all(bytes).await?,
            Delivery::Bytes => {
                for byte in bytes {
                    stream.write_all(&[*byte]).await?;
                    tokio::task::yield_now().await;
                }
            }
        }
        Ok(())
    }

    /// Sends the end of the stream and goes on reading.
    pub(super) async fn end(&mut self) -> Result<()> {
        Ok(self.stream.get_mut().shutdown().await?)
    }

    /// What the server sends next.
    pub(super) async fn next(&mut self) -> Result<Incoming> {
        timeout(LIMIT, self.read()).await.context("nothing came")?
    }

    async fn read(&mut self) -> Result<Incoming> {
        let first = match self.stream.read_u8().await {
            Ok(first) => first,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(Incoming::End),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(Incoming::Reset),
            Err(error) => return Err(error.into()),
        };
        let second = self.stream.read_u8().await.context("half a header")?;
        ensure!(first & 0x70 == 0, "reserved bits: {first:#x}");
        ensure!(first & 0x80 != 0, "a fragment: {first:#x}");
        ensure!(second & 0x80 == 0, "a masked frame");
        let length = match second {
            126 => {
                let length = u64::from(self.stream.read_u16().await?);
                ensure!(length > 125, "{length} in 16 bits");
                length
            }
            127 => {
                let length = self.stream.read_u64().await?;
                ensure!(length > 0xffff && length >> 63 == 0, "{length} in 64 bits");
                length
            }
            length => u64::from(length),
        };
        let opcode = first & 0x0f;
        ensure!(opcode < 8 || length <= 125, "a control frame of {length} bytes");
        let mut payload = vec![0; usize::try_from(length)?];
        self.stream.read_exact(&mut payload).await.context("half a payload")?;
        match opcode {
            TEXT => Ok(Incoming::Text(String::from_utf8(payload).context("text that is no UTF-8")?)),
            PONG => Ok(Incoming::Pong(payload)),
            CLOSE => {
                let Some((code, reason)) = payload.split_first_chunk() else {
                    ensure!(payload.is_empty(), "a close of one byte");
                    return Ok(Incoming::Close(None));
                };
                let code = u16::from_be_bytes(*code);
                ensure!(matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999), "a close with code {code}");
                ensure!(std::str::from_utf8(reason).is_ok(), "a reason that is no UTF-8");
                Ok(Incoming::Close(Some(code)))
            }
            PING => bail!("the server sends no protocol pings"),
            BINARY => bail!("the server sends no binary messages"),
            other => bail!("opcode {other}"),
        }
    }
}
