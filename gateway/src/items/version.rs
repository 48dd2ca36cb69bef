//! Content versions: items as they would be with the changes that are stored for them.
//!
//! The changes are written under an administrator's rights in a transaction that is always taken back; the caller's read happens
//! in it. It must never let a version show what the main content hides, not even by an error: who is no administrator reads
//! versions of rows that he sees, with changes of their own columns, where no rule can depend on them, and is told of every fault
//! in the same words. It must never leave anything behind, nor make writers wait for long.
//!
//! Cost: a read of the versions, a transaction, one write per version (the rows stay locked until the read is done), one read; a
//! few at a time, and within a deadline.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use access::accountability::Accountability;
use access::permission::Permissions;
use access::plan::{Comparison, Filter, Level, Operand, ReadPlan, Root, Rows, RuleSet, Scalar, Selected, Selection, Shown, Test};
use access::planner::{Planner, Target};
use access::query::Query;
use access::refusal::Refusal;
use access::schema::{Collection, FieldType, RelationKind, Schema, Special};
use access::sql;
use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use crate::database::DatabaseError;
use crate::items::preparation::Preparation;
use crate::items::read::raw;
use crate::items::write::{Created, Write, text};
use crate::items::{Answer, ItemsContext, ItemsError, ItemsService, ReadTarget, key, read, statement};

/// The table of versions.
const VERSIONS: &str = "directus_versions";

/// Each version is a write: a list of more is refused.
const MOST: usize = 100;
/// What all of them may hold, in bytes.
const BYTES: usize = 1 << 20;
/// For the whole trial.
const PATIENCE: Duration = Duration::from_secs(5);
/// Columns that every update sets.
const SET: [Special; 3] = [Special::DateUpdated, Special::UserUpdated, Special::RoleUpdated];

/// What is stored of one version of one item.
#[derive(Default)]
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
        let drafts = if context.permissions.admin { drafts } else { self.readable(collection, &mut plan, drafts).await? };
        if one && drafts.is_empty() {
            return Err(Refusal::Forbidden.into());
        }
        let trial = async {
            let _turn = self.trials.acquire().await;
            self.try_out(context, collection, &plan, one, drafts).await
        };
        let outcome = timeout(PATIENCE, trial).await.unwrap_or_else(|_| Err(unreadable("it takes too long")));
        outcome.map_err(|error| match error {
            // What the database says of other rows is nobody's business.
            ItemsError::Refusal(Refusal::Forbidden) => Refusal::Forbidden.into(),
            _ if !context.permissions.admin => unreadable("its changes can't be applied"),
            ItemsError::Database(error) if error.state() == Some("55P03") => unreadable("the item is being changed"),
            other @ (ItemsError::Refusal(_) | ItemsError::Database(_)) => other,
        })
    }

    /// Writes the changes, reads, and takes them back.
    async fn try_out(
        &self,
        context: &ItemsContext,
        collection: &Arc<Collection>,
        plan: &ReadPlan,
        one: bool,
        drafts: Vec<Draft>,
    ) -> Result<Answer, ItemsError> {
        let authors: Vec<ItemsContext> = drafts.iter().map(|draft| draft.author(context)).collect();
        let nobody = Draft::default().author(context);
        let mut write = Write::begin(self, authors.first().unwrap_or(&nobody)).await?;
        write.trial = Some(Created::default());
        write.hurry().await?;
        for (draft, author) in drafts.into_iter().zip(&authors) {
            write.preparation = Preparation::new(self, author).trial(draft.saved);
            write.update_keys(collection, std::slice::from_ref(&draft.key), draft.delta).await?;
        }
        let created = write.trial.take().unwrap_or_default();
        let found = write.read(plan, one).await?;
        write.take_back().await?;
        let data = found.data.ok_or(Refusal::Forbidden)?;
        let data = if created.is_empty() { data } else { without_keys(context, plan, &data, &created)? };
        Ok(Answer { data, meta: found.meta })
    }

    /// Those of `drafts` whose item `plan` lets through as it is stored, and `plan` narrowed so that its rules count only where the
    /// stored item passes them. Refuses what could show more.
    async fn readable(&self, collection: &Arc<Collection>, plan: &mut ReadPlan, drafts: Vec<Draft>) -> Result<Vec<Draft>, ItemsError> {
        let access = match &plan.root {
            Root::Items(level) => &level.access,
            Root::Aggregate(aggregate) => &aggregate.access,
        };
        if collection.triggered || access.rules.iter().any(Filter::is_related) || plan.has_inner_rules() {
            return Err(unreadable("permission rules may depend on what it changes"));
        }
        let keys: Vec<Value> = drafts.iter().map(|draft| draft.key.clone()).collect();
        let texts = super::write::key_texts(collection, &keys)?;
        let visible = self.passing(collection, access, &texts).await?;
        let Some(field) = collection.key_field() else { return Ok(Vec::new()) };
        let among = |test: fn(Vec<Scalar>) -> Test, keys: &[String]| {
            let scalars = keys.iter().map(|text| super::nested::scalar(collection, text.clone())).collect();
            let operand = Operand::Column(Arc::clone(field));
            Filter::Compare(Comparison { path: Vec::new(), operand, shown: Shown::Always, test: test(scalars) })
        };
        let mut rules = Vec::with_capacity(access.rules.len());
        for rule in &access.rules {
            let stored = RuleSet { rules: vec![rule.clone()], rows: Rows::Matching(vec![0]) };
            let passed = self.passing(collection, &stored, &texts).await?;
            rules.push(Filter::And(vec![rule.clone(), Filter::Or(vec![among(Test::Nin, &texts), among(Test::In, &passed)])]));
        }
        let narrowed = |set: &mut Arc<RuleSet>| *set = Arc::new(RuleSet { rules: rules.clone(), rows: set.rows.clone() });
        match &mut plan.root {
            Root::Items(level) => narrowed(&mut level.access),
            Root::Aggregate(aggregate) => narrowed(&mut aggregate.access),
        }
        plan.total_count.iter_mut().chain(&mut plan.filter_count).for_each(narrowed);
        let seen = |draft: &Draft| Planner::key_text(collection, &draft.key).is_ok_and(|key| visible.contains(&key));
        let drafts: Vec<Draft> = drafts.into_iter().filter(seen).collect();
        if drafts.iter().any(|draft| draft.is_nested(collection)) {
            return Err(unreadable("it changes related items, which only administrators see in versions"));
        }
        Ok(drafts)
    }

    /// Those of `keys` whose stored rows pass `rules`.
    async fn passing(&self, collection: &Collection, rules: &RuleSet, keys: &[String]) -> Result<Vec<String>, ItemsError> {
        let rows = self.database.query(&sql::matching_keys(collection, rules, keys, false)).await?;
        rows.iter().map(|row| text(row, "key")).collect()
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
            Some(data) if data.get().len() > BYTES => return Err(unreadable("it is too large")),
            Some(data) => serde_json::from_str(data.get()).map_err(DatabaseError::form)?,
            None => Vec::new(),
        };
        let mut drafts: Vec<Draft> = rows.into_iter().filter_map(|row| Draft::of(collection, row)).collect();
        let mut seen = HashSet::new();
        drafts.retain(|draft| Planner::key_text(collection, &draft.key).is_ok_and(|key| seen.insert(key)));
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
        delta.retain(|name, _| {
            let own = collection.field(name).filter(|_| *name != *collection.primary_key);
            own.is_some_and(|field| !field.special.iter().any(|special| SET.contains(special)))
        });
        Some(Self { key, delta, user, saved })
    }

    /// Whether something else than columns of the item changes.
    fn is_nested(&self, collection: &Collection) -> bool {
        self.delta.iter().any(|(name, value)| {
            let Some(field) = collection.field(name) else { return false };
            field.kind == FieldType::Alias
                || !matches!(field.kind, FieldType::Json | FieldType::Csv) && (value.is_object() || value.is_array())
        })
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

fn unreadable(why: &str) -> ItemsError {
    Refusal::InvalidQuery(format!("The version can't be read: {why}")).into()
}
