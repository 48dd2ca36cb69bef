//! Short ways to write plans by hand.
//!
//! It must never go through the planner: these tests say what a plan means, whoever made it.

use std::sync::Arc;

use access::plan::{
    Comparison, DatePart, Direction, Filter, Function, Hop, Level, Operand, ReadPlan, Root, Rows, RuleSet, Scalar, Selected, Selection,
    Shown, Sort, Test,
};
use access::schema::{Collection, Field, Relation, RelationKind, Schema};
use access::sql::{ReadOptions, Shape};
use access::testing::{collections, newsroom, relations};

/// The newsroom and what plans are made of.
pub(crate) struct Plans(Schema);

impl Plans {
    /// As Directus leaves it: no index on any foreign key.
    pub(crate) fn new() -> Self {
        Self(newsroom())
    }

    /// The same as if every column had an index.
    pub(crate) fn indexed() -> Self {
        let mut collections = collections();
        for collection in &mut collections {
            for field in collection.fields.values_mut() {
                *field = Arc::new(Field { indexed: true, ..Field::clone(field) });
            }
        }
        Self(Schema::new(collections, relations()))
    }

    pub(crate) fn collection(&self, name: &str) -> Arc<Collection> {
        Arc::clone(self.0.collection(name).unwrap())
    }

    pub(crate) fn field(&self, collection: &str, name: &str) -> Arc<Field> {
        Arc::clone(self.0.collection(collection).unwrap().field(name).unwrap())
    }

    pub(crate) fn relation(&self, collection: &str, field: &str) -> Arc<Relation> {
        match self.0.relation(collection, field).unwrap() {
            RelationKind::ManyToOne(relation) | RelationKind::OneToMany(relation) | RelationKind::ManyToAny(relation) => relation,
        }
    }

    /// The rows of `collection` by key, unlimited, with these columns.
    pub(crate) fn level(&self, collection: &str, columns: &[&str]) -> Level {
        Level {
            collection: self.collection(collection),
            select: columns.iter().map(|name| self.select(collection, name)).collect(),
            filter: None,
            search: None,
            access: RuleSet::everything(),
            sort: vec![self.sort(collection, "id")],
            limit: None,
            offset: 0,
        }
    }

    pub(crate) fn select(&self, collection: &str, name: &str) -> Selection {
        shown(name, Selected::Column(self.field(collection, name)))
    }

    pub(crate) fn sort(&self, collection: &str, name: &str) -> Sort {
        Sort { path: Vec::new(), operand: Operand::Column(self.field(collection, name)), shown: Shown::Always, descending: false }
    }

    pub(crate) fn part(&self, part: DatePart, collection: &str, name: &str) -> Function {
        Function::DatePart { part, field: self.field(collection, name) }
    }

    /// A hop from `collection` through `field`; `target` matters for many-to-any.
    pub(crate) fn hop(&self, collection: &str, field: &str, target: &str) -> Hop {
        let (relation, direction) = match self.0.relation(collection, field).unwrap() {
            RelationKind::ManyToOne(relation) => (relation, Direction::ToOne),
            RelationKind::OneToMany(relation) => (relation, Direction::ToMany),
            RelationKind::ManyToAny(relation) => (relation, Direction::ToAny),
        };
        Hop { relation, direction, target: self.collection(target), access: RuleSet::everything(), shown: Shown::Always }
    }

    pub(crate) fn compare(&self, path: Vec<Hop>, collection: &str, name: &str, test: Test) -> Filter {
        Filter::Compare(Comparison { path, operand: Operand::Column(self.field(collection, name)), shown: Shown::Always, test })
    }

    pub(crate) fn own(&self, collection: &str, name: &str, test: Test) -> Filter {
        self.compare(Vec::new(), collection, name, test)
    }

    /// `relation` expanded to one object.
    pub(crate) fn one(&self, collection: &str, field: &str, level: Level) -> Selection {
        shown(field, Selected::One { relation: self.relation(collection, field), level: Box::new(level) })
    }

    /// `relation` expanded to a list.
    pub(crate) fn many(&self, collection: &str, field: &str, level: Level) -> Selection {
        shown(field, Selected::Many { relation: self.relation(collection, field), level: Box::new(level), resort: None })
    }
}

pub(crate) fn shown(key: &str, value: Selected) -> Selection {
    Selection { key: key.to_owned(), value, shown: Shown::Always }
}

pub(crate) fn plan(level: Level) -> ReadPlan {
    ReadPlan { root: Root::Items(level), total_count: None, filter_count: None, count_filter: None }
}

pub(crate) fn options(shape: Shape) -> ReadOptions {
    ReadOptions { shape, snapshot: false, keys: None }
}

pub(crate) fn text(value: &str) -> Scalar {
    Scalar::Text(value.to_owned())
}

pub(crate) fn number(value: &str) -> Scalar {
    Scalar::Number(value.to_owned())
}

/// Rows that match any of the rules.
pub(crate) fn rules(rules: Vec<Filter>) -> Arc<RuleSet> {
    let rows = Rows::Matching((0..rules.len()).collect());
    Arc::new(RuleSet { rules, rows })
}
