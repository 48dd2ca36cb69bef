//! Deleting items.
//!
//! It must never delete a row that the caller's rules do not cover: all keys are checked, and locked, before any row goes.

use access::permission::Action;
use access::refusal::Refusal;
use access::schema::Collection;
use serde_json::Value;

use crate::items::record::Entry;
use crate::items::write::{Write, key_texts};
use crate::items::{ItemsError, statement};

impl Write<'_> {
    /// Deletes the rows with these keys. For administrators, keys without a row are none of their business; others are
    /// refused.
    pub(super) async fn delete_keys(&mut self, collection: &Collection, sent: &[Value]) -> Result<(), ItemsError> {
        self.count(sent.len())?;
        let keys = key_texts(collection, sent)?;
        let rules = self.planner().write_access(collection, Action::Delete, None)?;
        let admin = self.context.permissions.admin;
        if !admin || keys.len() > 1 {
            let allowed = self.lock(collection, &rules, &keys).await?;
            if !admin && (keys.is_empty() || allowed.len() < keys.len()) {
                let collection = collection.name.to_string();
                return Err(Refusal::ForbiddenAction { action: Action::Delete, fields: Vec::new(), collection }.into());
            }
        }
        if keys.is_empty() {
            return Ok(());
        }
        let writer_keys = serde_json::to_string(sent).unwrap_or_default();
        let deleted = self.run_keyed(&statement::delete(collection, &keys, &writer_keys), collection, None).await?;
        let entries: Vec<Entry> = deleted.into_iter().map(|key| Entry { key, data: None }).collect();
        self.record(Action::Delete, collection, &entries, None).await?;
        Ok(())
    }
}
