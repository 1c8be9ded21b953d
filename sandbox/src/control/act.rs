//! What users of the org do in the browser, and no request can do.

use serde::Deserialize;

/// One such act, by the last part of its path: `POST /sandbox/merge`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub(crate) enum Act {
    /// Merges one Account into another.
    Merge {
        /// The id of the one that stays.
        master: String,
        /// The id of the one that goes to the recycle bin.
        loser: String,
    },
    /// Removes a record for good, from the recycle bin too.
    Purge {
        /// The record's id.
        id: String,
    },
    /// Takes a record out of the recycle bin.
    Undelete {
        /// The record's id.
        id: String,
    },
}
