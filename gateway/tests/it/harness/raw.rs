//! A WebSocket client that breaks the rules: any bytes before, instead of and after the upgrade, frames of any shape.
//!
//! It must never repair what it is told to send.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout, timeout_at};

/// The longest head of a reply.
const HEAD_LIMIT: usize = 64 * 1024;
/// What masks the frames: any four bytes will do.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame to be sent, well-formed unless told otherwise.
#[derive(Clone, Debug)]
pub(crate) struct RawFrame {
    first: u8,
    masked: bool,
    declared: Option<u64>,
    payload: Vec<u8>,
}

/// A frame that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

/// A TCP connection to the server.
pub(crate) struct RawClient {
    pub(crate) stream: TcpStream,
}

impl RawFrame {
    /// One masked, final frame.
    pub(crate) fn new(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { first: 0x80 | opcode, masked: true, declared: None, payload: payload.into() }
    }

    /// Says that more frames follow.
    pub(crate) fn more(mut self) -> Self {
        self.first &= 0x7f;
        self
    }

    /// Sets reserved bits (0x40, 0x20, 0x10).
    pub(crate) fn reserved(mut self, bits: u8) -> Self {
        self.first |= bits;
        self
    }

    /// Leaves the mask out.
    pub(crate) fn unmasked(mut self) -> Self {
        self.masked = false;
        self
    }

    /// Declares another length than the payload has, in the 64-bit form.
    pub(crate) fn declaring(mut self, length: u64) -> Self {
        self.declared = Some(length);
        self
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = vec![self.first];
        let mask_bit = if self.masked { 0x80 } else { 0 };
        match (self.declared, self.payload.len()) {
            (None, length @ 0..=125) => out.push(mask_bit | u8::try_from(length).unwrap_or_default()),
            (None, length @ 126..=0xffff) => {
                out.push(mask_bit | 126);
                out.extend(u16::try_from(length).unwrap_or_default().to_be_bytes());
            }
            (declared, length) => {
                out.push(mask_bit | 127);
                out.extend(declared.unwrap_or(length as u64).to_be_bytes());
            }
        }
        if self.masked {
            out.extend(MASK);
        }
        let start = out.len();
        out.extend(&self.payload);
        if self.masked {
            for (place, byte) in out[start..].iter_mut().enumerate() {
                *byte ^= MASK[place % 4];
            }
        }
        out
    }
}

impl RawClient {
    /// A TCP connection; `receive_buffer` makes the kernel hold back early.
    pub(crate) async fn connect(port: u16, receive_buffer: Option<u32>) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        if let Some(size) = receive_buffer {
            socket.set_recv_buffer_size(size)?;
        }
        let stream = socket.connect(SocketAddr::from(([127, 0, 0, 1], port))).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream })
    }

    /// A connection that is upgraded and authenticated by a token of the fixtures.
    pub(crate) async fn upgraded(port: u16, token: &str, receive_buffer: Option<u32>) -> Result<Self> {
        Self::upgraded_at(port, &format!("/websocket?access_token={token}"), "", receive_buffer).await
    }

    /// A connection that is upgraded to graphql-transport-ws and acknowledged.
    pub(crate) async fn graphql(port: u16, token: &str) -> Result<Self> {
        let mut client = Self::upgraded_at(port, "/graphql", "Sec-WebSocket-Protocol: graphql-transport-ws\r\n", None).await?;
        let init = format!("{{\"type\":\"connection_init\",\"payload\":{{\"access_token\":\"{token}\"}}}}");
        client.send(&RawFrame::new(1, init)).await?;
        let answer = client.frame().await?.context("no answer")?;
        ensure!(answer.payload == br#"{"type":"connection_ack"}"#, "{answer:?}");
        Ok(client)
    }

    async fn upgraded_at(port: u16, path: &str, header: &str, receive_buffer: Option<u32>) -> Result<Self> {
        let mut client = Self::connect(port, receive_buffer).await?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{header}\r\n"
        );
        client.write(request.as_bytes()).await?;
        let head = client.head().await?;
        ensure!(head.starts_with("HTTP/1.1 101"), "{head}");
        Ok(client)
    }

    /// Sends bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes).await?)
    }

    /// Sends a frame.
    pub(crate) async fn send(&mut self, frame: &RawFrame) -> Result<()> {
        self.write(&frame.encode()).await
    }

    /// The head of an HTTP reply.
    pub(crate) async fn head(&mut self) -> Result<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            ensure!(head.len() < HEAD_LIMIT, "a head without an end");
            head.push(timeout(Duration::from_secs(20), self.stream.read_u8()).await.context("no reply")??);
        }
        Ok(String::from_utf8_lossy(&head).into_owned())
    }

    /// Everything until the server ends the connection; `None` when it does not in time.
    pub(crate) async fn rest(&mut self, limit: Duration) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        match timeout(limit, self.stream.read_to_end(&mut bytes)).await {
            // A reset is an end as well.
            Ok(_) => Some(bytes),
            Err(_) => None,
        }
    }

    /// The next frame; `None` when the connection ended.
    pub(crate) async fn frame(&mut self) -> Result<Option<Received>> {
        let Ok(first) = self.stream.read_u8().await else { return Ok(None) };
        let second = self.stream.read_u8().await?;
        ensure!(second & 0x80 == 0, "a server masks nothing");
        let length = match second {
            126 => usize::from(self.stream.read_u16().await?),
            127 => usize::try_from(self.stream.read_u64().await?)?,
            length => usize::from(length),
        };
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await?;
        Ok(Some(Received { opcode: first & 0x0f, payload }))
    }

    /// Reads until the close frame and gives its code (1005: none given); `Ok(None)` when the connection just ended.
    pub(crate) async fn close_code(&mut self, limit: Duration) -> Result<Option<u16>> {
        let deadline = Instant::now() + limit;
        loop {
            let frame = timeout_at(deadline, self.frame()).await.context("no close in time")?;
            match frame {
                Ok(Some(Received { opcode: 8, payload })) => {
                    return Ok(Some(payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code))));
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return Ok(None),
            }
        }
    }
}
