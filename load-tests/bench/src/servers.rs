//! What is measured: a private Postgres with `gateway standalone` on it, or servers that run already.
//!
//! It must never leave a server behind, nor write to a database other than its own or the one that was named with `--db`.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use service_runtime::Tasks;
use service_runtime::guarded_process::{GuardedProcess, Launch, Signal, free_port, tail};
use service_runtime::private_postgres::{PrivatePostgres, PrivatePostgresOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_postgres::{Client, NoTls};

use crate::socket::{Endpoint, Socket};
use crate::usage::Watched;

/// The static token of the fixture's user.
pub(crate) const TOKEN: &str = "bench-token-0123456789";
/// Read and write access to what the benchmark uses.
const FIXTURE: &str = include_str!("fixture.sql");
const DATABASE: &str = "bench";
/// Captured by a gateway that the benchmark starts, and not captured.
pub(crate) const CAPTURED: &str = "bench_captured";
pub(crate) const PLAIN: &str = "bench_plain";
const START_DEADLINE: Duration = Duration::from_secs(60);

/// Which servers.
#[derive(Debug, Args)]
pub(crate) struct ServerOptions {
    /// The gateway's program; by default the one beside this program.
    #[arg(long, global = true)]
    gateway: Option<PathBuf>,
    /// NAME=value for the gateway that is started; may be repeated.
    #[arg(long = "set", global = true, value_name = "NAME=VALUE")]
    settings: Vec<String>,
    /// A gateway that runs already, as ADDRESS:PORT[/path]; needs --db, which gets the benchmark's tables.
    #[arg(long, global = true, requires = "db")]
    target: Option<String>,
    /// The database of that gateway, as a connection string. Use one that may be thrown away.
    #[arg(long, global = true)]
    db: Option<String>,
    /// Its process id, for CPU and memory.
    #[arg(long, global = true)]
    pid: Option<u32>,
    /// The process id of its postmaster.
    #[arg(long, global = true)]
    postgres_pid: Option<u32>,
    /// Its GATEWAY_ADMIN_PORT, for counters.
    #[arg(long, global = true)]
    admin_port: Option<u16>,
}

/// Running servers. Dropping them ends those that were started here.
#[derive(Debug)]
pub(crate) struct Servers {
    /// The socket.
    pub(crate) endpoint: Endpoint,
    /// Whose CPU time counts.
    pub(crate) watched: Watched,
    admin: Option<SocketAddr>,
    database: String,
    gateway: Option<Started>,
    // After the gateway, so that it ends after it.
    postgres: Option<PrivatePostgres>,
}

#[derive(Debug)]
struct Started {
    process: GuardedProcess,
    log: PathBuf,
}

impl Servers {
    /// Starts what is needed, or uses what was named; the fixture is there when this returns.
    pub(crate) async fn start(options: &ServerOptions, tasks: &Tasks) -> Result<Self> {
        let Some(target) = &options.target else { return Self::private(options, tasks).await };
        let database = options.db.clone().context("--db is missing")?;
        let (address, path) = target.split_once('/').map_or((target.as_str(), "websocket"), |(address, path)| (address, path));
        let servers = Self {
            endpoint: Endpoint { address: address.parse().context("--target is no ADDRESS:PORT")?, path: format!("/{path}") },
            watched: Watched { server: options.pid, postgres: options.postgres_pid },
            admin: options.admin_port.map(|port| (Ipv4Addr::LOCALHOST, port).into()),
            database,
            gateway: None,
            postgres: None,
        };
        servers.sql(tasks).await?.batch_execute(FIXTURE).await.context("cannot install the fixture")?;
        servers.until_known().await?;
        servers.until_delivering(tasks).await?;
        Ok(servers)
    }

    async fn private(options: &ServerOptions, tasks: &Tasks) -> Result<Self> {
        let postgres = PrivatePostgres::start(PrivatePostgresOptions::default()).await.context("cannot start a private Postgres")?;
        postgres.create_database(DATABASE).await?;
        let database = postgres.config(DATABASE);
        let watched = Watched { server: None, postgres: postgres.pid() };
        let endpoint = Endpoint { address: (Ipv4Addr::LOCALHOST, 0).into(), path: "/websocket".to_owned() };
        let mut servers = Self { endpoint, watched, admin: None, database, gateway: None, postgres: Some(postgres) };
        servers.bootstrap(options).await?;
        servers.sql(tasks).await?.batch_execute(FIXTURE).await.context("cannot install the fixture")?;
        servers.launch(options, &[]).await?;
        servers.until_delivering(tasks).await?;
        Ok(servers)
    }

    /// Starts the gateway, in place of the one that runs, with more settings.
    pub(crate) async fn launch(&mut self, options: &ServerOptions, extra: &[(&str, &str)]) -> Result<()> {
        ensure!(self.postgres.is_some(), "a gateway that runs already is not started again");
        self.gateway = None;
        let (port, admin) = (free_port()?, free_port()?);
        let mut own = vec![format!("PORT={port}"), format!("GATEWAY_ADMIN_PORT={admin}"), format!("CAPTURE_EXCLUDE={PLAIN}")];
        own.extend(extra.iter().map(|(name, value)| format!("{name}={value}")));
        let environment = self.environment(options, own)?;
        // `env -i` replaces itself by the program, so the process id is the program's.
        let arguments: Vec<String> =
            ["-i".to_owned()].into_iter().chain(environment).chain([program(options)?, "standalone".to_owned()]).collect();
        let log = std::env::temp_dir().join(format!("tidegate-bench-{}-{port}.log", std::process::id()));
        let process = GuardedProcess::start(Launch {
            program: Path::new("/usr/bin/env"),
            arguments: arguments.iter().map(OsStr::new).collect(),
            user: None,
            log: &log,
            end: Signal::TERM,
            remove: None,
        });
        let mut started = Started { process: process.context("cannot start the gateway")?, log };
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, admin));
        let deadline = tokio::time::Instant::now() + START_DEADLINE;
        while !get(admin, "/ready").await.is_ok_and(|reply| reply.starts_with("HTTP/1.1 200")) {
            let over = started.process.exited()?.is_some() || tokio::time::Instant::now() > deadline;
            ensure!(!over, "the gateway did not start: {}", tail(&started.log));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.endpoint.address.set_port(port);
        self.admin = Some(admin);
        self.watched.server = Some(started.process.pid());
        self.gateway = Some(started);
        Ok(())
    }

    /// A connection to the database.
    pub(crate) async fn sql(&self, tasks: &Tasks) -> Result<Client> {
        let (client, connection) = tokio_postgres::connect(&self.database, NoTls).await.context("cannot connect to the database")?;
        tasks.spawn("sql", connection);
        Ok(client)
    }

    /// The sum of a counter of the gateway over its labels; `None` where its admin port is not known.
    pub(crate) async fn counter(&self, name: &str) -> Result<Option<f64>> {
        let Some(admin) = self.admin else { return Ok(None) };
        let reply = get(admin, "/metrics").await?;
        let values = reply.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
        let values: Vec<f64> = values.filter_map(|line| line.rsplit_once(' ')?.1.parse().ok()).collect();
        ensure!(!values.is_empty(), "the gateway has no counter {name}");
        Ok(Some(values.iter().sum()))
    }

    /// Adds to a failure what the gateway says about itself: the end of its log, and its counters of events.
    pub(crate) async fn explain<T>(&self, outcome: Result<T>) -> Result<T> {
        let Err(error) = outcome else { return outcome };
        let log = self.gateway.as_ref().map(|started| tail(&started.log)).unwrap_or_default();
        let metrics = match self.admin {
            Some(admin) => get(admin, "/metrics").await.unwrap_or_else(|error| format!("{error:#}")),
            None => String::new(),
        };
        let telling = ["tidegate_gateway_events_total", "tidegate_gateway_deliveries_total", "tidegate_capture_"];
        let counters: Vec<&str> = metrics.lines().filter(|line| telling.iter().any(|name| line.starts_with(name))).collect();
        Err(anyhow::anyhow!("{error:#}\nThe gateway's log and counters:\n{log}\n{}", counters.join("\n")))
    }

    async fn bootstrap(&self, options: &ServerOptions) -> Result<()> {
        let mut command = tokio::process::Command::new("/usr/bin/env");
        command.arg("-i").args(self.environment(options, Vec::new())?).arg(program(options)?).arg("bootstrap").kill_on_drop(true);
        let output = command.output().await.context("cannot run the gateway")?;
        ensure!(output.status.success(), "gateway bootstrap: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// NAME=value of everything; of several with one name the last counts, so the user's come last.
    fn environment(&self, options: &ServerOptions, own: Vec<String>) -> Result<Vec<String>> {
        let Some(postgres) = &self.postgres else { bail!("there is no private Postgres") };
        let fixed = [
            // A file of this name would win over the environment.
            "CONFIG_PATH=/dev/null",
            "HOST=127.0.0.1",
            "DB_HOST=127.0.0.1",
            "DB_USER=postgres",
            "SECRET=bench-secret-0123456789",
            "ADMIN_EMAIL=admin@example.com",
            "LOG_LEVEL=warn",
        ];
        let mut environment: Vec<String> = fixed.into_iter().map(str::to_owned).collect();
        environment.push(format!("DB_PORT={}", postgres.port()));
        environment.push(format!("DB_PASSWORD={}", postgres.password()));
        environment.push(format!("DB_DATABASE={DATABASE}"));
        environment.extend(own);
        for setting in &options.settings {
            ensure!(setting.split_once('=').is_some_and(|(name, _)| !name.is_empty()), "--set takes NAME=value");
            environment.push(setting.clone());
        }
        Ok(environment)
    }

    /// Waits until a running gateway has noticed the fixture's user and tables.
    async fn until_known(&self) -> Result<()> {
        let deadline = tokio::time::Instant::now() + START_DEADLINE;
        loop {
            let tried = async {
                let mut socket = Socket::authenticated(&self.endpoint, TOKEN, 0).await?;
                let read = r#"{"type":"items","action":"read","collection":"bench_articles","query":{"limit":1}}"#;
                let answer = socket.ask(read).await?;
                ensure!(crate::socket::is_ok(&answer, "items"), "{}", String::from_utf8_lossy(&answer));
                socket.close().await
            };
            match tried.await {
                Ok(()) => return Ok(()),
                Err(error) if tokio::time::Instant::now() > deadline => return Err(error.context("the gateway does not know the fixture")),
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }

    /// Waits until a change of `messages` arrives as a change: when a table is captured for the first time its views are read
    /// again, and whoever subscribed before that hears of the changes in between through a second `init`.
    async fn until_delivering(&self, tasks: &Tasks) -> Result<()> {
        let sql = self.sql(tasks).await?;
        let mut socket = Socket::authenticated(&self.endpoint, TOKEN, 0).await?;
        let query = r#"{"fields":["id"],"filter":{"user":{"_eq":"bench-probe"}}}"#;
        let subscribe = format!(r#"{{"type":"subscribe","collection":"messages","uid":"1","query":{query}}}"#);
        let init = socket.ask(&subscribe).await?;
        ensure!(crate::socket::is_event(&init, "init"), "no init: {}", String::from_utf8_lossy(&init));
        let deadline = tokio::time::Instant::now() + START_DEADLINE;
        let mut arrived = false;
        while !arrived {
            ensure!(tokio::time::Instant::now() < deadline, "no change of `messages` arrives");
            sql.batch_execute("insert into messages (\"user\") values ('bench-probe')").await?;
            let heard = socket.messages(|message| arrived |= crate::socket::is_event(message, "create"));
            // A change that went into a second `init` is not coming any more; the next one is.
            if let Ok(heard) = tokio::time::timeout(Duration::from_secs(1), heard).await {
                heard?;
            }
        }
        socket.close().await
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _already_gone = std::fs::remove_file(&self.log);
    }
}

/// The path of the gateway's program.
fn program(options: &ServerOptions) -> Result<String> {
    let path = match &options.gateway {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("gateway"),
    };
    ensure!(path.is_file(), "{} is missing: build it, or name it with --gateway", path.display());
    Ok(path.canonicalize()?.to_string_lossy().into_owned())
}

/// A whole HTTP reply as text.
async fn get(address: SocketAddr, path: &str) -> Result<String> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await?;
        anyhow::Ok(reply)
    };
    tokio::time::timeout(Duration::from_secs(5), exchange).await.context("the admin port does not answer")?
}
