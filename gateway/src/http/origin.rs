//! Which pages may open a socket that their visitor's cookie authenticates.
//!
//! Browsers send cookies with every upgrade, whatever page asks for it; a token that the page itself holds needs no such
//! rule. It must never be consulted for anything but a cookie: a page opened from disk has to work with a token.

use axum::http::Uri;

use crate::config::CorsConfig;

/// Whether `origin` may use the cookies of `host`: it is the same host, that of `PUBLIC_URL`, or allowed by `CORS_*`.
/// `null` and what is no origin never may.
#[must_use]
pub fn is_allowed(origin: &str, host: Option<&str>, public_url: &str, cors: &CorsConfig) -> bool {
    let Some(parsed) = Origin::parse(origin) else { return false };
    let same_host = host.and_then(|host| parsed.with_host_of(host)).is_some_and(|own| own == parsed);
    same_host || Origin::parse(public_url).is_some_and(|public| public == parsed) || (cors.enabled && cors.origin.allows(origin))
}

/// Scheme, host and port; the scheme's own port is left out.
#[derive(Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let uri = text.parse::<Uri>().ok()?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@') && !authority.host().is_empty())?;
        Some(Self::new(uri.scheme_str()?, authority))
    }

    /// The origin of `host` under this scheme: schemes are not compared, since a proxy may speak TLS for us.
    fn with_host_of(&self, host: &str) -> Option<Self> {
        Some(Self::new(&self.scheme, &host.parse().ok()?))
    }

    fn new(scheme: &str, authority: &axum::http::uri::Authority) -> Self {
        let scheme = scheme.to_ascii_lowercase();
        let default = match scheme.as_str() {
            "http" | "ws" => Some(80),
            "https" | "wss" => Some(443),
            _ => None,
        };
        Self { port: authority.port_u16().filter(|port| Some(*port) != default), host: authority.host().to_ascii_lowercase(), scheme }
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;
    use crate::config::{CorsOrigin, OriginPattern};

    fn cors(enabled: bool, origin: CorsOrigin) -> CorsConfig {
        CorsConfig {
            enabled,
            origin,
            methods: String::new(),
            allowed_headers: String::new(),
            exposed_headers: String::new(),
            credentials: true,
            max_age: 0,
        }
    }

    #[test]
    fn hosts_are_compared_without_scheme() {
        let check = |origin: &str, host: &str, expect: bool| {
            let allowed = is_allowed(origin, Some(host), "/", &cors(false, CorsOrigin::Nobody));
            assert_eq!(allowed, expect, "{origin} at {host}");
        };
        check("http://127.0.0.1:8055", "127.0.0.1:8055", true);
        check("https://127.0.0.1:8055", "127.0.0.1:8055", true);
        check("https://App.example", "app.example", true);
        check("https://app.example", "app.example:443", true);
        check("http://app.example", "app.example:443", false);
        check("http://[::1]:80", "[::1]", true);
        check("https://evil.example", "app.example", false);
        check("https://app.example.evil.example", "app.example", false);
        check("https://app.example@evil.example", "evil.example", false);
        check("null", "null", false);
        check("file://", "", false);
        check("", "", false);
        check("*", "*", false);
        check("app.example", "app.example", false);
    }

    #[test]
    fn the_public_url_is_compared_whole() {
        let check = |origin: &str, expect: bool| {
            let allowed = is_allowed(origin, Some("inner:8055"), "https://cms.example.com/admin", &cors(false, CorsOrigin::Nobody));
            assert_eq!(allowed, expect, "{origin}");
        };
        check("https://cms.example.com", true);
        check("https://cms.example.com:443", true);
        check("http://cms.example.com", false);
        check("https://cms.example.com:8443", false);
    }

    #[test]
    fn cors_allows_more_when_it_is_enabled() {
        let pattern = || CorsOrigin::List(vec![OriginPattern::Pattern(Regex::new("\\.a\\.example$").unwrap())]);
        let star = || CorsOrigin::List(vec![OriginPattern::Exact("*".into())]);
        let check =
            |origin: &str, cors: &CorsConfig, expect: bool| assert_eq!(is_allowed(origin, Some("x"), "/", cors), expect, "{origin}");
        check("https://x.a.example", &cors(true, pattern()), true);
        check("https://b.example", &cors(true, pattern()), false);
        check("https://x.a.example", &cors(false, pattern()), false);
        check("https://b.example", &cors(true, CorsOrigin::Anybody), true);
        check("null", &cors(true, CorsOrigin::Anybody), false);
        check("https://b.example", &cors(true, star()), false);
    }
}
