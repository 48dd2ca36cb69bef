//! Where spans go, by the names that `OpenTelemetry` defines for every program.
//!
//! It must never export anything that nobody asked for: without an endpoint or `OTEL_TRACES_EXPORTER=otlp` it is off.

use std::collections::HashMap;
use std::time::Duration;

use opentelemetry_sdk::trace::Sampler;

use crate::config::{Reader, Setting};

/// The settings, of both programs.
pub const SETTINGS: &[Setting] = &[
    s("OTEL_TRACES_EXPORTER", "", "otlp sends traces, none does not; by default otlp where an endpoint is set."),
    s(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "http://localhost:4318",
        "Base address of the collector; /v1/traces is added. Only http: TLS ends at a collector nearby.",
    ),
    s("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "", "The whole address for traces, where it differs."),
    s("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", "Only http/protobuf."),
    s("OTEL_EXPORTER_OTLP_HEADERS", "", "Headers of every export: name=value, comma-separated, percent-encoded."),
    s("OTEL_EXPORTER_OTLP_TIMEOUT", "10000", "Milliseconds that an export may take."),
    s("OTEL_TRACES_SAMPLER", "parentbased_always_on", "always_on, always_off, traceidratio, or parentbased_ and one of them."),
    s("OTEL_TRACES_SAMPLER_ARG", "1", "The part of all traces that traceidratio takes, 0 to 1."),
    s("OTEL_SERVICE_NAME", "", "The service's name in traces; tidegate-gateway or tidegate-change-capture."),
    s("OTEL_RESOURCE_ATTRIBUTES", "", "Further attributes of the process: name=value, comma-separated, percent-encoded."),
    s("OTEL_SDK_DISABLED", "false", "true: no traces, whatever the others say."),
];

const TIMEOUT: Duration = Duration::from_secs(10);

/// Where spans go, and which.
#[derive(Debug, Clone)]
pub struct TraceConfig {
    pub(super) endpoint: String,
    pub(super) headers: HashMap<String, String>,
    pub(super) timeout: Duration,
    pub(super) sampler: Sampler,
    pub(super) service: String,
    pub(super) attributes: Vec<(String, String)>,
}

impl TraceConfig {
    /// Reads the settings; faults are recorded in `reader`. `None`: no traces.
    pub fn from_reader(reader: &mut Reader<'_>, service: &str) -> Option<Self> {
        let base = reader.text("OTEL_EXPORTER_OTLP_ENDPOINT");
        let whole = reader.text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        let wanted = match reader.text("OTEL_TRACES_EXPORTER").as_deref() {
            Some("otlp") => true,
            Some("none") => false,
            None => base.is_some() || whole.is_some(),
            Some(_) => {
                reader.fault("OTEL_TRACES_EXPORTER", "otlp or none");
                false
            }
        };
        let disabled = reader.flag("OTEL_SDK_DISABLED", false);
        if reader.text("OTEL_EXPORTER_OTLP_PROTOCOL").is_some_and(|protocol| protocol != "http/protobuf") {
            reader.fault("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
        }
        let name = if whole.is_some() { "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" } else { "OTEL_EXPORTER_OTLP_ENDPOINT" };
        let endpoint = whole.unwrap_or_else(|| {
            let base = base.unwrap_or_else(|| "http://localhost:4318".to_owned());
            format!("{}/v1/traces", base.trim_end_matches('/'))
        });
        if !endpoint.starts_with("http://") {
            reader.fault(name, "an address that starts with http://");
        }
        let timeout = reader.integer("OTEL_EXPORTER_OTLP_TIMEOUT", 1..=600_000).and_then(|number| u64::try_from(number).ok());
        let sampler = sampler(reader);
        let headers = pairs(reader, "OTEL_EXPORTER_OTLP_HEADERS");
        let attributes = pairs(reader, "OTEL_RESOURCE_ATTRIBUTES");
        let named = attributes.iter().find(|(name, _)| name == "service.name").map(|(_, value)| value.clone());
        let service = reader.text("OTEL_SERVICE_NAME").or(named).unwrap_or_else(|| service.to_owned());
        (wanted && !disabled).then(|| Self {
            endpoint,
            headers: headers.into_iter().collect(),
            timeout: timeout.map_or(TIMEOUT, Duration::from_millis),
            sampler,
            service,
            attributes,
        })
    }
}

fn sampler(reader: &mut Reader<'_>) -> Sampler {
    let ratio = match reader.text("OTEL_TRACES_SAMPLER_ARG").map(|text| text.trim().parse::<f64>()) {
        None => 1.0,
        Some(Ok(ratio)) if (0.0..=1.0).contains(&ratio) => ratio,
        Some(_) => {
            reader.fault("OTEL_TRACES_SAMPLER_ARG", "a number from 0 to 1");
            1.0
        }
    };
    let parent_based = |root: Sampler| Sampler::ParentBased(Box::new(root));
    match reader.text_or("OTEL_TRACES_SAMPLER", "parentbased_always_on").as_str() {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => Sampler::TraceIdRatioBased(ratio),
        "parentbased_always_on" => parent_based(Sampler::AlwaysOn),
        "parentbased_always_off" => parent_based(Sampler::AlwaysOff),
        "parentbased_traceidratio" => parent_based(Sampler::TraceIdRatioBased(ratio)),
        _ => {
            reader.fault("OTEL_TRACES_SAMPLER", "always_on, always_off, traceidratio, or parentbased_ and one of them");
            parent_based(Sampler::AlwaysOn)
        }
    }
}

/// `name=value` pairs between commas, percent-encoded as W3C Baggage has it.
fn pairs(reader: &mut Reader<'_>, setting: &str) -> Vec<(String, String)> {
    let text = reader.text_or(setting, "");
    let mut pairs = Vec::new();
    for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
        match pair.split_once('=').map(|(name, value)| (name.trim(), percent_decode(value.trim()))) {
            Some((name, Some(value))) if !name.is_empty() => pairs.push((name.to_owned(), value)),
            Some(_) | None => reader.fault(setting, "name=value pairs between commas, percent-encoded"),
        }
    }
    pairs
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            decoded.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

const fn s(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, help }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Option<TraceConfig>, Vec<String>> {
        let lookup: BTreeMap<String, String> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut reader = Reader::new(&lookup);
        let config = TraceConfig::from_reader(&mut reader, "it");
        reader.finish(config).map_err(|faults| faults.into_iter().map(|fault| fault.name).collect())
    }

    #[test]
    fn nothing_is_sent_unless_it_was_asked_for() {
        const TO: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/");
        for (pairs, endpoint) in [
            (&[][..], None),
            (&[TO], Some("http://c:4318/v1/traces")),
            (&[TO, ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://d/x")], Some("http://d/x")),
            (&[TO, ("OTEL_TRACES_EXPORTER", "none")], None),
            (&[TO, ("OTEL_SDK_DISABLED", "true")], None),
            (&[("OTEL_TRACES_EXPORTER", "otlp")], Some("http://localhost:4318/v1/traces")),
        ] {
            assert_eq!(read(pairs).unwrap().map(|config| config.endpoint), endpoint.map(str::to_owned), "{pairs:?}");
        }
    }

    #[test]
    fn names_headers_and_attributes_are_read() {
        let config = read(&[
            ("OTEL_TRACES_EXPORTER", "otlp"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20eA==, x=y"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.name=mine"),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ]);
        let config = config.unwrap().unwrap();
        assert_eq!((config.headers["authorization"].as_str(), config.headers["x"].as_str()), ("Basic eA==", "y"));
        assert_eq!(config.service, "mine");
        assert_eq!(config.attributes.len(), 2);
        let sampler = format!("{:?}", config.sampler);
        assert!(sampler.contains("ParentBased") && sampler.contains("TraceIdRatioBased(0.25)"), "{sampler}");
    }

    #[test]
    fn what_cannot_work_is_a_fault() {
        let wrong = [
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
            ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
            ("OTEL_TRACES_SAMPLER_ARG", "2"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=%zz"),
        ];
        let faults = read(&wrong).unwrap_err();
        assert!(wrong.iter().all(|(name, _)| faults.iter().any(|fault| fault == name)), "{faults:?}");
    }
}
