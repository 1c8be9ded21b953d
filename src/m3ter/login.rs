//! `POST /oauth/token`: client credentials of a service user. Source: m3ter API reference,
//! Authentication.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::address::below;
use super::config::Config;
use crate::secret::ReadSecrets;
use crate::transport::{Answer, Budget, CalloutError, CalloutErrorKind, Token, Transport, Vendor};

pub(super) const OPERATION: &str = "GenerateToken";
/// A token is replaced this long before its end, so that none ends on its way.
const MARGIN: Duration = Duration::from_mins(5);
/// A token that is said to live longer is replaced all the same.
const MAX_LIFETIME: Duration = Duration::from_hours(24);

pub(super) async fn fetch_token(
    transport: &Transport,
    config: &Config,
    shown: &ReadSecrets,
    budget: &Budget,
) -> Result<Token, CalloutError> {
    let url = below(&config.base_url, &["oauth", "token"]);
    let request = || {
        let request = transport.http().post(url.clone());
        request
            .basic_auth(shown.expose(0), Some(shown.expose(1)))
            .json(&json!({ "grant_type": "client_credentials" }))
    };
    let Answer { body, .. } =
        transport.send_login(OPERATION, budget, request).await.map_err(refused)?;
    read_token(&body).ok_or_else(no_token)
}

/// The token in the answer of a login.
pub(super) fn read_token(body: &Json) -> Option<Token> {
    let header = body.get("access_token").and_then(Json::as_str).and_then(Token::bearer)?;
    let lifetime = Duration::from_secs(body.get("expires_in").and_then(Json::as_u64).unwrap_or(0))
        .min(MAX_LIFETIME);
    // A lifetime shorter than the margin is halved instead: a token that is replaced at once would
    // never be used.
    let renew_in = lifetime.checked_sub(MARGIN).unwrap_or(lifetime / 2);
    Some(Token {
        header,
        renew_at: Some(Instant::now() + renew_in),
        instance_url: None,
        organization_id: None,
        user_id: None,
    })
}

fn no_token() -> CalloutError {
    let kind =
        CalloutErrorKind::AuthFailed { message: "the answer holds no access token".to_owned() };
    CalloutError {
        vendor: Vendor::M3ter,
        operation: OPERATION,
        attempts: 1,
        elapsed: Duration::ZERO,
        kind,
    }
}

/// Whatever a login is refused for is a matter of the credentials.
fn refused(mut error: CalloutError) -> CalloutError {
    if let CalloutErrorKind::Refused(refusal) = &error.kind {
        error.kind = CalloutErrorKind::AuthFailed { message: refusal.message.clone() };
    }
    error
}
