//! The public guides as tests: every snippet through a raw WebSocket, through two versions of @directus/sdk, and in a
//! headless Chromium, against gateways started as the guides start theirs.
//!
//! It must never judge a snippet itself: the scripts in `tests/sdk` do, and each prints one line per check.

mod node;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use service_runtime::guarded_process::free_port;

use crate::conformance::{Baseline, Fixture};
use crate::harness::gateway::{Gateway, Program, gateway_path};
use crate::harness::postgres::{Database, postgres};
use crate::harness::{beside_others, run, variable};
use node::run_script;

/// How long one script may take.
const SCRIPT_LIMIT: Duration = Duration::from_secs(240);

/// The gateways that the scripts know by name, and their settings.
const GATEWAYS: &[(&str, &[(&str, &str)])] = &[
    ("main", &[]),
    ("public", &[("WEBSOCKETS_REST_AUTH", "public")]),
    ("strict", &[("WEBSOCKETS_REST_AUTH", "strict"), ("WEBSOCKETS_GRAPHQL_AUTH", "strict")]),
    // Short times, so that expiry and heartbeats are seen; in milliseconds and with units, as the guides allow.
    ("tight", &[("ACCESS_TOKEN_TTL", "3s"), ("WEBSOCKETS_REST_AUTH_TIMEOUT", "2000"), ("WEBSOCKETS_HEARTBEAT_PERIOD", "1000")]),
    ("rate", &[("RATE_LIMITER_ENABLED", "true"), ("RATE_LIMITER_POINTS", "5"), ("RATE_LIMITER_DURATION", "2")]),
    // The environment block of the WebSocket guide, word for word.
    (
        "guide",
        &[
            ("WEBSOCKETS_ENABLED", "true"),
            ("WEBSOCKETS_REST_ENABLED", "true"),
            ("WEBSOCKETS_REST_PATH", "/websocket"),
            ("WEBSOCKETS_REST_AUTH", "handshake"),
            ("WEBSOCKETS_REST_AUTH_TIMEOUT", "10000"),
            ("WEBSOCKETS_REST_CONN_LIMIT", "100"),
            ("WEBSOCKETS_GRAPHQL_ENABLED", "true"),
            ("WEBSOCKETS_GRAPHQL_PATH", "/graphql"),
            ("WEBSOCKETS_GRAPHQL_AUTH", "handshake"),
            ("WEBSOCKETS_GRAPHQL_AUTH_TIMEOUT", "10000"),
            ("WEBSOCKETS_HEARTBEAT_ENABLED", "true"),
            ("WEBSOCKETS_HEARTBEAT_PERIOD", "30000"),
        ],
    ),
    ("cors", &[("CORS_ENABLED", "true"), ("CORS_ORIGIN", "true")]),
];

#[test]
fn guides_raw() {
    run(guides("raw.mjs", &[], &["main", "public", "strict", "tight", "rate", "guide"]));
}

#[test]
fn guides_sdk26() {
    run(guides("sdk.mjs", &["sdk26"], &["main", "public", "strict", "tight", "cors"]));
}

#[test]
fn guides_sdk20() {
    run(guides("sdk.mjs", &["sdk20"], &["main", "public", "strict", "tight", "cors"]));
}

/// The example of docs/protocol-extensions.md, which is the one that runs.
#[test]
fn the_resume_example() {
    run(async {
        let script = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/resume.mjs"))?;
        let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/protocol-extensions.md"))?;
        let example = script.split("// example: ").nth(1).and_then(|text| text.strip_prefix("begin\n")).context("an example")?;
        ensure!(document.contains(example.trim_end()), "docs/protocol-extensions.md shows another example than the one that runs");
        guides("resume.mjs", &["sdk26"], &["main"]).await?;
        guides("resume.mjs", &["sdk20"], &["main"]).await
    });
}

/// The GraphQL endpoint through graphql-ws, Apollo Client, graphql-js and plain HTTP.
#[test]
fn graphql_clients() {
    run(guides("graphql.mjs", &[], &["main", "strict", "tight", "rate"]));
}

/// The demo page of `gateway dev`, and the guides' pages opened from disk, in a browser.
#[test]
fn pages() {
    run(async {
        let _machine = beside_others().await;
        let data = std::env::temp_dir().join(format!("tidegate-dev-{}", std::process::id()));
        let data_dir = data.to_string_lossy().into_owned();
        let port = free_port()?;
        let arguments = ["dev", "--data-dir", &data_dir, "--port", &port.to_string()];
        let dev = Program::new(&gateway_path(), &arguments).listen_on(port).await.context("gateway dev")?;
        let stage = Stage::set(&["main"]).await?;
        let outcome = stage.run("page.mjs", &[], Some(&dev)).await;
        let ended = dev.stop().await;
        stage.end().await?;
        std::fs::remove_dir_all(&data)?;
        ended?;
        outcome
    });
}

/// The gateways of one script, each on its own copy of the newsroom.
struct Stage {
    gateways: Vec<(&'static str, Gateway, Database)>,
}

impl Stage {
    async fn set(names: &[&str]) -> Result<Self> {
        let chosen = GATEWAYS.iter().filter(|(name, _)| names.contains(name));
        let started = chosen.map(|(name, settings)| async move {
            let database = Fixture::database(Baseline::Twelve).await?;
            let program = Program::gateway(&["standalone"]).database(&database);
            let program = settings.iter().fold(program, |program, (name, value)| program.env(name, *value));
            let gateway = program.listen().await.with_context(|| format!("the gateway `{name}`"))?;
            anyhow::Ok((*name, gateway, database))
        });
        Ok(Self { gateways: try_join_all(started).await? })
    }

    /// Runs a script and fails with the checks that are not ok.
    async fn run(&self, script: &str, arguments: &[&str], dev: Option<&Gateway>) -> Result<()> {
        let mut urls: BTreeMap<&str, &str> = self.gateways.iter().map(|(name, gateway, _)| (*name, gateway.base.as_str())).collect();
        if let Some(dev) = dev {
            urls.insert("dev", &dev.base);
        }
        let databases: BTreeMap<&str, Value> = self
            .gateways
            .iter()
            .map(|(name, _, database)| (*name, json!({"name": database.name, "port": database.port, "password": database.password})))
            .collect();
        let environment = [
            ("GATEWAYS", json!(urls).to_string()),
            ("DATABASES", json!(databases).to_string()),
            ("PSQL", postgres().await?.program("psql")),
            ("CHROMIUM", if dev.is_some() { chromium()? } else { String::new() }),
        ];
        let checks = run_script(script, arguments, &environment, SCRIPT_LIMIT).await?;
        let failed: Vec<String> =
            checks.iter().filter(|check| !check.ok).map(|check| format!("{}\n    {}", check.name, check.detail)).collect();
        println!("{script} {}: {} checks, {} failed", arguments.join(" "), checks.len(), failed.len());
        ensure!(failed.is_empty(), "{}", failed.join("\n"));
        Ok(())
    }

    async fn end(self) -> Result<()> {
        for (_, gateway, database) in self.gateways {
            gateway.stop().await?;
            database.drop().await?;
        }
        Ok(())
    }
}

async fn guides(script: &str, arguments: &[&str], names: &[&str]) -> Result<()> {
    let _machine = beside_others().await;
    let stage = Stage::set(names).await?;
    let outcome = stage.run(script, arguments, None).await;
    stage.end().await?;
    outcome
}

/// The browser: `CHROMIUM`, else the first of the usual names in PATH. Only the page tests start it.
fn chromium() -> Result<String> {
    if let Some(path) = variable("CHROMIUM") {
        return Ok(path);
    }
    let path = variable("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let found = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name))).find(|program| program.is_file());
    Ok(found.context("no Chromium in PATH; name one in CHROMIUM")?.to_string_lossy().into_owned())
}
