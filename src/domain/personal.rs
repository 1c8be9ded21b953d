//! What tells who a person is stays out of logs, errors and the run history.

use std::borrow::Cow;

use super::text::visible;

/// Characters of a value that a sentence repeats.
const SHOWN_CHARACTERS: usize = 60;
/// What stands for a value that is not repeated.
pub const NOT_SHOWN: &str = "(not shown)";

/// A value of a Salesforce field as a sentence repeats it: its beginning, or nothing of it where
/// the field is one of a person.
pub fn redacted(path: &str, value: &str) -> String {
    if is_of_a_person(path) {
        return NOT_SHOWN.to_owned();
    }
    // An address that is cut short is none that can be recognised.
    visible(&without_emails(value)).chars().take(SHOWN_CHARACTERS).collect()
}

/// Whether the field at the end of a path tells who a person is, as far as its name says so.
pub(super) fn is_of_a_person(path: &str) -> bool {
    let names: Vec<String> = path.split('.').map(str::to_lowercase).collect();
    let Some((field, parents)) = names.split_last() else { return false };
    let is_person = |parent: &String| {
        let parent = parent.trim_end_matches("__r");
        ["owner", "createdby", "lastmodifiedby", "user", "manager", "contact"]
            .iter()
            .any(|person| parent.ends_with(person))
    };
    let is_name = matches!(
        field.as_str(),
        "firstname" | "lastname" | "middlename" | "salutation" | "username"
    );
    is_name
        || ["email", "phone", "fax"].iter().any(|word| field.contains(word))
        || field == "name" && parents.last().is_some_and(is_person)
}

/// Whether there may be an e-mail address in a text.
pub(super) fn may_hold_email(text: &str) -> bool {
    text.contains('@')
}

/// The text with each e-mail address replaced.
pub fn without_emails(text: &str) -> String {
    with_each_email(text, |_| Cow::Borrowed("(an e-mail address)"))
}

/// The text with each e-mail address replaced by what stands for it.
pub(super) fn with_each_email(
    text: &str,
    mut stand_in: impl FnMut(&str) -> Cow<'static, str>,
) -> String {
    let is_local = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-' | '\'');
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-');
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        let name = before.len() - before.trim_end_matches(is_local).len();
        let host = after.find(|c: char| !is_host(c)).unwrap_or(after.len());
        // A full stop that ends the sentence is no part of it.
        let host = after[..host].trim_end_matches(['.', '-']).len();
        if name > 0 && host > 0 {
            clean.push_str(&before[..at - name]);
            clean.push_str(&stand_in(&rest[at - name..=at + host]));
        } else {
            clean.push_str(&rest[..=at]);
            rest = after;
            continue;
        }
        rest = &after[host..];
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_personal_field_is_not_repeated() {
        for (path, value, expected) in [
            ("Opportunity.Amount", "twelve", "twelve"),
            ("Opportunity.Name", "Acme 2026", "Acme 2026"),
            ("Account.Name", "Acme", "Acme"),
            ("Owner.Name", "Jane Doe", NOT_SHOWN),
            ("Account.Owner.Name", "Jane Doe", NOT_SHOWN),
            ("Billing_Contact__r.Name", "Jane Doe", NOT_SHOWN),
            ("Account.M3ter_Billing_Email__c", "Jane Doe", NOT_SHOWN),
            ("Contact.MobilePhone", "555", NOT_SHOWN),
            ("LastName", "Doe", NOT_SHOWN),
            ("Opportunity.Description", "ask jane@acme.example", "ask (an e-mail address)"),
        ] {
            assert_eq!(redacted(path, value), expected, "{path}");
        }
        let long = format!("{}jane@acme.example", "x".repeat(50));
        assert!(!redacted("X", &format!("{} jane@acme.example", "x".repeat(50))).contains("jane"));
        assert!(!redacted("X", &long).contains("acme"));
    }

    #[test]
    fn email_addresses_are_removed_and_the_rest_stays() {
        for (text, clean) in [
            ("", ""),
            ("name must not be null", "name must not be null"),
            ("jane.doe+x@acme.example", "(an e-mail address)"),
            ("no account for <jane@acme.example>.", "no account for <(an e-mail address)>."),
            ("a@b.c, d'e@localhost.", "(an e-mail address), (an e-mail address)."),
            ("jörg@müller.example ok", "(an e-mail address) ok"),
            ("3 @ 5, @mention, x@", "3 @ 5, @mention, x@"),
            ("a@@b@c", "a@@(an e-mail address)"),
        ] {
            assert_eq!(without_emails(text), clean);
        }
    }
}
