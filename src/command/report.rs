//! A result as people read it: a table of what was done, or, for a dry run, object by object what
//! would change and where each value comes from.

use std::fmt::Write as _;

use anstyle::AnsiColor;

use super::output::{Column, Form, Output, Screen, list_rows, print, print_csv};
use crate::domain::answer::{Counts, ObjectResult, SyncResult};
use crate::domain::ids::SalesforceId;
use crate::domain::outcome::{Action, FieldChange, SyncStatus};

/// Prints a result in a form.
pub(super) fn print_result(result: &SyncResult, output: Output) -> anyhow::Result<()> {
    match output {
        Output::Table => print(on_screen(result, Screen::of_stdout())),
        Output::Json => print(serde_json::to_string(result)?),
        Output::Csv => {
            let form = Form { output, utc: true };
            list_rows(form, &COLUMNS, &rows(result))?;
        }
    }
    Ok(())
}

/// Prints the result of one of several records.
pub(super) fn print_one_of(
    result: &SyncResult,
    output: Output,
    record: &SalesforceId,
    position: usize,
    count: usize,
) -> anyhow::Result<()> {
    match output {
        Output::Table => {
            let screen = Screen::of_stdout();
            let heading = format!("{record} ({} of {count})", position + 1);
            print(format_args!("{}\n{}\n", screen.bold(&heading), on_screen(result, screen)));
        }
        Output::Json => print(serde_json::to_string(result)?),
        Output::Csv => {
            let [object, id, action, message] = COLUMNS;
            let columns = [Column::word("Record"), object, id, action, message];
            let of_record = |row: Vec<String>| [vec![record.to_string()], row].concat();
            let rows: Vec<Vec<String>> = rows(result).into_iter().map(of_record).collect();
            print_csv(&columns, &rows, position == 0)?;
        }
    }
    Ok(())
}

/// The whole report as a file gets it, without a line break at its end.
pub fn report(result: &SyncResult) -> String {
    on_screen(result, Screen::PIPE)
}

fn on_screen(result: &SyncResult, screen: Screen) -> String {
    let mut text = String::new();
    if result.dry_run {
        for object in &result.object_results {
            foreseen(&mut text, object, screen);
        }
    } else if !result.object_results.is_empty() {
        let _ = writeln!(text, "{}", screen.table(&COLUMNS, &rows(result), false));
    }
    for warning in &result.warnings {
        let _ = writeln!(text, "! {warning}");
    }
    let code = result.error_code.as_ref().map_or_else(String::new, |code| format!(" [{code}]"));
    let status = screen.paint(
        match result.sync_status {
            SyncStatus::Completed => AnsiColor::Green,
            SyncStatus::PartialSuccess => AnsiColor::Yellow,
            SyncStatus::Failed => AnsiColor::Red,
        },
        &result.sync_status.to_string(),
    );
    let counts = result.counts.unwrap_or_else(|| Counts::of(&result.object_results));
    let _ = match missing(result).filter(|_| !result.dry_run) {
        Some(missing) => write!(text, "{status}: {missing}{code}"),
        None => write!(text, "{status}: {}{code}", result.message),
    };
    if result.dry_run {
        let _ = write!(
            text,
            "\nDry run: {}; nothing was written.",
            counted(counts, ["to create", "to update", "would fail"])
        );
    } else if !result.object_results.is_empty() {
        let _ = write!(text, "\nObjects: {}.", counted(counts, ["created", "updated", "failed"]));
    }
    if let Some(plan) = &result.plan_hash {
        let _ = write!(text, "\nPlan: {plan}");
    }
    if !result.attention.is_empty() {
        let _ = write!(text, "\nTo look at: {}.", result.attention.join(", "));
    }
    text
}

/// What a partial success lacks: the sentence of the API speaks of the process, not of the objects.
fn missing(result: &SyncResult) -> Option<String> {
    if result.sync_status != SyncStatus::PartialSuccess {
        return None;
    }
    let all = result.object_results.len();
    let missing: Vec<String> = result
        .object_results
        .iter()
        .filter(|object| !object.success)
        .map(|object| format!("{} of {}", object.object_name, object.salesforce_id))
        .collect();
    let objects = if all == 1 { "object" } else { "objects" };
    Some(format!(
        "{} of {all} {objects} as the record asks; not so: {}",
        all - missing.len(),
        missing.join(", ")
    ))
}

const COLUMNS: [Column; 4] = [
    Column::word("Object"),
    Column::word("Salesforce ID"),
    Column::status("Action"),
    Column::text("Message"),
];

fn rows(result: &SyncResult) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for object in &result.object_results {
        let mut message = object.message.clone();
        if let Some(remedy) = &object.remedy {
            let _ = write!(message, "\n→ {remedy}");
        }
        for warning in &object.warnings {
            let _ = write!(message, "\n! {warning}");
        }
        rows.push(vec![
            object.object_name.clone(),
            object.salesforce_id.clone(),
            object.action.as_str().to_owned(),
            message,
        ]);
    }
    rows
}

/// One object with its changes in columns: field, old → new, source.
fn foreseen(text: &mut String, object: &ObjectResult, screen: Screen) {
    let verb = match object.action {
        Action::Created => "would be created",
        Action::Updated => "would be updated",
        Action::Unchanged => "unchanged",
        Action::Skipped => "skipped",
        Action::Failed => "would fail",
    };
    let id = object.m3ter_id.as_ref().map_or_else(String::new, |id| format!(" (m3ter {id})"));
    let verb = match object.action {
        Action::Created => screen.paint(AnsiColor::Green, verb),
        Action::Updated | Action::Skipped => screen.paint(AnsiColor::Yellow, verb),
        Action::Failed => screen.paint(AnsiColor::Red, verb),
        Action::Unchanged => verb.to_owned(),
    };
    let _ = writeln!(text, "{} of {}{id}: {verb}", object.object_name, object.salesforce_id);
    let changes = object.changes.as_deref().unwrap_or_default();
    let lines: Vec<(&str, &FieldChange, &str)> = changes
        .iter()
        .map(|change| (change.field.as_str(), change, change.source.as_str()))
        .collect();
    let field_width =
        lines.iter().map(|(field, ..)| field.chars().count()).max().unwrap_or_default();
    let value_width = lines
        .iter()
        .map(|(_, change, _)| render_change(change, object.action, Screen::PIPE).chars().count())
        .filter(|width| *width <= MAX_WIDTH)
        .max()
        .unwrap_or_default();
    for (field, change, source) in lines {
        let width = render_change(change, object.action, Screen::PIPE).chars().count();
        let value = render_change(change, object.action, screen);
        let source_at = 4 + field_width + 2 + value_width.max(width) + 2;
        if screen.fits(source_at + source.chars().count()) {
            let gap = " ".repeat(value_width.saturating_sub(width));
            let source = screen.dimmed(source);
            let _ = writeln!(text, "    {field:field_width$}  {value}{gap}  {source}");
        } else {
            // Below the value, so that a narrow terminal breaks neither.
            let _ = writeln!(text, "    {field:field_width$}  {value}");
            let gap = " ".repeat(field_width);
            let _ = writeln!(text, "    {gap}  {}", screen.dimmed(&format!("from {source}")));
        }
    }
    if matches!(object.action, Action::Skipped | Action::Failed) {
        let code =
            object.finding_code.as_ref().map_or_else(String::new, |code| format!(" [{code}]"));
        let _ = writeln!(text, "    {}{code}", object.message);
    }
    if let Some(remedy) = &object.remedy {
        let _ = writeln!(text, "    → {remedy}");
    }
    for warning in &object.warnings {
        let _ = writeln!(text, "    ! {warning}");
    }
    text.push('\n');
}

/// A value that is wider pushes its source to the right instead of all the others.
const MAX_WIDTH: usize = 60;

fn render_change(change: &FieldChange, action: Action, screen: Screen) -> String {
    let new = screen.paint(AnsiColor::Green, change.new_value.as_deref().unwrap_or("nothing"));
    match (&change.old_value, action) {
        (None, Action::Created) => new,
        (old, _) => {
            let old = screen.paint(AnsiColor::Red, old.as_deref().unwrap_or("nothing"));
            format!("{old} → {new}")
        }
    }
}

/// How many objects there are of each action; what is created, updated and failed is called
/// otherwise before it is done.
fn counted(counts: Counts, [created, updated, failed]: [&str; 3]) -> String {
    let counts = [
        (counts.created, created),
        (counts.updated, updated),
        (counts.unchanged, "unchanged"),
        (counts.skipped, "skipped"),
        (counts.failed, failed),
    ];
    let counts: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if counts.is_empty() { "no objects".to_owned() } else { counts.join(", ") }
}
