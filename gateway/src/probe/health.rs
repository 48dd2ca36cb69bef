//! `gateway health`: whether the node of this machine is ready.
//!
//! It must never ask more than a load balancer would: no store is touched.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use service_runtime::Tasks;
use tokio::net::TcpStream;

use crate::config::Config;

const LIMIT: Duration = Duration::from_secs(5);

/// Asks `/ready` on the admin port, or `/server/ping` where that port is off.
///
/// # Errors
/// When there is no answer in time, or another one than 200.
pub async fn health(config: &Config, tasks: &Tasks) -> anyhow::Result<()> {
    let (address, path) = config.admin.map_or((config.listen, "/server/ping"), |admin| (admin, "/ready"));
    let status = tokio::time::timeout(LIMIT, get(reachable(address), path, tasks)).await.context("no answer in time")??;
    ensure!(status == StatusCode::OK, "{path} answers {status}");
    Ok(())
}

/// An address to listen on, as one to connect to.
const fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}

async fn get(address: SocketAddr, path: &str, tasks: &Tasks) -> anyhow::Result<StatusCode> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the process, which ends with the answer.
    drop(tasks.spawn("health connection", async move { connection.await.err() }));
    let request = Request::get(path).header("host", address.to_string()).body(Body::empty())?;
    Ok(sender.send_request(request).await?.status())
}
