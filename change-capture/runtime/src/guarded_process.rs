//! A server process of our own that cannot outlive us: started, stopped by signal, and ended by a small guard when this
//! process dies without saying so (panic in a test, SIGKILL, a `static` that is never dropped).
//!
//! It must never signal a process that it did not start, nor one that it has already reaped.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use rustix::process::{Pid, kill_process};

pub use rustix::process::Signal;

/// How long a server may take to end after its signal before it is killed.
const END_DEADLINE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);

/// Reads one line from us; when the pipe closes without one, we are dead: end the server, wait for it, clear its files.
const GUARD: &str = r#"
if read -r _; then exit 0; fi
kill -"$2" "$1" 2>/dev/null
i=0
while kill -0 "$1" 2>/dev/null && [ "$i" -lt 100 ]; do sleep 0.1; i=$((i+1)); done
if [ -n "$3" ]; then rm -rf -- "$3"; fi
"#;

/// What to start and how to end it.
#[derive(Debug)]
pub struct Launch<'a> {
    /// The program.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: Vec<&'a OsStr>,
    /// User and group to run as, if not ours.
    pub user: Option<(u32, u32)>,
    /// Where its output goes.
    pub log: &'a Path,
    /// The signal that ends it in order.
    pub end: Signal,
    /// A directory to remove once it has ended.
    pub remove: Option<PathBuf>,
}

/// A running child with its guard. Dropping it ends the child and waits for that.
#[derive(Debug)]
pub struct GuardedProcess {
    child: Child,
    guard: Child,
    end: Signal,
    remove: Option<PathBuf>,
    ended: bool,
}

impl GuardedProcess {
    /// Starts the process and its guard.
    ///
    /// # Errors
    /// When either cannot be started.
    pub fn start(launch: Launch<'_>) -> std::io::Result<Self> {
        let log = File::options().create(true).append(true).open(launch.log)?;
        let mut command = Command::new(launch.program);
        command.args(&launch.arguments).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // Its own group: Ctrl-C in a terminal reaches us, and we end the server in order.
        command.process_group(0);
        if let Some((user, group)) = launch.user {
            command.uid(user).gid(group);
        }
        let child = command.spawn()?;
        let guard = Command::new("sh")
            .args(["-c", GUARD, "guard", &child.id().to_string(), signal_name(launch.end)])
            .arg(launch.remove.as_deref().unwrap_or_else(|| Path::new("")))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        let mut child = child;
        match guard {
            Ok(guard) => Ok(Self { child, guard, end: launch.end, remove: launch.remove, ended: false }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, when the process has ended by itself.
    ///
    /// # Errors
    /// When the operating system cannot say.
    pub fn exited(&mut self) -> std::io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Sends a signal (for instance `STOP` and `CONT` in a fault test).
    ///
    /// # Errors
    /// When the process has ended.
    pub fn signal(&mut self, signal: Signal) -> std::io::Result<()> {
        if self.child.try_wait()?.is_some() {
            return Err(std::io::ErrorKind::NotFound.into());
        }
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).ok_or(std::io::ErrorKind::InvalidInput)?;
        Ok(kill_process(pid, signal)?)
    }

    /// Sends `signal` and waits until the process has ended; kills it after a deadline. Blocks.
    ///
    /// # Errors
    /// When the operating system refuses to wait.
    #[expect(clippy::disallowed_methods, reason = "Drop and process end have no runtime to wait on; the wait is bounded")]
    pub fn end(&mut self, signal: Signal) -> std::io::Result<()> {
        if self.ended {
            return Ok(());
        }
        let _gone = self.signal(signal);
        let deadline = std::time::Instant::now() + END_DEADLINE;
        while self.child.try_wait()?.is_none() {
            if std::time::Instant::now() > deadline {
                self.child.kill()?;
                self.child.wait()?;
                break;
            }
            std::thread::sleep(POLL);
        }
        // The pid is reaped and may be reused from here on: the guard must stand down first thing.
        if let Some(mut pipe) = self.guard.stdin.take() {
            let _guard_gone = pipe.write_all(b"ended\n");
        }
        self.guard.wait()?;
        self.ended = true;
        Ok(())
    }

    /// Keeps the directory that would have been removed: the server is going to be started again in it.
    pub fn keep_files(&mut self) {
        self.remove = None;
    }
}

impl Drop for GuardedProcess {
    fn drop(&mut self) {
        if let Err(error) = self.end(self.end) {
            tracing::warn!(%error, pid = self.child.id(), "could not end a child process");
        }
        if let Some(path) = &self.remove {
            let _already_gone = std::fs::remove_dir_all(path);
        }
    }
}

fn signal_name(signal: Signal) -> &'static str {
    match signal {
        Signal::INT => "INT",
        Signal::QUIT => "QUIT",
        Signal::KILL => "KILL",
        _ => "TERM",
    }
}

/// A port of this machine that nobody listens on. It is below those that the kernel gives to outgoing connections, one of
/// which could otherwise take it before it is used; and no two calls of a process give the same one soon.
///
/// # Errors
/// When the machine has none left.
pub fn free_port() -> std::io::Result<u16> {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 20_000;
    static CALLS: AtomicU16 = AtomicU16::new(0);
    // Other processes begin elsewhere.
    let start = std::process::id().wrapping_mul(7919) % u32::from(COUNT);
    for _ in 0..COUNT {
        let call = u32::from(CALLS.fetch_add(1, Ordering::Relaxed));
        let offset = u16::try_from((start + call) % u32::from(COUNT)).unwrap_or(0);
        if std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, FIRST + offset)).is_ok() {
            return Ok(FIRST + offset);
        }
    }
    Err(std::io::ErrorKind::AddrNotAvailable.into())
}

/// The last lines of a log, for an error message.
#[must_use]
pub fn tail(log: &Path) -> String {
    let text = std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines.split_at(lines.len().saturating_sub(12)).1.join("\n")
}
