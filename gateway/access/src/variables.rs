//! Dynamic variables: `$NOW`, `$CURRENT_USER` and the rest, in filters, presets and validations.
//!
//! It must never read a clock or a database: the caller passes the moment and the values.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;

/// The values that variables take in one resolution.
#[derive(Debug, Clone, PartialEq)]
pub struct Variables {
    /// `$NOW`.
    pub now: Timestamp,
    /// `$CURRENT_USER`.
    pub user: Value,
    /// `$CURRENT_ROLE`.
    pub role: Value,
    /// `$CURRENT_ROLES`, root first; a list.
    pub roles: Value,
    /// `$CURRENT_POLICIES`; a list, or null where it is not available.
    pub policies: Value,
    /// `.field` paths such as `$CURRENT_USER.role.name`, looked up beforehand by the caller under the right rights.
    /// A path that was asked for and may not be read is absent, which makes the whole filter invalid.
    pub paths: HashMap<String, Value>,
}
