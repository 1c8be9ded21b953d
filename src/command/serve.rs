//! `serve`: the service, until it is told to stop.

use anyhow::Context as _;
use tokio::net::TcpListener;

use super::{Outcome, print, shutdown_signal};
use crate::app::App;
use crate::config::Config;
use crate::sync::Scope;

/// Serves until SIGTERM or an interrupt.
pub async fn run(config: Config) -> anyhow::Result<Outcome> {
    let shutdown = shutdown_signal().context("signals cannot be received")?;
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
