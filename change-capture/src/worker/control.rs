//! The handle by which others talk to a worker.
//!
//! It must never touch the database itself: requests go to the worker, which answers when it is done.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, oneshot, watch};

/// Requests that may wait; each is one caller that waits for its answer.
const WAITING: usize = 256;

/// A handle to a worker; cheap to clone. Make one, give a clone to [`crate::worker::run`].
#[derive(Debug, Clone)]
pub struct WorkerControl(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    requests: mpsc::Sender<Request>,
    // The running worker holds this lock as long as it serves requests.
    receiver: Mutex<mpsc::Receiver<Request>>,
    state: watch::Sender<WorkerState>,
}

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerState {
    /// Never set up yet.
    Starting,
    /// Set up; another worker leads.
    StandingBy,
    /// Set up and leading.
    Leading,
    /// Lost its sessions and connects again.
    Interrupted,
}

/// Someone who waits for a synchronisation.
pub(crate) type Request = oneshot::Sender<()>;

/// Why a synchronisation did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SynchroniseError {
    /// The worker lost its database while working on it, or ended; ask again.
    #[error("the capture worker was interrupted")]
    Interrupted,
}

impl Default for WorkerControl {
    fn default() -> Self {
        Self::new()
    }
}

impl WorkerControl {
    /// A handle to a worker that is yet to run.
    #[must_use]
    pub fn new() -> Self {
        let (requests, receiver) = mpsc::channel(WAITING);
        Self(Arc::new(Inner { requests, receiver: Mutex::new(receiver), state: watch::Sender::new(WorkerState::Starting) }))
    }

    /// Looks at the catalog now, installs or repairs triggers, and returns when that is done and everything that was
    /// committed before the call is published. Waits while the worker is connecting.
    ///
    /// # Errors
    /// [`SynchroniseError`].
    pub async fn synchronise(&self) -> Result<(), SynchroniseError> {
        let (answer, answered) = oneshot::channel();
        self.0.requests.send(answer).await.map_err(|_| SynchroniseError::Interrupted)?;
        answered.await.map_err(|_| SynchroniseError::Interrupted)
    }

    /// Returns when a worker is set up as leader or standby for the first time, and the triggers are installed.
    pub async fn ready(&self) {
        let mut state = self.state();
        // The sender lives in this handle, so waiting cannot fail.
        let _never_closed = state.wait_for(|state| *state != WorkerState::Starting).await;
    }

    /// What the worker is doing, as it changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<WorkerState> {
        self.0.state.subscribe()
    }

    pub(crate) fn set_state(&self, state: WorkerState) {
        self.0.state.send_replace(state);
    }

    /// The sessions are gone. A worker that was never set up is still starting.
    pub(crate) fn interrupted(&self) {
        self.0.state.send_modify(|state| {
            if *state != WorkerState::Starting {
                *state = WorkerState::Interrupted;
            }
        });
    }

    pub(crate) fn never_ready(&self) -> bool {
        *self.0.state.borrow() == WorkerState::Starting
    }

    pub(crate) async fn next_request(&self) -> Option<Request> {
        self.0.receiver.lock().await.recv().await
    }
}
