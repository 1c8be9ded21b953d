//! Salesforce's error answers: a list of `{message, errorCode}`, or for a login `{error,
//! error_description}`.

use serde_json::Value as Json;

use super::answer::text;
use super::codes;
use crate::domain::excerpt;
use crate::domain::personal::without_emails;
use crate::transport::Refusal;

pub(super) fn read(status: u16, body: &Json) -> Refusal {
    let error = body.as_array().and_then(|errors| errors.first()).unwrap_or(body);
    let code = text(error, "errorCode").or_else(|| text(error, "error"));
    let message = text(error, "message")
        .or_else(|| text(error, "error_description"))
        .map_or_else(|| format!("status {status} without a message"), last_line);
    let message = excerpt::sentence(&without_emails(&message));
    let (sobject, field) = named_field(text(error, "message").unwrap_or_default());
    let meaning = codes::meaning(status, code, &message);
    let advice = codes::advice(status, code, meaning);
    let code = code.map(|code| excerpt::word(&without_emails(code)));
    Refusal { status, code, message, sobject, field, meaning, advice }
}

/// A refused query repeats itself before it says what is wrong.
fn last_line(message: &str) -> String {
    message.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned()
}

/// The entity and the field in `No such column 'X' on entity 'Y'`.
fn named_field(message: &str) -> (Option<String>, Option<String>) {
    let quoted_after = |words: &str| {
        let (_, rest) = message.split_once(words)?;
        rest.split_once('\'').map(|(name, _)| excerpt::sentence(name))
    };
    (quoted_after("on entity '"), quoted_after("No such column '"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_unknown_column_is_read_with_its_entity() {
        let message = "\nSELECT Id, Foo__c FROM Opportunity\n           ^\nERROR at Row:1:Column:12\nNo such column 'Foo__c' on entity 'Opportunity'. If you are attempting to use a custom field, …";
        let refusal = read(400, &json!([{"message": message, "errorCode": "INVALID_FIELD"}]));
        assert_eq!(
            (refusal.sobject.as_deref(), refusal.field.as_deref()),
            (Some("Opportunity"), Some("Foo__c"))
        );
        assert!(refusal.message.starts_with("No such column"), "{}", refusal.message);
    }

    #[test]
    fn a_login_error_is_an_object() {
        let refusal = read(
            400,
            &json!({"error": "invalid_client", "error_description": "invalid client credentials"}),
        );
        assert_eq!(
            (refusal.code.as_deref(), refusal.message.as_str()),
            (Some("invalid_client"), "invalid client credentials")
        );
    }
}
