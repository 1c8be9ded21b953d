//! Whether a key may ask for a run of this record: what `auth.rs` cannot tell, because it looks at
//! neither parameters nor bodies.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::time::Instant;

use super::failed_request::FailedRequest;
use super::fault::{Fault, RETRY_AFTER_SECONDS};
use super::log_fields;
use super::places::Places;
use super::record::RequestedRecord;
use super::reply::{Reply, Wait, failed};
use crate::callers::{Caller, KeyLimits, Reason, Refusal};
use crate::domain::ids::SalesforceId;
use crate::domain::outcome::{ErrorCode, Failure};
use crate::sync::{RunRequest, SyncMode, Syncs};

/// The caller; nobody where there is no gate before the handler.
#[derive(Debug, Clone)]
pub(crate) struct Requester {
    caller: Option<Caller>,
    places: Option<Places>,
    arrived: Instant,
}

/// Why no run begins.
#[derive(Debug)]
pub(crate) enum Denied {
    /// It is an answer about the record.
    Failed(FailedRequest),
    /// The key does not allow it, or the service cannot do it now.
    Refused(Fault),
}

impl Denied {
    /// What is answered about the record.
    pub(super) fn reply(self, id: Option<&str>, mode: SyncMode) -> Result<Reply, Fault> {
        match self {
            Self::Failed(request) => Ok(Reply::Result(Arc::new(failed(&request, id, mode).into()))),
            Self::Refused(fault) => Err(fault),
        }
    }

    /// The same where an answer can only be that a run begins: a fault.
    pub(super) fn into_fault(self) -> Fault {
        match self {
            Self::Failed(FailedRequest { code, is_retryable: true, reason }) => {
                Fault::with_code(StatusCode::SERVICE_UNAVAILABLE, code, reason)
                    .retry_after(RETRY_AFTER_SECONDS)
            }
            Self::Failed(FailedRequest { code, reason, .. }) => {
                Fault::with_code(StatusCode::BAD_REQUEST, code, reason)
            }
            Self::Refused(fault) => fault,
        }
    }
}

impl From<FailedRequest> for Denied {
    fn from(request: FailedRequest) -> Self {
        Self::Failed(request)
    }
}

impl From<Failure> for Denied {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.into())
    }
}

impl From<Fault> for Denied {
    fn from(fault: Fault) -> Self {
        Self::Refused(fault)
    }
}

impl<S: Sync> FromRequestParts<S> for Requester {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self {
            caller: parts.extensions.get().cloned(),
            places: parts.extensions.get().cloned(),
            arrived: Instant::now(),
        })
    }
}

impl Requester {
    /// The name that a run remembers.
    pub(crate) fn name(&self) -> Option<String> {
        self.caller.as_ref().map(|caller| caller.name.to_string())
    }

    /// Waits for an answer for so many seconds, if there is room to.
    pub(super) fn wait(&self, seconds: u64) -> Wait {
        let places = self.places.as_ref().filter(|_| seconds > 0);
        let name =
            self.caller.as_ref().map_or_else(|| "".into(), |caller| Arc::clone(&caller.name));
        let place = places.and_then(|places| places.wait(&name));
        Wait::new(seconds, self.arrived, place)
    }

    fn limits(&self) -> Option<(&Caller, &KeyLimits)> {
        self.caller.as_ref().map(|caller| (caller, &*caller.limits))
    }

    /// A run of the record that is asked for, if the key covers it, and the request comes from the
    /// org that the service is for or says nothing of it.
    pub(crate) async fn permit(
        &self,
        syncs: &Syncs,
        requested: RequestedRecord<'_>,
        mode: SyncMode,
    ) -> Result<RunRequest, Denied> {
        if let Some((caller, limits)) = self.limits()
            && mode == SyncMode::Apply
            && !limits.may_write()
        {
            let message = format!(
                "The API key `{}` is for dry runs only (scope `dry_run`): send `dryRun=true`",
                caller.name
            );
            return Err(refused(Reason::Scope, message));
        }
        let record = requested.record_id()?;
        let salesforce_user = requested.user_id()?;
        self.check_object(syncs, &record).await?;
        self.check_organization(syncs, requested.organization()).await?;
        let requested_by = self.name();
        Ok(RunRequest { requested_by, salesforce_user, ..RunRequest::sync(record, mode) })
    }

    /// Whether the key's objects cover a record.
    pub(crate) async fn check_object(
        &self,
        syncs: &Syncs,
        record: &SalesforceId,
    ) -> Result<(), Denied> {
        let Some((caller, limits)) =
            self.limits().filter(|(_, limits)| !limits.covers_prefix(record))
        else {
            return Ok(());
        };
        // An object's name is asked of Salesforce once for its key prefix, and of nobody for the
        // usual ones.
        let sobject = syncs.object_of(record).await?;
        if sobject.is_some_and(|sobject| limits.covers_object(&sobject)) {
            return Ok(());
        }
        let message = format!(
            "The API key `{}` is for records of {} only",
            caller.name,
            limits.objects_in_words()
        );
        Err(refused(Reason::Object, message))
    }

    /// Whether the key may list runs: one that is for some objects must name a record.
    pub(crate) async fn check_list(
        &self,
        syncs: &Syncs,
        record: Option<&SalesforceId>,
    ) -> Result<(), Denied> {
        match (self.limits().filter(|(_, limits)| !limits.objects.is_empty()), record) {
            (None, _) => Ok(()),
            (Some(_), Some(record)) => self.check_object(syncs, record).await,
            (Some((caller, limits)), None) => {
                let objects = limits.objects_in_words();
                let message = format!(
                    "The API key `{}` is for records of {objects} only: name one with `parentRecordId`",
                    caller.name
                );
                Err(refused(Reason::Object, message))
            }
        }
    }

    /// That the key's own org is the service's was looked at before: see [`in_its_org`].
    async fn check_organization(&self, syncs: &Syncs, named: Option<&str>) -> Result<(), Denied> {
        let Some(named) = named else { return Ok(()) };
        if let Some((caller, org)) =
            self.limits().and_then(|(caller, limits)| Some((caller, limits.org.as_ref()?)))
            && SalesforceId::parse(named).is_ok_and(|named| named != *org)
        {
            return Err(Denied::Refused(of_another_org(caller, org)));
        }
        syncs.check_organization(named).await?;
        Ok(())
    }
}

/// Lets a key that is for one org in only if the service is for it, whatever is asked for.
pub(crate) async fn in_its_org(
    State(syncs): State<Syncs>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let caller = request
        .extensions()
        .get::<Caller>()
        .filter(|_| !matches!(path, Some("/livez" | "/readyz" | "/openapi.yaml")));
    let Some((caller, org)) = caller.and_then(|caller| Some((caller, caller.limits.org.as_ref()?)))
    else {
        return next.run(request).await;
    };
    match syncs.check_organization(org.as_str()).await {
        Ok(()) => next.run(request).await,
        Err(failure) if failure.code == ErrorCode::WrongOrganization => {
            of_another_org(caller, org).into_response()
        }
        Err(failure) => {
            let message = format!(
                "The API key `{}` is limited to one org, and it is not known which org this service is for: {}",
                caller.name, failure.reason
            );
            Fault::new(StatusCode::SERVICE_UNAVAILABLE, "ORG_NOT_KNOWN", message)
                .retry_after(RETRY_AFTER_SECONDS)
                .into_response()
        }
    }
}

fn of_another_org(caller: &Caller, org: &SalesforceId) -> Fault {
    let message = format!("The API key `{}` is for the org {org} only", caller.name);
    forbidden(&Refusal { reason: Reason::Org, message })
}

fn refused(reason: Reason, message: String) -> Denied {
    Denied::Refused(forbidden(&Refusal { reason, message }))
}

/// What a known key is told that does not allow something.
pub(crate) fn forbidden(refusal: &Refusal) -> Fault {
    log_fields::set_reason(refusal.reason.as_str());
    Fault::new(StatusCode::FORBIDDEN, "FORBIDDEN", refusal.message.clone())
}
