//! The permission rules of one collection, merged and planned once per request.
//!
//! It must never widen: a rule that cannot be planned (broken JSON, unknown fields) keeps its place and matches nothing.
//!
//! Cost: every rule of a collection that the request touches is planned once; questions about fields are linear in the rules.

use std::sync::Arc;

use serde_json::Value;

use super::context::Context;
use crate::permission::{FieldSet, Rule};
use crate::plan::{Filter, Rows, RuleSet, Shown};
use crate::schema::{Collection, Field};

/// What a session may see of one collection.
pub(super) struct Grants {
    /// What an administrator has, and the inside of permission rules.
    everything: bool,
    entries: Vec<Grant>,
    /// All rows that the session may see, whatever fields are asked for.
    all: Arc<RuleSet>,
}

/// Rules with the same item filter, their fields united.
struct Grant {
    items: Option<Arc<Value>>,
    fields: FieldSet,
    /// The index among the rule set's filters; `None` is every row.
    rule: Option<usize>,
}

impl Grants {
    /// No restriction at all.
    pub(super) fn everything() -> Self {
        Self { everything: true, entries: Vec::new(), all: RuleSet::everything() }
    }

    /// Merges and plans `rules`.
    pub(super) fn new(context: &Context<'_>, collection: &Arc<Collection>, rules: &[Rule]) -> Self {
        let mut entries: Vec<Grant> = Vec::new();
        for rule in rules {
            // An empty filter is no filter.
            let items = rule.items.clone().filter(|items| !items.is_null() && items.as_object().is_none_or(|members| !members.is_empty()));
            match entries.iter_mut().find(|grant| grant.items == items) {
                Some(grant) => unite(&mut grant.fields, &rule.fields),
                None => entries.push(Grant { items, fields: rule.fields.clone(), rule: None }),
            }
        }
        let mut filters = Vec::new();
        for grant in &mut entries {
            let Some(items) = &grant.items else { continue };
            let planned = context.rule_filter(collection, items).unwrap_or_else(|_| Some(Filter::Or(Vec::new())));
            if let Some(filter) = planned {
                grant.rule = Some(filters.len());
                filters.push(filter);
            }
        }
        let rows = rows(&entries);
        Self { everything: false, entries, all: Arc::new(RuleSet { rules: filters, rows }) }
    }

    /// Whether the session may read the collection at all.
    pub(super) fn readable(&self) -> bool {
        self.everything || !self.entries.is_empty()
    }

    /// Whether some rule grants `field`.
    pub(super) fn allows(&self, field: &str) -> bool {
        self.everything || self.entries.iter().any(|grant| grant.fields.contains(field))
    }

    /// The first field that the rules name and that `fits`.
    pub(super) fn first<'c>(&self, collection: &'c Collection, fits: impl Fn(&Arc<Field>) -> bool) -> Option<&'c Arc<Field>> {
        self.entries.iter().find_map(|grant| match &grant.fields {
            FieldSet::All => collection.columns().find(|field| fits(field)),
            FieldSet::Only(names) => names.iter().filter_map(|name| collection.field(name)).find(|field| fits(field)),
        })
    }

    /// All rows that the session may see.
    pub(super) fn all(&self) -> &Arc<RuleSet> {
        &self.all
    }

    /// The rows that exist where `fields` are asked for: those of the rules that grant one of them, or of all rules where
    /// nothing is asked for.
    pub(super) fn rows<'f>(&self, fields: impl Iterator<Item = &'f str> + Clone) -> Rows {
        if self.everything || fields.clone().next().is_none() {
            return self.all.rows.clone();
        }
        let takes_part = |grant: &&Grant| fields.clone().any(|field| grant.fields.contains(field));
        rows(self.entries.iter().filter(takes_part))
    }

    /// The rule set that admits `rows`.
    pub(super) fn rule_set(&self, rows: Rows) -> Arc<RuleSet> {
        if rows == self.all.rows { Arc::clone(&self.all) } else { Arc::new(RuleSet { rules: self.all.rules.clone(), rows }) }
    }

    /// Where `field` may be seen, whichever of the session's rows it stands in.
    pub(super) fn shown(&self, field: &str) -> Shown {
        self.shown_within(field, &self.all.rows)
    }

    /// Where `field` may be seen among `rows`.
    pub(super) fn shown_within(&self, field: &str, rows: &Rows) -> Shown {
        if self.everything {
            return Shown::Always;
        }
        let mut granting = Vec::new();
        for grant in self.entries.iter().filter(|grant| grant.fields.contains(field)) {
            match grant.rule {
                None => return Shown::Always,
                Some(rule) => granting.push(rule),
            }
        }
        match rows {
            Rows::Matching(admitted) if admitted.iter().all(|rule| granting.contains(rule)) && !granting.is_empty() => Shown::Always,
            Rows::Matching(_) | Rows::All => Shown::When(granting),
        }
    }

    /// For every one of `fields`, the rules that grant it; `None` stands for a rule without item filter.
    pub(super) fn granting(&self, field: &str) -> Vec<Option<Filter>> {
        let granting = self.entries.iter().filter(|grant| grant.fields.contains(field));
        granting.map(|grant| grant.rule.and_then(|rule| self.all.rules.get(rule)).cloned()).collect()
    }
}

fn rows<'g>(grants: impl IntoIterator<Item = &'g Grant>) -> Rows {
    let rules: Option<Vec<usize>> = grants.into_iter().map(|grant| grant.rule).collect();
    rules.map_or(Rows::All, Rows::Matching)
}

fn unite(fields: &mut FieldSet, more: &FieldSet) {
    match (&mut *fields, more) {
        (FieldSet::All, _) => {}
        (_, FieldSet::All) => *fields = FieldSet::All,
        (FieldSet::Only(names), FieldSet::Only(more)) => names.extend(more.iter().cloned()),
    }
}
