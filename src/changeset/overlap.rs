//! What runs already when an AccountPlan or a Commitment is to run, and whether it can make way.
//!
//! m3ter says that one AccountPlan of a product runs for an Account at a time, unless its
//! organization allows more (m3ter API, AccountPlan and `OrganizationConfig`). Of Commitments only
//! the words of its refusal are known, not among which it refuses. A dry run and the sync itself
//! ask here, so that the one foretells what the other says.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json};

use super::ReplacedObject;
use super::refusal::sources;
use crate::domain::actual::ActualObject;
use crate::domain::dates::midnight;
use crate::domain::desired::{DesiredField, DesiredObject};
use crate::domain::entity::EntityKind;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::settings::OverlapRule;
use crate::domain::value::date_in_text;

/// When an object runs: from its start on, and not at its end any more. Calendar dates are compared
/// as if they began in one time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    start: Timestamp,
    end: Option<Timestamp>,
}

impl Period {
    /// The period of an object whose `startDate` and `endDate` a function gives in m3ter's
    /// spelling; `None` without a start.
    pub fn of(kind: EntityKind, date: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let instant = |field: &str| {
            let text = date(field)?;
            if kind == EntityKind::Commitment {
                midnight(date_in_text(&text)?, &TimeZone::UTC)
            } else {
                text.parse().ok()
            }
        };
        Some(Self { start: instant("startDate")?, end: instant("endDate") })
    }

    /// The period in the fields of an object or of a body.
    pub fn of_fields(kind: EntityKind, fields: &Map<String, Json>) -> Option<Self> {
        Self::of(kind, |field| fields.get(field)?.as_str().map(ToOwned::to_owned))
    }

    /// Whether there is a moment at which both run.
    pub fn meets(self, other: Self) -> bool {
        let begins_before_end_of =
            |one: Self, other: Self| other.end.is_none_or(|end| one.start < end);
        begins_before_end_of(self, other) && begins_before_end_of(other, self)
    }
}

/// Whether two Commitments are for a common product; without products one is for all.
pub fn share_a_product(one: &Map<String, Json>, other: &Map<String, Json>) -> bool {
    let products = |fields: &Map<String, Json>| {
        fields.get("productIds").and_then(Json::as_array).cloned().unwrap_or_default()
    };
    let (one, other) = (products(one), products(other));
    one.is_empty() || other.is_empty() || one.iter().any(|product| other.contains(product))
}

/// Whose an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// No sync of this service made it or took it over.
    Unknown,
    /// That of a row, which the record of this sync does not ask for.
    Row(SalesforceId),
    /// That of a row which the record of this sync asks for as well.
    AskedFor(SalesforceId),
}

impl Owner {
    /// By the row that it is linked to.
    pub fn of(row: Option<SalesforceId>, is_asked_for: bool) -> Self {
        match row {
            None => Self::Unknown,
            Some(row) if is_asked_for => Self::AskedFor(row),
            Some(row) => Self::Row(row),
        }
    }

    /// The row, if there is one.
    pub fn row(&self) -> Option<&SalesforceId> {
        match self {
            Self::Unknown => None,
            Self::Row(row) | Self::AskedFor(row) => Some(row),
        }
    }

    /// As it follows the object: `of the Salesforce record …`, or else what is said of one that no
    /// sync made.
    fn or(&self, unknown: &str) -> String {
        self.row()
            .map_or_else(|| unknown.to_owned(), |row| format!("of the Salesforce record {row}"))
    }

    fn predicate(&self) -> String {
        self.row().map_or_else(
            || "was not made by a sync of this service".to_owned(),
            |row| format!("belongs to the Salesforce record {row}"),
        )
    }
}

/// An object that runs when another one is to run.
#[derive(Debug, Clone)]
pub struct Overlap {
    /// As it was read.
    pub existing: ActualObject,
    /// Whose it is.
    pub owner: Owner,
}

/// What to do about all that overlaps with a new object.
#[derive(Debug)]
pub enum Decision {
    /// All of it ends when the new object begins.
    Replace,
    /// Some of it stays: the new object is not written, for this reason.
    Report(Finding),
}

impl Overlap {
    /// Until when it runs.
    fn until(&self) -> String {
        self.existing
            .text("endDate")
            .map_or_else(|| "without end".to_owned(), |end| format!("until {end}"))
    }

    /// A sentence about what may come of it.
    pub fn ahead(&self, kind: EntityKind, then: &str) -> String {
        let whose = self.owner.or("not made by a sync of this service");
        format!("The {kind} {}, {whose}, runs {}: {then}", self.existing.id, self.until())
    }

    /// A sentence about what came of it: `replaced` or `ended`, and when.
    pub fn ended(&self, kind: EntityKind, verb: &str, at: &str) -> String {
        let whose = self.owner.or("that no sync of this service made");
        let until = self.until();
        format!("The {kind} {} {whose}, which ran {until}, was {verb} at {at}", self.existing.id)
    }

    /// It as it makes way for an object that begins then.
    pub fn replaced(&self, kind: EntityKind, start: String) -> ReplacedObject {
        ReplacedObject {
            kind,
            id: self.existing.id.clone(),
            ends: self.existing.text("endDate").map(ToOwned::to_owned),
            would_end: start,
        }
    }

    /// Why it cannot end when the new one begins, if it cannot.
    fn stays(&self, kind: EntityKind, rule: OverlapRule, new: Period) -> Option<String> {
        if let Owner::AskedFor(owner) = &self.owner {
            return Some(format!("it belongs to {owner}, which this record also asks for"));
        }
        match rule {
            OverlapRule::Report => return Some("the mapping says to report it".to_owned()),
            OverlapRule::Replace if self.owner == Owner::Unknown => {
                return Some("it was not made by a sync of this service".to_owned());
            }
            OverlapRule::Replace | OverlapRule::ReplaceAny => {}
        }
        let begins_before = Period::of_fields(kind, &self.existing.fields)
            .is_some_and(|period| period.start < new.start);
        (!begins_before).then(|| {
            let begins = self.existing.text("startDate").unwrap_or("at an unknown time");
            format!(
                "it begins {begins}, which is not before the new one starts, so it cannot end then"
            )
        })
    }
}

/// What a sync does about all that is in the way of an object. Without `message`, m3ter's refusal, it
/// is foretold in m3ter's words.
pub fn decide(
    desired: &DesiredObject,
    new: Period,
    rule: OverlapRule,
    overlaps: &[Overlap],
    message: Option<&str>,
) -> Decision {
    let kind = desired.kind();
    let mut staying: Vec<(&Overlap, String)> = overlaps
        .iter()
        .filter_map(|overlap| Some((overlap, overlap.stays(kind, rule, new)?)))
        .collect();
    // m3ter's call replaces one.
    if staying.is_empty() && kind == EntityKind::AccountPlan {
        let why = "m3ter replaces one AccountPlan at a time";
        staying.extend(overlaps.iter().skip(1).map(|overlap| (overlap, why.to_owned())));
    }
    let Some((first, _)) = staying.first() else { return Decision::Replace };
    let words = message.map_or_else(|| refusal_text(kind, &first.existing), ToOwned::to_owned);
    let is_reported =
        rule == OverlapRule::Report || matches!(overlaps, [only] if only.owner == Owner::Unknown);
    Decision::Report(if is_reported {
        reported(desired, &words, overlaps)
    } else {
        kept(desired, &words, &staying)
    })
}

/// m3ter's words.
pub fn refusal_text(kind: EntityKind, existing: &ActualObject) -> String {
    let id = &existing.id;
    match kind {
        EntityKind::Commitment => format!("Commitment would overlap with existing Commitment {id}"),
        _ => format!(
            "AccountPlan would overlap with AccountPlan {id} for the same product {}",
            existing.text("productId").unwrap_or_default()
        ),
    }
}

fn code(kind: EntityKind) -> FindingCode {
    if kind == EntityKind::Commitment {
        FindingCode::CommitmentOverlap
    } else {
        FindingCode::AccountPlanOverlap
    }
}

/// The finding that only says whose one object in the way is, and what to do.
pub fn reported_one(
    desired: &DesiredObject,
    message: &str,
    existing: &M3terId,
    owner: &Owner,
) -> Finding {
    let remedy = format!("The {} {existing} {}; end it", desired.kind(), owner.predicate());
    Finding::new(code(desired.kind()), message, remedy + &before_this_one(desired))
}

fn reported(desired: &DesiredObject, message: &str, overlaps: &[Overlap]) -> Finding {
    if let [only] = overlaps {
        return reported_one(desired, message, &only.existing.id, &only.owner);
    }
    let kind = desired.kind();
    let all: Vec<String> = overlaps
        .iter()
        .map(|overlap| format!("The {kind} {} {}", overlap.existing.id, overlap.owner.predicate()))
        .collect();
    Finding::new(
        code(kind),
        message,
        format!("{}; end them{}", all.join(". "), before_this_one(desired)),
    )
}

fn before_this_one(desired: &DesiredObject) -> String {
    let dates: Vec<&DesiredField> = desired
        .fields()
        .iter()
        .filter(|field| matches!(field.name, "startDate" | "endDate"))
        .collect();
    let dates = sources(desired.kind(), &dates).unwrap_or_else(|| "the dates".to_owned());
    format!(" in m3ter before this one starts, or change {dates} of {}", desired.key.row)
}

fn kept(desired: &DesiredObject, message: &str, staying: &[(&Overlap, String)]) -> Finding {
    let whys: Vec<String> = staying
        .iter()
        .map(|(overlap, why)| not_replaced(desired.kind(), &overlap.existing.id, why))
        .collect();
    let them = if whys.len() == 1 { "it" } else { "them" };
    let remedy = format!(
        "{}. End {them} in m3ter, or change the dates of {}",
        whys.join(". "),
        desired.key.row
    );
    Finding::new(code(desired.kind()), message, remedy)
}

fn not_replaced(kind: EntityKind, existing: &M3terId, why: &str) -> String {
    format!("The {kind} {existing} was not replaced: {why}")
}

/// The finding about one object in the way that could have been replaced and was not.
pub fn kept_one(desired: &DesiredObject, message: &str, existing: &M3terId, why: &str) -> Finding {
    let why = not_replaced(desired.kind(), existing, why);
    let remedy = format!("{why}. End it in m3ter, or change the dates of {}", desired.key.row);
    Finding::new(code(desired.kind()), message, remedy)
}
