//! One mapping file by itself, and an org that has all it names, for `fuzz/` and the test that
//! replays its corpus.
//!
//! Nothing of the service uses this.

use std::collections::BTreeMap;

use super::language::{ROOT, SetId};
use super::parse::{self, Layer, Parsed};
use super::{Mapping, MappingFault, MappingSource, built_in};
use crate::domain::org_schema::{ChildRelationship, OrgField, OrgSchema, SObject};

/// The mapping in a file; `None` for a file of product rules. The built-in mappings play no part
/// but as what it extends.
pub fn parse(name: &str, bytes: &[u8]) -> Result<Option<Mapping>, Vec<MappingFault>> {
    let (built_in, own) =
        (built_in(), MappingSource { name: name.to_owned(), bytes: bytes.to_vec() });
    let mut layers = built_in
        .iter()
        .map(|source| Layer::read(source, true))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|fault| vec![fault])?;
    layers.push(Layer::read(&own, false).map_err(|fault| vec![fault])?);
    match parse::parse(&layers[layers.len() - 1], &layers)? {
        Parsed::Mapping(mapping) => Ok(Some(*mapping)),
        Parsed::Rules(_) => Ok(None),
    }
}

/// An org that shows every field and relationship of the mapping. A parent relationship leads to an
/// object of its own name.
pub fn org_of(mapping: &Mapping) -> OrgSchema {
    let mut objects: BTreeMap<String, SObject> = BTreeMap::new();
    for (id, set) in mapping.sets.iter().enumerate() {
        object(&mut objects, &set.sobject);
        if id != ROOT {
            let above = object(&mut objects, &mapping.sets[set.of].sobject);
            above.child_relationships.push(ChildRelationship {
                name: set.relationship.clone(),
                sobject: set.sobject.clone(),
                ..ChildRelationship::default()
            });
        }
    }
    for reference in mapping.fields() {
        let mut sobject = mapping.sobject_of(reference).to_owned();
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
pub fn paths_of(mapping: &Mapping) -> Vec<(Vec<String>, String)> {
    let place = |mut set: SetId| {
        let mut relationships = Vec::new();
        while set != ROOT {
            relationships.insert(0, mapping.sets[set].relationship.clone());
            set = mapping.sets[set].of;
        }
        relationships
    };
    mapping
        .fields()
        .into_iter()
        .map(|reference| (place(reference.from), reference.path.clone()))
        .collect()
}
