//! One end dating as a walk: find the m3ter Account or Contract of the record, read what it has, end it, say what became of each.
//!
//! m3ter's own calls do it, and their answer is believed only where it names an object: what it leaves out is read again. The call
//! for a Contract is described as one about the Contract's Accounts; where such an Account has more of a kind than the Contract, the
//! Contract's are ended one by one instead, so that nothing else ends.

mod reach;
mod target;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use jiff::Timestamp;

use crate::domain::actual::ActualObject;
use crate::domain::ending::{BillingEntity, EndDateOrder};
use crate::domain::finding::FindingCode;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::outcome::{Action, ErrorCode, Failure, FieldChange, ObjectResult, SyncResult};
use crate::m3ter::EndingOwner;
use crate::store::{ClaimedRun, Progress, Store};
use crate::sync::SyncMode;
use crate::sync::end_one::{End, EndedOne, end_one};
use crate::sync::failure;
use crate::sync::knowledge::Knowledge;
use crate::sync::patience::Patience;
use crate::sync::runs::callouts;
use crate::transport::{Budget, Effect};
use reach::Billed;
use target::Target;

/// What one end dating works with.
pub(super) struct EndDating<'a> {
    pub(super) knowledge: &'a Knowledge,
    pub(super) store: &'a Store,
    pub(super) run: &'a ClaimedRun,
    pub(super) record: &'a SalesforceId,
    pub(super) order: &'a EndDateOrder,
    pub(super) mode: SyncMode,
    pub(super) now: Timestamp,
    pub(super) budget: &'a Budget,
}

/// What became of one billing entity.
enum Became {
    Ended,
    Failed(String),
    /// Nobody knows; the failure says why.
    Unsettled(String),
}

/// Object results and warnings on the way to the answer.
#[derive(Default)]
struct Report {
    results: Vec<ObjectResult>,
    warnings: Vec<String>,
    failures: Vec<Failure>,
}

impl EndDating<'_> {
    /// Walks to the end, whatever it meets.
    pub(super) async fn to_the_end(&self) -> SyncResult {
        let report = match self.end().await {
            Ok(report) => report,
            Err(failure) => Report { failures: vec![failure], ..Report::default() },
        };
        let mut result = match report.failures.first() {
            None => SyncResult::ended(report.results, report.warnings),
            Some(failure) => SyncResult::failed(&failure::with_limit(failure, self.budget), report.results, report.warnings),
        };
        result.parent_record_id = Some(self.record.to_string());
        result.sync_run_id = Some(self.run.held.run.to_string());
        result.dry_run = self.mode == SyncMode::DryRun;
        result
    }

    async fn end(&self) -> Result<Report, Failure> {
        let (target, organization) = tokio::join!(self.find_target(), self.knowledge.organization(self.budget));
        let (target, organization) = (target?, organization?);
        let time_zone = target.time_zone.as_ref().unwrap_or(&organization.time_zone);
        let instant = self.order.end_date.instant(time_zone).ok_or_else(|| Failure {
            code: ErrorCode::InvalidEndDate,
            reason: format!("`{}` is not a date that m3ter can hold", self.order.end_date),
        })?;
        let end = End::at(instant, organization.time_zone.clone());
        let reach = self.fetch_reach(&target, &end).await?;
        let (meant, spared): (Vec<Billed>, Vec<Billed>) = reach.into_iter().partition(|billed| billed.is_meant);
        let rows = self.rows_of(&meant).await?;
        let mut report = Report::default();
        if instant < self.now {
            report.warnings.push(format!("The end {instant} lies in the past; bills may exist beyond it"));
        }
        if meant.is_empty() {
            let kinds: Vec<&str> = self.order.entities.iter().map(|entity| entity.word()).collect();
            report.warnings.push(format!("Nothing runs beyond {instant} among {}", kinds.join(", ")));
            return Ok(report);
        }
        if self.mode == SyncMode::DryRun {
            report.results = meant.iter().map(|billed| self.foresee(billed, &end, &rows)).collect();
        } else {
            self.apply(&target, &meant, &spared, &end, &rows, &mut report).await;
            self.save(&report).await;
        }
        report.warnings.push(
            "A later sync of the record gives what it reads from Salesforce to m3ter, ends among it; change them there as well".to_owned(),
        );
        Ok(report)
    }

    /// The rows that the objects are linked to.
    async fn rows_of(&self, meant: &[Billed]) -> Result<BTreeMap<M3terId, SalesforceId>, Failure> {
        let ids: Vec<M3terId> = meant.iter().map(|billed| billed.object.id.clone()).collect();
        let links = Patience::of(self.budget).with(|| self.store.load_owners(&ids)).await.map_err(|error| failure::of_store(&error))?;
        Ok(links.into_iter().map(|link| (link.m3ter_id, link.object.row)).collect())
    }

    async fn apply(
        &self,
        target: &Target,
        meant: &[Billed],
        spared: &[Billed],
        end: &End,
        rows: &BTreeMap<M3terId, SalesforceId>,
        report: &mut Report,
    ) {
        let singly: BTreeSet<BillingEntity> = spared.iter().map(|billed| billed.entity).collect();
        let by_call: Vec<&Billed> = meant.iter().filter(|billed| !singly.contains(&billed.entity)).collect();
        let one_by_one: Vec<&Billed> = meant.iter().filter(|billed| singly.contains(&billed.entity)).collect();
        let (called, ended) = tokio::join!(self.end_by_call(target, &by_call, end, report), self.end_singly(&one_by_one, end));
        let mut became: BTreeMap<M3terId, Became> = called;
        for (id, outcome) in ended {
            became.insert(id, outcome.unwrap_or_else(|failure| unsettled(failure, report)));
        }
        let results = meant.iter().filter_map(|billed| {
            let became = became.remove(&billed.object.id)?;
            Some(self.result(billed, became, end, rows))
        });
        let mut results: Vec<ObjectResult> = results.collect();
        results.append(&mut report.results);
        report.results = results;
    }

    /// Ends by m3ter's call, and settles what its answer leaves open.
    async fn end_by_call(&self, target: &Target, meant: &[&Billed], end: &End, report: &mut Report) -> BTreeMap<M3terId, Became> {
        let mut became = BTreeMap::new();
        let kinds: BTreeSet<BillingEntity> = meant.iter().map(|billed| billed.entity).collect();
        let kinds: Vec<BillingEntity> = kinds.into_iter().collect();
        if kinds.is_empty() {
            return became;
        }
        let m3ter = &self.knowledge.m3ter;
        let mut failure = None;
        match m3ter.end_date(&target.owner, end.instant(), &kinds, self.order.children, self.budget).await {
            Ok(answer) => {
                let is_meant = |id: &M3terId| meant.iter().any(|billed| billed.object.id == *id);
                for (entity, id) in pairs(&answer.updated) {
                    became.insert(id.clone(), Became::Ended);
                    if !is_meant(id) {
                        report.results.push(self.unexpected(entity, id, &target.owner, end));
                    }
                }
                for (entity, id) in pairs(&answer.failed) {
                    let message = if answer.message.is_empty() { "m3ter could not end it" } else { &answer.message };
                    became.insert(id.clone(), Became::Failed(message.to_owned()));
                    if !is_meant(id) {
                        report.results.push(failed(entity, id, self.record, message, "See in m3ter what it is and end it there"));
                    }
                }
            }
            Err(error) if error.effect() == Effect::Refused => {
                let message = error.refusal().map_or_else(|| error.reason(), |refusal| refusal.message.clone());
                became.extend(meant.iter().map(|billed| (billed.object.id.clone(), Became::Failed(message.clone()))));
            }
            Err(error) => failure = Some(failure::of_callout(&error)),
        }
        let open: Vec<&&Billed> = meant.iter().filter(|billed| !became.contains_key(&billed.object.id)).collect();
        let looked = join_all(open.iter().map(|billed| m3ter.fetch_billing_entity(billed.entity, &billed.object.id, self.budget))).await;
        for (billed, present) in open.into_iter().zip(looked) {
            let outcome = match (present, &failure) {
                (Ok(Some(present)), _) if !end.comes_before_that_of(billed.entity, &present) => Became::Ended,
                (Ok(None), _) => Became::Ended,
                (_, Some(failure)) => unsettled(failure.clone(), report),
                (Ok(Some(_)), None) => Became::Failed("m3ter's answer names it neither as ended nor as failed, and it runs on".to_owned()),
                (Err(error), None) => unsettled(failure::of_callout(&error), report),
            };
            became.insert(billed.object.id.clone(), outcome);
        }
        became
    }

    /// Ends exactly these, each by a write of its own.
    async fn end_singly(&self, meant: &[&Billed], end: &End) -> Vec<(M3terId, Result<Became, Failure>)> {
        join_all(meant.iter().map(|billed| async {
            let outcome = match end_one(&self.knowledge.m3ter, billed.entity, &billed.object, end, self.budget).await {
                EndedOne::Done => Ok(Became::Ended),
                EndedOne::Refused(message) => Ok(Became::Failed(message)),
                EndedOne::Unsettled(failure) => Err(failure),
            };
            (billed.object.id.clone(), outcome)
        }))
        .await
    }

    fn foresee(&self, billed: &Billed, end: &End, rows: &BTreeMap<M3terId, SalesforceId>) -> ObjectResult {
        let Billed { entity, object, .. } = billed;
        let change = FieldChange {
            field: "endDate".to_owned(),
            old_value: object.text("endDate").map(ToOwned::to_owned),
            new_value: Some(end.shown(*entity)),
            source: "`endDate` of the request".to_owned(),
        };
        let row = rows.get(&object.id).unwrap_or(self.record);
        let mut result = ObjectResult::named(entity.object_name(), row, Action::Updated, format!("Would be ended: {change}"));
        result.m3ter_id = Some(object.id.to_string());
        result.changes = Some(vec![change]);
        if end.comes_before_the_start_of(*entity, object) {
            result.warnings.push(begins_later(object));
        }
        result
    }

    fn result(&self, billed: &Billed, became: Became, end: &End, rows: &BTreeMap<M3terId, SalesforceId>) -> ObjectResult {
        let Billed { entity, object, .. } = billed;
        let row = rows.get(&object.id).unwrap_or(self.record);
        match became {
            Became::Ended => {
                let message = format!("m3ter Identifier: {}, ends {}", object.id, end.shown(*entity));
                let mut result = ObjectResult::named(entity.object_name(), row, Action::Updated, message);
                result.m3ter_id = Some(object.id.to_string());
                result
            }
            Became::Failed(message) => {
                let remedy = if end.comes_before_the_start_of(*entity, object) {
                    format!("{}; give a later end, or delete it in m3ter if it was never billed", begins_later(object))
                } else {
                    format!("It still ends {}; end it in m3ter, or ask again", object.text("endDate").unwrap_or("never"))
                };
                failed(*entity, &object.id, row, &message, &remedy)
            }
            Became::Unsettled(reason) => {
                let mut result = failed(*entity, &object.id, row, &reason, "Ask again: what has ended is found and left as it is");
                result.finding_code = Some(FindingCode::OutcomeUnknown.to_string());
                result
            }
        }
    }

    /// m3ter ended what was not to be expected; whoever reads the result has to know.
    fn unexpected(&self, entity: BillingEntity, id: &M3terId, owner: &EndingOwner, end: &End) -> ObjectResult {
        let message = format!("m3ter Identifier: {id}, ends {}", end.shown(entity));
        let mut result = ObjectResult::named(entity.object_name(), self.record, Action::Updated, message);
        result.m3ter_id = Some(id.to_string());
        let owner = match owner {
            EndingOwner::Account(id) => format!("the Account {id}"),
            EndingOwner::Contract(id) => format!("the Contract {id}"),
        };
        result.warnings.push(format!("m3ter ended it although nothing showed it under {owner}; look at it in m3ter"));
        result
    }

    async fn save(&self, report: &Report) {
        let results: Vec<(u32, ObjectResult)> = (0..).zip(report.results.iter().cloned()).collect();
        let callouts = callouts(&self.run.callouts, self.budget.journal());
        let progress = Progress { results: &results, links: &[], callouts: &callouts };
        if let Err(error) = Patience::of(self.budget).with(|| self.store.save_progress(self.run.held, &progress)).await {
            failure::of_store(&error);
        }
    }
}

fn failed(entity: BillingEntity, id: &M3terId, row: &SalesforceId, message: &str, remedy: &str) -> ObjectResult {
    let name = entity.object_name();
    let mut result = ObjectResult::named(name, row, Action::Failed, format!("The {name} {id} was not ended: {message}"));
    result.m3ter_id = Some(id.to_string());
    result.finding_code = Some(FindingCode::EndDateFailed.to_string());
    result.remedy = Some(remedy.to_owned());
    result
}

fn pairs(by_entity: &BTreeMap<BillingEntity, Vec<M3terId>>) -> impl Iterator<Item = (BillingEntity, &M3terId)> {
    by_entity.iter().flat_map(|(entity, ids)| ids.iter().map(move |id| (*entity, id)))
}

fn unsettled(failure: Failure, report: &mut Report) -> Became {
    let reason = failure.reason.clone();
    report.failures.push(failure);
    Became::Unsettled(reason)
}

fn begins_later(object: &ActualObject) -> String {
    format!("It begins {}, not before the end", object.text("startDate").unwrap_or("at an unknown time"))
}
