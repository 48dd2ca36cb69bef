//! The rows of `directus_collections`, `directus_fields` and `directus_relations` as they are stored.
//!
//! It must never depend on the version of Directus that made the tables: columns that a version lacks have defaults.

use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::database::{Database, DatabaseError, catalog};

/// A row of `directus_collections`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct CollectionRow {
    pub(super) collection: Arc<str>,
    #[serde(default)]
    pub(super) singleton: bool,
    #[serde(default)]
    pub(super) sort_field: Option<Arc<str>>,
    #[serde(default)]
    pub(super) accountability: Option<String>,
    /// Only version 12 has it.
    #[serde(default)]
    pub(super) status: Option<String>,
}

/// A row of `directus_fields`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct FieldRow {
    pub(super) collection: Arc<str>,
    pub(super) field: Arc<str>,
    #[serde(default, deserialize_with = "csv")]
    pub(super) special: Vec<String>,
    #[serde(default)]
    pub(super) validation: Option<Value>,
    #[serde(default)]
    pub(super) validation_message: Option<Arc<str>>,
    #[serde(default)]
    pub(super) searchable: Option<bool>,
}

/// A row of `directus_relations`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct RelationRow {
    pub(super) many_collection: Arc<str>,
    pub(super) many_field: Arc<str>,
    #[serde(default)]
    pub(super) one_collection: Option<Arc<str>>,
    #[serde(default)]
    pub(super) one_field: Option<Arc<str>>,
    #[serde(default)]
    pub(super) one_collection_field: Option<Arc<str>>,
    #[serde(default, deserialize_with = "csv")]
    pub(super) one_allowed_collections: Vec<String>,
    #[serde(default)]
    pub(super) junction_field: Option<Arc<str>>,
    #[serde(default)]
    pub(super) sort_field: Option<Arc<str>>,
    #[serde(default)]
    pub(super) one_deselect_action: Option<String>,
}

/// All three tables.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Metadata {
    pub(super) collections: Vec<CollectionRow>,
    pub(super) fields: Vec<FieldRow>,
    pub(super) relations: Vec<RelationRow>,
}

impl Metadata {
    pub(super) async fn load(database: &Database) -> Result<Self, DatabaseError> {
        Ok(Self {
            collections: catalog::json_rows(database, "select to_json(c) from directus_collections c").await?,
            fields: catalog::json_rows(database, "select to_json(f) from directus_fields f order by f.sort nulls last, f.id").await?,
            relations: catalog::json_rows(database, "select to_json(r) from directus_relations r order by r.id").await?,
        })
    }
}

/// A comma-separated list, spaces around its members ignored; NULL and '' are empty.
pub(super) fn csv<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
}
