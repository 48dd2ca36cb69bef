//! The only place that spawns: every task has a name, is tracked until it ends, and is counted when it panics.
//!
//! It must never let a task outlive [`Tasks::finish`].

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

/// A handle to the tasks of one process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    panics: Arc<AtomicU64>,
    blocking: Arc<Semaphore>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self::new()
    }
}

impl Tasks {
    /// No tasks yet; CPU work may use as many threads as the machine has cores.
    #[must_use]
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self { tracker: TaskTracker::new(), panics: Arc::default(), blocking: Arc::new(Semaphore::new(cores)) }
    }

    /// Runs `future` as a tracked task. A panic inside it is logged with the name and counted, and ends only this task.
    #[expect(clippy::disallowed_methods, reason = "the one wrapper that the ban points to")]
    pub fn spawn<F>(&self, name: &'static str, future: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(self.tracker.track_future(watched(name, Arc::clone(&self.panics), future)))
    }

    /// Runs CPU-bound work (argon2, large JSON) on a bounded number of threads. `None` when it panicked.
    #[expect(clippy::disallowed_methods, reason = "the one wrapper that the ban points to")]
    pub async fn blocking<T: Send + 'static>(&self, name: &'static str, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let permit = Arc::clone(&self.blocking).acquire_owned().await.ok()?;
        let done = self.tracker.track_future(async move {
            let output = tokio::task::spawn_blocking(work).await;
            drop(permit);
            output
        });
        match done.await {
            Ok(output) => Some(output),
            Err(_) => {
                self.panics.fetch_add(1, Ordering::Relaxed);
                tracing::error!(task = name, "blocking task panicked");
                None
            }
        }
    }

    /// How many tasks have panicked since the start.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// How many tasks are running.
    #[must_use]
    pub fn running(&self) -> usize {
        self.tracker.len()
    }

    /// Waits until every task has ended, at most `deadline`. Returns how many were still running.
    pub async fn finish(&self, deadline: Duration) -> usize {
        self.tracker.close();
        let _ended = tokio::time::timeout(deadline, self.tracker.wait()).await;
        self.tracker.len()
    }
}

/// `future`, with its panics logged and counted.
///
/// Of combinators, for an async block holds what it captures beside what it awaits: each task would be twice as large.
fn watched<F: Future>(name: &'static str, panics: Arc<AtomicU64>, future: F) -> impl Future<Output = Option<F::Output>> {
    AssertUnwindSafe(future).catch_unwind().map(move |outcome| {
        if outcome.is_err() {
            panics.fetch_add(1, Ordering::Relaxed);
            tracing::error!(task = name, "task panicked");
        }
        outcome.ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_counted_and_ends_only_its_task() {
        let tasks = Tasks::new();
        let failed = tasks.spawn("fails", async { panic!("on purpose") });
        let works = tasks.spawn("works", async { 7 });
        assert_eq!(failed.await.unwrap(), None::<()>);
        assert_eq!(works.await.unwrap(), Some(7));
        assert_eq!(tasks.panics(), 1);
        assert_eq!(tasks.finish(Duration::from_secs(1)).await, 0);
    }

    /// Each task held its future twice.
    #[test]
    fn a_task_is_hardly_larger_than_its_future() {
        let bytes = [7_u8; 4096];
        let future = async move {
            tokio::task::yield_now().await;
            bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>()
        };
        let alone = size_of_val(&future);
        let task = size_of_val(&watched("large", Arc::default(), future));
        assert!(alone >= 4096 && task <= alone + 64, "{alone} bytes became {task}");
    }
}
