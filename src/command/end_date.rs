//! `end-date`: ends what m3ter bills for one record, from a terminal.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use clap::Args;

use super::attended::{Attendance, Attended, say_paused};
use super::interrupt::interrupt_signal;
use super::output::Output;
use super::remote::Remote;
use super::remote_runs::{self, RemoteEnd};
use super::{Outcome, audit, confirmed, given, print, report, unusable, user};
use crate::app::App;
use crate::config::Config;
use crate::domain::answer::SyncResult;
use crate::domain::ending::{BillingEntity, Children, EndDate, EndDateOrder};
use crate::domain::ids::SalesforceId;
use crate::domain::plan::PlanHash;
use crate::domain::run::RunTask;
use crate::sync::{RunRequest, Scope, StartError, StartedRun, SyncMode};

/// What ends, and when.
#[derive(Debug, Clone, Args)]
pub struct Ending {
    /// The Salesforce ID of an Account, or of a record that was synced to a Contract; or the address
    /// of its page.
    pub record_id: String,
    /// The first moment that is no longer billed: 2026-12-31, or 2026-12-31T00:00:00Z.
    #[arg(long)]
    pub date: String,
    /// What ends, by commas: `CONTRACT`, `ACCOUNTPLAN`, `PREPAYMENT`, `PRICINGS`, `COUNTER_PRICINGS`.
    #[arg(long, value_delimiter = ',', required = true)]
    pub entities: Vec<String>,
    /// For an Account: also what the Accounts below it have.
    #[arg(long)]
    pub apply_to_children: bool,
    /// Only show what would end.
    #[arg(long)]
    pub dry_run: bool,
    /// End exactly the plan that a dry run showed, or nothing; does not ask.
    #[arg(long, conflicts_with = "dry_run")]
    pub expected_plan: Option<PlanHash>,
    /// End it without asking: for scripts.
    #[arg(long)]
    pub yes: bool,
    /// In which form the result is shown; `json` is the answer of the API.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// What is said where nobody can be asked.
const NOBODY_TO_ASK: &str = "`end-date` asks before it ends anything, and this is not a terminal: nothing was ended. Use --dry-run and pass its plan with --expected-plan, or end without asking with --yes";

/// What is said after a no.
const NOTHING_ENDED: &str = "Nothing was ended.";

/// What is asked for: a record, and what of it ends.
struct Asked {
    record: SalesforceId,
    order: EndDateOrder,
    /// Whether somebody is asked before.
    asks: bool,
}

impl Asked {
    fn read(ending: &Ending) -> Result<Self, String> {
        let record = given::record(&ending.record_id).map_err(|invalid| invalid.to_string())?;
        let end_date = EndDate::parse(&ending.date).map_err(|invalid| invalid.to_string())?;
        let entity = |word: &String| {
            BillingEntity::from_word(word).ok_or_else(|| {
                let known = BillingEntity::ALL.map(BillingEntity::word).join(", ");
                format!("`{word}` is not a billing entity; they are {known}")
            })
        };
        let mut entities = ending.entities.iter().map(entity).collect::<Result<Vec<_>, _>>()?;
        entities.sort_unstable();
        entities.dedup();
        let asks = !ending.dry_run && !ending.yes && ending.expected_plan.is_none();
        if asks && !std::io::stdin().is_terminal() {
            return Err(NOBODY_TO_ASK.to_owned());
        }
        let children =
            if ending.apply_to_children { Children::Included } else { Children::LeftAlone };
        Ok(Self { record, order: EndDateOrder { end_date, entities, children }, asks })
    }
}

/// The plan of what was foreseen, and the question whether it may be done there; `None`: nothing
/// would end.
fn question(foreseen: &SyncResult, there: &str) -> Option<(PlanHash, String)> {
    let plan = foreseen.plan_hash.as_deref().and_then(|plan| plan.parse::<PlanHash>().ok())?;
    match foreseen.object_results.iter().filter(|result| result.success).count() {
        0 => None,
        1 => Some((plan, format!("End this object {there}?"))),
        count => Some((plan, format!("End these {count} objects {there}?"))),
    }
}

/// The same by a service.
pub async fn run_remotely(service: &Remote, ending: &Ending) -> anyhow::Result<Outcome> {
    let Asked { record, order, asks } = match Asked::read(ending) {
        Ok(asked) => asked,
        Err(problem) => return Ok(unusable(problem)),
    };
    let interrupt = interrupt_signal().context("signals cannot be received")?;
    let mut expected_plan = ending.expected_plan;
    if asks || ending.dry_run {
        let foreseen: SyncResult = service.foresee_end(&record, &order).await?;
        let output = if ending.dry_run { ending.output } else { Output::Table };
        report::print_result(&foreseen, output)?;
        let there = format!("by the service at {}", service.url());
        let (plan, question) = match question(&foreseen, &there) {
            Some(question) if !ending.dry_run => question,
            _ => return Ok(Outcome::of(&foreseen)),
        };
        if !confirmed(&question, &interrupt).await? {
            print(NOTHING_ENDED);
            return Ok(Outcome::Failed);
        }
        expected_plan = Some(plan);
    }
    let run = service.end(&record, &order, expected_plan).await?;
    let doing = format!("ending {record}");
    match remote_runs::wait(service, run, &doing, false, &interrupt).await? {
        RemoteEnd::Ended(result) => {
            report::print_result(&result, ending.output)?;
            Ok(Outcome::of(&result))
        }
        RemoteEnd::Interrupted => Ok(Outcome::Interrupted),
    }
}

/// Ends the billing of one record and prints what came of it.
pub async fn run(config: Config, ending: &Ending) -> anyhow::Result<Outcome> {
    let Asked { record, order, asks } = match Asked::read(ending) {
        Ok(asked) => asked,
        Err(problem) => return Ok(unusable(problem)),
    };
    let mode = if ending.dry_run { SyncMode::DryRun } else { SyncMode::Apply };
    let attendance = Attendance::new(format!("ending {record}"), &record)?;
    let app = App::new(&config, Scope::of(record.clone())).await?;
    let ordered = order.to_string();
    let task = RunTask::EndDate(order);
    let start = async |mode, expected_plan: Option<PlanHash>| {
        let request = RunRequest {
            task: task.clone(),
            expected_plan,
            requested_by: Some(user()),
            waits: config.limits.time,
            ..RunRequest::sync(record.clone(), mode)
        };
        let run = app.syncs.start(request).await?;
        let plan = expected_plan.map_or_else(String::new, |plan| format!(" expectedPlan={plan}"));
        let parameters = format!("dryRun={} {ordered}{plan}", mode == SyncMode::DryRun);
        audit("end-date", record.as_str(), &run.id.to_string(), &parameters);
        Ok::<StartedRun, StartError>(run)
    };
    let mut expected_plan = ending.expected_plan;
    if asks {
        let run = start(SyncMode::DryRun, None).await?;
        let looking = attendance.of(format!("looking at {record}"), &record);
        let foreseen = match looking.wait(&app, run).await? {
            Attended::Ended(foreseen) => foreseen,
            Attended::Paused(run) => {
                app.end().await?;
                say_paused(run);
                return Ok(Outcome::Failed);
            }
            Attended::Interrupted(run) => {
                looking.give_back(app, run).await;
                return Ok(Outcome::Interrupted);
            }
        };
        report::print_result(&foreseen, Output::Table)?;
        // Whether this is production is seen from the org.
        let org = config.salesforce.login_url.host_str().unwrap_or_default();
        let there = format!("of the org {org}");
        let Some((plan, question)) = question(&foreseen, &there) else {
            app.end().await?;
            return Ok(Outcome::of(&foreseen));
        };
        if !confirmed(&question, &attendance.interrupt).await? {
            app.end().await?;
            print(NOTHING_ENDED);
            return Ok(Outcome::Failed);
        }
        expected_plan = Some(plan);
    }
    let run = start(mode, expected_plan).await?;
    attendance.to_its_end(app, run, ending.output, Outcome::of).await
}
