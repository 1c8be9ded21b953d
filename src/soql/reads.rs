//! What is read of an org: rows and their fields, followed through its describe.

use std::collections::BTreeSet;

use crate::domain::org_schema::{Named, OrgField, OrgSchema};
use crate::domain::record_status::StatusPaths;
use crate::domain::rows::{FieldRef, ROOT, Rows, SetId};

/// What a mapping reads of an org.
#[derive(Debug, Clone)]
pub struct Reads<'m> {
    /// The rows: the record itself first, all others after those whose children they are.
    pub rows: Vec<&'m Rows>,
    /// All fields, as often as they are named.
    pub fields: Vec<&'m FieldRef>,
    /// Those of them that say how the last sync of the record ended.
    pub status: Option<&'m StatusPaths>,
    /// Those of them that rates are compared by.
    pub rates: Vec<&'m FieldRef>,
}

/// What a query needs and the org does not show, with the line that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotShown {
    /// A field, or a relationship on the way to it.
    Field(usize, String),
    /// A child relationship.
    Rows(usize, String),
    /// A child relationship that leads to another object than the one named.
    OtherRows {
        /// The line.
        line: usize,
        /// The relationship.
        name: String,
        /// Where it leads.
        other: String,
        /// Where it should.
        sobject: String,
    },
}

impl NotShown {
    /// The line that names it.
    pub fn line(&self) -> usize {
        match self {
            Self::Field(line, _) | Self::Rows(line, _) | Self::OtherRows { line, .. } => *line,
        }
    }
}

impl<'m> Reads<'m> {
    pub(super) fn root(&self) -> &'m str {
        &self.rows[ROOT].sobject
    }

    pub(super) fn below(&self) -> impl Iterator<Item = SetId> + use<> {
        ROOT + 1..self.rows.len()
    }

    /// The objects whose describe is still needed to follow all paths; ask again until there are
    /// none.
    pub fn undescribed(&self, schema: &OrgSchema) -> Vec<String> {
        let is_undescribed = |sobject: &&str| schema.sobject(sobject).is_none();
        let starts = self.rows.iter().map(|rows| rows.sobject.as_str());
        let beyond = self.fields.iter().filter_map(|field| self.org_field(schema, field).err());
        let missing: BTreeSet<&str> =
            starts.chain(beyond.map(|missing| missing.sobject)).filter(is_undescribed).collect();
        missing.into_iter().map(ToOwned::to_owned).collect()
    }

    /// The field at the end of a path, or what the org does not show.
    ///
    /// # Errors
    ///
    /// The first name on the path that is not shown.
    pub fn org_field<'s>(
        &self,
        schema: &'s OrgSchema,
        field: &'s FieldRef,
    ) -> Result<&'s OrgField, Named<'s>>
    where
        'm: 's,
    {
        schema.follow(&self.rows[field.from].sobject, &field.path, |_| ())
    }

    /// Where a field of an object is named, as Salesforce's error message has them.
    pub fn line_of(&self, sobject: &str, field: &str) -> Option<usize> {
        let is_of = |named: &FieldRef| {
            let is_own = !named.path.contains('.');
            !is_own || self.rows[named.from].sobject.eq_ignore_ascii_case(sobject)
        };
        let is_it = |named: &&&FieldRef| named.last().eq_ignore_ascii_case(field) && is_of(named);
        self.fields.iter().find(is_it).map(|named| named.line)
    }

    /// The object or relationship that the org does not show at all, such as those of a package
    /// that is not installed.
    pub fn absent(&self, schema: &OrgSchema) -> Option<String> {
        if schema.sobject(self.root()).is_none_or(|root| root.fields.is_empty()) {
            return Some(self.root().to_owned());
        }
        let is_missing = |set: &SetId| !self.rows[*set].optional && !self.is_present(schema, *set);
        self.below().find(is_missing).map(|set| self.relationship_name(set))
    }

    /// Whether the org shows the relationship that leads to rows, and all above it.
    pub(super) fn is_present(&self, schema: &OrgSchema, set: SetId) -> bool {
        let Rows { of, sobject, .. } = self.rows[set];
        set == ROOT
            || schema.sobject(sobject).is_some_and(|described| !described.fields.is_empty())
                && self.is_present(schema, *of)
                && self.missing_rows(schema, set).is_none()
    }

    /// What keeps rows from being read, if the rows above them can be.
    pub(super) fn missing_rows(&self, schema: &OrgSchema, set: SetId) -> Option<NotShown> {
        let Rows { of, relationship, sobject, line, .. } = self.rows[set];
        let name = self.relationship_name(set);
        let above = schema.sobject(&self.rows[*of].sobject);
        match above.and_then(|above| above.child(relationship)) {
            Some(shown) if shown.eq_ignore_ascii_case(sobject) => None,
            Some(other) => Some(NotShown::OtherRows {
                line: *line,
                name,
                other: other.to_owned(),
                sobject: sobject.clone(),
            }),
            None => Some(NotShown::Rows(*line, name)),
        }
    }

    pub(super) fn relationship_name(&self, set: SetId) -> String {
        let rows = self.rows[set];
        format!("{}.{}", self.rows[rows.of].sobject, rows.relationship)
    }
}
