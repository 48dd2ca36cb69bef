//! Who may read what, now and at any moment of the run: the suite's own book-keeping, kept beside what it writes to the
//! database and never read from the gateway.
//!
//! ```text
//! user ─ role ─ (access row) ─ policy ─ permission per collection: fields, rule
//! ```
//! A right holds from the moment its change was sent until the moment the change that ended it was acknowledged: in between,
//! both answers are right. It must never be more generous than that.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};
use serde_json::Value;
use tokio_postgres::Client;

use crate::clock::{Moment, now};
use crate::rule::Rule;

/// The collections.
pub(crate) const COLLECTIONS: [&str; 3] = ["folders", "docs", "tags"];
/// Fields that every permission grants: what filters and the suite need.
const ALWAYS: [&str; 7] = ["id", "stamp", "kind", "n", "team", "level", "owner"];
/// Fields that a permission may leave out.
const OPTIONAL: [&str; 2] = ["note", "secret"];
const ROLES: usize = 3;

/// What a permission lets see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) rule: Rule,
    /// `None`: all.
    pub(crate) fields: Option<BTreeSet<&'static str>>,
}

/// A right of one user on one collection, while it held.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) from: Moment,
    /// `None`: still.
    pub(crate) until: Option<Moment>,
    pub(crate) grant: Option<Grant>,
}

/// A user of the suite.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) admin: bool,
    role: usize,
    active: bool,
    has_token: bool,
}

#[derive(Debug, Clone)]
struct Role {
    attached: bool,
    /// By collection, in the order of [`COLLECTIONS`].
    permissions: Vec<Option<Grant>>,
}

#[derive(Debug)]
struct Book {
    users: Vec<User>,
    roles: Vec<Role>,
    /// By user and collection.
    held: Vec<Vec<Vec<Held>>>,
}

/// The book-keeping.
#[derive(Debug)]
pub(crate) struct Grants(Mutex<Book>);

/// One change of rights.
#[derive(Debug, Clone)]
enum Change {
    Permission { role: usize, collection: usize, grant: Option<Grant> },
    Attach { role: usize, attached: bool },
    Role { user: usize, role: usize },
    Status { user: usize, active: bool },
    Token { user: usize, has_token: bool },
}

fn role_id(role: usize) -> String {
    format!("fa000000-0000-4000-8000-00000000010{role}")
}

fn policy_id(role: usize) -> String {
    format!("fa000000-0000-4000-8000-00000000020{role}")
}

fn access_id(role: usize) -> String {
    format!("fa000000-0000-4000-8000-00000000030{role}")
}

impl User {
    /// A user for tests.
    #[cfg(test)]
    pub(crate) fn of(id: &str) -> Self {
        Self { id: id.to_owned(), token: String::new(), admin: false, role: 0, active: true, has_token: true }
    }
}

impl Grant {
    fn random(random: &mut StdRng, collection: usize) -> Self {
        let mut fields: BTreeSet<&str> = ALWAYS.into_iter().collect();
        fields.extend(OPTIONAL.iter().filter(|_| random.random_bool(0.5)));
        match COLLECTIONS.get(collection) {
            Some(&"docs") => fields.insert("folder"),
            Some(&"tags") => fields.insert("doc"),
            _ => false,
        };
        let fields = if random.random_bool(0.3) { None } else { Some(fields) };
        Self { rule: Rule::random(random, 1), fields }
    }

    /// Whether a version may be seen by `user`.
    pub(crate) fn shows(&self, version: &Value, user: &str) -> bool {
        self.rule.test(version, user)
    }

    /// Whether a field may be seen.
    pub(crate) fn shows_field(&self, name: &str) -> bool {
        self.fields.as_ref().is_none_or(|fields| fields.contains(name))
    }
}

impl Grants {
    /// Writes users, roles and random permissions into an empty database. The administrator is user 0.
    pub(crate) async fn install(sql: &Client, random: &mut StdRng, users: usize, admin_token: &str) -> Result<Self> {
        let admin: String = sql.query_one("select id::text from directus_users where token = $1", &[&admin_token]).await?.get(0);
        let mut book = Book { users: Vec::new(), roles: Vec::new(), held: Vec::new() };
        for role in 0..ROLES {
            let permissions = (0..COLLECTIONS.len()).map(|collection| Some(Grant::random(random, collection))).collect();
            book.roles.push(Role { attached: true, permissions });
            sql.batch_execute(&format!(
                "insert into directus_roles (id, name) values ('{}', 'role {role}'); insert into directus_policies (id, name) values ('{}', 'policy {role}')",
                role_id(role),
                policy_id(role)
            ))
            .await?;
        }
        book.users.push(User { id: admin, token: admin_token.to_owned(), admin: true, role: 0, active: true, has_token: true });
        for user in 1..users {
            let id = format!("fa000000-0000-4000-8000-0000000000{user:02}");
            let token = format!("fault-user-{user:02}-000000000000000000");
            let role = user % ROLES;
            sql.batch_execute(&format!(
                "insert into directus_users (id, email, token, role, status) values ('{id}', 'u{user}@example.com', '{token}', '{}', 'active')",
                role_id(role)
            ))
            .await?;
            book.users.push(User { id, token, admin: false, role, active: true, has_token: true });
        }
        for role in 0..ROLES {
            sql.batch_execute(&Change::Attach { role, attached: true }.sql(&book)).await?;
            for collection in 0..COLLECTIONS.len() {
                let grant = book.roles.get(role).and_then(|role| role.permissions.get(collection)?.clone());
                sql.batch_execute(&Change::Permission { role, collection, grant }.sql(&book)).await?;
            }
        }
        let at = now();
        book.held = (0..users)
            .map(|user| {
                let held = |collection| vec![Held { from: at, until: None, grant: book.effective(user, collection) }];
                (0..COLLECTIONS.len()).map(held).collect()
            })
            .collect();
        Ok(Self(Mutex::new(book)))
    }

    /// The users.
    pub(crate) fn users(&self) -> Vec<User> {
        self.book().users.clone()
    }

    /// What `user` may see of a collection now.
    pub(crate) fn now(&self, user: usize, collection: usize) -> Option<Grant> {
        self.book().effective(user, collection)
    }

    /// Every right of `user` on a collection since the last [`Grants::forget`].
    pub(crate) fn held(&self, user: usize, collection: usize) -> Vec<Held> {
        self.book().held.get(user).and_then(|of| of.get(collection)).cloned().unwrap_or_default()
    }

    /// Forgets what no longer holds.
    pub(crate) fn forget(&self) {
        for held in self.book().held.iter_mut().flatten() {
            held.retain(|held| held.until.is_none());
        }
    }

    /// Makes one random change; returns what it was. Repeated until the database has acknowledged it.
    pub(crate) async fn change(&self, database: &crate::cluster::Database, random: &mut StdRng) -> Result<String> {
        let change = self.book().random_change(random);
        self.apply(database, change).await
    }

    /// Everybody may come in again: all active, all with token, all policies attached. Permissions stay as they are, but a
    /// missing one is made again.
    pub(crate) async fn restore(&self, database: &crate::cluster::Database, random: &mut StdRng) -> Result<()> {
        let mut changes = Vec::new();
        {
            let book = self.book();
            for (user, row) in book.users.iter().enumerate() {
                if !row.active {
                    changes.push(Change::Status { user, active: true });
                }
                if !row.has_token {
                    changes.push(Change::Token { user, has_token: true });
                }
            }
            for (role, row) in book.roles.iter().enumerate() {
                if !row.attached {
                    changes.push(Change::Attach { role, attached: true });
                }
                for (collection, grant) in row.permissions.iter().enumerate() {
                    if grant.is_none() {
                        changes.push(Change::Permission { role, collection, grant: Some(Grant::random(random, collection)) });
                    }
                }
            }
        }
        for change in changes {
            self.apply(database, change).await?;
        }
        Ok(())
    }

    async fn apply(&self, database: &crate::cluster::Database, change: Change) -> Result<String> {
        let statement = change.sql(&self.book());
        let sent = now();
        self.book().begin(&change, sent);
        database.until_done(&statement).await.with_context(|| format!("{change:?}"))?;
        self.book().end(sent, now());
        Ok(format!("{change:?}"))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn effective(&self, user: usize, collection: usize) -> Option<Grant> {
        let user = self.users.get(user)?;
        if user.admin {
            return Some(Grant { rule: Rule::All, fields: None });
        }
        let role = self.roles.get(user.role)?;
        if user.active && user.has_token && role.attached { role.permissions.get(collection)?.clone() } else { None }
    }

    fn random_change(&self, random: &mut StdRng) -> Change {
        let role = random.random_range(0..self.roles.len());
        let collection = random.random_range(0..COLLECTIONS.len());
        let user = (0..self.users.len()).filter(|user| self.users.get(*user).is_some_and(|user| !user.admin)).choose(random).unwrap_or(0);
        let row = self.users.get(user);
        match random.random_range(0..12) {
            0 => Change::Permission { role, collection, grant: None },
            1..=5 => Change::Permission { role, collection, grant: Some(Grant::random(random, collection)) },
            6 => Change::Attach { role, attached: !self.roles.get(role).is_some_and(|role| role.attached) },
            7 | 8 => Change::Role { user, role: *[0, 1, 2].choose(random).unwrap_or(&0) },
            9 | 10 => Change::Status { user, active: !row.is_some_and(|user| user.active) },
            _ => Change::Token { user, has_token: !row.is_some_and(|user| user.has_token) },
        }
    }

    /// From `sent` on, the new rights may be seen.
    fn begin(&mut self, change: &Change, sent: Moment) {
        match change {
            Change::Permission { role, collection, grant } => {
                if let Some(place) = self.roles.get_mut(*role).and_then(|role| role.permissions.get_mut(*collection)) {
                    place.clone_from(grant);
                }
            }
            Change::Attach { role, attached } => {
                if let Some(role) = self.roles.get_mut(*role) {
                    role.attached = *attached;
                }
            }
            Change::Role { user, role } => {
                if let Some(user) = self.users.get_mut(*user) {
                    user.role = *role;
                }
            }
            Change::Status { user, active } => {
                if let Some(user) = self.users.get_mut(*user) {
                    user.active = *active;
                }
            }
            Change::Token { user, has_token } => {
                if let Some(user) = self.users.get_mut(*user) {
                    user.has_token = *has_token;
                }
            }
        }
        for user in 0..self.users.len() {
            for collection in 0..COLLECTIONS.len() {
                let grant = self.effective(user, collection);
                let Some(held) = self.held.get_mut(user).and_then(|of| of.get_mut(collection)) else { continue };
                if held.last().is_none_or(|last| last.grant != grant) {
                    held.push(Held { from: sent, until: None, grant });
                }
            }
        }
    }

    /// What was replaced at `sent` has ended.
    fn end(&mut self, sent: Moment, acknowledged: Moment) {
        for held in self.held.iter_mut().flatten() {
            let last = held.len().saturating_sub(1);
            for earlier in held.iter_mut().take(last).filter(|held| held.until.is_none() && held.from < sent) {
                earlier.until = Some(acknowledged);
            }
        }
    }
}

impl Change {
    /// Idempotent: it is repeated when nobody knows whether it was committed. Its constants are of this file.
    fn sql(&self, book: &Book) -> String {
        let user_id = |user: &usize| book.users.get(*user).map(|user| user.id.clone()).unwrap_or_default();
        match self {
            Self::Permission { role, collection, grant } => {
                let (policy, collection) = (policy_id(*role), COLLECTIONS.get(*collection).copied().unwrap_or_default());
                let place = format!("policy = '{policy}' and collection = '{collection}' and action = 'read'");
                let Some(grant) = grant else { return format!("delete from directus_permissions where {place}") };
                let rule = grant.rule.filter();
                let fields = grant.fields.as_ref().map_or("*".to_owned(), |fields| fields.iter().copied().collect::<Vec<_>>().join(","));
                format!(
                    "with changed as (update directus_permissions set permissions = '{rule}', fields = '{fields}' where {place} returning 1)
                     insert into directus_permissions (collection, action, permissions, fields, policy)
                     select '{collection}', 'read', '{rule}', '{fields}', '{policy}' where not exists (select from changed)"
                )
            }
            Self::Attach { role, attached: true } => format!(
                "insert into directus_access (id, role, policy, sort) values ('{}', '{}', '{}', 1) on conflict (id) do nothing",
                access_id(*role),
                role_id(*role),
                policy_id(*role)
            ),
            Self::Attach { role, attached: false } => format!("delete from directus_access where id = '{}'", access_id(*role)),
            Self::Role { user, role } => format!("update directus_users set role = '{}' where id = '{}'", role_id(*role), user_id(user)),
            Self::Status { user, active } => {
                let status = if *active { "active" } else { "suspended" };
                format!("update directus_users set status = '{status}' where id = '{}'", user_id(user))
            }
            Self::Token { user, has_token } => {
                let token = book.users.get(*user).filter(|_| *has_token).map_or("null".to_owned(), |user| format!("'{}'", user.token));
                format!("update directus_users set token = {token} where id = '{}'", user_id(user))
            }
        }
    }
}
