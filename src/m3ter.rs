//! The m3ter Config API: one method for each operation that a sync needs.
//!
//! All entities share one engine: a list, a GET, a POST and a PUT differ in their path and their
//! operation's name only. Source: m3ter API reference, <https://docs.m3ter.com/reference>.

mod ending;
#[doc(hidden)]
pub mod fuzzing;
mod list;
mod login;
mod operation;
mod refusal;

use std::collections::HashMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json};
use url::Url;

use crate::domain::actual::ActualObject;
use crate::domain::catalog::{Catalogued, PlanTemplate};
use crate::domain::entity::EntityKind;
use crate::domain::ids::M3terId;
use crate::domain::personal::without_emails;
use crate::domain::settings::OverlappingPlans;
use crate::domain::shown;
use crate::secret::{Accepted, Secret, Shown};
use crate::transport::{
    Answer, Budget, Call, CalloutError, Limiter, Meaning, Refusal, Token, TokenCache, Transport,
    Urgency, Vendor,
};

pub use ending::{EndingOwner, Endings, Replacement};
pub use list::{ListQuery, OwnerIds};
pub use refusal::RefusalKind;

/// What a second is longer by, as the limit is kept, unless somebody says otherwise: requests do
/// not all take the same time to arrive.
pub const WINDOW_MARGIN: Duration = Duration::from_millis(20);

/// Where m3ter is and who asks.
#[derive(Debug, Clone)]
pub struct Config {
    /// `https://api.m3ter.com`, or an emulator.
    pub base_url: Url,
    /// The organization's id.
    pub org_id: M3terId,
    /// The service user's access key id.
    pub api_key: Secret,
    /// Its secret.
    pub api_secret: Secret,
    /// The organization's limit, which all processes share; `None` lifts it.
    pub requests_per_second: Option<u32>,
    /// What a second is longer by, as the limit is kept.
    pub window_margin: Duration,
}

impl Config {
    /// What a login shows now: the access key and its secret belong together.
    fn shown(&self) -> Result<Shown, String> {
        Shown::read(&[&self.api_key, &self.api_secret])
    }

    /// Whether one of them is in a file, which may change.
    pub fn may_change(&self) -> bool {
        self.api_key.is_in_a_file() || self.api_secret.is_in_a_file()
    }
}

/// The client; a clone shares its connections, token and rate limit.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Transport,
    config: Config,
    organization: Url,
    accepted: Accepted,
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
        Ok(Self { transport, config, organization, accepted: Accepted::default() })
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
        let log_in = |shown: Shown| async move {
            login::fetch_token(&self.transport, &self.config, &shown, budget).await
        };
        // Apart from the future of each callout that may need it.
        Box::pin(self.transport.log_in_with(
            login::OPERATION,
            &self.accepted,
            self.config.shown(),
            log_in,
        ))
        .await
    }

    /// Logs in with a key or a secret whose file has changed, while the earlier one still serves.
    pub async fn take_in_new_secrets(&self, budget: &Budget) -> bool {
        let log_in = |shown: Shown| async move {
            login::fetch_token(&self.transport, &self.config, &shown, budget).await
        };
        self.transport.take_in_new_secrets(&self.accepted, self.config.shown(), log_in).await
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
            Ok(answer) => self.object(call, answer).map(Some),
            Err(error) if error.refusal().is_some_and(|refusal| refusal.status == 404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates an object. m3ter has no idempotency key: an error whose effect is unknown has to be
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

    /// All plan templates, by code; those without one cannot be meant by any.
    pub async fn fetch_plan_templates(
        &self,
        budget: &Budget,
    ) -> Result<HashMap<String, PlanTemplate>, CalloutError> {
        let templates =
            self.fetch_all("ListPlanTemplates", &["plantemplates"], &[], budget).await?;
        Ok(templates.iter().filter_map(read_template).collect())
    }

    /// The ids of what has these codes, by code. Where m3ter cannot ask for codes, the list is read
    /// until all are found.
    pub async fn fetch_ids(
        &self,
        catalogued: Catalogued,
        codes: &[String],
        budget: &Budget,
    ) -> Result<HashMap<String, M3terId>, CalloutError> {
        let (operation, path, can_ask): (_, &[&str], _) = match catalogued {
            Catalogued::PlanTemplate => ("ListPlanTemplates", &["plantemplates"], false),
            Catalogued::Plan => ("ListPlans", &["plans"], false),
            Catalogued::PlanGroup => ("ListPlanGroups", &["plangroups"], false),
            Catalogued::Product => ("ListProducts", &["products"], false),
            Catalogued::Aggregation => ("ListAggregations", &["aggregations"], true),
            Catalogued::CompoundAggregation => {
                ("ListCompoundAggregations", &["compoundaggregations"], true)
            }
            Catalogued::BillGroupingKey => {
                ("ListBillGroupingKeys", &["picklists", "billgroupingkeys"], true)
            }
            Catalogued::Account => ("ListAccounts", &["accounts"], true),
        };
        let mut found = HashMap::new();
        let mut take = |json: &Json| {
            let (id, code) =
                (json.get("id").and_then(Json::as_str), json.get("code").and_then(Json::as_str));
            if let (Some(Ok(id)), Some(code)) = (id.map(M3terId::parse), code)
                && codes.iter().any(|wanted| wanted == code)
            {
                found.insert(code.to_owned(), id);
            }
            found.len() == codes.len()
        };
        if can_ask {
            for codes in codes.chunks(list::MOST_VALUES) {
                let parameters: Vec<(&str, &str)> =
                    codes.iter().map(|code| ("codes", code.as_str())).collect();
                for json in self.fetch_all(operation, path, &parameters, budget).await? {
                    take(&json);
                }
            }
        } else {
            self.fetch_until(operation, path, budget, |json| take(json)).await?;
        }
        Ok(found)
    }

    /// The codes of the organization's currencies.
    pub async fn fetch_currencies(&self, budget: &Budget) -> Result<Vec<String>, CalloutError> {
        let currencies =
            self.fetch_all("ListCurrencies", &["picklists", "currency"], &[], budget).await?;
        Ok(currencies
            .iter()
            .filter_map(|json| json.get("code")?.as_str().map(ToOwned::to_owned))
            .collect())
    }

    /// What the organization has set: time zone, currency, overlapping plans.
    pub async fn fetch_organization_config(
        &self,
        budget: &Budget,
    ) -> Result<OrganizationConfig, CalloutError> {
        let call = Call::read("GetOrganizationConfig");
        let url = below(&self.organization, &["organizationconfig"]);
        let Answer { status, body, .. } =
            self.send(call, budget, |http| http.get(url.clone())).await?;
        OrganizationConfig::from_json(&body).map_err(|name| {
            self.transport.unusable(
                call,
                status,
                &format!("the time zone `{}` is not known", shown::word(&name)),
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
            self.transport.unusable(call, answer.status, "an answer without id and version")
        })
    }
}

/// The URL with further path segments, each escaped.
fn below(url: &Url, segments: &[&str]) -> Url {
    let mut url = url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// A plan template with its code; one without cannot be meant by any.
fn read_template(json: &Json) -> Option<(String, PlanTemplate)> {
    let text = |field: &str| json.get(field)?.as_str();
    let template = PlanTemplate {
        id: M3terId::parse(text("id")?).ok()?,
        product_id: M3terId::parse(text("productId")?).ok()?,
        currency: text("currency")?.to_owned(),
    };
    Some((text("code")?.to_owned(), template))
}

fn read_error(status: u16, body: &Json) -> Refusal {
    let message = body.get("message").and_then(Json::as_str);
    let message = message.map_or_else(
        || format!("status {status} without a message"),
        |text| shown::sentence(&without_emails(text)),
    );
    let meaning = match status {
        401 | 403 => Meaning::StaleLogin,
        429 => Meaning::Limit,
        300..=399 | 408 | 500.. => Meaning::Passing,
        _ => Meaning::Data,
    };
    Refusal { status, message, meaning, ..Refusal::default() }
}
