//! Equal views that are wanted at the same time are read once.
//!
//! Whoever wants a view while it is being read waits for the *next* read: an `init` must contain everything that was
//! committed before its subscription was registered, so a read that began earlier will not do. A thousand clients that
//! reconnect with one query cost a handful of reads. It must never share a failure: who waited for a failed read reads alone.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use access::statement::Statement;
use tokio::sync::oneshot;

use crate::subscription::reader::ViewRead;

/// Names a view: the statement that reads it, and the one item that it is restricted to.
pub(super) type ViewKey = (Arc<Statement>, Option<Box<str>>);

/// The reads that are under way; cheap to clone.
#[derive(Clone, Default)]
pub(super) struct SharedReads(Arc<Running>);

/// A view is here while somebody reads it; the list waits for the next read.
#[derive(Default)]
struct Running(Mutex<HashMap<ViewKey, Vec<oneshot::Sender<Turn>>>>);

/// What somebody who waited gets.
enum Turn {
    /// He reads.
    Read(Reading),
    /// It was read.
    Done(Arc<ViewRead>),
}

/// The right to read a view, also for the followers. However it ends, even unused, it is handed on.
struct Reading {
    running: Arc<Running>,
    key: ViewKey,
    followers: Vec<oneshot::Sender<Turn>>,
}

impl SharedReads {
    /// The view as of some moment after this call: read by `read`, or by somebody else's.
    ///
    /// # Errors
    /// Those of `read`.
    pub(super) async fn read<E, F>(&self, key: ViewKey, read: impl FnOnce() -> F) -> Result<Arc<ViewRead>, E>
    where
        F: Future<Output = Result<ViewRead, E>>,
    {
        let mut reading = match self.begin(key) {
            Ok(reading) => reading,
            Err(turn) => match turn.await {
                Ok(Turn::Done(view)) => return Ok(view),
                Ok(Turn::Read(reading)) => reading,
                // The read that was waited for failed.
                Err(_) => return read().await.map(Arc::new),
            },
        };
        let outcome = read().await.map(Arc::new);
        let followers = std::mem::take(&mut reading.followers);
        let view = outcome?;
        for follower in followers {
            // Its connection may be gone.
            let _told = follower.send(Turn::Done(Arc::clone(&view)));
        }
        Ok(view)
    }

    /// The right to read, or a wait for the next turn.
    fn begin(&self, key: ViewKey) -> Result<Reading, oneshot::Receiver<Turn>> {
        let mut running = self.0.lock();
        if let Some(waiting) = running.get_mut(&key) {
            let (sender, receiver) = oneshot::channel();
            waiting.push(sender);
            return Err(receiver);
        }
        running.insert(key.clone(), Vec::new());
        drop(running);
        Ok(Reading { running: Arc::clone(&self.0), key, followers: Vec::new() })
    }
}

impl Running {
    fn lock(&self) -> MutexGuard<'_, HashMap<ViewKey, Vec<oneshot::Sender<Turn>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        // Those who followed a read that never ended go first.
        let mut waiting = std::mem::take(&mut self.followers);
        let next = {
            let mut running = self.running.lock();
            waiting.extend(running.get_mut(&self.key).map(std::mem::take).unwrap_or_default());
            waiting.retain(|waiting| !waiting.is_closed());
            if waiting.is_empty() {
                running.remove(&self.key);
                return;
            }
            waiting.remove(0)
        };
        // Dropped by a receiver that is gone, this hands itself on again.
        let reading = Self { running: Arc::clone(&self.running), key: self.key.clone(), followers: waiting };
        let _handed_on = next.send(Turn::Read(reading));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    fn key() -> ViewKey {
        (Arc::new(Statement::default()), None)
    }

    fn view(number: usize) -> ViewRead {
        ViewRead { data: Some(number.to_string()), meta: None, snapshot: None, shown: Arc::default() }
    }

    /// Reads one after another, each when a permit is there; gives its number.
    struct Source {
        reads: AtomicUsize,
        permits: Semaphore,
    }

    impl Source {
        async fn read(&self) -> Result<ViewRead, ()> {
            let number = self.reads.fetch_add(1, Ordering::SeqCst) + 1;
            self.permits.acquire().await.unwrap().forget();
            if number == 3 { Err(()) } else { Ok(view(number)) }
        }
    }

    #[tokio::test]
    async fn those_who_come_during_a_read_share_the_next() {
        let (shared, source) = (SharedReads::default(), Source { reads: AtomicUsize::new(0), permits: Semaphore::new(0) });
        let want = || async { shared.read(key(), || source.read()).await.map(|view| view.data.clone().unwrap()) };
        let mut wanted: Vec<_> = (0..10).map(|_| Box::pin(want())).collect();
        for one in &mut wanted {
            assert!(futures_util::poll!(one).is_pending());
        }
        assert_eq!(source.reads.load(Ordering::SeqCst), 1);
        source.permits.add_permits(1);
        let mut rest = wanted.split_off(1);
        assert_eq!(wanted.remove(0).await, Ok("1".to_owned()));
        // Two of those who wait go away, the one whose turn it is among them.
        drop(rest.remove(0));
        drop(rest.remove(3));
        source.permits.add_permits(1);
        for answer in futures_util::future::join_all(rest).await {
            assert_eq!(answer, Ok("2".to_owned()));
        }
        assert!(shared.0.lock().is_empty());
        // A failure is its reader's own: the others read for themselves.
        let (mut first, mut second, mut third) = (Box::pin(want()), Box::pin(want()), Box::pin(want()));
        assert!(futures_util::poll!(&mut first).is_pending());
        assert!(futures_util::poll!(&mut second).is_pending());
        assert!(futures_util::poll!(&mut third).is_pending());
        source.permits.add_permits(5);
        assert_eq!(first.await, Err(()));
        assert_eq!(second.await, Ok("4".to_owned()));
        assert_eq!(third.await, Ok("4".to_owned()));
        assert!(shared.0.lock().is_empty());
    }
}
