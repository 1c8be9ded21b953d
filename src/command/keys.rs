//! `keys`: makes API keys. A key is shown once; the file holds its hash.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;

use super::{Outcome, print};
use crate::callers::{Role, append, entry, new_key};

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key and print it, this once. Several keys of one name are valid at the same time: make the new one, hand it out, then
    /// take the old one out of the file.
    New(NewKeyArguments),
}

/// Whose key it is.
#[derive(Debug, Clone, Args)]
pub struct NewKeyArguments {
    /// Who will use it; it stands in the logs.
    #[arg(long)]
    name: String,
    /// `caller` (starts syncs), `viewer` (reads runs) or `operator` (everything).
    #[arg(long)]
    role: Role,
    /// The file to add the key to; without one, the entry to add is printed.
    #[arg(long, env = "API_KEYS_FILE")]
    file: Option<PathBuf>,
}

/// Makes a key. Standard output gets the key alone, if a file takes the entry.
pub fn run(KeysCommand::New(NewKeyArguments { name, role, file }): KeysCommand) -> anyhow::Result<Outcome> {
    let new = new_key();
    match file {
        Some(path) => {
            append(&path, &name, role, &new.hash).context("the key was not added")?;
            let _ = writeln!(std::io::stderr(), "Added to {}. This is the key of `{name}`; it cannot be shown again:", path.display());
            print(new.key.expose_secret());
        }
        None => print(format_args!(
            "The key of `{name}`; it cannot be shown again:\n{}\n\nAdd to the file that API_KEYS_FILE names:\n\n{}",
            new.key.expose_secret(),
            entry(&name, role, &new.hash).context("the key was not made")?
        )),
    }
    Ok(Outcome::Done)
}
