//! The one query of a mapping: all its fields, as far as the org shows them.

use std::collections::BTreeSet;
use std::fmt::{Display, Write as _};

use jiff::tz::TimeZone;

use super::fault::MappingFault;
use super::language::{FieldRef, ROOT, RowRemark, RowSet, SetId};
use super::mapped::Mapping;
use super::row::{Context, Scales};
use super::unreadable::Unreadable;
use crate::domain::ids::SalesforceId;
use crate::domain::org_schema::{Named, OrgField, OrgSchema};
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

    /// The SOQL for several records, in the order of their ids.
    pub fn soql_of(&self, ids: &[SalesforceId]) -> String {
        let ids: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
        format!(
            "SELECT {} FROM {} WHERE Id IN ({}) ORDER BY Id",
            self.select,
            self.root,
            ids.join(", ")
        )
    }

    /// The SOQL for what one record says of its last sync, and nothing else of it; `None` where
    /// nothing could be written there.
    pub fn status_soql(&self, id: &SalesforceId) -> Option<String> {
        let fields: Vec<&str> = self.status.names().collect();
        (!fields.is_empty()).then(|| {
            format!("SELECT Id, {} FROM {} WHERE Id = '{id}' LIMIT 1", fields.join(", "), self.root)
        })
    }

    /// What its answers are read with.
    pub fn context<'c>(&'c self, time_zone: &'c TimeZone) -> Context<'c> {
        Context { time_zone, unreadable: &self.unreadable, scales: &self.scales }
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
        let starts = self.sets.iter().map(|set| set.sobject.as_str());
        missing.extend(
            starts.filter(|sobject| schema.sobject(sobject).is_none()).map(ToOwned::to_owned),
        );
        missing.extend(self.undescribed_on(self.fields(), schema));
        missing.into_iter().collect()
    }

    /// The objects whose describe is still needed to follow the paths of some fields.
    pub(super) fn undescribed_on(
        &self,
        fields: Vec<&FieldRef>,
        schema: &OrgSchema,
    ) -> BTreeSet<String> {
        let beyond = fields.into_iter().filter_map(|field| self.org_field(schema, field).err());
        let undescribed = beyond.filter(|missing| schema.sobject(missing.sobject).is_none());
        undescribed.map(|missing| missing.sobject.to_owned()).collect()
    }

    /// The query, from what the org shows. A field that is not optional and not shown is a fault.
    pub fn query(&self, schema: &OrgSchema) -> Result<Query, Vec<MappingFault>> {
        let is_present: Vec<bool> =
            (0..self.sets.len()).map(|set| self.is_present(schema, set)).collect();
        let (fields, mut faults) = self.asked(schema, &is_present);
        for set in self.sets_below() {
            let RowSet { of, optional, .. } = self.sets[set];
            if is_present[of] && (is_present[set] || !optional) {
                faults.extend(self.missing_rows(schema, &self.sets[set]));
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let present = self.sets_below().filter(|set| is_present[*set]);
        Ok(Query {
            select: self.select(ROOT, &fields, &is_present),
            root: self.root.clone(),
            lines: present.filter_map(|set| self.line_object(schema, set)).collect(),
            status: self.status_fields(schema),
            unreadable: Unreadable::default(),
            scales: self.scales(schema),
        })
    }

    fn asked(
        &self,
        schema: &OrgSchema,
        is_present: &[bool],
    ) -> (Vec<Vec<String>>, Vec<MappingFault>) {
        let mut asked = vec![vec!["Id".to_owned()]; self.sets.len()];
        let mut faults = Vec::new();
        for field in self.fields().into_iter().filter(|field| is_present[field.from]) {
            let asked = &mut asked[field.from];
            match self.org_field(schema, field) {
                Ok(_) if asked.iter().any(|path| path.eq_ignore_ascii_case(&field.path)) => {}
                Ok(_) => asked.push(field.path.clone()),
                Err(_) if field.optional => {}
                Err(missing) => {
                    let hint = "add the field, show it to the integration user, or write `optional = true`";
                    faults.push(self.missing(missing, field.line, hint));
                }
            }
        }
        (asked, faults)
    }

    fn missing_rows(&self, schema: &OrgSchema, set: &RowSet) -> Option<MappingFault> {
        let RowSet { of, relationship, sobject, line, .. } = set;
        let above = &self.sets[*of].sobject;
        let hint = "name a child relationship of the org's describe";
        let name = format!("{above}.{relationship}");
        match schema.sobject(above).and_then(|above| above.child(relationship)) {
            Some(shown) if shown.eq_ignore_ascii_case(sobject) => None,
            Some(other) => {
                let place = self.files.describe_line(*line);
                let message = format!("`{name}` ({place}) leads to `{other}`, not to `{sobject}`");
                Some(self.fault_in(*line, message, hint))
            }
            None => Some(self.missing(name, *line, hint)),
        }
    }

    pub(super) fn missing(&self, name: impl Display, line: usize, hint: &str) -> MappingFault {
        let place = self.files.describe_line(line);
        let message = format!(
            "`{name}` ({place}) does not exist in the org or is not visible to the integration user"
        );
        self.fault_in(line, message, hint)
    }

    fn fault_in(&self, line: usize, message: String, hint: &str) -> MappingFault {
        let (file, line) = self.files.place(line);
        MappingFault::new(file, line, "", message, hint)
    }

    /// The decimals of the fields that rates are compared by.
    fn scales(&self, schema: &OrgSchema) -> Scales {
        let remarks = self.sets.iter().flat_map(|set| &set.warn);
        let scale =
            |field: &FieldRef| Some((field.id(), self.org_field(schema, field).ok()?.scale?));
        Scales(remarks.flat_map(RowRemark::rate_fields).filter_map(scale).collect())
    }

    /// The fields for the outcome of a sync that the integration user may read and write; none
    /// where the status itself is not one.
    fn status_fields(&self, schema: &OrgSchema) -> StatusFields {
        let Some(named) = &self.sync_status else { return StatusFields::default() };
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
        let RowSet { of, relationship, sobject, .. } = &self.sets[set];
        let tie = schema.sobject(&self.sets[*of].sobject)?.child_relationship(relationship)?;
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
        for below in self.sets_below().filter(|below| is_present[*below]) {
            let RowSet { of, relationship, order_by, .. } = &self.sets[below];
            if *of == set {
                let inner = self.select(below, fields, is_present);
                let _ =
                    write!(select, ", (SELECT {inner} FROM {relationship} ORDER BY {order_by})");
            }
        }
        select
    }

    /// Whether the org shows the relationship that leads to a set, and all above it.
    pub(super) fn is_present(&self, schema: &OrgSchema, set: SetId) -> bool {
        let RowSet { of, sobject, .. } = &self.sets[set];
        set == ROOT
            || schema.sobject(sobject).is_some_and(|described| !described.fields.is_empty())
                && self.is_present(schema, *of)
                && self.missing_rows(schema, &self.sets[set]).is_none()
    }

    /// The object or relationship that the org does not show at all, such as those of a package
    /// that is not installed.
    pub fn absent(&self, schema: &OrgSchema) -> Option<String> {
        if schema.sobject(&self.root).is_none_or(|root| root.fields.is_empty()) {
            return Some(self.root.clone());
        }
        let is_missing = |set: &SetId| !self.sets[*set].optional && !self.is_present(schema, *set);
        self.sets_below().find(is_missing).map(|set| self.relationship_name(set))
    }

    /// The field at the end of a path, or what the org does not show.
    pub(super) fn org_field<'s>(
        &'s self,
        schema: &'s OrgSchema,
        reference: &'s FieldRef,
    ) -> Result<&'s OrgField, Named<'s>> {
        schema.follow(self.sobject_of(reference), &reference.path, |_| ())
    }
}
