//! RFC 6455 on raw sockets: every MUST of sections 4.2 (the server's handshake) and 5 to 7 (framing, messages, closing),
//! the ground that the Autobahn suite covers in its sections 1 to 7 and 10.
//!
//! It must never use a WebSocket library: one that repairs or hides what it sends and receives would prove nothing.
//!
//! Every file holds tables; a row is named after what it proves, is played in one piece and byte by byte, and ends with the
//! proof that the connection either still works or has ended as the RFC says.
//!
//! ```text
//! wire    client frames, byte by byte          framing    5.1-5.3  masks, reserved bits, opcodes, lengths
//! peer    a strict reader of the server        fragments  5.4      messages in parts
//! table   rows and how they are played         control    5.5, 7   ping, pong, close
//!                                              text       5.6, 8.1 UTF-8
//!                                              bounds     10.4     sizes, before and after authentication
//!                                              handshake  4.2      the upgrade
//!                                              requests            HTTP around the upgrade: smuggling, bounds, slow heads
//! ```

mod bounds;
mod control;
mod fragments;
mod framing;
mod handshake;
mod peer;
mod requests;
mod table;
mod text;
mod wire;

use anyhow::{Result, ensure};

use crate::conformance::{Baseline, Fixture};
use crate::harness::gateway::{Gateway, Program};
use crate::harness::postgres::Database;

/// A node for one test.
struct Ground {
    gateway: Gateway,
    database: Database,
}

impl Ground {
    async fn new() -> Result<Self> {
        Self::of(Program::gateway(&["standalone"])).await
    }

    async fn of(program: Program) -> Result<Self> {
        let database = Fixture::database(Baseline::Twelve).await?;
        let gateway = program.database(&database).listen().await?;
        Ok(Self { gateway, database })
    }

    const fn port(&self) -> u16 {
        self.gateway.port
    }

    /// The node has survived all of it.
    async fn end(self) -> Result<()> {
        let panics = self.gateway.running.output().matches("panicked").count();
        ensure!(panics == 0, "{}", self.gateway.running.output());
        self.gateway.stop().await?;
        self.database.drop().await
    }
}
