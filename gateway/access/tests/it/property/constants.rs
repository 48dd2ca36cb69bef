//! Constants: which ones Postgres takes for a type, and that the matcher leaves the rest to it.

use std::collections::HashMap;

use access::plan::{Scalar, Test};
use access::row::{Membership, NotLocal};
use access::schema::FieldType;

use super::plans::{compare, level_of};
use super::session::Database;
use super::table::Table;
use super::values::COMPARABLE;

/// The constants that Postgres takes for a type.
pub(crate) type Accepted = HashMap<(FieldType, &'static str), Vec<&'static str>>;

/// Asks Postgres about every constant of every type.
pub(crate) async fn accepted(database: &Database) -> Accepted {
    database
        .execute(
            "create function pg_temp.takes(value text, type text) returns boolean language plpgsql as $$
             begin execute format('select %L::%s', value, type); return true; exception when others then return false; end $$",
        )
        .await;
    let mut accepted = Accepted::new();
    for kind in COMPARABLE {
        let mut taken = Vec::new();
        for constant in kind.constants {
            let answer = database.client.query_one("select pg_temp.takes($1, $2)", &[constant, &kind.name]).await.unwrap();
            if answer.get(0) {
                taken.push(*constant);
            }
        }
        accepted.insert(kind.id(), taken);
    }
    accepted
}

/// The read path reports a constant that does not fit; the matcher must not have an opinion on it.
#[tokio::test]
async fn constants_that_postgres_refuses_are_left_to_it() {
    let database = Database::start().await;
    let accepted = accepted(&database).await;
    let (mut refused, mut left) = (0, 0);
    for kind in COMPARABLE.iter().filter(|kind| !kind.peculiar) {
        let table = Table::of(kind);
        let taken = &accepted[&kind.id()];
        assert!(!taken.is_empty(), "{}", kind.sql);
        for constant in kind.constants {
            let filter = compare(&table.columns[0].0, Test::Eq(Scalar::Text((*constant).to_owned())));
            let compiled = Membership::compile(&level_of(&table, filter));
            match (taken.contains(constant), compiled) {
                (true, Ok(_)) | (false, Err(NotLocal::Constant(_))) => {}
                // Allowed, as long as it stays rare: forms that are not worth reading here.
                (true, Err(NotLocal::Constant(_))) => {
                    left += 1;
                }
                (taken, compiled) => panic!("{}: {constant:?}: taken: {taken}, here: {compiled:?}", kind.sql),
            }
            refused += usize::from(!taken.contains(constant));
        }
    }
    println!("{refused} constants refused by Postgres, {left} left to it");
    assert!(refused > 100 && left < 80, "{refused} {left}");
}
