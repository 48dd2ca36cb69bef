//! The rules that every session with access to the app has on the system tables, whatever its policies say.
//!
//! It must never grant more than one's own rows, but for what describes the schema.

use std::sync::{Arc, LazyLock};

use access::permission::{Action, FieldSet};
use serde_json::{Map, Value};

use super::rule_set::StoredRule;

/// One rule: collection, action, item filter, validation, fields. Filters are JSON; empty is none; no fields is all.
type Row = (&'static str, Action, &'static str, &'static str, &'static [&'static str]);

const OWN_ROW: &str = r#"{"user": {"_eq": "$CURRENT_USER"}}"#;
const CREATED_BY_ME: &str = r#"{"user_created": {"_eq": "$CURRENT_USER"}}"#;
const ADDRESSED_TO_ME: &str = r#"{"recipient": {"_eq": "$CURRENT_USER"}}"#;
const MY_PRESETS: &str = r#"{"_or": [
    {"user": {"_eq": "$CURRENT_USER"}},
    {"_and": [{"user": {"_null": true}}, {"role": {"_eq": "$CURRENT_ROLE"}}]},
    {"_and": [{"user": {"_null": true}}, {"role": {"_null": true}}]}
]}"#;

const ROWS: &[Row] = &[
    ("directus_activity", Action::Read, OWN_ROW, "", &[]),
    ("directus_collections", Action::Read, "", "", &[]),
    ("directus_comments", Action::Create, "", r#"{"comment": {"_nnull": true}}"#, &[]),
    ("directus_comments", Action::Read, CREATED_BY_ME, "", &[]),
    ("directus_comments", Action::Update, CREATED_BY_ME, "", &["comment"]),
    ("directus_comments", Action::Delete, CREATED_BY_ME, "", &[]),
    ("directus_fields", Action::Read, "", "", &[]),
    ("directus_notifications", Action::Read, ADDRESSED_TO_ME, "", &[]),
    ("directus_notifications", Action::Update, ADDRESSED_TO_ME, "", &["status"]),
    ("directus_presets", Action::Create, "", OWN_ROW, &[]),
    ("directus_presets", Action::Read, MY_PRESETS, "", &[]),
    ("directus_presets", Action::Update, OWN_ROW, OWN_ROW, &[]),
    ("directus_presets", Action::Delete, OWN_ROW, "", &[]),
    ("directus_relations", Action::Read, "", "", &[]),
    ("directus_roles", Action::Read, r#"{"id": {"_in": "$CURRENT_ROLES"}}"#, "", &[]),
    (
        "directus_settings",
        Action::Read,
        "",
        "",
        &[
            "basemaps",
            "collaborative_editing_enabled",
            "custom_aspect_ratios",
            "custom_css",
            "default_appearance",
            "default_language",
            "default_theme_dark",
            "default_theme_light",
            "id",
            "mapbox_key",
            "module_bar",
            "project_color",
            "project_descriptor",
            "project_logo",
            "project_name",
            "project_url",
            "public_background",
            "public_favicon",
            "public_foreground",
            "public_note",
            "public_registration",
            "public_registration_verify_email",
            "report_bug_url",
            "report_error_url",
            "report_feature_url",
            "storage_asset_presets",
            "storage_asset_transform",
            "theme_dark_overrides",
            "theme_light_overrides",
            "visual_editor_urls",
        ],
    ),
    ("directus_shares", Action::Read, CREATED_BY_ME, "", &[]),
    ("directus_translations", Action::Read, "", "", &[]),
    (
        "directus_users",
        Action::Read,
        r#"{"id": {"_eq": "$CURRENT_USER"}}"#,
        "",
        &[
            "appearance",
            "avatar",
            "description",
            "email",
            "first_name",
            "id",
            "language",
            "last_name",
            "last_page",
            "location",
            "password",
            "provider",
            "role",
            "status",
            "tags",
            "tfa_secret",
            "theme_dark",
            "theme_light",
            "title",
        ],
    ),
];

static RULES: LazyLock<Vec<Arc<StoredRule>>> = LazyLock::new(|| ROWS.iter().filter_map(rule).map(Arc::new).collect());

/// The rules, made once.
pub(super) fn rules() -> &'static [Arc<StoredRule>] {
    &RULES
}

/// A row whose filter is malformed grants nothing; a test holds that there is none.
fn rule((collection, action, items, validation, fields): &Row) -> Option<StoredRule> {
    let filter = |text: &str| -> Option<Option<Map<String, Value>>> {
        if text.is_empty() { Some(None) } else { serde_json::from_str(text).ok().map(Some) }
    };
    let fields = match *fields {
        [] => FieldSet::All,
        some => FieldSet::Only(some.iter().map(|field| (*field).into()).collect()),
    };
    Some(StoredRule::new((*collection).into(), *action, filter(items)?, filter(validation)?, None, fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_rule() {
        assert_eq!(rules().len(), ROWS.len());
    }
}
