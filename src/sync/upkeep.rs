//! What a process does beside its syncs: it prolongs its leases, takes over what others left, begins what is due, shows that it
//! lives, and deletes what is old.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, MissedTickBehavior};

use super::{REPLAY_EVERY, Shared};
use crate::domain::ids::SalesforceId;
use crate::domain::outcome::ErrorCode;
use crate::store::StoreError;
use crate::telemetry::ErrorChain;
use crate::transport::{Budget, TokenCache};

/// How much of the work of all processes this one takes part in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Everything,
    /// Only what concerns one record: a command that syncs it and ends.
    Record(SalesforceId),
}

/// Looks for work in each lease: a run is taken over soon after its lease has run out.
const LOOKS_PER_LEASE: u32 = 30;
/// Renewals and heartbeats in each lease: two may fail before a run is in danger.
const RENEWALS_PER_LEASE: u32 = 3;
/// Runs that are begun at each look: the others are for the other processes, or for the next look.
const BEGUN_AT_ONCE: u32 = 8;
/// Runs beyond which this process begins no work that nobody asked it for.
const BUSY: usize = 64;
/// What a sync ended with that a refused login ended. It is run again once logins work, unless that was longer ago than a day: by then
/// somebody has seen it.
const LOGIN_REFUSED: [ErrorCode; 2] = [ErrorCode::SalesforceAuthFailed, ErrorCode::M3terAuthFailed];
const LOGIN_REFUSED_WITHIN: Duration = Duration::from_hours(24);
/// Such syncs that are planned in one transaction; the others at the next look.
const PLANNED_AT_ONCE: u32 = 200;
/// Between two rounds of deleting.
const DELETE_EVERY: Duration = Duration::from_hours(1);
/// Runs that are deleted in one transaction, and the pause after it: requests go first.
const DELETED_AT_ONCE: u32 = 200;
const DELETE_PAUSE: Duration = Duration::from_millis(100);

/// When what was done last.
struct Upkeep {
    shared: Arc<Shared>,
    scope: Scope,
    renewed: Instant,
    shown: Option<Instant>,
    deleted: Option<Instant>,
    /// There may be syncs to run again that a refused login ended.
    looks_for_refused: bool,
    is_well: bool,
}

/// Goes on until the process has nothing left to hold.
pub(super) async fn keep_up(shared: Arc<Shared>, scope: Scope) {
    let lease = shared.settings.lease;
    let mut looks = tokio::time::interval(lease / LOOKS_PER_LEASE);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ended = shared.ended.clone();
    let mut upkeep = Upkeep { shared, scope, renewed: Instant::now(), shown: None, deleted: None, looks_for_refused: false, is_well: true };
    while ended.run_until_cancelled(looks.tick()).await.is_some() {
        upkeep.look(lease / RENEWALS_PER_LEASE).await;
    }
    let claimant = upkeep.shared.claims.claimant();
    if let Err(error) = upkeep.shared.store.delete_heartbeat(claimant).await {
        tracing::debug!(error = %ErrorChain(&error), "the end of this process was not noted");
    }
}

impl Upkeep {
    /// Leases first: what this process holds is renewed before it looks for runs whose leases have run out.
    async fn look(&mut self, renew_every: Duration) {
        let outcome = async {
            if self.renewed.elapsed() >= renew_every {
                let asked_at = Instant::now();
                self.shared.claims.renew(&self.shared.store).await?;
                self.renewed = asked_at;
            }
            if self.shared.stopping.is_cancelled() {
                return Ok(());
            }
            if self.shown.is_none_or(|shown| shown.elapsed() >= renew_every) {
                self.show_that_it_lives().await?;
                self.looks_for_refused = true;
                self.try_refused_logins();
            }
            self.run_again_after_login().await?;
            self.begin_work().await
        };
        match outcome.await {
            Ok(()) if !self.is_well => {
                self.is_well = true;
                tracing::info!("the database answers again");
            }
            Err(error) if self.is_well => {
                self.is_well = false;
                tracing::error!(error = %ErrorChain(&error), "the database does not answer; no callout begins once a lease is uncertain");
            }
            _ => {}
        }
        if self.is_well && self.scope == Scope::Everything && self.deleted.is_none_or(|deleted| deleted.elapsed() >= DELETE_EVERY) {
            self.deleted = Some(Instant::now());
            let shared = Arc::clone(&self.shared);
            self.shared.tasks.spawn(async move { shared.ended.clone().run_until_cancelled(delete_old_runs(&shared)).await });
        }
    }

    /// Every process gets an equal part of m3ter's request limit.
    async fn show_that_it_lives(&mut self) -> Result<(), StoreError> {
        let claimant = self.shared.claims.claimant();
        let living = self.shared.store.save_heartbeat(claimant, claimant.lease).await?;
        self.shared.knowledge.m3ter.share_limit_with(living);
        self.shown = Some(Instant::now());
        Ok(())
    }

    /// Somebody may have put the credentials right at the vendor: nobody else may ask for a while.
    fn try_refused_logins(&self) {
        if self.shared.knowledge.tokens().iter().all(|tokens| !tokens.is_refused()) {
            return;
        }
        let shared = Arc::clone(&self.shared);
        self.shared.tasks.spawn(async move {
            let budget = Budget::new(shared.limits.time, shared.limits.callouts);
            shared.ended.clone().run_until_cancelled(shared.knowledge.try_refused_logins(&budget)).await
        });
    }

    /// Plans the syncs again that a refused login ended, once both vendors take the credentials. After a restart with new ones nobody knows
    /// whether the old ones were refused: the store does.
    async fn run_again_after_login(&mut self) -> Result<(), StoreError> {
        let tokens = self.shared.knowledge.tokens();
        self.looks_for_refused |= tokens.map(TokenCache::has_begun_to_work).contains(&true);
        let is_wanted = self.scope == Scope::Everything && !self.shared.settings.retry_after.is_empty();
        if !is_wanted || !self.looks_for_refused || !tokens.iter().all(|tokens| tokens.works()) {
            return Ok(());
        }
        let codes = LOGIN_REFUSED.map(ErrorCode::as_str);
        let planned = self.shared.store.schedule_after_login(&codes, LOGIN_REFUSED_WITHIN, PLANNED_AT_ONCE, REPLAY_EVERY).await?;
        if !planned.is_empty() {
            tracing::info!(runs = planned.len(), "logins work: syncs that a refused login ended are run again");
        }
        self.looks_for_refused = planned.len() == PLANNED_AT_ONCE as usize;
        Ok(())
    }

    async fn begin_work(&self) -> Result<(), StoreError> {
        let shared = &self.shared;
        let (store, claimant) = (&shared.store, shared.claims.claimant());
        let record = match &self.scope {
            Scope::Everything => None,
            Scope::Record(record) => Some(record),
        };
        let work = store.load_claimable(record).await?;
        for _ in 0..BEGUN_AT_ONCE {
            if shared.claims.count() >= BUSY {
                break;
            }
            let (asked_at, now) = (Instant::now(), Timestamp::now());
            let mut claimed = None;
            if work.abandoned {
                claimed = store.claim_abandoned(record, claimant).await?;
                if let Some(run) = &claimed {
                    tracing::warn!(sync_run_id = %run.held.run, takeovers = run.takeovers, "this process goes on with a run of another one");
                }
            }
            if claimed.is_none() && work.orphaned {
                claimed = store.claim_orphaned(record, now, claimant).await?;
            }
            // A process whose login is refused leaves what is tried again to those whose is not.
            let can_log_in = !shared.knowledge.tokens().iter().any(|tokens| tokens.is_refused());
            if claimed.is_none() && work.due && record.is_none() && can_log_in {
                claimed = store.claim_due(now, claimant).await?;
            }
            match claimed {
                Some(run) => shared.begin(run, asked_at),
                None => break,
            }
        }
        Ok(())
    }
}

async fn delete_old_runs(shared: &Shared) {
    let Some(retention) = shared.settings.retention else { return };
    let Ok(moment) = Timestamp::now().checked_sub(retention) else { return };
    let mut deleted = 0;
    loop {
        match shared.store.delete_runs_ended_before(moment, DELETED_AT_ONCE).await {
            Ok(count) => {
                deleted += count;
                if count < u64::from(DELETED_AT_ONCE) {
                    break;
                }
            }
            Err(error) => return tracing::warn!(error = %ErrorChain(&error), "old runs could not be deleted"),
        }
        tokio::time::sleep(DELETE_PAUSE).await;
    }
    if deleted > 0 {
        tracing::info!(deleted, "old runs were deleted");
    }
}
