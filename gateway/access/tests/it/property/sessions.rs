//! Generated sessions, and what their permissions mean, spelt out: the rows of every rule, and a copy of the table in which
//! everything is null that the session may not see.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use access::permission::{Action, FieldSet, Permissions, Rule};
use access::plan::{Level, Root};
use access::planner::{Planner, Target};
use access::query::{Query, QueryLimits};
use access::refusal::Refusal;
use access::schema::Schema;
use rand::Rng as _;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::agreement::{Tally, ask, canonical};
use super::queries::{MadeQuery, QueryMaker};
use super::session::{Database, literal};
use super::table::Table;

/// A session on one table.
pub(crate) struct Session {
    permissions: Permissions,
    rules: Vec<Meaning>,
    /// The table as the session sees it, key apart.
    masked: Schema,
    name: Arc<str>,
}

/// What one rule says; `None` is everything.
struct Meaning {
    fields: Option<BTreeSet<String>>,
    rows: Option<BTreeSet<String>>,
}

impl Meaning {
    fn grants(&self, field: &str) -> bool {
        self.fields.as_ref().is_none_or(|fields| fields.contains(field))
    }

    fn matches(&self, key: &str) -> bool {
        self.rows.as_ref().is_none_or(|rows| rows.contains(key))
    }
}

/// The plan of a query.
pub(crate) fn plan(schema: &Schema, permissions: &Permissions, collection: &str, query: &Value) -> Result<Level, Refusal> {
    let limits = QueryLimits::default();
    let query = Query::parse(query, &limits)?;
    match (Planner { schema, permissions, limits: &limits }).read(collection, &query, Target::Query)?.root {
        Root::Items(level) => Ok(level),
        Root::Aggregate(_) => unreachable!("no aggregate was asked for"),
    }
}

impl Session {
    /// A session with random rules, or `None` where Postgres refuses a rule's values.
    pub(crate) async fn create(database: &Database, maker: &mut QueryMaker<'_>, number: u64) -> Option<Self> {
        let table = maker.table;
        let administrator = Permissions::administrator();
        let columns: Vec<&str> = table.columns.iter().map(|(field, _)| &*field.name).collect();
        let names: Vec<&str> = table.collection.fields.keys().map(|name| &**name).collect();
        let mut permissions = Permissions::none();
        let mut rules = vec![];
        for _ in 0..maker.random.random_range(1..5) {
            let items = maker.random.random_bool(0.8).then(|| maker.filter(&columns, 2));
            let rows = match &items {
                None => None,
                Some(items) => {
                    let query = json!({"fields": ["id"], "filter": items, "limit": -1});
                    let level = plan(&table.schema, &administrator, &table.collection.name, &query).ok()?;
                    Some(ask(database, &level).await.ok()?.into_keys().collect())
                }
            };
            let fields: Option<BTreeSet<String>> = if maker.random.random_bool(0.2) {
                None
            } else {
                Some(names.iter().filter(|_| maker.random.random_bool(0.5)).map(|name| (*name).to_owned()).collect())
            };
            let granted = match &fields {
                None => FieldSet::All,
                Some(fields) => FieldSet::Only(fields.iter().map(|field| field.as_str().into()).collect()),
            };
            let rule = Rule { items: items.map(Arc::new), validation: None, presets: None, fields: granted };
            permissions.add(&table.collection.name, Action::Read, rule);
            rules.push(Meaning { fields, rows });
        }
        let name: Arc<str> = format!("{}m{number}", table.collection.name).into();
        let masked = table.schema_named(&name);
        let session = Self { permissions, rules, masked, name };
        session.store(database, table).await;
        Some(session)
    }

    /// The fields that some rule grants.
    pub(crate) fn granted<'t>(&self, table: &'t Table) -> Vec<&'t str> {
        let names = table.collection.fields.keys().map(|name| &**name);
        names.filter(|name| self.rules.iter().any(|rule| rule.grants(name))).collect()
    }

    /// Copies the table without what the session may not see.
    async fn store(&self, database: &Database, table: &Table) {
        let copy = &self.name;
        let original = &table.collection.name;
        let mut script =
            format!("create table public.{copy} as select * from public.{original}; alter table public.{copy} add primary key (id);");
        for (field, _) in &table.columns {
            let hidden: Vec<String> =
                table.rows.iter().filter(|row| !self.shows(&field.name, &row.key)).map(|row| literal(&row.key)).collect();
            if !hidden.is_empty() {
                let name = field.name.replace('"', "\"\"");
                script.push_str(&format!("update public.{copy} set \"{name}\" = null where id::text in ({});", hidden.join(", ")));
            }
        }
        database.execute(&script).await;
    }

    /// Whether the value of `field` may be seen in the row of `key`.
    fn shows(&self, field: &str, key: &str) -> bool {
        self.rules.iter().any(|rule| rule.grants(field) && rule.matches(key))
    }

    /// Whether the row of `key` exists for a query of these fields: by the rules that grant one of them.
    fn admits(&self, requested: &[&str], key: &str) -> bool {
        let takes_part = |rule: &Meaning| requested.is_empty() || requested.iter().any(|field| rule.grants(field));
        self.rules.iter().any(|rule| takes_part(rule) && rule.matches(key))
    }

    /// The plan of a query of this session.
    pub(crate) fn plan(&self, table: &Table, query: &Value) -> Result<Level, Refusal> {
        plan(&table.schema, &self.permissions, &table.collection.name, query)
    }

    /// Compares the answer with what the rules mean: the caller's filter holds on the masked copy, some rule that takes part
    /// admits the row, and every member is the administrator's or null.
    pub(crate) async fn check(&self, database: &Database, table: &Table, made: &MadeQuery, level: &Level, label: &str, tally: &mut Tally) {
        let administrator = Permissions::administrator();
        let narrowed = plan(&self.masked, &administrator, &self.name, &made.json).unwrap();
        let everything = json!({"fields": made.json["fields"], "alias": made.json.get("alias"), "limit": -1});
        let everything = plan(&table.schema, &administrator, &table.collection.name, &everything).unwrap();
        let (Ok(answer), Ok(passed), Ok(values)) =
            (ask(database, level).await, ask(database, &narrowed).await, ask(database, &everything).await)
        else {
            return;
        };
        tally.explained += 1;
        let requested: Vec<&str> = made.requested();
        let mut expected = BTreeMap::new();
        for (key, text) in values {
            if !passed.contains_key(&key) || !self.admits(&requested, &key) {
                continue;
            }
            let text = if level.select.is_empty() { text } else { self.object(made, &key, &text) };
            expected.insert(key, canonical(&text));
        }
        let answer: BTreeMap<String, String> = answer.into_iter().map(|(key, text)| (key, sorted(&text))).collect();
        let statement = access::sql::read(
            &access::plan::ReadPlan { root: Root::Items(level.clone()), total_count: None, filter_count: None, count_filter: None },
            &access::sql::ReadOptions { shape: access::sql::Shape::Keyed, snapshot: false, keys: None },
        );
        assert_eq!(answer, expected, "{label}: {}\n{:#?}\n{}\n{:?}", made.json, self.permissions, statement.text, statement.parameters);
    }

    fn object(&self, made: &MadeQuery, key: &str, text: &str) -> String {
        let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).unwrap();
        let members = members.into_iter().map(|(name, value)| {
            let shown = self.shows(&made.members[&name], key);
            format!("{}:{}", json!(name), if shown { value.get() } else { "null" })
        });
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }
}

/// The object with its members by name.
fn sorted(text: &str) -> String {
    match serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(text) {
        Ok(members) => {
            let members: Vec<String> = members.into_iter().map(|(name, value)| format!("{}:{}", json!(name), value.get())).collect();
            canonical(&format!("{{{}}}", members.join(",")))
        }
        Err(_) => canonical(text),
    }
}
