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

/// The reads that are under way.
#[derive(Default)]
pub(super) struct SharedReads {
    /// Guards the map only. A view is here while somebody reads it; the list waits for the next read.
    running: Mutex<HashMap<ViewKey, Vec<oneshot::Sender<Turn>>>>,
}

/// What somebody who waited gets.
enum Turn {
    /// He reads, also for these.
    Read(Vec<oneshot::Sender<Turn>>),
    /// It was read.
    Done(Arc<ViewRead>),
}

/// Whoever reads; hands the view on when it ends, however it ends.
struct Reading<'a> {
    reads: &'a SharedReads,
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
        let wait = {
            let mut running = self.running();
            if let Some(waiting) = running.get_mut(&key) {
                let (sender, receiver) = oneshot::channel();
                waiting.push(sender);
                Some(receiver)
            } else {
                running.insert(key.clone(), Vec::new());
                None
            }
        };
        let followers = match wait {
            None => Vec::new(),
            Some(turn) => match turn.await {
                Ok(Turn::Done(view)) => return Ok(view),
                Ok(Turn::Read(followers)) => followers,
                Err(_) => return read().await.map(Arc::new),
            },
        };
        let mut reading = Reading { reads: self, key, followers };
        let view = Arc::new(read().await?);
        for follower in reading.followers.drain(..) {
            // Its connection may be gone.
            let _told = follower.send(Turn::Done(Arc::clone(&view)));
        }
        Ok(view)
    }

    fn running(&self) -> MutexGuard<'_, HashMap<ViewKey, Vec<oneshot::Sender<Turn>>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let mut running = self.reads.running();
        // Those who still follow here are dropped with this and read alone. The next turn goes to the first who waits for it.
        let mut waiting = running.get_mut(&self.key).map(std::mem::take).unwrap_or_default();
        while !waiting.is_empty() {
            let next = waiting.remove(0);
            match next.send(Turn::Read(waiting)) {
                Ok(()) => return,
                Err(Turn::Read(rest)) => waiting = rest,
                Err(Turn::Done(_)) => return,
            }
        }
        running.remove(&self.key);
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
        ViewRead { data: Some(number.to_string()), meta: None, snapshot: None }
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
        assert!(shared.running().is_empty());
        // A failure is its reader's own: the others read for themselves.
        let (mut first, mut second, mut third) = (Box::pin(want()), Box::pin(want()), Box::pin(want()));
        assert!(futures_util::poll!(&mut first).is_pending());
        assert!(futures_util::poll!(&mut second).is_pending());
        assert!(futures_util::poll!(&mut third).is_pending());
        source.permits.add_permits(5);
        assert_eq!(first.await, Err(()));
        assert_eq!(second.await, Ok("4".to_owned()));
        assert_eq!(third.await, Ok("4".to_owned()));
        assert!(shared.running().is_empty());
    }
}
