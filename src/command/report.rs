//! A result as people read it: a table of what was done, or, for a dry run, object by object what
//! would change and where each value comes from.

use std::fmt::Write as _;

use comfy_table::Table;

use crate::domain::answer::{Counts, ObjectResult, SyncResult};
use crate::domain::outcome::{Action, FieldChange};

/// The whole report, without a line break at its end.
pub fn report(result: &SyncResult) -> String {
    let mut text = String::new();
    if result.dry_run {
        for object in &result.object_results {
            foreseen(&mut text, object);
        }
    } else if !result.object_results.is_empty() {
        let _ = writeln!(text, "{}", table(result));
    }
    for warning in &result.warnings {
        let _ = writeln!(text, "! {warning}");
    }
    let code = result.error_code.as_ref().map_or_else(String::new, |code| format!(" [{code}]"));
    let _ = write!(text, "{}: {}{code}", result.sync_status, result.message);
    let counts = result.counts.unwrap_or_else(|| Counts::of(&result.object_results));
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

fn table(result: &SyncResult) -> Table {
    let mut table = super::table::table(["Object", "Salesforce ID", "Action", "Message"]);
    for object in &result.object_results {
        let mut message = object.message.clone();
        if let Some(remedy) = &object.remedy {
            let _ = write!(message, "\n→ {remedy}");
        }
        for warning in &object.warnings {
            let _ = write!(message, "\n! {warning}");
        }
        table.add_row([
            object.object_name.as_str(),
            &object.salesforce_id,
            object.action.as_str(),
            &message,
        ]);
    }
    table
}

/// One object with its changes in columns: field, old → new, source.
fn foreseen(text: &mut String, object: &ObjectResult) {
    let verb = match object.action {
        Action::Created => "would be created",
        Action::Updated => "would be updated",
        Action::Unchanged => "unchanged",
        Action::Skipped => "skipped",
        Action::Failed => "would fail",
    };
    let id = object.m3ter_id.as_ref().map_or_else(String::new, |id| format!(" (m3ter {id})"));
    let _ = writeln!(text, "{} of {}{id}: {verb}", object.object_name, object.salesforce_id);
    let changes = object.changes.as_deref().unwrap_or_default();
    let lines: Vec<(&str, String, &str)> = changes
        .iter()
        .map(|change| (change.field.as_str(), shown(change, object.action), change.source.as_str()))
        .collect();
    let field_width =
        lines.iter().map(|(field, ..)| field.chars().count()).max().unwrap_or_default();
    let value_width = lines
        .iter()
        .map(|(_, value, _)| value.chars().count())
        .filter(|width| *width <= WIDEST)
        .max()
        .unwrap_or_default();
    for (field, value, source) in lines {
        let _ = writeln!(text, "    {field:field_width$}  {value:value_width$}  {source}");
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
const WIDEST: usize = 60;

fn shown(change: &FieldChange, action: Action) -> String {
    let new = change.new_value.as_deref().unwrap_or("nothing");
    match (&change.old_value, action) {
        (None, Action::Created) => new.to_owned(),
        (old, _) => format!("{} → {new}", old.as_deref().unwrap_or("nothing")),
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
