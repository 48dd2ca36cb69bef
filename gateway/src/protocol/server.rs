//! What the server says, but for subscriptions: complete frames.
//!
//! Every answer carries `status`, as the public guides promise. It must never write an error that did not pass through
//! [`ClientError`]. Cost: one buffer per frame, copied once behind its header.

use serde_json::value::RawValue;

use super::Uid;
use crate::connection::frame::Frame;
use crate::error::ClientError;

/// The `type` of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// Authentication.
    Auth,
    /// The message itself, whatever its type was to be.
    Server,
    /// Operations on items.
    Items,
    /// Subscribing, and errors of a running subscription.
    Subscribe,
    /// Unsubscribing.
    Unsubscribe,
}

impl MessageType {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Server => "server",
            Self::Items => "items",
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
        }
    }
}

/// The answer to a successful `auth`. `refresh_token` only after a login or a refresh.
#[must_use]
pub fn authenticated(uid: Option<&Uid>, refresh_token: Option<&str>) -> Frame {
    let mut json = open("auth", "ok");
    write_uid(&mut json, uid);
    if let Some(token) = refresh_token {
        json.extend_from_slice(b",\"refresh_token\":");
        write_text(&mut json, token);
    }
    close(json)
}

/// An error.
#[must_use]
pub fn error(kind: MessageType, error: &ClientError, uid: Option<&Uid>) -> Frame {
    let mut json = open(kind.name(), "error");
    json.extend_from_slice(b",\"error\":{\"code\":");
    write_text(&mut json, error.code());
    json.extend_from_slice(b",\"message\":");
    write_text(&mut json, &error.message());
    json.push(b'}');
    write_uid(&mut json, uid);
    close(json)
}

/// The answer to a client's `ping`.
#[must_use]
pub fn pong(uid: Option<&Uid>) -> Frame {
    let mut json = open("pong", "ok");
    write_uid(&mut json, uid);
    close(json)
}

/// The server's own ping.
#[must_use]
pub fn ping() -> Frame {
    close(open("ping", "ok"))
}

/// The answer to `items`. `data` and `meta` go out as they are; `data` is absent where there is none.
#[must_use]
pub fn items(data: Option<&RawValue>, meta: Option<&RawValue>, uid: Option<&Uid>) -> Frame {
    let mut json = open("items", "ok");
    for (name, value) in [("data", data), ("meta", meta)] {
        if let Some(value) = value {
            json.extend_from_slice(format!(",\"{name}\":").as_bytes());
            json.extend_from_slice(value.get().as_bytes());
        }
    }
    write_uid(&mut json, uid);
    close(json)
}

/// The answer to `unsubscribe`; the uid keeps the type in which it was sent.
#[must_use]
pub fn unsubscribed(uid: Option<&Uid>) -> Frame {
    let mut json = open("subscription", "ok");
    json.extend_from_slice(b",\"event\":\"unsubscribe\"");
    write_uid(&mut json, uid);
    close(json)
}

/// A text as a uid, for messages about a subscription.
#[must_use]
pub fn text_uid(text: &str) -> Uid {
    Uid::from(text)
}

/// Appends a JSON string.
pub(super) fn write_text(out: &mut Vec<u8>, text: &str) {
    // Text into a vector cannot fail: neither does the writer, nor is there a key that is no text.
    if serde_json::to_writer(&mut *out, text).is_err() {
        out.extend_from_slice(b"\"\"");
    }
}

fn open(kind: &str, status: &str) -> Vec<u8> {
    format!("{{\"type\":\"{kind}\",\"status\":\"{status}\"").into_bytes()
}

fn write_uid(json: &mut Vec<u8>, uid: Option<&Uid>) {
    if let Some(uid) = uid {
        json.extend_from_slice(b",\"uid\":");
        uid.write(json);
    }
}

fn close(mut json: Vec<u8>) -> Frame {
    json.push(b'}');
    Frame::text(&json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(frame: &Frame, expect: &str) {
        assert_eq!(*frame, Frame::text(expect.as_bytes()), "{}", String::from_utf8_lossy(frame.bytes()));
    }

    #[test]
    fn frames_are_exact() {
        let uid = Uid::Number(1.0);
        check(&authenticated(None, None), r#"{"type":"auth","status":"ok"}"#);
        check(&authenticated(Some(&"a\"".into()), Some("r")), r#"{"type":"auth","status":"ok","uid":"a\"","refresh_token":"r"}"#);
        check(
            &error(MessageType::Server, &ClientError::Unparsable, None),
            r#"{"type":"server","status":"error","error":{"code":"INVALID_PAYLOAD","message":"Unable to parse the incoming message."}}"#,
        );
        check(
            &error(MessageType::Items, &ClientError::InvalidCollection, Some(&uid)),
            r#"{"type":"items","status":"error","error":{"code":"INVALID_COLLECTION","message":"Cannot trigger an action on a system collection."},"uid":1}"#,
        );
        check(&pong(Some(&uid)), r#"{"type":"pong","status":"ok","uid":1}"#);
        check(&ping(), r#"{"type":"ping","status":"ok"}"#);
        let data = RawValue::from_string("[ 1 ]".to_owned()).unwrap();
        let meta = RawValue::from_string("{\"total_count\":1}".to_owned()).unwrap();
        check(
            &items(Some(&data), Some(&meta), Some(&"".into())),
            r#"{"type":"items","status":"ok","data":[ 1 ],"meta":{"total_count":1},"uid":""}"#,
        );
        check(&unsubscribed(None), r#"{"type":"subscription","status":"ok","event":"unsubscribe"}"#);
        check(&unsubscribed(Some(&uid)), r#"{"type":"subscription","status":"ok","event":"unsubscribe","uid":1}"#);
    }
}
