//! The floor: what it costs this machine to write one frame to many sockets, and nothing else.
//!
//! One thread, one `send(2)` per socket and frame, the frame ready-made. No HTTP, no masking to undo, no database: what
//! `fanout` measures of the gateway is a ratio to this. It must never batch frames, or it would be no floor for a server
//! whose clients want each frame on its own.

use std::io::ErrorKind;
use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use clap::Args;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};

/// What to wait for.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The port to listen on.
    #[arg(long)]
    port: u16,
    /// Connections that only listen; the one after them says what to write.
    #[arg(long)]
    subscribers: usize,
}

/// Accepts the subscribers, then the speaker, and repeats to each what the speaker sends (a length of 4 bytes, then the
/// frame) until it is gone.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await.context("cannot listen")?;
    let mut subscribers = Vec::with_capacity(options.subscribers);
    while subscribers.len() < options.subscribers {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        subscribers.push(stream);
    }
    let (mut speaker, _) = listener.accept().await?;
    let mut frame = Vec::new();
    while let Ok(length) = speaker.read_u32().await {
        frame.resize(usize::try_from(length)?, 0);
        speaker.read_exact(&mut frame).await?;
        for subscriber in &subscribers {
            write(subscriber, &frame).await?;
        }
    }
    Ok(())
}

/// Waits only where the socket is full.
async fn write(stream: &TcpStream, mut rest: &[u8]) -> Result<()> {
    while !rest.is_empty() {
        match stream.try_write(rest) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
