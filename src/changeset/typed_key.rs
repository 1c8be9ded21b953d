//! What it means that a key of Salesforce names nothing in m3ter, or something else than before.
//!
//! People type keys. A link remembers the key as the record said it when it was made, so that a
//! later one is noticed: the linked object continues in any case, and the result says what differs.

use crate::domain::actual::ActualObject;
use crate::domain::desired::{DesiredObject, Intent, OnFound};
use crate::domain::entity::EntityKind;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::SalesforceId;
use crate::domain::text::nearest;
use crate::domain::warning::{Attention, Warning};

/// What is to be told of an object's key, and what its link is to remember.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeyVerdict {
    /// The key that the link remembers from now on.
    pub remembered: Option<String>,
    /// What a person should know.
    pub warning: Option<Warning>,
    /// Why the object is left as it is, or not made.
    pub finding: Option<Finding>,
}

/// The object that is the row's own although its key names none: its code is the row's id, and the
/// row's field holds its id.
pub fn by_own_id<'a>(
    desired: &DesiredObject,
    candidates: &[&'a ActualObject],
) -> Option<&'a ActualObject> {
    let written_back = desired.write_back.as_ref()?.current.as_deref()?;
    candidates.iter().copied().find(|object| {
        object.id.as_str() == written_back && object.code() == Some(desired.key.row.as_str())
    })
}

/// Judges the key of an object that m3ter has. `remembered` is what its link remembers of an
/// earlier key, if it has one that does; `candidates` lists the objects of its kind that were read,
/// those under the present key among them, where they matter.
pub fn of_existing<'a>(
    desired: &DesiredObject,
    actual: &ActualObject,
    remembered: Link<'_>,
    candidates: impl Fn() -> Vec<&'a ActualObject>,
) -> KeyVerdict {
    let Some(code) = &desired.code else { return KeyVerdict::default() };
    let present = KeyVerdict { remembered: Some(code.clone()), ..KeyVerdict::default() };
    let is_own_id = code == desired.key.row.as_str();
    let before = match remembered {
        Link::Remembers(before) if before == code => return present,
        // A link of before, or one that was handed over.
        Link::RemembersNothing => return present,
        _ if actual.code().is_some_and(|code| desired.is_code(code)) => return present,
        Link::Remembers(before) => before.to_owned(),
        // Found without its key: by its id, or because it was handed over.
        Link::None if is_own_id => return present,
        Link::None => actual.code().unwrap_or_default().to_owned(),
    };
    let (kind, id) = (desired.kind(), &actual.id);
    let source = desired
        .code_source()
        .map_or_else(|| "The record".to_owned(), |source| format!("`{source}`"));
    let candidates = candidates();
    let other = candidates.iter().find(|object| {
        object.id != actual.id && object.code().is_some_and(|code| desired.is_code(code))
    });
    match other {
        Some(other) => {
            let message = format!(
                "{source} now names the {kind} `{code}`, which is {} in m3ter; until now it named `{before}`, and what was synced belongs to {id}",
                other.id
            );
            let remedy = format!(
                "Change it back to `{before}`. Or, if `{code}` is right, run `sync-to-m3ter links forget {} --kind {kind}` so that {id} is forgotten, and sync again: what m3ter can move is moved, and the rest is reported",
                desired.key.row
            );
            KeyVerdict {
                remembered: Some(before),
                finding: Some(Finding::new(FindingCode::IdentityChanged, message, remedy)),
                ..KeyVerdict::default()
            }
        }
        None => {
            let near = near(code, &candidates);
            let text = format!(
                "{source} now names the {kind} `{code}`, which m3ter does not have{near}; the {kind} {id} (`{before}`) is kept"
            );
            KeyVerdict {
                remembered: Some(before),
                warning: Some(Warning::of(Attention::CodeNotFound, text)),
                ..KeyVerdict::default()
            }
        }
    }
}

/// What a link to an object tells of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link<'a> {
    /// There is none.
    None,
    /// It was made before links remembered keys, or was handed over.
    RemembersNothing,
    /// It was made under this key.
    Remembers(&'a str),
}

/// Judges the key of an object that m3ter does not have. Only what names an object that somebody
/// else made can miss it.
pub fn of_missing<'a>(
    desired: &DesiredObject,
    candidates: impl Fn() -> Vec<&'a ActualObject>,
) -> KeyVerdict {
    let remembered = desired.code.clone();
    let present = KeyVerdict { remembered, ..KeyVerdict::default() };
    let Some(code) = desired.code.as_deref().filter(|code| names_another(desired, code)) else {
        return present;
    };
    let Intent::Sync(_) = desired.intent else { return present };
    let kind = desired.kind();
    let source = desired
        .code_source()
        .map_or_else(|| "the record".to_owned(), |source| format!("`{source}`"));
    if let Ok(record) = SalesforceId::parse(code)
        && code.len() == 18
    {
        let finding = Finding::new(
            FindingCode::CodeNotFound,
            format!(
                "m3ter has no {kind} `{code}`, which {source} names; it is the ID of a Salesforce record"
            ),
            format!("Sync the record {record} first, or correct {source}"),
        );
        return KeyVerdict { finding: Some(finding), ..present };
    }
    let near = near(code, &candidates());
    let text = format!(
        "m3ter does not have the {kind} `{code}` that {source} names: it will be created{near}"
    );
    KeyVerdict { warning: Some(Warning::of(Attention::CodeNotFound, text)), ..present }
}

/// Whether the code is not the row's own: typed, to name what m3ter has already.
pub(super) fn names_another(desired: &DesiredObject, code: &str) -> bool {
    let own = desired.key.row.as_str();
    let is_own =
        code.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    match desired.kind() {
        EntityKind::Account => !is_own,
        EntityKind::Contract => !is_own && desired.on_found == OnFound::Refer,
        _ => false,
    }
}

fn near(code: &str, candidates: &[&ActualObject]) -> String {
    let known = candidates.iter().filter_map(|object| object.code());
    nearest(code, known).map_or_else(String::new, |near| format!("; the nearest one is `{near}`"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::changeset::testing::{account, actual_with_id, row};
    use crate::domain::desired::WriteBack;

    const FIRST: &str = "293b2bca-fa87-4036-9a0b-e0f1d3cd8c9e";
    const SECOND: &str = "544ecdae-54a5-4654-b0fb-b503a7ed58b2";

    fn named(code: &str) -> DesiredObject {
        DesiredObject { code: Some(code.to_owned()), ..account(Vec::new()) }
    }

    #[test]
    fn a_changed_key_is_reported_and_never_followed() {
        let linked = actual_with_id(FIRST, json!({"code": "C-1OO"}));
        let other = actual_with_id(SECOND, json!({"code": "C-100"}));
        let (alone, both) = (vec![&linked], vec![&linked, &other]);
        let own = row().to_string();
        // The link, the present key, what m3ter has: what is remembered, whether there is a
        // warning, the finding.
        for (link, present, candidates, remembered, warns, finding) in [
            (Link::Remembers("C-1OO"), "C-1OO", &both, "C-1OO", false, None),
            (
                Link::Remembers("C-1OO"),
                "C-100",
                &both,
                "C-1OO",
                false,
                Some(FindingCode::IdentityChanged),
            ),
            (Link::Remembers("C-1OO"), "C-200", &both, "C-1OO", true, None),
            (Link::Remembers("C-1OO"), &own, &both, "C-1OO", true, None),
            // It names the linked one: whatever was remembered, this is the key.
            (Link::Remembers(&own), "C-1OO", &alone, "C-1OO", false, None),
            // Links of before, and those that a merge moved.
            (Link::RemembersNothing, "C-100", &both, "C-100", false, None),
            (Link::RemembersNothing, "C-200", &both, "C-200", false, None),
            // Found by its id.
            (Link::None, "C-1OO", &both, "C-1OO", false, None),
            (Link::None, "C-200", &alone, "C-1OO", true, None),
            (Link::None, &own, &alone, &own, false, None),
        ] {
            let verdict = of_existing(&named(present), &linked, link, || candidates.clone());
            let told = (
                verdict.remembered.as_deref(),
                verdict.warning.is_some(),
                verdict.finding.as_ref().map(|finding| finding.code),
            );
            assert_eq!(told, (Some(remembered), warns, finding), "{link:?} {present}: {verdict:?}");
        }
    }

    #[test]
    fn a_key_that_names_nothing_creates_the_object_unless_it_is_a_record_id() {
        let other = actual_with_id(FIRST, json!({"code": "C-100"}));
        let synced = |code: &str, kind: EntityKind, on_found: OnFound| {
            let mut desired = named(code);
            desired.key.kind = kind;
            DesiredObject { on_found, ..desired }
        };
        let own = row().to_string();
        for (code, kind, on_found, warns, finding) in [
            (
                "C-1OO",
                EntityKind::Contract,
                OnFound::Refer,
                Some("the nearest one is `C-100`"),
                None,
            ),
            ("X-7", EntityKind::Contract, OnFound::Refer, Some("it will be created"), None),
            (
                "X-7",
                EntityKind::Account,
                OnFound::Adopt,
                Some("m3ter does not have the Account `X-7`"),
                None,
            ),
            (
                "006S900000795MNIAY",
                EntityKind::Contract,
                OnFound::Refer,
                None,
                Some(FindingCode::CodeNotFound),
            ),
            (
                "001S90000079HOOIA2",
                EntityKind::Account,
                OnFound::Adopt,
                None,
                Some(FindingCode::CodeNotFound),
            ),
            // Its own id, and what nobody typed.
            (&own, EntityKind::Contract, OnFound::Refer, None, None),
            (&own, EntityKind::Account, OnFound::Adopt, None, None),
            ("X-7", EntityKind::Contract, OnFound::Adopt, None, None),
            ("X-7", EntityKind::Plan, OnFound::Adopt, None, None),
        ] {
            let verdict = of_missing(&synced(code, kind, on_found), || vec![&other]);
            assert_eq!(
                verdict.finding.as_ref().map(|finding| finding.code),
                finding,
                "{code} {kind}"
            );
            match warns {
                Some(part) => assert!(
                    verdict.warning.as_ref().is_some_and(|warning| warning.contains(part)),
                    "{verdict:?}"
                ),
                None => assert_eq!(verdict.warning, None, "{code} {kind}"),
            }
        }
    }

    #[test]
    fn an_object_is_the_row_s_own_only_if_its_code_and_the_row_s_field_both_say_so() {
        let own = row();
        for (code, written_back, is_own) in [
            (own.as_str(), Some(FIRST), true),
            (own.as_str(), Some(SECOND), false),
            (own.as_str(), None, false),
            ("X", Some(FIRST), false),
        ] {
            let write_back = WriteBack {
                sobject: "Account".to_owned(),
                record: own.clone(),
                field: "M3ter_Account_Id__c".to_owned(),
                current: written_back.map(ToOwned::to_owned),
            };
            let desired = DesiredObject { write_back: Some(write_back), ..named("X-7") };
            let actual = actual_with_id(FIRST, json!({"code": code}));
            assert_eq!(
                by_own_id(&desired, &[&actual]).is_some(),
                is_own,
                "{code} {written_back:?}"
            );
        }
    }
}
