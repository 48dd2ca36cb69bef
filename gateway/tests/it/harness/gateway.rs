//! Starts the programs under test as a user would: a command, environment variables, and a port that answers.
//!
//! It must never hand a setting to a program by another way than its environment and arguments.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use service_runtime::guarded_process::{GuardedProcess, Launch, Signal, free_port, tail};
use tokio::net::TcpStream;

use super::http::{Reply, Request};
use super::postgres::Database;
use super::socket::{Dial, Dialled, Socket};
use super::{TASKS, eventually, log_folder, variable};

/// The secret that the fixtures' tokens are signed with.
pub(crate) const SECRET: &str = "lab-secret-0123456789-0123456789-abcdef";
/// The static token of the fixtures' administrator.
pub(crate) const ADMIN_TOKEN: &str = "admin-token-000000000000000000000000";

const START_LIMIT: Duration = Duration::from_secs(60);

/// A program to start, not yet started.
pub(crate) struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    env: BTreeMap<String, String>,
    label: String,
}

/// A running program. Dropping it ends it.
pub(crate) struct Running {
    process: Mutex<GuardedProcess>,
    log: PathBuf,
    pid: u32,
}

/// A running gateway that accepts connections.
pub(crate) struct Gateway {
    pub(crate) running: Running,
    pub(crate) port: u16,
    /// `http://127.0.0.1:<port>`
    pub(crate) base: String,
    /// The same of the port for operators.
    admin: String,
}

/// Where the gateway's program is: as built beside this test, unless `TIDEGATE_GATEWAY_BIN` names another.
pub(crate) fn gateway_path() -> PathBuf {
    variable("TIDEGATE_GATEWAY_BIN").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_gateway")), PathBuf::from)
}

/// The worker's program: it belongs to another package, and `cargo test --workspace` puts it beside the gateway's.
pub(crate) fn change_capture_path() -> Result<PathBuf> {
    let path = gateway_path().with_file_name("change-capture");
    anyhow::ensure!(path.is_file(), "{} is missing: build the workspace first (cargo build -p change-capture)", path.display());
    Ok(path)
}

impl Program {
    /// `path arguments...` with nothing in its environment but PATH and HOME.
    pub(crate) fn new(path: &Path, arguments: &[&str]) -> Self {
        let kept = ["PATH", "HOME", "LD_LIBRARY_PATH"];
        let env = kept.iter().filter_map(|name| Some(((*name).to_owned(), variable(name)?))).collect();
        let label =
            format!("{}-{}", path.file_name().unwrap_or_default().to_string_lossy(), arguments.first().copied().unwrap_or_default());
        Self { path: path.to_owned(), arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(), env, label }
    }

    /// The gateway's program, with the secret and the switches that a `.env` of the fixtures has.
    pub(crate) fn gateway(arguments: &[&str]) -> Self {
        let base = [
            ("SECRET", SECRET),
            ("WEBSOCKETS_ENABLED", "true"),
            ("ADMIN_EMAIL", "admin@example.com"),
            ("ADMIN_PASSWORD", "password"),
            ("ADMIN_TOKEN", ADMIN_TOKEN),
            ("LOG_LEVEL", "warn"),
            // Only tests of the heartbeat expect one, however long the others take on a busy machine.
            ("WEBSOCKETS_HEARTBEAT_PERIOD", "600"),
            // A file of this name would win over the environment.
            ("CONFIG_PATH", "/dev/null"),
        ];
        base.into_iter().fold(Self::new(&gateway_path(), arguments), |program, (name, value)| program.env(name, value))
    }

    /// A worker that publishes the changes of `database` to the Redis at `redis`.
    pub(crate) fn worker(database: &Database, redis: String) -> Result<Self> {
        Ok(Self::new(&change_capture_path()?, &["run"]).database(database).env("REDIS", redis).env("CONFIG_PATH", "/dev/null"))
    }

    /// Sets one variable.
    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// Sets several variables.
    pub(crate) fn envs(mut self, values: &BTreeMap<String, String>) -> Self {
        self.env.extend(values.clone());
        self
    }

    /// Points the program at a database.
    pub(crate) fn database(self, database: &Database) -> Self {
        self.env("DB_CLIENT", "pg")
            .env("DB_HOST", "127.0.0.1")
            .env("DB_PORT", database.port.to_string())
            .env("DB_USER", "postgres")
            .env("DB_PASSWORD", database.password.clone())
            .env("DB_DATABASE", database.name.clone())
    }

    /// Starts it and does not wait for anything.
    pub(crate) fn start(self) -> Result<Running> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let log = log_folder().join(format!("{}-{}.log", self.label, STARTED.fetch_add(1, Ordering::Relaxed)));
        // `env -i` replaces itself by the program, so the process id is the program's.
        let mut arguments = vec!["-i".to_owned()];
        arguments.extend(self.env.iter().map(|(name, value)| format!("{name}={value}")));
        arguments.push(self.path.to_string_lossy().into_owned());
        arguments.extend(self.arguments);
        let process = GuardedProcess::start(Launch {
            program: Path::new("/usr/bin/env"),
            arguments: arguments.iter().map(OsStr::new).collect(),
            user: None,
            log: &log,
            end: Signal::TERM,
            remove: None,
        })
        .with_context(|| format!("starting {}", self.path.display()))?;
        let pid = process.pid();
        Ok(Running { process: Mutex::new(process), log, pid })
    }

    /// Starts a worker and waits until it leads and everything that is captured so far is published. What happened to a table
    /// before it had triggers is told by a reset, which who counts messages must not meet.
    pub(crate) async fn lead(self) -> Result<Running> {
        let mut ask = tokio::process::Command::new(&self.path);
        ask.args(["status", "--json"]).env_clear().envs(&self.env).kill_on_drop(true);
        let worker = self.start()?;
        let leads = eventually("the worker leads and has published what there was", START_LIMIT, || {
            let answer = ask.output();
            async {
                let status: Value = serde_json::from_slice(&answer.await?.stdout).unwrap_or_default();
                Ok((status["leader"].is_object() && status["outbox_events"] == 0).then_some(()))
            }
        });
        leads.await.with_context(|| worker.output())?;
        Ok(worker)
    }

    /// Starts it on a free port and waits until it accepts connections there.
    pub(crate) async fn listen(self) -> Result<Gateway> {
        self.listen_on(free_port()?).await
    }

    /// The same on a port that the caller chose.
    pub(crate) async fn listen_on(self, port: u16) -> Result<Gateway> {
        let base = format!("http://127.0.0.1:{port}");
        let public_url = self.env.get("PUBLIC_URL").cloned().unwrap_or_else(|| base.clone());
        let admin_port = free_port()?;
        let program = self.env("HOST", "127.0.0.1").env("PORT", port.to_string()).env("PUBLIC_URL", public_url);
        let running = program.env("GATEWAY_ADMIN_PORT", admin_port.to_string()).start()?;
        running.until_listening(port).await?;
        Ok(Gateway { running, port, base, admin: format!("http://127.0.0.1:{admin_port}") })
    }
}

impl Running {
    /// The process id.
    pub(crate) const fn pid(&self) -> u32 {
        self.pid
    }

    /// Everything it has printed.
    pub(crate) fn output(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Sends a signal and does not wait.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        Ok(self.process.lock().unwrap().signal(signal)?)
    }

    /// Waits until it has ended by itself or by a signal sent before; gives its exit code (`None`: ended by a signal).
    pub(crate) async fn ended(&self, limit: Duration) -> Result<Option<i32>> {
        eventually("the program ends", limit, || async { Ok(self.process.lock().unwrap().exited()?.map(|status| status.code())) }).await
    }

    /// The most memory it ever held (`VmHWM`) in bytes.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        self.status_line("VmHWM:")
    }

    /// The memory it holds (`VmRSS`) in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        self.status_line("VmRSS:")
    }

    fn status_line(&self, name: &str) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find(|line| line.starts_with(name)).context("no such line")?;
        Ok(line.split_whitespace().nth(1).context("no value")?.parse::<u64>()? * 1024)
    }

    async fn until_listening(&self, port: u16) -> Result<()> {
        let listening = eventually("the program listens", START_LIMIT, || async {
            if let Some(status) = self.process.lock().unwrap().exited()? {
                bail!("it ended with {status}");
            }
            Ok(TcpStream::connect(("127.0.0.1", port)).await.ok())
        });
        listening.await.map(drop).with_context(|| format!("{}:\n{}", self.log.display(), tail(&self.log)))
    }
}

impl Gateway {
    /// A connection to `/websocket` with a token of the fixtures in its URL.
    pub(crate) async fn connect(&self, token: &str) -> Result<Socket> {
        self.dial(&Dial::new(self.port).query(&format!("access_token={token}"))).await
    }

    /// A connection that has to come about.
    pub(crate) async fn dial(&self, dial: &Dial) -> Result<Socket> {
        match dial.open().await {
            Dialled::Open(socket) => Ok(socket),
            Dialled::Refused(status) => bail!("the upgrade was refused with {status}"),
            Dialled::Failed(failure) => bail!("the upgrade failed: {failure:?}"),
        }
    }

    /// An HTTP request to it.
    pub(crate) async fn request(&self, request: Request) -> Result<Reply> {
        request.send(&self.base).await
    }

    /// The sum of a metric over all series whose name and labels start with `series`.
    pub(crate) async fn metric(&self, series: &str) -> Result<f64> {
        let text = self.metrics().await?;
        let mut found = text.lines().filter(|line| line.starts_with(series)).peekable();
        anyhow::ensure!(found.peek().is_some(), "no {series} in\n{text}");
        found.map(|line| Ok(line.rsplit(' ').next().unwrap_or_default().parse::<f64>()?)).sum()
    }

    /// `127.0.0.1:<port>` of its admin port.
    pub(crate) fn admin_address(&self) -> &str {
        self.admin.trim_start_matches("http://")
    }

    /// A scrape of its admin port.
    pub(crate) async fn metrics(&self) -> Result<String> {
        let reply = Request::new("GET", "/metrics").send(&self.admin).await?;
        Ok(reply.body.as_str().context("metrics are text")?.to_owned())
    }

    /// The port for operators.
    pub(crate) fn admin_port(&self) -> u16 {
        self.admin.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap()
    }

    /// The status of `/ready` on its admin port.
    pub(crate) async fn ready(&self) -> Result<u16> {
        Ok(Request::new("GET", "/ready").send(&self.admin).await?.status)
    }

    /// Ends it in order and off the runtime's threads. Dropping does the same, but holds a thread while it waits.
    pub(crate) async fn stop(self) -> Result<()> {
        TASKS.blocking("stop the gateway", move || drop(self)).await.context("stopping panicked")
    }
}
