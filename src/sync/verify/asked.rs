//! What is asked of verifications: to begin one, to look at them, to end one and to let it go on.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use uuid::Uuid;

use super::candidates::{CONDITION, Root};
use super::work::SCHEDULE;
use crate::domain::excerpt;
use crate::domain::ids::SalesforceId;
use crate::domain::outcome::{ErrorCode, Failure};
use crate::domain::verification::{
    Verification, VerificationRequest, VerifiedRecord, VerifiedStatus,
};
use crate::mapping::Mapping;
use crate::store::{Claimant, NewVerification, StoreError};
use crate::sync::clock::now;
use crate::sync::syncs::Syncs;
use crate::transport::Budget;

/// Why no verification begins.
#[derive(Debug, thiserror::Error)]
pub enum InvalidVerification {
    /// What is asked for cannot be done, in a sentence.
    #[error("{0}")]
    Request(String),
    /// It could not be looked whether it can.
    #[error("{}", .0.reason)]
    Vendor(Failure),
    /// It could not be recorded.
    #[error("the verification could not be recorded")]
    Store(#[from] StoreError),
}

/// Why a verification does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotResumed {
    /// There is none with this id.
    Unknown,
    /// It is over, or continues already.
    NotStopped,
}

/// Who works on a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worker {
    /// Any process.
    Anyone,
    /// This process, with its mappings, as long as it lives; then any.
    ThisProcess,
}

/// How verifications stand.
#[derive(Debug)]
pub struct Verifications {
    /// The last complete one of the schedule.
    pub last: Option<Verification>,
    /// The one in progress.
    pub running: Option<Verification>,
    /// For how long one of the schedule has been due that is not complete; zero: none is. `None`:
    /// there is no schedule.
    pub overdue: Option<Duration>,
}

impl Syncs {
    /// An id for a new verification.
    pub fn new_verification_id() -> String {
        Uuid::now_v7().to_string()
    }

    /// Records a verification. What is wrong with it is told at once, and nothing is recorded.
    pub async fn verify(
        &self,
        id: String,
        request: VerificationRequest,
        requested_by: Option<String>,
        worker: Worker,
    ) -> Result<Verification, InvalidVerification> {
        self.check(&request).await?;
        let new = NewVerification {
            id,
            request,
            mappings: self.shared.metadata.mappings().digest().to_owned(),
            requested_by,
            requested_at: now(),
        };
        let store = &self.shared.store;
        let holder = self.holder(worker);
        store.insert_verification(&new, holder).await?;
        store
            .load_verification(&new.id)
            .await?
            .ok_or_else(|| InvalidVerification::Request("It was deleted".to_owned()))
    }

    fn holder(&self, worker: Worker) -> Option<&Claimant> {
        match worker {
            Worker::Anyone => None,
            Worker::ThisProcess => Some(self.shared.claims.claimant()),
        }
    }

    async fn check(&self, request: &VerificationRequest) -> Result<(), InvalidVerification> {
        let refused = |told: String| Err(InvalidVerification::Request(told));
        let metadata = &self.shared.metadata;
        let limits = self.shared.limits;
        let budget = Budget::new(limits.time, limits.callouts);
        if !request.record_ids.is_empty() {
            if !request.roots.is_empty() || request.condition.is_some() || request.since.is_some() {
                return refused(
                    "Records are named by their ids, or by `roots`, `condition` and `since`, not by both"
                        .to_owned(),
                );
            }
            let mut known = BTreeSet::new();
            if let Some(twice) = request.record_ids.iter().find(|id| !known.insert(*id)) {
                return refused(format!("`{twice}` is named more than once"));
            }
            return Ok(());
        }
        if request.since.is_some_and(|since| since > now()) {
            return refused("`since` is in the future: nothing was changed since then".to_owned());
        }
        for root in &request.roots {
            if metadata.mapping(root).is_none() {
                let known: Vec<&str> = metadata.mappings().iter().map(Mapping::root).collect();
                return refused(format!(
                    "There is no mapping for `{}`; there are `{}`",
                    excerpt::word(root),
                    known.join("`, `")
                ));
            }
        }
        let Some(condition) = &request.condition else { return Ok(()) };
        let [root] = request.roots.as_slice() else {
            return refused(format!(
                "`{CONDITION}` is about the records of one object: name it as the only one of `roots`"
            ));
        };
        let Some(mapping) = metadata.mapping(root) else { return Ok(()) };
        if let Err(faults) = mapping.selection(Some(condition), CONDITION) {
            let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
            return refused(told.join("; "));
        }
        match Root::new(metadata, mapping, Some(condition), &budget).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.code == ErrorCode::MappingInvalid => refused(failure.reason),
            Err(failure) => Err(InvalidVerification::Vendor(failure)),
        }
    }

    /// The object of a record, if it is mapped; else what is wrong with it.
    pub async fn mapped_object_of(
        &self,
        record: &SalesforceId,
    ) -> Result<Result<String, String>, Failure> {
        let metadata = &self.shared.metadata;
        let limits = self.shared.limits;
        let budget = Budget::new(limits.time, limits.callouts);
        let sobject = metadata.sobject_of(record.key_prefix(), &budget).await?;
        Ok(match sobject {
            Some(sobject) if metadata.mapping(&sobject).is_some() => Ok(sobject),
            Some(sobject) => {
                Err(format!("{record} is of `{sobject}`, for which there is no mapping"))
            }
            None => Err(format!("{record} is of no object that the org has")),
        })
    }

    /// How verifications stand: the last complete one of the schedule, the one in progress, and for
    /// how long one has been overdue.
    pub async fn verifications(&self) -> Result<Verifications, StoreError> {
        let store = &self.shared.store;
        let last = store.last_verification_of(SCHEDULE).await?;
        let running = store.running_verification().await?;
        let since = last.as_ref().map_or(self.shared.began_at, |last| last.requested_at);
        let schedule = self.shared.settings.verify_schedule.as_ref();
        let due = schedule.and_then(|schedule| schedule.after(since));
        let overdue = due.map(|due| now().duration_since(due).max(SignedDuration::ZERO));
        Ok(Verifications { last, running, overdue: overdue.map(SignedDuration::unsigned_abs) })
    }

    /// One verification.
    pub async fn verification(&self, id: &str) -> Result<Option<Verification>, StoreError> {
        self.shared.store.load_verification(id).await
    }

    /// Verifications, the newest first, older than `before`.
    pub async fn list_verifications(
        &self,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Verification>, StoreError> {
        self.shared.store.list_verifications(before, limit).await
    }

    /// What a verification found of records with these statuses, in the order of their ids.
    pub async fn list_verified(
        &self,
        id: &str,
        statuses: &[VerifiedStatus],
        after: Option<&SalesforceId>,
        limit: u32,
    ) -> Result<Vec<VerifiedRecord>, StoreError> {
        self.shared.store.list_verified(id, statuses, after, limit).await
    }

    /// Ends a verification; what it has found stays. `None` if there is no such verification.
    pub async fn cancel_verification(
        &self,
        id: &str,
        by: Option<&str>,
    ) -> Result<Option<Verification>, StoreError> {
        let message = by.map_or_else(
            || "It was cancelled".to_owned(),
            |name| format!("It was cancelled by {name}"),
        );
        self.shared.store.cancel_verification(id, &message).await?;
        self.shared.store.load_verification(id).await
    }

    /// Lets a verification go on where it was.
    pub async fn resume_verification(
        &self,
        id: &str,
        worker: Worker,
    ) -> Result<Result<Verification, NotResumed>, StoreError> {
        let holder = self.holder(worker);
        let is_resumed = self.shared.store.resume_verification(id, holder).await?;
        Ok(match self.shared.store.load_verification(id).await? {
            None => Err(NotResumed::Unknown),
            Some(_) if !is_resumed => Err(NotResumed::NotStopped),
            Some(verification) => Ok(verification),
        })
    }
}
