//! `/metrics` of a running node and worker against `docs/metrics.md`, and through `promtool check metrics`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::document::{self, Documented};
use super::{Deployment, metrics, tool};
use crate::harness::gateway::{ADMIN_TOKEN, Gateway};
use crate::harness::http::Request;
use crate::harness::run;

/// What a scrape shows of one metric: its type, and the values of its labels.
fn shown(text: &str) -> Result<BTreeMap<String, Documented>> {
    let mut all: BTreeMap<String, Documented> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            all.insert(name.to_owned(), Documented { kind: kind.to_owned(), labels: BTreeMap::new() });
        }
        let Some((series, labels)) = line.split_once('{').filter(|_| !line.starts_with('#')) else { continue };
        let series = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| series.strip_suffix(end))
            .filter(|name| all.contains_key(*name))
            .unwrap_or(series);
        let metric = all.get_mut(series).with_context(|| format!("{series} has no type"))?;
        let (labels, _) = labels.split_once('}').context("labels end")?;
        for (name, value) in labels.split(',').filter_map(|label| label.split_once('=')) {
            if name != "le" {
                metric.labels.entry(name.to_owned()).or_default().insert(value.trim_matches('"').to_owned());
            }
        }
    }
    Ok(all)
}

fn compare(served: &BTreeMap<String, Documented>, documented: &BTreeMap<String, Documented>) -> Result<()> {
    let names = |all: &BTreeMap<String, Documented>| all.keys().cloned().collect::<BTreeSet<_>>();
    let difference: Vec<_> = names(served).symmetric_difference(&names(documented)).cloned().collect();
    ensure!(difference.is_empty(), "served or documented, but not both: {difference:?}");
    for (name, row) in documented {
        let metric = served.get(name).context("compared before")?;
        ensure!(metric.kind == row.kind, "{name} is a {}, documented as a {}", metric.kind, row.kind);
        // Every series is there from the start, and no other value ever comes.
        ensure!(metric.labels == row.labels, "{name}: served {:?}, documented {:?}", metric.labels, row.labels);
    }
    Ok(())
}

/// The sum of the series that start with `series`.
fn value(text: &str, series: &str) -> f64 {
    text.lines().filter(|line| line.starts_with(series)).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// One of everything that a client does.
pub(super) async fn use_it(node: &Gateway) -> Result<()> {
    let mut socket = node.connect(ADMIN_TOKEN).await?;
    socket.ask(json!({"type": "subscribe", "collection": "tags", "uid": "s", "query": {"fields": ["id", "label"]}})).await?;
    let create = Request::new("POST", "/items/tags").token(ADMIN_TOKEN).json(json!({"label": "seen"}));
    let created = node.request(create).await?;
    ensure!(created.status == 200, "{created:?}");
    let event = socket.next().await?;
    ensure!(event["event"] == "create", "{event}");
    let refused = socket.ask(json!({"type": "items", "collection": "nowhere", "action": "read", "uid": "x"})).await?;
    ensure!(refused["status"] == "error", "{refused}");
    let wrong = Request::new("POST", "/auth/login").json(json!({"email": "admin@example.com", "password": "wrong"}));
    ensure!(node.request(wrong).await?.status == 401);
    Ok(())
}

#[test]
fn both_programs_serve_what_the_document_says() {
    run(async {
        let deployment = Deployment::start(1, &[]).await?;
        let node = deployment.nodes.first().context("one node")?;
        use_it(node).await?;
        let (of_node, of_worker) = (node.metrics().await?, metrics(&deployment.worker_admin).await?);
        compare(&shown(&of_node)?, &document::metrics(&["Every process", "Gateway", "Its feed"])?).context("the node")?;
        compare(&shown(&of_worker)?, &document::metrics(&["Every process", "Worker"])?).context("the worker")?;
        for (text, series) in [
            (&of_node, "tidegate_gateway_authentications_total{method=\"token\",outcome=\"accepted\"}"),
            (&of_node, "tidegate_gateway_authentications_total{method=\"login\",outcome=\"invalid_credentials\"}"),
            (&of_node, "tidegate_gateway_events_total{stage=\"received\"}"),
            (&of_node, "tidegate_gateway_events_total{stage=\"evaluated\"}"),
            (&of_node, "tidegate_gateway_events_total{stage=\"matched\"}"),
            (&of_node, "tidegate_gateway_feed_seconds_count"),
            (&of_node, "tidegate_gateway_delivery_seconds_count"),
            (&of_node, "tidegate_gateway_deliveries_total"),
            (&of_node, "tidegate_gateway_operation_seconds_count{operation=\"create\"}"),
            (&of_node, "tidegate_gateway_operation_seconds_count{operation=\"subscribe\"}"),
            (&of_node, "tidegate_gateway_statement_seconds_count{cause=\"request\"}"),
            (&of_node, "tidegate_gateway_pool_wait_seconds_count"),
            (&of_node, "tidegate_gateway_pool_limit"),
            (&of_node, "tidegate_gateway_schema_collections"),
            (&of_node, "tidegate_gateway_errors_total{code=\"FORBIDDEN\"}"),
            (&of_node, "tidegate_ready"),
            (&of_worker, "tidegate_ready"),
            (&of_worker, "tidegate_capture_leader"),
            (&of_worker, "tidegate_capture_batches_total"),
            (&of_worker, "tidegate_capture_publish_lag_seconds_count"),
        ] {
            ensure!(value(text, series) > 0.0, "{series} is zero in\n{text}");
        }
        for text in [&of_node, &of_worker] {
            let (fine, said) = tool("promtool", &["check", "metrics"], text).await?;
            ensure!(fine && said.is_empty(), "promtool check metrics: {said}");
        }
        for (path, admin) in
            [("/live", &deployment.worker_admin), ("/startup", &deployment.worker_admin), ("/ready", &deployment.worker_admin)]
        {
            ensure!(Request::new("GET", path).send(admin).await?.status == 200, "{path}");
        }
        deployment.stop().await
    });
}
