//! Conditions on rows, in three forms that are written apart from each other and from the gateway: as a Directus filter, as
//! SQL, and as a test of a known version.
//!
//! It must never be derived from what the gateway does. Every condition lets the marker rows through: their arrival proves
//! that a subscription has caught up.

use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::relation::{Relation, Truth, World};

/// The teams of the rows.
pub(crate) const TEAMS: [&str; 4] = ["red", "green", "blue", "grey"];
/// Levels are below this.
pub(crate) const LEVELS: i64 = 6;

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Every row.
    All,
    Team(Vec<&'static str>),
    LevelAtLeast(i64),
    LevelBelow(i64),
    /// `$CURRENT_USER`.
    Mine,
    HasNote(bool),
    Both(Box<Self>, Box<Self>),
    Either(Box<Self>, Box<Self>),
    /// The related row satisfies it, or some of many do.
    Related(&'static Relation, Box<Self>),
}

impl Rule {
    /// Any condition on a row of `collection` itself, or through its relation.
    pub(crate) fn random(random: &mut StdRng, collection: &str, depth: u32) -> Self {
        if random.random_bool(0.15) {
            return Self::HasNote(random.random());
        }
        match random.random_range(0..9) {
            6 if depth > 0 => {
                Self::Both(Box::new(Self::random(random, collection, depth - 1)), Box::new(Self::random(random, collection, depth - 1)))
            }
            7 if depth > 0 => {
                Self::Either(Box::new(Self::random(random, collection, depth - 1)), Box::new(Self::random(random, collection, depth - 1)))
            }
            8 => Self::related(random, collection),
            _ => Self::on_open_fields(random),
        }
    }

    /// A condition on fields that everybody may read: what somebody may not read, he may not filter by.
    pub(crate) fn on_open_fields(random: &mut StdRng) -> Self {
        if random.random_bool(0.2) { Self::All } else { Self::comparison(random) }
    }

    /// A condition on the related rows of a row.
    pub(crate) fn related(random: &mut StdRng, collection: &str) -> Self {
        // A single comparison: that of the absent row is false, and `_some` takes no more from a user.
        Self::Related(Relation::of(collection), Box::new(Self::comparison(random)))
    }

    fn comparison(random: &mut StdRng) -> Self {
        match random.random_range(0..4) {
            0 => {
                let from = random.random_range(0..TEAMS.len());
                let to = random.random_range(from..TEAMS.len());
                Self::Team(TEAMS.iter().skip(from).take(to - from + 1).copied().collect())
            }
            1 => Self::LevelAtLeast(random.random_range(1..LEVELS)),
            2 => Self::LevelBelow(random.random_range(1..LEVELS)),
            _ => Self::Mine,
        }
    }

    /// Whether other rows than its own decide.
    pub(crate) fn is_relational(&self) -> bool {
        match self {
            Self::Related(..) => true,
            Self::Both(one, other) | Self::Either(one, other) => one.is_relational() || other.is_relational(),
            Self::All | Self::Team(_) | Self::LevelAtLeast(_) | Self::LevelBelow(_) | Self::Mine | Self::HasNote(_) => false,
        }
    }

    /// As a Directus filter.
    pub(crate) fn filter(&self) -> Value {
        if *self == Self::All { json!({}) } else { json!({"_or": [{"kind": {"_eq": "marker"}}, self.bare_filter()]}) }
    }

    fn bare_filter(&self) -> Value {
        match self {
            Self::All => json!({"kind": {"_nnull": true}}),
            Self::Team(teams) => json!({"team": {"_in": teams}}),
            Self::LevelAtLeast(level) => json!({"level": {"_gte": level}}),
            Self::LevelBelow(level) => json!({"level": {"_lt": level}}),
            Self::Mine => json!({"owner": {"_eq": "$CURRENT_USER"}}),
            Self::HasNote(true) => json!({"note": {"_nnull": true}}),
            Self::HasNote(false) => json!({"note": {"_null": true}}),
            Self::Both(one, other) => json!({"_and": [one.bare_filter(), other.bare_filter()]}),
            Self::Either(one, other) => json!({"_or": [one.bare_filter(), other.bare_filter()]}),
            Self::Related(relation, rule) if relation.many => json!({relation.field: {"_some": rule.bare_filter()}}),
            Self::Related(relation, rule) => json!({relation.field: rule.bare_filter()}),
        }
    }

    /// As SQL about the row `of`; all constants are of this file. Of related rows only those count that `access`, the rule of
    /// who asks on their collection, lets through; without it all do.
    pub(crate) fn sql(&self, of: &str, user: &str, access: Option<&Self>) -> String {
        format!("({of}.kind = 'marker' or {})", self.bare_sql(of, user, access))
    }

    fn bare_sql(&self, of: &str, user: &str, access: Option<&Self>) -> String {
        let same = |rule: &Self| rule.bare_sql(of, user, access);
        match self {
            Self::All => "true".to_owned(),
            Self::Team(teams) => format!("{of}.team = any ('{{{}}}')", teams.join(",")),
            Self::LevelAtLeast(level) => format!("{of}.level >= {level}"),
            Self::LevelBelow(level) => format!("{of}.level < {level}"),
            Self::Mine => format!("{of}.owner = '{user}'"),
            Self::HasNote(true) => format!("{of}.note is not null"),
            Self::HasNote(false) => format!("{of}.note is null"),
            Self::Both(one, other) => format!("({} and {})", same(one), same(other)),
            Self::Either(one, other) => format!("({} or {})", same(one), same(other)),
            Self::Related(relation, rule) => {
                let Relation { to, key, many, .. } = relation;
                let related = format!("{of}_{to}");
                let join = if *many { format!("{related}.{key} = {of}.id") } else { format!("{related}.id = {of}.{key}") };
                let visible = access.map_or("true".to_owned(), |access| access.sql(&related, user, None));
                let rule = rule.bare_sql(&related, user, None);
                format!("exists (select from {to} {related} where {join} and {rule} and {visible})")
            }
        }
    }

    /// Whether a version satisfies it, in the span of `world`.
    pub(crate) fn test(&self, version: &Value, user: &str, world: &World<'_>) -> Truth {
        let value = |name: &str| version.get(name).unwrap_or(&Value::Null);
        if value("kind") == "marker" {
            return Truth::Yes;
        }
        match self {
            Self::All => Truth::Yes,
            Self::Team(teams) => value("team").as_str().is_some_and(|team| teams.contains(&team)).into(),
            Self::LevelAtLeast(level) => value("level").as_i64().is_some_and(|value| value >= *level).into(),
            Self::LevelBelow(level) => value("level").as_i64().is_some_and(|value| value < *level).into(),
            Self::Mine => (value("owner") == user).into(),
            Self::HasNote(has) => (value("note").is_null() != *has).into(),
            Self::Both(one, other) => one.test(version, user, world).min(other.test(version, user, world)),
            Self::Either(one, other) => one.test(version, user, world).max(other.test(version, user, world)),
            Self::Related(relation, rule) => world.related(relation, version, user, |related| rule.test(related, user, world)),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;
    use crate::history::History;

    #[test]
    fn nulls_satisfy_no_comparison_and_markers_satisfy_everything() {
        let row = json!({"kind": "row", "team": null, "level": null, "owner": null, "note": null, "folder": null});
        let marker = json!({"kind": "marker"});
        let history = History::default();
        let world = World { history: &history, from: 0, until: 0, access: None };
        let through = Rule::Related(Relation::of("docs"), Box::new(Rule::Mine));
        for rule in [Rule::Team(vec!["red"]), Rule::LevelAtLeast(0), Rule::LevelBelow(9), Rule::Mine, Rule::HasNote(true), through] {
            assert_eq!(rule.test(&row, "u", &world), Truth::No, "{rule:?}");
            assert_eq!(rule.test(&marker, "u", &world), Truth::Yes, "{rule:?}");
        }
        assert_eq!(Rule::HasNote(false).test(&row, "u", &world), Truth::Yes);
    }

    #[test]
    fn every_random_rule_has_a_filter_and_sql() {
        let mut random = StdRng::seed_from_u64(1);
        for collection in ["folders", "docs", "tags"].repeat(50) {
            let rule = Rule::random(&mut random, collection, 2);
            assert!(rule.filter().is_object() && rule.sql("t", "u", Some(&rule)).starts_with("(t.kind = 'marker' or "));
        }
    }

    #[test]
    fn related_rows_count_where_their_reader_may_see_them() {
        let rule = Rule::Related(Relation::of("folders"), Box::new(Rule::LevelBelow(3)));
        assert_eq!(rule.filter(), json!({"_or": [{"kind": {"_eq": "marker"}}, {"docs": {"_some": {"level": {"_lt": 3}}}}]}));
        assert_eq!(
            rule.sql("t", "u", Some(&Rule::Mine)),
            "(t.kind = 'marker' or exists (select from docs t_docs where t_docs.folder = t.id and t_docs.level < 3 \
             and (t_docs.kind = 'marker' or t_docs.owner = 'u')))"
        );
        let rule = Rule::Related(Relation::of("docs"), Box::new(Rule::Mine));
        assert_eq!(rule.filter()["_or"][1], json!({"folder": {"owner": {"_eq": "$CURRENT_USER"}}}));
    }
}
