//! The opening handshake of RFC 6455 §4.2: what has to be right, and the reply.
//!
//! It must never negotiate an extension: frames go out as they were encoded, once for everybody.

use axum::body::Body;
use axum::http::header::{
    CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING,
    UPGRADE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, PAD, STANDARD};
use sha1::{Digest as _, Sha1};

use super::explained;

/// RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The last character of a nonce has bits to spare; what a client leaves in them is nobody's business, as observed.
const LENIENT: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PAD.with_decode_allow_trailing_bits(true));
/// The length of a nonce, decoded.
const NONCE: usize = 16;
/// Subprotocols that one request may offer.
const PROTOCOLS: usize = 32;

/// What is wrong with a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::http) enum HandshakeFault {
    /// Not GET.
    #[error("Invalid HTTP method")]
    Method,
    /// Another protocol than `websocket`.
    #[error("Invalid Upgrade header")]
    Upgrade,
    /// There is a body in front of the frames, which is how requests are smuggled past a proxy.
    #[error("An upgrade request has no body")]
    Body,
    /// No nonce.
    #[error("Missing or invalid Sec-WebSocket-Key header")]
    Key,
    /// Neither 13 nor 8.
    #[error("Missing or invalid Sec-WebSocket-Version header")]
    Version,
    /// The list of subprotocols is no list.
    #[error("Invalid Sec-WebSocket-Protocol header")]
    Protocol,
    /// `?batch=` is no time that messages may wait for each other.
    #[error("Invalid batch")]
    Batch,
}

/// A handshake without fault.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    accept: String,
    /// The first that the client offered.
    protocol: Option<HeaderValue>,
}

impl Accepted {
    /// Checks a request, in the order of the faults.
    pub(super) fn check(parts: &Parts) -> Result<Self, HandshakeFault> {
        let headers = &parts.headers;
        if parts.method != Method::GET {
            return Err(HandshakeFault::Method);
        }
        // RFC 6455 §4.2.1: HTTP/1.1 or higher; HTTP/1.0 knows no upgrade.
        let upgradable = parts.version == Version::HTTP_11;
        if !upgradable || !single(headers, &UPGRADE).is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket")) {
            return Err(HandshakeFault::Upgrade);
        }
        if headers.contains_key(TRANSFER_ENCODING) || headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0") {
            return Err(HandshakeFault::Body);
        }
        let key = single(headers, &SEC_WEBSOCKET_KEY).filter(|key| is_nonce(key)).ok_or(HandshakeFault::Key)?;
        if !matches!(single(headers, &SEC_WEBSOCKET_VERSION), Some("13" | "8")) {
            return Err(HandshakeFault::Version);
        }
        let protocol = first_protocol(headers)?;
        let accept = STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize());
        Ok(Self { accept, protocol })
    }

    /// 101, with exactly the headers that the handshake needs.
    pub(super) fn reply(&self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        if let Ok(accept) = HeaderValue::from_str(&self.accept) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        if let Some(protocol) = &self.protocol {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol.clone());
        }
        response
    }
}

impl HandshakeFault {
    pub(super) fn reply(self) -> Response<Body> {
        let (status, text) = match self {
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "Invalid HTTP method"),
            Self::Upgrade => (StatusCode::BAD_REQUEST, "Invalid Upgrade header"),
            Self::Body => (StatusCode::BAD_REQUEST, "An upgrade request has no body"),
            Self::Key => (StatusCode::BAD_REQUEST, "Missing or invalid Sec-WebSocket-Key header"),
            Self::Version => (StatusCode::BAD_REQUEST, "Missing or invalid Sec-WebSocket-Version header"),
            Self::Protocol => (StatusCode::BAD_REQUEST, "Invalid Sec-WebSocket-Protocol header"),
            Self::Batch => (StatusCode::BAD_REQUEST, "Invalid batch"),
        };
        let mut response = explained(status, text);
        if self == Self::Version {
            response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13, 8"));
        }
        response
    }
}

/// The value of a header that stands there once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).into_iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value.trim())
}

fn is_nonce(key: &str) -> bool {
    LENIENT.decode(key).is_ok_and(|nonce| nonce.len() == NONCE)
}

/// The first of the offered subprotocols. The list has to be one: tokens, each once.
fn first_protocol(headers: &HeaderMap) -> Result<Option<HeaderValue>, HandshakeFault> {
    let mut offered: Vec<&str> = Vec::new();
    for value in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        for protocol in value.to_str().map_err(|_| HandshakeFault::Protocol)?.split(',') {
            let protocol = protocol.trim_matches([' ', '\t']);
            // Each is compared with all before it: ten thousand would keep a processor busy for whoever asks.
            if offered.len() >= PROTOCOLS || !is_token(protocol) || offered.contains(&protocol) {
                return Err(HandshakeFault::Protocol);
            }
            offered.push(protocol);
        }
    }
    offered.first().map(|first| HeaderValue::from_str(first).map_err(|_| HandshakeFault::Protocol)).transpose()
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn check(method: &str, change: &[(&str, Option<&str>)]) -> Result<Accepted, HandshakeFault> {
        let mut headers = vec![
            ("upgrade", Some("WebSocket")),
            ("sec-websocket-key", Some("dGhlIHNhbXBsZSBub25jZQ==")),
            ("sec-websocket-version", Some("13")),
        ];
        headers.retain(|(name, _)| !change.iter().any(|(other, _)| name == other));
        headers.extend_from_slice(change);
        let mut request = Request::builder().method(method).uri("/websocket");
        for (name, value) in headers {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        Accepted::check(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn the_reply_is_that_of_the_rfc() {
        let reply = check("GET", &[("sec-websocket-protocol", Some("chat, superchat"))]).unwrap().reply();
        assert_eq!(reply.status(), 101);
        let headers: Vec<_> = reply.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(
            headers,
            [
                ("upgrade", "websocket"),
                ("connection", "Upgrade"),
                ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
                ("sec-websocket-protocol", "chat"),
            ]
        );
        assert_eq!(check("GET", &[("sec-websocket-version", Some("8"))]).unwrap().protocol, None);
    }

    #[test]
    fn faults_come_in_order() {
        let fault = |method: &str, change: &[(&str, Option<&str>)]| check(method, change).unwrap_err();
        assert_eq!(fault("POST", &[("upgrade", None)]), HandshakeFault::Method);
        assert_eq!(fault("GET", &[("upgrade", Some("h2c")), ("sec-websocket-key", None)]), HandshakeFault::Upgrade);
        assert_eq!(fault("GET", &[("content-length", Some("5")), ("sec-websocket-key", None)]), HandshakeFault::Body);
        assert_eq!(fault("GET", &[("transfer-encoding", Some("chunked"))]), HandshakeFault::Body);
        assert!(check("GET", &[("content-length", Some("0"))]).is_ok());
        for key in [None, Some(""), Some("abc"), Some("dGhlIHNhbXBsZSBub25jZQ"), Some("dGhlIHNhbXBsZSBub25jZTE=")] {
            assert_eq!(fault("GET", &[("sec-websocket-key", key), ("sec-websocket-version", None)]), HandshakeFault::Key, "{key:?}");
        }
        for version in [None, Some("7"), Some("13, 8"), Some("")] {
            assert_eq!(fault("GET", &[("sec-websocket-version", version)]), HandshakeFault::Version);
        }
        let many = |count: usize| (0..count).map(|number| format!("p{number}")).collect::<Vec<_>>().join(",");
        assert!(check("GET", &[("sec-websocket-protocol", Some(&many(PROTOCOLS)))]).is_ok());
        assert_eq!(fault("GET", &[("sec-websocket-protocol", Some(&many(PROTOCOLS + 1)))]), HandshakeFault::Protocol);
        for list in ["", "a,,b", "a,a", "a b", "a,", "(a)"] {
            assert_eq!(fault("GET", &[("sec-websocket-protocol", Some(list))]), HandshakeFault::Protocol, "{list:?}");
        }
    }

    #[test]
    fn faults_are_explained() {
        for (fault, status) in [(HandshakeFault::Method, 405), (HandshakeFault::Upgrade, 400), (HandshakeFault::Version, 400)] {
            let reply = fault.reply();
            assert_eq!(reply.status(), status);
            assert_eq!(reply.headers()["connection"], "close");
            assert_eq!(reply.headers()["content-type"], "text/html");
            assert_eq!(reply.headers().contains_key("sec-websocket-version"), fault == HandshakeFault::Version);
        }
    }
}
