//! What is wrong with the data: a value that goes into the result, not a failure of the program.

use strum::{Display, IntoStaticStr, VariantArray};

use super::personal::without_emails;
use super::text::visible;

/// A fault in a record, a mapping or what m3ter already holds, told to the person who can fix it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The stable code.
    pub code: FindingCode,
    /// What is wrong and where, as a sentence with the Salesforce field in backticks.
    pub message: String,
    /// What to do next, as a sentence.
    pub remedy: String,
}

impl Finding {
    /// A finding with its sentence and its remedy, in which no e-mail address is left and no
    /// character is unseen.
    pub fn new(code: FindingCode, message: impl AsRef<str>, remedy: impl AsRef<str>) -> Self {
        let shown = |text: &str| visible(&without_emails(text)).into_owned();
        Self { code, message: shown(message.as_ref()), remedy: shown(remedy.as_ref()) }
    }
}

/// The stable code of a finding, as in `findingCode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum FindingCode {
    /// m3ter requires the value and the Salesforce field is blank.
    RequiredValueBlank,
    /// The value has another type or form than m3ter's field takes.
    ValueInvalid,
    /// The value lies outside m3ter's limits.
    ValueOutOfRange,
    /// The end is not after the start.
    EndNotAfterStart,
    /// A line's period leaves the Contract's.
    OutsideContractPeriod,
    /// Two lines of one product run at the same time.
    ProductPeriodsOverlap,
    /// No currency is known.
    CurrencyMissing,
    /// Record and plan template have different currencies.
    CurrencyMismatch,
    /// m3ter has no object with the code.
    CodeNotFound,
    /// m3ter cannot have an object with such a code.
    CodeInvalid,
    /// The object with the code belongs to another Salesforce row.
    CodeInUse,
    /// Two m3ter objects fit the same natural key.
    AmbiguousMatch,
    /// The object belongs to another owner than the record now says; m3ter cannot move it.
    IdentityChanged,
    /// Nobody has said whether Commitments are paid outside m3ter or billed there.
    CommitmentBillingNotStated,
    /// Which plan bills the commitment is not known.
    BillingPlanUnclear,
    /// Several bands, and neither tiered nor volume was said.
    PricingTypeMissing,
    /// The bands are not readable, not rising or do not start at 0.
    PricingBandsInvalid,
    /// The price differs and the mapping says to report that only.
    PricingChanged,
    /// Its flag says not to sync it.
    Flagged,
    /// What it needs is not there.
    DependencyFailed,
    /// Another commitment runs in the same time.
    CommitmentOverlap,
    /// Another account plan of the product runs in the same time.
    AccountPlanOverlap,
    /// m3ter refused it for another reason.
    RefusedByM3ter,
    /// It changed in m3ter again and again while this sync wrote.
    ChangedMeanwhile,
    /// No definite answer; the run's error code says more.
    OutcomeUnknown,
    /// A row that was synced before is gone from Salesforce, and the mapping says to fail.
    LineRemoved,
    /// A Salesforce field that the object hangs on could be read before and cannot be read now.
    FieldNotReadable,
    /// Salesforce does not show a row that was synced before, and does not say that it was deleted.
    RowNotVisible,
    /// m3ter did not end a billing entity.
    EndDateFailed,
    /// Salesforce says a later end than when end dating ended the object, and the mapping leaves
    /// that to an operator.
    Ended,
    /// What would be written of it is not what the approved plan says.
    PlanChanged,
    /// More would be ended, lowered or repriced than is usual, and nobody has seen it as a plan.
    UnusualChange,
    /// Accounts are parents of each other in a circle.
    ParentCycle,
    /// Several rows are there where one is expected.
    SeveralRows,
    /// The mapping refuses such a row.
    RowRefused,
}

impl FindingCode {
    /// The code's spelling in answers.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
