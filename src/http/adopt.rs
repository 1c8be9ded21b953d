//! `POST /links/check` and `POST /links/adopt`: links to objects that m3ter has for a record
//! already.

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::body::{a_text, invalid_body};
use super::fault::{Fault, RETRY_AFTER_SECONDS};
use super::links::{body, change, kind_of, row_of};
use super::log_fields;
use super::permit::Requester;
use super::query::DryRun;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::link::{ChangedLinks, LinkVerdicts};
use crate::domain::outcome::Failure;
use crate::sync::{CheckedLink, LinkOrder, SyncMode, Syncs, WantedLink, verdict};

/// Links that a request asks for at most.
const MAX_LINKS: usize = 2_000;

/// The links of one record.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LinksRequest {
    parent_record_id: String,
    links: Vec<LinkRequest>,
}

/// One of them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LinkRequest {
    object_name: String,
    m3ter_id: String,
    #[serde(default, deserialize_with = "a_text")]
    salesforce_id: Option<String>,
}

/// Links that can be looked at.
#[derive(Debug)]
pub(super) struct Wanted {
    record: SalesforceId,
    links: Vec<WantedLink>,
}

impl<S: Sync> FromRequest<S> for Wanted {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let LinksRequest { parent_record_id, links } = body(request).await?;
        let record = row_of("parentRecordId", &parent_record_id)?;
        if links.is_empty() || links.len() > MAX_LINKS {
            return Err(invalid_body(format!(
                "`links` has {} elements; it takes 1 to {MAX_LINKS}",
                links.len()
            )));
        }
        let links = links.iter().map(LinkRequest::read).collect::<Result<_, _>>()?;
        Ok(Self { record, links })
    }
}

impl LinkRequest {
    fn read(&self) -> Result<WantedLink, Fault> {
        let m3ter_id = M3terId::parse(&self.m3ter_id)
            .map_err(|invalid| invalid_body(format!("`m3terId`: {invalid}")))?;
        let row =
            self.salesforce_id.as_deref().map(|row| row_of("salesforceId", row)).transpose()?;
        Ok(WantedLink { kind: kind_of(&self.object_name)?, row, m3ter_id })
    }
}

/// `POST /links/check`: what is wrong with each, or what the next sync would do with its object.
pub(super) async fn check(
    State(syncs): State<Syncs>,
    Wanted { record, links }: Wanted,
) -> Result<Json<LinkVerdicts>, Fault> {
    log_fields::set_record(&record);
    let checked = looked_at(&syncs, &record, &links).await?;
    let verdicts = links.iter().zip(&checked).map(|(wanted, checked)| verdict(wanted, checked));
    let links = verdicts.collect();
    Ok(Json(LinkVerdicts { parent_record_id: record.to_string(), links }))
}

/// `POST /links/adopt`: makes them, if all are right.
pub(super) async fn adopt(
    State(syncs): State<Syncs>,
    asker: Requester,
    DryRun(mode): DryRun,
    Wanted { record, links }: Wanted,
) -> Result<Json<ChangedLinks>, Fault> {
    log_fields::set_record(&record);
    let mut new = Vec::new();
    for (number, checked) in (1..).zip(looked_at(&syncs, &record, &links).await?) {
        match checked {
            Ok(CheckedLink { is_there: true, .. }) => {}
            Ok(CheckedLink { link, .. }) => new.push(link),
            Err(what) => {
                let message =
                    format!("Nothing was linked: link {number} of {}: {what}", links.len());
                return Err(Fault::new(StatusCode::CONFLICT, "LINK_WRONG", message));
            }
        }
    }
    if new.is_empty() {
        let dry_run = mode == SyncMode::DryRun;
        return Ok(Json(ChangedLinks { dry_run, links: Vec::new(), runs: Vec::new() }));
    }
    change(&syncs, &asker, mode, &LinkOrder::Adopt { record, links: new }).await
}

async fn looked_at(
    syncs: &Syncs,
    record: &SalesforceId,
    links: &[WantedLink],
) -> Result<Vec<Result<CheckedLink, String>>, Fault> {
    syncs.check_links(record, links).await.map_err(|failure| {
        let Failure { code, reason, .. } = failure;
        Fault::with_code(StatusCode::SERVICE_UNAVAILABLE, code.as_str(), reason)
            .retry_after(RETRY_AFTER_SECONDS)
    })
}
