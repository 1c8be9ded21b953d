//! An end that end dating made stays while Salesforce says no later end than it said then.
//!
//! An end that is earlier is followed as ever. A later one takes the end back, or is a finding, as
//! the mapping says. What lies under a Contract that stays ended ends with it at the latest. An end
//! counts as long as m3ter has it, or an earlier one: what somebody moved there since is theirs.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::body::updatable_fields;
use super::compare::PRICE_FIELDS;
use super::price_end::{have_one_plan, lasting_of};
use super::{Changeset, Reopened, Step};
use crate::domain::actual::ActualObject;
use crate::domain::dates::midnight;
use crate::domain::desired::{DesiredField, DesiredObject, FieldAction, Intent};
use crate::domain::ending::BillingEntity;
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::M3terId;
use crate::domain::made_end::{MadeEnd, SaidBy, Until};
use crate::domain::settings::{EndedRule, PricingChange};
use crate::domain::value::Value;
use crate::domain::warning::{Attention, Warning};

/// The ends that end dating made, by object.
pub type Ends = HashMap<M3terId, Vec<MadeEnd>>;

/// What is known beside the objects.
#[derive(Debug)]
pub struct Endings<'a> {
    /// The ends that end dating made.
    pub ends: &'a Ends,
    /// What happens about a later end.
    pub rule: EndedRule,
    /// What happens when a price differs.
    pub pricing_change: PricingChange,
    /// In which the days of the record begin.
    pub time_zone: &'a TimeZone,
    /// The instant of the sync.
    pub now: Timestamp,
}

/// An object as m3ter has it.
#[derive(Debug, Clone, Copy)]
pub struct HeldObject<'a> {
    /// As it was read.
    pub actual: &'a ActualObject,
    /// Whether another record made it, so that this one does not write it.
    pub is_joined: bool,
}

/// Whether anything of a record can be about an end that end dating made: an end that would move
/// later, or a price that has one.
pub fn may_be_ended<'a>(
    objects: &[DesiredObject],
    held: impl Fn(&ObjectKey) -> Option<HeldObject<'a>>,
    time_zone: &TimeZone,
) -> bool {
    objects.iter().any(|object| {
        let Some(entity) = BillingEntity::of(object.kind()) else { return false };
        match held(&object.key) {
            Some(HeldObject { actual, .. }) if entity == BillingEntity::Pricings => {
                actual.text("endDate").is_some()
            }
            Some(HeldObject { actual, is_joined: false }) => asked(object, actual)
                .zip(Until::held(entity, actual))
                .is_some_and(|(asked, end)| asked > end),
            Some(_) => false,
            None => {
                let contract = contract_of(object).and_then(&held);
                let end = contract
                    .and_then(|contract| Until::held(BillingEntity::Contract, contract.actual));
                end.and_then(|end| bound(entity, end, time_zone))
                    .is_some_and(|bound| to_be(object) > bound)
            }
        }
    })
}

/// Gives each object of a record the end that it is to have: that of end dating where it stays.
/// What is told goes to the objects; what Salesforce takes back is answered.
pub fn keep_ends<'a>(
    objects: &mut [DesiredObject],
    held: impl Fn(&ObjectKey) -> Option<HeldObject<'a>>,
    endings: &Endings<'_>,
) -> Vec<Reopened> {
    let mut reopened: Vec<Reopened> = Vec::new();
    for position in to_sync(objects, &[EntityKind::Contract]) {
        let object = &mut objects[position];
        if let Some(HeldObject { actual, is_joined: false }) = held(&object.key) {
            reopened.extend(endings.keep_own(object, actual));
        }
    }
    for position in to_sync(objects, &[EntityKind::Commitment, EntityKind::AccountPlan]) {
        let object = &mut objects[position];
        let contract = contract_of(object).filter(|key| !continues(&reopened, key));
        let contract = contract.and_then(&held).map(|held| held.actual);
        let actual = held(&object.key).map(|held| held.actual);
        reopened.extend(endings.keep_under(object, actual, contract));
    }
    for position in to_sync(objects, &[EntityKind::Pricing]) {
        let Some(HeldObject { actual, .. }) = held(&objects[position].key) else { continue };
        let own = asked(&objects[position], actual);
        let Some(asked) =
            own.or_else(|| lasting_of(objects, &objects[position], |key| Some(held(key)?.actual)))
        else {
            continue;
        };
        // A price continues with what it bills, whatever was said of it.
        let goes_on = objects.iter().any(|other| {
            other.kind() == EntityKind::AccountPlan
                && have_one_plan(&objects[position], other)
                && continues(&reopened, &other.key)
        });
        reopened.extend(endings.keep(&mut objects[position], actual, asked, goes_on));
    }
    reopened
}

/// The places of the objects of some kinds that are synced.
fn to_sync(objects: &[DesiredObject], kinds: &[EntityKind]) -> Vec<usize> {
    let is_synced = |object: &DesiredObject| {
        kinds.contains(&object.kind()) && matches!(object.intent, Intent::Sync(_))
    };
    (0..objects.len()).filter(|position| is_synced(&objects[*position])).collect()
}

/// Whether Salesforce takes the end of an object back.
fn continues(reopened: &[Reopened], key: &ObjectKey) -> bool {
    reopened.iter().any(|reopened| reopened.key == *key && reopened.finding.is_none())
}

/// Lets an object that was ended while it was synced keep that end; what is told of it.
pub fn keep_end_of(
    object: &mut DesiredObject,
    actual: &ActualObject,
    ends: &Ends,
) -> Option<Warning> {
    let made = counting(ends, actual)?;
    let (asked, end) = (asked(object, actual)?, made.until()?);
    if asked <= end {
        return None;
    }
    set_end(object, end, made);
    Some(Warning::of(
        Attention::Ended,
        format!(
            "The {} {} was ended at {} by the end dating {} while it was synced; that end stays",
            object.kind(),
            actual.id,
            made.end,
            made.run
        ),
    ))
}

/// What Salesforce says of the end of an object among those of its record; `None` where it says
/// nothing.
pub fn said_of(objects: &[DesiredObject], object: &DesiredObject) -> Option<Until> {
    let own = object.fields().iter().find(|field| field.name == "endDate").and_then(Until::asked);
    own.or_else(|| {
        if object.kind() == EntityKind::Pricing {
            lasting_of(objects, object, |_| None)
        } else {
            None
        }
    })
}

/// The end of end dating that counts for an object.
pub fn counting<'e>(ends: &'e Ends, actual: &ActualObject) -> Option<&'e MadeEnd> {
    let made = ends.get(&actual.id)?.iter().filter(|made| made.counts_for(actual));
    made.max_by_key(|made| (made.at, made.run))
}

impl Endings<'_> {
    /// Decides about the end that an object asks for itself, if it does.
    fn keep_own(&self, object: &mut DesiredObject, actual: &ActualObject) -> Option<Reopened> {
        asked(object, actual).and_then(|asked| self.keep(object, actual, asked, false))
    }

    /// The same for what is under a `contract` of which Salesforce has not taken the end back.
    fn keep_under(
        &self,
        object: &mut DesiredObject,
        actual: Option<&ActualObject>,
        contract: Option<&ActualObject>,
    ) -> Option<Reopened> {
        // What was ended itself, and stays so, needs no other reason.
        let stays =
            actual.and_then(|actual| counting(self.ends, actual).zip(asked(object, actual)));
        if let Some(contract) =
            contract.filter(|_| stays.is_none_or(|(made, asked)| made.said_before(asked)))
        {
            self.keep_within(object, actual, contract);
        }
        self.keep_own(object, actual?)
    }

    /// Decides about the end that is asked for, of an object that m3ter has.
    fn keep(
        &self,
        object: &mut DesiredObject,
        actual: &ActualObject,
        asked: Until,
        goes_on: bool,
    ) -> Option<Reopened> {
        let made = counting(self.ends, actual)?;
        let end = made.until()?;
        if asked <= end {
            return None;
        }
        let later = goes_on || made.said_before(asked);
        if !later || self.rule == EndedRule::Operator {
            set_end(object, end, made);
            self.price_nothing_new(object, end);
        }
        if !later {
            object.warnings.push(Warning::of(Attention::Ended, self.stays(object, made, asked)));
            return None;
        }
        let finding = match self.rule {
            EndedRule::Follow => {
                object
                    .warnings
                    .push(Warning::of(Attention::Reopened, reopens(object, made, asked)));
                None
            }
            EndedRule::Operator => Some(Self::not_reopened(object, made, asked)),
        };
        Some(Reopened { key: object.key.clone(), made: made.clone(), asked, finding })
    }

    /// Ends an object with its Contract, if that stays ended. What m3ter has beyond it is left:
    /// nobody ended it.
    fn keep_within(
        &self,
        object: &mut DesiredObject,
        actual: Option<&ActualObject>,
        contract: &ActualObject,
    ) {
        let Some(entity) = BillingEntity::of(object.kind()) else { return };
        let Some(made) = counting(self.ends, contract) else { return };
        let Some(bound) = made.until().and_then(|end| bound(entity, end, self.time_zone)) else {
            return;
        };
        let asked = actual.map_or_else(|| Some(to_be(object)), |actual| asked(object, actual));
        let is_beyond =
            actual.and_then(|actual| Until::held(entity, actual)).is_some_and(|end| end > bound);
        let Some(asked) = asked.filter(|asked| *asked > bound && !is_beyond) else { return };
        let start =
            object.fields().iter().find(|field| field.name == "startDate").and_then(Until::asked);
        if actual.is_none() && start.is_some_and(|start| start >= bound) {
            object.intent = Intent::Invalid(vec![self.too_late(object, contract, made, start)]);
            return;
        }
        set_end(object, bound, made);
        let text = format!(
            "The Contract {} was ended at {} by the end dating {}: the {} ends then as well, although Salesforce says {asked}. {}",
            contract.id,
            made.end,
            made.run,
            object.kind(),
            self.advice(made)
        );
        object.warnings.push(Warning::of(Attention::Ended, text));
    }

    /// A Pricing that has ended and stays so has no usage for a new price.
    fn price_nothing_new(&self, object: &mut DesiredObject, end: Until) {
        let is_over = matches!(end, Until::Instant(end) if end <= self.now);
        if let Intent::Sync(fields) = &mut object.intent
            && object.key.kind == EntityKind::Pricing
            && self.pricing_change == PricingChange::FromDate
            && is_over
        {
            fields.retain(|field| !PRICE_FIELDS.contains(&field.name));
        }
    }

    fn stays(&self, object: &DesiredObject, made: &MadeEnd, asked: Until) -> String {
        format!(
            "{}, and stays ended: {} says {asked}, which is no later than {}. {}",
            was_ended(object, made),
            source_of(object),
            then(made),
            self.advice(made)
        )
    }

    fn advice(&self, made: &MadeEnd) -> String {
        let root = &made.record;
        match self.rule {
            EndedRule::Follow => {
                format!(
                    "To continue billing, enter a later end in Salesforce, or have an operator reopen it (`sync-to-m3ter reopen {root}`)"
                )
            }
            EndedRule::Operator => format!(
                "To continue billing, have an operator reopen it (`sync-to-m3ter reopen {root}`)"
            ),
        }
    }

    fn not_reopened(object: &DesiredObject, made: &MadeEnd, asked: Until) -> Finding {
        let root = &made.record;
        Finding::new(
            FindingCode::Ended,
            format!(
                "{}; {} says {asked} now, later than {}",
                was_ended(object, made),
                source_of(object),
                then(made)
            ),
            format!(
                "To continue billing, have an operator reopen it (`sync-to-m3ter reopen {root}`) and sync again; otherwise remove the later end"
            ),
        )
    }

    fn too_late(
        &self,
        object: &DesiredObject,
        contract: &ActualObject,
        made: &MadeEnd,
        start: Option<Until>,
    ) -> Finding {
        let start = start.map_or_else(String::new, |start| start.to_string());
        let source = field_source(object, "startDate")
            .map_or_else(|| "startDate".to_owned(), ToOwned::to_owned);
        Finding::new(
            FindingCode::OutsideContractPeriod,
            format!(
                "The {} would begin {start} (`{source}`), and the Contract {} was ended at {} by the end dating {}",
                object.kind(),
                contract.id,
                made.end,
                made.run
            ),
            format!("Remove it from the record if it is no longer sold. {}", self.advice(made)),
        )
    }
}

impl Changeset {
    /// Leaves alone what only an operator may reopen.
    pub fn leave_ended(&mut self) {
        for Reopened { key, finding, .. } in &self.reopened {
            let Some(finding) = finding else { continue };
            for change in self.changes.iter_mut().filter(|change| change.desired.key == *key) {
                if let Some(id) = change.step.known_id().cloned() {
                    change.step = Step::Kept { id, finding: finding.clone() };
                }
            }
        }
    }
}

/// The end that a record asks for of an object that m3ter has, where a sync would write it.
fn asked(object: &DesiredObject, actual: &ActualObject) -> Option<Until> {
    updatable_fields(object, actual).find(|field| field.name == "endDate").and_then(Until::asked)
}

/// The end of an object that is to be made.
fn to_be(object: &DesiredObject) -> Until {
    object
        .fields()
        .iter()
        .find(|field| field.name == "endDate")
        .and_then(Until::asked)
        .unwrap_or(Until::Never)
}

/// The Contract that an object is under.
fn contract_of(object: &DesiredObject) -> Option<&ObjectKey> {
    match object.value("contractId") {
        Some(Value::Object(key)) => Some(key),
        _ => None,
    }
}

/// The end of a Contract as what lies under it has it.
fn bound(entity: BillingEntity, end: Until, time_zone: &TimeZone) -> Option<Until> {
    match end {
        Until::Day(date) if !entity.ends_on_a_date() => {
            midnight(date, time_zone).map(Until::Instant)
        }
        end => Some(end),
    }
}

fn set_end(object: &mut DesiredObject, end: Until, made: &MadeEnd) {
    let (Intent::Sync(fields), Some(value)) = (&mut object.intent, end.value()) else { return };
    let action = FieldAction::Set(value);
    match fields.iter_mut().find(|field| field.name == "endDate") {
        Some(field) => field.action = action,
        None => fields.push(DesiredField {
            name: "endDate",
            action,
            once: false,
            source: format!("end dating {}", made.run).into(),
        }),
    }
}

fn was_ended(object: &DesiredObject, made: &MadeEnd) -> String {
    format!(
        "The {} {} was ended at {} by the end dating {}",
        object.kind(),
        made.m3ter_id,
        made.end,
        made.run
    )
}

fn reopens(object: &DesiredObject, made: &MadeEnd, asked: Until) -> String {
    format!(
        "{}; {} says {asked} now, later than {}: that end is taken back",
        was_ended(object, made),
        source_of(object),
        then(made)
    )
}

/// What Salesforce said when the end was made.
fn then(made: &MadeEnd) -> String {
    let end = made.said.end.as_deref().unwrap_or("no end");
    match made.said.by {
        SaidBy::Salesforce => format!("it said then ({end})"),
        SaidBy::M3ter => format!("m3ter had before ({end})"),
    }
}

/// Where the end comes from, as people know it.
fn source_of(object: &DesiredObject) -> String {
    match field_source(object, "endDate").filter(|source| source.contains('.')) {
        Some(source) => format!("`{source}`"),
        None => "Salesforce".to_owned(),
    }
}

fn field_source<'o>(object: &'o DesiredObject, name: &str) -> Option<&'o str> {
    object.fields().iter().find(|field| field.name == name).map(|field| &*field.source)
}

#[cfg(test)]
mod tests;
