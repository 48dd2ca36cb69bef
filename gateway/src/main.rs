//! The gateway's process. Everything is in the library; this file must never grow.

use std::process::ExitCode;

// Heap profilers see what goes through the system's.
#[cfg(not(feature = "system-allocator"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gateway::cli::main()
}
