//! The one query of a mapping: all its fields, as far as the org shows them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Mapping;
use super::fault::MappingFault;
use super::language::{FieldRef, Lines, Rows};
use crate::domain::ids::SalesforceId;
use crate::domain::org_schema::{OrgField, OrgSchema};

/// A query that lacks the record's id only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    select: String,
    root: String,
}

impl Query {
    /// The SOQL for one record.
    pub fn soql(&self, id: &SalesforceId) -> String {
        format!("SELECT {} FROM {} WHERE Id = '{id}' LIMIT 1", self.select, self.root)
    }
}

impl Mapping {
    /// The objects whose describe is still needed to follow all paths; ask again until there are none.
    pub fn undescribed(&self, schema: &OrgSchema) -> Vec<String> {
        let mut missing = BTreeSet::new();
        let starts = std::iter::once(self.root.as_str()).chain(self.mapped.lines.iter().map(|lines| lines.sobject.as_str()));
        missing.extend(starts.filter(|sobject| schema.sobject(sobject).is_none()).map(ToOwned::to_owned));
        for reference in self.mapped.field_refs() {
            let mut sobject = self.sobject_of(reference).to_owned();
            let parents: Vec<&str> = reference.path.split('.').collect();
            for parent in &parents[..parents.len() - 1] {
                let Some(described) = schema.sobject(&sobject) else {
                    missing.insert(sobject.clone());
                    break;
                };
                let Some(next) = described.parent(parent) else { break };
                next.clone_into(&mut sobject);
                if schema.sobject(&sobject).is_none() {
                    missing.insert(sobject.clone());
                }
            }
        }
        missing.into_iter().collect()
    }

    /// The query, from what the org shows. A field that is not optional and not shown is a fault.
    pub fn query(&self, schema: &OrgSchema) -> Result<Query, Vec<MappingFault>> {
        let mut faults = Vec::new();
        let mut root_fields = vec!["Id".to_owned()];
        let mut line_fields = vec!["Id".to_owned()];
        for reference in self.mapped.field_refs() {
            let fields = if reference.from == Rows::Root { &mut root_fields } else { &mut line_fields };
            match self.org_field(schema, reference) {
                Ok(_) if fields.iter().any(|field| field.eq_ignore_ascii_case(&reference.path)) => {}
                Ok(_) => fields.push(reference.path.clone()),
                Err(_) if reference.optional => {}
                Err(missing) => faults.push(self.missing_field(reference, &missing)),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut select = root_fields.join(", ");
        if let Some(Lines { relationship, order_by, .. }) = &self.mapped.lines {
            let _ = write!(select, ", (SELECT {} FROM {relationship} ORDER BY {order_by})", line_fields.join(", "));
        }
        Ok(Query { select, root: self.root.clone() })
    }

    /// The field at the end of a path, or the name that the org does not show, with its object (`Product2.X__c`).
    pub(super) fn org_field<'s>(&self, schema: &'s OrgSchema, reference: &FieldRef) -> Result<&'s OrgField, String> {
        let mut sobject = self.sobject_of(reference);
        let mut names = reference.path.split('.').peekable();
        while let Some(name) = names.next() {
            let missing = || format!("{sobject}.{name}");
            let described = schema.sobject(sobject).ok_or_else(missing)?;
            if names.peek().is_none() {
                return described.field(name).ok_or_else(missing);
            }
            sobject = described.parent(name).ok_or_else(missing)?;
        }
        Err(reference.path.clone())
    }

    /// The object that a path starts at.
    pub(super) fn sobject_of(&self, reference: &FieldRef) -> &str {
        match (&self.mapped.lines, reference.from) {
            (Some(lines), Rows::Lines) => &lines.sobject,
            _ => &self.root,
        }
    }

    fn missing_field(&self, reference: &FieldRef, missing: &str) -> MappingFault {
        let message = format!(
            "`{missing}` ({}, line {}) does not exist in the org or is not visible to the integration user",
            self.file, reference.line
        );
        MappingFault::new(&self.file, reference.line, "", message, None)
    }
}
