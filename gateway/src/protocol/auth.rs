//! The `auth` message.
//!
//! It must never print a credential: they are secrets from here on.

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::envelope::Envelope;
use super::{Uid, issue};

/// An auth message with at least one usable credential. All that are present are evaluated; the later member of this
/// struct decides the identity.
#[derive(Debug, Clone)]
pub struct AuthMessage {
    /// `uid`.
    pub uid: Option<Uid>,
    /// `email` and `password`.
    pub login: Option<Login>,
    /// `refresh_token`.
    pub refresh_token: Option<SecretString>,
    /// `access_token`.
    pub access_token: Option<SecretString>,
}

/// A login by password.
#[derive(Debug, Clone)]
pub struct Login {
    /// As sent; compared without case.
    pub email: String,
    /// As sent.
    pub password: SecretString,
}

impl AuthMessage {
    /// Reads an auth message.
    ///
    /// # Errors
    /// The text for the client, when no credential is complete.
    pub fn read(message: &Envelope) -> Result<Self, String> {
        let members = &message.members;
        let read = Self {
            uid: message.uid.clone(),
            login: login(members),
            refresh_token: secret(members, "refresh_token"),
            access_token: secret(members, "access_token"),
        };
        if read.login.is_some() || read.refresh_token.is_some() || read.access_token.is_some() {
            return Ok(read);
        }
        let missing = |name: &str| {
            let value = members.get(name);
            (!value.is_some_and(Value::is_string)).then(|| issue::expected("string", value, name))
        };
        let malformed = members.get("email").and_then(Value::as_str).filter(|email| !is_email(email));
        let malformed = malformed.map(|_| "Invalid email address at \"email\"".to_owned());
        let by_password = missing("email").or(malformed).into_iter().chain(missing("password")).collect();
        Err(issue::any(&[by_password, missing("access_token").into_iter().collect(), missing("refresh_token").into_iter().collect()]))
    }
}

fn login(members: &Map<String, Value>) -> Option<Login> {
    let email = members.get("email").and_then(Value::as_str).filter(|email| is_email(email))?.to_owned();
    Some(Login { email, password: secret(members, "password")? })
}

fn secret(members: &Map<String, Value>, name: &str) -> Option<SecretString> {
    members.get(name).and_then(Value::as_str).map(SecretString::from)
}

/// Whether `text` looks like an e-mail address: a local part of letters, digits and `_'+-.` that neither starts nor ends
/// with a dot nor holds two in a row, and a domain of at least two labels of which the last has two letters or more.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let local_fits = local.bytes().all(|b| b.is_ascii_alphanumeric() || b"_'+-.".contains(&b))
        && local.bytes().last().is_some_and(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b))
        && !local.starts_with('.')
        && !text.contains("..");
    let Some((labels, top)) = domain.rsplit_once('.') else { return false };
    let label_fits = |label: &str| {
        label.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    local_fits && labels.split('.').all(label_fits) && top.len() >= 2 && top.bytes().all(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::protocol::envelope;

    fn read(json: &str) -> Result<AuthMessage, String> {
        AuthMessage::read(&envelope::parse(json.as_bytes()).unwrap())
    }

    #[test]
    fn all_complete_credentials_are_taken() {
        let all =
            read(r#"{"type":"auth","email":"a@b.co","password":"p","access_token":"t","refresh_token":"","otp":"1","uid":5}"#).unwrap();
        assert_eq!(all.login.unwrap().password.expose_secret(), "p");
        assert_eq!(all.access_token.unwrap().expose_secret(), "t");
        assert_eq!(all.refresh_token.unwrap().expose_secret(), "");
        assert_eq!(all.uid, Some(Uid::Number(5.0)));
        let half = read(r#"{"type":"auth","email":"a@b.co","access_token":"t"}"#).unwrap();
        assert!(half.login.is_none());
    }

    #[test]
    fn without_a_usable_credential_it_is_refused() {
        assert_eq!(
            read(r#"{"type":"auth","access_token":5}"#).unwrap_err(),
            "Validation error: Invalid input: expected string, received undefined at \"email\"; Invalid input: expected string, received undefined at \"password\" or Invalid input: expected string, received number at \"access_token\" or Invalid input: expected string, received undefined at \"refresh_token\""
        );
        assert!(read(r#"{"type":"auth","email":"editor","password":"x"}"#).unwrap_err().contains("Invalid email address at \"email\" or "));
    }

    #[test]
    fn addresses_look_like_addresses() {
        for good in ["editor@example.com", "Editor@Example.COM", "a.b+c@x-y.example.org", "o'neil@a.io", "_@a.bc"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["editor", "@a.bc", "a@b", "a@b.c", ".a@b.co", "a.@b.co", "a..b@c.de", "a@b@c.de", "a@-b.co", "a b@c.de", "a@b.c0", ""] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn a_printed_message_shows_no_secret() {
        let message =
            read(r#"{"type":"auth","email":"a@b.co","password":"hush-1","access_token":"hush-2","refresh_token":"hush-3"}"#).unwrap();
        assert!(!format!("{message:?}").contains("hush"));
    }
}
