//! `keys`: makes, lists, checks and revokes API keys. A key is shown once; the file holds its hash.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use ipnet::IpNet;
use jiff::{Timestamp, ToSpan as _};
use secrecy::ExposeSecret as _;

use super::checklist::Checklist;
use super::output::{self, Column, Form, Output};
use super::{Consent, Outcome, print, unusable};
use crate::callers::{
    Callers, Expiry, KeyEntry, KeyLimits, ListedKey, Role, RootObject, Scope, append_entry,
    new_key, parse_network, parse_org, revoke,
};
use crate::domain::ids::SalesforceId;
use crate::domain::org_remark::Severity;
use crate::store::Store;
use crate::telemetry::ErrorChain;

/// How long before its end a key is told to end soon.
const SOON_HOURS: i64 = 30 * 24;

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key and print it, this once. Several keys of one name are valid at the same time:
    /// make the new one, hand it out, then remove the old one from the file with `keys revoke NAME
    /// --key ID`.
    New(Box<NewKeyArguments>),
    /// List the keys of the file: what each may do, when it expires, when it was last used.
    List {
        /// The file.
        #[command(flatten)]
        file: KeysFile,
        /// In which form.
        #[command(flatten)]
        form: Form,
    },
    /// Remove a name's keys from the file; the running service notices within a second.
    Revoke {
        /// Whose keys.
        name: String,
        /// Only the one with this ID, as `keys list` shows it.
        #[arg(long)]
        key: Option<String>,
        /// The file.
        #[command(flatten)]
        file: KeysFile,
        /// Whether it may be done.
        #[command(flatten)]
        consent: Consent,
    },
    /// Read the file and name each fault with its line; the exit code is 1 if there is one.
    Check {
        /// The file.
        #[command(flatten)]
        file: KeysFile,
        /// In which form.
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
}

/// What is said where nobody names the file.
const NO_FILE: &str = "say which file has the keys: --file FILE, or API_KEYS_FILE";

/// Where the keys are.
#[derive(Debug, Clone, Args)]
pub struct KeysFile {
    /// The file of keys, in place of the one that `API_KEYS_FILE` names.
    #[arg(long)]
    file: Option<PathBuf>,
}

/// Whose key it is, and what it may do.
#[derive(Debug, Clone, Args)]
pub struct NewKeyArguments {
    /// Who will use it; the logs show it.
    #[arg(long)]
    name: String,
    /// `caller` (starts syncs), `viewer` (reads runs) or `operator` (everything).
    #[arg(long)]
    role: Role,
    /// What it may do only: `dry_run`, `end_date`, or both.
    #[arg(long = "scope")]
    scopes: Vec<Scope>,
    /// The only org that it is valid for: 00D….
    #[arg(long, value_parser = parse_org)]
    org: Option<SalesforceId>,
    /// The only objects of a record that it may name: `Opportunity`, or the three characters that
    /// ids begin with. May be repeated.
    #[arg(long = "object")]
    objects: Vec<RootObject>,
    /// An address or network from which alone it may be used. May be repeated.
    #[arg(long = "address", value_parser = parse_network)]
    addresses: Vec<IpNet>,
    /// Requests that it may make in a minute, in place of `CALLER_REQUESTS_PER_MINUTE`.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    requests_per_minute: Option<u32>,
    /// The last day in UTC on which it is valid, or the instant at which it expires.
    #[arg(long)]
    expires: Option<Expiry>,
    /// The file to add the key to, in place of the one that `API_KEYS_FILE` names; without one, the
    /// entry to add is printed.
    #[arg(long)]
    file: Option<PathBuf>,
}

/// Carries out one of the commands; `database_url` is where uses are kept, if that is known.
pub async fn run(
    command: KeysCommand,
    database_url: Option<Result<String, String>>,
    keys_file: Option<PathBuf>,
    user: &str,
) -> anyhow::Result<Outcome> {
    let known = |file: KeysFile| file.file.or_else(|| keys_file.clone()).ok_or(NO_FILE);
    match command {
        KeysCommand::New(mut arguments) => {
            arguments.file = arguments.file.or(keys_file);
            new(*arguments, user)
        }
        KeysCommand::List { file, form } => match known(file) {
            Ok(file) => list(file, form, database_url).await,
            Err(problem) => Ok(unusable(problem)),
        },
        KeysCommand::Revoke { name, key, file, consent } => {
            let file = match known(file) {
                Ok(file) => file,
                Err(problem) => return Ok(unusable(problem)),
            };
            let question = format!(
                "Revoke the keys of `{name}` in {}? They cannot be made again",
                file.display()
            );
            if let Some(refused) = consent.refused(&question).await? {
                return Ok(refused);
            }
            let taken = revoke(&file, &name, key.as_deref()).context("nothing was revoked")?;
            tracing::info!(target: "audit", caller = user, removed = name, keys = taken, file = %file.display(), "API keys were revoked");
            let keys = if taken == 1 { "key" } else { "keys" };
            print(format_args!(
                "{taken} {keys} of `{name}` removed from {}; running services notice within a second",
                file.display()
            ));
            Ok(Outcome::Done)
        }
        KeysCommand::Check { file, output } => match known(file) {
            Ok(file) => check(file, output),
            Err(problem) => Ok(unusable(problem)),
        },
    }
}

/// Standard output gets the key alone, if a file takes the entry.
fn new(arguments: NewKeyArguments, user: &str) -> anyhow::Result<Outcome> {
    let NewKeyArguments {
        name,
        role,
        scopes,
        org,
        objects,
        addresses,
        requests_per_minute,
        expires,
        file,
    } = arguments;
    let limits = KeyLimits { scopes, org, objects, addresses, requests_per_minute, expires };
    if let Some(expires) = limits.expires.as_ref().filter(|expires| expires.at <= Timestamp::now())
    {
        return Ok(unusable(format_args!(
            "the key was not made: --expires {expires} is in the past"
        )));
    }
    let new = new_key();
    let entry = KeyEntry { name, role, limits, hash: new.hash };
    let (name, id) = (&entry.name, new.hash.id());
    match file {
        Some(path) => {
            append_entry(&path, &entry).context("the key was not added")?;
            tracing::info!(target: "audit", caller = user, added = format!("{name} {role} {id}"), file = %path.display(), "an API key was made");
            let _ = writeln!(
                std::io::stderr(),
                "Added to {}. This is the key of `{name}` ({id}); it cannot be shown again:",
                path.display()
            );
            print(new.key.expose_secret());
        }
        None => print(format_args!(
            "The key of `{name}`; it cannot be shown again:\n{}\n\nAdd to the file that API_KEYS_FILE names:\n\n{}",
            new.key.expose_secret(),
            entry
                .to_text()
                .map_err(|problem| anyhow::anyhow!("the key was not made: {problem}"))?
        )),
    }
    Ok(Outcome::Done)
}

const COLUMNS: [Column; 6] = [
    Column::word("Name"),
    Column::word("Role"),
    Column::word("Key"),
    Column::text("May do only").rank(2),
    Column::word("Ends"),
    Column::time("Used last").rank(1),
];

async fn list(
    file: PathBuf,
    form: Form,
    database_url: Option<Result<String, String>>,
) -> anyhow::Result<Outcome> {
    let callers = Callers::from_file(file).context("the file of keys cannot be used")?;
    let used = match database_url {
        Some(url) => match last_uses(url).await {
            Ok(used) => Some(used),
            Err(problem) => {
                let _ = writeln!(std::io::stderr(), "The last use of keys is unknown: {problem}");
                None
            }
        },
        None => None,
    };
    let mut rows = Vec::new();
    for ListedKey { caller, is_over } in callers.list() {
        let limits = &caller.limits;
        let ends = limits
            .expires
            .as_ref()
            .map(|expires| if is_over { format!("{expires} (over)") } else { expires.to_string() });
        let last = used.as_ref().map(|used| {
            used.get(&*caller.key).map_or_else(|| "never".to_owned(), ToString::to_string)
        });
        rows.push(vec![
            caller.name.to_string(),
            caller.role.to_string(),
            caller.key.to_string(),
            limits.in_words(),
            ends.unwrap_or_default(),
            last.unwrap_or_else(|| "?".to_owned()),
        ]);
    }
    output::list_rows(form, &COLUMNS, &rows)?;
    for fault in callers.faults().iter().filter(|fault| !fault.is_expiry) {
        let _ = writeln!(std::io::stderr(), "is ignored: {fault}");
    }
    Ok(Outcome::Done)
}

async fn last_uses(
    database_url: Result<String, String>,
) -> Result<HashMap<String, Timestamp>, String> {
    let in_words = |error| ErrorChain(&error).to_string();
    let store = Store::open_existing(&database_url?).await.map_err(in_words)?;
    let used = store.load_key_uses().await.map_err(in_words);
    store.close().await;
    used
}

fn check(file: PathBuf, output: Output) -> anyhow::Result<Outcome> {
    let shown = file.display().to_string();
    let mut checklist = Checklist::new(output);
    let callers = match Callers::from_file(file) {
        Ok(callers) => callers,
        Err(problem) => {
            checklist.add_plain(Severity::Red, &shown, &problem.to_string());
            return checklist.end();
        }
    };
    let faults = callers.faults();
    for fault in &faults {
        checklist.add_plain(Severity::Red, &shown, &fault.to_string());
    }
    let soon = Timestamp::now() + SOON_HOURS.hours();
    let list = callers.list();
    for ListedKey { caller, .. } in
        list.iter().filter(|key| !key.is_over && key.caller.limits.is_over(soon))
    {
        let ends = caller.limits.expires.as_ref().map(ToString::to_string).unwrap_or_default();
        let message = format!(
            "key `{}` ({}) expires soon: {ends}; make a new one with `keys new`",
            caller.name, caller.key
        );
        checklist.add_plain(Severity::Yellow, &shown, &message);
    }
    if callers.others_may_read() {
        let message = format!("`{shown}` is readable by everybody on this machine: `chmod o-r` it");
        checklist.add_plain(Severity::Yellow, &shown, &message);
    }
    let valid = list.iter().filter(|key| !key.is_over).count();
    let keys = if valid == 1 { "key" } else { "keys" };
    let severity = if faults.is_empty() { Severity::Green } else { Severity::Red };
    checklist.add_plain(severity, &shown, &format!("`{shown}` has {valid} valid {keys}"));
    checklist.end()
}
