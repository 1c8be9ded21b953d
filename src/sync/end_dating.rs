//! One end dating as a walk: find the m3ter Account or Contract of the record, read what it has,
//! end it, say what became of each.
//!
//! m3ter's own calls do it, and their answer is believed only where it names an object: what it
//! leaves out is read again. The call for a Contract is described as one about the Contract's
//! Accounts; where such an Account has more of a kind than the Contract, the Contract's are ended
//! one by one instead, so that nothing else ends. The same where something of a kind has not begun
//! by the end: m3ter does not say whether its call would give it an end before its start.

mod approval;
mod changed;
mod memory;
mod owner;
mod scope;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;

use crate::domain::answer::ObjectResult;
use crate::domain::ending::{BillingEntity, EndDateOrder};
use crate::domain::finding::FindingCode;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::outcome::{Action, ErrorCode, Failure, Message, ObjectOutcome, RunOutcome};
use crate::domain::warning::{Attention, Warning};
use crate::m3ter::EndingOwner;
use crate::store::{Link, Progress};
use crate::sync::context::RunContext;
use crate::sync::context::progress::SyncStep;
use crate::sync::context::report::Report;
use crate::sync::execute::end_one::{End, begins_later, end_one};
use crate::sync::execute::unsettled::settle_open_ends;
use crate::sync::execute::write_outcome::{EndOutcome, WriteOutcome};
use crate::sync::settings::{Safety, SyncMode};
use crate::transport::Effect;
use changed::{Changed, intend};
use memory::{Remembered, remember};
use owner::{Owner, find_owner};
use scope::{EndTarget, fetch_scope};

/// What to do about an object that begins only with the end or after it.
const LATER_END: &str = "Give an end after its start, or delete it in m3ter if it was never billed";

/// What one end dating works with.
pub(super) struct EndDating<'a> {
    pub(super) context: RunContext<'a>,
    pub(super) order: &'a EndDateOrder,
    pub(super) safety: &'a Safety,
}

/// What an end dating has read.
struct Loaded {
    owner: Owner,
    end: End,
    /// What is to end.
    meant: Vec<EndTarget>,
    /// What is meant and begins only then or later: it is left as it is.
    not_begun: Vec<EndTarget>,
    /// What lies beside it and is to go on.
    spared: Vec<EndTarget>,
    /// What is meant and ends there already.
    ended: Vec<EndTarget>,
    /// The links of the records that made the objects.
    links: Vec<Link>,
    /// The rows of the objects.
    rows: BTreeMap<M3terId, SalesforceId>,
}

/// What became of billing entities; a failure where nobody knows.
type Outcomes = BTreeMap<M3terId, Result<EndOutcome, Failure>>;

impl EndDating<'_> {
    /// Goes to the end, whatever it meets.
    pub(super) async fn run(&self) -> RunOutcome {
        let mut report = Report::default();
        let ended_by = self.end(&mut report).await.err();
        let failure = report.failure(ended_by, self.context.budget);
        report.outcome(failure)
    }

    async fn end(&self, report: &mut Report) -> Result<(), Failure> {
        let RunContext { run, mode, now, .. } = self.context;
        if self.safety.end_date_needs_plan && mode == SyncMode::Apply && run.expected_plan.is_none()
        {
            let reason = "Nothing is ended without a plan here; ask with `dryRun=true` first, and send its `planHash` as `expectedPlan`";
            return Err(Failure::new(ErrorCode::PlanRequired, reason));
        }
        let loaded = self.load().await?;
        let remembered = match mode {
            SyncMode::DryRun => {
                report.plan = Some(self.plan(&loaded));
                None
            }
            SyncMode::Apply => {
                self.approve(&loaded, report).await?;
                Some(self.remember(&loaded).await?)
            }
        };
        let (remembered, changed) = remembered.unzip();
        let remembered = remembered.flatten();
        report.warnings.extend(remembered.as_ref().and_then(Remembered::warning));
        let instant = loaded.end.instant();
        if instant < now {
            let text = format!(
                "The end {instant} is in the past; usage after it may already have been billed"
            );
            report.warnings.push(Warning::of(Attention::DateInPast, text));
        }
        if loaded.meant.is_empty() && loaded.not_begun.is_empty() {
            let kinds: Vec<&str> = self.order.entities.iter().map(|entity| entity.word()).collect();
            let text = format!("Of {}, nothing runs beyond {instant}", kinds.join(", "));
            report.warnings.push(text.into());
        }
        if loaded.meant.is_empty() {
            report.results = self.not_begun(&loaded);
            return Ok(());
        }
        match mode {
            SyncMode::DryRun => report.results = self.foresee_all(&loaded),
            SyncMode::Apply => {
                self.apply(&loaded, report).await;
                report.results.extend(self.not_begun(&loaded));
                self.save(report).await;
                if let Some(changed) = &changed {
                    changed.settle(&self.context, &report.results, &loaded.end).await;
                }
                if let Some(remembered) = &remembered {
                    remembered.settle(&self.context, &report.results, &loaded.end).await;
                }
            }
        }
        report
            .warnings
            .push("Later syncs keep these ends as long as Salesforce does not move its own ends later; change them there as well".into());
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
        let (meant, spared): (Vec<EndTarget>, Vec<EndTarget>) =
            scope.into_iter().partition(|target| target.in_scope);
        let (not_begun, meant): (Vec<EndTarget>, Vec<EndTarget>) = meant
            .into_iter()
            .partition(|target| end.comes_before_the_start_of(target.entity, &target.object));
        let objects = meant.iter().chain(&not_begun).chain(&ended);
        let ids: Vec<M3terId> = objects.map(|target| target.object.id.clone()).collect();
        let links = store.with(|store| store.load_owners(&ids)).await?;
        let rows =
            links.iter().map(|link| (link.m3ter_id.clone(), link.object.row.clone())).collect();
        Ok(Loaded { owner, end, meant, not_begun, spared, ended, links, rows })
    }

    /// Remembers what is about to end, before m3ter is asked: what Salesforce says of it, and what
    /// changes.
    async fn remember(&self, loaded: &Loaded) -> Result<(Option<Remembered>, Changed), Failure> {
        let Loaded { meant, ended, links, end, owner, rows, .. } = loaded;
        if self.context.run.claim.fence > 1 {
            settle_open_ends(&self.context).await?;
        }
        if meant.is_empty() && ended.is_empty() {
            return Ok((None, Changed::default()));
        }
        let (remembered, changed) = tokio::try_join!(
            remember(&self.context, (meant, ended), links, end),
            intend(&self.context, meant, (&owner.account, rows), end)
        )?;
        Ok((Some(remembered), changed))
    }

    async fn apply(&self, loaded: &Loaded, report: &mut Report) {
        self.context.meter.step(SyncStep::Writing);
        let Loaded { owner, end, meant, not_begun, spared, rows, .. } = loaded;
        // Exactly what was approved ends: m3ter's call may reach what nobody has seen. And of a
        // kind of which something is to be kept, it would reach that.
        let singly: BTreeSet<BillingEntity> = match self.context.run.expected_plan {
            Some(_) => meant.iter().map(|target| target.entity).collect(),
            None => spared.iter().chain(not_begun).map(|target| target.entity).collect(),
        };
        let (one_by_one, by_call): (Vec<&EndTarget>, Vec<&EndTarget>) =
            meant.iter().partition(|target| singly.contains(&target.entity));
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
        let results = meant.iter().filter_map(|target| {
            let outcome = outcomes.remove(&target.object.id)?;
            Some(self.result(target, outcome, end, rows))
        });
        let mut results: Vec<ObjectOutcome> = results.collect();
        results.append(&mut report.results);
        report.results = results;
    }

    /// Ends by m3ter's call, and settles what its answer leaves open.
    async fn end_by_call(
        &self,
        owner: &Owner,
        meant: &[&EndTarget],
        end: &End,
        report: &mut Report,
    ) -> Outcomes {
        let mut outcomes = Outcomes::new();
        let kinds: BTreeSet<BillingEntity> = meant.iter().map(|target| target.entity).collect();
        let kinds: Vec<BillingEntity> = kinds.into_iter().collect();
        if kinds.is_empty() {
            return outcomes;
        }
        let RunContext { m3ter, record, budget, .. } = self.context;
        let mut failure = None;
        match m3ter.end_date(&owner.id, end.instant(), &kinds, self.order.children, budget).await {
            Ok(answer) => {
                let in_scope = |id: &M3terId| meant.iter().any(|target| target.object.id == *id);
                for (entity, id) in pairs(&answer.updated) {
                    outcomes.insert(id.clone(), Ok(WriteOutcome::Done(())));
                    if !in_scope(id) {
                        report.results.push(self.unexpected(entity, id, &owner.id, end));
                    }
                }
                for (entity, id) in pairs(&answer.failed) {
                    let message = if answer.message.is_empty() {
                        "m3ter could not end it"
                    } else {
                        &answer.message
                    };
                    outcomes.insert(id.clone(), Ok(WriteOutcome::Refused(message.to_owned())));
                    if !in_scope(id) {
                        report.results.push(failed(
                            entity,
                            id,
                            record,
                            message,
                            "Look it up in m3ter and end it there",
                        ));
                    }
                }
            }
            Err(error) if error.effect() == Effect::Refused => {
                let message = error
                    .refusal()
                    .map_or_else(|| error.reason(), |refusal| refusal.message.clone());
                let refused = |target: &&EndTarget| {
                    (target.object.id.clone(), Ok(WriteOutcome::Refused(message.clone())))
                };
                outcomes.extend(meant.iter().map(refused));
            }
            Err(error) => failure = Some(Failure::from(error)),
        }
        let open: Vec<&&EndTarget> =
            meant.iter().filter(|target| !outcomes.contains_key(&target.object.id)).collect();
        let looked =
            join_all(open.iter().map(|target| {
                m3ter.fetch_billing_entity(target.entity, &target.object.id, budget)
            }))
            .await;
        for (target, present) in open.into_iter().zip(looked) {
            let outcome = match (present, &failure) {
                (Ok(Some(present)), _) if !end.comes_before_that_of(target.entity, &present) => {
                    Ok(WriteOutcome::Done(()))
                }
                (Ok(None), _) => Ok(WriteOutcome::Done(())),
                (_, Some(failure)) => Err(failure.clone()),
                (Ok(Some(_)), None) => Ok(WriteOutcome::Refused(
                    "m3ter's answer names it neither as ended nor as failed, and it is still running"
                        .to_owned(),
                )),
                (Err(error), None) => Err(error.into()),
            };
            outcomes.insert(target.object.id.clone(), outcome);
        }
        outcomes
    }

    /// Ends exactly these, each by a write of its own.
    async fn end_singly(
        &self,
        meant: &[&EndTarget],
        end: &End,
    ) -> Vec<(M3terId, Result<EndOutcome, Failure>)> {
        let RunContext { m3ter, budget, .. } = self.context;
        join_all(meant.iter().map(|target| async {
            let ended = end_one(m3ter, target.entity, &target.object, end, budget).await;
            (target.object.id.clone(), ended)
        }))
        .await
    }

    fn foresee_all(&self, loaded: &Loaded) -> Vec<ObjectOutcome> {
        let Loaded { meant, end, rows, .. } = loaded;
        let ahead = meant.iter().map(|target| self.foresee(target, end, rows));
        ahead.chain(self.not_begun(loaded)).collect()
    }

    /// What is said of objects that begin only then or later, by a dry run as well.
    fn not_begun(&self, Loaded { not_begun, rows, .. }: &Loaded) -> Vec<ObjectOutcome> {
        let told = |EndTarget { entity, object, .. }: &EndTarget| {
            let row = rows.get(&object.id).unwrap_or(self.context.record);
            let mut outcome = failed(*entity, &object.id, row, &begins_later(object), LATER_END);
            if self.context.mode == SyncMode::DryRun {
                outcome.message = Message::with_detail("Would fail", begins_later(object));
            }
            outcome
        };
        not_begun.iter().map(told).collect()
    }

    fn foresee(
        &self,
        target: &EndTarget,
        end: &End,
        rows: &BTreeMap<M3terId, SalesforceId>,
    ) -> ObjectOutcome {
        let EndTarget { entity, object, .. } = target;
        let change = target.change(end);
        let row = rows.get(&object.id).unwrap_or(self.context.record);
        let message = Message::with_detail("Would be ended", change.to_string());
        let mut result = updated(*entity, &object.id, row, message);
        result.changes = Some(vec![change]);
        result
    }

    fn result(
        &self,
        target: &EndTarget,
        outcome: Result<EndOutcome, Failure>,
        end: &End,
        rows: &BTreeMap<M3terId, SalesforceId>,
    ) -> ObjectOutcome {
        let EndTarget { entity, object, .. } = target;
        let row = rows.get(&object.id).unwrap_or(self.context.record);
        match outcome {
            Ok(WriteOutcome::Done(())) => {
                let message =
                    format!("m3ter Identifier: {}, ends {}", object.id, end.render(*entity));
                updated(*entity, &object.id, row, message)
            }
            Ok(WriteOutcome::Refused(message)) => {
                let remedy = format!(
                    "It still ends {}; end it in m3ter, or ask again",
                    object.text("endDate").unwrap_or("never")
                );
                failed(*entity, &object.id, row, &message, &remedy)
            }
            Err(failure) => {
                let mut result = failed(
                    *entity,
                    &object.id,
                    row,
                    &failure.reason,
                    "Ask again: what has ended is found and left as it is",
                );
                result.finding = Some(FindingCode::OutcomeUnknown);
                result
            }
        }
    }

    /// m3ter ended something unexpected; the reader of the result must know.
    fn unexpected(
        &self,
        entity: BillingEntity,
        id: &M3terId,
        owner: &EndingOwner,
        end: &End,
    ) -> ObjectOutcome {
        let message = format!("m3ter Identifier: {id}, ends {}", end.render(entity));
        let mut result = updated(entity, id, self.context.record, message);
        let owner = match owner {
            EndingOwner::Account(id) => format!("the Account {id}"),
            EndingOwner::Contract(id) => format!("the Contract {id}"),
        };
        result.warnings.push(
            format!("m3ter ended it although nothing showed it under {owner}; look at it in m3ter")
                .into(),
        );
        result
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

fn failed(
    entity: BillingEntity,
    id: &M3terId,
    row: &SalesforceId,
    message: &str,
    remedy: &str,
) -> ObjectOutcome {
    let message =
        Message::with_detail(format!("The {} {id} was not ended", entity.object_name()), message);
    ObjectOutcome {
        m3ter_id: Some(id.clone()),
        finding: Some(FindingCode::EndDateFailed),
        remedy: Some(remedy.to_owned()),
        ..ObjectOutcome::of_kind(entity.object_kind(), row, Action::Failed, message)
    }
}

fn updated(
    entity: BillingEntity,
    id: &M3terId,
    row: &SalesforceId,
    message: impl Into<Message>,
) -> ObjectOutcome {
    ObjectOutcome {
        m3ter_id: Some(id.clone()),
        ..ObjectOutcome::of_kind(entity.object_kind(), row, Action::Updated, message)
    }
}

fn pairs(
    by_entity: &BTreeMap<BillingEntity, Vec<M3terId>>,
) -> impl Iterator<Item = (BillingEntity, &M3terId)> {
    by_entity.iter().flat_map(|(entity, ids)| ids.iter().map(move |id| (*entity, id)))
}
