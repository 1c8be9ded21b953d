//! What else a field that cannot be read affects, besides the object that reads it.

use super::{Change, Changeset, Step};
use crate::domain::entity::EntityKind;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::SalesforceId;

impl Changeset {
    /// Nothing new is made for a line whose AccountPlan cannot be told, because a field that it is
    /// made of cannot be read: without its period nobody can say whether it would stand in another
    /// line's way.
    pub fn make_nothing_for_what_cannot_be_read(&mut self) {
        let unreadable = |change: &Change| match &change.step {
            Step::Invalid { existing: None, findings }
                if change.desired.kind() == EntityKind::AccountPlan =>
            {
                findings
                    .iter()
                    .find(|finding| finding.code == FindingCode::FieldNotReadable)
                    .map(|finding| (change.desired.key.row.clone(), finding.clone()))
            }
            _ => None,
        };
        let unreadable: Vec<(SalesforceId, Finding)> =
            self.changes.iter().filter_map(unreadable).collect();
        for (row, finding) in unreadable {
            let is_made = |change: &&mut Change| {
                change.desired.key.row == row
                    && change.desired.kind() >= EntityKind::Plan
                    && matches!(change.step, Step::Create)
            };
            self.changes.iter_mut().filter(is_made).for_each(|change| change.refuse(&finding));
        }
    }
}
