//! What was changed in m3ter: one change for each write of one object, field by field.
//!
//! What serialises here is what `GET /changes` answers; `openapi.yaml` describes the same shape. Of
//! a value that tells who a person is, only that it changed is kept.

use std::fmt;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr};
use uuid::Uuid;

use super::entity::{EntityKind, ObjectKind};
use super::field::FieldType;
use super::ids::{M3terId, SalesforceId, SyncRunId};
use super::instant;
use super::outcome::FieldChange;
use super::personal::{is_of_a_person, without_emails};

/// Which change: a later one has a greater id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChangeId(pub Uuid);

impl ChangeId {
    /// Parses the id as it stands in an answer.
    pub fn parse(text: &str) -> Option<Self> {
        SyncRunId::parse(text).map(|id| Self(id.0))
    }
}

impl fmt::Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What was done with the object.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Display, EnumString, IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum ChangeAction {
    /// It was made.
    Created,
    /// It was there already and is the record's from then on: somebody else made it, or a try of the
    /// run that was interrupted before it could say so.
    Adopted,
    /// Some of its fields were changed.
    Updated,
}

/// One field that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedField {
    /// As m3ter spells it.
    pub field: String,
    /// What m3ter held, absent where it had no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_value: Option<String>,
    /// What it holds since, absent where it has no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_value: Option<String>,
    /// Where the value comes from (`Opportunity.Amount`); absent once it was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Whether it tells who a person is: then its values are not kept.
    pub personal: bool,
}

impl ChangedField {
    /// The change as it is kept, of an object of this kind.
    pub fn kept(kind: ObjectKind, change: FieldChange) -> Self {
        let personal = is_personal(kind, &change);
        let kept = |value: Option<String>| value.filter(|_| !personal);
        Self {
            old_value: kept(change.old_value),
            new_value: kept(change.new_value),
            source: Some(change.source),
            field: change.field,
            personal,
        }
    }

    /// The field alone: its values are gone.
    pub fn erased(field: &str) -> Self {
        Self {
            field: field.to_owned(),
            old_value: None,
            new_value: None,
            source: None,
            personal: false,
        }
    }
}

/// A customer may be a person: of an Account everything that somebody may have typed freely is one's.
fn is_personal(kind: ObjectKind, change: &FieldChange) -> bool {
    let is_free = kind == ObjectKind::Entity(EntityKind::Account)
        && change.field != "purchaseOrderNumber"
        && EntityKind::Account.field(&change.field).is_none_or(|spec| {
            matches!(
                spec.field_type,
                FieldType::Text { .. }
                    | FieldType::Email
                    | FieldType::Address
                    | FieldType::CustomFields
            )
        });
    let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    let mut paths = change.source.split(|c| !is_path(c)).filter(|path| path.contains('.'));
    let mut values = change.old_value.iter().chain(&change.new_value);
    is_free || paths.any(is_of_a_person) || values.any(|value| without_emails(value) != *value)
}

/// A change as it is saved. What the run knows is taken from there: who asked for it, and for which
/// record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChange {
    /// Its id.
    pub id: ChangeId,
    /// The kind of the object.
    pub kind: ObjectKind,
    /// The Salesforce row that the object comes from.
    pub row: SalesforceId,
    /// The object.
    pub m3ter_id: M3terId,
    /// The Account that it lies under, as far as that is known.
    pub account: Option<M3terId>,
    /// What was done, or is about to be.
    pub action: ChangeAction,
    /// m3ter's version of the object before, where it is about to be changed.
    pub version: Option<i64>,
    /// What changes.
    pub fields: Vec<ChangedField>,
    /// When.
    pub at: Timestamp,
    /// Whether it is known to be made; otherwise it is about to be.
    pub is_made: bool,
}

/// A change of which it is not known whether it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenChange {
    /// Its id.
    pub id: ChangeId,
    /// The kind of the object, as in `objectName`.
    pub object_name: String,
    /// The object.
    pub m3ter_id: M3terId,
    /// m3ter's version of the object before.
    pub version: Option<i64>,
    /// What was to change.
    pub fields: Vec<ChangedField>,
}

impl OpenChange {
    /// Whether it was made, judged by the object as m3ter has it now; `None` where that does not
    /// tell. `shown` is what a field holds, and `differs` whether the field of a person is not as
    /// the record asks for.
    pub fn was_made(
        &self,
        version: i64,
        shown: impl Fn(&str) -> Option<String>,
        differs: impl Fn(&str) -> Option<bool>,
    ) -> Option<bool> {
        if self.version == Some(version) {
            return Some(false);
        }
        let (personal, open): (Vec<&ChangedField>, Vec<_>) =
            self.fields.iter().partition(|field| field.personal);
        if open.is_empty() {
            let told: Vec<bool> =
                personal.iter().filter_map(|field| differs(&field.field)).collect();
            return if told.is_empty() { None } else { Some(!told.contains(&true)) };
        }
        let holds = |value: &Option<String>, field: &ChangedField| {
            is_the_same(value.as_deref(), shown(&field.field).as_deref())
        };
        if open.iter().any(|field| holds(&field.new_value, field)) {
            Some(true)
        } else if open.iter().all(|field| holds(&field.old_value, field)) {
            Some(false)
        } else {
            None
        }
    }
}

/// Whether two shown values mean the same: m3ter may answer with another spelling of a number or an
/// instant.
pub fn is_the_same(one: Option<&str>, other: Option<&str>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return one.is_none() && other.is_none() };
    let instants = || Some((one.parse::<Timestamp>().ok()?, other.parse::<Timestamp>().ok()?));
    let numbers = || Some((one.parse::<Decimal>().ok()?, other.parse::<Decimal>().ok()?));
    one == other
        || instants().is_some_and(|(one, other)| one == other)
        || numbers().is_some_and(|(one, other)| one == other)
}

/// What was removed of the history of a record: values, not that something was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErasedValues {
    /// The record.
    pub parent_record_id: String,
    /// How many changes had values.
    pub changes: u64,
    /// How many dry runs there were, which held values too.
    pub dry_runs: u64,
}

/// A change as callers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectChange {
    /// Its id.
    pub change_id: String,
    /// When it was made, or sent.
    #[serde(serialize_with = "instant::serialize")]
    pub changed_at: Timestamp,
    /// The run that made it; runs are kept for a shorter time.
    pub sync_run_id: SyncRunId,
    /// The record that the run was about.
    pub parent_record_id: String,
    /// The sObject of that record, where the run knew it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_object: Option<String>,
    /// The kind of the object.
    pub object_name: String,
    /// The Salesforce row that the object comes from.
    pub salesforce_id: String,
    /// The object.
    pub m3ter_id: String,
    /// The Account that it lies under, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// What was done.
    pub action: ChangeAction,
    /// Whether it is known to be made. If not, it was sent, and nobody knows what became of it.
    pub settled: bool,
    /// Whether its values were erased.
    pub erased: bool,
    /// Who asked for the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// The Salesforce users as whom it was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub salesforce_user_ids: Vec<String>,
    /// What changed.
    pub fields: Vec<ChangedField>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(field: &str, source: &str, new_value: &str) -> FieldChange {
        FieldChange {
            field: field.to_owned(),
            old_value: None,
            new_value: Some(new_value.to_owned()),
            source: source.to_owned(),
        }
    }

    #[test]
    fn of_personal_fields_only_the_fact_of_a_change_is_stored() {
        let (account, contract) = (EntityKind::Account, EntityKind::Contract);
        for (kind, field, source, value, is_personal) in [
            (account, "name", "Account.Name", "Jane Doe", true),
            (account, "emailAddress", "Account.M3ter_Billing_Email__c", "x", true),
            (account, "address", "Account.BillingStreet", "Main Street 1", true),
            (account, "customFields", "Account.Industry", "x", true),
            (account, "unheardOf", "Account.X__c", "x", true),
            (account, "daysBeforeBillDue", "Account.Days__c", "30", false),
            (account, "currency", "Opportunity.CurrencyIsoCode", "EUR", false),
            (account, "purchaseOrderNumber", "Opportunity.PO__c", "PO 1", false),
            (contract, "name", "Opportunity.Name", "Acme 2026", false),
            (contract, "name", "Opportunity.Owner.Name", "Jane Doe", true),
            (contract, "description", "concat(Opportunity.Name, Owner.Email)", "x", true),
            (contract, "description", "Opportunity.Description", "ask jane@acme.example", true),
        ] {
            let kept = ChangedField::kept(kind.into(), change(field, source, value));
            assert_eq!(kept.personal, is_personal, "{kind} {field} {source}");
            assert_eq!(kept.new_value.is_none(), is_personal, "{kind} {field} {source}");
        }
    }

    #[test]
    fn what_m3ter_holds_tells_whether_a_change_was_made() {
        let field = |field: &str, old: &str, new: &str, personal: bool| ChangedField {
            old_value: Some(old.to_owned()).filter(|_| !personal),
            new_value: Some(new.to_owned()).filter(|_| !personal),
            personal,
            ..ChangedField::erased(field)
        };
        let open = |fields: Vec<ChangedField>| OpenChange {
            id: ChangeId(Uuid::nil()),
            object_name: "Contract".to_owned(),
            m3ter_id: M3terId::parse("21e063b6-2350-4add-a028-3e6ad5b233ed").unwrap(),
            version: Some(3),
            fields,
        };
        let amount = || open(vec![field("amount", "10", "12.5", false)]);
        let held = |text: &'static str| move |_: &str| Some(text.to_owned());
        let untold = |_: &str| None;
        for (version, text, made) in [
            (3, "12.5", Some(false)),
            (4, "12.5", Some(true)),
            (4, "12.50", Some(true)),
            (4, "10", Some(false)),
            (4, "11", None),
        ] {
            assert_eq!(amount().was_made(version, held(text), untold), made, "{version} {text}");
        }
        let two = open(vec![field("a", "1", "2", false), field("b", "1", "2", false)]);
        let edited = |name: &str| Some(if name == "a" { "2" } else { "7" }.to_owned());
        assert_eq!(two.was_made(5, edited, untold), Some(true), "one was changed again");
        let name = || open(vec![field("name", "", "", true)]);
        for (differs, made) in [(Some(true), Some(false)), (Some(false), Some(true)), (None, None)]
        {
            assert_eq!(name().was_made(4, held("x"), |_| differs), made, "{differs:?}");
        }
    }

    #[test]
    fn other_spellings_mean_the_same() {
        assert!(is_the_same(Some("2026-01-01T00:00:00Z"), Some("2026-01-01T00:00:00.000Z")));
        assert!(is_the_same(Some("1"), Some("1.00")) && is_the_same(None, None));
        assert!(!is_the_same(Some("1"), None) && !is_the_same(Some("a"), Some("A")));
    }
}
