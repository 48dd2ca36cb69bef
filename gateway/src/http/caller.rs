//! Who makes an HTTP request: by `Authorization: Bearer`, `?access_token=` or the session cookie, else the public.
//!
//! It must never fall back to the public when a token was given and is not good.

use std::sync::Arc;

use access::accountability::Accountability;
use access::permission::Permissions;
use access::schema::Schema;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};

use crate::auth::AuthError;
use crate::error::ClientError;
use crate::http::client_origin;
use crate::http::reply::HttpError;
use crate::state::{ATTEMPTS, Gateway};

/// The caller with what a request needs.
pub(crate) struct Caller {
    pub(crate) accountability: Arc<Accountability>,
    pub(crate) permissions: Arc<Permissions>,
    pub(crate) schema: Arc<Schema>,
}

impl FromRequestParts<Arc<Gateway>> for Caller {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<Gateway>) -> Result<Self, HttpError> {
        let client = client_origin::of(parts, &state.config.proxy);
        let token = token(parts, &state.config.auth.session_cookie.name);
        let mut attempts = 0;
        loop {
            let epoch = state.directory.epoch().await;
            let accountability = match &token {
                Some(token) => state.authenticator.token(token, Arc::clone(&client)).await.map_err(refuse)?.accountability,
                None => Arc::new(state.directory.accountability(None, None, None, Arc::clone(&client))),
            };
            let permissions = state.directory.permissions(&accountability).await?;
            attempts += 1;
            if state.directory.is_of(epoch) || attempts >= ATTEMPTS {
                return Ok(Self { accountability, permissions, schema: state.directory.schema() });
            }
        }
    }
}

/// A body and whose it is. Who asks is looked at when the body is there: its client decides how long that takes, and it counts what he
/// may do then.
pub(crate) struct CallerWithBody(pub(crate) Caller, pub(crate) Bytes);

impl FromRequest<Arc<Gateway>> for CallerWithBody {
    type Rejection = Response;

    async fn from_request(request: Request, state: &Arc<Gateway>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let request = Request::from_parts(parts.clone(), body);
        let body = Bytes::from_request(request, state).await.map_err(|refused| refused.into_response())?;
        let caller = Caller::from_request_parts(&mut parts, state).await.map_err(|refused| refused.into_response())?;
        Ok(Self(caller, body))
    }
}

/// The token of a request.
fn token(parts: &Parts, session_cookie: &str) -> Option<String> {
    let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = header.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    if let Some((_, token)) = bearer {
        return Some(token.trim().to_owned());
    }
    let query = parts.uri.query().unwrap_or_default();
    let in_query = form_urlencoded::parse(query.as_bytes()).find(|(name, value)| name == "access_token" && !value.is_empty());
    in_query.map(|(_, token)| token.into_owned()).or_else(|| cookie(parts, session_cookie))
}

/// A cookie's value.
pub(crate) fn cookie(parts: &Parts, name: &str) -> Option<String> {
    let values = parts.headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, value)| *key == name && !value.is_empty()).map(|(_, value)| value.trim_matches('"').to_owned())
}

fn refuse(error: AuthError) -> HttpError {
    match error {
        AuthError::Expired => ClientError::TokenExpired.into(),
        AuthError::Unavailable(error) => error.into(),
        AuthError::TooManyFailures { retry_after } => ClientError::TooManyLogins { retry_after }.into(),
        AuthError::InvalidCredentials | AuthError::InvalidToken | AuthError::Suspended | AuthError::InvalidOtp => {
            ClientError::InvalidCredentials.into()
        }
    }
}
