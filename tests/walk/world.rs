//! The world of one walk: both vendors, a database, processes of the service, and the callers that
//! ask them.

mod vendors;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::cluster::{Cluster, Replica};
use crate::completed::Changes;
use crate::ended::Ordered;
use crate::model::Sight;
use crate::ops::{Mode, Op, Target, named};
use crate::plan::PRODUCTS;
use crate::postgres::Server;
use crate::tally::Tally;
use crate::told::Told;

/// Seconds; the vendor's answers come at once, so a run has time enough.
const RUN_LEASE: &str = "2";
const SYNC_TIME_LIMIT: &str = "12";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    Sqlite,
    Postgres,
}

pub(crate) struct World {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) told: Arc<Mutex<Told>>,
    pub(crate) zone: &'static str,
    /// Sobject and id of each record.
    pub(crate) ids: BTreeMap<Target, (&'static str, String)>,
    /// What somebody else made in m3ter: path, id, and the object as it was made.
    pub(crate) foreign: Vec<(&'static str, Map<String, Json>)>,
    /// What an end dating may have ended: nothing can be said of the end of a foreign object any
    /// more.
    pub(crate) has_ended: bool,
    /// The end datings that were asked for.
    pub(crate) end_datings: Vec<Ordered>,
    /// Whether the mapping of Opportunities ends what a removed line made.
    pub(crate) ends_lines: bool,
    /// Objects that somebody changed in m3ter: what was opened again stays open.
    pub(crate) reopened: BTreeSet<String>,
    /// m3ter's id of each kind and row, as it was at the last quiet point.
    pub(crate) ledger: BTreeMap<(String, String), String>,
    /// What was changed since the last quiet point.
    pub(crate) changes: Changes,
    /// What somebody wrote into fields that no mapping names: kind and id, and the value.
    pub(crate) unmapped: BTreeMap<(&'static str, String), Json>,
    replicas: Vec<Option<Replica>>,
    callers: JoinSet<()>,
    server: Option<Arc<Server>>,
    ending: JoinSet<()>,
    hidden: Hidden,
    refuses_commitments: bool,
    /// Requests that had met a fault when the last one was planned.
    met_before: usize,
    /// How often each run was taken over.
    takeovers: BTreeMap<String, u64>,
    mappings: TempDir,
}

#[derive(Debug, Default)]
struct Hidden {
    fields: BTreeSet<&'static str>,
    objects: BTreeSet<&'static str>,
    records: BTreeSet<String>,
    /// A process may still believe a describe from when something was hidden.
    is_remembered: bool,
}

impl World {
    pub(crate) async fn new(
        store: Store,
        zone: &'static str,
        ends_lines: bool,
        tally: &Arc<Tally>,
    ) -> Self {
        let (cluster, server, replicas) = match store {
            Store::Sqlite => (Cluster::on_sqlite().await, None, 1),
            Store::Postgres => {
                let server = tokio::task::spawn_blocking(Server::start).await.unwrap();
                (Cluster::on(server.url()).await, Some(Arc::new(server)), 3)
            }
        };
        let m3ter = cluster.organization.vendor();
        let mut config = m3ter.request("GET", "/organizationconfig", &Json::Null).unwrap();
        config["timezone"] = json!(zone);
        m3ter.request("PUT", "/organizationconfig", &config).unwrap();
        let mut world = Self {
            cluster: Arc::new(cluster),
            tally: Arc::clone(tally),
            told: Arc::default(),
            zone,
            ids: BTreeMap::new(),
            foreign: Vec::new(),
            has_ended: false,
            end_datings: Vec::new(),
            ends_lines,
            reopened: BTreeSet::new(),
            ledger: BTreeMap::new(),
            changes: Changes::default(),
            unmapped: BTreeMap::new(),
            replicas: (0..replicas).map(|_| None).collect(),
            callers: JoinSet::new(),
            server,
            ending: JoinSet::new(),
            hidden: Hidden::default(),
            refuses_commitments: true,
            met_before: 0,
            takeovers: BTreeMap::new(),
            mappings: tempfile::tempdir().unwrap(),
        };
        if ends_lines {
            let text = include_str!("../../mappings/opportunity.toml")
                .replace("removed_lines = \"warn\"", "removed_lines = \"end\"");
            std::fs::write(world.mappings.path().join("opportunity.toml"), text).unwrap();
            let text = include_str!("../../mappings/contract.toml")
                .replace("removed_lines = \"warn\"", "removed_lines = \"end\"");
            std::fs::write(world.mappings.path().join("contract.toml"), text).unwrap();
        }
        for number in 0..=PRODUCTS {
            world.add_product(number, number < PRODUCTS);
        }
        world.start_all().await;
        world
    }

    pub(crate) fn sight(&self) -> Sight<'_> {
        let zone = TimeZone::get(self.zone).unwrap();
        let rows = self.ids.values().cloned().collect();
        Sight {
            org: self.cluster.org.vendor(),
            m3ter: self.cluster.organization.vendor(),
            zone,
            rows,
        }
    }

    pub(crate) fn id(&self, target: Target) -> Option<&str> {
        self.ids.get(&target).map(|(_, id)| id.as_str())
    }

    /// The ids of all lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.ids
            .iter()
            .filter(|(target, _)| matches!(target, Target::Line(_)))
            .map(|(_, (_, id))| id.clone())
            .collect()
    }

    /// The record's number, for what is printed.
    pub(crate) fn target(&self, id: &str) -> Option<Target> {
        self.ids.iter().find(|(_, (_, own))| own == id).map(|(target, _)| *target)
    }

    /// Does one thing. What a shortened history has no more is passed over.
    pub(crate) async fn carry_out(&mut self, op: &Op) {
        self.tally.count("operation", op.name());
        self.changes.now += 1;
        let changed = self.record_changed_by(op);
        if !self.in_salesforce(op) && !self.in_m3ter(op) {
            self.with_processes(op).await;
        }
        let changed = changed.or_else(|| self.record_changed_by(op));
        self.note_change(op, changed);
    }

    /// What is asked of the service, and what becomes of its processes and of its database.
    async fn with_processes(&mut self, op: &Op) {
        match op {
            Op::Sync { deal, replica, mode } => self.sync(*deal, *replica, *mode).await,
            Op::EndDate { deal, replica, date, entities } => {
                let Some((id, url)) =
                    self.id(Target::Deal(*deal)).map(ToOwned::to_owned).zip(self.url(*replica))
                else {
                    return;
                };
                self.has_ended = true;
                self.note_end_dating(date);
                let body =
                    json!([{ "parentRecordId": id, "endDate": date, "billingEntities": entities }]);
                self.ask(url, "/end-date-billing-entities?waitSeconds=20".to_owned(), body);
            }
            Op::Replay { replica } => {
                let last = self.told.lock().unwrap().runs.last().cloned();
                if let Some((run, url)) = last.zip(self.url(*replica)) {
                    self.ask(url, format!("/sync-runs/{run}/replay"), Json::Null);
                }
            }
            Op::ReplayFailed { deal, replica } => {
                let Some((id, url)) =
                    self.id(Target::Deal(*deal)).map(ToOwned::to_owned).zip(self.url(*replica))
                else {
                    return;
                };
                self.ask(
                    url,
                    "/sync-runs/replay".to_owned(),
                    json!({ "parentRecordId": id, "maxRuns": 5 }),
                );
            }
            Op::Kill(replica) => {
                if let Some(replica) = self.slot(*replica).take() {
                    replica.kill();
                }
            }
            Op::Terminate(replica) => {
                if let Some(mut replica) = self.slot(*replica).take() {
                    replica.signal("TERM");
                    self.ending.spawn(async move {
                        while replica.has_exited().is_none() {
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                    });
                }
            }
            Op::Freeze { replica, ms } => {
                if let Some(replica) = self.slot(*replica) {
                    replica.signal("STOP");
                    tokio::time::sleep(Duration::from_millis(*ms)).await;
                }
                if let Some(replica) = self.slot(*replica) {
                    replica.signal("CONT");
                }
            }
            Op::Start(replica) => self.start(*replica).await,
            Op::Outage { ms } => {
                if let Some(server) = self.server.clone() {
                    self.told.lock().unwrap().has_crashed = true;
                    server.stop();
                    tokio::time::sleep(Duration::from_millis(*ms)).await;
                    server.start_again();
                }
            }
            Op::UntilMet => self.until_met().await,
            Op::Pause(ms) => tokio::time::sleep(Duration::from_millis(*ms)).await,
            _ => unreachable!("{op:?}"),
        }
    }

    async fn sync(&mut self, deal: u32, replica: usize, mode: Mode) {
        let Some((id, url)) =
            self.id(Target::Deal(deal)).map(ToOwned::to_owned).zip(self.url(replica))
        else {
            return;
        };
        let query = match mode {
            Mode::Dry => "?dryRun=true",
            Mode::Forget => "?waitSeconds=0",
            Mode::Wait | Mode::Beside => "",
        };
        self.ask(url, format!("/sync-to-m3ter/{id}{query}"), Json::Null);
        if mode == Mode::Wait {
            self.callers.join_next().await;
        }
    }

    /// A caller asks beside the walk, and notes what it is told.
    fn ask(&mut self, url: String, path: String, body: Json) {
        let (cluster, told, tally) =
            (Arc::clone(&self.cluster), Arc::clone(&self.told), Arc::clone(&self.tally));
        let asked = self.changes.now;
        self.callers.spawn(async move {
            if let Some((status, answer)) = cluster.ask(&url, &path, &body).await {
                let mut told = told.lock().unwrap();
                told.note(&tally, &path, status, &answer);
                if path.starts_with("/sync-to-m3ter/") {
                    told.note_sync(asked, &answer);
                }
            } else {
                tally.count("answer", "none");
            }
        });
    }

    /// Notes what the walk itself was told.
    pub(crate) fn note(&self, path: &str, answer: &Json) {
        self.told.lock().unwrap().note(&self.tally, path, 200, answer);
    }

    /// A product that both vendors know.
    pub(crate) fn add_product(&mut self, number: u32, is_metered: bool) {
        let id = self.cluster.add_product(&format!("PRODUCT_{number}"));
        if !is_metered {
            self.cluster.org.vendor().update(
                "Product2",
                &id,
                &json!({ "M3ter_Not_Metered__c": true }),
            );
        }
        self.ids.insert(Target::Product(number), ("Product2", id));
    }

    fn slot(&mut self, replica: usize) -> &mut Option<Replica> {
        let count = self.replicas.len();
        &mut self.replicas[replica % count]
    }

    /// The address of a living process: the one that is meant, or else another one.
    pub(crate) fn url(&self, replica: usize) -> Option<String> {
        let count = self.replicas.len();
        (0..count)
            .find_map(|next| self.replicas[(replica + next) % count].as_ref())
            .map(|replica| replica.url.clone())
    }

    async fn start(&mut self, replica: usize) {
        if self.slot(replica).is_some() {
            return;
        }
        let settings = [
            ("RUN_LEASE", RUN_LEASE),
            ("SYNC_TIME_LIMIT", SYNC_TIME_LIMIT),
            // Seconds: 1, 2, 3.
            ("SYNC_RETRY_MINUTES", "0.0167,0.033,0.05"),
            ("SHUTDOWN_GRACE", "4"),
            ("COMMITMENT_BILLING", "paid_outside"),
            // What it logs while its database is away is no matter of this.
            ("RUST_LOG", "off"),
        ];
        let directory = self.mappings.path().display().to_string();
        let mapped = [("MAPPINGS_DIR", directory.as_str())];
        let settings: Vec<(&str, &str)> =
            settings.into_iter().chain(mapped.into_iter().filter(|_| self.ends_lines)).collect();
        let started = self.cluster.start(&settings);
        // What is hidden or wrong may keep it from being ready; it takes requests all the same.
        self.cluster
            .until("the process listens", async || {
                self.cluster.get(&started, "/livez").await.is_some()
            })
            .await;
        *self.slot(replica) = Some(started);
    }

    /// Lets every process live again, and be ready.
    pub(crate) async fn start_all(&mut self) {
        while self.ending.join_next().await.is_some() {}
        for replica in 0..self.replicas.len() {
            self.start(replica).await;
        }
        for replica in self.replicas.iter().flatten() {
            self.cluster.until_ready(replica).await;
        }
    }

    /// Starts every process anew where something was hidden from it: an org's describe is believed
    /// for a minute.
    pub(crate) async fn look_again(&mut self) {
        if std::mem::take(&mut self.hidden.is_remembered) {
            for replica in 0..self.replicas.len() {
                if let Some(replica) = self.slot(replica).take() {
                    replica.kill();
                }
            }
            self.start_all().await;
        }
    }

    /// Waits until each caller has its answer.
    pub(crate) async fn answered(&mut self) {
        while let Some(ended) = self.callers.join_next().await {
            if let Err(panic) = ended {
                self.told
                    .lock()
                    .unwrap()
                    .wrong
                    .push(format!("an answer that openapi.yaml does not declare: {panic:?}"));
            }
        }
    }

    fn met(&self) -> usize {
        self.cluster.requests().iter().filter(|request| request.fault.is_some()).count()
    }

    async fn until_met(&self) {
        let deadline = Instant::now() + Duration::from_secs(8);
        while self.met() <= self.met_before && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Counts the take-overs of runs that were not counted yet.
    pub(crate) fn count_takeovers(&mut self, runs: &[Json]) {
        for run in runs {
            let (id, takeovers) =
                (run["syncRunId"].as_str().unwrap().to_owned(), run["takeovers"].as_u64().unwrap());
            let before = self.takeovers.insert(id, takeovers).unwrap_or_default();
            self.tally.add("checked", "take-overs", takeovers - before);
        }
    }

    /// Nothing is wrong any more with what vendors answer.
    pub(crate) fn calm_down(&mut self) {
        self.show();
        self.cluster.clear_faults();
        self.cluster.org.set_latency(Duration::ZERO);
        self.cluster.organization.set_latency(Duration::ZERO);
        self.cluster.organization.set_list_lag(Duration::ZERO);
        self.cluster.organization.vendor().change_rules(&json!({})).unwrap();
        self.refuses_commitments = true;
    }

    pub(crate) fn show(&mut self) {
        self.hidden = Hidden { is_remembered: self.hidden.is_remembered, ..Hidden::default() };
        self.cluster.org.vendor().rules(&json!({})).unwrap();
    }

    fn hide(&mut self, what: impl FnOnce(&mut Hidden) -> bool) {
        what(&mut self.hidden);
        self.hidden.is_remembered = true;
        let Hidden { fields, objects, records, .. } = &self.hidden;
        let rules =
            json!({ "hiddenFields": fields, "hiddenObjects": objects, "hiddenRecords": records });
        self.cluster.org.vendor().rules(&rules).unwrap();
    }

    /// The m3ter object of a row, as the last answer named it.
    pub(crate) fn object(&self, kind: &str, row: Target) -> Option<Map<String, Json>> {
        let key = (kind.to_owned(), self.id(row)?.to_owned());
        let id = self.told.lock().unwrap().objects.get(&key).cloned()?;
        self.cluster
            .organization
            .vendor()
            .objects(path(kind))
            .into_iter()
            .find(|object| object["id"] == id.as_str())
    }

    /// Fields with the ids of the records that they name.
    fn resolved(&self, fields: &Json) -> Option<Json> {
        let resolve = |(name, value): (&String, &Json)| {
            let Some((target, is_short)) = value.as_str().and_then(named) else {
                return Some((name.clone(), value.clone()));
            };
            let id = self.id(target)?;
            Some((name.clone(), json!(if is_short { &id[..15] } else { id })))
        };
        fields
            .as_object()?
            .iter()
            .map(resolve)
            .collect::<Option<Map<String, Json>>>()
            .map(Json::Object)
    }
}

/// m3ter's path of a kind.
pub(crate) fn path(kind: &str) -> &'static str {
    match kind {
        "Account" => "accounts",
        "Contract" => "contracts",
        "Commitment" => "commitments",
        "Plan" => "plans",
        "Pricing" => "pricings",
        "AccountPlan" => "accountplans",
        _ => unreachable!("{kind}"),
    }
}
