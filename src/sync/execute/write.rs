//! One write to m3ter, until it is known what became of it.
//!
//! m3ter has no idempotency key. A refused create may mean that the object is there already; an
//! answer that never came may hide a create that happened. Either is settled by looking, never by
//! sending again blindly.

use std::borrow::Cow;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json};

use crate::changeset::adoption;
use crate::changeset::compare::{CompareContext, compare};
use crate::changeset::identity::{code_in_use, is_body_of};
use crate::changeset::successor::{ending, successor};
use crate::changeset::{Change, FirstPrice, KnownIds, Step, body};
use crate::domain::actual::ActualObject;
use crate::domain::desired::{DesiredObject, OnFound};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::{IdSet, M3terId};
use crate::domain::outcome::{Action, ErrorCode, Failure};
use crate::domain::plan::Plan;
use crate::m3ter::{ListQuery, OwnerIds, overlapping};
use crate::mapping::Mapping;
use crate::store::CommitmentAttempt;
use crate::sync::approval::plan_changed;
use crate::sync::context::RunContext;
use crate::sync::execute::recorder::Recorder;
use crate::sync::execute::write_outcome::{WriteOutcome, Written};
use crate::sync::plan::ends::{inherit_end, keeping_its_end};
use crate::transport::{CalloutError, Effect};

/// The writing side of one sync.
pub(crate) struct Writer<'a> {
    pub(crate) context: RunContext<'a>,
    pub(crate) compare_context: &'a CompareContext,
    /// The objects that this record asks for: what one of them has is never ended for another one.
    pub(crate) desired: &'a IdSet<ObjectKey>,
    pub(crate) mapping: &'a Mapping,
    /// In which m3ter's calendar dates begin.
    pub(crate) organization_time_zone: &'a TimeZone,
    /// Bodies of Commitments that earlier runs sent without learning what became of them.
    pub(crate) attempts: &'a [CommitmentAttempt],
    /// The plan that the run was asked to carry out: nothing else is written then.
    pub(crate) plan: Option<&'a Plan>,
    /// Where what is changed is remembered.
    pub(crate) recorder: &'a Recorder<'a>,
}

/// When a Commitment is looked for whose create gave no answer: three times over five seconds.
const COMMITMENT_LOOK_UPS: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_millis(1_500), Duration::from_secs(3)];

/// How a change is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Write<'c> {
    Create,
    Update(&'c ActualObject),
    /// The Pricing ends then, and another one follows it.
    Supersede(&'c ActualObject, jiff::Timestamp),
}

impl Writer<'_> {
    /// Writes one change; everything that it refers to is in `known`. A failure where there is no
    /// definite answer.
    pub(crate) async fn write(
        &self,
        change: &Change,
        write: Write<'_>,
        known: &KnownIds,
    ) -> Result<WriteOutcome<Written>, Failure> {
        let desired = &change.desired;
        match write {
            Write::Create => self.create(desired, known).await,
            Write::Update(actual) => self.update_in_order(change, actual, known).await,
            Write::Supersede(actual, from) => self.supersede(desired, actual, from, known).await,
        }
    }

    /// Whether something may be written, as far as a plan decides: values may have changed since
    /// the plan was looked at.
    pub(crate) fn keep_to_plan(&self, changes: &Plan) -> Result<(), Failure> {
        match self.plan {
            Some(plan) if !plan.covers(changes) => Err(plan_changed()),
            _ => Ok(()),
        }
    }

    async fn create(
        &self,
        desired: &DesiredObject,
        known: &KnownIds,
    ) -> Result<WriteOutcome<Written>, Failure> {
        let body = body::create_body(desired, known);
        if desired.kind() == EntityKind::Commitment {
            self.journal(desired, &body).await?;
        }
        let error = match self.post(desired.kind(), &body).await {
            Ok(created) => return Ok(WriteOutcome::created(created)),
            Err(error) => error,
        };
        match error.effect() {
            Effect::None => Err(error.into()),
            Effect::Refused => {
                self.after_refused_create(desired, &body, known, &error, Action::Unchanged).await
            }
            Effect::Unknown => self.after_unknown_create(desired, &body, known, error).await,
        }
    }

    /// The answer is lost: the object may be there.
    async fn after_unknown_create(
        &self,
        desired: &DesiredObject,
        body: &Map<String, Json>,
        known: &KnownIds,
        error: CalloutError,
    ) -> Result<WriteOutcome<Written>, Failure> {
        if desired.kind() == EntityKind::Commitment {
            return self.look_for_commitment(desired, body, error).await;
        }
        if let Some(found) = self.look_up(desired, body, Breadth::Scope).await? {
            return self.take_over(desired, found, known, Action::Created).await;
        }
        match self.post(desired.kind(), body).await {
            Ok(created) => Ok(WriteOutcome::created(created)),
            Err(again) if again.effect() == Effect::Refused => {
                self.after_refused_create(desired, body, known, &again, Action::Created).await
            }
            Err(again) => Err(again.into()),
        }
    }

    /// A Commitment has no code that would refuse a second one: it is looked for, and never sent
    /// again in this run.
    pub(crate) async fn look_for_commitment(
        &self,
        desired: &DesiredObject,
        body: &Map<String, Json>,
        error: CalloutError,
    ) -> Result<WriteOutcome<Written>, Failure> {
        for pause in COMMITMENT_LOOK_UPS {
            tokio::time::sleep(pause.min(self.context.budget.remaining())).await;
            if let Some(found) = self.look_up(desired, body, Breadth::Scope).await? {
                return Ok(WriteOutcome::created(found));
            }
        }
        Err(error.into())
    }

    /// m3ter said no: because the object is there already, or because of what it holds.
    async fn after_refused_create(
        &self,
        desired: &DesiredObject,
        body: &Map<String, Json>,
        known: &KnownIds,
        error: &CalloutError,
        action: Action,
    ) -> Result<WriteOutcome<Written>, Failure> {
        if matches!(desired.kind(), EntityKind::Plan | EntityKind::Pricing) {
            self.context.metadata.forget_references();
        }
        let overlapping = overlapping(refusal_message(error));
        let mut found = match &overlapping {
            Some(existing) => self.own_object(desired, body, existing).await?,
            None if desired.code.is_some() => self.look_up(desired, body, Breadth::Scope).await?,
            None => None,
        };
        if found.is_none() && names_the_code(error) {
            found = self.look_up(desired, body, Breadth::Everything).await?;
        }
        if let Some(found) = found {
            return self.take_over(desired, found, known, action).await;
        }
        if let Some(existing) = overlapping
            && let Some(written) =
                self.replace(desired, body, &existing, refusal_message(error)).await?
        {
            return Ok(written);
        }
        self.refused(desired, error).await
    }

    /// Goes on with an object that was there already, unless it is another row's.
    async fn take_over(
        &self,
        desired: &DesiredObject,
        found: ActualObject,
        known: &KnownIds,
        action: Action,
    ) -> Result<WriteOutcome<Written>, Failure> {
        let owners = self.context.load_owners(std::slice::from_ref(&found.id)).await?;
        match owners.get(&found.id) {
            Some(owner) if *owner != desired.key.row && desired.on_found == OnFound::Adopt => {
                return Ok(WriteOutcome::Refused(code_in_use(desired, &found, Some(owner))));
            }
            _ if desired.on_found == OnFound::Refer => {
                return Ok(WriteOutcome::done(found.id, action, Vec::new()));
            }
            _ => {}
        }
        let mut kept = Vec::new();
        let desired =
            keeping_its_end(&self.context, Cow::Borrowed(desired), &found, &mut kept).await?;
        let desired = &*desired;
        let (step, mut warnings) = compare(desired, Some(&found), known, self.compare_context);
        warnings.append(&mut kept);
        // A list that lagged did not show it before: nobody has said that it is the row's.
        let (step, unproven) = if owners.contains_key(&found.id) {
            (step, None)
        } else {
            adoption::hold_back(desired, &found, known, step)
        };
        if let Some(unproven) = unproven {
            warnings.push(unproven);
            return Ok(WriteOutcome::done(found.id, Action::Unchanged, warnings));
        }
        Ok(match step {
            Step::Invalid { findings, .. } => WriteOutcome::Refused(first(findings)),
            Step::Update { actual, .. } | Step::Supersede { actual, .. } => {
                let action = if action == Action::Created { action } else { Action::Updated };
                let updated = Box::pin(self.update(desired, actual, known, action)).await?;
                updated.with_earlier(warnings)
            }
            _ => WriteOutcome::done(found.id, action, warnings),
        })
    }

    /// First the price, then what it bills: the other way round a lost update would not be noticed
    /// any more.
    async fn update_in_order(
        &self,
        change: &Change,
        actual: &ActualObject,
        known: &KnownIds,
    ) -> Result<WriteOutcome<Written>, Failure> {
        let first_price = change.first_price.as_deref();
        if let Some(first) = first_price.filter(|first| first.moves()) {
            let moved =
                self.update(&first.desired, first.actual.clone(), known, Action::Updated).await?;
            if matches!(moved, WriteOutcome::Refused(_)) {
                return Ok(moved);
            }
        }
        let mut written =
            self.update(&change.desired, actual.clone(), known, Action::Updated).await?;
        if let WriteOutcome::Done(written) = &mut written {
            written.warnings.extend(first_price.map(FirstPrice::describe));
        }
        Ok(written)
    }

    /// Ends the running Pricing and starts another one. The end comes first: the next sync ends a
    /// moment without a price, two prices for one moment are money.
    async fn supersede(
        &self,
        desired: &DesiredObject,
        actual: &ActualObject,
        from: jiff::Timestamp,
        known: &KnownIds,
    ) -> Result<WriteOutcome<Written>, Failure> {
        if let Some(ending) = ending(desired, actual, from) {
            let ended = self.update(&ending, actual.clone(), known, Action::Updated).await?;
            if matches!(ended, WriteOutcome::Refused(_)) {
                return Ok(ended);
            }
        }
        let successor = successor(desired, from);
        match self.create(&successor, known).await? {
            WriteOutcome::Done(Written { id, mut warnings, .. }) => {
                self.recorder.created(&successor, known, &id).await;
                inherit_end(&self.context, actual, &id, &successor).await?;
                warnings.push(
                    format!(
                        "The price changed: the Pricing {} ends at {from}, and {id} follows it",
                        actual.id
                    )
                    .into(),
                );
                Ok(WriteOutcome::done(id, Action::Updated, warnings))
            }
            refused @ WriteOutcome::Refused(_) => Ok(refused),
        }
    }

    pub(crate) async fn post(
        &self,
        kind: EntityKind,
        body: &Map<String, Json>,
    ) -> Result<ActualObject, CalloutError> {
        self.context.m3ter.create(kind, body, self.context.budget).await
    }

    /// The one journalled step: what is about to be sent is saved first, so that a later run can
    /// recognise it.
    async fn journal(
        &self,
        desired: &DesiredObject,
        body: &Map<String, Json>,
    ) -> Result<(), Failure> {
        let OwnerIds { account, contract, .. } = OwnerIds::of(body);
        let Some(account_id) = account else {
            let reason = "A Commitment without an Account was about to be sent";
            return Err(Failure::new(ErrorCode::InternalError, reason));
        };
        let attempt = CommitmentAttempt {
            root: self.context.record.clone(),
            object: desired.key.clone(),
            account_id,
            contract_id: contract,
            body: Json::Object(body.clone()),
            attempted_at: self.context.now,
        };
        let claim = self.context.claim();
        self.context.store.with(|store| store.save_commitment_attempt(claim, &attempt)).await
    }

    /// The object under the natural key of what was sent.
    pub(crate) async fn look_up(
        &self,
        desired: &DesiredObject,
        body: &Map<String, Json>,
        breadth: Breadth,
    ) -> Result<Option<ActualObject>, CalloutError> {
        let kind = desired.kind();
        let query = match (kind, breadth) {
            (EntityKind::Account | EntityKind::Contract, _) => {
                ListQuery::codes(kind, desired.code.clone().into_iter().collect())
            }
            (_, Breadth::Everything) => ListQuery::all(kind),
            (_, Breadth::Scope) => ListQuery::under(kind, OwnerIds::of(body)),
        };
        let candidates = self.context.m3ter.list(&query, self.context.budget).await?;
        let is_it = |candidate: &ActualObject| match kind {
            EntityKind::Commitment => is_body_of(body, candidate),
            _ => candidate.code().is_some_and(|code| desired.is_code(code)),
        };
        Ok(candidates.into_iter().find(is_it))
    }

    /// The object that overlaps, if it is the very one that this or an earlier run sent.
    async fn own_object(
        &self,
        desired: &DesiredObject,
        body: &Map<String, Json>,
        existing: &M3terId,
    ) -> Result<Option<ActualObject>, CalloutError> {
        let RunContext { m3ter, budget, .. } = self.context;
        let Some(found) = m3ter.fetch(desired.kind(), existing, budget).await? else {
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
}

/// How far an object is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breadth {
    /// Under its natural owner.
    Scope,
    /// Everywhere, page by page: a code that m3ter calls taken and no list under the owner shows.
    Everything,
}

pub(crate) fn refusal_message(error: &CalloutError) -> &str {
    error.refusal().map_or("", |refusal| &refusal.message)
}

fn names_the_code(error: &CalloutError) -> bool {
    error.refusal().is_some_and(|refusal| {
        refusal.status == 409 || refusal.message.to_ascii_lowercase().contains("code")
    })
}

pub(crate) fn first(findings: Vec<Finding>) -> Finding {
    findings.into_iter().next().unwrap_or_else(|| {
        Finding::new(FindingCode::ValueInvalid, "the object cannot be synced", "")
    })
}
