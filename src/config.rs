//! The configuration, from environment variables: parsed once, section by section, all problems
//! reported together.

mod access;
mod addresses;
mod database;
mod environment;
mod m3ter;
mod remote;
mod runs;
mod salesforce;
mod settings;
mod variables;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::callers::Access;
use crate::domain::settings::CommitmentBilling;
use crate::secret::Secret;
use crate::sync::{RunSettings, SyncLimits};
use variables::Variables;

pub use addresses::listen_address;
pub use database::{database_url, known_database};
pub use environment::{Environment, Origin, UnknownVariable};
pub use remote::{RemoteConfig, remote};
pub use settings::{SETTINGS, Setting, Unset, Visibility};
pub use variables::optional_secret;

/// Everything that the service is told from outside.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens: loopback, where callers cannot be told apart.
    pub listen_address: SocketAddr,
    /// Where Prometheus finds the metrics; without one, nothing is counted.
    pub metrics_address: Option<SocketAddr>,
    /// The token that Prometheus must send; `None`: none.
    pub metrics_token_file: Option<PathBuf>,
    /// Who may call.
    pub access: Access,
    /// `sqlite://…`.
    pub database_url: String,
    /// The file that it was read from, which may change.
    pub database_url_file: Option<Secret>,
    /// Whether people may look at the service in a browser.
    pub console: bool,
    /// A directory with mapping files of the operator's own.
    pub mappings_dir: Option<PathBuf>,
    /// How Commitments are billed where a mapping does not say it.
    pub commitment_billing: Option<CommitmentBilling>,
    /// What one sync may spend.
    pub limits: SyncLimits,
    /// How runs are kept.
    pub runs: RunSettings,
    /// The org.
    pub salesforce: crate::salesforce::Config,
    /// The organization.
    pub m3ter: crate::m3ter::Config,
}

/// What is wrong with the configuration, one sentence each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblems(pub Vec<String>);

impl fmt::Display for ConfigProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration has problems:")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
    }
}

impl std::error::Error for ConfigProblems {}

impl Config {
    /// Reads all variables; a blank one counts as absent.
    pub fn from_variables(
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigProblems> {
        let mut variables = Variables { variable, problems: Vec::new() };
        let config = Self::read(&mut variables);
        config.filter(|_| variables.problems.is_empty()).ok_or(ConfigProblems(variables.problems))
    }

    /// The problems are told in the order in which the sections are read: all are, whatever is
    /// wrong with one.
    fn read(variables: &mut Variables<'_>) -> Option<Self> {
        let access = access::read(variables);
        let listen_address = addresses::for_callers(variables);
        let metrics_token_file = addresses::metrics_token_file(variables);
        let metrics_address = addresses::for_prometheus(variables);
        let database = database::read(variables.variable);
        let database = variables.noted(database);
        let console = variables.parsed(
            "CONSOLE",
            |text| {
                [("on", true), ("off", false)]
                    .iter()
                    .find(|(word, _)| *word == text)
                    .map(|(_, is_on)| *is_on)
            },
            "must be `on` or `off`",
        );
        let mappings_dir = variables.optional("MAPPINGS_DIR").map(PathBuf::from);
        let commitment_billing = variables.parsed(
            "COMMITMENT_BILLING",
            CommitmentBilling::from_word,
            "takes `paid_outside` (committed amounts are recorded as paid) or `billed_by_plan` (a Plan of the deal bills them)",
        );
        let limits = runs::limits(variables);
        let runs = runs::settings(variables);
        let salesforce = salesforce::read(variables);
        let m3ter = m3ter::read(variables);
        // What `main` reads before anything else: its faults are told with the others.
        let is_form = |text: &str| matches!(text, "text" | "json").then_some(());
        variables.parsed("LOG_FORMAT", is_form, "must be `text` or `json`");
        variables.secret("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS_FILE");
        let (database_url, database_url_file) = database?;
        Some(Self {
            listen_address: listen_address?,
            metrics_address,
            metrics_token_file,
            access,
            database_url,
            database_url_file,
            console: console.unwrap_or(true),
            mappings_dir,
            commitment_billing,
            limits,
            runs,
            salesforce: salesforce?,
            m3ter: m3ter?,
        })
    }
}

#[cfg(test)]
mod tests;
