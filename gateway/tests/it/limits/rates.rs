//! How often: messages, upgrades, requests and failed logins, on one node and across two.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{Nodes, dial, open, refusals, refused, until_metric};
use crate::harness::gateway::{ADMIN_TOKEN, Gateway};
use crate::harness::http::{Reply, Request};
use crate::harness::run;
use crate::harness::socket::{Dial, Dialled, Socket};

const EXCHANGES: &str = "tidegate_gateway_limit_exchanges_total";

/// How many pings are answered until one is refused; at most `most`.
async fn pings(socket: &mut Socket, most: usize) -> Result<usize> {
    for answered in 0..most {
        let answer = socket.ask(json!({"type": "ping"})).await?;
        if answer["type"] == "pong" {
            continue;
        }
        ensure!(answer["type"] == "server" && answer["error"]["code"] == "REQUESTS_EXCEEDED", "{answer}");
        let text = answer["error"]["message"].as_str().unwrap_or_default();
        ensure!(text.starts_with("Too many messages, retry after ") && text.ends_with("ms."), "{text}");
        return Ok(answered);
    }
    Ok(most)
}

async fn exchanges(node: &Gateway) -> Result<f64> {
    node.metric(EXCHANGES).await
}

#[test]
fn messages_of_a_user_are_counted_by_all_nodes() {
    run(async {
        let nodes = Nodes::start(&[("GATEWAY_MESSAGES_PER_USER", "20/365d")]).await?;
        // On one node: exactly so many, over all connections of the user.
        let (mut one, mut other) = (open(&nodes.a, "tok-reader").await?, open(&nodes.a, "tok-reader").await?);
        ensure!(pings(&mut one, 15).await? == 15 && pings(&mut other, 100).await? == 5);
        ensure!(pings(&mut one, 1).await? == 0 && refusals(&nodes.a, "messages_per_user").await? == 2.0);
        ensure!(one.ended().is_none(), "the socket stays open");

        // On two: what one node let through is missing on the other, once it knows.
        let (mut on_a, mut on_b) = (open(&nodes.a, "tok-editor").await?, open(&nodes.b, "tok-editor").await?);
        let before = (exchanges(&nodes.a).await?, exchanges(&nodes.b).await?);
        ensure!(pings(&mut on_a, 15).await? == 15);
        until_metric(&nodes.a, EXCHANGES, |now| now > before.0).await?;
        ensure!(pings(&mut on_b, 1).await? == 1);
        until_metric(&nodes.b, EXCHANGES, |now| now > before.1).await?;
        let left = pings(&mut on_b, 100).await?;
        // Fifteen and one are gone; some of the fifteen may not have been told by then.
        ensure!((4..15).contains(&left), "{left} more on the other node");
        let mut somebody_else = open(&nodes.b, "tok-reporter").await?;
        ensure!(pings(&mut somebody_else, 10).await? == 10);
        nodes.stop().await
    });
}

#[test]
fn messages_and_upgrades_of_an_address_are_counted_by_all_nodes() {
    run(async {
        let settings = [("GATEWAY_MESSAGES_PER_IP", "10/365d"), ("GATEWAY_UPGRADES_PER_IP", "8/365d"), ("IP_TRUST_PROXY", "true")];
        let nodes = Nodes::start(&settings).await?;
        let from = |node: &Gateway, address: &str| dial(node, ADMIN_TOKEN).header("x-forwarded-for", address);
        // On one node, by different users.
        let mut editor = nodes.a.dial(&dial(&nodes.a, "tok-editor").header("x-forwarded-for", "10.0.0.1")).await?;
        let mut reader = nodes.a.dial(&dial(&nodes.a, "tok-reader").header("x-forwarded-for", "10.0.0.1")).await?;
        ensure!(pings(&mut editor, 6).await? == 6 && pings(&mut reader, 100).await? == 4);
        let mut elsewhere = nodes.a.dial(&from(&nodes.a, "10.0.0.2")).await?;
        ensure!(pings(&mut elsewhere, 10).await? == 10);
        ensure!(refusals(&nodes.a, "messages_per_ip").await? == 1.0);

        // Upgrades on one node, whatever becomes of them.
        let forged = |address: &str| dial(&nodes.b, "no-such-token").header("x-forwarded-for", address);
        for _ in 0..8 {
            ensure!(refused(&forged("10.0.0.3")).await? == 401);
        }
        ensure!(refused(&forged("10.0.0.3")).await? == 429 && refusals(&nodes.b, "upgrades_per_ip").await? == 1.0);
        // On two: A has been told of those on B.
        let before = exchanges(&nodes.b).await?;
        ensure!(refused(&forged("10.0.0.4")).await? == 401);
        until_metric(&nodes.b, EXCHANGES, |now| now > before).await?;
        for _ in 0..6 {
            ensure!(refused(&forged("10.0.0.4")).await? == 401);
        }
        until_metric(&nodes.b, EXCHANGES, |now| now >= before + 2.0).await?;
        let before = exchanges(&nodes.a).await?;
        let mut accepted = usize::from(matches!(from(&nodes.a, "10.0.0.4").open().await, Dialled::Open(_)));
        until_metric(&nodes.a, EXCHANGES, |now| now > before).await?;
        while accepted < 100 && matches!(from(&nodes.a, "10.0.0.4").open().await, Dialled::Open(_)) {
            accepted += 1;
        }
        ensure!((1..8).contains(&accepted), "{accepted} more on the other node");
        nodes.stop().await
    });
}

#[test]
fn requests_of_an_address_are_limited_as_directus_does() {
    run(async {
        let settings = [("RATE_LIMITER_ENABLED", "true"), ("RATE_LIMITER_POINTS", "3"), ("RATE_LIMITER_DURATION", "365d")];
        let nodes = Nodes::start(&settings).await?;
        let ask = async || nodes.a.request(Request::new("GET", "/server/ping")).await;
        for _ in 0..3 {
            ensure!(ask().await?.status == 200);
        }
        let reply = ask().await?;
        ensure!(reply.status == 429 && reply.body["errors"][0]["extensions"]["code"] == "REQUESTS_EXCEEDED", "{reply:?}");
        ensure!(reply.header_values("retry-after").next().is_some_and(|after| after.parse::<u64>().is_ok()), "{reply:?}");
        ensure!(refusals(&nodes.a, "requests_per_ip").await? == 1.0);
        // Sockets have a budget of their own, each.
        let mut socket = open(&nodes.a, ADMIN_TOKEN).await?;
        ensure!(pings(&mut socket, 100).await? == 3 && refusals(&nodes.a, "messages_per_connection").await? == 1.0);
        ensure!(pings(&mut open(&nodes.a, ADMIN_TOKEN).await?, 100).await? == 3);
        nodes.stop().await
    });
}

async fn login(node: &Gateway, email: &str, password: &str, address: &str) -> Result<Reply> {
    let body = json!({"email": email, "password": password});
    node.request(Request::new("POST", "/auth/login").header("x-forwarded-for", address).json(body)).await
}

fn code(reply: &Reply) -> &Value {
    &reply.body["errors"][0]["extensions"]["code"]
}

#[test]
fn failed_logins_of_an_address_are_counted_by_all_nodes() {
    run(async {
        let settings = [("GATEWAY_FAILED_LOGINS_PER_IP", "4/365d"), ("IP_TRUST_PROXY", "true"), ("LOGIN_STALL_TIME", "0")];
        let nodes = Nodes::start(&settings).await?;
        let (attacker, friend) = ("10.0.0.1", "10.0.0.2");
        for _good in 0..3 {
            ensure!(login(&nodes.a, "admin@example.com", "password", attacker).await?.status == 200);
        }
        for (node, email) in
            [(&nodes.a, "editor@example.com"), (&nodes.a, "nobody@example.com"), (&nodes.b, "a@b.cd"), (&nodes.b, "x@y.zz")]
        {
            let reply = login(node, email, "wrong", attacker).await?;
            ensure!(reply.status == 401 && code(&reply) == "INVALID_CREDENTIALS", "{reply:?}");
        }
        for node in [&nodes.a, &nodes.b] {
            let reply = login(node, "admin@example.com", "password", attacker).await?;
            ensure!(reply.status == 429 && code(&reply) == "REQUESTS_EXCEEDED", "the right password does not help: {reply:?}");
            ensure!(reply.header_values("retry-after").next().is_some());
            ensure!(refusals(node, "failed_logins_per_ip").await? == 1.0);
        }
        ensure!(login(&nodes.b, "admin@example.com", "password", friend).await?.status == 200);
        // By a message: told, and the socket stays open for another try.
        let mut socket = nodes.b.dial(&Dial::new(nodes.b.port).header("x-forwarded-for", attacker)).await?;
        let answer = socket.ask(json!({"type": "auth", "email": "admin@example.com", "password": "password"})).await?;
        ensure!(answer["type"] == "auth" && answer["error"]["code"] == "REQUESTS_EXCEEDED", "{answer}");
        let answer = socket.ask(json!({"type": "auth", "access_token": ADMIN_TOKEN})).await?;
        ensure!(answer["status"] == "ok", "{answer}");
        nodes.stop().await
    });
}

/// `auth_login_attempts` is one number for the project, not one per node.
#[test]
fn login_attempts_of_a_user_are_counted_by_all_nodes() {
    run(async {
        let nodes = Nodes::start(&[("LOGIN_STALL_TIME", "0")]).await?;
        nodes.database.execute("update directus_settings set auth_login_attempts = 3").await?;
        let status = async || {
            let sql = nodes.database.connect().await?;
            let row = sql.query_one("select status from directus_users where email = 'admin@example.com'", &[]).await?;
            anyhow::Ok(row.get::<_, String>(0))
        };
        let wrong = async |node| login(node, "admin@example.com", "wrong", "10.0.0.1").await.map(|reply| reply.status);
        let right = async |node| login(node, "admin@example.com", "password", "10.0.0.1").await.map(|reply| reply.status);
        for node in [&nodes.a, &nodes.b, &nodes.a] {
            ensure!(wrong(node).await? == 401 && status().await? == "active");
        }
        // A fourth that is wrong would suspend; it does on a node that saw only one of the three.
        ensure!(wrong(&nodes.b).await? == 401 && status().await? == "suspended");
        ensure!(refusals(&nodes.b, "login_attempts").await? == 1.0);
        nodes.database.execute("update directus_users set status = 'active' where email = 'admin@example.com'").await?;
        for node in [&nodes.a, &nodes.b] {
            ensure!(wrong(node).await? == 401 && status().await? == "active", "counted anew after the suspension");
        }
        ensure!(right(&nodes.a).await? == 200);
        for node in [&nodes.b, &nodes.a, &nodes.b] {
            ensure!(wrong(node).await? == 401 && status().await? == "active", "counted anew after a success on the other node");
        }
        nodes.stop().await.context("stop")
    });
}
