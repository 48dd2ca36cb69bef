//! A complete server-to-client WebSocket frame, header included (RFC 6455 §5.2; servers do not mask).
//!
//! Cost: one allocation and one copy of the payload when a frame is made; handing it to any number of connections only
//! counts references. It must never be changed after it was made.

use bytes::Bytes;

const OPCODE_TEXT: u8 = 0x1;
const OPCODE_CLOSE: u8 = 0x8;
const OPCODE_PING: u8 = 0x9;
const OPCODE_PONG: u8 = 0xA;
/// The largest payload of a control frame (RFC 6455 §5.5).
const CONTROL_MAX: usize = 125;

/// Bytes that go to the socket as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame(Bytes);

impl Frame {
    /// A text message; `payload` is UTF-8.
    #[must_use]
    pub fn text(payload: &[u8]) -> Self {
        Self::build(OPCODE_TEXT, &[payload])
    }

    /// A text message of several pieces, joined without a copy in between.
    #[must_use]
    pub fn text_of(pieces: &[&[u8]]) -> Self {
        Self::build(OPCODE_TEXT, pieces)
    }

    /// A ping, which every client answers by itself.
    #[must_use]
    pub fn ping() -> Self {
        Self::build(OPCODE_PING, &[])
    }

    /// The answer to a ping; at most 125 bytes are echoed.
    #[must_use]
    pub fn pong(payload: &[u8]) -> Self {
        Self::build(OPCODE_PONG, &[payload.get(..CONTROL_MAX).unwrap_or(payload)])
    }

    /// A close frame; without a code it is empty and the client sees 1005.
    #[must_use]
    pub fn close(code: Option<u16>, reason: &str) -> Self {
        let Some(code) = code else { return Self::build(OPCODE_CLOSE, &[]) };
        let end = (0..=reason.len().min(CONTROL_MAX - 2)).rev().find(|end| reason.is_char_boundary(*end)).unwrap_or(0);
        Self::build(OPCODE_CLOSE, &[&code.to_be_bytes(), reason.get(..end).unwrap_or_default().as_bytes()])
    }

    /// The bytes on the wire.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The size on the wire.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never: a frame has a header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn build(opcode: u8, pieces: &[&[u8]]) -> Self {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        let mut bytes = Vec::with_capacity(length + 10);
        bytes.push(0x80 | opcode);
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short), _) if short <= 125 => bytes.push(short),
            (_, Ok(medium)) => {
                bytes.push(126);
                bytes.extend_from_slice(&medium.to_be_bytes());
            }
            (_, Err(_)) => {
                bytes.push(127);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        for piece in pieces {
            bytes.extend_from_slice(piece);
        }
        Self(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_follow_the_three_length_forms() {
        for (length, header) in [
            (0, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (255, vec![0x81, 126, 0, 255]),
            (65_535, vec![0x81, 126, 255, 255]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let payload = vec![b'x'; length];
            let frame = Frame::text(&payload);
            assert_eq!(&frame.bytes()[..header.len()], header.as_slice(), "{length}");
            assert_eq!(&frame.bytes()[header.len()..], payload.as_slice());
        }
    }

    #[test]
    fn control_frames_stay_within_their_limit_and_cut_at_a_character() {
        assert_eq!(Frame::close(None, "ignored").bytes(), [0x88, 0]);
        assert_eq!(Frame::close(Some(1001), "x").bytes(), [0x88, 3, 0x03, 0xE9, b'x']);
        let long = Frame::close(Some(1001), &"ü".repeat(100));
        assert_eq!(long.bytes()[1], 124);
        assert!(std::str::from_utf8(&long.bytes()[4..]).is_ok());
        assert_eq!(Frame::ping().bytes(), [0x89, 0]);
        assert_eq!(Frame::pong(&[0; 200]).bytes()[1], 125);
        assert_eq!(Frame::text_of(&[b"ab", b"", b"c"]), Frame::text(b"abc"));
    }
}
