//! What a person should know although nothing failed, and which of it somebody should look at.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

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
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
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
    /// The codes of all, sorted.
    pub fn codes() -> Vec<&'static str> {
        let mut codes: Vec<&str> =
            Self::VARIANTS.iter().map(|attention| attention.as_str()).collect();
        codes.sort_unstable();
        codes
    }

    /// The code's spelling in answers.
    pub fn as_str(self) -> &'static str {
        self.into()
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
        if text == "any" { Some(Self::Any) } else { text.parse().ok().map(Self::Code) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_it_is_spelled() {
        for attention in Attention::VARIANTS {
            assert_eq!(attention.as_str().parse(), Ok(*attention));
        }
        assert_eq!(Attention::codes()[..2], ["ACCOUNT_PLAN_LEFT", "ADOPTION_TO_CONFIRM"]);
    }

    #[test]
    fn an_attention_filter_is_any_or_a_code() {
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
