//! Log lines as JSON objects that name the trace they belong to.
//!
//! It must never cost anything where no trace is under way but one look at the current context.

use std::fmt;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The JSON of tracing-subscriber, with `trace_id` and `span_id` at the end.
pub(super) struct WithTrace(Format<Json>);

impl Default for WithTrace {
    fn default() -> Self {
        Self(tracing_subscriber::fmt::format().json())
    }
}

/// How fields are written.
pub(super) fn fields() -> JsonFields {
    JsonFields::new()
}

impl<S, N> FormatEvent<S, N> for WithTrace
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let current = if crate::trace::is_on() { Some(Context::current()) } else { None };
        let span = current.as_ref().map(|current| current.span().span_context().clone()).filter(|span| span.is_valid());
        let Some(span) = span else { return self.0.format_event(context, writer, event) };
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        match line.trim_end().strip_suffix('}') {
            Some(open) => writeln!(writer, "{open},\"trace_id\":\"{}\",\"span_id\":\"{}\"}}", span.trace_id(), span.span_id()),
            None => writer.write_str(&line),
        }
    }
}
