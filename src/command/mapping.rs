//! `mapping`: what the mappings are, whether they are right, and the connector's brought over.

mod case;
mod directory;
pub mod explain;
pub mod import;
mod newer_syntax;
mod schema;
mod settled;
pub mod test;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use directory::Directory;

use super::checklist::Checklist;
use super::output::{self, Column, Form, Output};
use super::{Outcome, print};
use crate::app::{load_mappings, mapping_source, mapping_sources};
use crate::config::{Config, ConfigProblems};
use crate::domain::org_remark::{OrgRemark, Severity};
use crate::mapping::{Mapping, MappingFault, MappingSource, Mappings};
use crate::soql::remembered_name;
use crate::store::Store;
use crate::sync::{check_mappings, describe};
use crate::transport::Budget;
use crate::{m3ter, salesforce};

/// What can be done with mappings.
#[derive(Debug, Subcommand)]
pub enum MappingCommand {
    /// List the mappings that a service with these settings would use.
    List {
        /// Where the mappings are that are used.
        #[command(flatten)]
        directory: Directory,
        /// In which form.
        #[command(flatten)]
        form: Form,
    },
    /// Show the effective mapping as a table: each m3ter field, its source, what is done to it,
    /// and its Salesforce type where the org can be reached. Where it extends another one, also the
    /// file and line of each field.
    Show {
        /// The root object, such as Opportunity.
        root: String,
        /// Where the mappings are that are used.
        #[command(flatten)]
        directory: Directory,
        /// In which form.
        #[command(flatten)]
        form: Form,
    },
    /// Print the mapping that comes with the service, comments and all. A file of your own may hold
    /// only what differs from it.
    Export {
        /// The root object, such as Opportunity.
        root: String,
    },
    /// Check mapping files, and report all faults at once.
    Check(Check),
    /// Try the mappings with records of a folder, without an org and without m3ter: are the objects,
    /// values, findings and warnings those that are expected? The exit code is 1 if not.
    Test(test::Testing),
    /// Print the JSON Schema of mapping files, for editors: `#:schema mapping.schema.json` in the
    /// first line of a file gives completion and shows faults while you type.
    Schema,
    /// Trace one value from a record to m3ter: each source, each step, and what came of
    /// it.
    Explain(explain::Explaining),
    /// Make mapping files from the connector's metadata records.
    Import(import::Import),
    /// Forget a field or child relationship that was deleted in Salesforce on purpose: it is
    /// treated as blank from then on.
    ForgetField {
        /// `OBJECT.FIELD`, as the answer of a sync names it.
        name: String,
        /// The service's database, in place of the one that `DATABASE_URL` or `DATABASE_URL_FILE`
        /// names.
        #[arg(long)]
        database_url: Option<String>,
    },
}

/// What is checked.
#[derive(Debug, Clone, Args)]
pub struct Check {
    /// Files to check beside the mappings that come with the service; without any, those of the
    /// directory.
    pub files: Vec<PathBuf>,
    /// Also hold the mappings against the org's describe and m3ter's codes; this needs the
    /// service's settings.
    #[arg(long, conflicts_with = "files")]
    pub org: bool,
    /// Where the mappings are that are used.
    #[command(flatten)]
    pub directory: Directory,
    /// In which form.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Carries out a command. The service's settings are needed for what is asked of the org only.
pub async fn run(
    command: MappingCommand,
    config: Result<Config, ConfigProblems>,
    database: anyhow::Result<String>,
    mappings_dir: Option<PathBuf>,
    commitment_billing: Option<String>,
) -> anyhow::Result<Outcome> {
    let directory = |given: Directory| Directory {
        mappings_dir: given.mappings_dir.or_else(|| mappings_dir.clone()),
    };
    match command {
        MappingCommand::List { directory: given, form } => list(&directory(given), form),
        MappingCommand::Show { root, directory: given, form } => {
            show(&root, &directory(given), config.ok(), form).await
        }
        MappingCommand::Export { root } => Ok(export(&root)),
        MappingCommand::Check(Check { files, org, directory: given, output }) => {
            let sources = sources(&files, &directory(given))?;
            let checklist = Checklist::new(output);
            match Mappings::parse(&sources) {
                Err(faults) => tell_faults(checklist, &faults),
                Ok(mappings) if org => check_with_org(checklist, &mappings, config?).await,
                Ok(mappings) if files.is_empty() => {
                    let formed = mappings.iter();
                    let formed = formed.map(|mapping| (mapping.file(), mapping.root()));
                    tell_formed(checklist, formed, &sources)
                }
                Ok(_) => {
                    let formed = sources.iter().map(|source| (source.name.as_str(), ""));
                    tell_formed(checklist, formed, &sources)
                }
            }
        }
        MappingCommand::Schema => {
            print(serde_json::to_string_pretty(&schema::schema())?);
            Ok(Outcome::Done)
        }
        MappingCommand::Test(testing) => {
            let directory = directory(testing.directory.clone());
            test::run(&testing, &directory, config, commitment_billing).await
        }
        MappingCommand::Explain(explaining) => {
            let directory = directory(explaining.directory.clone());
            explain::run(&explaining, &directory, config, commitment_billing).await
        }
        MappingCommand::Import(import) => import::run(&import),
        MappingCommand::ForgetField { name, database_url } => {
            forget_field(&name, &database_url.map_or(database, Ok)?).await
        }
    }
}

fn export(root: &str) -> Outcome {
    let Some(text) = Mappings::built_in(root) else {
        let known: Vec<&str> = Mappings::built_in_roots().collect();
        return super::unusable(format_args!(
            "There is no built-in mapping for `{root}`, only for {}",
            known.join(", ")
        ));
    };
    print(text.trim_end());
    Outcome::Done
}

const FIELD_COLUMNS: [Column; 6] = [
    Column::word("Object"),
    Column::word("m3ter field"),
    Column::text("Source"),
    Column::text("Steps").rank(2),
    Column::word("Salesforce type").rank(3),
    Column::word("Line").rank(1),
];

async fn show(
    root: &str,
    directory: &Directory,
    config: Option<Config>,
    form: Form,
) -> anyhow::Result<Outcome> {
    let mut mappings = load_mappings(directory.mappings_dir.as_deref())?;
    mappings.state_billing(config.as_ref().and_then(|config| config.commitment_billing));
    let Some(mapping) = mappings.for_root(root) else {
        let known: Vec<&str> = mappings.iter().map(Mapping::root).collect();
        return Ok(super::unusable(format_args!(
            "There is no mapping for `{root}`, only for {}",
            known.join(", ")
        )));
    };
    let schema = match config {
        Some(config) => {
            let salesforce = salesforce::Client::new(config.salesforce)?;
            describe(&salesforce, mapping, &Budget::new(config.limits.time, config.limits.callouts))
                .await
                .map_err(|failure| failure.reason)
        }
        None => Err("the service's settings are not complete".to_owned()),
    };
    let extended = mapping.extended();
    let columns = if extended.is_empty() { &FIELD_COLUMNS[..5] } else { &FIELD_COLUMNS[..] };
    let mut rows = Vec::new();
    for field in mapping.describe(schema.as_ref().ok()) {
        let row = [
            field.object,
            field.field,
            field.source,
            field.steps,
            field.salesforce_type,
            field.place,
        ];
        rows.push(row.into_iter().take(columns.len()).collect());
    }
    let files: Vec<&str> = std::iter::once(mapping.file()).chain(extended).collect();
    if form.output != Output::Table {
        output::list_rows(form, columns, &rows)?;
        return Ok(Outcome::Done);
    }
    print(format_args!("{} ({})", mapping.root(), files.join(", which extends ")));
    output::list_rows(form, columns, &rows)?;
    for (choice, word) in mapping.settings().render_choices(mapping.states_billing()) {
        print(format_args!("{choice}: {word}"));
    }
    if let Err(reason) = schema {
        print(format_args!("Without Salesforce types: {reason}"));
    }
    Ok(Outcome::Done)
}

async fn check_with_org(
    mut checklist: Checklist,
    mappings: &Mappings,
    config: Config,
) -> anyhow::Result<Outcome> {
    let budget = Budget::new(config.limits.time, config.limits.callouts);
    let salesforce = salesforce::Client::new(config.salesforce)?;
    let m3ter = m3ter::Client::new(config.m3ter)?;
    for checked in check_mappings(&salesforce, &m3ter, mappings, &budget).await? {
        let file = checked.mapping.file();
        for OrgRemark { severity, message } in &checked.remarks {
            checklist.add(*severity, file, message);
        }
        if checked.remarks.is_empty() {
            checklist.add(Severity::Green, file, "fits the org");
        }
    }
    checklist.end()
}

/// A running service notices within a minute.
async fn forget_field(name: &str, database_url: &str) -> anyhow::Result<Outcome> {
    let is_name = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if !name.split_once('.').is_some_and(|(object, field)| is_name(object) && is_name(field)) {
        return Ok(super::unusable(format_args!(
            "`{name}` does not name a field; write it as the answer does: Opportunity.M3ter_PO_Number__c"
        )));
    }
    let store = Store::open_existing(database_url).await?;
    let was_remembered = store.forget_shown_name(&remembered_name(name)).await;
    store.close().await;
    if !was_remembered? {
        return Ok(super::unusable(format_args!(
            "`{name}` is not remembered: no mapping has read it so far, or it was forgotten before"
        )));
    }
    let caller = super::user();
    tracing::info!(target: "audit", caller, operation = "mapping forget-field", field = name, "forgotten");
    print(format_args!(
        "`{name}` is forgotten: if the org does not show it, it is treated as blank. A running service notices within a minute."
    ));
    Ok(Outcome::Done)
}

fn list(directory: &Directory, form: Form) -> anyhow::Result<Outcome> {
    let mappings = load_mappings(directory.mappings_dir.as_deref())?;
    let rows =
        mappings.iter().map(|mapping| vec![mapping.root().to_owned(), mapping.file().to_owned()]);
    let columns = [Column::word("Root object"), Column::word("File")];
    output::list_rows(form, &columns, &rows.collect::<Vec<_>>())?;
    Ok(Outcome::Done)
}

/// The files that are named, or those of the directory.
fn sources(files: &[PathBuf], directory: &Directory) -> anyhow::Result<Vec<MappingSource>> {
    if files.is_empty() {
        let own = directory.mappings_dir.as_deref().map(mapping_sources).transpose()?;
        return Ok(own.unwrap_or_default());
    }
    if let Some(folder) = files.iter().find(|path| path.is_dir()) {
        let folder = folder.display();
        anyhow::bail!("`{folder}` is a folder: --mappings-dir {folder} checks the files in it");
    }
    files.iter().map(|path| mapping_source(path)).collect()
}

fn tell_faults(mut checklist: Checklist, faults: &[MappingFault]) -> anyhow::Result<Outcome> {
    for fault in faults {
        checklist.say(Severity::Red, &fault.place(), &fault.advice(), fault);
    }
    checklist.end()
}

/// Tells which files are well-formed, and for which root object if that is known.
fn tell_formed<'m>(
    mut checklist: Checklist,
    formed: impl Iterator<Item = (&'m str, &'m str)>,
    sources: &[MappingSource],
) -> anyhow::Result<Outcome> {
    for (file, root) in formed {
        let message = format!("{root} is well-formed");
        let message = message.trim_start();
        checklist.say(Severity::Green, file, message, format_args!("{file}: {message}"));
    }
    for note in sources.iter().flat_map(newer_syntax::notes) {
        checklist.say(Severity::Yellow, &note.place, &note.message, &note);
    }
    checklist.end()
}
