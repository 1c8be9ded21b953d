//! What passes between the service and the emulated m3ter is held against m3ter's own OpenAPI document, where that file is at hand:
//! the service's bodies on one side, the emulator's answers on the other.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::{Draft, Validator};
use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::LoggedRequest;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/reference/m3ter-openapi.json");

/// The document declares a set of ids as an object with the one property `empty`: nothing true can validate against that.
const BROKEN_ANSWER: &str = "EndDateBillingEntitiesResponse";

/// Fails the test if the body or the answer of a request is not what m3ter's document declares for the operation, or if the body names
/// a property that m3ter does not know.
pub(crate) fn check(request: &LoggedRequest) {
    let Some(document) = DOCUMENT_AT_HAND.as_ref() else { return };
    let Some(operation) = document.operation(request) else { return };
    let shown = format!("{} {}", request.method, request.path);
    if let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") {
        document.validate(schema, &request.body, &shown);
        let mut properties = HashSet::new();
        document.collect_properties(schema, &mut properties);
        let unknown: Vec<&String> = request.body.as_object().unwrap().keys().filter(|key| !properties.contains(key.as_str())).collect();
        assert!(unknown.is_empty(), "{shown} sends {unknown:?}, which m3ter does not know");
    }
    let answer = operation.pointer("/responses/200/content/application~1json/schema");
    if let Some(schema) =
        answer.filter(|schema| request.status == Some(200) && request.fault.is_none() && !schema.to_string().contains(BROKEN_ANSWER))
    {
        document.validate(schema, &serde_json::from_slice(&request.answer).unwrap(), &format!("the answer to {shown}"));
    }
}

static DOCUMENT_AT_HAND: LazyLock<Option<Document>> = LazyLock::new(|| {
    let mut json: Json = serde_json::from_str(&std::fs::read_to_string(DOCUMENT).ok()?).unwrap();
    without_java_patterns(&mut json);
    Some(Document { json, validators: Mutex::default() })
});

struct Document {
    json: Json,
    /// By the schema's JSON.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Document {
    /// The operation that a request calls; none for the token, whose log is without credentials.
    fn operation(&self, request: &LoggedRequest) -> Option<&Json> {
        let segments: Vec<&str> = request.path.split('/').skip(1).collect();
        let matches = |template: &str| {
            let template: Vec<&str> = template.split('/').skip(1).collect();
            template.len() == segments.len() && template.iter().zip(&segments).all(|(one, other)| one.starts_with('{') || one == other)
        };
        let paths = self.json["paths"].as_object().unwrap();
        let below = |path: &str| path.strip_prefix("/organizations/{orgId}").is_some_and(matches);
        // A path without a parameter is meant before one with.
        let path = paths.keys().filter(|path| below(path)).min_by_key(|path| path.matches('{').count())?;
        self.json["paths"][path].get(request.method.to_ascii_lowercase())
    }

    fn validate(&self, schema: &Json, value: &Json, shown: &str) {
        let key = schema.to_string();
        let known = self.validators.lock().unwrap().get(&key).cloned();
        let validator = known.unwrap_or_else(|| {
            let with_components = json!({ "allOf": [schema], "components": self.json["components"] });
            // OpenAPI 3.0 writes `exclusiveMinimum` as draft 4 does.
            let validator = Arc::new(jsonschema::options().with_draft(Draft::Draft4).build(&with_components).unwrap());
            self.validators.lock().unwrap().insert(key, Arc::clone(&validator));
            validator
        });
        let errors: Vec<String> = validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{shown} {value}: {errors:?}");
    }

    /// The properties of a schema and of all that it is composed of.
    fn collect_properties<'a>(&'a self, schema: &'a Json, properties: &mut HashSet<&'a str>) {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            self.collect_properties(&self.json["components"]["schemas"][name], properties);
        }
        properties.extend(schema["properties"].as_object().into_iter().flat_map(|own| own.keys().map(String::as_str)));
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.collect_properties(part, properties);
        }
    }
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
