//! What the fuzz targets share: a stage to plan on, a mutator that knows JSON and the protocol's words, and the checks that
//! every generated statement has to pass.
//!
//! It must never make an input acceptable: what a target does with one is what the gateway would do.

pub mod grants;
pub mod lexer;
pub mod mutate;
pub mod plant;
pub mod stage;
