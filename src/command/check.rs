//! `check`: is everything in place? One line for each thing, green, yellow or red.

use std::collections::BTreeSet;

use clap::Args;

use super::Outcome;
use super::checklist::Checklist;
use super::output::Output;
use crate::app::load_mappings;
use crate::callers::Callers;
use crate::config::Config;
use crate::domain::org_remark::Severity;
use crate::domain::settings::{OverlapRule, OverlappingPlans};
use crate::mapping::Mapping;
use crate::store::{Store, StoreError};
use crate::sync::describe;
use crate::telemetry::ErrorChain;
use crate::transport::{Budget, clock_in_words};
use crate::{m3ter, salesforce};

/// The object whose activated records take a permission of their own.
const ORDER: &str = "Order";

/// In which form the report is.
#[derive(Debug, Clone, Copy, Args)]
pub struct Checking {
    /// In which form.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Prints the report; red lines make it fail.
pub async fn run(config: Config, checking: Checking) -> anyhow::Result<Outcome> {
    let mut report = Report(Checklist::new(checking.output));
    let budget = Budget::new(config.limits.time, config.limits.callouts);
    report.line(Severity::Green, "configuration", "complete");
    if let Some(callers) = &config.access.callers {
        report.keys(callers);
    }
    let store = match Store::open_existing(&config.database_url).await {
        Ok(store) => {
            report.line(Severity::Green, "database", "can be opened and is up to date");
            Some(store)
        }
        Err(absent @ StoreError::Absent(_)) => {
            report.line(
                Severity::Yellow,
                "database",
                &format!("{absent}. A service that starts with this setting makes a new one"),
            );
            None
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
            let org = salesforce
                .organization(&budget)
                .await
                .ok()
                .flatten()
                .map(|org| org.to_string())
                .unwrap_or_default();
            store.load_shown_names(&org).await.unwrap_or_default()
        }
        _ => BTreeSet::new(),
    };
    match load_mappings(config.mappings_dir.as_deref()) {
        Err(error) => report.line(Severity::Red, "mappings", &error.to_string()),
        Ok(mut mappings) => {
            mappings.state_billing(config.commitment_billing);
            for mapping in mappings.iter() {
                report.line(Severity::Green, mapping.file(), "is well-formed");
                let mut prefix = None;
                if is_logged_in {
                    prefix = report.fields(mapping, &salesforce, &shown_before, &budget).await;
                }
                let has_made = match &store {
                    Some(store) => {
                        store.has_made_commitments(prefix.as_deref()).await.unwrap_or(false)
                    }
                    None => false,
                };
                report.settings(mapping, has_made, organization.as_ref());
            }
        }
    }
    if let Some(store) = store {
        store.close().await;
    }
    report.0.end()
}

struct Report(Checklist);

/// What m3ter says of itself.
struct Organization {
    config: m3ter::OrganizationConfig,
    currencies: Vec<String>,
}

impl Report {
    fn line(&mut self, severity: Severity, what: &str, message: &str) {
        self.0.add(severity, what, message);
    }

    fn clock(&mut self, ahead: Option<i64>, vendor: &str) {
        if let Some(ahead) = ahead {
            self.line(Severity::Yellow, "clock", &clock_in_words(ahead, vendor));
        }
    }

    fn keys(&mut self, callers: &Callers) {
        let faults = callers.faults();
        for fault in &faults {
            let severity = if fault.is_expiry { Severity::Yellow } else { Severity::Red };
            self.line(severity, "API keys", &fault.to_string());
        }
        let valid = callers.list().iter().filter(|key| !key.is_over).count();
        let severity = if valid == 0 { Severity::Red } else { Severity::Green };
        self.line(severity, "API keys", &format!("{valid} valid"));
    }

    async fn m3ter(&mut self, client: &m3ter::Client, budget: &Budget) -> Option<Organization> {
        if let Err(error) = client.log_in(budget).await {
            self.line(Severity::Red, "m3ter login", &error.reason());
            return None;
        }
        self.line(Severity::Green, "m3ter login", "works");
        self.clock(client.clock_ahead_seconds(), "m3ter");
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
                self.line(
                    severity,
                    "m3ter plan templates",
                    &format!("{} with a code", templates.len()),
                );
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
                self.clock(client.clock_ahead_seconds(), "Salesforce");
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

    fn settings(&mut self, mapping: &Mapping, has_made: bool, organization: Option<&Organization>) {
        let settings = mapping.settings();
        if !mapping.states_billing() {
            let so_far = if has_made {
                "Commitments are still recorded as prepaid"
            } else {
                "no Commitment is made"
            };
            let message = format!(
                "`COMMITMENT_BILLING` is not set, so {so_far}: set `COMMITMENT_BILLING=paid_outside` (they are recorded as paid) or `COMMITMENT_BILLING=billed_by_plan` (a Plan bills them), or add the line `commitment_billing = \"paid_outside\"` to {}",
                mapping.file_to_state_in()
            );
            self.line(Severity::Yellow, mapping.file(), &message);
        }
        let Some(organization) = organization else { return };
        let replaces = settings.account_plan_overlap != OverlapRule::Report;
        if replaces && organization.config.overlapping_plans == OverlappingPlans::Allowed {
            let message = "m3ter's organization allows overlapping plans: `overlap` of the AccountPlan replaces nothing, and each plan is billed";
            self.line(Severity::Yellow, mapping.file(), message);
        }
        if let Some(zone) =
            settings.time_zone.as_ref().filter(|zone| **zone != organization.config.time_zone)
        {
            let own = zone.iana_name().unwrap_or("a fixed offset");
            let theirs = organization.config.time_zone.iana_name().unwrap_or("a fixed offset");
            self.line(
                Severity::Red,
                mapping.file(),
                &format!("`time_zone` is {own}, and m3ter's organization bills in {theirs}: days would begin at different hours"),
            );
        }
        if let Some(currency) = settings
            .currency
            .as_ref()
            .filter(|currency| !organization.currencies.contains(currency))
        {
            self.line(
                Severity::Red,
                mapping.file(),
                &format!("`currency` is {currency}, which m3ter's organization does not have"),
            );
        }
    }

    /// Holds a mapping against the org; how the ids of its root begin.
    async fn fields(
        &mut self,
        mapping: &Mapping,
        salesforce: &salesforce::Client,
        shown_before: &BTreeSet<String>,
        budget: &Budget,
    ) -> Option<String> {
        match describe(salesforce, mapping, budget).await {
            Err(failure) => {
                self.line(Severity::Red, mapping.file(), &failure.reason);
                None
            }
            Ok(schema) => {
                let remarks = mapping.org_report(&schema, shown_before);
                for remark in &remarks {
                    self.line(remark.severity, mapping.root(), &remark.message);
                }
                if remarks.iter().all(|remark| remark.severity != Severity::Red) {
                    self.line(Severity::Green, mapping.root(), "has all fields that a sync needs");
                }
                if mapping.root() == ORDER && mapping.reads().absent(&schema).is_none() {
                    self.activated_orders(salesforce, budget).await;
                }
                schema.sobject(mapping.root()).and_then(|object| object.key_prefix.clone())
            }
        }
    }

    async fn activated_orders(&mut self, salesforce: &salesforce::Client, budget: &Budget) {
        match salesforce.may_edit_activated_orders(budget).await {
            Ok(Some(true)) => self.line(Severity::Green, ORDER, "activated Orders can be written back to"),
            Ok(Some(false)) => self.line(
                Severity::Red,
                ORDER,
                "the integration user lacks *Edit Activated Orders*: neither m3ter's IDs nor the outcome of a sync is written to an activated Order; \
                 assign the permission set `M3ter Sync Integration`, which grants it with *Activate Orders*",
            ),
            Ok(None) => self.line(Severity::Yellow, ORDER, "Salesforce does not say whether activated Orders can be written back to"),
            Err(error) => self.line(Severity::Yellow, ORDER, &error.reason()),
        }
    }
}
