//! The faults: what is done, and how it is undone.
//!
//! It must never leave a fault behind: [`Fault::heal`] follows every [`Fault::inject`], and undoes whatever that did.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};
use serde::Serialize;
use service_runtime::guarded_process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Client, Order};
use crate::cluster::{Cluster, Node, Worker};
use crate::grants::{Change, Ended, Login};
use crate::judge::Finding;
use crate::proxy::{Cut, Proxy};
use crate::run::PATIENCE;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Nothing does.
    None,
    /// A node dies without a word, and is started again.
    NodeKill,
    /// A node is frozen for a while.
    NodeStop,
    /// The leading worker dies without a word.
    WorkerKill,
    /// The leading worker is frozen for a while.
    WorkerStop,
    /// Redis dies, and comes back empty.
    RedisRestart,
    /// Redis is frozen for a while.
    RedisStop,
    /// FLUSHALL.
    RedisFlush,
    /// CLIENT PAUSE.
    RedisPause,
    /// PostgreSQL is ended in immediate mode, and recovers.
    PostgresRestart,
    /// Every process of PostgreSQL is frozen for a while.
    PostgresStop,
    /// The network between a node and Redis.
    CutNodeRedis,
    /// The network between a node and PostgreSQL.
    CutNodePostgres,
    /// The network between a worker and Redis.
    CutWorkerRedis,
    /// The network between a worker and PostgreSQL.
    CutWorkerPostgres,
    /// The network between clients and a node.
    CutClientNode,
    /// Clients break off and come back.
    ClientDrop,
    /// Clients stop reading for a while.
    ClientSlow,
    /// Permissions, policies, roles, suspended users, cleared tokens.
    Rights,
    /// The sessions of a user are deleted.
    SessionDeleted,
    /// A user is suspended for a while.
    UserSuspended,
    /// The static token of a user is cleared for a while.
    TokenCleared,
    /// Two of the others at once.
    Mix,
}

/// What was done.
#[derive(Debug)]
pub(crate) struct Injected {
    /// For the log.
    pub(crate) what: String,
    /// It ends by itself after so long.
    pub(crate) lasts: Option<Duration>,
    heal: Vec<Heal>,
    revoked: Vec<Revoked>,
}

/// Credentials of a user that no longer count.
#[derive(Debug)]
struct Revoked {
    user: usize,
    /// Of those who came by this; `None`: of all.
    login: Option<Login>,
    ended: Ended,
    undo: Option<Change>,
}

#[derive(Debug)]
enum Heal {
    StartNode(usize),
    StartWorker(usize),
    ContinueNode(usize),
    ContinueWorker(usize),
    StartRedis,
    ContinueRedis,
    StartPostgres,
    ContinuePostgres,
    Link(Link, usize),
}

/// A link between two processes.
#[derive(Debug, Clone, Copy)]
enum Link {
    NodeRedis,
    NodePostgres,
    WorkerRedis,
    WorkerPostgres,
    ClientNode,
}

impl Fault {
    /// All of them.
    #[must_use]
    pub fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// The name in tables and arguments.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Does it.
    pub(crate) async fn inject(self, cluster: &Cluster, clients: &[Client], random: &mut StdRng) -> Result<Injected> {
        if self != Self::Mix {
            return self.single(cluster, clients, random).await;
        }
        let mut both = Injected { what: String::new(), lasts: None, heal: Vec::new(), revoked: Vec::new() };
        let others: Vec<Self> = Self::all().iter().copied().filter(|fault| !matches!(fault, Self::Mix | Self::None)).collect();
        let mut two: Vec<Self> = others.choose_multiple(random, 2).copied().collect();
        if two.iter().all(|fault| matches!(fault, Self::PostgresStop | Self::PostgresRestart)) {
            // Nothing ends a postmaster that is frozen.
            two.truncate(1);
        }
        if two.iter().all(|fault| fault.changes_rights()) {
            // What one takes away the other might give back, before anybody has noticed.
            two.truncate(1);
        }
        // Rights are changed while there is a database to change them in.
        two.sort_by_key(|fault| !fault.changes_rights());
        for one in two {
            let one = one.single(cluster, clients, random).await?;
            both.what = if both.what.is_empty() { one.what } else { format!("{} + {}", both.what, one.what) };
            both.heal.extend(one.heal);
            both.revoked.extend(one.revoked);
            both.lasts = both.lasts.max(one.lasts);
        }
        Ok(both)
    }

    async fn single(self, cluster: &Cluster, clients: &[Client], random: &mut StdRng) -> Result<Injected> {
        let node = random.random_range(0..cluster.nodes.len());
        let mut heal = Vec::new();
        let mut revoked = Vec::new();
        let mut lasts = None;
        let mut what = self.name();
        match self {
            Self::None | Self::Mix => {}
            Self::NodeKill => {
                node_of(cluster, node)?.program.kill();
                heal.push(Heal::StartNode(node));
            }
            Self::NodeStop => {
                node_of(cluster, node)?.program.signal(Signal::STOP)?;
                heal.push(Heal::ContinueNode(node));
            }
            Self::WorkerKill => {
                let worker = cluster.leader().await.unwrap_or(0);
                worker_of(cluster, worker)?.program.kill();
                heal.push(Heal::StartWorker(worker));
            }
            Self::WorkerStop => {
                let worker = cluster.leader().await.unwrap_or(0);
                worker_of(cluster, worker)?.program.signal(Signal::STOP)?;
                heal.push(Heal::ContinueWorker(worker));
            }
            Self::RedisRestart => {
                cluster.redis.lock().await.kill()?;
                heal.push(Heal::StartRedis);
            }
            Self::RedisStop => {
                // Another fault may have ended it already.
                if cluster.redis.lock().await.signal(Signal::STOP).is_ok() {
                    heal.push(Heal::ContinueRedis);
                }
            }
            Self::RedisFlush => {
                let _unreachable = redis(cluster, "FLUSHALL").await;
            }
            Self::RedisPause => {
                let mode = if random.random_bool(0.5) { "ALL" } else { "WRITE" };
                let milliseconds = random.random_range(300..3000);
                lasts = Some(Duration::from_millis(milliseconds));
                let command = format!("CLIENT PAUSE {milliseconds} {mode}");
                let _unreachable = redis(cluster, &command).await;
                what = format!("{what} {command}");
            }
            Self::PostgresRestart => {
                cluster.postgres.lock().await.crash()?;
                heal.push(Heal::StartPostgres);
            }
            Self::PostgresStop => {
                cluster.freeze_postgres();
                heal.push(Heal::ContinuePostgres);
            }
            Self::CutNodeRedis => heal.push(Link::NodeRedis.cut(cluster, random, &mut what).await?),
            Self::CutNodePostgres => heal.push(Link::NodePostgres.cut(cluster, random, &mut what).await?),
            Self::CutWorkerRedis => heal.push(Link::WorkerRedis.cut(cluster, random, &mut what).await?),
            Self::CutWorkerPostgres => heal.push(Link::WorkerPostgres.cut(cluster, random, &mut what).await?),
            Self::CutClientNode => heal.push(Link::ClientNode.cut(cluster, random, &mut what).await?),
            Self::ClientDrop => {
                for client in clients.iter().filter(|_| random.random_bool(0.5)) {
                    client.tell(Order::Drop).await;
                }
            }
            Self::ClientSlow => {
                let longest = Duration::from_millis(random.random_range(1000..4000));
                lasts = Some(longest);
                for client in clients {
                    if random.random_bool(0.5) {
                        client.tell(Order::Sleep(longest.mul_f64(random.random_range(0.3..1.0)))).await;
                    }
                }
            }
            Self::Rights => {
                for _ in 0..random.random_range(3..10) {
                    what = format!("{what}; {}", cluster.grants.change(&cluster.database, random).await?);
                    // Writers go on between two changes.
                    tokio::time::sleep(Duration::from_millis(random.random_range(0..120))).await;
                }
            }
            Self::SessionDeleted | Self::UserSuspended | Self::TokenCleared => {
                let by_session = (self == Self::SessionDeleted).then_some(Login::Session);
                let login = by_session.or((self == Self::TokenCleared).then_some(Login::Token));
                let users = cluster.grants.users();
                let of = |user: usize| users.get(user).is_some_and(|user| !user.admin);
                let concerned = clients.iter().filter(|client| login.is_none_or(|login| client.login == login) && of(client.user));
                let Some(user) = concerned.map(|client| client.user).choose(random) else { anyhow::bail!("nobody comes so") };
                let (change, undo) = match login {
                    Some(Login::Session) => (Change::Sessions { user }, None),
                    Some(Login::Token) => (Change::Token { user, has_token: false }, Some(Change::Token { user, has_token: true })),
                    Some(Login::Refresh) | None => (Change::Status { user, active: false }, Some(Change::Status { user, active: true })),
                };
                let ended = cluster.grants.make(&cluster.database, &change).await?;
                what = format!("{what} {change:?}");
                revoked.push(Revoked { user, login, ended, undo });
            }
        }
        Ok(Injected { what, lasts, heal, revoked })
    }

    /// Whether clients catch up while it lasts, because somebody else takes over. Their recovery counts from the fault, that of
    /// other faults from when it was undone.
    pub(crate) const fn is_survived(self) -> bool {
        matches!(
            self,
            Self::NodeKill
                | Self::NodeStop
                | Self::WorkerKill
                | Self::WorkerStop
                | Self::RedisFlush
                | Self::ClientDrop
                | Self::SessionDeleted
        )
    }

    const fn changes_rights(self) -> bool {
        matches!(self, Self::Rights | Self::SessionDeleted | Self::UserSuspended | Self::TokenCleared)
    }

    /// How long it lasts.
    pub(crate) fn duration(self, random: &mut StdRng) -> Duration {
        let most = match self {
            Self::None | Self::RedisFlush | Self::ClientDrop | Self::Rights => 800,
            Self::NodeStop | Self::PostgresStop | Self::WorkerStop => 5000,
            Self::NodeKill
            | Self::WorkerKill
            | Self::RedisRestart
            | Self::RedisStop
            | Self::RedisPause
            | Self::PostgresRestart
            | Self::CutNodeRedis
            | Self::CutNodePostgres
            | Self::CutWorkerRedis
            | Self::CutWorkerPostgres
            | Self::CutClientNode
            | Self::ClientSlow
            | Self::SessionDeleted
            | Self::UserSuspended
            | Self::TokenCleared
            | Self::Mix => 3500,
        };
        Duration::from_millis(random.random_range(200..most))
    }
}

impl Injected {
    /// Undoes it. Credentials come back when every connection that began with them has ended; which did not is returned.
    pub(crate) async fn heal(self, cluster: &Cluster, clients: &[Client]) -> Result<Vec<(usize, Finding)>> {
        for heal in self.heal {
            match heal {
                Heal::StartNode(number) => node_of(cluster, number)?.program.start()?,
                Heal::StartWorker(number) => worker_of(cluster, number)?.program.start()?,
                // What was frozen may have been killed by another fault.
                Heal::ContinueNode(number) => node_of(cluster, number)?.program.signal(Signal::CONT).unwrap_or_default(),
                Heal::ContinueWorker(number) => worker_of(cluster, number)?.program.signal(Signal::CONT).unwrap_or_default(),
                Heal::StartRedis => cluster.redis.lock().await.restart().await.context("Redis does not come back")?,
                Heal::ContinueRedis => cluster.redis.lock().await.signal(Signal::CONT).unwrap_or_default(),
                Heal::StartPostgres => {
                    let mut postgres = cluster.postgres.lock().await;
                    postgres.restart().await.context("PostgreSQL does not come back")?;
                    cluster.postgres_pid.store(postgres.pid().map_or(0, u64::from), Ordering::Relaxed);
                }
                Heal::ContinuePostgres => cluster.thaw_postgres(),
                Heal::Link(link, number) => link.proxy(cluster, number)?.heal(),
            }
        }
        let mut findings = Vec::new();
        for Revoked { user, login, ended, undo } in self.revoked {
            for client in clients.iter().filter(|client| client.user == user && login.is_none_or(|login| client.login == login)) {
                findings.extend(client.outlives(ended, PATIENCE).await.map(|finding| (client.number, finding)));
            }
            if let Some(undo) = undo {
                cluster.grants.make(&cluster.database, &undo).await?;
            }
        }
        Ok(findings)
    }
}

impl Link {
    /// Cuts one of these links in some way; `what` gets the details.
    async fn cut(self, cluster: &Cluster, random: &mut StdRng, what: &mut String) -> Result<Heal> {
        let number = match self {
            // The standby's links matter less.
            Self::WorkerRedis | Self::WorkerPostgres if random.random_bool(0.8) => cluster.leader().await.unwrap_or(0),
            Self::WorkerRedis | Self::WorkerPostgres => random.random_range(0..cluster.workers.len()),
            Self::NodeRedis | Self::NodePostgres | Self::ClientNode => random.random_range(0..cluster.nodes.len()),
        };
        let cut = Cut::random(random);
        self.proxy(cluster, number)?.cut(cut);
        *what = format!("{what} {number} {cut:?}");
        Ok(Heal::Link(self, number))
    }

    fn proxy(self, cluster: &Cluster, number: usize) -> Result<&Proxy> {
        Ok(match self {
            Self::NodeRedis => &node_of(cluster, number)?.redis,
            Self::NodePostgres => &node_of(cluster, number)?.postgres,
            Self::WorkerRedis => &worker_of(cluster, number)?.redis,
            Self::WorkerPostgres => &worker_of(cluster, number)?.postgres,
            Self::ClientNode => &node_of(cluster, number)?.clients,
        })
    }
}

fn node_of(cluster: &Cluster, number: usize) -> Result<&Node> {
    cluster.nodes.get(number).context("a node")
}

fn worker_of(cluster: &Cluster, number: usize) -> Result<&Worker> {
    cluster.workers.get(number).context("a worker")
}

/// One command, straight to Redis.
async fn redis(cluster: &Cluster, command: &str) -> Result<()> {
    let exchange = async {
        let mut socket = TcpStream::connect(("127.0.0.1", cluster.redis_port)).await?;
        socket.write_all(format!("{command}\r\n").as_bytes()).await?;
        let mut answer = [0; 64];
        let count = socket.read(&mut answer).await?;
        ensure!(count > 0 && answer.first() == Some(&b'+'), "{command} was refused");
        Ok(())
    };
    tokio::time::timeout(Duration::from_secs(5), exchange).await?
}
