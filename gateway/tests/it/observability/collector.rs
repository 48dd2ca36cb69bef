//! A collector: receives OTLP over HTTP, binary protobuf, as the OpenTelemetry protocol specification has it.
//!
//! It must never accept what a real collector would refuse: another method, path, content type, or bytes that do not decode.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;

use crate::harness::TASKS;

/// A span that arrived.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    /// `service.name` and `service.instance.id` of the process.
    pub(super) process: String,
    pub(super) name: String,
    pub(super) trace: String,
    pub(super) id: String,
    pub(super) parent: String,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// A running collector. It lives as long as the tests' runtime.
#[derive(Debug, Clone)]
pub(super) struct Collector {
    /// `http://127.0.0.1:<port>`, for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub(super) endpoint: String,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Collector {
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let arrived = Arc::default();
        let router = Router::new().route("/v1/traces", post(receive)).with_state(Arc::clone(&arrived));
        TASKS.spawn("collector", async move { axum::serve(listener, router).await });
        Ok(Self { endpoint, arrived })
    }

    /// Everything so far.
    pub(super) fn spans(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What arrived of one trace, as a tree in text.
    pub(super) fn tree(&self, trace: &str) -> String {
        let mut spans: Vec<Arrived> = self.spans().into_iter().filter(|span| span.trace == trace).collect();
        spans.sort_by_key(|span| span.start);
        let known = |id: &str| spans.iter().any(|span| span.id == id);
        let mut text = format!("trace {trace}\n");
        for root in spans.iter().filter(|span| !known(&span.parent)) {
            branch(&mut text, &spans, root, 1, root.start);
        }
        text
    }
}

fn branch(text: &mut String, spans: &[Arrived], span: &Arrived, depth: usize, zero: u64) {
    let milliseconds = |nanos: u64| std::time::Duration::from_nanos(nanos).as_secs_f64() * 1000.0;
    let (at, took) = (milliseconds(span.start.saturating_sub(zero)), milliseconds(span.end.saturating_sub(span.start)));
    *text += &format!("{:indent$}{} [{}] at {at:.1} ms for {took:.1} ms\n", "", span.name, span.process, indent = depth * 2);
    for child in spans.iter().filter(|child| child.parent == span.id) {
        branch(text, spans, child, depth + 1, zero);
    }
}

async fn receive(State(arrived): State<Arc<Mutex<Vec<Arrived>>>>, headers: HeaderMap, body: Bytes) -> Response {
    if headers.get("content-type").is_none_or(|kind| kind != "application/x-protobuf") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let Ok(request) = ExportTraceServiceRequest::decode(body) else { return StatusCode::BAD_REQUEST.into_response() };
    for group in request.resource_spans {
        let attributes = group.resource.map(|resource| texts(&resource.attributes)).unwrap_or_default();
        let part = |name: &str| attributes.get(name).cloned().unwrap_or_default();
        let process = format!("{} {}", part("service.name"), part("service.instance.id"));
        for span in group.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            arrived.lock().unwrap_or_else(PoisonError::into_inner).push(read(process.clone(), span));
        }
    }
    ([("content-type", "application/x-protobuf")], ExportTraceServiceResponse::default().encode_to_vec()).into_response()
}

fn read(process: String, span: Span) -> Arrived {
    Arrived {
        process,
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        attributes: texts(&span.attributes),
        name: span.name,
        start: span.start_time_unix_nano,
        end: span.end_time_unix_nano,
    }
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(flag) => flag.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        Value::ArrayValue(_) | Value::KvlistValue(_) | Value::BytesValue(_) | Value::StringValueStrindex(_) => format!("{value:?}"),
    };
    let pair = |attribute: &KeyValue| Some((attribute.key.clone(), text(attribute.value.as_ref()?.value.as_ref()?)));
    attributes.iter().filter_map(pair).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The one span among `spans` that `is`.
pub(super) fn only<'a>(spans: &'a [Arrived], what: &str, is: impl Fn(&Arrived) -> bool) -> Result<&'a Arrived> {
    let mut found = spans.iter().filter(|span| is(span));
    let first = found.next().with_context(|| format!("no span: {what}"))?;
    anyhow::ensure!(found.next().is_none(), "more than one span: {what}");
    Ok(first)
}
