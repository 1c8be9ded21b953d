//! Sending one call: attempts, each within the budget, until there is an answer or a failure that
//! stands.

use std::time::{Duration, SystemTime};

use reqwest::header::RETRY_AFTER;
use reqwest::{Method, RequestBuilder, Response};
use tokio::time::Instant;
use tracing::{Instrument as _, field};

use super::Transport;
use super::answer::{Unwrap, meaning, read_body};
use super::budget::Budget;
use super::call::{Answer, Call, Repeatable};
use super::error::{CalloutError, CalloutErrorKind};
use super::journal::{AskedAt, Callout, Setback};
use super::retry::{
    Decision, LIMIT_PAUSE, MAX_LIMIT_REFUSALS, backoff, decide, retry_after, with_jitter,
};
use super::token::{Token, TokenCache};
use super::turn::Urgency;
use crate::telemetry::{metrics, trace};

/// One attempt; m3ter's own SDKs wait 60 s, but a sync has 100 s for everything.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer that is read: far above a page of 200 objects, far below what memory holds.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// What Salesforce tells of the org's own limit, with every answer.
const LIMIT_INFO: &str = "sforce-limit-info";

/// How often a call was sent, with all its tokens, and when its present callout was sent first.
#[derive(Default)]
struct Sent {
    times: u32,
    first: Option<Instant>,
}

/// A failed attempt, before it is known whether it stands.
struct Failed {
    kind: CalloutErrorKind,
    status: Option<u16>,
    retry_after: Option<Duration>,
}

/// What a call is sent for, and what is looked for in its answer.
#[derive(Clone, Copy)]
enum Purpose {
    /// A token: it changes nothing that matters.
    Login,
    /// Whatever its method says: all but GET write.
    Work {
        unwrap: Unwrap,
        /// Where nobody is met, the caller looks for another place at once.
        may_move: bool,
    },
}

impl Failed {
    fn of(kind: CalloutErrorKind) -> Self {
        Self { kind, status: None, retry_after: None }
    }
}

impl Transport {
    /// Sends a call with the vendor's token, which `log_in` fetches. A token that is refused, or
    /// that leads to where the vendor is not any more, is replaced once.
    pub async fn send<L>(
        &self,
        call: Call,
        budget: &Budget,
        log_in: impl Fn() -> L,
        request: impl Fn(&Token) -> RequestBuilder,
        unwrap: Unwrap,
    ) -> Result<Answer, CalloutError>
    where
        L: Future<Output = Result<Token, CalloutError>>,
    {
        let started = Instant::now();
        let mut sent = Sent::default();
        let mut refreshed = false;
        let tokens = &self.inner.token;
        loop {
            let asked = AskedAt::now();
            let token = tokens.fetch_or(&log_in).await?;
            let purpose =
                Purpose::Work { unwrap, may_move: !refreshed && token.instance_url.is_some() };
            let error = match self
                .attempts(call, purpose, budget, (started, asked), &mut sent, || request(&token))
                .await
            {
                Ok(answer) => {
                    tokens.worked();
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let is_stale = match &error.kind {
                CalloutErrorKind::AuthFailed { .. } | CalloutErrorKind::Moved { .. } => true,
                CalloutErrorKind::NotSent { .. } => token.instance_url.is_some(),
                _ => false,
            };
            if !is_stale {
                return Err(error);
            }
            if refreshed {
                tokens.refused_although_new(&token, error.is_auth_failed()).await;
                return Err(error);
            }
            // Whatever the session had begun ends with it; the caller starts again.
            if !tokens.drop_refused(&token, error.is_auth_failed()).await
                || call.repeatable == Repeatable::InSession
            {
                return Err(error);
            }
            refreshed = true;
        }
    }

    /// Sends a call that needs no token: the login itself.
    pub async fn send_login(
        &self,
        operation: &'static str,
        budget: &Budget,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Answer, CalloutError> {
        let call = Call { operation, repeatable: Repeatable::Yes, urgency: Urgency::Everybody };
        let times = (Instant::now(), AskedAt::now());
        self.attempts(call, Purpose::Login, budget, times, &mut Sent::default(), request).await
    }

    /// What is known about the credentials.
    pub fn tokens(&self) -> &TokenCache {
        &self.inner.token
    }

    /// Waits before something is tried the `attempt`th time that is decided outside; `false` if
    /// there is no time for it, or no retry left.
    pub async fn wait_before_attempt(&self, attempt: u32, budget: &Budget) -> bool {
        let delay = backoff(attempt.saturating_sub(1));
        if delay >= budget.remaining() || !self.inner.retries.take() {
            return false;
        }
        metrics::callout_retried(self.inner.vendor.name());
        tokio::time::sleep(with_jitter(delay).min(budget.remaining())).await;
        true
    }

    /// The token, fetched by `log_in` if there is none.
    pub async fn token<L: Future<Output = Result<Token, CalloutError>>>(
        &self,
        log_in: impl Fn() -> L,
    ) -> Result<Token, CalloutError> {
        self.inner.token.fetch_or(log_in).await
    }

    /// An error of `call` that is decided outside: an answer of success that cannot be used.
    pub fn unusable(&self, call: Call, status: u16, cause: &str) -> CalloutError {
        let kind = CalloutErrorKind::Unavailable { status: Some(status), cause: cause.to_owned() };
        CalloutError {
            vendor: self.inner.vendor,
            operation: call.operation,
            attempts: 1,
            elapsed: Duration::ZERO,
            kind,
        }
    }

    async fn attempts(
        &self,
        call: Call,
        purpose: Purpose,
        budget: &Budget,
        (started, asked): (Instant, AskedAt),
        sent: &mut Sent,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Answer, CalloutError> {
        let mut callout = Callout {
            vendor: self.inner.vendor,
            operation: call.operation,
            status: None,
            failed: None,
            attempts: 0,
            started_at: SystemTime::now(),
            waited: Duration::ZERO,
            elapsed: Duration::ZERO,
        };
        sent.first = None;
        let (mut attempt, mut refused_by_limit) = (0, 0);
        loop {
            attempt += 1;
            let before = sent.times;
            let outcome = self.attempt(call, purpose, budget, sent, &request).await;
            callout.attempts += sent.times - before;
            callout.timed(asked, sent.first, Instant::now());
            let failed = match outcome {
                Ok(answer) => {
                    (callout.status, callout.failed) = (Some(answer.status), None);
                    self.inner.retries.succeeded();
                    if call.repeatable == Repeatable::No {
                        budget.wrote();
                    }
                    budget.note(callout);
                    return Ok(answer);
                }
                Err(failed) => failed,
            };
            let error = CalloutError {
                vendor: self.inner.vendor,
                operation: call.operation,
                attempts: sent.times,
                elapsed: started.elapsed(),
                kind: failed.kind,
            };
            tracing::debug!(vendor = %error.vendor, operation = call.operation, attempt, failure = ?error.kind, "a callout failed");
            callout.status = failed.status;
            callout.failed = Some(error.effect());
            let is_limit = matches!(error.kind, CalloutErrorKind::LimitExceeded { .. });
            if is_limit && self.inner.limiter.is_limited() && refused_by_limit < MAX_LIMIT_REFUSALS
            {
                refused_by_limit += 1;
                attempt -= 1;
            }
            let is_elsewhere = matches!(
                (&error.kind, purpose),
                (CalloutErrorKind::NotSent { .. }, Purpose::Work { may_move: true, .. })
            );
            let setback = Setback { vendor: self.inner.vendor, status: failed.status };
            budget.journal().set_back(Some(setback));
            match decide(&error.kind, error.effect(), call.repeatable, attempt, failed.retry_after)
            {
                _ if is_elsewhere => {
                    budget.note(callout);
                    return Err(error);
                }
                // A limit is waited for by all callouts together, in turn.
                Decision::Wait(delay) if delay < budget.remaining() && is_limit => {
                    metrics::callout_retried(self.inner.vendor.name());
                }
                // Other retries are what makes an outage worse.
                Decision::Wait(delay)
                    if delay < budget.remaining() && self.inner.retries.take() =>
                {
                    metrics::callout_retried(self.inner.vendor.name());
                    tokio::time::sleep(with_jitter(delay).min(budget.remaining())).await;
                }
                _ => {
                    budget.note(callout);
                    return Err(error);
                }
            }
        }
    }

    async fn attempt(
        &self,
        call: Call,
        purpose: Purpose,
        budget: &Budget,
        sent: &mut Sent,
        request: &impl Fn() -> RequestBuilder,
    ) -> Result<Answer, Failed> {
        let mut request = request()
            .build()
            .map_err(|error| Failed::of(CalloutErrorKind::NotSent { cause: cause(&error) }))?;
        // What writes begins only if it ends before anybody else may work on the same record.
        let (longest, needed) =
            if matches!(purpose, Purpose::Work { .. }) && request.method() != Method::GET {
                budget.settled().await.map_err(|spent| Failed::of(spent.into()))?;
                let longest = ATTEMPT_TIMEOUT.min(budget.longest_write());
                (longest, longest)
            } else {
                (ATTEMPT_TIMEOUT, Duration::ZERO)
            };
        let asked = Instant::now();
        let (mut place, _under_way) = loop {
            let place =
                self.inner.limiter.place(budget.turn(), call.urgency, budget.remaining()).await;
            let place = place.ok_or_else(|| Failed::of(CalloutErrorKind::TimeLimit))?;
            match budget.admit(needed) {
                Some(under_way) => break (place, under_way),
                // While the lease is uncertain, the place is for others.
                None => drop(place),
            }
            budget.wait_for_lease(needed).await.map_err(|spent| Failed::of(spent.into()))?;
        };
        metrics::rate_limit_waited(self.inner.vendor.name(), asked.elapsed());
        let remaining = budget.take().map_err(|spent| Failed::of(spent.into()))?;
        place.used();
        sent.times += 1;
        sent.first.get_or_insert(place.taken_at());
        let (above, trace) = budget.trace();
        let span = tracing::info_span!(
            parent: above, "callout", vendor = self.inner.vendor.name(), operation = call.operation, attempt = sent.times,
            status = field::Empty, trace_id = field::Empty, otel.kind = trace::for_export(|| "client"),
            otel.name = trace::for_export(|| format!("{} {}", self.inner.vendor, call.operation)), otel.status_code = field::Empty
        );
        if let Some(trace) = trace {
            trace::begin(&span, Some(trace)).inject(request.headers_mut());
        }
        let began = Instant::now();
        let timeout = longest.min(remaining);
        let outcome = match tokio::time::timeout(timeout, self.exchange(request, purpose))
            .instrument(span.clone())
            .await
        {
            Ok(outcome) => outcome,
            Err(_) => Err(Failed::of(CalloutErrorKind::Unavailable {
                status: None,
                cause: format!("no answer within {} s", timeout.as_secs()),
            })),
        };
        let status = match &outcome {
            Ok(answer) => Some(answer.status),
            Err(failed) => failed.status,
        };
        span.record("status", status);
        if outcome.is_err() {
            trace::failed(&span);
        }
        metrics::callout_ended(
            self.inner.vendor.name(),
            call.operation,
            outcome_word(&outcome),
            began.elapsed(),
        );
        tracing::debug!(vendor = %self.inner.vendor, operation = call.operation, status, elapsed_ms = began.elapsed().as_millis(), "a callout ended");
        if let Err(Failed { kind: CalloutErrorKind::LimitExceeded { .. }, retry_after, .. }) =
            &outcome
        {
            place.refused(retry_after.unwrap_or(LIMIT_PAUSE));
        }
        outcome
    }

    async fn exchange(
        &self,
        request: reqwest::Request,
        purpose: Purpose,
    ) -> Result<Answer, Failed> {
        let response = self
            .inner
            .http
            .execute(request)
            .await
            .map_err(|error| Failed::of(unanswered(&error)))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        self.inner.clock.note(&headers, SystemTime::now());
        if let Some(usage) = headers.get(LIMIT_INFO).and_then(|value| value.to_str().ok()) {
            metrics::salesforce_limit(usage);
        }
        let body = collect(response).await.and_then(|bytes| read_body(&bytes));
        let retry_after = headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| retry_after(value, SystemTime::now()));
        let body = meaning(self.inner.errors, status, body);
        let body = match purpose {
            Purpose::Work { unwrap, .. } => body.and_then(unwrap),
            Purpose::Login => body,
        };
        match body {
            Ok(body) => Ok(Answer { status, headers, body }),
            Err(kind) => Err(Failed { kind, status: Some(status), retry_after }),
        }
    }
}

/// The outcome of an attempt in one word, as the metrics have it.
fn outcome_word(outcome: &Result<Answer, Failed>) -> &'static str {
    match outcome.as_ref().map_err(|failed| &failed.kind) {
        Ok(_) => "done",
        Err(CalloutErrorKind::AuthFailed { .. }) => "auth_failed",
        Err(CalloutErrorKind::Refused(_)) => "refused",
        Err(CalloutErrorKind::LimitExceeded { .. }) => "limit_exceeded",
        Err(CalloutErrorKind::NotSent { .. }) => "not_sent",
        Err(_) => "unavailable",
    }
}

/// The bytes of the body, as far as they are worth reading.
async fn collect(mut response: Response) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| format!("the answer broke off: {}", cause(&error)))?
    {
        if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(format!(
                "the answer is larger than {} MiB",
                MAX_ANSWER_BYTES / 1024 / 1024
            ));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// What it means that no answer came.
fn unanswered(error: &reqwest::Error) -> CalloutErrorKind {
    let cause = cause(error);
    if error.is_connect() || error.is_builder() {
        CalloutErrorKind::NotSent { cause }
    } else {
        CalloutErrorKind::Unavailable { status: None, cause }
    }
}

/// The innermost cause, which names no URL.
fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if std::ptr::addr_eq(innermost, std::ptr::from_ref(error)) {
        "the connection failed".to_owned()
    } else {
        innermost.to_string()
    }
}
