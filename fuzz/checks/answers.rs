//! Answers of both vendors: bytes of any kind become a typed outcome, never more than they are
//! worth.
//!
//! The first line holds the status and, after a space, a `Retry-After`; what comes after it is the
//! body.

use std::time::{Duration, SystemTime};

use serde_json::Value as Json;
use sync_to_m3ter::domain::actual::ActualObject;
use sync_to_m3ter::domain::ids::SalesforceId;
use sync_to_m3ter::m3ter::{self, Endings, OrganizationConfig, Replacement};
use sync_to_m3ter::salesforce;
use sync_to_m3ter::transport::{CalloutError, CalloutErrorKind, Token, Vendor, retry_after};
use tokio::time::Instant;
use url::Url;

/// No more of a vendor's words is passed on.
const MAX_MESSAGE: usize = 5_000;
/// No answer makes the service wait for longer, or trust a token for longer.
const MAX_PAUSE: Duration = Duration::from_mins(5);
const MAX_LIFETIME: Duration = Duration::from_hours(24);

pub(crate) fn check(input: &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (head, body) =
        (String::from_utf8_lossy(&input[..end]), input.get(end + 1..).unwrap_or_default());
    let (status, header) = head.split_once(' ').unwrap_or((&head, ""));
    let status = status.parse().unwrap_or(200);
    if let Some(delay) = retry_after(header, SystemTime::now()) {
        assert!(delay <= MAX_PAUSE, "{delay:?} for {header:?}");
    }
    for (vendor, answer) in [
        (Vendor::M3ter, m3ter::fuzzing::answer(status, body)),
        (Vendor::Salesforce, salesforce::fuzzing::answer(status, body)),
    ] {
        match answer {
            Ok(json) => {
                assert!((200..300).contains(&status), "{status} is no success");
                assert!(body.is_empty() || serde_json::from_slice::<Json>(body).is_ok());
                match vendor {
                    Vendor::M3ter => m3ter(&json, body.len()),
                    Vendor::Salesforce => salesforce(&json, body.len()),
                }
            }
            Err(kind) => failed(vendor, status, kind),
        }
    }
}

/// A failure has a kind that fits its status, and a sentence that can be stored and shown.
fn failed(vendor: Vendor, status: u16, kind: CalloutErrorKind) {
    match (&kind, status) {
        (CalloutErrorKind::Unavailable { status: Some(said), .. }, _)
        | (CalloutErrorKind::Moved { status: Some(said), .. }, 300..=599) => {
            assert_eq!(*said, status);
        }
        // Salesforce's code counts more than its status.
        (CalloutErrorKind::AuthFailed { .. }, 401 | 403)
        | (CalloutErrorKind::LimitExceeded { .. }, 403 | 429) => {}
        (
            CalloutErrorKind::AuthFailed { .. } | CalloutErrorKind::LimitExceeded { .. },
            300..=599,
        ) if vendor == Vendor::Salesforce => {}
        (CalloutErrorKind::Refused(refusal), _) => {
            let is_success = (200..300).contains(&status);
            let by_code = vendor == Vendor::Salesforce && refusal.code.is_some() && !is_success;
            assert!(
                refusal.status == status
                    && (by_code || !matches!(status, 200..=399 | 401 | 408 | 429 | 500..)),
                "{status}"
            );
            let _ = m3ter::overlapping(&refusal.message);
            let words = [&refusal.code, &refusal.sobject, &refusal.field];
            assert!(words.into_iter().flatten().all(|word| word.len() <= MAX_MESSAGE));
        }
        _ => panic!("{kind:?} for {status}"),
    }
    let error =
        CalloutError { vendor, operation: "Any", attempts: 1, elapsed: Duration::ZERO, kind };
    let reason = error.reason();
    assert!(!reason.is_empty() && reason.len() <= MAX_MESSAGE, "{} bytes", reason.len());
    assert!(!has_email(&reason) && !reason.contains(char::is_control), "{reason:?}");
}

fn has_email(text: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric();
    text.match_indices('@')
        .any(|(at, _)| text[..at].ends_with(is_word) && text[at + 1..].starts_with(is_word))
}

/// What no update sends, or has a place of its own.
const NOT_KEPT: [&str; 5] = ["id", "version", "dtCreated", "createdBy", "lastModifiedBy"];

fn m3ter(json: &Json, bytes: usize) {
    if let Some(token) = m3ter::fuzzing::token(json) {
        check_token(&token);
    }
    if let Some((objects, next)) = m3ter::fuzzing::page(json.clone()) {
        assert!(objects.len() <= bytes && next.is_none_or(|next| !next.is_empty()));
        for object in objects {
            let _ = m3ter::fuzzing::template(&object);
            if let Some(actual) = ActualObject::from_json(object.clone()) {
                let mut read = object.as_object().cloned().unwrap_or_default();
                read.retain(|name, value| !value.is_null() && !NOT_KEPT.contains(&name.as_str()));
                assert_eq!(read, *actual.fields, "an object is kept as it was read");
                assert!(object["id"].as_str().is_some_and(|id| id.contains(actual.id.as_str())));
                assert_eq!(object["version"].as_i64(), Some(actual.version));
            }
        }
    }
    let _ = OrganizationConfig::from_json(json);
    let endings = Endings::from_json(json);
    assert!(
        endings
            .updated
            .values()
            .chain(endings.failed.values())
            .all(|ids| !ids.is_empty() && ids.len() <= bytes)
    );
    let _ = Replacement::from_json(json.clone());
}

fn salesforce(json: &Json, bytes: usize) {
    let org = SalesforceId::parse("00DS90000000001").expect("an id");
    for login in ["https://acme.my.salesforce.com", "http://127.0.0.1:8081"]
        .map(|url| Url::parse(url).expect("a URL"))
    {
        for pinned in [None, Some(&org)] {
            let Ok(token) = salesforce::fuzzing::token(json, &login, pinned) else { continue };
            check_token(&token);
            let instance = token.instance_url.expect("a login names its instance");
            let leads_home = if salesforce::is_loopback(&login) {
                salesforce::is_loopback(&instance)
            } else {
                salesforce::is_salesforce(&instance)
            };
            assert!(
                leads_home && instance.path() == "/" && instance.query().is_none(),
                "{instance}"
            );
            assert!(
                pinned
                    .is_none_or(|pinned| token.organization_id.as_deref() == Some(pinned.as_str()))
            );
        }
    }
    if let Ok(page) = salesforce::fuzzing::page(json.clone()) {
        assert!(page.records.len() <= bytes);
        assert!(page.next.is_none_or(|cursor| !cursor.is_empty()
            && cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')));
    }
    if let Err(kind) = salesforce::fuzzing::composite(json.clone()) {
        let error = CalloutError {
            vendor: Vendor::Salesforce,
            operation: "Query",
            attempts: 1,
            elapsed: Duration::ZERO,
            kind,
        };
        assert!(error.reason().len() <= MAX_MESSAGE && !has_email(&error.reason()));
    }
    for records in 0..3 {
        let outcomes = salesforce::fuzzing::outcomes(json, records).unwrap_or_default();
        let is_harmless = |refused: &salesforce::RowRefused| {
            refused.reason.len() <= MAX_MESSAGE && !has_email(&refused.reason)
        };
        assert!(outcomes.iter().all(|outcome| outcome.as_ref().err().is_none_or(is_harmless)));
    }
    if let Some(described) = salesforce::fuzzing::described(json) {
        assert!(described.fields.len() + described.child_relationships.len() <= bytes);
    }
}

/// A token goes into a header as it is, and is not written out anywhere.
fn check_token(token: &Token) {
    assert!(token.header.is_sensitive() && token.header.as_bytes().starts_with(b"Bearer "));
    assert!(token.renew_at.is_none_or(|at| at <= Instant::now() + MAX_LIFETIME));
}
