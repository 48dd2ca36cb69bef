//! The way of spans out of the process: batches by HTTP, on a thread of their own.
//!
//! It must never run on the runtime's threads, nor keep the process from ending: what the collector does not take within
//! its time is lost.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use super::{ON, TraceConfig};

/// For what still waits when the process ends.
const LAST_EXPORT: Duration = Duration::from_secs(5);

/// Keeps spans going out; [`Traces::finish`] sends the last of them.
#[derive(Debug)]
#[must_use = "spans that wait are lost unless it is finished"]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Where nothing is exported.
    pub(crate) const fn off() -> Self {
        Self(None)
    }

    /// Sends what waits; blocks for a few seconds at most, so it comes last.
    pub fn finish(self) {
        let Some(provider) = self.0 else { return };
        ON.store(false, Ordering::Relaxed);
        if let Err(error) = provider.shutdown_with_timeout(LAST_EXPORT) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// Starts the export.
pub(crate) fn start(config: &TraceConfig) -> Result<(Traces, SdkTracer), opentelemetry_otlp::ExporterBuildError> {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(config.timeout))
        // The exporter judges the status.
        .http_status_as_error(false)
        .proxy(None)
        .build();
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(Sender(ureq::Agent::new_with_config(agent)))
        .with_endpoint(config.endpoint.clone())
        .with_timeout(config.timeout)
        .with_headers(config.headers.clone())
        .build()?;
    let attributes = config.attributes.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    let resource = Resource::builder_empty()
        .with_attributes(attributes)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_service_name(config.service.clone())
        .build();
    let provider =
        SdkTracerProvider::builder().with_sampler(config.sampler.clone()).with_resource(resource).with_batch_exporter(exporter).build();
    let tracer = provider.tracer("tidegate");
    ON.store(true, Ordering::Relaxed);
    Ok((Traces(Some(provider)), tracer))
}

/// HTTP on the exporter's own thread, which may block.
#[derive(Debug)]
struct Sender(ureq::Agent);

impl HttpClient for Sender {
    // What the trait's macro makes of `async fn`.
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let response = self.0.run(Request::from_parts(parts, body.as_ref()))?;
            let (parts, mut body) = response.into_parts();
            Ok(Response::from_parts(parts, Bytes::from(body.read_to_vec()?)))
        })
    }
}
