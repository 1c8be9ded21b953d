//! `GET /changes`: what was changed in m3ter, across runs; and `POST /changes/erase`, which removes
//! the values.

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::request::Parts;
use serde::Deserialize;

use super::body::invalid_body;
use super::fault::Fault;
use super::links::{body, row_of};
use super::log_fields;
use super::permit::Requester;
use super::query::{
    instant_of, invalid_parameter, limit_of, m3ter_id_of, query_parameters, record_of, unknown,
};
use super::sync_runs::object_not_known;
use crate::domain::change::{ChangeId, ErasedValues};
use crate::domain::excerpt;
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::page::{self, ChangePage};
use crate::sync::{ChangeFilter, Syncs};

/// A page of changes, and the most that one has.
const CHANGES_ON_A_PAGE: u32 = 50;
const MAX_CHANGES_ON_A_PAGE: u32 = 200;

/// Which changes a page shows.
#[derive(Debug)]
pub(super) struct ChangeQuery(ChangeFilter);

impl<S: Sync> FromRequestParts<S> for ChangeQuery {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        read_filter(parts.uri.query()).map(Self)
    }
}

/// Whose values are removed: what does not come back is named twice.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EraseRequest {
    parent_record_id: String,
    confirm: String,
}

/// An erasure that was confirmed.
#[derive(Debug)]
pub(super) struct Erasing(SalesforceId);

impl<S: Sync> FromRequest<S> for Erasing {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let EraseRequest { parent_record_id, confirm } = body(request).await?;
        let record = row_of("parentRecordId", &parent_record_id)?;
        if row_of("confirm", &confirm)? != record {
            return Err(invalid_body(format!(
                "`confirm` is not `{record}`: what is erased does not come back, so name the record in `parentRecordId` and in `confirm`"
            )));
        }
        Ok(Self(record))
    }
}

/// `POST /changes/erase`: that something was changed, when and by whom stays.
pub(super) async fn erase(
    State(syncs): State<Syncs>,
    Erasing(record): Erasing,
) -> Result<Json<ErasedValues>, Fault> {
    log_fields::set_record(&record);
    let erased = syncs.erase(&record).await?;
    log_fields::set_outcome(format!("erased {} and {}", erased.changes, erased.dry_runs));
    Ok(Json(erased))
}

/// `GET /changes`: newest first.
pub(super) async fn list(
    State(syncs): State<Syncs>,
    asker: Requester,
    ChangeQuery(mut filter): ChangeQuery,
) -> Result<Json<ChangePage>, Fault> {
    asker.check_list(&syncs, filter.record.as_ref()).await.map_err(object_not_known)?;
    let size = filter.limit;
    filter.limit += 1;
    let mut changes = syncs.list_changes(&filter).await?;
    let last = page::cut(&mut changes, size);
    let next_cursor = last.map(|change| change.change_id.clone());
    Ok(Json(ChangePage { changes, next_cursor }))
}

/// Which changes a page shows, from the query string.
pub(super) fn read_filter(query: Option<&str>) -> Result<ChangeFilter, Fault> {
    let mut filter = ChangeFilter { limit: CHANGES_ON_A_PAGE, ..ChangeFilter::default() };
    for (name, value) in query_parameters(query)? {
        match name.as_ref() {
            "parentRecordId" => filter.record = Some(record_of(&value)?),
            "syncRunId" => filter.run = Some(run_of(&value)?),
            "accountId" => filter.account = Some(m3ter_id_of("accountId", &value)?),
            "m3terId" => filter.m3ter_id = Some(m3ter_id_of("m3terId", &value)?),
            "field" => filter.field = Some(field_of(&value)?),
            "requestedBy" => filter.requested_by = Some(value.into_owned()),
            "since" => filter.since = Some(instant_of("since", &value)?),
            "until" => filter.until = Some(instant_of("until", &value)?),
            "limit" => {
                filter.limit = limit_of("limit", value.parse().ok(), MAX_CHANGES_ON_A_PAGE)?;
            }
            "cursor" => filter.before = Some(cursor(&value)?),
            other => {
                let known = "there are `parentRecordId`, `syncRunId`, `accountId`, `m3terId`, `field`, `requestedBy`, `since`, `until`, `limit` and `cursor`";
                return Err(unknown(other, known));
            }
        }
    }
    Ok(filter)
}

fn run_of(text: &str) -> Result<SyncRunId, Fault> {
    SyncRunId::parse(text).ok_or_else(|| {
        invalid_parameter(format!(
            "`syncRunId` is `{}`, which is not the ID of a run",
            excerpt::word(text)
        ))
    })
}

/// A name of m3ter's has no spaces, and there is none that is empty.
fn field_of(text: &str) -> Result<String, Fault> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(text.to_owned());
    }
    Err(invalid_parameter(format!(
        "`field` is `{}`; it takes a field of m3ter such as `endDate`",
        excerpt::word(text)
    )))
}

fn cursor(text: &str) -> Result<ChangeId, Fault> {
    ChangeId::parse(text).ok_or_else(|| {
        invalid_parameter(format!(
            "`cursor` is `{}`, which is not a cursor; use `nextCursor` of the page before",
            excerpt::word(text)
        ))
    })
}
