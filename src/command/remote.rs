//! A service that is spoken to over HTTP, as any caller does: with an API key, and without the
//! database and the secrets of both vendors.

mod links;
mod verifications;

use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use url::Url;

use super::Outcome;
use crate::config::RemoteConfig;
use crate::domain::answer::SyncResult;
use crate::domain::change::{ErasedValues, ObjectChange};
use crate::domain::ending::{Children, EndDateOrder};
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::made_end::ReopenAnswer;
use crate::domain::page::{ChangePage, SyncRunPage};
use crate::domain::plan::PlanHash;
use crate::domain::run::{AcceptedRun, RunState, SyncRun};
use crate::domain::warning::AttentionFilter;
use crate::store::{ChangeFilter, PauseAnswer, RunFilter};
use crate::telemetry::ErrorChain;

/// What rustls says of an answer that is no TLS.
const PLAIN_HTTP: &str = "InvalidContentType";
/// A page at most, of runs and of changes.
const PAGE: u32 = 200;
/// How long an answer is waited for that nobody needs to compute.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a dry run is waited for: longer than the service lets anybody wait.
const RUN_TIMEOUT: Duration = Duration::from_secs(125);

/// A service.
#[derive(Debug, Clone)]
pub struct Remote {
    url: Url,
    /// The argument or the variable that names the address.
    named_by: &'static str,
    key: Option<SecretString>,
    http: reqwest::Client,
}

/// Why there is no answer, and how a command ends that needed one.
#[derive(Debug)]
pub struct NoAnswer {
    problem: String,
    /// How the command ends.
    pub outcome: Outcome,
}

impl NoAnswer {
    /// None now; there may be one later.
    pub(super) fn for_now(problem: String) -> Self {
        Self { problem, outcome: Outcome::TryAgain }
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for NoAnswer {}

type Query<'a> = [(&'a str, String)];

impl Remote {
    /// A service that nothing has been asked yet.
    pub fn new(config: RemoteConfig) -> anyhow::Result<Self> {
        let key = config.key.map(|key| key.read()).transpose().map_err(anyhow::Error::msg)?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("sync-to-m3ter/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none());
        if config.url.scheme() == "http" {
            // Plain HTTP goes to this machine only: no proxy, and no certificates.
            builder = builder.no_proxy().tls_certs_only([]);
        }
        let http = builder.build().context("the HTTP client could not be made")?;
        Ok(Self { url: config.url, named_by: config.named_by, key, http })
    }

    /// Where it is.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Runs, newest first, as many as the filter allows.
    pub async fn list_runs(&self, filter: &RunFilter) -> Result<Vec<SyncRun>, NoAnswer> {
        let mut runs = Vec::new();
        let mut cursor = filter.before.map(|run| run.to_string());
        loop {
            let left = filter.limit.saturating_sub(u32::try_from(runs.len()).unwrap_or(u32::MAX));
            let mut query = run_query(filter);
            query.push(("limit", left.clamp(1, PAGE).to_string()));
            query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
            let page: SyncRunPage = self.get("sync-runs", &query).await?;
            runs.extend(page.sync_runs);
            cursor = page.next_cursor;
            if cursor.is_none() || runs.len() >= filter.limit as usize {
                runs.truncate(filter.limit as usize);
                return Ok(runs);
            }
        }
    }

    /// One run; `None` if there is no such run, or the key may not see it.
    pub async fn load_run(&self, run: SyncRunId) -> Result<Option<SyncRun>, NoAnswer> {
        match self.answer(Method::GET, &format!("sync-runs/{run}"), &[], None, TIMEOUT).await? {
            (StatusCode::NOT_FOUND, body) if has_code(&body, "RUN_NOT_FOUND") => Ok(None),
            (status, body) => self.read(status, &body).await.map(Some),
        }
    }

    /// Changes, newest first, as many as the filter allows.
    pub async fn list_changes(&self, filter: &ChangeFilter) -> Result<Vec<ObjectChange>, NoAnswer> {
        let mut changes = Vec::new();
        let mut cursor = filter.before.as_ref().map(ToString::to_string);
        loop {
            let left =
                filter.limit.saturating_sub(u32::try_from(changes.len()).unwrap_or(u32::MAX));
            let mut query = change_query(filter);
            query.push(("limit", left.clamp(1, PAGE).to_string()));
            query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
            let page: ChangePage = self.get("changes", &query).await?;
            changes.extend(page.changes);
            cursor = page.next_cursor;
            if cursor.is_none() || changes.len() >= filter.limit as usize {
                changes.truncate(filter.limit as usize);
                return Ok(changes);
            }
        }
    }

    /// Removes the values of what was changed for a record from the history.
    pub async fn erase(&self, record: &SalesforceId) -> Result<ErasedValues, NoAnswer> {
        let body = json!({ "parentRecordId": record, "confirm": record });
        self.post("changes/erase", &[], Some(&body), TIMEOUT).await
    }

    /// Asks for a sync of a record; its run.
    pub async fn sync(
        &self,
        record: &SalesforceId,
        expected_plan: Option<String>,
    ) -> Result<SyncRunId, NoAnswer> {
        let mut query = vec![("waitSeconds", "0".to_owned())];
        query.extend(expected_plan.map(|plan| ("expectedPlan", plan)));
        let path = format!("sync-to-m3ter/{record}");
        let answer: Json = self.post(&path, &query, None, TIMEOUT).await?;
        answer["syncRunId"].as_str().and_then(SyncRunId::parse).ok_or_else(|| NoAnswer {
            problem: answer["message"].as_str().unwrap_or("the service began no run").to_owned(),
            outcome: Outcome::Failed,
        })
    }

    /// What an end dating would end, as its dry run says.
    pub async fn foresee_end(
        &self,
        record: &SalesforceId,
        order: &EndDateOrder,
    ) -> Result<SyncResult, NoAnswer> {
        let query = [("dryRun", "true".to_owned())];
        let body = json!([ending(record, order)]);
        let path = "end-date-billing-entities";
        let answers: [SyncResult; 1] = self.post(path, &query, Some(&body), RUN_TIMEOUT).await?;
        let [answer] = answers;
        Ok(answer)
    }

    /// Begins an end dating; its run.
    pub async fn end(
        &self,
        record: &SalesforceId,
        order: &EndDateOrder,
        expected_plan: Option<PlanHash>,
    ) -> Result<SyncRunId, NoAnswer> {
        let mut body = ending(record, order);
        if let Some(plan) = expected_plan {
            body["expectedPlan"] = plan.to_string().into();
        }
        let accepted: AcceptedRun =
            self.post("sync-runs/end-date", &[], Some(&body), TIMEOUT).await?;
        Ok(accepted.sync_run_id)
    }

    /// Takes ends of end dating back, or only says which.
    pub async fn reopen(
        &self,
        record: &SalesforceId,
        dry_run: bool,
    ) -> Result<ReopenAnswer, NoAnswer> {
        let path = format!("reopen-billing-entities/{record}");
        self.post(&path, &[("dryRun", dry_run.to_string())], None, TIMEOUT).await
    }

    /// Lets no run begin any more.
    pub async fn pause(&self, reason: &str) -> Result<PauseAnswer, NoAnswer> {
        self.post("pause", &[], Some(&json!({ "reason": reason })), TIMEOUT).await
    }

    /// Lets runs begin again.
    pub async fn resume(&self, reason: Option<&str>) -> Result<PauseAnswer, NoAnswer> {
        let body = reason.map(|reason| json!({ "reason": reason }));
        self.post("resume", &[], body.as_ref(), TIMEOUT).await
    }

    /// Asks for a dry run of a record, and waits for its answer: what is kept of it lacks what is a
    /// person's.
    pub async fn dry_run<T: DeserializeOwned>(&self, record: &SalesforceId) -> Result<T, NoAnswer> {
        let query = [("dryRun", "true".to_owned())];
        self.post(&format!("sync-to-m3ter/{record}"), &query, None, RUN_TIMEOUT).await
    }

    /// Runs one run again; the run that does.
    pub async fn replay(&self, run: SyncRunId) -> Result<SyncRunId, NoAnswer> {
        let path = format!("sync-runs/{run}/replay");
        let accepted: AcceptedRun = self.post(&path, &[], None, TIMEOUT).await?;
        Ok(accepted.sync_run_id)
    }

    /// Runs failed runs again, or only says which; the answer as it comes.
    pub async fn replay_many(&self, body: &Json, dry_run: bool) -> Result<Json, NoAnswer> {
        let query = [("dryRun", dry_run.to_string())];
        self.post("sync-runs/replay", &query, Some(body), TIMEOUT).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, query: &Query<'_>) -> Result<T, NoAnswer> {
        let (status, body) = self.answer(Method::GET, path, query, None, TIMEOUT).await?;
        self.read(status, &body).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &Query<'_>,
        body: Option<&Json>,
        timeout: Duration,
    ) -> Result<T, NoAnswer> {
        let (status, body) = self.answer(Method::POST, path, query, body, timeout).await?;
        self.read(status, &body).await
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        query: &Query<'_>,
        body: Option<&Json>,
        timeout: Duration,
    ) -> Result<(StatusCode, String), NoAnswer> {
        let unreachable = |error: reqwest::Error| {
            let why = ErrorChain(&error.without_url()).to_string();
            if why.contains(PLAIN_HTTP) {
                let problem = format!(
                    "what listens at {} speaks no TLS: on this machine, begin {} with http://",
                    self.url, self.named_by
                );
                return NoAnswer { problem, outcome: Outcome::Unusable };
            }
            NoAnswer::for_now(format!("the service at {} does not answer: {why}", self.url))
        };
        let mut url = self.url.clone();
        url.set_path(&format!("{}/{path}", self.url.path().trim_end_matches('/')));
        let mut request = self.http.request(method, url).timeout(timeout).query(query);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose_secret());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let request = request.build().map_err(unreachable)?;
        let answer = self.http.execute(request).await.map_err(unreachable)?;
        let status = answer.status();
        Ok((status, answer.text().await.map_err(unreachable)?))
    }

    /// What an answer says, or why it is of no use.
    async fn read<T: DeserializeOwned>(
        &self,
        status: StatusCode,
        body: &str,
    ) -> Result<T, NoAnswer> {
        if status.is_success()
            && let Ok(answer) = serde_json::from_str(body)
        {
            return Ok(answer);
        }
        let url = &self.url;
        let fault = serde_json::from_str::<Json>(body).ok();
        let fault = fault.as_ref().filter(|fault| fault["errorCode"].is_string());
        let message = fault.and_then(|fault| fault["message"].as_str());
        let code = fault.and_then(|fault| fault["errorCode"].as_str());
        let (problem, outcome) = match (status.as_u16(), message) {
            _ if matches!(code, Some("NOT_FOUND" | "METHOD_NOT_ALLOWED")) => {
                (self.misunderstood().await, Outcome::Unusable)
            }
            (401, Some(message)) => (
                format!(
                    "the service at {url} does not accept the key: {message}. Set SYNC_TO_M3TER_KEY, or SYNC_TO_M3TER_KEY_FILE, to one that it knows"
                ),
                Outcome::Unusable,
            ),
            (403, Some(message)) => (
                format!("the service at {url} does not let this key do that: {message}"),
                Outcome::Unusable,
            ),
            (429 | 500.., message) => {
                let message = message.map_or_else(|| format!("status {status}"), str::to_owned);
                (format!("the service at {url} cannot do that now: {message}"), Outcome::TryAgain)
            }
            (_, None) => (self.misunderstood().await, Outcome::Unusable),
            (_, Some(message)) => (format!("the service at {url}: {message}"), Outcome::Unusable),
        };
        Err(NoAnswer { problem, outcome })
    }

    /// That an answer lacks what it must have.
    async fn no_use(&self) -> NoAnswer {
        NoAnswer { problem: self.misunderstood().await, outcome: Outcome::Unusable }
    }

    /// What to look at where no service is.
    fn what_to_check(&self) -> String {
        let Self { url, named_by, .. } = self;
        let mut alone = url.clone();
        alone.set_path("");
        if alone == *url {
            return format!("check {named_by}");
        }
        format!("{named_by} has the path `{}`; try {alone} without it", url.path())
    }

    /// Why an answer is not understood: another version, or no such service at all.
    async fn misunderstood(&self) -> String {
        let url = &self.url;
        let own = env!("CARGO_PKG_VERSION");
        let document = self.answer(Method::GET, "openapi.yaml", &[], None, TIMEOUT).await;
        let version = document.ok().filter(|(status, _)| status.is_success());
        let version = version.and_then(|(_, text)| version_in(&text));
        match version {
            None => format!(
                "there is no sync-to-m3ter at {url}, or a proxy in front of it answers: {}",
                self.what_to_check()
            ),
            Some(version) if version == own => {
                format!(
                    "the service at {url} does not know what was asked for, although it has this program's version, {own}"
                )
            }
            Some(version) => format!(
                "the service at {url} is version {version}, and this program is {own}: use the program of the service's version"
            ),
        }
    }
}

/// An end dating in the body of a request.
fn ending(record: &SalesforceId, order: &EndDateOrder) -> Json {
    let entities: Vec<&str> = order.entities.iter().map(|entity| entity.word()).collect();
    json!({
        "parentRecordId": record,
        "endDate": order.end_date.to_string(),
        "billingEntities": entities,
        "applyToChildren": order.children == Children::Included,
    })
}

/// Whether the body of an answer is a fault with this code.
fn has_code(body: &str, code: &str) -> bool {
    serde_json::from_str::<Json>(body).is_ok_and(|fault| fault["errorCode"] == code)
}

/// The version in an OpenAPI document of the service.
fn version_in(document: &str) -> Option<String> {
    let is_own = document.contains("/sync-to-m3ter:");
    let line = document.lines().find_map(|line| line.trim().strip_prefix("version:"))?;
    is_own.then(|| line.trim().trim_matches('"').to_owned())
}

fn run_query(filter: &RunFilter) -> Vec<(&'static str, String)> {
    let attention = filter.attention.map(|attention| match attention {
        AttentionFilter::Any => "any".to_owned(),
        AttentionFilter::Code(code) => code.as_str().to_owned(),
    });
    let named = [
        ("parentRecordId", filter.parent_record_id.as_ref().map(ToString::to_string)),
        ("state", filter.state.map(|state: RunState| state.to_string())),
        ("kind", filter.kind.map(ToOwned::to_owned)),
        ("dryRun", filter.dry_run.map(|is_dry| is_dry.to_string())),
        ("requestedBy", filter.requested_by.clone()),
        ("unresolved", filter.unresolved.then(|| "true".to_owned())),
        ("syncStatus", filter.sync_status.clone()),
        ("errorCode", filter.error_code.clone()),
        ("attention", attention),
        ("since", filter.since.map(|instant| instant.to_string())),
        ("until", filter.until.map(|instant| instant.to_string())),
    ];
    given(named)
}

fn change_query(filter: &ChangeFilter) -> Vec<(&'static str, String)> {
    let named = [
        ("parentRecordId", filter.record.as_ref().map(ToString::to_string)),
        ("syncRunId", filter.run.map(|run| run.to_string())),
        ("accountId", filter.account.as_ref().map(ToString::to_string)),
        ("m3terId", filter.m3ter_id.as_ref().map(ToString::to_string)),
        ("field", filter.field.clone()),
        ("requestedBy", filter.requested_by.clone()),
        ("since", filter.since.map(|instant| instant.to_string())),
        ("until", filter.until.map(|instant| instant.to_string())),
    ];
    given(named)
}

/// The parameters that have a value.
fn given<const COUNT: usize>(
    named: [(&'static str, Option<String>); COUNT],
) -> Vec<(&'static str, String)> {
    named.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
