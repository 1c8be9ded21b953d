//! The org: where it is, and how the service logs in.

use std::os::unix::fs::PermissionsExt as _;

use secrecy::ExposeSecret as _;
use url::Url;

use super::variables::Variables;
use crate::domain::ids::SalesforceId;
use crate::salesforce::{Config, Credentials, SigningKey, is_loopback, is_salesforce};
use crate::secret::Secret;

/// `None` with its problems.
pub(super) fn read(variables: &mut Variables<'_>) -> Option<Config> {
    let login_url = login_url(variables);
    let client_id = variables.required("SALESFORCE_CLIENT_ID");
    let credentials = credentials(variables);
    let org_id = org_id(variables);
    let api_version = api_version(variables);
    Some(Config {
        login_url: login_url?,
        client_id: client_id?,
        credentials: credentials?,
        org_id,
        api_version: api_version?,
    })
}

/// The login goes to Salesforce, or to an emulator on this machine.
fn login_url(variables: &mut Variables<'_>) -> Option<Url> {
    let name = "SALESFORCE_LOGIN_URL";
    let text = variables.required(name)?;
    let url = variables.url(name, &text)?;
    if is_salesforce(&url) || is_loopback(&url) {
        return Some(url);
    }
    variables.problem(format!(
        "{name} must be a Salesforce host, such as https://acme.my.salesforce.com"
    ));
    None
}

fn credentials(variables: &mut Variables<'_>) -> Option<Credentials> {
    let has_secret = variables.is_set("SALESFORCE_CLIENT_SECRET")
        || variables.is_set("SALESFORCE_CLIENT_SECRET_FILE");
    let username = variables.optional("SALESFORCE_USERNAME");
    let key_file = variables.optional("SALESFORCE_PRIVATE_KEY_FILE");
    match (has_secret, username, key_file) {
        (true, None, None) => variables
            .secret("SALESFORCE_CLIENT_SECRET", "SALESFORCE_CLIENT_SECRET_FILE")
            .map(Credentials::ClientSecret),
        (false, Some(username), Some(path)) => {
            let key = signing_key(&path);
            let key = variables.noted(key)?;
            Some(Credentials::SignedAssertion { username, key })
        }
        _ => {
            let which = if has_secret { "one of the two, not both" } else { "one of the two" };
            variables.problem(format!(
                "The Salesforce login needs SALESFORCE_CLIENT_SECRET (or SALESFORCE_CLIENT_SECRET_FILE), or SALESFORCE_USERNAME with SALESFORCE_PRIVATE_KEY_FILE; set {which}"
            ));
            None
        }
    }
}

/// The file of a key that can sign.
fn signing_key(path: &str) -> Result<Secret, String> {
    let key = Secret::in_file("SALESFORCE_PRIVATE_KEY_FILE", path.into());
    if std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o044 != 0) {
        tracing::warn!(
            "SALESFORCE_PRIVATE_KEY_FILE `{path}` is readable by others than its owner: `chmod 600` it"
        );
    }
    SigningKey::from_pem(key.read()?.expose_secret().as_bytes())
        .map_err(|problem| format!("SALESFORCE_PRIVATE_KEY_FILE: `{path}`: {problem}"))?;
    Ok(key)
}

fn org_id(variables: &mut Variables<'_>) -> Option<SalesforceId> {
    variables.parsed(
        "SALESFORCE_ORG_ID",
        |text| SalesforceId::parse(text).ok().filter(|id| id.key_prefix() == "00D"),
        "is not an organization ID (00D…, 15 or 18 characters)",
    )
}

fn api_version(variables: &mut Variables<'_>) -> Option<String> {
    let name = "SALESFORCE_API_VERSION";
    if !variables.is_set(name) {
        return Some("60.0".to_owned());
    }
    variables.parsed(
        name,
        |version| is_known_version(version).then(|| version.to_owned()),
        "must be 58.0 or later",
    )
}

fn is_known_version(version: &str) -> bool {
    version.split_once('.').is_some_and(|(major, minor)| {
        major.parse::<u16>().is_ok_and(|major| major >= 58) && minor == "0"
    })
}
