//! Turns tracing records into log lines.
//!
//! Cost per record at or above its level: one formatted text and one `try_send`; below it nothing. It must never block,
//! and never see its own records.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::level::Level;
use super::record::{MAX_TEXT, Record};
use crate::http::request_log;

/// Lines that may wait for the bus; more are dropped.
const QUEUE: usize = 1024;

/// The layer; see [`layer`].
#[derive(Debug)]
pub struct LogLayer {
    lines: mpsc::Sender<Record>,
    least: Level,
    style: Style,
}

/// What a line holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Style {
    /// Level, time and text.
    Reduced,
    /// The whole record: process, host and every field as a member of its own.
    Raw {
        /// The name of this machine.
        host: String,
    },
}

/// A layer for the process' subscriber, and the lines that it makes, from `least` upwards.
#[must_use]
pub fn layer(least: Level, style: Style) -> (LogLayer, mpsc::Receiver<Record>) {
    let (lines, receiver) = mpsc::channel(QUEUE);
    (LogLayer { lines, least, style }, receiver)
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let level = Level::from(*event.metadata().level());
        if level < self.least {
            return;
        }
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (msg, rest) = match &self.style {
            Style::Reduced => {
                let mut text = Text(String::new());
                event.record(&mut text);
                (text.0, Map::new())
            }
            Style::Raw { host } => {
                let mut whole = Whole { text: Text(String::new()), members: Map::new() };
                whole.members.insert("pid".to_owned(), std::process::id().into());
                whole.members.insert("hostname".to_owned(), host.as_str().into());
                event.record(&mut whole);
                whole.finish(event.metadata().target())
            }
        };
        let record = Record { level: level.number(), time: u64::try_from(time.as_millis()).unwrap_or(u64::MAX), msg, rest };
        // A full queue drops the line: logging must not wait.
        let _queued = self.lines.try_send(record);
    }
}

/// The message, then the other fields as `name=value`.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if self.0.len() > MAX_TEXT {
            return;
        }
        // Writing to a String cannot fail.
        let _infallible =
            if field.name() == "message" { write!(self.0, "{value:?}") } else { write!(self.0, " {}={value:?}", field.name()) };
        cut(&mut self.0);
    }
}

/// The message, and the other fields as members.
struct Whole {
    text: Text,
    members: Map<String, Value>,
}

impl Whole {
    fn finish(mut self, target: &str) -> (String, Map<String, Value>) {
        match request(&self.text.0).filter(|_| target == request_log::TARGET) {
            Some(parts) => {
                self.members.extend(parts);
                ("request completed".to_owned(), self.members)
            }
            None => (self.text.0, self.members),
        }
    }
}

impl Visit for Whole {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            return self.text.record_debug(field, value);
        }
        let mut text = format!("{value:?}");
        cut(&mut text);
        self.members.insert(field.name().to_owned(), text.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.members.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.members.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.members.insert(field.name().to_owned(), value.into());
    }
}

/// Leaves at most [`MAX_TEXT`] bytes.
fn cut(text: &mut String) {
    if text.len() > MAX_TEXT {
        text.truncate((0..=MAX_TEXT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0));
    }
}

/// The parts of `METHOD address status Nms`.
fn request(line: &str) -> Option<Map<String, Value>> {
    let mut words = line.split(' ');
    let (method, url, status, took) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let (status, took): (u16, u64) = (status.parse().ok()?, took.strip_suffix("ms")?.parse().ok()?);
    let parts = [("req", json!({"method": method, "url": url})), ("res", json!({"statusCode": status})), ("responseTime", took.into())];
    Some(parts.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn lines_carry_message_fields_and_level_and_stay_bounded() {
        let (layer, mut lines) = layer(Level::Info, Style::Reduced);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::debug!("too low");
            tracing::warn!(code = 7, "careful");
            tracing::error!("{}", "ü".repeat(MAX_TEXT));
        });
        let first = lines.try_recv().unwrap();
        assert_eq!((first.level, first.msg.as_str()), (40, "careful code=7"));
        let second = lines.try_recv().unwrap();
        assert_eq!(second.level, 50);
        assert!(second.msg.len() <= MAX_TEXT);
        assert!(lines.try_recv().is_err());
    }

    #[test]
    fn a_raw_line_is_the_whole_record() {
        let (layer, mut lines) = layer(Level::Info, Style::Raw { host: "here".to_owned() });
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::warn!(code = 7, name = "x", "careful");
            tracing::info!(target: request_log::TARGET, "GET /items/a?limit=1 403 12ms");
        });
        let first = lines.try_recv().unwrap();
        let rest = json!({"pid": std::process::id(), "hostname": "here", "code": 7, "name": "\"x\""});
        assert_eq!((first.msg.as_str(), Value::Object(first.rest)), ("careful", rest));
        let request = serde_json::to_value(lines.try_recv().unwrap()).unwrap();
        assert_eq!(request["msg"], "request completed");
        assert_eq!(request["req"], json!({"method": "GET", "url": "/items/a?limit=1"}));
        assert_eq!((&request["res"]["statusCode"], &request["responseTime"]), (&json!(403), &json!(12)));
    }
}
