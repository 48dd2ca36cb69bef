//! Plans a subscription's view under the permissions of now.
//!
//! It must never be bypassed: first subscription, re-authentication and every change of permissions come through here.

use std::sync::Arc;

use access::permission::{Action, Permissions};
use access::plan::Root;
use access::planner::{Planner, Target};
use access::refusal::Refusal;
use access::row::Membership;
use access::schema::Schema;
use access::sql::{self, ReadOptions, Shape};
use serde_json::Value;

use crate::config::Config;
use crate::subscription::request::{Planned, Request};

/// System collections whose rows never leave the server.
const CLOSED: [&str; 2] = ["directus_sessions", "directus_migrations"];

/// Plans `request`. A subscription that could never deliver is refused.
///
/// # Errors
/// The refusal that the client is told.
pub fn plan(config: &Config, schema: &Schema, permissions: &Permissions, request: &Request) -> Result<Planned, Refusal> {
    let planner = Planner { schema, permissions, limits: &config.query };
    let collection = planner.check_collection(&request.collection, Action::Read)?;
    if CLOSED.contains(&&*collection.name) || collection.name.starts_with("directus_oauth_") {
        return Err(Refusal::Forbidden);
    }
    if &*collection.name == "directus_extensions" {
        return Err(Refusal::InvalidPayload("\"directus_extensions\" is currently not supported.".to_owned()));
    }
    if let Some(item) = &request.item {
        if matches!(&*collection.name, "directus_fields" | "directus_relations") {
            let name = &collection.name;
            return Err(Refusal::InvalidPayload(format!("Cannot subscribe to a specific item in the {name} collection.")));
        }
        // Who may not read keys cannot name an item by one.
        planner.read(&request.collection, &request.query, Target::Key(&Value::String(item.to_string())))?;
    }
    if request.query.version().is_some() {
        // Events are of the main content, which would be a wrong answer.
        return Err(Refusal::InvalidQuery("Content versions are not supported".to_owned()));
    }
    let plan = planner.read(&request.collection, &request.query, Target::Query)?;
    let statement = sql::read(&plan, &ReadOptions { shape: Shape::List, snapshot: false, keys: None });
    let remembered = match &plan.root {
        Root::Items(level) => Membership::compile(level).is_err(),
        Root::Aggregate(_) => false,
    };
    Ok(Planned { collection, plan: Arc::new(plan), statement: Arc::new(statement), remembered })
}
