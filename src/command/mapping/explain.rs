//! `mapping explain`: the way of one value, step by step.

use std::path::{Path, PathBuf};

use anstyle::AnsiColor;

use super::case::{Case, OrgRecord, billing_of};
use super::directory::Directory;
use super::settled;
use crate::app::load_mappings;
use crate::command::output::{Column, Form, Output, Screen, list_rows, print};
use crate::command::{Outcome, given, unusable};
use crate::config::{Config, ConfigProblems};
use crate::domain::entity::EntityKind;
use crate::domain::record::Record;
use crate::domain::text::nearest;
use crate::mapping::{Context, Explanation, Mapping, Mappings};

/// Which value is explained.
#[derive(Debug, Clone, clap::Args)]
pub struct Explaining {
    /// The Salesforce ID of the record, the address of its page, or a case of `mapping test`.
    pub record: String,
    /// m3ter's field, such as `endDate`, or that of one kind of object: `contract.endDate`.
    pub field: String,
    /// In which form; one row for each step.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// Where the mappings are that are used.
    #[command(flatten)]
    pub directory: Directory,
}

pub(super) async fn run(
    explaining: &Explaining,
    directory: &Directory,
    config: Result<Config, ConfigProblems>,
    commitment_billing: Option<String>,
) -> anyhow::Result<Outcome> {
    let mut mappings = load_mappings(directory.mappings_dir.as_deref())?;
    mappings.state_billing(billing_of(commitment_billing.as_deref())?);
    let (kind, field) = match asked(&explaining.field) {
        Ok(asked) => asked,
        Err(problem) => return Ok(unusable(problem)),
    };
    let path = Path::new(&explaining.record);
    let explanations = if path.extension().is_some_and(|extension| extension == "json") {
        match of_case(path, &mappings, kind, field)? {
            Ok(explanations) => explanations,
            Err(problem) => return Ok(unusable(format_args!("{}: {problem}", path.display()))),
        }
    } else {
        let id = match given::record(&explaining.record) {
            Ok(id) => id,
            Err(invalid) => return Ok(unusable(invalid)),
        };
        let read = OrgRecord::read(config?, &mappings, &id).await?;
        let reading = read.mapping.read(&read.record, Context::new(&read.query, &read.time_zone));
        let catalog = read.catalog(&reading.keys()).await?;
        reading.explain(&catalog, kind, field)
    };
    if explanations.is_empty() {
        return Ok(unusable(format_args!(
            "The mapping gives `{}` no value for this record: no object of it has the field, or no row takes part",
            explaining.field
        )));
    }
    if explaining.output == Output::Table {
        explanations.iter().for_each(show);
    } else {
        let rows: Vec<Vec<String>> = explanations.iter().flat_map(rows).collect();
        list_rows(Form { output: explaining.output, utc: true }, &COLUMNS, &rows)?;
    }
    Ok(Outcome::Done)
}

const COLUMNS: [Column; 4] =
    [Column::text("Field"), Column::word("Place"), Column::word("Depth"), Column::text("Step")];

/// The steps, and at depth 0 what came of them.
fn rows(explanation: &Explanation) -> Vec<Vec<String>> {
    let Explanation { title, place, steps, outcome } = explanation;
    let row = |depth: usize, step: &String| {
        vec![title.clone(), place.clone(), depth.to_string(), step.clone()]
    };
    let mut rows: Vec<Vec<String>> =
        steps.iter().map(|(depth, step)| row(depth + 1, step)).collect();
    rows.push(row(0, outcome));
    rows
}

/// The kind of object and the field, or what is wrong with them.
fn asked(text: &str) -> Result<(Option<EntityKind>, &str), String> {
    let (object, field) = text.rsplit_once('.').map_or((None, text), |(o, f)| (Some(o), f));
    let folded = |text: &str| text.replace('_', "").to_lowercase();
    let kind = match object {
        None => None,
        Some(object) => {
            let is_it = |kind: &EntityKind| folded(kind.name()) == folded(object);
            let kind = EntityKind::ALL.into_iter().find(is_it).ok_or_else(|| {
                let names = EntityKind::ALL.map(|kind| kind.name().to_lowercase());
                format!("m3ter has no object `{object}`, only {}", names.join(", "))
            })?;
            Some(kind)
        }
    };
    let kinds = EntityKind::ALL.into_iter().filter(|of| kind.is_none_or(|kind| kind == *of));
    let names: Vec<&str> =
        kinds.flat_map(|kind| kind.fields().iter().map(|field| field.name)).collect();
    if names.iter().any(|name| name.eq_ignore_ascii_case(field)) {
        return Ok((kind, field));
    }
    Err(match nearest(field, names.iter().copied()) {
        Some(near) => format!("m3ter has no field `{text}`; did you mean `{near}`?"),
        None => format!("m3ter has no field `{text}`; `sync-to-m3ter mapping schema` lists them"),
    })
}

fn of_case(
    path: &Path,
    mappings: &Mappings,
    kind: Option<EntityKind>,
    field: &str,
) -> anyhow::Result<Result<Vec<Explanation>, String>> {
    let case = Case::read(&PathBuf::from(path))?;
    let explain = |mapping: &Mapping| {
        let record = Record::new(case.record.clone());
        Ok(settled::explain(mapping, &record, &case.stand_in()?, kind, field))
    };
    Ok(case.mapping(mappings).and_then(explain))
}

fn show(explanation: &Explanation) {
    let screen = Screen::of_stdout();
    let Explanation { title, place, steps, outcome } = explanation;
    print(format_args!("{} ({place})", screen.paint(AnsiColor::Cyan, title)));
    for (depth, step) in steps {
        print(format_args!("{}{step}", "  ".repeat(depth + 1)));
    }
    print(format_args!("  = {outcome}\n"));
}
