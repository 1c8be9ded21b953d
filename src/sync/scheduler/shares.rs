//! Keeps this replica's share of m3ter's request limit: `domain::share` decides, this asks the
//! database and the clock.
//!
//! A beat reads the rows of all replicas in one statement and writes in another one, where
//! something changes. Nothing here is on the way of a sync: callouts ask the limiter alone, which
//! knows until when its share is good.

#[cfg(test)]
mod simulation;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::domain::share::{Leases, Places, Share, Step};
use crate::store::{Store, StoreError};
use crate::sync::context::progress::HeldByOthers;
use crate::sync::shared::Shared;
use crate::telemetry::{ErrorChain, metrics};
use crate::transport::Limiter;

/// Between two beats while there are others: three of them move what one replica has and another
/// one needs.
const BEAT_EVERY: Duration = Duration::from_millis(200);
/// Between two beats of a replica that has all there is.
const BEAT_ALONE_EVERY: Duration = Duration::from_millis(500);
/// How long the places of a replica that died are nobody's, if runs are leased for longer.
const LEASE: Duration = Duration::from_secs(5);
/// Beats in each lease, if that is short.
const BEATS_PER_LEASE: u32 = 10;
/// The part of a lease in which a beat works or has failed: two of them tell of the database while
/// the share still counts.
const BEAT_TIME: u32 = 4;

/// What one beat needs.
struct Beats<'a> {
    store: &'a Store,
    held_by_others: &'a Mutex<Option<HeldByOthers>>,
    limiter: &'a Limiter,
    id: &'a str,
    limit: u32,
    lease: Duration,
    share: Share,
}

/// Lets nothing pass until the first beat has found out what there is.
pub(crate) fn wait_for_share(limiter: &Limiter) {
    limiter.set_share_until(0, Instant::now());
}

/// Goes on until the process has nothing left to hold.
pub(crate) async fn keep(shared: Arc<Shared>) {
    let (limiter, claimant) = (shared.metadata.m3ter.limiter(), shared.claims.claimant());
    let Some(limit) = limiter.limit() else { return };
    let leases = Leases { share: LEASE.min(claimant.lease), run: claimant.lease };
    let share = Share::new(
        claimant.owner.clone(),
        limit,
        leases,
        limiter.window(),
        Instant::now().into_std(),
    );
    let mut beats = Beats {
        store: &shared.store,
        held_by_others: &shared.held_by_others,
        limiter,
        id: &claimant.owner,
        limit,
        lease: leases.share,
        share,
    };
    loop {
        let pause = beats.beat_or_fail().await;
        if shared.ended.run_until_cancelled(sleep(pause)).await.is_none() {
            break;
        }
    }
    if let Err(error) = beats.end().await {
        tracing::debug!(error = %ErrorChain(&error), "the end of this process was not noted");
    }
}

impl Beats<'_> {
    /// How long until the next one.
    async fn beat_or_fail(&mut self) -> Duration {
        let asked_at = Instant::now();
        match timeout(self.lease / BEAT_TIME, self.beat()).await {
            Ok(Ok(pause)) => return pause,
            Ok(Err(error)) => {
                tracing::debug!(error = %ErrorChain(&error), "the share of m3ter's limit could not be updated");
            }
            Err(_) => tracing::debug!("the share of m3ter's limit was not updated in time"),
        }
        self.note_holders(None);
        self.share.failed(asked_at.into_std(), Instant::now().into_std());
        self.use_places(self.share.places());
        self.pause(BEAT_EVERY)
    }

    async fn beat(&mut self) -> Result<Duration, StoreError> {
        let rows = self.store.load_replicas().await?;
        let gone = self.share.see(&rows, Instant::now().into_std());
        if !gone.is_empty() {
            self.store.forget_replicas(&gone).await?;
            tracing::info!(
                replicas = gone.len(),
                "the shares of m3ter's limit that dead replicas held are free again"
            );
            return Ok(Duration::ZERO);
        }
        let need = self.limiter.need();
        let need = need.most_in_window.max(need.in_window).saturating_add(need.waiting);
        let places = self.share.give(&rows, need);
        self.use_places(places);
        // What is in the window from here on is no more than this or the share.
        let spent = self.limiter.need().in_window;
        let asked_at = Instant::now().into_std();
        let step = self.share.step(&rows, need, spent, asked_at);
        if let Some(step) = step
            && self.store.save_share(self.id, &step).await?
        {
            self.share.done(step, asked_at);
        }
        let places = self.share.places();
        self.use_places(places);
        let others = self.share.replicas().saturating_sub(1);
        let is_held = step.is_none_or(|step| matches!(step, Step::Keep { .. }))
            && places.count == 0
            && others > 0;
        let free_after = self.lease + self.limiter.window();
        self.note_holders(is_held.then_some(HeldByOthers { replicas: others, free_after }));
        Ok(match step {
            Some(Step::Enter { .. }) => Duration::ZERO,
            _ if rows.len() == 1 && places.count == self.limit => self.pause(BEAT_ALONE_EVERY),
            _ => self.pause(BEAT_EVERY),
        })
    }

    /// Others need not wait until the lease is over.
    async fn end(&mut self) -> Result<(), StoreError> {
        self.limiter.set_share_until(0, Instant::now());
        self.store.end_replica(self.id, self.limiter.need().in_window).await
    }

    /// Tells once that there is nothing to have, and why.
    fn note_holders(&self, holders: Option<HeldByOthers>) {
        let mut noted = self.held_by_others.lock().unwrap_or_else(PoisonError::into_inner);
        if let (None, Some(HeldByOthers { replicas, free_after })) = (*noted, holders) {
            tracing::info!(
                replicas,
                free_after_s = free_after.as_secs(),
                "waiting for a share of m3ter's limit: other replicas hold all of it, or died with it"
            );
        }
        *noted = holders;
    }

    fn use_places(&self, places: Places) {
        self.limiter.set_share_until(places.count, Instant::from_std(places.until));
        metrics::replicas(self.share.replicas());
    }

    fn pause(&self, pause: Duration) -> Duration {
        pause.min(self.lease / BEATS_PER_LEASE)
    }
}
