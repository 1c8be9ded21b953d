//! What the rules see: each object with the row and the table that it came from, and the deal.

use crate::domain::catalog::Catalog;
use crate::domain::desired::{DesiredField, DesiredObject, FieldAction, Intent};
use crate::domain::entity::EntityKind;
use crate::domain::finding::Finding;
use crate::domain::value::Value;
use crate::mapping::evaluated::Source;
use crate::mapping::mapped::{Mapping, ObjectMapping};
use crate::mapping::row::Row;

/// A desired object with what it came from.
pub(in crate::mapping) struct Resolved<'a> {
    pub(in crate::mapping) row: Row<'a>,
    pub(in crate::mapping) table: &'a ObjectMapping,
    pub(in crate::mapping) object: DesiredObject,
}

#[derive(Clone, Copy)]
pub(in crate::mapping) struct Deal<'a> {
    pub(in crate::mapping) mapping: &'a Mapping,
    pub(in crate::mapping) root: Row<'a>,
    pub(in crate::mapping) catalog: &'a Catalog,
    pub(in crate::mapping) template_currencies: &'a [String],
}

impl Resolved<'_> {
    pub(super) fn is(&self, kind: EntityKind) -> bool {
        self.table.kind == kind
    }

    pub(super) fn find(&mut self, finding: Finding) {
        match &mut self.object.intent {
            Intent::Sync(_) => self.object.intent = Intent::Invalid(vec![finding]),
            Intent::Invalid(findings) => findings.push(finding),
            Intent::Flagged => {}
        }
    }

    /// Gives a field a value that the mapping does not.
    pub(super) fn set(&mut self, name: &'static str, value: Value, source: &Source) {
        if let Intent::Sync(fields) = &mut self.object.intent {
            let (action, source) = (FieldAction::Set(value), source.to_string());
            // They were shrunk to their number; without this there would be room for twice as many.
            fields.reserve_exact(1);
            fields.push(DesiredField { name, action, once: false, source });
        }
    }

    pub(super) fn source(&self, field: &str) -> String {
        let field = self.object.fields().iter().find(|desired| desired.name == field);
        field.map(|desired| desired.source.clone()).unwrap_or_default()
    }

    /// The Salesforce fields that a field's value would come from.
    pub(super) fn names(&self, field: &str) -> Option<String> {
        let names = self.table.field(field)?.cell.expression.names();
        (!names.is_empty()).then_some(names)
    }
}

pub(super) fn of_kind<'o, 'a>(
    objects: &'o mut [Resolved<'a>],
    kind: EntityKind,
) -> impl Iterator<Item = &'o mut Resolved<'a>> {
    objects.iter_mut().filter(move |resolved| resolved.is(kind))
}
