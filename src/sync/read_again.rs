//! An Account is shared: another deal may change it in m3ter while this sync is on its way, after a
//! later edit in Salesforce. Then what this sync has read is old, and the row is read again before
//! anything of it is written.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::actual::ActualObject;
use crate::domain::desired::{DesiredObject, Intent};
use crate::domain::entity::EntityKind;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::SalesforceId;
use crate::mapping::{Context, Mapping};
use crate::sync::knowledge::Knowledge;
use crate::sync::read::fetch_record;
use crate::sync::write::Written;
use crate::transport::Budget;

/// Reads the record of a sync once more.
pub(super) struct Rereader<'a> {
    pub(super) knowledge: &'a Knowledge,
    pub(super) mapping: &'a Mapping,
    pub(super) root: &'a SalesforceId,
    pub(super) time_zone: &'a TimeZone,
    pub(super) budget: &'a Budget,
    /// When the record was read, or a moment before.
    pub(super) read_at: Timestamp,
}

impl Rereader<'_> {
    /// Whether somebody else may know the row of an object better than this sync: m3ter's Account
    /// was changed since the row was read.
    pub(super) fn may_be_outdated(&self, desired: &DesiredObject, actual: &ActualObject) -> bool {
        let changed_at =
            actual.text("dtLastModified").and_then(|text| text.parse::<Timestamp>().ok());
        desired.kind() == EntityKind::Account
            && changed_at.is_some_and(|changed_at| changed_at >= self.read_at)
    }

    /// The object as the record asks for it now; what is to be answered where it can no longer be
    /// written.
    pub(super) async fn read(&self, object: &DesiredObject) -> Result<DesiredObject, Written> {
        let unsettled = |failure| Written::Unsettled(failure);
        let (record, query) = fetch_record(self.knowledge, self.mapping, self.root, self.budget)
            .await
            .map_err(unsettled)?;
        let keys = self.mapping.keys(&record, &query.unreadable);
        let catalog = self.knowledge.catalog(&keys.codes, self.budget).await.map_err(unsettled)?;
        let context = Context {
            catalog: &catalog,
            time_zone: self.time_zone,
            unreadable: &query.unreadable,
            scales: &query.scales,
        };
        let found = self
            .mapping
            .resolve(&record, &context)
            .objects
            .into_iter()
            .find(|found| found.key == object.key);
        let Some(found) = found else { return Err(Written::Refused(self.moved_on(object))) };
        match &found.intent {
            Intent::Sync(_) => Ok(found),
            Intent::Invalid(findings) => Err(Written::Refused(
                findings.first().cloned().unwrap_or_else(|| self.moved_on(object)),
            )),
            Intent::Flagged => Err(Written::Refused(self.moved_on(object))),
        }
    }

    fn moved_on(&self, object: &DesiredObject) -> Finding {
        Finding::new(
            FindingCode::ChangedMeanwhile,
            format!(
                "The record {} asks for the {} of {} no longer: Salesforce changed while it was synced",
                self.root,
                object.kind(),
                object.key.row
            ),
            "Sync again",
        )
    }
}
