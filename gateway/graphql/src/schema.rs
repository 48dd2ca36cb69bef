//! The types that one set of permissions sees.
//!
//! It must never change after it was built: it is shared by every session with equal permissions.

pub(crate) mod build;
pub(crate) mod builtin;
pub(crate) mod definition;
pub(crate) mod natural;
mod sdl;
#[cfg(test)]
mod size;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;

use access::permission::Permissions;

use definition::Types;

/// A schema: immutable, shared in an [`Arc`].
#[derive(Debug)]
pub struct Schema {
    overview: Arc<access::schema::Schema>,
    pub(crate) types: Types,
}

impl Schema {
    /// The schema of `overview` for a session with `permissions`. Cost: one pass over all collections and fields; no part of
    /// the permissions is kept.
    #[must_use]
    pub fn build(overview: &Arc<access::schema::Schema>, permissions: &Permissions) -> Self {
        Self { overview: Arc::clone(overview), types: build::build(overview, permissions) }
    }

    /// The overview that it was built from, for the reads and writes of its sessions.
    #[must_use]
    pub fn overview(&self) -> &Arc<access::schema::Schema> {
        &self.overview
    }

    /// The whole schema in the definition language, sorted by name.
    #[must_use]
    pub fn sdl(&self) -> String {
        sdl::print(&self.types)
    }

    /// About how many bytes the types take, beyond the overview that schemas share.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.types.heap_bytes()
    }
}
