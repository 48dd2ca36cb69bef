//! Subscribers that hear numbered changes, and know which of them were lost, doubled or out of order.
//!
//! A change carries `#` and eight digits somewhere in its message. It must never guess: a message without a number is
//! counted as foreign, a change that comes twice as doubled.
//!
//! Cost of a receipt on top of the socket's: one search for `#`, one clock reading, two writes to own memory and one shared
//! counter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;
use service_runtime::{CancellationToken, Tasks};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::socket::Socket;
use crate::statistics::Latencies;

/// Without any receipt for so long, what is missing is lost.
const PATIENCE: Duration = Duration::from_secs(10);
const DIGITS: usize = 8;

/// Everybody who listens.
#[derive(Debug)]
pub(crate) struct Subscribers {
    shared: Arc<Shared>,
    readers: Vec<JoinHandle<Option<Tally>>>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Shared {
    started: Instant,
    subscribers: u64,
    /// First receipts of changes by subscribers.
    received: AtomicU64,
    /// Wakes whoever waits, whenever as many receipts as subscribers have been added.
    round: Notify,
    /// When each change was written, in nanoseconds since `started`.
    written: Vec<AtomicU64>,
    /// Changes before this one are no part of the latencies.
    warmup: usize,
}

/// What was heard.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) faults: Faults,
    pub(crate) latencies: Latencies,
}

/// What went wrong, summed over all subscribers; all zero in a run whose figures count.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Faults {
    /// Never heard.
    pub(crate) lost: u64,
    /// Heard again.
    pub(crate) doubled: u64,
    /// Heard after a later one.
    pub(crate) misordered: u64,
    /// No change at all; also a view that was read again, which may hold several changes.
    pub(crate) foreign: u64,
    /// Connections that ended.
    pub(crate) ended: u64,
    /// The least number that some subscriber never heard.
    pub(crate) first_lost: Option<usize>,
}

impl Subscribers {
    /// Begins to listen on `sockets` for changes numbered from 0 to `changes`, not included.
    pub(crate) fn listen(sockets: Vec<Socket>, changes: usize, warmup: usize, tasks: &Tasks) -> Self {
        let shared = Arc::new(Shared {
            started: Instant::now(),
            subscribers: sockets.len() as u64,
            received: AtomicU64::new(0),
            round: Notify::new(),
            written: (0..changes).map(|_| AtomicU64::new(0)).collect(),
            warmup,
        });
        let stop = CancellationToken::new();
        let readers = sockets.into_iter().map(|socket| {
            let reader = Reader { shared: Arc::clone(&shared), heard: vec![false; changes], highest: None, tally: Tally::default() };
            tasks.spawn("subscriber", reader.run(socket, stop.clone()))
        });
        let readers = readers.collect();
        Self { shared, readers, stop }
    }

    /// The number as it stands in a change.
    pub(crate) fn mark(number: usize) -> String {
        format!("#{number:08}")
    }

    /// The change `number` is about to be written, or was due at `when`.
    pub(crate) fn writing(&self, number: usize, when: Instant) {
        if let Some(written) = self.shared.written.get(number) {
            let nanos = when.saturating_duration_since(self.shared.started).as_nanos();
            written.store(u64::try_from(nanos).unwrap_or(u64::MAX), Ordering::Release);
        }
    }

    /// Waits until everybody has heard `changes` changes; `false` when nothing came for too long.
    pub(crate) async fn all_heard(&self, changes: usize) -> bool {
        let wanted = self.shared.subscribers * changes as u64;
        let mut last = 0;
        loop {
            let received = self.shared.received.load(Ordering::Acquire);
            if received >= wanted {
                return true;
            }
            // The permit of `notify_one` is kept, so a round between the load and this is not missed.
            let woken = tokio::time::timeout(PATIENCE, self.shared.round.notified()).await;
            if woken.is_err() && received == last {
                return false;
            }
            last = received;
        }
    }

    /// Listens a little longer for what should not come, then sums up.
    pub(crate) async fn finish(self, quiet: Duration) -> Result<Tally> {
        tokio::time::sleep(quiet).await;
        self.stop.cancel();
        let mut sum = Tally::default();
        for reader in self.readers {
            let tally = reader.await?.context("a subscriber panicked")?;
            let (sums, faults) = (&mut sum.faults, tally.faults);
            sums.lost += faults.lost;
            sums.doubled += faults.doubled;
            sums.misordered += faults.misordered;
            sums.foreign += faults.foreign;
            sums.ended += faults.ended;
            sums.first_lost = [sums.first_lost, faults.first_lost].into_iter().flatten().min();
            sum.latencies.append(tally.latencies);
        }
        Ok(sum)
    }
}

impl Faults {
    /// Whether every subscriber heard every change exactly once, in order.
    pub(crate) fn none(&self) -> bool {
        self.lost + self.doubled + self.misordered + self.foreign + self.ended == 0
    }

    /// As one line.
    pub(crate) fn text(&self) -> String {
        let Self { lost, doubled, misordered, foreign, ended, first_lost } = self;
        let first = first_lost.map(|number| format!(" (from change {number} on)")).unwrap_or_default();
        format!("lost {lost}{first}, doubled {doubled}, out of order {misordered}, foreign {foreign}, connections ended {ended}")
    }
}

struct Reader {
    shared: Arc<Shared>,
    heard: Vec<bool>,
    highest: Option<usize>,
    tally: Tally,
}

impl Reader {
    async fn run(mut self, mut socket: Socket, stop: CancellationToken) -> Tally {
        self.tally.latencies = Latencies::with_capacity(self.heard.len());
        loop {
            // Dropped only at the very end, when nothing more is read.
            let read = tokio::select! {
                biased;
                read = socket.messages(|message| self.hear(message)) => read,
                () = stop.cancelled() => break,
            };
            if read.is_err() {
                self.tally.faults.ended += 1;
                break;
            }
        }
        self.tally.faults.lost = self.heard.iter().filter(|heard| !**heard).count() as u64;
        self.tally.faults.first_lost = self.heard.iter().position(|heard| !heard);
        self.tally
    }

    fn hear(&mut self, message: &[u8]) {
        let again = memchr::memmem::find(message.get(..message.len().min(100)).unwrap_or_default(), b"\"event\":\"init\"").is_some();
        let Some(number) = number(message).filter(|_| !again) else {
            self.tally.faults.foreign += 1;
            return;
        };
        let (Some(heard), Some(written)) = (self.heard.get_mut(number), self.shared.written.get(number)) else {
            self.tally.faults.foreign += 1;
            return;
        };
        if std::mem::replace(heard, true) {
            self.tally.faults.doubled += 1;
            return;
        }
        if self.highest.is_some_and(|highest| highest > number) {
            self.tally.faults.misordered += 1;
        }
        self.highest = self.highest.max(Some(number));
        if number >= self.shared.warmup {
            let written = Duration::from_nanos(written.load(Ordering::Acquire));
            self.tally.latencies.add(self.shared.started.elapsed().saturating_sub(written));
        }
        let received = self.shared.received.fetch_add(1, Ordering::AcqRel) + 1;
        if received.is_multiple_of(self.shared.subscribers) {
            self.shared.round.notify_one();
        }
    }
}

/// The number of a change.
fn number(message: &[u8]) -> Option<usize> {
    let start = memchr::memchr(b'#', message)? + 1;
    std::str::from_utf8(message.get(start..start + DIGITS)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_told_from_the_others() {
        let subscribers = Subscribers::listen(Vec::new(), 0, 0, &Tasks::new());
        let shared = Arc::new(Shared {
            subscribers: 1,
            started: subscribers.shared.started,
            received: AtomicU64::new(0),
            round: Notify::new(),
            written: (0..4).map(|_| AtomicU64::new(0)).collect(),
            warmup: 1,
        });
        let mut reader = Reader { shared, heard: vec![false; 4], highest: None, tally: Tally::default() };
        for number in [0, 2, 1, 2] {
            reader.hear(format!("{{\"data\":[{{\"text\":\"{} x\"}}]}}", Subscribers::mark(number)).as_bytes());
        }
        reader.hear(b"{\"event\":\"init\",\"data\":[{\"text\":\"#00000003\"}]}");
        reader.hear(b"#99999999");
        let faults = &reader.tally.faults;
        assert_eq!((faults.doubled, faults.misordered, faults.foreign), (1, 1, 2));
        assert_eq!(reader.heard, [true, true, true, false]);
        assert_eq!(reader.tally.latencies.count(), 2, "the first is warm-up");
        assert_eq!(reader.shared.received.load(Ordering::Relaxed), 3);
    }
}
