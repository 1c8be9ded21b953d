//! Objects for the tests of the comparison.

use serde_json::{Value as Json, json};

use crate::domain::actual::ActualObject;
use crate::domain::desired::{
    DesiredField, DesiredObject, FieldAction, Intent, OnFound, WriteBack,
};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::ids::SalesforceId;
use crate::domain::value::Value;

pub(super) fn row() -> SalesforceId {
    SalesforceId::parse("006S900000795MM").unwrap()
}

pub(super) fn set(name: &'static str, value: Value) -> DesiredField {
    DesiredField {
        name,
        action: FieldAction::Set(value),
        once: false,
        source: "Opportunity.Name".into(),
    }
}

pub(super) fn account(fields: Vec<DesiredField>) -> DesiredObject {
    DesiredObject {
        key: ObjectKey::only(EntityKind::Account, row()),
        code: Some("001".to_owned()),
        verbatim: None,
        intent: Intent::Sync(fields),
        on_found: OnFound::Adopt,
        warnings: Vec::new(),
        write_back: None,
    }
}

pub(super) fn pricing(fields: Vec<DesiredField>) -> DesiredObject {
    DesiredObject {
        key: ObjectKey::only(EntityKind::Pricing, row()),
        code: Some("00k".to_owned()),
        ..account(fields)
    }
}

pub(super) fn commitment(start: &str, written_back: Option<&str>) -> DesiredObject {
    let date = |text: &str| Value::Date(text.parse().unwrap());
    let write_back = WriteBack {
        sobject: "Opportunity".to_owned(),
        record: row(),
        field: "M3ter_Commitment_Id__c".to_owned(),
        current: written_back.map(ToOwned::to_owned),
    };
    DesiredObject {
        key: ObjectKey::only(EntityKind::Commitment, row()),
        code: None,
        write_back: Some(write_back),
        ..account(vec![
            set("startDate", date(start)),
            set("endDate", date("2027-01-01")),
            set("currency", Value::Text("USD".to_owned())),
            set("amount", Value::Number(12_000.into())),
        ])
    }
}

pub(super) fn actual(fields: Json) -> ActualObject {
    actual_with_id("544ecdae-54a5-4654-b0fb-b503a7ed58b2", fields)
}

pub(super) fn actual_with_id(id: &str, mut fields: Json) -> ActualObject {
    fields["id"] = json!(id);
    fields["version"] = json!(3);
    ActualObject::from_json(fields).unwrap()
}
