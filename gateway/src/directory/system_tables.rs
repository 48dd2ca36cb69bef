//! What is built into Directus about its own tables and stands in no table: special columns, alias fields and relations
//! without a foreign key.
//!
//! It must never hide a secret's nature: a column that holds one is marked as concealed here, whatever a reader's rights.

use access::schema::Special;
use access::schema::Special::{
    CastBoolean, CastCsv, CastJson, CastTimestamp, Conceal, DateCreated, DateUpdated, Encrypt, File, Hash, UserCreated, UserUpdated, Uuid,
};

/// The built-in facts of one table.
#[derive(Debug)]
pub(super) struct SystemTable {
    pub(super) name: &'static str,
    /// At most one row.
    pub(super) singleton: bool,
    /// Writes leave neither activity nor revisions.
    pub(super) unrecorded: bool,
    /// Alias fields, each the one side of a relation.
    pub(super) aliases: &'static [&'static str],
    columns: &'static [(&'static str, &'static [Special])],
}

/// A relation of a system table.
#[derive(Debug)]
pub(super) struct SystemRelation {
    pub(super) many_collection: &'static str,
    pub(super) many_field: &'static str,
    pub(super) one_collection: &'static str,
    pub(super) one_field: Option<&'static str>,
}

const CREATED: &[Special] = &[CastTimestamp, DateCreated];
const UPDATED: &[Special] = &[CastTimestamp, DateUpdated];

/// Sorted by name.
const TABLES: &[SystemTable] = &[
    table("directus_access", &[], &[("id", &[Uuid])]),
    unrecorded("directus_activity", &["revisions"], &[("timestamp", CREATED), ("user", &[UserCreated])]),
    table(
        "directus_collections",
        &[],
        &[
            ("archive_app_filter", &[CastBoolean]),
            ("hidden", &[CastBoolean]),
            ("item_duplication_fields", &[CastJson]),
            ("singleton", &[CastBoolean]),
            ("translations", &[CastJson]),
            ("versioning", &[CastBoolean]),
        ],
    ),
    table(
        "directus_comments",
        &[],
        &[
            ("date_created", CREATED),
            ("date_updated", UPDATED),
            ("id", &[Uuid]),
            ("user_created", &[UserCreated]),
            ("user_updated", &[UserUpdated]),
        ],
    ),
    table("directus_dashboards", &["panels"], &[("date_created", CREATED), ("id", &[Uuid]), ("user_created", &[UserCreated])]),
    table("directus_deployment_projects", &["runs"], &[("date_created", CREATED), ("id", &[Uuid]), ("user_created", &[UserCreated])]),
    table("directus_deployment_runs", &[], &[("date_created", CREATED), ("id", &[Uuid]), ("user_created", &[UserCreated])]),
    table(
        "directus_deployments",
        &["projects"],
        &[
            ("credentials", &[Encrypt]),
            ("date_created", CREATED),
            ("id", &[Uuid]),
            ("options", &[CastJson]),
            ("user_created", &[UserCreated]),
            ("webhook_ids", &[CastJson]),
            ("webhook_secret", &[Encrypt]),
        ],
    ),
    table("directus_extensions", &[], &[("enabled", &[CastBoolean]), ("id", &[Uuid])]),
    table(
        "directus_fields",
        &[],
        &[
            ("conditions", &[CastJson]),
            ("display_options", &[CastJson]),
            ("hidden", &[CastBoolean]),
            ("options", &[CastJson]),
            ("readonly", &[CastBoolean]),
            ("required", &[CastBoolean]),
            ("searchable", &[CastBoolean]),
            ("special", &[CastCsv]),
            ("translations", &[CastJson]),
            ("validation", &[CastJson]),
        ],
    ),
    table(
        "directus_files",
        &[],
        &[
            ("created_on", CREATED),
            ("id", &[Uuid]),
            ("metadata", &[CastJson]),
            ("modified_by", &[UserUpdated]),
            ("modified_on", UPDATED),
            ("tags", &[CastJson]),
            ("tus_data", &[CastJson]),
            ("uploaded_by", &[UserCreated]),
        ],
    ),
    table(
        "directus_flows",
        &["operations"],
        &[("date_created", CREATED), ("id", &[Uuid]), ("options", &[CastJson]), ("user_created", &[UserCreated])],
    ),
    table("directus_folders", &[], &[("id", &[Uuid])]),
    unrecorded("directus_migrations", &[], &[]),
    table("directus_notifications", &[], &[("timestamp", CREATED)]),
    unrecorded(
        "directus_oauth_clients",
        &["tokens"],
        &[("client_secret_hash", &[Conceal]), ("grant_types", &[CastJson]), ("redirect_uris", &[CastJson])],
    ),
    unrecorded("directus_oauth_codes", &[], &[("code_hash", &[Conceal]), ("id", &[Uuid])]),
    unrecorded("directus_oauth_consents", &[], &[("id", &[Uuid])]),
    unrecorded(
        "directus_oauth_tokens",
        &[],
        &[("code_hash", &[Conceal]), ("id", &[Uuid]), ("previous_session", &[Conceal]), ("session", &[Conceal])],
    ),
    table(
        "directus_operations",
        &[],
        &[("date_created", CREATED), ("id", &[Uuid]), ("options", &[CastJson]), ("user_created", &[UserCreated])],
    ),
    table(
        "directus_panels",
        &[],
        &[
            ("date_created", CREATED),
            ("id", &[Uuid]),
            ("options", &[CastJson]),
            ("show_header", &[CastBoolean]),
            ("user_created", &[UserCreated]),
        ],
    ),
    table(
        "directus_permissions",
        &[],
        &[("fields", &[CastCsv]), ("permissions", &[CastJson]), ("presets", &[CastJson]), ("validation", &[CastJson])],
    ),
    table(
        "directus_policies",
        &["permissions", "roles", "users"],
        &[
            ("admin_access", &[CastBoolean]),
            ("app_access", &[CastBoolean]),
            ("enforce_tfa", &[CastBoolean]),
            ("id", &[Uuid]),
            ("ip_access", &[CastCsv]),
        ],
    ),
    unrecorded("directus_presets", &[], &[("filter", &[CastJson]), ("layout_options", &[CastJson]), ("layout_query", &[CastJson])]),
    table("directus_relations", &[], &[("one_allowed_collections", &[CastCsv])]),
    unrecorded("directus_revisions", &[], &[("data", &[CastJson]), ("delta", &[CastJson])]),
    table("directus_roles", &["children", "policies", "users"], &[("id", &[Uuid])]),
    unrecorded("directus_sessions", &[], &[("next_token", &[Conceal]), ("token", &[Conceal])]),
    SystemTable {
        name: "directus_settings",
        singleton: true,
        unrecorded: false,
        aliases: &[],
        columns: &[
            ("ai_anthropic_allowed_models", &[CastJson]),
            ("ai_anthropic_api_key", &[Encrypt]),
            ("ai_google_allowed_models", &[CastJson]),
            ("ai_google_api_key", &[Encrypt]),
            ("ai_openai_allowed_models", &[CastJson]),
            ("ai_openai_api_key", &[Encrypt]),
            ("ai_openai_compatible_api_key", &[Encrypt]),
            ("ai_openai_compatible_headers", &[CastJson]),
            ("ai_openai_compatible_models", &[CastJson]),
            ("ai_translation_glossary", &[CastJson]),
            ("basemaps", &[CastJson]),
            ("custom_aspect_ratios", &[CastJson]),
            ("license_key", &[Encrypt]),
            ("license_token", &[Encrypt]),
            ("module_bar", &[CastJson]),
            ("project_logo", &[File]),
            ("public_background", &[File]),
            ("public_favicon", &[File]),
            ("public_foreground", &[File]),
            ("public_registration_email_filter", &[CastJson]),
            ("storage_asset_presets", &[CastJson]),
            ("theme_dark_overrides", &[CastJson]),
            ("theme_light_overrides", &[CastJson]),
            ("visual_editor_urls", &[CastJson]),
        ],
    },
    table(
        "directus_shares",
        &[],
        &[("date_created", CREATED), ("id", &[Uuid]), ("password", &[Hash, Conceal]), ("user_created", &[UserCreated])],
    ),
    table("directus_translations", &[], &[("id", &[Uuid])]),
    table(
        "directus_users",
        &["policies"],
        &[
            ("auth_data", &[CastJson]),
            ("avatar", &[File]),
            ("email_notifications", &[CastBoolean]),
            ("id", &[Uuid]),
            ("password", &[Hash, Conceal]),
            ("tags", &[CastJson]),
            ("tfa_secret", &[Conceal]),
            ("theme_dark_overrides", &[CastJson]),
            ("theme_light_overrides", &[CastJson]),
            ("token", &[Conceal]),
        ],
    ),
    table(
        "directus_versions",
        &[],
        &[
            ("date_created", CREATED),
            ("date_updated", UPDATED),
            ("delta", &[CastJson]),
            ("id", &[Uuid]),
            ("user_created", &[UserCreated]),
            ("user_updated", &[UserUpdated]),
        ],
    ),
];

/// Relations that have an alias, and those that have no foreign key in the database.
pub(super) const RELATIONS: &[SystemRelation] = &[
    relation("directus_access", "policy", "directus_policies", Some("roles")),
    relation("directus_access", "policy", "directus_policies", Some("users")),
    relation("directus_access", "role", "directus_roles", Some("policies")),
    relation("directus_access", "user", "directus_users", Some("policies")),
    relation("directus_activity", "user", "directus_users", None),
    relation("directus_deployment_projects", "deployment", "directus_deployments", Some("projects")),
    relation("directus_deployment_runs", "project", "directus_deployment_projects", Some("runs")),
    relation("directus_flows", "operation", "directus_operations", None),
    relation("directus_oauth_tokens", "client", "directus_oauth_clients", Some("tokens")),
    relation("directus_operations", "flow", "directus_flows", Some("operations")),
    relation("directus_panels", "dashboard", "directus_dashboards", Some("panels")),
    relation("directus_permissions", "policy", "directus_policies", Some("permissions")),
    relation("directus_revisions", "activity", "directus_activity", Some("revisions")),
    relation("directus_roles", "parent", "directus_roles", Some("children")),
    relation("directus_users", "avatar", "directus_files", None),
    relation("directus_users", "role", "directus_roles", Some("users")),
];

/// Whether `name` is one of Directus' own tables. A table that only looks like one is an ordinary collection.
#[must_use]
pub fn is_system_collection(name: &str) -> bool {
    find(name).is_some()
}

pub(super) fn find(name: &str) -> Option<&'static SystemTable> {
    TABLES.binary_search_by_key(&name, |table| table.name).ok().and_then(|index| TABLES.get(index))
}

/// The aliases that stand for the rows whose `field` points at them.
pub(super) fn one_fields(collection: &str, field: &str) -> impl Iterator<Item = &'static str> {
    RELATIONS.iter().filter(move |r| r.many_collection == collection && r.many_field == field).filter_map(|r| r.one_field)
}

impl SystemTable {
    /// The built-in specials of a column.
    pub(super) fn specials(&self, column: &str) -> &'static [Special] {
        self.columns.iter().find(|(name, _)| *name == column).map_or(&[], |(_, specials)| specials)
    }
}

const fn table(
    name: &'static str,
    aliases: &'static [&'static str],
    columns: &'static [(&'static str, &'static [Special])],
) -> SystemTable {
    SystemTable { name, singleton: false, unrecorded: false, aliases, columns }
}

const fn unrecorded(
    name: &'static str,
    aliases: &'static [&'static str],
    columns: &'static [(&'static str, &'static [Special])],
) -> SystemTable {
    SystemTable { name, singleton: false, unrecorded: true, aliases, columns }
}

const fn relation(
    many_collection: &'static str,
    many_field: &'static str,
    one_collection: &'static str,
    one_field: Option<&'static str>,
) -> SystemRelation {
    SystemRelation { many_collection, many_field, one_collection, one_field }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_relations_name_their_aliases() {
        assert!(TABLES.windows(2).all(|pair| pair[0].name < pair[1].name));
        for relation in RELATIONS {
            assert!(is_system_collection(relation.many_collection), "{relation:?}");
            let one = find(relation.one_collection).unwrap();
            assert!(relation.one_field.is_none_or(|alias| one.aliases.contains(&alias)), "{relation:?}");
        }
        for table in TABLES {
            for alias in table.aliases {
                let related = RELATIONS.iter().any(|r| r.one_collection == table.name && r.one_field == Some(alias));
                assert!(related, "{}.{alias}", table.name);
            }
        }
    }

    #[test]
    fn secrets_are_concealed() {
        for (table, column) in [("directus_users", "password"), ("directus_users", "token"), ("directus_users", "tfa_secret")] {
            assert!(find(table).unwrap().specials(column).contains(&Special::Conceal));
        }
        assert!(!is_system_collection("directus_unknown"));
    }
}
