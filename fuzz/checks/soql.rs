//! Queries: whatever a mapping or a text holds, the query text is one that Salesforce reads as it
//! is meant.
//!
//! An input that begins with `'` is the text of a literal, one that begins with `?` a query for the
//! emulator's parser, and any other one a mapping file.

use sync_to_m3ter::domain::ids::SalesforceId;
use sync_to_m3ter::soql::fuzzing::{org_of, paths_of};
use sync_to_m3ter::{mapping, salesforce};
use sync_to_m3ter_sandbox::salesforce::soql::{self, Filter, Literal, Operator, Query, Selected};

pub(crate) fn check(input: &[u8]) {
    match input.split_first() {
        Some((b'\'', text)) => literal(&String::from_utf8_lossy(text)),
        Some((b'?', text)) => {
            if let Err(malformed) = soql::parse(&String::from_utf8_lossy(text)) {
                assert!(malformed.at <= text.len() * 3 && !malformed.to_string().is_empty());
            }
        }
        _ => mapped(input),
    }
}

/// A text in quotes comes out as it went in: nothing of it becomes part of the query.
fn literal(text: &str) {
    let query = salesforce::fuzzing::key_prefix_query(text);
    let parsed = soql::parse(&query).unwrap_or_else(|malformed| panic!("{malformed} in {query}"));
    let expected = Literal::Text(text.to_owned());
    assert!(
        matches!(&parsed.filter, Some(Filter::Compare(path, Operator::Equal, literal)) if path.names == ["KeyPrefix"] && *literal == expected),
        "{query}"
    );
    assert_eq!(
        (parsed.from.as_str(), parsed.limit, parsed.order.len()),
        ("EntityDefinition", None, 0),
        "{query}"
    );
}

fn mapped(input: &[u8]) {
    let Ok(Some(mapping)) = mapping::fuzzing::parse("own.toml", input) else { return };
    let digits: String = input
        .iter()
        .rev()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .take(15)
        .map(|byte| char::from(*byte))
        .collect();
    let id = SalesforceId::parse(&format!("{digits:0<15}")).expect("letters and digits");
    let query = match mapping.query(&org_of(&mapping.reads())) {
        Ok(query) => query.soql(&id),
        Err(faults) => return assert!(!faults.is_empty()),
    };
    assert!(query.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{query:?}");
    let parsed = soql::parse(&query)
        .unwrap_or_else(|malformed| panic!("{malformed} at {} in {query}", malformed.at));
    assert_eq!(
        (parsed.from.as_str(), parsed.limit, parsed.offset, parsed.order.len()),
        (mapping.root(), Some(1), 0, 0),
        "{query}"
    );
    let expected = Literal::Text(id.to_string());
    assert!(
        matches!(&parsed.filter, Some(Filter::Compare(path, Operator::Equal, literal)) if path.names == ["Id"] && *literal == expected),
        "{query}"
    );
    for (relationships, path) in paths_of(&mapping.reads()) {
        let selects = rows(&parsed, &relationships).iter().any(|rows| has(rows, &path));
        assert!(selects, "{relationships:?} {path} is not in {query}");
    }
    check_children(&parsed, &query);
}

/// The queries for the rows that relationships lead to; two sets may share one relationship.
fn rows<'a>(query: &'a Query, relationships: &[String]) -> Vec<&'a Query> {
    let Some((first, rest)) = relationships.split_first() else { return vec![query] };
    let children = query.select.iter().filter_map(|selected| match selected {
        Selected::Children(children) if children.from == *first => Some(children),
        _ => None,
    });
    children.flat_map(|children| rows(children, rest)).collect()
}

fn has(query: &Query, path: &str) -> bool {
    let is_it = |selected: &Selected| matches!(selected, Selected::Path(selected) if selected.names.join(".").eq_ignore_ascii_case(path));
    query.select.iter().any(is_it)
}

/// Rows are asked for whole and in an order.
fn check_children(query: &Query, text: &str) {
    for selected in &query.select {
        match selected {
            Selected::Children(children) => {
                assert!(
                    children.filter.is_none()
                        && children.limit.is_none()
                        && !children.order.is_empty(),
                    "{text}"
                );
                check_children(children, text);
            }
            Selected::Path(path) => assert!(path.names.len() <= 6, "{text}"),
            _ => panic!("nothing is counted, grouped or shown otherwise: {text}"),
        }
    }
}
