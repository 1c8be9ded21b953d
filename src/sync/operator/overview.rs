//! What people look at: how both vendors stand, how the runs of a day ended, what needs somebody's
//! attention, and which m3ter objects a record has.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::mapping::Mappings;
use crate::store::{HourOfRuns, Link, SaidCode, StoreError};
use crate::sync::clock::now;
use crate::sync::operator::concerns::Concern;
use crate::sync::syncs::Syncs;
use crate::transport::TokenCache;

/// Records that are named of each thing that needs attention.
const MAX_NAMED: u32 = 5;
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
    pub async fn ended_runs(&self, since: Timestamp) -> Result<Arc<[HourOfRuns]>, StoreError> {
        let find = async || Ok((since, self.shared.store.count_ended_runs(since).await?.into()));
        let (_, ended) = self.shared.ended_runs.get(|(counted, _)| *counted == since, find).await?;
        Ok(ended)
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
    pub async fn concerns(&self) -> Result<Arc<[Concern]>, StoreError> {
        let find = async || {
            let since = now().checked_sub(CONCERNED_FOR).unwrap_or(Timestamp::UNIX_EPOCH);
            let store = &self.shared.store;
            let said = store.count_said_codes(since, MAX_NAMED).await?;
            let newest = |said: &SaidCode| said.newest.first().map(|(_, run)| *run);
            let runs: Vec<SyncRunId> = said.iter().filter_map(newest).collect();
            let answers = store.load_answers(&runs).await?;
            let in_words = |said| {
                let answer = newest(&said).and_then(|run| answers.get(&run));
                Concern::new(said, answer)
            };
            Ok(said.into_iter().map(in_words).collect())
        };
        self.shared.concerns.get(|_| true, find).await
    }
}
