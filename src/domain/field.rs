//! The fields of the six entities: type, limits, and what a later sync may do with them.
//!
//! One table per entity. The mapping checks its keys and constants against it, the comparison reads
//! what a difference means, and an update leaves the response-only fields out. Source: m3ter API,
//! the `…Request` and `…Response` schemas.

use rust_decimal::Decimal;

use super::entity::EntityKind;

/// One field of an entity.
#[derive(Debug, Clone, Copy)]
pub struct FieldSpec {
    /// As m3ter spells it.
    pub name: &'static str,
    /// What it holds, with its limits.
    pub field_type: FieldType,
    /// Whether m3ter demands it on every create and update.
    pub required: bool,
    /// What a difference between the mapped and the actual value means.
    pub on_difference: OnDifference,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FieldType {
    /// Text of at most so many characters.
    Text {
        /// Characters.
        max: usize,
    },
    /// A code by m3ter's rule for entities: 1 to 80 characters, no control characters, inner plain
    /// spaces only.
    Code,
    /// An e-mail address.
    Email,
    /// An ISO 4217 code as m3ter's currency picklist spells it.
    Currency,
    /// A calendar date.
    Date,
    /// An instant.
    DateTime,
    /// A number with an inclusive or exclusive lower limit.
    Decimal {
        /// The lower limit.
        minimum: Minimum,
    },
    /// A whole number between two inclusive limits.
    Integer {
        /// The least value.
        minimum: i64,
        /// The greatest value.
        maximum: i64,
    },
    /// True or false.
    Boolean,
    /// One of a few words.
    Enum(&'static [&'static str]),
    /// A list of some of a few words.
    EnumList(&'static [&'static str]),
    /// An address of up to eight parts.
    Address,
    /// Pricing bands.
    PricingBands,
    /// The fees of a Commitment, each with its date.
    FeeDates,
    /// Which usage a Contract's bills take in.
    UsageFilters,
    /// One segment of an aggregation: a value for each of its dimensions.
    Segment,
    /// Fields of the customer's own: texts and numbers by name.
    CustomFields,
    /// The id of another object.
    Id,
    /// Ids of other objects.
    IdList,
}

impl FieldType {
    /// Whether it holds a number.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Decimal { .. } | Self::Integer { .. })
    }

    /// Whether it holds a date or an instant.
    pub fn is_date(self) -> bool {
        matches!(self, Self::Date | Self::DateTime)
    }

    /// Whether it holds more than one value, each with a name or a place of its own.
    pub fn is_structure(self) -> bool {
        matches!(
            self,
            Self::Address
                | Self::PricingBands
                | Self::FeeDates
                | Self::UsageFilters
                | Self::Segment
                | Self::CustomFields
        )
    }
}

/// The lower limit of a decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Minimum {
    /// Any number.
    None,
    /// 0 or more.
    Zero,
    /// More than 0.
    AboveZero,
}

impl Minimum {
    /// Whether `value` keeps to the limit.
    pub fn allows(self, value: Decimal) -> bool {
        match self {
            Self::None => true,
            Self::Zero => value >= Decimal::ZERO,
            Self::AboveZero => value > Decimal::ZERO,
        }
    }
}

/// What it means that the mapped value differs from m3ter's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDifference {
    /// It is sent.
    Update,
    /// m3ter's value stays, silently: usage and history hang on it.
    Keep,
    /// It is another object: a finding, and nothing is sent.
    Identity,
}

/// The lines of m3ter's address, in order, with the characters they hold (`None`: no limit is
/// documented).
pub const ADDRESS_PARTS: [(&str, Option<usize>); 8] = [
    ("addressLine1", Some(50)),
    ("addressLine2", Some(50)),
    ("addressLine3", None),
    ("addressLine4", None),
    ("locality", Some(100)),
    ("region", Some(50)),
    ("postCode", Some(20)),
    ("country", Some(100)),
];

/// One of them on its way; what is too long is cut where the address is put together.
pub const ADDRESS_PART: FieldSpec = optional("part", FieldType::Text { max: 4_000 });

/// How a usage filter works.
pub const USAGE_FILTER_MODES: &[&str] = &["INCLUDE", "EXCLUDE"];

/// Custom fields that one object holds at most.
pub const MAX_CUSTOM_FIELDS: usize = 100;
/// Entries of a list of ids at most.
pub const MAX_LIST_ENTRIES: usize = 100;

const CHILD_BILLING_MODES: &[&str] = &["PARENT_SUMMARY", "PARENT_BREAKDOWN", "CHILD"];
const LINE_ITEM_TYPES: &[&str] = &[
    "STANDING_CHARGE",
    "USAGE",
    "MINIMUM_SPEND",
    "COUNTER_RUNNING_TOTAL_CHARGE",
    "COUNTER_ADJUSTMENT_DEBIT",
];
const ANY_AMOUNT: FieldType = FieldType::Decimal { minimum: Minimum::None };
const ZERO_OR_MORE: FieldType = FieldType::Decimal { minimum: Minimum::Zero };
const DESCRIPTION: FieldType = FieldType::Text { max: 200 };
const WORD: FieldType = FieldType::Text { max: 200 };

const fn required(name: &'static str, field_type: FieldType) -> FieldSpec {
    FieldSpec { name, field_type, required: true, on_difference: OnDifference::Update }
}

const fn optional(name: &'static str, field_type: FieldType) -> FieldSpec {
    FieldSpec { name, field_type, required: false, on_difference: OnDifference::Update }
}

const CUSTOM_FIELDS: FieldSpec = optional("customFields", FieldType::CustomFields);

impl FieldSpec {
    const fn kept_on_difference(mut self) -> Self {
        self.on_difference = OnDifference::Keep;
        self
    }

    const fn identity(mut self) -> Self {
        self.on_difference = OnDifference::Identity;
        self
    }
}

const ACCOUNT: &[FieldSpec] = &[
    required("name", FieldType::Text { max: 200 }),
    required("code", FieldType::Code).kept_on_difference(),
    required("emailAddress", FieldType::Email),
    optional("address", FieldType::Address),
    optional("currency", FieldType::Currency).kept_on_difference(),
    optional("daysBeforeBillDue", FieldType::Integer { minimum: 1, maximum: 2_147_483_647 }),
    optional("parentAccountId", FieldType::Id),
    optional("purchaseOrderNumber", FieldType::Text { max: 100 }),
    optional("billEpoch", FieldType::Date),
    optional("statementDefinitionId", FieldType::Id),
    optional("autoGenerateStatementMode", FieldType::Enum(&["NONE", "JSON", "JSON_AND_CSV"])),
    optional("creditApplicationOrder", FieldType::EnumList(&["PREPAYMENT", "BALANCE"])),
    CUSTOM_FIELDS,
];

const CONTRACT: &[FieldSpec] = &[
    required("accountId", FieldType::Id).identity(),
    required("name", FieldType::Text { max: 200 }),
    optional("code", FieldType::Code).kept_on_difference(),
    required("startDate", FieldType::Date),
    required("endDate", FieldType::Date),
    optional("description", FieldType::Text { max: 500 }),
    optional("purchaseOrderNumber", FieldType::Text { max: 100 }),
    optional("applyContractPeriodLimits", FieldType::Boolean),
    optional("usageFilters", FieldType::UsageFilters),
    optional("billGroupingKeyId", FieldType::Id),
    CUSTOM_FIELDS,
];

const COMMITMENT: &[FieldSpec] = &[
    required("accountId", FieldType::Id).identity(),
    optional("contractId", FieldType::Id),
    required("startDate", FieldType::Date),
    required("endDate", FieldType::Date),
    required("currency", FieldType::Currency).identity(),
    required("amount", FieldType::Decimal { minimum: Minimum::AboveZero }),
    optional("amountPrePaid", ZERO_OR_MORE),
    optional("amountFirstBill", ZERO_OR_MORE),
    optional("billingPlanId", FieldType::Id),
    optional("billingInterval", FieldType::Integer { minimum: 1, maximum: 365 }),
    optional("billingOffset", FieldType::Integer { minimum: 0, maximum: 364 }),
    optional("feeDates", FieldType::FeeDates),
    optional("billEpoch", FieldType::Date),
    optional("overageSurchargePercent", ANY_AMOUNT),
    optional("separateOverageUsage", FieldType::Boolean),
    optional("productIds", FieldType::IdList),
    optional("lineItemTypes", FieldType::EnumList(LINE_ITEM_TYPES)),
    optional("commitmentFeeDescription", DESCRIPTION),
    optional("commitmentUsageDescription", DESCRIPTION),
    optional("overageDescription", DESCRIPTION),
    optional("commitmentFeeBillInAdvance", FieldType::Boolean),
    optional("childBillingMode", FieldType::Enum(CHILD_BILLING_MODES)),
    optional("accountingProductId", FieldType::Id),
    optional("feesAccountingProductId", FieldType::Id),
    optional("drawdownsAccountingProductId", FieldType::Id),
];

const PLAN: &[FieldSpec] = &[
    required("planTemplateId", FieldType::Id).identity(),
    required("name", FieldType::Text { max: 200 }),
    required("code", FieldType::Code).kept_on_difference(),
    optional("bespoke", FieldType::Boolean).kept_on_difference(),
    optional("accountId", FieldType::Id).identity(),
    optional("standingCharge", ZERO_OR_MORE),
    optional("standingChargeDescription", DESCRIPTION),
    optional("standingChargeBillInAdvance", FieldType::Boolean),
    optional("standingChargeAccountingProductId", FieldType::Id),
    optional("minimumSpend", ZERO_OR_MORE),
    optional("minimumSpendDescription", DESCRIPTION),
    optional("minimumSpendBillInAdvance", FieldType::Boolean),
    optional("minimumSpendAccountingProductId", FieldType::Id),
    CUSTOM_FIELDS,
];

const PRICING: &[FieldSpec] = &[
    optional("planId", FieldType::Id).identity(),
    optional("planTemplateId", FieldType::Id).identity(),
    optional("aggregationId", FieldType::Id).identity(),
    optional("compoundAggregationId", FieldType::Id).identity(),
    optional("code", FieldType::Code).kept_on_difference(),
    optional("segment", FieldType::Segment).identity(),
    optional("type", FieldType::Enum(&["DEBIT", "PRODUCT_CREDIT", "GLOBAL_CREDIT"])),
    optional("cumulative", FieldType::Boolean),
    optional("tiersSpanPlan", FieldType::Boolean),
    required("startDate", FieldType::DateTime),
    optional("endDate", FieldType::DateTime),
    required("pricingBands", FieldType::PricingBands),
    optional("overagePricingBands", FieldType::PricingBands),
    optional("description", DESCRIPTION),
    optional("minimumSpend", ZERO_OR_MORE),
    optional("minimumSpendDescription", DESCRIPTION),
    optional("minimumSpendBillInAdvance", FieldType::Boolean),
    optional("accountingProductId", FieldType::Id),
];

const ACCOUNT_PLAN: &[FieldSpec] = &[
    required("accountId", FieldType::Id).identity(),
    optional("planId", FieldType::Id).identity(),
    optional("planGroupId", FieldType::Id).identity(),
    optional("contractId", FieldType::Id),
    optional("code", FieldType::Code).kept_on_difference(),
    required("startDate", FieldType::DateTime),
    optional("endDate", FieldType::DateTime),
    optional("billEpoch", FieldType::Date),
    optional("childBillingMode", FieldType::Enum(CHILD_BILLING_MODES)),
    CUSTOM_FIELDS,
];

/// A part of a band that is none of m3ter's: it is for rows whose bounds are both inclusive. A band
/// then starts where the one before ends.
pub const UPPER_LIMIT: &str = "upperLimit";

static BAND: [FieldSpec; 4] = [
    required("lowerLimit", ZERO_OR_MORE),
    optional("unitPrice", ANY_AMOUNT),
    optional("fixedPrice", ANY_AMOUNT),
    optional(UPPER_LIMIT, ZERO_OR_MORE),
];
static FEE: [FieldSpec; 4] = [
    required("date", FieldType::Date),
    required("amount", FieldType::Decimal { minimum: Minimum::AboveZero }),
    required("servicePeriodStartDate", FieldType::DateTime),
    required("servicePeriodEndDate", FieldType::DateTime),
];
static USAGE_FILTER: [FieldSpec; 3] = [
    required("dimensionCode", WORD),
    required("value", WORD),
    required("mode", FieldType::Enum(USAGE_FILTER_MODES)),
];
static ID: [FieldSpec; 1] = [required("item", FieldType::Id)];
static LISTED_WORD: [FieldSpec; 1] = [required("item", WORD)];

impl FieldSpec {
    /// The parts of each entry of a list; none where the field holds no list.
    pub fn parts(&self) -> &'static [Self] {
        match self.field_type {
            FieldType::PricingBands => &BAND,
            FieldType::FeeDates => &FEE,
            FieldType::UsageFilters => &USAGE_FILTER,
            FieldType::IdList => &ID,
            FieldType::EnumList(_) => &LISTED_WORD,
            _ => &[],
        }
    }
}

/// What every response carries beside the fields of the request; `version` goes back on an update.
const RESPONSE_ONLY: [&str; 5] =
    ["id", "dtCreated", "dtLastModified", "createdBy", "lastModifiedBy"];

impl EntityKind {
    /// The fields that a mapping may set.
    pub fn fields(self) -> &'static [FieldSpec] {
        match self {
            Self::Account => ACCOUNT,
            Self::Contract => CONTRACT,
            Self::Commitment => COMMITMENT,
            Self::Plan => PLAN,
            Self::Pricing => PRICING,
            Self::AccountPlan => ACCOUNT_PLAN,
        }
    }

    /// The field that m3ter calls `name`.
    pub fn field(self, name: &str) -> Option<&'static FieldSpec> {
        self.fields().iter().find(|field| field.name == name)
    }

    /// The pairs of fields of which m3ter takes exactly one.
    pub fn exactly_one_of(self) -> &'static [[&'static str; 2]] {
        match self {
            Self::Pricing => {
                &[["planId", "planTemplateId"], ["aggregationId", "compoundAggregationId"]]
            }
            Self::AccountPlan => &[["planId", "planGroupId"]],
            Self::Account | Self::Contract | Self::Commitment | Self::Plan => &[],
        }
    }

    /// Whether m3ter answers with the field but takes it in no request.
    pub fn is_response_only(self, name: &str) -> bool {
        RESPONSE_ONLY.contains(&name)
            || match self {
                Self::Account | Self::Contract => false,
                Self::Commitment => name == "amountSpent",
                Self::Plan | Self::AccountPlan => name == "productId",
                Self::Pricing => matches!(name, "aggregationType" | "segmentString"),
            }
    }
}

/// Whether `code` keeps to m3ter's rule for entity codes: 1 to 80 characters, no control
/// characters, spaces only inside.
pub fn is_entity_code(code: &str) -> bool {
    let characters = code.chars().count();
    (1..=80).contains(&characters)
        && !code.starts_with(' ')
        && !code.ends_with(' ')
        && code.chars().all(|c| c == ' ' || !(c.is_control() || c.is_whitespace()))
}

/// Whether `code` keeps to m3ter's rule for aggregations and picklists: letters, `_`, `$` and
/// digits, no digit first, at most 80.
pub fn is_identifier_code(code: &str) -> bool {
    let is_start = |c: char| c.is_alphabetic() || c == '_' || c == '$';
    code.chars().count() <= 80
        && code.chars().next().is_some_and(is_start)
        && code.chars().all(|c| is_start(c) || c.is_ascii_digit())
}

/// Whether a text has the form of an e-mail address: what the rule for such a field allows, not
/// whether anybody reads it.
pub fn is_email(text: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('-') && !part.ends_with('-');
    let is_word = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| {
                c.is_alphanumeric()
                    || c.is_ascii_punctuation()
                        && !matches!(
                            c,
                            '@' | '"' | '(' | ')' | ',' | ':' | ';' | '<' | '>' | '[' | ']' | '\\'
                        )
            })
    };
    text.rsplit_once('@').is_some_and(|(name, host)| {
        name.chars().count() <= 64
            && name.split('.').all(is_word)
            && host.contains('.')
            && host
                .split('.')
                .all(|part| is_part(part) && part.chars().all(|c| c.is_alphanumeric() || c == '-'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_e_mail_address_has_a_name_and_a_host_of_several_parts() {
        for good in [
            "a@b.example",
            "jane.doe+billing@acme-corp.co.uk",
            "o'neil@x.io",
            "jörg@müller.example",
            "a_b%c@1.de",
        ] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "", "a", "a@b", "@b.c", "a@.", "a@b.", "a@.c", "a@b..c", "a b@c.d", "a@b c.d",
            ".a@b.c", "a.@b.c", "a..b@c.d", "a@-b.c", "a,b@c.d", "<a@b.c>", "a@b@c.d",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn codes_follow_m3ters_two_rules() {
        for (code, entity, identifier) in [
            ("006S900000795MMIAY", true, false),
            ("API_CALLS", true, true),
            ("SKU-100", true, false),
            ("two words", true, false),
            (" leading", false, false),
            ("tab\tinside", false, false),
            ("", false, false),
        ] {
            assert_eq!(is_entity_code(code), entity, "{code:?}");
            assert_eq!(is_identifier_code(code), identifier, "{code:?}");
        }
        assert!(is_entity_code(&"x".repeat(80)) && !is_entity_code(&"x".repeat(81)));
    }

    #[test]
    fn each_field_is_in_its_table_once() {
        for kind in EntityKind::ALL {
            for (index, field) in kind.fields().iter().enumerate() {
                assert!(
                    kind.fields()[..index].iter().all(|other| other.name != field.name),
                    "{kind} {}",
                    field.name
                );
            }
        }
    }
}
