//! `mappings/contract.toml` and `mappings/quote.toml`, by hand: what Salesforce CPQ sells.

use serde_json::Value as Json;

use super::arithmetic::{Band, day_after, double};
use super::shared::{
    Line, Period, account, commitment, contract, day, is_on, number, one_band, set_bands, text,
};
use super::{Fields, Sight, Wanted};

pub(super) fn contract_of_subscriptions(
    sight: &Sight<'_>,
    deal: &Fields,
    lines: &[String],
) -> Vec<Wanted> {
    let id = text(deal, "Id").unwrap();
    let account = account(sight, &text(deal, "AccountId").unwrap_or_default());
    let period = Period { start: day(deal, "StartDate"), end: day(deal, "EndDate").map(day_after) };
    let called = text(deal, "ContractNumber").map(|number| format!("Contract {number}"));
    let mut all = vec![account.clone(), contract(deal, &id, &account, called, period)];
    all.extend(commitment(deal, &id, &account, number(deal, "M3ter_Commitment_Amount__c"), period));
    for line_id in lines {
        let Some(line) = sight.live("SBQQ__Subscription__c", line_id) else { continue };
        if line.get("SBQQ__Contract__c") != Some(&Json::from(id.as_str())) {
            continue;
        }
        let product = product(sight, &line);
        let takes_back =
            number(&line, "SBQQ__Quantity__c").is_some_and(super::arithmetic::Exact::is_negative);
        if is_on(&product, "M3ter_Not_Metered__c") || is_one_time(&line) || takes_back {
            continue;
        }
        let of_line = Line {
            sight,
            deal: &id,
            account: &account,
            id: line_id,
            fields: &line,
            product: &product,
        };
        let ends =
            [day(&line, "SBQQ__EndDate__c").map(day_after), day(&line, "SBQQ__TerminatedDate__c")];
        let end = ends.into_iter().flatten().min().or(period.end);
        let [plan, mut pricing, account_plan] = of_line
            .objects(Period { start: day(&line, "SBQQ__StartDate__c").or(period.start), end });
        of_line.price_of_schedule(&mut pricing, "SBQQ__Subscription");
        all.extend([plan, pricing, account_plan]);
    }
    all
}

pub(super) fn quote(sight: &Sight<'_>, deal: &Fields, lines: &[String]) -> Vec<Wanted> {
    let id = text(deal, "Id").unwrap();
    let account = account(sight, &text(deal, "SBQQ__Account__c").unwrap_or_default());
    let period = Period {
        start: day(deal, "SBQQ__StartDate__c"),
        end: day(deal, "SBQQ__EndDate__c").map(day_after),
    };
    let mut all = vec![account.clone(), contract(deal, &id, &account, text(deal, "Name"), period)];
    all.extend(commitment(deal, &id, &account, number(deal, "M3ter_Commitment_Amount__c"), period));
    for line_id in lines {
        let Some(line) = sight.live("SBQQ__QuoteLine__c", line_id) else { continue };
        if line.get("SBQQ__Quote__c") != Some(&Json::from(id.as_str())) {
            continue;
        }
        let product = product(sight, &line);
        if is_on(&line, "SBQQ__Optional__c")
            || is_on(&product, "M3ter_Not_Metered__c")
            || is_one_time(&line)
        {
            continue;
        }
        let of_line = Line {
            sight,
            deal: &id,
            account: &account,
            id: line_id,
            fields: &line,
            product: &product,
        };
        let start = day(&line, "SBQQ__EffectiveStartDate__c")
            .or_else(|| day(&line, "SBQQ__StartDate__c"))
            .or(period.start);
        let end = day(&line, "SBQQ__EffectiveEndDate__c")
            .or_else(|| day(&line, "SBQQ__EndDate__c"))
            .map(day_after)
            .or(period.end);
        let [plan, mut pricing, account_plan] = of_line.objects(Period { start, end });
        of_line.price_of_schedule(&mut pricing, "SBQQ__QuoteLine");
        all.extend([plan, pricing, account_plan]);
    }
    all
}

fn product(sight: &Sight<'_>, line: &Fields) -> Fields {
    sight.live("Product2", &text(line, "SBQQ__Product__c").unwrap_or_default()).unwrap_or_default()
}

fn is_one_time(line: &Fields) -> bool {
    text(line, "SBQQ__ChargeType__c").as_deref() == Some("One-Time")
}

impl Line<'_> {
    /// The rates of the line's one consumption schedule, or CPQ's net price.
    fn price_of_schedule(&self, pricing: &mut Wanted, prefix: &str) {
        let of = |sobject: String, parent: String, id: &str| -> Vec<Fields> {
            let rows = self.sight.rows.iter().filter(|(name, _)| *name == sobject);
            let rows = rows.filter_map(|(_, row)| self.sight.live(&sobject, row));
            rows.filter(|row| text(row, &parent).as_deref() == Some(id)).collect()
        };
        let parent = if prefix == "SBQQ__Subscription" {
            "SBQQ__Subscription__c"
        } else {
            "SBQQ__QuoteLine__c"
        };
        let schedules = of(format!("{prefix}ConsumptionSchedule__c"), parent.to_owned(), self.id);
        let rates: Vec<Fields> = schedules
            .iter()
            .flat_map(|schedule| {
                let id = text(schedule, "Id").unwrap();
                of(
                    format!("{prefix}ConsumptionRate__c"),
                    format!("{prefix}ConsumptionSchedule__c"),
                    &id,
                )
            })
            .collect();
        let by_schedule = schedules.iter().find_map(|schedule| text(schedule, "SBQQ__Type__c"));
        let is_tiered = by_schedule
            .map(|kind| kind == "Slab")
            .or_else(|| text(self.fields, "M3ter_Pricing_Type__c").map(|kind| kind == "Tiered"));
        let bands = if rates.is_empty() {
            number(self.fields, "SBQQ__NetPrice__c").map(one_band)
        } else {
            let bands = closed(&rates);
            if bands.is_none() {
                pricing.faults.insert("PRICING_BANDS_INVALID");
            }
            bands
        };
        if schedules.len() > 1 {
            pricing.faults.insert("SEVERAL_ROWS");
        }
        set_bands(pricing, bands, is_tiered);
    }
}

/// Both bounds of a tier are part of it: the next one begins one unit later, and its band where
/// this one ends.
fn closed(rates: &[Fields]) -> Option<Vec<Band>> {
    let bound = |rate: &Fields, field: &str| rate.get(field).and_then(double);
    let mut rates: Vec<&Fields> = rates.iter().collect();
    rates.sort_by(|one, other| {
        bound(one, "SBQQ__LowerBound__c").partial_cmp(&bound(other, "SBQQ__LowerBound__c")).unwrap()
    });
    let mut bands = Vec::new();
    let mut ended: Option<f64> = None;
    for rate in rates {
        let lower = bound(rate, "SBQQ__LowerBound__c").unwrap_or_default();
        let from = match ended {
            None if lower <= 1.0 => 0.0,
            Some(end) if [end, end + 1.0].map(f64::to_bits).contains(&lower.to_bits()) => end,
            _ => return None,
        };
        let price = bound(rate, "SBQQ__Price__c").unwrap_or_default();
        let is_flat = text(rate, "SBQQ__PricingMethod__c").as_deref() == Some("FlatFee");
        bands.push(if is_flat { (from, 0.0, price) } else { (from, price, 0.0) });
        ended = bound(rate, "SBQQ__UpperBound__c");
    }
    Some(bands)
}

/// Which quotes are synced at all.
pub(super) fn is_ready(quote: &Fields) -> bool {
    is_on(quote, "SBQQ__Primary__c")
        && !matches!(text(quote, "SBQQ__Type__c").as_deref(), Some("Amendment" | "Renewal"))
}

#[test]
fn tiers_with_two_bounds_become_bands() {
    let rates = |rows: &[(f64, Option<f64>, f64, &str)]| -> Vec<Fields> {
        let rate = |(lower, upper, price, method): &(f64, Option<f64>, f64, &str)| {
            let rate = serde_json::json!({"SBQQ__LowerBound__c": lower, "SBQQ__UpperBound__c": upper, "SBQQ__Price__c": price, "SBQQ__PricingMethod__c": method});
            rate.as_object().unwrap().clone()
        };
        rows.iter().map(rate).collect()
    };
    let tiers = rates(&[(251.0, None, 0.04, "PerUnit"), (1.0, Some(250.0), 9.0, "FlatFee")]);
    assert_eq!(closed(&tiers), Some(vec![(0.0, 0.0, 9.0), (250.0, 0.04, 0.0)]));
    assert_eq!(
        closed(&rates(&[(1.0, Some(250.0), 0.05, "PerUnit"), (300.0, None, 0.04, "PerUnit")])),
        None
    );
}
