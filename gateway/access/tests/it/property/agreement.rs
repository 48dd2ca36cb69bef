//! One plan, executed by both, row by row.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use access::plan::{Filter, Level, ReadPlan, Root, RuleSet};
use access::row::{Membership, NotLocal, Order, PredicateIndex, Projection, RowImage, Verdict};
use access::sql::{self, ReadOptions, Shape};
use rand::Rng as _;
use rand::rngs::StdRng;

use super::session::Database;
use super::table::Table;

/// What a run saw.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    plans: usize,
    refused_by_database: usize,
    not_local: usize,
    rows: usize,
    undecided_rows: usize,
    visible: usize,
    not_printable: usize,
    printed: usize,
    undecided_prints: usize,
    ordered: usize,
    covered: usize,
    pub(crate) refused_by_planner: usize,
    pub(crate) explained: usize,
    reasons: BTreeSet<String>,
}

impl Tally {
    /// The shares that the database may have to decide. A matcher that asks too often is right, and useless.
    pub(crate) fn finish(&self) {
        println!("{self:#?}");
        if self.plans < 4_000 {
            return;
        }
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        assert!(share(self.refused_by_database, self.plans) < 0.08, "Postgres refuses too many plans");
        assert!(share(self.not_local, self.plans) < 0.35, "too many plans are not local");
        assert!(share(self.undecided_rows, self.rows) < 0.03, "too many rows are undecided");
        assert!(share(self.undecided_prints, self.printed) < 0.15, "too many rows are not printed");
        assert!(self.visible * 10 > self.rows, "hardly any row is visible, so that little is tested");
        assert!(share(self.refused_by_planner, self.plans) < 0.2, "the planner refuses too many queries");
        assert!(self.ordered > 0 && self.covered > 0);
    }
}

/// What the database says: the visible rows by key, and what is shown of them.
pub(crate) type Answer = BTreeMap<String, String>;

/// Executes `level` both ways and panics where they differ, with the smallest plan that still does.
pub(crate) async fn check(database: &Database, table: &Table, level: &Level, random: &mut StdRng, label: &str, tally: &mut Tally) {
    tally.plans += 1;
    let answer = match ask(database, level).await {
        Ok(answer) => answer,
        Err(error) => {
            tally.refused_by_database += 1;
            let reason = error.as_db_error().map_or_else(|| panic!("{label}: {error:?}"), |error| error.message().to_owned());
            // The statement itself, not a value, is at fault.
            assert!(!reason.contains("parameter"), "{label}: {reason}: {}", sql::read(&plan(level), &options()).text);
            tally.reasons.insert(reason);
            return;
        }
    };
    if let Some(mut difference) = compare(table, level, &answer, tally) {
        let mut smallest = level.clone();
        while let Some((smaller, other)) = reduce(database, table, &smallest).await {
            (smallest, difference) = (smaller, other);
        }
        let statement = sql::read(&plan(&smallest), &options());
        panic!(
            "{label}: {difference}
{}
{:?}",
            statement.text, statement.parameters
        );
    }
    check_omitted(table, level, &answer, random, label);
    if random.random_bool(0.1) {
        check_order(database, table, level, label, tally).await;
    }
}

fn plan(level: &Level) -> ReadPlan {
    ReadPlan { root: Root::Items(level.clone()), total_count: None, filter_count: None, count_filter: None }
}

fn options() -> ReadOptions {
    ReadOptions { shape: Shape::Keyed, snapshot: false, keys: None }
}

pub(crate) async fn ask(database: &Database, level: &Level) -> Result<Answer, tokio_postgres::Error> {
    let rows = database.query(&sql::read(&plan(level), &options())).await?;
    Ok(rows.iter().map(|row| (row.get("key"), row.get("data"))).collect())
}

/// The first difference, if any.
fn compare(table: &Table, level: &Level, answer: &Answer, tally: &mut Tally) -> Option<String> {
    let strict = Membership::compile(level);
    let Ok(membership) = strict.as_ref().cloned().or_else(|_| Membership::prefilter(level)) else {
        return Some("a plan that contradicts itself".to_owned());
    };
    let projection = Projection::compile(level);
    tally.not_local += usize::from(strict.as_ref().is_err_and(|reason| *reason != NotLocal::Relation));
    tally.not_printable += usize::from(projection.is_err());
    tally.covered += usize::from(!membership.covers().is_empty());
    // One index for each, because an index takes the cover that suits it.
    let indexes = membership.covers().iter().map(|cover| {
        let mut index = PredicateIndex::default();
        index.insert((), std::slice::from_ref(cover));
        (cover, index)
    });
    let indexes: Vec<_> = indexes.collect();
    for row in &table.rows {
        let image = RowImage::parse(&row.image, &[]).unwrap();
        let shown = answer.get(&row.key);
        let verdict = membership.test(&image);
        tally.rows += usize::from(strict.is_ok());
        tally.visible += usize::from(shown.is_some() && strict.is_ok());
        match (verdict, shown) {
            (Verdict::Undecided, _) => tally.undecided_rows += usize::from(strict.is_ok()),
            (Verdict::Yes, Some(_)) | (Verdict::No, None) => {}
            (Verdict::Yes, None) | (Verdict::No, Some(_)) => {
                return Some(format!("here {verdict:?}, but the database shows {shown:?} of {}", row.image));
            }
        }
        let Some(shown) = shown else { continue };
        for (cover, index) in &indexes {
            if index.candidates([[None, Some(&image)]]).is_empty() && index.others().next().is_none() {
                return Some(format!("{cover:?} does not find {}", row.image));
            }
        }
        let Ok(projection) = &projection else { continue };
        tally.printed += 1;
        let mut out = Vec::new();
        match projection.write(&image, &mut out) {
            Err(_) => tally.undecided_prints += 1,
            Ok(()) => {
                let out = String::from_utf8(out).unwrap();
                if canonical(&out) != canonical(shown) {
                    return Some(format!("here {out}\nthe database {shown}\nof {}", row.image));
                }
            }
        }
    }
    None
}

/// With columns left out, the verdict is the same or none.
fn check_omitted(table: &Table, level: &Level, answer: &Answer, random: &mut StdRng, label: &str) {
    let Ok(membership) = Membership::compile(level) else { return };
    let projection = Projection::compile(level);
    let omitted: Vec<Box<str>> = table.columns.iter().filter(|_| random.random_bool(0.2)).map(|(field, _)| (*field.name).into()).collect();
    for row in table.rows.iter().take(5) {
        let image = RowImage::parse(&row.image, &omitted).unwrap();
        let shown = answer.get(&row.key);
        match membership.test(&image) {
            Verdict::Undecided => {}
            verdict @ (Verdict::Yes | Verdict::No) => {
                assert_eq!(verdict == Verdict::Yes, shown.is_some(), "{label}: without {omitted:?}: {level:#?} {}", row.image)
            }
        }
        let (Ok(projection), Some(shown)) = (&projection, shown) else { continue };
        let mut out = Vec::new();
        if projection.write(&image, &mut out).is_ok() {
            assert_eq!(canonical(&String::from_utf8(out).unwrap()), canonical(shown), "{label}: without {omitted:?}: {}", row.image);
        }
    }
}

/// Neighbours in the database's order are never the other way round here.
async fn check_order(database: &Database, table: &Table, level: &Level, label: &str, tally: &mut Tally) {
    let Ok(order) = Order::compile(level) else { return };
    let Ok(rows) = database.query(&sql::keys(&plan(level))).await else { return };
    let images: BTreeMap<&str, RowImage<'_>> =
        table.rows.iter().map(|row| (row.key.as_str(), RowImage::parse(&row.image, &[]).unwrap())).collect();
    let keys: Vec<String> = rows.iter().map(|row| row.get("key")).collect();
    for pair in keys.windows(2) {
        let order = order.compare(&images[pair[0].as_str()], &images[pair[1].as_str()]);
        assert!(order != Some(Ordering::Greater), "{label}: {pair:?} are {order:?}: {:?} {:?}", level.sort, level.access);
        tally.ordered += usize::from(order.is_some());
    }
}

/// A smaller plan on which both still differ.
async fn reduce(database: &Database, table: &Table, level: &Level) -> Option<(Level, String)> {
    let mut candidates = vec![
        Level { search: None, ..level.clone() },
        Level { filter: None, ..level.clone() },
        Level { access: Arc::new(RuleSet { rows: access::plan::Rows::All, ..(*level.access).clone() }), ..level.clone() },
        Level { select: vec![], ..level.clone() },
    ];
    candidates.extend((0..level.select.len()).map(|index| {
        let mut smaller = level.clone();
        smaller.select.remove(index);
        smaller
    }));
    if let Some(filter) = &level.filter {
        candidates.extend(parts(filter).into_iter().map(|filter| Level { filter: Some(filter), ..level.clone() }));
    }
    for (index, rule) in level.access.rules.iter().enumerate() {
        candidates.extend(parts(rule).into_iter().map(|rule| {
            let mut access = (*level.access).clone();
            access.rules[index] = rule;
            Level { access: Arc::new(access), ..level.clone() }
        }));
    }
    for candidate in candidates {
        if format!("{candidate:?}").len() >= format!("{level:?}").len() {
            continue;
        }
        let Ok(answer) = ask(database, &candidate).await else { continue };
        if let Some(difference) = compare(table, &candidate, &answer, &mut Tally::default()) {
            return Some((candidate, difference));
        }
    }
    None
}

/// The filter with one part less.
fn parts(filter: &Filter) -> Vec<Filter> {
    let (members, make): (_, fn(Vec<Filter>) -> Filter) = match filter {
        Filter::And(members) => (members, Filter::And),
        Filter::Or(members) => (members, Filter::Or),
        Filter::Compare(_) | Filter::Related { .. } => return vec![],
    };
    let mut smaller = members.clone();
    for index in 0..members.len() {
        let mut fewer = members.clone();
        let member = fewer.remove(index);
        smaller.push(make(fewer));
        smaller.extend(parts(&member).into_iter().map(|part| {
            let mut changed = members.clone();
            changed[index] = part;
            make(changed)
        }));
    }
    smaller
}

/// JSON text without blanks, and with one spelling for every string: what remains must be equal, digits included.
pub(crate) fn canonical(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c == '"' {
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<serde_json::Value>();
            match values.next() {
                Some(Ok(value)) => {
                    out.push_str(&value.to_string());
                    rest = &rest[values.byte_offset()..];
                    continue;
                }
                // A lone surrogate, which both sides pass on as it is.
                _ => out.push(c),
            }
        } else if !c.is_ascii_whitespace() {
            out.push(c);
        }
        rest = &rest[c.len_utf8()..];
    }
    out
}
