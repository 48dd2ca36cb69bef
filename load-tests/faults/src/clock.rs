//! Moments on the clock that Postgres shares: microseconds since the Unix epoch.
//!
//! It must never be used to wait.

use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since the Unix epoch.
pub(crate) type Moment = i64;

/// Now.
pub(crate) fn now() -> Moment {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_micros()).ok()).unwrap_or(0)
}
