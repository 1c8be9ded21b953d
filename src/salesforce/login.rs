//! `POST /services/oauth2/token`: client credentials or JWT bearer. Source: Salesforce Help, "OAuth
//! 2.0 Client Credentials Flow" and "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration".

use std::time::Duration;

use serde_json::Value as Json;
use url::Url;

use super::answer::text;
use super::assertion::{SigningKey, assertion};
use super::config::{Config, Credentials};
use super::host::trusted_instance;
use crate::domain::excerpt as beginning;
use crate::domain::ids::SalesforceId;
use crate::secret::ReadSecrets;
use crate::transport::{Answer, Budget, CalloutError, CalloutErrorKind, Token, Transport, Vendor};

pub(super) const OPERATION: &str = "Token";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Salesforce names no end of a token: it is kept until it is refused.
pub(super) async fn fetch_token(
    transport: &Transport,
    config: &Config,
    shown: &ReadSecrets,
    budget: &Budget,
) -> Result<Token, CalloutError> {
    let mut url = config.login_url.clone();
    url.set_path("/services/oauth2/token");
    let answer = match &config.credentials {
        Credentials::ClientSecret(_) => {
            let request = || {
                let request = transport
                    .http()
                    .post(url.clone())
                    .basic_auth(&config.client_id, Some(shown.expose(0)));
                request.form(&[("grant_type", "client_credentials")])
            };
            transport.send_login(OPERATION, budget, request).await
        }
        Credentials::SignedAssertion { username, .. } => {
            let key = SigningKey::from_pem(shown.expose(0).as_bytes())
                .map_err(|problem| unusable(&format!("the private key: {problem}")))?;
            let assertion = assertion(&key, &config.client_id, username, &config.login_url)
                .map_err(|_| unusable("the assertion could not be signed"))?;
            let request = || {
                transport
                    .http()
                    .post(url.clone())
                    .form(&[("grant_type", JWT_BEARER), ("assertion", assertion.as_str())])
            };
            transport.send_login(OPERATION, budget, request).await
        }
    };
    let Answer { body, .. } = answer.map_err(refused)?;
    read_token(&body, config).map_err(|message| unusable(&message))
}

/// The token in the answer of a login, or why it is not used.
pub(super) fn read_token(body: &Json, config: &Config) -> Result<Token, String> {
    let Some(header) = text(body, "access_token").and_then(Token::bearer) else {
        return Err("the answer holds no access token".to_owned());
    };
    let Some(named) = text(body, "instance_url").and_then(|url| Url::parse(url).ok()) else {
        return Err("the login names no instance".to_owned());
    };
    let Some(instance_url) = trusted_instance(&named, &config.login_url) else {
        let host = beginning::word(named.host_str().unwrap_or("?"));
        return Err(format!(
            "the login names the instance {host}, which is not a host of Salesforce"
        ));
    };
    let (organization_id, user_id) = text(body, "id").map_or((None, None), identity);
    if let Some(pinned) = &config.org_id
        && organization_id.as_ref() != Some(pinned)
    {
        let other = organization_id.map_or_else(
            || "an org that it does not name".to_owned(),
            |id| format!("the org {id}"),
        );
        return Err(format!("the login is one of {other}, and SALESFORCE_ORG_ID is {pinned}"));
    }
    let [organization_id, user_id] =
        [organization_id, user_id].map(|id| id.map(|id| id.to_string()));
    Ok(Token { header, renew_at: None, instance_url: Some(instance_url), organization_id, user_id })
}

/// The org and the user at the end of an identity URL: `https://login.salesforce.com/id/00D…/005…`.
fn identity(url: &str) -> (Option<SalesforceId>, Option<SalesforceId>) {
    let mut ids = url.rsplit('/').map(|id| SalesforceId::parse(id).ok());
    let user = ids.next().flatten();
    (ids.next().flatten(), user)
}

fn unusable(message: &str) -> CalloutError {
    let kind = CalloutErrorKind::AuthFailed { message: message.to_owned() };
    CalloutError {
        vendor: Vendor::Salesforce,
        operation: OPERATION,
        attempts: 1,
        elapsed: Duration::ZERO,
        kind,
    }
}

/// Whatever a login is refused for is a matter of the credentials, and of what they are allowed;
/// unless it passes.
fn refused(mut error: CalloutError) -> CalloutError {
    if let Some(refusal) = error.refusal() {
        error.kind = CalloutErrorKind::AuthFailed { message: refusal.in_words() };
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn org_and_user_are_the_last_parts_of_the_identity_url() {
        let ids = |url: &str| {
            let (org, user) = identity(url);
            (org.map(|id| id.to_string()), user.map(|id| id.to_string()))
        };
        let both = ids("https://login.salesforce.com/id/00D000000000001EAA/005000000000001AAA");
        assert_eq!(
            both,
            (Some("00D000000000001EAA".to_owned()), Some("005000000000001AAA".to_owned()))
        );
        assert_eq!(ids("https://login.salesforce.com/id/x/' OR Id != '"), (None, None));
    }
}
