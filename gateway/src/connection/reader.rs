//! The reading side of a connection: frames to messages, within bounds, with pings answered on the way.
//!
//! `fastwebsockets` parses frames; three things around it are ours. Its `read_frame` must not be dropped half-way, so it
//! stands in no `select!`: the whole reader is one future that lives as long as the connection. Its size limit is per
//! frame, so fragments are put together here under one limit for the message. And its buffer (8 KiB, more after a large
//! message) lives only while something is arriving, with all that is needed to read and handle it: when every byte that came
//! has been consumed the parser is dropped, and the connection waits for its socket with nothing allocated.
//!
//! What arrives in pieces counts against the node's memory for messages, byte by byte as it comes: a node whose memory is
//! used up closes who sends more.
//!
//! It must never hold a message while it waits for the next, nor read on while a message waits for its turn: the client
//! is slowed down by TCP.

use std::convert::Infallible;
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use fastwebsockets::{OpCode, Payload, Role, WebSocketError, WebSocketRead};
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;

use crate::connection::endpoint::Conversation;
use crate::connection::frame::Frame;
use crate::connection::session::Session;
use crate::error::CloseReason;

/// The largest payload of a control frame (RFC 6455 §5.5).
const CONTROL_MAX: usize = 125;
/// The largest head of a frame, mask included.
const HEAD_MAX: usize = 16;

/// The largest message a connection may send.
#[derive(Debug, Clone, Copy)]
pub struct MessageLimits {
    /// Once it may speak.
    pub authenticated: usize,
    /// While it still has to authenticate.
    pub unauthenticated: usize,
}

/// Bytes from the peer, those that came with the upgrade first; counts them as a life sign.
#[derive(Debug)]
pub(super) struct Incoming {
    socket: OwnedReadHalf,
    early: Bytes,
    session: Arc<Session>,
}

impl Incoming {
    pub(super) const fn new(socket: OwnedReadHalf, early: Bytes, session: Arc<Session>) -> Self {
        Self { socket, early, session }
    }

    /// Waits until there is something to read, without a buffer.
    async fn readable(&self) -> io::Result<()> {
        if self.early.has_remaining() { Ok(()) } else { self.socket.readable().await }
    }

    /// Reads and forgets until the peer ends. A socket that is closed with unread bytes is reset, and a peer whose socket is
    /// reset may never see the close frame.
    pub(super) async fn discard(&mut self) {
        self.early.clear();
        // On the heap: as a part of this future it would weigh on every idle connection.
        let mut scratch = vec![0; 16_384];
        while matches!(self.socket.read(&mut scratch).await, Ok(count) if count > 0) {}
    }

    /// Ends one or both directions, though something may still hold the writing side.
    pub(super) fn shut(&self, how: Shutdown) {
        // A peer that is gone already needs no telling.
        let _gone = socket2::SockRef::from(self.socket.as_ref()).shutdown(how);
    }
}

impl AsyncRead for Incoming {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.early.has_remaining() {
            let count = self.early.len().min(buffer.remaining());
            buffer.put_slice(&self.early.split_to(count));
            if self.early.is_empty() {
                // Lets go of the buffer of the upgrade request.
                self.early = Bytes::new();
            }
        } else {
            ready!(Pin::new(&mut self.socket).poll_read(cx, buffer))?;
        }
        Poll::Ready(self.session.receive(buffer.filled().len() - before).map_err(io::Error::other))
    }
}

/// Reads until the connection ends; says why. Messages go to `conversation`, one after the other.
pub(super) async fn run(incoming: &mut Incoming, conversation: &mut impl Conversation, limits: MessageLimits) -> CloseReason {
    let session = Arc::clone(&incoming.session);
    let reason = read(incoming, &session, conversation, limits).await;
    session.taken(0);
    if session.is_exhausted() { CloseReason::Overloaded } else { reason }
}

async fn read(incoming: &mut Incoming, session: &Session, conversation: &mut impl Conversation, limits: MessageLimits) -> CloseReason {
    let mut parts: Option<Parts> = None;
    loop {
        if incoming.readable().await.is_err() {
            return CloseReason::PeerGone;
        }
        // Boxed, as the parser's buffer is: an idle connection has neither.
        if let Err(reason) = Box::pin(consume(incoming, session, conversation, limits, &mut parts)).await {
            return reason;
        }
    }
}

/// Reads frames until every byte that came has been consumed.
async fn consume(
    incoming: &mut Incoming,
    session: &Session,
    conversation: &mut impl Conversation,
    limits: MessageLimits,
    parts: &mut Option<Parts>,
) -> Result<(), CloseReason> {
    let unconsumed = session.received();
    let mut consumed = 0;
    let (mut frames, _) = fastwebsockets::after_handshake_split(incoming, tokio::io::sink(), Role::Server);
    frames.set_auto_pong(false);
    // Its list of close codes is older than the registry of them.
    frames.set_auto_close(false);
    while session.received() - unconsumed > consumed || consumed == 0 {
        let limit = if session.must_authenticate() { limits.unauthenticated } else { limits.authenticated };
        let room = limit.saturating_sub(parts.as_ref().map_or(0, |parts| parts.bytes.len()));
        let piece = next(&mut frames, room).await?;
        consumed += piece.size;
        let unread = usize::try_from((session.received() - unconsumed).saturating_sub(consumed)).unwrap_or(usize::MAX);
        match step(piece, room, parts, session)? {
            Some(message) => {
                session.hand_over(unread);
                conversation.message(message).await;
                drop(session.take_message_memory());
            }
            None => session.taken(unread + parts.as_ref().map_or(0, |parts| parts.bytes.len())),
        }
    }
    Ok(())
}

/// A message of several frames, so far.
struct Parts {
    text: bool,
    bytes: BytesMut,
    /// Of a text, how many bytes are known to be UTF-8: all but the begin of a character whose rest is to come.
    valid: usize,
}

/// One frame, unmasked.
struct Piece {
    fin: bool,
    opcode: OpCode,
    payload: BytesMut,
    /// On the wire, or less if the head was longer than need be.
    size: u64,
}

async fn next(frames: &mut WebSocketRead<&mut Incoming>, room: usize) -> Result<Piece, CloseReason> {
    // The limit is exclusive there, and a ping may come between the last two fragments.
    frames.set_max_message_size(room.max(CONTROL_MAX).saturating_add(1));
    let read = frames.read_frame(&mut |_| async { Ok::<(), Infallible>(()) }).await;
    let mut frame = read.map_err(|error| fault(&error))?;
    let mut head = [0; HEAD_MAX];
    let size = frame.fmt_head(&mut head);
    let [_, length, ..] = head;
    if length & 0x80 == 0 {
        // RFC 6455 §5.1: a server closes when a frame is not masked.
        return Err(CloseReason::ProtocolError);
    }
    let size = (size + frame.payload.len()) as u64;
    Ok(Piece { fin: frame.fin, opcode: frame.opcode, payload: owned(frame.payload), size })
}

/// Takes one frame in. `Some` is a whole message.
fn step(piece: Piece, room: usize, parts: &mut Option<Parts>, session: &Session) -> Result<Option<BytesMut>, CloseReason> {
    let Piece { fin, opcode, payload, .. } = piece;
    let control = matches!(opcode, OpCode::Close | OpCode::Ping | OpCode::Pong);
    if payload.len() > if control { CONTROL_MAX } else { room } {
        return Err(if control { CloseReason::ProtocolError } else { CloseReason::MessageTooBig });
    }
    match (opcode, parts.take()) {
        (OpCode::Close, _) => {
            let reason = closed(&payload);
            if let (CloseReason::ClientClosed(Some(_)), Some(Ok(text))) = (reason, payload.get(2..).map(std::str::from_utf8)) {
                // Echoed whole, as observed.
                session.queue().close_saying(reason, text);
            }
            Err(reason)
        }
        (OpCode::Ping, before) => {
            session.send(Frame::pong(&payload));
            *parts = before;
            Ok(None)
        }
        (OpCode::Pong, before) => {
            *parts = before;
            Ok(None)
        }
        (OpCode::Text | OpCode::Binary, None) if fin => Ok(Some(payload)),
        (OpCode::Text | OpCode::Binary, None) => {
            // A copy of its own: the payload shares the parser's buffer.
            let mut message = Parts { text: opcode == OpCode::Text, bytes: BytesMut::from(&*payload), valid: 0 };
            message.check(fin)?;
            *parts = Some(message);
            Ok(None)
        }
        (OpCode::Continuation, Some(mut message)) => {
            message.bytes.extend_from_slice(&payload);
            message.check(fin)?;
            if !fin {
                *parts = Some(message);
                return Ok(None);
            }
            Ok(Some(message.bytes))
        }
        (OpCode::Text | OpCode::Binary, Some(_)) | (OpCode::Continuation, None) => Err(CloseReason::ProtocolError),
    }
}

impl Parts {
    /// Fails as soon as no continuation could make the text UTF-8 (RFC 6455 §8.1); looks at every byte once.
    fn check(&mut self, whole: bool) -> Result<(), CloseReason> {
        if !self.text {
            return Ok(());
        }
        match std::str::from_utf8(self.bytes.get(self.valid..).unwrap_or_default()) {
            Ok(text) => self.valid += text.len(),
            Err(error) if error.error_len().is_some() || whole => return Err(CloseReason::InvalidText),
            Err(error) => self.valid += error.valid_up_to(),
        }
        Ok(())
    }
}

fn owned(payload: Payload<'_>) -> BytesMut {
    match payload {
        Payload::Bytes(bytes) => bytes,
        Payload::Owned(bytes) => BytesMut::from(&*bytes),
        Payload::Borrowed(bytes) => BytesMut::from(bytes),
        Payload::BorrowedMut(bytes) => BytesMut::from(&*bytes),
    }
}

/// What a close frame says (RFC 6455 §5.5.1, §7.4). 1012 to 1014 are registered since.
fn closed(payload: &[u8]) -> CloseReason {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { CloseReason::ClientClosed(None) } else { CloseReason::ProtocolError };
    };
    match u16::from_be_bytes(*code) {
        _ if std::str::from_utf8(reason).is_err() => CloseReason::InvalidText,
        code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => CloseReason::ClientClosed(Some(code)),
        _ => CloseReason::ProtocolError,
    }
}

/// What a fault of the wire means for the connection.
fn fault(error: &WebSocketError) -> CloseReason {
    match error {
        WebSocketError::UnexpectedEOF | WebSocketError::IoError(_) | WebSocketError::ConnectionClosed => CloseReason::PeerGone,
        WebSocketError::InvalidUTF8 => CloseReason::InvalidText,
        WebSocketError::FrameTooLarge => CloseReason::MessageTooBig,
        WebSocketError::InvalidFragment
        | WebSocketError::InvalidContinuationFrame
        | WebSocketError::InvalidStatusCode(_)
        | WebSocketError::InvalidUpgradeHeader
        | WebSocketError::InvalidConnectionHeader
        | WebSocketError::InvalidCloseFrame
        | WebSocketError::InvalidCloseCode
        | WebSocketError::ReservedBitsNotZero
        | WebSocketError::ControlFrameFragmented
        | WebSocketError::PingFrameTooLarge
        | WebSocketError::InvalidSecWebsocketVersion
        | WebSocketError::InvalidValue
        | WebSocketError::MissingSecWebSocketKey
        | WebSocketError::SendError(_) => CloseReason::ProtocolError,
    }
}
