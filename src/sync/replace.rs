//! What stands in the way of a new AccountPlan or Commitment is ended at the new one's start, where the mapping says so.
//!
//! Only an object whose end is the mapping's to decide: one that a sync of this service made or took over, unless the mapping says
//! any; never one that this record itself still asks for; and only one that began before the new one.

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use crate::domain::actual::ActualObject;
use crate::domain::dates::midnight;
use crate::domain::desired::DesiredObject;
use crate::domain::ending::BillingEntity;
use crate::domain::entity::EntityKind;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::M3terId;
use crate::domain::outcome::{Action, Failure};
use crate::domain::settings::OverlapRule;
use crate::domain::value::date_in_text;
use crate::m3ter::RefusalKind;
use crate::store::Link;
use crate::sync::end_one::{End, EndedOne, end_one};
use crate::sync::failure;
use crate::sync::patience::Patience;
use crate::sync::write::{Breadth, Writer, Written, created_as, refusal_message};
use crate::transport::{CalloutError, Effect};

/// Commitments that one new one replaces at most.
const MOST_BLOCKERS: usize = 5;

/// What stands in the way, and whose it is.
struct Blocker {
    object: ActualObject,
    whose: String,
}

/// Whether the blocker may be ended.
enum Verdict {
    Replace(Blocker),
    /// It stays, and is reported as m3ter reports it; with a reason of our own, if there is one beside the mapping.
    Keep(Option<String>),
}

impl Writer<'_> {
    /// Ends what m3ter's refusal names and writes the new object; `None` where the blocker is to be reported only.
    pub(super) async fn replace(&self, desired: &DesiredObject, body: &Map<String, Json>, message: &str) -> Option<Written> {
        let (rule, id) = match RefusalKind::of(message) {
            RefusalKind::AccountPlanOverlap { blocker } => (self.settings.account_plan_overlap, blocker),
            RefusalKind::CommitmentOverlap { blocker } => (self.settings.commitment_overlap, blocker),
            RefusalKind::Other => return None,
        };
        if rule == OverlapRule::Report {
            return None;
        }
        let (entity, start) = (entity(desired.kind())?, self.start(desired.kind(), body)?);
        match self.judge(desired, entity, &id, rule, &start).await {
            Err(failure) => Some(Written::Unsettled(failure)),
            Ok(Verdict::Keep(None)) => None,
            Ok(Verdict::Keep(Some(why))) => Some(Written::Refused(kept(desired, message, &id, &why))),
            Ok(Verdict::Replace(blocker)) => Some(match entity {
                BillingEntity::AccountPlan => self.replace_account_plan(desired, body, &blocker, &start).await,
                _ => self.replace_commitment(desired, body, blocker, rule, &start).await,
            }),
        }
    }

    async fn judge(
        &self,
        desired: &DesiredObject,
        entity: BillingEntity,
        id: &M3terId,
        rule: OverlapRule,
        start: &End,
    ) -> Result<Verdict, Failure> {
        let patience = Patience::of(self.budget);
        let owners = patience.with(|| self.store.load_owners(std::slice::from_ref(id))).await.map_err(|error| failure::of_store(&error))?;
        let is_asked_for = |link: &&Link| link.root == *self.root && self.desired.contains(&link.object);
        if let Some(own) = owners.iter().find(is_asked_for) {
            return Ok(Verdict::Keep(Some(format!("it is that of {}, which this record asks for as well", own.object.row))));
        }
        let whose = match (owners.first(), rule) {
            (Some(owner), _) => format!("of the Salesforce record {}", owner.object.row),
            (None, OverlapRule::ReplaceAny) => "that no sync of this service made".to_owned(),
            (None, _) => return Ok(Verdict::Keep(None)),
        };
        let object = self.knowledge.m3ter.fetch(desired.kind(), id, self.budget).await.map_err(|error| failure::of_callout(&error))?;
        // What is gone meanwhile does not stand in the way: the next sync sees it.
        let Some(object) = object else { return Ok(Verdict::Keep(None)) };
        if start.comes_before_the_start_of(entity, &object) {
            let begins = object.text("startDate").unwrap_or("at an unknown time");
            return Ok(Verdict::Keep(Some(format!("it begins {begins}, not before the new one, and cannot end at the new one's start"))));
        }
        Ok(Verdict::Replace(Blocker { object, whose }))
    }

    /// By m3ter's call, which ends the one and creates the other.
    async fn replace_account_plan(&self, desired: &DesiredObject, body: &Map<String, Json>, blocker: &Blocker, start: &End) -> Written {
        let said = blocker.said(desired.kind(), BillingEntity::AccountPlan, start, "replaced");
        let error = match self.knowledge.m3ter.replace_account_plan(&blocker.object.id, body, self.budget).await {
            Ok(replacement) => return with_warning(created_as(replacement.new), said),
            Err(error) => error,
        };
        match error.effect() {
            Effect::None => Written::Unsettled(failure::of_callout(&error)),
            Effect::Refused => Written::Refused(not_replaced(desired, &error, &blocker.object.id)),
            Effect::Unknown => match self.look_up(desired, body, Breadth::Scope).await {
                Ok(Some(found)) => with_warning(created_as(found), said),
                // Perhaps the one has ended and the other does not exist: the next sync creates it then, or replaces again.
                Ok(None) => Written::Unsettled(failure::of_callout(&error)),
                Err(error) => Written::Unsettled(failure::of_callout(&error)),
            },
        }
    }

    /// m3ter has no such call for Commitments: the running one ends, then the new one is created.
    async fn replace_commitment(
        &self,
        desired: &DesiredObject,
        body: &Map<String, Json>,
        first: Blocker,
        rule: OverlapRule,
        start: &End,
    ) -> Written {
        let mut blocker = first;
        let mut ended: Vec<String> = Vec::new();
        for _ in 0..MOST_BLOCKERS {
            match end_one(&self.knowledge.m3ter, BillingEntity::Prepayment, &blocker.object, start, self.budget).await {
                EndedOne::Done => ended.push(blocker.said(desired.kind(), BillingEntity::Prepayment, start, "ended")),
                EndedOne::Unsettled(failure) => return Written::Unsettled(failure),
                EndedOne::Refused(message) => {
                    let why = format!("m3ter does not end it: {message}");
                    return Written::Refused(kept(desired, &overlap_message(&blocker.object.id), &blocker.object.id, &told(&ended, &why)));
                }
            }
            let error = match self.post(desired.kind(), body).await {
                Ok(created) => return ended.into_iter().fold(created_as(created), with_warning),
                Err(error) => error,
            };
            if error.effect() == Effect::Unknown {
                return match self.look_for_commitment(desired, body, &error).await {
                    written @ Written::Done { .. } => ended.into_iter().fold(written, with_warning),
                    other => other,
                };
            }
            if error.effect() == Effect::None {
                return Written::Unsettled(failure::of_callout(&error));
            }
            let message = refusal_message(&error).to_owned();
            let RefusalKind::CommitmentOverlap { blocker: next } = RefusalKind::of(&message) else {
                let remedy = format!("Mend what m3ter names and sync again: until then no Commitment runs. {}", ended.join(". "));
                return Written::Refused(Finding::new(FindingCode::RefusedByM3ter, message, remedy));
            };
            blocker = match self.judge(desired, BillingEntity::Prepayment, &next, rule, start).await {
                Err(failure) => return Written::Unsettled(failure),
                Ok(Verdict::Replace(blocker)) => blocker,
                Ok(Verdict::Keep(why)) => {
                    let why = why.unwrap_or_else(|| "no sync of this service made it".to_owned());
                    return Written::Refused(kept(desired, &message, &next, &told(&ended, &why)));
                }
            };
        }
        let why = told(&ended, &format!("more than {MOST_BLOCKERS} run at the same time"));
        Written::Refused(kept(desired, &overlap_message(&blocker.object.id), &blocker.object.id, &why))
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

impl Blocker {
    fn said(&self, kind: EntityKind, entity: BillingEntity, start: &End, verb: &str) -> String {
        let until = self.object.text("endDate").map_or_else(|| "without end".to_owned(), |end| format!("until {end}"));
        format!("The {kind} {} {}, which ran {until}, was {verb} at {}", self.object.id, self.whose, start.shown(entity))
    }
}

fn entity(kind: EntityKind) -> Option<BillingEntity> {
    match kind {
        EntityKind::Commitment => Some(BillingEntity::Prepayment),
        EntityKind::AccountPlan => Some(BillingEntity::AccountPlan),
        _ => None,
    }
}

fn overlap_message(blocker: &M3terId) -> String {
    format!("Commitment would overlap with existing Commitment {blocker}")
}

/// What was done before, in front of why it went no further.
fn told(ended: &[String], why: &str) -> String {
    ended.iter().map(String::as_str).chain([why]).collect::<Vec<_>>().join("; ")
}

fn kept(desired: &DesiredObject, message: &str, blocker: &M3terId, why: &str) -> Finding {
    let kind = desired.kind();
    let code = if kind == EntityKind::Commitment { FindingCode::CommitmentOverlap } else { FindingCode::AccountPlanOverlap };
    let remedy = format!("The {kind} {blocker} was not replaced: {why}. End it in m3ter, or change the dates of {}", desired.key.row);
    Finding::new(code, message, remedy)
}

fn not_replaced(desired: &DesiredObject, error: &CalloutError, blocker: &M3terId) -> Finding {
    kept(desired, refusal_message(error), blocker, "m3ter refused to replace it")
}

fn with_warning(written: Written, warning: String) -> Written {
    match written {
        Written::Done { id, mut warnings, .. } => {
            warnings.push(warning);
            Written::Done { id, action: Action::Created, warnings }
        }
        other => other,
    }
}
