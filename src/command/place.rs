//! Where runs, changes and links are looked up and changed: in the database, or by asking a service.

use super::remote::Remote;
use crate::domain::change::ObjectChange;
use crate::domain::ids::SyncRunId;
use crate::domain::link::ShownLink;
use crate::domain::run::SyncRun;
use crate::store::{ChangeFilter, LinkFilter, NewRun, RunFilter, Store, StoreError};

/// The runs of a service that are looked at for one whose id begins with something.
const NEWEST: u32 = 200;

/// One of the two.
#[derive(Debug)]
pub enum Place {
    /// The database, beside running services.
    Database(Store),
    /// A service, with its key.
    Service(Remote),
}

impl Place {
    /// The database at this URL, which must be there.
    pub async fn database(url: &str) -> anyhow::Result<Self> {
        match Store::open_existing(url).await {
            Ok(store) => Ok(Self::Database(store)),
            Err(absent @ StoreError::Absent(_)) => {
                Err(anyhow::anyhow!("{absent}, or --url to the address of a service"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Nothing is looked up any more.
    pub async fn close(self) {
        if let Self::Database(store) = self {
            store.close().await;
        }
    }

    /// Runs, newest first.
    pub(super) async fn list_runs(&self, filter: &RunFilter) -> anyhow::Result<Vec<SyncRun>> {
        Ok(match self {
            Self::Database(store) => store.list_runs(filter).await?,
            Self::Service(service) => service.list_runs(filter).await?,
        })
    }

    /// One run with everything about it.
    pub(super) async fn load_run(&self, run: SyncRunId) -> anyhow::Result<Option<SyncRun>> {
        Ok(match self {
            Self::Database(store) => store.load_run(run).await?,
            Self::Service(service) => service.load_run(run).await?,
        })
    }

    /// The runs whose ids begin so, two of them at most; of a service among its newest ones.
    pub(super) async fn find_runs(&self, beginning: &str) -> anyhow::Result<Vec<SyncRunId>> {
        let Self::Service(service) = self else {
            let Self::Database(store) = self else { return Ok(Vec::new()) };
            return Ok(store.find_runs(beginning).await?);
        };
        let newest = RunFilter { limit: NEWEST, ..RunFilter::default() };
        let runs = service.list_runs(&newest).await?;
        let ids = runs.into_iter().map(|run| run.sync_run_id);
        Ok(ids.filter(|id| id.to_string().starts_with(beginning)).take(2).collect())
    }

    /// What a run was asked to do, where the database is at hand.
    pub(super) async fn load_request(&self, run: SyncRunId) -> anyhow::Result<Option<NewRun>> {
        Ok(match self {
            Self::Database(store) => store.load_request(run).await?,
            Self::Service(_) => None,
        })
    }

    /// Links, in the order of records and rows.
    pub(super) async fn list_links(&self, filter: &LinkFilter) -> anyhow::Result<Vec<ShownLink>> {
        Ok(match self {
            Self::Database(store) => {
                store.list_links(filter).await?.iter().map(ShownLink::from).collect()
            }
            Self::Service(service) => service.list_links(filter).await?,
        })
    }

    /// Changes, newest first.
    pub(super) async fn list_changes(
        &self,
        filter: &ChangeFilter,
    ) -> anyhow::Result<Vec<ObjectChange>> {
        Ok(match self {
            Self::Database(store) => store.list_changes(filter).await?,
            Self::Service(service) => service.list_changes(filter).await?,
        })
    }
}
