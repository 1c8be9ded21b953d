//! The configuration, from environment variables: parsed once, all problems reported together.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use secrecy::SecretString;
use url::Url;

use crate::callers::{Access, Callers, REQUESTS_PER_MINUTE};
use crate::domain::ids::{M3terId, SalesforceId};
use crate::salesforce::{Credentials, SigningKey};
use crate::sync::{RunSettings, SyncLimits};
use crate::{m3ter, salesforce};

/// Where runs, results and links are kept unless something else is said.
pub const DEFAULT_DATABASE_URL: &str = "sqlite://sync-to-m3ter.db";

/// Everything that the service is told from outside.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens: loopback, where callers cannot be told apart.
    pub listen_address: SocketAddr,
    /// Where Prometheus finds the metrics; without one, nothing is counted.
    pub metrics_address: Option<SocketAddr>,
    /// Who may call.
    pub access: Access,
    /// `sqlite://…`.
    pub database_url: String,
    /// A directory with mapping files of the operator's own.
    pub mappings_dir: Option<PathBuf>,
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
    pub fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigProblems> {
        let mut reader = Reader { variable, problems: Vec::new() };
        let access = reader.access();
        let listen_address = reader.listen_address();
        let metrics_address = reader.metrics_address();
        let database_url = reader.optional("DATABASE_URL").unwrap_or_else(|| DEFAULT_DATABASE_URL.to_owned());
        let mappings_dir = reader.optional("MAPPINGS_DIR").map(PathBuf::from);
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
        let api_key = reader.required("M3TER_API_KEY");
        let api_secret = reader.required("M3TER_API_SECRET").map(SecretString::from);
        let requests_per_second = reader.number("M3TER_REQUESTS_PER_SECOND", 50, 0..=10_000, "requests, or 0 for no limit");
        match (listen_address, login_url, client_id, credentials, base_url, org_id, api_key, api_secret) {
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
                access,
                database_url,
                mappings_dir,
                runs,
                limits: SyncLimits { time: Duration::from_secs(time), callouts: u32::try_from(callouts).unwrap_or(u32::MAX) },
                salesforce: salesforce::Config { login_url, client_id, credentials, org_id: salesforce_org_id, api_version },
                m3ter: m3ter::Config {
                    base_url,
                    org_id,
                    api_key,
                    api_secret,
                    requests_per_second: u32::try_from(requests_per_second).ok().filter(|limit| *limit > 0),
                },
            }),
            _ => Err(ConfigProblems(reader.problems)),
        }
    }
}

/// Where the service listens, for whoever asks for nothing else of the configuration.
pub fn listen_address(variable: &dyn Fn(&str) -> Option<String>) -> Result<SocketAddr, String> {
    let text = given(variable, "LISTEN_ADDRESS").unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    text.parse().map_err(|_| format!("LISTEN_ADDRESS is `{text}`, which is no address with a port such as 127.0.0.1:8080"))
}

/// Where the database is, for whoever needs nothing else of the configuration.
pub fn database_url(variable: &dyn Fn(&str) -> Option<String>) -> String {
    given(variable, "DATABASE_URL").unwrap_or_else(|| DEFAULT_DATABASE_URL.to_owned())
}

fn given(variable: &dyn Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// Tries of a failed run by itself, and the longest time before one.
const MOST_TRIES: usize = 20;
const LONGEST_RETRY_MINUTES: u32 = 7 * 24 * 60;

impl Reader<'_> {
    fn runs(&mut self) -> RunSettings {
        let default = RunSettings::default();
        let lease = self.number("RUN_LEASE", default.lease.as_secs(), 2..=600, "seconds");
        let grace = self.number("SHUTDOWN_GRACE", default.shutdown_grace.as_secs(), 1..=600, "seconds");
        let days = self.number("RUN_RETENTION", 90, 0..=36_500, "days, or 0 to keep runs for ever");
        RunSettings {
            lease: Duration::from_secs(lease),
            retry_after: self.retry_after().unwrap_or(default.retry_after),
            retention: Some(Duration::from_hours(days * 24)).filter(|retention| !retention.is_zero()),
            shutdown_grace: Duration::from_secs(grace),
            organization_config_for: default.organization_config_for,
        }
    }

    fn retry_after(&mut self) -> Option<Vec<Duration>> {
        let text = self.optional("SYNC_RETRY_MINUTES")?;
        if text == "0" {
            return Some(Vec::new());
        }
        let longest = Decimal::from(LONGEST_RETRY_MINUTES);
        let minutes = |word: &str| word.trim().parse::<Decimal>().ok().filter(|minutes| *minutes > Decimal::ZERO && *minutes <= longest);
        let delay = |word: &str| Some(Duration::from_millis((minutes(word)? * Decimal::from(60_000)).to_u64()?));
        let delays: Option<Vec<Duration>> = text.split(',').map(delay).collect();
        let delays = delays.filter(|delays| delays.len() <= MOST_TRIES);
        if delays.is_none() {
            self.problems.push(format!(
                "SYNC_RETRY_MINUTES is `{text}`; it takes up to {MOST_TRIES} numbers of minutes such as `1,5,15,60`, or 0 to switch it off"
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
        let mut trusted_proxies = Vec::new();
        for text in self.optional("TRUSTED_PROXIES").iter().flat_map(|list| list.split(',')).map(str::trim) {
            match text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from)) {
                Some(network) => trusted_proxies.push(network),
                None => self
                    .problems
                    .push(format!("TRUSTED_PROXIES holds `{text}`, which is neither an address nor a network such as 10.0.0.0/8")),
            }
        }
        let requests_per_minute = self.number("CALLER_REQUESTS_PER_MINUTE", u64::from(REQUESTS_PER_MINUTE), 1..=1_000_000, "requests");
        Access { callers, trusted_proxies, requests_per_minute: u32::try_from(requests_per_minute).unwrap_or(u32::MAX) }
    }

    fn listen_address(&mut self) -> Option<SocketAddr> {
        match listen_address(self.variable) {
            Ok(address) if address.ip().is_loopback() || self.optional("API_KEYS_FILE").is_some() => Some(address),
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
        let address = text.parse().ok();
        if address.is_none() {
            self.problems.push(format!("METRICS_ADDRESS is `{text}`, which is no address with a port such as 127.0.0.1:9090"));
        }
        address
    }

    fn number(&mut self, name: &str, default: u64, range: std::ops::RangeInclusive<u64>, unit: &str) -> u64 {
        let Some(text) = self.optional(name) else { return default };
        match text.parse::<u64>() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                self.problems.push(format!("{name} is `{text}`; it takes {} to {} {unit}", range.start(), range.end()));
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
            self.problems.push(format!("{name} is `{text}`, which is no URL"));
            return None;
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && salesforce::is_loopback(&url)) {
            self.problems.push(format!("{name} must begin with https:// (http:// is for loopback only)"));
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

    fn credentials(&mut self) -> Option<Credentials> {
        let secret = self.optional("SALESFORCE_CLIENT_SECRET");
        let (username, path) = (self.optional("SALESFORCE_USERNAME"), self.optional("SALESFORCE_PRIVATE_KEY_FILE"));
        match (secret, username, path) {
            (Some(secret), None, None) => Some(Credentials::ClientSecret(secret.into())),
            (None, Some(username), Some(path)) => {
                let key = std::fs::read(&path).map_err(|error| error.to_string()).and_then(|pem| SigningKey::from_pem(&pem));
                match key {
                    Ok(key) => Some(Credentials::SignedAssertion { username, key }),
                    Err(problem) => {
                        self.problems.push(format!("SALESFORCE_PRIVATE_KEY_FILE `{path}`: {problem}"));
                        None
                    }
                }
            }
            (secret, _, _) => {
                let which = if secret.is_some() { "one of the two, not both" } else { "one of the two" };
                self.problems.push(format!(
                    "Salesforce takes SALESFORCE_CLIENT_SECRET, or SALESFORCE_USERNAME with SALESFORCE_PRIVATE_KEY_FILE; set {which}"
                ));
                None
            }
        }
    }

    fn salesforce_org(&mut self) -> Option<SalesforceId> {
        let text = self.optional("SALESFORCE_ORG_ID")?;
        let id = SalesforceId::parse(&text).ok().filter(|id| id.key_prefix() == "00D");
        if id.is_none() {
            self.problems.push(format!("SALESFORCE_ORG_ID is `{text}`, which is no organization's id (00D…, 15 or 18 characters)"));
        }
        id
    }

    fn api_version(&mut self) -> String {
        let version = self.optional("SALESFORCE_API_VERSION").unwrap_or_else(|| "60.0".to_owned());
        let is_version =
            version.split_once('.').is_some_and(|(major, minor)| major.parse::<u16>().is_ok_and(|major| major >= 58) && minor == "0");
        if !is_version {
            self.problems.push(format!("SALESFORCE_API_VERSION is `{version}`; it takes 58.0 or later"));
        }
        version
    }

    fn organization(&mut self) -> Option<M3terId> {
        let text = self.required("M3TER_ORG_ID")?;
        let id = M3terId::parse(&text).ok();
        if id.is_none() {
            self.problems.push(format!("M3TER_ORG_ID is `{text}`, which is not an organization's id (a UUID)"));
        }
        id
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn config(changes: &[(&str, &str)]) -> Result<Config, ConfigProblems> {
        let mut variables = HashMap::from([
            ("SALESFORCE_LOGIN_URL", "https://acme.my.salesforce.com"),
            ("SALESFORCE_CLIENT_ID", "id"),
            ("SALESFORCE_CLIENT_SECRET", "hunter2"),
            ("M3TER_ORG_ID", "11111111-1111-4111-8111-111111111111"),
            ("M3TER_API_KEY", "key"),
            ("M3TER_API_SECRET", "hunter3"),
        ]);
        variables.extend(changes.iter().copied());
        Config::from_variables(&|name| variables.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn what_is_needed_is_enough() {
        let config = config(&[]).unwrap();
        assert_eq!((config.listen_address.to_string(), config.m3ter.requests_per_second), ("127.0.0.1:8080".to_owned(), Some(50)));
        let shown = format!("{config:?}");
        assert!(!shown.contains("hunter"), "{shown}");
    }

    #[test]
    fn a_failed_run_is_tried_again_after_minutes_and_their_parts() {
        let seconds = |minutes: &'static str| config(&[("SYNC_RETRY_MINUTES", minutes)]).map(|config| config.runs.retry_after);
        assert_eq!(seconds(""), Ok([60, 300, 900, 3_600].map(Duration::from_secs).to_vec()));
        assert_eq!(seconds("0.05, 2"), Ok(vec![Duration::from_secs(3), Duration::from_mins(2)]));
        assert_eq!(seconds("0"), Ok(Vec::new()));
        for wrong in ["soon", "1,,2", "-1", "1,0", "100000"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn all_problems_are_told_together() {
        let problems = config(&[
            ("LISTEN_ADDRESS", "0.0.0.0:8080"),
            ("SYNC_TIME_LIMIT", "1000"),
            ("SALESFORCE_LOGIN_URL", "http://acme.my.salesforce.com"),
            ("SALESFORCE_CLIENT_ID", " "),
            ("M3TER_ORG_ID", "acme"),
            ("TRUSTED_PROXIES", "10.0.0.0/8, proxy"),
            ("SALESFORCE_USERNAME", "integration@acme.example"),
            ("SALESFORCE_ORG_ID", "001000000000001"),
        ])
        .unwrap_err();
        insta::assert_snapshot!(problems, @r"
        the configuration has problems:
          - TRUSTED_PROXIES holds `proxy`, which is neither an address nor a network such as 10.0.0.0/8
          - LISTEN_ADDRESS is 0.0.0.0:8080, which others can reach: set API_KEYS_FILE (`sync-to-m3ter keys new` makes keys), or use 127.0.0.1 or [::1]
          - SYNC_TIME_LIMIT is `1000`; it takes 1 to 110 seconds
          - SALESFORCE_LOGIN_URL must begin with https:// (http:// is for loopback only)
          - SALESFORCE_CLIENT_ID is not set
          - Salesforce takes SALESFORCE_CLIENT_SECRET, or SALESFORCE_USERNAME with SALESFORCE_PRIVATE_KEY_FILE; set one of the two, not both
          - SALESFORCE_ORG_ID is `001000000000001`, which is no organization's id (00D…, 15 or 18 characters)
          - M3TER_ORG_ID is `acme`, which is not an organization's id (a UUID)
        ");
    }
}
