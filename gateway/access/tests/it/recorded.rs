//! Recorded reads of the reference server, replayed through query, planner, SQL and Postgres: the same answers, the same texts.
//!
//! It must never need a socket: cases that write, or that administrate, are replayed by the gateway's own tests.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use access::permission::{Action, Permissions};
use access::planner::{Planner, Target};
use access::query::{Query, QueryLimits};
use access::refusal::Refusal;
use access::schema::{FieldType, Schema};
use access::sql::{self, ReadOptions, Shape};
use access::testing::{collection, collections, column, permissions, relations, rule};
use access::variables::Variables;
use serde_json::{Value, json};

use crate::database::Newsroom;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/conformance/cases");

/// Answered otherwise on purpose; the gateway's list of deviations has the reasons.
const DEVIATIONS: [(&str, &str); 5] = [
    ("read_id_falsy", "0 and \"\" are keys like any other"),
    ("read_id_zero", "0 and \"\" are keys like any other"),
    ("reporter_filter_leak", "filters and counts do not see hidden rows"),
    ("version_and_export", "the list of items of a version is the gateway's part"),
    ("collection_unknown", "the refusal of system collections is the gateway's part"),
];

/// Tables of the recordings that the shared newsroom does not have.
const MORE_TABLES: &str = "
    SET TimeZone = 'UTC';
    CREATE TABLE no_access (id serial PRIMARY KEY, v varchar(255));
    CREATE TABLE test_ws_integer (id serial PRIMARY KEY, name varchar(255));
    CREATE TABLE test_ws_string (id varchar(255) PRIMARY KEY, name varchar(255));
    CREATE TABLE test_ws_uuid (id uuid PRIMARY KEY, name varchar(255));
    INSERT INTO no_access VALUES (1, 'hidden');
    INSERT INTO test_ws_integer VALUES (1, 'int one'), (2, 'int two');
    INSERT INTO test_ws_string VALUES ('s-one', 'string one'), ('s-two', 'string two');
    INSERT INTO test_ws_uuid VALUES ('b0000000-0000-4000-8000-000000000001', 'uuid one');
";

fn schema() -> Schema {
    let mut all = collections();
    for (name, key, other) in [
        ("no_access", FieldType::Integer, "v"),
        ("test_ws_integer", FieldType::Integer, "name"),
        ("test_ws_string", FieldType::String, "name"),
        ("test_ws_uuid", FieldType::Uuid, "name"),
    ] {
        let mut id = column("id", key);
        id.nullable = false;
        all.push(collection(name, vec![id, column(other, FieldType::String)]));
    }
    Schema::new(all, relations())
}

/// The rights of a recorded user: rules on the older server, whole collections on the newer one.
fn rights(user: &str, rules: bool) -> Permissions {
    if user == "admin" {
        return Permissions::administrator();
    }
    if rules && user == "nested" {
        return inherited();
    }
    if rules {
        return permissions(user);
    }
    let readable: &[&str] = match user {
        "reporter" | "nested" => &["articles", "authors", "comments"],
        "reader" => &["articles", "authors", "categories"],
        "multi" | "ipbound" => &["articles"],
        "" | "norole" => &["messages"],
        _ => &[],
    };
    let mut permissions = Permissions::none();
    for name in readable {
        permissions.add(name, Action::Read, rule(&Value::Null, &["*"]));
    }
    permissions
}

/// The reporter's rights as somebody else has them by a child role.
fn inherited() -> Permissions {
    let reporter = permissions("reporter");
    let mut permissions = Permissions::none();
    for name in ["articles", "authors", "comments"] {
        for rule in reporter.rules(name, Action::Read) {
            let mut rule = rule.clone();
            if name == "articles" {
                let own = json!({"user_created": {"_eq": "10000000-0000-4000-8000-000000000009"}});
                rule.items = Some(Arc::new(json!({"_or": [{"status": {"_eq": "published"}}, own]})));
            }
            permissions.add(name, Action::Read, rule);
        }
    }
    permissions
}

struct Session {
    user: String,
    rules: bool,
    limits: QueryLimits,
}

impl Session {
    async fn read(&self, newsroom: &Newsroom, schema: &Schema, message: &Value) -> Result<Value, Refusal> {
        let permissions = rights(&self.user, self.rules);
        let planner = Planner { schema, permissions: &permissions, limits: &self.limits };
        let name = message["collection"].as_str().unwrap_or_default();
        let found = planner.check_collection(name, Action::Read)?;
        let mut query = Query::parse(message.get("query").unwrap_or(&Value::Null), &self.limits)?;
        let ids = message["ids"].as_array().cloned();
        let target = match (message.get("id"), &ids) {
            (Some(id), _) => Target::Key(id),
            (None, Some(ids)) => Target::Keys(ids),
            (None, None) => Target::Query,
        };
        query.resolve(&self.variables())?;
        let plan = planner.read(name, &query, target)?;
        let shape = if message.get("id").is_some() || found.singleton { Shape::Object } else { Shape::List };
        let statement = sql::read(&plan, &ReadOptions { shape, snapshot: false, keys: None });
        let rows = newsroom.try_rows(&statement).await.map_err(|_| Refusal::InvalidValue { collection: None, field: None })?;
        let row = rows.first().ok_or(Refusal::Forbidden)?;
        let data: Option<String> = row.get("data");
        let data = data.ok_or(Refusal::Forbidden)?;
        let mut answer = json!({"data": serde_json::from_str::<Value>(&data).unwrap()});
        if query.wants_meta() {
            let count = |column: &str| row.try_get::<_, i64>(column).ok().map(|count| (column.to_owned(), json!(count)));
            answer["meta"] = ["total_count", "filter_count"].into_iter().filter_map(count).collect();
        }
        Ok(answer)
    }

    fn variables(&self) -> Variables {
        let named = |prefix: &str, number: usize| json!(format!("{prefix}0000000-0000-4000-8000-00000000000{number}"));
        let users = ["editor", "reporter", "reader", "writer", "multi", "ipbound", "norole", "suspended", "nested"];
        let nobody = Variables::anonymous("2026-11-21T00:00:00Z".parse().unwrap());
        if self.user.is_empty() {
            return nobody;
        }
        let user = users.iter().position(|user| *user == self.user).map_or(json!("admin"), |index| named("1", index + 1));
        Variables {
            user,
            role: named("2", 1),
            roles: json!([named("2", 1)]),
            policies: json!([named("3", 1)]),
            paths: HashMap::new(),
            ..nobody
        }
    }
}

/// What a case's only socket sends and who it is; `None` for cases that do more than read.
fn reads(case: &Value) -> Option<(String, Vec<Value>)> {
    let mut user = String::new();
    let mut messages = Vec::new();
    for step in case["steps"].as_array()? {
        let token = step["query"].as_str().and_then(|query| query.strip_prefix("access_token=")).or(step["msg"]["access_token"].as_str());
        if let Some(token) = token {
            user = if token == "${admin_token}" { "admin".to_owned() } else { token.strip_prefix("tok-")?.to_owned() };
        }
        let socket = |key: &str| step[key].as_str().is_some_and(|socket| socket != "c1");
        if step.get("rest").is_some() || step.get("sql").is_some() || socket("open") || socket("send") {
            return None;
        }
        if step.get("send").is_none() {
            continue;
        }
        match step["msg"]["type"].as_str()? {
            "items" if step["msg"]["action"] == "read" => messages.push(step["msg"].clone()),
            "items" => return None,
            _ => {}
        }
    }
    (!messages.is_empty()).then_some((user, messages))
}

fn limits(case: &Value) -> Option<QueryLimits> {
    let mut limits = QueryLimits::default();
    for (key, value) in case["env"].as_object().into_iter().flatten() {
        let number = value.as_str()?.parse().ok();
        match key.as_str() {
            "QUERY_LIMIT_DEFAULT" => limits.default_limit = number?,
            "QUERY_LIMIT_MAX" => limits.max_limit = Some(number?),
            "MAX_RELATIONAL_DEPTH" => limits.max_relational_depth = u32::try_from(number?).ok()?,
            "WEBSOCKETS_REST_AUTH" => {}
            _ => return None,
        }
    }
    Some(limits)
}

/// A recorded answer: data and meta, or code and message.
fn contents(answer: &Value) -> Value {
    let members = answer.get("error").unwrap_or(answer).as_object().into_iter().flatten();
    members
        .filter(|(key, _)| ["data", "meta", "code", "message"].contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn cases() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for area in ["query", "filters", "permissions", "items", "errors"] {
        let folder = fs::read_dir(Path::new(CASES).join(area)).unwrap();
        files.extend(folder.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "json")));
    }
    files.sort();
    files
}

#[tokio::test]
async fn recorded_reads_have_the_recorded_answers() {
    let newsroom = Newsroom::start().await;
    newsroom.script(MORE_TABLES).await;
    let schema = schema();
    let (mut compared, mut faults) = (0, Vec::new());
    for path in cases() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let case: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let (Some((user, messages)), Some(limits)) = (reads(&case), limits(&case)) else { continue };
        if DEVIATIONS.iter().any(|(deviation, _)| *deviation == name) {
            continue;
        }
        let session = Session { user, rules: case["baseline"] == "11", limits };
        let answers: Vec<&Value> =
            case["expect"].as_array().unwrap().iter().map(|step| &step["msg"]).filter(|msg| msg["type"] == "items").collect();
        // Errors of the older server carry no uid: its answers are told apart by their place.
        let by_place = answers.len() == messages.len();
        for (place, message) in messages.iter().enumerate() {
            let answer = if by_place { answers.get(place) } else { answers.iter().find(|answer| answer["uid"] == message["uid"]) };
            let expect = answer.map(|answer| contents(answer));
            // The gateway checks the shape of a message before anything is planned.
            if expect.as_ref().is_some_and(|answer| answer["message"].as_str().is_some_and(|text| text.starts_with("Validation error"))) {
                continue;
            }
            compared += 1;
            let got = match session.read(&newsroom, &schema, message).await {
                Ok(answer) => answer,
                Err(refusal) => json!({"code": refusal.code(), "message": refusal.message()}),
            };
            let fits = match &expect {
                Some(expect) => got == *expect,
                // Silence is never copied: it must have been a refusal.
                None => got.get("code").is_some(),
            };
            if !fits {
                faults.push(format!("{}: {message}\n   expect {}\n   got    {got}", path.display(), expect.unwrap_or(json!("a refusal"))));
            }
        }
    }
    assert!(compared > 300, "only {compared} reads were found");
    assert!(faults.is_empty(), "{} of {compared}\n{}", faults.len(), faults.join("\n"));
}
