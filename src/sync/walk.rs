//! One sync as a walk: read, resolve, fetch, compare, apply, write back, finish.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::changeset::Changeset;
use crate::changeset::compare::Circumstances;
use crate::changeset::identity::Owners;
use crate::changeset::unusual::Usual;
use crate::domain::catalog::Catalog;
use crate::domain::desired::{DesiredObject, Resolution};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::outcome::{ErrorCode, Failure, ObjectResult, SyncResult};
use crate::domain::plan::Plan;
use crate::domain::record::Record;
use crate::domain::settings::{Otherwise, OverlappingPlans, Settings};
use crate::domain::warning::{Attention, Warning};
use crate::mapping::{Context, Mapping, NaturalKeys, Query};
use crate::store::{ClaimedRun, CommitmentAttempt, Link, LinkRelation, Progress, Store};
use crate::sync::SyncMode;
use crate::sync::apply::apply;
use crate::sync::ends::forget_reopened;
use crate::sync::failure;
use crate::sync::knowledge::Knowledge;
use crate::sync::leftovers::{RecordRows, RemovedLine, left_behind};
use crate::sync::matching::{Seen, Shared, fetch_shared, load_owners};
use crate::sync::patience::Patience;
use crate::sync::portions::{Earlier, Next, Portion};
use crate::sync::read::fetch_record;
use crate::sync::recorder::Recorder;
use crate::sync::removed::{Removal, Removed};
use crate::sync::running::{leave_out_running, refuse_blocked};
use crate::sync::runs::callouts;
use crate::sync::write::Writer;
use crate::sync::write_back::WriteBack;
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
    /// What it may change without a plan.
    pub(super) usual: Usual,
    /// What earlier portions of the run have done.
    pub(super) earlier: &'a Earlier,
}

/// Object results and warnings on the way to the answer, and what is left to be done at the end,
/// however it came.
#[derive(Default)]
pub(super) struct Report<'a> {
    pub(super) results: Vec<ObjectResult>,
    warnings: Vec<Warning>,
    pub(super) failures: Vec<Failure>,
    /// What would be written, where that is to be told.
    pub(super) plan: Option<Plan>,
    /// The plan that is carried out.
    approved: Option<Plan>,
    /// The record, if it could be read, with the query that did.
    read: Option<(Record, Arc<Query>)>,
    write_back: WriteBack,
    recorder: Option<Recorder<'a>>,
}

/// Removed lines that are over for the record.
#[derive(Debug, Default)]
struct Settled {
    ended: Vec<(ObjectKey, M3terId)>,
    handed_over: Vec<ObjectKey>,
}

impl<'a> Walk<'a> {
    /// Walks to the end, whatever it meets, and lets the record say how it ended, unless it goes
    /// on.
    pub(super) async fn to_the_end(&self) -> Portion {
        let mut report = Report::default();
        let failure = self.sync(&mut report).await.err();
        let Report { results, warnings, failures, plan, approved, read, mut write_back, recorder } =
            report;
        let earlier = self.earlier.and(results, warnings);
        let (results, warnings) = earlier.told();
        let failure = failure
            .iter()
            .chain(&failures)
            .next()
            .map(|failure| failure::with_limit(failure, self.budget));
        let goes_on = self.mode == SyncMode::Apply
            && failure.as_ref().is_some_and(|failure| earlier.goes_on(failure, self.budget));
        let mut result = match failure {
            None => SyncResult::ended(results, warnings),
            Some(failure) if goes_on => {
                SyncResult::failed(&earlier.unfinished(&failure), results, warnings)
            }
            Some(failure) => SyncResult::failed(&failure, results, warnings),
        };
        // The same call finds it done later, whatever the code says of others.
        result.retryable = result.retryable.map(|retryable| retryable || goes_on);
        result.parent_record_id = Some(self.root.to_string());
        result.sync_run_id = Some(self.run.held.run.to_string());
        result.dry_run = self.mode == SyncMode::DryRun;
        // Where something could not be read nobody knows what would be written.
        let is_known = failures.is_empty();
        result.plan_hash = plan.filter(|_| is_known).map(|plan| plan.hash().to_string());
        if self.mode == SyncMode::Apply {
            let status = read.filter(|(_, query)| query.status.status.is_some());
            if let Some((record, query)) = status.as_ref().filter(|_| !goes_on) {
                write_back.add_status(
                    query.root(),
                    self.root,
                    query.status.changes(record, &result, Timestamp::now()),
                );
            }
            let is_written = write_back
                .apply(&self.knowledge.salesforce, &self.budget.for_the_end(), &mut result)
                .await;
            result.status_written = status.is_some() && is_written;
        }
        if let Some(recorder) = recorder
            && !recorder.finish().await
        {
            let text = "Some links could not be saved; the next sync looks the objects up again";
            result.warn(None, Warning::of(Attention::NotRemembered, text));
        }
        Portion { result, next: goes_on.then_some(Next { earlier, plan: approved }) }
    }

    async fn sync(&self, report: &mut Report<'a>) -> Result<(), Failure> {
        let mapping = self.find_mapping().await?;
        let patience = Patience::of(self.budget);
        let linked = async {
            let links = patience
                .with(|| self.store.load_links(self.root))
                .await
                .map_err(|error| failure::of_store(&error))?;
            let mut seen = Seen::new(self.knowledge, self.store, self.budget, links.clone());
            let is_new = links.iter().all(|link| link.object.kind != EntityKind::Commitment);
            let attempts = async {
                if is_new { self.load_attempts(patience).await.map(Some) } else { Ok(None) }
            };
            let ((), attempts) = tokio::join!(seen.fetch_linked(), attempts);
            Ok((links, seen, attempts?))
        };
        let (record, linked, organization) = tokio::join!(
            fetch_record(self.knowledge, mapping, self.root, self.budget),
            Box::pin(linked),
            self.knowledge.organization(self.budget),
        );
        // Whatever else failed: a record that was read is to say so.
        let (record, query) = report.read.insert(record?);
        let (record, query) = (&*record, &**query);
        let ((links, mut seen, attempts), organization) = (linked?, organization?);

        let keys = mapping.keys(record, &query.unreadable);
        let rows: HashSet<SalesforceId> = keys.rows.iter().cloned().collect();
        let (catalog, shared) = Box::pin(self.look_up(&mut seen, &links, &keys)).await?;
        let time_zone =
            mapping.settings().time_zone.clone().unwrap_or_else(|| organization.time_zone.clone());
        let context = Context {
            catalog: &catalog,
            time_zone: &time_zone,
            unreadable: &query.unreadable,
            scales: &query.scales,
        };
        let Resolution { objects, warnings, guarded, unready } = mapping.resolve(record, &context);

        let not_ready = self.readiness(guarded, unready, links.is_empty())?;

        let Settings { pricing_change, ended, .. } = *mapping.settings();
        let circumstances = Circumstances { now: self.now, time_zone, pricing_change, ended };
        let is_linked = |object: &DesiredObject| links.iter().any(|link| link.object == object.key);
        let attempts = match attempts {
            Some(attempts) => attempts,
            None if objects
                .iter()
                .filter(|object| object.kind() == EntityKind::Commitment)
                .all(is_linked) =>
            {
                Vec::new()
            }
            None => self.load_attempts(patience).await?,
        };
        let desired: HashSet<ObjectKey> = objects.iter().map(|object| object.key.clone()).collect();
        report.warnings.extend(warnings);
        report.warnings.extend(left_behind(&seen, &objects, &rows, self.now));
        report.warnings.extend(not_ready);
        let mut changeset =
            Box::pin(seen.compare(objects, &attempts, &shared, &circumstances)).await?;
        self.keep_billing_unguessed(mapping, &mut changeset, patience).await?;
        if self.looks_ahead() {
            seen.fetch_neighbours(&changeset).await;
        }
        report.failures.extend(seen.failures());
        let held = [EntityKind::Contract, EntityKind::Commitment, EntityKind::AccountPlan]
            .into_iter()
            .flat_map(|kind| seen.all(kind));
        changeset.keep_to_contracts(held, &circumstances.time_zone);
        if organization.overlapping_plans == OverlappingPlans::Refused {
            changeset.keep_one_plan_for_each_product(
                catalog.plan_templates.values(),
                seen.all(EntityKind::AccountPlan),
            );
        }
        changeset.make_nothing_for_what_cannot_be_read();
        let record_rows = RecordRows { root: self.root, rows: &rows, lines: &query.lines };
        let vendor = (&self.knowledge.salesforce, self.store, self.budget);
        let removed_lines = record_rows.removed_lines(&seen, &changeset, self.now, vendor).await?;
        let mut refused = Vec::new();
        if organization.overlapping_plans == OverlappingPlans::Refused {
            let running = leave_out_running(
                &mut changeset,
                &mut seen,
                &catalog,
                mapping.settings(),
                &removed_lines,
            );
            let (left_out, others) = Box::pin(running).await?;
            report.warnings.extend(left_out);
            refused = others;
        }
        let time_zone = &circumstances.time_zone;
        let removal = Removal {
            setting: mapping.settings().removed_lines,
            lines: &removed_lines,
            now: self.now,
            time_zone,
        };

        let rules = (mapping.settings(), organization.overlapping_plans);
        let foreseen = if self.looks_ahead() {
            Some(self.foresee(&changeset, &refused, &seen, &catalog, rules).await?)
        } else {
            None
        };
        if let Some(foreseen) = foreseen.as_ref().filter(|_| self.mode == SyncMode::DryRun) {
            let mut plan = foreseen.plan();
            plan.extend(removal.plan());
            report.plan = Some(plan);
            report.results = foreseen.foresee();
            report.note_removed(removal.foresee(), &removed_lines);
            return Ok(());
        }
        refuse_blocked(&mut changeset, &refused, (self.store, patience)).await?;
        let plan = match &foreseen {
            Some(foreseen) => self.approve(&mut changeset, foreseen, &removal, report).await?,
            None => None,
        };
        let writer = Writer {
            knowledge: self.knowledge,
            store: self.store,
            budget: self.budget,
            circumstances: &circumstances,
            held: self.run.held,
            root: self.root,
            desired: &desired,
            mapping,
            organization_time_zone: &organization.time_zone,
            attempts: &attempts,
            plan: plan.as_ref(),
        };
        report.approved.clone_from(&plan);
        self.correct_links(&seen, patience).await?;
        self.apply(&changeset, &writer, links, report).await;
        let removed = removal.apply(&self.knowledge.m3ter, self.budget).await;
        let settled = report.note_removed(removed, &removed_lines);
        self.settle(&settled, patience).await
    }

    /// What is to be told of a record that is not ready, unless it is refused: by its mapping's
    /// `only_when`, or by `ready_when` before its first sync. What is in m3ter already is kept up
    /// to date in any status: a contract that ends must still end there.
    fn readiness(
        &self,
        guarded: Option<String>,
        unready: Option<(String, Otherwise)>,
        is_new: bool,
    ) -> Result<Option<Warning>, Failure> {
        let refused = match (guarded, &unready) {
            (Some(reason), _) => Some(reason),
            (None, Some((reason, Otherwise::Refuse))) if is_new => Some(reason.clone()),
            _ => None,
        };
        let told = |text: String| Ok(Some(Warning::of(Attention::NotReady, text)));
        match (refused, unready, self.mode) {
            (Some(reason), _, SyncMode::Apply) => {
                Err(Failure { code: ErrorCode::RecordNotReady, reason })
            }
            (Some(reason), _, SyncMode::DryRun) => {
                told(format!("A sync that writes would be refused: {reason}"))
            }
            (None, Some((reason, Otherwise::Refuse)), _) => {
                told(format!("{reason}. It was synced before, and is kept up to date"))
            }
            (None, Some((reason, Otherwise::Warn)), _) => {
                told(format!("{reason}. It is synced all the same"))
            }
            (None, None, _) => Ok(None),
        }
    }

    /// Forgets what m3ter has no more, and remembers who has what merged records had.
    async fn correct_links(&self, seen: &Seen<'_>, patience: Patience) -> Result<(), Failure> {
        let gone = seen.gone_links();
        if !gone.is_empty() {
            let deleted =
                patience.with(|| self.store.delete_links(self.run.held, self.root, &gone)).await;
            deleted.map_err(|error| failure::of_store(&error))?;
        }
        for (from, to) in seen.merged() {
            let moved = patience
                .with(|| self.store.move_merged(self.run.held, EntityKind::Account, from, to))
                .await;
            moved.map_err(|error| failure::of_store(&error))?;
        }
        Ok(())
    }

    /// Remembers which lines are over for this record: an AccountPlan that it has ended is not its
    /// to end again, whoever opens it anew, and one that was handed over is another record's.
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
            patience
                .with(|| store.save_progress(run, &progress))
                .await
                .map_err(|error| failure::of_store(&error))?;
        }
        if !settled.handed_over.is_empty() {
            let deleted =
                patience.with(|| store.delete_links(run, self.root, &settled.handed_over)).await;
            deleted.map_err(|error| failure::of_store(&error))?;
        }
        Ok(())
    }

    /// What m3ter has under the codes of the record, and whose Contract it may join.
    async fn look_up(
        &self,
        seen: &mut Seen<'_>,
        links: &[Link],
        keys: &NaturalKeys,
    ) -> Result<(Catalog, Shared), Failure> {
        let (catalog, by_codes, shared) = tokio::join!(
            self.knowledge.catalog(&keys.codes, self.budget),
            seen.fetch_codes(&keys.accounts, &keys.contracts),
            fetch_shared((self.knowledge, self.store, self.budget), links, &keys.shared),
        );
        let (catalog, shared) = (catalog?, shared?);
        by_codes?;
        seen.fetch_accounts_of(&shared).await;
        Ok((catalog, shared))
    }

    /// What earlier tries set out to create, for the Commitments that no link tells of.
    async fn load_attempts(&self, patience: Patience) -> Result<Vec<CommitmentAttempt>, Failure> {
        let attempts = patience.with(|| self.store.load_commitment_attempts(self.root)).await;
        attempts.map_err(|error| failure::of_store(&error))
    }

    async fn apply(
        &self,
        changeset: &Changeset,
        writer: &Writer<'_>,
        links: Vec<Link>,
        report: &mut Report<'a>,
    ) {
        let recorder =
            Recorder::new(self.store, self.run, self.lease, links, self.budget, self.tasks);
        let mut applied = apply(changeset, writer, &recorder).await;
        forget_reopened(self.store, self.run, changeset, &applied, Patience::of(self.budget)).await;
        let is_refused = |key: &ObjectKey| {
            let of_key = changeset
                .changes
                .iter()
                .zip(&applied)
                .find(|(change, _)| change.desired.key == *key);
            of_key.is_some_and(|(_, outcome)| outcome.id.is_none() && outcome.failure.is_none())
        };
        let outside = changeset.outside_unchanged(is_refused, &writer.circumstances.time_zone);
        for (outcome, warning) in
            applied.iter_mut().zip(outside).filter(|(outcome, _)| outcome.id.is_some())
        {
            outcome.result.warnings.extend(warning);
        }
        let strays = WriteBack::strays(&changeset.changes, &applied);
        // Whose they are is worth a look, and no failure.
        let owners = match strays.as_slice() {
            [] => Owners::new(),
            strays => {
                load_owners(self.store, strays, Patience::of(self.budget)).await.unwrap_or_default()
            }
        };
        report.write_back = WriteBack::of_ids(&changeset.changes, &mut applied, &owners);
        report.recorder = Some(recorder);
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
            None => Err(unsupported(format!(
                "There is no mapping for records whose IDs begin with `{prefix}`, and the org has no such object"
            ))),
            Some(sobject) => self
                .knowledge
                .mapping(&sobject)
                .ok_or_else(|| unsupported(format!("There is no mapping for `{sobject}` records"))),
        }
    }
}

impl Report<'_> {
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
