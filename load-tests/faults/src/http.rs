//! One HTTP request, one connection.
//!
//! It must never retry: whoever asks knows what an answer that was lost may mean.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(5);

/// What was answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    /// Null where it is no JSON.
    pub(crate) body: Value,
}

/// Asks a node; `token` authenticates.
pub(crate) async fn request(port: u16, method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Result<Reply> {
    let exchange = async {
        let body = body.map(Value::to_string).unwrap_or_default();
        let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}Content-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await?;
        let (head, body) = reply.split_once("\r\n\r\n").context("no reply")?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no reply")?;
        anyhow::Ok(Reply { status, head: head.to_owned(), body: serde_json::from_str(body).unwrap_or_default() })
    };
    timeout(LIMIT, exchange).await.context("no answer")?
}

impl Reply {
    /// The value of a cookie that was set.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.head.lines().find_map(|line| {
            let (header, value) = line.split_once(": ")?;
            let value = value.strip_prefix(name)?.strip_prefix('=')?;
            header.eq_ignore_ascii_case("set-cookie").then(|| value.split(';').next().unwrap_or_default().to_owned())
        })
    }
}
