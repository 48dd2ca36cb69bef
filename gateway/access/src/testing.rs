//! The schema and the permissions that tests of this workspace share: a small newsroom with every kind of relation.
//!
//! It must never be compiled into a program: only tests and the feature `testing` see it. [`NEWSROOM_SQL`] makes the same
//! tables with rows in a real Postgres.
//!
//! ```text
//! articles ─author▶ authors      articles ─category▶ categories ─parent▶ categories (one side: children)
//! articles ◀article─ comments    articles ◀articles_id─ articles_tags ─tags_id▶ tags   (one side: comments, tags)
//! articles ─user_created, user_updated▶ directus_users ─role▶ directus_roles
//! pages ◀pages_id─ pages_blocks ─item, by collection▶ block_text | block_image        (one side: blocks)
//! ```

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Value, json};

use crate::permission::{Action, FieldSet, Permissions, Rule};
use crate::schema::{Accounting, Collection, ColumnDefault, DeselectAction, Field, FieldType, Relation, Schema, Special};

/// The user of [`permissions`]' `$CURRENT_USER`: the reporter.
pub const REPORTER: &str = "10000000-0000-4000-8000-000000000002";

/// Tables and rows of the newsroom, constraints included, as one script.
pub const NEWSROOM_SQL: &str = include_str!("testing/newsroom.sql");

/// The newsroom's overview.
#[must_use]
pub fn newsroom() -> Schema {
    Schema::new(collections(), relations())
}

/// The collections of [`newsroom`], for tests that change one.
#[must_use]
pub fn collections() -> Vec<Collection> {
    let mut all = vec![
        articles(),
        authors(),
        collection(
            "comments",
            vec![
                serial(),
                column("article", FieldType::Integer),
                column("text", FieldType::Text),
                column("approved", FieldType::Boolean),
                column("author_name", FieldType::String),
            ],
        ),
        collection("tags", vec![serial(), column("label", FieldType::String)]),
        collection("articles_tags", vec![serial(), column("articles_id", FieldType::Integer), column("tags_id", FieldType::Integer)]),
        collection(
            "categories",
            vec![
                key(FieldType::String),
                column("name", FieldType::String),
                column("parent", FieldType::String),
                alias("children", Special::OneToMany),
            ],
        ),
        collection("pages", vec![serial(), column("title", FieldType::String), alias("blocks", Special::ManyToAny)]),
        collection(
            "pages_blocks",
            vec![
                serial(),
                column("pages_id", FieldType::Integer),
                column("item", FieldType::String),
                column("collection", FieldType::String),
                column("sort", FieldType::Integer),
            ],
        ),
        collection("block_text", vec![serial(), column("body", FieldType::Text)]),
        collection("block_image", vec![serial(), column("url", FieldType::String), column("caption", FieldType::String)]),
        collection(
            "messages",
            vec![
                serial(),
                column("text", FieldType::String),
                column("user", FieldType::String),
                special(column("date_created", FieldType::Timestamp), &[Special::DateCreated]),
            ],
        ),
        collection(
            "site_settings",
            vec![serial(), column("site_name", FieldType::String), special(column("theme", FieldType::Json), &[Special::CastJson])],
        ),
        users(),
        collection(
            "directus_roles",
            vec![special(key(FieldType::Uuid), &[Special::Uuid]), column("name", FieldType::String), column("parent", FieldType::Uuid)],
        ),
    ];
    for collection in &mut all {
        collection.singleton = &*collection.name == "site_settings";
        collection.system = collection.name.starts_with("directus_");
        if &*collection.name == "articles" {
            collection.sort_field = Some("sort".into());
        }
    }
    all
}

/// The relations of [`newsroom`].
#[must_use]
pub fn relations() -> Vec<Relation> {
    let mut tags = one_to_many("articles_tags", "articles_id", "articles", "tags");
    tags.junction_field = Some("tags_id".into());
    let mut back = many_to_one("articles_tags", "tags_id", "tags");
    back.junction_field = Some("articles_id".into());
    let mut blocks = one_to_many("pages_blocks", "pages_id", "pages", "blocks");
    blocks.junction_field = Some("item".into());
    blocks.sort_field = Some("sort".into());
    let mut item = many_to_one("pages_blocks", "item", "");
    item.one_collection = None;
    item.one_collection_field = Some("collection".into());
    item.one_allowed_collections = vec!["block_text".into(), "block_image".into()];
    item.junction_field = Some("pages_id".into());
    vec![
        many_to_one("articles", "author", "authors"),
        many_to_one("articles", "category", "categories"),
        many_to_one("articles", "user_created", "directus_users"),
        many_to_one("articles", "user_updated", "directus_users"),
        one_to_many("categories", "parent", "categories", "children"),
        one_to_many("comments", "article", "articles", "comments"),
        tags,
        back,
        blocks,
        item,
        many_to_one("directus_users", "role", "directus_roles"),
    ]
}

/// The rights of the newsroom's `reporter`, `reader`, `multi` (two policies), `editor`, `writer`, `admin`; nobody else has any.
#[must_use]
pub fn permissions(user: &str) -> Permissions {
    let mut permissions = Permissions::none();
    let all = ["*"].as_slice();
    let published = json!({"status": {"_eq": "published"}});
    match user {
        "admin" => return Permissions::administrator(),
        "reporter" => {
            let own = json!({"user_created": {"_eq": REPORTER}});
            let fields: Vec<&str> = "id,title,slug,status,body,views,score,price,big,published_at,event_date,event_time,event_datetime,\
                meta,labels,featured,author,category,comments,tags,date_created,date_updated,user_created,user_updated,sort"
                .split(',')
                .collect();
            permissions.add("articles", Action::Read, rule(&json!({"_or": [published, own]}), &fields));
            permissions.add("authors", Action::Read, rule(&Value::Null, &["id", "name", "active"]));
            permissions.add("comments", Action::Read, rule(&json!({"approved": {"_eq": true}}), all));
        }
        "reader" => {
            permissions.add("articles", Action::Read, rule(&published, &["id", "title", "status", "author", "category", "date_created"]));
            permissions.add("authors", Action::Read, rule(&Value::Null, &["id", "name"]));
            permissions.add("categories", Action::Read, rule(&Value::Null, all));
        }
        "multi" => {
            permissions.add("articles", Action::Read, rule(&json!({"status": {"_eq": "draft"}}), &["id", "title", "status", "body"]));
            permissions.add("articles", Action::Read, rule(&json!({"featured": {"_eq": true}}), &["id", "title", "secret"]));
            permissions.add("articles", Action::Update, rule(&json!({"featured": {"_eq": true}}), &["title"]));
        }
        "editor" => {
            for collection in [
                "articles",
                "comments",
                "tags",
                "categories",
                "authors",
                "articles_tags",
                "pages",
                "pages_blocks",
                "block_text",
                "block_image",
            ] {
                permissions.add(collection, Action::Read, rule(&Value::Null, all));
            }
            permissions.add(
                "articles",
                Action::Update,
                rule(&json!({"user_created": {"_eq": "10000000-0000-4000-8000-000000000001"}}), all),
            );
            permissions.add("articles", Action::Delete, rule(&Value::Null, all));
        }
        "writer" => permissions.add("messages", Action::Read, rule(&Value::Null, &["text", "user"])),
        _ => {}
    }
    permissions
}

/// A rule that grants `fields` (`*` for all) on rows that match `items` (null for every row).
#[must_use]
pub fn rule(items: &Value, fields: &[&str]) -> Rule {
    let fields = if fields.contains(&"*") { FieldSet::All } else { FieldSet::Only(fields.iter().map(|&field| field.into()).collect()) };
    Rule { items: (!items.is_null()).then(|| Arc::new(items.clone())), validation: None, presets: None, fields }
}

/// A collection of `fields`; the first is the key.
#[must_use]
pub fn collection(name: &str, fields: Vec<Field>) -> Collection {
    let fields: IndexMap<_, _> = fields.into_iter().map(|field| (Arc::clone(&field.name), Arc::new(field))).collect();
    Collection {
        name: name.into(),
        primary_key: fields.keys().next().map_or_else(|| "id".into(), Arc::clone),
        singleton: false,
        sort_field: None,
        accountability: Accounting::All,
        active: true,
        system: false,
        triggered: false,
        fields,
    }
}

/// A nullable column with the Postgres type that is usual for `kind`.
#[must_use]
pub fn column(name: &str, kind: FieldType) -> Field {
    let (database_type, max_length, numeric) = match kind {
        FieldType::String | FieldType::Hash => ("varchar", Some(255), None),
        FieldType::Text | FieldType::Csv => ("text", None, None),
        FieldType::Integer => ("int4", None, None),
        FieldType::BigInteger => ("int8", None, None),
        FieldType::Float => ("float4", None, None),
        FieldType::Decimal => ("numeric", None, Some((10, 2))),
        FieldType::Boolean => ("bool", None, None),
        FieldType::Date => ("date", None, None),
        FieldType::Time => ("time", None, None),
        FieldType::DateTime => ("timestamp", None, None),
        FieldType::Timestamp => ("timestamptz", None, None),
        FieldType::Json => ("json", None, None),
        FieldType::Uuid => ("uuid", None, None),
        FieldType::Binary => ("bytea", None, None),
        FieldType::Geometry => ("geometry", None, None),
        FieldType::Alias => ("", None, None),
        FieldType::Unknown => ("inet", None, None),
    };
    Field {
        name: name.into(),
        kind,
        database_type: database_type.into(),
        nullable: true,
        default: ColumnDefault::None,
        generated: false,
        special: Vec::new(),
        searchable: true,
        max_length,
        numeric,
        validation: None,
        validation_message: None,
        collated: false,
        peculiar: false,
        indexed: false,
    }
}

/// `field` with specials.
#[must_use]
pub fn special(mut field: Field, specials: &[Special]) -> Field {
    field.special = specials.to_vec();
    field
}

fn with_default(mut field: Field, value: Value) -> Field {
    field.default = ColumnDefault::Value(value);
    field
}

fn key(kind: FieldType) -> Field {
    Field { nullable: false, indexed: true, ..column("id", kind) }
}

fn serial() -> Field {
    Field { default: ColumnDefault::AutoIncrement, ..key(FieldType::Integer) }
}

fn alias(name: &str, kind: Special) -> Field {
    special(column(name, FieldType::Alias), &[kind])
}

fn articles() -> Collection {
    use FieldType as T;
    collection(
        "articles",
        vec![
            serial(),
            column("title", T::String),
            column("slug", T::String),
            with_default(column("status", T::String), json!("draft")),
            column("body", T::Text),
            with_default(column("views", T::Integer), json!(0)),
            column("score", T::Float),
            column("price", T::Decimal),
            column("big", T::BigInteger),
            column("published_at", T::Timestamp),
            column("event_date", T::Date),
            column("event_time", T::Time),
            column("event_datetime", T::DateTime),
            special(column("meta", T::Json), &[Special::CastJson]),
            special(column("labels", T::Csv), &[Special::CastCsv]),
            with_default(special(column("featured", T::Boolean), &[Special::CastBoolean]), json!(false)),
            column("secret", T::String),
            special(column("author", T::Uuid), &[Special::ManyToOne]),
            special(column("category", T::String), &[Special::ManyToOne]),
            special(column("date_created", T::Timestamp), &[Special::DateCreated]),
            special(column("date_updated", T::Timestamp), &[Special::DateUpdated]),
            special(column("user_created", T::Uuid), &[Special::UserCreated]),
            special(column("user_updated", T::Uuid), &[Special::UserUpdated]),
            column("sort", T::Integer),
            alias("comments", Special::OneToMany),
            alias("tags", Special::ManyToMany),
        ],
    )
}

fn authors() -> Collection {
    use FieldType as T;
    collection(
        "authors",
        vec![
            special(key(T::Uuid), &[Special::Uuid]),
            column("name", T::String),
            column("email", T::String),
            column("bio", T::Text),
            column("rating", T::Decimal),
            column("active", T::Boolean),
            column("born", T::Date),
            special(column("interests", T::Csv), &[Special::CastCsv]),
            special(column("settings", T::Json), &[Special::CastJson]),
            special(column("password", T::Hash), &[Special::Hash, Special::Conceal]),
        ],
    )
}

fn users() -> Collection {
    use FieldType as T;
    collection(
        "directus_users",
        vec![
            special(key(T::Uuid), &[Special::Uuid]),
            column("first_name", T::String),
            column("last_name", T::String),
            column("email", T::String),
            special(column("password", T::Hash), &[Special::Hash, Special::Conceal]),
            with_default(column("status", T::String), json!("active")),
            special(column("role", T::Uuid), &[Special::ManyToOne]),
            special(column("token", T::String), &[Special::Conceal]),
            column("last_access", T::Timestamp),
        ],
    )
}

fn many_to_one(many: &str, field: &str, one: &str) -> Relation {
    Relation {
        many_collection: many.into(),
        many_field: field.into(),
        one_collection: Some(one.into()),
        one_field: None,
        one_collection_field: None,
        one_allowed_collections: Vec::new(),
        junction_field: None,
        sort_field: None,
        one_deselect_action: DeselectAction::Nullify,
    }
}

fn one_to_many(many: &str, field: &str, one: &str, alias: &str) -> Relation {
    Relation { one_field: Some(alias.into()), ..many_to_one(many, field, one) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::RelationKind;

    #[test]
    fn relations_are_seen_from_both_sides() {
        let schema = newsroom();
        assert!(matches!(schema.relation("articles", "author"), Some(RelationKind::ManyToOne(_))));
        assert!(matches!(schema.relation("articles", "tags"), Some(RelationKind::OneToMany(_))));
        assert!(matches!(schema.relation("categories", "children"), Some(RelationKind::OneToMany(_))));
        assert!(matches!(schema.relation("categories", "parent"), Some(RelationKind::ManyToOne(_))));
        assert!(matches!(schema.relation("pages_blocks", "item"), Some(RelationKind::ManyToAny(_))));
        assert_eq!(schema.relation("articles", "title"), None);
    }
}
