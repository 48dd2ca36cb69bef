//! What exists and who may do what: the schema overview, and roles, policies and permissions, held whole in memory and
//! replaced whole when a change event says so.
//!
//! It must never let an old rule outlive its change: everything derived from a state carries that state's revision. Reads
//! take no lock but a short one on a cache; reloads run one at a time and requests for one that arrive meanwhile share
//! the next.
//!
//! ```text
//! catalog + directus_collections/fields/relations ─overview─▶ Schema ─┐
//! directus_roles/policies/access/permissions ─access_rules─▶ rules ───┴─▶ State (revision)
//! Accountability ─access_rules─▶ policies ─rule_set─▶ rules with variables ─lookup─▶ values ─▶ Arc<Permissions>
//! ```

mod access_rules;
mod address;
mod column;
mod derived;
#[cfg(test)]
mod graphql_types;
mod live;
mod looked_at;
mod lookup;
mod metadata;
mod overview;
mod rule_set;
mod system_tables;

pub use live::{Bearers, Conclusion, Directory, DirectoryOptions};
pub use system_tables::is_system_collection;
