//! `GET /links`, and `POST /links/move`, `/links/forget` and `/links/confirm`: which m3ter object
//! belongs to which Salesforce row, and changing that by hand.

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::body::{Object, Presence, a_text, invalid_body, json_bytes, parse};
use super::fault::{BUSY_SECONDS, Fault};
use super::log_fields;
use super::permit::Requester;
use super::query::{DryRun, m3ter_id_of, query_parameters, record_of, truth, unknown};
use super::sync_runs::object_not_known;
use crate::domain::entity::EntityKind;
use crate::domain::excerpt;
use crate::domain::ids::SalesforceId;
use crate::domain::link::{ChangedLinks, LinkList};
use crate::sync::{LinkFilter, LinkOrder, NotHandedOver, SyncMode, Syncs};

/// Which links are listed.
#[derive(Debug)]
pub(super) struct LinkQuery(LinkFilter);

/// Whose links move where.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LinkMoveRequest {
    from_salesforce_id: String,
    to_salesforce_id: String,
}

/// Whose links are forgotten.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LinkForgetRequest {
    salesforce_id: String,
    #[serde(default, deserialize_with = "a_text")]
    object_name: Option<String>,
}

/// Whose Account is the right one.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LinkConfirmRequest {
    salesforce_id: String,
}

/// A move that can be tried.
#[derive(Debug)]
pub(super) struct Moving(LinkOrder);

/// The same of what is forgotten.
#[derive(Debug)]
pub(super) struct Forgetting(LinkOrder);

/// The same of what is confirmed.
#[derive(Debug)]
pub(super) struct Confirming(LinkOrder);

impl<S: Sync> FromRequestParts<S> for LinkQuery {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        let mut filter = LinkFilter::default();
        for (name, value) in query_parameters(parts.uri.query())? {
            match name.as_ref() {
                "parentRecordId" => filter.record = Some(record_of(&value)?),
                "m3terId" => filter.m3ter_id = Some(m3ter_id_of("m3terId", &value)?),
                "toConfirm" => filter.to_confirm = truth("toConfirm", &value)?,
                other => {
                    let known = "there are `parentRecordId`, `m3terId` and `toConfirm`";
                    return Err(unknown(other, known));
                }
            }
        }
        Ok(Self(filter))
    }
}

impl<S: Sync> FromRequest<S> for Moving {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let LinkMoveRequest { from_salesforce_id, to_salesforce_id } = body(request).await?;
        let from = row_of("fromSalesforceId", &from_salesforce_id)?;
        let to = row_of("toSalesforceId", &to_salesforce_id)?;
        LinkOrder::moving(from, to).map(Self).map_err(invalid_body)
    }
}

impl<S: Sync> FromRequest<S> for Forgetting {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let LinkForgetRequest { salesforce_id, object_name } = body(request).await?;
        let row = row_of("salesforceId", &salesforce_id)?;
        let kind = object_name.as_deref().map(kind_of).transpose()?;
        Ok(Self(LinkOrder::Forget { row, kind }))
    }
}

impl<S: Sync> FromRequest<S> for Confirming {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let LinkConfirmRequest { salesforce_id } = body(request).await?;
        let row = row_of("salesforceId", &salesforce_id)?;
        Ok(Self(LinkOrder::Confirm { row }))
    }
}

pub(super) async fn body<T: DeserializeOwned>(request: Request) -> Result<T, Fault> {
    let bytes = json_bytes(request, Presence::Required).await?;
    let Object(body) = parse(&bytes)?;
    Ok(body)
}

pub(super) fn row_of(name: &str, text: &str) -> Result<SalesforceId, Fault> {
    SalesforceId::parse(text).map_err(|invalid| invalid_body(format!("`{name}`: {invalid}")))
}

pub(super) fn kind_of(text: &str) -> Result<EntityKind, Fault> {
    EntityKind::from_name(text).ok_or_else(|| {
        invalid_body(format!(
            "`objectName` is `{}`; it takes {}",
            excerpt::word(text),
            EntityKind::ALL.map(EntityKind::name).join(", ")
        ))
    })
}

/// `GET /links`: of one record or row, to one object, or all.
pub(super) async fn list(
    State(syncs): State<Syncs>,
    asker: Requester,
    LinkQuery(filter): LinkQuery,
) -> Result<Json<LinkList>, Fault> {
    asker.check_list(&syncs, filter.record.as_ref()).await.map_err(object_not_known)?;
    Ok(Json(LinkList { links: syncs.list_links(&filter).await? }))
}

/// `POST /links/move`: what belongs to one row belongs to another one.
pub(super) async fn hand_over(
    State(syncs): State<Syncs>,
    asker: Requester,
    DryRun(mode): DryRun,
    Moving(order): Moving,
) -> Result<Json<ChangedLinks>, Fault> {
    change(&syncs, &asker, mode, &order).await
}

/// `POST /links/forget`: the next sync looks for the row's objects by their keys again.
pub(super) async fn forget(
    State(syncs): State<Syncs>,
    asker: Requester,
    DryRun(mode): DryRun,
    Forgetting(order): Forgetting,
) -> Result<Json<ChangedLinks>, Fault> {
    change(&syncs, &asker, mode, &order).await
}

/// `POST /links/confirm`: the Account that only a typed code led to is the row's.
pub(super) async fn confirm(
    State(syncs): State<Syncs>,
    asker: Requester,
    DryRun(mode): DryRun,
    Confirming(order): Confirming,
) -> Result<Json<ChangedLinks>, Fault> {
    change(&syncs, &asker, mode, &order).await
}

pub(super) async fn change(
    syncs: &Syncs,
    asker: &Requester,
    mode: SyncMode,
    order: &LinkOrder,
) -> Result<Json<ChangedLinks>, Fault> {
    log_fields::set_record(order.row());
    log_fields::set_parameters(order.to_string());
    let changed = syncs.change_links(order, mode, asker.name().as_deref()).await??;
    let what = if mode == SyncMode::DryRun { "dry run of" } else { "changed" };
    log_fields::set_outcome(format!("{what} {}", changed.links.len()));
    Ok(Json(changed))
}

impl From<NotHandedOver> for Fault {
    fn from(refused: NotHandedOver) -> Self {
        let message = format!("Nothing was changed: {}", excerpt::sentence(&refused.to_string()));
        match refused {
            NotHandedOver::NoLinks(_) | NotHandedOver::NothingToConfirm(_) => {
                Fault::new(StatusCode::NOT_FOUND, "NO_LINKS", message)
            }
            NotHandedOver::Busy(_) => {
                Fault::new(StatusCode::CONFLICT, "RECORD_BUSY", message).retry_after(BUSY_SECONDS)
            }
            _ => Fault::new(StatusCode::CONFLICT, "LINK_TAKEN", message),
        }
    }
}
