//! `sandbox`: an emulated org, an emulated organization and the service between them, with example
//! records.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use sync_to_m3ter_sandbox as emulated;
use tokio::net::TcpListener;

use super::{Outcome, print, shutdown_signal, unusable};
use crate::app::App;
use crate::callers::{Access, REQUESTS_PER_MINUTE};
use crate::config::Config;
use crate::domain::ids::M3terId;
use crate::domain::settings::CommitmentBilling;
use crate::secret::Secret;
use crate::sync::{RunSettings, Scope, SyncLimits};
use crate::{m3ter, salesforce};

/// Where the three listen, all on loopback; 0 picks a free port.
#[derive(Debug, Clone, Args)]
pub struct Ports {
    /// The service.
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// The emulated Salesforce org.
    #[arg(long, default_value_t = 8081)]
    pub salesforce_port: u16,
    /// The emulated m3ter organization.
    #[arg(long, default_value_t = 8082)]
    pub m3ter_port: u16,
}

/// Runs until SIGTERM or an interrupt; the state is gone afterwards. Of the service's variables
/// `METRICS_ADDRESS` alone counts.
pub async fn run(
    ports: Ports,
    variable: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<Outcome> {
    let metrics_address = match variable("METRICS_ADDRESS")
        .filter(|text| !text.trim().is_empty())
        .map(|text| text.trim().parse())
    {
        None => None,
        Some(Ok(address)) if SocketAddr::ip(&address).is_loopback() => Some(address),
        Some(_) => {
            return Ok(unusable(
                "In the sandbox, METRICS_ADDRESS must be a loopback address with a port, such as 127.0.0.1:9090",
            ));
        }
    };
    let shutdown = shutdown_signal().context("signals cannot be received")?;
    let taken = |what: &str, port: u16| {
        format!(
            "cannot start the {what} on port {port}; is another sandbox running? 0 picks a free port"
        )
    };
    let org = emulated::salesforce::start(ports.salesforce_port)
        .await
        .with_context(|| taken("emulated Salesforce", ports.salesforce_port))?;
    let organization = emulated::m3ter::start(ports.m3ter_port)
        .await
        .with_context(|| taken("emulated m3ter", ports.m3ter_port))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, ports.port))
        .await
        .with_context(|| taken("service", ports.port))?;
    let address = listener.local_addr()?;
    // The emulators forget everything when they stop: so does what remembers their ids.
    let directory = tempfile::tempdir().context("no temporary directory for the database")?;
    let mut config = config(
        &org.base_url(),
        &organization.base_url(),
        &directory.path().join("sandbox.db").display().to_string(),
        address,
    )?;
    config.metrics_address = metrics_address;
    let app = App::new(&config, Scope::Everything).await?;
    print(format_args!(
        "Look at it:      http://{address}/console\nThe service:     http://{address}\nSalesforce:      {}   (client id and secret: sandbox)\nm3ter:           {}   (organization {}, key and secret: sandbox)\n\nTry:\n  curl -s http://{address}/sync-to-m3ter -H 'content-type: application/json' -d '[{{\"parentRecordId\":\"006S900000795MMIAY\"}}]'\n\nStop with Ctrl-C.",
        org.base_url(),
        organization.base_url(),
        emulated::m3ter::ORGANIZATION,
    ));
    app.serve(listener, shutdown).await?;
    Ok(Outcome::Done)
}

/// The configuration of a service that speaks to two emulators.
pub fn config(
    salesforce_url: &str,
    m3ter_url: &str,
    database: &str,
    listen_address: SocketAddr,
) -> anyhow::Result<Config> {
    let secret = || Secret::from(emulated::CREDENTIAL.to_owned());
    Ok(Config {
        listen_address,
        metrics_address: None,
        metrics_token_file: None,
        access: Access {
            callers: None,
            trusted_proxies: Vec::new(),
            requests_per_minute: REQUESTS_PER_MINUTE,
        },
        database_url: format!("sqlite://{database}"),
        database_url_file: None,
        console: true,
        mappings_dir: None,
        commitment_billing: Some(CommitmentBilling::PaidOutside),
        limits: SyncLimits { time: Duration::from_secs(100), callouts: 2_000 },
        runs: RunSettings::default(),
        salesforce: salesforce::Config {
            login_url: salesforce_url.parse()?,
            client_id: emulated::CREDENTIAL.to_owned(),
            credentials: salesforce::Credentials::ClientSecret(secret()),
            org_id: None,
            api_version: "60.0".to_owned(),
        },
        m3ter: m3ter::Config {
            base_url: m3ter_url.parse()?,
            org_id: M3terId::parse(emulated::m3ter::ORGANIZATION)?,
            api_key: secret(),
            api_secret: secret(),
            requests_per_second: Some(50),
            window_margin: m3ter::WINDOW_MARGIN,
        },
    })
}
