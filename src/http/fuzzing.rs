//! What the bytes of a request mean, for `fuzz/` and the test that replays its corpus.
//!
//! The functions are those of the handlers. Nothing of the service uses this.

use super::body::{Object, check_nothing, parse, parse_requests};
use super::end_date::EndDateRequest;
use super::fault::Fault;
use super::record::{RecordRequest, expected_plan};
use super::sync_record::RecordQuery;
use super::sync_runs::{self, ReplayRequest};
use super::sync_to_m3ter::SyncRequest;
use crate::domain::ending::EndDateOrder;
use crate::domain::ids::SalesforceId;
use crate::sync::{RunFilter, SyncMode};

/// A request that is answered by a fault.
#[derive(Debug)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: &'static str,
    /// The sentence.
    pub message: String,
}

/// One element of a request list: what it asks for, or the reason of a failed result.
pub type Asked<T> = Result<T, String>;

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        let (status, code, message) = fault.into_parts();
        Self { status: status.as_u16(), code, message }
    }
}

/// The body of `POST /sync-to-m3ter`.
pub fn sync(body: &[u8]) -> Result<Vec<Asked<SalesforceId>>, Refused> {
    let requests: Vec<SyncRequest> = parse_requests(body)?;
    Ok(requests.iter().map(record_id).collect())
}

/// The body of `POST /end-date-billing-entities`.
pub fn end_date(body: &[u8]) -> Result<Vec<Asked<(SalesforceId, EndDateOrder)>>, Refused> {
    let requests: Vec<EndDateRequest> = parse_requests(body)?;
    let asked = |request: &EndDateRequest| {
        Ok((record_id(request)?, request.order().map_err(|request| request.reason)?))
    };
    Ok(requests.iter().map(asked).collect())
}

fn record_id(request: &impl RecordRequest) -> Asked<SalesforceId> {
    request.record().record_id().map_err(|request| request.reason)
}

/// The body of `POST /sync-to-m3ter/{parentRecordId}`.
pub fn nothing(body: &[u8]) -> Result<(), Refused> {
    Ok(check_nothing(body)?)
}

/// The query of a sync: what is to be done, how long the caller waits in seconds, and the org that
/// asks.
pub fn parameters(query: &str) -> Result<(SyncMode, u64, Option<String>), Refused> {
    let RecordQuery { parameters, request } = RecordQuery::parse(Some(query))?;
    let _ = expected_plan(request.expected_plan.as_deref(), parameters.mode);
    Ok((parameters.mode, parameters.wait_seconds, request.organization_id))
}

/// The query of `GET /sync-runs`.
pub fn run_filter(query: &str) -> Result<RunFilter, Refused> {
    Ok(sync_runs::read_filter(Some(query))?)
}

/// The body of `POST /sync-runs/replay`.
pub fn replay(body: &[u8]) -> Result<RunFilter, Refused> {
    let Object::<ReplayRequest>(request) = parse(body)?;
    Ok(request.filter()?)
}
