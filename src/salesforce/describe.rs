//! `GET /sobjects/X/describe`: what the integration user may see. Real describes are megabytes:
//! only what is used is kept.

use serde_json::Value as Json;

use super::Client;
use super::answer::text;
use crate::domain::org_schema::{ChildRelationship, OrgField, SObject};
use crate::soql::is_name;
use crate::transport::{Budget, Call, CalloutError};

/// What the service calls the operation.
pub const DESCRIBE: &str = "Describe";

impl Client {
    /// The describe of an sObject; `None` when the org does not have it or does not show it.
    pub async fn describe(
        &self,
        sobject: &str,
        budget: &Budget,
    ) -> Result<Option<SObject>, CalloutError> {
        // The name comes from the mapping or from another describe; it becomes part of a path.
        if !is_name(sobject) {
            return Ok(None);
        }
        let call = Call::read(DESCRIBE);
        let path = format!("/sobjects/{sobject}/describe");
        match self.send(call, budget, |http, url| http.get(url(&path))).await {
            Ok(answer) => {
                self.record(DESCRIBE, || answer.body.clone());
                read_describe(&answer.body)
                    .map(Some)
                    .ok_or_else(|| self.unusable(call, "a describe without name and fields"))
            }
            Err(error) if error.refusal().is_some_and(|refusal| refusal.status == 404) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What is kept of a describe.
pub(super) fn read_describe(describe: &Json) -> Option<SObject> {
    let fields = describe.get("fields")?.as_array()?.iter().filter_map(|field| {
        let references = field.get("referenceTo").and_then(Json::as_array).into_iter().flatten();
        let offered = field.get("picklistValues").and_then(Json::as_array).into_iter().flatten();
        let offered =
            offered.filter(|entry| entry.get("active").and_then(Json::as_bool) != Some(false));
        Some(OrgField {
            picklist_values: offered
                .filter_map(|entry| text(entry, "value").map(ToOwned::to_owned))
                .collect(),
            name: text(field, "name")?.to_owned(),
            field_type: text(field, "type")?.to_owned(),
            length: field
                .get("length")
                .and_then(Json::as_u64)
                .and_then(|length| usize::try_from(length).ok())
                .unwrap_or_default(),
            scale: field
                .get("scale")
                .and_then(Json::as_u64)
                .and_then(|scale| u32::try_from(scale).ok()),
            is_name: field.get("nameField").and_then(Json::as_bool).unwrap_or_default(),
            updateable: field.get("updateable").and_then(Json::as_bool).unwrap_or_default(),
            filterable: field.get("filterable").and_then(Json::as_bool).unwrap_or_default(),
            reference_to: references
                .filter_map(|name| name.as_str().map(ToOwned::to_owned))
                .collect(),
            relationship_name: text(field, "relationshipName").map(ToOwned::to_owned),
        })
    });
    let relationships =
        describe.get("childRelationships").and_then(Json::as_array).into_iter().flatten();
    let child = |relationship: &Json| {
        Some(ChildRelationship {
            name: text(relationship, "relationshipName")?.to_owned(),
            sobject: text(relationship, "childSObject")?.to_owned(),
            field: text(relationship, "field").unwrap_or_default().to_owned(),
            cascade_delete: relationship
                .get("cascadeDelete")
                .and_then(Json::as_bool)
                .unwrap_or_default(),
        })
    };
    Some(SObject {
        name: text(describe, "name")?.to_owned(),
        key_prefix: text(describe, "keyPrefix").map(ToOwned::to_owned),
        fields: fields.collect(),
        child_relationships: relationships.filter_map(child).collect(),
    })
}
