//! What a record holds reaches m3ter as it is, whatever it is, and in an order in which nothing
//! refers to what is not there yet.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use sync_to_m3ter::changeset::KnownIds;
use sync_to_m3ter::changeset::body::create_body;
use sync_to_m3ter::domain::catalog::{Catalog, CatalogKind, PlanTemplate};
use sync_to_m3ter::domain::dates::date_at;
use sync_to_m3ter::domain::desired::{Intent, Resolution};
use sync_to_m3ter::domain::entity::EntityKind;
use sync_to_m3ter::domain::ids::M3terId;
use sync_to_m3ter::domain::money::{double_in_json, is_held_as};
use sync_to_m3ter::domain::record::Record;
use sync_to_m3ter::mapping::{Context, Mapping, Mappings};
use sync_to_m3ter::soql::{Scales, Unreadable};

use crate::support::m3ter_schema;
use crate::support::*;

const OWNER: &str = "21e063b6-2350-4add-a028-3e6ad5b233ed";

/// A decimal, and how Salesforce may write it: plain, or with an exponent.
fn written_decimal() -> impl Strategy<Value = (Decimal, String)> {
    (1_i64..=999_999_999_999_999_999, 0_u32..=18, proptest::option::of(-6_i32..=6)).prop_map(
        |(mantissa, scale, exponent)| {
            let number = Decimal::new(mantissa, scale);
            let text = match exponent {
                None => number.to_string(),
                // The same number: the point moved one way, the exponent the other.
                Some(exponent) => {
                    let moved = i64::from(scale) + i64::from(exponent);
                    let digits = mantissa.to_string();
                    match usize::try_from(moved) {
                        Ok(0) | Err(_) => format!("{digits}E{}", -i64::from(scale)),
                        Ok(places) => {
                            let padded = format!("{digits:0>width$}", width = places + 1);
                            let (whole, fraction) = padded.split_at(padded.len() - places);
                            format!("{whole}.{fraction}E{exponent}")
                        }
                    }
                }
            };
            (number, text)
        },
    )
}

/// A first and a last day.
fn term() -> impl Strategy<Value = (Date, Date)> {
    (0_i32..2_900_000, 1_i32..20_000).prop_map(|(first, days)| {
        let first = "0002-01-01".parse::<Date>().unwrap().checked_add(first.days()).unwrap();
        (first, first.checked_add(days.days()).unwrap())
    })
}

fn time_zone() -> impl Strategy<Value = TimeZone> {
    let names = [
        "UTC",
        "Europe/London",
        "America/Los_Angeles",
        "Asia/Kathmandu",
        "Pacific/Apia",
        "America/Sao_Paulo",
    ];
    proptest::sample::select(names.to_vec()).prop_map(|name| TimeZone::get(name).unwrap())
}

fn id() -> M3terId {
    M3terId::parse(OWNER).unwrap()
}

/// What m3ter has: a plan template and an aggregation for the one product.
fn catalog() -> Catalog {
    let template = PlanTemplate { id: id(), product_id: id(), currency: "USD".to_owned() };
    Catalog {
        plan_templates: Arc::new(HashMap::from([("API".to_owned(), template)])),
        ids: HashMap::from([(CatalogKind::Aggregation, HashMap::from([("API".to_owned(), id())]))]),
    }
}

/// The built-in mapping of an Opportunity.
fn mapping() -> &'static Mapping {
    static MAPPINGS: OnceLock<Mappings> = OnceLock::new();
    MAPPINGS.get_or_init(|| Mappings::parse(&[]).unwrap()).for_root("Opportunity").unwrap()
}

/// What the built-in mapping makes of a record.
fn resolved(record: &Record, catalog: &Catalog, time_zone: &TimeZone) -> Resolution {
    let (unreadable, scales) = (Unreadable::default(), Scales::default());
    let context = Context { time_zone, unreadable: &unreadable, scales: &scales };
    let reading = mapping().read(record, context);
    reading.keys();
    reading.resolve(catalog)
}

/// The bodies that a deal with these values would be created with, by kind, as they go over the
/// wire.
fn bodies(
    amount: &str,
    price: &str,
    first: Date,
    last: Date,
    time_zone: &TimeZone,
) -> HashMap<EntityKind, Map<String, Json>> {
    let text = format!(
        "{{\"Id\": \"{DEAL}\", \"Name\": \"Deal\", \"AccountId\": \"{ACCOUNT}\", \"CloseDate\": \"{first}\", \"End_Date__c\": \"{last}\", \"CurrencyIsoCode\": \"USD\", \
         \"M3ter_Commitment_Amount__c\": {amount}, \"Account\": {{\"Id\": \"{ACCOUNT}\", \"Name\": \"Acme\", \"M3ter_Billing_Email__c\": \"a@b.example\"}}, \
         \"OpportunityLineItems\": {{\"totalSize\": 1, \"done\": true, \"records\": [{{\"Id\": \"{LINE}\", \"M3ter_Unit_Price__c\": {price}, \"UnitPrice\": 1, \
         \"Product2\": {{\"Name\": \"API\", \"ProductCode\": \"API\"}}}}]}}}}"
    );
    let record =
        Record::new(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")));
    let catalog = catalog();
    let resolution = resolved(&record, &catalog, time_zone);
    let known: KnownIds =
        resolution.objects.iter().map(|object| (object.key.clone(), id())).collect();
    let body = |object| {
        serde_json::from_str(&serde_json::to_string(&create_body(object, &known)).unwrap()).unwrap()
    };
    let bodies: HashMap<EntityKind, Map<String, Json>> =
        resolution.objects.iter().map(|object| (object.kind(), body(object))).collect();
    assert!(bodies.values().all(|body| !body.is_empty()), "{:#?}", resolution.objects);
    bodies
}

proptest! {
    #[test]
    fn any_decimal_of_a_record_is_in_m3ter_s_json_as_the_nearest_double((amount, amount_text) in written_decimal(), (price, price_text) in written_decimal()) {
        let day = "2026-01-01".parse().unwrap();
        let bodies = bodies(&amount_text, &price_text, day, "2026-12-31".parse().unwrap(), &TimeZone::UTC);
        let commitment = &bodies[&EntityKind::Commitment];
        for field in ["amount", "amountPrePaid"] {
            prop_assert!(commitment[field].is_number());
            prop_assert!(is_held_as(amount, &commitment[field]), "{} was {}", amount_text, commitment[field]);
        }
        let band = &bodies[&EntityKind::Pricing]["pricingBands"][0];
        prop_assert!(is_held_as(price, &band["unitPrice"]), "{} was {}", price_text, band["unitPrice"]);
    }

    #[test]
    fn any_date_of_a_record_is_in_m3ter_s_json_as_it_was((first, last) in term(), time_zone in time_zone()) {
        let bodies = bodies("1", "1", first, last, &time_zone);
        let after = last.tomorrow().unwrap();
        for kind in [EntityKind::Contract, EntityKind::Commitment] {
            prop_assert_eq!(&bodies[&kind]["startDate"], &json!(first.to_string()));
            prop_assert_eq!(&bodies[&kind]["endDate"], &json!(after.to_string()));
        }
        let day = |kind: EntityKind, field: &str| {
            let instant = bodies[&kind][field].as_str().unwrap().parse().unwrap();
            date_at(instant, &time_zone)
        };
        prop_assert_eq!(day(EntityKind::AccountPlan, "startDate"), first);
        prop_assert_eq!(day(EntityKind::Pricing, "startDate"), first);
        prop_assert_eq!(day(EntityKind::AccountPlan, "endDate"), after);
    }
}

/// What a field may hold that somebody can write to: mostly what belongs there, and sometimes
/// anything.
fn held(sensible: &'static str) -> BoxedStrategy<Json> {
    let sensible: Json = serde_json::from_str(sensible).unwrap();
    let number = written_decimal().prop_map(|(_, text)| serde_json::from_str(&text).unwrap());
    prop_oneof![
        8 => Just(sensible),
        1 => Just(Json::Null),
        1 => any::<bool>().prop_map(Json::Bool),
        1 => number,
        1 => (-9_999_i32..9_999).prop_map(|number| json!(number)),
        1 => "\\PC{0,300}".prop_map(Json::String),
        1 => "[0-9;.\\n -]{0,40}".prop_map(Json::String),
        1 => term().prop_map(|(first, _)| json!(first.to_string())),
        1 => Just(json!("2026-01-31T23:30:00.000+0000")),
    ]
    .boxed()
}

/// Fields with what they hold.
fn fields(
    names: &'static [(&'static str, &'static str)],
) -> impl Strategy<Value = Map<String, Json>> {
    let all: Vec<BoxedStrategy<Json>> = names.iter().map(|(_, sensible)| held(sensible)).collect();
    all.prop_map(|values| names.iter().map(|(name, _)| (*name).to_owned()).zip(values).collect())
}

const DEAL_FIELDS: &[(&str, &str)] = &[
    ("Name", "\"A deal\""),
    ("CloseDate", "\"2026-01-01\""),
    ("M3ter_Start_Date__c", "null"),
    ("End_Date__c", "\"2026-12-31\""),
    ("M3ter_Term_Months__c", "12"),
    ("CurrencyIsoCode", "\"USD\""),
    ("Amount", "1000.5"),
    ("M3ter_Commitment_Amount__c", "null"),
    ("M3ter_Overage_Surcharge__c", "10"),
    ("M3ter_PO_Number__c", "\"PO-1\""),
    ("M3ter_Skip_Commitment__c", "false"),
];
const ACCOUNT_FIELDS: &[(&str, &str)] = &[
    ("Name", "\"Acme\""),
    ("M3ter_Account_Code__c", "null"),
    ("M3ter_Billing_Email__c", "\"a@acme.example\""),
    ("BillingStreet", "\"1 Main Street\\nBuilding 7\""),
    ("BillingPostalCode", "\"97475\""),
    ("BillingCountry", "\"Norway\""),
    ("M3ter_Payment_Terms_Days__c", "30.0"),
];
const LINE_FIELDS: &[(&str, &str)] = &[
    ("UnitPrice", "0.05"),
    ("Discount", "null"),
    ("M3ter_Unit_Price__c", "null"),
    ("M3ter_Price_Bands__c", "\"0 ; 0.05\\n100 ; 0.04 ; 10\""),
    ("M3ter_Pricing_Type__c", "\"Tiered\""),
    ("M3ter_Standing_Charge__c", "250.0"),
    ("M3ter_Minimum_Spend__c", "null"),
    ("ServiceDate", "null"),
    ("M3ter_End_Date__c", "null"),
];
const PRODUCT_FIELDS: &[(&str, &str)] =
    &[("Name", "\"API\""), ("ProductCode", "\"API\""), ("M3ter_Aggregation_Code__c", "null")];

proptest! {
    #[test]
    fn whatever_a_record_holds_gives_what_m3ter_takes_or_findings(
        deal in fields(DEAL_FIELDS), account in fields(ACCOUNT_FIELDS), line in fields(LINE_FIELDS), product in fields(PRODUCT_FIELDS), zone in time_zone(),
    ) {
        let mut record = deal;
        let mut account = account;
        let mut line = line;
        account.insert("Id".to_owned(), json!(ACCOUNT));
        line.extend([("Id".to_owned(), json!(LINE)), ("Product2".to_owned(), Json::Object(product))]);
        record.extend([
            ("Id".to_owned(), json!(DEAL)),
            ("AccountId".to_owned(), json!(ACCOUNT)),
            ("Account".to_owned(), Json::Object(account)),
            ("OpportunityLineItems".to_owned(), json!({"totalSize": 1, "done": true, "records": [line]})),
        ]);
        let record = Record::new(record);
        let resolution = resolved(&record, &catalog(), &zone);
        let known: KnownIds = resolution.objects.iter().map(|object| (object.key.clone(), id())).collect();
        prop_assert!(resolution.objects.len() >= 5, "each object is there, with fields or with findings");
        for object in &resolution.objects {
            match &object.intent {
                Intent::Sync(_) => {
                    m3ter_schema::check_body(&format!("/{}", object.kind().plural()), &Json::Object(create_body(object, &known)));
                }
                Intent::Invalid(findings) => {
                    prop_assert!(!findings.is_empty() && findings.iter().all(|finding| !finding.message.is_empty() && !finding.remedy.is_empty()));
                }
                Intent::Flagged => {}
            }
        }
    }
}

/// One line of a deal: which of its objects are flagged, and whether its plan bills the commitment.
type Line = (bool, bool, bool, bool);

/// A deal of an Account of its own, with flags on anything.
#[derive(Debug, Clone)]
struct Deal {
    flags: [bool; 3],
    lines: Vec<Line>,
    price: String,
}

fn deal() -> impl Strategy<Value = Deal> {
    let flag = || proptest::bool::weighted(0.15);
    let line = (flag(), flag(), flag(), proptest::bool::weighted(0.4));
    ([flag(), flag(), flag()], proptest::collection::vec(line, 0..=5), written_decimal())
        .prop_map(|(flags, lines, (_, price))| Deal { flags, lines, price })
}

const PRODUCTS: [&str; 5] = [
    "01tS90000000001IAA",
    "01tS90000000002IAA",
    "01tS90000000003IAA",
    "01tS90000000004IAA",
    "01tS90000000005IAA",
];

fn insert(world: &World, deal: &Deal) -> String {
    let org = world.org.vendor();
    let [account, contract, commitment] = deal.flags;
    let account =
        org.insert("Account", &json!({"Name": "Any", "M3ter_Billing_Email__c": "any@any.example", "M3ter_Skip_Account__c": account}));
    let root = org.insert(
        "Opportunity",
        &json!({
            "Name": "Any", "AccountId": account, "StageName": "Closed Won", "CloseDate": "2026-01-01", "End_Date__c": "2099-12-31", "CurrencyIsoCode": "USD",
            "M3ter_Commitment_Amount__c": 100, "M3ter_Skip_Contract__c": contract, "M3ter_Skip_Commitment__c": commitment,
        }),
    );
    let price: Json = serde_json::from_str(&deal.price).unwrap();
    for ((plan, pricing, account_plan, bills), product) in deal.lines.iter().zip(PRODUCTS) {
        org.insert(
            "OpportunityLineItem",
            &json!({
                "OpportunityId": root, "PricebookEntryId": product.replacen("01t", "01u", 1), "Quantity": 1, "UnitPrice": 1,
                "M3ter_Unit_Price__c": price, "M3ter_Skip_Plan__c": plan, "M3ter_Skip_Pricing__c": pricing, "M3ter_Skip_Account_Plan__c": account_plan, "M3ter_Bills_Commitment__c": bills,
            }),
        );
    }
    root
}

/// Which object of m3ter a POST made: the one with its code, or, of Commitments, the one under its
/// Contract.
fn made_by(world: &World, path: &str, body: &Json) -> Option<String> {
    let key = if path == "/commitments" { "contractId" } else { "code" };
    let made = world
        .objects(path.trim_start_matches('/'))
        .into_iter()
        .find(|object| object.get(key) == body.get(key))?;
    made["id"].as_str().map(ToOwned::to_owned)
}

/// Nothing is sent that refers to an object whose creation was not answered yet.
fn assert_order(world: &World) {
    let creations: Vec<_> =
        world.m3ter_writes().into_iter().filter(|write| write.method == "POST").collect();
    let made_at: HashMap<String, u64> = creations
        .iter()
        .filter_map(|creation| {
            Some((made_by(world, &creation.path, &creation.body)?, creation.finished_at?))
        })
        .collect();
    assert_eq!(made_at.len(), creations.len());
    for write in world.m3ter_writes() {
        for (field, id) in
            write.body.as_object().into_iter().flatten().filter(|(field, _)| field.ends_with("Id"))
        {
            assert!(!id.is_null(), "{} was sent without its {field}: {write:?}", write.path);
            if let Some(made_at) = id.as_str().and_then(|id| made_at.get(id)) {
                assert!(
                    *made_at <= write.started_at,
                    "{} was sent before its {field} was there: {write:?}",
                    write.path
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_deal_is_written_in_an_order_that_respects_what_needs_what() {
    let world = World::with_mapping(Some(&[(
        "# commitment_billing = \"paid_outside\"",
        "commitment_billing = \"billed_by_plan\"",
    )]))
    .await;
    // Every answer takes a while, so that an object that does not wait shows.
    world.organization.set_latency(std::time::Duration::from_millis(3));
    let mut runner =
        TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let on_this_runtime = tokio::runtime::Handle::current();
    let outcome = tokio::task::block_in_place(|| {
        runner.run(&deal(), |deal| {
            on_this_runtime.block_on(async {
                world.organization.clear_requests();
                let root = insert(&world, &deal);
                let first = world.sync(&root).await;
                prop_assert_ne!(&first["syncStatus"], "Failed", "{:#}", first);
                assert_order(&world);
                for pricing in world.m3ter_writes().iter().filter(|write| write.path == "/pricings")
                {
                    let price: Json = serde_json::from_str(&deal.price).unwrap();
                    prop_assert_eq!(
                        double_in_json(&pricing.body["pricingBands"][0]["unitPrice"]),
                        double_in_json(&price)
                    );
                }
                // What was applied leaves nothing to do.
                world.organization.clear_requests();
                let second = world.sync(&root).await;
                prop_assert!(world.m3ter_writes().is_empty(), "{:#}", second);
                Ok(())
            })
        })
    });
    if let Err(failed) = outcome {
        panic!("{failed}");
    }
}
