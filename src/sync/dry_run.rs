//! A dry run that is in no store: what looks at many records, or at links that somebody asks for,
//! takes the steps of a sync in its context.

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::run::RunTask;
use crate::store::{Claim, ClaimedRun, Link, RecordLinks};
use crate::sync::context::RunContext;
use crate::sync::context::progress::Meter;
use crate::sync::context::read_ahead::ReadAhead;
use crate::sync::context::retrying_store::RetryingStore;
use crate::sync::settings::SyncMode;
use crate::sync::shared::Shared;
use crate::transport::{Budget, Lease};

/// What the context of a dry run borrows.
pub(super) struct DryRun<'a> {
    shared: &'a Shared,
    run: ClaimedRun,
    lease: Lease,
    tasks: TaskTracker,
    meter: Meter,
}

impl<'a> DryRun<'a> {
    /// Of a record with these links, as of `now`.
    pub(super) fn new(
        shared: &'a Shared,
        record: &SalesforceId,
        links: Vec<Link>,
        now: Timestamp,
    ) -> Self {
        let run = ClaimedRun {
            claim: Claim { run: SyncRunId(Uuid::nil()), fence: 0 },
            parent_record_id: record.clone(),
            task: Some(RunTask::Sync),
            expected_plan: None,
            plan: None,
            dry_run: true,
            started_at: now,
            takeovers: 0,
            tries: Vec::new(),
            callouts: Vec::new(),
            trace: None,
            requested_by: None,
            awaited_until: None,
            is_planned: false,
            is_provisional: false,
            // What is open is settled only before something is written.
            links: Some(RecordLinks { links, has_open_changes: false }),
        };
        Self {
            shared,
            run,
            lease: Lease::new(Instant::now(), shared.limits.time),
            tasks: TaskTracker::new(),
            meter: Meter::default(),
        }
    }

    /// The context in which it takes its steps, within a budget, with what was read ahead.
    pub(super) fn context<'b>(
        &'b self,
        budget: &'b Budget,
        ahead: Option<&'b ReadAhead>,
    ) -> RunContext<'b> {
        let metadata = &self.shared.metadata;
        RunContext {
            run: &self.run,
            record: &self.run.parent_record_id,
            mode: SyncMode::DryRun,
            safety: &self.shared.settings.safety,
            now: self.run.started_at,
            metadata,
            salesforce: &metadata.salesforce,
            m3ter: &metadata.m3ter,
            store: RetryingStore::new(&self.shared.store, budget),
            budget,
            lease: &self.lease,
            tasks: &self.tasks,
            ahead,
            meter: &self.meter,
        }
    }
}
