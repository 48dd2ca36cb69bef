//! The deployment under test: three gateway nodes, two workers, Redis and PostgreSQL as processes of their own, and a
//! [`Proxy`] on each link between two of them.
//!
//! ```text
//! clients ──▶ node 0..2 ──▶ Redis ◀── worker 0..1
//!                 └──▶ PostgreSQL ◀───────┘      every arrow is a proxy; the suite's own SQL goes straight
//! ```
//! A process that ends by itself is started again, as an orchestrator would, and counted. It must never signal a process that
//! it did not start.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rand::rngs::StdRng;
use rustix::process::{Pid, kill_process};
use service_runtime::Tasks;
use service_runtime::guarded_process::{GuardedProcess, Launch, Signal, free_port, tail};
use service_runtime::testkit::{PrivatePostgres, PrivatePostgresOptions, PrivateRedis};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_postgres::{Client, NoTls};

use crate::grants::{COLLECTIONS, Grants};
use crate::proxy::Proxy;

/// Gateway nodes.
pub(crate) const NODES: usize = 3;
/// Workers: a leader and a standby.
pub(crate) const WORKERS: usize = 2;
/// The administrator's token.
pub(crate) const ADMIN_TOKEN: &str = "fault-admin-token-000000000000000000";
pub(crate) const ADMIN_EMAIL: &str = "admin@example.com";
/// Everybody's password.
pub(crate) const PASSWORD: &str = "faults-password";
const DATABASE: &str = "faults";
const FIXTURE: &str = include_str!("fixture.sql");
const START_LIMIT: Duration = Duration::from_secs(90);
/// How long a statement of the suite may take before its session is given up.
const STATEMENT_LIMIT: Duration = Duration::from_secs(10);

/// How to reach the database without a proxy; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    config: String,
    tasks: Tasks,
}

/// A program that is kept running.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    arguments: Vec<String>,
    log: PathBuf,
    process: Mutex<Option<GuardedProcess>>,
    /// Ended though nobody killed it.
    pub(crate) unexpected: AtomicU64,
}

/// A gateway node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) program: Program,
    pub(crate) clients: Proxy,
    pub(crate) redis: Proxy,
    pub(crate) postgres: Proxy,
    admin: u16,
}

/// A worker.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) program: Program,
    pub(crate) redis: Proxy,
    pub(crate) postgres: Proxy,
    admin: u16,
}

/// Everything that runs.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    pub(crate) workers: Vec<Worker>,
    pub(crate) redis: tokio::sync::Mutex<PrivateRedis>,
    pub(crate) postgres: tokio::sync::Mutex<PrivatePostgres>,
    pub(crate) postgres_pid: AtomicU64,
    /// Processes of PostgreSQL that are frozen; they let nobody end them before they go on.
    pub(crate) frozen: Mutex<Vec<Pid>>,
    pub(crate) redis_port: u16,
    pub(crate) database: Database,
    pub(crate) grants: Grants,
    /// Clients touch markers while they can read this; a check that holds it knows of every write.
    pub(crate) touching: Arc<tokio::sync::RwLock<()>>,
    pub(crate) folder: PathBuf,
    pub(crate) tasks: Tasks,
}

/// Where the programs are.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) gateway: PathBuf,
    pub(crate) worker: PathBuf,
}

impl Database {
    /// A session of its own.
    pub(crate) async fn connect(&self, writer: &str) -> Result<Client> {
        let config = format!("{} application_name={writer} connect_timeout=5", self.config);
        let (client, connection) = tokio_postgres::connect(&config, NoTls).await.context("cannot connect to the database")?;
        self.tasks.spawn("sql", connection);
        Ok(client)
    }

    /// Runs statements on a session of their own, once.
    pub(crate) async fn try_once(&self, statements: &str) -> Result<()> {
        timeout(STATEMENT_LIMIT, async { anyhow::Ok(self.connect("suite").await?.batch_execute(statements).await?) })
            .await
            .context("the database does not answer")?
    }

    /// Repeats idempotent statements until the database has acknowledged them.
    pub(crate) async fn until_done(&self, statements: &str) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            match self.try_once(statements).await {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

impl Program {
    fn new(name: String, folder: &Path, environment: &BTreeMap<String, String>, program: &Path, argument: &str) -> Self {
        // `env -i` replaces itself by the program, so the process id is the program's.
        let mut arguments = vec!["-i".to_owned()];
        arguments.extend(environment.iter().map(|(name, value)| format!("{name}={value}")));
        arguments.extend([program.to_string_lossy().into_owned(), argument.to_owned()]);
        let log = folder.join(format!("{name}.log"));
        Self { name, arguments, log, process: Mutex::default(), unexpected: AtomicU64::new(0) }
    }

    /// Starts it if it does not run.
    pub(crate) fn start(&self) -> Result<()> {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if process.is_none() {
            let started = GuardedProcess::start(Launch {
                program: Path::new("/usr/bin/env"),
                arguments: self.arguments.iter().map(OsStr::new).collect(),
                user: None,
                log: &self.log,
                end: Signal::KILL,
                remove: None,
            });
            *process = Some(started.with_context(|| format!("cannot start {}", self.name))?);
        }
        Ok(())
    }

    /// Kills it without a word. Blocks for a moment.
    pub(crate) fn kill(&self) {
        // Dropping kills and reaps.
        drop(self.process.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Freezes it, or lets it go on.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        match self.process.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(process) => Ok(process.signal(signal)?),
            None => Ok(()),
        }
    }

    /// Starts it again when it has ended by itself.
    fn supervise(&self) -> Result<()> {
        {
            let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(running) = process.as_mut() else { return Ok(()) };
            if running.exited()?.is_none() {
                return Ok(());
            }
            self.unexpected.fetch_add(1, Ordering::Relaxed);
            *process = None;
        }
        self.start()
    }

    /// The end of what it printed.
    pub(crate) fn tail(&self) -> String {
        format!("{}:\n{}", self.name, tail(&self.log))
    }
}

impl Cluster {
    /// Starts everything; returns when every node is ready.
    pub(crate) async fn start(programs: &Programs, tasks: &Tasks, random: &mut StdRng, users: usize) -> Result<Arc<Self>> {
        let folder = std::env::temp_dir().join(format!("tidegate-faults-{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let settings = [
            // A crash of the server leaves what it wrote with the kernel; the machine itself does not crash here.
            ("fsync", "off"),
            ("max_connections", "200"),
            // When a version became visible is part of what the suite knows.
            ("track_commit_timestamp", "on"),
            ("log_min_messages", "fatal"),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let postgres = PrivatePostgres::start(PrivatePostgresOptions { settings, ..Default::default() }).await.context("PostgreSQL")?;
        postgres.create_database(DATABASE).await?;
        let redis = PrivateRedis::start(&[]).await.context("redis-server")?;
        let database = Database { config: postgres.config(DATABASE), tasks: tasks.clone() };
        let base = environment(&postgres);
        bootstrap(&programs.gateway, &base, postgres.port()).await?;
        let sql = database.connect("suite").await?;
        sql.batch_execute(FIXTURE).await.context("the fixture")?;
        let grants = Grants::install(&sql, random, users, ADMIN_TOKEN).await.context("users and permissions")?;

        let mut workers = Vec::new();
        for number in 0..WORKERS {
            let (to_redis, to_postgres) = (Proxy::start(tasks, redis.port()).await?, Proxy::start(tasks, postgres.port()).await?);
            let admin = free_port()?;
            let mut environment = base.clone();
            environment.extend(links(&to_redis, &to_postgres));
            environment.insert("CAPTURE_ADMIN_PORT".to_owned(), admin.to_string());
            // Statements of the suite are small: some of them are to be too large.
            environment.insert("CAPTURE_MAX_ROWS_PER_STATEMENT".to_owned(), "20".to_owned());
            let program = Program::new(format!("worker-{number}"), &folder, &environment, &programs.worker, "run");
            program.start()?;
            workers.push(Worker { program, redis: to_redis, postgres: to_postgres, admin });
        }
        let mut nodes = Vec::new();
        for number in 0..NODES {
            let (to_redis, to_postgres) = (Proxy::start(tasks, redis.port()).await?, Proxy::start(tasks, postgres.port()).await?);
            let (port, admin) = (free_port()?, free_port()?);
            let mut environment = base.clone();
            environment.extend(links(&to_redis, &to_postgres));
            let own = [
                ("PORT", port.to_string()),
                ("GATEWAY_ADMIN_PORT", admin.to_string()),
                // Small, so that a client that stops reading is noticed before a run is over.
                ("GATEWAY_SEND_QUEUE_BYTES", "131072".to_owned()),
                ("DB_POOL__MAX", "5".to_owned()),
            ];
            environment.extend(own.map(|(name, value)| (name.to_owned(), value)));
            let program = Program::new(format!("node-{number}"), &folder, &environment, &programs.gateway, "serve");
            program.start()?;
            let clients = Proxy::start(tasks, port).await?;
            nodes.push(Node { program, clients, redis: to_redis, postgres: to_postgres, admin });
        }
        let postgres_pid = AtomicU64::new(postgres.pid().map_or(0, u64::from));
        let redis_port = redis.port();
        let cluster = Arc::new(Self {
            nodes,
            workers,
            redis: tokio::sync::Mutex::new(redis),
            postgres: tokio::sync::Mutex::new(postgres),
            postgres_pid,
            frozen: Mutex::default(),
            redis_port,
            database,
            grants,
            touching: Arc::default(),
            folder,
            tasks: tasks.clone(),
        });
        cluster.until_ready().await?;
        let watched = Arc::downgrade(&cluster);
        tasks.spawn("supervisor", async move {
            while let Some(cluster) = watched.upgrade() {
                for program in cluster.programs() {
                    // Tried again at the next look.
                    let _started = program.supervise();
                }
                drop(cluster);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        Ok(cluster)
    }

    /// Every program of the product.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &Program> {
        self.nodes.iter().map(|node| &node.program).chain(self.workers.iter().map(|worker| &worker.program))
    }

    /// The worker that leads now, as its metrics say.
    pub(crate) async fn leader(&self) -> Option<usize> {
        for (number, worker) in self.workers.iter().enumerate() {
            let metrics = get(worker.admin, "/metrics").await.unwrap_or_default();
            if metrics.lines().any(|line| line.starts_with("tidegate_capture_leader ") && line.ends_with(" 1")) {
                return Some(number);
            }
        }
        None
    }

    /// Events that wait in the outbox, as the leading worker says.
    pub(crate) async fn waiting_in_outbox(&self) -> Option<u64> {
        let leader = self.workers.get(self.leader().await?)?;
        let metrics = get(leader.admin, "/metrics").await.ok()?;
        metrics.lines().find_map(|line| line.strip_prefix("tidegate_capture_outbox_events ")).and_then(|count| count.trim().parse().ok())
    }

    /// Every node ready, all triggers in place.
    pub(crate) async fn until_ready(&self) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        for node in &self.nodes {
            while !get(node.admin, "/ready").await.is_ok_and(|reply| reply.starts_with("HTTP/1.1 200")) {
                ensure!(Instant::now() < deadline, "not ready: {}", node.program.tail());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        let captured = format!("select count(*) from tidegate.tables where collection in ('{}')", COLLECTIONS.join("','"));
        loop {
            let sql = self.database.connect("suite").await;
            if let Ok(sql) = sql
                && let Ok(row) = sql.query_one(&captured, &[]).await
                && usize::try_from(row.get::<_, i64>(0)).is_ok_and(|count| count == COLLECTIONS.len())
            {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "nothing is captured: {}",
                self.workers.iter().map(|worker| worker.program.tail()).collect::<String>()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Freezes the processes of PostgreSQL: the postmaster and its children, who have left its process group.
    pub(crate) fn freeze_postgres(&self) {
        let mut frozen = self.frozen.lock().unwrap_or_else(PoisonError::into_inner);
        for pid in family(self.postgres_pid.load(Ordering::Relaxed)) {
            // A backend may have ended meanwhile.
            let _gone = kill_process(pid, Signal::STOP);
            frozen.push(pid);
        }
    }

    /// Lets them go on.
    pub(crate) fn thaw_postgres(&self) {
        for pid in self.frozen.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _gone = kill_process(pid, Signal::CONT);
        }
    }

    /// Ends everything off the runtime's threads, and removes its files unless they are to be kept.
    pub(crate) async fn stop(self: Arc<Self>, keep: bool) {
        let tasks = self.tasks.clone();
        self.thaw_postgres();
        // The supervisor may hold it for one more look.
        let ended = tasks.blocking("end the cluster", move || {
            for program in self.programs() {
                program.kill();
            }
            if !keep {
                let _already_gone = std::fs::remove_dir_all(&self.folder);
            }
        });
        let _ended = ended.await;
    }
}

fn family(postmaster: u64) -> Vec<Pid> {
    let parent = format!("PPid:\t{postmaster}\n");
    let children = std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let status = std::fs::read_to_string(entry.path().join("status")).ok()?;
        status.contains(&parent).then_some(pid)
    });
    let Some(itself) = i32::try_from(postmaster).ok().filter(|pid| *pid > 1) else { return Vec::new() };
    std::iter::once(itself).chain(children).filter_map(Pid::from_raw).collect()
}

fn environment(postgres: &PrivatePostgres) -> BTreeMap<String, String> {
    let pairs = [
        ("CONFIG_PATH", "/dev/null"),
        ("HOST", "127.0.0.1"),
        ("DB_HOST", "127.0.0.1"),
        ("DB_USER", "postgres"),
        ("DB_PASSWORD", postgres.password()),
        ("DB_DATABASE", DATABASE),
        ("SECRET", "faults-secret-0123456789"),
        ("ADMIN_EMAIL", ADMIN_EMAIL),
        ("ADMIN_PASSWORD", PASSWORD),
        ("ADMIN_TOKEN", ADMIN_TOKEN),
        ("LOG_LEVEL", "info"),
        // Cheap: what is tested is what follows a login, and clients log in often.
        ("HASH_MEMORY_COST", "1024"),
        ("HASH_TIME_COST", "1"),
        ("HASH_PARALLELISM", "1"),
        // A suspended client tries on.
        ("GATEWAY_FAILED_LOGINS_PER_IP", "Infinity"),
        // Tokens end in the middle of everything.
        ("ACCESS_TOKEN_TTL", "12s"),
    ];
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn links(redis: &Proxy, postgres: &Proxy) -> [(String, String); 2] {
    let redis = format!("redis://127.0.0.1:{}/", redis.port());
    [("REDIS".to_owned(), redis), ("DB_PORT".to_owned(), postgres.port().to_string())]
}

async fn bootstrap(gateway: &Path, base: &BTreeMap<String, String>, port: u16) -> Result<()> {
    let mut command = tokio::process::Command::new(gateway);
    command.arg("bootstrap").env_clear().envs(base).env("DB_PORT", port.to_string()).kill_on_drop(true);
    let output = command.output().await.with_context(|| format!("cannot run {}", gateway.display()))?;
    ensure!(output.status.success(), "gateway bootstrap: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// A whole HTTP reply as text.
async fn get(port: u16, path: &str) -> Result<String> {
    let exchange = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").as_bytes()).await?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await?;
        anyhow::Ok(reply)
    };
    timeout(Duration::from_secs(2), exchange).await.context("no answer")?
}
