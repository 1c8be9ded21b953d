//! Whether an Account of m3ter that a typed code names is the record's own.
//!
//! Where nobody has linked it and its name or e-mail address is another, the code may be a wrong
//! one, and to write would change where somebody else's bills go. The Account serves the record all
//! the same, and is left as it is until a person says that it is the one. What it holds is not
//! shown: the caller may know the code and nothing else of that customer.

use super::compare::field_change;
use super::typed_key::names_another;
use super::{KnownIds, Step};
use crate::domain::actual::ActualObject;
use crate::domain::desired::{DesiredField, DesiredObject};
use crate::domain::entity::EntityKind;
use crate::domain::warning::{Attention, Warning};

/// The fields that tell one customer from another, and how people call them.
const TELLING: [(&str, &str); 2] = [("name", "name"), ("emailAddress", "e-mail address")];

/// Holds back what would be written to an Account that no link tells to be the record's; says so if
/// something is.
pub fn hold_back(
    desired: &DesiredObject,
    actual: &ActualObject,
    known: &KnownIds,
    step: Step,
) -> (Step, Option<Warning>) {
    if !matches!(step, Step::Update { .. } | Step::Unchanged { .. })
        || !is_by_typed_code(desired, actual)
    {
        return (step, None);
    }
    let differs = |name: &str| {
        let field: Option<&DesiredField> = desired.fields().iter().find(|field| field.name == name);
        // What m3ter has no value of cannot be another's.
        let has_one = actual.fields.get(name).is_some_and(|value| !value.is_null());
        has_one && field.is_some_and(|field| field_change(field, actual, known).is_some())
    };
    let differing: Vec<&str> =
        TELLING.iter().filter(|(name, _)| differs(name)).map(|(_, words)| *words).collect();
    if differing.is_empty() {
        return (step, None);
    }
    let (row, id, code) =
        (&desired.key.row, &actual.id, desired.code.as_deref().unwrap_or_default());
    let source = desired
        .code_source()
        .map_or_else(|| "The record".to_owned(), |source| format!("`{source}`"));
    let text = format!(
        "{source} names the Account `{code}` ({id} in m3ter), which no sync has linked and whose {} differs from Salesforce. It is used, but not changed. \
         If it belongs to this customer, run `sync-to-m3ter adopt --confirm {row}`, and the next sync updates it; if not, correct the code",
        differing.join(" and ")
    );
    (
        Step::Unchanged { id: actual.id.clone() },
        Some(Warning::of(Attention::AdoptionToConfirm, text)),
    )
}

/// Whether one of an object's warnings says that it is for a person to confirm.
pub fn is_to_confirm(warnings: &[Warning]) -> bool {
    warnings.iter().any(|warning| warning.attention == Some(Attention::AdoptionToConfirm))
}

/// Whether only a code that somebody typed leads from the record to the Account: not its own id,
/// and not an id that the record holds.
fn is_by_typed_code(desired: &DesiredObject, actual: &ActualObject) -> bool {
    let is_typed = desired.code.as_deref().is_some_and(|code| names_another(desired, code));
    let is_remembered = desired
        .write_back
        .as_ref()
        .and_then(|write_back| write_back.current.as_deref())
        .is_some_and(|id| id == actual.id.as_str());
    desired.kind() == EntityKind::Account
        && is_typed
        && !is_remembered
        && actual.code().is_some_and(|code| desired.is_code(code))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::changeset::testing::{account, actual_with_id, row, set};
    use crate::domain::desired::WriteBack;
    use crate::domain::value::Value;

    const FOUND: &str = "293b2bca-fa87-4036-9a0b-e0f1d3cd8c9e";
    const OTHER: &str = "544ecdae-54a5-4654-b0fb-b503a7ed58b2";

    fn field(name: &'static str, value: &str) -> DesiredField {
        set(name, Value::Text(value.to_owned()))
    }

    #[test]
    fn only_another_customer_s_account_under_a_typed_code_is_left_as_it_is() {
        let own = row().to_string();
        // The code, the id that the record holds, m3ter's name and e-mail address, and whether it
        // is to be confirmed.
        for (code, held, name, email, is_held_back) in [
            ("CUST-7", None, json!("Acme"), json!("a@acme.example"), false),
            ("CUST-7", None, json!("Other"), json!("a@acme.example"), true),
            ("CUST-7", None, json!("Acme"), json!("b@other.example"), true),
            ("CUST-7", None, json!("Acme"), json!(null), false),
            ("CUST-7", Some(OTHER), json!("Other"), json!("a@acme.example"), true),
            ("CUST-7", Some(FOUND), json!("Other"), json!("b@other.example"), false),
            (&own, None, json!("Other"), json!("b@other.example"), false),
        ] {
            let write_back = held.map(|held| WriteBack {
                sobject: "Account".to_owned(),
                record: row(),
                field: "M3ter_Account_Id__c".to_owned(),
                current: Some(held.to_owned()),
            });
            let fields = vec![field("name", "Acme"), field("emailAddress", "a@acme.example")];
            let desired =
                DesiredObject { code: Some(code.to_owned()), write_back, ..account(fields) };
            let actual =
                actual_with_id(FOUND, json!({"code": code, "name": name, "emailAddress": email}));
            let update = Step::Update { actual: actual.clone(), changes: Vec::new() };
            let (step, warning) =
                hold_back(&desired, &actual, &KnownIds::default(), update.clone());
            let expected =
                if is_held_back { Step::Unchanged { id: actual.id.clone() } } else { update };
            assert_eq!(
                (step, warning.is_some()),
                (expected, is_held_back),
                "{code} {held:?} {name} {email}"
            );
            if let Some(warning) = warning {
                assert_eq!(warning.attention, Some(Attention::AdoptionToConfirm));
                assert!(!warning.contains("Other") && !warning.contains("example"), "{warning}");
            }
        }
    }
}
