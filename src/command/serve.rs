//! `serve`: the service, until it is told to stop.

use anyhow::Context as _;
use tokio::net::TcpListener;

use super::interrupt::shutdown_signal;
use super::{Outcome, VERSION, print};
use crate::app::App;
use crate::config::Config;
use crate::sync::Scope;

/// Serves until SIGTERM or an interrupt.
pub async fn run(config: Config) -> anyhow::Result<Outcome> {
    let shutdown = shutdown_signal().context("signals cannot be received")?;
    tell_what_starts(&config);
    let app = App::new(&config, Scope::Everything).await?;
    let listener = TcpListener::bind(config.listen_address)
        .await
        .with_context(|| format!("cannot listen on {}", config.listen_address))?;
    if config.access.callers.is_none() {
        tracing::warn!(
            "no API keys are required: everybody on this machine is an operator; set API_KEYS_FILE to change that"
        );
    }
    print(format_args!("sync-to-m3ter listens on http://{}", listener.local_addr()?));
    app.serve(listener, shutdown).await?;
    Ok(Outcome::Done)
}

/// One line that says what this process is, for the reader of its log. No secrets.
fn tell_what_starts(config: &Config) {
    let keys = config.access.callers.as_ref().map_or(0, |callers| callers.list().len());
    tracing::info!(
        version = VERSION,
        database = config.database_url.split(':').next(),
        org = config.salesforce.login_url.host_str(),
        organization = %config.m3ter.org_id,
        mappings = config.mappings_dir.as_ref().map(|folder| tracing::field::display(folder.display())),
        keys,
        sync_time_limit_s = config.limits.time.as_secs(),
        sync_callout_limit = config.limits.callouts,
        runs_at_once = config.runs.at_once,
        runs_waiting = config.runs.waiting,
        m3ter_requests_per_second = config.m3ter.requests_per_second,
        "the service starts"
    );
}
