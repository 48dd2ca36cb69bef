//! The signals that end a process, as a value.
//!
//! It must never act on a signal itself: it cancels a token, and the owner of the token drains. Whoever asks a second time
//! does not want to wait for that.

use std::future::Future;
use std::pin::pin;

use crate::CancellationToken;

/// Runs `work`, cancels `shutdown` at the first SIGTERM or SIGINT, and gives `work` up at the second: then there is no output.
///
/// # Errors
/// When the operating system refuses to install a handler.
pub async fn until_second_signal<T>(work: impl Future<Output = T>, shutdown: CancellationToken) -> std::io::Result<Option<T>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut work = pin!(work);
    let mut asked = false;
    loop {
        // `work` is polled by reference; the others are cancel-safe: `recv` loses nothing when it is dropped.
        let name = tokio::select! {
            output = &mut work => return Ok(Some(output)),
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        if asked {
            tracing::warn!("a second signal ({name}): ending at once");
            return Ok(None);
        }
        asked = true;
        tracing::info!("{name}: draining");
        shutdown.cancel();
    }
}
