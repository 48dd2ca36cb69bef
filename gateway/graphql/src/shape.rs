//! From rows to a response: renames, type names, unions, and the output forms of scalars.
//!
//! It must never lose an error: what cannot be put into its type becomes null with an error at its path.

/// How to make a response value of the engine's JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shape {}
