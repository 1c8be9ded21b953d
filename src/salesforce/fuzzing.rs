//! What the bytes of Salesforce's answers mean, for `fuzz/` and the test that replays its corpus.
//!
//! The functions are those of the client. Nothing of the service uses this.

use serde_json::Value as Json;
use url::Url;

use super::{Config, Credentials, access, describe, login, query, refusal, update};
use crate::domain::ids::SalesforceId;
use crate::domain::org_schema::SObject;
use crate::transport::{CalloutErrorKind, Token, meaning, read_body};

/// Any answer: its body, or what went wrong.
pub fn answer(status: u16, bytes: &[u8]) -> Result<Json, CalloutErrorKind> {
    meaning(refusal::read, status, read_body(bytes))
}

/// The answer of a login at `login_url`, of the org `org_id` where that is pinned.
pub fn token(body: &Json, login_url: &Url, org_id: Option<&SalesforceId>) -> Result<Token, String> {
    let config = Config {
        login_url: login_url.clone(),
        client_id: String::new(),
        credentials: Credentials::ClientSecret(String::new().into()),
        org_id: org_id.cloned(),
        api_version: String::new(),
    };
    login::read_token(body, &config)
}

/// A page of a query, and the cursor of the next one.
pub fn page(body: Json) -> Result<query::Page, &'static str> {
    query::read_page(body)
}

/// The answer within a composite answer.
pub fn composite(body: Json) -> Result<Json, CalloutErrorKind> {
    query::read_composite(body)
}

/// What became of each of so many updated records.
pub fn outcomes(body: &Json, records: usize) -> Option<Vec<update::UpdateOutcome>> {
    update::read_outcomes(body, records)
}

/// A describe.
pub fn described(body: &Json) -> Option<SObject> {
    describe::read_describe(body)
}

/// The query for the object of a key prefix.
pub fn key_prefix_query(prefix: &str) -> String {
    access::key_prefix_query(prefix)
}
