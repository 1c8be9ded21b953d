//! Works on a verification from page to page, as long as this process holds it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use uuid::Uuid;

use super::candidates::{Root, Search, roots};
use super::page::Page;
use super::strays::Strays;
use crate::domain::outcome::Failure;
use crate::domain::verification::{
    Breadth, Cursor, MAPPINGS_CHANGED, Stage, VerificationRequest, VerificationState,
    VerifiedRecord,
};
use crate::store::{ClaimedVerification, NewVerification, StoreError, VerifiedPage};
use crate::sync::clock::now;
use crate::sync::context::retrying_store::RetryingStore;
use crate::sync::scheduler::maintenance::Scope;
use crate::sync::shared::Shared;
use crate::telemetry::ErrorChain;
use crate::transport::{Budget, Class, Turn};

/// Who asks for what is due by the schedule.
pub(super) const SCHEDULE: &str = "schedule";
/// Between two looks for a verification that nobody works on.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After which times a page is tried again that a vendor or the database gave no answer for; after
/// the last one the verification waits for somebody to resume it.
const TRY_AGAIN_AFTER: [Duration; 4] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_mins(1),
    Duration::from_mins(5),
];
/// Renewals in each lease.
const RENEWALS_PER_LEASE: u32 = 3;
/// What a verification may take beside its pages: as much as it needs.
const MAX_TIME: Duration = Duration::from_hours(1);

/// Looks for verifications, and works on one at a time, until this process begins nothing any more.
pub(in crate::sync) async fn work(shared: &Arc<Shared>, scope: &Scope) {
    let id = match scope {
        Scope::Everything => None,
        Scope::Verification(id) => Some(id.as_str()),
        Scope::Record(_) | Scope::Nothing => return,
    };
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let schedule = shared.settings.verify_schedule.as_ref();
    let schedule = schedule.filter(|_| matches!(scope, Scope::Everything));
    let mut due = schedule.and_then(|schedule| schedule.after(now()));
    while shared.draining.run_until_cancelled(looks.tick()).await.is_some() {
        if let Some(moment) = due.filter(|due| *due <= now()) {
            match begin_due(shared, moment).await {
                Ok(()) => due = schedule.and_then(|schedule| schedule.after(moment.max(now()))),
                Err(error) => {
                    tracing::warn!(error = %ErrorChain(&error), "a verification that is due was not begun yet");
                }
            }
        }
        match shared.store.claim_verification(id, shared.claims.claimant()).await {
            Ok(Some(claimed)) => Box::pin(go_on(shared, claimed)).await,
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(error = %ErrorChain(&error), "no verification could be claimed");
            }
        }
    }
}

/// Records the verification of a moment: each process has the same id for it, and the first one
/// records it.
async fn begin_due(shared: &Shared, moment: Timestamp) -> Result<(), StoreError> {
    let new = NewVerification {
        id: id_of(moment),
        request: VerificationRequest::default(),
        mappings: shared.metadata.mappings().digest().to_owned(),
        requested_by: Some(SCHEDULE.to_owned()),
        requested_at: moment,
    };
    if shared.store.insert_due_verification(&new).await? {
        tracing::info!(verification_id = new.id, "a verification is due");
    }
    Ok(())
}

fn id_of(moment: Timestamp) -> String {
    let ms = u64::try_from(moment.as_millisecond()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(ms, &[0; 10]).into_uuid().to_string()
}

/// Works on a verification until it ends, another process has it, or this one stops.
async fn go_on(shared: &Shared, claimed: ClaimedVerification) {
    let (id, fence) = (claimed.id.clone(), claimed.fence);
    let work = Work { shared, claimed };
    let ended = tokio::select! {
        biased;
        () = shared.draining.cancelled() => shared.store.release_verification(&id, fence).await,
        () = renew(shared, &id, fence) => {
            tracing::info!(verification_id = id, "a verification was ended, or another process has it");
            Ok(())
        }
        ended = work.to_its_end() => ended,
    };
    if let Err(error) = ended {
        // Its claim runs out: the next process continues after the last page that was saved.
        tracing::warn!(verification_id = id, error = %ErrorChain(&error), "a verification stopped for a while");
    }
}

/// Prolongs the claim as long as it is this process's.
async fn renew(shared: &Shared, id: &str, fence: i64) {
    let claimant = shared.claims.claimant();
    loop {
        tokio::time::sleep(claimant.lease / RENEWALS_PER_LEASE).await;
        match shared.store.renew_verification(id, fence, claimant).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::debug!(error = %ErrorChain(&error), "the claim on a verification was not renewed");
            }
        }
    }
}

struct Work<'a> {
    shared: &'a Shared,
    claimed: ClaimedVerification,
}

impl Work<'_> {
    async fn to_its_end(&self) -> Result<(), StoreError> {
        let (store, id, fence) = (&self.shared.store, &*self.claimed.id, self.claimed.fence);
        if self.claimed.mappings != self.shared.metadata.mappings().digest() {
            let state = VerificationState::Failed;
            return store.end_verification(id, fence, state, Some(MAPPINGS_CHANGED)).await;
        }
        let mut cursor = self.claimed.cursor.clone();
        let mut tries = 0;
        loop {
            let ended = self.pages(&mut cursor, &mut tries).await;
            let failure = match ended {
                Ok(true) => {
                    let state = VerificationState::Completed;
                    tracing::info!(verification_id = id, "a verification is complete");
                    return store.end_verification(id, fence, state, None).await;
                }
                Ok(false) => return Ok(()),
                Err(failure) => failure,
            };
            let again = TRY_AGAIN_AFTER.get(tries).filter(|_| failure.code.retryable());
            tracing::warn!(
                verification_id = id,
                tries,
                error_code = failure.code.as_str(),
                reason = failure.reason,
                "a page of a verification was not read"
            );
            let Some(pause) = again else {
                let state = VerificationState::Failed;
                return store.end_verification(id, fence, state, Some(&failure.reason)).await;
            };
            tries += 1;
            store.note_verification(id, fence, &failure.reason).await?;
            tokio::time::sleep(*pause).await;
        }
    }

    /// Goes from page to page; `false` if the verification is another process's, or over.
    async fn pages(&self, cursor: &mut Cursor, tries: &mut usize) -> Result<bool, Failure> {
        let (shared, request) = (self.shared, &self.claimed.request);
        let turn = self.turn();
        let budget = Budget::new(MAX_TIME, u32::MAX).in_turn(turn.clone());
        let roots = roots(&shared.metadata, request, &budget).await?;
        let (mut expected, strays) = self.begin(&roots, cursor, &budget).await?;
        loop {
            let started = Instant::now();
            // Each page has its own time: a whole verification may take days.
            let budget = Budget::new(MAX_TIME, u32::MAX).in_turn(turn.clone());
            let Some((candidates, next)) = self.search(&budget).next(&roots, cursor).await? else {
                return Ok(true);
            };
            let page = Page {
                shared,
                candidates: &candidates,
                are_named: cursor.stage == Stage::Named,
                strays: strays.as_ref(),
                now: now(),
                turn: &turn,
                is_last_try: *tries > 1,
            };
            let verified = page.verify().await?;
            let is_saved = self.save(&next, expected.take(), &verified, started.elapsed()).await?;
            if !is_saved {
                return Ok(false);
            }
            (*cursor, *tries) = (next, 0);
        }
    }

    /// How many records there are, where that is not known yet, and what nobody has linked.
    async fn begin(
        &self,
        roots: &[Root<'_>],
        cursor: &mut Cursor,
        budget: &Budget,
    ) -> Result<(Option<u64>, Option<Strays>), Failure> {
        let shared = self.shared;
        let expected = self.search(budget).count(roots).await?;
        let mut strays = None;
        if !self.claimed.request.deep && cursor.breadth != Some(Breadth::Contracts) {
            let store = RetryingStore::new(&shared.store, budget);
            let m3ter = &shared.metadata.m3ter;
            strays = Strays::read(m3ter, store, now(), expected.max(2), budget).await?;
        }
        let breadth = if strays.is_some() { Breadth::Lists } else { Breadth::Contracts };
        cursor.breadth = Some(breadth);
        Ok((Some(expected), strays))
    }

    async fn save(
        &self,
        cursor: &Cursor,
        expected: Option<u64>,
        records: &[VerifiedRecord],
        worked: Duration,
    ) -> Result<bool, Failure> {
        let (id, fence) = (&*self.claimed.id, self.claimed.fence);
        let page = VerifiedPage { cursor, expected, records, worked };
        let budget = Budget::new(MAX_TIME, 0);
        let store = RetryingStore::new(&self.shared.store, &budget);
        store.with(|store| store.save_verified(id, fence, &page)).await
    }

    fn search<'b>(&'b self, budget: &'b Budget) -> Search<'b> {
        Search {
            metadata: &self.shared.metadata,
            store: RetryingStore::new(&self.shared.store, budget),
            budget,
            request: &self.claimed.request,
            id: &self.claimed.id,
        }
    }

    /// It takes only places that nobody else wants.
    fn turn(&self) -> Turn {
        let run = Uuid::parse_str(&self.claimed.id).unwrap_or_else(|_| Uuid::nil());
        Turn { class: Class::Verification, caller: None, run }
    }
}
