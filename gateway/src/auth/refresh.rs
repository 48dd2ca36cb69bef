//! Refresh tokens: rotation, and the renewal of a session cookie.
//!
//! It must never leave two lives in one token: rotation replaces the row's token in one transaction, and of two clients
//! that come with the same one the second finds nothing.

use std::sync::Arc;

use access::accountability::ClientOrigin;
use secrecy::{ExposeSecret as _, SecretString};

use super::authenticator::{Authenticator, Person, TokenUse, statement, text, uuid};
use super::session::{MAX_TOKEN, new_token};
use super::{AuthError, Identity, Tokens};
use crate::database::{DatabaseError, Transaction};
use crate::metrics::Method;

/// How long the old token of a renewed session cookie goes on, for requests that are under way.
const SESSION_GRACE_SECONDS: u32 = 10;

/// The session of `$1` with its person, locked: concurrent refreshes of one token go one after the other.
const SESSION: &str = r#"
    select s."user", s.share, s.next_token, u.role, u.status, d.role as share_role
    from directus_sessions s
    left join directus_users u on u.id = s."user"
    left join directus_shares d on d.id = s.share
    where s.token = $1 and s.expires >= now() and to_jsonb(s) ->> 'oauth_client' is null
        and (d.date_start is null or d.date_start <= now()) and (d.date_end is null or d.date_end >= now())
    for update of s"#;

struct Session {
    person: Person,
    next_token: Option<String>,
}

impl Authenticator {
    /// New tokens for a refresh token, which is dead from then on.
    ///
    /// # Errors
    /// [`AuthError`]; a user who is not active loses the session.
    pub async fn refresh(&self, refresh_token: &str, client: Arc<ClientOrigin>) -> Result<(Identity, Tokens), AuthError> {
        self.observed(Method::Refresh, self.rotate(refresh_token, client)).await
    }

    async fn rotate(&self, refresh_token: &str, client: Arc<ClientOrigin>) -> Result<(Identity, Tokens), AuthError> {
        let (mut transaction, session) = self.locked_session(refresh_token).await?;
        let next = session.next_token.map_or_else(new_token, SecretString::from);
        // Where the row of `next_token` exists already (a renewed cookie), the old row goes and that one lives on.
        let taken = statement(
            "update directus_sessions set expires = now() + make_interval(secs => $2) where token = $1",
            [text(next.expose_secret()), self.session_life()],
        );
        if transaction.execute(&taken).await? > 0 {
            transaction.execute(&statement("delete from directus_sessions where token = $1", [text(refresh_token)])).await?;
        } else {
            let rotate = statement(
                "update directus_sessions set token = $2, next_token = null, expires = now() + make_interval(secs => $3) where token = $1",
                [text(refresh_token), text(next.expose_secret()), self.session_life()],
            );
            transaction.execute(&rotate).await?;
        }
        self.finish_refresh(transaction, session.person).await?;
        self.issue(session.person, next, TokenUse::Refreshable, client).await
    }

    /// A new session cookie for the one that `cookie` holds. The old session goes on for some seconds, so that requests
    /// that are under way with the old cookie are not turned away.
    ///
    /// # Errors
    /// [`AuthError`].
    pub async fn refresh_session(&self, cookie: &str, client: Arc<ClientOrigin>) -> Result<(Identity, Tokens), AuthError> {
        self.observed(Method::Refresh, self.renew(cookie, client)).await
    }

    async fn renew(&self, cookie: &str, client: Arc<ClientOrigin>) -> Result<(Identity, Tokens), AuthError> {
        let old = self.session_of(cookie)?;
        let (mut transaction, session) = self.locked_session(old.expose_secret()).await?;
        let next = match session.next_token {
            // A second request with the old cookie gets the same new one.
            Some(next) => SecretString::from(next),
            None => {
                let next = new_token();
                let copy = statement(
                    r#"insert into directus_sessions (token, "user", share, expires, ip, user_agent, origin)
                    select $2, "user", share, now() + make_interval(secs => $3), ip, user_agent, origin
                    from directus_sessions where token = $1"#,
                    [text(old.expose_secret()), text(next.expose_secret()), self.session_life()],
                );
                transaction.execute(&copy).await?;
                let retire = statement(
                    "update directus_sessions set next_token = $2, expires = least(expires, now() + make_interval(secs => $3)) \
                        where token = $1",
                    [text(old.expose_secret()), text(next.expose_secret()), text(SESSION_GRACE_SECONDS)],
                );
                transaction.execute(&retire).await?;
                next
            }
        };
        self.finish_refresh(transaction, session.person).await?;
        self.issue(session.person, next, TokenUse::Session, client).await
    }

    async fn locked_session(&self, token: &str) -> Result<(Transaction, Session), AuthError> {
        if token.is_empty() || token.len() > MAX_TOKEN || token.contains('\0') {
            return Err(AuthError::InvalidCredentials);
        }
        let mut transaction = self.database.transaction().await?;
        let rows = transaction.query(&statement(SESSION, [text(token)])).await?;
        let row = rows.first().ok_or(AuthError::InvalidCredentials)?;
        let column = |name: &str| uuid(row, name);
        let (user, share) = (column("user")?, column("share")?);
        if user.is_none() && share.is_none() {
            return Err(AuthError::InvalidCredentials);
        }
        if user.is_some() {
            let status: Option<&str> = row.try_get("status").map_err(DatabaseError::from)?;
            if status != Some("active") {
                transaction.execute(&statement("delete from directus_sessions where token = $1", [text(token)])).await?;
                transaction.commit().await?;
                return Err(AuthError::Suspended);
            }
        }
        let role = if user.is_some() { column("role")? } else { column("share_role")? };
        let next_token: Option<String> = row.try_get("next_token").map_err(DatabaseError::from)?;
        let session = Session { person: Person { user, role, share }, next_token: next_token.filter(|next| !next.is_empty()) };
        Ok((transaction, session))
    }

    async fn finish_refresh(&self, mut transaction: Transaction, person: Person) -> Result<(), DatabaseError> {
        if let Some(user) = person.user {
            transaction.execute(&statement("update directus_users set last_access = now() where id = $1", [text(user)])).await?;
        }
        transaction.commit().await?;
        self.sweep_sessions().await;
        Ok(())
    }
}
