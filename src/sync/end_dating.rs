//! One end dating as a walk: find the m3ter Account or Contract of the record, read what it has,
//! end it, say what became of each.
//!
//! m3ter's own calls do it, and their answer is believed only where it names an object: what it
//! leaves out is read again. The call for a Contract is described as one about the Contract's
//! Accounts; where such an Account has more of a kind than the Contract, the Contract's are ended
//! one by one instead, so that nothing else ends. The same where something of a kind has not begun
//! by the end: m3ter does not say whether its call would give it an end before its start.
//!
//! `owner` and `scope` read, `approval` says whether it may go on, `memory` and `changed` save what
//! is about to happen, `call` ends, `results` says what became of it.

mod approval;
mod call;
mod changed;
mod memory;
mod owner;
mod results;
mod scope;

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::answer::ObjectResult;
use crate::domain::ending::{BillingEntity, EndDateOrder};
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::outcome::{ErrorCode, Failure, ObjectOutcome, RunOutcome};
use crate::domain::warning::{Attention, Warning};
use crate::store::{Link, Progress};
use crate::sync::context::RunContext;
use crate::sync::context::progress::SyncStep;
use crate::sync::context::report::Report;
use crate::sync::execute::end_one::End;
use crate::sync::execute::unsettled::settle_open_ends;
use crate::sync::settings::SyncMode;
use changed::{Changed, intend};
use memory::{Remembered, remember};
use owner::{Owner, find_owner};
use scope::{EndTarget, fetch_scope};

/// What one end dating works with.
pub(super) struct EndDating<'a> {
    pub(super) context: RunContext<'a>,
    pub(super) order: &'a EndDateOrder,
}

/// What an end dating has read.
struct Loaded {
    owner: Owner,
    end: End,
    to_end: Vec<EndTarget>,
    /// What begins only then or later: it is left as it is.
    not_begun: Vec<EndTarget>,
    /// What lies beside it and is to continue.
    spared: Vec<EndTarget>,
    /// What ends there already.
    ended: Vec<EndTarget>,
    /// The links of the records that made the objects.
    links: Vec<Link>,
    /// The rows of the objects.
    rows: BTreeMap<M3terId, SalesforceId>,
}

impl EndDating<'_> {
    /// Goes to the end, whatever it meets.
    pub(super) async fn run(&self) -> RunOutcome {
        let mut report = Report::default();
        let ended_by = self.end(&mut report).await.err();
        let failure = report.failure(ended_by, self.context.budget);
        report.outcome(failure)
    }

    async fn end(&self, report: &mut Report) -> Result<(), Failure> {
        self.require_plan()?;
        let loaded = self.load().await?;
        match self.context.mode {
            SyncMode::DryRun => self.preview(&loaded, report),
            SyncMode::Apply => self.execute(&loaded, report).await?,
        }
        if !loaded.to_end.is_empty() {
            report.warnings.push("Later syncs keep these ends as long as Salesforce does not move its own ends later; change them there as well".into());
        }
        Ok(())
    }

    fn require_plan(&self) -> Result<(), Failure> {
        let RunContext { run, mode, safety, .. } = self.context;
        if safety.end_date_needs_plan && mode == SyncMode::Apply && run.expected_plan.is_none() {
            let reason = "Nothing is ended without a plan here; ask with `dryRun=true` first, and send its `planHash` as `expectedPlan`";
            return Err(Failure::new(ErrorCode::PlanRequired, reason));
        }
        Ok(())
    }

    async fn load(&self) -> Result<Loaded, Failure> {
        let RunContext { metadata, store, budget, .. } = self.context;
        let (owner, organization) = tokio::join!(
            find_owner(&self.context, self.order.children),
            metadata.organization(budget)
        );
        let (owner, organization) = (owner?, organization?);
        let time_zone = owner.time_zone.as_ref().unwrap_or(&organization.time_zone);
        let instant = self.order.end_date.instant(time_zone).ok_or_else(|| {
            let reason = format!("`{}` is not a date that m3ter can hold", self.order.end_date);
            Failure::new(ErrorCode::InvalidEndDate, reason)
        })?;
        let end = End::at(instant, organization.time_zone);
        let (scope, ended) = fetch_scope(&self.context, self.order, &owner, &end).await?;
        let (to_end, spared): (Vec<EndTarget>, Vec<EndTarget>) =
            scope.into_iter().partition(|target| target.in_scope);
        let (not_begun, to_end): (Vec<EndTarget>, Vec<EndTarget>) = to_end
            .into_iter()
            .partition(|target| end.comes_before_the_start_of(target.entity, &target.object));
        let objects = to_end.iter().chain(&not_begun).chain(&ended);
        let ids: Vec<M3terId> = objects.map(|target| target.object.id.clone()).collect();
        let links = store.with(|store| store.load_owners(&ids)).await?;
        let rows =
            links.iter().map(|link| (link.m3ter_id.clone(), link.object.row.clone())).collect();
        Ok(Loaded { owner, end, to_end, not_begun, spared, ended, links, rows })
    }

    /// Remembers what is about to end, before m3ter is asked: what Salesforce says of it, and what
    /// changes.
    async fn remember(&self, loaded: &Loaded) -> Result<(Option<Remembered>, Changed), Failure> {
        let Loaded { to_end, ended, links, end, owner, rows, .. } = loaded;
        if self.context.run.claim.fence > 1 {
            settle_open_ends(&self.context).await?;
        }
        if to_end.is_empty() && ended.is_empty() {
            return Ok((None, Changed::default()));
        }
        let (remembered, changed) = tokio::try_join!(
            remember(&self.context, to_end, ended, links, end),
            intend(&self.context, to_end, &owner.account, rows, end)
        )?;
        Ok((Some(remembered), changed))
    }

    /// Reports what would end.
    fn preview(&self, loaded: &Loaded, report: &mut Report) {
        report.plan = Some(self.plan(loaded));
        self.warn(loaded, report);
        report.results = self.foresee_all(loaded);
    }

    /// Ends it, unless it is not what was approved.
    async fn execute(&self, loaded: &Loaded, report: &mut Report) -> Result<(), Failure> {
        self.approve(loaded, report).await?;
        let (remembered, changed) = self.remember(loaded).await?;
        report.warnings.extend(remembered.as_ref().and_then(Remembered::warning));
        self.warn(loaded, report);
        if loaded.to_end.is_empty() {
            report.results = self.not_begun(loaded);
            return Ok(());
        }
        self.apply(loaded, report).await;
        report.results.extend(self.not_begun(loaded));
        self.save(report).await;
        changed.settle(&self.context, &report.results, &loaded.end).await;
        if let Some(remembered) = &remembered {
            remembered.settle(&self.context, &report.results, &loaded.end).await;
        }
        Ok(())
    }

    /// Warns of an end in the past, and if nothing is left to end.
    fn warn(&self, loaded: &Loaded, report: &mut Report) {
        let instant = loaded.end.instant();
        if instant < self.context.now {
            let text = format!(
                "The end {instant} is in the past; usage after it may already have been billed"
            );
            report.warnings.push(Warning::of(Attention::DateInPast, text));
        }
        if loaded.to_end.is_empty() && loaded.not_begun.is_empty() {
            let kinds: Vec<&str> = self.order.entities.iter().map(|entity| entity.word()).collect();
            let text = format!("Nothing of {} runs beyond {instant}", kinds.join(", "));
            report.warnings.push(text.into());
        }
    }

    async fn apply(&self, loaded: &Loaded, report: &mut Report) {
        self.context.meter.step(SyncStep::Writing);
        let Loaded { owner, end, to_end, not_begun, spared, rows, .. } = loaded;
        // Exactly what was approved ends: m3ter's call may reach what nobody has seen. And of a
        // kind of which something is to be kept, it would reach that.
        let singly: BTreeSet<BillingEntity> = match self.context.run.expected_plan {
            Some(_) => to_end.iter().map(|target| target.entity).collect(),
            None => spared.iter().chain(not_begun).map(|target| target.entity).collect(),
        };
        let (one_by_one, by_call): (Vec<&EndTarget>, Vec<&EndTarget>) =
            to_end.iter().partition(|target| singly.contains(&target.entity));
        let (called, ended) = tokio::join!(
            self.end_by_call(owner, &by_call, end, report),
            self.end_singly(&one_by_one, end)
        );
        let mut outcomes = called;
        outcomes.extend(ended);
        for target in by_call.iter().chain(&one_by_one) {
            if let Some(Err(failure)) = outcomes.get(&target.object.id) {
                report.failures.push(failure.clone());
            }
        }
        let results = to_end.iter().filter_map(|target| {
            let outcome = outcomes.remove(&target.object.id)?;
            Some(self.result(target, outcome, end, rows))
        });
        let mut results: Vec<ObjectOutcome> = results.collect();
        results.append(&mut report.results);
        report.results = results;
    }

    /// Saves what was done as far as it can be; the end of the run holds it once more.
    async fn save(&self, report: &Report) {
        let results: Vec<(u32, ObjectResult)> = (0..)
            .zip(report.results.iter().map(|result| ObjectResult::new(&result.for_history())))
            .collect();
        let callouts = self.context.callouts();
        let progress =
            Progress { results: &results, callouts: Some(&callouts), ..Progress::default() };
        let claim = self.context.claim();
        let _ = self.context.store.with(|store| store.save_progress(claim, &progress)).await;
    }
}
