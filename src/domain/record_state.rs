//! What became of a Salesforce record that something in m3ter belongs to.

use super::ids::SalesforceId;

/// What Salesforce tells of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordState {
    /// It is there.
    Alive,
    /// It lies in the recycle bin.
    Deleted,
    /// It lies in the recycle bin because it was merged into another one.
    MergedInto(SalesforceId),
    /// Salesforce does not show it: purged, or hidden from the integration user.
    NotShown,
}
