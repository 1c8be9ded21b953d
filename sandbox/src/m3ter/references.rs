//! What ties objects together: ids that must exist, what follows from them, and what must not be
//! deleted.

use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::fields::{double, is_before};
use super::refusal::{Refusal, bad_request};
use super::resource::{FieldType, Resource};
use super::resources::RESOURCES;
use super::state::State;

/// Checks that everything an object refers to exists, and the rules that span several fields.
pub(super) fn check(
    state: &State,
    resource: &Resource,
    body: &Map<String, Json>,
    present: Option<&Map<String, Json>>,
) -> Result<(), Refusal> {
    for field in resource.fields {
        let (target, ids): (&str, Vec<&Json>) = match (field.kind, body.get(field.name)) {
            (FieldType::Reference(target), Some(id)) if !id.is_null() => (target, vec![id]),
            (FieldType::IdList(target), Some(Json::Array(ids))) => (target, ids.iter().collect()),
            _ => continue,
        };
        if let Some(missing) = ids.into_iter().find(|id| state.find(target, id).is_none()) {
            return Err(bad_request(format!("{} {missing} does not exist", field.name)));
        }
    }
    ends_after_start(body)?;
    match resource.path {
        "plans" => plan(body, present)?,
        "pricings" => pricing(body)?,
        "counterpricings" => exactly_one(body, "planId", "planTemplateId")?,
        "accountplans" => account_plan(state, body)?,
        _ => {}
    }
    if resource.path == "commitments" {
        commitment(state, body)?;
    }
    Ok(())
}

fn given<'a>(body: &'a Map<String, Json>, field: &str) -> Option<&'a Json> {
    body.get(field).filter(|value| !value.is_null())
}

fn exactly_one(body: &Map<String, Json>, first: &str, second: &str) -> Result<(), Refusal> {
    if given(body, first).is_some() == given(body, second).is_some() {
        return Err(bad_request(format!("Exactly one of {first} and {second} must be given")));
    }
    Ok(())
}

/// m3ter does not document it; fixed here for whatever has both dates.
fn ends_after_start(body: &Map<String, Json>) -> Result<(), Refusal> {
    let date = |field: &str| given(body, field).and_then(Json::as_str);
    match (date("startDate"), date("endDate")) {
        (Some(start), Some(end)) if !is_before(start, end) => {
            Err(bad_request("endDate must be after startDate"))
        }
        _ => Ok(()),
    }
}

fn plan(body: &Map<String, Json>, present: Option<&Map<String, Json>>) -> Result<(), Refusal> {
    match present {
        Some(present) if given(present, "accountId") != given(body, "accountId") => {
            Err(bad_request("accountId of a Plan cannot be changed"))
        }
        Some(present) if present["planTemplateId"] != body["planTemplateId"] => {
            Err(bad_request("planTemplateId of a Plan cannot be changed"))
        }
        _ => Ok(()),
    }
}

fn pricing(body: &Map<String, Json>) -> Result<(), Refusal> {
    exactly_one(body, "planId", "planTemplateId")?;
    exactly_one(body, "aggregationId", "compoundAggregationId")?;
    let is_cumulative = given(body, "cumulative") == Some(&json!(true));
    if given(body, "overagePricingBands").is_some() && !is_cumulative {
        return Err(bad_request("overagePricingBands need cumulative"));
    }
    Ok(())
}

fn account_plan(state: &State, body: &Map<String, Json>) -> Result<(), Refusal> {
    exactly_one(body, "planId", "planGroupId")?;
    let plan = given(body, "planId").and_then(|id| state.find("plans", id));
    if plan
        .and_then(|plan| given(plan, "accountId"))
        .is_some_and(|owner| *owner != body["accountId"])
    {
        return Err(bad_request("A bespoke Plan can be attached to its own Account only"));
    }
    let contract = given(body, "contractId").and_then(|id| state.find("contracts", id));
    if contract.is_some_and(|contract| contract["accountId"] != body["accountId"]) {
        return Err(bad_request("contractId belongs to another Account"));
    }
    Ok(())
}

fn commitment(state: &State, body: &Map<String, Json>) -> Result<(), Refusal> {
    let surcharge = given(body, "overageSurchargePercent")
        .and_then(double)
        .is_some_and(|percent| percent != 0.0);
    if surcharge && given(body, "separateOverageUsage") == Some(&json!(true)) {
        return Err(bad_request(
            "separateOverageUsage is not allowed with an overageSurchargePercent",
        ));
    }
    let contract = given(body, "contractId").and_then(|id| state.find("contracts", id));
    if contract.is_some_and(|contract| contract["accountId"] != body["accountId"]) {
        return Err(bad_request("contractId belongs to another Account"));
    }
    Ok(())
}

/// Adds what only responses carry.
pub(super) fn derive(state: &State, resource: &Resource, object: &mut Map<String, Json>) {
    let product_of_plan = |plan: &Map<String, Json>| {
        state
            .find("plantemplates", &plan["planTemplateId"])
            .map(|template| template["productId"].clone())
    };
    let product = match resource.path {
        "plans" => product_of_plan(object),
        "accountplans" => {
            given(object, "planId").and_then(|id| state.find("plans", id)).and_then(product_of_plan)
        }
        "aggregations" => given(object, "meterId")
            .and_then(|id| state.find("meters", id))
            .and_then(|meter| meter.get("productId").cloned()),
        _ => None,
    };
    match resource.path {
        "plans" | "accountplans" => {
            if let Some(product) = product {
                object.insert("productId".to_owned(), product);
            }
        }
        "commitments" => {
            object.insert("amountSpent".to_owned(), json!(0));
        }
        "pricings" | "counterpricings" => {
            if resource.path == "pricings" {
                let is_simple = given(object, "aggregationId").is_some();
                object.insert(
                    "aggregationType".to_owned(),
                    json!(if is_simple { "SIMPLE" } else { "COMPOUND" }),
                );
            }
            for bands in ["pricingBands", "overagePricingBands"] {
                for band in object.get_mut(bands).and_then(Json::as_array_mut).into_iter().flatten()
                {
                    if band.get("id").is_none() {
                        band["id"] = json!(Uuid::new_v4().to_string());
                    }
                }
            }
        }
        _ => {}
    }
}

/// The kind of object that still refers to one.
pub(super) fn user_of(state: &State, resource: &Resource, id: &str) -> Option<&'static str> {
    RESOURCES.iter().find_map(|user| {
        let fields: Vec<&str> = user
            .fields
            .iter()
            .filter(|field| matches!(field.kind, FieldType::Reference(target) if target == resource.path))
            .map(|field| field.name)
            .collect();
        let refers = state.present(user.path).any(|object| fields.iter().any(|field| object.get(*field).is_some_and(|value| value == id)));
        refers.then_some(user.name)
    })
}
