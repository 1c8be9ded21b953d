//! `sandbox`: an emulated org, an emulated organization and the service between them, with example
//! records or with a snapshot.

mod records;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde_json::Value as Json;
use sync_to_m3ter_sandbox as emulated;
use sync_to_m3ter_sandbox::salesforce::Added;
use tokio::net::TcpListener;

use self::records::AddedRecords;
use super::interrupt::shutdown_signal;
use super::output::{self, Column, Form};
use super::snapshot::{FOLDER_OF_MAPPINGS, Snapshot, Taken};
use super::{Outcome, print, remark, unusable};
use crate::app::App;
use crate::callers::{Access, REQUESTS_PER_MINUTE};
use crate::config::{Config, SETTINGS};
use crate::domain::ids::M3terId;
use crate::domain::settings::CommitmentBilling;
use crate::secret::Secret;
use crate::store::{Link, Store};
use crate::sync::{RunSettings, Scope, SyncLimits};
use crate::{m3ter, salesforce};

/// Where the three listen, all on loopback, and what they hold; port 0 picks a free one.
#[derive(Debug, Clone, Args)]
pub struct Sandboxing {
    /// The service.
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// The emulated Salesforce org.
    #[arg(long, default_value_t = 8081)]
    pub salesforce_port: u16,
    /// The emulated m3ter organization.
    #[arg(long, default_value_t = 8082)]
    pub m3ter_port: u16,
    /// List the example records and what each shows, and the records of `--records` with their IDs;
    /// start nothing.
    #[arg(long)]
    pub list: bool,
    /// The folder of a snapshot: its records and objects in place of the examples, with its mappings
    /// in place of `MAPPINGS_DIR`.
    #[arg(long, value_name = "FOLDER", conflicts_with = "list")]
    pub from: Option<PathBuf>,
    /// A file of further records: `records` as `sf data import tree` takes them, and `m3ter` with
    /// lists of objects by resource. May be repeated; `@references` lead to records of earlier files
    /// and to earlier ones of the same file.
    #[arg(long, value_name = "FILE")]
    pub records: Vec<PathBuf>,
    /// A folder of mappings of your own, in place of `MAPPINGS_DIR`.
    #[arg(long)]
    pub mappings_dir: Option<PathBuf>,
    /// In which form the example records are listed.
    #[command(flatten)]
    pub form: Form,
}

const MAPPINGS_DIR: &str = "MAPPINGS_DIR";

/// The variables that count here; the others are those of a service between two real vendors.
const READ: [&str; 8] = [
    MAPPINGS_DIR,
    "COMMITMENT_BILLING",
    "METRICS_ADDRESS",
    "RUST_LOG",
    "LOG_FORMAT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "NO_PROXY",
];

/// What the environment says of the sandbox.
struct Given {
    mappings_dir: Option<PathBuf>,
    commitment_billing: Option<CommitmentBilling>,
    metrics_address: Option<SocketAddr>,
}

/// Runs until SIGTERM or an interrupt; the state is gone afterwards.
pub async fn run(
    sandboxing: Sandboxing,
    variable: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<Outcome> {
    if sandboxing.list {
        return list(&sandboxing).await;
    }
    let served = sandboxing.from.as_deref().map(Served::read).transpose();
    let served = match served {
        Ok(served) => served,
        Err(problem) => return Ok(unusable(format_args!("--from: {problem}"))),
    };
    let given = match given(&sandboxing, served.as_ref(), variable) {
        Ok(given) => given,
        Err(problem) => return Ok(unusable(problem)),
    };
    let shutdown = shutdown_signal().context("signals cannot be received")?;
    let taken = |what: &str, port: u16| {
        format!(
            "cannot start the {what} on port {port}; is another sandbox running? 0 picks a free port"
        )
    };
    let (salesforce, m3ter) = match &served {
        Some(served) => (served.salesforce.clone(), served.m3ter.clone()),
        None => Default::default(),
    };
    let org = emulated::salesforce::start_with(sandboxing.salesforce_port, salesforce)
        .await
        .with_context(|| taken("emulated Salesforce", sandboxing.salesforce_port))?;
    let organization = emulated::m3ter::start_with(sandboxing.m3ter_port, m3ter)
        .await
        .with_context(|| taken("emulated m3ter", sandboxing.m3ter_port))?;
    let added = match records::add(&sandboxing.records, org.vendor(), organization.vendor()) {
        Ok(added) => added,
        Err(problem) => return Ok(unusable(problem)),
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, sandboxing.port))
        .await
        .with_context(|| taken("service", sandboxing.port))?;
    let address = listener.local_addr()?;
    // The emulators forget everything when they stop: so does what remembers their ids.
    let directory = tempfile::tempdir().context("no temporary directory for the database")?;
    let mut config = config(
        &org.base_url(),
        &organization.base_url(),
        &directory.path().join("sandbox.db").display().to_string(),
        address,
    )?;
    config.metrics_address = given.metrics_address;
    config.mappings_dir.clone_from(&given.mappings_dir);
    config.commitment_billing = given.commitment_billing;
    if let Some(served) = &served {
        save_links(&config, &served.links).await?;
    }
    let app = App::new(&config, Scope::Everything).await?;
    let (example, _, _) = emulated::salesforce::EXAMPLE_RECORDS[0];
    let (example, further) = served
        .as_ref()
        .map_or((example, "More example records: sync-to-m3ter sandbox --list"), |served| {
            (served.first.as_str(), served.told.as_str())
        });
    let vendors = [org.base_url(), organization.base_url()];
    let further = format!("{further}{}", records::told(&added));
    tell_what_runs(&config, &given, &vendors, example, &further);
    print("\nStop with Ctrl-C.");
    app.serve(listener, shutdown).await?;
    Ok(Outcome::Done)
}

/// Lists the example records, and those of files with the ids that they get.
async fn list(sandboxing: &Sandboxing) -> anyhow::Result<Outcome> {
    let columns = [Column::word("Record"), Column::word("Object"), Column::text("What it shows")];
    let examples = emulated::salesforce::EXAMPLE_RECORDS.map(|(record, object, shows)| {
        vec![record.to_owned(), object.to_owned(), shows.to_owned()]
    });
    let mut rows = examples.to_vec();
    if !sandboxing.records.is_empty() {
        // Each start gives them the same ids.
        let org = emulated::salesforce::start(0).await?;
        let organization = emulated::m3ter::start(0).await?;
        match records::add(&sandboxing.records, org.vendor(), organization.vendor()) {
            Ok(added) => rows.extend(added.into_iter().flat_map(rows_of)),
            Err(problem) => return Ok(unusable(problem)),
        }
    }
    output::list_rows(sandboxing.form, &columns, &rows)?;
    Ok(Outcome::Done)
}

fn rows_of(added: AddedRecords) -> Vec<Vec<String>> {
    let file = added.file.display().to_string();
    let row = |record: Added| {
        vec![record.id, record.object.to_owned(), format!("`{}` in {file}", record.reference)]
    };
    added.records.into_iter().map(row).collect()
}

/// What counts of the environment; what does not is named.
fn given(
    sandboxing: &Sandboxing,
    served: Option<&Served>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Given, String> {
    let set = |name: &str| {
        variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    let metrics_address = match set("METRICS_ADDRESS").map(|text| text.parse()) {
        None => None,
        Some(Ok(address)) if SocketAddr::ip(&address).is_loopback() => Some(address),
        Some(_) => {
            return Err("In the sandbox, METRICS_ADDRESS must be a loopback address with a port, such as 127.0.0.1:9090".to_owned());
        }
    };
    let commitment_billing = match set("COMMITMENT_BILLING") {
        None => served.map_or(Some(CommitmentBilling::PaidOutside), |served| served.billing),
        Some(word) => Some(CommitmentBilling::from_word(&word).ok_or(
            "COMMITMENT_BILLING takes `paid_outside` or `billed_by_plan`, and has something else",
        )?),
    };
    let unread: Vec<&str> = SETTINGS
        .iter()
        .flat_map(|setting| std::iter::once(setting.name).chain(setting.file))
        .filter(|name| !READ.contains(name) || served.is_some() && *name == MAPPINGS_DIR)
        .filter(|name| *name != "HTTPS_PROXY" && set(name).is_some())
        .collect();
    if !unread.is_empty() {
        remark(format_args!(
            "Not read here, because the sandbox has its own: {}",
            unread.join(", ")
        ));
    }
    let otherwise = || match served {
        Some(served) => served.mappings_dir.clone(),
        None => set(MAPPINGS_DIR).map(PathBuf::from),
    };
    Ok(Given {
        mappings_dir: sandboxing.mappings_dir.clone().or_else(otherwise),
        commitment_billing,
        metrics_address,
    })
}

/// What a snapshot is served with.
struct Served {
    salesforce: emulated::salesforce::Contents,
    m3ter: emulated::m3ter::Contents,
    links: Vec<Link>,
    mappings_dir: Option<PathBuf>,
    billing: Option<CommitmentBilling>,
    /// Its first record, and all of them in words.
    first: String,
    told: String,
}

impl Served {
    /// Reads the folder of a snapshot.
    fn read(folder: &Path) -> Result<Self, String> {
        let Snapshot { manifest, taken, links, .. } = Snapshot::read(folder)?;
        let Taken { describes, records, hidden, objects, organization } = taken;
        let mut lists: serde_json::Map<String, Json> = objects
            .into_iter()
            .map(|(name, by_id)| (name, by_id.into_values().collect()))
            .collect();
        lists.extend(organization.map(|config| ("organizationconfig".to_owned(), config)));
        let records = records
            .into_iter()
            .map(|(name, by_id)| (name, by_id.into_values().collect()))
            .collect();
        let wrong = |problem: String| format!("`{}`: {problem}", folder.display());
        let describes = describes.into_values().collect();
        let hidden = hidden.into_iter().collect();
        let salesforce =
            emulated::salesforce::Contents::taken(describes, records, hidden).map_err(wrong)?;
        let m3ter = emulated::m3ter::Contents::taken(&Json::Object(lists)).map_err(wrong)?;
        let billing = manifest.commitment_billing.as_deref();
        let mappings = folder.join(FOLDER_OF_MAPPINGS);
        let first =
            manifest.records.first().ok_or_else(|| wrong("it is not of any record".to_owned()))?;
        let named: Vec<String> = manifest
            .records
            .iter()
            .map(|record| format!("  {}  {}", record.id, record.object))
            .collect();
        Ok(Self {
            salesforce,
            m3ter,
            links,
            mappings_dir: mappings.is_dir().then_some(mappings),
            billing: billing.and_then(CommitmentBilling::from_word),
            first: first.id.clone(),
            told: format!(
                "The snapshot {}, taken {} by version {}, is of:\n{}",
                folder.display(),
                manifest.taken_at,
                manifest.service_version,
                named.join("\n")
            ),
        })
    }
}

/// Lets the service remember what the one remembered that the snapshot comes from.
async fn save_links(config: &Config, links: &[Link]) -> anyhow::Result<()> {
    let store =
        Store::open(&config.database_url).await.context("the database could not be opened")?;
    store.save_links(links).await.context("the links of the snapshot could not be saved")?;
    store.close().await;
    Ok(())
}

/// Where everything is, and what lets the other commands see it.
fn tell_what_runs(
    config: &Config,
    given: &Given,
    [org, organization]: &[String; 2],
    example: &str,
    further: &str,
) {
    let address = config.listen_address;
    let mappings = match &given.mappings_dir {
        Some(folder) => format!("built-in, and those in {}", folder.display()),
        None => "built-in (MAPPINGS_DIR names a folder of your own)".to_owned(),
    };
    let billing = given.commitment_billing.map_or("", CommitmentBilling::word);
    print(format_args!(
        "Look at it:      http://{address}/console\nThe service:     http://{address}\nSalesforce:      {org}   (client id and secret: sandbox)\nm3ter:           {organization}   (organization {id}, key and secret: sandbox)\nMappings:        {mappings}\n\nTry:\n  curl -s http://{address}/sync-to-m3ter -H 'content-type: application/json' -d '[{{\"parentRecordId\":\"{example}\"}}]'\n\n{further}\n\nThe other commands see the same runs, in another terminal, with:\n  export DATABASE_URL='{database}'\n  export SALESFORCE_LOGIN_URL='{org}' SALESFORCE_CLIENT_ID=sandbox SALESFORCE_CLIENT_SECRET=sandbox\n  export M3TER_BASE_URL='{organization}' M3TER_ORG_ID='{id}' M3TER_API_KEY=sandbox M3TER_API_SECRET=sandbox\n  export COMMITMENT_BILLING={billing}{own}",
        id = emulated::m3ter::ORGANIZATION,
        database = config.database_url,
        own = given
            .mappings_dir
            .as_ref()
            .map_or_else(String::new, |folder| format!(" MAPPINGS_DIR='{}'", folder.display())),
    ));
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
