//! Passwords: argon2id, on the bounded pool for CPU work.
//!
//! It must never run on a runtime thread (a hash takes tens of milliseconds and 64 MiB).

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, AssociatedData, Params, ParamsBuilder, Version};
use rand::RngCore as _;
use secrecy::{ExposeSecret as _, SecretString};
use service_runtime::Tasks;

/// What is verified where there is no user: costs as much as a real one and fits no password.
const DUMMY: &str = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What Directus hashes with, where nothing is set.
const DEFAULT: Params = match Params::new(65_536, 3, 4, Some(32)) {
    Ok(params) => params,
    Err(_) => Params::DEFAULT,
};

/// How new hashes are made (`HASH_*`). A stored hash says itself how it was made.
#[derive(Debug, Clone)]
pub struct Hashing {
    algorithm: Algorithm,
    params: Params,
}

impl Hashing {
    /// Of `kind` (0 is argon2d, 1 argon2i, 2 argon2id), in KiB, passes, lanes and bytes; `data` goes into every hash in the
    /// clear. `None` where argon2 has no such parameters.
    #[must_use]
    pub fn new(kind: u32, memory: u32, passes: u32, lanes: u32, length: usize, data: &[u8]) -> Option<Self> {
        let algorithm = match kind {
            0 => Algorithm::Argon2d,
            1 => Algorithm::Argon2i,
            2 => Algorithm::Argon2id,
            _ => return None,
        };
        let mut builder = ParamsBuilder::new();
        builder.m_cost(memory).t_cost(passes).p_cost(lanes).output_len(length);
        if !data.is_empty() {
            builder.data(AssociatedData::new(data).ok()?);
        }
        Some(Self { algorithm, params: builder.build().ok()? })
    }
}

impl Default for Hashing {
    /// As Directus makes them without settings: argon2id, 64 MiB, 3 passes, 4 lanes, 32 bytes.
    fn default() -> Self {
        Self { algorithm: Algorithm::Argon2id, params: DEFAULT }
    }
}

/// The hash of `password` in PHC form; `None` when hashing failed.
pub async fn hash_password(tasks: &Tasks, hashing: &Hashing, password: &SecretString) -> Option<String> {
    let (hashing, password) = (hashing.clone(), password.clone());
    tasks.blocking("hash password", move || hash(hashing, &password)).await.flatten()
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

fn hash(hashing: Hashing, password: &SecretString) -> Option<String> {
    let mut salt = [0; 16];
    rand::rng().fill_bytes(&mut salt);
    let salt = SaltString::encode_b64(&salt).ok()?;
    let argon2 = Argon2::new(hashing.algorithm, Version::V0x13, hashing.params);
    Some(argon2.hash_password(password.expose_secret().as_bytes(), &salt).ok()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_fits_its_password_alone() {
        let tasks = Tasks::new();
        let (right, wrong) = (SecretString::from("correct horse"), SecretString::from("wrong"));
        let hash = hash_password(&tasks, &Hashing::new(2, 65_536, 3, 4, 32, b"").unwrap(), &right).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=65536,t=3,p=4$"));
        assert!(verify(&tasks, &right, Some(hash.clone())).await);
        assert!(!verify(&tasks, &wrong, Some(hash)).await);
        assert!(!verify(&tasks, &right, None).await);
        assert!(!verify(&tasks, &right, Some("not a hash".into())).await);
        assert!(PasswordHash::new(DUMMY).is_ok());
    }

    #[tokio::test]
    async fn hashes_are_made_as_the_operator_says() {
        let (tasks, password) = (Tasks::new(), SecretString::from("pw"));
        for (kind, data, head) in [
            (0, &b""[..], "$argon2d$v=19$m=64,t=2,p=1$"),
            (1, b"", "$argon2i$v=19$m=64,t=2,p=1$"),
            (2, b"note", "$argon2id$v=19$m=64,t=2,p=1,data=bm90ZQ$"),
        ] {
            let hash = hash_password(&tasks, &Hashing::new(kind, 64, 2, 1, 16, data).unwrap(), &password).await.unwrap();
            assert!(hash.starts_with(head), "{hash}");
            assert_eq!(PasswordHash::new(&hash).unwrap().hash.unwrap().len(), 16);
            assert!(verify(&tasks, &password, Some(hash)).await, "{head}");
        }
        assert!(Hashing::new(3, 64, 2, 1, 16, b"").is_none(), "no such type");
        assert!(Hashing::new(2, 1, 2, 4, 16, b"").is_none(), "too little memory for four lanes");
    }
}
