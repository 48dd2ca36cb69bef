//! Access tokens: JWTs signed with `SECRET`.
//!
//! It must never accept a token that the signature does not cover: the algorithm is one of three HMACs and nothing else.

use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::AuthError;

/// The issuer of Directus' own tokens.
const ISSUER: &str = "directus";
/// Longer texts are no tokens; a JWT of ours has some 300 characters.
const MAX_TOKEN: usize = 16 * 1024;

/// Signs and checks.
pub(super) struct Signer {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

/// What an access token says. The flags for admin and app are in the token too but decide nothing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claims {
    pub(super) user: Option<Uuid>,
    pub(super) role: Option<Uuid>,
    pub(super) share: Option<Uuid>,
    pub(super) session: Option<String>,
    pub(super) expires_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct RawClaims {
    id: Option<String>,
    #[serde(default, deserialize_with = "present")]
    role: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    app_access: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    admin_access: Option<Value>,
    share: Option<String>,
    session: Option<String>,
    exp: Option<f64>,
    nbf: Option<f64>,
}

#[derive(Serialize)]
struct Payload<'a> {
    id: Option<Uuid>,
    role: Option<Uuid>,
    app_access: bool,
    admin_access: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
    iat: i64,
    exp: i64,
    iss: &'static str,
}

/// What goes into a new token.
pub(super) struct NewToken<'a> {
    pub(super) user: Option<Uuid>,
    pub(super) role: Option<Uuid>,
    pub(super) share: Option<Uuid>,
    pub(super) session: Option<&'a str>,
    pub(super) admin: bool,
    pub(super) app: bool,
    pub(super) life: Duration,
}

impl Signer {
    pub(super) fn new(secret: &SecretString) -> Self {
        let secret = secret.expose_secret().as_bytes();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.algorithms = vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
        validation.required_spec_claims = ["iss".to_owned()].into();
        validation.set_issuer(&[ISSUER]);
        validation.validate_aud = false;
        // Checked here: to the millisecond, and a token without `exp` is allowed.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self { encoding: EncodingKey::from_secret(secret), decoding: DecodingKey::from_secret(secret), validation }
    }

    /// Whether `token` claims to be one of Directus' own; everything else is a static token.
    pub(super) fn is_own(token: &str) -> bool {
        if token.len() > MAX_TOKEN || token.split('.').count() != 3 {
            return false;
        }
        #[derive(Deserialize)]
        struct Issuer {
            iss: Option<Value>,
        }
        let data = jsonwebtoken::dangerous::insecure_decode::<Issuer>(token);
        data.is_ok_and(|data| data.claims.iss.is_some_and(|issuer| issuer == ISSUER))
    }

    /// What a token says, if it is genuine and in its time at `now`.
    pub(super) fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, AuthError> {
        let invalid = || AuthError::InvalidToken;
        let raw = jsonwebtoken::decode::<RawClaims>(token, &self.decoding, &self.validation).map_err(|_| invalid())?.claims;
        let (Some(role), Some(_), Some(_)) = (raw.role, raw.app_access, raw.admin_access) else { return Err(invalid()) };
        if raw.nbf.is_some_and(|start| millisecond(start) > now.as_millisecond()) {
            return Err(invalid());
        }
        let expires_at = raw.exp.map(|end| Timestamp::from_millisecond(millisecond(end)).unwrap_or(Timestamp::MAX));
        if expires_at.is_some_and(|end| end <= now) {
            return Err(AuthError::Expired);
        }
        let uuid = |text: Option<&str>| text.map(|text| text.parse::<Uuid>().map_err(|_| invalid())).transpose();
        let role = match &role {
            Value::Null => None,
            Value::String(role) => Some(role.as_str()),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => return Err(invalid()),
        };
        Ok(Claims {
            user: uuid(raw.id.as_deref())?,
            role: uuid(role)?,
            share: uuid(raw.share.as_deref())?,
            session: raw.session,
            expires_at,
        })
    }

    /// A new token from `now` on, and its end.
    pub(super) fn sign(&self, token: &NewToken<'_>, now: Timestamp) -> Result<(SecretString, Timestamp), AuthError> {
        let issued = now.as_second();
        let end = issued.saturating_add(i64::try_from(token.life.as_secs()).unwrap_or(i64::MAX));
        let payload = Payload {
            id: token.user,
            role: token.role,
            app_access: token.app,
            admin_access: token.admin,
            share: token.share,
            session: token.session,
            iat: issued,
            exp: end,
            iss: ISSUER,
        };
        let text =
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &json!(payload), &self.encoding).map_err(|_| AuthError::InvalidToken)?;
        Ok((text.into(), Timestamp::from_second(end).unwrap_or(Timestamp::MAX)))
    }
}

/// Tells null from absent.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// NumericDate to milliseconds; the cast saturates.
#[expect(clippy::cast_possible_truncation, reason = "saturates, which is what a far date means")]
fn millisecond(seconds: f64) -> i64 {
    (seconds * 1000.0) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer::new(&"a-secret-of-the-tests".into())
    }

    fn mint(claims: &Value, algorithm: Algorithm, secret: &str) -> String {
        jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    fn claims(extra: Value) -> Value {
        let mut claims = json!({"role": null, "app_access": false, "admin_access": false, "iss": "directus"});
        for (name, value) in extra.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }

    #[test]
    fn what_is_signed_is_understood() {
        let now = Timestamp::now();
        let (user, role) = (Uuid::new_v4(), Uuid::new_v4());
        let token = NewToken {
            user: Some(user),
            role: Some(role),
            share: None,
            session: Some("s"),
            admin: false,
            app: true,
            life: Duration::from_secs(900),
        };
        let (text, end) = signer().sign(&token, now).unwrap();
        assert!(Signer::is_own(text.expose_secret()));
        let read = signer().verify(text.expose_secret(), now).unwrap();
        assert_eq!(read, Claims { user: Some(user), role: Some(role), share: None, session: Some("s".into()), expires_at: Some(end) });
        assert!(matches!(signer().verify(text.expose_secret(), end), Err(AuthError::Expired)));
    }

    #[test]
    fn only_genuine_tokens_count() {
        let now = Timestamp::now();
        let verify = |claims: &Value, algorithm, secret: &str| signer().verify(&mint(claims, algorithm, secret), now);
        let secret = "a-secret-of-the-tests";
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            assert!(verify(&claims(json!({})), algorithm, secret).is_ok());
            assert!(matches!(verify(&claims(json!({})), algorithm, "another"), Err(AuthError::InvalidToken)));
        }
        for (faulty, name) in [
            (json!({"role": null, "admin_access": false, "iss": "directus"}), "no app_access"),
            (json!({"app_access": false, "admin_access": false, "iss": "directus"}), "no role"),
            (claims(json!({"iss": "other"})), "issuer"),
            (claims(json!({"nbf": now.as_second() + 60})), "nbf"),
            (claims(json!({"id": "not-a-uuid"})), "id"),
            (claims(json!({"exp": "soon"})), "exp"),
        ] {
            assert!(matches!(verify(&faulty, Algorithm::HS256, secret), Err(AuthError::InvalidToken)), "{name}");
        }
        assert!(matches!(verify(&claims(json!({"exp": now.as_second() - 1})), Algorithm::HS256, secret), Err(AuthError::Expired)));
        assert_eq!(verify(&claims(json!({})), Algorithm::HS256, secret).unwrap().expires_at, None);
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJpc3MiOiJkaXJlY3R1cyIsInJvbGUiOm51bGwsImFwcF9hY2Nlc3MiOmZhbHNlLCJhZG1pbl9hY2Nlc3MiOnRydWV9.";
        assert!(signer().verify(none, now).is_err());
    }

    #[test]
    fn static_tokens_are_told_from_own_ones() {
        assert!(!Signer::is_own("tok-editor"));
        assert!(!Signer::is_own("a.b.c"));
        assert!(!Signer::is_own(&mint(&claims(json!({"iss": "other"})), Algorithm::HS256, "x")));
        assert!(Signer::is_own(&mint(&claims(json!({})), Algorithm::HS256, "x")));
        assert!(!Signer::is_own(&"a".repeat(MAX_TOKEN + 1)));
    }
}
