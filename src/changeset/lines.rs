//! What became of a row that the record no longer shows. Absence in an answer is not absence in the
//! org: a row may be deleted, moved to another record, or hidden from the integration user, and
//! only the first one ends what it bills.

use crate::domain::ids::SalesforceId;

/// A row as Salesforce shows it when it is asked for by its id, deleted ones among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownRow {
    /// Whether it lies in the recycle bin.
    pub is_deleted: bool,
    /// The record that it names as the one above.
    pub parent: Option<SalesforceId>,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineState {
    /// It is gone from the record.
    Removed,
    /// It belongs to another record now.
    Moved(SalesforceId),
    /// Salesforce does not tell.
    NotVisible,
    /// It is there after all: it came while the record was read.
    Present,
}

/// How certain it is whose row it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// An earlier sync of this record linked it.
    Linked,
    /// What it bills lies under this record's Contract; that may be another record's as well.
    UnderContract,
}

/// What became of a row that a complete answer does not show.
///
/// `is_part` says that rows of its kind are parts of the record, visible and deleted with it
/// (`cascadeDelete`): then its absence alone says that it is gone, also once it is purged from the
/// recycle bin. Others only look up to the record and may be hidden one by one.
pub fn line_state(
    origin: Origin,
    is_part: bool,
    shown: Option<&ShownRow>,
    is_of_record: impl Fn(&SalesforceId) -> bool,
) -> LineState {
    let is_gone_for_certain = is_part && origin == Origin::Linked;
    match shown {
        None if is_gone_for_certain => LineState::Removed,
        None => LineState::NotVisible,
        Some(row) => match (&row.parent, row.is_deleted) {
            (Some(parent), true) if is_of_record(parent) => LineState::Removed,
            (Some(parent), false) if is_of_record(parent) => LineState::Present,
            (_, true) if is_gone_for_certain => LineState::Removed,
            (Some(parent), _) => LineState::Moved(parent.clone()),
            (None, _) => LineState::NotVisible,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> SalesforceId {
        SalesforceId::parse(text).unwrap()
    }

    #[test]
    fn only_what_is_certainly_gone_from_this_record_is_removed() {
        let (own, other) = (id("006S900000795MM"), id("006S900000795MN"));
        let row = |parent: Option<&SalesforceId>, is_deleted| {
            Some(ShownRow { is_deleted, parent: parent.cloned() })
        };
        let moved = LineState::Moved(other.clone());
        for (shown, linked_part, linked_look_up, part_under_contract, look_up_under_contract) in [
            (
                None,
                LineState::Removed,
                LineState::NotVisible,
                LineState::NotVisible,
                LineState::NotVisible,
            ),
            (
                row(Some(&own), true),
                LineState::Removed,
                LineState::Removed,
                LineState::Removed,
                LineState::Removed,
            ),
            (
                row(Some(&own), false),
                LineState::Present,
                LineState::Present,
                LineState::Present,
                LineState::Present,
            ),
            (
                row(Some(&other), true),
                LineState::Removed,
                moved.clone(),
                moved.clone(),
                moved.clone(),
            ),
            (row(Some(&other), false), moved.clone(), moved.clone(), moved.clone(), moved.clone()),
            (
                row(None, false),
                LineState::NotVisible,
                LineState::NotVisible,
                LineState::NotVisible,
                LineState::NotVisible,
            ),
            (
                row(None, true),
                LineState::Removed,
                LineState::NotVisible,
                LineState::NotVisible,
                LineState::NotVisible,
            ),
        ] {
            let fates = [
                (Origin::Linked, true),
                (Origin::Linked, false),
                (Origin::UnderContract, true),
                (Origin::UnderContract, false),
            ]
            .map(|(origin, is_part)| {
                line_state(origin, is_part, shown.as_ref(), |row| *row == own)
            });
            assert_eq!(
                fates,
                [linked_part, linked_look_up, part_under_contract, look_up_under_contract],
                "{shown:?}"
            );
        }
    }
}
