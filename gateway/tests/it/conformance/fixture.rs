//! The fixture databases: made once from their dumps, copied per server, and put back between two cases.
//!
//! It must never fire a trigger while it puts rows back: the server under test is not to see that as changes.
//! Cost: putting back is one transaction of one TRUNCATE over all tables and one COPY for each, about 0.1 s.

use std::sync::LazyLock;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures_util::SinkExt as _;
use tokio::sync::OnceCell;
use tokio_postgres::Client;

use super::case::{Baseline, data_folder};
use crate::harness::postgres::{Database, Postgres, postgres};

/// A digest of all columns: tells whether a case changed the schema.
const SHAPE: &str = "select coalesce(md5(string_agg(table_name || '.' || column_name || ':' || data_type || ':' || is_nullable \
    || coalesce(column_default, ''), ',' order by table_name, column_name)), '') \
    from information_schema.columns where table_schema = 'public'";

static TWELVE: LazyLock<Dump> = LazyLock::new(|| Dump::read(Baseline::Twelve));
static ELEVEN: LazyLock<Dump> = LazyLock::new(|| Dump::read(Baseline::Eleven));
static TEMPLATE_TWELVE: OnceCell<Database> = OnceCell::const_new();
static TEMPLATE_ELEVEN: OnceCell<Database> = OnceCell::const_new();

/// One part of a plain dump.
enum Part {
    /// Statements up to the next COPY.
    Statements(String),
    /// Rows of one table in COPY's text form.
    Rows { table: String, copy: String, rows: Bytes },
}

/// A dump as `pg_dump` writes it, cut where COPY data begins and ends.
struct Dump(Vec<Part>);

/// One database that is kept equal to a fixture.
pub(crate) struct Fixture {
    client: Client,
    baseline: Baseline,
    /// Whose permission rules are in it, where not its own.
    rules: Option<Baseline>,
    shape: String,
}

impl Fixture {
    /// A fresh copy of the fixture.
    pub(crate) async fn database(baseline: Baseline) -> Result<Database> {
        let template = match baseline {
            Baseline::Twelve => &TEMPLATE_TWELVE,
            Baseline::Eleven => &TEMPLATE_ELEVEN,
        };
        let server = postgres().await?;
        let template = template.get_or_try_init(|| Self::database_in(server, baseline)).await?;
        server.create_database(baseline.fixture(), Some(template)).await
    }

    /// The fixture in a Postgres of the caller's own.
    pub(crate) async fn database_in(server: &Postgres, baseline: Baseline) -> Result<Database> {
        let database = server.create_database(baseline.fixture(), None).await?;
        dump(baseline).load(&database.connect().await?).await.context("loading the fixture")?;
        Ok(database)
    }

    /// Watches over `database`, which is a copy of the fixture.
    pub(crate) async fn of(database: &Database, baseline: Baseline) -> Result<Self> {
        let client = database.connect().await?;
        let shape = shape(&client).await?;
        Ok(Self { client, baseline, rules: None, shape })
    }

    /// Whether a case has changed tables or columns: rows alone cannot be put back then.
    pub(crate) async fn schema_has_changed(&self) -> Result<bool> {
        Ok(shape(&self.client).await? != self.shape)
    }

    /// The same with the permission rules of another baseline.
    pub(crate) async fn with_rules(self, rules: Baseline) -> Result<Self> {
        let fixture = Self { rules: Some(rules), ..self };
        fixture.put_rules().await?;
        Ok(fixture)
    }

    /// Puts every row back.
    pub(crate) async fn reset(&self) -> Result<()> {
        dump(self.baseline).restore_rows(&self.client).await.context("putting the rows back")?;
        self.put_rules().await
    }

    async fn put_rules(&self) -> Result<()> {
        let Some(rules) = self.rules else { return Ok(()) };
        let is_rules = |part: &&Part| matches!(part, Part::Rows { table, .. } if table == "public.directus_permissions");
        let Some(Part::Rows { copy, rows, .. }) = dump(rules).0.iter().find(is_rules) else { return Ok(()) };
        let head = "begin; set local session_replication_role = replica; truncate public.directus_permissions";
        self.client.batch_execute(head).await?;
        copy_in(&self.client, copy, rows).await.context("putting the rules in")?;
        Ok(self.client.batch_execute("commit").await?)
    }
}

impl Dump {
    fn read(baseline: Baseline) -> Self {
        let path = data_folder().join(format!("{}.sql", baseline.fixture()));
        Self::cut(&std::fs::read_to_string(path).expect("the dumps are part of the repository"))
    }

    fn cut(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut statements = String::new();
        let mut lines = text.split_inclusive('\n');
        while let Some(line) = lines.next() {
            if !line.starts_with("COPY ") {
                statements.push_str(line);
                continue;
            }
            parts.push(Part::Statements(std::mem::take(&mut statements)));
            let rows: String = lines.by_ref().take_while(|row| *row != "\\.\n").collect();
            let table = line.split_whitespace().nth(1).unwrap_or_default().to_owned();
            parts.push(Part::Rows { table, copy: line.trim_end().trim_end_matches(';').to_owned(), rows: rows.into() });
        }
        parts.push(Part::Statements(statements));
        Self(parts)
    }

    async fn load(&self, client: &Client) -> Result<()> {
        for part in &self.0 {
            match part {
                Part::Statements(statements) => client.batch_execute(statements).await?,
                Part::Rows { copy, rows, .. } => copy_in(client, copy, rows).await?,
            }
        }
        Ok(())
    }

    async fn restore_rows(&self, client: &Client) -> Result<()> {
        let tables: Vec<&str> =
            self.0.iter().filter_map(|part| if let Part::Rows { table, .. } = part { Some(table.as_str()) } else { None }).collect();
        let head = "begin; set local client_min_messages = warning; set local session_replication_role = replica";
        client.batch_execute(&format!("{head}; truncate {}", tables.join(", "))).await?;
        for part in &self.0 {
            match part {
                Part::Rows { copy, rows, .. } if !rows.is_empty() => copy_in(client, copy, rows).await?,
                Part::Rows { .. } => {}
                Part::Statements(statements) => {
                    let sequences: String = statements.lines().filter(|line| line.contains("pg_catalog.setval")).collect();
                    client.batch_execute(&sequences).await?;
                }
            }
        }
        client.batch_execute("commit").await?;
        Ok(())
    }
}

fn dump(baseline: Baseline) -> &'static Dump {
    match baseline {
        Baseline::Twelve => &TWELVE,
        Baseline::Eleven => &ELEVEN,
    }
}

async fn copy_in(client: &Client, copy: &str, rows: &Bytes) -> Result<()> {
    let mut sink = Box::pin(client.copy_in(copy).await?);
    sink.send(rows.clone()).await?;
    sink.close().await?;
    Ok(())
}

async fn shape(client: &Client) -> Result<String> {
    Ok(client.query_one(SHAPE, &[]).await?.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_is_cut_at_its_rows() {
        let dump = Dump::cut("create table a (x int);\nCOPY public.a (x) FROM stdin;\n1\n2\n\\.\n\nselect 1;\n");
        let [Part::Statements(before), Part::Rows { table, copy, rows }, Part::Statements(after)] = dump.0.as_slice() else {
            panic!("three parts");
        };
        assert_eq!((before.as_str(), table.as_str()), ("create table a (x int);\n", "public.a"));
        assert_eq!((copy.as_str(), rows.as_ref()), ("COPY public.a (x) FROM stdin", b"1\n2\n".as_slice()));
        assert_eq!(after, "\nselect 1;\n");
    }

    #[test]
    fn rows_come_back_and_no_trigger_fires() {
        crate::harness::run(async {
            let database = Fixture::database(Baseline::Twelve).await?;
            let fixture = Fixture::of(&database, Baseline::Twelve).await?;
            let client = database.connect().await?;
            let trigger = "create table public.seen (what text); create function public.see() returns trigger language plpgsql as \
                $$ begin insert into public.seen values (tg_op); return null; end $$; \
                create trigger see after insert or update or delete or truncate on tags for each statement execute function see();";
            client.batch_execute(trigger).await?;
            let fixture = Fixture { shape: shape(&client).await?, ..fixture };
            client.batch_execute("update tags set label = 'x' where id = 1; delete from comments").await?;
            fixture.reset().await?;
            let label: String = client.query_one("select label from tags where id = 1", &[]).await?.get(0);
            let comments: i64 = client.query_one("select count(*) from comments", &[]).await?.get(0);
            let next: i64 = client.query_one("select nextval('tags_id_seq')", &[]).await?.get(0);
            let seen: Vec<String> = client.query("select what from seen", &[]).await?.iter().map(|row| row.get(0)).collect();
            assert_eq!((label.as_str(), next), ("alpha", 5));
            assert!(comments > 0);
            assert_eq!(seen, ["UPDATE"]);
            assert!(!fixture.schema_has_changed().await?);
            client.batch_execute("alter table tags add column extra text").await?;
            assert!(fixture.schema_has_changed().await?);
            anyhow::Ok(())
        });
    }
}
