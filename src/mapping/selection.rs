//! Which records of a root a look at many of them is about: those that are ready, and that an
//! operator's condition names, which is evaluated again for each that SOQL lets through.

use jiff::tz::TimeZone;

use super::fault::MappingFault;
use super::mapped::Mapping;
use super::parse;
use super::row::{Context, RowTree};
use crate::domain::condition::Condition;
use crate::domain::org_schema::OrgSchema;
use crate::domain::record::Record;
use crate::soql::{Reads, Scales, SelectionQuery, Unreadable};

/// The records of one root.
#[derive(Debug, Clone)]
pub struct Selection<'m> {
    mapping: &'m Mapping,
    condition: Option<Condition>,
}

impl Mapping {
    /// Whether it tells records that belong into m3ter from others.
    pub fn says_what_is_ready(&self) -> bool {
        !self.only_when.is_empty() || !self.ready_when.is_empty()
    }

    /// The records that are ready, of those that a condition names. It is written in the language
    /// of mappings, or is the path of a checkbox; `source` is what its faults call it.
    pub fn selection(
        &self,
        condition: Option<&str>,
        source: &str,
    ) -> Result<Selection<'_>, Vec<MappingFault>> {
        let parse = |text| parse::condition(text, source, &self.sets);
        Ok(Selection { mapping: self, condition: condition.map(parse).transpose()? })
    }
}

impl Selection<'_> {
    /// What the mapping reads, and the condition.
    pub fn reads(&self) -> Reads<'_> {
        let mut reads = self.mapping.reads();
        reads.fields.extend(self.condition.iter().flat_map(Condition::fields));
        reads
    }

    /// What Salesforce is asked for. A field of the condition that the org does not show is a
    /// fault.
    pub fn query(&self, schema: &OrgSchema) -> Result<SelectionQuery, Vec<MappingFault>> {
        let asked = self.condition.as_ref().map(Condition::fields).unwrap_or_default();
        let (reads, root) = (self.reads(), self.mapping.root());
        let unknown = asked.iter().filter(|field| reads.org_field(schema, field).is_err());
        let faults: Vec<MappingFault> = unknown
            .map(|field| {
                let message = format!(
                    "`{}` is not a field of {root} or of its parents that the integration user may see",
                    field.path
                );
                let hint = "name a field of the record itself, or of a parent by dots";
                MappingFault::new("condition", field.line, "", message, hint)
            })
            .collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        let guards = self.mapping.guards().map(|guard| &guard.condition);
        Ok(SelectionQuery::new(&reads, schema, self.condition.as_ref(), guards))
    }

    /// Whether the operator means a record.
    pub fn admits(&self, record: &Record) -> bool {
        let Some(condition) = &self.condition else { return true };
        let (unreadable, scales) = (Unreadable::default(), Scales::default());
        let context =
            Context { time_zone: &TimeZone::UTC, unreadable: &unreadable, scales: &scales };
        let tree = RowTree::new(record.row(), self.mapping.around(context));
        condition.holds(tree.root())
    }
}
