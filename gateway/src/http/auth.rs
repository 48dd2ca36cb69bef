//! `/auth/login`, `/auth/refresh`, `/auth/logout` in the three modes of the SDK: `json`, `cookie`, `session`.
//!
//! It must never log or echo a password or token; tokens leave only in the reply that the mode says.

use std::sync::Arc;
use std::time::Duration;

use access::accountability::ClientOrigin;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, State};
use axum::http::HeaderValue;
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::response::Response;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use crate::auth::{AuthError, Tokens};
use crate::config::CookieConfig;
use crate::error::ClientError;
use crate::http::caller::cookie;
use crate::http::client_origin;
use crate::http::items::parse_body;
use crate::http::reply::{self, HttpError};
use crate::state::Gateway;

/// How tokens travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Both in the body.
    Json,
    /// The refresh token in a cookie.
    Cookie,
    /// One session cookie.
    Session,
}

/// What every call here needs of its request.
pub(super) struct AuthRequest {
    client: Arc<ClientOrigin>,
    refresh_cookie: Option<String>,
    session_cookie: Option<String>,
}

impl FromRequestParts<Arc<Gateway>> for AuthRequest {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<Gateway>) -> Result<Self, HttpError> {
        let config = &state.config;
        Ok(Self {
            client: client_origin::of(parts, &config.proxy),
            refresh_cookie: cookie(parts, &config.auth.refresh_cookie.name),
            session_cookie: cookie(parts, &config.auth.session_cookie.name),
        })
    }
}

/// `POST /auth/login`.
pub(super) async fn login(State(state): State<Arc<Gateway>>, request: AuthRequest, body: Bytes) -> Result<Response, HttpError> {
    let body = object(&body)?;
    let mode = mode(&body)?;
    let field = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let required = |name: &str| field(name).ok_or_else(|| HttpError::payload(&format!("\"{name}\" is required")));
    let (email, password) = (required("email")?, SecretString::from(required("password")?));
    let otp = field("otp");
    let (_, tokens) = match mode {
        Mode::Json | Mode::Cookie => state.authenticator.login_recorded(email, &password, otp, request.client).await,
        Mode::Session => state.authenticator.login_session(email, &password, otp, request.client).await,
    }
    .map_err(refuse)?;
    Ok(hand_over(&state, mode, &tokens))
}

/// `POST /auth/refresh`.
pub(super) async fn refresh(State(state): State<Arc<Gateway>>, request: AuthRequest, body: Bytes) -> Result<Response, HttpError> {
    let body = object(&body)?;
    let mode = mode(&body)?;
    let token = token(mode, &body, &request)?;
    let (_, tokens) = match mode {
        Mode::Json | Mode::Cookie => state.authenticator.refresh(&token, request.client).await,
        Mode::Session => state.authenticator.refresh_session(&token, request.client).await,
    }
    .map_err(refuse)?;
    Ok(hand_over(&state, mode, &tokens))
}

/// `POST /auth/logout`.
pub(super) async fn logout(State(state): State<Arc<Gateway>>, request: AuthRequest, body: Bytes) -> Result<Response, HttpError> {
    let body = object(&body)?;
    let mode = mode(&body)?;
    let token = token(mode, &body, &request)?;
    match mode {
        Mode::Json | Mode::Cookie => state.authenticator.logout(&token).await?,
        Mode::Session => state.authenticator.logout_session(&token).await?,
    }
    let mut response = reply::nothing();
    let config = &state.config.auth;
    match mode {
        Mode::Json => {}
        Mode::Cookie => set_cookie(&mut response, &config.refresh_cookie, "", Duration::ZERO),
        Mode::Session => set_cookie(&mut response, &config.session_cookie, "", Duration::ZERO),
    }
    Ok(response)
}

/// Tokens on their way to the client.
fn hand_over(state: &Gateway, mode: Mode, tokens: &Tokens) -> Response {
    let config = &state.config.auth;
    let mut data = Map::new();
    data.insert("expires".into(), json!(u64::try_from(tokens.expires_in.as_millis()).unwrap_or(u64::MAX)));
    if mode == Mode::Json {
        data.insert("refresh_token".into(), json!(tokens.refresh_token.expose_secret()));
    }
    if mode != Mode::Session {
        data.insert("access_token".into(), json!(tokens.access_token.expose_secret()));
    }
    let mut response = reply::value(&Value::Object(data));
    match mode {
        Mode::Json => {}
        Mode::Cookie => set_cookie(&mut response, &config.refresh_cookie, tokens.refresh_token.expose_secret(), config.refresh_token_ttl),
        Mode::Session => set_cookie(&mut response, &config.session_cookie, tokens.access_token.expose_secret(), config.session_ttl),
    }
    response
}

fn object(body: &[u8]) -> Result<Map<String, Value>, HttpError> {
    match parse_body(body)? {
        Value::Object(members) => Ok(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(HttpError::payload("Body must be an object"))
        }
    }
}

fn mode(body: &Map<String, Value>) -> Result<Mode, HttpError> {
    match body.get("mode").and_then(Value::as_str) {
        None | Some("json") => Ok(Mode::Json),
        Some("cookie") => Ok(Mode::Cookie),
        Some("session") => Ok(Mode::Session),
        Some(_) => Err(HttpError::payload("\"mode\" must be one of [json, cookie, session]")),
    }
}

/// The token that a refresh or logout is about.
fn token(mode: Mode, body: &Map<String, Value>, request: &AuthRequest) -> Result<String, HttpError> {
    let sent = body.get("refresh_token").and_then(Value::as_str).map(str::to_owned);
    let token = match mode {
        Mode::Json => sent,
        Mode::Cookie => request.refresh_cookie.clone(),
        Mode::Session => request.session_cookie.clone(),
    };
    token.ok_or_else(|| HttpError::payload("The refresh token is required in either the payload or cookie"))
}

fn set_cookie(response: &mut Response, config: &CookieConfig, value: &str, life: Duration) {
    let expires = Timestamp::now().checked_add(jiff::SignedDuration::try_from(life).unwrap_or_default()).unwrap_or(Timestamp::MAX);
    let expires = if life.is_zero() { Timestamp::UNIX_EPOCH } else { expires };
    let mut text = format!(
        "{}={value}; Max-Age={}; Path=/; Expires={}; HttpOnly",
        config.name,
        life.as_secs(),
        expires.strftime("%a, %d %b %Y %H:%M:%S GMT")
    );
    if let Some(domain) = &config.domain {
        text.push_str(&format!("; Domain={domain}"));
    }
    if config.secure {
        text.push_str("; Secure");
    }
    text.push_str(match config.same_site.as_str() {
        "strict" => "; SameSite=Strict",
        "none" => "; SameSite=None",
        _ => "; SameSite=Lax",
    });
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

/// Nobody learns whether it was the address, the password or the account.
fn refuse(error: AuthError) -> HttpError {
    match error {
        AuthError::InvalidOtp => HttpError::new(401, "INVALID_OTP", "Invalid user OTP."),
        AuthError::Unavailable(error) => error.into(),
        AuthError::TooManyFailures { retry_after } => ClientError::TooManyLogins { retry_after }.into(),
        AuthError::InvalidCredentials | AuthError::InvalidToken | AuthError::Expired | AuthError::Suspended => {
            ClientError::InvalidCredentials.into()
        }
    }
}
