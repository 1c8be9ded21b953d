//! A large CPQ quote: its callouts, that they stay within m3ter's rate limit, and the memory that
//! it takes.

use std::time::Duration;

use serde_json::json;
use sync_to_m3ter_sandbox::control::LoggedRequest;

use crate::Figures;
use crate::limit::REQUESTS_PER_SECOND;
use crate::world::World;

const LINES: usize = 200;
/// Three writes for each line, an Account, a Contract, the query, the lists and the write-backs of
/// 200 fields each.
const CALLOUTS_LIMIT: f64 = 640.0;
const MEMORY_LIMIT_MB: f64 = 60.0;
/// What is spent beside waiting for m3ter's rate limit, of the time that the limit alone takes.
const TIME_LIMIT: f64 = 1.2;

pub(crate) async fn measure(figures: &mut Figures) {
    println!(
        "A CPQ quote with {LINES} lines of three bands each, with m3ter's limit of {REQUESTS_PER_SECOND} requests a second"
    );
    let limit = REQUESTS_PER_SECOND.to_string();
    let world = World::with(None, &[("M3TER_REQUESTS_PER_SECOND", limit.as_str())]).await;
    let products = world.add_products(LINES);
    let quote = world.add_quote(&products);
    world.organization.set_requests_per_second(Some(REQUESTS_PER_SECOND));
    // What the start has sent in this second is over.
    tokio::time::sleep(Duration::from_secs(1)).await;
    for what in ["new quote", "the same quote again"] {
        world.take_requests();
        let (result, took) = world.sync(&quote).await;
        let (salesforce, m3ter) = world.take_requests();
        let objects = result["objectResults"].as_array().expect("a list").len();
        assert_eq!(objects, 2 + 3 * LINES, "Account, Contract, and three objects for each line");
        let callouts = salesforce.len() + m3ter.len();
        let note = format!(
            "{} of Salesforce, {} of m3ter, for {objects} objects",
            salesforce.len(),
            m3ter.len()
        );
        figures.at_most(
            &format!("callouts, {what}"),
            count(callouts),
            CALLOUTS_LIMIT,
            "callouts",
            note,
        );
        figures.at_most(
            &format!("refused with 429, {what}"),
            count(refused(&m3ter)),
            0.0,
            "callouts",
            "",
        );
        let within_a_second = most_within_a_second(&m3ter);
        let most = f64::from(REQUESTS_PER_SECOND);
        figures.at_most(
            &format!("callouts within any second, {what}"),
            count(within_a_second),
            most,
            "callouts",
            "",
        );
        let limit_alone = count(m3ter.len()) / (0.8 * f64::from(REQUESTS_PER_SECOND));
        let note = format!("{:.1} s", took.as_secs_f64());
        figures.at_most(
            &format!("time / time at the limit, {what}"),
            took.as_secs_f64() / limit_alone.max(1.0),
            TIME_LIMIT,
            "times",
            note,
        );
    }
    let (resident, own) = world.service.memory_mb();
    let note = format!("{resident:.1} MB afterwards, {own:.1} MB of it not the program's file");
    figures.at_most("the most memory", world.service.peak_memory_mb(), MEMORY_LIMIT_MB, "MB", note);
}

/// How many requests the vendor's limit refused.
pub(crate) fn refused(requests: &[LoggedRequest]) -> usize {
    requests.iter().filter(|request| request.status == Some(429)).count()
}

/// The most requests that arrived within any one second.
pub(crate) fn most_within_a_second(requests: &[LoggedRequest]) -> usize {
    let mut arrived: Vec<u64> = requests.iter().map(|request| request.started_at).collect();
    arrived.sort_unstable();
    (0..arrived.len())
        .map(|first| arrived[first..].iter().take_while(|at| **at < arrived[first] + 1_000).count())
        .max()
        .unwrap_or(0)
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).expect("a few thousand"))
}

impl World {
    /// A quote with an account of its own and a line for each product, each with a schedule of
    /// three rates.
    pub(crate) fn add_quote(&self, products: &[String]) -> String {
        let org = self.org.vendor();
        let account =
            org.insert("Account", &json!({ "Name": "Bench", "CurrencyIsoCode": "USD", "M3ter_Billing_Email__c": "billing@bench.example" }));
        let quote = org.insert(
            "SBQQ__Quote__c",
            &json!({ "Name": "Q-1", "SBQQ__Account__c": account, "SBQQ__Primary__c": true, "SBQQ__Type__c": "Quote",
                "SBQQ__StartDate__c": "2026-01-01", "SBQQ__EndDate__c": "2026-12-31", "CurrencyIsoCode": "USD" }),
        );
        for (number, product) in products.iter().enumerate() {
            let code =
                org.record("Product2", product).expect("it was added")["ProductCode"].clone();
            let line = org.insert(
                "SBQQ__QuoteLine__c",
                &json!({ "Name": format!("QL-{number}"), "SBQQ__Quote__c": quote, "SBQQ__Product__c": product, "SBQQ__ProductCode__c": code,
                    "SBQQ__ProductName__c": code, "SBQQ__Number__c": number, "SBQQ__NetPrice__c": 0.05, "CurrencyIsoCode": "USD" }),
            );
            let schedule = org.insert(
                "SBQQ__QuoteLineConsumptionSchedule__c",
                &json!({ "Name": format!("QLCS-{number}"), "SBQQ__QuoteLine__c": line, "SBQQ__Type__c": "Slab" }),
            );
            for (from, to, price) in
                [(1, Some(1_000), 0.05), (1_001, Some(100_000), 0.045), (100_001, None, 0.04)]
            {
                org.insert(
                    "SBQQ__QuoteLineConsumptionRate__c",
                    &json!({ "Name": format!("R-{number}-{from}"), "SBQQ__QuoteLineConsumptionSchedule__c": schedule,
                        "SBQQ__LowerBound__c": from, "SBQQ__UpperBound__c": to, "SBQQ__Price__c": price, "SBQQ__PricingMethod__c": "PerUnit" }),
                );
            }
        }
        quote
    }
}
