//! The signals that end a process, as a value.
//!
//! It must never act on a signal itself: it cancels a token, and the owner of the token drains.

use crate::{CancellationToken, Tasks};

/// Cancels `shutdown` at the first SIGTERM or SIGINT.
///
/// # Errors
/// When the operating system refuses to install a handler.
pub fn cancel_on_signal(tasks: &Tasks, shutdown: CancellationToken) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tasks.spawn("signals", async move {
        // Both are cancel-safe: `recv` loses nothing when it is dropped.
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: draining"),
            _ = interrupt.recv() => tracing::info!("SIGINT: draining"),
            () = shutdown.cancelled() => return,
        }
        shutdown.cancel();
    });
    Ok(())
}
