//! The published document, and whether an answer of the service is one that it declares.
//!
//! All tests that ask the service go through one place, which holds every answer against it; so no
//! test can see one that it lacks.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Value as Json, json};

static DOCUMENT: LazyLock<Json> = LazyLock::new(|| {
    let mut document: Json =
        serde_yaml_ng::from_str(include_str!("../../../openapi.yaml")).unwrap();
    for operation in document["paths"]
        .as_object_mut()
        .unwrap()
        .values_mut()
        .flat_map(|path| path.as_object_mut().unwrap().values_mut())
    {
        let still = operation.as_object_mut().and_then(|of| of.remove("x-still-answered"));
        if let Some(Json::Object(still)) = still {
            operation["responses"].as_object_mut().unwrap().extend(still);
        }
    }
    let wait = &mut document["components"]["parameters"]["waitSeconds"]["schema"];
    wait["minimum"] = wait.as_object_mut().unwrap().remove("x-still-minimum").unwrap();
    document
});

/// The published document, with what the service still takes and answers for callers of earlier
/// versions.
pub(crate) fn document() -> &'static Json {
    &DOCUMENT
}

/// An answer of the service, with what was asked.
pub(crate) struct Answer<'a> {
    pub(crate) method: &'a str,
    /// Without a query.
    pub(crate) path: &'a str,
    pub(crate) status: u16,
    pub(crate) content_type: &'a str,
    pub(crate) body: &'a str,
}

/// Fails if an answer is not one that the document declares.
pub(crate) fn check_answer(answer: &Answer<'_>) {
    check_answer_and_note(answer, &mut BTreeSet::new());
}

/// The same, and notes the properties that the answer had.
pub(crate) fn check_answer_and_note(answer: &Answer<'_>, seen: &mut BTreeSet<String>) {
    let Answer { method, path, status, content_type, body } = answer;
    let place = format!("{method} {path} {status}");
    if *path == "/openapi.yaml" && *status == 200 {
        return assert_eq!(
            (*content_type, *body),
            ("application/yaml", include_str!("../../../openapi.yaml")),
            "the document itself"
        );
    }
    if *method == "HEAD" {
        return assert!(body.is_empty(), "{place}: {body}");
    }
    let declared = operation(method, path).map(|operation| &operation["responses"]);
    let response = match declared {
        Some(responses) => responses
            .get(status.to_string())
            .unwrap_or_else(|| panic!("{place} is not declared: {body}")),
        // Where there is no operation, the answer is a fault.
        None => {
            assert!(*status >= 400, "{place} is not declared: {body}");
            &json!({"$ref": "#/components/responses/Fault"})
        }
    };
    let schema = &followed(response)["content"]["application/json"]["schema"];
    let mut value: Json =
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{place} is not JSON: {body:?}"));
    if *content_type == "application/problem+json" {
        // The form of RFC 9457 is for who asks for it; it has these beside the declared ones.
        let object = value.as_object_mut().unwrap();
        for name in ["type", "title", "detail"] {
            assert!(
                object.remove(name).is_some_and(|value| value.is_string()),
                "{place} lacks {name}: {body}"
            );
        }
    } else {
        assert_eq!(*content_type, "application/json", "{place}");
    }
    check(schema, &value, &place, seen);
    if *status >= 400 && value.get("status").is_some_and(Json::is_number) {
        assert_eq!(value["status"], *status, "{place}: {body}");
    }
}

/// The operation at a path, the one without parameters first.
fn operation(method: &str, path: &str) -> Option<&'static Json> {
    let segments: Vec<&str> = path.split('/').collect();
    let is_it = |template: &&String| {
        let names: Vec<&str> = template.split('/').collect();
        names.len() == segments.len()
            && names
                .iter()
                .zip(&segments)
                .all(|(name, segment)| name.starts_with('{') || name == segment)
    };
    let paths = document()["paths"].as_object().unwrap();
    let template =
        paths.keys().filter(is_it).min_by_key(|template| template.matches('{').count())?;
    paths[template].get(method.to_ascii_lowercase())
}

fn followed(value: &Json) -> &Json {
    match value.get("$ref").and_then(Json::as_str) {
        Some(reference) => document()
            .pointer(reference.strip_prefix('#').unwrap())
            .unwrap_or_else(|| panic!("{reference} is not there")),
        None => value,
    }
}

/// Fails if `value` has a property that the schema does not declare, lacks a required one, or has
/// another type.
fn check(schema: &Json, value: &Json, place: &str, seen: &mut BTreeSet<String>) {
    if let Some(name) =
        schema.get("$ref").and_then(Json::as_str).and_then(|path| path.rsplit('/').next())
    {
        return check(followed(schema), value, name, seen);
    }
    match schema["type"].as_str().unwrap_or_else(|| panic!("{place} has no type")) {
        "array" => {
            for item in value.as_array().unwrap_or_else(|| panic!("{place} is no list: {value}")) {
                check(&schema["items"], item, place, seen);
            }
        }
        "object" => {
            let object =
                value.as_object().unwrap_or_else(|| panic!("{place} is no object: {value}"));
            for (name, value) in object {
                let property = schema["properties"]
                    .get(name)
                    .unwrap_or_else(|| panic!("{place}.{name} is not declared"));
                seen.insert(format!("{place}.{name}"));
                check(property, value, &format!("{place}.{name}"), seen);
            }
            for name in schema["required"].as_array().into_iter().flatten() {
                assert!(
                    object.contains_key(name.as_str().unwrap()),
                    "{place} lacks {name}: {value}"
                );
            }
        }
        "string" => {
            let text = value.as_str().unwrap_or_else(|| panic!("{place} is no text: {value}"));
            if schema["format"] == "date-time" {
                assert!(text.parse::<jiff::Timestamp>().is_ok(), "{place} is no date-time: {text}");
            }
        }
        "boolean" => assert!(value.is_boolean(), "{place}: {value}"),
        "integer" => {
            let most = if schema["format"] == "int32" { i64::from(i32::MAX) } else { i64::MAX };
            assert!(value.as_i64().is_some_and(|number| number <= most), "{place}: {value}");
        }
        other => panic!("{place} has the type {other}"),
    }
}

#[test]
fn an_answer_that_is_not_declared_is_found() {
    let result = r#"{"success": true, "syncStatus": "Completed", "message": "", "dryRun": false, "objectResults": [], "concatenatedResults": "", "warnings": []}"#;
    let fault = r#"{"success": false, "syncStatus": "Failed", "message": "", "errorCode": "X", "status": 404, "requestId": "x"}"#;
    let asked = |method, path, status, content_type, body: &str| {
        let body = body.to_owned();
        std::panic::catch_unwind(move || {
            check_answer(&Answer { method, path, status, content_type, body: &body });
        })
        .is_ok()
    };
    let json = "application/json";
    assert!(asked("POST", "/sync-to-m3ter/abc", 200, json, result));
    assert!(asked("GET", "/nothing", 404, json, fault));
    for (method, path, status, content_type, body) in [
        ("POST", "/sync-to-m3ter", 200, json, result.to_owned()),
        ("POST", "/sync-to-m3ter/abc", 201, json, result.to_owned()),
        ("POST", "/sync-to-m3ter/abc", 418, json, fault.replace("404", "418")),
        ("GET", "/nothing", 200, json, fault.to_owned()),
        ("GET", "/nothing", 404, json, String::new()),
        ("GET", "/nothing", 405, json, fault.to_owned()),
        ("GET", "/nothing", 404, "text/plain", fault.to_owned()),
        ("GET", "/nothing", 404, "application/problem+json", fault.to_owned()),
        ("GET", "/nothing", 404, json, fault.replace("requestId", "requestID")),
        (
            "POST",
            "/sync-to-m3ter/abc",
            200,
            json,
            result.replace("\"warnings\": []", "\"warnings\": [1]"),
        ),
        (
            "POST",
            "/sync-to-m3ter/abc",
            200,
            json,
            result.replace('}', ", \"nextTryAt\": \"soon\"}"),
        ),
        (
            "POST",
            "/sync-to-m3ter/abc",
            200,
            json,
            result.replace("\"message\": \"\"", "\"message\": null"),
        ),
    ] {
        assert!(
            !asked(method, path, status, content_type, &body),
            "{method} {path} {status} {content_type} {body}"
        );
    }
}
