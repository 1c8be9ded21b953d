//! Whether AccountPlans and Commitments keep to the term of their Contract, as m3ter will hold all
//! of them after this sync.
//!
//! A Contract that this sync writes has the dates of the record then. One that it only joins, or
//! whose dates it leaves alone, keeps those that m3ter holds, whatever the record says.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json};

use super::body::{create_body, update_body};
use super::{Availability, Change, Changeset, KnownIds, Step};
use crate::domain::actual::ActualObject;
use crate::domain::dates::midnight;
use crate::domain::desired::{DesiredObject, FieldAction, OnFound};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::{IdMap, M3terId};
use crate::domain::value::{Value, date_in_text};
use crate::domain::warning::{Attention, Warning};

/// The term of a Contract, and why it is that one.
#[derive(Debug, Clone, PartialEq)]
struct Term {
    start: Date,
    end: Date,
    origin: Origin,
}

/// Where the dates of a Contract come from.
#[derive(Debug, Clone, PartialEq)]
enum Origin {
    /// From the record: they are what it says.
    Record,
    /// From m3ter, and the record says others or none: the deal joins a Contract that another
    /// record made, whose code it has from a field; without a code it is that of a record with
    /// which it shares a field's value.
    Joined { id: M3terId, code: Option<String>, source: Option<String> },
    /// From m3ter, and the record says others or none: this sync does not change them.
    Kept { id: M3terId },
}

impl Changeset {
    /// Refuses each AccountPlan and Commitment that would leave the term of its Contract. `held`
    /// are the objects of these three kinds that m3ter has, as far as they were read.
    pub fn keep_to_contracts<'a>(
        &mut self,
        held: impl IntoIterator<Item = &'a ActualObject>,
        time_zone: &TimeZone,
    ) {
        let held = held.into_iter().map(|object| (&object.id, object)).collect();
        let outside = self.outside(&held, time_zone);
        for (change, outside) in self.changes.iter_mut().zip(outside) {
            match outside {
                // It is so already, and was made by hand or by a sync before: somebody should know,
                // and nothing is lost by it now.
                Some(outside)
                    if outside.is_held && matches!(change.step, Step::Unchanged { .. }) =>
                {
                    change.warnings.push(outside.in_words());
                }
                Some(outside) => {
                    let existing = change.step.known_id().cloned();
                    change.step = Step::Invalid { findings: vec![outside.finding], existing };
                }
                None => {}
            }
        }
    }

    /// What is to be said of each change after m3ter refused the update of some Contracts, which
    /// therefore keep their dates: what was written beside them may lie outside now.
    pub fn outside_unchanged(
        &self,
        refused: impl Fn(&ObjectKey) -> bool,
        time_zone: &TimeZone,
    ) -> Vec<Option<Warning>> {
        let is_refused = |change: &&Change| {
            change.desired.kind() == EntityKind::Contract
                && matches!(change.step, Step::Update { .. })
                && refused(&change.desired.key)
        };
        if !self.changes.iter().any(|change| is_refused(&change)) {
            return vec![None; self.changes.len()];
        }
        let mut stayed = self.clone();
        let mut held: IdMap<&M3terId, &ActualObject> = IdMap::default();
        for (change, stayed) in self.changes.iter().zip(&mut stayed.changes) {
            if let Step::Update { actual, .. } = &change.step
                && is_refused(&change)
            {
                held.insert(&actual.id, actual);
                stayed.step = Step::Unchanged { id: actual.id.clone() };
            }
        }
        let outside = stayed.outside(&held, time_zone).into_iter();
        outside
            .map(|outside| {
                outside.filter(|outside| outside.is_held).map(|outside| outside.in_words())
            })
            .collect()
    }

    fn outside(
        &self,
        held: &IdMap<&M3terId, &ActualObject>,
        time_zone: &TimeZone,
    ) -> Vec<Option<Outside>> {
        let known: KnownIds = self
            .changes
            .iter()
            .filter_map(|change| {
                Some((change.desired.key.clone(), change.step.known_id()?.clone()))
            })
            .collect();
        let outside = |change: &Change| {
            let fields = after(change, held, &known)?;
            let term = self.term_of(change, &fields, held, &known)?;
            leaves(change, &fields, &term, time_zone)
        };
        self.changes.iter().map(outside).collect()
    }

    /// The term of the Contract that an object will be under.
    fn term_of(
        &self,
        change: &Change,
        fields: &Map<String, Json>,
        held: &IdMap<&M3terId, &ActualObject>,
        known: &KnownIds,
    ) -> Option<Term> {
        let contracts =
            || self.changes.iter().filter(|other| other.desired.kind() == EntityKind::Contract);
        let id = fields.get("contractId").and_then(Json::as_str);
        let contract = match (id, change.desired.value("contractId")) {
            (Some(id), _) => contracts().find(|contract| {
                contract.step.known_id().is_some_and(|known| known.as_str() == id)
            }),
            (None, Some(Value::Object(key))) => {
                contracts().find(|contract| contract.desired.key == *key)
            }
            // An object that names none belongs to the deal's only one.
            (None, _) => contracts().next().filter(|_| contracts().nth(1).is_none()),
        };
        match contract {
            Some(contract) => term(contract, held, known),
            None => {
                let contract = held.get(&M3terId::parse(id?).ok()?)?;
                let (start, end) = dates(&contract.fields)?;
                Some(Term { start, end, origin: Origin::Kept { id: contract.id.clone() } })
            }
        }
    }
}

/// The fields that an object has after this sync; none where it is not to be looked at.
fn after<'a>(
    change: &Change,
    held: &IdMap<&M3terId, &'a ActualObject>,
    known: &KnownIds,
) -> Option<Cow<'a, Map<String, Json>>> {
    if !matches!(change.desired.kind(), EntityKind::AccountPlan | EntityKind::Commitment) {
        return None;
    }
    let as_held = || match &change.step {
        Step::Unchanged { id } => held.get(id).map(|object| Cow::Borrowed(&*object.fields)),
        _ => None,
    };
    written(change, known).map(Cow::Owned).or_else(as_held)
}

/// The fields that this sync gives to an object.
pub(super) fn written(change: &Change, known: &KnownIds) -> Option<Map<String, Json>> {
    match &change.step {
        Step::Create => Some(create_body(&change.desired, known)),
        Step::Update { actual, .. } => Some(update_body(&change.desired, actual, known)),
        _ => None,
    }
}

fn term(
    contract: &Change,
    held: &IdMap<&M3terId, &ActualObject>,
    known: &KnownIds,
) -> Option<Term> {
    if matches!(contract.availability(), Availability::Absent(_)) {
        // What is under it fails with it.
        return None;
    }
    let desired = |field: &str| match contract.desired.value(field) {
        Some(Value::Date(date)) => Some(*date),
        _ => None,
    };
    let actual = contract.step.known_id().and_then(|id| held.get(id));
    let (start, end) = match written(contract, known) {
        Some(fields) => dates(&fields)?,
        None => dates(&actual?.fields)?,
    };
    let origin = match contract.step.known_id() {
        Some(id) if desired("startDate") != Some(start) || desired("endDate") != Some(end) => {
            if contract.desired.on_found == OnFound::Refer && !contract.writes() {
                let source = contract
                    .desired
                    .fields()
                    .iter()
                    .find(|field| field.name == "code")
                    .map(|field| field.source.to_string());
                let code = contract
                    .desired
                    .code
                    .clone()
                    .filter(|code| *code != contract.desired.key.row.as_str());
                Origin::Joined { id: id.clone(), code, source }
            } else {
                Origin::Kept { id: id.clone() }
            }
        }
        _ => Origin::Record,
    };
    Some(Term { start, end, origin })
}

fn dates(contract: &Map<String, Json>) -> Option<(Date, Date)> {
    let date = |field: &str| contract.get(field)?.as_str().and_then(date_in_text);
    Some((date("startDate")?, date("endDate")?))
}

/// An object that leaves its Contract's term.
struct Outside {
    finding: Finding,
    /// What m3ter holds is what is outside, not only what the record asks for.
    is_held: bool,
}

impl Outside {
    fn in_words(&self) -> Warning {
        Warning::of(
            Attention::OutsideContractPeriod,
            format!("{}. {}", self.finding.message, self.finding.remedy),
        )
    }
}

fn leaves(
    change: &Change,
    fields: &Map<String, Json>,
    term: &Term,
    time_zone: &TimeZone,
) -> Option<Outside> {
    let kind = change.desired.kind();
    let source = source_of(&change.desired, field_outside(kind, fields, term, time_zone)?);
    let (message, remedy) = in_words(kind, fields, term, &source);
    // A Commitment may have had dates of its own for long before anybody looked.
    let is_held = term.origin != Origin::Record || kind == EntityKind::Commitment;
    Some(Outside {
        finding: Finding::new(FindingCode::OutsideContractPeriod, message, remedy),
        is_held,
    })
}

/// The date of an object that is outside a term, the start before the end.
fn field_outside(
    kind: EntityKind,
    fields: &Map<String, Json>,
    term: &Term,
    time_zone: &TimeZone,
) -> Option<&'static str> {
    let text = |field: &str| fields.get(field).and_then(Json::as_str);
    let (is_early, is_late) = if kind == EntityKind::AccountPlan {
        let instant = |field: &str| text(field).and_then(|text| text.parse::<Timestamp>().ok());
        let (from, to) = (midnight(term.start, time_zone)?, midnight(term.end, time_zone)?);
        (instant("startDate")? < from, instant("endDate").is_none_or(|end| end > to))
    } else {
        let date = |field: &str| text(field).and_then(date_in_text);
        (date("startDate")? < term.start, date("endDate").is_none_or(|end| end > term.end))
    };
    if is_early { Some("startDate") } else { is_late.then_some("endDate") }
}

/// What is said of an object outside a term, and what to do about it.
fn in_words(
    kind: EntityKind,
    fields: &Map<String, Json>,
    term: &Term,
    source: &str,
) -> (String, String) {
    let text = |field: &str| fields.get(field).and_then(Json::as_str);
    let what = if kind == EntityKind::AccountPlan { "line" } else { "Commitment" };
    let until = text("endDate").map_or_else(|| "without end".to_owned(), |end| format!("to {end}"));
    let runs = format!(
        "The {what} runs from {} {until} (`{source}`)",
        text("startDate").unwrap_or_default()
    );
    let Term { start, end, origin } = term;
    match origin {
        Origin::Record => (
            format!("{runs}, outside the Contract's term from {start} to {end}"),
            format!("Correct `{source}` or the deal's dates"),
        ),
        Origin::Joined { id, code: None, .. } => (
            format!(
                "{runs}, outside the term of the Contract {id} in m3ter, which this record joins and which runs from {start} to {end}"
            ),
            format!("Correct `{source}`, or extend the Contract where it was made"),
        ),
        Origin::Joined { id, code: Some(code), source: named } => {
            let named = named
                .as_ref()
                .map_or_else(|| "the Contract's code".to_owned(), |named| format!("`{named}`"));
            (
                format!(
                    "{runs}, outside the term of the Contract `{code}` in m3ter ({id}), which this deal joins and which runs from {start} to {end}"
                ),
                format!(
                    "If the record was cloned, {named} was copied along: clear it, or enter the code of the right Contract. Otherwise correct `{source}`, or extend the Contract where it was made"
                ),
            )
        }
        Origin::Kept { id } => (
            format!(
                "{runs}, outside the term of the Contract {id}, which runs from {start} to {end} in m3ter and keeps these dates"
            ),
            format!("Correct `{source}`, or change the Contract's dates in m3ter"),
        ),
    }
}

fn source_of(desired: &DesiredObject, field: &str) -> String {
    let set = |desired: &&crate::domain::desired::DesiredField| {
        matches!(desired.action, FieldAction::Set(_))
    };
    desired
        .fields()
        .iter()
        .filter(set)
        .find(|desired| desired.name == field)
        .map_or_else(|| field.to_owned(), |field| field.source.to_string())
}

#[cfg(test)]
mod tests;
