//! What a process does beside its syncs: it prolongs its leases, looks whether others left
//! something, or something waits or is due, and deletes what is old.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use crate::domain::ids::SalesforceId;
use crate::domain::outcome::ErrorCode;
use crate::store::StoreError;
use crate::sync::scheduler::retention;
use crate::sync::shared::Shared;
use crate::telemetry::ErrorChain;
use crate::transport::{Budget, TokenCache};

/// Between the runs of a replay of many: half of what m3ter's limit allows is left to the others.
pub const REPLAY_EVERY: Duration = Duration::from_millis(400);

/// How much of the work of all processes this one takes part in.
#[derive(Debug, Clone)]
pub enum Scope {
    /// All of it.
    Everything,
    /// Only what concerns one record, which may become another one: a command that syncs it and
    /// ends.
    Record(watch::Receiver<SalesforceId>),
    /// Only one verification, and no run: a command that carries it out and ends.
    Verification(String),
    /// None of it: a command that only looks.
    Nothing,
}

impl Scope {
    /// Only what concerns this record.
    pub fn of(record: SalesforceId) -> Self {
        Self::Record(watch::Sender::new(record).subscribe())
    }

    /// Whether runs are a part of it.
    pub(crate) fn has_runs(&self) -> bool {
        !matches!(self, Self::Verification(_) | Self::Nothing)
    }

    /// The only record whose runs are; `None`: no record in particular.
    pub(crate) fn record(&self) -> Option<SalesforceId> {
        match self {
            Self::Record(record) => Some(record.borrow().clone()),
            Self::Everything | Self::Verification(_) | Self::Nothing => None,
        }
    }
}

/// Looks for work in each lease: a run is taken over soon after its lease has run out.
const LOOKS_PER_LEASE: u32 = 30;
/// Renewals in each lease: two may fail before a run is in danger.
const RENEWALS_PER_LEASE: u32 = 3;
/// Runs that are taken over after each look: the others are for the other processes, or for the
/// next look.
const TAKEN_OVER_AT_ONCE: u32 = 8;
/// From which part of a bound on it is told that the queue gets full; it is told again after it had
/// half of that.
const NEARLY_FULL_PERCENT: u64 = 80;
/// What a sync ended with that a refused login ended. It is run again once logins work, unless that
/// was longer ago than a day: by then somebody has seen it.
const LOGIN_REFUSED: [ErrorCode; 2] = [ErrorCode::SalesforceAuthFailed, ErrorCode::M3terAuthFailed];
const LOGIN_REFUSED_WITHIN: Duration = Duration::from_hours(24);
/// Such syncs that are planned in one transaction; the others at the next look.
const PLANNED_AT_ONCE: u32 = 200;
/// Between two rounds of deleting what is old.
const DELETE_EVERY: Duration = Duration::from_mins(10);

/// When what was done last.
struct Maintenance {
    shared: Arc<Shared>,
    scope: Scope,
    renewed: Instant,
    tried_logins: Option<Instant>,
    deleted: Option<Instant>,
    /// There may be syncs to run again that a refused login ended.
    looks_for_refused: bool,
    is_well: bool,
    /// Almost as many runs wait as may.
    is_nearly_full: bool,
}

/// Goes on until the process has nothing left to hold.
pub(crate) async fn maintain(shared: Arc<Shared>, scope: Scope) {
    let lease = shared.settings.lease;
    let mut looks = tokio::time::interval(lease / LOOKS_PER_LEASE);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ended = shared.ended.clone();
    let mut maintenance = Maintenance {
        shared,
        scope,
        renewed: Instant::now(),
        tried_logins: None,
        deleted: None,
        looks_for_refused: false,
        is_well: true,
        is_nearly_full: false,
    };
    while ended.run_until_cancelled(looks.tick()).await.is_some() {
        maintenance.look(lease / RENEWALS_PER_LEASE).await;
    }
}

impl Maintenance {
    /// Leases first: what this process holds is renewed before it looks for runs whose leases have
    /// run out.
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
            if self.tried_logins.is_none_or(|tried| tried.elapsed() >= renew_every) {
                self.tried_logins = Some(Instant::now());
                self.looks_for_refused = true;
                self.try_refused_logins();
            }
            if self.shared.draining.is_cancelled() {
                return Ok(());
            }
            self.run_again_after_login().await?;
            self.look_for_work().await
        };
        match outcome.await {
            Ok(()) if !self.is_well => {
                self.is_well = true;
                tracing::info!("the database answers again");
            }
            Err(error) if self.is_well => {
                self.is_well = false;
                tracing::error!(error = %ErrorChain(&error), "the database does not answer; no callout is made once a lease may have expired");
            }
            _ => {}
        }
        if self.is_well
            && matches!(self.scope, Scope::Everything)
            && self.deleted.is_none_or(|deleted| deleted.elapsed() >= DELETE_EVERY)
        {
            self.deleted = Some(Instant::now());
            let shared = Arc::clone(&self.shared);
            self.shared.tasks.spawn(async move {
                shared.ended.clone().run_until_cancelled(retention::keep_small(&shared)).await
            });
        }
    }

    /// Somebody may have put the credentials right at the vendor: nobody else may ask for a while.
    fn try_refused_logins(&self) {
        if self.shared.metadata.tokens().iter().all(|tokens| !tokens.is_refused()) {
            return;
        }
        let shared = Arc::clone(&self.shared);
        self.shared.tasks.spawn(async move {
            let budget = Budget::new(shared.limits.time, shared.limits.callouts);
            shared
                .ended
                .clone()
                .run_until_cancelled(shared.metadata.try_refused_logins(&budget))
                .await
        });
    }

    /// Plans the syncs again that a refused login ended, once both vendors take the credentials.
    /// After a restart with new ones nobody knows whether the old ones were refused: the store
    /// does.
    async fn run_again_after_login(&mut self) -> Result<(), StoreError> {
        let tokens = self.shared.metadata.tokens();
        self.looks_for_refused |= tokens.map(TokenCache::has_begun_to_work).contains(&true);
        let is_wanted =
            matches!(self.scope, Scope::Everything) && !self.shared.settings.retry_after.is_empty();
        if !is_wanted || !self.looks_for_refused || !tokens.iter().all(|tokens| tokens.works()) {
            return Ok(());
        }
        let codes = LOGIN_REFUSED.map(ErrorCode::as_str);
        let planned = self
            .shared
            .store
            .schedule_after_login(&codes, LOGIN_REFUSED_WITHIN, PLANNED_AT_ONCE, REPLAY_EVERY)
            .await?;
        if !planned.is_empty() {
            tracing::info!(
                runs = planned.len(),
                "logins work again: rerunning syncs that failed because of a refused login"
            );
        }
        self.looks_for_refused = planned.len() == PLANNED_AT_ONCE as usize;
        Ok(())
    }

    /// Lets what is found begin in its turn.
    async fn look_for_work(&mut self) -> Result<(), StoreError> {
        if !self.scope.has_runs() {
            return Ok(());
        }
        let record = self.scope.record();
        let work = self.shared.store.load_claimable(record.as_ref()).await?;
        self.shared.slots.found(
            work.waiting > 0 || work.due,
            if work.abandoned { TAKEN_OVER_AT_ONCE } else { 0 },
        );
        let bounds = self.shared.settings.queue_bounds();
        let is_reached = |percent: u64| {
            let reached =
                |waiting: u32, bound: u32| u64::from(waiting) * 100 >= u64::from(bound) * percent;
            reached(work.waiting, bounds.all) || reached(work.most_of_a_caller, bounds.of_caller)
        };
        if !self.is_nearly_full && is_reached(NEARLY_FULL_PERCENT) {
            self.is_nearly_full = true;
            tracing::warn!(
                waiting = work.waiting,
                limit = bounds.all,
                of_a_caller = work.most_of_a_caller,
                limit_of_a_caller = bounds.of_caller,
                "the queue of waiting runs is almost full (RUNS_WAITING); beyond it requests are refused with 429"
            );
        }
        self.is_nearly_full &= is_reached(NEARLY_FULL_PERCENT / 2);
        Ok(())
    }
}
