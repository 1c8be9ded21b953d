//! `end-date`: ends what m3ter bills for one record, from a terminal.

use std::io::IsTerminal as _;

use clap::Args;

use super::attended::{Attendance, Attended, say_paused};
use super::output::Output;
use super::{Outcome, audit, confirmed, given, print, report, unusable, user};
use crate::app::App;
use crate::config::Config;
use crate::domain::ending::{BillingEntity, Children, EndDate, EndDateOrder};
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

/// Ends the billing of one record and prints what came of it.
pub async fn run(config: Config, ending: &Ending) -> anyhow::Result<Outcome> {
    let record = match given::record(&ending.record_id) {
        Ok(record) => record,
        Err(invalid) => return Ok(unusable(invalid)),
    };
    let end_date = match EndDate::parse(&ending.date) {
        Ok(end_date) => end_date,
        Err(invalid) => return Ok(unusable(invalid)),
    };
    let mut entities = Vec::new();
    for word in &ending.entities {
        match BillingEntity::from_word(word) {
            Some(entity) => entities.push(entity),
            None => {
                let known = BillingEntity::ALL.map(BillingEntity::word).join(", ");
                return Ok(unusable(format_args!(
                    "`{word}` is not a billing entity; they are {known}"
                )));
            }
        }
    }
    entities.sort_unstable();
    entities.dedup();
    let asks = !ending.dry_run && !ending.yes && ending.expected_plan.is_none();
    if asks && !std::io::stdin().is_terminal() {
        return Ok(unusable(NOBODY_TO_ASK));
    }
    let children = if ending.apply_to_children { Children::Included } else { Children::LeftAlone };
    let mode = if ending.dry_run { SyncMode::DryRun } else { SyncMode::Apply };
    let attendance = Attendance::new(format!("ending {record}"), &record)?;
    let app = App::new(&config, Scope::of(record.clone())).await?;
    let order = EndDateOrder { end_date, entities, children };
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
        let plan = foreseen.plan_hash.as_deref().and_then(|plan| plan.parse::<PlanHash>().ok());
        let count = foreseen.object_results.iter().filter(|result| result.success).count();
        let (Some(plan), true) = (plan, count > 0) else {
            app.end().await?;
            return Ok(Outcome::of(&foreseen));
        };
        let these =
            if count == 1 { "this object".to_owned() } else { format!("these {count} objects") };
        if !confirmed(&format!("End {these}?"), &attendance.interrupt).await? {
            app.end().await?;
            print("Nothing was ended.");
            return Ok(Outcome::Failed);
        }
        expected_plan = Some(plan);
    }
    let run = start(mode, expected_plan).await?;
    attendance.to_its_end(app, run, ending.output, Outcome::of).await
}
