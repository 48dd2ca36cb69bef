//! One log line per HTTP request: method, address, status, duration.
//!
//! It must never show a token: `access_token` in the address is redacted.

use std::time::Instant;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use tracing::level_filters::LevelFilter;

/// The target of these lines: listeners to raw log lines get them in parts.
pub(crate) const TARGET: &str = module_path!();

/// What stands for a token.
const REDACTED: &str = "--redacted--";

/// Handles the request, then writes its line.
pub(super) async fn write(request: Request, next: Next) -> Response {
    // Not `enabled!`: with a filter per layer, its answer sticks to the thread and swallows the next event there.
    if LevelFilter::current() < LevelFilter::INFO {
        return next.run(request).await;
    }
    let started = Instant::now();
    let (method, address) = (request.method().clone(), redact(request.uri().path_and_query().map_or("/", |address| address.as_str())));
    let response = next.run(request).await;
    tracing::info!("{method} {address} {} {}ms", response.status().as_u16(), started.elapsed().as_millis());
    response
}

fn redact(address: &str) -> String {
    let Some((path, query)) = address.split_once('?') else { return address.to_owned() };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if name == "access_token" => format!("{name}={REDACTED}"),
        Some(_) | None => pair.to_owned(),
    });
    format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_redacted() {
        assert_eq!(redact("/items/a?limit=1&access_token=secret&x"), "/items/a?limit=1&access_token=--redacted--&x");
        assert_eq!(redact("/items/a"), "/items/a");
    }
}
