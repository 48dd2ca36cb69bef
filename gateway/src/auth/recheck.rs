//! Whether an identity still holds, after something that it rests on has changed.
//!
//! It must never keep an identity alive for want of an answer: the caller decides what an unavailable database means.

use std::sync::Arc;

use secrecy::ExposeSecret as _;

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

impl Authenticator {
    /// Looks again at the rows that `identity` rests on: for changes of `directus_users` and `directus_sessions`.
    /// Cost: one read; none for the public.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn recheck(&self, identity: &Identity) -> Result<Recheck, DatabaseError> {
        let accountability = &identity.accountability;
        let user = accountability.user;
        let row = match (&identity.proof, user) {
            (Proof::Public | Proof::AccessToken { session: None }, None) => return Ok(self.revise(identity)),
            (Proof::StaticToken(token), _) => {
                let query = "select role, status from directus_users where id = $1 and token = $2";
                self.database.query_one(&statement(query, [optional(user), text(token.expose_secret())])).await?
            }
            (Proof::Public | Proof::AccessToken { session: None }, Some(user)) => {
                self.database.query_one(&statement("select role, status from directus_users where id = $1", [text(user)])).await?
            }
            (Proof::AccessToken { session: Some(session) }, _) => {
                let query = r#"select coalesce(u.role, $4::uuid) as role, coalesce(u.status, case when s."user" is null then 'active' end, '') as status
                    from directus_sessions s left join directus_users u on u.id = s."user"
                    where s.token = $1 and s."user" is not distinct from $2 and s.share is not distinct from $3 and s.expires >= now()"#;
                let role = if user.is_none() { accountability.role } else { None };
                let parameters = [text(session.expose_secret()), optional(user), optional(accountability.share), optional(role)];
                self.database.query_one(&statement(query, parameters)).await?
            }
        };
        let Some(row) = row else { return Ok(Recheck::Ended) };
        if row.try_get::<_, &str>("status")? != "active" {
            return Ok(Recheck::Ended);
        }
        Ok(self.compare(identity, uuid(&row, "role")?))
    }

    /// Works out roles and policies anew, without the database: for changes of roles, policies and access.
    #[must_use]
    pub fn revise(&self, identity: &Identity) -> Recheck {
        self.compare(identity, identity.accountability.role)
    }

    fn compare(&self, identity: &Identity, role: Option<uuid::Uuid>) -> Recheck {
        let old = &identity.accountability;
        let new = self.directory.accountability(old.user, role, old.share, Arc::clone(&old.client));
        if new == **old {
            return Recheck::Same;
        }
        Recheck::Changed(Identity { accountability: Arc::new(new), ..identity.clone() })
    }
}
