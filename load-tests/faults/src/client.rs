//! Oracle clients: real sockets, real protocols. What arrives is folded into a copy of each view and kept in a log.
//!
//! ```text
//! credentials ─▶ life: connect, subscribe, listen, come back ─▶ watched: log and copy of each view
//! ```
//! They must never judge: the log goes to [`crate::judge`]. They come back for ever, as clients of an application do.

mod credentials;
mod life;
mod subscription;
mod watched;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use self::credentials::Credentials;
use self::life::Life;
pub(crate) use self::subscription::{Subscription, THROUGH};
pub(crate) use self::watched::{Entry, Watched, What, key_of};
use crate::clock::{Moment, now};
use crate::cluster::Cluster;
use crate::grants::{COLLECTIONS, Ended, Login};
use crate::judge::{Finding, Wrong};

/// A client as the suite sees it.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) number: usize,
    /// By its place among the users.
    pub(crate) user: usize,
    pub(crate) login: Login,
    pub(crate) graphql: bool,
    state: Arc<Mutex<State>>,
    orders: mpsc::Sender<Order>,
    changed: watch::Receiver<u64>,
}

/// Where a client stands.
#[derive(Debug)]
struct State {
    watched: Vec<Watched>,
    /// While it is connected: when its credentials were good.
    open: Option<Moment>,
}

/// What the suite tells a client.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    /// Breaks off, and comes back.
    Drop,
    /// Asks for everything anew.
    Subscribe,
    /// Reads nothing for so long.
    Sleep(Duration),
}

/// What a client is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) login: Login,
    pub(crate) graphql: bool,
}

impl Client {
    /// Starts a client with a few random subscriptions.
    pub(crate) fn start(cluster: &Arc<Cluster>, number: usize, user: usize, kind: Kind, seed: u64) -> Result<Self> {
        let Kind { login, graphql } = kind;
        let mut random = StdRng::seed_from_u64(seed ^ ((number as u64 + 1) << 40));
        let this = cluster.grants.users().get(user).cloned().context("no such user")?;
        let subscriptions: Vec<Subscription> = if graphql {
            (0..COLLECTIONS.len()).map(|number| Subscription::whole(&mut random, number)).collect()
        } else {
            (0..random.random_range(3..6)).map(|number| Subscription::random(&mut random, number)).collect()
        };
        let state = Arc::new(Mutex::new(State { watched: subscriptions.into_iter().map(Watched::new).collect(), open: None }));
        let (orders, receiver) = mpsc::channel(16);
        let (changed, watched) = watch::channel(0);
        let life = Life {
            cluster: Arc::clone(cluster),
            credentials: Credentials::new(login, this),
            graphql,
            random,
            state: Arc::clone(&state),
            orders: receiver,
            changed,
            retry: None,
            renew: None,
        };
        cluster.tasks.spawn("client", life.run());
        Ok(Self { number, user, login, graphql, state, orders, changed: watched })
    }

    /// Tells it something; a client that is busy being told is told later.
    pub(crate) async fn tell(&self, order: Order) {
        // Its task ends with the run.
        let _told = self.orders.send(order).await;
    }

    /// Calls `look` with its subscriptions.
    pub(crate) fn with_watched<T>(&self, look: impl FnOnce(&mut Vec<Watched>) -> T) -> T {
        look(&mut self.state().watched)
    }

    /// Waits until `condition` holds for each subscription; `false` at the deadline.
    pub(crate) async fn until(&self, deadline: Instant, condition: impl Fn(&Watched) -> bool) -> bool {
        self.until_state(deadline, |state| state.watched.iter().all(&condition)).await
    }

    /// What is wrong if a connection is left, after so long, that began with credentials that have `ended`.
    pub(crate) async fn outlives(&self, ended: Ended, patience: Duration) -> Option<Finding> {
        let apart = |state: &State| state.open.is_none_or(|proven| proven > ended.sent);
        let text = format!("a connection goes on after what it began with has ended: {ended:?}");
        let finding = Finding { wrong: Wrong::Leaked, key: String::new(), text };
        (!self.until_state(Instant::now() + patience, apart).await).then_some(finding)
    }

    /// Which marker a subscription of this client waits for, and what it heard last.
    pub(crate) fn late(&self, watched: &Watched, marker: i64) -> String {
        let last = watched.log.last().map(|entry| format!("{} {:?}", entry.at, entry.what).chars().take(300).collect::<String>());
        let (client, name, live) = (self.number, &watched.subscription.uid, watched.live);
        format!("    client {client} {name}, live {live}: has {:?} of marker {marker} at {}, last {last:?}\n", watched.marker(), now())
    }

    async fn until_state(&self, deadline: Instant, condition: impl Fn(&State) -> bool) -> bool {
        let mut changed = self.changed.clone();
        loop {
            changed.mark_unchanged();
            if condition(&self.state()) {
                return true;
            }
            match tokio::time::timeout_at(deadline, changed.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return condition(&self.state()),
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
