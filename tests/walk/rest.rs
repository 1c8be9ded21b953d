//! Between two quiet points nothing goes astray: who is who stays so, what nobody maps stays as it
//! is, and whatever lie is told to a world at rest, m3ter is left as it was.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use sync_to_m3ter_sandbox::control::FaultKind;

use crate::calm::{Answers, ask};
use crate::judge::{Broken, KINDS};
use crate::ops::{Op, Target};
use crate::plan::roots::Root;
use crate::world::{World, path};

type Snapshot = BTreeMap<(&'static str, String), Map<String, Json>>;

fn snapshot(world: &World) -> Snapshot {
    let m3ter = world.cluster.organization.vendor();
    let of_kind = |kind: &'static str| {
        m3ter
            .objects(path(kind))
            .into_iter()
            .map(move |object| ((kind, object["id"].as_str().unwrap().to_owned()), object))
    };
    KINDS.into_iter().flat_map(of_kind).collect()
}

/// Each row has the object that it had, as long as m3ter has it.
pub(crate) fn who_is_who(world: &mut World, answers: &Answers) -> Vec<Broken> {
    let now = snapshot(world);
    let mut broken = Vec::new();
    for result in
        answers.values().flat_map(|answer| answer["objectResults"].as_array().into_iter().flatten())
    {
        let text = |name: &str| result[name].as_str().unwrap_or_default().to_owned();
        let (kind, row, id) = (text("objectName"), text("salesforceId"), text("m3terId"));
        if id.is_empty() || result["success"] != true {
            continue;
        }
        world.tally.count("checked", "identities");
        if let Some(before) = world.ledger.insert((kind.clone(), row.clone()), id.clone())
            && before != id
            && now.keys().any(|(of, other)| *of == kind && *other == before)
        {
            broken.push(Broken::new(
                "each row keeps its object",
                format!("{kind} of {row} was {before}, which m3ter still has, and is {id}"),
                &[&row],
            ));
        }
    }
    for ((kind, id), value) in &world.unmapped {
        if let Some(object) = now.get(&(*kind, id.clone()))
            && object.get("customFields") != Some(value)
        {
            let about = object.get("code").and_then(Json::as_str).unwrap_or_default();
            broken.push(Broken::new(
                "what no mapping names is not lost",
                format!("{kind} {id} had {value} and is {object:?}"),
                &[about],
            ));
        }
    }
    broken
}

/// Where the mapping says so, what a removed line made ends with the day.
pub(crate) fn removed_lines(world: &World, answers: &Answers) -> Vec<Broken> {
    if !world.ends_lines {
        return Vec::new();
    }
    let sight = world.sight();
    let tomorrow =
        jiff::Timestamp::now().to_zoned_datetime(sight.zone.clone()).date().tomorrow().unwrap();
    let tomorrow = tomorrow.to_zoned_datetime(sight.zone.clone()).unwrap().timestamp();
    let told = world.told.lock().unwrap();
    let mut broken = Vec::new();
    for ((kind, row), id) in told
        .objects
        .iter()
        .filter(|((kind, _), id)| kind == "AccountPlan" && !world.reopened.contains(*id))
    {
        let is_gone = row.starts_with("00k") && sight.live("OpportunityLineItem", row).is_none();
        let deal = deal_of(world, row).and_then(|deal| world.target(&deal));
        let is_synced = deal.is_some_and(
            |deal| matches!(deal, Target::Deal(deal) if answers.get(&deal).is_some_and(|answer| answer["syncStatus"] != "Failed")),
        );
        let Some(object) = sight
            .m3ter
            .objects("accountplans")
            .into_iter()
            .find(|object| object["id"] == id.as_str())
        else {
            continue;
        };
        let instant = |field: &str| {
            object
                .get(field)
                .and_then(Json::as_str)
                .and_then(|text| text.parse::<jiff::Timestamp>().ok())
        };
        let has_begun = instant("startDate").is_some_and(|start| start < tomorrow);
        if !(is_gone && is_synced && has_begun) {
            continue;
        }
        world.tally.count("checked", "removed lines that end");
        if instant("endDate").is_none_or(|end| end > tomorrow) {
            broken.push(Broken::new(
                "what a removed line made ends",
                format!("{kind} of {row}: {object:?}"),
                &[row],
            ));
        }
    }
    broken
}

/// What an end dating ends is the deal's own.
async fn ends_its_own(world: &mut World, ops: &[Op], deal: &str) -> Vec<Broken> {
    let before = snapshot(world);
    for op in ops {
        world.carry_out(op).await;
    }
    world.answered().await;
    let after = snapshot(world);
    world.tally.count("checked", "end datings");
    let told = world.told.lock().unwrap();
    let changed = before.iter().filter(|(key, object)| after.get(*key) != Some(object));
    let is_own = |id: &str| {
        told.objects.iter().any(|((_, row), own)| {
            own == id && deal_of(world, row).is_none_or(|owner| owner == deal)
        })
    };
    // A Contract that others joined is theirs as well.
    let is_shared = told.objects.iter().any(|((kind, row), id)| {
        kind == "Contract"
            && row != deal
            && told.objects.get(&("Contract".to_owned(), deal.to_owned())) == Some(id)
    });
    let astray = changed.filter(|((_, id), _)| !is_shared && !is_own(id));
    let say = |((kind, id), object): (&(&'static str, String), &Map<String, Json>)| {
        let what = format!(
            "the end dating of {deal} changed {kind} {id}, which was {object:?} and is {:?}",
            after.get(&(*kind, id.clone()))
        );
        Broken::new("an end dating ends its own", what, &[deal])
    };
    astray.map(say).collect()
}

/// Whether anything of a deal is known to be in m3ter.
pub(crate) fn was_synced(world: &World, deal: &str) -> bool {
    let told = world.told.lock().unwrap();
    told.objects.keys().any(|(kind, row)| {
        kind != "Account" && deal_of(world, row).is_some_and(|owner| owner == deal)
    })
}

/// The deal of a row: itself, or the one that its line names.
pub(crate) fn deal_of(world: &World, row: &str) -> Option<String> {
    let (sobject, _) = world.ids.values().find(|(_, id)| id == row)?;
    match Root::of_line(sobject) {
        Some(root) => world
            .cluster
            .org
            .vendor()
            .record(sobject, row)?
            .get(root.parent)?
            .as_str()
            .map(ToOwned::to_owned),
        None => Some(row.to_owned()),
    }
}

/// The writes of a deal's sync to objects of another deal.
pub(crate) fn astray(world: &World, deal: &str, changed: &[String]) -> Vec<Broken> {
    let told = world.told.lock().unwrap();
    let owners = told.objects.iter().filter(|((kind, _), _)| kind != "Account");
    let owners: BTreeMap<&str, (&str, &str)> =
        owners.map(|((kind, row), id)| (id.as_str(), (kind.as_str(), row.as_str()))).collect();
    let mut broken = Vec::new();
    for change in
        changed.iter().filter(|change| change.starts_with("PUT ") || change.starts_with("DELETE "))
    {
        let id =
            change.split(' ').nth(1).unwrap_or_default().rsplit('/').next().unwrap_or_default();
        let Some((kind, row)) = owners.get(id) else { continue };
        let is_own = told.objects.iter().any(|((_, row), own)| {
            own == id && deal_of(world, row).is_some_and(|owner| owner == deal)
        });
        if !is_own && deal_of(world, row).is_some() {
            broken.push(Broken::new(
                "no other deal's object is touched",
                format!("the sync of {deal} wrote {change}, the {kind} of {row}"),
                &[deal, row],
            ));
        }
    }
    broken
}

/// Lines of another record of which the answer to a sync said that it wrote them.
pub(crate) fn others_lines(world: &World) -> Vec<Broken> {
    let written = std::mem::take(&mut world.told.lock().unwrap().written);
    let owner = |row: &str| deal_of(world, row).filter(|owner| owner != row);
    let astray = written.iter().filter_map(|(record, row)| {
        let owner = owner(row).filter(|owner| owner != record)?;
        let what = format!("the sync of {record} wrote what {row} made, a line of {owner}");
        Some(Broken::new("no other deal's object is touched", what, &[record, row]))
    });
    astray.collect()
}

/// Whether Salesforce gives fewer rows than it counts.
fn is_cut(ops: &[Op]) -> bool {
    ops.iter().any(
        |op| matches!(op, Op::Fault(fault) if matches!(fault.fault, FaultKind::CutPage { .. })),
    )
}

/// An object of a whole answer that a later one says nothing of, although it did not fail.
fn lacks(answer: &Json, whole: &Json) -> Option<String> {
    let objects = |answer: &Json| -> Vec<(Json, Json)> {
        let results = answer["objectResults"].as_array().into_iter().flatten();
        results
            .map(|result| (result["objectName"].clone(), result["salesforceId"].clone()))
            .collect()
    };
    let told = objects(answer);
    let lacking = objects(whole).into_iter().find(|object| !told.contains(object))?;
    (answer["syncStatus"] != "Failed")
        .then(|| format!("nothing is said of {lacking:?}: {answer:#}"))
}

/// Whether m3ter's lists lack what it has.
fn is_of_lists(ops: &[Op]) -> bool {
    ops.iter().any(|op| matches!(op, Op::Behind(_)))
}

/// Whether the AccountPlan of an object's row was refused for another one.
fn bills_nothing(answer: &Json, object: Option<&Map<String, Json>>) -> bool {
    let row = object.and_then(|object| object.get("code")).unwrap_or(&Json::Null);
    answer["objectResults"].as_array().into_iter().flatten().any(|result| {
        result["objectName"] == "AccountPlan"
            && result["salesforceId"] == *row
            && result["findingCode"] == "ACCOUNT_PLAN_OVERLAP"
    })
}

/// Tells lies to a world at rest: nothing may come of them.
pub(crate) async fn lies(
    world: &mut World,
    lies: Vec<(Vec<Op>, u32)>,
    answers: &Answers,
) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (ops, deal) in lies {
        let Some(id) = world.id(Target::Deal(deal)).map(ToOwned::to_owned) else { continue };
        if matches!(ops[0], Op::EndDate { .. }) {
            broken.extend(ends_its_own(world, &ops, &id).await);
            // What follows finds a world that is not at rest any more.
            break;
        }
        let before = snapshot(world);
        for op in &ops {
            world.carry_out(op).await;
        }
        world.tally.count("checked", "lies at rest");
        let answer = ask(world, deal, "").await;
        let after = snapshot(world);
        if let Some(what) =
            answers.get(&deal).filter(|_| is_cut(&ops)).and_then(|whole| lacks(&answer, whole))
        {
            broken.push(Broken::new(
                "an answer that is cut short is no answer",
                format!("{ops:?}: {what}"),
                &[&id],
            ));
        }
        let differs = |key: &&(&'static str, String)| before.get(*key) != after.get(*key);
        let is_refused = |kind: &str| {
            let last =
                answers.get(&deal).map(|answer| &answer["objectResults"]).and_then(Json::as_array);
            last.into_iter()
                .flatten()
                .any(|result| result["objectName"] == kind && result["success"] != true)
        };
        for key in before.keys().chain(after.keys()).filter(differs) {
            // A Commitment that m3ter refused, and does not refuse while this lie lasts, is no
            // lie's.
            if key.0 == "Commitment" && is_refused("Commitment") {
                continue;
            }
            // Where a list hides the AccountPlan that is in the way, m3ter refuses the other one
            // after its Plan and Pricing were made: both bill nothing.
            if matches!(key.0, "Plan" | "Pricing")
                && is_of_lists(&ops)
                && bills_nothing(&answer, after.get(key))
            {
                continue;
            }
            let what = format!(
                "{ops:?}: {key:?} was {:?} and is {:?}\nanswer {answer:#}",
                before.get(key),
                after.get(key)
            );
            broken.push(Broken::new("nothing comes of what is hidden or cut", what, &[&id]));
        }
        world.calm_down();
    }
    broken
}
