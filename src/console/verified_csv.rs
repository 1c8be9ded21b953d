//! What a verification found, as a file for spreadsheets.

use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use strum::VariantArray as _;

use super::session::Visitor;
use super::verification::Asked;
use crate::callers::Permission;
use crate::domain::ids::SalesforceId;
use crate::domain::text::spreadsheet_cell;
use crate::domain::verification::{VerifiedRecord, VerifiedStatus};
use crate::http::fault::Fault;
use crate::http::permit::Requester;
use crate::http::verifications::{find, sees_all};
use crate::sync::Syncs;

/// Records that are read at once.
const READ_AT_ONCE: u32 = 500;

/// `GET /console/verifications/{verificationId}/records.csv`: a page of the store at a time, so that
/// any number goes out.
pub(super) async fn show(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    asker: Requester,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Fault> {
    visitor.needs(Permission::ReadRuns)?;
    sees_all(&asker, &syncs).await?;
    let id = find(&syncs, &id).await?.verification_id;
    let statuses = match Asked::read(query.as_deref())?.status {
        Some(status) => vec![status],
        None => VerifiedStatus::VARIANTS.to_vec(),
    };
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"verification-{id}.csv\"")),
    ];
    let head = rows([["Status", "Record", "Name", "What", "Error code"].map(str::to_owned)])?;
    let pages = stream::try_unfold(Some(None), move |after: Option<Option<SalesforceId>>| {
        let (syncs, id, statuses) = (syncs.clone(), id.clone(), statuses.clone());
        async move {
            let Some(after) = after else { return Ok::<_, Fault>(None) };
            let found = syncs.list_verified(&id, &statuses, after.as_ref(), READ_AT_ONCE).await?;
            let is_last = found.len() < READ_AT_ONCE as usize;
            let last = found.last().map(|record| record.record_id.clone());
            let text = rows(found.into_iter().map(cells))?;
            Ok(Some((text, (!is_last).then_some(last))))
        }
    });
    let all = stream::StreamExt::chain(stream::iter([Ok(head)]), pages);
    let all = stream::TryStreamExt::map_err(all, |_: Fault| {
        std::io::Error::other("the records could not be read to their end")
    });
    Ok((headers, Body::from_stream(all)).into_response())
}

fn cells(record: VerifiedRecord) -> [String; 5] {
    [
        record.status.to_string(),
        record.record_id.to_string(),
        record.name.unwrap_or_default(),
        record.message,
        record.error_code.unwrap_or_default(),
    ]
}

fn rows(rows: impl IntoIterator<Item = [String; 5]>) -> Result<Bytes, Fault> {
    let unwritten = || {
        let message = "The file could not be made";
        Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", message)
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer
            .write_record(row.iter().map(|cell| spreadsheet_cell(cell).into_owned()))
            .map_err(|_| unwritten())?;
    }
    Ok(writer.into_inner().map_err(|_| unwritten())?.into())
}
