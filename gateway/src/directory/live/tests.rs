//! The directory against a real Postgres with the tables of both versions.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use access::permission::Action;
use access::schema::{Accounting, ColumnDefault, FieldType, RelationKind, Special};
use access::statement::Statement;
use change_event::{Epoch, FORM, Operation, RowChange, SCHEMA_COLLECTION, Sequence, TransactionId};
use jiff::Timestamp;
use serde_json::json;
use serde_json::value::RawValue;

use super::*;
use crate::database::testing::{self, NEWSROOM, NEWSROOM_11};

fn id(group: u32, number: u32) -> Uuid {
    format!("{group}0000000-0000-4000-8000-{number:012}").parse().unwrap()
}

async fn load(script: &str) -> (Database, Arc<Directory>) {
    let database = testing::database(script).await;
    let directory = Directory::load(database.clone(), DirectoryOptions { exclude_tables: vec!["presence".into()] }).await.unwrap();
    (database, directory)
}

async fn run(database: &Database, sql: &str) {
    database.execute(&Statement { text: sql.to_owned(), parameters: vec![] }).await.unwrap();
}

fn from(address: Option<&str>) -> Arc<ClientOrigin> {
    Arc::new(ClientOrigin { ip: address.map(|address| address.parse().unwrap()), ..ClientOrigin::default() })
}

/// The identity of fixture user `user` with fixture role `role`.
fn who(directory: &Directory, user: u32, role: Option<u32>) -> Accountability {
    directory.accountability(Some(id(1, user)), role.map(|role| id(2, role)), None, from(Some("127.0.0.1")))
}

#[tokio::test]
async fn the_overview_describes_both_versions_alike() {
    for script in [NEWSROOM, NEWSROOM_11] {
        let (_, directory) = load(script).await;
        let schema = directory.schema();
        let articles = schema.collection("articles").unwrap();
        assert_eq!((&*articles.primary_key, articles.sort_field.as_deref()), ("id", Some("sort")));
        assert!(articles.active && !articles.system && !articles.singleton);
        assert_eq!(articles.accountability, Accounting::All);
        for (field, kind) in [
            ("id", FieldType::Integer),
            ("title", FieldType::String),
            ("body", FieldType::Text),
            ("score", FieldType::Float),
            ("price", FieldType::Decimal),
            ("big", FieldType::BigInteger),
            ("published_at", FieldType::Timestamp),
            ("event_date", FieldType::Date),
            ("event_time", FieldType::Time),
            ("event_datetime", FieldType::DateTime),
            ("meta", FieldType::Json),
            ("labels", FieldType::Csv),
            ("featured", FieldType::Boolean),
            ("author", FieldType::Uuid),
            ("comments", FieldType::Alias),
            ("tags", FieldType::Alias),
        ] {
            assert_eq!(articles.field(field).unwrap().kind, kind, "{field}");
        }
        assert_eq!(articles.key_field().unwrap().default, ColumnDefault::AutoIncrement);
        assert_eq!(articles.field("status").unwrap().default, ColumnDefault::Value(json!("draft")));
        assert_eq!(articles.field("price").unwrap().numeric, Some((10, 2)));
        assert_eq!(articles.field("title").unwrap().max_length, Some(255));
        assert!(articles.field("date_created").unwrap().has(Special::DateCreated));
        assert!(!articles.field("title").unwrap().collated);
        assert!(
            matches!(schema.relation("articles", "author"), Some(RelationKind::ManyToOne(r)) if r.one_collection.as_deref() == Some("authors"))
        );
        assert!(matches!(schema.relation("articles", "comments"), Some(RelationKind::OneToMany(r)) if &*r.many_collection == "comments"));
        assert!(
            matches!(schema.relation("articles", "tags"), Some(RelationKind::OneToMany(r)) if r.junction_field.as_deref() == Some("tags_id"))
        );
        let Some(RelationKind::ManyToAny(item)) = schema.relation("pages_blocks", "item") else { panic!("no m2a") };
        assert_eq!(item.one_allowed_collections, ["block_text", "block_image"].map(Arc::<str>::from));
        assert!(schema.collection("site_settings").unwrap().singleton);
        assert!(schema.collection("presence").is_none());
    }
}

#[tokio::test]
async fn system_tables_have_their_built_in_facts() {
    let (_, directory) = load(NEWSROOM).await;
    let schema = directory.schema();
    let users = schema.collection("directus_users").unwrap();
    assert!(users.system);
    for secret in ["password", "token", "tfa_secret"] {
        let field = users.field(secret).unwrap();
        assert!(field.concealed() && !field.searchable, "{secret}");
    }
    assert_eq!(users.field("password").unwrap().kind, FieldType::Hash);
    assert_eq!(users.field("tags").unwrap().kind, FieldType::Json);
    assert_eq!(schema.collection("directus_permissions").unwrap().field("fields").unwrap().kind, FieldType::Csv);
    for (collection, alias, many) in [
        ("directus_users", "policies", "directus_access"),
        ("directus_roles", "users", "directus_users"),
        ("directus_roles", "children", "directus_roles"),
        ("directus_policies", "roles", "directus_access"),
        ("directus_policies", "users", "directus_access"),
        ("directus_activity", "revisions", "directus_revisions"),
    ] {
        assert_eq!(schema.collection(collection).unwrap().field(alias).unwrap().kind, FieldType::Alias);
        let relation = schema.relation(collection, alias);
        assert!(matches!(relation, Some(RelationKind::OneToMany(ref r)) if &*r.many_collection == many), "{collection}.{alias}");
    }
    assert!(matches!(schema.relation("directus_users", "avatar"), Some(RelationKind::ManyToOne(_))));
    assert!(schema.collection("directus_settings").unwrap().singleton);
    assert_eq!(schema.collection("directus_activity").unwrap().accountability, Accounting::Nothing);
}

#[tokio::test]
async fn what_is_no_collection_is_left_out_and_inactive_ones_are_marked() {
    let (database, directory) = load(NEWSROOM).await;
    for sql in [
        r#"create table "with space" (id int primary key)"#,
        "create table no_key (id int)",
        "create table two_keys (a int, b int, primary key (a, b))",
        "create table plain (id int primary key, target text references categories, other int)",
        "update directus_collections set status = 'inactive' where collection = 'block_text'",
        "insert into directus_fields (collection, field, special) values ('plain', 'divider', 'alias,no-data'), ('plain', 'gone', null)",
    ] {
        run(&database, sql).await;
    }
    let before = directory.revision();
    assert!(directory.apply(SCHEMA_COLLECTION).await.unwrap());
    assert_eq!(directory.revision(), before + 1);
    let schema = directory.schema();
    for name in ["with space", "no_key", "two_keys"] {
        assert!(schema.collection(name).is_none(), "{name}");
    }
    let plain = schema.collection("plain").unwrap();
    assert!(plain.active && plain.field("divider").is_none() && plain.field("gone").is_none());
    assert!(matches!(schema.relation("plain", "target"), Some(RelationKind::ManyToOne(_))));
    assert!(!schema.collection("block_text").unwrap().active);
    assert!(!directory.apply(SCHEMA_COLLECTION).await.unwrap());
    assert!(!directory.apply("articles").await.unwrap());
}

#[tokio::test]
async fn policies_follow_role_user_and_address() {
    let (database, directory) = load(NEWSROOM_11).await;
    let policies = |accountability: &Accountability| accountability.policies.clone();
    assert_eq!(policies(&who(&directory, 1, Some(1))), [id(3, 1)]);
    let junior = who(&directory, 9, Some(5));
    assert_eq!(junior.roles.last(), Some(&id(2, 5)));
    assert_eq!(policies(&junior).len(), 1, "a role without policies inherits its parent's");
    let public = directory.accountability(None, None, None, from(None)).policies;
    assert_eq!(policies(&who(&directory, 7, None)), public);
    assert_eq!(policies(&who(&directory, 5, None)), [public.clone(), vec![id(3, 5), id(3, 6)]].concat());
    let bound = |address: Option<&str>| directory.accountability(Some(id(1, 6)), None, None, from(address)).policies.contains(&id(3, 7));
    run(&database, "update directus_policies set ip_access = '10.1.0.0/16' where id = '30000000-0000-4000-8000-000000000007'").await;
    directory.apply("directus_policies").await.unwrap();
    assert!(bound(Some("10.1.2.3")) && !bound(Some("10.2.0.1")) && !bound(None));
    // A chain of roles that runs in a circle ends.
    run(
        &database,
        "update directus_roles set parent = '20000000-0000-4000-8000-000000000005' where id = '20000000-0000-4000-8000-000000000001'",
    )
    .await;
    run(
        &database,
        "update directus_roles set parent = '20000000-0000-4000-8000-000000000001' where id = '20000000-0000-4000-8000-000000000005'",
    )
    .await;
    directory.apply("directus_roles").await.unwrap();
    assert_eq!(who(&directory, 9, Some(5)).roles, [id(2, 1), id(2, 5)]);
}

#[tokio::test]
async fn equal_sessions_share_their_permissions() {
    let (_, directory) = load(NEWSROOM_11).await;
    let permissions = async |user, role| directory.permissions(&who(&directory, user, role)).await.unwrap();
    let (one, other) = (permissions(3, Some(3)).await, permissions(9, Some(3)).await);
    assert!(Arc::ptr_eq(&one, &other));
    assert_eq!(one.rules("articles", Action::Read).len(), 1);
    assert!(!one.allows("messages", Action::Read));
    // The editor's rules mention the user.
    let (mine, yours) = (permissions(1, Some(1)).await, permissions(2, Some(1)).await);
    assert_ne!(mine, yours);
    assert_eq!(mine.rules("articles", Action::Update)[0].items.as_deref(), Some(&json!({"user_created": {"_eq": id(1, 1)}})));
    assert!(Arc::ptr_eq(&mine, &permissions(1, Some(1)).await));
    assert_eq!(mine.rules("articles", Action::Create)[0].presets.as_deref(), json!({"status": "draft"}).as_object());
}

#[tokio::test]
async fn changes_of_access_count_at_once() {
    let (database, directory) = load(NEWSROOM_11).await;
    let session = who(&directory, 3, Some(3));
    let mut watch = directory.watch();
    watch.mark_unchanged();
    assert!(!directory.permissions(&session).await.unwrap().allows("tags", Action::Read));
    let insert = "insert into directus_permissions (collection, action, fields, permissions, policy) \
        values ('tags', 'read', 'id, label', '{\"label\": {\"_neq\": \"x\"}}', '30000000-0000-4000-8000-000000000003')";
    run(&database, insert).await;
    assert!(directory.apply("directus_permissions").await.unwrap());
    assert!(watch.has_changed().unwrap());
    let permissions = directory.permissions(&session).await.unwrap();
    assert!(permissions.rules("tags", Action::Read)[0].fields.contains("label"));
    assert!(!permissions.rules("tags", Action::Read)[0].fields.contains("other"));
    // The same rows again are no change.
    let revision = directory.revision();
    assert!(!directory.apply("directus_permissions").await.unwrap());
    assert_eq!(directory.revision(), revision);
    // A policy that becomes one of administrators counts for sessions that are open already.
    run(&database, "update directus_policies set admin_access = true where id = '30000000-0000-4000-8000-000000000003'").await;
    directory.reload().await.unwrap();
    assert!(!session.admin && directory.permissions(&session).await.unwrap().admin);
    run(&database, "delete from directus_access where role = '20000000-0000-4000-8000-000000000003'").await;
    assert!(directory.apply("directus_access").await.unwrap());
    assert!(!directory.permissions(&session).await.unwrap().allows("articles", Action::Read));
}

/// While it looks for the first time the rules change again.
struct Restless {
    database: Database,
    directory: Arc<Directory>,
    looks: Arc<AtomicU64>,
    in_force_then: Arc<AtomicU64>,
}

impl Bearers for Restless {
    fn look_again(&self) -> BoxFuture<'_, Result<Conclusion, DatabaseError>> {
        Box::pin(async {
            if self.looks.fetch_add(1, Ordering::SeqCst) == 0 {
                run(&self.database, "delete from directus_permissions where collection = 'tags'").await;
            }
            let (directory, then) = (Arc::clone(&self.directory), Arc::clone(&self.in_force_then));
            let conclusion: Conclusion = Box::new(move || {
                then.store(directory.revision(), Ordering::SeqCst);
            });
            Ok(conclusion)
        })
    }
}

#[tokio::test]
async fn new_rules_hold_from_a_moment_at_which_all_bearers_were_looked_at() {
    let (database, directory) = load(NEWSROOM_11).await;
    let (looks, in_force_then) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    let (of_looks, of_then) = (Arc::clone(&looks), Arc::clone(&in_force_then));
    let bearers = Restless { database: database.clone(), directory: Arc::clone(&directory), looks: of_looks, in_force_then: of_then };
    directory.watched_by(Box::new(bearers));
    assert!(!directory.confirm().await.unwrap(), "nothing has changed");
    assert!(!directory.apply("directus_permissions").await.unwrap() && looks.load(Ordering::SeqCst) == 0);
    let epoch = directory.epoch().await;
    let values =
        "('tags', 'read', '*', '30000000-0000-4000-8000-000000000003'), ('pages', 'read', '*', '30000000-0000-4000-8000-000000000003')";
    run(&database, &format!("insert into directus_permissions (collection, action, fields, policy) values {values}")).await;
    assert!(directory.confirm().await.unwrap());
    assert_eq!((looks.load(Ordering::SeqCst), in_force_then.load(Ordering::SeqCst), directory.revision()), (2, 2, 2));
    assert!(!directory.is_of(epoch) && directory.is_of(directory.epoch().await));
    let permissions = directory.permissions(&who(&directory, 3, Some(3))).await.unwrap();
    assert!(permissions.allows("pages", Action::Read) && !permissions.allows("tags", Action::Read));
}

#[tokio::test]
async fn now_is_the_moment_of_the_call_and_malformed_rows_grant_nothing() {
    let (database, directory) = load(NEWSROOM_11).await;
    let values = "('tags', 'read', '*', '{\"id\": {\"_gt\": \"$NOW\"}}', '30000000-0000-4000-8000-000000000003'), \
        ('no_access', 'read', '*', '[]', '30000000-0000-4000-8000-000000000003'), \
        ('no_access', 'fly', '*', null, '30000000-0000-4000-8000-000000000003'), \
        ('pages', 'read', null, null, '30000000-0000-4000-8000-000000000003')";
    run(&database, &format!("insert into directus_permissions (collection, action, fields, permissions, policy) values {values}")).await;
    directory.apply("directus_permissions").await.unwrap();
    let session = who(&directory, 3, Some(3));
    let before = Timestamp::now();
    let permissions = directory.permissions(&session).await.unwrap();
    let moment: Timestamp =
        permissions.rules("tags", Action::Read)[0].items.as_ref().unwrap()["id"]["_gt"].as_str().unwrap().parse().unwrap();
    assert!(moment.as_millisecond() >= before.as_millisecond());
    assert!(!permissions.allows("no_access", Action::Read));
    assert!(!permissions.rules("pages", Action::Read)[0].fields.contains("id"));
}

#[tokio::test]
async fn access_to_the_app_brings_the_minimal_rules() {
    let (database, directory) = load(NEWSROOM_11).await;
    run(&database, "update directus_policies set app_access = true where id = '30000000-0000-4000-8000-000000000003'").await;
    directory.apply("directus_policies").await.unwrap();
    let session = who(&directory, 3, Some(3));
    assert!(session.app && !session.admin);
    let permissions = directory.permissions(&session).await.unwrap();
    let users = &permissions.rules("directus_users", Action::Read)[0];
    assert_eq!(users.items.as_deref(), Some(&json!({"id": {"_eq": id(1, 3)}})));
    assert!(users.fields.contains("email") && !users.fields.contains("token"));
    let roles = &permissions.rules("directus_roles", Action::Read)[0];
    assert_eq!(roles.items.as_deref(), Some(&json!({"id": {"_in": [id(2, 3)]}})));
    assert!(permissions.allows("directus_collections", Action::Read));
}

#[tokio::test]
async fn a_share_may_do_nothing() {
    let (_, directory) = load(NEWSROOM_11).await;
    let share = directory.accountability(None, Some(id(2, 1)), Some(Uuid::new_v4()), from(None));
    assert!(!share.admin);
    assert!(!directory.permissions(&share).await.unwrap().allows("articles", Action::Read));
}

#[tokio::test]
async fn many_requests_share_few_reloads() {
    let (database, directory) = load(NEWSROOM).await;
    run(&database, "insert into directus_roles (id, name) values (gen_random_uuid(), 'new')").await;
    let before = database.statements(Cause::Directory);
    let results = futures_util::future::join_all((0..50).map(|_| directory.apply("directus_roles"))).await;
    assert!(results.into_iter().any(|changed| changed.unwrap()));
    // Four statements a reload; at most the one that runs and the one that covers all others.
    assert!(database.statements(Cause::Directory) - before <= 8);
}

#[tokio::test]
async fn a_reload_that_fails_is_made_up_for() {
    let (database, directory) = load(NEWSROOM).await;
    run(&database, "alter table directus_policies rename to away").await;
    assert!(directory.apply("directus_policies").await.is_err());
    run(&database, "alter table away rename to directus_policies").await;
    run(&database, "update directus_policies set admin_access = true where id = '30000000-0000-4000-8000-000000000003'").await;
    // Another table's event brings the part that is still marked.
    assert!(directory.apply("directus_fields").await.unwrap());
    assert!(who(&directory, 3, Some(3)).admin);
}

fn users_event(operation: Operation, old: Option<&str>, new: Option<&str>) -> ChangeEvent {
    let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
    let row = RowChange { key: raw("\"k\""), old: old.map(raw), new: new.map(raw), omitted: vec![] };
    ChangeEvent {
        form: FORM,
        epoch: Epoch(1),
        sequence: Sequence(1),
        collection: "directus_users".into(),
        operation,
        statement: 1,
        transaction: TransactionId(1),
        written_at: 0,
        rows: vec![row],
        writer_keys: None,
        traceparent: None,
    }
}

#[tokio::test]
async fn only_fields_that_rules_look_up_make_a_user_event_count() {
    let (database, directory) = load(NEWSROOM_11).await;
    let login = users_event(Operation::Update, Some(r#"{"title":"a","last_access":1}"#), Some(r#"{"title":"a","last_access":2}"#));
    let change = users_event(Operation::Update, Some(r#"{"title":"a"}"#), Some(r#"{"title":"b"}"#));
    assert!(!directory.apply_event(&change).await.unwrap(), "no rule looks at users");
    let insert = "insert into directus_permissions (collection, action, fields, permissions, policy) \
        values ('tags', 'read', '*', '{\"label\": {\"_eq\": \"$CURRENT_USER.title\"}}', '30000000-0000-4000-8000-000000000003')";
    run(&database, insert).await;
    directory.apply("directus_permissions").await.unwrap();
    assert!(directory.concerns("directus_users"));
    assert!(!directory.apply_event(&login).await.unwrap());
    assert!(directory.apply_event(&change).await.unwrap());
    assert!(directory.apply_event(&users_event(Operation::Delete, Some("{}"), None)).await.unwrap());
    assert!(!directory.apply_event(&users_event(Operation::Create, None, Some("{}"))).await.unwrap());
}

/// Teams on users: a relation that rules may look through.
const TEAMS: &str = "create table teams (id serial primary key, name text, owner uuid references directus_users);
    alter table directus_users add team int references teams;
    insert into teams (name, owner) values ('red', '10000000-0000-4000-8000-000000000003'), ('blue', null),
        ('green', '10000000-0000-4000-8000-000000000003');
    update directus_users set team = 1, title = 'boss' where id = '10000000-0000-4000-8000-000000000003';
    insert into directus_fields (collection, field, special) values ('directus_users', 'owned', 'o2m');
    insert into directus_relations (many_collection, many_field, one_collection, one_field) values ('teams', 'owner', 'directus_users', 'owned')";

async fn with_teams() -> (Database, Arc<Directory>) {
    let (database, directory) = load(NEWSROOM_11).await;
    let mut transaction = database.transaction().await.unwrap();
    transaction.script(TEAMS).await.unwrap();
    transaction.commit().await.unwrap();
    directory.reload().await.unwrap();
    (database, directory)
}

#[tokio::test]
async fn rules_may_look_up_what_the_user_may_not_see() {
    let (database, directory) = with_teams().await;
    let filter = r#"{"_or": [{"label": {"_eq": "$CURRENT_USER.team.name"}}, {"label": {"_in": "$CURRENT_USER.owned.name"}},
        {"label": {"_in": "$CURRENT_ROLES.name"}}, {"label": {"_eq": "$CURRENT_ROLE.parent.name"}}]}"#;
    run(
        &database,
        &format!(
            "insert into directus_permissions (collection, action, fields, permissions, policy) \
        values ('tags', 'read', '*', '{filter}', '30000000-0000-4000-8000-000000000003')"
        ),
    )
    .await;
    directory.apply("directus_permissions").await.unwrap();
    let session = who(&directory, 3, Some(3));
    let resolved = async |directory: &Directory| {
        directory.permissions(&session).await.unwrap().rules("tags", Action::Read).first().and_then(|rule| rule.items.as_deref().cloned())
    };
    let expect = |team: &str| json!({"_or": [{"label": {"_eq": team}}, {"label": {"_in": ["red", "green"]}}, {"label": {"_in": ["reader"]}}, {"label": {"_eq": null}}]});
    assert_eq!(resolved(&directory).await, Some(expect("red")));
    let reads = database.statements(Cause::Directory);
    assert_eq!(resolved(&directory).await, Some(expect("red")));
    assert_eq!(database.statements(Cause::Directory), reads, "looked up once");
    run(&database, "update directus_users set team = 2 where id = '10000000-0000-4000-8000-000000000003'").await;
    assert!(directory.apply("directus_users").await.unwrap());
    assert_eq!(resolved(&directory).await, Some(expect("blue")));
    run(&database, "update teams set name = 'navy' where id = 2").await;
    assert!(directory.apply("teams").await.unwrap());
    assert_eq!(resolved(&directory).await, Some(expect("navy")));
    // A field that is gone takes the whole action with it.
    run(&database, "alter table directus_users drop team").await;
    directory.apply(SCHEMA_COLLECTION).await.unwrap();
    assert_eq!(resolved(&directory).await, None);
}

#[tokio::test]
async fn users_look_up_only_what_they_may_see() {
    let (database, directory) = with_teams().await;
    let session = who(&directory, 3, Some(3));
    let paths = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let asked = paths(&["$CURRENT_USER.title", "$CURRENT_USER.team.name", "$CURRENT_ROLE.name"]);
    let permissions = directory.permissions(&session).await.unwrap();
    let nothing = directory.variables(&session, &asked, Some(&permissions)).await.unwrap();
    assert_eq!(nothing.paths, HashMap::new());
    assert_eq!((nothing.user, nothing.roles), (json!(id(1, 3)), json!([id(2, 3)])));
    run(&database, "update directus_policies set app_access = true where id = '30000000-0000-4000-8000-000000000003'").await;
    directory.apply("directus_policies").await.unwrap();
    let permissions = directory.permissions(&session).await.unwrap();
    let some = directory.variables(&session, &asked, Some(&permissions)).await.unwrap();
    let expect = [("$CURRENT_USER.title", json!("boss")), ("$CURRENT_ROLE.name", json!("reader"))];
    assert_eq!(some.paths, expect.map(|(path, value)| (path.to_owned(), value)).into());
    let all = directory.variables(&session, &asked, None).await.unwrap();
    assert_eq!(all.paths.get("$CURRENT_USER.team.name"), Some(&json!("red")));
    let public = directory.accountability(None, None, None, from(None));
    assert_eq!(directory.variables(&public, &asked, None).await.unwrap().paths, HashMap::new());
}
