//! Messages of the logs endpoint.
//!
//! It must never echo a `uid`: this endpoint does not, `auth` excepted.

use serde_json::{Value, json};

use super::issue;
use crate::connection::frame::Frame;
use crate::logs::{Level, Record};

/// What a client of the logs endpoint asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogsMessage {
    /// Lines of this level and above.
    Subscribe(Level),
    /// No lines.
    Unsubscribe,
}

impl LogsMessage {
    /// Reads a message whose type is `subscribe` or `unsubscribe`.
    ///
    /// # Errors
    /// The text for the client.
    pub fn read(kind: &str, log_level: Option<&Value>) -> Result<Self, String> {
        if kind == "unsubscribe" {
            return Ok(Self::Unsubscribe);
        }
        let Some(name) = log_level.and_then(Value::as_str) else {
            let issues = [format!("{} or {}", issue::expected("string", log_level, "log_level"), issue::literal("unsubscribe", "type"))];
            return Err(issue::all(&issues));
        };
        Level::parse(name).map(Self::Subscribe).ok_or_else(|| format!("Invalid \"{name}\" log level"))
    }
}

/// The answer to a subscribe.
#[must_use]
pub fn subscribed(level: Level) -> Frame {
    Frame::text(json!({"type": "logs", "status": "ok", "event": "subscribe", "log_level": level.name()}).to_string().as_bytes())
}

/// The answer to an unsubscribe.
#[must_use]
pub fn unsubscribed() -> Frame {
    Frame::text(json!({"type": "logs", "status": "ok", "event": "unsubscribe"}).to_string().as_bytes())
}

/// A refusal.
#[must_use]
pub fn error(code: &str, message: &str) -> Frame {
    Frame::text(json!({"type": "logs", "status": "error", "error": {"code": code, "message": message}}).to_string().as_bytes())
}

/// A refused authentication, after which the connection closes.
#[must_use]
pub fn auth_error(message: &str) -> Frame {
    Frame::text(json!({"type": "auth", "status": "error", "error": {"code": "AUTH_FAILED", "message": message}}).to_string().as_bytes())
}

/// One line of `node`.
#[must_use]
pub fn line(record: &Record, node: &str) -> Frame {
    Frame::text(json!({"type": "logs", "status": "ok", "data": record, "uid": node}).to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_and_refused_with_the_recorded_texts() {
        assert_eq!(LogsMessage::read("subscribe", Some(&json!("warn"))), Ok(LogsMessage::Subscribe(Level::Warn)));
        assert_eq!(LogsMessage::read("subscribe", Some(&json!("silent"))), Ok(LogsMessage::Subscribe(Level::Silent)));
        assert_eq!(LogsMessage::read("unsubscribe", None), Ok(LogsMessage::Unsubscribe));
        assert_eq!(LogsMessage::read("subscribe", Some(&json!("nope"))).unwrap_err(), "Invalid \"nope\" log level");
        assert_eq!(
            LogsMessage::read("subscribe", None).unwrap_err(),
            "Validation error: Invalid input: expected string, received undefined at \"log_level\" or Invalid input: expected \"unsubscribe\" at \"type\""
        );
    }
}
