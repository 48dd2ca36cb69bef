//! A run: for each fault a slice, in which it happens again and again under load; then everything is held against the database.
//!
//! ```text
//! writers go ─▶ inject ─▶ wait ─▶ heal ─▶ markers: until every client has them is the recovery ─▶ … ─▶ writers pause ─▶
//! check ─▶ next slice
//! ```
//! Quiet is a condition, never a pause: a marker row of each collection has arrived in every view. It must never go on from a
//! slice with unknown views: after a finding, clients subscribe anew.

mod check;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use service_runtime::Tasks;
use tokio::time::Instant;

use crate::client::{Client, Kind, Watched};
use crate::cluster::{Cluster, Programs};
use crate::fault::Fault;
use crate::grants::{COLLECTIONS, Login};
use crate::history::History;
use crate::judge::Finding;
use crate::report::{Report, Row};
use crate::writers::Writers;
use crate::{Options, say};

/// How long clients may take to catch up before a change counts as lost.
pub(crate) const PATIENCE: Duration = Duration::from_secs(45);
const USERS: usize = 7;
/// Clients of `/websocket` by how they log in, then those of `/graphql`. Each is the next user; the first is the administrator.
const WEBSOCKET: [Login; 9] =
    [Login::Token, Login::Token, Login::Token, Login::Session, Login::Token, Login::Refresh, Login::Token, Login::Token, Login::Session];
const GRAPHQL: [Login; 3] = [Login::Token, Login::Session, Login::Refresh];

struct Run {
    cluster: Arc<Cluster>,
    clients: Vec<Client>,
    writers: Writers,
    history: History,
    random: StdRng,
    /// The last marker.
    marker: i64,
    /// The last write that a check knew of.
    checked: i64,
    /// Found before the check.
    found: Vec<(usize, Finding)>,
    report: Report,
}

/// Runs everything.
pub(crate) async fn run(options: &Options, tasks: &Tasks) -> Result<Report> {
    let programs =
        Programs { gateway: program(options.gateway.as_ref(), "gateway")?, worker: program(options.worker.as_ref(), "change-capture")? };
    let seed = options.seed.unwrap_or_else(|| rand::rng().random());
    say(&format!("seed {seed}\n"));
    let mut random = StdRng::seed_from_u64(seed);
    let cluster = Cluster::start(&programs, tasks, &mut random, USERS).await?;
    let kinds = WEBSOCKET.map(|login| Kind { login, graphql: false }).into_iter();
    let kinds = kinds.chain(GRAPHQL.map(|login| Kind { login, graphql: true })).enumerate();
    let clients = kinds.map(|(number, kind)| Client::start(&cluster, number, number % USERS, kind, seed)).collect::<Result<Vec<_>>>()?;
    let writers = Writers::start(&cluster, seed, options.rate);
    let mut run = Run {
        cluster: Arc::clone(&cluster),
        clients,
        writers,
        history: History::default(),
        random,
        marker: 0,
        checked: 0,
        found: Vec::new(),
        report: Report::new(seed),
    };
    let outcome = run.slices(options).await;
    let Run { report, clients, writers, .. } = run;
    let logs = cluster.folder.clone();
    drop((clients, writers));
    let keep = options.keep_logs || outcome.is_err() || report.failed();
    cluster.stop(keep).await;
    if keep {
        say(&format!("logs are in {}\n", logs.display()));
    }
    outcome.map(|()| report)
}

impl Run {
    async fn slices(&mut self, options: &Options) -> Result<()> {
        let end = Instant::now() + options.length();
        // Every client starts from a known view.
        let mut start = Row::new("start");
        self.check(&mut start).await?;
        let mut faults: Vec<Fault> = if options.only.is_empty() { Fault::all().to_vec() } else { options.only.clone() };
        let mut rows: BTreeMap<usize, Row> = BTreeMap::new();
        for round in 0.. {
            if round > 0 || options.only.is_empty() {
                use rand::seq::SliceRandom as _;
                faults.shuffle(&mut self.random);
            }
            for fault in faults.clone() {
                if Instant::now() > end {
                    break;
                }
                let place = Fault::all().iter().position(|other| *other == fault).unwrap_or(0);
                let row = rows.entry(place).or_insert_with(|| Row::new(&fault.name()));
                let outcome = Box::pin(self.slice(fault, options.episodes, row, end)).await;
                self.report.rows = rows.values().cloned().collect();
                outcome.with_context(|| format!("fault {}", fault.name()))?;
            }
            if Instant::now() > end {
                break;
            }
        }
        self.report.restarts = self.cluster.programs().map(|program| program.unexpected.load(Ordering::Relaxed)).sum();
        Ok(())
    }

    async fn slice(&mut self, fault: Fault, episodes: usize, row: &mut Row, end: Instant) -> Result<()> {
        self.writers.heavy(fault == Fault::ClientSlow);
        self.writers.go();
        for _ in 0..episodes {
            // Some load before, so that the fault meets something.
            let load = self.writers.attempts() + self.random.random_range(10..40);
            self.until_written(load).await;
            let mut began = Instant::now();
            let injected = fault.inject(&self.cluster, &self.clients, &mut self.random).await?;
            if fault != Fault::None {
                row.injected += 1;
                say(&format!("  {}\n", injected.what));
            }
            let duration = injected.lasts.unwrap_or_else(|| fault.duration(&mut self.random));
            if fault.is_survived() {
                // Others take over: the clients catch up while the fault lasts.
                self.markers().await?;
                row.recovery.push(began.elapsed());
            }
            tokio::time::sleep_until(began + duration).await;
            self.found.extend(injected.heal(&self.cluster, &self.clients).await?);
            began = Instant::now();
            let caught_up = self.markers().await?;
            if fault != Fault::None && !fault.is_survived() {
                row.recovery.push(began.elapsed());
            }
            if !caught_up || Instant::now() > end {
                break;
            }
        }
        self.writers.pause().await?;
        if fault == Fault::ClientSlow {
            self.writers.heavy(false);
            for collection in COLLECTIONS {
                let lighter = format!("update {collection} set note = 'light' where length(note) > 1000");
                self.cluster.database.until_done(&lighter).await?;
            }
        }
        self.check(row).await?;
        say(&format!("{:20} {}\n", fault.name(), row.line()));
        Ok(())
    }

    /// Waits until so many writes have begun; a writer that hangs in a fault does not hold this up for ever.
    async fn until_written(&self, count: u64) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.writers.attempts() < count && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whether its user may have a subscription now.
    fn is_allowed(&self, client: &Client, watched: &Watched) -> bool {
        let mut needed = std::iter::once(watched.subscription.collection).chain(watched.subscription.related());
        needed.all(|collection| self.cluster.grants.now(client.user, collection, client.login).is_some())
    }

    /// Writes a marker into each collection and waits until it stands in every view that may show it.
    async fn markers(&mut self) -> Result<bool> {
        self.marker += 1;
        let marker = self.marker;
        self.cluster.database.until_done(&format!("update oracle.marker set n = {marker}")).await?;
        for collection in COLLECTIONS {
            let key = if collection == "tags" { "'marker'" } else { "-1" };
            // `tags` is truncated now and then.
            let statement = format!(
                "insert into {collection} (id, kind, n) values ({key}, 'marker', {marker}) on conflict (id) do update set n = excluded.n"
            );
            self.cluster.database.until_done(&statement).await?;
        }
        let deadline = Instant::now() + PATIENCE;
        let mut all = true;
        for client in &self.clients {
            let arrived = |watched: &Watched| {
                watched.subscription.aggregate || !self.is_allowed(client, watched) || watched.marker().is_some_and(|n| n >= marker)
            };
            if !client.until(deadline, arrived).await {
                all = false;
                client.with_watched(|all| all.iter().filter(|watched| !arrived(watched)).for_each(|late| say(&client.late(late, marker))));
            }
        }
        Ok(all)
    }
}

fn program(named: Option<&std::path::PathBuf>, name: &str) -> Result<std::path::PathBuf> {
    let path = match named {
        Some(path) => path.clone(),
        None => {
            let own = std::env::current_exe()?;
            // A test stands in `deps`, one folder below the programs.
            let beside = [own.with_file_name(name), own.parent().unwrap_or(&own).with_file_name(name)];
            beside.into_iter().find(|path| path.is_file()).with_context(|| format!("{name} is missing: build the workspace, or name it"))?
        }
    };
    path.canonicalize().with_context(|| format!("{} is missing", path.display()))
}
