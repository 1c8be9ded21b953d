//! `mapping test`: records, and what the mappings are to make of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anstyle::AnsiColor;
use anyhow::Context as _;
use serde_json::Value as Json;

use super::case::{Case, OrgRecord, billing_of};
use super::directory::Directory;
use super::settled::settle;
use crate::app::load_mappings;
use crate::command::output::{Column, Form, Output, Screen, list_rows, print};
use crate::command::{Outcome, given, remark, unusable};
use crate::config::{Config, ConfigProblems};
use crate::domain::pseudonym::Pseudonyms;
use crate::domain::record::Record;
use crate::mapping::Mappings;

/// How the files end that hold what is expected of a case.
const EXPECTED: &str = ".expected.json";

/// What is tested.
#[derive(Debug, Clone, clap::Args)]
pub struct Testing {
    /// The folder of the cases: `NAME.json` has a record, `NAME.expected.json` what the mapping
    /// makes of it.
    pub folder: PathBuf,
    /// Take what the mappings make of the records now as what is expected from now on.
    #[arg(long)]
    pub accept: bool,
    /// First add a record of the org as a case, what tells who somebody is replaced; this needs the
    /// service's settings.
    #[arg(long, value_name = "RECORD")]
    pub add: Option<String>,
    /// How Commitments are billed where a mapping does not say it, in place of
    /// `COMMITMENT_BILLING`: `paid_outside` or `billed_by_plan`.
    #[arg(long)]
    pub commitment_billing: Option<String>,
    /// In which form; one row for each difference.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// Where the mappings are that are tested.
    #[command(flatten)]
    pub directory: Directory,
}

/// How one case ended.
enum Verdict {
    AsExpected,
    Accepted,
    /// What differs, by its place: what was expected, and what came of it.
    Differs(Vec<(String, Option<String>, Option<String>)>),
    /// It cannot be tried.
    Unusable(String),
}

pub(super) async fn run(
    testing: &Testing,
    directory: &Directory,
    config: Result<Config, ConfigProblems>,
    commitment_billing: Option<String>,
) -> anyhow::Result<Outcome> {
    let mut mappings = load_mappings(directory.mappings_dir.as_deref())?;
    if let Some(record) = &testing.add {
        match given::record(record) {
            Ok(id) => add(&testing.folder, config?, &mappings, &id).await?,
            Err(invalid) => return Ok(unusable(invalid)),
        }
    }
    let billing = testing.commitment_billing.clone().or(commitment_billing);
    mappings.state_billing(billing_of(billing.as_deref())?);
    let (cases, expected) = files(&testing.folder)?;
    if cases.is_empty() {
        return Ok(unusable(format_args!(
            "`{}` has no case; `mapping test {0} --add RECORD` adds a record of the org",
            testing.folder.display()
        )));
    }
    let mut verdicts = Vec::new();
    for name in &cases {
        let verdict = try_case(&testing.folder, name, &mappings, testing.accept)?;
        if testing.output == Output::Table {
            show(name, &verdict);
        }
        verdicts.push((name.clone(), verdict));
    }
    for name in expected.iter().filter(|name| !cases.contains(name)) {
        let problem = format!("there is no case {name}.json; delete the file");
        let name = format!("{name}{EXPECTED}");
        if testing.output == Output::Table {
            print(format_args!("{name}: {problem}"));
        }
        verdicts.push((name, Verdict::Unusable(problem)));
    }
    conclude(testing.output, cases.len(), &verdicts)
}

/// Counts for people, rows for programs.
fn conclude(output: Output, all: usize, verdicts: &[(String, Verdict)]) -> anyhow::Result<Outcome> {
    let count =
        |is_so: fn(&Verdict) -> bool| verdicts.iter().filter(|(_, verdict)| is_so(verdict)).count();
    let failed = count(|verdict| matches!(verdict, Verdict::Differs(_)));
    let unusable_cases = count(|verdict| matches!(verdict, Verdict::Unusable(_)));
    if output == Output::Table {
        let plural = if all == 1 { "" } else { "s" };
        if failed + unusable_cases == 0 {
            print(format_args!("{all} case{plural}, all as expected"));
        } else {
            print(format_args!(
                "{all} case{plural}, {failed} not as expected, {unusable_cases} unusable"
            ));
        }
        if failed > 0 {
            print("If the new outcome is right, take it with --accept.");
        }
    } else {
        let rows: Vec<Vec<String>> =
            verdicts.iter().flat_map(|(name, verdict)| rows(name, verdict)).collect();
        list_rows(Form { output, utc: true }, &COLUMNS, &rows)?;
    }
    Ok(match (failed, unusable_cases) {
        (_, 1..) => Outcome::Unusable,
        (1.., 0) => Outcome::Failed,
        _ => Outcome::Done,
    })
}

const COLUMNS: [Column; 5] = [
    Column::word("Case"),
    Column::word("Verdict"),
    Column::text("Place"),
    Column::text("Expected"),
    Column::text("Found"),
];

fn rows(name: &str, verdict: &Verdict) -> Vec<Vec<String>> {
    let row = |word: &str, place: &str, expected: &str, found: &str| {
        [name, word, place, expected, found].map(str::to_owned).to_vec()
    };
    match verdict {
        Verdict::AsExpected => vec![row("as expected", "", "", "")],
        Verdict::Accepted => vec![row("accepted", "", "", "")],
        Verdict::Unusable(problem) => vec![row("unusable", "", "", problem)],
        Verdict::Differs(differences) => {
            let told = |value: &Option<String>| value.clone().unwrap_or_default();
            let differing = differences.iter();
            differing
                .map(|(place, was, is)| row("not as expected", place, &told(was), &told(is)))
                .collect()
        }
    }
}

/// The names of the cases in a folder, and of those of which something is expected.
fn files(folder: &Path) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("the folder `{}` could not be read", folder.display()))?;
    let (mut cases, mut expected) = (Vec::new(), Vec::new());
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some(name) = name.strip_suffix(EXPECTED) {
            expected.push(name.to_owned());
        } else if let Some(name) = name.strip_suffix(".json") {
            cases.push(name.to_owned());
        }
    }
    cases.sort();
    expected.sort();
    Ok((cases, expected))
}

fn try_case(
    folder: &Path,
    name: &str,
    mappings: &Mappings,
    accept: bool,
) -> anyhow::Result<Verdict> {
    let case = match Case::read(&folder.join(format!("{name}.json"))) {
        Ok(case) => case,
        Err(error) => return Ok(Verdict::Unusable(format!("{error:#}"))),
    };
    let settled = case.mapping(mappings).and_then(|mapping| {
        Ok(settle(mapping, &Record::new(case.record.clone()), &case.stand_in()?))
    });
    let outcome = match settled {
        Ok(outcome) => outcome,
        Err(problem) => return Ok(Verdict::Unusable(problem)),
    };
    let path = folder.join(format!("{name}{EXPECTED}"));
    let expected = match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Json::Null,
        Err(error) => {
            return Ok(Verdict::Unusable(format!(
                "`{}` could not be read: {error}",
                path.display()
            )));
        }
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(expected) => expected,
            Err(error) if !accept => {
                return Ok(Verdict::Unusable(format!("`{}` is not JSON: {error}", path.display())));
            }
            Err(_) => Json::Null,
        },
    };
    if expected == outcome {
        return Ok(Verdict::AsExpected);
    }
    if accept {
        std::fs::write(&path, format!("{}\n", serde_json::to_string_pretty(&outcome)?))
            .with_context(|| format!("`{}` could not be written", path.display()))?;
        return Ok(Verdict::Accepted);
    }
    let (mut was, mut is) = (BTreeMap::new(), BTreeMap::new());
    leaves("", &expected, &mut was);
    leaves("", &outcome, &mut is);
    let mut places: Vec<&String> = was.keys().chain(is.keys()).collect();
    places.sort();
    places.dedup();
    let differing = places.into_iter().filter(|place| was.get(*place) != is.get(*place));
    let line = |place: &String| (place.clone(), was.get(place).cloned(), is.get(place).cloned());
    Ok(Verdict::Differs(differing.map(line).collect()))
}

/// The values of a document by their places: `Contract 006…: endDate`.
fn leaves(place: &str, json: &Json, into: &mut BTreeMap<String, String>) {
    match json {
        Json::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let below = match (place, name.as_str()) {
                    ("", "objects") => String::new(),
                    ("", name) => name.to_owned(),
                    (place, "fields") => place.to_owned(),
                    (place, name) => format!("{place}: {name}"),
                };
                leaves(&below, value, into);
            }
        }
        Json::Array(items) if items.iter().any(Json::is_object) || place.ends_with("arnings") => {
            for (index, item) in items.iter().enumerate() {
                leaves(&format!("{place} {}", index + 1), item, into);
            }
        }
        Json::Null => {}
        value => {
            into.insert(place.to_owned(), value.to_string());
        }
    }
}

fn show(name: &str, verdict: &Verdict) {
    let screen = Screen::of_stdout();
    match verdict {
        Verdict::AsExpected => {
            print(format_args!("{name}: {}", screen.paint(AnsiColor::Green, "as expected")));
        }
        Verdict::Accepted => print(format_args!("{name}: taken as expected from now on")),
        Verdict::Unusable(problem) => {
            print(format_args!("{name}: {} {problem}", screen.paint(AnsiColor::Red, "unusable:")));
        }
        Verdict::Differs(differences) => {
            print(format_args!("{name}: {}", screen.paint(AnsiColor::Red, "not as expected")));
            for (place, was, is) in differences {
                print(format_args!("  {place}"));
                let lines = [(AnsiColor::Red, "-", was), (AnsiColor::Green, "+", is)];
                for (colour, sign, value) in lines {
                    if let Some(value) = value {
                        print(format_args!(
                            "    {}",
                            screen.paint(colour, &format!("{sign} {value}"))
                        ));
                    }
                }
            }
        }
    }
}

/// Writes a record of the org as a case.
async fn add(
    folder: &Path,
    config: Config,
    mappings: &Mappings,
    id: &crate::domain::ids::SalesforceId,
) -> anyhow::Result<()> {
    let read = OrgRecord::read(config, mappings, id).await?;
    let mut record = read.record.fields().clone();
    let mut pseudonyms = Pseudonyms::default();
    pseudonyms.learn(read.mapping.root(), &record);
    pseudonyms.replace(read.mapping.root(), &mut record);
    record
        .entry("attributes")
        .or_insert_with(|| serde_json::json!({ "type": read.mapping.root() }));
    std::fs::create_dir_all(folder)
        .with_context(|| format!("the folder `{}` could not be made", folder.display()))?;
    let path = folder.join(format!("{id}.json"));
    let mut case = Case::of(record);
    case.set_time_zone(read.time_zone.iana_name());
    let text = format!("{}\n", serde_json::to_string_pretty(&case)?);
    // What an author has added to a case is not overwritten.
    let mut file = std::fs::File::create_new(&path)
        .with_context(|| format!("`{}` could not be made", path.display()))?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    remark(format_args!("added: {}", path.display()));
    Ok(())
}
