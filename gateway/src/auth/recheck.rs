//! Whether an identity still holds, after something that it rests on has changed.
//!
//! It must never keep an identity alive for want of an answer: the caller decides what an unavailable database means.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use secrecy::ExposeSecret as _;
use uuid::Uuid;

use super::authenticator::{Authenticator, optional, statement, text, uuid};
use super::{Identity, Proof};
use crate::database::DatabaseError;

/// The session that an identity rests on.
fn session_of(identity: &Identity) -> Option<&str> {
    match &identity.proof {
        Proof::AccessToken { session: Some(session) } => Some(session.expose_secret()),
        Proof::AccessToken { session: None } | Proof::StaticToken(_) | Proof::Public => None,
    }
}

/// The outcome of a second look.
#[derive(Debug, Clone)]
pub enum Recheck {
    /// As before.
    Same,
    /// The same person with another role or other policies.
    Changed(Identity),
    /// The user is gone or not active, the token or the session no longer theirs.
    Ended,
}

/// How often an identity is looked at again because the access rules were others than those that it was read beside.
const SETTLE: u32 = 5;
/// Identities that are looked at by one statement.
const AT_ONCE: usize = 10_000;

/// What a user's row says of an identity that rests on it.
struct UserRow {
    role: Option<Uuid>,
    active: bool,
    token: Option<String>,
}

impl Authenticator {
    /// Looks again at the rows that `identity` rests on: for changes of `directus_users` and `directus_sessions`. What it finds
    /// holds together with the access rules of the directory.
    /// Cost: one read; none for the public.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn recheck(&self, identity: &Identity) -> Result<Recheck, DatabaseError> {
        for _attempt in 0..SETTLE {
            let (found, xmins) = self.look(identity).await?;
            if matches!(found, Recheck::Ended) || self.directory.covers(&xmins) || !self.directory.confirm().await? {
                return Ok(found);
            }
        }
        Ok(self.look(identity).await?.0)
    }

    /// As [`Authenticator::recheck`], beside whatever access rules are in force: for who sees to that himself. Also gives the
    /// `xmin` of the rows.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn look(&self, identity: &Identity) -> Result<(Recheck, String), DatabaseError> {
        let accountability = &identity.accountability;
        let user = accountability.user;
        let row = match (&identity.proof, user) {
            // Rows that have always been there.
            (Proof::Public | Proof::AccessToken { session: None }, None) => return Ok((self.revise(identity), "0".to_owned())),
            (Proof::StaticToken(token), _) => {
                let query = "select role, status, xmin::text as xmins from directus_users where id = $1 and token = $2";
                self.database.query_one(&statement(query, [optional(user), text(token.expose_secret())])).await?
            }
            (Proof::Public | Proof::AccessToken { session: None }, Some(user)) => {
                let query = "select role, status, xmin::text as xmins from directus_users where id = $1";
                self.database.query_one(&statement(query, [text(user)])).await?
            }
            (Proof::AccessToken { session: Some(session) }, _) => {
                let query = r#"select coalesce(u.role, $4::uuid) as role,
                        coalesce(u.status, case when s."user" is null then 'active' end, '') as status,
                        concat_ws(',', s.xmin, u.xmin) as xmins
                    from directus_sessions s left join directus_users u on u.id = s."user"
                    where s.token = $1 and s."user" is not distinct from $2 and s.share is not distinct from $3 and s.expires >= now()"#;
                let role = if user.is_none() { accountability.role } else { None };
                let parameters = [text(session.expose_secret()), optional(user), optional(accountability.share), optional(role)];
                self.database.query_one(&statement(query, parameters)).await?
            }
        };
        let Some(row) = row else { return Ok((Recheck::Ended, String::new())) };
        if row.try_get::<_, &str>("status")? != "active" {
            return Ok((Recheck::Ended, String::new()));
        }
        Ok((self.compare(identity, uuid(&row, "role")?), row.try_get("xmins")?))
    }

    /// An identity that was just read from rows with these `xmin`, as it is beside the access rules in force; `None` if it has
    /// ended meanwhile. Cost: nothing where the rows are older than the rules.
    pub(super) async fn settled(&self, mut identity: Identity, mut xmins: String) -> Result<Option<Identity>, DatabaseError> {
        for _attempt in 0..SETTLE {
            if self.directory.covers(&xmins) || !self.directory.confirm().await? {
                break;
            }
            let found;
            (found, xmins) = self.look(&identity).await?;
            match found {
                Recheck::Same => {}
                Recheck::Changed(changed) => identity = changed,
                Recheck::Ended => return Ok(None),
            }
        }
        Ok(Some(identity))
    }

    /// The places of those among `identities` that [`Authenticator::look`] may find changed or ended; the others are as they were.
    /// Cost: one statement for each ten thousand users, and one for as many sessions.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn differing(&self, identities: &[Identity]) -> Result<Vec<usize>, DatabaseError> {
        let users: HashSet<Uuid> = identities.iter().filter_map(|identity| identity.accountability.user).collect();
        let users = self.user_rows(&users.into_iter().collect::<Vec<_>>()).await?;
        let sessions: Vec<&str> = identities.iter().filter_map(session_of).collect();
        let sessions = self.session_rows(&sessions).await?;
        let is_as_before = |identity: &Identity| {
            let accountability = &identity.accountability;
            let row = accountability.user.map(|user| users.get(&user));
            let user = row.is_none_or(|row| {
                row.is_some_and(|row| {
                    let token = match &identity.proof {
                        Proof::StaticToken(token) => row.token.as_deref() == Some(token.expose_secret()),
                        Proof::AccessToken { .. } | Proof::Public => true,
                    };
                    row.active && row.role == accountability.role && token
                })
            });
            user && session_of(identity).is_none_or(|session| sessions.get(session) == Some(&accountability.user))
        };
        Ok(identities.iter().enumerate().filter(|(_, identity)| !is_as_before(identity)).map(|(place, _)| place).collect())
    }

    async fn user_rows(&self, users: &[Uuid]) -> Result<HashMap<Uuid, UserRow>, DatabaseError> {
        let mut found = HashMap::with_capacity(users.len());
        for users in users.chunks(AT_ONCE) {
            let users = users.iter().map(Uuid::to_string).collect::<Vec<_>>().join(",");
            let query = statement("select id, role, status, token from directus_users where id = any($1)", [text(format!("{{{users}}}"))]);
            for row in self.database.query(&query).await? {
                let active = row.try_get::<_, Option<&str>>("status")? == Some("active");
                found.insert(row.try_get("id")?, UserRow { role: uuid(&row, "role")?, active, token: row.try_get("token")? });
            }
        }
        Ok(found)
    }

    /// The sessions that go on, with their users.
    async fn session_rows(&self, tokens: &[&str]) -> Result<HashMap<String, Option<Uuid>>, DatabaseError> {
        let mut found = HashMap::with_capacity(tokens.len());
        for tokens in tokens.chunks(AT_ONCE) {
            let query = r#"select token, "user" from directus_sessions
                where token in (select json_array_elements_text($1::json)) and expires >= now()"#;
            for row in self.database.query(&statement(query, [text(serde_json::to_string(tokens)?)])).await? {
                found.insert(row.try_get("token")?, uuid(&row, "user")?);
            }
        }
        Ok(found)
    }

    /// Works out roles and policies anew, without the database: for changes of roles, policies and access.
    #[must_use]
    pub fn revise(&self, identity: &Identity) -> Recheck {
        self.compare(identity, identity.accountability.role)
    }

    fn compare(&self, identity: &Identity, role: Option<Uuid>) -> Recheck {
        let old = &identity.accountability;
        let new = self.directory.accountability(old.user, role, old.share, Arc::clone(&old.client));
        if new == **old {
            return Recheck::Same;
        }
        Recheck::Changed(Identity { accountability: Arc::new(new), ..identity.clone() })
    }
}
