//! A run: for each fault a slice, in which it happens again and again under load; then everything is held against the database.
//!
//! ```text
//! writers go ─▶ inject ─▶ wait ─▶ heal ─▶ markers: until every client has them is the recovery ─▶ … ─▶ writers pause ─▶
//! markers twice, outbox empty ─▶ judge every subscription, compare every view with SELECT ─▶ next slice
//! ```
//! Quiet is a condition, never a pause: a marker row of each collection has arrived in every view. It must never go on from a
//! slice with unknown views: after a finding, clients subscribe anew.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value;
use service_runtime::Tasks;
use tokio::time::Instant;

use crate::client::{Client, Order, Subscription, Watched, What, key_of};
use crate::clock::now;
use crate::cluster::{Cluster, Programs};
use crate::fault::Fault;
use crate::grants::{COLLECTIONS, Grant};
use crate::history::History;
use crate::judge::{Case, Finding, Wrong, judge};
use crate::report::{Report, Row};
use crate::writers::Writers;
use crate::{Options, say};

/// How long clients may take to catch up before a change counts as lost.
const PATIENCE: Duration = Duration::from_secs(45);
const USERS: usize = 7;
const CLIENTS: usize = 10;
/// Findings of one slice that are told in full.
const TOLD: usize = 4;

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
    let clients = (0..CLIENTS).map(|number| Client::start(&cluster, number, number % USERS, seed)).collect::<Result<Vec<_>>>()?;
    let writers = Writers::start(&cluster, seed, options.rate);
    let mut run = Run {
        cluster: Arc::clone(&cluster),
        clients,
        writers,
        history: History::default(),
        random,
        marker: 0,
        checked: 0,
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
            injected.heal(&self.cluster).await?;
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
            let concerned: Vec<bool> =
                (0..COLLECTIONS.len()).map(|collection| self.cluster.grants.now(client.user, collection).is_some()).collect();
            let arrived = |watched: &Watched| {
                watched.subscription.aggregate
                    || !concerned.get(watched.subscription.collection).copied().unwrap_or(false)
                    || watched.marker().is_some_and(|n| n >= marker)
            };
            all &= client.until(deadline, arrived).await;
        }
        Ok(all)
    }

    /// Holds everything since the last check against the database. The writers are idle.
    async fn check(&mut self, row: &mut Row) -> Result<()> {
        let mut random = StdRng::seed_from_u64(self.random.random());
        self.cluster.grants.restore(&self.cluster.database, &mut random).await?;
        // The second round lets through what the first one might have overtaken.
        let mut quiet = self.markers().await?;
        quiet = self.markers().await? && quiet;
        if quiet {
            self.until_drained().await?;
        } else {
            for program in self.cluster.programs() {
                tracing::warn!("{}", program.tail());
            }
        }
        let sql = self.cluster.database.connect("suite").await?;
        row.writes += self.history.read(&sql).await? as u64;
        let mut findings = self.judge(row);
        findings.extend(self.compare(&sql).await?);
        for (count, (client, finding)) in findings.iter().enumerate() {
            row.count(finding.wrong);
            if count < TOLD {
                say(&format!("FOUND {:?} client {client}: {}\n", finding.wrong, finding.text));
            }
            self.report.findings.push(finding.clone());
        }
        if !findings.is_empty() {
            self.subscribe_anew().await?;
            self.history.read(&sql).await?;
        }
        for client in &self.clients {
            client.watched().iter_mut().for_each(Watched::checkpoint);
        }
        self.cluster.grants.forget();
        self.history.forget();
        self.checked = self.history.seen();
        Ok(())
    }

    /// Judges every subscription.
    fn judge(&self, row: &mut Row) -> Vec<(usize, Finding)> {
        let empty = BTreeMap::new();
        let users = self.cluster.grants.users();
        let mut findings = Vec::new();
        for client in &self.clients {
            let Some(user) = users.get(client.user) else { continue };
            for watched in client.watched().iter() {
                let versions = self.history.of(watched.subscription.collection_name()).unwrap_or(&empty);
                let held = self.cluster.grants.held(client.user, watched.subscription.collection);
                let (found, events) = judge(&Case { versions, user, held: &held, checked: self.checked, watched });
                row.events += events;
                for entry in &watched.log {
                    match entry.what {
                        What::Ended { .. } => row.ended += 1,
                        What::Resumed => row.resumed += 1,
                        What::Init { asked: None, .. } => row.inits += 1,
                        What::Init { .. } | What::Content { .. } | What::Delete { .. } | What::Refused(_) => {}
                    }
                }
                findings.extend(found.into_iter().map(|finding| (client.number, finding)));
            }
        }
        findings
    }

    /// Everybody asks for everything again, and has been answered when this returns.
    async fn subscribe_anew(&mut self) -> Result<()> {
        let asked = now();
        for client in &self.clients {
            client.tell(Order::Subscribe).await;
        }
        let deadline = Instant::now() + PATIENCE;
        for client in &self.clients {
            let answered = |watched: &Watched| {
                watched.answered >= asked && watched.live || self.cluster.grants.now(client.user, watched.subscription.collection).is_none()
            };
            let came = client.until(deadline, answered).await;
            anyhow::ensure!(came, "client {} gets no init", client.number);
        }
        Ok(())
    }

    /// Every view against a SELECT under its user's permissions.
    async fn compare(&self, sql: &tokio_postgres::Client) -> Result<Vec<(usize, Finding)>> {
        let users = self.cluster.grants.users();
        let mut findings = Vec::new();
        for client in &self.clients {
            let Some(user) = users.get(client.user) else { continue };
            let views: Vec<_> =
                client.watched().iter().filter_map(|watched| Some((watched.subscription.clone(), watched.view.clone()?))).collect();
            for (subscription, view) in views {
                let Some(grant) = self.cluster.grants.now(client.user, subscription.collection) else { continue };
                if subscription.aggregate {
                    findings
                        .extend(self.count(sql, client, &subscription, &grant, &user.id).await?.map(|finding| (client.number, finding)));
                    continue;
                }
                let statement = format!(
                    "select to_jsonb(t)::text from {} t where {} and {} order by id",
                    subscription.collection_name(),
                    grant.rule.sql(&user.id),
                    subscription.filter.sql(&user.id)
                );
                let mut expected = BTreeMap::new();
                for row in sql.query(&statement, &[]).await? {
                    let mut value: Value = serde_json::from_str(row.try_get(0)?)?;
                    if let Some(object) = value.as_object_mut() {
                        let asked = |name: &str| subscription.fields.as_ref().is_none_or(|fields| fields.contains(&name));
                        object.retain(|name, _| grant.shows_field(name) && asked(name));
                    }
                    expected.insert(key_of(&value), value);
                }
                if expected != view {
                    let differing: Vec<&String> =
                        expected.keys().chain(view.keys()).filter(|key| expected.get(*key) != view.get(*key)).take(5).collect();
                    let text = format!(
                        "the view differs from SELECT at {differing:?}: {:?} instead of {:?}\n  {statement}",
                        differing.first().and_then(|key| view.get(*key)),
                        differing.first().and_then(|key| expected.get(*key)),
                    );
                    findings.push((client.number, Finding { wrong: Wrong::Lost, key: format!("{differing:?}"), text }));
                }
            }
        }
        Ok(findings)
    }

    /// The last value of an aggregate against a SELECT. It is sent with a delay, and carries no marker: it must become true.
    async fn count(
        &self,
        sql: &tokio_postgres::Client,
        client: &Client,
        subscription: &Subscription,
        grant: &Grant,
        user: &str,
    ) -> Result<Option<Finding>> {
        let (rule, filter) = (grant.rule.sql(user), subscription.filter.sql(user));
        let statement = format!("select count(*) from {} where {rule} and {filter}", subscription.collection_name());
        let expected: i64 = sql.query_one(&statement, &[]).await?.try_get(0)?;
        let is_this = |watched: &Watched| watched.subscription.uid == subscription.uid;
        let came = client.until(Instant::now() + PATIENCE, |watched| !is_this(watched) || watched.count() == Some(expected)).await;
        let shown = client.watched().iter().find(|watched| is_this(watched)).and_then(Watched::count);
        let text = format!("an aggregate stays at {shown:?} instead of {expected}\n  {statement}");
        Ok((!came).then(|| Finding { wrong: Wrong::Lost, key: String::new(), text }))
    }

    /// Nothing waits in the outbox, as the leading worker says.
    async fn until_drained(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.cluster.waiting_in_outbox().await != Some(0) {
            anyhow::ensure!(Instant::now() < deadline, "the outbox is not drained");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
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
