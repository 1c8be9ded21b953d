//! 300 deals of all five roots, with each status made on purpose.

use futures::{StreamExt as _, stream};
use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::Emulator;
use sync_to_m3ter_sandbox::salesforce::Salesforce;

use crate::cluster::{Cluster, Replica};

/// What tells one root from the others, by the names of fields.
pub(super) struct Root {
    sobject: &'static str,
    account: &'static str,
    start: &'static str,
    /// What says when it ends: a last day, or months.
    end: &'static str,
    line: &'static str,
    parent: &'static str,
    product: &'static str,
    price: &'static str,
    quantity: &'static str,
    /// A field, what it holds of a deal that is ready, and what of one that is not.
    ready: (&'static str, Ready),
}

enum Ready {
    Word(&'static str, &'static str),
    Checkbox,
}

pub(super) const ROOTS: [Root; 4] = [
    Root {
        sobject: "Opportunity",
        account: "AccountId",
        start: "CloseDate",
        end: "End_Date__c",
        line: "OpportunityLineItem",
        parent: "OpportunityId",
        product: "Product2Id",
        price: "UnitPrice",
        quantity: "Quantity",
        ready: ("StageName", Ready::Word("Closed Won", "Closed Lost")),
    },
    Root {
        sobject: "Order",
        account: "AccountId",
        start: "EffectiveDate",
        end: "EndDate",
        line: "OrderItem",
        parent: "OrderId",
        product: "Product2Id",
        price: "UnitPrice",
        quantity: "Quantity",
        ready: ("Status", Ready::Word("Activated", "Draft")),
    },
    Root {
        sobject: "Contract",
        account: "AccountId",
        start: "StartDate",
        end: "ContractTerm",
        line: "SBQQ__Subscription__c",
        parent: "SBQQ__Contract__c",
        product: "SBQQ__Product__c",
        price: "SBQQ__NetPrice__c",
        quantity: "SBQQ__Quantity__c",
        ready: ("Status", Ready::Word("Activated", "Draft")),
    },
    Root {
        sobject: "SBQQ__Quote__c",
        account: "SBQQ__Account__c",
        start: "SBQQ__StartDate__c",
        end: "SBQQ__EndDate__c",
        line: "SBQQ__QuoteLine__c",
        parent: "SBQQ__Quote__c",
        product: "SBQQ__Product__c",
        price: "SBQQ__NetPrice__c",
        quantity: "SBQQ__Quantity__c",
        ready: ("SBQQ__Primary__c", Ready::Checkbox),
    },
];

/// What is done with deals of each root, and which status that is.
const CASES: [(Case, &str); 10] = [
    (Case::Synced, "in_sync"),
    (Case::Repriced, "differs"),
    (Case::New, "missing"),
    (Case::HalfMore, "partial"),
    (Case::Over, "ended"),
    (Case::Deleted, "gone"),
    (Case::Undone, "gone"),
    (Case::Shorter, "gone"),
    (Case::Shared, "foreign"),
    (Case::Open, "not_ready"),
];
/// Deals of each root and case.
const OF_EACH: usize = 7;
/// Customers that are synced for themselves, and what becomes of them.
const CUSTOMERS: [(usize, &str); 3] = [(6, "in_sync"), (6, "differs"), (5, "failed")];
/// Syncs at a time.
const AT_ONCE: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Synced,
    /// The price of its line is another one by now.
    Repriced,
    /// It was never synced.
    New,
    /// It got a line whose product m3ter does not have.
    HalfMore,
    /// It ended before.
    Over,
    /// It was deleted.
    Deleted,
    /// It is no longer ready.
    Undone,
    /// Its line is gone.
    Shorter,
    /// Somebody else made something under its Contract.
    Shared,
    /// It is not ready yet.
    Open,
}

/// A record, and what a verification is to find of it.
pub(super) struct Record {
    pub(super) id: String,
    pub(super) status: &'static str,
    /// `None`: a customer.
    pub(super) root: Option<&'static Root>,
    /// Whether it is told of only where it is named.
    pub(super) is_named_only: bool,
}

impl Record {
    /// Whether it was synced and is still there.
    pub(super) fn is_linked(&self) -> bool {
        !self.is_named_only && !matches!(self.status, "missing" | "not_ready")
    }
}

/// All of them.
pub(super) struct Made {
    pub(super) records: Vec<Record>,
}

impl Made {
    pub(super) async fn new(cluster: &Cluster, replica: &Replica) -> Self {
        let mut made = Self { records: Self::leave_examples(cluster) };
        let examples = made.records.len();
        let product = cluster.add_product("VERIFIED");
        let nowhere = json!({ "Name": "Nowhere", "ProductCode": "NOWHERE", "IsActive": true });
        let nowhere = cluster.org.vendor().insert("Product2", &nowhere);
        let mut cases = Vec::new();
        for root in &ROOTS {
            for (case, status) in CASES {
                for _ in 0..OF_EACH {
                    let id = add(&cluster.org, root, case, &product);
                    cases.push((root, case, id.clone()));
                    made.records.push(Record {
                        id,
                        status,
                        root: Some(root),
                        is_named_only: false,
                    });
                }
            }
        }
        for (count, status) in CUSTOMERS {
            for _ in 0..count {
                let id = customer(&cluster.org);
                made.records.push(Record { id, status, root: None, is_named_only: false });
            }
        }
        let to_sync = made.records[examples..].iter().filter(|record| record.is_linked());
        let synced = stream::iter(to_sync).map(|record| sync(cluster, replica, &record.id));
        synced.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
        made.add_shared_contract(cluster, replica).await;
        assert_eq!(made.records.len() - examples, 300);

        for (root, case, id) in cases {
            change(cluster, root, case, &id, &nowhere);
        }
        for record in made.records.iter().filter(|record| record.root.is_none()) {
            match record.status {
                "differs" => {
                    cluster.org.vendor().update(
                        "Account",
                        &record.id,
                        &json!({ "Name": "Renamed" }),
                    );
                }
                "failed" => {
                    let nobody = json!({ "M3ter_Billing_Email__c": null });
                    cluster.org.vendor().update("Account", &record.id, &nobody);
                }
                _ => {}
            }
        }
        made
    }

    /// Takes the examples of the org away, but those that m3ter has had before.
    pub(super) fn leave_examples(cluster: &Cluster) -> Vec<Record> {
        let org = cluster.org.vendor();
        let contracts = cluster.organization.vendor().objects("contracts");
        let mut left = Vec::new();
        for root in &ROOTS {
            for currency in ["USD", "EUR", "GBP"] {
                for id in org.ids(root.sobject, "CurrencyIsoCode", currency) {
                    if contracts.iter().any(|contract| contract["code"] == id.as_str()) {
                        left.push(Record {
                            id,
                            status: "partial",
                            root: Some(root),
                            is_named_only: false,
                        });
                    } else {
                        org.purge(root.sobject, &id);
                    }
                }
            }
        }
        left
    }

    /// Three Orders of one Contract of Salesforce, which share one in m3ter; the last one is another
    /// one by now.
    async fn add_shared_contract(&mut self, cluster: &Cluster, replica: &Replica) {
        let root = &ROOTS[1];
        let account = customer(&cluster.org);
        let contract = json!({
            "AccountId": account, "Status": "Draft", "StartDate": "2026-01-01", "ContractTerm": 12, "CurrencyIsoCode": "USD",
        });
        let contract = cluster.org.vendor().insert("Contract", &contract);
        for (number, status) in ["in_sync", "in_sync", "differs"].into_iter().enumerate() {
            let product = cluster.add_product(&format!("SHARED_{number}"));
            let order = json!({
                "Name": "Shared", "AccountId": account, "ContractId": contract, "EffectiveDate": "2026-01-01", "EndDate": "2099-12-31",
                "Status": "Activated", "CurrencyIsoCode": "USD",
            });
            let id = cluster.org.vendor().insert(root.sobject, &order);
            add_line(&cluster.org, root, &id, &product);
            sync(cluster, replica, &id).await;
            if status == "differs" {
                reprice(&cluster.org, root, &id, &json!(7.5));
            }
            self.records.push(Record { id, status, root: Some(root), is_named_only: false });
        }
        let shared = cluster.organization.vendor().objects("contracts");
        let orders: Vec<&str> =
            self.records.iter().rev().take(3).map(|record| record.id.as_str()).collect();
        let of_orders = shared.iter().filter(|contract| {
            contract.get("code").and_then(Json::as_str).is_some_and(|code| orders.contains(&code))
        });
        assert_eq!(of_orders.count(), 1, "three Orders share a Contract");
    }
}

async fn sync(cluster: &Cluster, replica: &Replica, id: &str) {
    let (_, result) = cluster.post(replica, &format!("/sync-to-m3ter/{id}")).await.unwrap();
    assert_eq!(result["syncStatus"], "Completed", "{id}: {result:#}");
}

pub(super) fn customer(org: &Emulator<Salesforce>) -> String {
    let account = json!({ "Name": "Customer", "CurrencyIsoCode": "USD", "M3ter_Billing_Email__c": "billing@customer.example" });
    org.vendor().insert("Account", &account)
}

fn add(org: &Emulator<Salesforce>, root: &Root, case: Case, product: &str) -> String {
    let is_over = case == Case::Over;
    let (start, end) = match (root.end, is_over) {
        ("ContractTerm", true) => ("2025-01-01", json!(6)),
        ("ContractTerm", false) => ("2026-01-01", json!(600)),
        (_, true) => ("2025-01-01", json!("2025-06-30")),
        (_, false) => ("2026-01-01", json!("2099-12-31")),
    };
    let mut deal = json!({
        "Name": "Deal", "CurrencyIsoCode": "USD", root.account: customer(org), root.start: start, root.end: end,
    });
    if root.sobject == "SBQQ__Quote__c" {
        deal["SBQQ__Type__c"] = json!("Quote");
    }
    // Commitments of one customer may not overlap, no matter who made them.
    deal["M3ter_Commitment_Amount__c"] = json!(if case == Case::Shared { 0 } else { 1_200 });
    let (field, ready) = &root.ready;
    deal[*field] = ready.value(case != Case::Open);
    let deal = org.vendor().insert(root.sobject, &deal);
    add_line(org, root, &deal, product);
    deal
}

impl Ready {
    fn value(&self, is_ready: bool) -> Json {
        match self {
            Self::Word(ready, other) => json!(if is_ready { ready } else { other }),
            Self::Checkbox => json!(is_ready),
        }
    }
}

fn add_line(org: &Emulator<Salesforce>, root: &Root, deal: &str, product: &str) -> String {
    let line = json!({ root.parent: deal, root.product: product, root.price: 0.05, root.quantity: 1, "CurrencyIsoCode": "USD" });
    org.vendor().insert(root.line, &line)
}

fn lines(org: &Emulator<Salesforce>, root: &Root, deal: &str) -> Vec<String> {
    org.vendor().ids(root.line, root.parent, deal)
}

fn reprice(org: &Emulator<Salesforce>, root: &Root, deal: &str, price: &Json) {
    for line in lines(org, root, deal) {
        org.vendor().update(root.line, &line, &json!({ root.price: price }));
    }
}

/// What makes a synced deal one of its case.
fn change(cluster: &Cluster, root: &Root, case: Case, deal: &str, nowhere: &str) {
    let org = &cluster.org;
    match case {
        Case::Synced | Case::New | Case::Over | Case::Open => {}
        Case::Repriced => reprice(org, root, deal, &json!(0.075)),
        Case::HalfMore => drop(add_line(org, root, deal, nowhere)),
        Case::Deleted => org.vendor().delete(root.sobject, deal),
        Case::Undone => {
            let (field, ready) = &root.ready;
            org.vendor().update(root.sobject, deal, &json!({ *field: ready.value(false) }));
        }
        Case::Shorter => {
            for line in lines(org, root, deal) {
                org.vendor().delete(root.line, &line);
            }
        }
        Case::Shared => {
            let vendor = cluster.organization.vendor();
            let contracts = vendor.objects("contracts");
            let contract = contracts.iter().find(|contract| contract["code"] == deal).unwrap();
            let other = json!({
                "accountId": contract["accountId"], "contractId": contract["id"], "amount": 7, "amountPrePaid": 7, "currency": "USD",
                "startDate": "2026-01-01", "endDate": "2060-01-01",
            });
            vendor.request("POST", "/commitments", &other).unwrap();
        }
    }
}

/// One random edit.
pub(super) fn edit(org: &Emulator<Salesforce>, record: &Record, random: &mut fastrand::Rng) {
    let vendor = org.vendor();
    let Some(root) = record.root else {
        let name = format!("Customer {}", random.u32(0..100));
        return vendor.update("Account", &record.id, &json!({ "Name": name }));
    };
    let Some(deal) = vendor.record(root.sobject, &record.id) else { return };
    let edited = match random.u32(0..8) {
        0 | 1 => {
            let price = f64::from(random.u32(1..10_000)) / 1_000.0;
            return reprice(org, root, &record.id, &json!(price));
        }
        2 => json!({ "M3ter_Commitment_Amount__c": random.u32(0..9_999) }),
        3 if root.end == "ContractTerm" => json!({ root.end: random.u32(1..900) }),
        3 => json!({ root.end: format!("20{}-0{}-15", random.u32(25..99), random.u32(1..10)) }),
        4 => json!({ root.start: format!("2026-0{}-01", random.u32(1..10)) }),
        5 => {
            let Some(account) = deal[root.account].as_str() else { return };
            let renamed = json!({ "Name": format!("Customer {}", random.u32(0..100)) });
            return vendor.update("Account", account, &renamed);
        }
        6 => json!({ "M3ter_Skip_Commitment__c": random.bool() }),
        _ => {
            let (field, ready) = &root.ready;
            json!({ *field: ready.value(random.bool()) })
        }
    };
    vendor.update(root.sobject, &record.id, &edited);
}
