//! `POST /services/oauth2/token`: client credentials. Source: Salesforce Help, "OAuth 2.0 Client Credentials Flow".

use std::time::Duration;

use secrecy::ExposeSecret;
use url::{Host, Url};

use super::{Config, text};
use crate::transport::{Answer, Budget, CalloutError, CalloutErrorKind, Token, Transport, Vendor};

const OPERATION: &str = "Token";

/// Salesforce names no end of a token: it is kept until it is refused.
pub(super) async fn fetch_token(transport: &Transport, config: &Config, budget: &Budget) -> Result<Token, CalloutError> {
    let mut url = config.login_url.clone();
    url.set_path("/services/oauth2/token");
    let request = || {
        let request = transport.http().post(url.clone());
        request.basic_auth(&config.client_id, Some(config.client_secret.expose_secret())).form(&[("grant_type", "client_credentials")])
    };
    let Answer { body, .. } = transport.send_login(OPERATION, budget, request).await.map_err(refused)?;
    let Some(header) = text(&body, "access_token").and_then(Token::bearer) else {
        return Err(unusable("the answer holds no access token"));
    };
    let instance_url = text(&body, "instance_url").and_then(|url| Url::parse(url).ok());
    match instance_url {
        Some(instance_url) if is_trusted(&instance_url, &config.login_url) => {
            let user_id = text(&body, "id").and_then(|id| id.rsplit('/').next()).map(ToOwned::to_owned);
            Ok(Token { header, renew_at: None, instance_url: Some(instance_url), user_id })
        }
        Some(other) => {
            Err(unusable(&format!("the login names the instance {}, which is not a host of Salesforce", other.host_str().unwrap_or("?"))))
        }
        None => Err(unusable("the login names no instance")),
    }
}

/// The token goes to the login's own host, to one of Salesforce's, or, for an emulator, to loopback.
fn is_trusted(instance: &Url, login: &Url) -> bool {
    let is_loopback = |url: &Url| match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if is_loopback(login) {
        return is_loopback(instance);
    }
    let is_salesforce = instance.host_str().is_some_and(|host| host.ends_with(".salesforce.com"));
    instance.scheme() == "https" && (is_salesforce || instance.host() == login.host())
}

fn unusable(message: &str) -> CalloutError {
    let kind = CalloutErrorKind::AuthFailed { message: message.to_owned() };
    CalloutError { vendor: Vendor::Salesforce, operation: OPERATION, attempts: 1, elapsed: Duration::ZERO, kind }
}

/// Whatever a login is refused for is a matter of the credentials.
fn refused(mut error: CalloutError) -> CalloutError {
    if let CalloutErrorKind::Refused(refusal) = &error.kind {
        error.kind = CalloutErrorKind::AuthFailed { message: refusal.message.clone() };
    }
    error
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;

    #[test]
    fn a_token_is_sent_to_salesforce_or_the_login_s_own_host_only() {
        let url = |text: &str| Url::parse(text).unwrap();
        let org = url("https://acme.my.salesforce.com");
        for (instance, login, trusted) in [
            ("https://acme.my.salesforce.com", &org, true),
            ("https://na1.salesforce.com", &org, true),
            ("http://acme.my.salesforce.com", &org, false),
            ("https://salesforce.com.evil.example", &org, false),
            ("https://evilsalesforce.com", &org, false),
            ("http://169.254.169.254", &org, false),
            ("http://127.0.0.1:8081", &org, false),
            ("http://127.0.0.1:8081", &url("http://localhost:8081"), true),
            ("https://acme.my.salesforce.com", &url("http://localhost:8081"), false),
        ] {
            assert_eq!(is_trusted(&url(instance), login), trusted, "{instance} for {login}");
        }
    }

    #[test]
    fn a_user_id_is_the_last_part_of_the_identity_url() {
        let body: Json = serde_json::json!({"id": "https://login.salesforce.com/id/00D000000000001EAA/005000000000001AAA"});
        assert_eq!(text(&body, "id").and_then(|id| id.rsplit('/').next()), Some("005000000000001AAA"));
    }
}
