//! The settings at the head of a mapping: what no record can answer.

use jiff::tz::TimeZone;

/// The settings of one mapping.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The currency of an org that has only one.
    pub currency: Option<String>,
    /// In which Salesforce's dates begin, where it is not the organization's.
    pub time_zone: Option<TimeZone>,
    /// How a commitment is paid. Not stated: nothing new is made; what an earlier version made
    /// counts as `PaidOutside`, with a warning.
    pub commitment_billing: Option<CommitmentBilling>,
    /// What happens when a price differs.
    pub pricing_change: PricingChange,
    /// What happens about a row that was synced and is gone.
    pub removed_lines: RemovedLines,
    /// What happens where Salesforce takes back an end that end dating made.
    pub ended: EndedRule,
    /// What happens about a line of a product that another row's AccountPlan bills at the same
    /// price.
    pub running_lines: RunningLines,
    /// What happens about an AccountPlan that stands in the way of a new one.
    pub account_plan_overlap: OverlapRule,
    /// What happens about a Commitment that stands in the way of a new one.
    pub commitment_overlap: OverlapRule,
}

impl Settings {
    /// The choices that decide about money, each with its word as it counts. `states_billing`:
    /// whether it is said anywhere how Commitments are billed.
    pub fn render_choices(&self, states_billing: bool) -> [(&'static str, &'static str); 6] {
        fn word<T: PartialEq>(words: &[(&'static str, T)], chosen: &T) -> &'static str {
            words.iter().find(|(_, choice)| choice == chosen).map_or("", |(word, _)| word)
        }
        let billing = match self.commitment_billing {
            Some(billing) => billing.word(),
            None if states_billing => "by the fields of the Commitment",
            None => "not stated",
        };
        [
            ("commitment_billing", billing),
            ("pricing_change", word(&PricingChange::WORDS, &self.pricing_change)),
            ("removed_lines", word(&RemovedLines::WORDS, &self.removed_lines)),
            ("ended", word(&EndedRule::WORDS, &self.ended)),
            ("commitment.overlap", word(&OverlapRule::WORDS, &self.commitment_overlap)),
            ("account_plan.overlap", word(&OverlapRule::WORDS, &self.account_plan_overlap)),
        ]
    }
}

/// What happens about a line that asks for what an AccountPlan of another row bills already, under
/// the same Contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RunningLines {
    /// It is left out, with a warning.
    #[default]
    LeaveOut,
    /// It is the overlap that m3ter would refuse.
    Report,
}

/// What happens about an object of m3ter that runs when a new one is to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OverlapRule {
    /// It is left alone and reported, with whose it is.
    #[default]
    Report,
    /// It ends when the new one begins, if a sync of this service made it or took it over.
    Replace,
    /// It ends when the new one begins, no matter who made it.
    ReplaceAny,
}

/// Whether m3ter lets AccountPlans of one product run at the same time for an Account; its
/// organization decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OverlappingPlans {
    /// It refuses the second one.
    #[default]
    Refused,
    /// It takes and bills each of them.
    Allowed,
}

/// How a commitment is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitmentBilling {
    /// It was paid outside m3ter: recorded as prepaid.
    PaidOutside,
    /// A Plan of the deal bills it.
    BilledByPlan,
}

impl CommitmentBilling {
    /// Both, with their words in a mapping and in the configuration.
    pub const WORDS: [(&'static str, Self); 2] =
        [("paid_outside", Self::PaidOutside), ("billed_by_plan", Self::BilledByPlan)];

    /// The one with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(name, _)| *name == word).map(|(_, billing)| billing)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::PaidOutside => "paid_outside",
            Self::BilledByPlan => "billed_by_plan",
        }
    }
}

impl OverlapRule {
    /// Each with its word in a mapping.
    pub const WORDS: [(&'static str, Self); 3] =
        [("report", Self::Report), ("replace", Self::Replace), ("replace_any", Self::ReplaceAny)];
}

impl PricingChange {
    /// Each with its word in a mapping.
    pub const WORDS: [(&'static str, Self); 3] =
        [("in_place", Self::InPlace), ("from_date", Self::FromDate), ("report", Self::Report)];
}

impl RemovedLines {
    /// Each with its word in a mapping.
    pub const WORDS: [(&'static str, Self); 3] =
        [("warn", Self::Warn), ("fail", Self::Fail), ("end", Self::End)];
}

impl EndedRule {
    /// Each with its word in a mapping.
    pub const WORDS: [(&'static str, Self); 2] =
        [("follow", Self::Follow), ("operator", Self::Operator)];
}

/// What happens where end dating ended an object, and Salesforce says a later end now than it said
/// then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EndedRule {
    /// Its end is followed, with a warning.
    #[default]
    Follow,
    /// It is a finding until an operator reopens the record.
    Operator,
}

/// What happens with a record that is not ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// Its first sync is refused; one that was synced before is kept up to date.
    Refuse,
    /// It is synced with a warning.
    Warn,
}

/// What happens when the price of a Pricing that m3ter has differs from the record's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PricingChange {
    /// The Pricing is updated, also for usage that was priced already.
    #[default]
    InPlace,
    /// The Pricing ends today and another one starts.
    FromDate,
    /// Nothing is written; a finding.
    Report,
}

/// What happens about a row that was synced before and is gone from Salesforce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RemovedLines {
    /// A warning.
    #[default]
    Warn,
    /// An object result that is not a success.
    Fail,
    /// Its AccountPlan ends.
    End,
}
