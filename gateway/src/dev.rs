//! `gateway dev`: everything in one process on a private Postgres, with the guides' `messages` collection, a token and a
//! page, for whoever wants to see it work.
//!
//! It must never be reachable from outside by default, touch another Postgres, or leave one running: the server is a child
//! that ends with this process.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use change_capture::bus::BusCapacity;
use change_capture::worker::WorkerConfig;
use clap::Args;
use rand::distr::{Alphanumeric, SampleString as _};
use secrecy::SecretString;
use service_runtime::config::{Environment, Fault, Lookup as _, Reader};
use service_runtime::private_postgres::{PrivatePostgres, PrivatePostgresOptions};
use service_runtime::{CancellationToken, Tasks};

use crate::app::{self, Run, Worker};
use crate::bootstrap::{self, AdminSettings};
use crate::cli::say;
use crate::config::{Config, Role};
use crate::database::Database;
use crate::http::Page;
use crate::logs;

/// The page, as it is in the repository.
const PAGE: &str = include_str!("../assets/index.html");
/// The token of the demo user.
pub const DEMO_TOKEN: &str = "tidegate-demo-token";
const ADMIN_EMAIL: &str = "admin@example.com";
const DATABASE: &str = "tidegate";

/// Options of `gateway dev`.
#[derive(Debug, Args)]
pub struct DevOptions {
    /// Port of the page and the sockets.
    #[arg(long, default_value_t = 8055)]
    port: u16,
    /// Address to listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Where the private Postgres keeps its data; reused by the next run.
    #[arg(long, default_value = ".tidegate")]
    data_dir: PathBuf,
    /// Forget the data of earlier runs.
    #[arg(long)]
    fresh: bool,
}

/// Runs until `shutdown`.
///
/// # Errors
/// When Postgres or the node cannot start.
pub async fn run(options: DevOptions, environment: &Environment, tasks: Tasks, shutdown: CancellationToken) -> anyhow::Result<()> {
    if options.fresh {
        remove(&options.data_dir)?;
    }
    std::fs::create_dir_all(&options.data_dir).with_context(|| format!("cannot create {}", options.data_dir.display()))?;
    say("Starting a private Postgres …\n");
    let mut postgres = PrivatePostgres::start(PrivatePostgresOptions {
        data_dir: Some(options.data_dir.join("postgres")),
        ..PrivatePostgresOptions::default()
    })
    .await
    .context("cannot start a private Postgres")?;
    let outcome = serve(&options, &postgres, environment, tasks, shutdown).await;
    postgres.stop().context("cannot stop the private Postgres")?;
    outcome
}

async fn serve(
    options: &DevOptions,
    postgres: &PrivatePostgres,
    environment: &Environment,
    tasks: Tasks,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    create_database(postgres).await?;
    let environment = settings(options, postgres, environment)?;
    let config = Config::read(&environment, Role::Standalone).map_err(|faults| anyhow::anyhow!(list(&faults)))?;
    let mut reader = Reader::new(&environment);
    let worker = WorkerConfig::from_reader(&mut reader, config.database.connection.clone());
    let capacity = BusCapacity::from_reader(&mut reader);
    let (worker, capacity) = reader.finish((worker, capacity)).map_err(|faults| anyhow::anyhow!(list(&faults)))?;
    let (lines, traces) = logs::start(&config);

    let database = Database::new(&config.database)?;
    bootstrap::bootstrap(&database, AdminSettings::read(&environment)).await.context("cannot create the system tables")?;
    bootstrap::create_demo(&database, &SecretString::from(DEMO_TOKEN)).await.context("cannot create the demo collection")?;

    let text = greeting(options, postgres);
    let page = Page { html: PAGE.replace("{{token}}", DEMO_TOKEN).replace("{{psql}}", &escape_html(&psql(postgres))) };
    let ready = Box::new(move || say(&text));
    let ended = app::run(
        Run { config, capacity, worker: Worker::Embedded(Box::new(worker)), page: Some(page), ready: Some(ready), lines },
        tasks,
        shutdown,
    )
    .await;
    traces.finish();
    ended
}

/// The environment of a node on the private Postgres. What the user set himself about sockets and limits stays.
fn settings(options: &DevOptions, postgres: &PrivatePostgres, environment: &Environment) -> anyhow::Result<Environment> {
    let mut values = vec![
        ("HOST", options.host.to_string()),
        ("PORT", options.port.to_string()),
        ("DB_CLIENT", "pg".to_owned()),
        ("DB_CONNECTION_STRING", String::new()),
        ("DB_HOST", "127.0.0.1".to_owned()),
        ("DB_PORT", postgres.port().to_string()),
        ("DB_USER", "postgres".to_owned()),
        ("DB_PASSWORD", postgres.password().to_owned()),
        ("DB_DATABASE", DATABASE.to_owned()),
        ("CAPTURE_DB_URL", String::new()),
        ("REDIS_ENABLED", "false".to_owned()),
        ("ADMIN_EMAIL", ADMIN_EMAIL.to_owned()),
        ("SECRET", stored_secret(&options.data_dir, "secret")?),
        ("ADMIN_PASSWORD", stored_secret(&options.data_dir, "admin-password")?),
    ];
    let defaults = [
        ("LOG_LEVEL", "warn".to_owned()),
        ("PUBLIC_URL", url(options)),
        ("CORS_ENABLED", "true".to_owned()),
        ("CORS_ORIGIN", "true".to_owned()),
    ];
    values.extend(defaults.into_iter().filter(|(name, _)| environment.get(name).is_none()));
    Ok(Environment::default()
        .with(environment.names().into_iter().filter_map(|name| Some((name.clone(), environment.get(&name)?))))
        .with(values.into_iter().map(|(name, value)| (name.to_owned(), value))))
}

/// A random value that survives a restart, readable by its owner only.
fn stored_secret(directory: &Path, name: &str) -> anyhow::Result<String> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = directory.join(name);
    if let Ok(secret) = std::fs::read_to_string(&path) {
        return Ok(secret);
    }
    let secret = Alphanumeric.sample_string(&mut rand::rng(), 32);
    let write = || std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?.write_all(secret.as_bytes());
    write().with_context(|| format!("cannot write {}", path.display()))?;
    Ok(secret)
}

/// Removes the data of earlier runs, and only that: a directory that is not ours stays.
fn remove(directory: &Path) -> anyhow::Result<()> {
    if !directory.exists() {
        return Ok(());
    }
    let ours = directory.join("postgres").exists() || directory.join("secret").exists() || directory.read_dir()?.next().is_none();
    anyhow::ensure!(ours, "{} holds no data of `gateway dev`; it is not removed", directory.display());
    std::fs::remove_dir_all(directory).with_context(|| format!("cannot remove {}", directory.display()))
}

async fn create_database(postgres: &PrivatePostgres) -> anyhow::Result<()> {
    let (client, connection) = tokio_postgres::connect(&postgres.config("postgres"), tokio_postgres::NoTls).await?;
    let work = async {
        let known = client.query_opt("select 1 from pg_database where datname = $1", &[&DATABASE]).await?;
        if known.is_none() {
            client.batch_execute(&format!("create database {}", access::statement::quote_identifier(DATABASE))).await?;
        }
        Ok::<(), tokio_postgres::Error>(())
    };
    // The connection ends with an error when the work is done first; both are polled here, neither outlives this call.
    tokio::select! {
        done = work => done.context("cannot create the database")?,
        ended = connection => ended.context("the private Postgres closed the connection")?,
    }
    Ok(())
}

fn url(options: &DevOptions) -> String {
    let host = if options.host.is_unspecified() { "localhost".to_owned() } else { options.host.to_string() };
    format!("http://{host}:{}", options.port)
}

fn psql(postgres: &PrivatePostgres) -> String {
    format!("psql 'postgres://postgres:{}@127.0.0.1:{}/{DATABASE}'", postgres.password(), postgres.port())
}

fn greeting(options: &DevOptions, postgres: &PrivatePostgres) -> String {
    let (url, psql) = (url(options), psql(postgres));
    format!(
        "
Tidegate is ready.

  page       {url}/
  WebSocket  {}/websocket
  token      {DEMO_TOKEN}   (a user who may do everything with the collection messages)
  admin      {ADMIN_EMAIL}, password in {}

Change a row with psql and watch it arrive on the page:

  {psql} \\
    -c \"insert into messages (text, \\\"user\\\") values ('Hello from psql', 'me')\"

With the SDK:

  import {{ createDirectus, staticToken, realtime }} from '@directus/sdk';

  const client = createDirectus('{url}').with(staticToken('{DEMO_TOKEN}')).with(realtime());
  await client.connect();
  const {{ subscription }} = await client.subscribe('messages', {{ query: {{ fields: ['*'] }} }});
  for await (const message of subscription) console.log(message);

Ctrl-C ends everything that was started. The data stays in {}; --fresh starts over.
",
        url.replacen("http", "ws", 1),
        options.data_dir.join("admin-password").display(),
        options.data_dir.display(),
    )
}

fn list(faults: &[Fault]) -> String {
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    format!("the configuration cannot work; expected: {}", faults.join("; "))
}

/// `text` inside an HTML attribute or element.
fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
