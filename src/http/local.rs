//! Who is at home: without API keys, whatever is asked on this machine itself; and which requests a
//! page of another site sent.
//!
//! A browser and a proxy stand on this machine and ask for others. A browser says so in `Origin`
//! and `Sec-Fetch-Site`, and a proxy in the headers that it adds.

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Uri, Version, header};

use crate::domain::excerpt;

/// Why a request is turned away, in words of the log: it is not for this machine by its name.
pub(super) const NOT_LOCAL: &str = "not_at_home";
/// It came through a proxy.
pub(super) const PROXIED: &str = "proxied";
/// A page of another site sent it.
pub(crate) const OTHER_SITE: &str = "other_site";

const FETCH_SITE: &str = "sec-fetch-site";
/// What proxies tell of whom they ask for, beside `X-Forwarded-*`.
const OF_PROXIES: [&str; 7] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
];

/// What shows that a request came through a proxy.
pub(super) fn proxy_of(headers: &HeaderMap, uri: &Uri, version: Version) -> Option<String> {
    let adds = |name: &&HeaderName| {
        OF_PROXIES.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded-")
    };
    if let Some(name) = headers.keys().find(adds) {
        return Some(format!("`{}`", excerpt::word(name.as_str())));
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Some("more than one `Host`".to_owned());
    }
    let is_another = |authority: &str| {
        host.is_some_and(|host| !host.as_bytes().eq_ignore_ascii_case(authority.as_bytes()))
    };
    if uri.authority().is_some_and(|authority| is_another(authority.as_str())) {
        return Some("another host in its first line than in `Host`".to_owned());
    }
    // What nginx speaks unless it is told otherwise, and adds no header.
    (version < Version::HTTP_11).then(|| "HTTP/1.0".to_owned())
}

/// Whether the request is for this machine by its name, and from no page that another one sent.
pub(super) fn is_local(headers: &HeaderMap, uri: &Uri) -> bool {
    let mut hosts = headers
        .get_all(header::HOST)
        .iter()
        .map(|value| value.to_str().unwrap_or("?"))
        .chain(uri.authority().map(Authority::as_str));
    hosts.all(is_loopback_authority)
        && origins(headers).all(|origin| origin.is_some_and(is_loopback_authority))
        && !is_foreign_fetch(headers)
}

/// Whether a page of another site sent the request. A browser that remembers a key sends it along
/// for any page.
pub(crate) fn is_of_another_site(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let is_own = |origin: Option<&str>| {
        origin.is_some() && origin.map(str::to_ascii_lowercase) == host.map(str::to_ascii_lowercase)
    };
    !origins(headers).all(is_own) || is_foreign_fetch(headers)
}

/// The authority of each `Origin`; `None` for one that is none, as `null`.
fn origins(headers: &HeaderMap) -> impl Iterator<Item = Option<&str>> {
    headers.get_all(header::ORIGIN).iter().map(|value| {
        let origin = value.to_str().ok()?;
        origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))
    })
}

/// A browser says where the page is from, or that a person typed the address.
fn is_foreign_fetch(headers: &HeaderMap) -> bool {
    headers
        .get_all(FETCH_SITE)
        .iter()
        .any(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"))
}

/// `localhost:8080`, `127.0.0.1`, `[::1]:8080`.
pub(crate) fn is_loopback_authority(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').unwrap_or_default(),
        None => authority.find(':').map_or((authority, ""), |colon| authority.split_at(colon)),
    };
    let is_port =
        port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    is_port
        && (host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn only_loopback_counts_as_local() {
        for home in
            ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "127.1.2.3", "[::1]:8080", "[::1]"]
        {
            assert!(is_loopback_authority(home), "{home}");
        }
        for away in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "[::2]:80",
            "0.0.0.0",
            "127.1",
            "localhost:x@evil.example",
            "[::1]evil.example",
            "[::1",
            "localhost:",
        ] {
            assert!(!is_loopback_authority(away), "{away}");
        }
    }

    #[test]
    fn headers_that_a_proxy_adds_are_recognised() {
        let uri = |text: &str| text.parse::<Uri>().unwrap();
        for name in ["forwarded", "via", "x-real-ip", "x-forwarded-for", "x-forwarded-of-tomorrow"]
        {
            let shown = proxy_of(
                &headers(&[("host", "localhost"), (name, "")]),
                &uri("/"),
                Version::HTTP_11,
            );
            assert_eq!(shown, Some(format!("`{name}`")));
        }
        let proxied = |pairs: &[(&'static str, &str)], text: &str, version| {
            proxy_of(&headers(pairs), &uri(text), version).is_some()
        };
        assert!(!proxied(&[("host", "localhost")], "/", Version::HTTP_11));
        assert!(proxied(&[("host", "localhost")], "/", Version::HTTP_10));
        assert!(proxied(&[("host", "localhost"), ("host", "localhost")], "/", Version::HTTP_11));
        assert!(proxied(&[("host", "localhost")], "http://evil.example/", Version::HTTP_11));
        assert!(!proxied(&[("host", "LOCALHOST:1")], "http://localhost:1/", Version::HTTP_11));
    }

    #[test]
    fn a_request_from_another_site_is_recognised_by_browser_headers() {
        for (pairs, is_foreign) in [
            (vec![], false),
            (vec![("host", "sync.example"), ("sec-fetch-site", "none")], false),
            (
                vec![
                    ("host", "sync.example"),
                    ("origin", "https://SYNC.example"),
                    ("sec-fetch-site", "same-origin"),
                ],
                false,
            ),
            (vec![("host", "sync.example"), ("origin", "https://evil.example")], true),
            (vec![("host", "sync.example"), ("origin", "null")], true),
            (vec![("origin", "https://sync.example")], true),
            (
                vec![
                    ("host", "sync.example"),
                    ("origin", "https://sync.example"),
                    ("origin", "https://evil.example"),
                ],
                true,
            ),
            (vec![("host", "sync.example"), ("sec-fetch-site", "same-site")], true),
            (vec![("host", "sync.example"), ("sec-fetch-site", "cross-site")], true),
            (vec![("host", "sync.example"), ("sec-fetch-site", "of-tomorrow")], true),
        ] {
            assert_eq!(is_of_another_site(&headers(&pairs)), is_foreign, "{pairs:?}");
        }
    }
}
