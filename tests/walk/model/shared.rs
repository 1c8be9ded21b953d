//! What all built-in mappings have in common, and readers of a record's fields.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::Value as Json;

use super::arithmetic::{Band, Exact, bands, midnight, street_lines};
use super::{Fields, Sight, Want, Wanted};

/// A text that is not blank, without spaces around it.
pub(super) fn text(record: &Fields, field: &str) -> Option<String> {
    let text = record.get(field)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

pub(super) fn day(record: &Fields, field: &str) -> Option<Date> {
    text(record, field)?.parse().ok()
}

pub(super) fn number(record: &Fields, field: &str) -> Option<Exact> {
    Exact::of(record.get(field)?)
}

pub(super) fn is_on(record: &Fields, field: &str) -> bool {
    record.get(field) == Some(&Json::Bool(true))
}

/// A small whole number; the plan makes no others.
pub(super) fn whole(number: Exact) -> i32 {
    number.double().to_string().parse().unwrap()
}

/// A name as m3ter takes it: at most 200 characters.
pub(super) fn name(text: Option<String>) -> Option<Want> {
    text.map(|text| Want::Text(text.chars().take(200).collect()))
}

fn amount(record: &Fields, field: &str) -> Option<Want> {
    number(record, field).map(|number| Want::Number(number.double()))
}

/// The Account that a record names.
pub(super) fn account(sight: &Sight<'_>, id: &str) -> Wanted {
    let mut wanted = Wanted::new("Account", id);
    let record = sight.live("Account", id).unwrap_or_default();
    wanted.flag(&record, "M3ter_Skip_Account__c");
    wanted.require("name", name(text(&record, "Name")));
    wanted.require("emailAddress", text(&record, "M3ter_Billing_Email__c").map(Want::Text));
    let days = number(&record, "M3ter_Payment_Terms_Days__c").filter(|days| !days.is_zero());
    wanted.set("daysBeforeBillDue", days.map(|days| Want::Number(days.double())));
    let mut address = BTreeMap::new();
    let lines =
        text(&record, "BillingStreet").map(|street| street_lines(&street)).unwrap_or_default();
    for (line, text) in lines.into_iter().enumerate() {
        address.insert(format!("addressLine{}", line + 1), text);
    }
    for (part, field) in [
        ("locality", "BillingCity"),
        ("region", "BillingState"),
        ("postCode", "BillingPostalCode"),
        ("country", "BillingCountry"),
    ] {
        if let Some(text) = text(&record, field) {
            address.insert(part.to_owned(), text);
        }
    }
    wanted.set("address", (!address.is_empty()).then_some(Want::Address(address)));
    wanted
}

/// A period of days; the end is the first day that is not in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Period {
    pub(super) start: Option<Date>,
    pub(super) end: Option<Date>,
}

impl Period {
    fn check(self, wanted: &mut Wanted) {
        if self.start.zip(self.end).is_some_and(|(start, end)| end <= start) {
            wanted.faults.insert("END_NOT_AFTER_START");
        }
    }
}

pub(super) fn contract(
    deal: &Fields,
    id: &str,
    account: &Wanted,
    called: Option<String>,
    period: Period,
) -> Wanted {
    let mut contract = Wanted::new("Contract", id);
    contract.flag(deal, "M3ter_Skip_Contract__c");
    contract.joined = text(deal, "M3ter_Contract_Code__c").is_some();
    contract.set("accountId", Some(Want::Of("Account", account.row.clone())));
    contract.require("name", name(called));
    contract.require("startDate", period.start.map(Want::Day));
    contract.require("endDate", period.end.map(Want::Day));
    period.check(&mut contract);
    contract
}

/// None where the amount is blank or 0.
pub(super) fn commitment(
    deal: &Fields,
    id: &str,
    account: &Wanted,
    committed: Option<Exact>,
    period: Period,
) -> Option<Wanted> {
    let committed = committed.filter(|committed| !committed.is_zero())?;
    let mut commitment = Wanted::new("Commitment", id);
    commitment.flag(deal, "M3ter_Skip_Commitment__c");
    if committed.is_negative() {
        commitment.faults.insert("VALUE_OUT_OF_RANGE");
    }
    commitment.set("accountId", Some(Want::Of("Account", account.row.clone())));
    commitment.set("contractId", Some(Want::Of("Contract", id.to_owned())));
    commitment.set("amount", Some(Want::Number(committed.double())));
    commitment.require("startDate", period.start.map(Want::Day));
    commitment.require("endDate", period.end.map(Want::Day));
    commitment.set("overageSurchargePercent", amount(deal, "M3ter_Overage_Surcharge__c"));
    period.check(&mut commitment);
    Some(commitment)
}

/// One line of a deal, with what is read of it.
pub(super) struct Line<'a> {
    pub(super) sight: &'a Sight<'a>,
    pub(super) deal: &'a str,
    pub(super) account: &'a Wanted,
    pub(super) id: &'a str,
    pub(super) fields: &'a Fields,
    pub(super) product: &'a Fields,
}

impl Line<'_> {
    /// Plan, Pricing and AccountPlan; the Pricing without a price yet.
    pub(super) fn objects(&self, period: Period) -> [Wanted; 3] {
        let code =
            |field: &str| text(self.product, field).or_else(|| text(self.product, "ProductCode"));
        let own_code = || Some(Want::Text(self.id.to_owned()));
        let account = || Some(Want::Of("Account", self.account.row.clone()));
        let mut plan = Wanted::new("Plan", self.id);
        plan.flag(self.fields, "M3ter_Skip_Plan__c");
        plan.require("name", name(text(self.product, "Name")));
        plan.set("standingCharge", amount(self.fields, "M3ter_Standing_Charge__c"));
        plan.set("minimumSpend", amount(self.fields, "M3ter_Minimum_Spend__c"));
        plan.require(
            "planTemplateId",
            code("M3ter_Plan_Template_Code__c").map(|code| Want::Coded("plantemplates", code)),
        );
        plan.set("accountId", account());
        plan.set("code", own_code());
        let mut account_plan = Wanted::new("AccountPlan", self.id);
        account_plan.flag(self.fields, "M3ter_Skip_Account_Plan__c");
        account_plan.set("accountId", account());
        account_plan.set("planId", Some(Want::Of("Plan", self.id.to_owned())));
        account_plan.set("contractId", Some(Want::Of("Contract", self.deal.to_owned())));
        account_plan.set("code", own_code());
        let instant = |day: Date| Want::Instant(midnight(day, &self.sight.zone));
        account_plan.require("startDate", period.start.map(instant));
        account_plan.set("endDate", period.end.map(instant));
        period.check(&mut account_plan);
        let mut pricing = Wanted::new("Pricing", self.id);
        pricing.flag(self.fields, "M3ter_Skip_Pricing__c");
        pricing.set("planId", Some(Want::Of("Plan", self.id.to_owned())));
        pricing.require(
            "aggregationId",
            code("M3ter_Aggregation_Code__c").map(|code| Want::Coded("aggregations", code)),
        );
        pricing.set("code", own_code());
        pricing.set("type", Some(Want::Text("DEBIT".to_owned())));
        pricing.set("tiersSpanPlan", Some(Want::Flag(false)));
        pricing.set("startDate", account_plan.fields.get("startDate").cloned());
        [plan, pricing, account_plan]
    }

    /// The bands in a text of the line, before its own price, before the given one.
    pub(super) fn price(&self, pricing: &mut Wanted, price: Option<Exact>) {
        let own = number(self.fields, "M3ter_Unit_Price__c");
        let found: Option<Vec<Band>> = match text(self.fields, "M3ter_Price_Bands__c") {
            Some(text) => {
                let bands = bands(&text);
                if bands.is_none() {
                    pricing.faults.insert("PRICING_BANDS_INVALID");
                }
                bands
            }
            None => own.or(price).map(one_band),
        };
        set_bands(
            pricing,
            found,
            text(self.fields, "M3ter_Pricing_Type__c").map(|kind| kind == "Tiered"),
        );
    }
}

pub(super) fn one_band(price: Exact) -> Vec<Band> {
    vec![(0.0, price.double(), 0.0)]
}

/// With several bands somebody must say whether they are tiers; one band is the same either way.
pub(super) fn set_bands(pricing: &mut Wanted, bands: Option<Vec<Band>>, is_tiered: Option<bool>) {
    let count = bands.as_ref().map_or(0, Vec::len);
    if count > 1 && is_tiered.is_none() {
        pricing.faults.insert("PRICING_TYPE_MISSING");
    }
    pricing.set("cumulative", is_tiered.filter(|_| count > 1).map(Want::Flag));
    if !pricing.faults.contains("PRICING_BANDS_INVALID") {
        pricing.require("pricingBands", bands.map(Want::Bands));
    }
}
