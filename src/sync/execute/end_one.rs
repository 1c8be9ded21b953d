//! Ends one object of m3ter by a versioned PUT of its `endDate`, until it is known what became of
//! it. An end is only ever brought forward: what has ended by then is left as it is. None is sent
//! that is not after the object's start: what m3ter would bill then nobody knows.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value as Json;

use crate::changeset::body::replacing_body;
use crate::domain::actual::ActualObject;
use crate::domain::dates::date_at;
use crate::domain::ending::BillingEntity;
use crate::domain::entity::EntityKind;
use crate::domain::made_end::Until;
use crate::domain::outcome::Failure;
use crate::domain::value::date_in_text;
use crate::m3ter;
use crate::sync::execute::write_outcome::{EndOutcome, WriteOutcome};
use crate::transport::{Budget, CalloutError, Effect};

/// The first moment that is not billed any more, as m3ter's two kinds of date have it.
#[derive(Debug, Clone)]
pub(crate) struct End {
    instant: Timestamp,
    /// The time zone in which m3ter's calendar dates begin.
    time_zone: TimeZone,
}

/// How often the end starts over because the object changed meanwhile.
const ROUNDS: u32 = 3;

impl End {
    pub(crate) fn at(instant: Timestamp, time_zone: TimeZone) -> Self {
        Self { instant, time_zone }
    }

    pub(crate) fn instant(&self) -> Timestamp {
        self.instant
    }

    /// The calendar date of m3ter on which it lies.
    pub(crate) fn date(&self) -> Date {
        date_at(self.instant, &self.time_zone)
    }

    /// As the entity's `endDate` has it.
    pub(crate) fn render(&self, entity: BillingEntity) -> String {
        if entity.ends_on_a_date() {
            date_at(self.instant, &self.time_zone).to_string()
        } else {
            self.instant.to_string()
        }
    }

    /// Whether the object has no end, or a later one.
    pub(crate) fn comes_before_that_of(
        &self,
        entity: BillingEntity,
        object: &ActualObject,
    ) -> bool {
        !self.is_at_or_after(entity, object, "endDate").unwrap_or(false)
    }

    /// Whether it is the object's own.
    pub(crate) fn is_that_of(&self, entity: BillingEntity, object: &ActualObject) -> bool {
        let shown = self.render(entity);
        Until::held(entity, object)
            .is_some_and(|held| Until::read(entity, Some(&shown)) == Some(held))
    }

    /// Whether the object begins only then or later: then it has no time to end.
    pub(crate) fn comes_before_the_start_of(
        &self,
        entity: BillingEntity,
        object: &ActualObject,
    ) -> bool {
        let text = object.text("startDate");
        if entity.ends_on_a_date() {
            text.and_then(date_in_text)
                .is_some_and(|start| start >= date_at(self.instant, &self.time_zone))
        } else {
            text.and_then(|text| text.parse::<Timestamp>().ok())
                .is_some_and(|start| start >= self.instant)
        }
    }

    /// Whether this end lies at or after a date of the object; `None` where the object has no such
    /// date.
    fn is_at_or_after(
        &self,
        entity: BillingEntity,
        object: &ActualObject,
        field: &str,
    ) -> Option<bool> {
        let text = object.text(field)?;
        if entity.ends_on_a_date() {
            date_in_text(text).map(|date| date <= date_at(self.instant, &self.time_zone))
        } else {
            text.parse::<Timestamp>().ok().map(|instant| instant <= self.instant)
        }
    }
}

/// Ends an object that runs beyond `end`; a failure where there is no definite answer.
pub(crate) async fn end_one(
    m3ter: &m3ter::Client,
    entity: BillingEntity,
    object: &ActualObject,
    end: &End,
    budget: &Budget,
) -> Result<EndOutcome, Failure> {
    let mut actual = object.clone();
    let mut last_error: Option<CalloutError> = None;
    for _ in 0..ROUNDS {
        if end.comes_before_the_start_of(entity, &actual) {
            return Ok(WriteOutcome::Refused(begins_later(&actual)));
        }
        let mut body = replacing_body(entity.kind(), &actual);
        body.insert("endDate".to_owned(), Json::String(end.render(entity)));
        let Err(error) = m3ter.update_billing_entity(entity, &actual.id, &body, budget).await
        else {
            return Ok(WriteOutcome::Done(()));
        };
        if error.effect() == Effect::None {
            return Err(error.into());
        }
        // What is gone does not bill.
        let Some(present) = m3ter.fetch_billing_entity(entity, &actual.id, budget).await? else {
            return Ok(WriteOutcome::Done(()));
        };
        if !end.comes_before_that_of(entity, &present) {
            return Ok(WriteOutcome::Done(()));
        }
        if error.effect() == Effect::Refused && present.version == actual.version {
            let message = error.refusal().map(|refusal| refusal.message.clone());
            return Ok(WriteOutcome::Refused(message.unwrap_or_else(|| error.reason())));
        }
        actual = present;
        last_error = Some(error);
    }
    match last_error {
        Some(error) if error.effect() == Effect::Unknown => Err(error.into()),
        _ => Ok(WriteOutcome::Refused(format!(
            "it changed in m3ter while it was ended, {ROUNDS} times in a row"
        ))),
    }
}

/// Why an end is not sent.
pub(crate) fn begins_later(object: &ActualObject) -> String {
    let start = object.text("startDate").unwrap_or("at an unknown time");
    format!("it begins {start}, not before the end")
}

impl BillingEntity {
    /// The kind whose bodies it has; a counter pricing is sent as a Pricing is.
    fn kind(self) -> EntityKind {
        match self {
            Self::Contract => EntityKind::Contract,
            Self::Prepayment => EntityKind::Commitment,
            Self::Pricings | Self::CounterPricings => EntityKind::Pricing,
            Self::AccountPlan => EntityKind::AccountPlan,
        }
    }
}
