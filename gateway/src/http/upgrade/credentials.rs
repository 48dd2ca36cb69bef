//! The token that an upgrade request carries.
//!
//! It must never fall through from a credential that is there to another one: what is there has to be good.

use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use crate::http::caller::cookie;

/// The token of a request, and where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Credentials {
    /// There is none.
    None,
    /// `access_token` stands in the query more than once.
    Unusable,
    /// `?access_token=`.
    Query(String),
    /// The session cookie, which browsers send along unasked.
    Cookie(String),
    /// `Authorization: Bearer`.
    Bearer(String),
}

impl Credentials {
    /// The query counts before the cookie, the cookie before the header. An empty one is none.
    pub(super) fn of(parts: &Parts, session_cookie: &str) -> Self {
        let mut in_query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .filter(|(name, _)| name == "access_token")
            .map(|(_, value)| value.into_owned());
        match (in_query.next(), in_query.next()) {
            (Some(_), Some(_)) => return Self::Unusable,
            (Some(token), None) if !token.is_empty() => return Self::Query(token),
            (Some(_) | None, None) | (None, Some(_)) => {}
        }
        if let Some(token) = cookie(parts, session_cookie) {
            return Self::Cookie(token);
        }
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = header.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        bearer.map(|(_, token)| token.trim()).filter(|token| !token.is_empty()).map_or(Self::None, |token| Self::Bearer(token.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[test]
    fn the_first_place_with_a_token_counts() {
        let check = |uri: &str, headers: &[(&str, &str)], expect: Credentials| {
            let mut request = Request::builder().uri(uri);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(Credentials::of(&parts, "sid"), expect, "{uri} {headers:?}");
        };
        let (cookie, bearer) = (("cookie", "a=b; sid=c; sid=d"), ("authorization", "bearer  h"));
        check("/ws", &[], Credentials::None);
        check("/ws?access_token=q%2B1", &[cookie, bearer], Credentials::Query("q+1".into()));
        check("/ws?access_token=", &[cookie, bearer], Credentials::Cookie("c".into()));
        check("/ws?access_token=a&access_token=b", &[cookie], Credentials::Unusable);
        check("/ws?access_token=&access_token=", &[], Credentials::Unusable);
        check("/ws?x=1", &[cookie, bearer], Credentials::Cookie("c".into()));
        check("/ws", &[("cookie", "sid="), bearer], Credentials::Bearer("h".into()));
        check("/ws", &[("cookie", "xsid=c")], Credentials::None);
        check("/ws", &[("authorization", "Basic h")], Credentials::None);
        check("/ws", &[("authorization", "Bearer ")], Credentials::None);
    }
}
