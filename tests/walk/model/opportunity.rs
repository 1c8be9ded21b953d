//! `mappings/opportunity.toml` and `mappings/order.toml`, by hand.

use serde_json::Value as Json;

use super::arithmetic::{Exact, day_after, months_after};
use super::shared::{Line, Period, account, commitment, contract, day, is_on, number, text, whole};
use super::{Fields, Sight, Want, Wanted};

pub(super) fn opportunity(sight: &Sight<'_>, deal: &Fields, lines: &[String]) -> Vec<Wanted> {
    let id = text(deal, "Id").unwrap();
    let account = account(sight, &text(deal, "AccountId").unwrap_or_default());
    let start = day(deal, "M3ter_Start_Date__c").or_else(|| day(deal, "CloseDate"));
    let period = Period {
        start,
        end: day(deal, "End_Date__c").map(day_after).or_else(|| after_term(deal, start)),
    };
    let mut contract = contract(deal, &id, &account, text(deal, "Name"), period);
    contract.set("purchaseOrderNumber", text(deal, "M3ter_PO_Number__c").map(Want::Text));
    let committed = number(deal, "M3ter_Commitment_Amount__c").or_else(|| number(deal, "Amount"));
    let mut all = vec![account.clone(), contract];
    all.extend(commitment(deal, &id, &account, committed, period));
    for (line_id, line, product) in
        lines_of(sight, "OpportunityLineItem", "OpportunityId", &id, lines)
    {
        let of_line = Line {
            sight,
            deal: &id,
            account: &account,
            id: &line_id,
            fields: &line,
            product: &product,
        };
        let end = day(&line, "M3ter_End_Date__c").map(day_after).or(period.end);
        let [plan, mut pricing, account_plan] =
            of_line.objects(Period { start: day(&line, "ServiceDate").or(start), end });
        let discount = number(&line, "Discount").unwrap_or(Exact::parse("0").unwrap());
        of_line.price(
            &mut pricing,
            number(&line, "UnitPrice").and_then(|price| price.less_percent(discount)),
        );
        all.extend([plan, pricing, account_plan]);
    }
    all
}

pub(super) fn order(sight: &Sight<'_>, deal: &Fields, lines: &[String]) -> Vec<Wanted> {
    let id = text(deal, "Id").unwrap();
    let account = account(sight, &text(deal, "AccountId").unwrap_or_default());
    let start = day(deal, "EffectiveDate");
    let period = Period {
        start,
        end: day(deal, "EndDate").map(day_after).or_else(|| after_term(deal, start)),
    };
    let called = text(deal, "Name")
        .or_else(|| text(deal, "OrderNumber").map(|number| format!("Order {number}")));
    let mut contract = contract(deal, &id, &account, called, period);
    contract.set("purchaseOrderNumber", text(deal, "PoNumber").map(Want::Text));
    contract.shared = text(deal, "ContractId");
    let mut all = vec![account.clone(), contract];
    all.extend(commitment(deal, &id, &account, number(deal, "M3ter_Commitment_Amount__c"), period));
    for (line_id, line, product) in lines_of(sight, "OrderItem", "OrderId", &id, lines) {
        let of_line = Line {
            sight,
            deal: &id,
            account: &account,
            id: &line_id,
            fields: &line,
            product: &product,
        };
        let end = day(&line, "EndDate").map(day_after).or(period.end);
        let [plan, mut pricing, account_plan] =
            of_line.objects(Period { start: day(&line, "ServiceDate").or(start), end });
        of_line.price(&mut pricing, number(&line, "UnitPrice"));
        // A line cannot take back what another one sold.
        let is_reduction = number(&line, "Quantity").is_some_and(Exact::is_negative);
        all.extend([plan, pricing, account_plan].map(|mut object| {
            if is_reduction {
                object.faults.insert("ROW_REFUSED");
            }
            object
        }));
    }
    all
}

fn after_term(deal: &Fields, start: Option<jiff::civil::Date>) -> Option<jiff::civil::Date> {
    Some(months_after(start?, whole(number(deal, "M3ter_Term_Months__c")?)))
}

/// The lines of a deal that are metered: id, line, product.
fn lines_of(
    sight: &Sight<'_>,
    sobject: &str,
    parent: &str,
    deal: &str,
    lines: &[String],
) -> Vec<(String, Fields, Fields)> {
    let of_deal = lines.iter().filter_map(|id| Some((id.clone(), sight.live(sobject, id)?)));
    let of_deal = of_deal.filter(|(_, line)| line.get(parent) == Some(&Json::from(deal)));
    let with_product = of_deal.map(|(id, line)| {
        let product = sight
            .live("Product2", &text(&line, "Product2Id").unwrap_or_default())
            .unwrap_or_default();
        (id, line, product)
    });
    with_product.filter(|(_, _, product)| !is_on(product, "M3ter_Not_Metered__c")).collect()
}
