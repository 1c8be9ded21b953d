//! m3ter's `OrganizationConfig`, which a person may change at any moment: never older than a
//! minute, and read once for all syncs.
//!
//! A read that fails fails the sync that needs it, also where an older answer is known: a day that
//! begins at another hour, or an overlap that is allowed by now, is money, and a sync that ended so
//! writes nothing and may be run again.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::domain::outcome::{ErrorCode, Failure};
use crate::m3ter::{Client, OrganizationConfig};
use crate::transport::Budget;

/// The last answer; the task that has the lock reads the next one.
pub(crate) struct OrganizationConfigs {
    believed_for: Duration,
    last: Mutex<Option<(Instant, Result<OrganizationConfig, Failure>)>>,
}

impl OrganizationConfigs {
    /// Nothing is known yet.
    pub(crate) fn new(believed_for: Duration) -> Self {
        Self { believed_for, last: Mutex::default() }
    }

    /// The configuration, read again if it is too old.
    pub(crate) async fn current(
        &self,
        m3ter: &Client,
        budget: &Budget,
    ) -> Result<OrganizationConfig, Failure> {
        let asked = Instant::now();
        let no_time = || {
            let reason = "m3ter's OrganizationConfig was not read in time";
            Failure::new(ErrorCode::TimeLimitExceeded, reason)
        };
        let mut last =
            timeout(budget.remaining(), self.last.lock()).await.map_err(|_| no_time())?;
        match &*last {
            Some((begun, Ok(config))) if begun.elapsed() < self.believed_for => {
                return Ok(config.clone());
            }
            // What m3ter refused those who asked before, while this one waited, it would refuse
            // again.
            Some((ended, Err(failure))) if *ended >= asked && is_m3ter_s(failure) => {
                return Err(failure.clone());
            }
            _ => {}
        }
        let begun = Instant::now();
        let config = m3ter.fetch_organization_config(budget).await.map_err(Failure::from);
        *last = Some((if config.is_ok() { begun } else { Instant::now() }, config.clone()));
        config
    }
}

/// Whether a failure is m3ter's own, not that of the time or the callouts that one sync may spend.
fn is_m3ter_s(failure: &Failure) -> bool {
    matches!(
        failure.code,
        ErrorCode::M3terUnavailable | ErrorCode::M3terAuthFailed | ErrorCode::M3terLimitExceeded
    )
}
