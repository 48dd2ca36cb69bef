//! What every session with app access may do beyond its policies: the minimal rights that the data studio lives on.
//!
//! It must never grant more than a person's own rows and the descriptions of the schema: these rules hold whatever an
//! administrator has configured.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::permission::{Action, FieldSet, Permissions, Rule};
use crate::variables::{Variables, resolve_value};

/// Columns of one's own user that one may read.
const USER_FIELDS: [&str; 19] = [
    "id",
    "first_name",
    "last_name",
    "last_page",
    "email",
    "password",
    "location",
    "title",
    "description",
    "tags",
    "provider",
    "avatar",
    "language",
    "appearance",
    "theme_light",
    "theme_dark",
    "tfa_secret",
    "status",
    "role",
];

/// Settings that say how the project looks; no keys, licences or rules of registration.
const SETTINGS_FIELDS: [&str; 27] = [
    "id",
    "project_id",
    "project_name",
    "project_descriptor",
    "project_url",
    "project_color",
    "project_logo",
    "public_foreground",
    "public_background",
    "public_favicon",
    "public_note",
    "custom_css",
    "custom_aspect_ratios",
    "storage_asset_presets",
    "basemaps",
    "mapbox_key",
    "module_bar",
    "default_language",
    "default_appearance",
    "default_theme_light",
    "default_theme_dark",
    "theme_light_overrides",
    "theme_dark_overrides",
    "visual_editor_urls",
    "report_error_url",
    "report_bug_url",
    "report_feature_url",
];

/// Adds the minimal rights of app access, for the person that `variables` are about. A session without user gets only what is
/// not about a person.
pub fn grant_app_access(permissions: &mut Permissions, variables: &Variables) {
    let mut grant = |collection: &str, action: Action, rule: Rule| permissions.add(collection, action, rule);
    for collection in ["directus_collections", "directus_fields", "directus_relations", "directus_translations"] {
        grant(collection, Action::Read, rule(None, &[]));
    }
    grant("directus_settings", Action::Read, rule(None, &SETTINGS_FIELDS));
    let roles = resolve_value(&json!({"id": {"_in": "$CURRENT_ROLES"}}), variables);
    grant("directus_roles", Action::Read, rule(Some(roles), &[]));
    // Without a user "mine" would compare with null, and match the rows of nobody.
    if variables.user.is_null() {
        return;
    }
    let mine = |column: &str| Some(json!({column: {"_eq": variables.user}}));
    grant("directus_activity", Action::Read, rule(mine("user"), &[]));
    grant("directus_shares", Action::Read, rule(mine("user_created"), &[]));
    grant("directus_users", Action::Read, rule(mine("id"), &USER_FIELDS));

    grant("directus_notifications", Action::Read, rule(mine("recipient"), &[]));
    grant("directus_notifications", Action::Update, rule(mine("recipient"), &["status"]));

    let commented = Some(Arc::new(json!({"comment": {"_nnull": true}})));
    grant("directus_comments", Action::Read, rule(mine("user_created"), &[]));
    grant("directus_comments", Action::Create, Rule { validation: commented, ..rule(None, &[]) });
    grant("directus_comments", Action::Update, rule(mine("user_created"), &["comment"]));
    grant("directus_comments", Action::Delete, rule(mine("user_created"), &[]));

    let of_role = json!({"_and": [{"user": {"_null": true}}, {"role": {"_in": variables.roles}}]});
    let global = json!({"_and": [{"user": {"_null": true}}, {"role": {"_null": true}}]});
    let visible = json!({"_or": [{"user": {"_eq": variables.user}}, of_role, global]});
    let owner = mine("user").map(Arc::new);
    let preset: Map<String, Value> = [("user".to_owned(), variables.user.clone())].into_iter().collect();
    grant("directus_presets", Action::Read, rule(Some(visible), &[]));
    grant("directus_presets", Action::Create, Rule { validation: owner.clone(), presets: Some(Arc::new(preset)), ..rule(None, &[]) });
    grant("directus_presets", Action::Update, Rule { validation: owner, ..rule(mine("user"), &[]) });
    grant("directus_presets", Action::Delete, rule(mine("user"), &[]));
}

/// A rule on `items` that grants `fields`, or all of them where none are named.
fn rule(items: Option<Value>, fields: &[&str]) -> Rule {
    let fields = if fields.is_empty() { FieldSet::All } else { FieldSet::Only(fields.iter().map(|&field| field.into()).collect()) };
    Rule { items: items.map(Arc::new), validation: None, presets: None, fields }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(user: Value) -> Permissions {
        let variables = Variables { user, roles: json!(["r1", "r2"]), ..Variables::anonymous("2026-01-01T00:00:00Z".parse().unwrap()) };
        let mut permissions = Permissions::none();
        grant_app_access(&mut permissions, &variables);
        permissions
    }

    #[test]
    fn only_ones_own_rows() {
        let permissions = granted(json!("u1"));
        let items = |collection: &str, action: Action| {
            permissions.rules(collection, action).iter().map(|rule| rule.items.clone()).collect::<Vec<_>>()
        };
        assert_eq!(items("directus_fields", Action::Read), [None]);
        assert_eq!(items("directus_users", Action::Read), [Some(Arc::new(json!({"id": {"_eq": "u1"}})))]);
        assert_eq!(items("directus_roles", Action::Read), [Some(Arc::new(json!({"id": {"_in": ["r1", "r2"]}})))]);
        assert!(items("directus_users", Action::Update).is_empty());
        assert!(!permissions.rules("directus_settings", Action::Read)[0].fields.contains("license_key"));
        assert!(!permissions.rules("directus_users", Action::Read)[0].fields.contains("token"));
    }

    #[test]
    fn nobody_owns_nothing() {
        let permissions = granted(Value::Null);
        for collection in ["directus_users", "directus_presets", "directus_notifications", "directus_activity", "directus_comments"] {
            assert!(permissions.rules(collection, Action::Read).is_empty(), "{collection}");
        }
    }
}
