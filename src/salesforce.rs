//! The Salesforce REST API: login, queries, describes and collection updates. Source: Salesforce
//! REST API Developer Guide.

mod access;
mod answer;
mod assertion;
pub mod codes;
mod config;
mod describe;
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod login;
mod names;
mod query;
mod record_states;
mod refusal;
mod update;

use serde_json::Value as Json;
use url::Url;

use crate::domain::ids::SalesforceId;
use crate::secret::{Accepted, ReadSecrets};
use crate::transport::{
    Answer, Budget, Call, CalloutError, CalloutErrorKind, Limiter, Recording, Token, TokenCache,
    Transport, Unwrap, Vendor,
};

pub use access::FoundRow;
pub use assertion::SigningKey;
pub use config::{Config, Credentials};
pub use describe::DESCRIBE;
pub use host::{is_loopback, is_salesforce};
pub use names::NamedRecord;
pub use update::{RecordUpdate, RowRefused, UpdateOutcome};

/// The client; a clone shares its connections and token.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Transport,
    config: Config,
    accepted: Accepted,
    recording: Option<Recording>,
}

impl Client {
    /// A client that has not connected yet.
    pub fn new(config: Config) -> Result<Self, reqwest::Error> {
        let transport = Transport::new(
            Vendor::Salesforce,
            &config.login_url,
            Limiter::without_limit(),
            refusal::read,
        )?;
        Ok(Self { transport, config, accepted: Accepted::default(), recording: None })
    }

    /// The same client, which records what it reads.
    #[must_use]
    pub fn recorded(self, recording: &Recording) -> Self {
        Self { recording: Some(recording.clone()), ..self }
    }

    fn record(&self, what: &str, body: impl FnOnce() -> Json) {
        if let Some(recording) = &self.recording {
            recording.note(Vendor::Salesforce, what, body());
        }
    }

    /// Where the org's pages are.
    pub fn address(&self) -> &url::Url {
        &self.config.login_url
    }

    /// What is known about the credentials.
    pub fn tokens(&self) -> &TokenCache {
        self.transport.tokens()
    }

    /// Fetches a token, if there is none.
    pub async fn log_in(&self, budget: &Budget) -> Result<(), CalloutError> {
        self.token(budget).await.map(drop)
    }

    /// The org that the login belongs to; `None` where Salesforce does not name it.
    pub async fn organization(
        &self,
        budget: &Budget,
    ) -> Result<Option<SalesforceId>, CalloutError> {
        Ok(self.token(budget).await?.organization_id.and_then(|id| SalesforceId::parse(&id).ok()))
    }

    async fn token(&self, budget: &Budget) -> Result<Token, CalloutError> {
        self.transport.token(|| self.fetch_token(budget)).await.map_err(with_address)
    }

    async fn fetch_token(&self, budget: &Budget) -> Result<Token, CalloutError> {
        let log_in = |shown: ReadSecrets| async move {
            login::fetch_token(&self.transport, &self.config, &shown, budget).await
        };
        // Apart from the future of each callout that may need it.
        Box::pin(self.transport.log_in_with(
            login::OPERATION,
            &self.accepted,
            self.config.credentials.read(),
            log_in,
        ))
        .await
    }

    /// Logs in with a secret whose file has changed, while the earlier one still serves.
    pub async fn take_in_new_secrets(&self, budget: &Budget) -> bool {
        let log_in = |shown: ReadSecrets| async move {
            login::fetch_token(&self.transport, &self.config, &shown, budget).await
        };
        self.transport
            .take_in_new_secrets(&self.accepted, self.config.credentials.read(), log_in)
            .await
    }

    /// By how many seconds this machine's clock is ahead of Salesforce's, if that matters.
    pub fn clock_ahead_seconds(&self) -> Option<i64> {
        self.transport.clock_ahead_seconds()
    }

    /// Sends a call to a path below the API version (`/query`), on the instance that the login
    /// named.
    async fn send(
        &self,
        call: Call,
        budget: &Budget,
        request: impl Fn(&reqwest::Client, &dyn Fn(&str) -> Url) -> reqwest::RequestBuilder,
    ) -> Result<Answer, CalloutError> {
        self.send_and_unwrap(call, budget, request, Ok).await
    }

    /// The same for an answer that holds another one.
    async fn send_and_unwrap(
        &self,
        call: Call,
        budget: &Budget,
        request: impl Fn(&reqwest::Client, &dyn Fn(&str) -> Url) -> reqwest::RequestBuilder,
        unwrap: Unwrap,
    ) -> Result<Answer, CalloutError> {
        let log_in = || self.fetch_token(budget);
        let with_token = |token: &Token| {
            let url = |path: &str| self.url(token, path);
            request(self.transport.http(), &url)
                .header(reqwest::header::AUTHORIZATION, token.header.clone())
        };
        self.transport.send(call, budget, log_in, with_token, unwrap).await.map_err(with_address)
    }

    fn url(&self, token: &Token, path: &str) -> Url {
        let mut url = token.instance_url.clone().unwrap_or_else(|| self.config.login_url.clone());
        url.set_path(&format!("/services/data/v{}{path}", self.config.api_version));
        url
    }

    fn unusable(&self, call: Call, what: &str) -> CalloutError {
        self.transport.unusable(call, 200, what)
    }
}

/// A place where nobody is met may be one that the org has left.
fn with_address(mut error: CalloutError) -> CalloutError {
    if let CalloutErrorKind::NotSent { cause } = &mut error.kind
        && !cause.ends_with(codes::MOVED)
    {
        *cause = format!("{cause}; {}", codes::MOVED);
    }
    error
}
