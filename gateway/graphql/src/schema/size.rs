//! What schemas cost: a hundred collections, twenty sets of permissions.

use std::sync::Arc;
use std::time::Instant;

use access::permission::{Action, Permissions};
use access::schema::{Collection, Relation, Schema as Overview};
use access::testing;
use serde_json::Value;

use super::Schema;

/// The newsroom's articles a hundred times, each with the authors, categories and comments of its own.
fn overview() -> Overview {
    let own = ["articles", "authors", "comments", "categories"];
    let mut collections: Vec<Collection> = Vec::new();
    let mut relations: Vec<Relation> = Vec::new();
    for copy in 0..25 {
        let renamed = |name: &str| -> Arc<str> { if own.contains(&name) { format!("{name}_{copy}").into() } else { name.into() } };
        for mut collection in testing::collections().into_iter().filter(|collection| own.contains(&&*collection.name)) {
            collection.name = renamed(&collection.name);
            collections.push(collection);
        }
        for mut relation in testing::relations().into_iter().filter(|relation| own.contains(&&*relation.many_collection)) {
            relation.many_collection = renamed(&relation.many_collection);
            relation.one_collection = relation.one_collection.map(|one| renamed(&one));
            relations.push(relation);
        }
    }
    collections.extend(testing::collections().into_iter().filter(|collection| collection.system));
    relations.retain(|relation| collections.iter().any(|collection| Some(&collection.name) == relation.one_collection.as_ref()));
    Overview::new(collections, relations)
}

/// Everything but the collections of some copies.
fn permissions(number: usize, overview: &Overview) -> Permissions {
    let mut permissions = Permissions::none();
    for collection in overview.collections().filter(|collection| !collection.name.ends_with(&format!("_{number}"))) {
        for action in [Action::Create, Action::Read, Action::Update, Action::Delete] {
            permissions.add(&collection.name, action, testing::rule(&Value::Null, &["*"]));
        }
    }
    permissions
}

#[test]
fn a_hundred_collections_and_twenty_sets_of_permissions() {
    let overview = Arc::new(overview());
    assert!(overview.collections().count() >= 100);
    let resident = resident();
    let start = Instant::now();
    let schemas: Vec<Schema> = (0..20).map(|number| Schema::build(&overview, &permissions(number, &overview))).collect();
    let took = start.elapsed() / 20;
    let grown = self::resident().saturating_sub(resident);
    let bytes: usize = schemas.iter().map(Schema::heap_bytes).sum();
    let types = schemas.first().map_or(0, |schema| schema.types.sorted().len());
    eprintln!("{types} types, {took:?} each, {} KiB each by count, {} KiB each by resident memory", bytes / 20 / 1024, grown / 20);
    assert!(types > 900, "{types}");
    assert!(bytes / 20 < 2 << 20, "{} bytes", bytes / 20);
}

/// Resident memory in KiB.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4
}
