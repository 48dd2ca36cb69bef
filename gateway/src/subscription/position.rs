//! A place in what a subscription was sent: enough to go on exactly there, on any node.
//!
//! Form: `1.<epoch>.<sequence>.<frames>.<view>.<snapshot>`, opaque to clients. It is no proof of anything and needs no
//! secret: whoever resumes is shown what the plan of now shows, and nothing for a plan that is not the position's.
//! It must never be trusted further than that, and never be parsed without a bound on its length.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use change_capture::bus::StreamHead;
use change_event::{Epoch, Sequence, Snapshot};

/// Longer ones are not ours: a snapshot lists the transactions that ran, some hundred at most.
const LONGEST: usize = 16_384;
const FORM: &str = "1";

/// What the last message of a subscription stood for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The event that it came from, or the newest one before an `init`.
    pub at: Place,
    /// Digest of the view: the query under the permissions it was planned with.
    pub view: u64,
    /// What the last `init` had seen: changes in it are not told again.
    pub snapshot: Option<Arc<Snapshot>>,
}

/// A place in a collection's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// An event.
    pub head: StreamHead,
    /// How many of the event's messages were sent; 0 stands for all of them.
    pub frames: u32,
}

/// The text is not a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a position")]
pub struct NotAPosition;

impl Place {
    /// Everything up to and with the event at `head`.
    #[must_use]
    pub const fn after(head: StreamHead) -> Self {
        Self { head, frames: 0 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { head, frames } = self.at;
        write!(f, "{FORM}.{}.{}.{frames}.{:016x}.", head.epoch, head.sequence, self.view)?;
        match &self.snapshot {
            Some(snapshot) => snapshot.fmt(f),
            None => f.write_char('-'),
        }
    }
}

impl std::str::FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        if text.len() > LONGEST {
            return Err(NotAPosition);
        }
        let mut parts = text.splitn(6, '.');
        let mut part = || parts.next().ok_or(NotAPosition);
        if part()? != FORM {
            return Err(NotAPosition);
        }
        let mut number = || part()?.parse::<u64>().map_err(|_| NotAPosition);
        let head = StreamHead { epoch: Epoch(number()?), sequence: Sequence(number()?) };
        let frames = u32::try_from(number()?).map_err(|_| NotAPosition)?;
        let view = u64::from_str_radix(part()?, 16).map_err(|_| NotAPosition)?;
        let snapshot = match part()? {
            "-" => None,
            text => Some(Arc::new(text.parse().map_err(|_| NotAPosition)?)),
        };
        Ok(Self { at: Place { head, frames }, view, snapshot })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_its_text_and_nothing_else_is_one() {
        for text in ["1.7.12.0.00000000000000ff.10:20:12,15", "1.0.0.3.ffffffffffffffff.-", "1.1.2.0.0000000000000001.5:5:"] {
            assert_eq!(text.parse::<Position>().unwrap().to_string(), text);
        }
        let long = format!("1.7.12.0.ff.10:20:{}", "1,".repeat(LONGEST));
        for text in
            ["", "1", "2.7.12.0.ff.-", "1.7.12.0.ff", "1.-7.12.0.ff.-", "1.7.12.0.xx.-", "1.7.12.4294967296.ff.-", "1.7.12.0.ff.1:2", &long]
        {
            assert_eq!(text.parse::<Position>(), Err(NotAPosition), "{text:.40}");
        }
    }
}
