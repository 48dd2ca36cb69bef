//! Servers for tests that are not worth shipping: a private Redis.
//!
//! It must never be compiled into a product: it is behind the feature `testkit`, which only dev-dependencies enable.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::guarded_process::{GuardedProcess, Launch, free_port, tail};
use crate::private_postgres::random_hex;

pub use crate::guarded_process::Signal;
pub use crate::private_postgres::{PrivatePostgres, PrivatePostgresError, PrivatePostgresOptions};

const START_DEADLINE: Duration = Duration::from_secs(20);
const PORT_ATTEMPTS: usize = 5;

/// A Redis without persistence on a free port of 127.0.0.1. Dropping it ends it and waits for that.
#[derive(Debug)]
pub struct PrivateRedis {
    directory: PathBuf,
    port: u16,
    arguments: Vec<String>,
    process: Option<GuardedProcess>,
}

impl PrivateRedis {
    /// Starts `redis-server` with `arguments` on top (`["--maxmemory", "1mb"]`); returns when it answers PING.
    ///
    /// # Errors
    /// When the program is missing or does not come up; the message holds the tail of its log.
    pub async fn start(arguments: &[&str]) -> std::io::Result<Self> {
        let directory = std::env::temp_dir().join(format!("tidegate-redis-{}", random_hex(8)));
        std::fs::create_dir_all(&directory)?;
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { directory, port: 0, arguments, process: None };
        let mut attempts = PORT_ATTEMPTS;
        loop {
            server.port = free_port()?;
            attempts -= 1;
            match server.launch().await {
                Ok(()) => return Ok(server),
                Err(error) if attempts > 0 && error.to_string().contains("Address already in use") => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// `redis://127.0.0.1:<port>/`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(GuardedProcess::pid)
    }

    /// Sends a signal: `STOP` and `CONT` simulate a server that hangs.
    ///
    /// # Errors
    /// When it does not run.
    pub fn signal(&mut self, signal: Signal) -> std::io::Result<()> {
        self.process.as_mut().ok_or(std::io::ErrorKind::NotFound)?.signal(signal)
    }

    /// Kills it: everything it held is gone, as after a crash without persistence.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn kill(&mut self) -> std::io::Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.keep_files();
        process.end(Signal::KILL)
    }

    /// Starts it again on the same port, empty.
    ///
    /// # Errors
    /// As [`PrivateRedis::start`].
    pub async fn restart(&mut self) -> std::io::Result<()> {
        self.kill()?;
        self.launch().await
    }

    async fn launch(&mut self) -> std::io::Result<()> {
        let log = self.directory.join("redis.log");
        let _no_old_log = std::fs::remove_file(&log);
        let port = self.port.to_string();
        let directory = self.directory.to_string_lossy().into_owned();
        let fixed = ["--bind", "127.0.0.1", "--port", &port, "--dir", &directory, "--save", "", "--appendonly", "no"];
        let arguments = fixed.into_iter().chain(self.arguments.iter().map(String::as_str)).map(OsStr::new).collect();
        let mut process = GuardedProcess::start(Launch {
            program: Path::new("redis-server"),
            arguments,
            user: None,
            log: &log,
            end: Signal::TERM,
            remove: Some(self.directory.clone()),
        })?;
        let deadline = tokio::time::Instant::now() + START_DEADLINE;
        while !answers(self.port).await {
            if process.exited()?.is_some() || tokio::time::Instant::now() > deadline {
                process.keep_files();
                return Err(std::io::Error::other(tail(&log)));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.process = Some(process);
        Ok(())
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        drop(self.process.take());
        let _already_gone = std::fs::remove_dir_all(&self.directory);
    }
}

/// Three of them as one cluster without replicas. Dropping it ends them.
#[derive(Debug)]
pub struct PrivateRedisCluster {
    nodes: Vec<PrivateRedis>,
}

impl PrivateRedisCluster {
    /// Starts the nodes, divides the slots among them, and returns when each says that the cluster is complete.
    ///
    /// # Errors
    /// When `redis-server` is missing, is older than 7.0, or the nodes do not find each other.
    pub async fn start() -> std::io::Result<Self> {
        let slots = ["0 5460", "5461 10922", "10923 16383"];
        let mut nodes = Vec::new();
        for _ in slots {
            let bus_port = free_port()?.to_string();
            let arguments = ["--cluster-enabled", "yes", "--cluster-port", &bus_port, "--cluster-node-timeout", "1500"];
            nodes.push((PrivateRedis::start(&arguments).await?, bus_port));
        }
        let (first, first_bus) = nodes.first().map(|(node, bus)| (node.port, bus.clone())).unwrap_or_default();
        for ((node, _), slots) in nodes.iter().zip(slots) {
            ask(node.port, &format!("CLUSTER ADDSLOTSRANGE {slots}")).await?;
            if node.port != first {
                ask(node.port, &format!("CLUSTER MEET 127.0.0.1 {first} {first_bus}")).await?;
            }
        }
        let deadline = tokio::time::Instant::now() + START_DEADLINE;
        for (node, _) in &nodes {
            while !ask(node.port, "CLUSTER INFO").await?.contains("cluster_state:ok") {
                if tokio::time::Instant::now() > deadline {
                    return Err(std::io::Error::other("the cluster did not form"));
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(Self { nodes: nodes.into_iter().map(|(node, _)| node).collect() })
    }

    /// The URL of its first node; clients find the others.
    #[must_use]
    pub fn url(&self) -> String {
        self.nodes.first().map(PrivateRedis::url).unwrap_or_default()
    }

    /// Its nodes.
    pub fn nodes(&mut self) -> &mut [PrivateRedis] {
        &mut self.nodes
    }
}

/// One command in the form that people type, and its answer as it comes.
async fn ask(port: u16, command: &str) -> std::io::Result<String> {
    let mut socket = TcpStream::connect((std::net::Ipv4Addr::LOCALHOST, port)).await?;
    socket.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    if answer.starts_with('-') { Err(std::io::Error::other(answer)) } else { Ok(answer) }
}

async fn answers(port: u16) -> bool {
    let ping = async {
        let mut socket = TcpStream::connect((std::net::Ipv4Addr::LOCALHOST, port)).await?;
        socket.write_all(b"PING\r\n").await?;
        let mut reply = [0; 5];
        socket.read_exact(&mut reply).await?;
        Ok::<_, std::io::Error>(&reply == b"+PONG")
    };
    tokio::time::timeout(Duration::from_secs(1), ping).await.is_ok_and(|answer| answer.unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn comes_back_on_its_port_and_leaves_nothing() {
        let mut server = PrivateRedis::start(&["--maxmemory", "5mb"]).await.unwrap();
        let port = server.port();
        server.kill().unwrap();
        assert!(!answers(port).await);
        server.restart().await.unwrap();
        assert_eq!(server.port(), port);
        let directory = server.directory.clone();
        drop(server);
        assert!(!directory.exists());
    }
}
