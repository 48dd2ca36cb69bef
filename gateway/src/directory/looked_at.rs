//! What the `.field` variables of the stored rules look at: which rows of which collections decide their values.
//!
//! It must never miss a change: whatever an event does not show is taken as changed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use access::schema::{RelationKind, Schema};
use change_event::{ChangeEvent, Operation, RowChange};
use serde_json::value::RawValue;

use super::access_rules::AccessRules;

/// Collections with the columns that are read there.
#[derive(Debug, Default)]
pub(super) struct LookedAt(HashMap<Arc<str>, Columns>);

#[derive(Debug, Default)]
struct Columns {
    names: HashSet<Arc<str>>,
    /// Rows are found by what they point to, so that a new one counts.
    listed: bool,
}

impl LookedAt {
    pub(super) fn new(schema: &Schema, access: &AccessRules) -> Self {
        let mut looked_at = Self::default();
        for path in access.all_rules().flat_map(|rule| rule.needs().paths()) {
            looked_at.add(schema, path);
        }
        looked_at
    }

    pub(super) fn contains(&self, collection: &str) -> bool {
        self.0.contains_key(collection)
    }

    /// Whether `event` may change a looked-up value.
    pub(super) fn touched_by(&self, event: &ChangeEvent) -> bool {
        let Some(columns) = self.0.get(&event.collection) else { return false };
        match event.operation {
            Operation::Create => columns.listed,
            Operation::Update => event.rows.iter().any(|row| columns.differ(row)),
            Operation::Delete | Operation::Reset => true,
        }
    }

    fn add(&mut self, schema: &Schema, path: &str) {
        let mut steps = path.split('.');
        let root = match steps.next() {
            Some("$CURRENT_USER") => "directus_users",
            Some("$CURRENT_ROLE" | "$CURRENT_ROLES") => "directus_roles",
            Some("$CURRENT_POLICIES") => "directus_policies",
            Some(_) | None => return,
        };
        let mut collection: Arc<str> = root.into();
        self.0.entry(Arc::clone(&collection)).or_default();
        for step in steps {
            let relation = schema.relation(&collection, step);
            let columns = self.0.entry(Arc::clone(&collection)).or_default();
            if !matches!(relation, Some(RelationKind::OneToMany(_))) {
                columns.names.insert(step.into());
            }
            let next = match relation {
                Some(RelationKind::ManyToOne(relation)) => relation.one_collection.clone(),
                Some(RelationKind::OneToMany(relation)) => {
                    let columns = self.0.entry(Arc::clone(&relation.many_collection)).or_default();
                    columns.listed = true;
                    columns.names.insert(Arc::clone(&relation.many_field));
                    Some(Arc::clone(&relation.many_collection))
                }
                Some(RelationKind::ManyToAny(_)) | None => None,
            };
            let Some(next) = next else { break };
            self.0.entry(Arc::clone(&next)).or_default();
            collection = next;
        }
    }
}

impl Columns {
    fn differ(&self, row: &RowChange) -> bool {
        let image =
            |image: &Option<Box<RawValue>>| -> Option<HashMap<String, Box<RawValue>>> { serde_json::from_str(image.as_ref()?.get()).ok() };
        let (Some(old), Some(new)) = (image(&row.old), image(&row.new)) else { return true };
        let text = |image: &HashMap<String, Box<RawValue>>, name: &str| image.get(name).map(|value| value.get().to_owned());
        self.names.iter().any(|name| row.omitted.iter().any(|omitted| **omitted == **name) || text(&old, name) != text(&new, name))
    }
}
