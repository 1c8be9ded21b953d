//! The composition root: from a configuration to running parts.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::callers::Access;
use crate::config::Config;
use crate::http::{self, server::Connections};
use crate::mapping::{LARGEST_FILE_BYTES, MappingFault, MappingSource, Mappings};
use crate::store::Store;
use crate::sync::{Readiness, Scope, Syncs};
use crate::telemetry::metrics;
use crate::{m3ter, salesforce};

/// The running parts of one service.
#[derive(Debug)]
pub struct App {
    /// Starts syncs.
    pub syncs: Syncs,
    store: Store,
    tasks: TaskTracker,
    access: Access,
    metrics_address: Option<SocketAddr>,
    grace: Duration,
}

/// What is left to do when all runs have ended or were given back: answers go out, and the store closes.
const LAST_STEPS: Duration = Duration::from_secs(3);
/// Between two tries to reach the vendors at start.
const LOAD_RETRY: Duration = Duration::from_secs(5);

impl App {
    /// Puts the parts together, to work within `scope`; nothing has spoken to a vendor yet.
    pub async fn new(config: &Config, scope: Scope) -> anyhow::Result<Self> {
        let mappings = load_mappings(config.mappings_dir.as_deref())?;
        let store = Store::open(&config.database_url).await.context("the database could not be opened")?;
        let salesforce = salesforce::Client::new(config.salesforce.clone()).context("the Salesforce client could not be made")?;
        let m3ter = m3ter::Client::new(config.m3ter.clone()).context("the m3ter client could not be made")?;
        let tasks = TaskTracker::new();
        let syncs = Syncs::new(salesforce, m3ter, mappings, store.clone(), config.limits, config.runs.clone(), tasks.clone());
        tasks.spawn({
            let syncs = syncs.clone();
            async move { syncs.keep_up(scope).await }
        });
        Ok(Self {
            syncs,
            store,
            tasks,
            access: config.access.clone(),
            metrics_address: config.metrics_address,
            grace: config.runs.shutdown_grace,
        })
    }

    /// Serves until `shutdown`, then lets running syncs end or gives them back.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) -> anyhow::Result<()> {
        if let Some(address) = self.metrics_address {
            metrics::start();
            let listener = TcpListener::bind(address).await.with_context(|| format!("cannot serve metrics on {address}"))?;
            let (router, shutdown) = (http::metrics::router(self.syncs.clone()), shutdown.clone());
            self.tasks.spawn(async move {
                if let Err(error) = http::server::serve(listener, router, Connections::default(), shutdown, LAST_STEPS).await {
                    tracing::error!(%error, "the metrics are not served any more");
                }
            });
        }
        let loading = self.tasks.spawn(load_until_ready(self.syncs.clone(), shutdown.clone()));
        let watching = self.access.callers.clone().map(|callers| self.tasks.spawn(callers.watch(shutdown.clone())));
        // Whoever waits for a sync is answered when it has ended or was given back: connections end after the runs.
        let stopping = self.tasks.spawn({
            let (syncs, shutdown, grace) = (self.syncs.clone(), shutdown.clone(), self.grace);
            async move {
                shutdown.cancelled().await;
                syncs.stop(grace).await;
            }
        });
        let connections = Connections { exempt: self.access.trusted_proxies.clone(), ..Connections::default() };
        let router = http::router(self.syncs.clone(), self.access.clone());
        let served = http::server::serve(listener, router, connections, shutdown.clone(), self.grace + LAST_STEPS).await;
        shutdown.cancel();
        loading.abort();
        if let Some(watching) = watching {
            watching.abort();
        }
        let _ = stopping.await;
        self.end().await?;
        served.context("the server stopped")
    }

    /// Takes no new syncs, lets those that run end or gives them back, and closes the store.
    pub async fn end(self) -> anyhow::Result<()> {
        self.syncs.stop(self.grace).await;
        self.tasks.close();
        if tokio::time::timeout(LAST_STEPS, self.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), "the service stops although not all is done");
        }
        // A server that does not answer does not keep the process.
        let _ = tokio::time::timeout(LAST_STEPS, self.store.close()).await;
        Ok(())
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

fn mapping_sources(directory: &Path) -> anyhow::Result<Vec<MappingSource>> {
    let entries = std::fs::read_dir(directory).with_context(|| format!("MAPPINGS_DIR `{}` could not be read", directory.display()))?;
    let mut paths: Vec<_> =
        entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    paths.sort();
    paths.iter().map(|path| mapping_source(path)).collect()
}

/// One mapping file, not looked into.
pub fn mapping_source(path: &Path) -> anyhow::Result<MappingSource> {
    let file = std::fs::File::open(path).with_context(|| format!("the mapping `{}` could not be read", path.display()))?;
    let mut bytes = Vec::new();
    // One byte more than a mapping may have is enough to refuse it.
    let read = file.take(LARGEST_FILE_BYTES as u64 + 1).read_to_end(&mut bytes);
    read.with_context(|| format!("the mapping `{}` could not be read", path.display()))?;
    Ok(MappingSource { name: path.display().to_string(), bytes })
}
