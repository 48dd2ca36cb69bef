//! What bounds every HTTP request: how many an address may make, how long a body may take to arrive, and how much of the
//! node's memory bodies hold.
//!
//! `DefaultBodyLimit` caps one body; a client that sends it byte by byte would hold a connection and a buffer for as long as
//! it likes. It must never time what is not the client's doing: the clock runs only while the body is waited for.

use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::error::ClientError;
use crate::http::reply::HttpError;
use crate::http::{client_origin, wants_upgrade};
use crate::limits::{LimitReason, MemoryShare};
use crate::state::Gateway;

const FINE: u8 = 0;
const SLOW: u8 = 1;
const MEMORY: u8 = 2;

/// Lets a request through within its bounds, and counts what a limit refused behind it.
pub(super) async fn bound(State(state): State<Arc<Gateway>>, request: Request, next: Next) -> Response {
    if wants_upgrade(request.headers()) {
        return next.run(request).await;
    }
    let request = match admit(&state, request) {
        Ok(request) => request,
        Err(refused) => return refused,
    };
    if request.body().is_end_stream() {
        return counted(&state, next.run(request).await);
    }
    let watch = Arc::new(Watch { fault: AtomicU8::new(FINE), share: Mutex::new(state.limits.memory().share()) });
    let (deadline, seen) = (Instant::now() + state.config.bounds.body_timeout, Arc::clone(&watch));
    let request = request.map(|body| {
        let deadline = Box::pin(tokio::time::sleep_until(deadline));
        Body::new(BoundedBody { body, deadline, bytes: 0, watch: seen })
    });
    let response = next.run(request).await;
    let fault = match watch.fault.load(Ordering::Relaxed) {
        SLOW => Some(ClientError::BodyTooSlow),
        MEMORY => {
            state.limits.refused(LimitReason::MessageMemory);
            Some(ClientError::ServiceUnavailable)
        }
        _ if response.status() == StatusCode::PAYLOAD_TOO_LARGE && !is_json(response.headers()) => Some(ClientError::BodyTooLarge),
        _ => None,
    };
    let response = match fault {
        None => response,
        Some(fault) => {
            let mut refused = HttpError::from(fault).into_response();
            // The rest of the body would be read as the next request.
            refused.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            refused
        }
    };
    counted(&state, response)
}

fn admit(state: &Gateway, request: Request) -> Result<Request, Response> {
    if !state.limits.limits_requests() {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let address = client_origin::of(&parts, &state.config.proxy).ip;
    match state.limits.request(address) {
        Ok(()) => Ok(Request::from_parts(parts, body)),
        Err(limited) => Err(HttpError::from(ClientError::TooManyRequests { retry_after: limited.retry_after }).into_response()),
    }
}

fn counted(state: &Gateway, mut response: Response) -> Response {
    if let Some(limit) = response.extensions_mut().remove::<LimitReason>() {
        state.limits.refused(limit);
    }
    response
}

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

/// What became of a body.
struct Watch {
    fault: AtomicU8,
    /// Lives as long as the request: whoever collected the body still has it.
    share: Mutex<MemoryShare>,
}

struct BoundedBody {
    body: Body,
    deadline: Pin<Box<Sleep>>,
    bytes: usize,
    watch: Arc<Watch>,
}

/// The body is over a bound; the reply says which.
#[derive(Debug, thiserror::Error)]
#[error("the body is over a bound")]
struct OverBound;

impl BoundedBody {
    fn fail(&self, fault: u8) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.watch.fault.store(fault, Ordering::Relaxed);
        Poll::Ready(Some(Err(axum::Error::new(OverBound))))
    }
}

impl HttpBody for BoundedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending => match self.deadline.as_mut().poll(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(()) => self.fail(SLOW),
            },
            Poll::Ready(Some(Ok(frame))) => {
                self.bytes += frame.data_ref().map_or(0, Bytes::len);
                let fits = self.watch.share.lock().unwrap_or_else(PoisonError::into_inner).resize(self.bytes);
                if fits.is_err() { self.fail(MEMORY) } else { Poll::Ready(Some(Ok(frame))) }
            }
            Poll::Ready(end) => Poll::Ready(end),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
