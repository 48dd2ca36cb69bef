//! `gateway health` and `gateway probe`: what the image's health check and `helm test` run.
//!
//! It must never look at more than their exit code and output, which is all that Kubernetes sees.

use std::time::Duration;

use anyhow::{Result, ensure};
use service_runtime::guarded_process::free_port;

use crate::conformance::{Baseline, Fixture};
use crate::harness::gateway::{ADMIN_TOKEN, Gateway, Program};
use crate::harness::{beside_others, run};

/// Runs `gateway arguments` to its end: exit code and output.
async fn ended(program: Program) -> Result<(Option<i32>, String)> {
    let running = program.start()?;
    let code = running.ended(Duration::from_secs(60)).await?;
    Ok((code, running.output()))
}

async fn probe(gateway: &Gateway, token: Option<&str>, more: &[&str]) -> Result<(Option<i32>, String)> {
    let url = format!("ws://127.0.0.1:{}/websocket", gateway.port);
    let mut arguments = vec!["probe", "--url", &url, "--timeout", "20"];
    arguments.extend(more);
    let program = Program::gateway(&arguments);
    ended(token.into_iter().fold(program, |program, token| program.env("PROBE_TOKEN", token))).await
}

#[test]
fn a_probe_subscribes_and_sees_its_own_change() {
    run(async {
        let _machine = beside_others().await;
        let database = Fixture::database(Baseline::Twelve).await?;
        let gateway = Program::gateway(&["standalone"]).database(&database).listen().await?;
        let authors = ["--collection", "authors"];
        let (code, output) = probe(&gateway, Some(ADMIN_TOKEN), &authors).await?;
        ensure!(code == Some(0) && output.contains("subscribed to authors"), "{code:?} {output}");
        let (code, output) = probe(&gateway, None, &authors).await?;
        ensure!(code == Some(0) && output.contains("asks for credentials"), "{code:?} {output}");
        let (code, output) = probe(&gateway, Some("no-such-token"), &authors).await?;
        ensure!(code == Some(1) && output.contains("not valid") && !output.contains("no-such-token"), "{code:?} {output}");
        let (code, output) = probe(&gateway, Some(ADMIN_TOKEN), &["--collection", "nothing"]).await?;
        ensure!(code == Some(1) && output.contains("FORBIDDEN"), "{code:?} {output}");
        let before = database.connect().await?.query_one("select count(*) from authors", &[]).await?.get::<_, i64>(0);
        let (code, output) = probe(&gateway, Some(ADMIN_TOKEN), &["--collection", "authors", "--item", r#"{"name": "probe"}"#]).await?;
        ensure!(code == Some(0) && output.contains("came back as an event"), "{code:?} {output}");
        let after = database.connect().await?.query_one("select count(*) from authors", &[]).await?.get::<_, i64>(0);
        ensure!(before == after, "the probe left its item behind");
        gateway.stop().await?;
        database.drop().await
    });
}

#[test]
fn health_follows_the_node() {
    run(async {
        let _machine = beside_others().await;
        let database = Fixture::database(Baseline::Twelve).await?;
        let (port, admin) = (free_port()?, free_port()?);
        let health = |settings: &[(&str, u16)]| {
            let program = Program::gateway(&["health"]).database(&database);
            ended(settings.iter().fold(program, |program, (name, port)| program.env(name, port.to_string())))
        };
        let (code, output) = health(&[("PORT", port)]).await?;
        ensure!(code == Some(1) && output.contains("cannot connect"), "{code:?} {output}");
        let gateway = Program::gateway(&["standalone"]).database(&database).listen_on(port).await?;
        let (code, output) = health(&[("PORT", port)]).await?;
        ensure!(code == Some(0), "{code:?} {output}");
        let (code, output) = health(&[("PORT", port), ("GATEWAY_ADMIN_PORT", admin)]).await?;
        ensure!(code == Some(1), "nothing listens on that admin port: {code:?} {output}");
        let (code, output) = health(&[("PORT", port), ("GATEWAY_ADMIN_PORT", gateway.admin_port())]).await?;
        ensure!(code == Some(0), "{code:?} {output}");
        gateway.stop().await?;
        database.drop().await
    });
}
