//! A small HTTP client for the tests.
//!
//! It must never follow a redirect, retry, or turn a status into an error: tests judge the reply themselves.

use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;
use ureq::Agent;
use ureq::http::Response;

use super::TASKS;

/// What the tests call themselves.
pub(crate) const USER_AGENT: &str = "conformance/1";

static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    let limit = Some(Duration::from_secs(20));
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_idle_connections(0)
        .timeout_global(limit)
        .proxy(None)
        .build()
        .into()
});

/// A request to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Value>,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// JSON where the body is JSON, else its text as a string.
    pub(crate) body: Value,
}

impl Request {
    /// A request for a path with its query.
    pub(crate) fn new(method: &str, path: &str) -> Self {
        let headers = vec![("user-agent".to_owned(), USER_AGENT.to_owned())];
        Self { method: method.to_owned(), path: path.to_owned(), headers, body: None }
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a bearer token.
    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Adds a JSON body.
    pub(crate) fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Sends it to `base` (`http://host:port`).
    pub(crate) async fn send(self, base: &str) -> Result<Reply> {
        let url = format!("{base}{}", self.path);
        let shown = format!("{} {url}", self.method);
        TASKS.blocking("HTTP request", move || self.send_blocking(&url)).await.context("the request panicked")?.context(shown)
    }

    fn send_blocking(self, url: &str) -> Result<Reply> {
        let mut builder = ureq::http::Request::builder().method(self.method.as_str()).uri(url);
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        let response = match self.body {
            Some(body) => {
                let request = builder.header("content-type", "application/json").body(serde_json::to_vec(&body)?)?;
                // GET and DELETE may carry a body in this protocol.
                let request = AGENT.configure_request(request).allow_non_standard_methods(true).build();
                AGENT.run(request)?
            }
            None => AGENT.run(builder.body(())?)?,
        };
        read(response)
    }
}

impl Reply {
    /// The values of all headers of this name.
    pub(crate) fn header_values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The cookies that are set, as name and value.
    pub(crate) fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        self.header_values("set-cookie").filter_map(|cookie| cookie.split(';').next()?.trim().split_once('='))
    }
}

fn read(mut response: Response<ureq::Body>) -> Result<Reply> {
    let headers =
        response.headers().iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect();
    let text = response.body_mut().read_to_string()?;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(Reply { status: response.status().as_u16(), headers, body })
}
