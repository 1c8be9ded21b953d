//! The m3ter Config API: one method for each operation that a sync needs.
//!
//! All entities share one engine: a list, a GET, a POST and a PUT differ in their path and their
//! operation's name only. Source: m3ter API reference, <https://docs.m3ter.com/reference>.

mod address;
mod catalog;
mod config;
mod ending;
#[doc(hidden)]
pub mod fuzzing;
mod list;
mod login;
mod operation;
mod refusal;

use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json};
use url::Url;

use crate::domain::actual::ActualObject;
use crate::domain::entity::EntityKind;
use crate::domain::excerpt;
use crate::domain::ids::M3terId;
use crate::domain::personal::without_emails;
use crate::domain::settings::OverlappingPlans;
use crate::secret::{Accepted, ReadSecrets};
use crate::transport::{
    Answer, Budget, Call, CalloutError, Limiter, Meaning, Recording, Refusal, Token, TokenCache,
    Transport, Urgency, Vendor,
};

use address::below;

pub use config::Config;
pub use ending::{EndingOwner, Endings, Replacement};
pub use list::{ListQuery, OwnerIds, Selection};
pub use refusal::overlapping;

/// What a second is longer by, as the limit is kept, unless somebody says otherwise: requests do
/// not all take the same time to arrive.
pub const WINDOW_MARGIN: Duration = Duration::from_millis(20);

/// The resource of what the organization has set.
pub const ORGANIZATION_CONFIG: &str = "organizationconfig";

/// The client; a clone shares its connections, token and rate limit.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Transport,
    config: Config,
    organization: Url,
    accepted: Accepted,
    recording: Option<Recording>,
}

/// What a sync needs of the organization's configuration.
#[derive(Debug, Clone)]
pub struct OrganizationConfig {
    /// In which its days begin.
    pub time_zone: TimeZone,
    /// The billing currency.
    pub currency: String,
    /// Whether AccountPlans of one product may run at the same time.
    pub overlapping_plans: OverlappingPlans,
}

impl OrganizationConfig {
    /// m3ter's answer, or the name of a time zone that is not known.
    pub fn from_json(body: &Json) -> Result<Self, String> {
        let text = |field: &str| body.get(field).and_then(Json::as_str).unwrap_or_default();
        let name = text("timezone");
        let time_zone =
            TimeZone::get(name).or_else(|_| TimeZone::posix(name)).map_err(|_| name.to_owned())?;
        let overlapping_plans = match body.get("allowOverlappingPlans") {
            Some(Json::Bool(true)) => OverlappingPlans::Allowed,
            _ => OverlappingPlans::Refused,
        };
        Ok(Self { time_zone, currency: text("currency").to_owned(), overlapping_plans })
    }
}

impl Client {
    /// A client that has not connected yet.
    pub fn new(config: Config) -> Result<Self, reqwest::Error> {
        let transport = Transport::new(
            Vendor::M3ter,
            &config.base_url,
            Limiter::new(config.requests_per_second.unwrap_or(0), config.window_margin),
            read_error,
        )?;
        let organization = below(&config.base_url, &["organizations", config.org_id.as_str()]);
        let accepted = Accepted::default();
        Ok(Self { transport, config, organization, accepted, recording: None })
    }

    /// The same client, which records what it reads.
    #[must_use]
    pub fn recorded(self, recording: &Recording) -> Self {
        Self { recording: Some(recording.clone()), ..self }
    }

    fn record(&self, path: &[&str], object: &Json) {
        if let Some(recording) = &self.recording {
            recording.note(Vendor::M3ter, path.join("/"), object.clone());
        }
    }

    /// The organization's request limit, as far as this process may use it.
    pub fn limiter(&self) -> &Limiter {
        self.transport.limiter()
    }

    /// What is known about the credentials.
    pub fn tokens(&self) -> &TokenCache {
        self.transport.tokens()
    }

    /// Fetches a token, if there is none.
    pub async fn log_in(&self, budget: &Budget) -> Result<(), CalloutError> {
        self.transport.token(|| self.fetch_token(budget)).await.map(drop)
    }

    async fn fetch_token(&self, budget: &Budget) -> Result<Token, CalloutError> {
        let log_in = |shown: ReadSecrets| async move {
            login::fetch_token(&self.transport, &self.config, &shown, budget).await
        };
        // Apart from the future of each callout that may need it.
        Box::pin(self.transport.log_in_with(
            login::OPERATION,
            &self.accepted,
            self.config.read(),
            log_in,
        ))
        .await
    }

    /// Logs in with a key or a secret whose file has changed, while the earlier one still serves.
    pub async fn take_in_new_secrets(&self, budget: &Budget) -> bool {
        let log_in = |shown: ReadSecrets| async move {
            login::fetch_token(&self.transport, &self.config, &shown, budget).await
        };
        self.transport.take_in_new_secrets(&self.accepted, self.config.read(), log_in).await
    }

    /// By how many seconds this machine's clock is ahead of m3ter's, if that matters.
    pub fn clock_ahead_seconds(&self) -> Option<i64> {
        self.transport.clock_ahead_seconds()
    }

    /// The object with this id; `None` when m3ter answers 404.
    pub async fn fetch(
        &self,
        kind: EntityKind,
        id: &M3terId,
        budget: &Budget,
    ) -> Result<Option<ActualObject>, CalloutError> {
        let call = Call::read(operation::get(kind));
        let url = below(&self.organization, &[kind.plural(), id.as_str()]);
        match self.send(call, budget, |http| http.get(url.clone())).await {
            Ok(answer) => {
                self.record(&[kind.plural()], &answer.body);
                self.object(call, answer).map(Some)
            }
            Err(error) if error.refusal().is_some_and(|refusal| refusal.status == 404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates an object. m3ter has no idempotency key: an error whose effect is unknown must be
    /// settled by a look-up.
    pub async fn create(
        &self,
        kind: EntityKind,
        body: &Map<String, Json>,
        budget: &Budget,
    ) -> Result<ActualObject, CalloutError> {
        let call = Call::write(operation::post(kind), operation::urgency(kind));
        let url = below(&self.organization, &[kind.plural()]);
        let answer = self.send(call, budget, |http| http.post(url.clone()).json(body)).await?;
        self.object(call, answer)
    }

    /// Replaces an object; `body` holds all its fields and its `version`.
    pub async fn update(
        &self,
        kind: EntityKind,
        id: &M3terId,
        body: &Map<String, Json>,
        budget: &Budget,
    ) -> Result<ActualObject, CalloutError> {
        let call = Call::write(operation::put(kind), Urgency::End);
        let url = below(&self.organization, &[kind.plural(), id.as_str()]);
        let answer = self.send(call, budget, |http| http.put(url.clone()).json(body)).await?;
        self.object(call, answer)
    }

    /// What the organization has set: time zone, currency, overlapping plans. It goes before all
    /// other callouts: whichever run asks, all others wait for the same answer.
    pub async fn fetch_organization_config(
        &self,
        budget: &Budget,
    ) -> Result<OrganizationConfig, CalloutError> {
        let call = Call { urgency: Urgency::Everybody, ..Call::read("GetOrganizationConfig") };
        let path = [ORGANIZATION_CONFIG];
        let url = below(&self.organization, &path);
        let Answer { status, body, .. } =
            self.send(call, budget, |http| http.get(url.clone())).await?;
        self.record(&path, &body);
        OrganizationConfig::from_json(&body).map_err(|name| {
            self.transport.unusable(
                call,
                status,
                &format!("the time zone `{}` is not known", excerpt::word(&name)),
            )
        })
    }

    async fn send(
        &self,
        call: Call,
        budget: &Budget,
        request: impl Fn(&reqwest::Client) -> reqwest::RequestBuilder,
    ) -> Result<Answer, CalloutError> {
        let log_in = || self.fetch_token(budget);
        let with_token = |token: &crate::transport::Token| {
            request(self.transport.http())
                .header(reqwest::header::AUTHORIZATION, token.header.clone())
        };
        self.transport.send(call, budget, log_in, with_token, Ok).await
    }

    fn object(&self, call: Call, answer: Answer) -> Result<ActualObject, CalloutError> {
        ActualObject::from_json(answer.body).ok_or_else(|| {
            self.transport.unusable(call, answer.status, "an answer without ID and version")
        })
    }
}

fn read_error(status: u16, body: &Json) -> Refusal {
    let message = body.get("message").and_then(Json::as_str);
    let message = message.map_or_else(
        || format!("status {status} without a message"),
        |text| excerpt::sentence(&without_emails(text)),
    );
    let meaning = match status {
        401 | 403 => Meaning::StaleLogin,
        429 => Meaning::Limit,
        300..=399 | 408 | 500.. => Meaning::Passing,
        _ => Meaning::Data,
    };
    Refusal { status, message, meaning, ..Refusal::default() }
}
