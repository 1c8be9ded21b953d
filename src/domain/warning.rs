//! What a person should know although nothing failed, and which of it somebody should look at.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::personal::without_emails;

/// A sentence beside a result; it never changes success or status. It is written as its text alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Warning {
    /// What somebody should look at, if it is such a thing.
    pub attention: Option<Attention>,
    /// The sentence.
    pub text: String,
}

impl Warning {
    /// A sentence that asks for somebody's attention.
    pub fn of(attention: Attention, text: impl Into<String>) -> Self {
        Self { attention: Some(attention), text: text.into() }
    }

    /// The warning as it is kept: without e-mail addresses.
    #[must_use]
    pub fn for_history(&self) -> Self {
        Self { attention: self.attention, text: without_emails(&self.text) }
    }
}

impl From<String> for Warning {
    fn from(text: String) -> Self {
        Self { attention: None, text }
    }
}

impl From<&str> for Warning {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Warning> for String {
    fn from(warning: Warning) -> Self {
        warning.text
    }
}

impl Deref for Warning {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl Borrow<str> for Warning {
    fn borrow(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What somebody should look at although the sync is `Completed`. docs/errors.md says what to do
/// about each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Attention {
    /// An AccountPlan bills on whose row takes no part in the sync any more.
    AccountPlanLeft,
    /// An Account that a typed code names is left as it is, until somebody says that it is the
    /// record's.
    AdoptionToConfirm,
    /// A code that a record names is not known to m3ter.
    CodeNotFound,
    /// No AccountPlan draws the Commitment down.
    CommitmentNotDrawn,
    /// A Commitment stands that the record no longer asks for.
    CommitmentLeft,
    /// A record has a Contract of its own although another record of the same shared field has one.
    ContractNotJoined,
    /// How Commitments are billed is not stated.
    CommitmentBillingNotStated,
    /// A start or an end moved into time that may have been billed.
    DateInPast,
    /// A value was left as it is because its field cannot be read now.
    FieldNotReadable,
    /// An object stays ended, as end dating ended it, although Salesforce says a later end.
    Ended,
    /// A Salesforce field held the id of another record's object.
    ForeignId,
    /// A removed line's AccountPlan bills on.
    LineRemoved,
    /// The record has no lines that are billed.
    NoLines,
    /// The record is not ready by its mapping's own condition.
    NotReady,
    /// The service could not remember what it did.
    NotRemembered,
    /// An object runs outside its Contract's term.
    OutsideContractPeriod,
    /// m3ter may refuse what a dry run foresees.
    OverlapForeseen,
    /// The price is 0.
    PriceIsZero,
    /// A price is prorated, or may be, and stands as a price per unit used.
    PriceProrated,
    /// A price that has begun was changed for usage since then.
    PriceChangedInPlace,
    /// An end that end dating made was taken back, because Salesforce says a later one now.
    Reopened,
    /// A row that was synced before is not shown, and not said to be deleted.
    RowNotVisible,
    /// A line was left out because another AccountPlan bills its product already.
    RunsAlready,
    /// Usage of some time has no price, or another Pricing prices it.
    UsageUnpriced,
    /// An id, or how the sync ended, could not be written to Salesforce.
    WriteBackFailed,
}

impl Attention {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 25] = [
        Self::AccountPlanLeft,
        Self::AdoptionToConfirm,
        Self::CodeNotFound,
        Self::CommitmentBillingNotStated,
        Self::CommitmentLeft,
        Self::CommitmentNotDrawn,
        Self::ContractNotJoined,
        Self::DateInPast,
        Self::Ended,
        Self::FieldNotReadable,
        Self::ForeignId,
        Self::LineRemoved,
        Self::NotReady,
        Self::NotRemembered,
        Self::NoLines,
        Self::OutsideContractPeriod,
        Self::OverlapForeseen,
        Self::PriceChangedInPlace,
        Self::PriceIsZero,
        Self::PriceProrated,
        Self::Reopened,
        Self::RowNotVisible,
        Self::RunsAlready,
        Self::UsageUnpriced,
        Self::WriteBackFailed,
    ];

    /// The code's spelling in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccountPlanLeft => "ACCOUNT_PLAN_LEFT",
            Self::AdoptionToConfirm => "ADOPTION_TO_CONFIRM",
            Self::CodeNotFound => "CODE_NOT_FOUND",
            Self::CommitmentBillingNotStated => "COMMITMENT_BILLING_NOT_STATED",
            Self::CommitmentLeft => "COMMITMENT_LEFT",
            Self::CommitmentNotDrawn => "COMMITMENT_NOT_DRAWN",
            Self::ContractNotJoined => "CONTRACT_NOT_JOINED",
            Self::DateInPast => "DATE_IN_PAST",
            Self::Ended => "ENDED",
            Self::FieldNotReadable => "FIELD_NOT_READABLE",
            Self::ForeignId => "FOREIGN_ID",
            Self::LineRemoved => "LINE_REMOVED",
            Self::NoLines => "NO_LINES",
            Self::NotReady => "NOT_READY",
            Self::NotRemembered => "NOT_REMEMBERED",
            Self::OutsideContractPeriod => "OUTSIDE_CONTRACT_PERIOD",
            Self::OverlapForeseen => "OVERLAP_FORESEEN",
            Self::PriceChangedInPlace => "PRICE_CHANGED_IN_PLACE",
            Self::PriceIsZero => "PRICE_IS_ZERO",
            Self::PriceProrated => "PRICE_PRORATED",
            Self::Reopened => "REOPENED",
            Self::RowNotVisible => "ROW_NOT_VISIBLE",
            Self::RunsAlready => "RUNS_ALREADY",
            Self::UsageUnpriced => "USAGE_UNPRICED",
            Self::WriteBackFailed => "WRITE_BACK_FAILED",
        }
    }

    /// Whether it tells of how things are, so that the next sync of the same record says it again,
    /// and not of what one sync did or met.
    pub fn lasts(self) -> bool {
        match self {
            Self::AccountPlanLeft
            | Self::AdoptionToConfirm
            | Self::CommitmentBillingNotStated
            | Self::CommitmentLeft
            | Self::Ended
            | Self::FieldNotReadable
            | Self::LineRemoved
            | Self::NoLines
            | Self::NotReady
            | Self::OutsideContractPeriod
            | Self::PriceIsZero
            | Self::PriceProrated
            | Self::RowNotVisible
            | Self::RunsAlready => true,
            Self::CodeNotFound
            | Self::CommitmentNotDrawn
            | Self::ContractNotJoined
            | Self::DateInPast
            | Self::ForeignId
            | Self::NotRemembered
            | Self::OverlapForeseen
            | Self::PriceChangedInPlace
            | Self::Reopened
            | Self::UsageUnpriced
            | Self::WriteBackFailed => false,
        }
    }

    /// The code with this spelling.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|attention| attention.as_str() == code)
    }
}

/// Which results are meant by what somebody should look at of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttentionFilter {
    /// Those with any code.
    Any,
    /// Those with this one.
    Code(Attention),
}

impl AttentionFilter {
    /// `any`, or one of the codes.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "any" { Some(Self::Any) } else { Attention::from_code(text).map(Self::Code) }
    }
}

impl fmt::Display for Attention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_spelled_alike_everywhere_and_sorted() {
        for attention in Attention::ALL {
            assert_eq!(serde_json::to_value(attention).unwrap(), attention.as_str());
            assert_eq!(Attention::from_code(attention.as_str()), Some(attention));
        }
        assert!(Attention::ALL.is_sorted_by_key(|attention| attention.as_str()));
    }

    #[test]
    fn a_filter_is_any_or_a_code() {
        assert_eq!(AttentionFilter::parse("any"), Some(AttentionFilter::Any));
        assert_eq!(
            AttentionFilter::parse("NO_LINES"),
            Some(AttentionFilter::Code(Attention::NoLines))
        );
        assert_eq!(["", "ANY", "no_lines", "FLAGGED"].map(AttentionFilter::parse), [None; 4]);
    }

    #[test]
    fn a_warning_is_written_as_its_sentence() {
        let warning = Warning::of(Attention::NoLines, "jane@acme.example sold nothing");
        assert_eq!(serde_json::to_value(&warning).unwrap(), "jane@acme.example sold nothing");
        assert!(
            !warning.for_history().contains('@')
                && warning.for_history().attention == warning.attention
        );
    }
}
