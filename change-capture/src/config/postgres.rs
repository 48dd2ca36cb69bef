//! Where Postgres is and how the way to it is protected: Directus' `DB_` settings, and connection strings as libpq reads them.
//!
//! | | encrypted | certificate |
//! |---|---|---|
//! | no `DB_SSL`, `sslmode=disable` | no | |
//! | `sslmode=prefer`, which is the default of a string | if the server can | not checked |
//! | `sslmode=require` | always | checked if authorities are given |
//! | `sslmode=verify-ca` | always | signed by an authority |
//! | `DB_SSL=true`, `sslmode=verify-full` | always | signed by an authority, for this host |
//! | `DB_SSL__REJECT_UNAUTHORIZED=false`, `sslmode=no-verify` | always | not checked |
//!
//! It must never open a connection, and never put a value into a fault.

use std::time::Duration;

use service_runtime::config::Reader;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::pem;
use crate::tls::{Check, Pem, PostgresTls};

/// Where a database is.
#[derive(Debug, Clone)]
pub struct DatabaseAddress {
    /// Host, user, database; and whether to use TLS.
    pub config: Config,
    /// How TLS checks the server.
    pub tls: PostgresTls,
}

impl From<Config> for DatabaseAddress {
    fn from(config: Config) -> Self {
        Self { config, tls: PostgresTls::unchecked() }
    }
}

/// What a connection string says of TLS, which `tokio_postgres` does not read.
#[derive(Debug, Default, PartialEq, Eq)]
struct StringTls {
    mode: Option<String>,
    authorities: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

/// The application's database, by Directus' names. `None` when nothing is configured, or what is cannot work; the latter is
/// recorded in `reader`.
pub fn database_from_reader(reader: &mut Reader<'_>) -> Option<DatabaseAddress> {
    if let Some(client) = reader.text("DB_CLIENT")
        && !matches!(&*client, "pg" | "postgres" | "postgresql")
    {
        reader.fault("DB_CLIENT", "pg; Tidegate works on Postgres only");
        return None;
    }
    let text = reader.text("DB_CONNECTION_STRING");
    let (host, database) = (reader.text("DB_HOST"), reader.text("DB_DATABASE"));
    if text.is_none() && host.is_none() && database.is_none() {
        return None;
    }
    let (mut config, string_tls) = match text {
        Some(text) => {
            let (text, tls) = split(&text);
            let Ok(config) = text.parse::<Config>() else {
                reader.fault("DB_CONNECTION_STRING", "a Postgres connection string");
                return None;
            };
            (config, Some(tls))
        }
        None => (Config::new(), None),
    };
    // A later host would be tried besides the first, so single settings replace only what the string left open.
    if config.get_hosts().is_empty() {
        config.host(host.as_deref().unwrap_or("localhost"));
        let port = reader.integer("DB_PORT", 1..=65_535).and_then(|port| u16::try_from(port).ok()).unwrap_or(5432);
        config.port(port);
    }
    if let Some(database) = database {
        config.dbname(database);
    }
    if let Some(user) = reader.text("DB_USER") {
        config.user(user);
    }
    if let Some(password) = reader.text("DB_PASSWORD") {
        config.password(password);
    }
    if config.get_user().is_none() {
        reader.fault("DB_USER", "the user of the database");
        return None;
    }
    protect(reader, "DB_CONNECTION_STRING", config, string_tls)
}

/// The worker's own way to the database: `CAPTURE_DB_URL`, else the application's.
pub fn worker_database_from_reader(reader: &mut Reader<'_>) -> Option<DatabaseAddress> {
    let Some(text) = reader.text("CAPTURE_DB_URL") else { return database_from_reader(reader) };
    let (text, tls) = split(&text);
    match text.parse::<Config>() {
        Ok(config) if !config.get_hosts().is_empty() => protect(reader, "CAPTURE_DB_URL", config, Some(tls)),
        Ok(_) | Err(_) => {
            reader.fault("CAPTURE_DB_URL", "a Postgres connection string with a host");
            None
        }
    }
}

/// Decides on TLS. What a string says of itself wins; what it leaves open, the `DB_SSL` settings say.
fn protect(reader: &mut Reader<'_>, name: &str, mut config: Config, string: Option<StringTls>) -> Option<DatabaseAddress> {
    let mut pem = Pem { authorities: pem(reader, "DB_SSL__CA"), client: pem(reader, "DB_SSL__CERT").zip(pem(reader, "DB_SSL__KEY")) };
    let rejects = reader.flag("DB_SSL__REJECT_UNAUTHORIZED", true);
    let asked = reader.flag("DB_SSL", pem.authorities.is_some() || pem.client.is_some() || !rejects);
    let by_settings = if rejects { "verify-full" } else { "no-verify" };
    let (from_string, string) = (string.is_some(), string.unwrap_or_default());
    if let Some(file) = &string.authorities {
        pem.authorities = read(reader, name, file);
    }
    if let (Some(certificate), Some(key)) = (&string.certificate, &string.key) {
        pem.client = read(reader, name, certificate).zip(read(reader, name, key));
    }
    let mode = match &string.mode {
        Some(mode) => mode,
        None if asked => by_settings,
        None if from_string => "prefer",
        None => "disable",
    };
    let (ssl, check) = match mode {
        "disable" => (SslMode::Disable, Check::Nothing),
        "allow" | "prefer" => (SslMode::Prefer, Check::Nothing),
        // As libpq has it.
        "require" if pem.authorities.is_some() => (SslMode::Require, Check::Authority),
        "require" | "no-verify" => (SslMode::Require, Check::Nothing),
        "verify-ca" => (SslMode::Require, Check::Authority),
        "verify-full" => (SslMode::Require, Check::Host),
        _ => {
            reader.fault(name, "an sslmode of disable, prefer, require, verify-ca, verify-full or no-verify");
            return None;
        }
    };
    config.ssl_mode(ssl);
    match PostgresTls::new(check, &pem) {
        Ok(tls) => Some(DatabaseAddress { config: with_liveness(config), tls }),
        Err(error) => {
            reader.fault(if from_string { name } else { "DB_SSL__CA" }, error.to_string());
            None
        }
    }
}

fn read(reader: &mut Reader<'_>, name: &str, file: &str) -> Option<Vec<u8>> {
    let bytes = std::fs::read(file).ok();
    if bytes.is_none() {
        reader.fault(name, "files of certificates that can be read");
    }
    bytes
}

/// A dead peer is noticed within seconds; a silent one would otherwise hold a worker for hours.
fn with_liveness(mut config: Config) -> Config {
    config
        .connect_timeout(Duration::from_secs(5))
        .keepalives(true)
        .keepalives_idle(Duration::from_secs(5))
        .keepalives_interval(Duration::from_secs(2))
        .keepalives_retries(3)
        .tcp_user_timeout(Duration::from_secs(10));
    config
}

/// Takes what concerns TLS out of a connection string, in either of its forms.
fn split(text: &str) -> (String, StringTls) {
    let mut tls = StringTls::default();
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let kept: Vec<&str> = query
            .split('&')
            .filter(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                !pair.is_empty() && !tls.takes(name, percent_decode(value))
            })
            .collect();
        let query = kept.join("&");
        return (if query.is_empty() { base.to_owned() } else { format!("{base}?{query}") }, tls);
    }
    let mut kept = String::new();
    for (name, value) in keywords(text) {
        if !tls.takes(&name, value.clone()) {
            let value = value.replace('\\', r"\\").replace('\'', r"\'");
            kept += &format!("{name}='{value}' ");
        }
    }
    // What cannot be taken apart is left to be refused whole.
    if kept.is_empty() && tls == StringTls::default() { (text.to_owned(), tls) } else { (kept, tls) }
}

impl StringTls {
    /// Whether it is a parameter of ours.
    fn takes(&mut self, name: &str, value: String) -> bool {
        let place = match name {
            "sslmode" => &mut self.mode,
            "sslrootcert" => &mut self.authorities,
            "sslcert" => &mut self.certificate,
            "sslkey" => &mut self.key,
            _ => return false,
        };
        *place = Some(value);
        true
    }
}

/// `name = value` pairs with libpq's quoting; nothing when the text is none.
fn keywords(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = text.chars().peekable();
    loop {
        while rest.next_if(|letter| letter.is_whitespace()).is_some() {}
        if rest.peek().is_none() {
            return pairs;
        }
        let mut name = String::new();
        while let Some(letter) = rest.next_if(|letter| *letter != '=') {
            name.push(letter);
        }
        if rest.next().is_none() {
            return Vec::new();
        }
        while rest.next_if(|letter| letter.is_whitespace()).is_some() {}
        let quoted = rest.next_if_eq(&'\'').is_some();
        let (mut value, mut closed) = (String::new(), !quoted);
        while let Some(letter) = rest.next_if(|letter| quoted || !letter.is_whitespace()) {
            match letter {
                '\\' => value.extend(rest.next()),
                '\'' if quoted => {
                    closed = true;
                    break;
                }
                other => value.push(other),
            }
        }
        if !closed {
            return Vec::new();
        }
        pairs.push((name.trim().to_owned(), value));
    }
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let digits = (ahead.next().and_then(hex), ahead.next().and_then(hex));
        match (byte, digits) {
            (b'%', (Some(high), Some(low))) => {
                bytes.push(high * 16 + low);
                rest = ahead;
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_read_without_what_concerns_tls() {
        for (text, kept, mode, authorities) in [
            (
                "postgres://u@h/d?sslmode=verify-full&sslrootcert=%2Fa%20b.pem&connect_timeout=3",
                "postgres://u@h/d?connect_timeout=3",
                Some("verify-full"),
                Some("/a b.pem"),
            ),
            ("postgresql://u@h/d?sslmode=disable", "postgresql://u@h/d", Some("disable"), None),
            ("postgres://u@h/d", "postgres://u@h/d", None, None),
            (r"host=h user = u password='a \'b' sslmode=require", r"host='h' user='u' password='a \'b' ", Some("require"), None),
            ("nonsense", "nonsense", None, None),
            ("host='open", "host='open", None, None),
        ] {
            let (rest, tls) = split(text);
            assert_eq!((&*rest, tls.mode.as_deref(), tls.authorities.as_deref()), (kept, mode, authorities), "{text}");
        }
    }

    #[test]
    fn settings_and_strings_say_how_the_way_is_protected() {
        let read = |pairs: &[(&str, &str)]| {
            let lookup: std::collections::BTreeMap<String, String> =
                pairs.iter().chain(&[("DB_USER", "u")]).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let mut reader = Reader::new(&lookup);
            let mode = worker_database_from_reader(&mut reader).map(|address| address.config.get_ssl_mode());
            reader.finish(mode).map_err(|faults| faults.into_iter().map(|fault| fault.name).collect::<Vec<_>>())
        };
        let host = ("DB_HOST", "h");
        assert_eq!(read(&[host]), Ok(Some(SslMode::Disable)));
        assert_eq!(read(&[host, ("DB_SSL", "true"), ("DB_SSL__REJECT_UNAUTHORIZED", "false")]), Ok(Some(SslMode::Require)));
        assert_eq!(read(&[host, ("DB_SSL__REJECT_UNAUTHORIZED", "false")]), Ok(Some(SslMode::Require)));
        assert_eq!(read(&[("CAPTURE_DB_URL", "postgres://u@h/d")]), Ok(Some(SslMode::Prefer)));
        assert_eq!(read(&[("CAPTURE_DB_URL", "postgres://u@h/d?sslmode=no-verify")]), Ok(Some(SslMode::Require)));
        assert_eq!(read(&[("CAPTURE_DB_URL", "postgres://u@h/d?sslmode=sometimes")]), Err(vec!["CAPTURE_DB_URL".to_owned()]));
        assert_eq!(
            read(&[("CAPTURE_DB_URL", "postgres://u@h/d?sslmode=verify-ca&sslrootcert=/nowhere")]),
            Err(vec!["CAPTURE_DB_URL".to_owned()])
        );
        assert_eq!(read(&[host, ("DB_SSL__CA", "no certificate")]), Err(vec!["DB_SSL__CA".to_owned()]));
    }
}
