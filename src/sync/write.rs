//! One write to m3ter, until it is known what became of it.
//!
//! m3ter has no idempotency key. A refused create may mean that the object is there already; an
//! answer that never came may hide a create that happened. Either is settled by looking, never by
//! sending again blindly.

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json};

use crate::changeset::adoption;
use crate::changeset::compare::{Circumstances, compare};
use crate::changeset::identity::{code_in_use, is_body_of};
use crate::changeset::planned::of_update;
use crate::changeset::price_start::FirstPrice;
use crate::changeset::successor::{ending, successor};
use crate::changeset::{Change, KnownIds, Step, body};
use crate::domain::actual::ActualObject;
use crate::domain::desired::{DesiredObject, OnFound};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::outcome::{Action, ErrorCode, Failure};
use crate::domain::plan::Plan;
use crate::domain::warning::Warning;
use crate::m3ter::{ListFilter, RefusalKind};
use crate::mapping::Mapping;
use crate::store::{CommitmentAttempt, Held, Store};
use crate::sync::knowledge::Knowledge;
use crate::sync::matching::load_owners;
use crate::sync::patience::Patience;
use crate::sync::read_again::Rereader;
use crate::sync::{blocker, failure};
use crate::transport::{Budget, CalloutError, Effect};

/// The writing side of one sync.
pub(super) struct Writer<'a> {
    pub(super) knowledge: &'a Knowledge,
    pub(super) store: &'a Store,
    pub(super) budget: &'a Budget,
    pub(super) circumstances: &'a Circumstances,
    pub(super) held: Held,
    pub(super) root: &'a SalesforceId,
    /// The objects that this record asks for: what one of them has is never ended for another one.
    pub(super) desired: &'a HashSet<ObjectKey>,
    pub(super) mapping: &'a Mapping,
    /// In which m3ter's calendar dates begin.
    pub(super) organization_time_zone: &'a TimeZone,
    /// Bodies of Commitments that earlier runs sent without learning what became of them.
    pub(super) attempts: &'a [CommitmentAttempt],
    /// The plan that the run was asked to carry out: nothing else is written then.
    pub(super) plan: Option<&'a Plan>,
}

/// What became of a write.
#[derive(Debug)]
pub(super) enum Written {
    /// m3ter holds the object as the record asks for.
    Done {
        /// Its id.
        id: M3terId,
        /// What was done.
        action: Action,
        /// What a person should know.
        warnings: Vec<Warning>,
    },
    /// m3ter said no.
    Refused(Finding),
    /// There is no definite answer.
    Unsettled(Failure),
}

/// How often an update starts over because the object changed meanwhile.
const UPDATE_ROUNDS: u32 = 3;

/// When a Commitment is looked for whose create gave no answer: three times over five seconds.
const COMMITMENT_LOOK_UPS: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_millis(1_500), Duration::from_secs(3)];

impl Writer<'_> {
    /// Writes one change; everything that it refers to is in `known`.
    pub(super) async fn write(&self, change: &Change, known: &KnownIds) -> Written {
        match &change.step {
            Step::Create { .. } => self.create(&change.desired, known).await,
            Step::Update { actual, .. } => {
                // First the price, then what it bills: the other way round a lost update would not
                // be noticed any more.
                if let Some(first) = change.first_price.as_ref().filter(|first| first.moves()) {
                    let moved = self
                        .update(&first.desired, first.actual.clone(), known, Action::Updated)
                        .await;
                    if !matches!(moved, Written::Done { .. }) {
                        return moved;
                    }
                }
                match self.update(&change.desired, actual.clone(), known, Action::Updated).await {
                    Written::Done { id, action, mut warnings } => {
                        warnings.extend(change.first_price.as_ref().map(FirstPrice::told));
                        Written::Done { id, action, warnings }
                    }
                    other => other,
                }
            }
            Step::Supersede { actual, from, .. } => {
                self.supersede(&change.desired, actual, *from, known).await
            }
            Step::Unchanged { id } => {
                Written::Done { id: id.clone(), action: Action::Unchanged, warnings: Vec::new() }
            }
            Step::Flagged { .. } | Step::Kept { .. } | Step::Invalid { .. } => {
                unreachable!("a change that writes nothing is not handed to the writer")
            }
        }
    }

    /// Whether something may be written, as far as a plan decides: values may have changed since
    /// the plan was looked at.
    pub(super) fn keep_to_plan(&self, changes: &Plan) -> Result<(), Failure> {
        match self.plan {
            Some(plan) if !plan.covers(changes) => Err(failure::of_changed_plan()),
            _ => Ok(()),
        }
    }

    fn rereader(&self) -> Rereader<'_> {
        let Circumstances { now, time_zone, .. } = self.circumstances;
        Rereader {
            knowledge: self.knowledge,
            mapping: self.mapping,
            root: self.root,
            time_zone,
            budget: self.budget,
            read_at: *now,
        }
    }

    async fn create(&self, desired: &DesiredObject, known: &KnownIds) -> Written {
        let body = body::create_body(desired, known);
        if desired.kind() == EntityKind::Commitment
            && let Err(failure) = self.journal(desired, &body).await
        {
            return Written::Unsettled(failure);
        }
        let error = match self.post(desired.kind(), &body).await {
            Ok(created) => return created_as(created),
            Err(error) => error,
        };
        match error.effect() {
            Effect::None => Written::Unsettled(failure::of_callout(&error)),
            Effect::Refused => {
                self.after_refused_create(desired, &body, known, &error, Action::Unchanged).await
            }
            Effect::Unknown => self.after_unknown_create(desired, &body, known, &error).await,
        }
    }

    /// The answer is lost: the object may be there.
    async fn after_unknown_create(
        &self,
        desired: &DesiredObject,
        body: &Map<String, Json>,
        known: &KnownIds,
        error: &CalloutError,
    ) -> Written {
        if desired.kind() == EntityKind::Commitment {
            return self.look_for_commitment(desired, body, error).await;
        }
        match self.look_up(desired, body, Breadth::Scope).await {
            Err(error) => Written::Unsettled(failure::of_callout(&error)),
            Ok(Some(found)) => self.take_over(desired, found, known, Action::Created).await,
            Ok(None) => match self.post(desired.kind(), body).await {
                Ok(created) => created_as(created),
                Err(again) if again.effect() == Effect::Refused => {
                    self.after_refused_create(desired, body, known, &again, Action::Created).await
                }
                Err(again) => Written::Unsettled(failure::of_callout(&again)),
            },
        }
    }

    /// A Commitment has no code that would refuse a second one: it is looked for, and never sent
    /// again in this run.
    pub(super) async fn look_for_commitment(
        &self,
        desired: &DesiredObject,
        body: &Map<String, Json>,
        error: &CalloutError,
    ) -> Written {
        for pause in COMMITMENT_LOOK_UPS {
            tokio::time::sleep(pause.min(self.budget.remaining())).await;
            match self.look_up(desired, body, Breadth::Scope).await {
                Ok(Some(found)) => return created_as(found),
                Ok(None) => {}
                Err(error) => return Written::Unsettled(failure::of_callout(&error)),
            }
        }
        Written::Unsettled(failure::of_callout(error))
    }

    /// m3ter said no: because the object is there already, or because of what it holds.
    async fn after_refused_create(
        &self,
        desired: &DesiredObject,
        body: &Map<String, Json>,
        known: &KnownIds,
        error: &CalloutError,
        action: Action,
    ) -> Written {
        if matches!(desired.kind(), EntityKind::Plan | EntityKind::Pricing) {
            self.knowledge.forget_references();
        }
        let found = match RefusalKind::of(refusal_message(error)) {
            RefusalKind::CommitmentOverlap { blocker }
            | RefusalKind::AccountPlanOverlap { blocker } => {
                self.own_blocker(desired, body, &blocker).await
            }
            RefusalKind::Other if desired.code.is_some() => {
                self.look_up(desired, body, Breadth::Scope).await
            }
            RefusalKind::Other => Ok(None),
        };
        let found = match found {
            Ok(None) if names_the_code(error) => {
                self.look_up(desired, body, Breadth::Everything).await
            }
            found => found,
        };
        match found {
            Err(error) => Written::Unsettled(failure::of_callout(&error)),
            Ok(Some(found)) => self.take_over(desired, found, known, action).await,
            Ok(None) => match self.replace(desired, body, refusal_message(error)).await {
                Some(written) => written,
                None => self.refused(desired, error).await,
            },
        }
    }

    /// Goes on with an object that was there already, unless it is another row's.
    async fn take_over(
        &self,
        desired: &DesiredObject,
        found: ActualObject,
        known: &KnownIds,
        action: Action,
    ) -> Written {
        let owners = match load_owners(
            self.store,
            std::slice::from_ref(&found.id),
            Patience::of(self.budget),
        )
        .await
        {
            Ok(owners) => owners,
            Err(failure) => return Written::Unsettled(failure),
        };
        match owners.get(&found.id) {
            Some(owner) if *owner != desired.key.row && desired.on_found == OnFound::Adopt => {
                return Written::Refused(code_in_use(desired, &found, Some(owner)));
            }
            _ if desired.on_found == OnFound::Refer => {
                return Written::Done { id: found.id, action, warnings: Vec::new() };
            }
            _ => {}
        }
        let mut kept = Vec::new();
        let kept_desired =
            match self.keeping_its_end(Cow::Borrowed(desired), &found, &mut kept).await {
                Ok(desired) => desired,
                Err(written) => return written,
            };
        let desired = &*kept_desired;
        let (step, mut warnings) = compare(desired, Some(&found), known, self.circumstances);
        warnings.append(&mut kept);
        // A list that lagged did not show it before: nobody has said that it is the row's.
        let (step, unproven) = if owners.contains_key(&found.id) {
            (step, None)
        } else {
            adoption::hold_back(desired, &found, known, step)
        };
        if let Some(unproven) = unproven {
            warnings.push(unproven);
            return Written::Done { id: found.id, action: Action::Unchanged, warnings };
        }
        match step {
            Step::Invalid { findings, .. } => Written::Refused(first(findings)),
            Step::Update { actual, .. } | Step::Supersede { actual, .. } => {
                let action = if action == Action::Created { action } else { Action::Updated };
                match Box::pin(self.update(desired, actual, known, action)).await {
                    Written::Done { id, action, warnings: more } => {
                        warnings.extend(more);
                        Written::Done { id, action, warnings }
                    }
                    other => other,
                }
            }
            _ => Written::Done { id: found.id, action, warnings },
        }
    }

    async fn update(
        &self,
        desired: &DesiredObject,
        mut actual: ActualObject,
        known: &KnownIds,
        action: Action,
    ) -> Written {
        let kind = desired.kind();
        let mut desired = Cow::Borrowed(desired);
        let mut last_error = None;
        let mut warnings = Vec::new();
        for _ in 0..UPDATE_ROUNDS {
            if self.rereader().may_be_outdated(&desired, &actual) {
                match self.rereader().read(&desired).await {
                    Ok(present) => desired = Cow::Owned(present),
                    Err(written) => return written,
                }
                // Another deal has brought the latest edit already.
                if let Step::Unchanged { id } =
                    compare(&desired, Some(&actual), known, self.circumstances).0
                {
                    let action = if action == Action::Created { action } else { Action::Unchanged };
                    return Written::Done { id, action, warnings: Vec::new() };
                }
            }
            if let Err(failure) = self.keep_to_plan(&of_update(&desired, &actual, known)) {
                return Written::Unsettled(failure);
            }
            let body = body::update_body(&desired, &actual, known);
            let error =
                match self.knowledge.m3ter.update(kind, &actual.id, &body, self.budget).await {
                    Ok(updated) => return Written::Done { id: updated.id, action, warnings },
                    Err(error) => error,
                };
            if error.effect() == Effect::None {
                return Written::Unsettled(failure::of_callout(&error));
            }
            let present = match self.knowledge.m3ter.fetch(kind, &actual.id, self.budget).await {
                Ok(Some(present)) => present,
                Ok(None) => return self.refused(&desired, &error).await,
                Err(error) => return Written::Unsettled(failure::of_callout(&error)),
            };
            if error.effect() == Effect::Refused && present.version == actual.version {
                return self.refused(&desired, &error).await;
            }
            // It changed meanwhile, or the update that gave no answer happened or did not: compare
            // once more.
            if present.text("endDate") != actual.text("endDate") {
                desired = match self.keeping_its_end(desired, &present, &mut warnings).await {
                    Ok(desired) => desired,
                    Err(written) => return written,
                };
            }
            match compare(&desired, Some(&present), known, self.circumstances).0 {
                Step::Unchanged { id } => return Written::Done { id, action, warnings },
                Step::Invalid { findings, .. } => return Written::Refused(first(findings)),
                _ => actual = present,
            }
            last_error = Some(error);
        }
        match last_error {
            Some(error) if error.effect() == Effect::Unknown => {
                Written::Unsettled(failure::of_callout(&error))
            }
            _ => Written::Refused(Finding::new(
                FindingCode::ChangedMeanwhile,
                format!(
                    "The {kind} {} changed in m3ter while it was updated, {UPDATE_ROUNDS} times in a row",
                    actual.id
                ),
                "Sync again when nobody else is changing it",
            )),
        }
    }

    /// Ends the running Pricing and starts another one. The end comes first: the next sync ends a
    /// moment without a price, two prices for one moment are money.
    async fn supersede(
        &self,
        desired: &DesiredObject,
        actual: &ActualObject,
        from: jiff::Timestamp,
        known: &KnownIds,
    ) -> Written {
        if let Some(ending) = ending(desired, actual, from) {
            match self.update(&ending, actual.clone(), known, Action::Updated).await {
                Written::Done { .. } => {}
                other => return other,
            }
        }
        let successor = successor(desired, from);
        match self.create(&successor, known).await {
            Written::Done { id, mut warnings, .. } => {
                if let Err(written) = self.inherit_end(actual, &id, &successor).await {
                    return written;
                }
                warnings.push(
                    format!(
                        "The price changed: the Pricing {} ends at {from}, and {id} follows it",
                        actual.id
                    )
                    .into(),
                );
                Written::Done { id, action: Action::Updated, warnings }
            }
            other => other,
        }
    }

    pub(super) async fn post(
        &self,
        kind: EntityKind,
        body: &Map<String, Json>,
    ) -> Result<ActualObject, CalloutError> {
        self.knowledge.m3ter.create(kind, body, self.budget).await
    }

    /// The one journalled step: what is about to be sent is saved first, so that a later run can
    /// recognise it.
    async fn journal(
        &self,
        desired: &DesiredObject,
        body: &Map<String, Json>,
    ) -> Result<(), Failure> {
        let id = |field: &str| {
            body.get(field).and_then(Json::as_str).and_then(|id| M3terId::parse(id).ok())
        };
        let Some(account_id) = id("accountId") else {
            return Err(Failure {
                code: ErrorCode::InternalError,
                reason: "A Commitment without an Account was about to be sent".to_owned(),
            });
        };
        let attempt = CommitmentAttempt {
            root: self.root.clone(),
            object: desired.key.clone(),
            account_id,
            contract_id: id("contractId"),
            body: Json::Object(body.clone()),
            attempted_at: self.circumstances.now,
        };
        let saved = Patience::of(self.budget)
            .with(|| self.store.save_commitment_attempt(self.held, &attempt))
            .await;
        saved.map_err(|error| failure::of_store(&error))
    }

    /// The object under the natural key of what was sent.
    pub(super) async fn look_up(
        &self,
        desired: &DesiredObject,
        body: &Map<String, Json>,
        breadth: Breadth,
    ) -> Result<Option<ActualObject>, CalloutError> {
        let kind = desired.kind();
        let id = |field: &str| {
            body.get(field).and_then(Json::as_str).and_then(|id| M3terId::parse(id).ok())
        };
        let code = || desired.code.clone().into_iter().collect::<Vec<_>>();
        let filters = match (kind, breadth) {
            (EntityKind::Account | EntityKind::Contract, _) => vec![ListFilter::Codes(code())],
            (_, Breadth::Everything) => Vec::new(),
            (EntityKind::Plan, _) => {
                id("accountId").map(ListFilter::AccountId).into_iter().collect()
            }
            (EntityKind::Pricing, _) => id("planId").map(ListFilter::PlanId).into_iter().collect(),
            (EntityKind::AccountPlan, _) => id("accountId")
                .map(ListFilter::Account)
                .into_iter()
                .chain([ListFilter::IncludeAll])
                .collect(),
            (EntityKind::Commitment, _) => id("accountId")
                .map(ListFilter::AccountId)
                .into_iter()
                .chain(id("contractId").map(ListFilter::ContractId))
                .collect(),
        };
        let candidates = self.knowledge.m3ter.list(kind, &filters, self.budget).await?;
        let is_it = |candidate: &ActualObject| match kind {
            EntityKind::Commitment => is_body_of(body, candidate),
            _ => candidate.code().is_some_and(|code| desired.is_code(code)),
        };
        Ok(candidates.into_iter().find(is_it))
    }

    /// The object that overlaps, if it is the very one that this or an earlier run sent.
    async fn own_blocker(
        &self,
        desired: &DesiredObject,
        body: &Map<String, Json>,
        blocker: &M3terId,
    ) -> Result<Option<ActualObject>, CalloutError> {
        let Some(found) = self.knowledge.m3ter.fetch(desired.kind(), blocker, self.budget).await?
        else {
            return Ok(None);
        };
        let is_own = match desired.kind() {
            EntityKind::Commitment => {
                let contract =
                    found.text("contractId") == body.get("contractId").and_then(Json::as_str);
                let sent_before =
                    self.attempts.iter().filter(|attempt| attempt.object == desired.key);
                contract
                    && sent_before
                        .filter_map(|attempt| attempt.body.as_object())
                        .any(|sent| is_body_of(sent, &found))
            }
            _ => desired.code.is_some() && found.code() == desired.code.as_deref(),
        };
        Ok(is_own.then_some(found))
    }

    pub(super) async fn refused(&self, desired: &DesiredObject, error: &CalloutError) -> Written {
        let message = refusal_message(error);
        match blocker::finding(self.store, desired, message, Patience::of(self.budget)).await {
            Ok(finding) => Written::Refused(finding),
            Err(failure) => Written::Unsettled(failure),
        }
    }
}

/// How far an object is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breadth {
    /// Under its natural owner.
    Scope,
    /// Everywhere, page by page: a code that m3ter calls taken and no list under the owner shows.
    Everything,
}

pub(super) fn created_as(created: ActualObject) -> Written {
    Written::Done { id: created.id, action: Action::Created, warnings: Vec::new() }
}

pub(super) fn refusal_message(error: &CalloutError) -> &str {
    error.refusal().map_or("", |refusal| &refusal.message)
}

fn names_the_code(error: &CalloutError) -> bool {
    error.refusal().is_some_and(|refusal| {
        refusal.status == 409 || refusal.message.to_ascii_lowercase().contains("code")
    })
}

fn first(findings: Vec<Finding>) -> Finding {
    findings.into_iter().next().unwrap_or_else(|| {
        Finding::new(FindingCode::ValueInvalid, "the object cannot be synced", "")
    })
}
