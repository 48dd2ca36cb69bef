//! Many plans at once: the predicate index leaves out no plan that a change concerns, and statements that run together
//! answer as each does alone.

use std::collections::BTreeSet;

use access::plan::{Level, ReadPlan, Root, Shown};
use access::row::{Membership, Placement, PredicateIndex, RowImage, Verdict};
use access::sql::{self, ReadOptions, Shape};
use access::statement::{ParameterType, Statement, together};
use tokio_postgres::Row;

use super::session::Database;
use super::table::Table;

/// What a run saw.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    changes: usize,
    /// Plans that one of those concerned, by the plans alone.
    concerned: usize,
    /// Candidates that the index gave, and plans that it left out.
    found: usize,
    left_out: usize,
    together: usize,
}

impl Tally {
    /// An index that finds everybody is right, and useless.
    pub(crate) fn finish(&self) {
        println!("{self:#?}");
        assert!(self.concerned > 0 && self.concerned <= self.found && self.left_out > 0 && self.together > 0, "{self:?}");
    }
}

/// Places `levels` in an index, asks it about every pair of neighbouring rows, and takes every other one out again.
pub(crate) fn check_index(table: &Table, levels: &[Level], label: &str, tally: &mut Tally) {
    let compiled = levels.iter().filter_map(|level| Membership::compile(level).or_else(|_| Membership::prefilter(level)).ok());
    let memberships: Vec<Membership> = compiled.collect();
    let mut index = PredicateIndex::default();
    let place = |(number, membership): (usize, &Membership)| index.insert(number, membership.covers());
    let placements: Vec<Placement> = memberships.iter().enumerate().map(place).collect();
    let images: Vec<RowImage<'_>> = table.rows.iter().map(|row| RowImage::parse(&row.image, &[]).unwrap()).collect();
    for every in [1, 2] {
        if every == 2 {
            placements
                .iter()
                .enumerate()
                .filter(|(number, _)| number % 2 == 1)
                .for_each(|(number, placement)| index.remove(&number, placement));
        }
        let present = || memberships.iter().enumerate().step_by(every);
        for (old, new) in images.iter().zip(images.iter().cycle().skip(1)) {
            for change in [[Some(old), Some(new)], [Some(old), None], [None, Some(new)]] {
                let candidates = index.candidates([change]);
                let found: BTreeSet<usize> = candidates.keys().copied().chain(index.others()).copied().collect();
                tally.changes += 1;
                tally.found += found.len();
                tally.left_out += present().count() - found.len();
                for (number, membership) in present() {
                    // What the database shows of undecided rows is held against every cover where plans are compared with it.
                    let concerns = change.into_iter().flatten().any(|image| membership.test(image) == Verdict::Yes);
                    tally.concerned += usize::from(concerns);
                    assert!(!concerns || found.contains(&number), "{label}: plan {number} is left out: {:?}", levels.get(number));
                }
            }
        }
    }
}

/// Reads two parts of the table's keys, alone and together.
pub(crate) async fn check_together(database: &Database, table: &Table, level: &Level, label: &str, tally: &mut Tally) {
    let plan = ReadPlan { root: Root::Items(level.clone()), total_count: None, filter_count: None, count_filter: None };
    let keys: Vec<String> = table.rows.iter().map(|row| row.key.clone()).collect();
    let (some, others) = keys.split_at(keys.len() / 3);
    let read = |keys: &[String]| sql::read(&plan, &ReadOptions { shape: Shape::Keyed, snapshot: false, keys: Some(keys.to_vec()) });
    let statements: Vec<Statement> = [some, others, some].map(read).into();
    let Some(first) = statements.first() else { return };
    let mut alone = Vec::new();
    for statement in &statements {
        // What Postgres refuses alone is the matter of another test.
        let Ok(rows) = database.query(statement).await else { return };
        alone.push(rows.iter().map(content).collect::<Vec<_>>());
    }
    let prepared = database.client.prepare(&first.text).await.unwrap();
    let of = |ty: &tokio_postgres::types::Type| ParameterType {
        schema: ty.schema().to_owned(),
        name: ty.name().to_owned(),
        is_array: ty.name().starts_with('_'),
    };
    let types: Vec<_> = prepared.params().iter().map(of).collect();
    let one = together(&statements, &types).unwrap_or_else(|| panic!("{label}: {} is not made one", first.text));
    let rows = match database.query(&one).await {
        Ok(rows) => rows,
        // Another plan may look at a value first that the other side of an OR would have spared it, such as JSON that holds
        // NUL. Whoever reads together then reads each alone.
        Err(error) if error.code().is_some_and(|code| code.code().starts_with("22")) => return,
        Err(error) => panic!("{label}: {error:?} in {}", one.text),
    };
    let mut answers = vec![Vec::new(); statements.len()];
    for row in &rows {
        answers[usize::try_from(row.get::<_, i32>(row.len() - 1)).unwrap()].push(content(row));
    }
    tally.together += 1;
    if level.sort.iter().any(|sort| sort.shown != Shown::Always) {
        // Rows whose key is hidden tie, in whatever order.
        answers.iter_mut().chain(&mut alone).for_each(|answer| answer.sort());
    }
    assert_eq!(answers, alone, "{label}: {}", one.text);
}

fn content(row: &Row) -> (String, String) {
    (row.get(0), row.get(1))
}
