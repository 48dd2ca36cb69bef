//! Where Redis is and how the way to it is protected, by Directus' names.
//!
//! `rediss://`, `REDIS_TLS` or any `REDIS_TLS__` setting means TLS; the certificate is checked, by the system's authorities or
//! `REDIS_TLS__CA`, unless `REDIS_TLS__REJECT_UNAUTHORIZED` is false. It must never put a value into a fault.

use secrecy::SecretString;
use service_runtime::config::Reader;

use super::pem;
use crate::tls::{Check, Pem, PostgresTls, provide};

/// The certificates of a connection to Redis; whether it uses TLS is said by the URL beside it.
#[derive(Clone, Default)]
pub struct RedisTls(Option<redis::TlsCertificates>);

impl RedisTls {
    /// A client for `url`.
    ///
    /// # Errors
    /// As [`redis::Client::open`].
    pub fn client(&self, url: &str) -> redis::RedisResult<redis::Client> {
        provide();
        match self.certificates(url) {
            Some(certificates) => redis::Client::build_with_tls(url, certificates),
            None => redis::Client::open(url),
        }
    }

    pub(crate) fn certificates(&self, url: &str) -> Option<redis::TlsCertificates> {
        self.0.clone().filter(|_| url.starts_with("rediss://"))
    }
}

impl std::fmt::Debug for RedisTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisTls").finish_non_exhaustive()
    }
}

/// Where Redis is; `None` when it is not to be used.
pub fn redis_url_from_reader(reader: &mut Reader<'_>) -> Option<SecretString> {
    let (url, host) = (reader.text("REDIS"), reader.text("REDIS_HOST"));
    if !reader.flag("REDIS_ENABLED", url.is_some() || host.is_some()) {
        return None;
    }
    let rejects = reader.flag("REDIS_TLS__REJECT_UNAUTHORIZED", true);
    let given = ["REDIS_TLS__CA", "REDIS_TLS__CA_FILE", "REDIS_TLS__CERT", "REDIS_TLS__CERT_FILE"];
    let encrypted = reader.flag("REDIS_TLS", !rejects || given.iter().any(|name| reader.text(name).is_some()));
    let unchecked = if rejects { "" } else { "#insecure" };
    if let Some(url) = url {
        let url = match url.strip_prefix("redis://") {
            Some(rest) if encrypted => format!("rediss://{rest}"),
            Some(_) | None => url,
        };
        if url.starts_with("rediss://") && !url.contains('#') {
            return Some((url + unchecked).into());
        }
        if !["redis://", "rediss://", "redis+unix://", "unix://"].iter().any(|scheme| url.starts_with(scheme)) {
            reader.fault("REDIS", "a URL that starts with redis://");
            return None;
        }
        return Some(url.into());
    }
    let host = host.unwrap_or_else(|| "localhost".to_owned());
    let port = reader.integer("REDIS_PORT", 1..=65_535).unwrap_or(6379);
    let user = reader.text("REDIS_USERNAME").map(|user| percent_encode(&user)).unwrap_or_default();
    let credentials = match reader.text("REDIS_PASSWORD") {
        Some(password) => format!("{user}:{}@", percent_encode(&password)),
        None if user.is_empty() => String::new(),
        None => format!("{user}@"),
    };
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host };
    Some(match encrypted {
        true => format!("rediss://{credentials}{host}:{port}/{unchecked}").into(),
        false => format!("redis://{credentials}{host}:{port}/").into(),
    })
}

/// The certificates that go with [`redis_url_from_reader`].
pub fn redis_tls_from_reader(reader: &mut Reader<'_>) -> RedisTls {
    let authorities = pem(reader, "REDIS_TLS__CA");
    let client = pem(reader, "REDIS_TLS__CERT").zip(pem(reader, "REDIS_TLS__KEY"));
    if authorities.is_none() && client.is_none() {
        return RedisTls::default();
    }
    // The library looks at them only when it connects; a fault is told at the start.
    let pem = Pem { authorities, client };
    let check = if pem.authorities.is_some() { Check::Host } else { Check::Nothing };
    if let Err(error) = PostgresTls::new(check, &pem) {
        reader.fault("REDIS_TLS__CA", error.to_string());
    }
    let client_tls = pem.client.map(|(client_cert, client_key)| redis::ClientTlsConfig { client_cert, client_key });
    RedisTls(Some(redis::TlsCertificates { client_tls, root_cert: pem.authorities }))
}

fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn redis_parts_make_a_url() {
        for (pairs, expect) in [
            (&[("REDIS", "redis://h:1/2")][..], Some("redis://h:1/2")),
            (&[("REDIS", "redis://h"), ("REDIS_ENABLED", "false")], None),
            (&[("REDIS_HOST", "h"), ("REDIS_PASSWORD", "p@ss")], Some("redis://:p%40ss@h:6379/")),
            (&[("REDIS_HOST", "h"), ("REDIS_PORT", "7"), ("REDIS_USERNAME", "u"), ("REDIS_PASSWORD", "p")], Some("redis://u:p@h:7/")),
            (&[("REDIS_ENABLED", "true")], Some("redis://localhost:6379/")),
            (&[("REDIS_HOST", "h"), ("REDIS_TLS", "true")], Some("rediss://h:6379/")),
            (&[("REDIS_HOST", "h"), ("REDIS_TLS__REJECT_UNAUTHORIZED", "false")], Some("rediss://h:6379/#insecure")),
            (&[("REDIS", "redis://h:1"), ("REDIS_TLS__CA_FILE", "/f")], Some("rediss://h:1")),
            (&[("REDIS", "rediss://h:1"), ("REDIS_TLS__REJECT_UNAUTHORIZED", "false")], Some("rediss://h:1#insecure")),
        ] {
            let lookup: BTreeMap<String, String> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let url = redis_url_from_reader(&mut Reader::new(&lookup));
            assert_eq!(url.as_ref().map(|url| url.expose_secret()), expect);
        }
    }
}
