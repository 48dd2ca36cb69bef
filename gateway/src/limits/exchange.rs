//! What a node and Redis tell each other about limits, beside everything else: leases, counts, points used.
//!
//! It must never be in the way of anything, and never log in step with its clock: a Redis that is away is one line.
//!
//! Cost: nothing while no limit is on but the lease; else a call for every hundred keys that changed, ten times a second.

use std::sync::Arc;
use std::time::Duration;

use service_runtime::{Backoff, CancellationToken};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::counts::Report;
use super::enforce::Limits;
use super::rate::Rate;
use super::shared::{Addition, Held, Shared};

/// Between two exchanges.
const TICK: Duration = Duration::from_millis(100);
/// Every so many of them, what was used little is told too, and what is no longer needed is let go.
const THOROUGH: u32 = 5;
/// Every so many, keys are swept whole.
const SWEEP: u32 = 600;
/// Keys of one call: a script holds up everybody else's.
const KEYS: usize = 100;

/// Runs until `shutdown`, then gives back what Redis holds of this node.
pub async fn exchange(limits: Arc<Limits>, lease: Duration, shutdown: CancellationToken) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
    let mut next = Instant::now();
    let mut failed = false;
    let mut tick: u32 = 0;
    loop {
        // Both are cancel-safe: a tick that was not taken comes at once.
        tokio::select! {
            () = shutdown.cancelled() => break,
            _ = ticks.tick() => {}
        }
        tick = tick.wrapping_add(1);
        let thorough = tick.is_multiple_of(THOROUGH);
        if thorough {
            limits.rates().for_each(|rate| rate.sweep(tick.is_multiple_of(SWEEP)));
        }
        if tick.is_multiple_of(SWEEP) {
            limits.counts.tell_old(Instant::now());
        }
        let Some(shared) = &limits.shared else { continue };
        // A call that failed since the last renewal makes the next one due at once; one that fails itself, later.
        let due = Instant::now() >= next || !failed && !shared.is_available();
        if due {
            failed = !renew(&limits, shared).await;
            if !failed {
                backoff.reset();
            }
            next = Instant::now() + if failed { backoff.next_delay() } else { lease / 3 };
        }
        if failed {
            continue;
        }
        tell_counts(&limits, shared).await;
        for rate in limits.rates() {
            limits.metrics.limit_exchanges.inc_by(tell_points(rate, shared, thorough).await);
        }
    }
    if let Some(shared) = limits.shared.as_ref().filter(|shared| shared.is_available()) {
        tell_counts(&limits, shared).await;
    }
}

/// Whether Redis could be reached.
async fn renew(limits: &Limits, shared: &Shared) -> bool {
    let Some(kept) = shared.renew().await else { return false };
    if !kept || !shared.is_available() {
        limits.counts.tell_everything();
    }
    // Only with its counts told does a node rely on the sum of all.
    let told = tell_counts(limits, shared).await;
    if told {
        shared.found();
    }
    told
}

/// Tells counts of connections until Redis knows them all; false if it is away.
async fn tell_counts(limits: &Limits, shared: &Shared) -> bool {
    loop {
        let reports: Vec<Report> = limits.counts.untold(KEYS);
        if reports.is_empty() {
            return true;
        }
        let without_limit: Vec<(Report, Option<u64>)> = reports.iter().map(|report| (*report, None)).collect();
        match shared.hold(&without_limit).await {
            Held::Counted | Held::Full(_) => limits.counts.told(&reports),
            Held::Away => {
                limits.counts.not_told(&reports);
                return false;
            }
        }
    }
}

/// How many keys' points Redis took.
async fn tell_points(rate: &Rate, shared: &Shared, thorough: bool) -> u64 {
    let mut told = 0;
    let used = rate.unsent(thorough);
    for some in used.chunks(KEYS) {
        let additions: Vec<Addition> = some.iter().map(|used| Addition::of(rate.name, *used, rate.kept())).collect();
        let totals = shared.add(&additions).await;
        for (place, used) in some.iter().enumerate() {
            match totals.as_ref().and_then(|totals| totals.get(place)) {
                Some(total) => {
                    rate.learn(*used, u32::try_from(*total).unwrap_or(u32::MAX));
                    told += 1;
                }
                None => rate.forget(*used),
            }
        }
    }
    told
}
