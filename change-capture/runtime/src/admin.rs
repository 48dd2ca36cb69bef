//! The admin server of a process, on its own port: `/metrics`, `/live`, `/ready`, `/startup`.
//!
//! It must never be reachable through the public listener, and never touch a store to answer: readiness is a value that
//! others maintain.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Encoder as _, Registry, TextEncoder};
use tokio::net::TcpListener;

use crate::CancellationToken;

/// Where a process is in its life, as probes see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Connecting to its stores; not started.
    Starting = 0,
    /// Serving.
    Ready = 1,
    /// Serving, but a store is away: live but uncertain.
    Degraded = 2,
    /// Ending: takes nothing new.
    Draining = 3,
}

/// The phase of this process; cheap to clone, set by the composition root.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<AtomicU8>);

impl Health {
    /// Moves to `phase`; [`Phase::Draining`] is the last one.
    pub fn set(&self, phase: Phase) {
        let moved = |now| (now != Phase::Draining as u8).then_some(phase as u8);
        let _stays = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, moved);
    }

    /// The phase now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.0.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            2 => Phase::Degraded,
            _ => Phase::Draining,
        }
    }
}

#[derive(Clone)]
struct AdminState {
    health: Health,
    registry: Registry,
}

/// Serves the admin endpoints until `shutdown`.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, health: Health, registry: Registry, shutdown: CancellationToken) -> std::io::Result<()> {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/live", get(|| async { "live\n" }))
        .route("/startup", get(startup))
        .route("/ready", get(ready))
        .with_state(AdminState { health, registry });
    axum::serve(listener, router).with_graceful_shutdown(async move { shutdown.cancelled().await }).await
}

async fn metrics(State(state): State<AdminState>) -> Response {
    let mut text = Vec::new();
    match TextEncoder::new().encode(&state.registry.gather(), &mut text) {
        Ok(()) => ([("content-type", prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn startup(State(state): State<AdminState>) -> Response {
    match state.health.phase() {
        Phase::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting\n").into_response(),
        Phase::Ready | Phase::Degraded | Phase::Draining => "started\n".into_response(),
    }
}

async fn ready(State(state): State<AdminState>) -> Response {
    match state.health.phase() {
        Phase::Ready => "ready\n".into_response(),
        Phase::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting\n").into_response(),
        Phase::Degraded => (StatusCode::SERVICE_UNAVAILABLE, "degraded\n").into_response(),
        Phase::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response(),
    }
}
