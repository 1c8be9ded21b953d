//! What every step of a run works with.

pub(super) mod callouts;
pub(super) mod failure;
pub(super) mod progress;
pub(super) mod read_ahead;
pub(super) mod report;
pub(super) mod retrying_store;

use jiff::Timestamp;
use tokio_util::task::TaskTracker;

use crate::changeset::identity::Owners;
use crate::domain::actual::ActualObject;
use crate::domain::entity::EntityKind;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::outcome::Failure;
use crate::domain::run::RunCallout;
use crate::m3ter::ListQuery;
use crate::store::{Claim, ClaimedRun};
use crate::sync::context::callouts::callouts;
use crate::sync::context::progress::Meter;
use crate::sync::context::read_ahead::ReadAhead;
use crate::sync::context::retrying_store::RetryingStore;
use crate::sync::metadata_cache::MetadataCache;
use crate::sync::settings::{Safety, SyncMode};
use crate::transport::{Budget, CalloutError, Lease};
use crate::{m3ter, salesforce};

/// One run: what was asked for, both vendors, the database, and what may be spent.
#[derive(Clone, Copy)]
pub(super) struct RunContext<'a> {
    pub(super) run: &'a ClaimedRun,
    /// The record that the run is about.
    pub(super) record: &'a SalesforceId,
    pub(super) mode: SyncMode,
    /// What it may change without a plan.
    pub(super) safety: &'a Safety,
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
    /// What was read for it beside others.
    pub(super) ahead: Option<&'a ReadAhead>,
    /// Where it notes how far it is.
    pub(super) meter: &'a Meter,
}

impl RunContext<'_> {
    /// Whether the run is to know what it would write before it writes.
    pub(super) fn looks_ahead(&self) -> bool {
        self.mode == SyncMode::DryRun
            || self.run.expected_plan.is_some()
            || self.safety.usual.is_limited()
    }

    /// The claim under which this process works on the run.
    pub(super) fn claim(&self) -> Claim {
        self.run.claim
    }

    /// All callouts of the run until now.
    pub(super) fn callouts(&self) -> Vec<RunCallout> {
        callouts(&self.run.callouts, self.budget.journal())
    }

    /// What m3ter lists, unless it was read ahead.
    pub(super) async fn list(&self, query: &ListQuery) -> Result<Vec<ActualObject>, CalloutError> {
        match self.ahead.and_then(|ahead| ahead.list(query)) {
            Some(objects) => Ok(objects),
            None => self.m3ter.list(query, self.budget).await,
        }
    }

    /// The object with this id, unless it was read ahead; `None` if m3ter does not have it.
    pub(super) async fn fetch(
        &self,
        kind: EntityKind,
        id: &M3terId,
    ) -> Result<Option<ActualObject>, CalloutError> {
        match self.ahead.and_then(|ahead| ahead.object(kind, id)) {
            Some(object) => Ok(Some(object.clone())),
            None => self.m3ter.fetch(kind, id, self.budget).await,
        }
    }

    /// The rows that m3ter objects are linked to.
    pub(super) async fn load_owners(&self, ids: &[M3terId]) -> Result<Owners, Failure> {
        let links = self.store.with(|store| store.load_owners(ids)).await?;
        Ok(links.into_iter().map(|link| (link.m3ter_id, link.object.row)).collect())
    }
}
