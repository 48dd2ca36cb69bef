//! A WebSocket client that costs little: one buffer, no copies on the way to whoever looks at a message.
//!
//! It answers the server's pings, in frames and in messages, and fails on anything that is not a whole message of text. It
//! must never be used beyond loopback: its masking key is a constant.
//!
//! Cost of a received message: one `recv(2)` when it comes alone, less when several came together; no allocation.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{Buf as _, BytesMut};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// Local addresses among which connections are spread: the ports of one address are few.
const SOURCES: u32 = 120;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
/// How long any single answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open connection.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    buffer: BytesMut,
}

/// Where to connect.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// The server.
    pub(crate) address: SocketAddr,
    /// The path of the socket.
    pub(crate) path: String,
}

/// A frame at the beginning of a buffer.
#[derive(Debug, PartialEq, Eq)]
struct Frame {
    opcode: u8,
    header: usize,
    length: usize,
}

impl Socket {
    /// Connects without a handshake: for a server that only writes frames. `number` picks the source address.
    pub(crate) async fn bare(address: SocketAddr, number: u32) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        if address.ip().is_loopback() {
            let last = u8::try_from(number % SOURCES)?;
            socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 1, last + 1)), 0))?;
        }
        let stream = socket.connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: BytesMut::new() })
    }

    /// Connects and upgrades.
    pub(crate) async fn open(endpoint: &Endpoint, number: u32) -> Result<Self> {
        Self::open_speaking(endpoint, "", number).await
    }

    /// Connects, upgrades to graphql-transport-ws and authenticates.
    pub(crate) async fn graphql(endpoint: &Endpoint, token: &str, number: u32) -> Result<Self> {
        let mut socket = Self::open_speaking(endpoint, "Sec-WebSocket-Protocol: graphql-transport-ws\r\n", number).await?;
        let init = serde_json::json!({"type": "connection_init", "payload": {"access_token": token}}).to_string();
        let answer = parsed(&socket.ask(&init).await?)?;
        ensure!(answer.get("type").is_some_and(|kind| kind == "connection_ack"), "not acknowledged: {answer}");
        Ok(socket)
    }

    /// Connects and upgrades, with one more header.
    async fn open_speaking(endpoint: &Endpoint, header: &str, number: u32) -> Result<Self> {
        let mut socket = Self::bare(endpoint.address, number).await?;
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{header}\r\n",
            endpoint.path, endpoint.address
        );
        socket.stream.write_all(request.as_bytes()).await?;
        loop {
            if let Some(end) = memchr::memmem::find(&socket.buffer, b"\r\n\r\n") {
                ensure!(
                    socket.buffer.starts_with(b"HTTP/1.1 101 "),
                    "the upgrade was refused: {}",
                    String::from_utf8_lossy(&socket.buffer)
                );
                socket.buffer.advance(end + 4);
                return Ok(socket);
            }
            socket.fill().await?;
        }
    }

    /// Connects, upgrades and authenticates.
    pub(crate) async fn authenticated(endpoint: &Endpoint, token: &str, number: u32) -> Result<Self> {
        let mut socket = Self::open(endpoint, number).await?;
        let auth = serde_json::json!({"type": "auth", "access_token": token}).to_string();
        let answer = socket.ask(&auth).await?;
        ensure!(is_ok(&answer, "auth"), "authentication failed: {}", String::from_utf8_lossy(&answer));
        Ok(socket)
    }

    /// Sends one message.
    pub(crate) async fn send(&mut self, text: &str) -> Result<()> {
        let mut frame = Vec::with_capacity(text.len() + 14);
        frame.push(0x80 | TEXT);
        match text.len() {
            length @ 0..=125 => frame.push(0x80 | u8::try_from(length)?),
            length @ 126..=0xffff => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&u16::try_from(length)?.to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&u64::try_from(length)?.to_be_bytes());
            }
        }
        frame.extend_from_slice(&MASK);
        frame.extend(text.bytes().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        Ok(self.stream.write_all(&frame).await?)
    }

    /// Sends one message and waits for the next one that comes.
    pub(crate) async fn ask(&mut self, text: &str) -> Result<Vec<u8>> {
        self.send(text).await?;
        tokio::time::timeout(PATIENCE, self.message()).await.context("no answer")?
    }

    /// Waits for at least one message, and hands every complete one to `each`. The server's pings are answered, not shown.
    ///
    /// Cancel-safe as long as no ping is being answered: what was read stays in the buffer.
    pub(crate) async fn messages(&mut self, mut each: impl FnMut(&[u8])) -> Result<()> {
        self.fill().await?;
        let mut pinged = false;
        while let Some(frame) = parse(&self.buffer)? {
            let payload = self.buffer.get(frame.header..frame.header + frame.length).unwrap_or_default();
            match frame.opcode {
                TEXT if is_ping(payload) => pinged = true,
                TEXT => each(payload),
                other => pinged |= control(other, payload)?,
            }
            self.buffer.advance(frame.header + frame.length);
        }
        if pinged { self.pong().await } else { Ok(()) }
    }

    /// Says goodbye and closes.
    pub(crate) async fn close(mut self) -> Result<()> {
        self.stream.write_all(&[0x80 | CLOSE, 0x80, MASK[0], MASK[1], MASK[2], MASK[3]]).await?;
        // The server's answer, then its end: whoever closes first keeps the port for a while, and that is to be us.
        let mut rest = [0; 512];
        while tokio::time::timeout(PATIENCE, self.stream.read(&mut rest)).await.context("the server does not close")?? > 0 {}
        Ok(())
    }

    async fn message(&mut self) -> Result<Vec<u8>> {
        loop {
            let Some(frame) = parse(&self.buffer)? else {
                self.fill().await?;
                continue;
            };
            self.buffer.advance(frame.header);
            let payload = self.buffer.split_to(frame.length);
            let pinged = if frame.opcode == TEXT { is_ping(&payload) } else { control(frame.opcode, &payload)? };
            match (frame.opcode, pinged) {
                (_, true) => self.pong().await?,
                (TEXT, false) => return Ok(payload.to_vec()),
                (_, false) => {}
            }
        }
    }

    async fn pong(&mut self) -> Result<()> {
        self.send(r#"{"type":"pong"}"#).await
    }

    async fn fill(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            // Starts at the front again; a buffer that a large answer made large is given back.
            if self.buffer.capacity() > 65_536 { self.buffer = BytesMut::new() } else { self.buffer.clear() }
        }
        self.buffer.reserve(1024);
        ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
        Ok(())
    }
}

/// Whether `message` is a good answer of type `kind`; servers that send no `status` with a success are fine.
pub(crate) fn is_ok(message: &[u8], kind: &str) -> bool {
    let prefix = format!("{{\"type\":\"{kind}\"");
    let head = message.get(..message.len().min(120)).unwrap_or_default();
    message.starts_with(prefix.as_bytes()) && memchr::memmem::find(head, b"\"status\":\"error\"").is_none()
}

/// Whether `message` is the event `name` of a subscription.
pub(crate) fn is_event(message: &[u8], name: &str) -> bool {
    let head = message.get(..message.len().min(100)).unwrap_or_default();
    memchr::memmem::find(head, format!("\"event\":\"{name}\"").as_bytes()).is_some()
}

/// A message as a value.
pub(crate) fn parsed(message: &[u8]) -> Result<Value> {
    serde_json::from_slice(message).with_context(|| format!("not JSON: {}", String::from_utf8_lossy(message)))
}

fn is_ping(payload: &[u8]) -> bool {
    payload.starts_with(b"{\"type\":\"ping\"")
}

/// Whether a frame that is no text wants an answer.
fn control(opcode: u8, payload: &[u8]) -> Result<bool> {
    match opcode {
        // The gateway pings in messages; a proxy in between may do it in frames, and is content with any traffic.
        PING => Ok(true),
        CLOSE => {
            let reason = payload.get(2..).map(String::from_utf8_lossy).unwrap_or_default();
            bail!("the server closed the connection: {:?} {reason}", payload.first_chunk().map(|code| u16::from_be_bytes(*code)))
        }
        other => bail!("a frame of kind {other} was not expected"),
    }
}

/// The frame at the beginning of `buffer`, when all of it is there.
fn parse(buffer: &[u8]) -> Result<Option<Frame>> {
    let [first, second, rest @ ..] = buffer else { return Ok(None) };
    ensure!(first & 0xf0 == 0x80 && second & 0x80 == 0, "a frame that is fragmented, compressed or masked");
    let (header, length) = match (second & 0x7f, rest.first_chunk::<2>(), rest.first_chunk::<8>()) {
        (126, Some(length), _) => (4, u64::from(u16::from_be_bytes(*length))),
        (127, _, Some(length)) => (10, u64::from_be_bytes(*length)),
        (126 | 127, ..) => return Ok(None),
        (length, ..) => (2, u64::from(length)),
    };
    let length = usize::try_from(length)?;
    ensure!(length <= 1 << 30, "a frame of {length} bytes");
    Ok((buffer.len() >= header + length).then_some(Frame { opcode: first & 0x0f, header, length }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_recognised_when_complete() {
        assert_eq!(parse(&[]).unwrap(), None);
        assert_eq!(parse(&[0x81, 2, b'a']).unwrap(), None);
        assert_eq!(parse(&[0x81, 2, b'a', b'b', 0x81]).unwrap(), Some(Frame { opcode: 1, header: 2, length: 2 }));
        let mut long = vec![0x81, 126, 1, 0];
        assert_eq!(parse(&long).unwrap(), None);
        long.extend([0; 256]);
        assert_eq!(parse(&long).unwrap(), Some(Frame { opcode: 1, header: 4, length: 256 }));
        assert_eq!(parse(&[0x81, 127, 0, 0, 0, 0, 0, 1, 0]).unwrap(), None);
        for wrong in [[0x01, 0], [0xc1, 0], [0x81, 0x80]] {
            assert!(parse(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn answers_are_judged_by_their_head() {
        assert!(is_ok(br#"{"type":"items","status":"ok","data":[]}"#, "items"));
        assert!(is_ok(br#"{"type":"items","data":[]}"#, "items"));
        assert!(!is_ok(br#"{"type":"items","status":"error","error":{}}"#, "items"));
        assert!(!is_ok(br#"{"type":"auth","status":"ok"}"#, "items"));
    }
}
