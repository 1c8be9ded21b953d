//! What stands in a query beside its words: names, texts and ids.

use crate::domain::ids::SalesforceId;

/// Levels of rows below the record in one query (since API version 58.0).
pub const MAX_LEVELS: usize = 4;
/// Child relationships in one query.
pub const MAX_CHILDREN: usize = 20;
/// Parts of a path: five relationships and the field.
pub const MAX_PARTS: usize = 6;

/// Whether a text may stand in a query as the name of an object, of a field or of a relationship:
/// letters, digits and underscores, a letter first.
pub fn is_name(text: &str) -> bool {
    text.len() <= 80
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether a text is the name of a field after those of at most five parents.
pub fn is_path(text: &str) -> bool {
    text.split('.').count() <= MAX_PARTS && text.split('.').all(is_name)
}

/// The relationship that a look-up field leads through: `Account` for `AccountId`.
pub fn relationship_of(look_up: &str) -> String {
    match look_up.strip_suffix("__c") {
        Some(name) => format!("{name}__r"),
        None => look_up.strip_suffix("Id").unwrap_or(look_up).to_owned(),
    }
}

/// An order of rows such as `SortOrder NULLS LAST, Id`, written anew; none if a word of it is not
/// one of an order.
pub fn order_by(text: &str) -> Option<String> {
    let terms: Option<Vec<String>> = text.split(',').map(order_term).collect();
    terms.map(|terms| terms.join(", "))
}

fn order_term(term: &str) -> Option<String> {
    let mut words = term.split_whitespace();
    let first = words.next().filter(|first| is_path(first))?;
    let rest: Vec<String> = words.map(str::to_ascii_uppercase).collect();
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let is_order = matches!(
        rest.as_slice(),
        [] | ["ASC" | "DESC"]
            | ["NULLS", "FIRST" | "LAST"]
            | ["ASC" | "DESC", "NULLS", "FIRST" | "LAST"]
    );
    is_order.then(|| std::iter::once(first).chain(rest).collect::<Vec<_>>().join(" "))
}

/// A text in quotes.
pub fn literal(text: &str) -> String {
    format!("'{}'", escaped(text))
}

/// That a field holds a text, maybe with more around it.
pub fn containing(field: &str, text: &str) -> String {
    let text = escaped(text).replace('%', "\\%").replace('_', "\\_");
    format!("{field} LIKE '%{text}%'")
}

/// That a record is one of these.
pub fn any_id<'i>(ids: impl IntoIterator<Item = &'i SalesforceId>) -> String {
    let ids: Vec<String> = ids.into_iter().map(|id| format!("'{id}'")).collect();
    format!("Id IN ({})", ids.join(", "))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}
