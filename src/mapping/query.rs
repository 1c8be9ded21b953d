//! The one query of a mapping: all its fields, as far as the org shows them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Mapping;
use super::fault::MappingFault;
use super::language::{FieldRef, ROOT, RowSet, SetId};
use super::readability::Unreadable;
use super::remark::Scales;
use crate::domain::ids::SalesforceId;
use crate::domain::org_schema::{OrgField, OrgSchema};
use crate::domain::record_status::{StatusField, StatusFields};

/// A query that lacks the record's id only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    select: String,
    root: String,
    /// The objects of the rows below the root, as far as the org shows them.
    pub lines: Vec<LineObject>,
    /// The record's own fields for the outcome of a sync, as far as they can be read and written.
    pub status: StatusFields,
    /// What the query leaves out although the org has shown it before; nothing until somebody says
    /// so who remembers.
    pub unreadable: Unreadable,
    /// The decimals of fields that are compared by what they can tell.
    pub scales: Scales,
}

/// An object whose records are rows below the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineObject {
    /// Its API name.
    pub sobject: String,
    /// How its ids begin.
    pub key_prefix: String,
    /// Its field that names the record above.
    pub parent_field: String,
    /// Whether its records are parts of the root, visible and deleted with it: one that a complete
    /// answer does not show is gone.
    pub cascade_delete: bool,
}

impl Query {
    /// The SOQL for one record.
    pub fn soql(&self, id: &SalesforceId) -> String {
        format!("SELECT {} FROM {} WHERE Id = '{id}' LIMIT 1", self.select, self.root)
    }

    /// The SOQL for what one record says of its last sync, and nothing else of it; `None` where
    /// nothing could be written there.
    pub fn status_soql(&self, id: &SalesforceId) -> Option<String> {
        let fields: Vec<&str> = self.status.names().collect();
        (!fields.is_empty()).then(|| {
            format!("SELECT Id, {} FROM {} WHERE Id = '{id}' LIMIT 1", fields.join(", "), self.root)
        })
    }

    /// The object whose records it asks for.
    pub fn root(&self) -> &str {
        &self.root
    }
}

impl Mapping {
    /// The objects whose describe is still needed to follow all paths; ask again until there are
    /// none.
    pub fn undescribed(&self, schema: &OrgSchema) -> Vec<String> {
        let mut missing = BTreeSet::new();
        let starts = self.mapped.sets.iter().map(|set| set.sobject.as_str());
        missing.extend(
            starts.filter(|sobject| schema.sobject(sobject).is_none()).map(ToOwned::to_owned),
        );
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
        let is_present: Vec<bool> =
            (0..self.mapped.sets.len()).map(|set| self.is_present(schema, set)).collect();
        let mut fields: Vec<Vec<String>> =
            self.mapped.sets.iter().map(|_| vec!["Id".to_owned()]).collect();
        for reference in
            self.mapped.field_refs().into_iter().filter(|reference| is_present[reference.from])
        {
            let fields = &mut fields[reference.from];
            match self.org_field(schema, reference) {
                Ok(_) if fields.iter().any(|field| field.eq_ignore_ascii_case(&reference.path)) => {
                }
                Ok(_) => fields.push(reference.path.clone()),
                Err(_) if reference.optional => {}
                Err(missing) => faults.push(self.missing_field(reference, &missing)),
            }
        }
        let required =
            |(id, set): (SetId, &RowSet)| is_present[set.of] && (is_present[id] || !set.optional);
        for (_, set) in self.mapped.sets.iter().enumerate().skip(1).filter(|entry| required(*entry))
        {
            let above = &self.mapped.sets[set.of].sobject;
            let shown = schema.sobject(above).and_then(|above| above.child(&set.relationship));
            if !shown.is_some_and(|sobject| sobject.eq_ignore_ascii_case(&set.sobject)) {
                let (relationship, place) = (&set.relationship, self.files.shown(set.line));
                let message = match shown {
                    Some(other) => format!(
                        "`{above}.{relationship}` ({place}) leads to `{other}`, not to `{}`",
                        set.sobject
                    ),
                    None => {
                        format!(
                            "`{above}.{relationship}` ({place}) does not exist in the org or is not visible to the integration user"
                        )
                    }
                };
                let (file, line) = self.files.place(set.line);
                faults.push(MappingFault::new(
                    file,
                    line,
                    "",
                    message,
                    "name a child relationship of the org's describe",
                ));
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let lines = (0..self.mapped.sets.len())
            .filter(|set| is_present[*set])
            .filter_map(|set| self.line_object(schema, set))
            .collect();
        let select = self.select(ROOT, &fields, &is_present);
        let status = self.status_fields(schema);
        Ok(Query {
            select,
            root: self.root.clone(),
            lines,
            status,
            unreadable: Unreadable::default(),
            scales: self.scales(schema),
        })
    }

    /// The fields for the outcome of a sync that the integration user may read and write; none
    /// where the status itself is not one.
    fn status_fields(&self, schema: &OrgSchema) -> StatusFields {
        let Some(named) = &self.mapped.sync_status else { return StatusFields::default() };
        let field = |reference: &FieldRef| {
            let shown = self.org_field(schema, reference).ok().filter(|field| field.updateable)?;
            Some(StatusField { name: shown.name.clone(), length: shown.length })
        };
        match field(&named.status) {
            None => StatusFields::default(),
            status => StatusFields {
                status,
                message: named.message.as_ref().and_then(field),
                synced_at: named.synced_at.as_ref().and_then(field),
            },
        }
    }

    /// The object of a row set below the root; none where its ids cannot be told from others.
    fn line_object(&self, schema: &OrgSchema, set: SetId) -> Option<LineObject> {
        let RowSet { of, relationship, sobject, .. } = &self.mapped.sets[set];
        if set == ROOT {
            return None;
        }
        let tie =
            schema.sobject(&self.mapped.sets[*of].sobject)?.child_relationship(relationship)?;
        let above_cascades =
            *of == ROOT || self.line_object(schema, *of).is_some_and(|above| above.cascade_delete);
        Some(LineObject {
            sobject: sobject.clone(),
            key_prefix: schema.sobject(sobject)?.key_prefix.clone()?,
            parent_field: tie.field.clone(),
            cascade_delete: tie.cascade_delete && above_cascades,
        })
    }

    /// The fields of a row set, then the queries of the sets below it.
    fn select(&self, set: SetId, fields: &[Vec<String>], is_present: &[bool]) -> String {
        let mut select = fields[set].join(", ");
        let below = self
            .mapped
            .sets
            .iter()
            .enumerate()
            .filter(|(id, below)| *id != ROOT && below.of == set && is_present[*id]);
        for (id, RowSet { relationship, order_by, .. }) in below {
            let _ = write!(
                select,
                ", (SELECT {} FROM {relationship} ORDER BY {order_by})",
                self.select(id, fields, is_present)
            );
        }
        select
    }

    /// Whether the org shows the relationship that leads to a set, and all above it.
    pub(super) fn is_present(&self, schema: &OrgSchema, set: SetId) -> bool {
        let RowSet { of, relationship, sobject, .. } = &self.mapped.sets[set];
        set == ROOT
            || schema.sobject(sobject).is_some_and(|described| !described.fields.is_empty())
                && self.is_present(schema, *of)
                && schema
                    .sobject(&self.mapped.sets[*of].sobject)
                    .and_then(|above| above.child(relationship))
                    .is_some_and(|shown| shown.eq_ignore_ascii_case(sobject))
    }

    /// The object or relationship that the org does not show at all, such as those of a package
    /// that is not installed.
    pub fn absent(&self, schema: &OrgSchema) -> Option<String> {
        if schema.sobject(&self.root).is_none_or(|root| root.fields.is_empty()) {
            return Some(self.root.clone());
        }
        let missing = self
            .mapped
            .sets
            .iter()
            .enumerate()
            .find(|(id, set)| !set.optional && !self.is_present(schema, *id));
        missing.map(|(_, set)| format!("{}.{}", self.mapped.sets[set.of].sobject, set.relationship))
    }

    /// The field at the end of a path, or the name that the org does not show, with its object
    /// (`Product2.X__c`).
    pub(super) fn org_field<'s>(
        &self,
        schema: &'s OrgSchema,
        reference: &FieldRef,
    ) -> Result<&'s OrgField, String> {
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
        &self.mapped.sets[reference.from].sobject
    }

    fn missing_field(&self, reference: &FieldRef, missing: &str) -> MappingFault {
        let place = self.files.shown(reference.line);
        let message = format!(
            "`{missing}` ({place}) does not exist in the org or is not visible to the integration user"
        );
        let (file, line) = self.files.place(reference.line);
        let hint = "add the field, show it to the integration user, or write `optional = true`";
        MappingFault::new(file, line, "", message, hint)
    }
}
