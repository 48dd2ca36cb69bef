//! Where a request comes from: address, user agent, origin, and the host that it was sent to.
//!
//! It must never believe a forwarding header of a peer that is not trusted: policies are bound to addresses, and the
//! Origin rule to the host.

use std::iter;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use access::accountability::ClientOrigin;
use axum::extract::ConnectInfo;
use axum::http::header::{AsHeaderName, HOST, HeaderMap, ORIGIN, USER_AGENT};
use axum::http::request::Parts;

use crate::config::{ProxyTrust, TrustedProxies};

/// How much of a user agent is kept.
const USER_AGENT_MAX: usize = 1024;
/// How much of an origin is kept, for as long as the connection lives: what its column holds.
const ORIGIN_MAX: usize = 255;
const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_HOST: &str = "x-forwarded-host";

/// What is remembered of a request. The address is unknown where the listener did not say who the peer is.
#[must_use]
pub fn of(parts: &Parts, proxy: &ProxyTrust) -> Arc<ClientOrigin> {
    let user_agent = parts.headers.get(USER_AGENT).map(|value| latin1(value.as_bytes()).chars().take(USER_AGENT_MAX).collect());
    let origin = header(&parts.headers, ORIGIN).map(|origin| origin.chars().take(ORIGIN_MAX).collect());
    Arc::new(ClientOrigin { ip: address(peer(parts), &parts.headers, proxy), user_agent, origin })
}

/// The host that the client asked for: the first forwarded one where the peer is trusted, else `Host`.
#[must_use]
pub fn host<'a>(parts: &'a Parts, proxy: &ProxyTrust) -> Option<&'a str> {
    let forwarded = header(&parts.headers, FORWARDED_HOST).filter(|_| peer(parts).is_some_and(|peer| trusts(&proxy.trust, peer, 0)));
    let first = forwarded.and_then(|hosts| hosts.split(',').next()).map(str::trim).filter(|host| !host.is_empty());
    first.or_else(|| header(&parts.headers, HOST)).or_else(|| parts.uri.authority().map(axum::http::uri::Authority::as_str))
}

fn peer(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical())
}

/// The nearest address that is not a trusted proxy, counted from the peer; the farthest if all are.
fn address(peer: Option<IpAddr>, headers: &HeaderMap, proxy: &ProxyTrust) -> Option<IpAddr> {
    let custom = proxy.custom_header.as_deref().and_then(|name| header(headers, name)).and_then(parse);
    if custom.is_some() {
        return custom;
    }
    let mut chain = iter::once(peer).chain(forwarded(headers)).enumerate().peekable();
    while let Some((hop, address)) = chain.next() {
        // An entry that is no address cannot be trusted, and whatever stands before it was written by it.
        let trusted = address.is_some_and(|address| trusts(&proxy.trust, address, hop));
        if !trusted || chain.peek().is_none() {
            return address;
        }
    }
    None
}

/// The entries of `X-Forwarded-For`, nearest first; `None` for what is no address.
fn forwarded(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> + '_ {
    let lists = headers.get_all(FORWARDED_FOR).into_iter().rev();
    lists.flat_map(|list| list.to_str().unwrap_or("?").rsplit(',').map(parse))
}

/// An address, with or without port and brackets; IPv4 in IPv6 form is IPv4.
fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = || text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text).parse::<IpAddr>().ok();
    bare().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip())).map(|address| address.to_canonical())
}

/// Whether the address that is `hop` steps away is one of our proxies.
fn trusts(trusted: &TrustedProxies, address: IpAddr, hop: usize) -> bool {
    match trusted {
        TrustedProxies::Nobody => false,
        TrustedProxies::Everybody => true,
        TrustedProxies::Hops(hops) => hop < *hops,
        TrustedProxies::Networks(networks) => networks.iter().any(|network| network.contains(&address)),
    }
}

fn header(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Header bytes as Node reads them: one character per byte.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn parts(peer: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri("/websocket");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        parts
    }

    fn trust(trust: TrustedProxies) -> ProxyTrust {
        ProxyTrust { trust, custom_header: None }
    }

    fn networks(list: &[&str]) -> TrustedProxies {
        TrustedProxies::Networks(list.iter().map(|network| network.parse().unwrap()).collect())
    }

    #[test]
    fn the_first_untrusted_hop_is_the_client() {
        let check = |trusted: TrustedProxies, forwarded: &str, expect: Option<&str>| {
            let ip = of(&parts("127.0.0.1", &[("x-forwarded-for", forwarded)]), &trust(trusted)).ip;
            assert_eq!(ip, expect.map(|ip| ip.parse().unwrap()), "{forwarded}");
        };
        check(TrustedProxies::Nobody, "10.9.9.9", Some("127.0.0.1"));
        check(TrustedProxies::Everybody, "10.9.9.9", Some("10.9.9.9"));
        check(TrustedProxies::Everybody, "1.1.1.1, 2.2.2.2,3.3.3.3", Some("1.1.1.1"));
        check(TrustedProxies::Hops(0), "1.1.1.1", Some("127.0.0.1"));
        check(TrustedProxies::Hops(1), "1.1.1.1, 2.2.2.2", Some("2.2.2.2"));
        check(TrustedProxies::Hops(2), "1.1.1.1, 2.2.2.2", Some("1.1.1.1"));
        check(TrustedProxies::Hops(9), "1.1.1.1, 2.2.2.2", Some("1.1.1.1"));
        check(networks(&["127.0.0.0/8", "10.0.0.0/8"]), "6.6.6.6, 1.1.1.1, 10.0.0.1", Some("1.1.1.1"));
        check(networks(&["10.0.0.0/8"]), "1.1.1.1", Some("127.0.0.1"));
        check(networks(&["127.0.0.1/32"]), "6.6.6.6, garbage", None);
        check(TrustedProxies::Everybody, "::ffff:1.2.3.4", Some("1.2.3.4"));
        check(TrustedProxies::Everybody, "1.2.3.4:5678", Some("1.2.3.4"));
        check(TrustedProxies::Everybody, "[2001:db8::1]:443", Some("2001:db8::1"));
        check(TrustedProxies::Everybody, "[2001:db8::1]", Some("2001:db8::1"));
    }

    #[test]
    fn repeated_headers_are_one_list() {
        let parts = parts("127.0.0.1", &[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2")]);
        assert_eq!(of(&parts, &trust(TrustedProxies::Hops(1))).ip, Some("2.2.2.2".parse().unwrap()));
        assert_eq!(of(&parts, &trust(TrustedProxies::Everybody)).ip, Some("1.1.1.1".parse().unwrap()));
    }

    #[test]
    fn a_custom_header_counts_when_it_holds_an_address() {
        let proxy = ProxyTrust { trust: TrustedProxies::Nobody, custom_header: Some("cf-connecting-ip".into()) };
        assert_eq!(of(&parts("127.0.0.1", &[("cf-connecting-ip", "9.9.9.9")]), &proxy).ip, Some("9.9.9.9".parse().unwrap()));
        assert_eq!(of(&parts("::ffff:127.0.0.1", &[("cf-connecting-ip", "x")]), &proxy).ip, Some("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn the_forwarded_host_needs_a_trusted_peer() {
        let parts = parts("10.0.0.1", &[("host", "inner:8055"), ("x-forwarded-host", "front.example, x")]);
        assert_eq!(host(&parts, &trust(TrustedProxies::Nobody)), Some("inner:8055"));
        assert_eq!(host(&parts, &trust(networks(&["127.0.0.0/8"]))), Some("inner:8055"));
        for trusted in [TrustedProxies::Everybody, TrustedProxies::Hops(1), networks(&["10.0.0.0/8"])] {
            assert_eq!(host(&parts, &trust(trusted)), Some("front.example"));
        }
    }

    #[test]
    fn long_agents_are_cut() {
        let client = of(&parts("127.0.0.1", &[("user-agent", &"x".repeat(5000)), ("origin", "null")]), &ProxyTrust::default());
        assert_eq!(client.user_agent.as_ref().map(String::len), Some(1024));
        assert_eq!(client.origin.as_deref(), Some("null"));
        let client = of(&parts("127.0.0.1", &[("origin", &"o".repeat(60_000))]), &ProxyTrust::default());
        assert_eq!(client.origin.as_ref().map(String::len), Some(255));
    }
}
