//! How billing ends in m3ter: by its own call, or one by one.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;

use super::EndDating;
use super::owner::Owner;
use super::results::failed;
use super::scope::EndTarget;
use crate::domain::ending::BillingEntity;
use crate::domain::ids::M3terId;
use crate::domain::outcome::Failure;
use crate::m3ter::{EndingOwner, Endings};
use crate::sync::context::RunContext;
use crate::sync::context::report::Report;
use crate::sync::execute::end_one::{End, end_one};
use crate::sync::execute::write_outcome::{EndOutcome, WriteOutcome};
use crate::transport::{CalloutError, Effect};

/// What became of billing entities; a failure where nobody knows.
pub(super) type Outcomes = BTreeMap<M3terId, Result<EndOutcome, Failure>>;

impl EndDating<'_> {
    /// Ends by m3ter's call, and settles what its answer leaves open.
    pub(super) async fn end_by_call(
        &self,
        owner: &Owner,
        to_end: &[&EndTarget],
        end: &End,
        report: &mut Report,
    ) -> Outcomes {
        let kinds: BTreeSet<BillingEntity> = to_end.iter().map(|target| target.entity).collect();
        let kinds: Vec<BillingEntity> = kinds.into_iter().collect();
        if kinds.is_empty() {
            return Outcomes::new();
        }
        let RunContext { m3ter, budget, .. } = self.context;
        let children = self.order.children;
        let called = m3ter.end_date(&owner.id, end.instant(), &kinds, children, budget).await;
        let (mut outcomes, failure) = match called {
            Ok(answer) => (self.read_answer(&answer, &owner.id, to_end, end, report), None),
            Err(error) if error.effect() == Effect::Refused => (all_refused(to_end, &error), None),
            Err(error) => (Outcomes::new(), Some(Failure::from(error))),
        };
        self.look_up_open(to_end, end, failure.as_ref(), &mut outcomes).await;
        outcomes
    }

    /// What m3ter's answer says. What it names beside what was to end goes to the report.
    fn read_answer(
        &self,
        answer: &Endings,
        owner: &EndingOwner,
        to_end: &[&EndTarget],
        end: &End,
        report: &mut Report,
    ) -> Outcomes {
        let mut outcomes = Outcomes::new();
        let is_asked_for = |id: &M3terId| to_end.iter().any(|target| target.object.id == *id);
        for (entity, id) in pairs(&answer.updated) {
            outcomes.insert(id.clone(), Ok(WriteOutcome::Done(())));
            if !is_asked_for(id) {
                report.results.push(self.unexpected(entity, id, owner, end));
            }
        }
        let message = Some(answer.message.as_str()).filter(|message| !message.is_empty());
        let message = message.unwrap_or("m3ter could not end it");
        for (entity, id) in pairs(&answer.failed) {
            outcomes.insert(id.clone(), Ok(WriteOutcome::Refused(message.to_owned())));
            if !is_asked_for(id) {
                let remedy = "Look it up in m3ter and end it there";
                report.results.push(failed(entity, id, self.context.record, message, remedy));
            }
        }
        outcomes
    }

    /// Reads again what has no outcome yet; what cannot be read has the failure of the call.
    async fn look_up_open(
        &self,
        to_end: &[&EndTarget],
        end: &End,
        failure: Option<&Failure>,
        outcomes: &mut Outcomes,
    ) {
        let RunContext { m3ter, budget, .. } = self.context;
        let is_open = |target: &&&EndTarget| !outcomes.contains_key(&target.object.id);
        let open: Vec<&&EndTarget> = to_end.iter().filter(is_open).collect();
        let looked =
            join_all(open.iter().map(|target| {
                m3ter.fetch_billing_entity(target.entity, &target.object.id, budget)
            }))
            .await;
        for (target, present) in open.into_iter().zip(looked) {
            let outcome = match (present, failure) {
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
    }

    /// Ends exactly these, each by a write of its own.
    pub(super) async fn end_singly(
        &self,
        to_end: &[&EndTarget],
        end: &End,
    ) -> Vec<(M3terId, Result<EndOutcome, Failure>)> {
        let RunContext { m3ter, budget, .. } = self.context;
        join_all(to_end.iter().map(|target| async {
            let ended = end_one(m3ter, target.entity, &target.object, end, budget).await;
            (target.object.id.clone(), ended)
        }))
        .await
    }
}

/// m3ter refused the call: nothing has ended.
fn all_refused(to_end: &[&EndTarget], error: &CalloutError) -> Outcomes {
    let message = error.refusal().map_or_else(|| error.reason(), |refusal| refusal.message.clone());
    let refused = |target: &&EndTarget| {
        (target.object.id.clone(), Ok(WriteOutcome::Refused(message.clone())))
    };
    to_end.iter().map(refused).collect()
}

fn pairs(
    by_entity: &BTreeMap<BillingEntity, Vec<M3terId>>,
) -> impl Iterator<Item = (BillingEntity, &M3terId)> {
    by_entity.iter().flat_map(|(entity, ids)| ids.iter().map(move |id| (*entity, id)))
}
