//! What processes have used: CPU time and resident memory, from `/proc`.
//!
//! It must never need more rights than the user who started those processes. Resolution: one clock tick (10 ms) of CPU, so
//! a measurement lasts long enough to have hundreds of them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;

/// Clock ticks per second in `/proc/<pid>/stat`: fixed by the kernel's interface for programs.
const TICKS: u32 = 100;

/// Whose CPU time is measured. `None` where a server was started by somebody else and its process id is not known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Watched {
    /// The gateway, or the floor.
    pub(crate) server: Option<u32>,
    /// The postmaster; its children count.
    pub(crate) postgres: Option<u32>,
}

/// CPU time at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    at: Instant,
    server: Option<Duration>,
    postgres: Option<Duration>,
    client: Duration,
}

/// What was used between two samples.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Used {
    /// Wall-clock time.
    pub(crate) seconds: f64,
    /// CPU seconds of the server.
    pub(crate) server: Option<f64>,
    /// CPU seconds of Postgres, background processes included.
    pub(crate) postgres: Option<f64>,
    /// CPU seconds of this process.
    pub(crate) client: f64,
}

impl Watched {
    /// The CPU time used so far.
    pub(crate) fn sample(self) -> Result<Sample> {
        Ok(Sample {
            at: Instant::now(),
            server: self.server.map(|pid| Ok::<_, anyhow::Error>(stat(pid)?.own)).transpose()?,
            postgres: self.postgres.map(family).transpose()?,
            client: stat(std::process::id())?.own,
        })
    }

    /// What was used since `before`.
    pub(crate) fn since(self, before: &Sample) -> Result<Used> {
        let now = self.sample()?;
        let difference = |now: Option<Duration>, before: Option<Duration>| Some(now?.saturating_sub(before?).as_secs_f64());
        Ok(Used {
            seconds: (now.at - before.at).as_secs_f64(),
            server: difference(now.server, before.server),
            postgres: difference(now.postgres, before.postgres),
            client: now.client.saturating_sub(before.client).as_secs_f64(),
        })
    }
}

impl Used {
    /// Microseconds of `seconds` for each of `count`.
    #[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2^52")]
    pub(crate) fn micros_per(seconds: Option<f64>, count: u64) -> Option<f64> {
        seconds.filter(|_| count > 0).map(|seconds| seconds * 1e6 / count as f64)
    }

    /// How many cores each party kept busy, as text.
    pub(crate) fn cores(&self) -> String {
        let share = |seconds: Option<f64>| seconds.map_or_else(|| "?".to_owned(), |seconds| format!("{:.2}", seconds / self.seconds));
        let all = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        format!("server {}, postgres {}, this client {} of {all} cores", share(self.server), share(self.postgres), share(Some(self.client)))
    }
}

/// Resident memory of a process in bytes.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).context("the server's process is gone")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc")?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes * 1024)
}

struct Stat {
    parent: u32,
    own: Duration,
    /// Of children that have ended and been waited for.
    ended_children: Duration,
}

fn stat(pid: u32) -> Result<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid} is gone"))?;
    parse_stat(&text).with_context(|| format!("/proc/{pid}/stat has an unknown form"))
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The name stands in brackets and may hold anything, brackets included.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u32>().ok();
    let time = |user: usize, system: usize| Some(Duration::from_secs(1) / TICKS * (number(user)? + number(system)?));
    Some(Stat { parent: number(1)?, own: time(11, 12)?, ended_children: time(13, 14)? })
}

/// The CPU time of a process and all its children, also of those that have ended.
fn family(pid: u32) -> Result<Duration> {
    let parent = stat(pid)?;
    let mut sum = parent.own + parent.ended_children;
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let path: PathBuf = entry.path().join("stat");
        // Not a process, or one that has just ended: its parent counts it from then on.
        let Some(child) = std::fs::read_to_string(path).ok().and_then(|text| parse_stat(&text)) else { continue };
        if child.parent == pid {
            sum += child.own + child.ended_children;
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_past_a_strange_name() {
        let text = "42 (a) b) S 7 42 42 0 -1 4194560 1 2 3 4 100 50 20 5 20 0 1 0 1 1 1";
        let stat = parse_stat(text).unwrap();
        assert_eq!((stat.parent, stat.own, stat.ended_children), (7, Duration::from_millis(1500), Duration::from_millis(250)));
        assert!(parse_stat("42 (a").is_none());
    }

    #[test]
    fn this_process_is_seen() {
        assert!(resident(std::process::id()).unwrap() > 100_000);
        let watched = Watched { server: Some(std::process::id()), postgres: None };
        let before = watched.sample().unwrap();
        let used = watched.since(&before).unwrap();
        assert!(used.server.is_some() && used.postgres.is_none() && used.seconds >= 0.0);
        assert!(stat(0).is_err());
    }
}
