//! Turns tracing records into log lines.
//!
//! Cost per record at or above its level: one formatted text and one `try_send`; below it nothing. It must never block,
//! and never see its own records.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::level::Level;
use super::record::{MAX_TEXT, Record};

/// Lines that may wait for the bus; more are dropped.
const QUEUE: usize = 1024;

/// The layer; see [`layer`].
#[derive(Debug)]
pub struct LogLayer {
    lines: mpsc::Sender<Record>,
    least: Level,
}

/// A layer for the process' subscriber, and the lines that it makes, from `least` upwards.
#[must_use]
pub fn layer(least: Level) -> (LogLayer, mpsc::Receiver<Record>) {
    let (lines, receiver) = mpsc::channel(QUEUE);
    (LogLayer { lines, least }, receiver)
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let level = Level::from(*event.metadata().level());
        if level < self.least {
            return;
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let record = Record { level: level.number(), time: u64::try_from(time.as_millis()).unwrap_or(u64::MAX), msg: text.0 };
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
        if self.0.len() > MAX_TEXT {
            let end = (0..=MAX_TEXT).rev().find(|end| self.0.is_char_boundary(*end)).unwrap_or(0);
            self.0.truncate(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn lines_carry_message_fields_and_level_and_stay_bounded() {
        let (layer, mut lines) = layer(Level::Info);
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
}
