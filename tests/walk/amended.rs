//! Orders of one Salesforce Contract: whose Contract they have in m3ter, and what of them is billed
//! already.

use serde_json::{Map, Value as Json};

use crate::ended;
use crate::judge::{Broken, Deal};
use crate::model::{AMENDS, Want, Wanted, double};

/// An Order that lies within the term of the one it amends is under its Contract, or somebody was
/// told why not.
pub(crate) fn joins(deal: &Deal<'_>) -> Option<Broken> {
    let contract = deal.wanted.iter().find(|wanted| wanted.kind == "Contract")?;
    let named = contract.shared.as_ref()?;
    let object = deal.object("Contract", &contract.row)?;
    let record = deal.sight.live("Order", deal.id)?;
    if !record.get("Name")?.as_str()?.starts_with(AMENDS) || contract.joined {
        return None;
    }
    deal.world.tally.count("checked", "amendments");
    let is_own = object.get("code") == Some(&Json::from(contract.row.as_str()));
    let is_told = deal.world.told.lock().unwrap().not_joined.contains(deal.id);
    (is_own && !is_told).then(|| {
        let what =
            format!("{} has a Contract of its own beside that of {named}: {object:?}", deal.id);
        Broken::new("an amendment joins what it amends, or says why not", what, &[deal.id, named])
    })
}

/// Whether a line has no result because another AccountPlan under the same Contract bills the very
/// same.
pub(crate) fn runs_already(deal: &Deal<'_>, wanted: &Wanted) -> bool {
    let warnings =
        deal.answer["warnings"].as_array().into_iter().flatten().filter_map(Json::as_str);
    let is_told = warnings.into_iter().any(|warning| warning.contains(&wanted.row))
        && deal.answer["attention"]
            .as_array()
            .is_some_and(|codes| codes.iter().any(|code| code == "RUNS_ALREADY"));
    let of_line = |kind: &str| deal.wanted_of(kind, &wanted.row);
    let (Some(plan), Some(pricing), Some(account_plan)) =
        (of_line("Plan"), of_line("Pricing"), of_line("AccountPlan"))
    else {
        return false;
    };
    let contract = deal.result("Contract", deal.id).map(|contract| &contract["m3terId"]);
    let bills_it = |other: &&Map<String, Json>| {
        let find = |kind: &str, field: &str, id: &Json| {
            deal.objects[kind].iter().find(|object| object.get(field) == Some(id))
        };
        let id = other.get("planId").unwrap_or(&Json::Null);
        other.get("contractId") == contract
            && find("Plan", "id", id)
                .is_some_and(|running| same(plan, running, &["standingCharge", "minimumSpend"]))
            && find("Pricing", "planId", id).is_some_and(|running| {
                deal.holds(running, "pricingBands", &pricing.fields["pricingBands"])
            })
            // Both end where an end dating ended their Contract.
            && (within(account_plan, other) || ended::stays(deal, account_plan, other))
    };
    let is_so = is_told && deal.objects["AccountPlan"].iter().any(|other| bills_it(&other));
    deal.world.tally.add("checked", "lines that run already", u64::from(is_so));
    is_so
}

fn same(wanted: &Wanted, running: &Map<String, Json>, fields: &[&str]) -> bool {
    fields.iter().all(|field| {
        let held = running.get(*field).and_then(double);
        match wanted.fields.get(field) {
            Some(Want::Number(number)) => {
                held.is_some_and(|held| held.to_bits() == number.to_bits())
            }
            // Blank is none, and so is 0.
            _ => held.is_none_or(|held| held == 0.0),
        }
    })
}

/// Whether the wanted period lies within the one that runs.
fn within(wanted: &Wanted, running: &Map<String, Json>) -> bool {
    let held = |field: &str| {
        running
            .get(field)
            .and_then(Json::as_str)
            .and_then(|text| text.parse::<jiff::Timestamp>().ok())
    };
    let asked = |field: &str| match wanted.fields.get(field) {
        Some(Want::Instant(instant)) => Some(*instant),
        _ => None,
    };
    let starts =
        asked("startDate").zip(held("startDate")).is_some_and(|(asked, held)| held <= asked);
    starts && held("endDate").is_none_or(|held| asked("endDate").is_some_and(|asked| asked <= held))
}
