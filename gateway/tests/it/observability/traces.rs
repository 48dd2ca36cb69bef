//! One change in one trace, over three processes: written through node A, captured by the worker, delivered by node B.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::Deployment;
use super::collector::{Arrived, Collector, only};
use crate::harness::gateway::{ADMIN_TOKEN, Gateway};
use crate::harness::http::Request;
use crate::harness::socket::Socket;
use crate::harness::{eventually, run};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";
const LIMIT: Duration = Duration::from_secs(20);

async fn traced(nodes: usize, collector: &Collector, more: &[(&str, &str)]) -> Result<Deployment> {
    let mut settings = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint.clone()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50".to_owned()),
        ("LOG_STYLE", "raw".to_owned()),
        ("LOG_LEVEL", "info".to_owned()),
    ];
    settings.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    Deployment::start(nodes, &settings).await
}

async fn subscriber(node: &Gateway) -> Result<Socket> {
    let mut socket = node.connect(ADMIN_TOKEN).await?;
    let init = socket.ask(json!({"type": "subscribe", "collection": "tags", "uid": "s", "query": {"fields": ["id", "label"]}})).await?;
    ensure!(init["event"] == "init", "{init}");
    Ok(socket)
}

/// The spans of a trace once `enough` of them are there.
async fn spans_of(collector: &Collector, trace: &str, enough: impl Fn(&[Arrived]) -> bool) -> Result<Vec<Arrived>> {
    let found = eventually("the trace is complete", LIMIT, || async {
        let spans: Vec<Arrived> = collector.spans().into_iter().filter(|span| span.trace == trace).collect();
        Ok(enough(&spans).then_some(spans))
    });
    found.await.with_context(|| collector.tree(trace))
}

#[test]
fn a_change_is_one_trace_over_three_processes() {
    run(async {
        let collector = Collector::start().await?;
        let deployment = traced(2, &collector, &[]).await?;
        let [a, b] = deployment.nodes.as_slice() else { anyhow::bail!("two nodes") };
        let mut on_b = subscriber(b).await?;
        let create = Request::new("POST", "/items/tags").token(ADMIN_TOKEN).json(json!({"label": "traced"}));
        let reply = a.request(create.header("traceparent", &format!("00-{TRACE}-{CALLER}-01"))).await?;
        ensure!(reply.status == 200, "{reply:?}");
        ensure!(on_b.next().await?["event"] == "create");

        let has = |spans: &[Arrived], names: &[&str]| names.iter().all(|name| spans.iter().any(|span| span.name == *name));
        let all = ["POST /items/{collection}", "authenticate", "create", "write", "publish", "receive", "deliver"];
        let spans = spans_of(&collector, TRACE, |spans| has(spans, &all)).await?;
        println!("{}", collector.tree(TRACE));
        let (node_a, worker, node_b) = ("tidegate-gateway node-0", "tidegate-change-capture worker", "tidegate-gateway node-1");
        let of =
            |span: &Arrived, collection: &str| span.attributes.get("messaging.destination.name").is_some_and(|name| name == collection);
        let deliver = only(&spans, "deliver", |span| span.name == "deliver")?;
        let receive = only(&spans, "receive", |span| span.name == "receive" && of(span, "tags"))?;
        let publish = only(&spans, "publish", |span| span.name == "publish")?;
        let write = only(&spans, "write", |span| span.name == "write")?;
        let created = only(&spans, "create", |span| span.name == "create")?;
        let request = only(&spans, "request", |span| span.name == "POST /items/{collection}")?;
        for (span, process, parent) in [
            (deliver, node_b, receive.id.as_str()),
            (receive, node_b, publish.id.as_str()),
            (publish, worker, write.id.as_str()),
            (write, node_a, created.id.as_str()),
            (created, node_a, request.id.as_str()),
            (request, node_a, CALLER),
        ] {
            ensure!(span.process == process && span.parent == parent, "{} of {process}, child of {parent}: {span:?}", span.name);
        }
        ensure!(deliver.attributes.get("tidegate.frames").is_some_and(|frames| frames == "1"), "{deliver:?}");
        ensure!(request.attributes.get("http.response.status_code").is_some_and(|status| status == "200"), "{request:?}");

        // Upgrade and operations of a socket, and the log line of the request.
        let connected = |spans: &[Arrived]| has(spans, &["upgrade", "subscribe"]);
        eventually("the socket's spans arrive", LIMIT, || async { Ok(connected(&collector.spans()).then_some(())) }).await?;
        let lines = a.running.output();
        let line = lines.lines().find(|line| line.contains("POST /items/tags")).context("the request's log line")?;
        let line: Value = serde_json::from_str(line)?;
        ensure!(line["trace_id"] == TRACE && line["span_id"] == request.id.as_str(), "{line}");

        // Any writer may hand its trace on, and the change of one that does not begins a trace at the worker.
        let sql = deployment.database.connect().await?;
        let (other, writer) = ("11111111111111111111111111111111", "2222222222222222");
        sql.batch_execute(&format!(
            "begin; set local tidegate.traceparent = '00-{other}-{writer}-01'; insert into tags (label) values ('by sql'); commit"
        ))
        .await?;
        let spans = spans_of(&collector, other, |spans| has(spans, &["publish", "receive", "deliver"])).await?;
        ensure!(only(&spans, "publish", |span| span.name == "publish")?.parent == writer, "{}", collector.tree(other));
        sql.batch_execute("update tags set label = 'again' where label = 'by sql'").await?;
        let fresh = eventually("a trace begins at the worker", LIMIT, || async {
            let all = collector.spans();
            let begun = all.iter().filter(|span| span.name == "publish" && span.parent.is_empty() && of(span, "tags"));
            let delivered = |trace: &str| all.iter().any(|span| span.name == "deliver" && span.trace == trace);
            Ok(begun.map(|span| span.trace.clone()).find(|trace| delivered(trace)))
        });
        let fresh = fresh.await?;
        spans_of(&collector, &fresh, |spans| has(spans, &["publish", "receive", "deliver"])).await?;
        println!("{}{}", collector.tree(other), collector.tree(&fresh));
        ensure!(!format!("{:?}", collector.spans()).contains(ADMIN_TOKEN), "no token is in a span");
        drop(sql);
        deployment.stop().await
    });
}

/// With a sampler that takes nothing by itself, only what a caller has chosen is exported, by every process.
#[test]
fn sampling_is_the_operators_and_a_callers_choice_holds() {
    run(async {
        let collector = Collector::start().await?;
        let sampler = [("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0")];
        let deployment = traced(1, &collector, &sampler).await?;
        let node = deployment.nodes.first().context("one node")?;
        let mut socket = subscriber(node).await?;
        let create = |label: &str| Request::new("POST", "/items/tags").token(ADMIN_TOKEN).json(json!({"label": label}));
        ensure!(node.request(create("not sampled")).await?.status == 200);
        ensure!(socket.next().await?["event"] == "create");
        ensure!(node.request(create("sampled").header("traceparent", &format!("00-{TRACE}-{CALLER}-01"))).await?.status == 200);
        ensure!(socket.next().await?["event"] == "create");
        spans_of(&collector, TRACE, |spans| spans.iter().any(|span| span.name == "deliver")).await?;
        let others: Vec<Arrived> = collector.spans().into_iter().filter(|span| span.trace != TRACE).collect();
        ensure!(others.is_empty(), "{others:?}");
        deployment.stop().await
    });
}
