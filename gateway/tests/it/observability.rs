//! What operators see: metrics, alerts, dashboards and traces, of real processes and through the tools that operators use.
//!
//! It must never compare with a list of its own: the documents that are shipped are what the programs are held against.

mod collector;
mod document;
mod prometheus;
mod scrape;
mod traces;

use anyhow::{Context as _, Result};
use service_runtime::guarded_process::free_port;
use service_runtime::testkit::PrivateRedis;

use crate::conformance::{Baseline, Fixture};
use crate::harness::beside_others;
use crate::harness::gateway::{Gateway, Program, Running};
use crate::harness::http::Request;
use crate::harness::postgres::Database;

/// Which process a span is of.
const INSTANCE: &str = "OTEL_RESOURCE_ATTRIBUTES";

/// Redis, a worker with an admin port, and nodes, with settings of the test's own.
struct Deployment {
    nodes: Vec<Gateway>,
    worker: Running,
    /// `http://127.0.0.1:<port>` of the worker's admin port.
    worker_admin: String,
    redis: PrivateRedis,
    database: Database,
    _machine: tokio::sync::RwLockReadGuard<'static, ()>,
}

impl Deployment {
    /// Starts it with `settings` for every process and `nodes` nodes; the worker leads when they come.
    async fn start(nodes: usize, settings: &[(&str, String)]) -> Result<Self> {
        let machine = beside_others().await;
        let database = Fixture::database(Baseline::Twelve).await?;
        let redis = PrivateRedis::start(&[]).await.context("redis-server")?;
        let set = |program: Program| settings.iter().fold(program, |program, (name, value)| program.env(name, value.clone()));
        let admin = free_port()?;
        let program = Program::worker(&database, redis.url())?.env("HOST", "127.0.0.1");
        let program = program.env("CAPTURE_ADMIN_PORT", admin.to_string()).env(INSTANCE, "service.instance.id=worker");
        let worker = set(program).lead().await?;
        let worker_admin = format!("http://127.0.0.1:{admin}");
        let mut started = Vec::new();
        for node in 0..nodes {
            let program = Program::gateway(&["serve"]).database(&database).env("REDIS", redis.url());
            started.push(set(program.env(INSTANCE, format!("service.instance.id=node-{node}"))).listen().await?);
        }
        Ok(Self { nodes: started, worker, worker_admin, redis, database, _machine: machine })
    }

    async fn stop(self) -> Result<()> {
        for node in self.nodes {
            node.stop().await?;
        }
        drop(self.worker);
        drop(self.redis);
        self.database.drop().await
    }
}

/// A scrape.
async fn metrics(admin: &str) -> Result<String> {
    let reply = Request::new("GET", "/metrics").send(admin).await?;
    Ok(reply.body.as_str().context("metrics are text")?.to_owned())
}

/// Runs a program of the operators' with `input`, and gives its exit and everything it said.
async fn tool(program: &str, arguments: &[&str], input: &str) -> Result<(bool, String)> {
    use tokio::io::AsyncWriteExt as _;
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{program}: deploy/test installs it (Debian package `prometheus`)"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok((output.status.success(), said))
}
