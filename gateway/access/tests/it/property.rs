//! The flagship property: the rows that SQL returns are the rows that the matcher accepts, and both print them alike.
//!
//! Plans, tables and rows are generated from a seed, which every failure names: `TIDEGATE_PROPERTY_SEED` replays a run,
//! `TIDEGATE_PROPERTY_CASES` sets its length.

mod agreement;
mod constants;
mod many;
mod plans;
mod queries;
mod session;
mod sessions;
mod table;
mod values;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use service_runtime::config::{Environment, Lookup as _};

use access::permission::Permissions;
use agreement::Tally;
use plans::PlanMaker;
use queries::QueryMaker;
use sessions::Session;
use table::Table;

use session::Database;

const CASES: u64 = 10_000;
const CASES_PER_TABLE: u64 = 250;
const SESSIONS_PER_TABLE: u64 = 6;

/// Seed and length of this run.
struct Run {
    seed: u64,
    cases: u64,
}

impl Run {
    fn from_environment() -> Self {
        let environment = Environment::read();
        let number = |name| environment.get(name).map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")));
        let seed = number("TIDEGATE_PROPERTY_SEED").unwrap_or_else(|| rand::rng().random());
        Self { seed, cases: number("TIDEGATE_PROPERTY_CASES").unwrap_or(CASES) }
    }

    /// The generator of one table, or of one case on it.
    fn random(&self, table: u64, case: u64) -> StdRng {
        StdRng::seed_from_u64(self.seed ^ table.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ case.wrapping_mul(0xD1B5_4A32_D192_ED03))
    }
}

/// Plans made by hand, wider than what the planner makes: every test on every type, masks and rules everywhere.
#[tokio::test]
async fn sql_and_the_matcher_agree_on_plans() {
    let run = Run::from_environment();
    run.plans(&Database::start().await, false).await;
}

/// The same where the database orders and lowers text by rules of its own.
#[tokio::test]
async fn sql_and_the_matcher_agree_in_a_foreign_locale() {
    let run = Run::from_environment();
    let run = Run { cases: run.cases.div_ceil(5), ..run };
    run.plans(&Database::in_locale("en-US").await, true).await;
}

impl Run {
    /// `collated`: text of the database is not bytewise.
    async fn plans(&self, database: &Database, collated: bool) {
        println!("TIDEGATE_PROPERTY_SEED={}", self.seed);
        let accepted = constants::accepted(database).await;
        let (mut tally, mut many) = (Tally::default(), many::Tally::default());
        for table in 0..self.cases.div_ceil(CASES_PER_TABLE) {
            let created = Table::create(database, &mut self.random(table, 0), &format!("p{table}"), collated).await;
            let mut levels = vec![];
            for case in 1..=CASES_PER_TABLE.min(self.cases - table * CASES_PER_TABLE) {
                let mut random = self.random(table, case);
                let level = PlanMaker { random: &mut random, table: &created, accepted: &accepted }.level();
                let label = format!("seed {} table {table} case {case}", self.seed);
                agreement::check(database, &created, &level, &mut random, &label, &mut tally).await;
                if case % 4 == 0 {
                    many::check_together(database, &created, &level, &label, &mut many).await;
                }
                levels.push(level);
            }
            many::check_index(&created, &levels, &format!("seed {} table {table}", self.seed), &mut many);
        }
        tally.finish();
        many.finish();
    }
}

/// The same for what clients write and permissions say: planner, SQL and matcher together. What the rules of a session mean
/// is spelt out by [`Session`] besides.
#[tokio::test]
async fn planner_sql_and_the_matcher_agree_on_queries() {
    let run = Run::from_environment();
    println!("TIDEGATE_PROPERTY_SEED={}", run.seed);
    let database = Database::start().await;
    let accepted = constants::accepted(&database).await;
    let (mut tally, mut many) = (Tally::default(), many::Tally::default());
    let administrator = Permissions::administrator();
    for table in 0..run.cases.div_ceil(CASES_PER_TABLE) {
        let created = Table::create(&database, &mut run.random(table, 0), &format!("q{table}"), false).await;
        let mut sessions = vec![];
        for number in 0..SESSIONS_PER_TABLE {
            let random = &mut run.random(table, u64::MAX - number);
            sessions.extend(Session::create(&database, &mut QueryMaker { random, table: &created, accepted: &accepted }, number).await);
        }
        let mut levels = vec![];
        for case in 1..=CASES_PER_TABLE.min(run.cases - table * CASES_PER_TABLE) {
            let random = &mut run.random(table, case);
            let label = format!("seed {} table {table} case {case}", run.seed);
            let session = sessions.get(random.random_range(0..=sessions.len()));
            let granted = match session {
                Some(session) => session.granted(&created),
                None => created.collection.fields.keys().map(|name| &**name).collect(),
            };
            let made = QueryMaker { random: &mut *random, table: &created, accepted: &accepted }.query(&granted);
            let plan = match session {
                Some(session) => session.plan(&created, &made.json),
                None => sessions::plan(&created.schema, &administrator, &created.collection.name, &made.json),
            };
            match plan {
                Ok(level) => {
                    agreement::check(&database, &created, &level, random, &label, &mut tally).await;
                    if case % 4 == 0 {
                        many::check_together(&database, &created, &level, &label, &mut many).await;
                    }
                    if let Some(session) = session.filter(|_| !made.relational && case % 2 == 0) {
                        session.check(&database, &created, &made, &level, &label, &mut tally).await;
                    }
                    levels.push(level);
                }
                Err(_) => tally.refused_by_planner += 1,
            }
        }
        many::check_index(&created, &levels, &format!("seed {} table {table}", run.seed), &mut many);
    }
    tally.finish();
    many.finish();
}
