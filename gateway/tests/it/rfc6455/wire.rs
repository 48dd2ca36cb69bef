//! Client frames of any shape, as the bytes that they are on the wire (RFC 6455, section 5.2).
//!
//! It must never refuse to build what the RFC forbids.

/// Opcodes.
pub(super) const CONTINUATION: u8 = 0x0;
pub(super) const TEXT: u8 = 0x1;
pub(super) const BINARY: u8 = 0x2;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xA;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

/// How the length is written.
#[derive(Clone, Copy, Debug)]
enum Length {
    /// In as few bytes as possible.
    Minimal,
    /// In 16 bits.
    Sixteen,
    /// In 64 bits, true or not.
    SixtyFour(u64),
}

/// One frame; final, masked and of minimal length unless told otherwise.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    first: u8,
    key: Option<[u8; 4]>,
    length: Length,
    payload: Vec<u8>,
}

/// A frame of this opcode.
pub(super) fn frame(opcode: u8, payload: impl Into<Vec<u8>>) -> Frame {
    Frame { first: FIN | opcode, key: Some([0x37, 0xfa, 0x21, 0x3d]), length: Length::Minimal, payload: payload.into() }
}

/// A text frame.
pub(super) fn text(payload: impl Into<Vec<u8>>) -> Frame {
    frame(TEXT, payload)
}

/// A continuation frame.
pub(super) fn continuation(payload: impl Into<Vec<u8>>) -> Frame {
    frame(CONTINUATION, payload)
}

/// A ping frame.
pub(super) fn ping(payload: impl Into<Vec<u8>>) -> Frame {
    frame(PING, payload)
}

/// A close frame with a code.
pub(super) fn close(code: u16) -> Frame {
    close_because(code, b"")
}

/// A close frame with a code and a reason.
pub(super) fn close_because(code: u16, reason: &[u8]) -> Frame {
    frame(CLOSE, [&code.to_be_bytes(), reason].concat())
}

/// A message that the server answers with a message of the same `uid`: what an echo is to an echo server.
pub(super) fn say(uid: &str) -> String {
    format!(r#"{{"type":"ping","uid":"{uid}"}}"#)
}

/// The same, `length` bytes long. The padding is outside of `uid`, so that the answer stays short.
pub(super) fn say_at_length(uid: &str, length: usize) -> String {
    let head = format!(r#"{{"type":"ping","uid":"{uid}","pad":""#);
    format!("{head}{}\"}}", "a".repeat(length.saturating_sub(head.len() + 2)))
}

/// A message in frames of `size` bytes of payload.
pub(super) fn in_parts(opcode: u8, message: &[u8], size: usize) -> Vec<Frame> {
    let parts: Vec<&[u8]> = message.chunks(size).collect();
    let last = parts.len().saturating_sub(1);
    let part = |(place, bytes): (usize, &&[u8])| {
        let part = frame(if place == 0 { opcode } else { CONTINUATION }, *bytes);
        if place == last { part } else { part.more() }
    };
    parts.iter().enumerate().map(part).collect()
}

impl Frame {
    /// Says that more frames of the message follow.
    pub(super) fn more(mut self) -> Self {
        self.first &= !FIN;
        self
    }

    /// Sets reserved bits: 0x40, 0x20, 0x10.
    pub(super) fn reserved(mut self, bits: u8) -> Self {
        self.first |= bits;
        self
    }

    /// Leaves the mask out.
    pub(super) fn unmasked(mut self) -> Self {
        self.key = None;
        self
    }

    /// Masks with another key.
    pub(super) fn key(mut self, key: [u8; 4]) -> Self {
        self.key = Some(key);
        self
    }

    /// Writes the length in 16 bits, however small it is.
    pub(super) fn sixteen(mut self) -> Self {
        self.length = Length::Sixteen;
        self
    }

    /// Writes the length in 64 bits, however small it is.
    pub(super) fn sixty_four(mut self) -> Self {
        self.length = Length::SixtyFour(self.payload.len() as u64);
        self
    }

    /// Declares a length that the payload does not have.
    pub(super) fn declaring(mut self, length: u64) -> Self {
        self.length = Length::SixtyFour(length);
        self
    }

    /// The bytes on the wire.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mask = if self.key.is_some() { MASKED } else { 0 };
        let length = self.payload.len();
        let mut bytes = vec![self.first];
        match (self.length, u8::try_from(length), u16::try_from(length)) {
            (Length::Minimal, Ok(short), _) if short <= 125 => bytes.push(mask | short),
            (Length::Minimal | Length::Sixteen, _, Ok(medium)) => {
                bytes.push(mask | 126);
                bytes.extend(medium.to_be_bytes());
            }
            (Length::SixtyFour(declared), ..) => {
                bytes.push(mask | 127);
                bytes.extend(declared.to_be_bytes());
            }
            (Length::Minimal | Length::Sixteen, _, Err(_)) => {
                bytes.push(mask | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend(self.key.into_iter().flatten());
        let key = self.key.unwrap_or_default();
        bytes.extend(self.payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        bytes
    }
}
