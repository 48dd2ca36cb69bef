//! Percentiles of one run, median and spread of several.
//!
//! It must never interpolate or drop outliers: every figure is one that was measured.

use std::time::Duration;

use serde::Serialize;

/// Latencies of one run, in microseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies(Vec<u32>);

/// Percentiles in milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

/// The same figure of several runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Latencies {
    /// Room for `count`, so that a measured loop does not allocate.
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    /// One more; longer than an hour counts as an hour.
    pub(crate) fn add(&mut self, latency: Duration) {
        self.0.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    /// All of another's.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// How many.
    pub(crate) fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// The percentiles; zero when there is nothing.
    pub(crate) fn percentiles(mut self) -> Percentiles {
        self.0.sort_unstable();
        let at = |per_mille: usize| {
            // Nearest rank: the smallest value that at least this share does not exceed.
            let rank = (self.0.len() * per_mille).div_ceil(1000).max(1);
            self.0.get(rank - 1).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
        };
        Percentiles { p50: at(500), p90: at(900), p99: at(990), max: at(1000) }
    }
}

impl Percentiles {
    /// As one line.
    pub(crate) fn text(&self) -> String {
        format!("p50 {:.2} ms, p90 {:.2} ms, p99 {:.2} ms, max {:.2} ms", self.p50, self.p90, self.p99, self.max)
    }
}

impl Spread {
    /// Of at least one value.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let upper = *values.get(values.len() / 2)?;
        let median = if values.len() % 2 == 1 { upper } else { f64::midpoint(*values.get(values.len() / 2 - 1)?, upper) };
        Some(Self { median, least, most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_measured_values() {
        let mut latencies = Latencies::default();
        for millis in (1..=200).rev() {
            latencies.add(Duration::from_millis(millis));
        }
        let percentiles = latencies.percentiles();
        assert_eq!((percentiles.p50, percentiles.p90, percentiles.p99, percentiles.max), (100.0, 180.0, 198.0, 200.0));
        let mut one = Latencies::default();
        one.add(Duration::from_millis(7));
        assert_eq!(one.percentiles().p50, 7.0);
        assert_eq!(Latencies::default().percentiles().max, 0.0);
    }

    #[test]
    fn a_spread_is_median_and_extremes() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Some(Spread { median: 2.0, least: 1.0, most: 3.0 }));
        assert_eq!(Spread::of(vec![4.0, 1.0]), Some(Spread { median: 2.5, least: 1.0, most: 4.0 }));
        assert_eq!(Spread::of(Vec::new()), None);
    }
}
