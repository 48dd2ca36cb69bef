mod fields;
mod filters;
mod orders;
mod properties;
mod rights;
mod sketch;

use serde_json::{Value, json};

use super::{Planner, Target};
use crate::permission::Permissions;
use crate::plan::ReadPlan;
use crate::query::{Query, QueryLimits};
use crate::schema::Schema;
use crate::testing;

/// A read as somebody of the newsroom.
struct Reader {
    schema: Schema,
    permissions: Permissions,
    limits: QueryLimits,
}

impl Reader {
    fn of(user: &str) -> Self {
        Self { schema: testing::newsroom(), permissions: testing::permissions(user), limits: QueryLimits::default() }
    }

    fn with(permissions: Permissions) -> Self {
        Self { permissions, ..Self::of("nobody") }
    }

    fn planner(&self) -> Planner<'_> {
        Planner { schema: &self.schema, permissions: &self.permissions, limits: &self.limits }
    }

    fn plan(&self, collection: &str, query: &Value, target: Target<'_>) -> Result<ReadPlan, String> {
        let query = Query::parse(query, &self.limits).map_err(|refusal| refusal.message())?;
        self.planner().read(collection, &query, target).map_err(|refusal| refusal.message())
    }

    fn read(&self, collection: &str, query: &Value) -> Result<String, String> {
        self.plan(collection, query, Target::Query).map(|plan| sketch::plan(&plan))
    }

    /// The plan reads `expect`.
    fn check(&self, collection: &str, query: Value, expect: &str) {
        assert_eq!(self.read(collection, &query).as_deref(), Ok(expect), "{collection} {query}");
    }

    /// The read is refused with exactly this text.
    fn refuse(&self, collection: &str, query: Value, expect: &str) {
        assert_eq!(self.read(collection, &query), Err(expect.to_owned()), "{collection} {query}");
    }

    /// The filter alone, of a read of article ids.
    fn filter(&self, filter: Value, expect: &str) {
        let read = self.read("articles", &json!({"fields": ["id"], "filter": filter, "sort": "id"}));
        let text = read.unwrap_or_else(|refusal| panic!("{filter}: {refusal}"));
        let found = text.split_once(" where ").map_or("", |(_, rest)| rest.strip_suffix(" by id").unwrap_or(rest));
        assert_eq!(found, expect, "{filter}");
    }

    /// A filter of articles that is refused as malformed.
    fn refuse_filter(&self, filter: Value, expect: &str) {
        self.refuse("articles", json!({"filter": filter}), &format!("Invalid query. {expect}."));
    }
}

/// The text of a refused field.
fn forbidden(field: &str, collection: &str, path: &str) -> String {
    format!(
        "You don't have permission to access field \"{field}\" in collection \"{collection}\" or it does not exist. Queried in {}.",
        place(path)
    )
}

/// The text of a refused collection.
fn forbidden_collection(collection: &str, path: &str) -> String {
    format!("You don't have permission to access collection \"{collection}\" or it does not exist. Queried in {}.", place(path))
}

fn place(path: &str) -> String {
    if path.is_empty() { "root".into() } else { format!("\"{path}\"") }
}
