//! `/services/oauth2/`: client credentials by HTTP Basic or in the body, JWT bearer, tokens without
//! a stated end.

use std::collections::HashSet;

use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::answer::Answer;
use super::identity::{INTEGRATION_USER, INTEGRATION_USERNAME, ORGANIZATION};
use crate::CREDENTIAL;
use crate::control::Control;
use crate::vendor::VendorRequest;

/// What a login depends on.
pub(super) struct Site<'a> {
    pub(super) base_url: &'a str,
    pub(super) instance_url: &'a str,
    pub(super) public_key: Option<&'a str>,
    pub(super) control: &'a Control,
}

/// The claims of an assertion that count.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: i64,
}

/// How far ahead an assertion may end.
const MAX_ASSERTION_SECONDS: i64 = 5 * 60;

/// Whether an assertion lets its bearer in, or Salesforce's words against it.
fn check_assertion(assertion: &str, site: &Site<'_>) -> Result<(), &'static str> {
    let key = site
        .public_key
        .and_then(|pem| DecodingKey::from_rsa_pem(pem.as_bytes()).ok())
        .ok_or("user hasn't approved this consumer")?;
    // What the claims say is looked at here, so that each fault has its own words.
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<Claims>(assertion, &key, &validation)
        .map_err(|_| "invalid assertion")?
        .claims;
    let left = claims.exp - site.control.now().as_second();
    if claims.iss != CREDENTIAL {
        Err("client identifier invalid")
    } else if claims.sub != INTEGRATION_USERNAME {
        Err("user hasn't approved this consumer")
    } else if ![site.base_url, "https://login.salesforce.com", "https://test.salesforce.com"]
        .contains(&claims.aud.as_str())
    {
        Err("audience is invalid")
    } else if !(0..=MAX_ASSERTION_SECONDS).contains(&left) {
        Err("expired authorization code")
    } else {
        Ok(())
    }
}

/// The sessions that are open.
#[derive(Debug, Default)]
pub(super) struct Tokens(HashSet<String>);

impl Tokens {
    /// Answers a login. Errors have a shape of their own here: an object with `error` and
    /// `error_description`.
    pub(super) fn issue(&mut self, request: &VendorRequest, site: &Site<'_>) -> Answer {
        let form: Vec<(String, String)> =
            url::form_urlencoded::parse(&request.body).into_owned().collect();
        let field = |name: &str| {
            form.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
        };
        match field("grant_type") {
            Some("client_credentials") => {}
            Some("urn:ietf:params:oauth:grant-type:jwt-bearer") => {
                return match check_assertion(field("assertion").unwrap_or_default(), site) {
                    Ok(()) => self.open(site),
                    Err(why) => refuse(StatusCode::BAD_REQUEST, "invalid_grant", why),
                };
            }
            Some(_) => {
                return refuse(
                    StatusCode::BAD_REQUEST,
                    "unsupported_grant_type",
                    "grant type not supported",
                );
            }
            None => {
                return refuse(
                    StatusCode::BAD_REQUEST,
                    "invalid_request",
                    "missing required grant_type",
                );
            }
        }
        let basic = request
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Basic "));
        let basic = basic
            .and_then(|encoded| BASE64_STANDARD.decode(encoded).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let (id, secret) = match &basic {
            Some(pair) => pair.split_once(':').unwrap_or_default(),
            None => {
                (field("client_id").unwrap_or_default(), field("client_secret").unwrap_or_default())
            }
        };
        let (is_known, is_right) = site.control.knows(id, secret);
        if !is_known {
            return refuse(
                StatusCode::BAD_REQUEST,
                "invalid_client_id",
                "client identifier invalid",
            );
        }
        if !is_right {
            return refuse(StatusCode::BAD_REQUEST, "invalid_client", "invalid client credentials");
        }
        self.open(site)
    }

    fn open(&mut self, site: &Site<'_>) -> Answer {
        let Site { base_url, instance_url, .. } = site;
        let token = format!("{}!{}", &ORGANIZATION[..15], Uuid::new_v4().simple());
        self.0.insert(token.clone());
        Answer::ok(json!({
            "access_token": token, "instance_url": instance_url, "id": format!("{base_url}/id/{ORGANIZATION}/{INTEGRATION_USER}"),
            "token_type": "Bearer", "issued_at": Timestamp::now().as_millisecond().to_string(), "signature": "c2FuZGJveA==", "scope": "api",
        }))
    }

    pub(super) fn revoke(&mut self, request: &VendorRequest) -> Answer {
        if let Some((_, token)) =
            url::form_urlencoded::parse(&request.body).find(|(name, _)| name == "token")
        {
            self.0.remove(token.as_ref());
        }
        Answer { status: StatusCode::OK, body: None }
    }

    /// Whether the request belongs to an open session.
    pub(super) fn is_open(&self, headers: &HeaderMap) -> bool {
        session(headers).is_some_and(|token| self.has(token))
    }

    /// Whether the session of this token is open.
    pub(super) fn has(&self, token: &str) -> bool {
        self.0.contains(token)
    }

    pub(super) fn expire(&mut self) {
        self.0.clear();
    }
}

/// The token that a request carries.
pub(super) fn session(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("OAuth "))
}

fn refuse(status: StatusCode, error: &str, description: &str) -> Answer {
    let body: Json = json!({ "error": error, "error_description": description });
    Answer { status, body: Some(body) }
}
