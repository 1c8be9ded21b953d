//! What a walk does, as data: the same list does the same, and a part of it can be tried alone.

use serde_json::Value as Json;
use sync_to_m3ter_sandbox::control::Fault;

/// A record, by the number that the plan gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Target {
    Account(u32),
    Product(u32),
    Deal(u32),
    Line(u32),
    /// A schedule or a rate of CPQ.
    Row(u32),
}

#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// A new record. In its fields `@deal:3` is the id of a record, `@deal15:3` its 15 characters.
    Add {
        target: Target,
        sobject: &'static str,
        fields: Json,
    },
    /// A record that is a deal itself.
    Alias {
        deal: Target,
        of: Target,
    },
    Edit {
        target: Target,
        fields: Json,
    },
    Delete(Target),
    Undelete(Target),
    Purge(Target),
    Merge {
        master: Target,
        loser: Target,
    },
    /// A copy of a record with everything in it, the ids of m3ter among it, but for some fields.
    Clone {
        of: Target,
        copy: Target,
        fields: Json,
    },
    Sync {
        deal: u32,
        replica: usize,
        mode: Mode,
    },
    EndDate {
        deal: u32,
        replica: usize,
        date: String,
        entities: Vec<&'static str>,
    },
    /// The last run that some caller was told of, once more.
    Replay {
        replica: usize,
    },
    /// All failed runs of a record, once more.
    ReplayFailed {
        deal: u32,
        replica: usize,
    },
    Fault(Fault),
    ListLag(u64),
    /// Lists that are so far behind, while m3ter refuses no second Commitment.
    Behind(u64),
    Latency(u64),
    /// Whether m3ter refuses Commitments, and AccountPlans, that overlap.
    Overlaps {
        commitments: bool,
        account_plans: bool,
    },
    HideField(&'static str),
    HideObject(&'static str),
    HideRecord(Target),
    Show,
    Kill(usize),
    /// SIGSTOP, for so many milliseconds.
    Freeze {
        replica: usize,
        ms: u64,
    },
    Terminate(usize),
    Start(usize),
    /// The database goes away for so many milliseconds.
    Outage {
        ms: u64,
    },
    /// Somebody changes a field of what m3ter holds of a row.
    ChangeInM3ter {
        row: Target,
        kind: &'static str,
        fields: Json,
    },
    DeleteInM3ter {
        row: Target,
        kind: &'static str,
    },
    /// Somebody gives the Account of a deal an AccountPlan of a line's product.
    ForeignAccountPlan {
        line: Target,
        deal: Target,
        start: String,
        end: String,
    },
    /// Until a request meets the fault that was planned last; not for ever.
    UntilMet,
    Pause(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The walk waits for the answer.
    Wait,
    /// A caller waits, and the walk continues.
    Beside,
    /// Nobody waits.
    Forget,
    /// Nothing is to be written.
    Dry,
}

impl Op {
    /// Its name in the table of what was met.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Add { .. } => "add",
            Self::Alias { .. } => "alias",
            Self::Edit { target: Target::Account(_), .. } => "edit account",
            Self::Edit { target: Target::Line(_) | Target::Row(_), .. } => "edit line",
            Self::Edit { .. } => "edit deal",
            Self::Delete(_) => "delete",
            Self::Undelete(_) => "undelete",
            Self::Purge(_) => "purge",
            Self::Merge { .. } => "merge",
            Self::Clone { .. } => "clone",
            Self::Sync { mode: Mode::Dry, .. } => "dry run",
            Self::Sync { .. } => "sync",
            Self::EndDate { .. } => "end dating",
            Self::Replay { .. } | Self::ReplayFailed { .. } => "replay",
            Self::Fault(_) => "fault planned",
            Self::ListLag(_) | Self::Behind(_) => "lagging lists",
            Self::Latency(_) => "latency",
            Self::Overlaps { .. } => "overlap rules",
            Self::HideField(_) => "hidden field",
            Self::HideObject(_) => "hidden object",
            Self::HideRecord(_) => "hidden row",
            Self::Show => "shown again",
            Self::Kill(_) => "kill -9",
            Self::Freeze { .. } => "pause of a process",
            Self::Terminate(_) => "SIGTERM",
            Self::Start(_) => "start",
            Self::Outage { .. } => "database restart",
            Self::ChangeInM3ter { .. } => "edit in m3ter",
            Self::DeleteInM3ter { .. } => "delete in m3ter",
            Self::ForeignAccountPlan { .. } => "foreign AccountPlan",
            Self::UntilMet | Self::Pause(_) => "pause",
        }
    }

    /// The records that it is about; none where it is about all.
    pub(crate) fn targets(&self) -> Vec<Target> {
        match self {
            Self::Add { target, fields, .. } | Self::Edit { target, fields } => {
                with_named(*target, fields)
            }
            Self::Clone { of, copy, fields } => [vec![*of], with_named(*copy, fields)].concat(),
            Self::Delete(target)
            | Self::Undelete(target)
            | Self::Purge(target)
            | Self::HideRecord(target) => vec![*target],
            Self::Alias { deal, of } => vec![*deal, *of],
            Self::Merge { master, loser } => vec![*master, *loser],
            Self::Sync { deal, .. }
            | Self::EndDate { deal, .. }
            | Self::ReplayFailed { deal, .. } => vec![Target::Deal(*deal)],
            Self::ChangeInM3ter { row, .. } | Self::DeleteInM3ter { row, .. } => vec![*row],
            Self::ForeignAccountPlan { line, deal, .. } => vec![*line, *deal],
            _ => Vec::new(),
        }
    }
}

fn with_named(target: Target, fields: &Json) -> Vec<Target> {
    let named = fields
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.values())
        .filter_map(|value| named(value.as_str()?));
    std::iter::once(target).chain(named.map(|(target, _)| target)).collect()
}

/// The record that a value of a field names, and whether with 15 characters.
pub(crate) fn named(value: &str) -> Option<(Target, bool)> {
    let (kind, number) = value.strip_prefix('@')?.split_once(':')?;
    let number = number.parse().unwrap();
    let is_short = kind.ends_with("15");
    let target = match kind.trim_end_matches("15") {
        "account" => Target::Account(number),
        "product" => Target::Product(number),
        "deal" => Target::Deal(number),
        "line" => Target::Line(number),
        "row" => Target::Row(number),
        _ => unreachable!("{value}"),
    };
    Some((target, is_short))
}
