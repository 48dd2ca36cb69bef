//! Makes the schema overview of catalog, stored metadata and the built-in facts of the system tables.
//!
//! It must never invent a column: what is in no catalog is an alias or nothing.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use access::schema::{Accounting, Collection, ColumnDefault, DeselectAction, Field, FieldType, Relation, Schema, Special};
use indexmap::IndexMap;

use super::column;
use super::metadata::{CollectionRow, FieldRow, Metadata, RelationRow};
use super::system_tables::{self, SystemTable};
use crate::database::catalog::{Column, ForeignKey, Table};

/// The specials that make a row without column an alias field.
const ALIASES: [Special; 6] =
    [Special::Alias, Special::OneToMany, Special::ManyToMany, Special::ManyToAny, Special::Files, Special::Translations];

/// The overview of everything that is a collection.
pub(super) fn build(tables: &[Table], foreign_keys: &[ForeignKey], metadata: &Metadata, excluded: &[String]) -> Schema {
    let rows: HashMap<&str, &CollectionRow> = metadata.collections.iter().map(|row| (&*row.collection, row)).collect();
    let mut fields: HashMap<&str, Vec<&FieldRow>> = HashMap::new();
    for row in &metadata.fields {
        fields.entry(&row.collection).or_default().push(row);
    }
    let mut collections: IndexMap<Arc<str>, Collection> = IndexMap::new();
    for table in tables {
        if table.name.contains(' ') || excluded.iter().any(|name| **name == *table.name) {
            continue;
        }
        let [primary_key] = table.primary_key.as_slice() else {
            tracing::debug!(table = &*table.name, "not a collection: its primary key is not one column");
            continue;
        };
        let primary_key = Arc::clone(primary_key);
        let rows = (rows.get(&*table.name).copied(), fields.get(&*table.name).map_or(&[][..], Vec::as_slice));
        let collection = collection(table, primary_key, rows.0, rows.1);
        collections.insert(Arc::clone(&collection.name), collection);
    }
    let relations = relations(&collections, foreign_keys, &metadata.relations);
    Schema::new(collections.into_values(), relations)
}

fn collection(table: &Table, primary_key: Arc<str>, row: Option<&CollectionRow>, field_rows: &[&FieldRow]) -> Collection {
    let system = system_tables::find(&table.name);
    let mut rows: HashMap<&str, &FieldRow> = HashMap::new();
    for row in field_rows.iter().filter(|row| !row.special.iter().any(|special| special == "no-data")) {
        rows.insert(&row.field, row);
    }
    let mut fields: IndexMap<Arc<str>, Arc<Field>> = IndexMap::new();
    for column in &table.columns {
        let special = specials(&column.name, rows.get(&*column.name).copied(), system);
        let field = column_field(column, special, rows.get(&*column.name).copied());
        fields.insert(Arc::clone(&column.name), Arc::new(field));
    }
    let system_aliases = system.into_iter().flat_map(|table| table.aliases).map(|name| (Arc::<str>::from(*name), vec![Special::OneToMany]));
    let stored = field_rows.iter().filter(|row| rows.contains_key(&*row.field));
    let stored = stored.map(|row| (Arc::clone(&row.field), specials(&row.field, Some(row), None)));
    for (name, special) in system_aliases.chain(stored) {
        if !fields.contains_key(&name) && special.iter().any(|special| ALIASES.contains(special)) {
            fields.insert(Arc::clone(&name), Arc::new(alias_field(name, special)));
        }
    }
    let sort_field = row.and_then(|row| row.sort_field.clone()).filter(|name| fields.contains_key(name));
    Collection {
        name: Arc::clone(&table.name),
        primary_key,
        singleton: row.map_or_else(|| system.is_some_and(|table| table.singleton), |row| row.singleton),
        sort_field,
        accountability: accounting(row, system),
        active: row.and_then(|row| row.status.as_deref()).is_none_or(|status| status == "active"),
        system: system.is_some(),
        triggered: table.triggered,
        fields,
    }
}

fn accounting(row: Option<&CollectionRow>, system: Option<&SystemTable>) -> Accounting {
    match (row, system) {
        (Some(row), _) => match row.accountability.as_deref() {
            Some("all") => Accounting::All,
            Some("activity") => Accounting::Activity,
            Some(_) | None => Accounting::Nothing,
        },
        (None, Some(table)) if table.unrecorded => Accounting::Nothing,
        (None, Some(_) | None) => Accounting::All,
    }
}

/// What is stored counts before what is built in.
fn specials(field: &str, row: Option<&FieldRow>, system: Option<&SystemTable>) -> Vec<Special> {
    let stored: Vec<Special> = row.into_iter().flat_map(|row| &row.special).filter_map(|text| Special::parse(text)).collect();
    if !stored.is_empty() {
        return stored;
    }
    system.map_or_else(Vec::new, |table| table.specials(field).to_vec())
}

fn column_field(column: &Column, special: Vec<Special>, row: Option<&FieldRow>) -> Field {
    let kind = column::field_type(&column.database_type, &special);
    let validation = row.and_then(|row| row.validation.as_ref()).filter(|rule| rule.as_object().is_some_and(|rule| !rule.is_empty()));
    Field {
        name: Arc::clone(&column.name),
        kind,
        database_type: Arc::clone(&column.database_type),
        nullable: !column.not_null,
        default: column::default(column, kind),
        generated: column.generated,
        searchable: row.and_then(|row| row.searchable).unwrap_or(true) && !special.contains(&Special::Conceal),
        special,
        max_length: column::max_length(column),
        numeric: column::precision(column),
        validation: validation.map(|rule| Arc::new(rule.clone())),
        validation_message: row.and_then(|row| row.validation_message.clone()),
        collated: column.collated,
        indexed: column.indexed,
        peculiar: column.peculiar,
    }
}

fn alias_field(name: Arc<str>, special: Vec<Special>) -> Field {
    Field {
        name,
        kind: FieldType::Alias,
        database_type: "".into(),
        nullable: true,
        default: ColumnDefault::None,
        generated: false,
        special,
        searchable: false,
        max_length: None,
        numeric: None,
        validation: None,
        validation_message: None,
        collated: false,
        indexed: false,
        peculiar: false,
    }
}

/// Foreign keys joined with stored rows, then stored rows without a foreign key, then the built-in ones.
fn relations(collections: &IndexMap<Arc<str>, Collection>, foreign_keys: &[ForeignKey], rows: &[RelationRow]) -> Vec<Relation> {
    let has_column = |collection: &str, field: &str| collections.get(collection).is_some_and(|c| c.field(field).is_some());
    let mut relations = Vec::new();
    let mut known: HashSet<(&str, &str)> = HashSet::new();
    let stored: HashMap<(&str, &str), &RelationRow> = rows.iter().map(|row| ((&*row.many_collection, &*row.many_field), row)).collect();
    for key in foreign_keys {
        let place = (&*key.table, &*key.column);
        let is_key = collections.get(&key.target).is_some_and(|target| target.primary_key == key.target_column);
        if !is_key || !has_column(place.0, place.1) || !known.insert(place) {
            continue;
        }
        let mut relation = stored.get(&place).map_or_else(|| plain(&key.table, &key.column), |row| from_row(row));
        relation.one_collection = Some(Arc::clone(&key.target));
        if relation.one_field.is_none() {
            relation.one_field = system_tables::one_fields(place.0, place.1).next().map(Into::into);
        }
        relations.push(relation);
    }
    for row in rows {
        let place = (&*row.many_collection, &*row.many_field);
        if has_column(place.0, place.1) && known.insert(place) {
            relations.push(from_row(row));
        }
    }
    for built_in in system_tables::RELATIONS {
        let place = (built_in.many_collection, built_in.many_field);
        if !has_column(place.0, place.1) || !collections.contains_key(built_in.one_collection) {
            continue;
        }
        let is_new = known.insert(place);
        let second_alias = relations
            .iter()
            .all(|r: &Relation| (&*r.many_collection, &*r.many_field) != place || r.one_field.as_deref() != built_in.one_field)
            && built_in.one_field.is_some();
        if is_new || second_alias {
            relations.push(Relation {
                one_collection: Some(built_in.one_collection.into()),
                one_field: built_in.one_field.map(Into::into),
                ..plain(&built_in.many_collection.into(), &built_in.many_field.into())
            });
        }
    }
    relations
}

fn plain(many_collection: &Arc<str>, many_field: &Arc<str>) -> Relation {
    Relation {
        many_collection: Arc::clone(many_collection),
        many_field: Arc::clone(many_field),
        one_collection: None,
        one_field: None,
        one_collection_field: None,
        one_allowed_collections: Vec::new(),
        junction_field: None,
        sort_field: None,
        one_deselect_action: DeselectAction::Nullify,
    }
}

fn from_row(row: &RelationRow) -> Relation {
    Relation {
        many_collection: Arc::clone(&row.many_collection),
        many_field: Arc::clone(&row.many_field),
        one_collection: row.one_collection.clone(),
        one_field: row.one_field.clone(),
        one_collection_field: row.one_collection_field.clone(),
        one_allowed_collections: row.one_allowed_collections.iter().map(|name| name.as_str().into()).collect(),
        junction_field: row.junction_field.clone(),
        sort_field: row.sort_field.clone(),
        one_deselect_action: match row.one_deselect_action.as_deref() {
            Some("delete") => DeselectAction::Delete,
            Some(_) | None => DeselectAction::Nullify,
        },
    }
}
