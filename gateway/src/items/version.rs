//! Content versions: items as they would be with the changes that are stored for them.
//!
//! The changes are written under an administrator's rights, nested ones included, in a transaction that is always taken back;
//! the caller's read happens in it. It must never let a version show what the main content hides: rules for the item count
//! only where the stored row passes them as well, and where a rule elsewhere looks at what the version changes, the read is
//! refused. It must never leave a row, an activity or an event behind.
//!
//! Cost: a read of the versions, a transaction, one write per version (the rows stay locked until the read is done), one read.

use std::collections::HashSet;
use std::sync::Arc;

use access::accountability::Accountability;
use access::permission::Permissions;
use access::plan::{Comparison, Filter, Level, Operand, ReadPlan, Root, Rows, RuleSet, Scalar, Selected, Selection, Shown, Test};
use access::planner::{Planner, Target};
use access::query::Query;
use access::refusal::Refusal;
use access::schema::{Collection, RelationKind, Schema};
use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::database::DatabaseError;
use crate::items::preparation::Preparation;
use crate::items::write::{Trial, Write, text};
use crate::items::{Answer, ItemsContext, ItemsError, ItemsService, ReadTarget, key, read, statement};

/// The table of versions.
const VERSIONS: &str = "directus_versions";

/// Each version is a write: a list of more is refused.
const MOST: usize = 100;

/// Collection and key of rows.
type Created = HashSet<(Arc<str>, String)>;

/// What is stored of one version of one item.
struct Draft {
    /// The item's key.
    key: Value,
    /// What to change.
    delta: Map<String, Value>,
    /// Who stored it.
    user: Option<Uuid>,
    /// When.
    saved: Option<Timestamp>,
}

impl ItemsService {
    /// Reads those items of `target` that have a version of this name, as they are in it. For one item without: forbidden.
    pub(super) async fn version(
        &self,
        context: &ItemsContext,
        collection: &Arc<Collection>,
        target: &ReadTarget,
        query: &Query,
        name: &str,
    ) -> Result<Answer, ItemsError> {
        let one = collection.singleton || matches!(target, ReadTarget::Key(_));
        let drafts = self.drafts(context, collection, target, name).await?;
        let keys: Vec<Value> = drafts.iter().map(|draft| draft.key.clone()).collect();
        let target = match keys.as_slice() {
            [] if one => return Err(Refusal::Forbidden.into()),
            [] => return Ok(Answer { data: raw("[]".to_owned())?, meta: None }),
            [only, ..] if one => Target::Key(only),
            all => Target::Keys(all),
        };
        let mut plan = self.planner(context).read(&collection.name, query, target)?;
        if plan.filter_count.is_some() {
            // Items that do not have the version are not among those that count.
            plan.count_filter = match &plan.root {
                Root::Items(level) => level.filter.clone(),
                Root::Aggregate(aggregate) => aggregate.filter.clone(),
            };
        }
        let authors: Vec<ItemsContext> = drafts.iter().map(|draft| draft.author(context)).collect();
        let Some(first) = authors.first() else { return Err(Refusal::Forbidden.into()) };
        let mut write = Write::begin(self, first).await?;
        write.trial = Some(Trial::default());
        narrow(&mut write, collection, &mut plan, &keys).await?;
        for (draft, author) in drafts.into_iter().zip(&authors) {
            let preparation = Preparation::new(self, author);
            write.preparation = draft.saved.map_or(preparation, |saved| preparation.at(saved));
            write.update_keys(collection, std::slice::from_ref(&draft.key), draft.delta).await?;
        }
        let trial = write.trial.take().unwrap_or_default();
        if plan.rules_depend_on(&|name| trial.anything || trial.collections.contains(name)) {
            let reason = "The version can't be shown: a permission rule depends on what it changes";
            return Err(Refusal::InvalidQuery(reason.to_owned()).into());
        }
        let row = write.read(&read::statement(&plan, one)).await?;
        write.take_back().await?;
        let found = read::found(&plan, &row)?;
        let data = found.data.ok_or(Refusal::Forbidden)?;
        let data = if trial.created.is_empty() { data } else { without_keys(context, &plan, &data, &trial.created)? };
        Ok(Answer { data, meta: found.meta })
    }

    /// The versions of this name that the caller may read, in the order of their items.
    async fn drafts(
        &self,
        context: &ItemsContext,
        collection: &Collection,
        target: &ReadTarget,
        name: &str,
    ) -> Result<Vec<Draft>, ItemsError> {
        // Nothing in the database is named by NUL.
        if context.schema.collection(VERSIONS).is_none() || name.contains('\0') {
            return Ok(Vec::new());
        }
        let items = match target {
            ReadTarget::Key(key) => Some(vec![Planner::key_text(collection, key)?]),
            ReadTarget::Keys(keys) => Some(super::write::key_texts(collection, keys)?),
            ReadTarget::Query if collection.singleton => {
                let row = self.database.query_one(&statement::first_key(collection)).await?;
                Some(row.map(|row| text(&row, "key")).transpose()?.into_iter().collect())
            }
            ReadTarget::Query => None,
        };
        let mut filter =
            vec![json!({"collection": {"_eq": &*collection.name}}), json!({"key": {"_eq": name}}), json!({"item": {"_nnull": true}})];
        filter.extend(items.map(|items| json!({"item": {"_in": items}})));
        let raw = json!({
            "fields": ["item", "delta", "user_created", "user_updated", "date_created", "date_updated"],
            "filter": {"_and": filter}, "sort": ["item", "date_created"], "limit": MOST + 1,
        });
        let query = Query::parse(&raw, &self.unlimited)?;
        let planner = Planner { limits: &self.unlimited, ..self.planner(context) };
        // Whoever may not read versions knows of none.
        let Ok(plan) = planner.read(VERSIONS, &query, Target::Query) else { return Ok(Vec::new()) };
        let row = read::execute(&self.database, &plan, &read::statement(&plan, false)).await?;
        let rows: Vec<Map<String, Value>> = match &row.data {
            Some(data) => serde_json::from_str(data.get()).map_err(DatabaseError::form)?,
            None => Vec::new(),
        };
        let mut drafts: Vec<Draft> = rows.into_iter().filter_map(|row| Draft::of(collection, row)).collect();
        drafts.dedup_by(|later, earlier| later.key == earlier.key);
        if drafts.len() > MOST {
            let reason = format!("More than {MOST} items have this version: read it by \"id\"");
            return Err(Refusal::InvalidQuery(reason).into());
        }
        Ok(drafts)
    }
}

impl Draft {
    fn of(collection: &Collection, mut row: Map<String, Value>) -> Option<Self> {
        let item = row.get("item")?.as_str()?;
        let text_of = |names: [&str; 2]| names.iter().find_map(|name| row.get(*name).and_then(Value::as_str));
        let user = text_of(["user_updated", "user_created"]).and_then(|user| user.parse().ok());
        let saved = text_of(["date_updated", "date_created"]).and_then(|date| date.parse().ok());
        let key = key::json(collection, item);
        Planner::key_text(collection, &key).ok()?;
        let mut delta = row.get_mut("delta").and_then(Value::as_object_mut).map(std::mem::take).unwrap_or_default();
        // Fields may have gone since; the key is not one that a version changes.
        delta.retain(|name, _| collection.field(name).is_some() && *name != *collection.primary_key);
        Some(Self { key, delta, user, saved })
    }

    /// Under whom the changes are written: whoever stored them, without bounds.
    fn author(&self, reader: &ItemsContext) -> ItemsContext {
        let accountability = Accountability { user: self.user, admin: true, ..Accountability::default() };
        ItemsContext {
            accountability: Arc::new(accountability),
            permissions: Arc::new(Permissions::administrator()),
            schema: Arc::clone(&reader.schema),
            unanswered: true,
        }
    }
}

/// Makes every rule for the root's rows ask for more: of the items with `keys`, only those count that pass it as they are
/// stored. Locks these rows.
async fn narrow(write: &mut Write<'_>, collection: &Collection, plan: &mut ReadPlan, keys: &[Value]) -> Result<(), ItemsError> {
    let texts = super::write::key_texts(collection, keys)?;
    write.lock(collection, &RuleSet::everything(), &texts).await?;
    let access = match &plan.root {
        Root::Items(level) => &level.access,
        Root::Aggregate(aggregate) => &aggregate.access,
    };
    let Some(field) = collection.key_field().filter(|_| !access.rules.is_empty()) else { return Ok(()) };
    let among = |test: fn(Vec<Scalar>) -> Test, keys: &[String]| {
        let scalars = keys.iter().map(|text| super::nested::scalar(collection, text.clone())).collect();
        let operand = Operand::Column(Arc::clone(field));
        Filter::Compare(Comparison { path: Vec::new(), operand, shown: Shown::Always, test: test(scalars) })
    };
    let mut rules = Vec::with_capacity(access.rules.len());
    for rule in access.rules.clone() {
        let stored = RuleSet { rules: vec![rule.clone()], rows: Rows::Matching(vec![0]) };
        let passed = write.lock(collection, &stored, &texts).await?;
        rules.push(Filter::And(vec![rule, Filter::Or(vec![among(Test::Nin, &texts), among(Test::In, &passed)])]));
    }
    let narrowed = |set: &mut Arc<RuleSet>| *set = Arc::new(RuleSet { rules: rules.clone(), rows: set.rows.clone() });
    match &mut plan.root {
        Root::Items(level) => narrowed(&mut level.access),
        Root::Aggregate(aggregate) => narrowed(&mut aggregate.access),
    }
    plan.total_count.iter_mut().chain(&mut plan.filter_count).for_each(narrowed);
    Ok(())
}

/// Rows that the version would create have no key yet: wherever it stands, null does.
fn without_keys(context: &ItemsContext, plan: &ReadPlan, data: &RawValue, created: &Created) -> Result<Box<RawValue>, ItemsError> {
    let mut value: Value = serde_json::from_str(data.get()).map_err(DatabaseError::form)?;
    if let Root::Items(level) = &plan.root {
        forget(&context.schema, level, &mut value, created);
    }
    raw(value.to_string())
}

fn forget(schema: &Schema, level: &Level, value: &mut Value, created: &Created) {
    let own = &level.collection.name;
    match value {
        Value::Array(rows) => rows.iter_mut().for_each(|row| forget(schema, level, row, created)),
        Value::Object(row) => {
            for Selection { key, value, .. } in &level.select {
                let Some(member) = row.get_mut(key) else { continue };
                match value {
                    Selected::Column(field) if field.name == level.collection.primary_key => forget_key(own, member, created),
                    Selected::Column(field) => {
                        if let Some(RelationKind::ManyToOne(relation)) = schema.relation(own, &field.name)
                            && let Some(target) = &relation.one_collection
                        {
                            forget_key(target, member, created);
                        }
                    }
                    Selected::Function(_) => {}
                    Selected::One { level, .. } | Selected::Many { level, .. } => forget(schema, level, member, created),
                    Selected::Any { levels, .. } => levels.iter().for_each(|level| forget(schema, level, member, created)),
                }
            }
        }
        // A level without selection shows bare keys.
        bare if level.select.is_empty() => forget_key(own, bare, created),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn forget_key(collection: &Arc<str>, value: &mut Value, created: &Created) {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if created.contains(&(Arc::clone(collection), text)) {
        *value = Value::Null;
    }
}

fn raw(text: String) -> Result<Box<RawValue>, ItemsError> {
    RawValue::from_string(text).map_err(|error| DatabaseError::form(error).into())
}
