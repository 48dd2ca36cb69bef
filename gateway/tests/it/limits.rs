//! Limits of real nodes on a real Redis: each reached and exceeded, on one node and across two, with nodes that are killed and
//! a Redis that goes away.
//!
//! It must never wait for a window to end: windows of these tests are a year long.

mod connections;
mod memory;
mod rates;

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use service_runtime::testkit::PrivateRedis;
use tokio::sync::RwLockReadGuard;

use crate::conformance::{Baseline, Fixture};
use crate::harness::gateway::{Gateway, Program};
use crate::harness::postgres::Database;
use crate::harness::socket::{Dial, Dialled, Socket};
use crate::harness::{beside_others, eventually};

/// How long what nodes tell each other may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Two nodes on one Redis; nobody captures, as nothing here is about changes.
struct Nodes {
    a: Gateway,
    b: Gateway,
    redis: PrivateRedis,
    database: Database,
    settings: Vec<(String, String)>,
    _machine: RwLockReadGuard<'static, ()>,
}

impl Nodes {
    /// Starts them and waits until they count together.
    async fn start(settings: &[(&str, &str)]) -> Result<Self> {
        let machine = beside_others().await;
        let database = Fixture::database(Baseline::Twelve).await?;
        let redis = PrivateRedis::start(&[]).await.context("redis-server")?;
        let settings: Vec<(String, String)> = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let node = || program(&database, &redis, &settings).listen();
        let (a, b) = tokio::try_join!(node(), node())?;
        let nodes = Self { a, b, redis, database, settings, _machine: machine };
        nodes.until_shared(1.0).await?;
        Ok(nodes)
    }

    /// Another node.
    async fn node(&self) -> Result<Gateway> {
        program(&self.database, &self.redis, &self.settings).listen().await
    }

    /// Waits until both nodes count together, or alone.
    async fn until_shared(&self, shared: f64) -> Result<()> {
        for node in [&self.a, &self.b] {
            until_metric(node, "tidegate_gateway_limits_shared", |value| value == shared).await?;
        }
        Ok(())
    }

    async fn stop(self) -> Result<()> {
        self.a.stop().await?;
        self.b.stop().await?;
        drop(self.redis);
        self.database.drop().await
    }
}

fn program(database: &Database, redis: &PrivateRedis, settings: &[(String, String)]) -> Program {
    let program = Program::gateway(&["serve"]).database(database).env("REDIS", redis.url());
    settings.iter().fold(program, |program, (name, value)| program.env(name, value.clone()))
}

/// Waits until a metric has a value that fits.
async fn until_metric(node: &Gateway, series: &str, fits: impl Fn(f64) -> bool) -> Result<()> {
    eventually(series, LIMIT, || async { Ok(fits(node.metric(series).await?).then_some(())) }).await
}

/// How often a limit refused something on a node.
async fn refusals(node: &Gateway, reason: &str) -> Result<f64> {
    node.metric(&format!("tidegate_gateway_refusals_total{{reason=\"{reason}\"}}")).await
}

/// An upgrade request with a token of the fixtures.
fn dial(node: &Gateway, token: &str) -> Dial {
    Dial::new(node.port).query(&format!("access_token={token}"))
}

/// A connection that has to come about.
async fn open(node: &Gateway, token: &str) -> Result<Socket> {
    node.dial(&dial(node, token)).await
}

/// A connection that must not come about.
async fn refused(dial: &Dial) -> Result<u16> {
    match dial.open().await {
        Dialled::Refused(status) => Ok(status),
        Dialled::Open(_) => bail!("the connection was accepted"),
        Dialled::Failed(failure) => bail!("{failure:?}"),
    }
}

/// A connection that comes about sooner or later; until then it is refused with 429.
async fn eventually_open(what: &str, dial: &Dial) -> Result<Socket> {
    eventually(what, LIMIT, || async {
        match dial.open().await {
            Dialled::Open(socket) => Ok(Some(socket)),
            Dialled::Refused(status) => {
                ensure!(status == 429, "refused with {status}");
                Ok(None)
            }
            Dialled::Failed(failure) => bail!("{failure:?}"),
        }
    })
    .await
}
