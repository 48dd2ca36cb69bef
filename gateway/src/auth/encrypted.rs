//! Values of fields with the special `encrypt`, in the form that Directus 12 stores and reads back with the same `SECRET`.
//!
//! `1||scrypt||N||r||p||salt||nonce||ciphertext||tag`, the last four in base64: AES-256-GCM under a key that scrypt derives from
//! `SECRET` and the salt. It must never give a value back: nobody is shown one, and only Directus uses them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::RngCore as _;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use scrypt::Params;
use secrecy::{ExposeSecret as _, SecretString};
use service_runtime::Tasks;

/// log₂ of scrypt's N, its r and p: 16 MB and some 50 ms for a value.
const COST: (u8, u32, u32) = (14, 8, 1);
const KEY_LEN: usize = 32;

/// The stored form of `value`; `None` when it could not be made.
pub async fn encrypt_value(tasks: &Tasks, secret: &SecretString, value: SecretString) -> Option<String> {
    let secret = secret.clone();
    tasks.blocking("encrypt a value", move || encrypt(&secret, &value)).await.flatten()
}

fn encrypt(secret: &SecretString, value: &SecretString) -> Option<String> {
    let (mut salt, mut nonce) = ([0; 16], [0; NONCE_LEN]);
    rand::rng().fill_bytes(&mut salt);
    rand::rng().fill_bytes(&mut nonce);
    let mut text = value.expose_secret().as_bytes().to_vec();
    let tag = key(secret, &salt)?.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text).ok()?;
    let (log_n, r, p) = COST;
    let [salt, nonce, text, tag] = [&salt[..], &nonce[..], &text[..], tag.as_ref()].map(|bytes| STANDARD.encode(bytes));
    Some(format!("1||scrypt||{}||{r}||{p}||{salt}||{nonce}||{text}||{tag}", 1_u32 << log_n))
}

fn key(secret: &SecretString, salt: &[u8]) -> Option<LessSafeKey> {
    let (log_n, r, p) = COST;
    let mut key = [0; KEY_LEN];
    scrypt::scrypt(secret.expose_secret().as_bytes(), salt, &Params::new(log_n, r, p, KEY_LEN).ok()?, &mut key).ok()?;
    Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a-secret-of-the-tests-0123456789-0123456789";

    /// What Directus does when it uses a value.
    fn decrypt(secret: &str, stored: &str) -> Option<String> {
        let parts: Vec<&str> = stored.split("||").collect();
        let [version, kdf, n, r, p, rest @ ..] = parts.as_slice() else { return None };
        assert_eq!((*version, *kdf, *n, *r, *p), ("1", "scrypt", "16384", "8", "1"));
        let bytes: Vec<Vec<u8>> = rest.iter().map(|part| STANDARD.decode(part).unwrap()).collect();
        let [salt, nonce, text, tag] = bytes.as_slice() else { return None };
        let mut sealed = [text.as_slice(), tag.as_slice()].concat();
        let nonce = Nonce::try_assume_unique_for_key(nonce).unwrap();
        let open = key(&secret.into(), salt)?;
        String::from_utf8(open.open_in_place(nonce, Aad::empty(), &mut sealed).ok()?.to_vec()).ok()
    }

    #[test]
    fn what_node_encrypted_and_what_we_encrypt_are_of_one_form() {
        // Made by Node's crypto module with fixed salt and nonce.
        let node = "1||scrypt||16384||8||1||AAECAwQFBgcICQoLDA0ODw==||EBESExQVFhcYGRob||8cbuEFvyYrsTrA==||A0Nmned7pwcy1dtI1jHwzA==";
        assert_eq!(decrypt(SECRET, node).unwrap(), "sk-tëst 1");
        let secret = SecretString::from(SECRET);
        for value in ["sk-tëst 1", "a||b", "x"] {
            let (one, other) = (encrypt(&secret, &value.into()).unwrap(), encrypt(&secret, &value.into()).unwrap());
            assert_ne!(one, other, "salted");
            assert_eq!(decrypt(SECRET, &one).unwrap(), value);
            assert_eq!(decrypt("another", &one), None);
        }
    }
}
