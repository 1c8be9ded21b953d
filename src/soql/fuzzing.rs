//! An org that has all that is read, for `fuzz/` and the tests.
//!
//! Nothing of the service uses this.

use std::collections::BTreeMap;

use super::reads::Reads;
use crate::domain::org_schema::{ChildRelationship, OrgField, OrgSchema, SObject};
use crate::domain::rows::{ROOT, SetId};

/// An org that shows every field and relationship that is read. A parent relationship leads to an
/// object of its own name.
pub fn org_of(reads: &Reads<'_>) -> OrgSchema {
    let mut objects: BTreeMap<String, SObject> = BTreeMap::new();
    for (id, set) in reads.rows.iter().enumerate() {
        object(&mut objects, &set.sobject);
        if id != ROOT {
            let above = object(&mut objects, &reads.rows[set.of].sobject);
            above.child_relationships.push(ChildRelationship {
                name: set.relationship.clone(),
                sobject: set.sobject.clone(),
                ..ChildRelationship::default()
            });
        }
    }
    for reference in &reads.fields {
        let mut sobject = reads.rows[reference.from].sobject.clone();
        let mut names = reference.path.split('.').peekable();
        while let Some(name) = names.next() {
            let described = object(&mut objects, &sobject);
            if names.peek().is_none() {
                described.fields.push(OrgField { name: name.to_owned(), ..OrgField::default() });
                break;
            }
            let next = described.parent(name).unwrap_or(name).to_owned();
            described.fields.push(OrgField {
                name: format!("{name}Id"),
                reference_to: vec![next.clone()],
                relationship_name: Some(name.to_owned()),
                ..OrgField::default()
            });
            sobject = next;
        }
    }
    let mut org = OrgSchema::default();
    for object in objects.into_values() {
        org.insert(object);
    }
    org
}

fn object<'a>(objects: &'a mut BTreeMap<String, SObject>, name: &str) -> &'a mut SObject {
    objects.entry(name.to_ascii_lowercase()).or_insert_with(|| SObject {
        name: name.to_owned(),
        fields: vec![OrgField { name: "Id".to_owned(), ..OrgField::default() }],
        ..SObject::default()
    })
}

/// The paths that the query must ask for, by the relationships that lead to their rows; the root
/// has none.
pub fn paths_of(reads: &Reads<'_>) -> Vec<(Vec<String>, String)> {
    let place = |mut set: SetId| {
        let mut relationships = Vec::new();
        while set != ROOT {
            relationships.insert(0, reads.rows[set].relationship.clone());
            set = reads.rows[set].of;
        }
        relationships
    };
    reads.fields.iter().map(|reference| (place(reference.from), reference.path.clone())).collect()
}
