//! Who may read what, now and at any moment of the run: the suite's own book-keeping, kept beside what it writes to the
//! database and never read from the gateway.
//!
//! ```text
//! user ─ role ─ (access row) ─ policy ─ permission per collection: fields, rule
//! ```
//! A right holds from the moment its change was sent until the moment the change that ended it was acknowledged: in between,
//! both answers are right. Who logged in needs no static token; who has one needs no session. It must never be more generous
//! than that.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};
use serde_json::Value;
use tokio_postgres::Client;

use crate::clock::{Moment, now};
use crate::cluster::ADMIN_EMAIL;
use crate::relation::{Relation, Truth, World};
use crate::rule::Rule;

/// The collections.
pub(crate) const COLLECTIONS: [&str; 3] = ["folders", "docs", "tags"];
/// Fields that every permission grants: what filters and the suite need.
const ALWAYS: [&str; 7] = ["id", "stamp", "kind", "n", "team", "level", "owner"];
/// Fields that a permission may leave out.
const OPTIONAL: [&str; 2] = ["note", "secret"];
const ROLES: usize = 3;
const RELATIONAL_ROLE: usize = 2;

/// How somebody proves who he is: on what else, besides his user, his rights rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login {
    /// The static token of the user.
    Token,
    /// A session cookie: it ends with its row.
    Session,
    /// A short access token with a refresh token.
    Refresh,
}

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
    pub(crate) email: String,
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
    /// By user and collection: of who comes with a static token, and of who has logged in.
    held: Vec<Vec<[Vec<Held>; 2]>>,
    /// Sessions of a user that were deleted: his number, when that was sent and when it was acknowledged.
    deleted: Vec<(usize, Ended)>,
}

/// When something ended: it was sent, and it was acknowledged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) sent: Moment,
    pub(crate) acknowledged: Moment,
}

/// The book-keeping.
#[derive(Debug)]
pub(crate) struct Grants(Mutex<Book>);

/// One change of rights.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Permission {
        role: usize,
        collection: usize,
        grant: Option<Grant>,
    },
    Attach {
        role: usize,
        attached: bool,
    },
    Role {
        user: usize,
        role: usize,
    },
    Status {
        user: usize,
        active: bool,
    },
    Token {
        user: usize,
        has_token: bool,
    },
    /// All sessions of a user are gone.
    Sessions {
        user: usize,
    },
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
        Self { id: id.to_owned(), email: String::new(), token: String::new(), admin: false, role: 0, active: true, has_token: true }
    }
}

impl Grant {
    fn random(random: &mut StdRng, collection: usize) -> Self {
        let mut fields: BTreeSet<&str> = ALWAYS.into_iter().collect();
        fields.extend(OPTIONAL.iter().filter(|_| random.random_bool(0.5)));
        let name = COLLECTIONS.get(collection).copied().unwrap_or_default();
        fields.insert(Relation::of(name).field);
        let fields = if random.random_bool(0.3) { None } else { Some(fields) };
        Self { rule: Rule::random(random, name, 1), fields }
    }

    /// Whether a version may be seen by `user` in the span of `world`.
    pub(crate) fn shows(&self, version: &Value, user: &str, world: &World<'_>) -> Truth {
        self.rule.test(version, user, &world.of_rules())
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
        let mut book = Book { users: Vec::new(), roles: Vec::new(), held: Vec::new(), deleted: Vec::new() };
        for role in 0..ROLES {
            let mut permissions: Vec<_> = (0..COLLECTIONS.len()).map(|collection| Some(Grant::random(random, collection))).collect();
            // One role sees of every collection what its related rows say, whatever the others see.
            for (name, grant) in COLLECTIONS.iter().zip(permissions.iter_mut().flatten()).filter(|_| role == RELATIONAL_ROLE) {
                grant.rule = Rule::related(random, name);
            }
            book.roles.push(Role { attached: true, permissions });
            sql.batch_execute(&format!(
                "insert into directus_roles (id, name) values ('{}', 'role {role}'); insert into directus_policies (id, name) values ('{}', 'policy {role}')",
                role_id(role),
                policy_id(role)
            ))
            .await?;
        }
        book.users.push(User {
            id: admin,
            email: ADMIN_EMAIL.to_owned(),
            token: admin_token.to_owned(),
            admin: true,
            role: 0,
            active: true,
            has_token: true,
        });
        for user in 1..users {
            let id = format!("fa000000-0000-4000-8000-0000000000{user:02}");
            let token = format!("fault-user-{user:02}-000000000000000000");
            let role = user % ROLES;
            sql.batch_execute(&format!(
                // The password is the administrator's.
                "insert into directus_users (id, email, token, role, status, password)
                 select '{id}', 'u{user}@example.com', '{token}', '{}', 'active', password from directus_users where id = '{admin}'",
                role_id(role),
                admin = book.users.first().map(|admin| admin.id.as_str()).unwrap_or_default()
            ))
            .await?;
            book.users.push(User { id, email: format!("u{user}@example.com"), token, admin: false, role, active: true, has_token: true });
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
                let held = |collection| {
                    [false, true].map(|logged_in| vec![Held { from: at, until: None, grant: book.effective(user, collection, logged_in) }])
                };
                (0..COLLECTIONS.len()).map(held).collect()
            })
            .collect();
        Ok(Self(Mutex::new(book)))
    }

    /// The users.
    pub(crate) fn users(&self) -> Vec<User> {
        self.book().users.clone()
    }

    /// What `user` may see of a collection now, who comes by `login`.
    pub(crate) fn now(&self, user: usize, collection: usize, login: Login) -> Option<Grant> {
        self.book().effective(user, collection, login != Login::Token)
    }

    /// Every right of `user` on a collection since the last [`Grants::forget`].
    pub(crate) fn held(&self, user: usize, collection: usize, login: Login) -> Vec<Held> {
        let book = self.book();
        let of = book.held.get(user).and_then(|of| of.get(collection));
        of.map(|[token, logged_in]| if login == Login::Token { token.clone() } else { logged_in.clone() }).unwrap_or_default()
    }

    /// The deletions of sessions of `user` since the last [`Grants::forget`].
    pub(crate) fn deleted_sessions(&self, user: usize) -> Vec<Ended> {
        self.book().deleted.iter().filter(|(of, _)| *of == user).map(|(_, ended)| *ended).collect()
    }

    /// Forgets what no longer holds.
    pub(crate) fn forget(&self) {
        let mut book = self.book();
        book.deleted.clear();
        for held in book.held.iter_mut().flatten().flatten() {
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

    /// Makes one change; returns when it was sent and acknowledged.
    pub(crate) async fn make(&self, database: &crate::cluster::Database, change: &Change) -> Result<Ended> {
        let statement = change.sql(&self.book());
        let sent = now();
        self.book().begin(change, sent);
        database.until_done(&statement).await.with_context(|| format!("{change:?}"))?;
        let ended = Ended { sent, acknowledged: now() };
        self.book().end(change, ended);
        Ok(ended)
    }

    async fn apply(&self, database: &crate::cluster::Database, change: Change) -> Result<String> {
        self.make(database, &change).await?;
        Ok(format!("{change:?}"))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn effective(&self, user: usize, collection: usize, logged_in: bool) -> Option<Grant> {
        let user = self.users.get(user)?;
        if user.admin {
            return Some(Grant { rule: Rule::All, fields: None });
        }
        let role = self.roles.get(user.role)?;
        if user.active && (logged_in || user.has_token) && role.attached { role.permissions.get(collection)?.clone() } else { None }
    }

    fn random_change(&self, random: &mut StdRng) -> Change {
        let role = random.random_range(0..self.roles.len());
        let collection = random.random_range(0..COLLECTIONS.len());
        let user = (0..self.users.len()).filter(|user| self.users.get(*user).is_some_and(|user| !user.admin)).choose(random).unwrap_or(0);
        let row = self.users.get(user);
        match random.random_range(0..13) {
            0 => Change::Permission { role, collection, grant: None },
            1..=5 => Change::Permission { role, collection, grant: Some(Grant::random(random, collection)) },
            6 => Change::Attach { role, attached: !self.roles.get(role).is_some_and(|role| role.attached) },
            7 | 8 => Change::Role { user, role: *[0, 1, 2].choose(random).unwrap_or(&0) },
            9 => Change::Sessions { user },
            10 | 11 => Change::Status { user, active: !row.is_some_and(|user| user.active) },
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
            Change::Sessions { .. } => {}
        }
        for user in 0..self.users.len() {
            for collection in 0..COLLECTIONS.len() {
                let grants = [false, true].map(|logged_in| self.effective(user, collection, logged_in));
                let of = self.held.get_mut(user).and_then(|of| of.get_mut(collection));
                for (held, grant) in of.into_iter().flatten().zip(grants) {
                    if held.last().is_none_or(|last| last.grant != grant) {
                        held.push(Held { from: sent, until: None, grant });
                    }
                }
            }
        }
    }

    /// What was replaced has ended.
    fn end(&mut self, change: &Change, ended: Ended) {
        if let Change::Sessions { user } = change {
            self.deleted.push((*user, ended));
        }
        for held in self.held.iter_mut().flatten().flatten() {
            let last = held.len().saturating_sub(1);
            for earlier in held.iter_mut().take(last).filter(|held| held.until.is_none() && held.from < ended.sent) {
                earlier.until = Some(ended.acknowledged);
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
            Self::Sessions { user } => format!("delete from directus_sessions where \"user\" = '{}'", user_id(user)),
        }
    }
}
