//! How many sockets a user, an address and everybody may have, on all nodes together.

use std::time::Duration;

use anyhow::ensure;
use serde_json::json;
use service_runtime::guarded_process::Signal;

use super::{LIMIT, Nodes, dial, eventually_open, open, refusals, refused};
use crate::harness::run;
use crate::harness::socket::{Dial, Ended};

const USER: &str = "tok-editor";

#[test]
fn a_user_has_so_many_on_all_nodes() {
    run(async {
        let nodes = Nodes::start(&[("GATEWAY_CONNECTIONS_PER_USER", "3")]).await?;
        let (on_a, on_b) = (dial(&nodes.a, USER), dial(&nodes.b, USER));
        let mut first = open(&nodes.a, USER).await?;
        let _second = open(&nodes.a, USER).await?;
        let _third = open(&nodes.b, USER).await?;
        ensure!(refused(&on_a).await? == 429 && refused(&on_b).await? == 429);
        ensure!(refusals(&nodes.a, "connections_per_user").await? == 1.0 && refusals(&nodes.b, "connections_per_user").await? == 1.0);
        let _somebody_else = open(&nodes.b, "tok-reporter").await?;
        // By a message it is the same: told why, and closed.
        let mut by_message = nodes.b.dial(&Dial::new(nodes.b.port)).await?;
        let answer = by_message.ask(json!({"type": "auth", "access_token": USER, "uid": "u"})).await?;
        ensure!(answer["error"]["code"] == "LIMIT_EXCEEDED" && answer["type"] == "auth" && answer["uid"] == "u", "{answer}");
        let ended = by_message.until_ended(LIMIT).await;
        ensure!(ended == Some(Ended { code: 4029, reason: "Too many connections".to_owned() }), "{ended:?}");
        // What is given back on one node is free on the other, and only once.
        first.close(1000, "").await;
        let _fourth = eventually_open("a place is free again", &on_b).await?;
        ensure!(refused(&on_a).await? == 429 && refused(&on_b).await? == 429);
        nodes.stop().await
    });
}

/// Whoever becomes somebody else on an open socket counts as that one, and no longer as the first.
#[test]
fn a_socket_counts_for_the_user_that_it_belongs_to_now() {
    run(async {
        let nodes = Nodes::start(&[("GATEWAY_CONNECTIONS_PER_USER", "1")]).await?;
        let mut socket = open(&nodes.a, USER).await?;
        let same = socket.ask(json!({"type": "auth", "access_token": USER})).await?;
        ensure!(same["status"] == "ok", "authenticating again takes no second place: {same}");
        let other = socket.ask(json!({"type": "auth", "access_token": "tok-reporter"})).await?;
        ensure!(other["status"] == "ok", "{other}");
        ensure!(refused(&dial(&nodes.b, "tok-reporter")).await? == 429);
        let _free = eventually_open("the first user's place is free", &dial(&nodes.b, USER)).await?;
        nodes.stop().await
    });
}

#[test]
fn an_address_and_everybody_have_so_many_on_all_nodes() {
    run(async {
        let settings = [("GATEWAY_CONNECTIONS_PER_IP", "3"), ("GATEWAY_CONNECTIONS_PER_CLUSTER", "4"), ("IP_TRUST_PROXY", "true")];
        let nodes = Nodes::start(&settings).await?;
        let from = |node, address: &str| dial(node, USER).header("x-forwarded-for", address);
        let mut sockets = Vec::new();
        for node in [&nodes.a, &nodes.a, &nodes.b] {
            sockets.push(node.dial(&from(node, "10.0.0.1")).await?);
        }
        ensure!(refused(&from(&nodes.a, "10.0.0.1")).await? == 429 && refused(&from(&nodes.b, "10.0.0.1")).await? == 429);
        sockets.push(nodes.b.dial(&from(&nodes.b, "10.0.0.2")).await?);
        ensure!(refused(&from(&nodes.a, "10.0.0.3")).await? == 429 && refused(&from(&nodes.b, "10.0.0.4")).await? == 429);
        for node in [&nodes.a, &nodes.b] {
            ensure!(refusals(node, "connections_per_ip").await? == 1.0);
            ensure!(refusals(node, "connections_per_cluster").await? == 1.0);
        }
        nodes.stop().await
    });
}

/// A node that is killed frees what it held when its lease ends, though nobody gives it back.
#[test]
fn the_counts_of_a_killed_node_free_themselves() {
    run(async {
        let mut nodes = Nodes::start(&[("GATEWAY_CONNECTIONS_PER_USER", "3"), ("GATEWAY_LIMITS_LEASE", "3s")]).await?;
        let on_b = dial(&nodes.b, USER);
        let _two = (open(&nodes.a, USER).await?, open(&nodes.a, USER).await?);
        let _third = open(&nodes.b, USER).await?;
        nodes.a.running.signal(Signal::KILL)?;
        nodes.a.running.ended(LIMIT).await?;
        ensure!(refused(&on_b).await? == 429, "its lease has not ended yet");
        let _fourth = eventually_open("the lease of the killed node has ended", &on_b).await?;
        let _fifth = open(&nodes.b, USER).await?;
        ensure!(refused(&on_b).await? == 429, "three are three");
        // A node that comes in its place counts with the others from its first connection on.
        nodes.a = nodes.node().await?;
        nodes.until_shared(1.0).await?;
        ensure!(refused(&dial(&nodes.a, USER)).await? == 429);
        nodes.stop().await
    });
}

/// Without Redis every node keeps the limit by itself, and says so once; with Redis again, all of them together.
#[test]
fn without_redis_limits_hold_per_node() {
    run(async {
        let mut nodes = Nodes::start(&[("GATEWAY_CONNECTIONS_PER_USER", "3"), ("GATEWAY_LIMITS_LEASE", "1500ms")]).await?;
        let (on_a, on_b) = (dial(&nodes.a, USER), dial(&nodes.b, USER));
        let mut sockets = vec![open(&nodes.a, USER).await?, open(&nodes.a, USER).await?, open(&nodes.b, USER).await?];
        ensure!(refused(&on_a).await? == 429);
        nodes.redis.kill()?;
        nodes.until_shared(0.0).await?;
        sockets.push(open(&nodes.a, USER).await?);
        for _more in 0..2 {
            sockets.push(open(&nodes.b, USER).await?);
        }
        for _attempt in 0..20 {
            ensure!(refused(&on_a).await? == 429 && refused(&on_b).await? == 429, "three per node");
        }
        nodes.redis.restart().await?;
        nodes.until_shared(1.0).await?;
        for node in [&nodes.a, &nodes.b] {
            let lines = node.running.output().matches("every node counts its limits alone").count();
            ensure!(lines == 1, "{lines} lines\n{}", node.running.output());
        }
        // Six are open, which nobody closes, and nobody may add to.
        ensure!(refused(&on_a).await? == 429 && refused(&on_b).await? == 429);
        for mut socket in sockets.drain(..4) {
            ensure!(socket.ended().is_none());
            socket.close(1000, "").await;
        }
        let _third = eventually_open("two are left of all", &on_a).await?;
        ensure!(refused(&on_a).await? == 429 && refused(&on_b).await? == 429);
        nodes.stop().await
    });
}

/// A Redis that hangs instead of going away costs one call, not every connection.
#[test]
fn a_redis_that_hangs_keeps_nobody_waiting() {
    run(async {
        let mut nodes = Nodes::start(&[("GATEWAY_CONNECTIONS_PER_USER", "50")]).await?;
        nodes.redis.signal(Signal::STOP)?;
        let start = tokio::time::Instant::now();
        let mut sockets = Vec::new();
        for _ in 0..20 {
            sockets.push(open(&nodes.a, USER).await?);
        }
        ensure!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        nodes.redis.signal(Signal::CONT)?;
        nodes.until_shared(1.0).await?;
        nodes.stop().await
    });
}
