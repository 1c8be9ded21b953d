//! Ending what bills: what a caller asks for, before and after it is read.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::dates::midnight;
use super::entity::{EntityKind, ObjectKind};
use super::excerpt;
use super::text::trimmed;

/// A kind of m3ter object that can be ended, in the order of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BillingEntity {
    /// Contracts.
    Contract,
    /// Commitments.
    Prepayment,
    /// Pricings of bespoke Plans.
    Pricings,
    /// Counter pricings of bespoke Plans.
    CounterPricings,
    /// AccountPlans.
    AccountPlan,
}

impl BillingEntity {
    /// All kinds, in the order of results.
    pub const ALL: [Self; 5] = [
        Self::Contract,
        Self::Prepayment,
        Self::Pricings,
        Self::CounterPricings,
        Self::AccountPlan,
    ];

    /// The word in requests, ours and m3ter's.
    pub fn word(self) -> &'static str {
        match self {
            Self::Contract => "CONTRACT",
            Self::Prepayment => "PREPAYMENT",
            Self::Pricings => "PRICINGS",
            Self::CounterPricings => "COUNTER_PRICINGS",
            Self::AccountPlan => "ACCOUNTPLAN",
        }
    }

    /// The kind that a word means, without regard to case.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entity| entity.word().eq_ignore_ascii_case(trimmed(word)))
    }

    /// The kind of object that it is in results.
    pub fn object_kind(self) -> ObjectKind {
        match self {
            Self::Contract => EntityKind::Contract.into(),
            Self::Prepayment => EntityKind::Commitment.into(),
            Self::Pricings => EntityKind::Pricing.into(),
            Self::CounterPricings => ObjectKind::CounterPricing,
            Self::AccountPlan => EntityKind::AccountPlan.into(),
        }
    }

    /// The name in results, as in `objectName`.
    pub fn object_name(self) -> &'static str {
        self.object_kind().name()
    }

    /// m3ter's path segment.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Contract => "contracts",
            Self::Prepayment => "commitments",
            Self::Pricings => "pricings",
            Self::CounterPricings => "counterpricings",
            Self::AccountPlan => "accountplans",
        }
    }

    /// Whether its end is a calendar date rather than an instant.
    pub fn ends_on_a_date(self) -> bool {
        matches!(self, Self::Contract | Self::Prepayment)
    }
}

impl fmt::Display for BillingEntity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// When something ends: the first moment that is not billed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndDate {
    /// The beginning of a day, in the time zone that the deal is billed in.
    Day(Date),
    /// An instant.
    Instant(Timestamp),
}

/// The text is neither a date nor a date-time with an offset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an end date (`2026-12-31`, or `2026-12-31T00:00:00Z` with a time and an offset)"
)]
pub struct InvalidEndDate(String);

impl EndDate {
    /// Parses `YYYY-MM-DD` or a date-time with its offset, also as Salesforce writes it (`…+0000`).
    pub fn parse(text: &str) -> Result<Self, InvalidEndDate> {
        let text = trimmed(text);
        let invalid = || InvalidEndDate(excerpt::word(text));
        let is_date =
            text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        if is_date {
            return text.parse().map(Self::Day).map_err(|_| invalid());
        }
        text.parse().map(Self::Instant).map_err(|_| invalid())
    }

    /// The instant; `None` outside the calendar.
    pub fn instant(self, time_zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Day(date) => midnight(date, time_zone),
            Self::Instant(instant) => Some(instant),
        }
    }
}

impl fmt::Display for EndDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(date) => date.fmt(f),
            Self::Instant(instant) => instant.fmt(f),
        }
    }
}

/// What is to be ended, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndDateOrder {
    /// When.
    pub end_date: EndDate,
    /// Which kinds; at least one, none twice, in the order of results.
    pub entities: Vec<BillingEntity>,
    /// Whether what the Account's children have ends too.
    pub children: Children,
}

impl fmt::Display for EndDateOrder {
    /// On the line of an audit log: `endDate=2026-12-31 billingEntities=CONTRACT,ACCOUNTPLAN
    /// applyToChildren=false`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entities =
            self.entities.iter().map(|entity| entity.word()).collect::<Vec<_>>().join(",");
        write!(
            f,
            "endDate={} billingEntities={entities} applyToChildren={}",
            self.end_date,
            self.children == Children::Included
        )
    }
}

/// Whether the children of an Account are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Children {
    /// They are.
    Included,
    /// They are not.
    LeftAlone,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_date_is_a_day_or_an_instant() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        for (text, instant) in [
            ("2026-12-31", "2026-12-30T23:00:00Z"),
            (" 2026-07-01 ", "2026-06-30T22:00:00Z"),
            ("2026-12-31T00:00:00Z", "2026-12-31T00:00:00Z"),
            ("2026-12-31T00:00:00.000+0000", "2026-12-31T00:00:00Z"),
            ("2026-12-31T00:00:00+01:00", "2026-12-30T23:00:00Z"),
        ] {
            assert_eq!(
                EndDate::parse(text).unwrap().instant(&berlin).unwrap().to_string(),
                instant,
                "{text}"
            );
        }
        for text in [
            "",
            "soon",
            "2026-02-30",
            "31.12.2026",
            "2026-12-31T00:00:00",
            "20261231",
            "2026-12",
            "99999-01-01",
            "12/31/2026",
        ] {
            assert!(EndDate::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_word_for_a_kind_is_case_insensitive() {
        assert_eq!(
            BillingEntity::from_word("counter_pricings"),
            Some(BillingEntity::CounterPricings)
        );
        assert_eq!(BillingEntity::from_word(" CONTRACT "), Some(BillingEntity::Contract));
        assert_eq!(BillingEntity::from_word("COMMITMENT"), None);
    }
}
