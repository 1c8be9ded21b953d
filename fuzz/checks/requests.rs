//! Bodies and queries of the sync, end-date and replay operations, through the functions of their
//! handlers.
//!
//! The first line is taken for the query, what comes after it for the body.

use serde_json::Value as Json;
use sync_to_m3ter::domain::ending::{BillingEntity, EndDate};
use sync_to_m3ter::domain::ids::SalesforceId;
use sync_to_m3ter::http::fuzzing::{self, Refused};

/// No sentence about a request is longer, whatever the request holds.
const MAX_MESSAGE: usize = 2_000;

pub(crate) fn check(input: &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (query, body) =
        (String::from_utf8_lossy(&input[..end]), input.get(end + 1..).unwrap_or_default());
    sync(body);
    end_date(body);
    parameters(&query);
    match fuzzing::nothing(body) {
        Ok(()) => assert!(
            body.trim_ascii().is_empty()
                || matches!(parsed(body), Some(Json::Null | Json::Object(_)))
        ),
        Err(refused) => check_refused(&refused),
    }
    match fuzzing::replay(body) {
        Ok(filter) => assert!((1..=1_000).contains(&filter.limit)),
        Err(refused) => check_refused(&refused),
    }
}

fn sync(body: &[u8]) {
    match fuzzing::sync(body) {
        Ok(asked) => {
            // What is taken is a list of objects in which nothing but the two properties stands.
            let Some(Json::Array(elements)) = parsed(body) else { panic!("no list was taken") };
            assert_eq!(asked.len(), elements.len());
            assert!(asked.len() <= 200);
            for (asked, element) in asked.iter().zip(&elements) {
                let object = element.as_object().expect("an object");
                assert!(
                    object.keys().all(|key| matches!(
                        key.as_str(),
                        "parentRecordId" | "organizationId" | "salesforceUserId" | "expectedPlan"
                    )),
                    "{object:?}"
                );
                check_id(asked.as_ref(), element);
            }
        }
        Err(refused) => check_refused(&refused),
    }
}

fn end_date(body: &[u8]) {
    let asked = match fuzzing::end_date(body) {
        Ok(asked) => asked,
        Err(refused) => return check_refused(&refused),
    };
    let Some(Json::Array(elements)) = parsed(body) else { panic!("no list was taken") };
    assert_eq!(asked.len(), elements.len());
    for (asked, element) in asked.iter().zip(&elements) {
        match asked {
            Ok((record, order)) => {
                check_id(Ok(record), element);
                assert_eq!(
                    EndDate::parse(&order.end_date.to_string()).as_ref(),
                    Ok(&order.end_date),
                    "an end date keeps its meaning"
                );
                assert!(
                    !order.entities.is_empty()
                        && order.entities.is_sorted_by(|one, other| one < other),
                    "{:?}",
                    order.entities
                );
                let words = element["billingEntities"].as_array().expect("a list of words");
                let mut named: Vec<_> = words
                    .iter()
                    .filter_map(|word| BillingEntity::from_word(word.as_str()?))
                    .collect();
                assert_eq!(named.len(), words.len(), "each word means a kind");
                named.sort_unstable();
                named.dedup();
                assert_eq!(named, order.entities);
            }
            Err(reason) => check_sentence(reason),
        }
    }
}

fn check_id(asked: Result<&SalesforceId, &String>, element: &Json) {
    match asked {
        Ok(id) => {
            let sent = element["parentRecordId"].as_str().expect("an id").trim();
            assert!(
                id.as_str().starts_with(sent) && matches!(sent.len(), 15 | 18),
                "{sent} became {id}"
            );
        }
        Err(reason) => check_sentence(reason),
    }
}

fn parameters(query: &str) {
    match fuzzing::parameters(query) {
        Ok((_, wait_seconds, _)) => assert!(wait_seconds <= 105),
        Err(refused) => check_refused(&refused),
    }
    match fuzzing::run_filter(query) {
        Ok(filter) => assert!((1..=200).contains(&filter.limit)),
        Err(refused) => check_refused(&refused),
    }
}

fn check_refused(refused: &Refused) {
    assert_eq!(refused.status, 400, "{refused:?}");
    check_sentence(&refused.message);
}

fn check_sentence(sentence: &str) {
    assert!(
        !sentence.is_empty() && sentence.chars().count() <= MAX_MESSAGE,
        "{} bytes: {sentence}",
        sentence.len()
    );
    assert!(!sentence.contains(char::is_control), "{sentence:?}");
}

fn parsed(body: &[u8]) -> Option<Json> {
    serde_json::from_slice(body).ok()
}
