//! `POST /sync-runs` and `POST /sync-runs/end-date`: one record, whose run begins. Nobody waits for
//! it, so there is one success: where it can be looked up.

use axum::extract::State;

use super::body::Object;
use super::end_date::{EndDateRequest, end_date};
use super::fault::Fault;
use super::permit::{Denied, Requester};
use super::query::{DryRun, SyncParameters};
use super::reply::Reply;
use super::sync_to_m3ter::{self, SyncRequest};
use crate::sync::{SyncMode, Syncs};

pub(super) async fn sync(
    State(syncs): State<Syncs>,
    asker: Requester,
    DryRun(mode): DryRun,
    Object(request): Object<SyncRequest>,
) -> Result<Reply, Fault> {
    let begun = Box::pin(sync_to_m3ter::sync(&syncs, &asker, &request, unwaited(mode))).await;
    begun.map_err(Denied::into_fault)
}

pub(super) async fn end_dating(
    State(syncs): State<Syncs>,
    asker: Requester,
    DryRun(mode): DryRun,
    Object(request): Object<EndDateRequest>,
) -> Result<Reply, Fault> {
    let begun = Box::pin(end_date(&syncs, &asker, &request, unwaited(mode))).await;
    begun.map_err(Denied::into_fault)
}

fn unwaited(mode: SyncMode) -> SyncParameters {
    SyncParameters { mode, wait_seconds: 0 }
}
