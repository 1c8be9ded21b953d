//! Codes as people type them, and what they mean.

use super::catalog::CatalogKind;
use super::field::is_entity_code;
use super::ids::SalesforceId;
use super::text::trimmed;

/// The objects whose ids people type: Account, Opportunity, Contract and Order have the same key
/// prefix in every org.
const STANDARD_KEY_PREFIXES: [&str; 4] = ["001", "006", "800", "801"];

/// A code as m3ter gets it, and as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedCode {
    /// What is meant, and what m3ter gets.
    pub code: String,
    /// What was typed, where m3ter could have that as well.
    pub verbatim: Option<String>,
}

impl TypedCode {
    fn new(typed: &str, code: String) -> Self {
        let verbatim =
            Some(typed.to_owned()).filter(|typed| *typed != code && is_entity_code(typed));
        Self { code, verbatim }
    }
}

/// What a typed code means in a record with these rows. Salesforce's reports and its classic
/// addresses show the first 15 characters of an id, which name the same record as all 18.
pub fn typed_code(typed: &str, rows: &[SalesforceId]) -> TypedCode {
    let is_known = |prefix: &str| {
        STANDARD_KEY_PREFIXES.contains(&prefix) || rows.iter().any(|id| id.key_prefix() == prefix)
    };
    let meant = trimmed(typed);
    let code = completed(meant, is_known).map_or_else(|| meant.to_owned(), |id| id.to_string());
    TypedCode::new(typed, code)
}

/// What a code that is looked up means: only Accounts and Plans have ids of records as codes.
pub fn looked_up_code(catalog_kind: CatalogKind, typed: &str, rows: &[SalesforceId]) -> TypedCode {
    match catalog_kind {
        CatalogKind::Account | CatalogKind::Plan => typed_code(typed, rows),
        _ => TypedCode::new(typed, trimmed(typed).to_owned()),
    }
}

/// The record that a text of 15 characters names. A number of 15 digits is somebody's own, and so
/// is what begins like no known object.
fn completed(text: &str, is_known: impl Fn(&str) -> bool) -> Option<SalesforceId> {
    let id = SalesforceId::parse(text).ok().filter(|_| text.len() == 15)?;
    let has_letter = text[3..].bytes().any(|byte| byte.is_ascii_alphabetic());
    (has_letter && is_known(id.key_prefix())).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_an_id_of_a_known_object_is_completed() {
        let is_known = |prefix: &str| prefix == "006";
        for (typed, meant) in [
            ("006S900000795MM", Some("006S900000795MMIAY")),
            // All 18 characters, too few, another object, a number, a product's code.
            ("006S900000795MMIAY", None),
            ("006S900000795M", None),
            ("a0QS900000795MM", None),
            ("006123456789012", None),
            ("PRODUCT12345678", None),
            ("006S90000079-MM", None),
        ] {
            assert_eq!(
                completed(typed, is_known).as_ref().map(SalesforceId::as_str),
                meant,
                "{typed}"
            );
        }
    }
}
