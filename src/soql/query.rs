//! The one query of a mapping: all its fields, as far as the org shows them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::reads::{NotShown, Reads};
use super::text::any_id;
use super::unreadable::Unreadable;
use crate::domain::ids::SalesforceId;
use crate::domain::org_schema::OrgSchema;
use crate::domain::record_status::{StatusField, StatusFields};
use crate::domain::rows::{FieldRef, ROOT, Rows, SetId};

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
        let Self { select, root, .. } = self;
        format!("SELECT {select} FROM {root} WHERE {} ORDER BY Id", any_id(ids))
    }

    /// The SOQL for what one record says of its last sync, and nothing else of it; `None` where
    /// nothing could be written there.
    pub fn status_soql(&self, id: &SalesforceId) -> Option<String> {
        let fields: Vec<&str> = self.status.names().collect();
        (!fields.is_empty()).then(|| {
            format!("SELECT Id,{} FROM {} WHERE Id = '{id}' LIMIT 1", fields.join(","), self.root)
        })
    }

    /// The object whose records it asks for.
    pub fn root(&self) -> &str {
        &self.root
    }
}

/// How many decimals the org keeps of each field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scales(BTreeMap<(SetId, String), u32>);

impl Scales {
    /// How many it keeps of this one.
    pub fn of(&self, field: &FieldRef) -> Option<u32> {
        self.0.get(&field.id()).copied()
    }
}

impl Reads<'_> {
    /// The query, from what the org shows.
    ///
    /// # Errors
    ///
    /// What is not optional and not shown.
    pub fn query(&self, schema: &OrgSchema) -> Result<Query, Vec<NotShown>> {
        let is_present: Vec<bool> =
            (0..self.rows.len()).map(|set| self.is_present(schema, set)).collect();
        let (fields, mut missing) = self.asked(schema, &is_present);
        for set in self.below() {
            let Rows { of, optional, .. } = self.rows[set];
            if is_present[*of] && (is_present[set] || !optional) {
                missing.extend(self.missing_rows(schema, set));
            }
        }
        if !missing.is_empty() {
            return Err(missing);
        }
        let present = self.below().filter(|set| is_present[*set]);
        Ok(Query {
            select: self.select(ROOT, &fields, &is_present),
            root: self.root().to_owned(),
            lines: present.filter_map(|set| self.line_object(schema, set)).collect(),
            status: self.status_fields(schema),
            unreadable: Unreadable::default(),
            scales: self.scales(schema),
        })
    }

    /// The paths that each of the rows is asked for.
    fn asked(&self, schema: &OrgSchema, is_present: &[bool]) -> (Vec<Vec<String>>, Vec<NotShown>) {
        let mut asked = vec![vec!["Id".to_owned()]; self.rows.len()];
        let mut missing = Vec::new();
        for field in self.fields.iter().filter(|field| is_present[field.from]) {
            let asked = &mut asked[field.from];
            match self.org_field(schema, field) {
                Ok(_) if asked.iter().any(|path| path.eq_ignore_ascii_case(&field.path)) => {}
                Ok(_) => asked.push(field.path.clone()),
                Err(_) if field.optional => {}
                Err(name) => missing.push(NotShown::Field(field.line, name.to_string())),
            }
        }
        (asked, missing)
    }

    /// The decimals of the fields that rates are compared by.
    fn scales(&self, schema: &OrgSchema) -> Scales {
        let scale =
            |field: &&FieldRef| Some((field.id(), self.org_field(schema, field).ok()?.scale?));
        Scales(self.rates.iter().filter_map(scale).collect())
    }

    /// The fields for the outcome of a sync that the integration user may read and write; none
    /// where the status itself is not one.
    fn status_fields(&self, schema: &OrgSchema) -> StatusFields {
        let Some(named) = self.status else { return StatusFields::default() };
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
        let Rows { of, relationship, sobject, .. } = self.rows[set];
        let tie = schema.sobject(&self.rows[*of].sobject)?.child_relationship(relationship)?;
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
        let mut select = fields[set].join(",");
        for below in self.below().filter(|below| is_present[*below]) {
            let Rows { of, relationship, order_by, .. } = self.rows[below];
            if *of == set {
                let inner = self.select(below, fields, is_present);
                let _ = write!(select, ",(SELECT {inner} FROM {relationship} ORDER BY {order_by})");
            }
        }
        select
    }
}
