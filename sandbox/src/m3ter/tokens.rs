//! `POST /oauth/token`: HTTP Basic, client credentials as JSON or form, several tokens valid at
//! once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::refusal::{Refusal, bad_request};
use crate::control::Control;
use crate::vendor::VendorRequest;

/// The documented lifetime of a token, in seconds.
const LIFETIME_SECONDS: u64 = 18_000;

/// The issued tokens with the moment of their end.
#[derive(Debug, Default)]
pub(super) struct Tokens(HashMap<String, Instant>);

impl Tokens {
    pub(super) fn issue(
        &mut self,
        request: &VendorRequest,
        control: &Control,
    ) -> Result<Json, Refusal> {
        let given =
            request.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let pair = given
            .and_then(|value| value.strip_prefix("Basic "))
            .and_then(|encoded| BASE64_STANDARD.decode(encoded).ok());
        let pair = pair.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let (key, secret) = pair.split_once(':').unwrap_or_default();
        if !control.knows(key, secret).1 {
            return Err((StatusCode::UNAUTHORIZED, "The access key or secret is wrong".to_owned()));
        }
        if grant_type(&request.body).as_deref() != Some("client_credentials") {
            return Err(bad_request("grant_type must be client_credentials"));
        }
        let token = format!("sandbox-{}", Uuid::new_v4());
        self.0.insert(token.clone(), Instant::now() + Duration::from_secs(LIFETIME_SECONDS));
        Ok(
            json!({ "access_token": token, "expires_in": LIFETIME_SECONDS, "token_type": "Bearer", "scope": "" }),
        )
    }

    /// Whether the request carries a token that is still valid.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        match token.and_then(|token| self.0.get(token)) {
            Some(end) if *end > Instant::now() => Ok(()),
            _ => {
                Err((StatusCode::FORBIDDEN, "The token is missing, unknown or expired".to_owned()))
            }
        }
    }

    pub(super) fn expire(&mut self) {
        self.0.clear();
    }
}

fn grant_type(body: &[u8]) -> Option<String> {
    match serde_json::from_slice::<Json>(body) {
        Ok(json) => json.get("grant_type")?.as_str().map(ToOwned::to_owned),
        Err(_) => url::form_urlencoded::parse(body)
            .find(|(name, _)| name == "grant_type")
            .map(|(_, value)| value.into_owned()),
    }
}
