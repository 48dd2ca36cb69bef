//! Access tokens and static tokens.
//!
//! It must never trust a claim about rights: user and role come from the user's row.

use std::sync::Arc;

use access::accountability::ClientOrigin;
use jiff::Timestamp;
use secrecy::SecretString;

use super::authenticator::{Authenticator, Person, optional, statement, text, uuid};
use super::claims::{Claims, Signer};
use super::{AuthError, Identity, Proof};
use crate::database::{DatabaseError, Row};
use crate::metrics::Method;

/// `directus_users.token` holds no more.
const MAX_STATIC_TOKEN: usize = 255;

impl Authenticator {
    /// Who holds `token`: a JWT with issuer `directus`, or else a static token. An identity without user and role is
    /// possible ([`Identity::is_anonymous`]); the credentials of a request must not be that.
    ///
    /// # Errors
    /// [`AuthError`].
    pub async fn token(&self, token: &str, client: Arc<ClientOrigin>) -> Result<Identity, AuthError> {
        self.observed(Method::Token, self.either_token(token, client)).await
    }

    async fn either_token(&self, token: &str, client: Arc<ClientOrigin>) -> Result<Identity, AuthError> {
        if Signer::is_own(token) {
            let claims = self.signer.verify(token, Timestamp::now())?;
            return self.access_token(claims, client).await;
        }
        self.static_token(token, client).await
    }

    async fn static_token(&self, token: &str, client: Arc<ClientOrigin>) -> Result<Identity, AuthError> {
        // A NUL byte is no text to Postgres, so no token either.
        if token.is_empty() || token.chars().count() > MAX_STATIC_TOKEN || token.contains('\0') {
            return Err(AuthError::InvalidCredentials);
        }
        let epoch = self.directory.epoch().await;
        let row = self
            .database
            .query_one(&statement("select id, role, status, xmin::text as xmins from directus_users where token = $1", [text(token)]))
            .await?;
        let row = row.ok_or(AuthError::InvalidCredentials)?;
        if !is_active(&row)? {
            return Err(AuthError::Suspended);
        }
        let person = Person { user: uuid(&row, "id")?, role: uuid(&row, "role")?, share: None };
        let identity = self.identity(person, client, None, Proof::StaticToken(Arc::new(SecretString::from(token))));
        let xmins: &str = row.try_get("xmins").map_err(DatabaseError::from)?;
        self.settled(identity, epoch, xmins).await?.ok_or(AuthError::InvalidCredentials)
    }

    async fn access_token(&self, claims: Claims, client: Arc<ClientOrigin>) -> Result<Identity, AuthError> {
        let epoch = self.directory.epoch().await;
        let (person, xmins) = self.person(&claims).await?;
        let proof = Proof::AccessToken { session: claims.session.map(|session| Arc::new(SecretString::from(session))) };
        let identity = self.identity(person, client, claims.expires_at, proof);
        self.settled(identity, epoch, &xmins).await?.ok_or(AuthError::InvalidToken)
    }

    /// The person of a genuine token, as long as user, share and session still are what it says, and the `xmin` of the rows that
    /// say so.
    async fn person(&self, claims: &Claims) -> Result<(Person, String), AuthError> {
        let mut xmins = match &claims.session {
            Some(session) => self.session_exists(session, claims).await?,
            None => "0".to_owned(),
        };
        if let Some(share) = claims.share {
            self.share_is_open(share).await?;
        }
        let Some(user) = claims.user else {
            return Ok((Person { user: None, role: claims.role, share: claims.share }, xmins));
        };
        let query = statement("select role, status, xmin::text as xmins from directus_users where id = $1", [text(user)]);
        let row = self.database.query_one(&query).await?;
        let row = row.ok_or(AuthError::InvalidToken)?;
        if !is_active(&row)? {
            return Err(AuthError::Suspended);
        }
        xmins.push(',');
        xmins.push_str(row.try_get("xmins").map_err(DatabaseError::from)?);
        Ok((Person { user: Some(user), role: uuid(&row, "role")?, share: claims.share }, xmins))
    }

    /// Gives the row's `xmin`.
    async fn session_exists(&self, session: &str, claims: &Claims) -> Result<String, AuthError> {
        // Version 11 has no column for OAuth clients, hence the detour over the row as JSON.
        let query = statement(
            r#"select xmin::text as xmins from directus_sessions s where token = $1 and "user" is not distinct from $2 and share is not distinct from $3
                and expires >= now() and to_jsonb(s) ->> 'oauth_client' is null"#,
            [text(session), optional(claims.user), optional(claims.share)],
        );
        if session.contains('\0') {
            return Err(AuthError::InvalidToken);
        }
        let row = self.database.query_one(&query).await?.ok_or(AuthError::InvalidToken)?;
        Ok(row.try_get("xmins").map_err(DatabaseError::from)?)
    }

    async fn share_is_open(&self, share: uuid::Uuid) -> Result<(), AuthError> {
        let query = statement(
            "select 1 from directus_shares where id = $1 and (date_start is null or date_start <= now()) \
                and (date_end is null or date_end >= now())",
            [text(share)],
        );
        self.database.query_one(&query).await?.map(|_| ()).ok_or(AuthError::InvalidToken)
    }
}

/// Whether the user of this row (with `status`) may be somebody.
pub(super) fn is_active(row: &Row) -> Result<bool, AuthError> {
    let status: &str = row.try_get("status").map_err(DatabaseError::from)?;
    Ok(status == "active")
}
