//! `POST /sync-to-m3ter/{parentRecordId}`: one record, one result; the easy form for a Flow.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use tokio::time::Instant;

use super::body::{Presence, SyncParameters, SyncRequest, check_nothing, json_bytes};
use super::fault::Fault;
use super::permit::asker;
use super::wait::{Reply, answer_for};
use crate::sync::Syncs;

pub(super) async fn handler(
    State(syncs): State<Syncs>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Fault> {
    // A path that is not UTF-8 is not an id either; it is shown as it came.
    let id = id.map_or_else(
        |_| request.uri().path().rsplit('/').next().unwrap_or_default().to_owned(),
        |Path(id)| id,
    );
    answer(&syncs, Some(&id), request).await
}

/// `POST /sync-to-m3ter/`: the id is empty.
pub(super) async fn without_id(
    State(syncs): State<Syncs>,
    request: Request,
) -> Result<Response, Fault> {
    answer(&syncs, None, request).await
}

async fn answer(syncs: &Syncs, id: Option<&str>, request: Request) -> Result<Response, Fault> {
    let (arrived, caller) = (Instant::now(), asker(&request));
    let (parameters, asked) = SyncParameters::parse_of_record(request.uri().query())?;
    check_nothing(&json_bytes(request, Presence::Optional).await?)?;
    let asked = SyncRequest { parent_record_id: id.map(ToOwned::to_owned), ..asked };
    answer_for(syncs, &asked, parameters, caller, arrived).await.map(Reply::one)
}
