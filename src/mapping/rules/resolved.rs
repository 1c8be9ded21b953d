//! What the rules see: each object with the row and the table that it came from, and the deal.

use crate::domain::catalog::Catalog;
use crate::domain::desired::DesiredObject;
use crate::domain::entity::EntityKind;
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
}

pub(super) fn of_kind<'o, 'a>(
    objects: &'o mut [Resolved<'a>],
    kind: EntityKind,
) -> impl Iterator<Item = &'o mut Resolved<'a>> {
    objects.iter_mut().filter(move |resolved| resolved.is(kind))
}
