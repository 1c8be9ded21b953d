//! Ending what bills: `…/enddatebillingentities` of an Account or a Contract, and the replacing of
//! an AccountPlan.
//!
//! m3ter reports failures inside a 200, and does not document what happens to an object that has
//! ended earlier or begins later. Fixed here: the first is left alone and named nowhere, the second
//! fails. A Contract and a Commitment end on the day, in the organization's time zone, that the
//! instant lies in.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json, json};

use super::fields::is_before;
use super::refusal::{Refusal, bad_request, not_found};
use super::resource::Resource;
use super::resources::named;
use super::rules::{OverlapScope, Rules};
use super::state::State;

/// The kinds of billing entity, as requests and answers name them, and their resources.
const BILLING_ENTITIES: [(&str, &str); 5] = [
    ("CONTRACT", "contracts"),
    ("ACCOUNTPLAN", "accountplans"),
    ("PREPAYMENT", "commitments"),
    ("PRICINGS", "pricings"),
    ("COUNTER_PRICINGS", "counterpricings"),
];

/// What one call ends: the objects of some Accounts, or those of one Contract.
struct Scope {
    accounts: BTreeSet<String>,
    contract: Option<String>,
    /// Whether the call for a Contract reaches what lies under its Account and not under it.
    beyond_contract: bool,
}

/// Carries out an end-date call; the answer is a 200 also where some objects failed.
pub(super) fn end(
    state: &mut State,
    owner: &Resource,
    id: &str,
    body: &Json,
    rules: Rules,
    now_ms: u64,
) -> Result<Json, Refusal> {
    let request = body.as_object().ok_or_else(|| bad_request("The body must be an object"))?;
    if let Some(unknown) = request
        .keys()
        .find(|name| !matches!(name.as_str(), "endDate" | "billingEntities" | "applyToChildren"))
    {
        return Err(bad_request(format!("Unrecognized property {unknown}")));
    }
    let instant = request
        .get("endDate")
        .and_then(Json::as_str)
        .and_then(|text| text.parse::<Timestamp>().ok());
    let instant = instant
        .ok_or_else(|| bad_request("endDate must be a date-time such as 2026-01-31T00:00:00Z"))?;
    let names: Vec<&str> = request
        .get("billingEntities")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    if names.is_empty() {
        return Err(bad_request("billingEntities must hold at least one entry"));
    }
    if let Some(unknown) =
        names.iter().find(|name| !BILLING_ENTITIES.iter().any(|(known, _)| known == *name))
    {
        return Err(bad_request(format!("billingEntities must not hold {unknown}")));
    }
    let applies_to_children = match request.get("applyToChildren") {
        None | Some(Json::Null) => false,
        Some(value) => {
            value.as_bool().ok_or_else(|| bad_request("applyToChildren must be a boolean"))?
        }
    };
    let object = state.get(owner, id).ok_or_else(|| not_found(owner, id))?;
    let scope = if owner.path == "contracts" {
        let beyond_contract = rules.contract_end_date != OverlapScope::Contract;
        Scope {
            accounts: BTreeSet::from([text(object, "accountId")]),
            contract: Some(id.to_owned()),
            beyond_contract,
        }
    } else {
        let mut accounts = BTreeSet::from([id.to_owned()]);
        while applies_to_children && add_children(state, &mut accounts) {}
        Scope { accounts, contract: None, beyond_contract: true }
    };
    let day = day_of(state, instant);
    let (mut updated, mut failed) = (Map::new(), Map::new());
    for (name, path) in BILLING_ENTITIES.into_iter().filter(|(name, _)| names.contains(name)) {
        let Some(resource) = named(path) else { continue };
        let end_date = if matches!(path, "contracts" | "commitments") {
            day.clone()
        } else {
            instant.to_string()
        };
        for (id, start, end) in scope.objects(state, path) {
            if !end.is_empty() && !is_before(&end_date, &end) {
                continue;
            }
            let outcome = if is_before(&start, &end_date) {
                state.end(resource, &id, &end_date, now_ms)?;
                &mut updated
            } else {
                &mut failed
            };
            if let Some(ids) = outcome.entry(name).or_insert_with(|| json!([])).as_array_mut() {
                ids.push(json!(id));
            }
        }
    }
    let message = if failed.is_empty() {
        "The billing entities were end-dated"
    } else {
        "Some billing entities could not be end-dated"
    };
    Ok(json!({ "statusMessage": message, "updatedEntities": updated, "failedEntities": failed }))
}

impl Scope {
    /// Id, start and end of the objects of a resource that the call reaches.
    fn objects(&self, state: &State, path: &str) -> Vec<(String, String, String)> {
        let in_accounts =
            |object: &Map<String, Json>| self.accounts.contains(&text(object, "accountId"));
        let in_contract = |object: &Map<String, Json>| {
            self.beyond_contract
                || self
                    .contract
                    .as_ref()
                    .is_none_or(|contract| text(object, "contractId") == *contract)
        };
        let plans: BTreeSet<String> = state
            .present("plans")
            .filter(|plan| in_accounts(plan))
            .map(|plan| text(plan, "id"))
            .filter(|plan| {
                self.beyond_contract
                    || state.present_with("accountplans", "planId", plan).any(&in_contract)
            })
            .collect();
        let reached = |object: &&Map<String, Json>| match path {
            "contracts" => {
                in_accounts(object)
                    && self.contract.as_ref().is_none_or(|contract| text(object, "id") == *contract)
            }
            "pricings" | "counterpricings" => plans.contains(&text(object, "planId")),
            _ => in_accounts(object) && in_contract(object),
        };
        state
            .present(path)
            .filter(reached)
            .map(|object| (text(object, "id"), text(object, "startDate"), text(object, "endDate")))
            .collect()
    }
}

/// Ends an AccountPlan at the start of another one, and creates that.
pub(super) fn replace(
    state: &mut State,
    id: &str,
    body: Json,
    rules: Rules,
    now_ms: u64,
) -> Result<Json, Refusal> {
    let Some(resource) = named("accountplans") else {
        return Err(bad_request("AccountPlans are not emulated"));
    };
    let original = state.get(resource, id).cloned().ok_or_else(|| not_found(resource, id))?;
    let start = body.get("startDate").and_then(Json::as_str).unwrap_or_default().to_owned();
    if start.parse::<Timestamp>().is_err() {
        return Err(bad_request("startDate must be a date-time such as 2026-01-31T00:00:00Z"));
    }
    if body["accountId"] != original["accountId"] {
        return Err(bad_request("accountId must be that of the AccountPlan that is replaced"));
    }
    if !is_before(&text(&original, "startDate"), &start) {
        return Err(bad_request(
            "startDate must be after the start of the AccountPlan that is replaced",
        ));
    }
    let end = text(&original, "endDate");
    let runs_on = end.is_empty() || is_before(&start, &end);
    let ended =
        if runs_on { state.end(resource, id, &start, now_ms)? } else { Json::Object(original) };
    match state.create(resource, body, rules, now_ms) {
        Ok(new) => Ok(json!({ "originalAccountPlan": ended, "newAccountPlan": new })),
        Err(refusal) => {
            if runs_on {
                state.take_back(resource, id);
            }
            Err(refusal)
        }
    }
}

/// Adds the children of accounts; whether there were any new ones.
fn add_children(state: &State, accounts: &mut BTreeSet<String>) -> bool {
    let children: Vec<String> = state
        .present("accounts")
        .filter(|account| accounts.contains(&text(account, "parentAccountId")))
        .map(|account| text(account, "id"))
        .collect();
    let before = accounts.len();
    accounts.extend(children);
    accounts.len() > before
}

fn day_of(state: &State, instant: Timestamp) -> String {
    let name = state.organization_config()["timezone"].as_str().unwrap_or("UTC");
    let time_zone = TimeZone::get(name).unwrap_or(TimeZone::UTC);
    instant.to_zoned_datetime(time_zone).date().to_string()
}

fn text(object: &Map<String, Json>, field: &str) -> String {
    object.get(field).and_then(Json::as_str).unwrap_or_default().to_owned()
}
