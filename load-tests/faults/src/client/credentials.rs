//! How a client proves who it is: by a static token, a session cookie, or a short token that it refreshes.
//!
//! It must never keep what the server has refused: the next connection logs in again.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::clock::{Moment, now};
use crate::cluster::PASSWORD;
use crate::grants::{Login, User};
use crate::http::request;
use crate::socket::{Proof, SESSION_COOKIE};

/// What a client has to show.
#[derive(Debug)]
pub(super) struct Credentials {
    login: Login,
    user: User,
    session: Option<Session>,
}

/// What a login gave.
#[derive(Debug)]
struct Session {
    /// When it was there for certain.
    proven: Moment,
    access_token: String,
    refresh_token: String,
    expires: Instant,
}

impl Credentials {
    pub(super) const fn new(login: Login, user: User) -> Self {
        Self { login, user, session: None }
    }

    /// Something to begin a connection with, and since when it is good; logs in or refreshes at a node where that is needed.
    pub(super) async fn proof(&mut self, node: u16) -> Result<(Proof, Moment)> {
        if self.login == Login::Token {
            return Ok((Proof::Token(self.user.token.clone()), now()));
        }
        if self.session.as_ref().is_some_and(|session| self.login == Login::Refresh && session.expires < Instant::now()) {
            self.refresh(node).await?;
        }
        if self.session.is_none() {
            let mode = if self.login == Login::Session { "session" } else { "json" };
            let body = json!({"email": self.user.email, "password": PASSWORD, "mode": mode});
            self.session = Some(asked(node, "/auth/login", &body).await?);
        }
        let session = self.session.as_ref().context("a session")?;
        let token = session.access_token.clone();
        Ok(match self.login {
            Login::Session => (Proof::Session(token), session.proven),
            Login::Token | Login::Refresh => (Proof::Token(token), now()),
        })
    }

    /// New tokens by HTTP; the access token, to be sent in an `auth` message.
    pub(super) async fn renew(&mut self, node: u16) -> Result<String> {
        self.refresh(node).await?;
        self.session.as_ref().map(|session| session.access_token.clone()).context("no session any more")
    }

    /// The refresh token, to be sent in an `auth` message. Whoever gets no answer has none any more.
    pub(super) fn take_refresh_token(&mut self) -> Option<String> {
        self.session.take().map(|session| session.refresh_token)
    }

    /// An `auth` message has been answered with this refresh token. The access token stays with the server.
    pub(super) fn refreshed(&mut self, refresh_token: &str) {
        let (access_token, refresh_token) = (String::new(), refresh_token.to_owned());
        self.session = Some(Session { proven: now(), access_token, refresh_token, expires: Instant::now() });
    }

    /// The server does not accept what it was shown.
    pub(super) fn refused(&mut self) {
        match self.login {
            Login::Session => self.session = None,
            // The refresh token may be good.
            Login::Refresh => self.renew_next_time(),
            Login::Token => {}
        }
    }

    /// The next connection begins with a new access token, where there is a way to get one.
    pub(super) fn renew_next_time(&mut self) {
        if let Some(session) = &mut self.session {
            session.expires = Instant::now();
        }
    }

    async fn refresh(&mut self, node: u16) -> Result<()> {
        let session = self.session.take().context("nothing to refresh")?;
        let body = json!({"refresh_token": session.refresh_token, "mode": "json"});
        self.session = Some(asked(node, "/auth/refresh", &body).await?);
        Ok(())
    }
}

async fn asked(node: u16, path: &str, body: &Value) -> Result<Session> {
    let reply = request(node, "POST", path, None, Some(body)).await?;
    ensure!(reply.status == 200, "{path} is answered with {}", reply.status);
    let data = |name: &str| reply.body.pointer(&format!("/data/{name}"));
    let text = |name: &str| data(name).and_then(Value::as_str).map(str::to_owned);
    let life = Duration::from_millis(data("expires").and_then(Value::as_u64).context("a token without an end")?);
    Ok(Session {
        proven: now(),
        access_token: text("access_token").or_else(|| reply.cookie(SESSION_COOKIE)).context("no access token")?,
        refresh_token: text("refresh_token").unwrap_or_default(),
        expires: Instant::now() + life,
    })
}
