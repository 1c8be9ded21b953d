//! One sync as a walk: read, resolve, fetch, compare, apply, write back, finish.

use std::collections::HashSet;

use jiff::Timestamp;

use crate::changeset::Changeset;
use crate::changeset::compare::Circumstances;
use crate::changeset::foresight::Surroundings;
use crate::domain::desired::{DesiredObject, Resolution};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::outcome::{ErrorCode, Failure, ObjectResult, SyncResult};
use crate::domain::settings::OverlappingPlans;
use crate::mapping::{Context, Mapping};
use crate::store::{ClaimedRun, CommitmentAttempt, Link, LinkRelation, Progress, Store};
use crate::sync::SyncMode;
use crate::sync::apply::apply;
use crate::sync::failure;
use crate::sync::knowledge::Knowledge;
use crate::sync::leftovers::{RecordRows, RemovedLine, left_behind};
use crate::sync::matching::{Seen, load_owners};
use crate::sync::patience::Patience;
use crate::sync::read::fetch_record;
use crate::sync::recorder::Recorder;
use crate::sync::removed::{Removal, Removed};
use crate::sync::runs::callouts;
use crate::sync::write::Writer;
use crate::sync::write_back::write_back;
use crate::transport::{Budget, Lease};
use tokio_util::task::TaskTracker;

/// What one sync works with.
pub(super) struct Walk<'a> {
    pub(super) knowledge: &'a Knowledge,
    pub(super) store: &'a Store,
    pub(super) tasks: &'a TaskTracker,
    pub(super) run: &'a ClaimedRun,
    pub(super) lease: &'a Lease,
    pub(super) root: &'a SalesforceId,
    pub(super) mode: SyncMode,
    pub(super) now: Timestamp,
    pub(super) budget: &'a Budget,
}

/// Object results and warnings on the way to the answer.
#[derive(Debug, Default)]
struct Report {
    results: Vec<ObjectResult>,
    warnings: Vec<String>,
    failures: Vec<Failure>,
}

/// Removed lines that are over for the record.
#[derive(Debug, Default)]
struct Settled {
    ended: Vec<(ObjectKey, M3terId)>,
    handed_over: Vec<ObjectKey>,
}

impl Walk<'_> {
    /// Walks to the end, whatever it meets.
    pub(super) async fn to_the_end(&self) -> SyncResult {
        let report = match self.sync().await {
            Ok(report) => report,
            Err(failure) => Report { failures: vec![failure], ..Report::default() },
        };
        let mut result = match report.failures.first() {
            None => SyncResult::ended(report.results, report.warnings),
            Some(failure) => SyncResult::failed(&failure::with_limit(failure, self.budget), report.results, report.warnings),
        };
        result.parent_record_id = Some(self.root.to_string());
        result.sync_run_id = Some(self.run.held.run.to_string());
        result.dry_run = self.mode == SyncMode::DryRun;
        result
    }

    async fn sync(&self) -> Result<Report, Failure> {
        let mapping = self.find_mapping().await?;
        let patience = Patience::of(self.budget);
        let linked = async {
            let links = patience.with(|| self.store.load_links(self.root)).await.map_err(|error| failure::of_store(&error))?;
            let mut seen = Seen::new(self.knowledge, self.store, self.budget, links.clone());
            let is_new = links.iter().all(|link| link.object.kind != EntityKind::Commitment);
            let attempts = async { if is_new { self.load_attempts(patience).await.map(Some) } else { Ok(None) } };
            let ((), attempts) = tokio::join!(seen.fetch_linked(), attempts);
            Ok((links, seen, attempts?))
        };
        let (record, linked, organization) = tokio::join!(
            fetch_record(self.knowledge, mapping, self.root, self.budget),
            Box::pin(linked),
            self.knowledge.organization(self.budget),
        );
        let ((record, query), (links, mut seen, attempts), organization) = (record?, linked?, organization?);

        let keys = mapping.keys(&record, &query.unreadable);
        let rows: HashSet<SalesforceId> = keys.rows.iter().cloned().collect();
        let (catalog, by_codes) =
            tokio::join!(self.knowledge.catalog(&keys.codes, self.budget), seen.fetch_codes(&keys.accounts, &keys.contracts));
        let catalog = catalog?;
        by_codes?;
        let time_zone = mapping.settings().time_zone.clone().unwrap_or_else(|| organization.time_zone.clone());
        let context = Context { catalog: &catalog, time_zone: &time_zone, unreadable: &query.unreadable };
        let Resolution { objects, warnings, guarded } = mapping.resolve(&record, &context);

        if let (Some(reason), SyncMode::Apply) = (&guarded, self.mode) {
            return Err(Failure { code: ErrorCode::RecordNotReady, reason: reason.clone() });
        }

        let circumstances = Circumstances { now: self.now, time_zone, pricing_change: mapping.settings().pricing_change };
        let is_linked = |object: &DesiredObject| links.iter().any(|link| link.object == object.key);
        let attempts = match attempts {
            Some(attempts) => attempts,
            None if objects.iter().filter(|object| object.kind() == EntityKind::Commitment).all(is_linked) => Vec::new(),
            None => self.load_attempts(patience).await?,
        };
        let desired: HashSet<ObjectKey> = objects.iter().map(|object| object.key.clone()).collect();
        let mut report = Report { warnings, ..Report::default() };
        report.warnings.extend(left_behind(&seen, &objects, &rows, self.now));
        report.warnings.extend(guarded.map(|reason| format!("A sync that writes would be refused: {reason}")));
        let mut changeset = Box::pin(seen.compare(objects, &attempts, &circumstances)).await?;
        report.failures.extend(seen.failures());
        let held = [EntityKind::Contract, EntityKind::Commitment, EntityKind::AccountPlan].into_iter().flat_map(|kind| seen.all(kind));
        changeset.keep_to_contracts(held, &circumstances.time_zone);
        if organization.overlapping_plans == OverlappingPlans::Refused {
            changeset.keep_one_plan_for_each_product(catalog.plan_templates.values());
        }
        let record_rows = RecordRows { root: self.root, rows: &rows, lines: &query.lines };
        let vendor = (&self.knowledge.salesforce, self.store, self.budget);
        let removed_lines = record_rows.removed_lines(&seen, &changeset, self.now, vendor).await?;
        let time_zone = &circumstances.time_zone;
        let removal = Removal { setting: mapping.settings().removed_lines, lines: &removed_lines, now: self.now, time_zone };

        if self.mode == SyncMode::DryRun {
            let (account_plans, commitments) = (seen.all(EntityKind::AccountPlan), seen.all(EntityKind::Commitment));
            let ids: Vec<M3terId> = account_plans.iter().chain(&commitments).map(|object| object.id.clone()).collect();
            changeset.foresee_trouble(&Surroundings {
                account_plans,
                commitments,
                plans: seen.all(EntityKind::Plan),
                templates: catalog.plan_templates.values().collect(),
                owners: &load_owners(self.store, &ids, patience).await?,
                settings: mapping.settings(),
                overlapping_plans: organization.overlapping_plans,
            });
            report.results = changeset.foresee();
            report.note_removed(removal.foresee(), &removed_lines);
            return Ok(report);
        }
        let writer = Writer {
            knowledge: self.knowledge,
            store: self.store,
            budget: self.budget,
            circumstances: &circumstances,
            held: self.run.held,
            root: self.root,
            desired: &desired,
            settings: mapping.settings(),
            organization_time_zone: &organization.time_zone,
            attempts: &attempts,
        };
        let gone = seen.gone_links();
        if !gone.is_empty() {
            let deleted = patience.with(|| self.store.delete_links(self.run.held, self.root, &gone)).await;
            deleted.map_err(|error| failure::of_store(&error))?;
        }
        for (from, to) in seen.merged() {
            let moved = patience.with(|| self.store.move_merged(self.run.held, EntityKind::Account, from, to)).await;
            moved.map_err(|error| failure::of_store(&error))?;
        }
        self.apply(&changeset, &writer, links, &mut report).await;
        let removed = removal.apply(&self.knowledge.m3ter, self.budget).await;
        let settled = report.note_removed(removed, &removed_lines);
        self.settle(&settled, patience).await?;
        Ok(report)
    }

    /// Remembers which lines are over for this record: an AccountPlan that it has ended is not its to end again, whoever opens it anew,
    /// and one that was handed over is another record's.
    async fn settle(&self, settled: &Settled, patience: Patience) -> Result<(), Failure> {
        let (run, store) = (self.run.held, self.store);
        if !settled.ended.is_empty() {
            let callouts = callouts(&self.run.callouts, self.budget.journal());
            let relation = LinkRelation::Referred;
            let link = |(object, m3ter_id): &(ObjectKey, M3terId)| Link {
                root: self.root.clone(),
                object: object.clone(),
                m3ter_id: m3ter_id.clone(),
                relation,
                source_key: None,
            };
            let links: Vec<Link> = settled.ended.iter().map(link).collect();
            let progress = Progress { results: &[], links: &links, callouts: &callouts };
            patience.with(|| store.save_progress(run, &progress)).await.map_err(|error| failure::of_store(&error))?;
        }
        if !settled.handed_over.is_empty() {
            let deleted = patience.with(|| store.delete_links(run, self.root, &settled.handed_over)).await;
            deleted.map_err(|error| failure::of_store(&error))?;
        }
        Ok(())
    }

    /// What earlier tries set out to create, for the Commitments that no link tells of.
    async fn load_attempts(&self, patience: Patience) -> Result<Vec<CommitmentAttempt>, Failure> {
        let attempts = patience.with(|| self.store.load_commitment_attempts(self.root)).await;
        attempts.map_err(|error| failure::of_store(&error))
    }

    async fn apply(&self, changeset: &Changeset, writer: &Writer<'_>, links: Vec<Link>, report: &mut Report) {
        let recorder = Recorder::new(self.store, self.run, self.lease, links, self.budget, self.tasks);
        let mut applied = apply(changeset, writer, &recorder).await;
        let is_refused = |key: &ObjectKey| {
            let of_key = changeset.changes.iter().zip(&applied).find(|(change, _)| change.desired.key == *key);
            of_key.is_some_and(|(_, outcome)| outcome.id.is_none() && outcome.failure.is_none())
        };
        let outside = changeset.outside_unchanged(is_refused, &writer.circumstances.time_zone);
        for (outcome, warning) in applied.iter_mut().zip(outside).filter(|(outcome, _)| outcome.id.is_some()) {
            outcome.result.warnings.extend(warning);
        }
        for (position, warning) in write_back(&self.knowledge.salesforce, &changeset.changes, &applied, self.budget).await {
            applied[position].result.warnings.push(warning);
        }
        if !recorder.finish().await {
            report
                .warnings
                .push("Which objects belong to this record could not all be remembered; the next sync looks them up again".to_owned());
        }
        let mut results = Vec::with_capacity(applied.len());
        for outcome in applied {
            report.failures.extend(outcome.failure);
            results.push(outcome.result);
        }
        report.results = results;
    }

    async fn find_mapping(&self) -> Result<&Mapping, Failure> {
        let prefix = self.root.key_prefix();
        let sobject = self.knowledge.sobject_of(prefix, self.budget).await?;
        let unsupported = |reason| Failure { code: ErrorCode::UnsupportedObject, reason };
        match sobject {
            None => {
                Err(unsupported(format!("There is no mapping for records whose IDs begin with `{prefix}`, and the org has no such object")))
            }
            Some(sobject) => {
                self.knowledge.mapping(&sobject).ok_or_else(|| unsupported(format!("There is no mapping for `{sobject}` records")))
            }
        }
    }
}

impl Report {
    /// Notes what became of removed lines; those that are over for this record.
    fn note_removed(&mut self, removed: Vec<Removed>, lines: &[RemovedLine]) -> Settled {
        let mut settled = Settled::default();
        for (removed, line) in removed.into_iter().zip(lines) {
            match removed {
                Removed::Warning(warning) => self.warnings.push(warning),
                Removed::Result(result) => self.results.push(result),
                Removed::Ended(result) => {
                    self.results.push(result);
                    settled.ended.push((line.object.clone(), line.plan.id.clone()));
                }
                Removed::Unsettled(result, failure) => {
                    self.results.push(result);
                    self.failures.push(failure);
                }
                Removed::HandedOver => settled.handed_over.push(line.object.clone()),
            }
        }
        settled
    }
}
