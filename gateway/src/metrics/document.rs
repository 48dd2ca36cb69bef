//! `docs/metrics.md`, made from the tables of both programs.
//!
//! It must never say what a scrape does not show: the integration tests compare both.

use service_runtime::metrics::{PROCESS, markdown as table};

use super::METRICS;

/// The document; a test compares the file with this.
#[must_use]
pub fn markdown() -> String {
    format!(
        "# Metrics\n\nMade by `gateway metrics`; tests keep it true. Both programs serve them at `/metrics` of their admin port \
         (`GATEWAY_ADMIN_PORT`, `CAPTURE_ADMIN_PORT`), beside `/live`, `/ready` and `/startup`. `gateway standalone` and `gateway dev` are node \
         and worker in one and serve all of them. Labels have the values that are listed and no others; all series are there from the \
         start. Alerts on them are in [deploy/prometheus/rules.yaml](../deploy/prometheus/rules.yaml), panels in \
         [deploy/grafana/dashboard.json](../deploy/grafana/dashboard.json).\n\n\
         ## Every process\n\n{}\n## Gateway\n\n{}\n### Its feed\n\n{}\n## Worker\n\n{}",
        table(PROCESS),
        table(METRICS),
        table(change_capture::bus::FEED_METRICS),
        table(change_capture::metrics::METRICS),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_true() {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md")).unwrap();
        assert!(text == markdown(), "docs/metrics.md is old: gateway metrics > docs/metrics.md");
    }

    #[test]
    fn no_name_is_used_twice() {
        let all = [PROCESS, METRICS, change_capture::bus::FEED_METRICS, change_capture::metrics::METRICS].concat();
        let names: std::collections::HashSet<&str> = all.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), all.len());
    }
}
