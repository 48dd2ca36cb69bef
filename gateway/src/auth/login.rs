//! E-mail and password.
//!
//! It must never tell an outsider whether a user exists: every failure takes the same work and the same time, and only
//! who knows the password learns that the user is suspended.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use access::accountability::ClientOrigin;
use secrecy::SecretString;
use tokio::time::{Instant, sleep_until};
use totp_rs::{Algorithm, Builder, Secret};
use uuid::Uuid;

use super::authenticator::{Authenticator, Person, TokenUse, optional, statement, text, uuid};
use super::{AuthError, Identity, Tokens, password};
use crate::database::{DatabaseError, Row};
use crate::limits::{LimitReason, Limited};
use crate::metrics::Method;

/// Longer ones are nobody's: the column holds 128 characters.
const MAX_EMAIL: usize = 128;
/// Longer passwords are refused before they cost a hash.
const MAX_PASSWORD: usize = 4096;

struct Candidate {
    user: Uuid,
    role: Option<Uuid>,
    active: bool,
    password: Option<String>,
    tfa_secret: Option<String>,
    /// `settings.auth_login_attempts`; `None` is unlimited.
    allowed_attempts: Option<u32>,
}

impl Authenticator {
    /// Logs in for a socket: a session row without origin, no activity.
    ///
    /// # Errors
    /// [`AuthError`]; every refusal takes at least `LOGIN_STALL_TIME`.
    pub async fn login(
        &self,
        email: &str,
        password: &SecretString,
        otp: Option<&str>,
        client: Arc<ClientOrigin>,
    ) -> Result<(Identity, Tokens), AuthError> {
        let person = self.prove(email, password, otp, &client).await?;
        let session = self.open_session(person.0, None).await?;
        self.sweep_sessions().await;
        self.issue(person.into(), session, TokenUse::Refreshable, client).await
    }

    /// Logs in over HTTP with a refresh token: the session row and an activity row say where from.
    ///
    /// # Errors
    /// As [`Authenticator::login`].
    pub async fn login_recorded(
        &self,
        email: &str,
        password: &SecretString,
        otp: Option<&str>,
        client: Arc<ClientOrigin>,
    ) -> Result<(Identity, Tokens), AuthError> {
        self.login_over_http(email, password, otp, client, TokenUse::Refreshable).await
    }

    /// Logs in over HTTP with a session cookie: the access token is the cookie and names the session.
    ///
    /// # Errors
    /// As [`Authenticator::login`].
    pub async fn login_session(
        &self,
        email: &str,
        password: &SecretString,
        otp: Option<&str>,
        client: Arc<ClientOrigin>,
    ) -> Result<(Identity, Tokens), AuthError> {
        self.login_over_http(email, password, otp, client, TokenUse::Session).await
    }

    async fn login_over_http(
        &self,
        email: &str,
        password: &SecretString,
        otp: Option<&str>,
        client: Arc<ClientOrigin>,
        how: TokenUse,
    ) -> Result<(Identity, Tokens), AuthError> {
        let person = self.prove(email, password, otp, &client).await?;
        let session = self.open_session(person.0, Some(&client)).await?;
        self.record_login(person.0, &client).await?;
        self.sweep_sessions().await;
        self.issue(person.into(), session, how, client).await
    }

    /// User and role behind e-mail and password. Any refusal is held back until the stall time is over.
    async fn prove(
        &self,
        email: &str,
        password: &SecretString,
        otp: Option<&str>,
        client: &ClientOrigin,
    ) -> Result<(Uuid, Option<Uuid>), AuthError> {
        let stalled_until = Instant::now() + self.config.login_stall;
        let proof = async {
            let begun = self.limits.begin_login(client.ip).await;
            let login = begun.map_err(|Limited { retry_after, .. }| AuthError::TooManyFailures { retry_after })?;
            let result = self.check(email, password, otp).await;
            if let Ok(_) | Err(AuthError::Unavailable(_)) = &result {
                // Nobody guessed wrong.
                self.limits.login_succeeded(login).await;
            }
            if result.is_err() {
                sleep_until(stalled_until).await;
            }
            result
        };
        self.observed(Method::Login, proof).await
    }

    async fn check(&self, email: &str, password: &SecretString, otp: Option<&str>) -> Result<(Uuid, Option<Uuid>), AuthError> {
        use secrecy::ExposeSecret as _;
        if email.len() > MAX_EMAIL || email.contains('\0') || password.expose_secret().len() > MAX_PASSWORD {
            return Err(AuthError::InvalidCredentials);
        }
        let candidate = self.candidate(email).await?;
        let hash = candidate.as_ref().and_then(|candidate| candidate.password.clone());
        let attempts = match &candidate {
            Some(candidate) => self.limits.login_attempt(candidate.user).await,
            None => 0,
        };
        let fits = password::verify(&self.tasks, password, hash).await;
        let candidate = candidate.ok_or(AuthError::InvalidCredentials)?;
        if candidate.active && candidate.allowed_attempts.is_some_and(|allowed| attempts > allowed) {
            self.suspend(candidate.user).await?;
            return Err(if fits { AuthError::Suspended } else { AuthError::InvalidCredentials });
        }
        if !fits {
            return Err(AuthError::InvalidCredentials);
        }
        if !candidate.active {
            return Err(AuthError::Suspended);
        }
        if let Some(secret) = &candidate.tfa_secret {
            let step = otp.and_then(|otp| matching_step(secret, otp)).ok_or(AuthError::InvalidOtp)?;
            if !self.limits.use_otp(candidate.user, step).await {
                return Err(AuthError::InvalidOtp);
            }
        }
        self.limits.forget_login_attempts(candidate.user).await;
        Ok((candidate.user, candidate.role))
    }

    async fn candidate(&self, email: &str) -> Result<Option<Candidate>, DatabaseError> {
        let query = statement(
            "select u.id, u.role, u.status, u.password, u.tfa_secret, \
                (select auth_login_attempts from directus_settings order by id limit 1) as allowed \
                from directus_users u where lower(u.email) = lower($1) and u.provider = 'default' order by u.id limit 1",
            [text(email)],
        );
        self.database.query_one(&query).await?.map(|row| candidate(&row)).transpose()
    }

    async fn suspend(&self, user: Uuid) -> Result<(), DatabaseError> {
        tracing::warn!(%user, "too many failed logins, the user is suspended");
        self.limits.refused(LimitReason::LoginAttempts);
        let update = statement("update directus_users set status = 'suspended' where id = $1 and status = 'active'", [text(user)]);
        self.database.execute(&update).await?;
        // The count starts anew for whom an administrator lets in again.
        self.limits.forget_login_attempts(user).await;
        Ok(())
    }

    async fn record_login(&self, user: Uuid, client: &ClientOrigin) -> Result<(), DatabaseError> {
        let insert = statement(
            r#"insert into directus_activity (action, "user", ip, user_agent, collection, item, origin)
            values ('login', $1, $2, $3, 'directus_users', $4, $5)"#,
            [
                text(user),
                optional(client.ip),
                optional(client.user_agent.as_deref()),
                text(user),
                optional(client.origin.as_deref().map(|origin| origin.chars().take(255).collect::<String>())),
            ],
        );
        self.database.execute(&insert).await.map(|_| ())
    }
}

impl From<(Uuid, Option<Uuid>)> for Person {
    fn from((user, role): (Uuid, Option<Uuid>)) -> Self {
        Self { user: Some(user), role, share: None }
    }
}

fn candidate(row: &Row) -> Result<Candidate, DatabaseError> {
    let allowed: Option<i32> = row.try_get("allowed")?;
    Ok(Candidate {
        user: row.try_get("id")?,
        role: uuid(row, "role")?,
        active: row.try_get::<_, &str>("status")? == "active",
        password: row.try_get("password")?,
        tfa_secret: row.try_get::<_, Option<String>>("tfa_secret")?.filter(|secret| !secret.is_empty()),
        allowed_attempts: allowed.and_then(|allowed| u32::try_from(allowed).ok()),
    })
}

/// The time step for which `otp` is right: this one or its neighbours, for clocks that differ.
fn matching_step(secret: &str, otp: &str) -> Option<u64> {
    let secret = Secret::try_from_base32(secret.trim_end_matches('=').to_ascii_uppercase()).ok()?;
    // Authenticators made by Directus have secrets of 80 bits, which the compliant builder refuses.
    let totp = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(6).with_skew(1).with_step_duration(30).with_secret(secret);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    totp.build_noncompliant().check(otp, now)
}
