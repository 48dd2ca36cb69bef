//! Whether an identity still holds, after something that it rests on has changed.
//!
//! It must never keep an identity alive for want of an answer: the caller decides what an unavailable database means.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::authenticator::{Authenticator, optional, statement, text, uuid};
use super::{Identity, Proof};
use crate::database::DatabaseError;

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
            let epoch = self.directory.epoch().await;
            let (found, xmins) = self.look(identity).await?;
            if matches!(found, Recheck::Ended) || self.is_settled(epoch, &xmins).await? {
                return Ok(found);
            }
        }
        Ok(self.look(identity).await?.0)
    }

    /// Whether what was read after `epoch`, from rows with these `xmin`, holds together with the rules in force: either the rows
    /// are older than the rules, or the rules have not changed until after the read. Cost: nothing for old rows.
    async fn is_settled(&self, epoch: u64, xmins: &str) -> Result<bool, DatabaseError> {
        let unchanged = self.directory.covers(xmins) || !self.directory.confirm().await?;
        Ok(unchanged && self.directory.is_of(epoch))
    }

    /// As [`Authenticator::recheck`], beside whatever access rules are in force. Also gives the `xmin` of the rows.
    async fn look(&self, identity: &Identity) -> Result<(Recheck, String), DatabaseError> {
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

    /// An identity that was read after `epoch` from rows with these `xmin`, as it is beside the access rules in force; `None` if it
    /// has ended meanwhile. Cost: nothing where the rows are older than the rules.
    pub(super) async fn settled(&self, identity: Identity, epoch: u64, xmins: &str) -> Result<Option<Identity>, DatabaseError> {
        if self.is_settled(epoch, xmins).await? {
            return Ok(Some(identity));
        }
        Ok(match self.recheck(&identity).await? {
            Recheck::Same => Some(identity),
            Recheck::Changed(changed) => Some(changed),
            Recheck::Ended => None,
        })
    }

    /// Those among `identities`, by their places, of which [`Authenticator::recheck`] would say something else than
    /// [`Recheck::Same`], and what. Cost: one statement for each ten thousand users, and one for as many sessions.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn look_at_all(&self, identities: &[Identity]) -> Result<Vec<(usize, Recheck)>, DatabaseError> {
        let users: HashSet<Uuid> = identities.iter().filter_map(|identity| identity.accountability.user).collect();
        let users = self.user_rows(&users.into_iter().collect::<Vec<_>>()).await?;
        let sessions: Vec<&str> = identities.iter().filter_map(Identity::session).collect();
        let sessions = self.session_rows(&sessions).await?;
        let outcome = |identity: &Identity| {
            let accountability = &identity.accountability;
            if identity.session().is_some_and(|session| sessions.get(session) != Some(&accountability.user)) {
                return Recheck::Ended;
            }
            let Some(user) = accountability.user else { return Recheck::Same };
            let Some(row) = users.get(&user).filter(|row| row.active) else { return Recheck::Ended };
            let other_token = |token: &SecretString| row.token.as_deref() != Some(token.expose_secret());
            match &identity.proof {
                Proof::StaticToken(token) if other_token(token) => Recheck::Ended,
                Proof::StaticToken(_) | Proof::AccessToken { .. } | Proof::Public => self.compare(identity, row.role),
            }
        };
        let all = identities.iter().map(outcome).enumerate();
        Ok(all.filter(|(_, outcome)| !matches!(outcome, Recheck::Same)).collect())
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
