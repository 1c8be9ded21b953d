//! What goes wrong at callouts.

use fastrand::Rng;
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

const CALLOUTS: [(&str, &str); 20] = [
    ("GET", "/query"),
    ("GET", "/query"),
    ("PATCH", "/composite/sobjects"),
    ("PATCH", "/composite/sobjects"),
    ("GET", "/accounts"),
    ("GET", "/contracts"),
    ("GET", "/commitments"),
    ("GET", "/accountplans"),
    ("GET", "/plans"),
    ("GET", "/pricings"),
    ("GET", "/organizationconfig"),
    ("POST", "/accounts"),
    ("POST", "/contracts"),
    ("POST", "/commitments"),
    ("POST", "/commitments"),
    ("POST", "/plans"),
    ("POST", "/pricings"),
    ("POST", "/accountplans"),
    ("PUT", "/*"),
    ("PUT", "/*"),
];

/// Some fault at some callout.
pub(super) fn any(rng: &mut Rng) -> Fault {
    let (method, path) = CALLOUTS[rng.usize(0..CALLOUTS.len())];
    let fault = Fault::new(method, path, kind(rng, method, path));
    fault.times(rng.u32(1..4)).occurrence(rng.u32(1..4))
}

fn kind(rng: &mut Rng, method: &str, path: &str) -> FaultKind {
    match (path, rng.u32(0..4)) {
        ("/query", 0) => {
            let code = [
                "QUERY_TIMEOUT",
                "SERVER_UNAVAILABLE",
                "INVALID_SESSION_ID",
                "UNABLE_TO_LOCK_ROW",
                "APEX_ERROR",
            ][rng.usize(0..5)];
            return FaultKind::error(if code == "INVALID_SESSION_ID" { 401 } else { 400 }, code);
        }
        ("/query", 1) => {
            let relationship = rng.bool().then(|| "OpportunityLineItems".to_owned());
            return FaultKind::CutPage {
                relationship,
                rows: rng.usize(0..2),
                done: rng.bool(),
                next_records_url: None,
            };
        }
        ("/composite/sobjects", 0 | 1) => {
            let code =
                ["UNABLE_TO_LOCK_ROW", "FIELD_CUSTOM_VALIDATION_EXCEPTION", "ENTITY_IS_LOCKED"]
                    [rng.usize(0..3)];
            return FaultKind::RefuseRows {
                rows: if rng.bool() { Vec::new() } else { vec![rng.usize(0..3)] },
                status_code: code.to_owned(),
                message: None,
            };
        }
        _ => {}
    }
    let is_read = method == "GET";
    match rng.u32(0..14) {
        0 | 1 => FaultKind::DropBeforeEffect,
        2..=4 => FaultKind::DropAfterEffect,
        5 => FaultKind::Html,
        6 => FaultKind::Truncated,
        7 => FaultKind::Delay { ms: rng.u64(50..1_500) },
        8 => FaultKind::HangAfterEffect,
        9 => FaultKind::Hang,
        10 => FaultKind::Status { status: 429, retry_after: Some(1), message: None },
        11 if is_read => FaultKind::Status { status: 404, retry_after: None, message: None },
        11 => FaultKind::Status {
            status: 400,
            retry_after: None,
            message: Some("refused by a fault".to_owned()),
        },
        12 => FaultKind::Status { status: 500, retry_after: None, message: None },
        _ => FaultKind::Status { status: 503, retry_after: None, message: None },
    }
}
