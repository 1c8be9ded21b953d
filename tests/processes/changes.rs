//! What the history of changes tells, put onto the state before, is what m3ter holds: whatever was
//! edited in Salesforce, ended or removed, and wherever the process was killed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};
use sync_to_m3ter_sandbox::control::FaultKind;

use crate::cluster::{Cluster, Replica};
use crate::postgres;

/// Syncs of each store; `CHANGES_SYNCS` says another number, `CHANGES_SEED` where chance begins.
const SYNCS: u64 = 1_000;
/// Each so many syncs one is killed: its successor waits for its lease to run out.
const KILLED_EVERY: u64 = 100;
const DEALS: usize = 6;
/// Deals that are ended at times; the others are synced by processes that are killed.
const ENDED_DEALS: usize = 3;
const KINDS: [(&str, &str); 6] = [
    ("accounts", "Account"),
    ("contracts", "Contract"),
    ("commitments", "Commitment"),
    ("plans", "Plan"),
    ("pricings", "Pricing"),
    ("accountplans", "AccountPlan"),
];

/// The values of the fields of an object, as far as they were told.
type Told = BTreeMap<(String, String), BTreeMap<String, Option<String>>>;

/// One deal, with its rows in Salesforce.
struct Deal {
    id: String,
    account: String,
    products: Vec<String>,
}

struct Story {
    cluster: Cluster,
    random: fastrand::Rng,
    deals: Vec<Deal>,
    /// What m3ter held before the first sync.
    before: BTreeSet<String>,
}

impl Story {
    fn new(cluster: Cluster, seed: u64) -> Self {
        std::fs::create_dir_all(cluster.path("mappings")).unwrap();
        // Prices that follow each other, and lines that end: more kinds of writes.
        let overlay =
            "extends = \"Opportunity\"\npricing_change = \"from_date\"\nremoved_lines = \"end\"\n";
        std::fs::write(cluster.path("mappings").join("opportunity.toml"), overlay).unwrap();
        let deals = (0..DEALS).map(|_| deal(&cluster)).collect();
        let before = held(&cluster).map(|(_, object)| id_of(&object)).collect();
        Self { cluster, random: fastrand::Rng::with_seed(seed), deals, before }
    }

    async fn replica(&self) -> Replica {
        let mappings = self.cluster.path("mappings").display().to_string();
        self.cluster.replica(&[("MAPPINGS_DIR", &mappings)]).await
    }

    fn lines(&self, deal: &str) -> Vec<String> {
        self.cluster.org.vendor().ids("OpportunityLineItem", "OpportunityId", deal)
    }

    /// Edits a deal as a user of the org does; nothing at times.
    fn edit(&mut self, which: usize) {
        let (cents, kind) = (self.random.u32(1..1_000_000), self.random.u8(0..12));
        let Deal { id, account, products } = &self.deals[which];
        let lines = self.lines(id);
        let line = self.random.choice(&lines).cloned();
        let org = self.cluster.org.vendor();
        let of_deal = |fields: Json| org.update("Opportunity", id, &fields);
        let of_account = |fields: Json| org.update("Account", account, &fields);
        let of_line = |fields: Json| {
            if let Some(line) = &line {
                org.update("OpportunityLineItem", line, &fields);
            }
        };
        match kind {
            0 => of_deal(json!({"M3ter_Commitment_Amount__c": f64::from(cents) / 100.0})),
            1 => of_deal(json!({"Name": format!("Deal {cents}")})),
            2 => of_deal(json!({"End_Date__c": format!("2027-{:02}-28", cents % 12 + 1)})),
            3 => of_deal(json!({"M3ter_PO_Number__c": format!("PO {}", cents % 3)})),
            4 => of_account(json!({"Name": format!("Customer {cents}")})),
            5 => of_account(json!({"M3ter_Payment_Terms_Days__c": cents % 60})),
            6 | 7 => of_line(json!({"UnitPrice": f64::from(cents) / 10_000.0})),
            8 => of_line(json!({"M3ter_Minimum_Spend__c": f64::from(cents) / 100.0})),
            9 if lines.len() > 1 => org.delete("OpportunityLineItem", &line.unwrap()),
            10 if lines.len() < 4 => {
                let product = &products[cents as usize % products.len()];
                org.insert("OpportunityLineItem", &new_line(id, product, cents));
            }
            _ => {}
        }
    }

    async fn sync(&self, replica: &Replica, which: usize) {
        let run = self.cluster.begin(replica, &self.deals[which].id).await;
        let ended = self.cluster.ended(replica, &run).await;
        assert_ne!(ended["syncStatus"], "Failed", "{ended:#}");
    }

    /// Syncs a deal whose amount, name and dates have changed, in a process that is killed at one of
    /// its writes.
    async fn sync_and_kill(&mut self, replica: Replica, which: usize) -> Replica {
        let cents = self.random.u32(1..1_000_000);
        let org = self.cluster.org.vendor();
        let edit = json!({"M3ter_Commitment_Amount__c": f64::from(cents) / 100.0, "Name": format!("Killed {cents}"),
            "End_Date__c": format!("2028-{:02}-15", cents % 12 + 1)});
        org.update("Opportunity", &self.deals[which].id, &edit);
        let (method, path) = match self.random.u8(0..5) {
            0 => ("PUT", "/contracts/*"),
            1 => ("PUT", "/commitments/*"),
            writes => {
                // Of a product that nobody has sold yet: nothing is in its way.
                let product = self.cluster.add_product(&format!("CHANGES_{}", self.random.u64(..)));
                let line = new_line(&self.deals[which].id, &product, cents);
                org.insert("OpportunityLineItem", &line);
                ("POST", ["/plans", "/pricings", "/accountplans"][usize::from(writes) - 2])
            }
        };
        let fault = if self.random.bool() { FaultKind::Hang } else { FaultKind::HangAfterEffect };
        self.cluster.organization.clear_requests();
        self.cluster.org.clear_requests();
        self.cluster.fault(method, path, 1, fault);
        let run = self.cluster.begin(&replica, &self.deals[which].id).await;
        self.cluster.until_faulted(1).await;
        replica.kill();
        self.cluster.clear_faults();
        let replica = self.replica().await;
        let ended = self.cluster.ended(&replica, &run).await;
        assert_eq!(ended["takeovers"], 1, "{method} {path}: {ended:#}");
        replica
    }

    /// Ends what is billed for a deal, so that later syncs leave the end or take it back.
    async fn end(&mut self, replica: &Replica, which: usize) {
        let end = format!("2027-{:02}-01", self.random.u8(1..=12));
        let order = json!([{"parentRecordId": self.deals[which].id, "endDate": end,
            "billingEntities": ["CONTRACT", "ACCOUNTPLAN", "PREPAYMENT", "PRICINGS"]}]);
        let url = "/end-date-billing-entities?waitSeconds=0";
        let (_, accepted) = self.cluster.ask(&replica.url, url, &order).await.unwrap();
        self.cluster.ended(replica, accepted[0]["syncRunId"].as_str().unwrap()).await;
    }

    /// All changes, the oldest first.
    async fn changes(&self, replica: &Replica) -> Vec<Json> {
        let (mut changes, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/changes?limit=200{cursor}");
            let (status, page) = self.cluster.get(replica, &path).await.unwrap();
            assert_eq!(status, 200, "{page}");
            changes.extend(page["changes"].as_array().unwrap().iter().cloned());
            let Some(next) = page["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        changes.reverse();
        changes
    }

    /// Retells the changes onto nothing, and holds the result against what m3ter has.
    async fn judge(&self, replica: &Replica) -> usize {
        let changes = self.changes(replica).await;
        let told = retold(&changes);
        let mut met = BTreeSet::new();
        for (kind, object) in held(&self.cluster) {
            let id = id_of(&object);
            if self.before.contains(&id) {
                continue;
            }
            let key = (kind.to_owned(), id.clone());
            let fields = told.get(&key).unwrap_or_else(|| panic!("nobody tells of {object:#?}"));
            for (field, value) in fields {
                let held = object.get(field).filter(|held| !held.is_null());
                assert!(
                    is_the_same(value.as_deref(), held),
                    "{kind} {id} has the {field} {held:?}, and it is told {value:?}: {:#?}",
                    changes.iter().filter(|change| change["m3terId"] == id).collect::<Vec<_>>()
                );
            }
            met.insert(key);
        }
        let invented: Vec<_> = told.keys().filter(|key| !met.contains(*key)).collect();
        assert!(invented.is_empty(), "m3ter does not have {invented:?}");
        changes.len()
    }
}

/// A deal of two lines, each of another product, with more products to sell.
fn deal(cluster: &Cluster) -> Deal {
    let id = cluster.add_deal_of(2);
    let org = cluster.org.vendor();
    let account = org.record("Opportunity", &id).unwrap()["AccountId"].as_str().unwrap().to_owned();
    let lines = org.ids("OpportunityLineItem", "OpportunityId", &id);
    let product = |line: &String| {
        let line = org.record("OpportunityLineItem", line).unwrap();
        line["Product2Id"].as_str().unwrap().to_owned()
    };
    let mut products: Vec<String> = lines.iter().map(product).collect();
    products.extend((2..4).map(|more| cluster.add_product(&format!("CHANGES_{id}_{more}"))));
    Deal { id, account, products }
}

fn new_line(deal: &str, product: &str, cents: u32) -> Json {
    json!({"OpportunityId": deal, "PricebookEntryId": crate::cluster::entry_of(product), "Quantity": 1,
        "UnitPrice": f64::from(cents) / 10_000.0})
}

fn held(cluster: &Cluster) -> impl Iterator<Item = (&'static str, Map<String, Json>)> {
    let objects = |(plural, kind): &(&str, &'static str)| {
        let kind = *kind;
        cluster.organization.vendor().objects(plural).into_iter().map(move |object| (kind, object))
    };
    KINDS.iter().flat_map(objects).collect::<Vec<_>>().into_iter()
}

fn id_of(object: &Map<String, Json>) -> String {
    object["id"].as_str().unwrap().to_owned()
}

/// The last told value of each field, where each change begins with what the one before left.
fn retold(changes: &[Json]) -> Told {
    let mut told = Told::new();
    for change in changes {
        assert_eq!(change["settled"], true, "{change:#}");
        let text = |name: &str| change[name].as_str().unwrap().to_owned();
        let object = told.entry((text("objectName"), text("m3terId"))).or_default();
        for field in change["fields"].as_array().unwrap() {
            let value = |name: &str| field.get(name).and_then(Json::as_str).map(ToOwned::to_owned);
            if field["personal"] == true {
                assert_eq!((value("oldValue"), value("newValue")), (None, None), "{change:#}");
                continue;
            }
            let name = value("field").unwrap();
            if let Some(before) = object.get(&name).filter(|_| change["action"] == "updated") {
                let old = value("oldValue").map(Json::from);
                assert!(
                    is_the_same(before.as_deref(), old.as_ref()),
                    "{before:?} was told before {change:#}"
                );
            }
            object.insert(name, value("newValue"));
        }
    }
    told
}

/// Whether a told value means what m3ter holds.
fn is_the_same(told: Option<&str>, held: Option<&Json>) -> bool {
    let (Some(told), Some(held)) = (told, held) else { return told.is_none() && held.is_none() };
    match held {
        Json::String(held) => {
            let instants = || {
                let (told, held): (jiff::Timestamp, jiff::Timestamp) =
                    (told.parse().ok()?, held.parse().ok()?);
                Some(told == held)
            };
            told == held || instants() == Some(true)
        }
        Json::Number(held) => told.parse::<f64>().ok() == held.as_f64(),
        Json::Array(bands) if told.starts_with("[from") => {
            let band = |band: &Json| {
                let number = |name: &str| band[name].as_f64().unwrap();
                assert!(number("fixedPrice").abs() < f64::EPSILON, "{band}");
                format!("from {}: {}", number("lowerLimit"), number("unitPrice"))
            };
            told == format!("[{}]", bands.iter().map(band).collect::<Vec<_>>().join("; "))
        }
        held => serde_json::from_str::<Json>(told).is_ok_and(|told| told == *held),
    }
}

async fn tell(cluster: Cluster, seed: u64) {
    let syncs = variable("CHANGES_SYNCS").unwrap_or(SYNCS);
    let seed = variable("CHANGES_SEED").map_or(seed, |first| first + seed);
    eprintln!("CHANGES_SYNCS={syncs}, seed {seed}");
    let mut story = Story::new(cluster, seed);
    let mut replica = story.replica().await;
    for which in 0..DEALS {
        story.sync(&replica, which).await;
    }
    for number in 1..=syncs {
        let which = story.random.usize(0..DEALS);
        if number.is_multiple_of(KILLED_EVERY) {
            replica = story.sync_and_kill(replica, which % ENDED_DEALS + ENDED_DEALS).await;
            continue;
        }
        story.edit(which);
        if number.is_multiple_of(7) && which < ENDED_DEALS {
            story.end(&replica, which).await;
        }
        story.sync(&replica, which).await;
    }
    let changes = story.judge(&replica).await;
    assert!(changes as u64 > syncs / 2, "{changes} changes of {syncs} syncs");
}

fn variable(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "whoever runs it by hand says how long")]
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} must be a whole number, not `{value}`")))
}

#[tokio::test(flavor = "multi_thread")]
async fn replayed_changes_give_what_m3ter_holds_on_sqlite() {
    tell(Cluster::on_sqlite().await, 15).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replayed_changes_give_what_m3ter_holds_on_postgres() {
    tell(Cluster::on(postgres::database().await.1).await, 16).await;
}
