//! Commitments and AccountPlans that must not run at the same time.

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::refusal::{Refusal, bad_request};
use super::resource::Resource;
use super::rules::{OverlapScope, Rules};
use super::state::State;

/// Refuses an object that runs at the same time as another one that it excludes.
pub(super) fn check(
    state: &State,
    resource: &Resource,
    body: &Map<String, Json>,
    present: Option<&Map<String, Json>>,
    rules: Rules,
) -> Result<(), Refusal> {
    let own_id = present.map(|object| &object["id"]);
    let account = body.get("accountId").and_then(Json::as_str).unwrap_or_default();
    let others = || {
        state
            .present_with(resource.path, "accountId", account)
            .filter(|other| Some(&other["id"]) != own_id)
    };
    match resource.path {
        "commitments" => {
            match others().find(|other| commitments_clash(body, other, rules.commitment_overlap)) {
                Some(other) => Err(bad_request(format!(
                    "Commitment would overlap with existing Commitment {}",
                    shown(&other["id"])
                ))),
                None => Ok(()),
            }
        }
        "accountplans" => {
            let allowed = state.organization_config()["allowOverlappingPlans"] == json!(true);
            let scope = if allowed { OverlapScope::Off } else { rules.account_plan_overlap };
            let product = body
                .get("planId")
                .and_then(|plan| state.find("plans", plan))
                .map(|plan| plan["productId"].clone());
            let clashes = |other: &&Map<String, Json>| {
                other.get("productId") == product.as_ref()
                    && in_scope(body, other, scope)
                    && instants_intersect(body, other)
            };
            match product.as_ref().and_then(|_| others().find(clashes)) {
                Some(other) => Err(bad_request(format!(
                    "AccountPlan would overlap with AccountPlan {} for the same product {}",
                    shown(&other["id"]),
                    shown(&other["productId"])
                ))),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn in_scope(one: &Map<String, Json>, other: &Map<String, Json>, scope: OverlapScope) -> bool {
    match scope {
        OverlapScope::Off => false,
        OverlapScope::Account => true,
        OverlapScope::Contract => given(one, "contractId") == given(other, "contractId"),
    }
}

fn commitments_clash(
    one: &Map<String, Json>,
    other: &Map<String, Json>,
    scope: OverlapScope,
) -> bool {
    let text = |object: &Map<String, Json>, field: &str| {
        object.get(field).and_then(Json::as_str).unwrap_or_default().to_owned()
    };
    let dates_intersect = text(one, "startDate") < text(other, "endDate")
        && text(other, "startDate") < text(one, "endDate");
    in_scope(one, other, scope) && dates_intersect && products_intersect(one, other)
}

fn products_intersect(one: &Map<String, Json>, other: &Map<String, Json>) -> bool {
    let products = |object: &Map<String, Json>| {
        object.get("productIds").and_then(Json::as_array).cloned().unwrap_or_default()
    };
    let (one, other) = (products(one), products(other));
    one.is_empty() || other.is_empty() || one.iter().any(|product| other.contains(product))
}

fn instants_intersect(one: &Map<String, Json>, other: &Map<String, Json>) -> bool {
    let instant = |object: &Map<String, Json>, field: &str| {
        given(object, field).and_then(Json::as_str).and_then(|text| text.parse::<Timestamp>().ok())
    };
    let starts_before_end = |start: Option<Timestamp>, end: Option<Timestamp>| {
        end.is_none_or(|end| start.is_some_and(|start| start < end))
    };
    starts_before_end(instant(one, "startDate"), instant(other, "endDate"))
        && starts_before_end(instant(other, "startDate"), instant(one, "endDate"))
}

fn given<'a>(object: &'a Map<String, Json>, field: &str) -> Option<&'a Json> {
    object.get(field).filter(|value| !value.is_null())
}

fn shown(id: &Json) -> &str {
    id.as_str().unwrap_or_default()
}
