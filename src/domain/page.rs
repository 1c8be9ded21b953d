//! Pages of a list. Who reads one row more than a page has knows whether there is another page.

use serde::{Deserialize, Serialize};

use super::change::ObjectChange;
use super::run::SyncRun;
use super::verification::{Verification, VerifiedRecord};

/// A page of runs, as `GET /sync-runs` answers it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncRunPage {
    /// Newest first.
    pub sync_runs: Vec<SyncRun>,
    /// Where the next page begins; `None` on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A page of changes, as `GET /changes` answers it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangePage {
    /// Newest first.
    pub changes: Vec<ObjectChange>,
    /// Where the next page begins; `None` on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A page of verifications, as `GET /verifications` answers it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationPage {
    /// Newest first.
    pub verifications: Vec<Verification>,
    /// Where the next page begins; `None` on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A page of what a verification found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedRecordPage {
    /// In the order of their IDs.
    pub records: Vec<VerifiedRecord>,
    /// Where the next page begins; `None` on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Leaves `size` of the rows that were read. If there are more, the last of these: the next page
/// begins after it.
pub fn cut<T>(rows: &mut Vec<T>, size: u32) -> Option<&T> {
    let has_more = rows.len() > size as usize;
    rows.truncate(size as usize);
    rows.last().filter(|_| has_more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_begins_after_the_last_row_if_there_is_one() {
        for (rows, size, left, last) in [
            (vec![1, 2, 3], 2, vec![1, 2], Some(2)),
            (vec![1, 2], 2, vec![1, 2], None),
            (vec![1], 2, vec![1], None),
            (vec![], 2, vec![], None),
        ] {
            let mut rows = rows;
            assert_eq!(cut(&mut rows, size).copied(), last);
            assert_eq!(rows, left);
        }
    }
}
