//! The service against a real Postgres with the fixture of Directus' own tables: what is written, what is remembered of it,
//! what capture is told, and what is refused.

mod secrets;
mod together;
mod version;

use std::collections::BTreeMap;
use std::sync::Arc;

use access::accountability::{Accountability, ClientOrigin};
use access::permission::{Action, FieldSet, Permissions, Rule};
use access::refusal::Refusal;
use access::statement::Statement;
use access::testing::rule;
use serde_json::{Value, json};
use service_runtime::Tasks;

use super::{Answer, DeleteTarget, ItemsContext, ItemsError, ItemsService, ReadTarget, UpdateTarget};
use crate::config::{Config, Role};
use crate::database::{Cause, Database, testing};
use crate::directory::{Directory, DirectoryOptions};

const EDITOR: &str = "10000000-0000-4000-8000-000000000001";

/// Notes what each statement on a table finds in `tidegate.keys`, as capture's triggers do.
const SPY: &str = "
    create table spied (n serial, seen text);
    create function spy() returns trigger language plpgsql as $$ begin
        insert into spied (seen) values (tg_table_name || ' ' || lower(tg_op) || ' ' || coalesce(current_setting('tidegate.keys', true), ''));
        return null;
    end $$;
    do $$ declare t text; begin
        foreach t in array array['articles', 'comments', 'tags', 'test_ws_integer', 'directus_activity', 'directus_revisions'] loop
            execute format('create trigger spy after insert or update or delete on %I for each statement execute function spy()', t);
        end loop;
    end $$;";

struct Lab {
    database: Database,
    service: ItemsService,
    admin: ItemsContext,
}

impl Lab {
    async fn start() -> Self {
        Self::with(&[], "").await
    }

    async fn with(settings: &[(&str, &str)], script: &str) -> Self {
        let mut lookup: BTreeMap<String, String> = [
            ("DB_HOST", "127.0.0.1"),
            ("DB_DATABASE", "x"),
            ("DB_USER", "x"),
            ("DB_PASSWORD", "x"),
            ("SECRET", "a-secret-of-the-tests-0123456789-0123456789"),
            ("REDIS", "redis://127.0.0.1:1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        lookup.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let config = Config::read(&lookup, Role::Serve).map_err(|faults| format!("{faults:?}")).unwrap();
        let database = testing::database(&format!("{}\nset search_path = public;\n{script}", testing::NEWSROOM)).await;
        let directory = Directory::load(database.clone(), DirectoryOptions { exclude_tables: Vec::new() }).await.unwrap();
        let client = ClientOrigin { ip: "::ffff:10.1.2.3".parse().ok(), user_agent: Some("agent".into()), origin: Some("o".into()) };
        let accountability = Accountability { user: EDITOR.parse().ok(), ..Accountability::public(Arc::new(client)) };
        let admin = ItemsContext {
            accountability: Arc::new(accountability),
            permissions: Arc::new(Permissions::administrator()),
            schema: directory.schema(),
            unanswered: false,
        };
        let service = ItemsService::new(database.clone(), directory, Arc::new(config), Tasks::new());
        Self { database, service, admin }
    }

    fn with_rules(&self, rules: &[(&str, Action, Rule)]) -> ItemsContext {
        let mut permissions = Permissions::none();
        for (collection, action, rule) in rules {
            permissions.add(collection, *action, rule.clone());
        }
        ItemsContext { permissions: Arc::new(permissions), ..self.admin.clone() }
    }

    /// The rows of a query as JSON.
    async fn rows(&self, sql: &str) -> Value {
        let text = format!("select coalesce(json_agg(r), '[]')::text as rows from ({sql}) r");
        let rows = self.database.query(&Statement { text, parameters: Vec::new() }).await.unwrap();
        serde_json::from_str(rows[0].get("rows")).unwrap()
    }

    async fn spied(&self) -> Vec<String> {
        let rows = self.rows("select seen from spied order by n").await;
        rows.as_array().unwrap().iter().map(|row| row["seen"].as_str().unwrap().to_owned()).collect()
    }

    async fn create(&self, context: &ItemsContext, collection: &str, data: Value) -> Result<Value, Refusal> {
        value(self.service.create(context, collection, &data, &Value::Null).await)
    }

    async fn update(&self, context: &ItemsContext, collection: &str, target: UpdateTarget, data: Value) -> Result<Value, Refusal> {
        value(self.service.update(context, collection, target, &data, &Value::Null).await)
    }

    async fn delete(&self, context: &ItemsContext, collection: &str, target: DeleteTarget) -> Result<Value, Refusal> {
        value(self.service.delete(context, collection, target, &Value::Null).await)
    }
}

fn value(answer: Result<Answer, ItemsError>) -> Result<Value, Refusal> {
    match answer {
        Ok(answer) => Ok(serde_json::from_str(answer.data.get()).unwrap()),
        Err(ItemsError::Refusal(refusal)) => Err(refusal),
        Err(ItemsError::Database(error)) => panic!("{error:?}"),
    }
}

fn everything() -> Rule {
    rule(&Value::Null, &["*"])
}

#[tokio::test]
async fn a_nested_create_is_one_transaction_with_activity_and_revisions() {
    let lab = Lab::start().await;
    let data = json!({"title": "t", "nope": 1, "author": {"name": "a", "password": "pw"}, "comments": [{"text": "x"}, 6]});
    let query = json!({"fields": ["title", "author.name", "author.password", "comments.text"]});
    let answer = value(lab.service.create(&lab.admin, "articles", &data, &query).await).unwrap();
    assert_eq!(
        answer,
        json!({"title": "t", "author": {"name": "a", "password": "**********"}, "comments": [{"text": "orphan"}, {"text": "x"}]})
    );
    let activity = "select action, collection, \"user\", ip, user_agent, origin from directus_activity order by id desc limit 4";
    let row = |action: &str, collection: &str| json!({"action": action, "collection": collection, "user": EDITOR, "ip": "10.1.2.3", "user_agent": "agent", "origin": "o"});
    assert_eq!(
        lab.rows(activity).await,
        json!([row("create", "articles"), row("update", "comments"), row("create", "comments"), row("create", "authors")])
    );
    let revisions = "select r.collection, r.delta, p.collection as parent from directus_revisions r
        left join directus_revisions p on p.id = r.parent order by r.id desc limit 4";
    let revisions = lab.rows(revisions).await;
    assert_eq!(revisions[0], json!({"collection": "articles", "delta": {"title": "t", "nope": 1}, "parent": null}));
    assert_eq!(revisions[1], json!({"collection": "comments", "delta": {"article": 9}, "parent": "articles"}));
    assert_eq!(revisions[2]["parent"], "articles");
    assert_eq!(revisions[3]["parent"], "articles");
    // The hash is stored, and what revisions keep of the password is not the hash.
    let stored = lab.rows("select left(password, 31) as p from authors where name = 'a'").await;
    assert_eq!(stored, json!([{"p": "$argon2id$v=19$m=65536,t=3,p=4$"}]));
    let leaked = lab.rows("select count(*) as n from directus_revisions where (data::text || delta::text) like '%argon2%'").await;
    assert_eq!(leaked, json!([{"n": 0}]));
    // A fault anywhere takes everything back.
    let before = lab.rows("select (select count(*) from authors) as a, (select count(*) from directus_activity) as b").await;
    let data = json!([{"title": "u", "author": {"name": "gone"}}, {"title": "u", "slug": "engines"}]);
    let refusal = lab.create(&lab.admin, "articles", data).await.unwrap_err();
    assert_eq!(refusal.message(), "Value \"engines\" for field \"slug\" in collection \"articles\" has to be unique.");
    assert_eq!(lab.rows("select (select count(*) from authors) as a, (select count(*) from directus_activity) as b").await, before);
}

#[tokio::test]
async fn keys_reach_the_event_of_their_statement_and_no_other() {
    let lab = Lab::with(&[], SPY).await;
    let keys = vec![json!(4), json!("3")];
    assert_eq!(lab.delete(&lab.admin, "tags", DeleteTarget::Keys(keys.clone())).await.unwrap(), json!(keys));
    lab.update(&lab.admin, "articles", UpdateTarget::Key(json!("1")), json!({"comments": [1]})).await.unwrap();
    // Nothing changes, and yet it is an update; there is nothing that a revision could keep.
    lab.update(&lab.admin, "test_ws_integer", UpdateTarget::Keys(vec![json!(2), json!(1)]), json!({})).await.unwrap();
    lab.create(&lab.admin, "tags", json!([{"label": "x"}, {"label": "y"}])).await.unwrap();
    assert_eq!(
        lab.spied().await,
        [
            r#"tags delete [4,"3"]"#,
            "directus_activity insert ",
            r#"articles update ["1"]"#,
            "comments update [2]",
            "directus_activity insert ",
            "directus_revisions insert ",
            "directus_activity insert ",
            "directus_revisions insert ",
            "directus_revisions update ",
            "test_ws_integer update [2,1]",
            "directus_activity insert ",
            "tags insert ",
            "directus_activity insert ",
            "directus_revisions insert ",
            "tags insert ",
            "directus_activity insert ",
            "directus_revisions insert ",
        ]
    );
}

#[tokio::test]
async fn rows_and_fields_are_checked_before_anything_is_written() {
    let lab = Lab::start().await;
    let own = json!({"user_created": {"_eq": EDITOR}});
    let draft = json!({"status": {"_eq": "draft"}});
    let session = lab.with_rules(&[
        ("articles", Action::Read, everything()),
        ("articles", Action::Update, rule(&own, &["title", "views"])),
        ("articles", Action::Update, rule(&draft, &["status"])),
        ("articles", Action::Delete, rule(&draft, &["*"])),
    ]);
    let update = async |target, data| lab.update(&session, "articles", target, data).await.map_err(|refusal| refusal.message());
    let denied = |fields: &str| {
        Err(format!(
            "You don't have permissions to perform \"update\" for the field(s) {fields} in collection \"articles\" or it does not exist."
        ))
    };
    assert_eq!(update(UpdateTarget::Key(json!(1)), json!({"views": 5})).await.unwrap()["views"], 5);
    assert_eq!(update(UpdateTarget::Key(json!(6)), json!({"views": 5})).await, denied("\"views\""));
    // Each field needs a rule of its own that covers the row.
    assert_eq!(update(UpdateTarget::Key(json!(3)), json!({"views": 5, "status": "draft"})).await.unwrap()["views"], 5);
    assert_eq!(update(UpdateTarget::Key(json!(1)), json!({"views": 6, "status": "draft"})).await, denied("\"views\", \"status\""));
    assert_eq!(update(UpdateTarget::Keys(vec![json!(1), json!(99)]), json!({"views": 6})).await, denied("\"views\""));
    assert_eq!(update(UpdateTarget::Keys(Vec::new()), json!({"views": 6})).await, denied("\"views\""));
    let unknown = "You don't have permission to access field \"secret\" in collection \"articles\" or it does not exist. Queried in root.";
    assert_eq!(update(UpdateTarget::Key(json!(99)), json!({"secret": "x"})).await, Err(unknown.to_owned()));
    assert_eq!(update(UpdateTarget::Key(json!("x")), json!({"views": 6})).await, Err(Refusal::Forbidden.message()));
    let delete = async |keys: Value| {
        let keys = keys.as_array().unwrap().clone();
        lab.delete(&session, "articles", DeleteTarget::Keys(keys)).await.map_err(|refusal| refusal.message())
    };
    let denied = "You don't have permission to perform \"delete\" for collection \"articles\" or it does not exist.";
    assert_eq!(delete(json!([3, 1])).await, Err(denied.to_owned()));
    assert_eq!(delete(json!([3, 99])).await, Err(denied.to_owned()));
    assert_eq!(delete(json!([])).await, Err(denied.to_owned()));
    assert_eq!(delete(json!([3, "3"])).await, Ok(json!([3, "3"])));
    assert_eq!(lab.rows("select id from articles where id in (1, 3)").await, json!([{"id": 1}]));
    // For administrators an absent key is nothing to do.
    assert_eq!(lab.delete(&lab.admin, "tags", DeleteTarget::Key(json!(99))).await.unwrap(), json!(99));
    let absent = lab.update(&lab.admin, "tags", UpdateTarget::Key(json!(99)), json!({"label": "x"})).await;
    assert_eq!(absent, Err(Refusal::Forbidden));
}

#[tokio::test]
async fn an_update_that_names_nothing_is_refused() {
    let lab = Lab::start().await;
    for query in [Value::Null, json!("")] {
        let answer = lab.service.update(&lab.admin, "messages", UpdateTarget::Query, &json!({"user": "all"}), &query).await;
        assert_eq!(value(answer).unwrap_err().code(), "INVALID_PAYLOAD");
    }
    let nobody = lab.update(&lab.admin, "messages", UpdateTarget::Key(json!(1)), Value::Null).await;
    assert_eq!(nobody.unwrap_err().message(), "Invalid payload. \"data\" must be of type object.");
    assert_eq!(lab.rows("select count(*) as n from messages where \"user\" = 'all'").await, json!([{"n": 0}]));
    let query = json!({"filter": {"user": {"_eq": "Ben"}}, "fields": ["text"], "meta": "*"});
    let answer = lab.service.update(&lab.admin, "messages", UpdateTarget::Query, &json!({"text": "new"}), &query).await.unwrap();
    assert_eq!(answer.data.get(), r#"[{"text":"new"}]"#);
    assert_eq!(answer.meta.unwrap().get(), r#"{"total_count":3,"filter_count":1}"#);
}

#[tokio::test]
async fn a_list_leaves_alone_what_its_author_cannot_see() {
    let lab = Lab::start().await;
    let approved = json!({"approved": {"_eq": true}});
    let session = lab.with_rules(&[
        ("articles", Action::Read, everything()),
        ("articles", Action::Update, everything()),
        ("comments", Action::Read, rule(&approved, &["*"])),
        ("comments", Action::Update, everything()),
    ]);
    lab.update(&session, "articles", UpdateTarget::Key(json!(1)), json!({"comments": []})).await.unwrap();
    assert_eq!(
        lab.rows("select id, article from comments where id < 3 order by id").await,
        json!([{"id": 1, "article": null}, {"id": 2, "article": 1}])
    );
    // A child that may not be changed stops the whole write.
    let session = lab.with_rules(&[
        ("articles", Action::Read, everything()),
        ("articles", Action::Update, everything()),
        ("comments", Action::Read, everything()),
    ]);
    let refusal = lab.update(&session, "articles", UpdateTarget::Key(json!(2)), json!({"title": "no", "comments": [3]})).await.unwrap_err();
    assert_eq!(refusal.code(), "FORBIDDEN");
    assert_eq!(lab.rows("select title from articles where id = 2").await, json!([{"title": "Compilers for all"}]));
}

#[tokio::test]
async fn lists_are_edited_one_by_one() {
    let relations =
        "update directus_relations set one_deselect_action = 'delete' where many_collection = 'pages_blocks' and many_field = 'pages_id';";
    let lab = Lab::with(&[], relations).await;
    let edit = json!({"blocks": {
        "create": [{"collection": "block_text", "item": {"body": "new"}}, {"collection": "block_text", "item": "1", "sort": 9}],
        "update": [{"id": 3, "sort": 7}, {"id": 99, "sort": 1}],
        "delete": [1, 3],
    }});
    lab.update(&lab.admin, "pages", UpdateTarget::Key(json!(1)), edit).await.unwrap();
    let blocks = "select id, pages_id, sort from pages_blocks order by id";
    // Created ones count on after the last; 3 is moved here first and then deleted with 1; 99 does not exist.
    assert_eq!(
        lab.rows(blocks).await,
        json!([{"id": 2, "pages_id": 1, "sort": 2}, {"id": 4, "pages_id": 1, "sort": 3}, {"id": 5, "pages_id": 1, "sort": 9}])
    );
    let wrong = json!({"blocks": {"update": [{"sort": 1}]}});
    let refusal = lab.update(&lab.admin, "pages", UpdateTarget::Key(json!(1)), wrong).await.unwrap_err();
    assert_eq!(refusal.message(), "Invalid payload. Item in update misses primary key.");
    let wrong = json!({"blocks": [{"item": {"body": "x"}}]});
    let refusal = lab.update(&lab.admin, "pages", UpdateTarget::Key(json!(1)), wrong).await.unwrap_err();
    assert_eq!(
        refusal.message(),
        "Invalid payload. Can't update nested record \"pages_blocks.item\" without field \"pages_blocks.collection\" being set."
    );
}

#[tokio::test]
async fn presets_and_validation_of_nested_items() {
    let lab = Lab::start().await;
    let create = Rule {
        validation: Some(Arc::new(json!({"_and": [{"text": {"_nnull": true}}]}))),
        presets: json!({"approved": true}).as_object().cloned().map(Arc::new),
        items: None,
        fields: FieldSet::All,
    };
    let session = lab.with_rules(&[
        ("articles", Action::Create, everything()),
        ("articles", Action::Read, everything()),
        ("comments", Action::Create, create),
        ("comments", Action::Read, everything()),
    ]);
    let query = json!({"fields": ["comments.approved"]});
    let data = json!({"title": "p", "comments": [{"text": "x"}, {"text": "y", "approved": null}]});
    let answer = value(lab.service.create(&session, "articles", &data, &query).await).unwrap();
    assert_eq!(answer, json!({"comments": [{"approved": true}, {"approved": null}]}));
    let refusal = lab.create(&session, "articles", json!({"title": "p", "comments": [{"text": null}]})).await.unwrap_err();
    assert_eq!(refusal.message(), "Validation failed for field \"text\" at \"comments\". Value can't be null.");
    let refusal = lab.create(&session, "articles", json!({"author": {"name": "x"}})).await.unwrap_err();
    assert_eq!(refusal.message(), "You don't have permission to access collection \"authors\" or it does not exist. Queried in root.");
}

#[tokio::test]
async fn a_supplied_key_moves_the_sequence_forwards_only() {
    let lab = Lab::start().await;
    let id = async |data: Value| lab.create(&lab.admin, "articles", data).await.unwrap()["id"].clone();
    assert_eq!(id(json!({"id": 500})).await, 500);
    assert_eq!(id(json!({})).await, 501);
    assert_eq!(id(json!({"id": 50})).await, 50);
    assert_eq!(id(json!({})).await, 502);
    assert_eq!(id(json!({"id": 0})).await, 0);
    assert_eq!(id(json!({"id": -3})).await, -3);
    // Numbers that others took and have not committed yet are not given twice.
    lab.rows("select nextval('articles_id_seq')").await;
    assert_eq!(id(json!({"id": 503})).await, 503);
    assert_eq!(id(json!({})).await, 504);
    let refusal = lab.create(&lab.admin, "articles", json!({"id": "abc"})).await.unwrap_err();
    assert_eq!(refusal, Refusal::Forbidden);
}

#[tokio::test]
async fn mutations_are_bounded_with_everything_nested() {
    let lab = Lab::with(&[("MAX_BATCH_MUTATION", "2")], "").await;
    let data = json!({"title": "b", "comments": [{"text": "1"}, {"text": "2"}]});
    let refusal = lab.create(&lab.admin, "articles", data).await.unwrap_err();
    assert_eq!(refusal.message(), "Invalid payload. Exceeded max batch mutation limit of 2.");
    assert_eq!(lab.rows("select count(*) as n from comments where text in ('1', '2')").await, json!([{"n": 0}]));
    lab.create(&lab.admin, "articles", json!({"title": "b", "comments": [{"text": "1"}]})).await.unwrap();
    let keys = vec![json!(1), json!(2), json!(3)];
    assert_eq!(lab.delete(&lab.admin, "tags", DeleteTarget::Keys(keys)).await.unwrap_err().code(), "INVALID_PAYLOAD");
}

#[tokio::test]
async fn a_singleton_is_made_and_changed_without_a_key() {
    let lab = Lab::start().await;
    let read = async |query: Value| value(lab.service.read(&lab.admin, "site_settings", ReadTarget::Query, &query).await).unwrap();
    assert_eq!(read(json!({"fields": ["site_name"]})).await, json!({"site_name": "Newsroom"}));
    lab.delete(&lab.admin, "site_settings", DeleteTarget::Key(json!(1))).await.unwrap();
    assert_eq!(read(Value::Null).await, json!({"id": null}));
    assert_eq!(read(json!({"fields": ["site_name"]})).await, json!({}));
    for name in ["first", "second"] {
        let answer = lab.update(&lab.admin, "site_settings", UpdateTarget::Query, json!({"site_name": name})).await.unwrap();
        assert_eq!(answer, json!({"id": 2, "site_name": name, "theme": null}));
    }
}

#[tokio::test]
async fn overlapping_writes_wait_instead_of_deadlocking() {
    let lab = Lab::start().await;
    let (up, down): (Vec<Value>, Vec<Value>) = ((1..=8).map(Value::from).collect(), (1..=8).rev().map(Value::from).collect());
    for round in 0..10 {
        let (up, down) = (UpdateTarget::Keys(up.clone()), UpdateTarget::Keys(down.clone()));
        let first = lab.update(&lab.admin, "articles", up, json!({"views": round}));
        let second = lab.update(&lab.admin, "articles", down, json!({"views": round + 1}));
        let (first, second) = tokio::join!(first, second);
        assert_eq!((first.unwrap().as_array().unwrap().len(), second.unwrap().as_array().unwrap().len()), (8, 8));
    }
}

#[tokio::test]
async fn faults_of_values_are_refusals_not_faults_of_the_server() {
    let lab = Lab::start().await;
    let create = async |data: Value| lab.create(&lab.admin, "articles", data).await.unwrap_err().message();
    assert_eq!(create(json!({"author": "xyz"})).await, "Invalid payload. Invalid value for field \"author\" in collection \"articles\".");
    assert_eq!(create(json!({"title": "x", "views": 99999999999_i64})).await, "Numeric value in collection \"articles\" is out of range.");
    assert_eq!(
        create(json!({"category": "nocat"})).await,
        "Invalid foreign key \"nocat\" for field \"category\" in collection \"articles\"."
    );
    assert_eq!(create(json!({"meta": "{not json"})).await, "Invalid payload. Invalid value for field \"meta\" in collection \"articles\".");
    assert_eq!(
        create(json!({"title": "nul\u{0}"})).await,
        "Invalid payload. Invalid value for field \"title\" in collection \"articles\"."
    );
    let read = async |query: Value| value(lab.service.read(&lab.admin, "articles", ReadTarget::Query, &query).await).unwrap_err().code();
    assert_eq!(read(json!({"fields": ["count(meta)"]})).await, "INVALID_QUERY");
    assert_eq!(read(json!({"filter": {"published_at": {"_gt": "junk"}}})).await, "INVALID_QUERY");
    assert_eq!(read(json!({"aggregate": {"sum": ["title"]}})).await, "INVALID_QUERY");
    assert_eq!(read(json!({"filter": {"title": {"_ends_with": "\\"}}})).await, "INVALID_QUERY");
}

#[tokio::test]
async fn a_refused_read_back_leaves_the_write() {
    let lab = Lab::start().await;
    let session =
        lab.with_rules(&[("messages", Action::Create, everything()), ("messages", Action::Read, rule(&Value::Null, &["text", "user"]))]);
    let refusal = lab.create(&session, "messages", json!({"text": "kept"})).await.unwrap_err();
    assert_eq!(
        refusal.message(),
        "You don't have permission to access field \"id\" in collection \"messages\" or it does not exist. Queried in root."
    );
    assert_eq!(lab.rows("select count(*) as n from messages where text = 'kept'").await, json!([{"n": 1}]));
}

#[tokio::test]
async fn accountability_of_the_collection_decides_what_is_remembered() {
    let meta = "update directus_collections set accountability = 'activity' where collection = 'tags';
        update directus_collections set accountability = null where collection = 'messages';";
    let lab = Lab::with(&[], meta).await;
    let counts =
        async || lab.rows("select (select count(*) from directus_activity) as a, (select count(*) from directus_revisions) as r").await;
    let before = counts().await;
    lab.create(&lab.admin, "messages", json!({"text": "x"})).await.unwrap();
    assert_eq!(counts().await, before);
    lab.create(&lab.admin, "tags", json!({"label": "x"})).await.unwrap();
    let after = counts().await;
    assert_eq!((after[0]["a"].as_i64(), after[0]["r"].as_i64()), (before[0]["a"].as_i64().map(|n| n + 1), before[0]["r"].as_i64()));
}

/// Statements that requests ran.
fn statements(lab: &Lab) -> u64 {
    lab.database.statements(Cause::Request)
}

#[tokio::test]
async fn a_plain_write_is_one_round_trip() {
    let lab = Lab::start().await;
    let author = lab.rows("select id, name from authors order by name limit 1").await[0].clone();
    let before = statements(&lab);
    let query = json!({"fields": ["id", "title", "status", "author.name", "comments"]});
    let data = json!({"title": "t", "nope": 1, "author": author["id"]});
    let answer = value(lab.service.create(&lab.admin, "articles", &data, &query).await).unwrap();
    let id = answer["id"].clone();
    assert_eq!(answer, json!({"id": id, "title": "t", "status": "draft", "author": {"name": author["name"]}, "comments": []}));
    assert_eq!(statements(&lab), before + 1);
    let changed = lab.update(&lab.admin, "articles", UpdateTarget::Key(id.clone()), json!({"title": "u", "views": 7})).await.unwrap();
    assert_eq!(statements(&lab), before + 2);
    // What is answered, and what the revision keeps, is what a read finds.
    let read = value(lab.service.read(&lab.admin, "articles", ReadTarget::Key(id.clone()), &Value::Null).await).unwrap();
    assert_eq!(changed, read);
    assert_eq!((&read["title"], &read["views"], &read["user_updated"]), (&json!("u"), &json!(7), &json!(EDITOR)));
    let revisions = "select r.data, r.delta, a.action, a.item, a.\"user\" from directus_revisions r
        join directus_activity a on a.id = r.activity order by r.id desc limit 2";
    let revisions = lab.rows(revisions).await;
    assert_eq!((&revisions[0]["action"], &revisions[1]["action"]), (&json!("update"), &json!("create")));
    assert_eq!((&revisions[0]["item"], &revisions[0]["user"]), (&json!(id.to_string()), &json!(EDITOR)));
    assert_eq!(revisions[1]["data"], json!({"title": "t", "nope": 1}));
    assert_eq!(revisions[0]["delta"]["title"], "u");
    for (name, kept) in revisions[0]["data"].as_object().unwrap() {
        assert_eq!(kept, &read[name], "{name}");
    }
}

#[tokio::test]
async fn one_statement_writes_what_several_would() {
    // The same writes with and without triggers, which make the longer path necessary.
    let writes = [
        (
            "articles",
            json!({"title": "x", "meta": {"a": [1]}, "labels": ["p", "q"], "price": 1.5, "featured": true}),
            json!({"meta": null}),
        ),
        ("tags", json!({"label": "x"}), json!({})),
        ("tags", json!({}), json!({"label": "y", "nope": 1})),
        ("authors", json!({"name": "n", "password": "secret"}), json!({"password": "other"})),
    ];
    let mut seen = Vec::new();
    for script in ["", SPY] {
        let lab = Lab::with(&[], script).await;
        let mut told = Vec::new();
        for (collection, made, changed) in &writes {
            let made = lab.create(&lab.admin, collection, made.clone()).await.unwrap();
            let key = UpdateTarget::Key(made["id"].clone());
            let changed = lab.update(&lab.admin, collection, key, changed.clone()).await.unwrap();
            told.extend([made, changed]);
        }
        let volatile = ["date_created", "date_updated", "id"];
        for item in &mut told {
            let members = item.as_object_mut().unwrap();
            members.retain(|name, _| !volatile.contains(&name.as_str()));
        }
        let kept = lab
            .rows(
                "select a.action, a.collection, a.\"user\", a.ip, r.data::jsonb - array['date_created', 'date_updated', 'id'] as data,
                    r.delta::jsonb - array['date_created', 'date_updated', 'id'] as delta
                from directus_activity a left join directus_revisions r on r.activity = a.id order by a.id desc limit 8",
            )
            .await;
        seen.push((told, kept));
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn rules_of_an_update_stand_in_the_statement() {
    let lab = Lab::start().await;
    let own = rule(&json!({"status": {"_eq": "draft"}}), &["title"]);
    let writer = lab.with_rules(&[("articles", Action::Update, own), ("articles", Action::Read, everything())]);
    let rows = lab
        .rows("select min(id) filter (where status = 'draft') as draft, min(id) filter (where status <> 'draft') as other from articles")
        .await;
    let change = |key: &Value| lab.update(&writer, "articles", UpdateTarget::Key(key.clone()), json!({"title": "mine"}));
    let before = statements(&lab);
    assert_eq!(change(&rows[0]["draft"]).await.unwrap()["title"], "mine");
    let refused = Refusal::ForbiddenAction { action: Action::Update, fields: vec!["title".into()], collection: "articles".into() };
    assert_eq!(change(&rows[0]["other"]).await.unwrap_err(), refused);
    assert_eq!(change(&json!(987_654)).await.unwrap_err(), refused);
    assert_eq!(statements(&lab), before + 3);
    assert_eq!(lab.rows("select count(*) from articles where title = 'mine'").await, json!([{"count": 1}]));
    assert_eq!(lab.rows("select count(*) from directus_activity where action = 'update'").await, json!([{"count": 1}]));
    // Who may not read what was written is told so, and it stays.
    let blind = lab.with_rules(&[("tags", Action::Create, everything())]);
    assert!(matches!(lab.create(&blind, "tags", json!({"label": "unseen"})).await, Err(Refusal::ForbiddenCollection { .. })));
    assert_eq!(lab.rows("select count(*) from tags where label = 'unseen'").await, json!([{"count": 1}]));
}

#[tokio::test]
async fn a_read_by_key_that_is_kept_reads_the_row_of_its_key() {
    let lab = Lab::start().await;
    let writer = lab.with_rules(&[("articles", Action::Read, rule(&json!({"status": {"_eq": "draft"}}), &["id", "title"]))]);
    let rows = lab.rows("select id, title, status from articles order by id").await;
    // Twice, so that the second round finds what the first one kept; key 1 looks like the limit and is never kept.
    for _ in 0..2 {
        for row in rows.as_array().unwrap() {
            let key = ReadTarget::Key(row["id"].clone());
            let whole = value(lab.service.read(&lab.admin, "articles", key.clone(), &Value::Null).await).unwrap();
            assert_eq!((&whole["id"], &whole["title"], &whole["status"]), (&row["id"], &row["title"], &row["status"]));
            let expect = (row["status"] == "draft").then(|| json!({"id": row["id"], "title": row["title"]})).ok_or(Refusal::Forbidden);
            assert_eq!(value(lab.service.read(&writer, "articles", key, &Value::Null).await), expect);
        }
    }
    for collection in ["categories", "authors", "tags"] {
        for row in lab.rows(&format!("select id from {collection}")).await.as_array().unwrap() {
            let key = ReadTarget::Key(row["id"].clone());
            let read = value(lab.service.read(&lab.admin, collection, key, &Value::Null).await).unwrap();
            assert_eq!(read["id"], row["id"]);
        }
    }
    let key = ReadTarget::Key(rows[0]["id"].clone());
    let some = value(lab.service.read(&lab.admin, "articles", key, &json!({"fields": ["title"]})).await).unwrap();
    assert_eq!(some, json!({"title": rows[0]["title"]}));
    assert_eq!(value(lab.service.read(&lab.admin, "articles", ReadTarget::Key(json!("x")), &Value::Null).await), Err(Refusal::Forbidden));
}

#[tokio::test]
async fn a_revision_of_a_create_holds_no_secret() {
    let lab = Lab::start().await;
    lab.create(&lab.admin, "authors", json!({"name": "n", "password": "open sesame"})).await.unwrap();
    lab.create(&lab.admin, "articles", json!({"title": "t", "author": {"name": "m", "password": "open sesame"}})).await.unwrap();
    let secrets = "select count(*) as n from directus_revisions where data::text like '%sesame%' or delta::text like '%sesame%'";
    assert_eq!(lab.rows(secrets).await, json!([{"n": 0}]));
    let last = "select data, delta from directus_revisions where collection = 'authors' order by id desc limit 1";
    let shown = json!({"name": "m", "password": "**********"});
    assert_eq!(lab.rows(last).await, json!([{"data": shown, "delta": shown}]));
}

#[tokio::test]
async fn updates_work_through_their_keys_as_text() {
    let lab = Lab::start().await;
    let keys = [json!(12), json!(9), json!(5), json!(10)];
    for key in &keys {
        lab.create(&lab.admin, "test_ws_integer", json!({"id": key})).await.unwrap();
    }
    let target = UpdateTarget::Keys(keys.to_vec());
    lab.update(&lab.admin, "test_ws_integer", target, json!({})).await.unwrap();
    let noted = "select item from directus_activity where action = 'update' order by id desc limit 4";
    assert_eq!(lab.rows(noted).await, json!([{"item": "9"}, {"item": "5"}, {"item": "12"}, {"item": "10"}]));
}

#[tokio::test]
async fn a_child_that_is_named_as_an_object_is_updated_and_one_named_by_key_is_linked() {
    let lab = Lab::start().await;
    let noted =
        async || lab.rows("select count(*) as n from directus_activity where collection = 'comments'").await[0]["n"].as_i64().unwrap();
    let change = async |comments: Value| {
        let before = noted().await;
        lab.update(&lab.admin, "articles", UpdateTarget::Key(json!(1)), json!({"comments": comments})).await.unwrap();
        noted().await - before
    };
    assert_eq!(change(json!([1, 2])).await, 0);
    assert_eq!(change(json!([{"id": 1}, 2])).await, 1);
    assert_eq!(change(json!({"update": [{"id": 1}]})).await, 1);
    assert_eq!(lab.rows("select text from comments where id = 1").await, json!([{"text": "Great read"}]));
}

#[tokio::test]
async fn lists_become_csv_as_javascript_joins_them() {
    let lab = Lab::start().await;
    let query = json!({"fields": ["labels"]});
    for (sent, shown) in [(json!([1, null, "x"]), json!(["1", "", "x"])), (json!([["a", "b"], "c"]), json!(["a", "b", "c"]))] {
        let answer = value(lab.service.create(&lab.admin, "articles", &json!({"labels": sent}), &query).await);
        assert_eq!(answer.unwrap(), json!({"labels": shown}));
    }
}

#[tokio::test]
async fn a_write_by_query_that_finds_nothing_asks_nobody() {
    let lab = Lab::start().await;
    let reader = lab.with_rules(&[("articles", Action::Read, rule(&Value::Null, &["id", "title"]))]);
    let query = |filter: Value| json!({"filter": filter});
    let delete = async |filter: Value| value(lab.service.delete(&reader, "articles", DeleteTarget::Query, &query(filter)).await);
    let update = async |filter: Value| {
        value(lab.service.update(&reader, "articles", UpdateTarget::Query, &json!({"title": "x"}), &query(filter)).await)
    };
    let (nothing, something, hidden) = (json!({"id": {"_gt": 900}}), json!({"id": 1}), json!({"views": 1}));
    assert_eq!(delete(nothing.clone()).await.unwrap(), json!([]));
    assert_eq!(update(nothing).await.unwrap(), json!([]));
    assert_eq!(delete(something.clone()).await.unwrap_err().code(), "FORBIDDEN");
    assert_eq!(update(something).await.unwrap_err().code(), "FORBIDDEN");
    assert_eq!(delete(hidden).await.unwrap_err().code(), "FORBIDDEN");
    let refusal = value(lab.service.delete(&reader, "articles", DeleteTarget::Query, &json!({"limit": -3})).await).unwrap_err();
    assert_eq!(refusal.code(), "INVALID_QUERY");
    assert_eq!(lab.rows("select count(*) as n from articles where id = 1 and title <> 'x'").await, json!([{"n": 1}]));
}

#[tokio::test]
async fn items_are_nested_only_so_deep() {
    let lab = Lab::start().await;
    let chain = |levels: usize| (1..levels).fold(json!({"id": "c0"}), |inner, level| json!({"id": format!("c{level}"), "parent": inner}));
    lab.create(&lab.admin, "categories", chain(16)).await.unwrap();
    let refusal = lab.create(&lab.admin, "categories", chain(100)).await.unwrap_err();
    assert_eq!(refusal.message(), "Invalid payload. Items are nested more than 16 levels deep.");
    // A column that the server sets is set once.
    let set = json!({"title": "t", "user_updated": {"email": "deep@example.com"}});
    lab.update(&lab.admin, "articles", UpdateTarget::Key(json!(1)), set).await.unwrap();
}
