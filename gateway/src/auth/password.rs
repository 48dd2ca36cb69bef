//! Passwords: argon2id, on the bounded pool for CPU work.
//!
//! It must never run on a runtime thread (a hash takes tens of milliseconds and 64 MiB).

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use rand::RngCore as _;
use secrecy::{ExposeSecret as _, SecretString};
use service_runtime::Tasks;

/// What is verified where there is no user: costs as much as a real one and fits no password.
const DUMMY: &str = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The argon2id hash of `password` in PHC form with the parameters that Directus uses; `None` when hashing failed.
pub async fn hash_password(tasks: &Tasks, password: &SecretString) -> Option<String> {
    let password = password.clone();
    tasks.blocking("hash password", move || hash(&password)).await.flatten()
}

/// Whether `password` fits `hash`. Without a hash the answer is no, after the same work.
pub(super) async fn verify(tasks: &Tasks, password: &SecretString, hash: Option<String>) -> bool {
    let password = password.clone();
    let check = move || {
        let known = hash.as_deref().and_then(|hash| PasswordHash::new(hash).ok());
        let fallback = PasswordHash::new(DUMMY).ok();
        let exists = known.is_some();
        let fits =
            known.or(fallback).is_some_and(|hash| Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok());
        fits && exists
    };
    tasks.blocking("verify password", check).await.unwrap_or(false)
}

fn hash(password: &SecretString) -> Option<String> {
    let mut salt = [0; 16];
    rand::rng().fill_bytes(&mut salt);
    let salt = SaltString::encode_b64(&salt).ok()?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(65_536, 3, 4, Some(32)).ok()?);
    Some(argon2.hash_password(password.expose_secret().as_bytes(), &salt).ok()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_fits_its_password_alone() {
        let tasks = Tasks::new();
        let (right, wrong) = (SecretString::from("correct horse"), SecretString::from("wrong"));
        let hash = hash_password(&tasks, &right).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=65536,t=3,p=4$"));
        assert!(verify(&tasks, &right, Some(hash.clone())).await);
        assert!(!verify(&tasks, &wrong, Some(hash)).await);
        assert!(!verify(&tasks, &right, None).await);
        assert!(!verify(&tasks, &right, Some("not a hash".into())).await);
        assert!(PasswordHash::new(DUMMY).is_ok());
    }
}
