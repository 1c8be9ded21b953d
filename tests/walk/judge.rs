//! What must hold at a quiet point: the records as they are, against what m3ter holds and what the
//! answers said.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value as Json};

use crate::amended;
use crate::calm::Answers;
use crate::ended;
use crate::excuses::{Case, is_excused};
use crate::keys;
use crate::model::{self, Asked, Sight, Want, Wanted, double};
use crate::ops::Target;
use crate::plan::roots::Root;
use crate::rest;
use crate::world::{World, path};

/// An invariant that does not hold, with the ids of what it is about.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) invariant: &'static str,
    pub(crate) what: String,
    pub(crate) about: BTreeSet<String>,
}

impl Broken {
    pub(crate) fn new(invariant: &'static str, what: String, about: &[&str]) -> Self {
        Self { invariant, what, about: about.iter().map(|id| (*id).to_owned()).collect() }
    }
}

pub(crate) type Objects = HashMap<&'static str, Vec<Map<String, Json>>>;

pub(crate) const KINDS: [&str; 6] =
    ["Account", "Contract", "Commitment", "Plan", "Pricing", "AccountPlan"];

/// All that is wrong.
pub(crate) fn judge(world: &World, answers: &Answers) -> Vec<Broken> {
    let sight = world.sight();
    let objects: Objects = KINDS
        .iter()
        .map(|kind| (*kind, world.cluster.organization.vendor().objects(path(kind))))
        .collect();
    let lines = world.lines();
    let mut broken = once_in_m3ter(&objects);
    let mut owners: BTreeMap<String, (String, bool)> = BTreeMap::new();
    for (deal, answer) in answers {
        let (sobject, id) = &world.ids[&Target::Deal(*deal)];
        world.tally.count("root", sobject);
        let wanted = match model::asked(&sight, sobject, id, &lines, rest::was_synced(world, id)) {
            Asked::Objects(wanted) => wanted,
            Asked::Gone => {
                let is_told = matches!(
                    answer["errorCode"].as_str(),
                    Some("RECORD_NOT_FOUND" | "RECORD_DELETED")
                );
                if !is_told {
                    broken.push(Broken::new(
                        "a record that is gone is said to be gone",
                        answer.to_string(),
                        &[id],
                    ));
                }
                continue;
            }
            Asked::NotReady(code) => {
                if answer["errorCode"] != code {
                    broken.push(Broken::new(
                        "what must not be synced is not",
                        answer.to_string(),
                        &[id],
                    ));
                }
                continue;
            }
        };
        if answer["syncStatus"] == "Failed" {
            broken.push(Broken::new(
                "nothing fails when nothing is wrong",
                format!("{answer:#}"),
                &[id],
            ));
            continue;
        }
        let deal = Deal { world, sight: &sight, objects: &objects, wanted: &wanted, answer, id };
        broken.extend(deal.judge());
        broken.extend(deal.owned(&mut owners));
    }
    broken.extend(foreign(world));
    broken
}

/// No two objects with one code, no two equal Commitments under one Contract.
fn once_in_m3ter(objects: &Objects) -> Vec<Broken> {
    let mut broken = Vec::new();
    for kind in KINDS {
        let mut seen: BTreeMap<String, &Map<String, Json>> = BTreeMap::new();
        for object in &objects[kind] {
            let key = if kind == "Commitment" {
                ["contractId", "amount", "startDate", "endDate"]
                    .map(|field| object.get(field).map(ToString::to_string).unwrap_or_default())
                    .join(" ")
            } else {
                object.get("code").map(ToString::to_string).unwrap_or_default()
            };
            if let Some(other) = seen.insert(key, object) {
                let about = object.get("code").and_then(Json::as_str).unwrap_or_default();
                broken.push(Broken::new(
                    "each object is in m3ter once",
                    format!("{kind}: {other:?} and {object:?}"),
                    &[about],
                ));
            }
        }
    }
    broken
}

/// What somebody else made is as it was.
fn foreign(world: &World) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (path, made) in &world.foreign {
        let now = world
            .cluster
            .organization
            .vendor()
            .objects(path)
            .into_iter()
            .find(|object| object["id"] == made["id"]);
        let differs = |name: &&String| {
            !(world.has_ended && matches!(name.as_str(), "endDate" | "version" | "dtLastModified"))
                && now.as_ref().and_then(|now| now.get(*name)) != made.get(*name)
        };
        if made.keys().any(|name| differs(&name)) {
            broken.push(Broken::new(
                "no foreign object is touched",
                format!("{made:?} is {now:?}"),
                &[],
            ));
        }
    }
    broken
}

/// One deal at a quiet point.
pub(crate) struct Deal<'a> {
    pub(crate) world: &'a World,
    pub(crate) sight: &'a Sight<'a>,
    pub(crate) objects: &'a Objects,
    pub(crate) wanted: &'a [Wanted],
    pub(crate) answer: &'a Json,
    pub(crate) id: &'a str,
}

impl<'a> Deal<'a> {
    /// What the record asks for of one kind and row.
    pub(crate) fn wanted_of(&self, kind: &str, row: &str) -> Option<&'a Wanted> {
        self.wanted.iter().find(|wanted| wanted.kind == kind && wanted.row == row)
    }

    /// What the answer says of one object.
    pub(crate) fn result(&self, kind: &str, row: &str) -> Option<&Json> {
        let results = self.answer["objectResults"].as_array().into_iter().flatten();
        results
            .into_iter()
            .find(|result| result["objectName"] == kind && result["salesforceId"] == row)
    }

    /// The object that the answer names.
    pub(crate) fn object(&self, kind: &str, row: &str) -> Option<&Map<String, Json>> {
        let id = &self.result(kind, row)?["m3terId"];
        self.objects[kind].iter().find(|object| object["id"] == *id)
    }

    fn judge(&self) -> Vec<Broken> {
        let mut broken = self.attention();
        broken.extend(amended::joins(self));
        for wanted in self.wanted {
            broken.extend(
                self.object(wanted.kind, &wanted.row)
                    .and_then(|object| ended::taken_up_again(self, wanted, object)),
            );
            let mut say = |invariant, what: String| {
                broken.push(Broken::new(invariant, what, &[self.id, &wanted.row]));
            };
            let place = format!("{} of {}", wanted.kind, wanted.row);
            let Some(result) = self.result(wanted.kind, &wanted.row) else {
                if amended::runs_already(self, wanted) {
                    continue;
                }
                say("each object has a result", format!("{place} has none: {:#}", self.answer));
                continue;
            };
            let code = result["findingCode"].as_str().unwrap_or_default();
            if result["success"] == true && code.is_empty() {
                // What is blank leaves m3ter's value where there is one already.
                if wanted.faults.iter().all(|fault| *fault == "REQUIRED_VALUE_BLANK")
                    || self.is_lenient(wanted)
                {
                    for (invariant, what) in self.check(wanted, result) {
                        let (attention, answer) = (&self.answer["attention"], self.shown());
                        say(
                            invariant,
                            format!(
                                "{place}: {what}\nwanted {:?}\nresult {result:#}\nanswer {attention}\n    {answer}",
                                wanted.fields
                            ),
                        );
                    }
                } else {
                    say(
                        "what the record does not allow is a finding",
                        format!("{place}: {:?} and no finding: {result:#}", wanted.faults),
                    );
                }
            } else {
                self.world.tally.count("excuse", code);
                if !is_excused(&Case { deal: self, wanted, code }) {
                    say(
                        "each excuse is true",
                        format!(
                            "{place}: `{code}` is not so; {:?}\nwanted {:?}\nresult {result:#}\nanswer\n    {}",
                            wanted.faults,
                            wanted.fields,
                            self.shown()
                        ),
                    );
                }
            }
        }
        broken
    }

    /// What somebody should look at although nothing failed: a deal that is not won, a deal without
    /// lines, a Commitment that is no longer asked for.
    fn attention(&self) -> Vec<Broken> {
        if self.sobject() == "Account" {
            return Vec::new();
        }
        let record = self.sight.live(self.sobject(), self.id).unwrap_or_default();
        let is_won =
            record.get("IsWon") != Some(&Json::Bool(false)) || self.sobject() != "Opportunity";
        let is_draft =
            matches!(record.get("StatusCode").and_then(Json::as_str), Some("Draft" | "InApproval"));
        let has_lines = self.wanted.iter().any(|wanted| wanted.kind == "Plan");
        let mut broken = Vec::new();
        let is_ended = self.answer["attention"]
            .as_array()
            .is_some_and(|codes| codes.iter().any(|told| told == "ENDED"));
        self.world.tally.add("attention", "ENDED", u64::from(is_ended));
        for (code, is_so) in [
            ("NOT_READY", !is_won || is_draft),
            ("NO_LINES", !has_lines),
            ("COMMITMENT_LEFT", self.leaves_its_commitment()),
        ] {
            let is_told = self.answer["attention"]
                .as_array()
                .is_some_and(|codes| codes.iter().any(|told| told == code));
            self.world.tally.add("attention", code, u64::from(is_told));
            if is_told != is_so {
                let what = format!(
                    "`{code}` is {}told: {:#}",
                    if is_told { "" } else { "not " },
                    self.answer
                );
                broken.push(Broken::new("what somebody should look at is told", what, &[self.id]));
            }
        }
        broken
    }

    /// Whether the Commitment that it once had runs on although the record asks for none.
    fn leaves_its_commitment(&self) -> bool {
        let today = jiff::Timestamp::now().to_string();
        let runs_on = |object: &Map<String, Json>| {
            let end = object.get("endDate").and_then(Json::as_str);
            end.is_none_or(|end| end > &today[..10])
        };
        let once = self.world.ledger.get(&("Commitment".to_owned(), self.id.to_owned()));
        let held = |id: &String| {
            self.objects["Commitment"].iter().find(|object| object["id"] == id.as_str())
        };
        self.wanted.iter().all(|wanted| wanted.kind != "Commitment")
            && once.and_then(held).is_some_and(runs_on)
    }

    fn check(&self, wanted: &Wanted, result: &Json) -> Vec<(&'static str, String)> {
        let tally = &self.world.tally;
        tally.count("checked", "objects");
        let Some(object) = self.object(wanted.kind, &wanted.row) else {
            return vec![("each object is in m3ter", "m3ter has no such object".to_owned())];
        };
        let mut wrong = Vec::new();
        if !self.is_lenient(wanted) {
            for (field, want) in &wanted.fields {
                tally.count("checked", "fields");
                if !(self.holds(object, field, want)
                    || *field == "endDate" && ended::stays(self, wanted, object))
                {
                    let actual = object.get(*field).cloned().unwrap_or_default();
                    wrong.push((
                        "each field is what the record says",
                        format!("{field} is {actual}, and should be {want:?}"),
                    ));
                }
            }
        }
        if wanted.kind == "AccountPlan"
            && let Some(why) = self.is_unpriced(wanted, object)
        {
            wrong.push(("no AccountPlan bills on without a price", why));
        }
        if let Some(why) = keys::is_astray(self, wanted, object, result) {
            wrong.push(("a typed code leads where it says, or somebody is told", why));
        }
        if let Some(why) = self.write_back(wanted, result) {
            wrong.push(("write-backs point to the right objects", why));
        }
        wrong
    }

    pub(crate) fn holds(&self, object: &Map<String, Json>, field: &str, want: &Want) -> bool {
        let actual = object.get(field).cloned().unwrap_or_default();
        match want {
            Want::Text(text) => actual == text.as_str(),
            Want::Number(number) => {
                double(&actual).is_some_and(|actual| actual.to_bits() == number.to_bits())
            }
            Want::Flag(flag) => actual == *flag,
            Want::Day(day) => actual == day.to_string(),
            Want::Instant(instant) => {
                actual.as_str().and_then(|text| text.parse().ok()) == Some(*instant)
            }
            Want::Bands(bands) => {
                let number = |band: &Json, name: &str| double(&band[name]).unwrap_or(f64::NAN);
                let held = actual.as_array().into_iter().flatten();
                let held: Vec<_> = held
                    .map(|band| {
                        (
                            number(band, "lowerLimit"),
                            number(band, "unitPrice"),
                            number(band, "fixedPrice"),
                        )
                    })
                    .collect();
                held == *bands
            }
            Want::Address(parts) => {
                let beyond = (1..=4)
                    .map(|line| format!("addressLine{line}"))
                    .filter(|line| !parts.contains_key(line) && parts.contains_key("addressLine1"));
                parts.iter().all(|(part, text)| actual[part] == text.as_str())
                    && beyond
                        .into_iter()
                        .all(|line| actual[line].as_str().unwrap_or_default().is_empty())
            }
            Want::Of(kind, row) => {
                match self.result(kind, row).and_then(|result| result.get("m3terId")) {
                    Some(id) => actual == *id,
                    None => true,
                }
            }
            Want::Coded(path, code) => {
                self.sight.by_code(path, code).is_some_and(|object| actual == object["id"])
            }
        }
    }

    /// Why an AccountPlan has a time without a price.
    fn is_unpriced(&self, wanted: &Wanted, account_plan: &Map<String, Json>) -> Option<String> {
        // Where the Pricing itself is a finding, that is told.
        if self.result("Pricing", &wanted.row)?["success"] != true {
            return None;
        }
        let instant = |object: &Map<String, Json>, field: &str| {
            object
                .get(field)
                .and_then(Json::as_str)
                .and_then(|text| text.parse::<jiff::Timestamp>().ok())
        };
        let mut periods: Vec<_> = self.objects["Pricing"]
            .iter()
            .filter(|pricing| pricing.get("planId") == account_plan.get("planId"))
            .map(|pricing| (instant(pricing, "startDate"), instant(pricing, "endDate")))
            .collect();
        periods.sort();
        let mut priced_until = instant(account_plan, "startDate")?;
        for (start, end) in periods {
            if start? <= priced_until {
                priced_until = end.map_or(jiff::Timestamp::MAX, |end| end.max(priced_until));
            }
        }
        let end = instant(account_plan, "endDate").unwrap_or(jiff::Timestamp::MAX);
        let of_plan =
            |pricing: &&Map<String, Json>| pricing.get("planId") == account_plan.get("planId");
        let pricings: Vec<_> = self.objects["Pricing"].iter().filter(of_plan).collect();
        let is_ended = ended::is_of_price(self, &pricings);
        (priced_until < end && !is_ended).then(|| {
            format!("it runs until {end}, and its price until {priced_until}: {pricings:?}")
        })
    }

    /// Why the id in Salesforce is not that of the object.
    fn write_back(&self, wanted: &Wanted, result: &Json) -> Option<String> {
        let (sobject, field) = match wanted.kind {
            "Account" => ("Account", "M3ter_Account_Id__c"),
            "Contract" => (self.sobject(), "M3ter_Contract_Id__c"),
            "Commitment" => (self.sobject(), "M3ter_Commitment_Id__c"),
            "Plan" => (self.line_sobject(), "M3ter_Plan_Id__c"),
            "Pricing" => (self.line_sobject(), "M3ter_Pricing_Id__c"),
            _ => (self.line_sobject(), "M3ter_Account_Plan_Id__c"),
        };
        let record = self.sight.live(sobject, &wanted.row)?;
        self.world.tally.count("checked", "write-backs");
        (record.get(field) != result.get("m3terId"))
            .then(|| format!("{sobject}.{field} is {:?}", record.get(field)))
    }

    /// The answer in a line for each object.
    fn shown(&self) -> String {
        let names = ["objectName", "salesforceId", "action", "findingCode", "m3terId"];
        let line = |result: &Json| {
            names.map(|name| result[name].as_str().unwrap_or("-").to_owned()).join(" ")
        };
        let results = self.answer["objectResults"].as_array().into_iter().flatten();
        results.map(line).collect::<Vec<_>>().join("\n    ")
    }

    fn sobject(&self) -> &'static str {
        self.world.ids.values().find(|(_, id)| id == self.id).unwrap().0
    }

    fn line_sobject(&self) -> &'static str {
        Root::of(self.sobject()).map_or("none", |root| root.line)
    }

    /// No object is two records', but for Accounts and Contracts that are joined.
    fn owned(&self, owners: &mut BTreeMap<String, (String, bool)>) -> Vec<Broken> {
        let mut broken = Vec::new();
        for wanted in self.wanted.iter().filter(|wanted| wanted.kind != "Account") {
            let Some(id) =
                self.object(wanted.kind, &wanted.row).map(|object| object["id"].to_string())
            else {
                continue;
            };
            let joined = wanted.kind == "Contract" && (wanted.joined || wanted.shared.is_some());
            if let Some((other, other_joined)) =
                owners.insert(id.clone(), (wanted.row.clone(), joined))
                && other != wanted.row
                && !joined
                && !other_joined
            {
                let what = format!("{} {id} is that of {other} and of {}", wanted.kind, wanted.row);
                broken.push(Broken::new(
                    "each object is one record's",
                    what,
                    &[self.id, &other, &wanted.row],
                ));
            }
        }
        broken
    }

    /// A Contract that is joined is another record's, whatever this one says.
    fn is_lenient(&self, wanted: &Wanted) -> bool {
        let is_own = || {
            self.object("Contract", &wanted.row)
                .is_some_and(|object| object.get("code") == Some(&Json::from(wanted.row.as_str())))
        };
        wanted.kind == "Contract" && (wanted.joined || wanted.shared.is_some() && !is_own())
    }
}
