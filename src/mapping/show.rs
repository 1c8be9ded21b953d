//! A mapping as people read it: each m3ter field, where its value comes from, and what is done to
//! it on the way.

use super::mapped::{FieldMapping, Mapping};
use super::steps::Step;
use super::term::Expression;
use crate::domain::org_schema::OrgSchema;
use crate::soql::Reads;

/// One m3ter field of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDescription {
    /// The object in m3ter.
    pub object: String,
    /// Its field.
    pub field: String,
    /// Where the value comes from.
    pub source: String,
    /// What is done to it, in order.
    pub steps: String,
    /// The types of the Salesforce fields, as far as the org shows them.
    pub salesforce_type: String,
    /// The file that says it, and the line.
    pub place: String,
}

impl Mapping {
    /// All fields in the order of the file; the types from the org's describe, where it was read.
    pub fn describe(&self, schema: Option<&OrgSchema>) -> Vec<FieldDescription> {
        let (reads, mut shown) = (self.reads(), Vec::new());
        for object in &self.objects {
            let of = &self.sets[object.rows].rows.sobject;
            for FieldMapping { spec, cell, once, clear, line } in &object.fields {
                let expression = &cell.expression;
                let mut steps: Vec<String> = expression.steps.iter().map(Step::render).collect();
                steps.extend(once.then(|| "once".to_owned()));
                steps.extend(clear.then(|| "blank clears".to_owned()));
                shown.push(FieldDescription {
                    object: format!("{} of {of}", object.kind),
                    field: spec.name.to_owned(),
                    source: expression.render(),
                    steps: steps.join(", "),
                    salesforce_type: schema
                        .map_or_else(String::new, |schema| types(expression, &reads, schema)),
                    place: self.files.describe_line(*line),
                });
            }
        }
        shown
    }
}

fn types(expression: &Expression, reads: &Reads<'_>, schema: &OrgSchema) -> String {
    let mut types: Vec<&str> = Vec::new();
    for field in expression.fields() {
        let found = reads.org_field(schema, field);
        let found = found.map_or("not there", |field| field.field_type.as_str());
        if !types.contains(&found) {
            types.push(found);
        }
    }
    types.join(", ")
}
