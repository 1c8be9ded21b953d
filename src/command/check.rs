//! `check`: is everything in place? One line for each thing, green, yellow or red.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;

use super::{Outcome, print};
use crate::app::load_mappings;
use crate::config::Config;
use crate::domain::settings::{OverlapRule, OverlappingPlans};
use crate::mapping::{Mapping, Severity};
use crate::store::Store;
use crate::sync::describe;
use crate::telemetry::ErrorChain;
use crate::transport::Budget;
use crate::{m3ter, salesforce};

/// Prints the report; red lines make it fail.
pub async fn run(config: Config) -> anyhow::Result<Outcome> {
    let mut report = Report { worst: Severity::Green };
    let budget = Budget::new(config.limits.time, config.limits.callouts);
    report.line(Severity::Green, "configuration", "complete");
    let store = match Store::open(&config.database_url).await {
        Ok(store) => {
            report.line(Severity::Green, "database", "can be opened and is up to date");
            Some(store)
        }
        Err(error) => {
            report.line(Severity::Red, "database", &ErrorChain(&error).to_string());
            None
        }
    };
    let m3ter = m3ter::Client::new(config.m3ter.clone())?;
    let organization = report.m3ter(&m3ter, &budget).await;
    let salesforce = salesforce::Client::new(config.salesforce.clone())?;
    let is_logged_in = report.salesforce(&salesforce, &budget).await;
    let shown_before = match &store {
        Some(store) if is_logged_in => {
            let org = salesforce.organization(&budget).await.ok().flatten().map(|org| org.to_string()).unwrap_or_default();
            store.load_shown_names(&org).await.unwrap_or_default()
        }
        _ => BTreeSet::new(),
    };
    match load_mappings(config.mappings_dir.as_deref()) {
        Err(error) => report.line(Severity::Red, "mappings", &error.to_string()),
        Ok(mappings) => {
            for mapping in mappings.iter() {
                report.line(Severity::Green, mapping.file(), "is well-formed");
                report.settings(mapping, organization.as_ref());
                if is_logged_in {
                    report.fields(mapping, &salesforce, &shown_before, &budget).await;
                }
            }
        }
    }
    if let Some(store) = store {
        store.close().await;
    }
    Ok(if report.worst == Severity::Red { Outcome::Failed } else { Outcome::Done })
}

struct Report {
    worst: Severity,
}

/// What m3ter says of itself.
struct Organization {
    config: m3ter::OrganizationConfig,
    currencies: Vec<String>,
}

impl Report {
    fn line(&mut self, severity: Severity, what: &str, message: &str) {
        let (word, color) = match severity {
            Severity::Green => ("green ", "32"),
            Severity::Yellow => ("yellow", "33"),
            Severity::Red => ("red   ", "31"),
        };
        self.worst = self.worst.max(severity);
        if std::io::stdout().is_terminal() {
            print(format_args!("\x1b[{color}m{word}\x1b[0m  {what}: {message}"));
        } else {
            print(format_args!("{word}  {what}: {message}"));
        }
    }

    async fn m3ter(&mut self, client: &m3ter::Client, budget: &Budget) -> Option<Organization> {
        if let Err(error) = client.log_in(budget).await {
            self.line(Severity::Red, "m3ter login", &error.reason());
            return None;
        }
        self.line(Severity::Green, "m3ter login", "works");
        match tokio::try_join!(
            client.fetch_organization_config(budget),
            client.fetch_currencies(budget),
            client.fetch_plan_templates(budget)
        ) {
            Err(error) => {
                self.line(Severity::Red, "m3ter", &error.reason());
                None
            }
            Ok((config, currencies, templates)) => {
                let zone = config.time_zone.iana_name().unwrap_or("a fixed offset");
                self.line(
                    Severity::Green,
                    "m3ter organization",
                    &format!(
                        "time zone {zone}, currency {}, currencies {}; plans of one product {} overlap",
                        config.currency,
                        currencies.join(", "),
                        match config.overlapping_plans {
                            OverlappingPlans::Allowed => "may",
                            OverlappingPlans::Refused => "must not",
                        }
                    ),
                );
                let severity = if templates.is_empty() { Severity::Red } else { Severity::Green };
                self.line(severity, "m3ter plan templates", &format!("{} with a code", templates.len()));
                Some(Organization { config, currencies })
            }
        }
    }

    async fn salesforce(&mut self, client: &salesforce::Client, budget: &Budget) -> bool {
        match client.log_in(budget).await {
            Err(error) => {
                self.line(Severity::Red, "Salesforce login", &error.reason());
                false
            }
            Ok(()) => {
                let user = client.user_name(budget).await.ok().flatten();
                self.line(
                    Severity::Green,
                    "Salesforce login",
                    &user.map_or_else(|| "works".to_owned(), |user| format!("works, as {user}")),
                );
                true
            }
        }
    }

    fn settings(&mut self, mapping: &Mapping, organization: Option<&Organization>) {
        let settings = mapping.settings();
        if settings.commitment_billing.is_none() {
            let message = "`commitment_billing` is not stated: commitments are recorded as already paid";
            self.line(Severity::Yellow, mapping.file(), message);
        }
        let Some(organization) = organization else { return };
        let replaces = settings.account_plan_overlap != OverlapRule::Report;
        if replaces && organization.config.overlapping_plans == OverlappingPlans::Allowed {
            let message =
                "m3ter's organization allows overlapping plans: `overlap` of the AccountPlan replaces nothing, and each plan is billed";
            self.line(Severity::Yellow, mapping.file(), message);
        }
        if let Some(zone) = settings.time_zone.as_ref().filter(|zone| **zone != organization.config.time_zone) {
            let own = zone.iana_name().unwrap_or("a fixed offset");
            let theirs = organization.config.time_zone.iana_name().unwrap_or("a fixed offset");
            self.line(
                Severity::Red,
                mapping.file(),
                &format!("`time_zone` is {own}, and m3ter's organization bills in {theirs}: days would begin at another hour"),
            );
        }
        if let Some(currency) = settings.currency.as_ref().filter(|currency| !organization.currencies.contains(currency)) {
            self.line(Severity::Red, mapping.file(), &format!("`currency` is {currency}, which m3ter's organization does not have"));
        }
    }

    async fn fields(&mut self, mapping: &Mapping, salesforce: &salesforce::Client, shown_before: &BTreeSet<String>, budget: &Budget) {
        match describe(salesforce, mapping, budget).await {
            Err(failure) => self.line(Severity::Red, mapping.file(), &failure.reason),
            Ok(schema) => {
                let remarks = mapping.org_report(&schema, shown_before);
                for remark in &remarks {
                    self.line(remark.severity, mapping.root(), &remark.message);
                }
                if remarks.iter().all(|remark| remark.severity != Severity::Red) {
                    self.line(Severity::Green, mapping.root(), "all fields that a sync needs are there");
                }
            }
        }
    }
}
