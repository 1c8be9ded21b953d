//! `mapping`: what the mappings are, whether they are right, and the connector's brought over.

pub mod import;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Outcome, print};
use crate::app::{load_mappings, mapping_source};
use crate::mapping::{MappingFault, Mappings};

/// What can be done with mappings.
#[derive(Debug, Subcommand)]
pub enum MappingCommand {
    /// List the mappings that a service with these settings would use.
    List(Directory),
    /// Look for faults in mapping files, all at once, without speaking to anybody.
    Check(Check),
    /// Make mapping files of the connector's metadata records.
    Import(import::Import),
}

/// Where an operator's own mappings are.
#[derive(Debug, Clone, Args)]
pub struct Directory {
    /// The directory of the operator's own mappings; without one there are those that come with the service.
    #[arg(long, env = "MAPPINGS_DIR")]
    pub mappings_dir: Option<PathBuf>,
}

/// What is checked.
#[derive(Debug, Clone, Args)]
pub struct Check {
    /// Files to check beside the mappings that come with the service; without any, those of the directory.
    pub files: Vec<PathBuf>,
    /// Where the mappings are that are used.
    #[command(flatten)]
    pub directory: Directory,
}

/// Carries out a command.
pub fn run(command: MappingCommand) -> anyhow::Result<Outcome> {
    match command {
        MappingCommand::List(directory) => list(&directory),
        MappingCommand::Check(check) => self::check(&check),
        MappingCommand::Import(import) => import::run(&import),
    }
}

fn list(directory: &Directory) -> anyhow::Result<Outcome> {
    let mappings = load_mappings(directory.mappings_dir.as_deref())?;
    let mut table = super::table(["Root object", "File"]);
    for mapping in mappings.iter() {
        table.add_row([mapping.root(), mapping.file()]);
    }
    print(table);
    Ok(Outcome::Done)
}

fn check(check: &Check) -> anyhow::Result<Outcome> {
    if check.files.is_empty() {
        let mappings = load_mappings(check.directory.mappings_dir.as_deref())?;
        for mapping in mappings.iter() {
            print(format_args!("{}: {} is well-formed", mapping.file(), mapping.root()));
        }
        return Ok(Outcome::Done);
    }
    let sources = check.files.iter().map(|path| mapping_source(path)).collect::<anyhow::Result<Vec<_>>>()?;
    match Mappings::parse(&sources) {
        Ok(_) => {
            for source in &sources {
                print(format_args!("{}: is well-formed", source.name));
            }
            Ok(Outcome::Done)
        }
        Err(faults) => {
            let faults: Vec<String> = faults.iter().map(MappingFault::to_string).collect();
            print(faults.join("\n"));
            Ok(Outcome::Failed)
        }
    }
}
