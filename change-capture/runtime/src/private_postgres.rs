//! A Postgres of our own: for `dev`, where the user has none, and for tests, which want a real one.
//!
//! It must never touch a cluster that it did not create, listen beyond loopback, or leave a server running behind it.
//! Cost: `initdb` takes about a second; starting an existing directory a few tenths.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rand::Rng as _;
use tokio::process::Command;

use crate::config::{Environment, Lookup as _};
use crate::guarded_process::{GuardedProcess, Launch, Signal, free_port, tail};

/// How long a start may take; crash recovery of a large development database is the slow case.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// Names the installation to use; a directory of another version in `data_dir` still takes its own.
const INSTALLATION: &str = "TIDEGATE_POSTGRES";
/// A port that was free may be taken before Postgres binds it.
const PORT_ATTEMPTS: usize = 5;

/// What kind of private Postgres.
#[derive(Debug, Clone, Default)]
pub struct PrivatePostgresOptions {
    /// Where cluster, password, log and socket live, and stay. `None`: a temporary directory, removed at the end.
    pub data_dir: Option<PathBuf>,
    /// The port on 127.0.0.1; `None` picks a free one.
    pub port: Option<u16>,
    /// Server settings (`-c name=value`), on top of the defaults; `fsync` stays on unless it is set here.
    pub settings: Vec<(String, String)>,
    /// The major version; `None` takes that of an existing directory, else what `TIDEGATE_POSTGRES` names (a directory with
    /// the server's programs), else the newest installed.
    pub major: Option<u32>,
}

/// A running server. Dropping it ends it (fast shutdown) and waits for that.
#[derive(Debug)]
pub struct PrivatePostgres {
    installation: Installation,
    directory: PathBuf,
    password: String,
    port: u16,
    settings: Vec<(String, String)>,
    owner: Option<(u32, u32)>,
    temporary: bool,
    process: Option<GuardedProcess>,
}

/// Why there is no private Postgres.
#[derive(Debug, thiserror::Error)]
pub enum PrivatePostgresError {
    /// No `postgres` and `initdb` were found.
    #[error("no postgres server binaries{} in PATH or /usr/lib/postgresql/*/bin; install the postgresql package", .0.map(|major| format!(" of version {major}")).unwrap_or_default())]
    Binaries(Option<u32>),
    /// `TIDEGATE_POSTGRES` names a directory without them.
    #[error("TIDEGATE_POSTGRES names {0}, where no postgres server binaries can be run")]
    Named(PathBuf),
    /// Postgres refuses to run as root.
    #[error("running as root, and there is no user named postgres to run the server as")]
    User,
    /// Files or processes.
    #[error("cannot {0}")]
    Io(&'static str, #[source] std::io::Error),
    /// A program of the installation failed.
    #[error("{0} failed: {1}")]
    Program(&'static str, String),
    /// The server ended or never became ready.
    #[error("postgres did not start: {0}")]
    Start(String),
}

#[derive(Debug, Clone)]
struct Installation {
    bin: PathBuf,
    major: u32,
}

impl PrivatePostgres {
    /// Creates the cluster if need be and starts a server on it; returns when it accepts connections.
    ///
    /// # Errors
    /// [`PrivatePostgresError`], with the tail of the server's log where there is one.
    pub async fn start(options: PrivatePostgresOptions) -> Result<Self, PrivatePostgresError> {
        let owner = if rustix::process::geteuid().is_root() { Some(postgres_user().ok_or(PrivatePostgresError::User)?) } else { None };
        let temporary = options.data_dir.is_none();
        let directory = options.data_dir.unwrap_or_else(|| std::env::temp_dir().join(format!("tidegate-pg-{}", random_hex(8))));
        std::fs::create_dir_all(&directory).map_err(|error| PrivatePostgresError::Io("create the data directory", error))?;
        // The server resolves it from its own working directory.
        let directory = directory.canonicalize().map_err(|error| PrivatePostgresError::Io("resolve the data directory", error))?;
        if let Some((user, group)) = owner {
            std::os::unix::fs::chown(&directory, Some(user), Some(group))
                .map_err(|error| PrivatePostgresError::Io("hand the data directory to postgres", error))?;
        }
        let existing = std::fs::read_to_string(directory.join("data/PG_VERSION")).ok().and_then(|text| text.trim().parse().ok());
        let installation = find_installation(existing.or(options.major)).await?;
        let password = if existing.is_some() {
            std::fs::read_to_string(directory.join("password"))
                .map_err(|error| PrivatePostgresError::Io("read the password of the cluster", error))?
        } else {
            initialise(&installation, &directory, owner).await.inspect_err(|_| {
                if temporary {
                    let _already_gone = std::fs::remove_dir_all(&directory);
                }
            })?
        };
        let mut server = Self { installation, directory, password, port: 0, settings: options.settings, owner, temporary, process: None };
        let mut attempts = if options.port.is_some() { 1 } else { PORT_ATTEMPTS };
        loop {
            server.port = match options.port {
                Some(port) => port,
                None => free_port().map_err(|error| PrivatePostgresError::Io("find a free port", error))?,
            };
            attempts -= 1;
            match server.launch().await {
                Ok(()) => return Ok(server),
                Err(PrivatePostgresError::Start(log)) if attempts > 0 && log.contains("could not bind") => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A connection string (`host=… port=… user=… password=… dbname=…`) for `database`.
    #[must_use]
    pub fn config(&self, database: &str) -> String {
        let database = database.replace('\\', r"\\").replace('\'', r"\'");
        format!("host=127.0.0.1 port={} user=postgres password={} dbname='{database}'", self.port, self.password)
    }

    /// The password of the user `postgres`.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The major version of the server.
    #[must_use]
    pub const fn major(&self) -> u32 {
        self.installation.major
    }

    /// The process id of the postmaster, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(GuardedProcess::pid)
    }

    /// The path of a program of the same installation, such as `pg_dump`.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        let beside = self.installation.bin.join(name);
        // Client programs may be packaged apart from the server.
        if beside.is_file() { beside } else { PathBuf::from(name) }
    }

    /// Creates an empty database.
    ///
    /// # Errors
    /// When `createdb` fails, for instance because the name is taken.
    pub async fn create_database(&self, name: &str) -> Result<(), PrivatePostgresError> {
        // `createdb` takes no connection string for its maintenance connection before 14, so the parts go one by one.
        let mut command = Command::new(self.program("createdb"));
        command.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string(), "--", name]);
        command.env("PGPASSWORD", &self.password);
        run("createdb", command).await
    }

    /// Whether a database of this name exists.
    ///
    /// # Errors
    /// When `psql` fails.
    pub async fn has_database(&self, name: &str) -> Result<bool, PrivatePostgresError> {
        let mut command = Command::new(self.program("psql"));
        command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", &self.config("template1")]);
        command.args(["-c", "select datname from pg_database"]);
        let output = output("psql", command).await?;
        Ok(output.lines().any(|line| line == name))
    }

    /// Ends the server in order (fast shutdown); [`PrivatePostgres::restart`] brings it back.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn stop(&mut self) -> Result<(), PrivatePostgresError> {
        self.end(Signal::INT)
    }

    /// Ends the server like a crash (immediate shutdown): the next start recovers from the log.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn crash(&mut self) -> Result<(), PrivatePostgresError> {
        self.end(Signal::QUIT)
    }

    /// Starts a stopped server again on the same port.
    ///
    /// # Errors
    /// As [`PrivatePostgres::start`].
    pub async fn restart(&mut self) -> Result<(), PrivatePostgresError> {
        self.stop()?;
        self.launch().await
    }

    fn end(&mut self, signal: Signal) -> Result<(), PrivatePostgresError> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.keep_files();
        process.end(signal).map_err(|error| PrivatePostgresError::Io("end the server", error))
    }

    async fn launch(&mut self) -> Result<(), PrivatePostgresError> {
        let log = self.directory.join("postgres.log");
        let _no_old_log = std::fs::remove_file(&log);
        let mut settings = vec![
            ("listen_addresses".to_owned(), "127.0.0.1".to_owned()),
            ("unix_socket_directories".to_owned(), socket_directory(&self.directory)),
            ("port".to_owned(), self.port.to_string()),
        ];
        settings.extend(self.settings.iter().cloned());
        let data = self.directory.join("data");
        let settings: Vec<String> = settings.into_iter().map(|(name, value)| format!("--{name}={value}")).collect();
        let mut arguments = vec![OsStr::new("-D"), data.as_os_str()];
        arguments.extend(settings.iter().map(OsStr::new));
        let program = self.program("postgres");
        let mut process = GuardedProcess::start(Launch {
            program: &program,
            arguments,
            user: self.owner,
            log: &log,
            // A temporary cluster has nothing to save.
            end: if self.temporary { Signal::QUIT } else { Signal::INT },
            remove: self.temporary.then(|| self.directory.clone()),
        })
        .map_err(|error| PrivatePostgresError::Io("start postgres", error))?;
        let deadline = tokio::time::Instant::now() + START_DEADLINE;
        while !is_ready(&data, process.pid()) {
            let exited = process.exited().map_err(|error| PrivatePostgresError::Io("watch postgres", error))?;
            if exited.is_some() || tokio::time::Instant::now() > deadline {
                process.keep_files();
                return Err(PrivatePostgresError::Start(tail(&log)));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.process = Some(process);
        Ok(())
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        drop(self.process.take());
        if self.temporary {
            let _already_gone = std::fs::remove_dir_all(&self.directory);
        }
    }
}

/// `postmaster.pid` says whose it is in its first line and `ready` in its eighth: no connection attempt is needed, and an
/// old file of another server cannot be mistaken for this one.
fn is_ready(data: &Path, pid: u32) -> bool {
    let Ok(text) = std::fs::read_to_string(data.join("postmaster.pid")) else { return false };
    let mut lines = text.lines();
    lines.next().is_some_and(|line| line.trim() == pid.to_string()) && lines.nth(6).is_some_and(|line| line.trim() == "ready")
}

/// The path of a Unix socket has at most 107 bytes; a deep data directory goes without one.
fn socket_directory(directory: &Path) -> String {
    let text = directory.to_string_lossy();
    if text.len() > 80 || text.contains(',') { String::new() } else { text.into_owned() }
}

async fn initialise(installation: &Installation, directory: &Path, owner: Option<(u32, u32)>) -> Result<String, PrivatePostgresError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let password = random_hex(24);
    let file = directory.join("password");
    let write = || -> std::io::Result<()> {
        let _left_over = std::fs::remove_file(&file);
        std::fs::File::options().create_new(true).write(true).mode(0o600).open(&file)?.write_all(password.as_bytes())?;
        if let Some((user, group)) = owner {
            std::os::unix::fs::chown(&file, Some(user), Some(group))?;
        }
        Ok(())
    };
    write().map_err(|error| PrivatePostgresError::Io("write the password file", error))?;
    let mut command = Command::new(installation.bin.join("initdb"));
    command.args(["--username=postgres", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", "--no-instructions"]);
    command.arg("--pwfile").arg(&file).arg("-D").arg(directory.join("data")).current_dir(directory);
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    run("initdb", command).await?;
    Ok(password)
}

async fn run(name: &'static str, command: Command) -> Result<(), PrivatePostgresError> {
    output(name, command).await.map(drop)
}

async fn output(name: &'static str, mut command: Command) -> Result<String, PrivatePostgresError> {
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| PrivatePostgresError::Io("run a postgres program", error))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(PrivatePostgresError::Program(name, String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}

/// Every installation that can be found, PATH first, then by version, newest first.
async fn find_installation(major: Option<u32>) -> Result<Installation, PrivatePostgresError> {
    let environment = Environment::read();
    // Nothing but what was asked for: a test that silently ran on another version would prove nothing.
    if let Some(bin) = environment.get(INSTALLATION).filter(|_| major.is_none()) {
        let bin = PathBuf::from(bin);
        let major = version(&bin).await.ok_or_else(|| PrivatePostgresError::Named(bin.clone()))?;
        return Ok(Installation { bin, major });
    }
    let path = environment.get("PATH").unwrap_or_default();
    let mut versioned: Vec<PathBuf> = ["/usr/lib/postgresql", "/usr/local/pgsql", "/opt/homebrew/opt", "/usr"]
        .iter()
        .filter_map(|root| std::fs::read_dir(root).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path().join("bin")))
        .filter(|bin| bin.join("postgres").is_file() && bin.join("initdb").is_file())
        .collect();
    versioned.sort();
    versioned.reverse();
    let on_path = std::env::split_paths(&path).filter(|bin| bin.join("postgres").is_file() && bin.join("initdb").is_file());
    let mut found = Vec::new();
    for bin in on_path.chain(versioned) {
        // Distributions link single programs into PATH; the rest of the installation stands beside the real ones.
        let bin = bin.join("postgres").canonicalize().ok().and_then(|real| Some(real.parent()?.to_owned())).unwrap_or(bin);
        if let Some(major) = version(&bin).await {
            found.push(Installation { bin, major });
        }
    }
    // The order of equal versions stays: PATH wins.
    found.sort_by_key(|installation| std::cmp::Reverse(installation.major));
    found
        .into_iter()
        .find(|installation| major.is_none_or(|major| installation.major == major))
        .ok_or(PrivatePostgresError::Binaries(major))
}

/// The major version of the server whose programs are in `bin`.
async fn version(bin: &Path) -> Option<u32> {
    let mut command = Command::new(bin.join("postgres"));
    command.arg("--version");
    let text = output("postgres", command).await.ok()?;
    let number = text.split_whitespace().nth(2)?;
    number.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

/// User and group id of `postgres`.
fn postgres_user() -> Option<(u32, u32)> {
    let text = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = text.lines().find(|line| line.starts_with("postgres:"))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

pub(crate) fn random_hex(bytes: usize) -> String {
    let mut random = rand::rng();
    (0..bytes).map(|_| format!("{:02x}", random.random::<u8>())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keeps_its_data_over_a_restart_and_leaves_nothing_when_temporary() {
        let settings = vec![("fsync".to_owned(), "off".to_owned())];
        let mut server = PrivatePostgres::start(PrivatePostgresOptions { settings, ..Default::default() }).await.unwrap();
        server.create_database("o'dd").await.unwrap();
        assert!(server.create_database("o'dd").await.is_err());
        server.crash().unwrap();
        assert_eq!(server.pid(), None);
        server.restart().await.unwrap();
        assert!(server.has_database("o'dd").await.unwrap());
        let (directory, pid) = (server.directory.clone(), server.pid().unwrap());
        drop(server);
        assert!(!directory.exists());
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }

    #[tokio::test]
    async fn a_persistent_cluster_is_found_again() {
        let directory = std::env::temp_dir().join(format!("tidegate-pg-keep-{}", random_hex(6)));
        let options = PrivatePostgresOptions {
            data_dir: Some(directory.clone()),
            settings: vec![("fsync".to_owned(), "off".to_owned())],
            ..Default::default()
        };
        let server = PrivatePostgres::start(options.clone()).await.unwrap();
        server.create_database("kept").await.unwrap();
        drop(server);
        let server = PrivatePostgres::start(options).await.unwrap();
        assert!(server.has_database("kept").await.unwrap());
        drop(server);
        std::fs::remove_dir_all(directory).unwrap();
    }
}
