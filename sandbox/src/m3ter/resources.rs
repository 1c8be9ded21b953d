//! The resources of the Config API, as one table: a further one is a further entry.

use super::resource::FieldType::{
    Address, Any, Bands, Boolean, CodeA, CodeB, CustomFields, Date, DateTime, Email, FeeDates, Id,
    IdList, Integer, ListOf, Number, OneOf, Reference, Segment, Text, UsageFilters,
};
use super::resource::Minimum::{self, AboveZero, Zero};
use super::resource::{Field, FieldType, Filter, Resource};

const fn required(name: &'static str, kind: FieldType) -> Field {
    Field { name, kind, required: true }
}

const fn optional(name: &'static str, kind: FieldType) -> Field {
    Field { name, kind, required: false }
}

const NAME: Field = required("name", Text { least: 1, most: 200 });
const DESCRIPTION_200: FieldType = Text { least: 0, most: 200 };
const PO_NUMBER: Field = optional("purchaseOrderNumber", Text { least: 0, most: 100 });
const CUSTOM_FIELDS: Field = optional("customFields", CustomFields);
const CHILD_BILLING_MODE: Field =
    optional("childBillingMode", OneOf(&["PARENT_SUMMARY", "PARENT_BREAKDOWN", "CHILD"]));
const LINE_ITEM_TYPES: &[&str] = &[
    "STANDING_CHARGE",
    "USAGE",
    "MINIMUM_SPEND",
    "COUNTER_RUNNING_TOTAL_CHARGE",
    "COUNTER_ADJUSTMENT_DEBIT",
];
const ROUNDING: &[&str] = &["UP", "DOWN", "NEAREST", "NONE"];

/// Every resource.
pub(super) const RESOURCES: &[Resource] = &[
    Resource {
        path: "accounts",
        name: "Account",
        fields: &[
            NAME,
            required("code", CodeA),
            required("emailAddress", Email),
            CUSTOM_FIELDS,
            optional("address", Address),
            optional("parentAccountId", Reference("accounts")),
            optional("billEpoch", Date),
            PO_NUMBER,
            optional("currency", Text { least: 0, most: 80 }),
            optional("statementDefinitionId", Id),
            optional("autoGenerateStatementMode", OneOf(&["NONE", "JSON", "JSON_AND_CSV"])),
            optional("creditApplicationOrder", ListOf(&["PREPAYMENT", "BALANCE"])),
            optional("daysBeforeBillDue", Integer { least: 1, most: i64::MAX }),
            optional("configData", Any),
        ],
        largest_page: 100,
        filters: &[Filter::Field("codes", "code")],
    },
    Resource {
        path: "contracts",
        name: "Contract",
        fields: &[
            required("accountId", Reference("accounts")),
            NAME,
            required("startDate", Date),
            required("endDate", Date),
            CUSTOM_FIELDS,
            optional("code", CodeA),
            optional("description", Text { least: 0, most: 500 }),
            PO_NUMBER,
            optional("applyContractPeriodLimits", Boolean),
            optional("usageFilters", UsageFilters),
            optional("billGroupingKeyId", Reference("picklists/billgroupingkeys")),
        ],
        largest_page: 100,
        filters: &[Filter::Field("codes", "code"), Filter::Field("accountId", "accountId")],
    },
    Resource {
        path: "commitments",
        name: "Commitment",
        fields: &[
            required("accountId", Reference("accounts")),
            required("startDate", Date),
            required("endDate", Date),
            required("currency", Text { least: 1, most: 80 }),
            required("amount", Number(AboveZero)),
            optional("billingPlanId", Reference("plans")),
            optional("productIds", IdList("products")),
            optional("amountPrePaid", Number(Zero)),
            optional("amountFirstBill", Number(Zero)),
            optional("overageSurchargePercent", Number(Minimum::None)),
            optional("separateOverageUsage", Boolean),
            optional("billingInterval", Integer { least: 1, most: 365 }),
            optional("billingOffset", Integer { least: 0, most: 364 }),
            optional("commitmentFeeDescription", DESCRIPTION_200),
            optional("commitmentUsageDescription", DESCRIPTION_200),
            optional("overageDescription", DESCRIPTION_200),
            optional("commitmentFeeBillInAdvance", Boolean),
            optional("billEpoch", Date),
            optional("contractId", Reference("contracts")),
            optional("accountingProductId", Reference("products")),
            optional("feesAccountingProductId", Reference("products")),
            optional("drawdownsAccountingProductId", Reference("products")),
            optional("feeDates", FeeDates),
            CHILD_BILLING_MODE,
            optional("lineItemTypes", ListOf(LINE_ITEM_TYPES)),
        ],
        largest_page: 100,
        filters: &[
            Filter::Field("accountId", "accountId"),
            Filter::Field("contractId", "contractId"),
            Filter::DrawnBy,
            Filter::ActiveOn,
            Filter::EndBetween,
        ],
    },
    Resource {
        path: "products",
        name: "Product",
        fields: &[NAME, required("code", CodeA), CUSTOM_FIELDS],
        largest_page: 200,
        filters: &[],
    },
    Resource {
        path: "meters",
        name: "Meter",
        fields: &[
            NAME,
            required("code", CodeA),
            required("dataFields", Any),
            required("derivedFields", Any),
            CUSTOM_FIELDS,
            optional("productId", Reference("products")),
            optional("groupId", Id),
        ],
        largest_page: 100,
        filters: &[Filter::Field("productId", "productId"), Filter::Field("codes", "code")],
    },
    Resource {
        path: "aggregations",
        name: "Aggregation",
        fields: &[
            NAME,
            required("rounding", OneOf(ROUNDING)),
            required("quantityPerUnit", Number(AboveZero)),
            required("unit", Text { least: 1, most: 50 }),
            required("meterId", Reference("meters")),
            required("targetField", Text { least: 1, most: 80 }),
            required(
                "aggregation",
                OneOf(&["SUM", "MIN", "MAX", "COUNT", "LATEST", "MEAN", "UNIQUE", "CUSTOM_SQL"]),
            ),
            CUSTOM_FIELDS,
            optional("code", CodeB),
            optional("accountingProductId", Reference("products")),
            optional("segmentedFields", Any),
            optional("segments", Any),
            optional("defaultValue", Number(Zero)),
            optional("customSql", Text { least: 0, most: 2_048 }),
        ],
        largest_page: 100,
        filters: &[Filter::ProductOfMeter, Filter::Field("codes", "code")],
    },
    Resource {
        path: "compoundaggregations",
        name: "CompoundAggregation",
        fields: &[
            NAME,
            required("rounding", OneOf(ROUNDING)),
            required("quantityPerUnit", Number(AboveZero)),
            required("unit", Text { least: 1, most: 50 }),
            required("calculation", Text { least: 1, most: 5_000 }),
            CUSTOM_FIELDS,
            optional("code", CodeB),
            optional("accountingProductId", Reference("products")),
            optional("productId", Reference("products")),
            optional("evaluateNullAggregations", Boolean),
        ],
        largest_page: 100,
        filters: &[Filter::Field("productId", "productId"), Filter::Field("codes", "code")],
    },
    Resource {
        path: "plantemplates",
        name: "PlanTemplate",
        fields: &[
            required("productId", Reference("products")),
            NAME,
            required("currency", Text { least: 3, most: 3 }),
            required("standingCharge", Number(Zero)),
            required(
                "billFrequency",
                OneOf(&["DAILY", "WEEKLY", "MONTHLY", "ANNUALLY", "AD_HOC", "MIXED"]),
            ),
            CUSTOM_FIELDS,
            optional("standingChargeDescription", DESCRIPTION_200),
            optional("standingChargeInterval", Integer { least: 1, most: 365 }),
            optional("standingChargeOffset", Integer { least: 0, most: 364 }),
            optional("billFrequencyInterval", Integer { least: 1, most: 365 }),
            optional("ordinal", Integer { least: 0, most: i64::MAX }),
            optional("code", CodeA),
            optional("minimumSpend", Number(Zero)),
            optional("minimumSpendDescription", DESCRIPTION_200),
            optional("standingChargeBillInAdvance", Boolean),
            optional("minimumSpendBillInAdvance", Boolean),
        ],
        largest_page: 100,
        filters: &[Filter::Field("productId", "productId")],
    },
    Resource {
        path: "plans",
        name: "Plan",
        fields: &[
            required("planTemplateId", Reference("plantemplates")),
            NAME,
            required("code", CodeA),
            CUSTOM_FIELDS,
            optional("standingCharge", Number(Zero)),
            optional("standingChargeDescription", DESCRIPTION_200),
            optional("ordinal", Integer { least: 0, most: i64::MAX }),
            optional("bespoke", Boolean),
            optional("minimumSpend", Number(Zero)),
            optional("minimumSpendDescription", DESCRIPTION_200),
            optional("standingChargeBillInAdvance", Boolean),
            optional("minimumSpendBillInAdvance", Boolean),
            optional("minimumSpendAccountingProductId", Reference("products")),
            optional("standingChargeAccountingProductId", Reference("products")),
            optional("accountId", Reference("accounts")),
        ],
        largest_page: 100,
        filters: &[
            Filter::Field("productId", "productId"),
            Filter::Field("accountId", "accountId"),
        ],
    },
    Resource {
        path: "pricings",
        name: "Pricing",
        fields: &[
            required("startDate", DateTime),
            required("pricingBands", Bands),
            optional("aggregationId", Reference("aggregations")),
            optional("compoundAggregationId", Reference("compoundaggregations")),
            optional("type", OneOf(&["DEBIT", "PRODUCT_CREDIT", "GLOBAL_CREDIT"])),
            optional("segment", Segment),
            optional("tiersSpanPlan", Boolean),
            optional("minimumSpend", Number(Zero)),
            optional("minimumSpendDescription", DESCRIPTION_200),
            optional("minimumSpendBillInAdvance", Boolean),
            optional("overagePricingBands", Bands),
            optional("code", CodeA),
            optional("planId", Reference("plans")),
            optional("planTemplateId", Reference("plantemplates")),
            optional("cumulative", Boolean),
            optional("endDate", DateTime),
            optional("description", DESCRIPTION_200),
            optional("accountingProductId", Reference("products")),
        ],
        largest_page: 100,
        filters: &[
            Filter::ActiveOn,
            Filter::Field("planId", "planId"),
            Filter::Field("planTemplateId", "planTemplateId"),
            Filter::Field("aggregationId", "aggregationId"),
        ],
    },
    Resource {
        path: "accountplans",
        name: "AccountPlan",
        fields: &[
            required("accountId", Reference("accounts")),
            required("startDate", DateTime),
            CUSTOM_FIELDS,
            optional("planId", Reference("plans")),
            optional("planGroupId", Reference("plangroups")),
            optional("endDate", DateTime),
            optional("code", CodeA),
            optional("billEpoch", Date),
            optional("contractId", Reference("contracts")),
            CHILD_BILLING_MODE,
        ],
        largest_page: 100,
        filters: &[
            Filter::ActiveOn,
            Filter::Field("account", "accountId"),
            Filter::Field("plan", "planId"),
            Filter::Field("product", "productId"),
            Filter::Field("contract", "contractId"),
            Filter::IncludeAll,
        ],
    },
    Resource {
        path: "counters",
        name: "Counter",
        fields: &[
            NAME,
            required("unit", Text { least: 1, most: 200 }),
            optional("code", CodeA),
            optional("productId", Reference("products")),
        ],
        largest_page: 200,
        filters: &[Filter::Field("productId", "productId"), Filter::Field("codes", "code")],
    },
    Resource {
        path: "counterpricings",
        name: "CounterPricing",
        fields: &[
            required("startDate", DateTime),
            required("pricingBands", Bands),
            required("counterId", Reference("counters")),
            optional("code", CodeA),
            optional("planId", Reference("plans")),
            optional("planTemplateId", Reference("plantemplates")),
            optional("cumulative", Boolean),
            optional("endDate", DateTime),
            optional("description", DESCRIPTION_200),
            optional("accountingProductId", Reference("products")),
            optional("runningTotalBillInAdvance", Boolean),
            optional("proRateRunningTotal", Boolean),
            optional("proRateAdjustmentDebit", Boolean),
            optional("proRateAdjustmentCredit", Boolean),
        ],
        largest_page: 200,
        filters: &[
            Filter::ActiveOn,
            Filter::Field("planId", "planId"),
            Filter::Field("planTemplateId", "planTemplateId"),
        ],
    },
    Resource {
        path: "plangroups",
        name: "PlanGroup",
        fields: &[
            NAME,
            required("currency", Text { least: 3, most: 3 }),
            CUSTOM_FIELDS,
            optional("code", CodeA),
            optional("minimumSpend", Number(Zero)),
            optional("standingCharge", Number(Zero)),
            optional("accountId", Reference("accounts")),
        ],
        largest_page: 200,
        filters: &[Filter::Field("accountId", "accountId")],
    },
    Resource {
        path: "picklists/billgroupingkeys",
        name: "BillGroupingKey",
        fields: &[
            NAME,
            optional("code", CodeB),
            optional("archived", Boolean),
            required("exclusive", Boolean),
        ],
        largest_page: 100,
        filters: &[Filter::Field("codes", "code"), Filter::Flag("archived")],
    },
    Resource {
        path: "picklists/currency",
        name: "Currency",
        fields: &[
            NAME,
            optional("code", CodeB),
            optional("archived", Boolean),
            optional("maxDecimalPlaces", Integer { least: 0, most: 5 }),
            optional(
                "roundingMode",
                OneOf(&[
                    "UP",
                    "DOWN",
                    "CEILING",
                    "FLOOR",
                    "HALF_UP",
                    "HALF_DOWN",
                    "HALF_EVEN",
                    "UNNECESSARY",
                ]),
            ),
        ],
        largest_page: 100,
        filters: &[Filter::Field("codes", "code"), Filter::Flag("archived")],
    },
];

/// The resource at a path below the organization, and the id behind it.
pub(super) fn find(path: &str) -> Option<(&'static Resource, Option<&str>)> {
    let path = path.strip_prefix('/')?;
    RESOURCES.iter().find_map(|resource| match path.strip_prefix(resource.path)? {
        "" => Some((resource, None)),
        rest => rest
            .strip_prefix('/')
            .filter(|id| !id.is_empty() && !id.contains('/'))
            .map(|id| (resource, Some(id))),
    })
}

/// What is done with an object beside reading and replacing it: `/accounts/{id}/children`.
pub(super) fn find_action(path: &str) -> Option<(&'static Resource, &str, &str)> {
    let (object, action) = path.rsplit_once('/')?;
    let (resource, id) = find(object)?;
    Some((resource, id?, action))
}

/// What is wrong with a name that no resource has.
pub(super) fn unknown_resource(name: &str) -> String {
    let known: Vec<&str> = RESOURCES.iter().map(|resource| resource.path).collect();
    format!("`{name}` is not an emulated resource; there are `{}`", known.join("`, `"))
}

/// The resource called `path` in the table.
pub(super) fn named(path: &str) -> Option<&'static Resource> {
    RESOURCES.iter().find(|resource| resource.path == path)
}
