//! What stands in the way of a new AccountPlan or Commitment is ended at the new one's start, where
//! the mapping says so.
//!
//! Only an object whose end is the mapping's to decide: one that a sync of this service made or
//! took over, unless the mapping says any; never one that this record itself still asks for; and
//! only one that began before the new one.

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use crate::changeset::body::replacing_body;
use crate::changeset::overlap::{
    Decision, Overlap, Owner, Period, decide, kept_one, refusal_text, reported_one, share_a_product,
};
use crate::changeset::refusal;
use crate::domain::actual::ActualObject;
use crate::domain::change::NewChange;
use crate::domain::dates::midnight;
use crate::domain::desired::DesiredObject;
use crate::domain::ending::BillingEntity;
use crate::domain::entity::EntityKind;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::M3terId;
use crate::domain::outcome::{Action, Failure, FieldChange};
use crate::domain::plan::Plan;
use crate::domain::settings::OverlapRule;
use crate::domain::value::date_in_text;
use crate::m3ter::{ListQuery, OwnerIds, overlapping};
use crate::store::Link;
use crate::sync::context::RunContext;
use crate::sync::execute::end_one::End;
use crate::sync::execute::pending::{Pending, end_remembered};
use crate::sync::execute::write::{Breadth, Writer, refusal_message};
use crate::sync::execute::write_outcome::{WriteOutcome, Written};
use crate::transport::{CalloutError, Effect};

/// How often a Commitment is sent that m3ter refuses for another one each time.
const ROUNDS: usize = 3;

/// What is in the way of a new object.
enum InTheWay {
    /// Nothing any more.
    Gone,
    /// All of it may be ended.
    Replaceable(Vec<Overlap>),
    /// Some of it stays.
    Stays(Finding),
}

/// A Commitment that was ended for a new one.
struct Ended {
    overlap: Overlap,
    warning: String,
}

impl Writer<'_> {
    /// Ends what is in the way and writes the new object; `None` where m3ter's refusal is to be
    /// reported as it is. Nothing ends unless everything in the way can.
    pub(crate) async fn replace(
        &self,
        desired: &DesiredObject,
        body: &Map<String, Json>,
        existing: &M3terId,
        message: &str,
    ) -> Result<Option<WriteOutcome<Written>>, Failure> {
        let settings = self.mapping.settings();
        let rule = match desired.kind() {
            EntityKind::AccountPlan => settings.account_plan_overlap,
            _ => settings.commitment_overlap,
        };
        if rule == OverlapRule::Report {
            return Ok(None);
        }
        let Some(start) = self.start(desired.kind(), body) else { return Ok(None) };
        let overlaps = match self.in_the_way(desired, body, existing, rule, message).await? {
            InTheWay::Gone => return Ok(None),
            InTheWay::Stays(finding) => return Ok(Some(WriteOutcome::Refused(finding))),
            InTheWay::Replaceable(overlaps) => overlaps,
        };
        let written = match (desired.kind(), overlaps.as_slice()) {
            (EntityKind::AccountPlan, [only]) => {
                self.replace_account_plan(desired, body, only, &start).await?
            }
            (EntityKind::Commitment, _) => {
                self.replace_commitments(desired, body, overlaps, rule, &start).await?
            }
            _ => return Ok(None),
        };
        Ok(Some(written))
    }

    /// Everything in the way of a new object, of which m3ter names one.
    async fn in_the_way(
        &self,
        desired: &DesiredObject,
        body: &Map<String, Json>,
        named: &M3terId,
        rule: OverlapRule,
        message: &str,
    ) -> Result<InTheWay, Failure> {
        let kind = desired.kind();
        let RunContext { m3ter, record, store, budget, .. } = self.context;
        // What is gone meanwhile does not stand in the way: the next sync sees it.
        let Some(named) = m3ter.fetch(kind, named, budget).await? else {
            return Ok(InTheWay::Gone);
        };
        let Some(new) = Period::of_fields(kind, body) else { return Ok(InTheWay::Gone) };
        let mut owners = OwnerIds::of(body);
        // Among which Commitments m3ter refuses is not known: the one that it names tells as much
        // as can be told.
        let is_of_contract =
            named.text("contractId") == owners.contract.as_ref().map(M3terId::as_str);
        if !is_of_contract {
            owners.contract = None;
        }
        let clashes = |other: &ActualObject| match kind {
            EntityKind::AccountPlan => other.text("productId") == named.text("productId"),
            _ => {
                (!is_of_contract || other.text("contractId") == named.text("contractId"))
                    && share_a_product(body, &other.fields)
            }
        };
        let runs = |other: &ActualObject| {
            Period::of_fields(kind, &other.fields).is_some_and(|runs| runs.meets(new))
        };
        let mut objects = m3ter.list(&ListQuery::under(kind, owners), budget).await?;
        objects.retain(|other| other.id != named.id && clashes(other) && runs(other));
        objects.insert(0, named);

        let ids: Vec<M3terId> = objects.iter().map(|object| object.id.clone()).collect();
        let links = store.with(|store| store.load_owners(&ids)).await?;
        let is_asked_for =
            |link: &&Link| link.root == *record && self.desired.contains(&link.object);
        let overlap = |existing: ActualObject| {
            let of_object = || links.iter().filter(|link| link.m3ter_id == existing.id);
            let own = of_object().find(is_asked_for);
            let row = own.or_else(|| of_object().next()).map(|link| link.object.row.clone());
            Overlap { owner: Owner::of(row, own.is_some()), existing }
        };
        let overlaps: Vec<Overlap> = objects.into_iter().map(overlap).collect();
        Ok(match decide(desired, new, rule, &overlaps, Some(message)) {
            Decision::Report(finding) => InTheWay::Stays(finding),
            Decision::Replace => {
                self.keep_to_plan(&ends_of(kind, &overlaps, body))?;
                InTheWay::Replaceable(overlaps)
            }
        })
    }

    /// By m3ter's call, which ends the one and creates the other.
    async fn replace_account_plan(
        &self,
        desired: &DesiredObject,
        body: &Map<String, Json>,
        overlap: &Overlap,
        start: &End,
    ) -> Result<WriteOutcome<Written>, Failure> {
        let RunContext { m3ter, budget, .. } = self.context;
        let kind = desired.kind();
        let at = start.render(BillingEntity::AccountPlan);
        let warning = overlap.ended(kind, "replaced", &at);
        let mut pending = Pending::new(self.recorder);
        let change = self.ending(kind, overlap, at);
        pending.intend(change, &overlap.existing).await?;
        let replaced = m3ter.replace_account_plan(&overlap.existing.id, body, budget).await;
        let written = match replaced {
            Ok(replacement) => {
                pending.is_made();
                Ok(with_warning(WriteOutcome::created(replacement.new), warning))
            }
            Err(error) => {
                pending.answered(error.effect());
                match error.effect() {
                    Effect::None => Err(error.into()),
                    Effect::Refused => Ok(WriteOutcome::Refused(not_replaced(
                        desired,
                        &error,
                        &overlap.existing.id,
                    ))),
                    Effect::Unknown => match self.look_up(desired, body, Breadth::Scope).await {
                        Ok(Some(found)) => Ok(with_warning(WriteOutcome::created(found), warning)),
                        // Perhaps the one has ended and the other does not exist: the next sync
                        // creates it then, or replaces again.
                        Ok(None) => Err(error.into()),
                        Err(again) => Err(again.into()),
                    },
                }
            }
        };
        pending.end(matches!(written, Ok(WriteOutcome::Done(_)))).await;
        written
    }

    /// The change that lets an object end for another one.
    fn ending(&self, kind: EntityKind, overlap: &Overlap, end: String) -> NewChange {
        let change = FieldChange {
            field: "endDate".to_owned(),
            old_value: overlap.existing.text("endDate").map(ToOwned::to_owned),
            new_value: Some(end),
            source: match kind {
                EntityKind::AccountPlan => "setting `account_plan_overlap`".to_owned(),
                _ => "setting `commitment_overlap`".to_owned(),
            },
        };
        let row = overlap.owner.row().unwrap_or(self.context.record);
        self.recorder.change_of(kind, row, &overlap.existing.id, vec![change])
    }

    /// m3ter has no such call for Commitments: the running ones end, then the new one is created.
    /// If m3ter refuses it all the same, they run on.
    async fn replace_commitments(
        &self,
        desired: &DesiredObject,
        body: &Map<String, Json>,
        mut overlaps: Vec<Overlap>,
        rule: OverlapRule,
        start: &End,
    ) -> Result<WriteOutcome<Written>, Failure> {
        let kind = EntityKind::Commitment;
        let mut ended: Vec<Ended> = Vec::new();
        for _ in 0..ROUNDS {
            if let Some(finding) = self.end_all(desired, overlaps, start, &mut ended).await? {
                return self.take_back(ended, start, finding).await;
            }
            let error = match self.post(kind, body).await {
                Ok(created) => return Ok(with_all(WriteOutcome::created(created), ended)),
                Err(error) => error,
            };
            match error.effect() {
                Effect::None => return Err(error.into()),
                Effect::Unknown => {
                    let written = self.look_for_commitment(desired, body, error).await?;
                    return Ok(with_all(written, ended));
                }
                Effect::Refused => {}
            }
            let message = refusal_message(&error).to_owned();
            let Some(next) = overlapping(&message) else {
                return match self.refused(desired, &error).await? {
                    WriteOutcome::Refused(finding) => self.take_back(ended, start, finding).await,
                    done @ WriteOutcome::Done(_) => Ok(done),
                };
            };
            // A list that lagged did not show it, or m3ter looks further than the Contract.
            overlaps = match self.in_the_way(desired, body, &next, rule, &message).await? {
                InTheWay::Stays(finding) => return self.take_back(ended, start, finding).await,
                InTheWay::Gone => Vec::new(),
                InTheWay::Replaceable(more) => more,
            };
            overlaps.retain(|overlap| {
                ended.iter().all(|ended| ended.overlap.existing.id != overlap.existing.id)
            });
        }
        let message = "Each time a Commitment had been ended, m3ter named another one in the way";
        let finding = Finding::new(
            FindingCode::CommitmentOverlap,
            message,
            "Sync again when nobody else is changing the Commitments",
        );
        self.take_back(ended, start, finding).await
    }

    /// Ends Commitments one after the other, up to one that m3ter does not end.
    async fn end_all(
        &self,
        desired: &DesiredObject,
        overlaps: Vec<Overlap>,
        start: &End,
        ended: &mut Vec<Ended>,
    ) -> Result<Option<Finding>, Failure> {
        let (kind, entity) = (EntityKind::Commitment, BillingEntity::Prepayment);
        let at = start.render(entity);
        for overlap in overlaps {
            let change = self.ending(kind, &overlap, at.clone());
            let (context, existing) = (&self.context, &overlap.existing);
            match end_remembered(context, self.recorder, change, entity, existing, start).await? {
                WriteOutcome::Done(()) => {
                    ended.push(Ended { warning: overlap.ended(kind, "ended", &at), overlap });
                }
                WriteOutcome::Refused(message) => {
                    let why = format!("m3ter does not end it: {message}");
                    let refusal = refusal_text(kind, existing);
                    return Ok(Some(kept_one(desired, &refusal, &existing.id, &why)));
                }
            }
        }
        Ok(None)
    }

    /// Lets Commitments run until when they did before: what they ended for was not made.
    async fn take_back(
        &self,
        ended: Vec<Ended>,
        start: &End,
        mut finding: Finding,
    ) -> Result<WriteOutcome<Written>, Failure> {
        for Ended { overlap, .. } in ended {
            if let Some(what) = self.restore_end(&overlap, start).await? {
                finding.remedy = format!("{}. {what}", finding.remedy);
            }
        }
        Ok(WriteOutcome::Refused(finding))
    }

    /// Gives a Commitment the end back that it had, unless somebody else has decided meanwhile; what
    /// became of it, in words.
    async fn restore_end(&self, overlap: &Overlap, start: &End) -> Result<Option<String>, Failure> {
        let kind = EntityKind::Commitment;
        let RunContext { m3ter, budget, .. } = self.context;
        let before = &overlap.existing;
        let present = m3ter.fetch(kind, &before.id, budget).await?;
        let ends_at_start = |present: &ActualObject| {
            present.text("endDate").and_then(date_in_text) == Some(start.date())
        };
        let Some(present) = present.filter(ends_at_start) else { return Ok(None) };
        let change = FieldChange {
            field: "endDate".to_owned(),
            old_value: present.text("endDate").map(ToOwned::to_owned),
            new_value: before.text("endDate").map(ToOwned::to_owned),
            source: "the end before".to_owned(),
        };
        let row = overlap.owner.row().unwrap_or(self.context.record);
        let change = self.recorder.change_of(kind, row, &before.id, vec![change]);
        let mut pending = Pending::new(self.recorder);
        pending.intend(change, &present).await?;
        let mut body = replacing_body(kind, &present);
        let end = before.fields.get("endDate").cloned().unwrap_or_default();
        body.insert("endDate".to_owned(), end);
        let restored = m3ter.update(kind, &before.id, &body, budget).await;
        match &restored {
            Ok(_) => pending.is_made(),
            Err(error) => pending.answered(error.effect()),
        }
        pending.end(false).await;
        let (id, until) = (&before.id, before.text("endDate").unwrap_or("without end"));
        Ok(Some(match restored {
            Ok(_) => {
                format!("The Commitment {id} was ended for it, and its end was set back to {until}")
            }
            Err(error) => format!(
                "The Commitment {id} was ended for it: set its end to {until} again ({})",
                error.reason()
            ),
        }))
    }

    /// m3ter's refusal as it is reported, with the owner of what it names.
    pub(crate) async fn refused(
        &self,
        desired: &DesiredObject,
        error: &CalloutError,
    ) -> Result<WriteOutcome<Written>, Failure> {
        let message = refusal_message(error);
        let Some(existing) = overlapping(message) else {
            return Ok(WriteOutcome::Refused(refusal::refused(desired, message)));
        };
        let owners = self.context.load_owners(std::slice::from_ref(&existing)).await?;
        let owner = Owner::of(owners.get(&existing).cloned(), false);
        Ok(WriteOutcome::Refused(reported_one(desired, message, &existing, &owner)))
    }

    /// When the new object begins.
    fn start(&self, kind: EntityKind, body: &Map<String, Json>) -> Option<End> {
        let text = body.get("startDate")?.as_str()?;
        let instant = if kind == EntityKind::Commitment {
            midnight(date_in_text(text)?, self.organization_time_zone)?
        } else {
            text.parse::<Timestamp>().ok()?
        };
        Some(End::at(instant, self.organization_time_zone.clone()))
    }
}

/// The ends of what is replaced, as they were foreseen.
fn ends_of(kind: EntityKind, overlaps: &[Overlap], body: &Map<String, Json>) -> Plan {
    let start = body.get("startDate").and_then(Json::as_str).unwrap_or_default();
    let mut plan = Plan::default();
    for overlap in overlaps {
        plan.extend(overlap.replaced(kind, start.to_owned()).plan());
    }
    plan
}

fn not_replaced(desired: &DesiredObject, error: &CalloutError, existing: &M3terId) -> Finding {
    kept_one(desired, refusal_message(error), existing, "m3ter refused to replace it")
}

fn with_all(written: WriteOutcome<Written>, ended: Vec<Ended>) -> WriteOutcome<Written> {
    ended.into_iter().map(|ended| ended.warning).fold(written, with_warning)
}

fn with_warning(outcome: WriteOutcome<Written>, warning: String) -> WriteOutcome<Written> {
    match outcome {
        WriteOutcome::Done(Written { id, mut warnings, .. }) => {
            warnings.push(warning.into());
            WriteOutcome::done(id, Action::Created, warnings)
        }
        refused @ WriteOutcome::Refused(_) => refused,
    }
}
