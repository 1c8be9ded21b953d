//! The connector's metadata records become mapping files that the service's own parser takes.

use serde_json::json;
use sync_to_m3ter::command::mapping::import::{Imported, import_records};
use sync_to_m3ter::mapping::{MappingSource, Mappings};

/// A record as it is retrieved from the org.
fn retrieved(name: &str, fields: &[(&str, &str)]) -> (String, String) {
    let value = |(field, value): &(&str, &str)| {
        format!(
            "    <values>\n        <field>{field}</field>\n        <value xsi:type=\"xsd:string\">{value}</value>\n    </values>\n"
        )
    };
    let values = fields.iter().map(value).collect::<Vec<_>>().concat();
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CustomMetadata xmlns=\"http://soap.sforce.com/2006/04/metadata\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\">\n    <label>{name}</label>\n    <protected>false</protected>\n{values}    <values>\n        <field>m3__description__c</field>\n        <value xsi:nil=\"true\"/>\n    </values>\n</CustomMetadata>\n"
    );
    (format!("{name}.md-meta.xml"), text)
}

/// The samples for Opportunities, with the namespace and the stray spaces that they have.
fn opportunity_samples() -> Vec<(String, String)> {
    vec![
        retrieved(
            "Commitment",
            &[
                ("m3__CommitmentObject__c", "Opportunity"),
                ("m3__accountMapping_m3Id__c", "Account"),
                ("m3__amount__c", "Amount"),
                ("m3__amountPrePaid__c", "Amount"),
                ("m3__billingInterval__c", "1"),
                ("m3__commitmentFeeDescription__c", "Description"),
                ("m3__currency__c", "USD"),
                ("m3__startDate__c", "CloseDate"),
                ("m3__endDate__c", "2099-10-10 00:00:00"),
                ("m3__overageSurchargePercent__c", "Probability"),
                ("m3__hardcoded__c", "currency, endDate, billing Interval"),
            ],
        ),
        retrieved(
            "Plan",
            &[
                ("m3__PlanObject__c", "OpportunityLineItem"),
                ("m3__accountMapping_m3Id__c", "Opportunity.Account"),
                ("m3__code__c", "id"),
                ("m3__name__c", "Name"),
                ("m3__planTemplateId__c", "ProductCode"),
                ("m3__bespoke__c", "TRUE"),
                ("m3__ordinal__c", "1"),
                ("m3__hardcoded__c", "ordinal,bespoke"),
            ],
        ),
        retrieved(
            "Pricing",
            &[
                ("m3__PricingObject__c", "OpportunityLineItem"),
                ("m3__accountMapping_m3Id__c", "Opportunity.Account"),
                ("m3__code__c", "Id"),
                ("m3__aggregationId__c", "ProductCode"),
                ("m3__planTemplateId__c", "ProductCode"),
                ("m3__cumulative__c", "FALSE"),
                ("m3__minimumSpendBillInAdvance__c", "FALSE"),
                ("m3__type__c", "DEBIT"),
                ("m3__startDate__c", "Opportunity.CloseDate"),
                ("m3__Segments__c", "{&quot;region&quot;: &quot;Region__c&quot;}"),
                ("m3__hardcoded__c", "cumulative,type,tiersSpanPlan, minimumSpendBillInAdvance"),
            ],
        ),
        retrieved(
            "Bands",
            &[
                ("m3__PricingBandsObject__c", "OpportunityLineItem"),
                ("m3__NestedObjectLookup__c", "Id"),
                ("m3__lowerLimit__c", "0"),
                ("m3__unitPrice__c", "UnitPrice"),
                ("m3__fixedPrice__c", "UnitPrice"),
                ("m3__hardcoded__c", "lowerLimit"),
            ],
        ),
        retrieved(
            "AccountPlan",
            &[
                ("m3__AccountPlanObject__c", "OpportunityLineItem"),
                ("m3__accountMapping_m3Id__c", "Opportunity.Account"),
                ("m3__code__c", "Id"),
                ("m3__planId__c", "ProductCode"),
                ("m3__startDate__c", "Opportunity.CloseDate"),
                ("m3__endDate__c", "Opportunity.End_Date__c"),
            ],
        ),
    ]
}

fn parse(imported: &Imported) -> Mappings {
    let source = MappingSource {
        name: "imported.toml".to_owned(),
        bytes: imported.text.clone().into_bytes(),
    };
    Mappings::parse(&[source]).unwrap_or_else(|faults| panic!("{faults:?}\n{}", imported.text))
}

#[test]
fn the_opportunity_samples_become_a_mapping_without_their_traps() {
    let imported = import_records(&opportunity_samples()).unwrap();
    assert_eq!(imported.len(), 1);
    assert!(
        parse(&imported[0])
            .for_root("Opportunity")
            .is_some_and(|mapping| mapping.file() == "imported.toml")
    );
    insta::assert_snapshot!(imported[0].text, @r##"
    # Made from the connector's mapping records for Opportunity. Read the comments, then finish it.

    root = "Opportunity"

    # Where the record shows how its last sync ended, if the org has the fields. Without this line nothing is written.
    sync_status = { status = "M3ter_Sync_Status__c", message = "M3ter_Sync_Message__c", synced_at = "M3ter_Synced_At__c" }

    [lines]
    relationship = "OpportunityLineItems"
    sobject = "OpportunityLineItem"
    parent = "Opportunity"

    [account]
    # name: not among the records
    # code: not among the records
    # emailAddress: not among the records, and m3ter requires it: name the field that holds it
    rows = "root"
    row = "AccountId"
    sobject = "Account"
    name = "Account.Name"
    code = { field = "Account.Id", once = true }
    emailAddress = "Account.M3ter_Billing_Email__c"

    [contract]
    # name: not among the records
    # code: not among the records
    # startDate: not among the records: name the first day of service
    # endDate: not among the records: name the last day of service
    rows = "root"
    accountId = { this = "account" }
    name = "Name"
    code = { field = "Id", once = true }
    startDate = "CloseDate"
    endDate = { field = "End_Date__c", end_exclusive = true }

    [commitment]
    # contractId: the records leave it blank, and then no AccountPlan draws the Commitment down
    # Not imported: commitmentFeeDescription = Description: internal notes on the customer's bill
    # Not imported: currency = USD; it comes from the record, or from the setting `currency`
    # Not imported: endDate = 2099-10-10 00:00:00, the same for every deal; the Contract's end is taken
    # Not imported: overageSurchargePercent = Probability, a surcharge of 100 % on every won deal
    # currency: from the record, the setting or the plan templates
    # endDate: the Contract's
    rows = "root"
    accountId = { this = "account" }
    contractId = { this = "contract" }
    amount = "Amount"
    amountPrePaid = "Amount"
    billingInterval = { value = 1 }
    startDate = "CloseDate"
    currency = { first = [{ field = "CurrencyIsoCode", optional = true }, { setting = "currency" }, { templates = "currency" }], once = true }
    endDate = { same_as = "contract.endDate" }

    [plan]
    # Not imported: ordinal = 1
    rows = "lines"
    accountId = { this = "account" }
    bespoke = { value = true }
    code = { field = "Id", once = true }
    name = "Name"
    planTemplateId = { lookup = "plan_template", code = "ProductCode", once = true }

    [pricing]
    # Not imported: minimumSpendBillInAdvance = FALSE, which would override the organization's setting
    # Not imported: planTemplateId = ProductCode, which would price the shared template for every customer
    # Not imported: fixedPrice = UnitPrice, which would bill the price once more as a fee
    rows = "lines"
    planId = { this = "plan" }
    aggregationId = { lookup = "aggregation", code = "ProductCode" }
    code = { field = "Id", once = true }
    cumulative = { value = false }
    segment = { region = "Region__c" }
    startDate = "Opportunity.CloseDate"
    type = { value = "DEBIT" }
    pricingBands = { unit_price = "UnitPrice" }

    [account_plan]
    # contractId: the records leave it blank, and then no AccountPlan draws the Commitment down
    # planId: the record has `ProductCode`; here it is the object of the same sync
    rows = "lines"
    accountId = { this = "account" }
    contractId = { this = "contract" }
    planId = { this = "plan" }
    code = { field = "Id", once = true }
    endDate = { field = "Opportunity.End_Date__c", end_exclusive = true }
    startDate = "Opportunity.CloseDate"
    "##);
}

#[test]
fn a_query_answer_can_be_imported_and_each_root_gets_its_file() {
    let records = json!({"status": 0, "result": {"records": [
        {"attributes": {"type": "m3__PlanMapping__mdt"}, "DeveloperName": "Order_Plan", "m3__PlanObject__c": "OrderItem", "m3__accountMapping_m3Id__c": "Order.Account",
            "m3__code__c": "id", "m3__name__c": "OrderItemNumber", "m3__planTemplateId__c": "Product2Id", "m3__bespoke__c": "TRUE", "m3__hardcoded__c": "bespoke"},
        {"attributes": {"type": "m3__AccountPlanMapping__mdt"}, "DeveloperName": "Contract_AccountPlan", "m3__AccountPlanObject__c": "SBQQ__Subscription__c",
            "m3__accountMapping_m3Id__c": "SBQQ__Contract__r.Account", "m3__code__c": "Id", "m3__startDate__c": "SBQQ__StartDate__C", "m3__endDate__c": "SBQQ__EndDate__c", "m3__billEpoch__c": null}
    ]}});
    let imported = import_records(&[("query.json".to_owned(), records.to_string())]).unwrap();
    let roots: Vec<&str> = imported.iter().map(|imported| imported.root.as_str()).collect();
    assert_eq!(roots, ["Contract", "Order"]);
    for imported in &imported {
        parse(imported);
    }
    assert!(
        imported[0].text.contains("relationship = \"SBQQ__Subscriptions__r\""),
        "{}",
        imported[0].text
    );
    assert!(
        imported[0]
            .text
            .contains("endDate = { field = \"SBQQ__EndDate__c\", end_exclusive = true }"),
        "{}",
        imported[0].text
    );
}

#[test]
fn values_cannot_break_out_of_the_file() {
    let hostile = "x\"\n[account]\u{7f}\nname = 'y";
    let record = json!([{"PlanObject": "Line__c", "accountMapping_m3Id": "Deal__r.Account", "name": hostile, "code": hostile, "standingChargeDescription": hostile, "hardcoded": "standingChargeDescription", "other": hostile},
        {"ContractObject": "Deal__c", "accountMapping_m3Id": "Account__r", "customFields": json!({hostile: hostile, "plain": hostile, "path": "A__c"}).to_string()}]);
    let imported = import_records(&[("query.json".to_owned(), record.to_string())]).unwrap();
    parse(&imported[0]);
    assert!(imported[0].text.contains("path = \"A__c\""), "{}", imported[0].text);
    assert_eq!(
        imported[0].text.lines().filter(|line| *line == "[account]").count(),
        1,
        "{}",
        imported[0].text
    );
}

#[test]
fn a_file_without_records_is_refused_with_the_reason() {
    for (text, message) in [
        ("<Flow/>", "is XML, but not a CustomMetadata record"),
        ("<CustomMetadata><values></CustomMetadata>", "is not well-formed XML"),
        ("soon", "is neither XML nor JSON"),
        ("{}", "holds no list of records"),
        ("[]", "says which object it starts from"),
    ] {
        let error = import_records(&[("file".to_owned(), text.to_owned())]).unwrap_err();
        assert!(format!("{error:#}").contains(message), "{text}: {error:#}");
    }
}
