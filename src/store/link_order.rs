//! What an operator asks of links, what came of it, and why it is refused.

use std::fmt;

use super::Link;
use crate::domain::entity::EntityKind;
use crate::domain::ids::{M3terId, SalesforceId, SyncRunId};
use crate::domain::link::{ChangedLinks, ShownLink};
use crate::domain::run::AcceptedRun;

/// Which links are meant; what is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkFilter {
    /// Of this row, or of the record that was synced.
    pub record: Option<SalesforceId>,
    /// To this object.
    pub m3ter_id: Option<M3terId>,
    /// Only those by which an Account waits to be confirmed.
    pub to_confirm: bool,
}

/// What an operator wants of links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkOrder {
    /// What belongs to one row belongs to another one from now on.
    Move {
        /// The row that has them.
        from: SalesforceId,
        /// The row that gets them.
        to: SalesforceId,
    },
    /// What belongs to a row is looked up anew at its next sync.
    Forget {
        /// The row.
        row: SalesforceId,
        /// Only its objects of this kind.
        kind: Option<EntityKind>,
    },
    /// The Account that a typed code led to is the row's.
    Confirm {
        /// The row.
        row: SalesforceId,
    },
    /// What somebody found in m3ter for a record is the record's from now on.
    Adopt {
        /// The record.
        record: SalesforceId,
        /// Its links to that.
        links: Vec<Link>,
    },
}

/// What was done, or would be.
#[derive(Debug, Clone, PartialEq)]
pub struct Handover {
    /// The links that it concerns, as they were.
    pub links: Vec<Link>,
    /// The runs that tell of it, one for each record.
    pub runs: Vec<(SalesforceId, SyncRunId)>,
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotHandedOver {
    /// There is nothing to move or forget.
    #[error("no link belongs to the row {0}, or none of that kind")]
    NoLinks(SalesforceId),
    /// The other row has such an object already.
    #[error("{row} already has its own m3ter {kind}, {m3ter_id}, and {from} has {theirs}")]
    Taken {
        /// The row that was to get the links.
        row: SalesforceId,
        /// The row that has them.
        from: SalesforceId,
        /// The kind of both.
        kind: EntityKind,
        /// What it has.
        m3ter_id: M3terId,
        /// What it would get.
        theirs: M3terId,
    },
    /// No Account of the row waits for it.
    #[error("no m3ter Account is waiting to be confirmed for {0}")]
    NothingToConfirm(SalesforceId),
    /// Several Accounts could be meant.
    #[error("two m3ter Accounts are waiting to be confirmed for {row}: {first} and {second}")]
    Undecided {
        /// The row.
        row: SalesforceId,
        /// One of them.
        first: M3terId,
        /// Another one.
        second: M3terId,
    },
    /// The object belongs to another row by now.
    #[error("the m3ter {kind} {m3ter_id} belongs to {owner}, not to {row}")]
    OwnedByAnother {
        /// The row.
        row: SalesforceId,
        /// Whose it is.
        owner: SalesforceId,
        /// The kind of object.
        kind: EntityKind,
        /// The object.
        m3ter_id: M3terId,
    },
    /// The row has another object by now.
    #[error("{row} already has the m3ter {kind} {m3ter_id}")]
    HasAnother {
        /// The row.
        row: SalesforceId,
        /// The kind of object.
        kind: EntityKind,
        /// What it has.
        m3ter_id: M3terId,
    },
    /// A run of a record that it concerns is under way.
    #[error("a run of the record {0} is in progress")]
    Busy(SalesforceId),
}

impl LinkOrder {
    /// What belongs to one row belongs to another row of the same object.
    pub fn moving(from: SalesforceId, to: SalesforceId) -> Result<Self, String> {
        if from == to {
            return Err(format!("{from} and {to} are the same row"));
        }
        if from.key_prefix() != to.key_prefix() {
            return Err(format!(
                "{from} and {to} are rows of different objects; links move between rows of the same object only"
            ));
        }
        Ok(Self::Move { from, to })
    }

    /// The row whose links it concerns.
    pub fn row(&self) -> &SalesforceId {
        match self {
            Self::Move { from: row, .. }
            | Self::Forget { row, .. }
            | Self::Confirm { row }
            | Self::Adopt { record: row, .. } => row,
        }
    }
}

impl fmt::Display for LinkOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Move { from, to } => write!(f, "move from={from} to={to}"),
            Self::Forget { row, kind: None } => write!(f, "forget row={row}"),
            Self::Forget { row, kind: Some(kind) } => {
                write!(f, "forget row={row} objectName={kind}")
            }
            Self::Confirm { row } => write!(f, "confirm row={row}"),
            Self::Adopt { record, links } => {
                write!(f, "adopt record={record} links={}", links.len())
            }
        }
    }
}

impl Handover {
    /// As people and callers see it.
    pub fn answer(self, dry_run: bool) -> ChangedLinks {
        let runs = self.runs.into_iter().map(|(record, run)| AcceptedRun {
            sync_run_id: run,
            parent_record_id: record.to_string(),
        });
        ChangedLinks {
            dry_run,
            links: self.links.iter().map(ShownLink::from).collect(),
            runs: runs.collect(),
        }
    }
}
