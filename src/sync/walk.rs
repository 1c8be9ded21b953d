//! One sync as a walk: read, resolve, fetch, compare, apply, write back, finish.

use std::collections::HashSet;
use std::mem::take;
use std::sync::Arc;

use jiff::Timestamp;

use tokio_util::task::TaskTracker;

use crate::changeset::Changeset;
use crate::changeset::compare::Circumstances;
use crate::changeset::identity::Owners;
use crate::changeset::unusual::Usual;
use crate::domain::catalog::Catalog;
use crate::domain::desired::{DesiredObject, Resolution};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::outcome::{ErrorCode, Failure};
use crate::domain::plan::Plan;
use crate::domain::record::Record;
use crate::domain::settings::{Otherwise, OverlappingPlans, Settings};
use crate::domain::warning::{Attention, Warning};
use crate::mapping::{Context, Mapping, NaturalKeys, Query};
use crate::store::{CommitmentAttempt, Link, LinkRelation, Progress};
use crate::sync::SyncMode;
use crate::sync::apply::apply;
use crate::sync::billing_choice::keep_billing_unguessed;
use crate::sync::context::RunContext;
use crate::sync::ends::forget_reopened;
use crate::sync::leftovers::{RecordRows, RemovedLine, left_behind};
use crate::sync::matching::{Seen, Shared, fetch_shared};
use crate::sync::planned::{approve, foresee, looks_ahead};
use crate::sync::portions::{Earlier, Next, Portion};
use crate::sync::read::fetch_record;
use crate::sync::recorder::Recorder;
use crate::sync::removed::{Removal, Removed};
use crate::sync::report::Report;
use crate::sync::running::{leave_out_running, refuse_blocked};
use crate::sync::write::Writer;
use crate::sync::write_back::WriteBack;
use crate::transport::Lease;

/// What one sync works with.
pub(super) struct Walk<'a> {
    pub(super) context: RunContext<'a>,
    pub(super) tasks: &'a TaskTracker,
    pub(super) lease: &'a Lease,
    /// What it may change without a plan.
    pub(super) usual: Usual,
    /// What earlier portions of the run have done.
    pub(super) earlier: &'a Earlier,
}

/// What is left to be done at the end of a sync, however it comes.
#[derive(Default)]
struct Closing<'a> {
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
        let RunContext { record, mode, salesforce, budget, .. } = self.context;
        let (mut report, mut closing) = (Report::default(), Closing::default());
        let ended_by = self.sync(&mut report, &mut closing).await.err();
        let Closing { approved, read, mut write_back, recorder } = closing;
        let failure = report.failure(ended_by, budget);
        let earlier = self.earlier.and(take(&mut report.results), take(&mut report.warnings));
        (report.results, report.warnings) = earlier.told();
        let goes_on = mode == SyncMode::Apply
            && failure.as_ref().is_some_and(|failure| earlier.goes_on(failure, budget));
        let failure =
            failure.map(|failure| if goes_on { earlier.unfinished(&failure) } else { failure });
        let mut result = report.answer(&self.context, failure.as_ref());
        // The same call finds it done later, whatever the code says of others.
        result.retryable = result.retryable.map(|retryable| retryable || goes_on);
        if mode == SyncMode::Apply {
            let status = read.filter(|(_, query)| query.status.status.is_some());
            if let Some((row, query)) = status.as_ref().filter(|_| !goes_on) {
                write_back.add_status(
                    query.root(),
                    record,
                    query.status.changes(row, &result, Timestamp::now()),
                );
            }
            let is_written = write_back.apply(salesforce, &budget.for_the_end(), &mut result).await;
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

    async fn sync(&self, report: &mut Report, closing: &mut Closing<'a>) -> Result<(), Failure> {
        let RunContext { record: root, mode, now, knowledge, store, budget, .. } = self.context;
        let mapping = self.find_mapping().await?;
        let linked = async {
            let links = store.with(|store| store.load_links(root)).await?;
            let mut seen = Seen::new(self.context, links.clone());
            let is_new = links.iter().all(|link| link.object.kind != EntityKind::Commitment);
            let attempts =
                async { if is_new { self.load_attempts().await.map(Some) } else { Ok(None) } };
            let ((), attempts) = tokio::join!(seen.fetch_linked(), attempts);
            Ok::<_, Failure>((links, seen, attempts?))
        };
        let (record, linked, organization) = tokio::join!(
            fetch_record(&self.context, mapping, root),
            Box::pin(linked),
            knowledge.organization(budget),
        );
        // Whatever else failed: a record that was read is to say so.
        let (record, query) = closing.read.insert(record?);
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
        let circumstances = Circumstances { now, time_zone, pricing_change, ended };
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
            None => self.load_attempts().await?,
        };
        let desired: HashSet<ObjectKey> = objects.iter().map(|object| object.key.clone()).collect();
        report.warnings.extend(warnings);
        report.warnings.extend(left_behind(&seen, &objects, &rows, now));
        report.warnings.extend(not_ready);
        let mut changeset =
            Box::pin(seen.compare(objects, &attempts, &shared, &circumstances)).await?;
        keep_billing_unguessed(&self.context, mapping, &mut changeset).await?;
        let looks_ahead = looks_ahead(&self.context, self.usual);
        if looks_ahead {
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
        let record_rows = RecordRows { rows: &rows, lines: &query.lines };
        let removed_lines = record_rows.removed_lines(&self.context, &seen, &changeset).await?;
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
        let removal = Removal {
            setting: mapping.settings().removed_lines,
            lines: &removed_lines,
            now,
            time_zone: &circumstances.time_zone,
        };

        let rules = (mapping.settings(), organization.overlapping_plans);
        let foreseen = if looks_ahead {
            Some(foresee(&self.context, &changeset, &refused, &seen, &catalog, rules).await?)
        } else {
            None
        };
        if let Some(foreseen) = foreseen.as_ref().filter(|_| mode == SyncMode::DryRun) {
            let mut plan = foreseen.plan();
            plan.extend(removal.plan());
            report.plan = Some(plan);
            report.results = foreseen.foresee();
            note_removed(report, removal.foresee(), &removed_lines);
            return Ok(());
        }
        refuse_blocked(&self.context, &mut changeset, &refused).await?;
        let plan = match &foreseen {
            Some(foreseen) => {
                let context = &self.context;
                approve(context, self.usual, &mut changeset, foreseen, &removal, report).await?
            }
            None => None,
        };
        let writer = Writer {
            context: self.context,
            circumstances: &circumstances,
            desired: &desired,
            mapping,
            organization_time_zone: &organization.time_zone,
            attempts: &attempts,
            plan: plan.as_ref(),
        };
        closing.approved.clone_from(&plan);
        self.correct_links(&seen).await?;
        self.apply(&changeset, &writer, links, report, closing).await;
        let removed = removal.apply(&self.context).await;
        let settled = note_removed(report, removed, &removed_lines);
        self.settle(&settled).await
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
        match (refused, unready, self.context.mode) {
            (Some(reason), _, SyncMode::Apply) => {
                Err(Failure::new(ErrorCode::RecordNotReady, reason))
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
    async fn correct_links(&self, seen: &Seen<'_>) -> Result<(), Failure> {
        let RunContext { record, store, .. } = self.context;
        let held = self.context.held();
        let gone = seen.gone_links();
        if !gone.is_empty() {
            store.with(|store| store.delete_links(held, record, &gone)).await?;
        }
        for (from, to) in seen.merged() {
            store.with(|store| store.move_merged(held, EntityKind::Account, from, to)).await?;
        }
        Ok(())
    }

    /// Remembers which lines are over for this record: an AccountPlan that it has ended is not its
    /// to end again, whoever opens it anew, and one that was handed over is another record's.
    async fn settle(&self, settled: &Settled) -> Result<(), Failure> {
        let RunContext { record, store, .. } = self.context;
        let held = self.context.held();
        if !settled.ended.is_empty() {
            let callouts = self.context.callouts();
            let link = |(object, m3ter_id): &(ObjectKey, M3terId)| Link {
                root: record.clone(),
                object: object.clone(),
                m3ter_id: m3ter_id.clone(),
                relation: LinkRelation::Referred,
                source_key: None,
            };
            let links: Vec<Link> = settled.ended.iter().map(link).collect();
            let progress = Progress { results: &[], links: &links, callouts: &callouts };
            store.with(|store| store.save_progress(held, &progress)).await?;
        }
        if !settled.handed_over.is_empty() {
            store.with(|store| store.delete_links(held, record, &settled.handed_over)).await?;
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
            self.context.knowledge.catalog(&keys.codes, self.context.budget),
            seen.fetch_codes(&keys.accounts, &keys.contracts),
            fetch_shared(&self.context, links, &keys.shared),
        );
        let (catalog, shared) = (catalog?, shared?);
        by_codes?;
        seen.fetch_accounts_of(&shared).await;
        Ok((catalog, shared))
    }

    /// What earlier tries set out to create, for the Commitments that no link tells of.
    async fn load_attempts(&self) -> Result<Vec<CommitmentAttempt>, Failure> {
        let RunContext { record, store, .. } = self.context;
        store.with(|store| store.load_commitment_attempts(record)).await
    }

    async fn apply(
        &self,
        changeset: &Changeset,
        writer: &Writer<'_>,
        links: Vec<Link>,
        report: &mut Report,
        closing: &mut Closing<'a>,
    ) {
        let recorder = Recorder::new(self.context, self.lease, self.tasks, links);
        let mut applied = apply(changeset, writer, &recorder).await;
        forget_reopened(&self.context, changeset, |key| {
            let mut outcomes = changeset.changes.iter().zip(&applied);
            outcomes.any(|(change, outcome)| change.desired.key == *key && outcome.id.is_some())
        })
        .await;
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
            strays => self.context.load_owners(strays).await.unwrap_or_default(),
        };
        closing.write_back = WriteBack::of_ids(&changeset.changes, &mut applied, &owners);
        closing.recorder = Some(recorder);
        let mut results = Vec::with_capacity(applied.len());
        for outcome in applied {
            report.failures.extend(outcome.failure);
            results.push(outcome.result);
        }
        report.results = results;
    }

    async fn find_mapping(&self) -> Result<&Mapping, Failure> {
        let RunContext { record, knowledge, budget, .. } = self.context;
        let prefix = record.key_prefix();
        let unsupported = |reason| Failure::new(ErrorCode::UnsupportedObject, reason);
        match knowledge.sobject_of(prefix, budget).await? {
            None => Err(unsupported(format!(
                "There is no mapping for records whose IDs begin with `{prefix}`, and the org has no such object"
            ))),
            Some(sobject) => knowledge
                .mapping(&sobject)
                .ok_or_else(|| unsupported(format!("There is no mapping for `{sobject}` records"))),
        }
    }
}

/// Notes what became of removed lines; those that are over for this record.
fn note_removed(report: &mut Report, removed: Vec<Removed>, lines: &[RemovedLine]) -> Settled {
    let mut settled = Settled::default();
    for (removed, line) in removed.into_iter().zip(lines) {
        match removed {
            Removed::Warning(warning) => report.warnings.push(warning),
            Removed::Result(result) => report.results.push(result),
            Removed::Ended(result) => {
                report.results.push(result);
                settled.ended.push((line.object.clone(), line.plan.id.clone()));
            }
            Removed::Unsettled(result, failure) => {
                report.results.push(result);
                report.failures.push(failure);
            }
            Removed::HandedOver => settled.handed_over.push(line.object.clone()),
        }
    }
    settled
}
