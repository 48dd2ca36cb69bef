//! The values of `.field` variables (`$CURRENT_USER.role.name`), read from the database.
//!
//! It must never answer under more rights than the caller asked for.

use std::collections::HashMap;

use access::accountability::Accountability;
use access::permission::Permissions;
use access::schema::Schema;
use serde_json::Value;
use uuid::Uuid;

use crate::database::{Database, DatabaseError};

/// Whose values are asked for.
pub(super) struct Subject<'a> {
    pub(super) accountability: &'a Accountability,
    pub(super) roles: &'a [Uuid],
    pub(super) policies: &'a [Uuid],
}

/// The values of `paths` as `permissions` let them be seen; a path that may not be read, or leads nowhere, is absent.
pub(super) async fn values(
    _database: &Database,
    _schema: &Schema,
    _subject: &Subject<'_>,
    _paths: &[String],
    _permissions: &Permissions,
) -> Result<HashMap<String, Value>, DatabaseError> {
    Ok(HashMap::new())
}
