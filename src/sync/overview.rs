//! What people look at: how both vendors stand, how the runs of a day ended, what needs somebody's
//! attention, and which m3ter objects a record has.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::domain::answer::SyncResult;
use crate::domain::finding::FindingCode;
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::warning::AttentionFilter;
use crate::mapping::Mappings;
use crate::store::{HourOfRuns, Link, RunFilter, StoreError};
use crate::sync::clock::now;
use crate::sync::syncs::Syncs;
use crate::transport::TokenCache;

/// So many runs of each kind are looked at for what needs attention.
const MAX_LOOKED_AT: u32 = 100;
/// What ended longer ago is no news.
const CONCERNED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Whether callouts with the present credentials work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vendors {
    /// To Salesforce.
    pub salesforce: bool,
    /// To m3ter.
    pub m3ter: bool,
}

/// Something that needs attention, and the records that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concern {
    /// The code of the finding, of the failure, or of what to look at.
    pub code: String,
    /// What is wrong, of one of them.
    pub message: String,
    /// What to do about it, if that is known.
    pub remedy: Option<String>,
    /// Each record, and the run that says so.
    pub records: BTreeMap<String, SyncRunId>,
}

impl Syncs {
    /// Whether both vendors are reached.
    pub fn vendors(&self) -> Vendors {
        let [salesforce, m3ter] = self.shared.metadata.tokens().map(TokenCache::works);
        Vendors { salesforce, m3ter }
    }

    /// How many replicas there are.
    pub async fn replicas(&self) -> Result<usize, StoreError> {
        Ok(self.shared.store.load_replicas().await?.len())
    }

    /// The runs that ended since a moment, by hour and outcome.
    pub async fn ended_runs(&self, since: Timestamp) -> Result<Vec<HourOfRuns>, StoreError> {
        self.shared.store.count_ended_runs(since).await
    }

    /// What the mappings say.
    pub fn mappings(&self) -> &Mappings {
        &self.shared.metadata.mappings
    }

    /// Where the org's pages are.
    pub fn salesforce_address(&self) -> &url::Url {
        self.shared.metadata.salesforce.address()
    }

    /// The m3ter objects of a record.
    pub async fn links_of(&self, record: &SalesforceId) -> Result<Vec<Link>, StoreError> {
        self.shared.store.load_links(record).await
    }

    /// The links to what somebody names.
    pub async fn find_links(&self, text: &str) -> Result<Vec<Link>, StoreError> {
        self.shared.store.find_links(text).await
    }

    /// What needs attention: of each record its last run, if that did not do all or warned.
    pub async fn concerns(&self) -> Result<Vec<Concern>, StoreError> {
        let since = now().checked_sub(CONCERNED_FOR).ok();
        let recent = RunFilter { since, limit: MAX_LOOKED_AT, ..RunFilter::default() };
        let of =
            |status: &str| RunFilter { sync_status: Some(status.to_owned()), ..recent.clone() };
        let mut runs = BTreeMap::new();
        for filter in [
            of("Failed"),
            of("Partial Success"),
            RunFilter { attention: Some(AttentionFilter::Any), ..recent.clone() },
        ] {
            for run in self.list_runs(&filter).await?.into_iter().filter(|run| !run.dry_run) {
                let last = runs.entry(run.parent_record_id).or_insert(run.sync_run_id);
                *last = run.sync_run_id.max(*last);
            }
        }
        // What has gone well since then is no concern.
        for run in self.list_runs(&of("Completed")).await?.iter().filter(|run| !run.dry_run) {
            if runs.get(&run.parent_record_id).is_some_and(|last| *last < run.sync_run_id) {
                runs.remove(&run.parent_record_id);
            }
        }
        let ids: Vec<SyncRunId> = runs.values().copied().collect();
        let answers = self.shared.store.load_answers(&ids).await?;
        let mut concerns: BTreeMap<String, Concern> = BTreeMap::new();
        for (record, run) in &runs {
            let Some(answer) = answers.get(run) else { continue };
            for (code, message, remedy) in messages_of(answer) {
                let concern = concerns.entry(code.clone()).or_insert_with(|| Concern {
                    code,
                    message,
                    remedy,
                    records: BTreeMap::new(),
                });
                concern.records.insert(record.clone(), *run);
            }
        }
        let mut concerns: Vec<Concern> = concerns.into_values().collect();
        concerns.sort_by_key(|concern| std::cmp::Reverse(concern.records.len()));
        Ok(concerns)
    }
}

/// What an answer says that somebody must do, each code once.
fn messages_of(answer: &SyncResult) -> Vec<(String, String, Option<String>)> {
    let failure = answer.error_code.iter().map(|code| (code.clone(), answer.message.clone(), None));
    // What only waits for another object is no cause.
    let depends = FindingCode::DependencyFailed.as_str();
    let of_objects = answer.object_results.iter();
    let of_objects = of_objects.filter(|object| object.finding_code.as_deref() != Some(depends));
    let findings = of_objects.filter_map(|object| {
        Some((object.finding_code.clone()?, object.message.clone(), object.remedy.clone()))
    });
    let attention = answer.attention.iter().map(|code| (code.clone(), String::new(), None));
    let mut seen = BTreeSet::new();
    failure
        .chain(findings)
        .chain(attention)
        .filter(|(code, ..)| seen.insert(code.clone()))
        .collect()
}
