//! Metrics from tables: a program's metrics are constants, from which the handles are made and `docs/metrics.md` is written.
//!
//! It must never make a metric that no table has, nor a label with an unbounded set of values: every label lists its values,
//! and a metric shows all of them from the start, so that an alert does not wait for the first fault to find its series.
//! Cost: what is read at a scrape ([`Metric::sampled`]) costs nothing in between.

use std::fmt::Write as _;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{
    CounterVec, Error, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

use crate::Tasks;
use crate::admin::{Health, Phase};

/// One documented metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// The name in a scrape.
    pub name: &'static str,
    /// What it says, with its unit; a sentence.
    pub help: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [Label],
}

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// A value of this moment.
    Gauge,
    /// Observations by size; these are the upper bounds.
    Histogram(&'static [f64]),
}

/// One label.
#[derive(Debug, Clone, Copy)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Every value that it can have.
    pub values: &'static [&'static str],
}

/// What every process tells of itself.
pub const PROCESS: &[&Metric] = &[
    &BUILD,
    &READY,
    &TASKS,
    &TASK_PANICS,
    &system("process_cpu_seconds_total", "Processor time used, seconds.", Kind::Counter),
    &system("process_resident_memory_bytes", "Memory held, bytes.", Kind::Gauge),
    &system("process_virtual_memory_bytes", "Address space, bytes.", Kind::Gauge),
    &system("process_open_fds", "Open file descriptors; every connection is one.", Kind::Gauge),
    &system("process_max_fds", "The most file descriptors that the process may open.", Kind::Gauge),
    &system("process_threads", "Threads.", Kind::Gauge),
    &system("process_start_time_seconds", "When the process started, seconds since the Unix epoch.", Kind::Gauge),
];

const BUILD: Metric = Metric::gauge("tidegate_build_info", "Always 1; the label says which version runs.")
    .by(&[Label { name: "version", values: &[env!("CARGO_PKG_VERSION")] }]);
const READY: Metric = Metric::gauge("tidegate_ready", "1 while /ready says so; 0 while starting, degraded or draining.");
const TASKS: Metric = Metric::gauge("tidegate_tasks", "Tasks that are running.");
const TASK_PANICS: Metric = Metric::counter("tidegate_task_panics_total", "Tasks that panicked: a fault of the program.");

const fn system(name: &'static str, help: &'static str, kind: Kind) -> Metric {
    Metric { name, help, kind, labels: &[] }
}

impl Metric {
    /// A counter; its name ends in `_total`.
    #[must_use]
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: Kind::Counter, labels: &[] }
    }

    /// A gauge.
    #[must_use]
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: Kind::Gauge, labels: &[] }
    }

    /// A histogram with these upper bounds.
    #[must_use]
    pub const fn histogram(name: &'static str, help: &'static str, buckets: &'static [f64]) -> Self {
        Self { name, help, kind: Kind::Histogram(buckets), labels: &[] }
    }

    /// The same with labels.
    #[must_use]
    pub const fn by(self, labels: &'static [Label]) -> Self {
        Self { labels, ..self }
    }

    /// A handle that no registry knows yet.
    #[must_use]
    pub fn int_counter(&self) -> IntCounter {
        self.made(IntCounter::with_opts(self.opts()))
    }

    /// As [`Metric::int_counter`], with every value of its labels.
    #[must_use]
    pub fn int_counter_vec(&self) -> IntCounterVec {
        let vec = self.made(IntCounterVec::new(self.opts(), &self.label_names()));
        self.each(|values| drop(vec.with_label_values(values)));
        vec
    }

    /// As [`Metric::int_counter`].
    #[must_use]
    pub fn int_gauge(&self) -> IntGauge {
        self.made(IntGauge::with_opts(self.opts()))
    }

    /// As [`Metric::int_counter`].
    #[must_use]
    pub fn float_gauge(&self) -> Gauge {
        self.made(Gauge::with_opts(self.opts()))
    }

    /// As [`Metric::int_counter`], with every value of its labels.
    #[must_use]
    pub fn int_gauge_vec(&self) -> IntGaugeVec {
        let vec = self.made(IntGaugeVec::new(self.opts(), &self.label_names()));
        self.each(|values| drop(vec.with_label_values(values)));
        vec
    }

    /// As [`Metric::int_counter`].
    #[must_use]
    pub fn histogram_handle(&self) -> Histogram {
        self.made(Histogram::with_opts(self.histogram_opts()))
    }

    /// As [`Metric::int_counter`], with every value of its labels.
    #[must_use]
    pub fn histogram_vec(&self) -> HistogramVec {
        let vec = self.made(HistogramVec::new(self.histogram_opts(), &self.label_names()));
        self.each(|values| drop(vec.with_label_values(values)));
        vec
    }

    /// A counter or gauge that is read when somebody asks: one value for each value of its one label, in their order, or
    /// the one value of a metric without labels.
    ///
    /// # Errors
    /// When `registry` has the name already.
    pub fn sampled(&'static self, registry: &Registry, sample: impl Fn() -> Vec<f64> + Send + Sync + 'static) -> Result<(), Error> {
        let desc = Desc::new(
            self.name.to_owned(),
            self.help.to_owned(),
            self.label_names().into_iter().map(str::to_owned).collect(),
            std::collections::HashMap::new(),
        )?;
        registry.register(Box::new(Sampled { metric: self, desc, sample: Box::new(sample) }))
    }

    fn opts(&self) -> Opts {
        Opts::new(self.name, self.help)
    }

    fn histogram_opts(&self) -> HistogramOpts {
        let buckets = match self.kind {
            Kind::Histogram(buckets) => buckets.to_vec(),
            Kind::Counter | Kind::Gauge => Vec::new(),
        };
        HistogramOpts::new(self.name, self.help).buckets(buckets)
    }

    fn label_names(&self) -> Vec<&'static str> {
        self.labels.iter().map(|label| label.name).collect()
    }

    /// Names and bounds are constants of a table, which a test makes handles of.
    fn made<T>(&self, made: Result<T, Error>) -> T {
        made.unwrap_or_else(|error| unreachable!("{} is a constant: {error}", self.name))
    }

    /// Every combination of label values.
    fn each(&self, act: impl Fn(&[&str])) {
        let mut combinations: Vec<Vec<&str>> = vec![Vec::new()];
        for label in self.labels {
            let longer = combinations
                .iter()
                .flat_map(|known| label.values.iter().map(|value| [known.as_slice(), std::slice::from_ref(value)].concat()));
            combinations = longer.collect();
        }
        combinations.iter().for_each(|values| act(values));
    }
}

/// A metric whose values are read at a scrape.
struct Sampled {
    metric: &'static Metric,
    desc: Desc,
    sample: Box<dyn Fn() -> Vec<f64> + Send + Sync>,
}

impl Collector for Sampled {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let values = (self.sample)();
        let names = self.metric.label_names();
        let labels = self.metric.labels.first().map_or(&[][..], |label| label.values);
        // Made anew for each scrape: two at a time cannot disturb each other.
        match self.metric.kind {
            Kind::Counter => {
                let vec = self.metric.made(CounterVec::new(self.metric.opts(), &names));
                for (place, value) in values.into_iter().enumerate() {
                    vec.with_label_values(labels.get(place).map_or(&[][..], std::slice::from_ref)).inc_by(value.max(0.0));
                }
                vec.collect()
            }
            Kind::Gauge | Kind::Histogram(_) => {
                let vec = self.metric.made(GaugeVec::new(self.metric.opts(), &names));
                for (place, value) in values.into_iter().enumerate() {
                    vec.with_label_values(labels.get(place).map_or(&[][..], std::slice::from_ref)).set(value);
                }
                vec.collect()
            }
        }
    }
}

/// Registers a handle, and gives it back.
///
/// # Errors
/// When `registry` has the name already.
pub fn registered<C: Collector + Clone + 'static>(collector: C, registry: &Registry) -> Result<C, Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

/// Registers what every process tells of itself ([`PROCESS`]).
///
/// # Errors
/// When `registry` has one of the names already.
pub fn process(registry: &Registry, health: Health, tasks: &Tasks) -> Result<(), Error> {
    BUILD.sampled(registry, || vec![1.0])?;
    READY.sampled(registry, move || vec![f64::from(u8::from(health.phase() == Phase::Ready))])?;
    let running = tasks.clone();
    TASKS.sampled(registry, move || vec![float(running.running() as u64)])?;
    let tasks = tasks.clone();
    TASK_PANICS.sampled(registry, move || vec![float(tasks.panics())])?;
    registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
}

/// A count as a sample.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "samples are doubles; counts over 2^53 lose their last digit")]
pub const fn float(count: u64) -> f64 {
    count as f64
}

/// A table of `metrics` in Markdown.
#[must_use]
pub fn markdown(metrics: &[&Metric]) -> String {
    let mut text = String::from("| name | type | labels | meaning |\n|---|---|---|---|\n");
    for metric in metrics {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let labels: Vec<String> = metric
            .labels
            .iter()
            .map(|label| {
                let values: Vec<String> = label.values.iter().map(|value| format!("`{value}`")).collect();
                format!("`{}`: {}", label.name, values.join(", "))
            })
            .collect();
        // Writing to a String cannot fail.
        let _infallible = writeln!(text, "| `{}` | {kind} | {} | {} |", metric.name, labels.join("; "), metric.help);
    }
    text
}

#[cfg(test)]
mod tests {
    use prometheus::{Encoder as _, TextEncoder};

    use super::*;

    const COUNTED: Metric =
        Metric::counter("x_total", "Help.").by(&[Label { name: "a", values: &["1", "2"] }, Label { name: "b", values: &["3", "4"] }]);
    const SAMPLED: Metric = Metric::gauge("y", "Help.").by(&[Label { name: "a", values: &["1", "2"] }]);

    fn scrape(registry: &Registry) -> String {
        let mut text = Vec::new();
        TextEncoder::new().encode(&registry.gather(), &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn every_value_of_a_label_is_there_from_the_start() {
        let registry = Registry::new();
        registered(COUNTED.int_counter_vec(), &registry).unwrap();
        SAMPLED.sampled(&registry, || vec![5.0, 6.0]).unwrap();
        let text = scrape(&registry);
        for line in ["x_total{a=\"1\",b=\"3\"} 0", "x_total{a=\"2\",b=\"4\"} 0", "y{a=\"1\"} 5", "y{a=\"2\"} 6", "# HELP y Help."] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }

    #[test]
    fn the_process_tells_what_its_table_says() {
        let registry = Registry::new();
        process(&registry, Health::default(), &Tasks::new()).unwrap();
        let text = scrape(&registry);
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let served: Vec<&str> = types.map(|line| line.split(' ').next().unwrap()).collect();
        let mut documented: Vec<&str> = PROCESS.iter().map(|metric| metric.name).collect();
        documented.sort_unstable();
        assert_eq!(served, documented);
        assert!(text.contains("\ntidegate_ready 0\n"), "{text}");
        assert_eq!(markdown(PROCESS).lines().count(), 2 + PROCESS.len());
    }
}
