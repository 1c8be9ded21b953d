//! What every step of a run works with.

use jiff::Timestamp;
use tokio_util::task::TaskTracker;

use crate::changeset::identity::Owners;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::outcome::Failure;
use crate::domain::run::RunCallout;
use crate::store::{Claim, ClaimedRun};
use crate::sync::callouts::callouts;
use crate::sync::metadata_cache::MetadataCache;
use crate::sync::retrying_store::RetryingStore;
use crate::sync::settings::SyncMode;
use crate::transport::{Budget, Lease};
use crate::{m3ter, salesforce};

/// One run: what was asked for, both vendors, the database, and what may be spent.
#[derive(Clone, Copy)]
pub(super) struct RunContext<'a> {
    pub(super) run: &'a ClaimedRun,
    /// The record that the run is about.
    pub(super) record: &'a SalesforceId,
    pub(super) mode: SyncMode,
    /// When the work on it began: one moment for all that is decided by the time.
    pub(super) now: Timestamp,
    pub(super) metadata: &'a MetadataCache,
    pub(super) salesforce: &'a salesforce::Client,
    pub(super) m3ter: &'a m3ter::Client,
    pub(super) store: RetryingStore<'a>,
    pub(super) budget: &'a Budget,
    /// Under which callouts are made; who finds that the run is somebody else's says so here.
    pub(super) lease: &'a Lease,
    /// What the run begins and does not wait for.
    pub(super) tasks: &'a TaskTracker,
}

impl RunContext<'_> {
    /// The claim under which this process works on the run.
    pub(super) fn claim(&self) -> Claim {
        self.run.claim
    }

    /// All callouts of the run until now.
    pub(super) fn callouts(&self) -> Vec<RunCallout> {
        callouts(&self.run.callouts, self.budget.journal())
    }

    /// The rows that m3ter objects are linked to.
    pub(super) async fn load_owners(&self, ids: &[M3terId]) -> Result<Owners, Failure> {
        let links = self.store.with(|store| store.load_owners(ids)).await?;
        Ok(links.into_iter().map(|link| (link.m3ter_id, link.object.row)).collect())
    }
}
