//! Keeping up with secrets in files: a new one is tried beside the one that still serves, and takes
//! its place once it has let in.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio_util::sync::CancellationToken;

use crate::secret::Secret;
use crate::store::Store;
use crate::telemetry::ErrorChain;
use crate::transport::login_budget;
use crate::{m3ter, salesforce};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Whose secrets may change.
#[derive(Debug, Clone)]
pub(super) struct Secrets {
    pub(super) salesforce: Option<salesforce::Client>,
    pub(super) m3ter: Option<m3ter::Client>,
    /// The file, the URL that was last read from it, and the store that connects with it.
    pub(super) database: Option<(Secret, String, Store)>,
}

/// Looks at all files until `shutdown`.
pub(super) async fn follow(mut secrets: Secrets, shutdown: CancellationToken) {
    while shutdown.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
        if let Some(salesforce) = &secrets.salesforce {
            salesforce.take_in_new_secrets(&login_budget()).await;
        }
        if let Some(m3ter) = &secrets.m3ter {
            m3ter.take_in_new_secrets(&login_budget()).await;
        }
        if let Some((file, known, store)) = &mut secrets.database
            && let Ok(url) = file.read()
            && url.expose_secret() != known
        {
            known.clone_from(&url.expose_secret().to_owned());
            match store.follow(known).await {
                Ok(()) => tracing::info!(target: "audit", "a new DATABASE_URL is used"),
                Err(error) => {
                    tracing::error!(error = %ErrorChain(&error), "the new DATABASE_URL does not connect; still using the old one");
                }
            }
        }
    }
}
