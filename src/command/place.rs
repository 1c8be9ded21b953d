//! Where runs, changes and links are looked up and changed: in the database, or by asking a service.

use std::time::Duration;

use super::remote::Remote;
use super::user;
use crate::domain::backfill::{Backfill, BackfilledRecord};
use crate::domain::change::{ErasedValues, ObjectChange};
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::domain::link::ShownLink;
use crate::domain::run::SyncRun;
use crate::domain::verification::{Verification, VerifiedRecord, VerifiedStatus};
use crate::store::{ChangeFilter, LinkFilter, NewRun, RunFilter, Store, StoreError};
use crate::sync::REPLAY_EVERY;

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

    /// Who would do what is asked before; nothing for the database, which the settings name.
    pub(super) fn by(&self) -> String {
        match self {
            Self::Database(_) => String::new(),
            Self::Service(service) => format!(" by the service at {}", service.url()),
        }
    }

    /// The time between two looks at something that goes on.
    pub(super) fn look_every(&self) -> Duration {
        match self {
            Self::Database(_) => Duration::from_millis(200),
            Self::Service(_) => Duration::from_millis(500),
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

    /// Removes the values of what was changed for a record from the history.
    pub(super) async fn erase(&self, record: &SalesforceId) -> anyhow::Result<ErasedValues> {
        Ok(match self {
            Self::Database(store) => store.erase(record).await?,
            Self::Service(service) => service.erase(record).await?,
        })
    }

    /// One verification; `None` if there is none with this id.
    pub(super) async fn verification(&self, id: &str) -> anyhow::Result<Option<Verification>> {
        Ok(match self {
            Self::Database(store) => store.load_verification(id).await?,
            Self::Service(service) => service.verification(id).await?,
        })
    }

    /// The id of the newest verification.
    pub(super) async fn newest_verification(&self) -> anyhow::Result<Option<String>> {
        let newest = match self {
            Self::Database(store) => store.list_verifications(None, 1).await?,
            Self::Service(service) => service.newest_verifications().await?,
        };
        Ok(newest.into_iter().next().map(|verification| verification.verification_id))
    }

    /// The ids of verifications that begin so, two of them at most; of a service among its newest
    /// ones.
    pub(super) async fn find_verifications(&self, beginning: &str) -> anyhow::Result<Vec<String>> {
        Ok(match self {
            Self::Database(store) => store.find_verifications(beginning).await?,
            Self::Service(service) => {
                let newest = service.newest_verifications().await?;
                let ids = newest.into_iter().map(|verification| verification.verification_id);
                ids.filter(|id| id.starts_with(beginning)).take(2).collect()
            }
        })
    }

    /// Ends a verification; what it has found stays.
    pub(super) async fn cancel_verification(&self, id: &str) -> anyhow::Result<()> {
        match self {
            Self::Database(store) => {
                store.cancel_verification(id, &format!("It was cancelled by {}", user())).await?;
            }
            Self::Service(service) => drop(service.cancel_verification(id).await?),
        }
        Ok(())
    }

    /// What a verification found of records with these statuses, in the order of their ids.
    pub(super) async fn list_verified(
        &self,
        id: &str,
        statuses: &[VerifiedStatus],
        after: Option<&SalesforceId>,
        limit: u32,
    ) -> anyhow::Result<Vec<VerifiedRecord>> {
        Ok(match self {
            Self::Database(store) => store.list_verified(id, statuses, after, limit).await?,
            Self::Service(service) => service.list_verified(id, statuses, after, limit).await?,
        })
    }

    /// The records that [`Place::backfill`] would sync.
    pub(super) async fn plan_backfill(
        &self,
        id: &str,
        statuses: &[VerifiedStatus],
        limit: u32,
    ) -> anyhow::Result<Vec<VerifiedRecord>> {
        Ok(match self {
            Self::Database(store) => store.plan_backfill(id, statuses, limit).await?,
            Self::Service(service) => service.backfill(id, statuses, limit, true).await?.records,
        })
    }

    /// Plans syncs of what a verification named; how many.
    pub(super) async fn backfill(
        &self,
        id: &str,
        statuses: &[VerifiedStatus],
        limit: u32,
    ) -> anyhow::Result<u64> {
        Ok(match self {
            Self::Database(store) => {
                let user = user();
                store.schedule_backfill(id, statuses, limit, REPLAY_EVERY, Some(&user)).await?
            }
            Self::Service(service) => service.backfill(id, statuses, limit, false).await?.planned,
        })
    }

    /// Takes back the planned syncs that have not begun; how many.
    pub(super) async fn cancel_backfill(&self, id: &str) -> anyhow::Result<u64> {
        Ok(match self {
            Self::Database(store) => store.cancel_backfill(id).await?,
            Self::Service(service) => service.cancel_backfill(id).await?,
        })
    }

    /// How far a backfill is.
    pub(super) async fn load_backfill(&self, id: &str) -> anyhow::Result<Backfill> {
        Ok(match self {
            Self::Database(store) => store.load_backfill(id).await?,
            Self::Service(service) => service.load_backfill(id).await?,
        })
    }

    /// The records whose syncs were tried and are not `Completed`, in the order of their ids.
    pub(super) async fn list_backfilled(
        &self,
        id: &str,
        after: Option<&SalesforceId>,
        limit: u32,
    ) -> anyhow::Result<Vec<BackfilledRecord>> {
        Ok(match self {
            Self::Database(store) => store.list_backfilled(id, after, limit).await?,
            Self::Service(service) => service.list_backfilled(id, after, limit).await?,
        })
    }
}
