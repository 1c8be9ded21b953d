//! An end that end dating made, as it is remembered: while Salesforce says no later end than it
//! said then, a sync leaves it.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::actual::ActualObject;
use super::desired::{DesiredField, FieldAction};
use super::ending::BillingEntity;
use super::entity::EntityKind;
use super::ids::{M3terId, SalesforceId, SyncRunId};
use super::instant;
use super::value::{Value, date_in_text};

/// An end that end dating made, and how things were then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeEnd {
    /// The object.
    pub m3ter_id: M3terId,
    /// Its kind.
    pub entity: BillingEntity,
    /// The end dating.
    pub run: SyncRunId,
    /// The record that it was asked for.
    pub record: SalesforceId,
    /// Who asked for it, where callers have names; the store takes it from the run.
    pub by: Option<String>,
    /// When.
    pub at: Timestamp,
    /// The end, in m3ter's spelling.
    pub end: String,
    /// The end that m3ter had before; `None`: none, or it is not known.
    pub former_end: Option<String>,
    /// What Salesforce said then.
    pub said: SaidEnd,
}

/// Ends that are taken back, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReopenAnswer {
    /// The record.
    pub parent_record_id: SalesforceId,
    /// Whether it is only told.
    pub dry_run: bool,
    /// The ends that are forgotten.
    pub reopened: Vec<ReopenedEntity>,
    /// The runs that tell of it, one for each record that it concerns; none in a dry run.
    pub sync_run_ids: Vec<SyncRunId>,
}

/// One end that is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReopenedEntity {
    /// `Contract` and so on.
    pub object_name: String,
    /// Its ID in m3ter.
    pub m3ter_id: String,
    /// The end, in m3ter's spelling.
    pub end_date: String,
    /// The end that m3ter had before, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_end_date: Option<String>,
    /// The end that Salesforce said then, if it said one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salesforce_end_date: Option<String>,
    /// The record that its end dating was asked for.
    pub parent_record_id: SalesforceId,
    /// The end dating.
    pub sync_run_id: SyncRunId,
    /// When.
    #[serde(serialize_with = "instant::serialize")]
    pub ended_at: Timestamp,
    /// Who asked for it, where callers have names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
}

impl From<MadeEnd> for ReopenedEntity {
    fn from(end: MadeEnd) -> Self {
        Self {
            object_name: end.entity.object_name().to_owned(),
            m3ter_id: end.m3ter_id.to_string(),
            end_date: end.end,
            former_end_date: end.former_end,
            salesforce_end_date: end.said.end,
            parent_record_id: end.record,
            sync_run_id: end.run,
            ended_at: end.at,
            ended_by: end.by,
        }
    }
}

/// The end that an object had by Salesforce when it was ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidEnd {
    /// In m3ter's spelling; `None`: it had none.
    pub end: Option<String>,
    /// By whose word.
    pub by: SaidBy,
}

/// How it is known what Salesforce said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaidBy {
    /// It was read.
    Salesforce,
    /// It could not be read: m3ter's end stands for it, which the last sync brought.
    M3ter,
}

impl SaidBy {
    /// The word in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Salesforce => "salesforce",
            Self::M3ter => "m3ter",
        }
    }

    /// The one with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Salesforce, Self::M3ter].into_iter().find(|by| by.as_str() == word)
    }
}

impl MadeEnd {
    /// The end, where it can be read.
    pub fn until(&self) -> Option<Until> {
        Until::read(self.entity, Some(&self.end))
    }

    /// Whether m3ter has the object end then, or before: nobody else has moved it since.
    pub fn counts_for(&self, actual: &ActualObject) -> bool {
        let held = Until::held(self.entity, actual);
        self.m3ter_id == actual.id && self.until().zip(held).is_some_and(|(end, held)| held <= end)
    }

    /// Whether an end is later than the one that Salesforce said.
    pub fn said_before(&self, asked: Until) -> bool {
        self.said_until().is_some_and(|said| asked > said)
    }

    /// The end that Salesforce said, where it can be read.
    pub fn said_until(&self) -> Option<Until> {
        Until::read(self.entity, self.said.end.as_deref())
    }
}

/// Until when something bills. Only ends of one kind of object are held against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    /// The beginning of a day.
    Day(Date),
    /// An instant.
    Instant(Timestamp),
    /// Without an end.
    Never,
}

impl Until {
    /// The end in m3ter's spelling; `None` where it cannot be read.
    pub fn read(entity: BillingEntity, text: Option<&str>) -> Option<Self> {
        match text {
            None => Some(Self::Never),
            Some(text) if entity.ends_on_a_date() => date_in_text(text).map(Self::Day),
            Some(text) => text.parse().ok().map(Self::Instant),
        }
    }

    /// The end that m3ter has.
    pub fn held(entity: BillingEntity, actual: &ActualObject) -> Option<Self> {
        Self::read(entity, actual.text("endDate"))
    }

    /// The end that a field gives to its object.
    pub fn asked(field: &DesiredField) -> Option<Self> {
        match &field.action {
            FieldAction::Set(Value::Date(date)) => Some(Self::Day(*date)),
            FieldAction::Set(Value::DateTime(instant)) => Some(Self::Instant(*instant)),
            FieldAction::Set(_) => None,
            FieldAction::Clear => Some(Self::Never),
        }
    }

    /// As a value of a field; `None` without an end.
    pub fn value(self) -> Option<Value> {
        match self {
            Self::Day(date) => Some(Value::Date(date)),
            Self::Instant(instant) => Some(Value::DateTime(instant)),
            Self::Never => None,
        }
    }

    /// In m3ter's spelling; `None` without an end.
    pub fn text(self) -> Option<String> {
        (self != Self::Never).then(|| self.to_string())
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(date) => date.fmt(f),
            Self::Instant(instant) => instant.fmt(f),
            Self::Never => f.write_str("no end"),
        }
    }
}

impl BillingEntity {
    /// The one that objects of a kind are; `None` for what has no end.
    pub fn of(kind: EntityKind) -> Option<Self> {
        match kind {
            EntityKind::Contract => Some(Self::Contract),
            EntityKind::Commitment => Some(Self::Prepayment),
            EntityKind::Pricing => Some(Self::Pricings),
            EntityKind::AccountPlan => Some(Self::AccountPlan),
            EntityKind::Account | EntityKind::Plan => None,
        }
    }
}
