//! Every body that the service sends to m3ter is held against m3ter's own OpenAPI document, where
//! that file is at hand.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use jsonschema::{Draft, Validator};
use serde_json::{Value as Json, json};
use sync_to_m3ter::domain::entity::EntityKind;
use sync_to_m3ter_sandbox::control::LoggedRequest;

const DOCUMENT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/reference/m3ter-openapi.json");

/// The last segment of what ends several objects at once.
const END_DATING: &str = "/enddatebillingentities";

const REQUESTS: [(&str, &str); 7] = [
    (END_DATING, "EndDateBillingEntitiesRequest"),
    ("/accounts", "AccountRequest"),
    ("/contracts", "ContractRequest"),
    ("/commitments", "CommitmentRequest"),
    ("/plans", "PlanRequest"),
    ("/pricings", "PricingRequest"),
    ("/accountplans", "AccountPlanRequest"),
];

/// Fails the test if the body of a write is not what m3ter's document allows, or names a property
/// that it does not have.
pub(crate) fn check(request: &LoggedRequest) {
    if matches!(request.method.as_str(), "POST" | "PUT") {
        check_body(&request.path, &request.body);
    }
}

/// Fails the test if a body is not what m3ter's document allows at a path, or names a property that
/// it does not have.
pub(crate) fn check_body(path: &str, body: &Json) {
    let first = path.split('/').nth(1).map(|segment| format!("/{segment}")).unwrap_or_default();
    let resource = if path.ends_with(END_DATING) { END_DATING.to_owned() } else { first };
    let Some((_, name)) = REQUESTS.iter().find(|(known, _)| *known == resource) else { return };
    let Some((document, validators)) = schemas() else { return };
    let errors: Vec<String> = validators[name]
        .iter_errors(body)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{path} {body}: {errors:?}");
    let mut properties = HashSet::new();
    collect_properties(document, &document["components"]["schemas"][name], &mut properties);
    let unknown: Vec<&String> =
        body.as_object().unwrap().keys().filter(|key| !properties.contains(key.as_str())).collect();
    assert!(unknown.is_empty(), "{path} sends {unknown:?}, which m3ter does not know");
}

/// The properties of a schema and of all that it is composed of.
fn collect_properties<'a>(document: &'a Json, schema: &'a Json, properties: &mut HashSet<&'a str>) {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        collect_properties(document, &document["components"]["schemas"][name], properties);
    }
    properties.extend(
        schema["properties"].as_object().into_iter().flat_map(|own| own.keys().map(String::as_str)),
    );
    for part in schema["allOf"].as_array().into_iter().flatten() {
        collect_properties(document, part, properties);
    }
}

fn schemas() -> Option<&'static (Json, HashMap<&'static str, Validator>)> {
    static SCHEMAS: OnceLock<Option<(Json, HashMap<&'static str, Validator>)>> = OnceLock::new();
    SCHEMAS.get_or_init(load).as_ref()
}

fn load() -> Option<(Json, HashMap<&'static str, Validator>)> {
    let mut document: Json =
        serde_json::from_str(&std::fs::read_to_string(DOCUMENT).ok()?).unwrap();
    without_java_patterns(&mut document);
    let validator = |name: &str| {
        let schema = json!({ "$ref": format!("#/components/schemas/{name}"), "components": document["components"] });
        // OpenAPI 3.0 writes `exclusiveMinimum` as draft 4 does.
        jsonschema::options().with_draft(Draft::Draft4).build(&schema).unwrap()
    };
    let validators = REQUESTS.iter().map(|(_, name)| (*name, validator(name))).collect();
    Some((document, validators))
}

/// The patterns subtract character classes as only Java does; the emulator keeps those rules.
fn without_java_patterns(json: &mut Json) {
    match json {
        Json::Object(object) => {
            object.remove("pattern");
            object.values_mut().for_each(without_java_patterns);
        }
        Json::Array(items) => items.iter_mut().for_each(without_java_patterns),
        _ => {}
    }
}

#[test]
fn every_field_of_m3ter_s_six_objects_can_be_mapped() {
    let Some((document, _)) = schemas() else { return };
    for kind in EntityKind::ALL {
        let (_, name) = REQUESTS
            .iter()
            .find(|(path, _)| path.trim_start_matches('/') == kind.plural())
            .unwrap();
        let mut properties = HashSet::new();
        collect_properties(document, &document["components"]["schemas"][name], &mut properties);
        // The version comes from what was read, and the ordinal of a plan is deprecated.
        properties.retain(|property| !matches!(*property, "version" | "ordinal"));
        let mapped: HashSet<&str> = kind.fields().iter().map(|field| field.name).collect();
        assert_eq!(mapped, properties, "{kind}");
    }
}
