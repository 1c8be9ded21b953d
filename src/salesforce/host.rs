//! Which hosts are Salesforce's: a token and a query go nowhere else.

use url::{Host, Url};

/// The domains that Salesforce serves orgs under. Source: Salesforce Help, "My Domain URL Formats".
const DOMAINS: [&str; 3] = [".salesforce.com", ".salesforce.mil", ".sfcrmproducts.cn"];

/// Whether the URL is on this machine: an emulator's.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Whether the URL is one of Salesforce's: encrypted, under one of its domains, on the usual port,
/// without credentials.
pub fn is_salesforce(url: &Url) -> bool {
    let is_host = |name: &str| {
        DOMAINS.iter().any(|domain| name.len() > domain.len() && name.ends_with(domain))
    };
    url.scheme() == "https"
        && url.port().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && matches!(url.host(), Some(Host::Domain(name)) if is_host(name))
}

/// The instance that a login names, as far as it may be followed: its origin, if it is
/// Salesforce's, or for an emulator on this machine another port of this machine.
pub(super) fn trusted_instance(instance: &Url, login: &Url) -> Option<Url> {
    let is_trusted =
        if is_loopback(login) { is_loopback(instance) } else { is_salesforce(instance) };
    // A path, a query or credentials in it would become part of every call.
    if is_trusted { Url::parse(&instance.origin().ascii_serialization()).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_to_salesforce_only_or_on_this_machine() {
        let url = |text: &str| Url::parse(text).unwrap();
        let (org, emulator) = (url("https://acme.my.salesforce.com"), url("http://localhost:8081"));
        for (instance, login, trusted) in [
            ("https://acme.my.salesforce.com", &org, Some("https://acme.my.salesforce.com/")),
            (
                "https://na1.salesforce.com/services?a=b#c",
                &org,
                Some("https://na1.salesforce.com/"),
            ),
            ("https://acme.my.salesforce.mil", &org, Some("https://acme.my.salesforce.mil/")),
            ("http://acme.my.salesforce.com", &org, None),
            ("https://acme.my.salesforce.com:8443", &org, None),
            ("https://user:secret@acme.my.salesforce.com", &org, None),
            ("https://salesforce.com.evil.example", &org, None),
            ("https://evilsalesforce.com", &org, None),
            ("https://.salesforce.com.", &org, None),
            ("https://acme.my.salesforce.com.", &org, None),
            ("https://acme.my.salesforce.com@evil.example", &org, None),
            ("http://169.254.169.254", &org, None),
            ("https://169.254.169.254", &org, None),
            ("https://[::ffff:169.254.169.254]", &org, None),
            ("http://127.0.0.1:8081", &org, None),
            ("https://127.0.0.1", &org, None),
            ("file:///etc/passwd", &org, None),
            ("http://127.0.0.1:8081", &emulator, Some("http://127.0.0.1:8081/")),
            ("http://[::1]:8081/x", &emulator, Some("http://[::1]:8081/")),
            ("https://acme.my.salesforce.com", &emulator, None),
            ("http://169.254.169.254", &emulator, None),
        ] {
            let followed = trusted_instance(&url(instance), login);
            assert_eq!(followed.as_ref().map(Url::as_str), trusted, "{instance} for {login}");
        }
    }
}
