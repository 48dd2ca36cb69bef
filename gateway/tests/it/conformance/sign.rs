//! Signs the tokens that cases ask for, unsigned ones included.
//!
//! It must never refuse: wrong tokens are what cases are about.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value};

/// The claims as a JWT; `none` gives one without a signature.
pub(crate) fn sign(algorithm: &str, secret: &str, claims: &Map<String, Value>) -> Result<String> {
    if algorithm == "none" {
        let part = |text: String| URL_SAFE_NO_PAD.encode(text);
        let header = r#"{"alg":"none","typ":"JWT"}"#.to_owned();
        return Ok(format!("{}.{}.", part(header), part(serde_json::to_string(claims)?)));
    }
    let header = Header::new(algorithm.parse::<Algorithm>()?);
    Ok(jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret.as_bytes()))?)
}
