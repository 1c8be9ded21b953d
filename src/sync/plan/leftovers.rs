//! What m3ter still has for a record that no longer asks for it: rows that were removed, moved or
//! hidden, and objects whose row is there. Pure: the rows were looked at before.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::changeset::Changeset;
use crate::changeset::lines::{LineState, Origin, ShownRow, line_state};
use crate::domain::actual::ActualObject;
use crate::domain::dates::date_at;
use crate::domain::desired::DesiredObject;
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::ids::{IdMap, IdSet, M3terId, SalesforceId};
use crate::domain::value::date_in_text;
use crate::domain::warning::{Attention, Warning};
use crate::soql::LineObject;
use crate::store::{Link, LinkRelation};
use crate::sync::actual::ActualState;

/// A row that the record does not show, and the AccountPlan that bills for it.
#[derive(Debug, Clone)]
pub(crate) struct RemovedLine {
    pub(crate) object: ObjectKey,
    pub(crate) plan: ActualObject,
    pub(crate) origin: Origin,
    pub(crate) line_state: LineState,
    /// Another record has linked the AccountPlan as its own.
    pub(crate) is_linked_elsewhere: bool,
}

impl RemovedLine {
    /// Salesforce does not show the row, and says nothing about it.
    pub(crate) fn is_hidden(&self) -> bool {
        matches!(self.line_state, LineState::NotVisible | LineState::Present)
            && self.origin != Origin::UnderContract
    }

    /// The row moved to a record that has its AccountPlan by now.
    pub(crate) fn is_handed_over(&self) -> bool {
        matches!(self.line_state, LineState::Moved(_)) && self.is_linked_elsewhere
    }
}

/// An AccountPlan that bills for a row which the record does not show.
#[derive(Debug)]
pub(crate) struct Unseen<'s> {
    pub(crate) object: ObjectKey,
    pub(crate) origin: Origin,
    pub(crate) plan: &'s ActualObject,
}

/// What tells the rows of a record from others.
pub(crate) struct RecordRows<'a> {
    /// All rows that were read of the record, its Accounts among them.
    pub(crate) rows: &'a IdSet<SalesforceId>,
    /// The objects of rows below the record.
    pub(crate) lines: &'a [LineObject],
}

impl RecordRows<'_> {
    /// Of which object a row below the record is.
    pub(crate) fn line_object(&self, row: &SalesforceId) -> Option<&LineObject> {
        self.lines.iter().find(|line| line.key_prefix == row.key_prefix())
    }

    /// The AccountPlans that still run for rows that the record does not show: those that earlier
    /// syncs linked, and, without their memory, those under the record's only Contract that nobody
    /// has linked.
    pub(crate) fn unseen<'s>(
        &self,
        state: &'s ActualState,
        changeset: &Changeset,
        now: Timestamp,
    ) -> Vec<Unseen<'s>> {
        let contract = only_contract(changeset);
        let wanted: IdSet<&SalesforceId> = changeset
            .changes
            .iter()
            .map(|change| &change.desired.key.row)
            .chain(self.rows)
            .collect();
        let runs = |plan: &ActualObject| {
            plan.text("endDate")
                .and_then(|end| end.parse::<Timestamp>().ok())
                .is_none_or(|end| end > now)
        };
        let of_kind =
            || state.links().iter().filter(|link| link.object.kind == EntityKind::AccountPlan);
        let is_own = |link: &&Link| {
            link.relation == LinkRelation::Owned && !wanted.contains(&link.object.row)
        };
        let linked = of_kind().filter(is_own).filter_map(|link| {
            let plan = state.object(EntityKind::AccountPlan, &link.m3ter_id)?;
            Some(Unseen { object: link.object.clone(), origin: Origin::Linked, plan })
        });
        let is_linked: IdSet<&M3terId> = of_kind().map(|link| &link.m3ter_id).collect();
        let under_contract = state.all(EntityKind::AccountPlan).into_iter().filter_map(|plan| {
            let row = SalesforceId::parse(plan.code()?).ok()?;
            let is_under =
                contract.is_some_and(|contract| plan.text("contractId") == Some(contract.as_str()));
            let is_lost = is_under
                && !is_linked.contains(&plan.id)
                && !wanted.contains(&row)
                && self.line_object(&row).is_some();
            let object = ObjectKey::only(EntityKind::AccountPlan, row);
            is_lost.then_some(Unseen { object, origin: Origin::UnderContract, plan })
        });
        let mut unseen: Vec<Unseen<'_>> =
            linked.chain(under_contract).filter(|unseen| runs(unseen.plan)).collect();
        unseen.sort_by(|a, b| a.object.cmp(&b.object));
        unseen
    }

    /// Those that are gone from the record, as Salesforce shows their rows.
    pub(crate) fn removed_lines(
        &self,
        unseen: Vec<Unseen<'_>>,
        shown: &IdMap<SalesforceId, ShownRow>,
        elsewhere: &IdSet<M3terId>,
    ) -> Vec<RemovedLine> {
        let lines = unseen.into_iter().map(|Unseen { object, origin, plan }| {
            let is_part = self.line_object(&object.row).is_some_and(|line| line.cascade_delete);
            let line_state =
                line_state(origin, is_part, shown.get(&object.row), |row| self.rows.contains(row));
            let is_linked_elsewhere = elsewhere.contains(&plan.id);
            RemovedLine { object, plan: plan.clone(), origin, line_state, is_linked_elsewhere }
        });
        // Under a Contract that several records share lie the lines of the others as well.
        let is_others = |line: &RemovedLine| {
            line.origin == Origin::UnderContract && matches!(line.line_state, LineState::Moved(_))
        };
        lines.filter(|line| line.line_state != LineState::Present && !is_others(line)).collect()
    }
}

/// The Contract of the record, if it has just one and m3ter has that.
fn only_contract(changeset: &Changeset) -> Option<&M3terId> {
    let mut contracts =
        changeset.changes.iter().filter(|change| change.desired.kind() == EntityKind::Contract);
    let only = contracts.next().filter(|_| contracts.next().is_none())?;
    only.step.known_id()
}

/// What an earlier sync made and the record no longer asks for, although its row may still be
/// there: it bills on until someone ends it.
pub(crate) fn left_behind(
    state: &ActualState,
    desired: &[DesiredObject],
    rows: &IdSet<SalesforceId>,
    now: Timestamp,
) -> Vec<Warning> {
    let wanted: IdSet<&ObjectKey> = desired.iter().map(|object| &object.key).collect();
    let today = date_at(now, &TimeZone::UTC);
    let runs = |object: &ActualObject| {
        object.text("endDate").and_then(date_in_text).is_none_or(|end| end > today)
    };
    let left = state.links().iter().filter(|link| !wanted.contains(&link.object)).filter_map(|link| {
        let object = state.object(link.object.kind, &link.m3ter_id).filter(|object| runs(object))?;
        let (id, row) = (&object.id, &link.object.row);
        match link.object.kind {
            EntityKind::Commitment => Some(Warning::of(Attention::CommitmentLeft, format!(
                "The record no longer asks for the Commitment {id} of {row}, because its amount is blank or its row is left out. It is still in m3ter; end it there if it is not owed"
            ))),
            // Of rows that are gone, the setting for removed lines decides.
            EntityKind::AccountPlan if rows.contains(row) => Some(Warning::of(Attention::AccountPlanLeft, format!(
                "The record no longer asks for the AccountPlan {id} of {row}, because its row is left out. It still bills in m3ter; end it there if the line is no longer sold"
            ))),
            _ => None,
        }
    });
    left.collect()
}
