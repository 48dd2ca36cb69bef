//! What a client subscribes to.
//!
//! It must never ask for something that its user's permissions may refuse: they grant what is asked for here, or nothing.

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use serde_json::{Value, json};

use crate::grants::COLLECTIONS;
use crate::relation::Relation;
use crate::rule::Rule;

/// Fields of a related row that are asked for; the stamp names the version.
pub(crate) const THROUGH: [&str; 4] = ["id", "stamp", "team", "level"];

/// What a client subscribes to.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub(crate) uid: String,
    /// By its place in [`COLLECTIONS`].
    pub(crate) collection: usize,
    pub(crate) filter: Rule,
    /// `None`: `*`.
    pub(crate) fields: Option<Vec<&'static str>>,
    /// Fields of the one related row, too.
    pub(crate) through: bool,
    /// The number of rows, not the rows.
    pub(crate) aggregate: bool,
    /// Goes on from its position when a connection has ended, instead of beginning anew.
    pub(crate) resume: bool,
    /// Over `/graphql`: it has no `init` and no filter, and tells row by row.
    pub(crate) graphql: bool,
}

impl Subscription {
    /// Anything that the protocol of `/websocket` offers.
    pub(crate) fn random(random: &mut StdRng, number: usize) -> Self {
        let collection = random.random_range(0..COLLECTIONS.len());
        let name = COLLECTIONS.get(collection).copied().unwrap_or_default();
        let one = |random: &mut StdRng| Box::new(Rule::on_open_fields(random));
        let filter = match random.random_range(0..9) {
            0 => Rule::All,
            1 => Rule::Both(one(random), one(random)),
            2 => Rule::Either(one(random), one(random)),
            3 => Rule::related(random, name),
            4 => Rule::Both(one(random), Box::new(Rule::related(random, name))),
            5 => Rule::Either(one(random), Box::new(Rule::related(random, name))),
            _ => Rule::on_open_fields(random),
        };
        // `*` has the keys of related rows: those would change with no change of the row itself.
        let listed = Relation::of(name).many || random.random_bool(0.4);
        let fields = listed.then(|| {
            let mut fields = Self::fewest();
            fields.extend(["team", "level", "owner"].iter().filter(|_| random.random_bool(0.5)));
            fields.shuffle(random);
            fields
        });
        let through = !Relation::of(name).many && random.random_bool(0.2);
        let aggregate = random.random_bool(0.12);
        Self { uid: format!("s{number}"), collection, filter, fields, through, aggregate, resume: random.random_bool(0.6), graphql: false }
    }

    /// A whole collection, as GraphQL offers it: all rows that the user may see.
    pub(crate) fn whole(random: &mut StdRng, number: usize) -> Self {
        let mut fields = Self::fewest();
        fields.extend(["team", "level", "owner"].iter().filter(|_| random.random_bool(0.7)));
        Self {
            uid: format!("g{number}"),
            collection: number % COLLECTIONS.len(),
            filter: Rule::All,
            fields: Some(fields),
            through: false,
            aggregate: false,
            resume: false,
            graphql: true,
        }
    }

    fn fewest() -> Vec<&'static str> {
        vec!["id", "stamp", "kind", "n"]
    }

    /// The collection's name.
    pub(crate) fn collection_name(&self) -> &'static str {
        COLLECTIONS.get(self.collection).copied().unwrap_or_default()
    }

    /// Where its relation leads.
    pub(crate) fn relation(&self) -> &'static Relation {
        Relation::of(self.collection_name())
    }

    /// The related collection, by its place in [`COLLECTIONS`], if what is asked for needs a right on it.
    pub(crate) fn related(&self) -> Option<usize> {
        let place = || COLLECTIONS.iter().position(|name| *name == self.relation().to);
        (self.filter.is_relational() || self.through && !self.aggregate).then(place).flatten()
    }

    /// The message of `/websocket`.
    pub(crate) fn message(&self, position: Option<&str>) -> Value {
        let filter = self.filter.filter();
        let query = if self.aggregate {
            json!({"aggregate": {"count": "*"}, "filter": filter})
        } else {
            let mut fields: Vec<String> =
                self.fields.as_ref().map_or_else(|| vec!["*".to_owned()], |fields| fields.iter().map(|&field| field.to_owned()).collect());
            if self.through {
                fields.extend(THROUGH.map(|field| format!("{}.{field}", self.relation().field)));
            }
            json!({"fields": fields, "filter": filter, "limit": -1})
        };
        let mut message = json!({"type": "subscribe", "collection": self.collection_name(), "uid": self.uid, "query": query});
        if self.resume
            && let Some(message) = message.as_object_mut()
        {
            message.insert("resume".to_owned(), position.map_or(json!(true), |position| json!(position)));
        }
        message
    }

    /// A GraphQL operation by this subscription's name: the subscription itself, or the query for the rows of now.
    pub(crate) fn operation(&self, rows: bool) -> Value {
        let fields = self.fields.iter().flatten().copied().collect::<Vec<_>>().join(" ");
        let name = self.collection_name();
        let (id, document) = if rows {
            (format!("rows-{}", self.uid), format!("query {{ {name}(limit: -1) {{ {fields} }} }}"))
        } else {
            (self.uid.clone(), format!("subscription {{ {name}_mutated {{ key event data {{ {fields} }} }} }}"))
        };
        json!({"id": id, "type": "subscribe", "payload": {"query": document}})
    }

    /// The key of this collection's marker.
    pub(crate) fn marker(&self) -> &'static str {
        if self.has_text_keys() { "\"marker\"" } else { "-1" }
    }

    /// Whether keys are text.
    pub(crate) fn has_text_keys(&self) -> bool {
        self.collection_name() == "tags"
    }
}
