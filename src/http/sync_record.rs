//! `POST /sync-to-m3ter/{parentRecordId}`: one record, one result; the easy form for a Flow.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;

use super::body::NoBody;
use super::fault::Fault;
use super::permit::Requester;
use super::query::SyncParameters;
use super::record::PathId;
use super::reply::Reply;
use super::sync_to_m3ter::{SyncRequest, answer};
use crate::sync::Syncs;

/// What the query says of the sync, and of who asks for it.
#[derive(Debug)]
pub(super) struct RecordQuery {
    pub(super) parameters: SyncParameters,
    /// All but the record.
    pub(super) request: SyncRequest,
}

impl RecordQuery {
    pub(super) fn parse(query: Option<&str>) -> Result<Self, Fault> {
        let mut request = SyncRequest::default();
        let take = |name: &str, value: &str| {
            let place = match name {
                "organizationId" => &mut request.organization_id,
                "salesforceUserId" => &mut request.salesforce_user_id,
                "expectedPlan" => &mut request.expected_plan,
                _ => return false,
            };
            *place = Some(value.to_owned());
            true
        };
        let known =
            "`dryRun`, `waitSeconds`, `organizationId`, `salesforceUserId` and `expectedPlan`";
        let parameters = SyncParameters::parse_with(query, take, known)?;
        Ok(Self { parameters, request })
    }
}

impl<S: Sync> FromRequestParts<S> for RecordQuery {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        Self::parse(parts.uri.query())
    }
}

pub(super) async fn handler(
    State(syncs): State<Syncs>,
    asker: Requester,
    PathId(id): PathId,
    RecordQuery { parameters, request }: RecordQuery,
    _: NoBody,
) -> Result<Reply, Fault> {
    let request = SyncRequest { parent_record_id: id, ..request };
    answer(&syncs, &asker, &request, parameters).await
}
