//! The schema overview: collections, fields and relations as the catalog and the `directus_*` tables describe them.
//!
//! It must never be changed in place: a new overview replaces the old one whole, and every identifier that reaches SQL
//! comes from here.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

/// Everything that exists, immutable and shared.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    collections: HashMap<Arc<str>, Arc<Collection>>,
    relations: Vec<Arc<Relation>>,
    /// `many_collection` → relations that start there; `one_collection` → relations that end there.
    by_collection: HashMap<Arc<str>, Vec<Arc<Relation>>>,
}

/// A table with a single-column primary key.
#[derive(Debug, Clone)]
pub struct Collection {
    /// The table's and the collection's name.
    pub name: Arc<str>,
    /// The key column.
    pub primary_key: Arc<str>,
    /// At most one row.
    pub singleton: bool,
    /// Default sort column.
    pub sort_field: Option<Arc<str>>,
    /// What is recorded of writes.
    pub accountability: Accounting,
    /// Whether the collection may be used.
    pub active: bool,
    /// A `directus_*` table known as a system collection.
    pub system: bool,
    /// The table has triggers (but those of foreign keys and of capture), rules or row security: what a statement returns of
    /// a row that it wrote may not be what is stored in the end.
    pub triggered: bool,
    /// Columns in table order, then alias fields.
    pub fields: IndexMap<Arc<str>, Arc<Field>>,
}

/// What is recorded of writes to a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accounting {
    /// Activity and revisions.
    All,
    /// Activity only.
    Activity,
    /// Nothing.
    Nothing,
}

/// A column, or an alias that stands for a relation.
#[derive(Debug, Clone)]
pub struct Field {
    /// The column's or alias' name.
    pub name: Arc<str>,
    /// The type that decides operators, casts and output form.
    pub kind: FieldType,
    /// Postgres' own type name (`udt_name`: `int4`, `varchar`, `numeric`, `timestamptz`…); empty for aliases.
    pub database_type: Arc<str>,
    /// NULL is allowed.
    pub nullable: bool,
    /// The column default.
    pub default: ColumnDefault,
    /// A generated column: never written.
    pub generated: bool,
    /// Directus' specials in order.
    pub special: Vec<Special>,
    /// Takes part in search.
    pub searchable: bool,
    /// `character varying(n)`.
    pub max_length: Option<u32>,
    /// `numeric(p, s)`.
    pub numeric: Option<(u32, u32)>,
    /// `directus_fields.validation`: a filter on the payload.
    pub validation: Option<Arc<Value>>,
    /// `directus_fields.validation_message`.
    pub validation_message: Option<Arc<str>>,
    /// The column has a collation under which order and `LIKE` are not bytewise, or a type whose equality is not.
    pub collated: bool,
    /// An index starts with this column, so that rows are found by it without reading the table.
    pub indexed: bool,
    /// Text has rules here that only Postgres knows: a nondeterministic collation, or a locale (of column or database) where
    /// the lower case of `I` is not `i`.
    pub peculiar: bool,
}

/// The types of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the field's standard terms; spec of output forms is in `row` and `sql`")]
pub enum FieldType {
    String,
    Text,
    Integer,
    BigInteger,
    Float,
    Decimal,
    Boolean,
    Date,
    Time,
    DateTime,
    Timestamp,
    Json,
    Csv,
    Uuid,
    Hash,
    Binary,
    Geometry,
    Alias,
    Unknown,
}

/// A column's default as far as it matters here.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnDefault {
    /// None.
    None,
    /// A sequence or identity column.
    AutoIncrement,
    /// A literal.
    Value(Value),
    /// An expression that only the database can evaluate.
    Expression(Arc<str>),
}

/// Directus' field specials that have a meaning here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the special of the same name")]
pub enum Special {
    Uuid,
    DateCreated,
    DateUpdated,
    UserCreated,
    UserUpdated,
    RoleCreated,
    RoleUpdated,
    Hash,
    Conceal,
    CastBoolean,
    CastJson,
    CastCsv,
    CastTimestamp,
    CastDateTime,
    File,
    Encrypt,
    ManyToOne,
    OneToMany,
    ManyToMany,
    ManyToAny,
    Files,
    Translations,
    Alias,
    NoData,
}

/// A relation, seen from the table that holds the foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// The table that holds the key.
    pub many_collection: Arc<str>,
    /// The column that holds the key.
    pub many_field: Arc<str>,
    /// The table it points to; `None` for many-to-any.
    pub one_collection: Option<Arc<str>>,
    /// The alias field on the one side.
    pub one_field: Option<Arc<str>>,
    /// Many-to-any: the column of `many_collection` that names the target collection.
    pub one_collection_field: Option<Arc<str>>,
    /// Many-to-any: the collections that may be targets.
    pub one_allowed_collections: Vec<Arc<str>>,
    /// On a junction table: the other foreign key.
    pub junction_field: Option<Arc<str>>,
    /// The column that orders the many side.
    pub sort_field: Option<Arc<str>>,
    /// What happens to a row that is taken out of the list.
    pub one_deselect_action: DeselectAction,
}

/// `one_deselect_action`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeselectAction {
    /// The foreign key becomes NULL.
    Nullify,
    /// The row is deleted.
    Delete,
}

/// What a field stands for, seen from its own collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelationKind {
    /// The field is a foreign key.
    ManyToOne(Arc<Relation>),
    /// The field is an alias for the rows that point here.
    OneToMany(Arc<Relation>),
    /// The field is a key into one of several collections.
    ManyToAny(Arc<Relation>),
}

impl Schema {
    /// An overview of `collections` joined by `relations`.
    #[must_use]
    pub fn new(collections: impl IntoIterator<Item = Collection>, relations: impl IntoIterator<Item = Relation>) -> Self {
        let collections: HashMap<_, _> =
            collections.into_iter().map(|collection| (Arc::clone(&collection.name), Arc::new(collection))).collect();
        let relations: Vec<_> = relations.into_iter().map(Arc::new).collect();
        let mut by_collection: HashMap<Arc<str>, Vec<Arc<Relation>>> = HashMap::new();
        for relation in &relations {
            by_collection.entry(Arc::clone(&relation.many_collection)).or_default().push(Arc::clone(relation));
            if let Some(one) = relation.one_collection.as_ref().filter(|one| **one != relation.many_collection) {
                by_collection.entry(Arc::clone(one)).or_default().push(Arc::clone(relation));
            }
        }
        Self { collections, relations, by_collection }
    }

    /// A collection by name, active or not.
    #[must_use]
    pub fn collection(&self, name: &str) -> Option<&Arc<Collection>> {
        self.collections.get(name)
    }

    /// All collections, in no order.
    pub fn collections(&self) -> impl Iterator<Item = &Arc<Collection>> {
        self.collections.values()
    }

    /// All relations.
    #[must_use]
    pub fn relations(&self) -> &[Arc<Relation>] {
        &self.relations
    }

    /// What relation `field` of `collection` stands for, if any. The related collections may be missing or inactive.
    #[must_use]
    pub fn relation(&self, collection: &str, field: &str) -> Option<RelationKind> {
        self.by_collection.get(collection)?.iter().find_map(|relation| {
            if *relation.many_collection == *collection && *relation.many_field == *field {
                return Some(match relation.one_collection {
                    Some(_) => RelationKind::ManyToOne(Arc::clone(relation)),
                    None => RelationKind::ManyToAny(Arc::clone(relation)),
                });
            }
            let one = relation.one_collection.as_deref() == Some(collection) && relation.one_field.as_deref() == Some(field);
            one.then(|| RelationKind::OneToMany(Arc::clone(relation)))
        })
    }
}

impl Collection {
    /// A field by name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Arc<Field>> {
        self.fields.get(name)
    }

    /// The key field; every collection has one.
    #[must_use]
    pub fn key_field(&self) -> Option<&Arc<Field>> {
        self.fields.get(&self.primary_key)
    }

    /// Fields that are columns.
    pub fn columns(&self) -> impl Iterator<Item = &Arc<Field>> {
        self.fields.values().filter(|field| field.kind != FieldType::Alias)
    }
}

impl PartialEq for Collection {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Field {
    /// Whether the field carries `special`.
    #[must_use]
    pub fn has(&self, special: Special) -> bool {
        self.special.contains(&special)
    }

    /// Whether the value never leaves the server.
    #[must_use]
    pub fn concealed(&self) -> bool {
        self.kind == FieldType::Hash || self.has(Special::Conceal) || self.has(Special::Encrypt)
    }
}

impl PartialEq for Field {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.kind == other.kind
    }
}

impl FieldType {
    /// The name used in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Text => "text",
            Self::Integer => "integer",
            Self::BigInteger => "bigInteger",
            Self::Float => "float",
            Self::Decimal => "decimal",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Time => "time",
            Self::DateTime => "dateTime",
            Self::Timestamp => "timestamp",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Uuid => "uuid",
            Self::Hash => "hash",
            Self::Binary => "binary",
            Self::Geometry => "geometry",
            Self::Alias => "alias",
            Self::Unknown => "unknown",
        }
    }
}

impl Special {
    /// Reads one entry of `directus_fields.special`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "uuid" => Self::Uuid,
            "date-created" => Self::DateCreated,
            "date-updated" => Self::DateUpdated,
            "user-created" => Self::UserCreated,
            "user-updated" => Self::UserUpdated,
            "role-created" => Self::RoleCreated,
            "role-updated" => Self::RoleUpdated,
            "hash" => Self::Hash,
            "conceal" => Self::Conceal,
            "cast-boolean" | "boolean" => Self::CastBoolean,
            "cast-json" | "json" => Self::CastJson,
            "cast-csv" | "csv" => Self::CastCsv,
            "cast-timestamp" => Self::CastTimestamp,
            "cast-datetime" => Self::CastDateTime,
            "file" => Self::File,
            "encrypt" => Self::Encrypt,
            "m2o" => Self::ManyToOne,
            "o2m" | "o2a" => Self::OneToMany,
            "m2m" => Self::ManyToMany,
            "m2a" => Self::ManyToAny,
            "files" => Self::Files,
            "translations" => Self::Translations,
            "alias" => Self::Alias,
            "no-data" => Self::NoData,
            _ => return None,
        })
    }
}
