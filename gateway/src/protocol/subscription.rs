//! Subscription messages in parts: what all members of a group share, the opt-in members of the resume extension, and the
//! `uid`, which ends the message.
//!
//! It must never escape or re-encode data: `data` and `meta` are JSON text already.

use super::server::write_text;
use crate::connection::frame::Frame;

/// A whole message; `extensions` are members that [`position`] and [`not_resumed`] wrote.
#[must_use]
pub fn frame(event: &str, data: Option<&[u8]>, meta: Option<&[u8]>, extensions: &[u8], uid: Option<&str>) -> Frame {
    Frame::text_of(&[&head(event, data, meta), extensions, &tail(uid)])
}

/// Everything up to the uid: `{"type":"subscription","status":"ok","event":…[,"data":…][,"meta":…]`.
#[must_use]
pub fn head(event: &str, data: Option<&[u8]>, meta: Option<&[u8]>) -> Vec<u8> {
    let length = [data, meta].into_iter().flatten().map(<[u8]>::len).sum::<usize>();
    let mut json = Vec::with_capacity(length + 80);
    json.extend_from_slice(b"{\"type\":\"subscription\",\"status\":\"ok\",\"event\":");
    write_text(&mut json, event);
    for (name, value) in [(b",\"data\":".as_slice(), data), (b",\"meta\":".as_slice(), meta)] {
        if let Some(value) = value {
            json.extend_from_slice(name);
            json.extend_from_slice(value);
        }
    }
    json
}

/// `,"position":"…"`, for subscriptions that asked for positions.
#[must_use]
pub fn position(position: &str) -> Vec<u8> {
    let mut json = Vec::with_capacity(position.len() + 16);
    json.extend_from_slice(b",\"position\":");
    write_text(&mut json, position);
    json
}

/// `,"resumed":false,"reason":"…"`: the `init` that stands for a resume that was not possible.
#[must_use]
pub fn not_resumed(reason: &str) -> Vec<u8> {
    let mut json = b",\"resumed\":false,\"reason\":".to_vec();
    write_text(&mut json, reason);
    json
}

/// The end of a message: `[,"uid":"…"]}`.
#[must_use]
pub fn tail(uid: Option<&str>) -> Vec<u8> {
    let mut json = Vec::with_capacity(uid.map_or(1, |uid| uid.len() + 12));
    if let Some(uid) = uid {
        json.extend_from_slice(b",\"uid\":");
        write_text(&mut json, uid);
    }
    json.push(b'}');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_make_a_message() {
        let check = |event: &str, data: Option<&[u8]>, meta: Option<&[u8]>, uid: Option<&str>, expect: &str| {
            let message = [head(event, data, meta), tail(uid)].concat();
            assert_eq!(String::from_utf8(message).unwrap(), expect);
        };
        check("init", None, None, None, r#"{"type":"subscription","status":"ok","event":"init"}"#);
        check(
            "update",
            Some(b"[1]"),
            Some(b"{}"),
            Some("a\"b"),
            r#"{"type":"subscription","status":"ok","event":"update","data":[1],"meta":{},"uid":"a\"b"}"#,
        );
    }
}
