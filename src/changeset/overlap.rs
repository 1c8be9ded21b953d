//! What runs already when an AccountPlan or a Commitment is to run, and whether it can make way.
//!
//! m3ter says that one AccountPlan of a product runs for an Account at a time, unless its
//! organization allows more (m3ter API, AccountPlan and `OrganizationConfig`). Of Commitments only
//! the words of its refusal are known, not among which it refuses. A dry run and the sync itself
//! ask here, so that the one foretells what the other says.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json};

use super::compare::render_value;
use crate::domain::actual::ActualObject;
use crate::domain::dates::midnight;
use crate::domain::desired::{DesiredField, DesiredObject, FieldAction};
use crate::domain::entity::EntityKind;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::personal;
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

/// An object in the way of another one.
#[derive(Debug, Clone, Copy)]
pub struct Blocker<'a> {
    /// As it was read.
    pub object: &'a ActualObject,
    /// The row that a sync of this service made it for, or took it over.
    pub owner: Option<&'a SalesforceId>,
    /// Whether the record of this sync asks for it as well.
    pub is_asked_for: bool,
}

impl Blocker<'_> {
    /// Whose it is: `belongs to the Salesforce record …`.
    fn whose(&self) -> String {
        belongs(self.owner)
    }

    /// Until when it runs.
    pub fn until(&self) -> String {
        self.object
            .text("endDate")
            .map_or_else(|| "without end".to_owned(), |end| format!("until {end}"))
    }

    /// Why it cannot end when the new one begins, if it cannot.
    fn stays(&self, kind: EntityKind, rule: OverlapRule, new: Period) -> Option<String> {
        if let Some(owner) = self.owner.filter(|_| self.is_asked_for) {
            return Some(format!("it belongs to {owner}, which this record also asks for"));
        }
        match rule {
            OverlapRule::Report => return Some("the mapping says to report it".to_owned()),
            OverlapRule::Replace if self.owner.is_none() => {
                return Some("it was not made by a sync of this service".to_owned());
            }
            OverlapRule::Replace | OverlapRule::ReplaceAny => {}
        }
        let begins_before = Period::of_fields(kind, &self.object.fields)
            .is_some_and(|period| period.start < new.start);
        (!begins_before).then(|| {
            let begins = self.object.text("startDate").unwrap_or("at an unknown time");
            format!(
                "it begins {begins}, which is not before the new one starts, so it cannot end then"
            )
        })
    }
}

/// What a sync says about an object that cannot run beside all that is in its way; `None` where
/// everything can end at its start. Without `message`, m3ter's refusal, it is foretold in m3ter's
/// words.
pub fn finding(
    desired: &DesiredObject,
    new: Period,
    rule: OverlapRule,
    blockers: &[Blocker<'_>],
    message: Option<&str>,
) -> Option<Finding> {
    let kind = desired.kind();
    let mut staying: Vec<(&Blocker<'_>, String)> = blockers
        .iter()
        .filter_map(|blocker| Some((blocker, blocker.stays(kind, rule, new)?)))
        .collect();
    // m3ter's call replaces one.
    if staying.is_empty() && kind == EntityKind::AccountPlan {
        staying.extend(
            blockers
                .iter()
                .skip(1)
                .map(|blocker| (blocker, "m3ter replaces one AccountPlan at a time".to_owned())),
        );
    }
    let (first, _) = staying.first()?;
    let words = message.map_or_else(|| refusal(kind, first.object), ToOwned::to_owned);
    let is_reported =
        rule == OverlapRule::Report || matches!(blockers, [only] if only.owner.is_none());
    Some(if is_reported {
        reported(desired, &words, blockers)
    } else {
        kept(desired, &words, &staying)
    })
}

/// m3ter's words.
pub fn refusal(kind: EntityKind, blocker: &ActualObject) -> String {
    let id = &blocker.id;
    match kind {
        EntityKind::Commitment => format!("Commitment would overlap with existing Commitment {id}"),
        _ => format!(
            "AccountPlan would overlap with AccountPlan {id} for the same product {}",
            blocker.text("productId").unwrap_or_default()
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

fn belongs(owner: Option<&SalesforceId>) -> String {
    owner.map_or_else(
        || "was not made by a sync of this service".to_owned(),
        |row| format!("belongs to the Salesforce record {row}"),
    )
}

/// The finding that only says whose one blocker is, and what to do.
pub fn reported_one(
    desired: &DesiredObject,
    message: &str,
    blocker: &M3terId,
    owner: Option<&SalesforceId>,
) -> Finding {
    let remedy = format!("The {} {blocker} {}; end it", desired.kind(), belongs(owner));
    Finding::new(code(desired.kind()), message, remedy + &before_this_one(desired))
}

fn reported(desired: &DesiredObject, message: &str, blockers: &[Blocker<'_>]) -> Finding {
    if let [only] = blockers {
        return reported_one(desired, message, &only.object.id, only.owner);
    }
    let kind = desired.kind();
    let all: Vec<String> = blockers
        .iter()
        .map(|blocker| format!("The {kind} {} {}", blocker.object.id, blocker.whose()))
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

fn kept(desired: &DesiredObject, message: &str, staying: &[(&Blocker<'_>, String)]) -> Finding {
    let whys: Vec<String> = staying
        .iter()
        .map(|(blocker, why)| not_replaced(desired.kind(), &blocker.object.id, why))
        .collect();
    let them = if whys.len() == 1 { "it" } else { "them" };
    let remedy = format!(
        "{}. End {them} in m3ter, or change the dates of {}",
        whys.join(". "),
        desired.key.row
    );
    Finding::new(code(desired.kind()), message, remedy)
}

fn not_replaced(kind: EntityKind, blocker: &M3terId, why: &str) -> String {
    format!("The {kind} {blocker} was not replaced: {why}")
}

/// The finding about one blocker that could have been replaced and was not.
pub fn kept_one(desired: &DesiredObject, message: &str, blocker: &M3terId, why: &str) -> Finding {
    let why = not_replaced(desired.kind(), blocker, why);
    let remedy = format!("{why}. End it in m3ter, or change the dates of {}", desired.key.row);
    Finding::new(code(desired.kind()), message, remedy)
}

/// What an Account holds of a person, who may be the customer.
const OF_A_PERSON: [&str; 4] = ["name", "emailAddress", "address", "customFields"];

/// The Salesforce fields that values came from, with the values.
pub fn sources(kind: EntityKind, fields: &[&DesiredField]) -> Option<String> {
    let shown = |field: &&DesiredField| match &field.action {
        _ if kind == EntityKind::Account && OF_A_PERSON.contains(&field.name) => {
            format!("`{}` (`{}`)", field.source, field.name)
        }
        FieldAction::Set(value) => {
            format!(
                "`{}` (`{}` {})",
                field.source,
                field.name,
                personal::redacted(&field.source, &render_value(value))
            )
        }
        FieldAction::Clear => format!("`{}` (`{}` nothing)", field.source, field.name),
    };
    let all: Vec<String> = fields.iter().map(shown).collect();
    (!all.is_empty()).then(|| all.join(" and "))
}
