//! The signed statement of the JWT bearer flow: who logs in, for whom, until when. Source:
//! Salesforce Help, "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration".

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use url::Url;

use super::host::is_loopback;

/// Salesforce takes at most a few minutes.
const LIFETIME: SignedDuration = SignedDuration::from_mins(3);

/// The private key whose certificate the External Client App holds.
#[derive(Clone)]
pub struct SigningKey(EncodingKey);

impl SigningKey {
    /// Reads an RSA key in PEM (PKCS#1 or PKCS#8). The error says nothing of the text.
    pub fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let key = EncodingKey::from_rsa_pem(pem)
            .map_err(|_| "it holds no RSA private key in PEM without a passphrase".to_owned())?;
        let key = Self(key);
        // A key that cannot sign would only show at the first login.
        key.sign(&Claims { iss: "", sub: "", aud: "", exp: 0 })
            .map_err(|_| "its key cannot be used to sign".to_owned())?;
        Ok(key)
    }

    fn sign(&self, claims: &Claims<'_>) -> Result<String, jsonwebtoken::errors::Error> {
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), claims, &self.0)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
}

/// The assertion of a login that begins now.
pub(super) fn assertion(
    key: &SigningKey,
    client_id: &str,
    username: &str,
    login: &Url,
) -> Result<String, jsonwebtoken::errors::Error> {
    let exp = (Timestamp::now() + LIFETIME).as_second();
    key.sign(&Claims { iss: client_id, sub: username, aud: &audience(login), exp })
}

/// Salesforce wants the login host of the environment, not the org's own: sandboxes and scratch
/// orgs have another one.
fn audience(login: &Url) -> String {
    let host = login.host_str().unwrap_or_default();
    if is_loopback(login) {
        return login.origin().ascii_serialization();
    }
    let is_test = host == "test.salesforce.com"
        || host.contains(".sandbox.")
        || host.contains(".scratch.")
        || host.contains("--");
    if is_test {
        "https://test.salesforce.com".to_owned()
    } else {
        "https://login.salesforce.com".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_has_another_audience() {
        for (login, expected) in [
            ("https://acme.my.salesforce.com", "https://login.salesforce.com"),
            ("https://login.salesforce.com", "https://login.salesforce.com"),
            ("https://test.salesforce.com", "https://test.salesforce.com"),
            ("https://acme--dev.sandbox.my.salesforce.com", "https://test.salesforce.com"),
            ("https://acme.scratch.my.salesforce.com", "https://test.salesforce.com"),
            ("http://127.0.0.1:8081/x", "http://127.0.0.1:8081"),
        ] {
            assert_eq!(audience(&Url::parse(login).unwrap()), expected);
        }
    }

    #[test]
    fn an_invalid_private_key_is_refused_without_showing_it() {
        let problem = SigningKey::from_pem(
            b"-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
        )
        .unwrap_err();
        assert!(!problem.contains("hunter2"), "{problem}");
    }
}
