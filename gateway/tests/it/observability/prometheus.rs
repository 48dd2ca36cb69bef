//! The alerts and the dashboard that are shipped, held against `docs/metrics.md` and asked of a real Prometheus that scrapes a
//! real node and worker.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use service_runtime::guarded_process::{GuardedProcess, Launch, Signal, free_port};

use super::document::{self, repository};
use super::{Deployment, tool};
use crate::harness::http::Request;
use crate::harness::{eventually, log_folder, run};

const RULES: &str = "deploy/prometheus/rules.yaml";
const DASHBOARD: &str = "deploy/grafana/dashboard.json";

/// A panel or an alert with its expression.
struct Asked {
    place: String,
    expression: String,
}

/// What every panel asks, with Grafana's variables as "all".
fn panels() -> Result<Vec<Asked>> {
    let dashboard: Value = serde_json::from_slice(&std::fs::read(repository(DASHBOARD))?)?;
    let mut all = Vec::new();
    for panel in dashboard["panels"].as_array().context("panels")?.iter().filter(|panel| panel["type"] != "row") {
        let title = panel["title"].as_str().context("a panel has a title")?;
        let targets = panel["targets"].as_array().filter(|targets| !targets.is_empty()).with_context(|| format!("{title} asks nothing"))?;
        for target in targets {
            let expression = target["expr"].as_str().context("an expression")?;
            let expression = expression.replace("$namespace", ".*").replace("$instance", ".*").replace("$__rate_interval", "1m");
            ensure!(!expression.contains('$'), "{title} has an unknown variable: {expression}");
            all.push(Asked { place: title.to_owned(), expression });
        }
    }
    ensure!(all.len() > 50, "only {} expressions", all.len());
    Ok(all)
}

/// The words of an expression that look like a metric of ours.
fn names(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("tidegate_") || word.starts_with("process_")).map(str::to_owned).collect()
}

/// Whether the document has `name`, or the histogram that it is a part of.
fn is_documented(documented: &BTreeSet<String>, name: &str) -> bool {
    let part = |end: &str| name.strip_suffix(end).is_some_and(|whole| documented.contains(whole));
    documented.contains(name) || part("_bucket") || part("_count") || part("_sum")
}

fn documented() -> Result<BTreeSet<String>> {
    Ok(document::metrics(&["Every process", "Gateway", "Its feed", "Worker"])?.into_keys().collect())
}

#[test]
fn alerts_are_well_formed_and_fire_on_their_cause_alone() {
    run(async {
        let (rules, tests) = (repository(RULES), repository("deploy/prometheus/rules_test.yaml"));
        let (fine, said) = tool("promtool", &["check", "rules", "--lint=all", "--lint-fatal", &rules.to_string_lossy()], "").await?;
        ensure!(fine, "{said}");
        let (fine, said) = tool("promtool", &["test", "rules", &tests.to_string_lossy()], "").await?;
        ensure!(fine, "{said}");
        let (rules, tests) = (std::fs::read_to_string(rules)?, std::fs::read_to_string(tests)?);
        let runbook = std::fs::read_to_string(repository("docs/operations.md"))?;
        let names: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
        ensure!(!names.is_empty());
        for name in names {
            // Where the runbook has its entry: the heading is the alert's name.
            ensure!(rules.contains(&format!("runbook_url: docs/operations.md#{}\n", name.to_lowercase())), "{name} has no runbook");
            ensure!(runbook.lines().any(|line| line == format!("### {name}")), "docs/operations.md says nothing of {name}");
            let fires = tests.split("- alertname: ").any(|test| test.starts_with(&format!("{name}\n")) && test.contains("exp_labels"));
            ensure!(fires, "{name} never fires in rules_test.yaml");
        }
        Ok(())
    });
}

#[test]
fn panels_and_alerts_ask_for_documented_metrics() {
    run(async {
        let documented = documented()?;
        for asked in panels()? {
            for name in names(&asked.expression) {
                ensure!(is_documented(&documented, &name), "the panel {:?} asks for {name}, which nothing serves", asked.place);
            }
        }
        for name in names(&std::fs::read_to_string(repository(RULES))?) {
            ensure!(is_documented(&documented, &name), "an alert asks for {name}, which nothing serves");
        }
        Ok(())
    });
}

/// A Prometheus of the test's own.
struct Server {
    base: String,
    directory: PathBuf,
    process: GuardedProcess,
}

impl Server {
    fn start(targets: &[&str]) -> Result<Self> {
        let port = free_port()?;
        let directory = log_folder().join(format!("prometheus-{port}"));
        std::fs::create_dir_all(&directory)?;
        let config = directory.join("prometheus.yaml");
        let text = format!(
            "global: {{scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 250ms}}\nrule_files: [{}]\n\
             scrape_configs:\n  - job_name: tidegate\n    static_configs:\n      - targets: {targets:?}\n",
            repository(RULES).canonicalize()?.display()
        );
        std::fs::write(&config, text)?;
        let (config, data) =
            (format!("--config.file={}", config.display()), format!("--storage.tsdb.path={}", directory.join("data").display()));
        let listen = format!("--web.listen-address=127.0.0.1:{port}");
        let log = directory.join("prometheus.log");
        let program = std::path::Path::new("prometheus");
        let arguments = [&config, &data, &listen].map(std::ffi::OsStr::new).to_vec();
        let process = GuardedProcess::start(Launch { program, arguments, user: None, log: &log, end: Signal::TERM, remove: None })
            .context("prometheus: deploy/test installs it (Debian package `prometheus`)")?;
        Ok(Self { base: format!("http://127.0.0.1:{port}"), directory, process })
    }

    /// The answer to an instant query.
    async fn query(&self, expression: &str) -> Result<Value> {
        let encoded: String = expression.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let reply = Request::new("GET", &format!("/api/v1/query?query={encoded}")).send(&self.base).await?;
        ensure!(reply.status == 200 && reply.body["status"] == "success", "{expression}: {:?}", reply.body);
        Ok(reply.body["data"]["result"].clone())
    }
}

#[test]
fn a_real_prometheus_answers_every_panel_and_raises_no_alert_on_a_quiet_deployment() {
    run(async {
        let deployment = Deployment::start(1, &[]).await?;
        let node = deployment.nodes.first().context("one node")?;
        let (of_node, of_worker) = (node.admin_address(), deployment.worker_admin.trim_start_matches("http://"));
        let server = Server::start(&[of_node, of_worker])?;
        eventually("both are scraped", Duration::from_secs(30), || async {
            // It may still be starting.
            let Ok(up) = server.query("up == 1").await else { return Ok(None) };
            Ok(up.as_array().is_some_and(|series| series.len() == 2).then_some(()))
        })
        .await?;
        super::scrape::use_it(node).await?;
        // Rates need what happened between two scrapes.
        eventually("the delivery is seen", Duration::from_secs(30), || async {
            let seen = server.query("increase(tidegate_gateway_delivery_seconds_count[1m]) > 0").await?;
            Ok(seen.as_array().is_some_and(|series| !series.is_empty()).then_some(()))
        })
        .await?;
        let mut answered = 0;
        for asked in panels()? {
            let answer = server.query(&asked.expression).await.with_context(|| format!("the panel {:?}", asked.place))?;
            let series = answer.as_array().context("a vector")?;
            ensure!(!series.is_empty(), "the panel {:?} shows nothing: {}", asked.place, asked.expression);
            answered += 1;
        }
        println!("{answered} expressions of panels answered");
        let reply = Request::new("GET", "/api/v1/rules").send(&server.base).await?;
        let groups = reply.body["data"]["groups"].as_array().context("groups")?;
        let rules: Vec<&Value> = groups.iter().filter_map(|group| group["rules"].as_array()).flatten().collect();
        ensure!(rules.len() > 20, "{} rules", rules.len());
        for rule in rules {
            ensure!(rule["health"] == "ok", "{rule}");
            // There is one worker, and no standby.
            ensure!(rule["state"] == "inactive" || rule["name"] == "TidegateNoStandby", "{rule}");
        }
        let Server { process, directory, .. } = server;
        drop(process);
        std::fs::remove_dir_all(directory)?;
        deployment.stop().await
    });
}
