//! The check behind each slice: everything that was heard against everything that was committed.
//!
//! ```text
//! rights restored ─▶ markers twice, outbox empty ─▶ views as each row's own last change made them ─▶ every row is touched ─▶
//! markers ─▶ judge every subscription ─▶ every view against SELECT
//! ```
//! A change of a related row alone says nothing to those who see a row through it; the touch does. It must never come before
//! the views were held against what is promised without it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value;
use tokio::time::Instant;

use super::{PATIENCE, Run};
use crate::client::{Client, Order, Subscription, THROUGH, Watched, What, key_of};
use crate::clock::now;
use crate::grants::{COLLECTIONS, Login};
use crate::judge::{Case, Finding, Known, Wrong, judge, judge_view, reads};
use crate::report::Row;
use crate::rule::Rule;
use crate::say;

/// Findings of one slice that are told in full.
const TOLD: usize = 4;

impl Run {
    /// Holds everything since the last check against the database. The writers are idle.
    pub(super) async fn check(&mut self, row: &mut Row) -> Result<()> {
        let mut random = StdRng::seed_from_u64(self.random.random());
        self.cluster.grants.restore(&self.cluster.database, &mut random).await?;
        let mut findings = std::mem::take(&mut self.found);
        findings.extend(self.outlived().await);
        // Rights change a GraphQL subscription without a word: what it shows from then on begins with new rows.
        // And a token that expires in the middle of the check would end one.
        let changed = |client: &Client| {
            let held = |collection| self.cluster.grants.held(client.user, collection, client.login).len() > 1;
            client.graphql && (client.login == Login::Refresh || (0..COLLECTIONS.len()).any(held))
        };
        self.subscribe_anew(changed).await?;
        // The second round lets through what the first one might have overtaken.
        let mut quiet = self.markers().await?;
        let mut nobody_writes = Arc::clone(&self.cluster.touching).write_owned().await;
        quiet = self.markers().await? && quiet;
        if quiet {
            self.until_drained().await?;
        } else {
            for program in self.cluster.programs() {
                tracing::warn!("{}", program.tail());
            }
        }
        let sql = self.cluster.database.connect("suite").await?;
        row.writes += self.history.read(&sql).await? as u64;
        // Before anything can set right what a change of the row itself has not.
        findings.extend(self.judge(judge_view));
        self.touch().await?;
        self.markers().await?;
        row.writes += self.history.read(&sql).await? as u64;
        findings.extend(self.judge(|case| count(case, row)));
        findings.extend(self.compare(&sql).await?);
        for (count, (client, finding)) in findings.iter().enumerate() {
            row.count(finding.wrong);
            if count < TOLD {
                say(&format!("FOUND {:?} client {client}: {}\n", finding.wrong, finding.text));
            }
            self.report.findings.push(finding.clone());
        }
        if !findings.is_empty() {
            drop(nobody_writes);
            self.subscribe_anew(|_| true).await?;
            nobody_writes = Arc::clone(&self.cluster.touching).write_owned().await;
            self.markers().await?;
            self.history.read(&sql).await?;
        }
        for client in &self.clients {
            client.with_watched(|watched| watched.iter_mut().for_each(Watched::checkpoint));
        }
        self.cluster.grants.forget();
        self.history.forget();
        self.checked = self.history.seen();
        drop(nobody_writes);
        Ok(())
    }

    /// Holds every subscription against the history, as `judge` does.
    fn judge(&self, mut judge: impl FnMut(&Case<'_>) -> Vec<Finding>) -> Vec<(usize, Finding)> {
        let empty = BTreeMap::new();
        let grants = &self.cluster.grants;
        let users = grants.users();
        let at = now();
        let committed = self.history.committed();
        let mut findings = Vec::new();
        for client in &self.clients {
            let Some(user) = users.get(client.user) else { continue };
            let deleted = if client.login == Login::Session { grants.deleted_sessions(client.user) } else { Vec::new() };
            client.with_watched(|all| {
                let held = |collection| grants.held(client.user, collection, client.login);
                let telling = |watched: &&Watched| {
                    !watched.subscription.aggregate && !reads(&watched.subscription, &held(watched.subscription.collection))
                };
                let known = Known::of(all.iter().filter(telling), |stamp| committed.get(&stamp).copied());
                for watched in all.iter() {
                    let subscription = &watched.subscription;
                    let case = Case {
                        history: &self.history,
                        versions: self.history.of(subscription.collection_name()).unwrap_or(&empty),
                        user,
                        held: &held(subscription.collection),
                        related: &subscription.related().map(held).unwrap_or_default(),
                        deleted: &deleted,
                        at,
                        known: &known,
                        checked: self.checked,
                        watched,
                    };
                    findings.extend(judge(&case).into_iter().map(|finding| (client.number, finding)));
                }
            });
        }
        findings
    }

    /// Connections that outlived the session that they began with.
    async fn outlived(&self) -> Vec<(usize, Finding)> {
        let mut findings = Vec::new();
        for client in self.clients.iter().filter(|client| client.login == Login::Session) {
            for deleted in self.cluster.grants.deleted_sessions(client.user) {
                findings.extend(client.outlives(deleted, PATIENCE).await.map(|finding| (client.number, finding)));
            }
        }
        findings
    }

    /// Changes every row a little: only a row's own change shows what its related rows have become. Few rows at a time, so that
    /// nobody is told to read again.
    async fn touch(&self) -> Result<()> {
        for collection in COLLECTIONS {
            let statement = format!(
                "do $$ declare few record; begin
                    for few in select array_agg(id) as keys from (select id, row_number() over (order by id) / 10 as part
                        from {collection} where kind = 'row') as rows group by part loop
                        update {collection} set n = n where id = any (few.keys);
                    end loop;
                end $$"
            );
            self.cluster.database.until_done(&statement).await?;
        }
        Ok(())
    }

    /// Those `who` ask for everything again, and have been answered when this returns.
    async fn subscribe_anew(&self, who: impl Fn(&Client) -> bool) -> Result<()> {
        let asked = now();
        let clients: Vec<&Client> = self.clients.iter().filter(|client| who(client)).collect();
        for client in &clients {
            client.tell(Order::Subscribe).await;
        }
        let deadline = Instant::now() + PATIENCE;
        for client in clients {
            let answered = |watched: &Watched| watched.answered >= asked && watched.live || !self.is_allowed(client, watched);
            let came = client.until(deadline, answered).await;
            anyhow::ensure!(came, "client {} gets no init", client.number);
        }
        Ok(())
    }

    /// Every view against a SELECT under its user's permissions.
    async fn compare(&self, sql: &tokio_postgres::Client) -> Result<Vec<(usize, Finding)>> {
        let users = self.cluster.grants.users();
        let mut findings = Vec::new();
        for client in &self.clients {
            let Some(user) = users.get(client.user) else { continue };
            let held = |watched: &Watched| Some((watched.subscription.clone(), watched.view.clone()?, watched.queried.clone()));
            let views: Vec<_> = client.with_watched(|all| all.iter().filter_map(held).collect());
            for (subscription, mut view, queried) in views {
                let now = |collection| self.cluster.grants.now(client.user, collection, client.login);
                let Some(grant) = now(subscription.collection) else { continue };
                let related = subscription.related().and_then(now).map(|grant| grant.rule);
                let filter = subscription.filter.sql("t", &user.id, related.as_ref());
                let source = format!("{} t where {} and {filter}", subscription.collection_name(), grant.rule.sql("t", &user.id, None));
                if subscription.aggregate {
                    findings.extend(self.count(sql, client, &subscription, &source).await?.map(|finding| (client.number, finding)));
                    continue;
                }
                let statement = format!("select {}::text from {source}", selection(&subscription, &user.id, related.as_ref()));
                let mut expected = BTreeMap::new();
                for row in sql.query(&statement, &[]).await? {
                    let mut value: Value = serde_json::from_str(row.try_get(0)?)?;
                    if let Some(object) = value.as_object_mut() {
                        let through = |name: &str| subscription.through && name == subscription.relation().field;
                        let asked = |name: &str| subscription.fields.as_ref().is_none_or(|fields| fields.contains(&name)) || through(name);
                        object.retain(|name, _| grant.shows_field(name) && asked(name));
                    }
                    expected.insert(key_of(&value), value);
                }
                // Rows that came by a related change alone, before the query and behind the beginning: see docs/faults.md.
                if grant.rule.is_relational() || subscription.filter.is_relational() {
                    view.retain(|key, _| expected.contains_key(key) || !queried.contains(key));
                }
                if expected != view {
                    let differing: Vec<&String> =
                        expected.keys().chain(view.keys()).filter(|key| expected.get(*key) != view.get(*key)).take(5).collect();
                    let text = format!(
                        "the view differs from SELECT at {differing:?}: {:?} instead of {:?}\n  {statement}",
                        differing.first().and_then(|key| view.get(*key)),
                        differing.first().and_then(|key| expected.get(*key)),
                    );
                    findings.push((client.number, Finding { wrong: Wrong::Lost, key: format!("{differing:?}"), text }));
                }
            }
        }
        Ok(findings)
    }

    /// The last value of an aggregate against a SELECT. It is sent with a delay, and carries no marker: it must become true.
    async fn count(
        &self,
        sql: &tokio_postgres::Client,
        client: &Client,
        subscription: &Subscription,
        source: &str,
    ) -> Result<Option<Finding>> {
        let statement = format!("select count(*) from {source}");
        let expected: i64 = sql.query_one(&statement, &[]).await?.try_get(0)?;
        let is_this = |watched: &Watched| watched.subscription.uid == subscription.uid;
        let came = client.until(Instant::now() + PATIENCE, |watched| !is_this(watched) || watched.count() == Some(expected)).await;
        let shown = client.with_watched(|all| all.iter().find(|watched| is_this(watched)).and_then(Watched::count));
        let text = format!("an aggregate stays at {shown:?} instead of {expected}\n  {statement}");
        Ok((!came).then(|| Finding { wrong: Wrong::Lost, key: String::new(), text }))
    }

    /// Nothing waits in the outbox, as the leading worker says.
    async fn until_drained(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.cluster.waiting_in_outbox().await != Some(0) {
            anyhow::ensure!(Instant::now() < deadline, "the outbox is not drained");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

/// Judges one subscription and counts what it heard.
fn count(case: &Case<'_>, row: &mut Row) -> Vec<Finding> {
    let (findings, events) = judge(case);
    row.events += events;
    for entry in &case.watched.log {
        match entry.what {
            What::Ended { .. } => row.ended += 1,
            What::Resumed => row.resumed += 1,
            What::Init { asked: None, .. } => row.inits += 1,
            What::Began { .. }
            | What::Init { .. }
            | What::Live
            | What::Rows { .. }
            | What::Content { .. }
            | What::Delete { .. }
            | What::Refused(_)
            | What::Lapsed
            | What::Renewed => {}
        }
    }
    findings
}

/// A row as the subscription shows it, before fields are left out.
fn selection(subscription: &Subscription, user: &str, related: Option<&Rule>) -> String {
    if !subscription.through {
        return "to_jsonb(t)".to_owned();
    }
    let relation = subscription.relation();
    let fields = THROUGH.map(|field| format!("'{field}', r.{field}")).join(", ");
    let visible = related.map_or("true".to_owned(), |rule| rule.sql("r", user, None));
    format!(
        "(to_jsonb(t) || jsonb_build_object('{}', (select jsonb_build_object({fields}) from {} r where r.id = t.{} and {visible})))",
        relation.field, relation.to, relation.key
    )
}
