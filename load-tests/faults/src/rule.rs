//! Conditions on rows, in three forms that are written apart from each other and from the gateway: as a Directus filter, as
//! SQL, and as a test of a known version.
//!
//! It must never be derived from what the gateway does. Every condition lets the marker rows through: their arrival proves
//! that a subscription has caught up.

use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

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
}

impl Rule {
    /// Any condition.
    pub(crate) fn random(random: &mut StdRng, depth: u32) -> Self {
        if random.random_bool(0.15) {
            return Self::HasNote(random.random());
        }
        match random.random_range(0..8) {
            6 if depth > 0 => Self::Both(Box::new(Self::random(random, depth - 1)), Box::new(Self::random(random, depth - 1))),
            7 if depth > 0 => Self::Either(Box::new(Self::random(random, depth - 1)), Box::new(Self::random(random, depth - 1))),
            _ => Self::on_open_fields(random),
        }
    }

    /// A condition on fields that everybody may read: what somebody may not read, he may not filter by.
    pub(crate) fn on_open_fields(random: &mut StdRng) -> Self {
        match random.random_range(0..5) {
            0 => Self::All,
            1 => {
                let from = random.random_range(0..TEAMS.len());
                let to = random.random_range(from..TEAMS.len());
                Self::Team(TEAMS.iter().skip(from).take(to - from + 1).copied().collect())
            }
            2 => Self::LevelAtLeast(random.random_range(1..LEVELS)),
            3 => Self::LevelBelow(random.random_range(1..LEVELS)),
            _ => Self::Mine,
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
        }
    }

    /// As SQL; all constants are of this file.
    pub(crate) fn sql(&self, user: &str) -> String {
        format!("(kind = 'marker' or {})", self.bare_sql(user))
    }

    fn bare_sql(&self, user: &str) -> String {
        match self {
            Self::All => "true".to_owned(),
            Self::Team(teams) => format!("team = any ('{{{}}}')", teams.join(",")),
            Self::LevelAtLeast(level) => format!("level >= {level}"),
            Self::LevelBelow(level) => format!("level < {level}"),
            Self::Mine => format!("owner = '{user}'"),
            Self::HasNote(true) => "note is not null".to_owned(),
            Self::HasNote(false) => "note is null".to_owned(),
            Self::Both(one, other) => format!("({} and {})", one.bare_sql(user), other.bare_sql(user)),
            Self::Either(one, other) => format!("({} or {})", one.bare_sql(user), other.bare_sql(user)),
        }
    }

    /// Whether a version satisfies it.
    pub(crate) fn test(&self, version: &Value, user: &str) -> bool {
        let value = |name: &str| version.get(name).unwrap_or(&Value::Null);
        match self {
            _ if value("kind") == "marker" => true,
            Self::All => true,
            Self::Team(teams) => value("team").as_str().is_some_and(|team| teams.contains(&team)),
            Self::LevelAtLeast(level) => value("level").as_i64().is_some_and(|value| value >= *level),
            Self::LevelBelow(level) => value("level").as_i64().is_some_and(|value| value < *level),
            Self::Mine => value("owner") == user,
            Self::HasNote(has) => value("note").is_null() != *has,
            Self::Both(one, other) => one.test(version, user) && other.test(version, user),
            Self::Either(one, other) => one.test(version, user) || other.test(version, user),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn nulls_satisfy_no_comparison_and_markers_satisfy_everything() {
        let row = json!({"kind": "row", "team": null, "level": null, "owner": null, "note": null});
        let marker = json!({"kind": "marker"});
        for rule in [Rule::Team(vec!["red"]), Rule::LevelAtLeast(0), Rule::LevelBelow(9), Rule::Mine, Rule::HasNote(true)] {
            assert!(!rule.test(&row, "u"), "{rule:?}");
            assert!(rule.test(&marker, "u"), "{rule:?}");
        }
        assert!(Rule::HasNote(false).test(&row, "u"));
    }

    #[test]
    fn every_random_rule_has_a_filter_and_sql() {
        let mut random = StdRng::seed_from_u64(1);
        for _ in 0..100 {
            let rule = Rule::random(&mut random, 2);
            assert!(rule.filter().is_object() && rule.sql("u").starts_with("(kind = 'marker' or "));
        }
    }
}
