//! The configuration, from environment variables: parsed once, all problems reported together.

mod database;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use secrecy::ExposeSecret as _;
use url::Url;

use crate::callers::{Access, Callers, REQUESTS_PER_MINUTE};
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::settings::CommitmentBilling;
use crate::salesforce::{Credentials, SigningKey};
use crate::secret::Secret;
use crate::sync::{RunSettings, Safety, SyncLimits, Usual};
use crate::{m3ter, salesforce};

pub use database::{DEFAULT_DATABASE_URL, database_url, known_database};

/// Everything that the service is told from outside.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens: loopback, where callers cannot be told apart.
    pub listen_address: SocketAddr,
    /// Where Prometheus finds the metrics; without one, nothing is counted.
    pub metrics_address: Option<SocketAddr>,
    /// What Prometheus has to show there; `None`: nothing.
    pub metrics_token_file: Option<PathBuf>,
    /// Who may call.
    pub access: Access,
    /// `sqlite://…`.
    pub database_url: String,
    /// The file that it was read from, which may change.
    pub database_url_file: Option<Secret>,
    /// A directory with mapping files of the operator's own.
    pub mappings_dir: Option<PathBuf>,
    /// How Commitments are billed where a mapping does not say it.
    pub commitment_billing: Option<CommitmentBilling>,
    /// What one sync may spend.
    pub limits: SyncLimits,
    /// How runs are kept.
    pub runs: RunSettings,
    /// The org.
    pub salesforce: salesforce::Config,
    /// The organization.
    pub m3ter: m3ter::Config,
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

/// Salesforce gives up after 120 s, and answering takes a moment.
const LONGEST_TIME_LIMIT_SECONDS: u64 = 110;

struct Reader<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<String>,
}

impl Config {
    /// Reads all variables; a blank one counts as absent.
    pub fn from_variables(
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigProblems> {
        let mut reader = Reader { variable, problems: Vec::new() };
        let access = reader.access();
        let listen_address = reader.listen_address();
        let metrics_token_file = reader.metrics_token_file();
        let metrics_address = reader.metrics_address();
        let (database_url, database_url_file) = reader.database();
        let mappings_dir = reader.optional("MAPPINGS_DIR").map(PathBuf::from);
        let commitment_billing = reader.commitment_billing();
        let time = reader.number("SYNC_TIME_LIMIT", 100, 1..=LONGEST_TIME_LIMIT_SECONDS, "seconds");
        let callouts = reader.number("SYNC_CALLOUT_LIMIT", 2_000, 1..=100_000, "callouts");
        let runs = reader.runs();
        let login_url = reader.salesforce_url();
        let client_id = reader.required("SALESFORCE_CLIENT_ID");
        let credentials = reader.credentials();
        let salesforce_org_id = reader.salesforce_org();
        let api_version = reader.api_version();
        let base_url = reader.url("M3TER_BASE_URL", Some("https://api.m3ter.com"));
        let org_id = reader.organization();
        let api_key = reader.required_secret("M3TER_API_KEY", "M3TER_API_KEY_FILE");
        let api_secret = reader.required_secret("M3TER_API_SECRET", "M3TER_API_SECRET_FILE");
        let requests_per_second = reader.number(
            "M3TER_REQUESTS_PER_SECOND",
            50,
            0..=10_000,
            "requests, or 0 for no limit",
        );
        let window_margin = reader.number("M3TER_WINDOW_MARGIN_MS", 20, 0..=500, "milliseconds");
        match (
            listen_address,
            login_url,
            client_id,
            credentials,
            base_url,
            org_id,
            api_key,
            api_secret,
        ) {
            (
                Some(listen_address),
                Some(login_url),
                Some(client_id),
                Some(credentials),
                Some(base_url),
                Some(org_id),
                Some(api_key),
                Some(api_secret),
            ) if reader.problems.is_empty() => Ok(Self {
                listen_address,
                metrics_address,
                metrics_token_file,
                access,
                database_url,
                database_url_file,
                mappings_dir,
                commitment_billing,
                runs,
                limits: SyncLimits {
                    time: Duration::from_secs(time),
                    callouts: u32::try_from(callouts).unwrap_or(u32::MAX),
                },
                salesforce: salesforce::Config {
                    login_url,
                    client_id,
                    credentials,
                    org_id: salesforce_org_id,
                    api_version,
                },
                m3ter: m3ter::Config {
                    base_url,
                    org_id,
                    api_key,
                    api_secret,
                    requests_per_second: u32::try_from(requests_per_second)
                        .ok()
                        .filter(|limit| *limit > 0),
                    window_margin: Duration::from_millis(window_margin),
                },
            }),
            _ => Err(ConfigProblems(reader.problems)),
        }
    }
}

/// Where the service listens, for whoever asks for nothing else of the configuration.
pub fn listen_address(variable: &dyn Fn(&str) -> Option<String>) -> Result<SocketAddr, String> {
    let text = given(variable, "LISTEN_ADDRESS").unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    text.parse()
        .map_err(|_| "LISTEN_ADDRESS is no address with a port such as 127.0.0.1:8080".to_owned())
}

/// A secret that is read once: of a variable, or in the file that the other one names.
pub fn optional_secret(
    variable: &dyn Fn(&str) -> Option<String>,
    name: &str,
    file_name: &'static str,
) -> Result<Option<String>, String> {
    match (given(variable, name), given(variable, file_name)) {
        (Some(_), Some(_)) => {
            Err(format!("{name} and {file_name} are both set; set one of the two"))
        }
        (None, Some(path)) => Secret::in_file(file_name, path.into())
            .read()
            .map(|secret| Some(secret.expose_secret().to_owned())),
        (given, None) => Ok(given),
    }
}

fn given(variable: &dyn Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// The proxies of README and `deploy/` ask every 2 s whether a replica is ready, and wait 2 s for
/// the answer.
const SHUTDOWN_DRAIN_SECONDS: u64 = 5;
/// A week: whoever wants more wants none.
const MOST_LOCKOUT_MINUTES: u64 = 7 * 24 * 60;
/// Characters of the token for the metrics: what nobody guesses.
const SHORTEST_TOKEN: usize = 16;
/// Tries of a failed run by itself, and the longest time before one.
const MOST_TRIES: usize = 20;
const LONGEST_RETRY_MINUTES: u32 = 7 * 24 * 60;

impl Reader<'_> {
    fn runs(&mut self) -> RunSettings {
        let default = RunSettings::default();
        let lease = self.number("RUN_LEASE", default.lease.as_secs(), 2..=600, "seconds");
        let grace =
            self.number("SHUTDOWN_GRACE", default.shutdown_grace.as_secs(), 1..=600, "seconds");
        // Without keys, what comes through a proxy is refused: none has to notice.
        let drain = if self.optional("API_KEYS_FILE").is_some() {
            SHUTDOWN_DRAIN_SECONDS.min(grace / 2)
        } else {
            0
        };
        let drain = self.number(
            "SHUTDOWN_DRAIN",
            drain,
            0..=grace / 2,
            "seconds (at most half of SHUTDOWN_GRACE)",
        );
        let days = self.number("RUN_RETENTION", 90, 0..=36_500, "days, or 0 to keep runs for ever");
        let rows = self.number(
            "RUN_HISTORY_ROWS",
            default.history_rows.unwrap_or(0),
            0..=1_000_000_000,
            "runs, or 0 for any number",
        );
        let at_once = self.number("RUNS_AT_ONCE", default.at_once.into(), 1..=10_000, "runs");
        let waiting = self.number("RUNS_WAITING", default.waiting.into(), 1..=1_000_000, "runs");
        RunSettings {
            lease: Duration::from_secs(lease),
            at_once: u32::try_from(at_once).unwrap_or(u32::MAX),
            waiting: u32::try_from(waiting).unwrap_or(u32::MAX),
            retry_after: self.retry_after().unwrap_or(default.retry_after),
            retention: Some(Duration::from_hours(days * 24))
                .filter(|retention| !retention.is_zero()),
            dry_run_retention: default.dry_run_retention,
            history_rows: Some(rows).filter(|rows| *rows > 0),
            shutdown_grace: Duration::from_secs(grace),
            shutdown_drain: Duration::from_secs(drain),
            organization_config_for: default.organization_config_for,
            answers_at_the_end: default.answers_at_the_end,
            safety: self.safety(),
        }
    }

    fn safety(&mut self) -> Safety {
        Safety {
            end_date_needs_plan: self.switch("END_DATE_NEEDS_PLAN"),
            end_dates_per_hour: self.limit("END_DATES_PER_HOUR", 1..=1_000_000, "objects"),
            usual: Usual {
                ends: self.limit("UNUSUAL_ENDS", 0..=1_000_000, "objects"),
                price_percent: self.limit("UNUSUAL_PRICE_PERCENT", 0..=100, "percent"),
            },
        }
    }

    fn switch(&mut self, name: &str) -> bool {
        match self.optional(name).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                self.problems
                    .push(format!("{name} takes `true` or `false`, and has something else"));
                false
            }
        }
    }

    /// A limit that is off unless it is set.
    fn limit(
        &mut self,
        name: &str,
        range: std::ops::RangeInclusive<u64>,
        unit: &str,
    ) -> Option<u32> {
        self.optional(name)?;
        u32::try_from(self.number(name, 0, range, unit)).ok()
    }

    fn commitment_billing(&mut self) -> Option<CommitmentBilling> {
        let word = self.optional("COMMITMENT_BILLING")?;
        let billing = CommitmentBilling::from_word(&word);
        if billing.is_none() {
            let problem = "COMMITMENT_BILLING takes `paid_outside` (committed amounts are recorded as paid) or `billed_by_plan` (a Plan of the deal bills them), and has neither";
            self.problems.push(problem.to_owned());
        }
        billing
    }

    fn retry_after(&mut self) -> Option<Vec<Duration>> {
        let text = self.optional("SYNC_RETRY_MINUTES")?;
        if text == "0" {
            return Some(Vec::new());
        }
        let longest = Decimal::from(LONGEST_RETRY_MINUTES);
        let minutes = |word: &str| {
            word.trim()
                .parse::<Decimal>()
                .ok()
                .filter(|minutes| *minutes > Decimal::ZERO && *minutes <= longest)
        };
        let delay = |word: &str| {
            Some(Duration::from_millis((minutes(word)? * Decimal::from(60_000)).to_u64()?))
        };
        let delays: Option<Vec<Duration>> = text.split(',').map(delay).collect();
        let delays = delays.filter(|delays| delays.len() <= MOST_TRIES);
        if delays.is_none() {
            self.problems.push(format!(
                "SYNC_RETRY_MINUTES takes up to {MOST_TRIES} numbers of minutes such as `1,5,15,60`, or 0 to switch it off, and has something else"
            ));
        }
        delays
    }

    fn optional(&self, name: &str) -> Option<String> {
        given(self.variable, name)
    }

    fn required(&mut self, name: &str) -> Option<String> {
        let value = self.optional(name);
        if value.is_none() {
            self.problems.push(format!("{name} is not set"));
        }
        value
    }

    fn access(&mut self) -> Access {
        let mut callers = None;
        if let Some(path) = self.optional("API_KEYS_FILE") {
            match Callers::from_file(path.into()) {
                Ok(read) => callers = Some(read),
                Err(error) => self.problems.push(format!("API_KEYS_FILE: {error}")),
            }
        }
        let minutes = self.number(
            "KEYS_LOCKOUT_MINUTES",
            0,
            0..=MOST_LOCKOUT_MINUTES,
            "minutes, or 0 to lock nobody out",
        );
        let lock_out_after = Some(Duration::from_mins(minutes)).filter(|time| !time.is_zero());
        let callers = callers.map(|callers| callers.locking_out_after(lock_out_after));
        let mut trusted_proxies = Vec::new();
        for text in
            self.optional("TRUSTED_PROXIES").iter().flat_map(|list| list.split(',')).map(str::trim)
        {
            match text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from)) {
                Some(network) => trusted_proxies.push(network),
                None => self
                    .problems
                    .push("TRUSTED_PROXIES holds something that is neither an address nor a network such as 10.0.0.0/8".to_owned()),
            }
        }
        if !trusted_proxies.is_empty() && self.optional("API_KEYS_FILE").is_none() {
            self.problems.push(
                "TRUSTED_PROXIES is set and API_KEYS_FILE is not: without keys nothing that comes through a proxy is answered (`sync-to-m3ter keys new` makes keys)"
                    .to_owned(),
            );
        }
        let requests_per_minute = self.number(
            "CALLER_REQUESTS_PER_MINUTE",
            u64::from(REQUESTS_PER_MINUTE),
            1..=1_000_000,
            "requests",
        );
        Access {
            callers,
            trusted_proxies,
            requests_per_minute: u32::try_from(requests_per_minute).unwrap_or(u32::MAX),
        }
    }

    fn listen_address(&mut self) -> Option<SocketAddr> {
        match listen_address(self.variable) {
            Ok(address)
                if address.ip().is_loopback() || self.optional("API_KEYS_FILE").is_some() =>
            {
                Some(address)
            }
            Ok(address) => {
                self.problems.push(format!(
                    "LISTEN_ADDRESS is {address}, which others can reach: set API_KEYS_FILE (`sync-to-m3ter keys new` makes keys), or use 127.0.0.1 or [::1]"
                ));
                None
            }
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    fn metrics_address(&mut self) -> Option<SocketAddr> {
        let text = self.optional("METRICS_ADDRESS")?;
        let address: Option<SocketAddr> = text.parse().ok();
        let is_open = self.optional("METRICS_OPEN");
        if is_open.as_deref().is_some_and(|word| word != "true" && word != "false") {
            self.problems.push("METRICS_OPEN takes `true` or `false`".to_owned());
        }
        let is_guarded =
            is_open.as_deref() == Some("true") || self.optional("METRICS_TOKEN_FILE").is_some();
        match address {
            None => self.problems.push("METRICS_ADDRESS is no address with a port such as 127.0.0.1:9090".to_owned()),
            Some(address) if !address.ip().is_loopback() && !is_guarded => self.problems.push(format!(
                "METRICS_ADDRESS is {address}, which others can reach: set METRICS_TOKEN_FILE, or METRICS_OPEN=true where only Prometheus reaches it"
            )),
            Some(_) => {}
        }
        address
    }

    fn metrics_token_file(&mut self) -> Option<PathBuf> {
        let path = PathBuf::from(self.optional("METRICS_TOKEN_FILE")?);
        match std::fs::read_to_string(&path) {
            Ok(token) if token.trim().len() >= SHORTEST_TOKEN => {}
            Ok(_) => self.problems.push(format!(
                "METRICS_TOKEN_FILE `{}` holds no token of at least {SHORTEST_TOKEN} characters",
                path.display()
            )),
            Err(error) => {
                self.problems.push(format!("METRICS_TOKEN_FILE `{}`: {error}", path.display()));
            }
        }
        Some(path)
    }

    fn number(
        &mut self,
        name: &str,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
        unit: &str,
    ) -> u64 {
        let Some(text) = self.optional(name) else { return default };
        match text.parse::<u64>() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                self.problems.push(format!(
                    "{name} takes {} to {} {unit}, and has something else",
                    range.start(),
                    range.end()
                ));
                default
            }
        }
    }

    /// An address that secrets are sent to: encrypted, or on this machine.
    fn url(&mut self, name: &str, default: Option<&str>) -> Option<Url> {
        let text = match (self.optional(name), default) {
            (Some(text), _) => text,
            (None, Some(default)) => default.to_owned(),
            (None, None) => return self.required(name).and(None),
        };
        let Ok(url) = Url::parse(&text) else {
            self.problems.push(format!("{name} is no URL"));
            return None;
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && salesforce::is_loopback(&url)) {
            self.problems
                .push(format!("{name} must begin with https:// (http:// is for loopback only)"));
            return None;
        }
        if !url.username().is_empty() || url.password().is_some() {
            self.problems.push(format!("{name} must not hold credentials"));
            return None;
        }
        Some(url)
    }

    /// The login goes to Salesforce, or to an emulator on this machine.
    fn salesforce_url(&mut self) -> Option<Url> {
        let url = self.url("SALESFORCE_LOGIN_URL", None)?;
        if salesforce::is_salesforce(&url) || salesforce::is_loopback(&url) {
            return Some(url);
        }
        self.problems.push("SALESFORCE_LOGIN_URL is not a host of Salesforce such as https://acme.my.salesforce.com".to_owned());
        None
    }

    /// The secret of a variable, or the one in the file that the other one names; `None` with a
    /// problem, or if neither is set.
    fn secret(&mut self, name: &str, file_name: &'static str) -> Option<Secret> {
        match (self.optional(name), self.optional(file_name)) {
            (Some(_), Some(_)) => {
                self.problems
                    .push(format!("{name} and {file_name} are both set; set one of the two"));
                None
            }
            (Some(text), None) => Some(text.into()),
            (None, Some(path)) => {
                let secret = Secret::in_file(file_name, path.into());
                let read = secret.read().map_err(|problem| self.problems.push(problem));
                read.ok().map(|_| secret)
            }
            (None, None) => None,
        }
    }

    fn required_secret(&mut self, name: &str, file_name: &'static str) -> Option<Secret> {
        if self.optional(name).is_none() && self.optional(file_name).is_none() {
            self.problems.push(format!("{name} is not set, nor {file_name}"));
        }
        self.secret(name, file_name)
    }

    fn database(&mut self) -> (String, Option<Secret>) {
        database::read(self.variable).unwrap_or_else(|problem| {
            self.problems.push(problem);
            (DEFAULT_DATABASE_URL.to_owned(), None)
        })
    }

    fn credentials(&mut self) -> Option<Credentials> {
        let secret_is_said = ["SALESFORCE_CLIENT_SECRET", "SALESFORCE_CLIENT_SECRET_FILE"]
            .iter()
            .any(|name| self.optional(name).is_some());
        match (
            secret_is_said,
            self.optional("SALESFORCE_USERNAME"),
            self.optional("SALESFORCE_PRIVATE_KEY_FILE"),
        ) {
            (true, None, None) => self
                .secret("SALESFORCE_CLIENT_SECRET", "SALESFORCE_CLIENT_SECRET_FILE")
                .map(Credentials::ClientSecret),
            (false, Some(username), Some(path)) => {
                let key = Secret::in_file("SALESFORCE_PRIVATE_KEY_FILE", path.clone().into());
                if std::fs::metadata(&path).is_ok_and(|file| file.permissions().mode() & 0o044 != 0)
                {
                    tracing::warn!(
                        "SALESFORCE_PRIVATE_KEY_FILE `{path}` can be read by others than its owner: `chmod 600` it"
                    );
                }
                let pem = key.read().map_err(|problem| self.problems.push(problem)).ok()?;
                if let Err(problem) = SigningKey::from_pem(pem.expose_secret().as_bytes()) {
                    self.problems.push(format!("SALESFORCE_PRIVATE_KEY_FILE: `{path}`: {problem}"));
                    return None;
                }
                Some(Credentials::SignedAssertion { username, key })
            }
            _ => {
                let which =
                    if secret_is_said { "one of the two, not both" } else { "one of the two" };
                self.problems.push(format!(
                    "Salesforce takes SALESFORCE_CLIENT_SECRET (or SALESFORCE_CLIENT_SECRET_FILE), or SALESFORCE_USERNAME with SALESFORCE_PRIVATE_KEY_FILE; set {which}"
                ));
                None
            }
        }
    }

    fn salesforce_org(&mut self) -> Option<SalesforceId> {
        let text = self.optional("SALESFORCE_ORG_ID")?;
        let id = SalesforceId::parse(&text).ok().filter(|id| id.key_prefix() == "00D");
        if id.is_none() {
            self.problems.push(
                "SALESFORCE_ORG_ID is not an organization ID (00D…, 15 or 18 characters)"
                    .to_owned(),
            );
        }
        id
    }

    fn api_version(&mut self) -> String {
        let version = self.optional("SALESFORCE_API_VERSION").unwrap_or_else(|| "60.0".to_owned());
        let is_version = version.split_once('.').is_some_and(|(major, minor)| {
            major.parse::<u16>().is_ok_and(|major| major >= 58) && minor == "0"
        });
        if !is_version {
            self.problems.push(
                "SALESFORCE_API_VERSION takes 58.0 or later, and has something else".to_owned(),
            );
        }
        version
    }

    fn organization(&mut self) -> Option<M3terId> {
        let text = self.required("M3TER_ORG_ID")?;
        let id = M3terId::parse(&text).ok();
        if id.is_none() {
            self.problems.push("M3TER_ORG_ID is not an organization's id (a UUID)".to_owned());
        }
        id
    }
}

#[cfg(test)]
mod tests;
