//! The composition root: from a configuration to running parts.

mod descriptors;
mod secrets;

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use strum::VariantArray as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::callers::{Access, Callers};
use crate::config::Config;
use crate::console;
use crate::domain::finding::FindingCode;
use crate::domain::ids::SyncRunId;
use crate::domain::outcome::ErrorCode;
use crate::domain::run::SyncRun;
use crate::http::{self, Places, Strangers, metrics::Scrapers, server::Shutdown};
use crate::mapping::{MAX_FILE_BYTES, MappingFault, MappingSource, Mappings};
use crate::store::Store;
use crate::sync::{Readiness, Scope, Syncs};
use crate::telemetry::{ErrorChain, metrics};
use crate::transport::Recording;
use crate::{m3ter, salesforce};
use secrets::Secrets;

/// The running parts of one service.
#[derive(Debug)]
pub struct App {
    /// Starts syncs.
    pub syncs: Syncs,
    store: Store,
    tasks: TaskTracker,
    secrets: Secrets,
    access: Access,
    console: bool,
    metrics_address: Option<SocketAddr>,
    metrics_token_file: Option<PathBuf>,
    grace: Duration,
    drain: Duration,
}

/// What is left to do when all runs have ended or were given back: answers go out, and the store
/// closes.
const LAST_STEPS: Duration = Duration::from_secs(3);
/// How often it is written down when keys were used last: what a process that dies forgets.
const USES_EVERY: Duration = Duration::from_mins(1);
/// Between two tries to reach the vendors at start.
const LOAD_RETRY: Duration = Duration::from_secs(5);

impl App {
    /// Puts the parts together, to work within `scope`; nothing has spoken to a vendor yet.
    pub async fn new(config: &Config, scope: Scope) -> anyhow::Result<Self> {
        Self::with(config, scope, None).await
    }

    /// The same, whose clients record what they read.
    pub async fn recorded(
        config: &Config,
        scope: Scope,
        recording: &Recording,
    ) -> anyhow::Result<Self> {
        Self::with(config, scope, Some(recording)).await
    }

    async fn with(
        config: &Config,
        scope: Scope,
        recording: Option<&Recording>,
    ) -> anyhow::Result<Self> {
        let mut mappings = load_mappings(config.mappings_dir.as_deref())?;
        mappings.state_billing(config.commitment_billing);
        let store =
            Store::open(&config.database_url).await.context("the database could not be opened")?;
        let mut salesforce = salesforce::Client::new(config.salesforce.clone())
            .context("the Salesforce client could not be made")?;
        let mut m3ter = m3ter::Client::new(config.m3ter.clone())
            .context("the m3ter client could not be made")?;
        if let Some(recording) = recording {
            (salesforce, m3ter) = (salesforce.recorded(recording), m3ter.recorded(recording));
        }
        let tasks = TaskTracker::new();
        let secrets = Secrets {
            salesforce: config.salesforce.credentials.may_change().then(|| salesforce.clone()),
            m3ter: config.m3ter.may_change().then(|| m3ter.clone()),
            database: config
                .database_url_file
                .clone()
                .map(|file| (file, config.database_url.clone(), store.clone())),
        };
        let syncs = Syncs::new(
            salesforce,
            m3ter,
            mappings,
            store.clone(),
            config.limits,
            config.runs.clone(),
            tasks.clone(),
        );
        tasks.spawn({
            let syncs = syncs.clone();
            async move { syncs.maintain(scope).await }
        });
        Ok(Self {
            syncs,
            store,
            tasks,
            secrets,
            access: config.access.clone(),
            console: config.console,
            metrics_address: config.metrics_address,
            metrics_token_file: config.metrics_token_file.clone(),
            grace: config.runs.shutdown_grace,
            drain: config.runs.shutdown_drain,
        })
    }

    /// Serves until `shutdown`, and then on for a moment, in which proxies see that this process is
    /// not ready; then lets running syncs end or gives them back.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        let shutdown = Shutdown { draining: shutdown, closing: CancellationToken::new() };
        let closing = &shutdown.closing;
        let places = Places::new(descriptors::connections(), self.access.trusted_proxies.clone());
        let strangers = Strangers::default();
        self.tasks.spawn(strangers.clone().log_every_minute(closing.clone()));
        if let Some(address) = self.metrics_address {
            self.serve_metrics(address, &strangers, &places, closing).await?;
        }
        self.tasks.spawn(secrets::follow(self.secrets.clone(), closing.clone()));
        let loading = self.tasks.spawn(load_until_ready(self.syncs.clone(), closing.clone()));
        let watching = self.watch_keys(closing);
        let grace = self.grace.saturating_sub(self.drain);
        let stopping = self.stop_when_told(&shutdown, grace);
        let router = http::router(
            self.syncs.clone(),
            self.access.clone(),
            strangers.clone(),
            places.clone(),
            self.console.then(|| console::console(self.syncs.clone())),
        );
        let served = http::server::serve(
            listener,
            router,
            places,
            strangers.clone(),
            shutdown.clone(),
            grace + LAST_STEPS,
        )
        .await;
        shutdown.draining.cancel();
        shutdown.closing.cancel();
        loading.abort();
        if let Some(watching) = watching {
            watching.abort();
        }
        if let Some(callers) = &self.access.callers {
            keep_uses(callers, &self.store).await;
        }
        let _ = stopping.await;
        strangers.log();
        self.close().await;
        served.context("the server stopped")
    }

    /// Counts, and lets Prometheus read what was counted.
    async fn serve_metrics(
        &self,
        address: SocketAddr,
        strangers: &Strangers,
        places: &Places,
        closing: &CancellationToken,
    ) -> anyhow::Result<()> {
        metrics::start();
        metrics::begin_at_zero(
            ErrorCode::VARIANTS.iter().map(|code| code.as_str()),
            FindingCode::VARIANTS.iter().map(|code| code.as_str()),
            [("Salesforce", "Token"), ("m3ter", "GenerateToken")],
        );
        self.tasks.spawn(metrics::keep_small(closing.clone()));
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot serve metrics on {address}"))?;
        let scrapers = match &self.metrics_token_file {
            Some(file) => Scrapers::WithToken(file.clone()),
            None if address.ip().is_loopback() => Scrapers::OnThisMachine,
            None => Scrapers::Anybody,
        };
        let router =
            http::metrics::router(self.syncs.clone(), scrapers, strangers.clone(), places.clone());
        let own_places = Places::new(places.connections().limit / 4, Vec::new());
        let (strangers, shutdown) = (strangers.clone(), Shutdown::at_once(closing));
        self.tasks.spawn(async move {
            let serving =
                http::server::serve(listener, router, own_places, strangers, shutdown, LAST_STEPS);
            if let Err(error) = serving.await {
                tracing::error!(%error, "the metrics are no longer served");
            }
        });
        Ok(())
    }

    /// Follows the file of API keys, if there is one, and writes down when each was used last.
    fn watch_keys(&self, closing: &CancellationToken) -> Option<JoinHandle<()>> {
        let callers = self.access.callers.clone()?;
        let (store, closing) = (self.store.clone(), closing.clone());
        Some(self.tasks.spawn(async move {
            tokio::join!(
                callers.clone().watch(closing.clone()),
                keep_all_uses(callers, store, closing)
            );
        }))
    }

    /// Once the process is to stop: reports not ready for a moment, then lets runs end within
    /// `grace` or gives them back. A request that waits for a sync is answered when that has ended
    /// or was handed over, so connections end after the runs.
    fn stop_when_told(&self, shutdown: &Shutdown, grace: Duration) -> JoinHandle<()> {
        let (syncs, shutdown, drain) = (self.syncs.clone(), shutdown.clone(), self.drain);
        self.tasks.spawn(async move {
            shutdown.draining.cancelled().await;
            syncs.drain();
            tracing::info!(
                drain_s = drain.as_secs(),
                "the service is stopping: it reports not ready, and still accepts requests for a moment"
            );
            shutdown.closing.run_until_cancelled(tokio::time::sleep(drain)).await;
            shutdown.closing.cancel();
            syncs.stop(grace).await;
        })
    }

    /// Takes no new syncs, lets those that run end or gives them back, and closes the store.
    pub async fn end(self) -> anyhow::Result<()> {
        self.syncs.stop(self.grace).await;
        self.close().await;
        Ok(())
    }

    /// Gives back at once what this process works on; how one of the runs stands then, if the
    /// database says it.
    pub async fn give_back(self, run: SyncRunId) -> Option<SyncRun> {
        self.syncs.give_back(self.grace).await;
        let run = self.syncs.run(run).await.ok().flatten();
        self.close().await;
        run
    }

    async fn close(self) {
        self.tasks.close();
        if tokio::time::timeout(LAST_STEPS, self.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), "shutting down with tasks still active");
        }
        // A server that does not answer does not keep the process.
        let _ = tokio::time::timeout(LAST_STEPS, self.store.close()).await;
    }
}

/// Writes down when keys were used last, a minute's requests at once: off the way of each of them.
async fn keep_all_uses(callers: Callers, store: Store, shutdown: CancellationToken) {
    while shutdown.run_until_cancelled(tokio::time::sleep(USES_EVERY)).await.is_some() {
        keep_uses(&callers, &store).await;
    }
}

async fn keep_uses(callers: &Callers, store: &Store) {
    let uses = callers.take_uses();
    if uses.is_empty() {
        return;
    }
    let rows: Vec<_> =
        uses.iter().map(|used| (used.key.to_string(), used.name.to_string(), used.at)).collect();
    if let Err(error) = store.save_key_uses(&rows).await {
        tracing::debug!(error = %ErrorChain(&error), "the last use of API keys could not be saved");
        callers.return_uses(uses);
    }
}

/// Loads what all syncs need, again and again until it is there.
async fn load_until_ready(syncs: Syncs, shutdown: CancellationToken) {
    while let Readiness::NotReady(problems) = syncs.load().await {
        tracing::warn!(problems = problems.join("; "), "not ready");
        if shutdown.run_until_cancelled(tokio::time::sleep(LOAD_RETRY)).await.is_none() {
            return;
        }
    }
    tracing::info!("ready");
}

/// The built-in mappings with those of a directory, all faults told together.
pub fn load_mappings(directory: Option<&Path>) -> anyhow::Result<Mappings> {
    let sources = directory.map(mapping_sources).transpose()?.unwrap_or_default();
    Mappings::parse(&sources).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(MappingFault::to_string).collect();
        anyhow::anyhow!("the mappings have faults:\n{}", lines.join("\n"))
    })
}

/// The mapping files of a directory, not looked into.
pub fn mapping_sources(directory: &Path) -> anyhow::Result<Vec<MappingSource>> {
    let entries = std::fs::read_dir(directory)
        .with_context(|| format!("MAPPINGS_DIR `{}` could not be read", directory.display()))?;
    let mut paths: Vec<_> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    paths.sort();
    paths.iter().map(|path| mapping_source(path)).collect()
}

/// One mapping file, not looked into.
pub fn mapping_source(path: &Path) -> anyhow::Result<MappingSource> {
    let file = std::fs::File::open(path)
        .with_context(|| format!("the mapping `{}` could not be read", path.display()))?;
    let mut bytes = Vec::new();
    // One byte more than a mapping may have is enough to refuse it.
    let read = file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes);
    read.with_context(|| format!("the mapping `{}` could not be read", path.display()))?;
    Ok(MappingSource { name: path.display().to_string(), bytes })
}
