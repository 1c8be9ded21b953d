//! The connector's sample records, brought over and used: from its metadata to what m3ter holds,
//! without a hand on the files.

use serde_json::{Value as Json, json};
use sync_to_m3ter::command::mapping::import::{Imported, import_records};
use sync_to_m3ter::mapping::{MappingSource, Mappings};

use crate::mapping::built_in::bands;
use crate::support::*;

const ORDER: &str = "801S90000079ORDIA2";
const CONTRACT: &str = "800S90000079CONIA2";
const QUOTE: &str = "a0QS90000079QUOMA2";
const QUOTE_LINES: [&str; 2] = ["a0LS90000079QL1MAM", "a0LS90000079QL2MAM"];
const ORDER_ITEMS: [&str; 2] = ["802S90000079OI1IAM", "802S90000079OI2IAM"];

/// One sample column of rows that all samples have: the rows, their Account, product, start and
/// end, price and name.
struct Column {
    rows: &'static str,
    account: &'static str,
    name: &'static str,
    template: &'static str,
    aggregation: Option<&'static str>,
    start: &'static str,
    end: &'static str,
}

const COLUMNS: [Column; 4] = [
    Column {
        rows: "OpportunityLineItem",
        account: "Opportunity.Account",
        name: "Name",
        template: "ProductCode",
        aggregation: Some("ProductCode"),
        start: "Opportunity.CloseDate",
        end: "Opportunity.End_Date__c",
    },
    Column {
        rows: "SBQQ__Subscription__c",
        account: "SBQQ__Contract__r.Account",
        name: "SBQQ__ProductName__c",
        template: "SBQQ__ProductName__c",
        aggregation: Some("SBQQ__Product__r.ProductCode"),
        start: "SBQQ__StartDate__C",
        end: "SBQQ__EndDate__c",
    },
    Column {
        rows: "SBQQ__QuoteLine__c",
        account: "SBQQ__Quote__r.SBQQ__Account__r",
        name: "Name",
        template: "SBQQ__ProductCode__c",
        aggregation: Some("SBQQ__Product__r.ProductCode"),
        start: "SBQQ__StartDate__C",
        end: "SBQQ__EndDate__c",
    },
    Column {
        rows: "OrderItem",
        account: "Order.Account",
        name: "OrderItemNumber",
        template: "Product2Id",
        aggregation: None,
        start: "ServiceDate",
        end: "EndDate",
    },
];

/// The samples as a query of the metadata types answers them.
fn samples() -> String {
    let mut records = Vec::new();
    for Column { rows, account, name, template, aggregation, start, end } in COLUMNS {
        records.push(json!({
            "m3__PlanObject__c": rows, "m3__accountMapping_m3Id__c": account, "m3__code__c": "Id", "m3__name__c": name,
            "m3__planTemplateId__c": template, "m3__bespoke__c": "TRUE", "m3__ordinal__c": 1, "m3__hardcoded__c": "ordinal,bespoke",
        }));
        records.push(json!({
            "m3__PricingObject__c": rows, "m3__accountMapping_m3Id__c": account, "m3__code__c": "Id", "m3__planTemplateId__c": template,
            "m3__aggregationId__c": aggregation, "m3__cumulative__c": "FALSE", "m3__tiersSpanPlan__c": "FALSE", "m3__type__c": "DEBIT",
            "m3__minimumSpendBillInAdvance__c": "FALSE", "m3__startDate__c": start,
            "m3__hardcoded__c": "cumulative,type,tiersSpanPlan, minimumSpendBillInAdvance",
        }));
        records.push(json!({
            "m3__AccountPlanObject__c": rows, "m3__accountMapping_m3Id__c": account, "m3__code__c": "id", "m3__planId__c": template,
            "m3__startDate__c": start, "m3__endDate__c": end,
        }));
    }
    for (rows, lookup, lower, price) in [
        ("OpportunityLineItem", "Id", "0", "UnitPrice"),
        (
            "SBQQ__SubscriptionConsumptionRate__c",
            "SBQQ__SubscriptionConsumptionSchedule__r.SBQQ__Subscription__r.id",
            "SBQQ__LowerBound__c",
            "SBQQ__Price__c",
        ),
        ("SBQQ__QuoteLine__c", "Id", "0", "SBQQ__NetPrice__c"),
        ("OrderItem", "id", "0", "UnitPrice"),
    ] {
        let hardcoded = if lower == "0" { "lowerLimit" } else { "" };
        records.push(json!({
            "m3__PricingBandsObject__c": rows, "m3__NestedObjectLookup__c": lookup, "m3__lowerLimit__c": lower, "m3__unitPrice__c": price,
            "m3__fixedPrice__c": price, "m3__hardcoded__c": hardcoded,
        }));
    }
    records.push(json!({
        "m3__CommitmentObject__c": "Opportunity", "m3__accountMapping_m3Id__c": "Account", "m3__amount__c": "Amount", "m3__amountPrePaid__c": "Amount",
        "m3__billingInterval__c": 1, "m3__currency__c": "USD", "m3__startDate__c": "CloseDate", "m3__endDate__c": "2099-10-10 00:00:00",
        "m3__overageDescription__c": "Name", "m3__overageSurchargePercent__c": "Probability", "m3__hardcoded__c": "currency, endDate, billingInterval",
    }));
    records.push(json!({
        "m3__CommitmentObject__c": "OrderItem", "m3__accountMapping_m3Id__c": "Order.Account", "m3__amount__c": "ListPrice",
        "m3__amountFirstBill__c": "ListPrice", "m3__billingInterval__c": "1", "m3__billingOffset__c": "0", "m3__currency__c": "USD",
        "m3__startDate__c": "ServiceDate", "m3__endDate__c": "EndDate", "m3__hardcoded__c": "currency, billingInterval, billing Offset",
    }));
    records.push(json!({
        "m3__AccountObject__c": "Account", "m3__name__c": "Name", "m3__code__c": "Id", "m3__emailAddress__c": "M3ter_Billing_Email__c",
        "m3__customFields__c": "{\"city\": \"BillingCity\", \"source\": \"from-salesforce\", \"weight\": 2.5}",
    }));
    Json::Array(records).to_string()
}

fn of_root<'a>(imported: &'a [Imported], root: &str) -> &'a str {
    &imported.iter().find(|imported| imported.root == root).unwrap().text
}

/// A world that works with what was imported, and with the codes that the samples look up.
async fn world(imported: &[Imported]) -> World {
    let directory = tempfile::tempdir().unwrap();
    for Imported { root, text } in imported {
        std::fs::write(directory.path().join(format!("{root}.toml")), text).unwrap();
    }
    let world =
        World::with_config(move |config| config.mappings_dir = Some(directory.path().to_owned()))
            .await;
    for (product, codes) in [
        ("21e063b6-2350-4add-a028-3e6ad5b233ed", ["API calls", "01tS90000000001IAA"]),
        ("00000101-0000-4000-8000-000000000000", ["Storage", "01tS90000000002IAA"]),
        ("00000102-0000-4000-8000-000000000000", ["Seats", "01tS90000000003IAA"]),
        ("00000104-0000-4000-8000-000000000000", ["Support hours", "01tS90000000005IAA"]),
    ] {
        for code in codes {
            let template = json!({"productId": product, "name": code, "code": code, "currency": "USD", "standingCharge": 0, "billFrequency": "MONTHLY"});
            world.organization.vendor().request("POST", "/plantemplates", &template).unwrap();
        }
    }
    let org = world.org.vendor();
    org.update(
        "OrderItem",
        ORDER_ITEMS[1],
        &json!({"ServiceDate": "2026-03-01", "EndDate": "2026-12-31"}),
    );
    for line in QUOTE_LINES {
        org.update(
            "SBQQ__QuoteLine__c",
            line,
            &json!({"SBQQ__StartDate__c": "2026-05-01", "SBQQ__EndDate__c": "2027-03-31"}),
        );
    }
    // The samples leave no row out: neither a quote's optional line nor what is charged once. And
    // they know no price without a schedule.
    org.delete("SBQQ__QuoteLine__c", "a0LS90000079QL3MAM");
    org.delete("SBQQ__Subscription__c", "a0SS90000079SU4MAM");
    let schedule = json!({"Name": "SCS-9", "SBQQ__Subscription__c": "a0SS90000079SU3MAM", "SBQQ__Type__c": "Slab"});
    let schedule = org.insert("SBQQ__SubscriptionConsumptionSchedule__c", &schedule);
    org.insert(
        "SBQQ__SubscriptionConsumptionRate__c",
        &json!({"Name": "R-9", "SBQQ__SubscriptionConsumptionSchedule__c": schedule, "SBQQ__LowerBound__c": 1, "SBQQ__Price__c": 20, "SBQQ__PricingMethod__c": "PerUnit"}),
    );
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn the_samples_of_all_roots_sync_their_records_as_they_were_imported() {
    let imported = import_records(&[("samples.json".to_owned(), samples())]).unwrap();
    let roots: Vec<&str> = imported.iter().map(|imported| imported.root.as_str()).collect();
    assert_eq!(roots, ["Contract", "Opportunity", "Order", "SBQQ__Quote__c"]);
    let world = world(&imported).await;
    for record in [FIVE_LINES, CONTRACT, QUOTE, ORDER] {
        let result = world.sync(record).await;
        assert_eq!(result["syncStatus"], "Completed", "{result:#}");
        assert_all(&world.sync(record).await, "unchanged");
    }
    let prices =
        |code: &str| bands(&world.object("pricings", "code", code), "pricingBands").join(", ");
    assert_eq!(prices("00kS900000079F2IAI"), "0 0.1 0");
    // Bands of child rows: limits below which CPQ's tiers begin, and a flat fee as a fixed price.
    assert_eq!(prices("a0SS90000079SU1MAM"), "0 0.05 0, 250 0.04 0, 500 0.03 0");
    assert_eq!(prices("a0SS90000079SU2MAM"), "0 0 25, 100 0.08 0");
    assert_eq!(
        (prices(QUOTE_LINES[1]), prices(ORDER_ITEMS[0])),
        ("0 0.02 0".to_owned(), "0 0.04 0".to_owned())
    );
    // Custom fields of the Account: a field, a text that is none, a number.
    for (account, city) in [("001S90000079HOOIA2", "Palo Alto"), ("001S90000079INIIA2", "Austin")] {
        let custom = world.object("accounts", "code", account)["customFields"].clone();
        assert_eq!(custom, json!({"city": city, "source": "from-salesforce", "weight": 2.5}));
    }
    // A commitment for each item, which do not stand in each other's way.
    let contract = world.object("contracts", "code", ORDER);
    let of_order: Vec<Json> = world
        .objects("commitments")
        .into_iter()
        .filter(|commitment| commitment.get("contractId") == Some(&contract["id"]))
        .map(|commitment| commitment["amount"].clone())
        .collect();
    assert_eq!(of_order.len(), 2, "{of_order:?}");
    let commitment = of_root(&imported, "Order");
    assert!(
        commitment.contains("# amount: `ListPrice` is the price before discount"),
        "{commitment}"
    );
}

#[test]
fn bands_of_child_rows_and_segments_are_carried_over() {
    let record = json!([
        {"PricingObject": "Line__c", "accountMapping_m3Id": "Deal__r.Account", "code": "Id", "startDate": "Start__c", "aggregationId": "Code__c",
            "Segments": "{\"region\": \"Region__c\", \"tier\": \"gold-plus\", \"not a code\": \"X__c\", \"list\": [1]}"},
        {"PricingBandsObject": "Rate__c", "NestedObjectLookup": "Meter__r.Line__c", "lowerLimit": "From__c", "unitPrice": "Price__c", "fixedPrice": "Fee__c"}
    ]);
    let imported = import_records(&[("query.json".to_owned(), record.to_string())]).unwrap();
    let text = of_root(&imported, "Deal__c");
    Mappings::parse(&[MappingSource {
        name: "x.toml".to_owned(),
        bytes: text.as_bytes().to_vec(),
    }])
    .unwrap();
    let (rows, rest) =
        text.split_once("parent = \"Deal__r\"\n").unwrap().1.split_once("\n[account]").unwrap();
    let pricing = rest.split_once("\n[pricing]").unwrap().1;
    insta::assert_snapshot!(format!("{}\n\n[pricing]{pricing}", rows.trim()), @r#"
    [rows.above_bands]
    of = "lines"
    # A guess: the records do not name the relationship to the rows.
    relationship = "Meters__r"
    sobject = "Meter__c"
    parent = "Line__r"

    [rows.bands]
    of = "above_bands"
    # A guess: the records do not name the relationship to the rows.
    relationship = "Rates__r"
    sobject = "Rate__c"
    parent = "Meter__r"

    [pricing]
    # Not imported: segments, "list" = [1]
    # Not imported: segments, "not a code" = "X__c"
    # planId: no Plan is among the records: the one with this code is priced
    rows = "lines"
    aggregationId = { lookup = "aggregation", code = "Code__c" }
    code = { field = "Id", once = true }
    segment = { region = "Region__c", tier = { value = "gold-plus" } }
    startDate = "Start__c"
    planId = { lookup = "plan", code = "ProductCode" }
    pricingBands = { each = "bands", lowerLimit = "From__c", unitPrice = "Price__c", fixedPrice = "Fee__c" }
    "#);
}

#[test]
fn bands_that_cannot_be_placed_become_comments() {
    let priced = json!({"PricingObject": "Line__c", "accountMapping_m3Id": "Deal__r.Account", "code": "Id", "startDate": "Start__c"});
    for bands in [
        json!({"PricingBandsObject": "Rate__c", "unitPrice": "Price__c", "lowerLimit": "From__c"}),
        json!({"PricingBandsObject": "Rate__c", "NestedObjectLookup": "A__r.B__r.C__r.Line__r.Id", "unitPrice": "Price__c", "lowerLimit": "From__c"}),
        json!({"PricingBandsObject": "Rate__c", "NestedObjectLookup": "Line__r.Id", "unitPrice": "Price__c"}),
    ] {
        let imported =
            import_records(&[("query.json".to_owned(), json!([priced, bands]).to_string())])
                .unwrap();
        let text = of_root(&imported, "Deal__c");
        assert!(
            text.contains("# Not imported: the record of the bands")
                && text.contains("#   unitprice = Price__c"),
            "{text}"
        );
        Mappings::parse(&[MappingSource {
            name: "x.toml".to_owned(),
            bytes: text.as_bytes().to_vec(),
        }])
        .unwrap();
    }
}
