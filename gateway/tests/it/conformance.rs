//! Replays the recorded cases against the gateway: one test per area.
//!
//! It must never pass quietly: every case is counted as ok, failed, deviating or skipped, the last two by name in a list
//! of the repository, and the list of known failures can only shrink.
//!
//! By hand: `cargo test -p gateway --test it conformance_items -- --nocapture`. `TIDEGATE_CONFORMANCE_ONLY=<regex>` runs
//! the cases whose `area/name` matches, `TIDEGATE_CONFORMANCE_DIR=<folder>` takes cases from another folder (test
//! `conformance_elsewhere`); both print and compare with no list.

mod case;
mod compare;
mod fixture;
mod normalise;
mod sign;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use regex::Regex;
use serde_json::Value;
use tokio::sync::Semaphore;

pub(crate) use case::Baseline;
use case::{Case, FixtureIds, data_folder, groups, load, read_data};
use compare::{Verdict, compare};
pub(crate) use fixture::Fixture;
use steps::Steps;

use crate::harness::gateway::{ADMIN_TOKEN, Gateway, Program};
use crate::harness::http::Request;
use crate::harness::postgres::Database;
use crate::harness::{beside_others, run, variable};

/// At most this many servers replay cases at a time, over all areas; most of a case's time is waiting.
static SERVERS: Semaphore = Semaphore::const_new(3);
/// Cases of one environment are cut into groups of this size, so that they can run side by side.
const GROUP_LENGTH: usize = 20;

/// HTTP requests that the gateway serves; cases with others are listed in `unsupported.json`.
const SERVED: &str = r"^(GET|POST|PATCH|DELETE) /(items|users|permissions|access|collections)(/|\?|$)|^POST /auth/(login|refresh|logout)|^PATCH /fields/|^GET /(server/|websocket$)|^POST /utils/cache/clear";

/// What became of the cases of one area.
#[derive(Default)]
struct Tally {
    ok: BTreeSet<String>,
    failed: BTreeMap<String, String>,
    deviating: BTreeSet<String>,
    skipped: BTreeSet<String>,
}

macro_rules! areas {
    ($($test:ident => $area:literal,)*) => {
        const AREAS: &[&str] = &[$($area),*];
        $(#[test]
        fn $test() {
            run(area($area));
        })*
    };
}

areas! {
    conformance_auth => "auth",
    conformance_envelope => "envelope",
    conformance_errors => "errors",
    conformance_filters => "filters",
    conformance_graphql => "graphql",
    conformance_heartbeat => "heartbeat",
    conformance_items => "items",
    conformance_logs => "logs",
    conformance_modes => "modes",
    conformance_permissions => "permissions",
    conformance_query => "query",
    conformance_ratelimit => "ratelimit",
    conformance_subscribe => "subscribe",
    conformance_writes => "writes",
}

/// What the gateway does where it deviates, and by SQL what the recording did over an API that is not served.
#[test]
fn conformance_own() {
    run(async {
        let _machine = beside_others().await;
        let tally = replay(own_cases()?, Ground::Own).await?;
        judge("own", &tally)
    });
}

/// Every recorded case on the database of the other baseline, with the permission rules of its own: a database of either version
/// of Directus works, whatever columns it lacks or has more.
#[test]
fn conformance_on_the_other_dump() {
    run(async {
        let _machine = beside_others().await;
        let none: BTreeMap<String, String> = read_data("not_on_the_other_dump.json")?;
        let mut cases = load(&data_folder().join("cases"))?;
        cases.retain(|case| !none.contains_key(&case.full_name()));
        let tally = replay(cases, Ground::OfTheOther).await?;
        judge("on the other dump", &tally)
    });
}

/// Cases of a folder outside the repository, when one is named.
#[test]
fn conformance_elsewhere() {
    run(async {
        let Some(folder) = variable("TIDEGATE_CONFORMANCE_DIR") else { return Ok(()) };
        let _machine = beside_others().await;
        let tally = replay(load(&PathBuf::from(folder))?, Ground::Own).await?;
        report("elsewhere", &tally);
        Ok(())
    });
}

/// The lists name cases that exist, and cover exactly what they are for.
#[test]
fn lists_fit_the_cases() {
    run(async {
        let cases = load(&data_folder().join("cases"))?;
        let names: BTreeSet<String> = cases.iter().map(Case::full_name).collect();
        ensure!(names.len() == cases.len(), "two cases have one name");
        let areas: BTreeSet<&str> = cases.iter().map(|case| case.area.as_str()).collect();
        ensure!(areas == AREAS.iter().copied().collect(), "each area has a test: {areas:?}");
        let unsupported: BTreeMap<String, String> = read_data("unsupported.json")?;
        let deviations: BTreeMap<String, Deviation> = read_data("deviations.json")?;
        let known: BTreeSet<String> = read_data("known_failures.json")?;
        let own: BTreeSet<String> = own_cases()?.iter().map(Case::full_name).collect();
        let elsewhere: BTreeMap<String, String> = read_data("not_on_the_other_dump.json")?;
        for name in unsupported.keys().chain(&known).chain(elsewhere.keys()) {
            ensure!(names.contains(name) || own.contains(name), "no such case: {name}");
        }
        for name in deviations.keys() {
            ensure!(own.contains(&format!("own/{name}")), "no case of our own shows what is done for {name}");
        }
        let served = Regex::new(SERVED)?;
        let needs_more =
            |case: &&Case| case.changes_columns() || case.requests().any(|(method, path)| !served.is_match(&format!("{method} {path}")));
        let needing: BTreeSet<String> = cases.iter().filter(needs_more).map(Case::full_name).collect();
        let listed: BTreeSet<String> = unsupported.into_keys().collect();
        ensure!(needing == listed, "unsupported.json should list exactly {:?}", needing.symmetric_difference(&listed));
        let page = std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/deviations.md"))?;
        for (name, deviation) in &deviations {
            let line = format!("| `{name}` | {} | {} |", deviation.answer, deviation.reason);
            ensure!(page.contains(&line), "docs/deviations.md lacks the line\n{line}");
        }
        Ok(())
    });
}

/// A case that is answered otherwise on purpose.
#[derive(serde::Deserialize)]
struct Deviation {
    /// What the gateway does.
    answer: String,
    /// Why.
    reason: String,
}

async fn area(name: &str) -> Result<()> {
    let _machine = beside_others().await;
    let tally = replay(load(&data_folder().join("cases").join(name))?, Ground::Own).await?;
    judge(name, &tally)
}

/// Our own cases; `own/` before their names keeps them apart from the recorded ones.
fn own_cases() -> Result<Vec<Case>> {
    let mut cases = load(&data_folder().join("own"))?;
    cases.iter_mut().for_each(|case| case.area.insert_str(0, "own/"));
    Ok(cases)
}

/// Prints what became of the cases, and fails where the list of known failures says otherwise.
fn judge(name: &str, tally: &Tally) -> Result<()> {
    report(name, tally);
    if variable("TIDEGATE_CONFORMANCE_ONLY").is_some() {
        return Ok(());
    }
    let known: BTreeSet<String> = read_data("known_failures.json")?;
    let new: Vec<&String> = tally.failed.keys().filter(|case| !known.contains(*case)).collect();
    let mended: Vec<&String> = tally.ok.iter().filter(|case| known.contains(*case)).collect();
    ensure!(new.is_empty(), "these cases should pass: {new:#?}");
    ensure!(mended.is_empty(), "these cases pass: take them from known_failures.json: {mended:#?}");
    Ok(())
}

/// Which database cases are replayed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ground {
    /// That of their baseline.
    Own,
    /// That of the other, with the rules of their own.
    OfTheOther,
}

async fn replay(cases: Vec<Case>, ground: Ground) -> Result<Tally> {
    let only = variable("TIDEGATE_CONFORMANCE_ONLY").map(|pattern| Regex::new(&pattern)).transpose()?;
    let deviations: BTreeMap<String, Value> = read_data("deviations.json")?;
    let unsupported: BTreeMap<String, String> = read_data("unsupported.json")?;
    let ids: FixtureIds = read_data("fixture_ids.json")?;
    let mut tally = Tally::default();
    let mut wanted = Vec::new();
    for case in cases {
        let name = case.full_name();
        if only.as_ref().is_some_and(|only| !only.is_match(&name)) {
            continue;
        }
        if deviations.contains_key(&name) || case.tags.iter().any(|tag| tag == "directus-bug") {
            tally.deviating.insert(name);
        } else if unsupported.contains_key(&name) {
            tally.skipped.insert(name);
        } else {
            wanted.push(case);
        }
    }
    let replayed: Vec<Vec<(String, Verdict)>> =
        stream::iter(groups(wanted, GROUP_LENGTH)).map(|group| run_group(group, &ids, ground)).buffer_unordered(8).try_collect().await?;
    for (name, verdict) in replayed.into_iter().flatten() {
        match verdict {
            Verdict::Same => drop(tally.ok.insert(name)),
            Verdict::Differs(diff) => drop(tally.failed.insert(name, diff)),
        }
    }
    Ok(tally)
}

/// Cases of one environment, one after the other. They share a server until one of them changes the schema: what a server
/// needs to follow that is another test's business.
async fn run_group(group: Vec<Case>, ids: &FixtureIds, ground: Ground) -> Result<Vec<(String, Verdict)>> {
    let _one_of_few = SERVERS.acquire().await?;
    let mut verdicts = Vec::new();
    let mut server: Option<Server> = None;
    for case in &group {
        let ready = match server.take() {
            Some(server) => server.reset().await?,
            None => None,
        };
        let ready = match ready {
            Some(server) => Ok(server),
            None => Server::start(case, ground).await,
        };
        let verdict = match ready {
            // A server that does not start fails its cases, not those of the other environments.
            Err(error) => Verdict::Differs(format!("{error:#}\n")),
            Ok(server_of_case) => {
                let running = server.insert(server_of_case);
                match Steps::run(case, running.gateway.port, &running.database, ids).await {
                    Ok(transcript) => compare(case, &transcript),
                    Err(error) => Verdict::Differs(format!("{error:?}\n")),
                }
            }
        };
        let verdict = match verdict {
            Verdict::Same => Verdict::Same,
            Verdict::Differs(diff) => Verdict::Differs(format!("({})\n{diff}", case.about)),
        };
        verdicts.push((case.full_name(), verdict));
    }
    if let Some(server) = server {
        server.stop().await?;
    }
    Ok(verdicts)
}

/// A server on its own copy of the fixture.
struct Server {
    gateway: Gateway,
    database: Database,
    fixture: Fixture,
}

impl Server {
    async fn start(case: &Case, ground: Ground) -> Result<Self> {
        let baseline = match ground {
            Ground::Own => case.baseline,
            Ground::OfTheOther => case.baseline.other(),
        };
        let database = Fixture::database(baseline).await?;
        let mut fixture = Fixture::of(&database, baseline).await?;
        if baseline != case.baseline {
            fixture = fixture.with_rules(case.baseline).await?;
        }
        let gateway = Program::gateway(&["standalone"])
            .env("WEBSOCKETS_HEARTBEAT_PERIOD", "30")
            .envs(&base_env()?)
            .envs(&case.env)
            .database(&database)
            .listen()
            .await?;
        Ok(Self { gateway, database, fixture })
    }

    /// Puts the rows back and has caches dropped; ends the server when the schema is no longer the fixture's.
    async fn reset(self) -> Result<Option<Self>> {
        if self.fixture.schema_has_changed().await? {
            self.stop().await?;
            return Ok(None);
        }
        self.fixture.reset().await?;
        let clear = Request::new("POST", "/utils/cache/clear?system").token(ADMIN_TOKEN);
        // What a failing request means for the case shows in its transcript.
        let _reply = self.gateway.request(clear).await;
        Ok(Some(self))
    }

    async fn stop(self) -> Result<()> {
        self.gateway.stop().await?;
        drop(self.fixture);
        self.database.drop().await
    }
}

/// What the recording server ran with. Ports, addresses and the database are the test's own.
fn base_env() -> Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(data_folder().join("base.env"))?;
    let own = ["HOST", "PORT", "PUBLIC_URL", "DB_DATABASE", "DB_USER", "DB_PASSWORD", "REDIS"];
    let lines = text.lines().filter_map(|line| line.split_once('=')).filter(|(name, _)| !own.contains(name));
    let mut env: BTreeMap<String, String> = lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let recorder =
        [("REDIS_ENABLED", "false"), ("SYNCHRONIZATION_STORE", "memory"), ("PRESSURE_LIMITER_ENABLED", "false"), ("LOG_LEVEL", "warn")];
    env.extend(recorder.map(|(name, value)| (name.to_owned(), value.to_owned())));
    Ok(env)
}

fn report(area: &str, tally: &Tally) {
    for (name, diff) in &tally.failed {
        println!("FAIL {name}\n{diff}");
    }
    for name in &tally.skipped {
        println!("skipped {name}");
    }
    let counts = [tally.ok.len(), tally.failed.len(), tally.deviating.len(), tally.skipped.len()];
    println!("{area}: {} ok, {} failed, {} deviate, {} skipped", counts[0], counts[1], counts[2], counts[3]);
}
