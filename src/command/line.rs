//! The command line: which command was meant, with which settings, and how it ended.

use std::io::{IsTerminal as _, Write as _};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::command::{
    self, Outcome,
    changes::ChangesCommand,
    check,
    db::DbCommand,
    health::HealthQuestion,
    help::SPEAKERS,
    keys::KeysCommand,
    links::LinksCommand,
    mapping::MappingCommand,
    pause::{Pausing, Resuming},
    place::Place,
    remote::{NoAnswer, Remote},
    runs::RunsCommand,
    sandbox::Sandboxing,
    settings::ConfigCommand,
    shells::Shell,
    snapshot::{self, SnapshotCommand},
};
use crate::config::{self, Config, Environment};
use crate::telemetry::{self, Collector, ErrorChain, LogFormat};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};

/// What the help of the program ends with.
const AFTER_HELP: &str = "Try it without settings: sync-to-m3ter sandbox

Exit codes:
  0    done; of a sync: Completed
  1    it failed
  2    it could not be tried: a setting, an argument, the database
  3    Partial Success: some objects are not in m3ter
  4    it failed, and the same may succeed later
  5    a dry run with --exit-code found something to write
  130  it was interrupted, and handed its run over

`config show` lists all variables; docs/command-line.md has the forms of output.";

/// Brings a Salesforce deal into m3ter, the usage-based billing platform.
#[derive(Debug, Parser)]
#[command(version = command::VERSION, about, after_help = AFTER_HELP)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    /// A file of variables, one `NAME=value` a line; a variable of the environment takes precedence.
    #[arg(long, global = true, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// For `sync`, `end-date`, `reopen`, `verify`, `backfill`, `runs`, `changes`, `erase`, `links`,
    /// `adopt`, `pause` and `resume`: the service to speak to, in place of `SYNC_TO_M3TER_URL`, with
    /// the API key in `SYNC_TO_M3TER_KEY` or `SYNC_TO_M3TER_KEY_FILE`.
    #[arg(long, global = true, value_name = "ADDRESS")]
    url: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service (the default); it is configured by environment variables.
    Serve,
    /// Run the service against an emulated Salesforce org and an emulated m3ter organization, with
    /// example records.
    Sandbox(Sandboxing),
    /// Sync records from the terminal.
    Sync(command::sync::Syncing),
    /// Put what a sync of records reads into a folder, without persons' data, to try it elsewhere.
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// Compare many records with m3ter and say which differ; writes nothing there.
    Verify(command::verify::Verifying),
    /// Sync the records that a verification named, by the running service; needs only the
    /// database's settings, or `--url`.
    Backfill(command::backfill::Backfilling),
    /// Make, list, revoke and check API keys.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// End what m3ter bills for one record, from the terminal.
    EndDate(command::end_date::Ending),
    /// Take ends that end dating made back, so that the next sync follows Salesforce; needs only
    /// the database's settings, or `--url`.
    Reopen(command::reopen::Reopened),
    /// Show, check and import mappings.
    #[command(subcommand)]
    Mapping(MappingCommand),
    /// Look at what was done, or do it again.
    #[command(subcommand)]
    Runs(RunsCommand),
    /// Look at which m3ter object belongs to which Salesforce row, or change that; needs only the
    /// database's settings, or `--url`.
    #[command(subcommand)]
    Links(LinksCommand),
    /// List the Accounts of m3ter that only a typed code leads to, and say that they are the right
    /// ones, which needs only the database's settings, or `--url`; or link records to objects that
    /// m3ter has.
    Adopt(command::adopt::Adoption),
    /// Look at what was changed in m3ter, from what to what; needs only the database's settings, or
    /// `--url`.
    #[command(subcommand)]
    Changes(ChangesCommand),
    /// Remove the values of what was changed for a record from the history: that something was
    /// changed, when and by whom stays; needs only the database's settings, or `--url`.
    Erase(command::changes::Erasing),
    /// Copy the service's database; needs only the database's settings.
    #[command(subcommand)]
    Db(DbCommand),
    /// In an incident: let no run begin, in any replica, until `resume`; needs only the database's
    /// settings, or `--url`.
    Pause(Pausing),
    /// Let runs begin again, those that have waited longest first.
    Resume(Resuming),
    /// Show every setting, its value without secrets, and where it comes from.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check that everything is in place: configuration, mappings, logins, fields, currency and
    /// time zone.
    Check(command::check::Checking),
    /// Check the health of the service on this machine, at `LISTEN_ADDRESS`. The exit code is 0
    /// or 1.
    Health(HealthQuestion),
    /// Print what makes a shell complete commands and arguments.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the manual pages, one for each command, into a folder.
    Man {
        /// The folder.
        folder: PathBuf,
    },
}

impl Command {
    /// What is logged where `RUST_LOG` does not say.
    fn default_filter(&self) -> &'static str {
        match self {
            Self::Serve | Self::Sandbox(_) => "info",
            // A person's terminal is no log: lines of the audit log would stand among what is
            // answered.
            _ if std::io::stderr().is_terminal() => "warn",
            // What is done by commands is recorded as well.
            _ => "warn,audit=info",
        }
    }

    /// Whether it is told by the whole configuration.
    fn reads_configuration(&self) -> bool {
        match self {
            Self::Runs(command) => command.runs_here(),
            Self::Verify(verifying) => !verifying.only_looks(),
            Self::Adopt(adoption) => adoption.names_objects(),
            Self::Serve
            | Self::Sync(_)
            | Self::Snapshot(_)
            | Self::EndDate(_)
            | Self::Mapping(_)
            | Self::Check(_) => true,
            _ => false,
        }
    }
}

/// All commands and their arguments, with their help.
pub fn arguments() -> clap::Command {
    command::help::with_help(CommandLine::command())
}

/// Carries out what the arguments and the environment of the process say; its exit code.
pub fn run() -> ExitCode {
    // Two TLS libraries of one process would disagree about their cryptography at run time: it is
    // chosen here, once.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return complain("the cryptography was chosen twice", Outcome::Unusable);
    }
    let arguments = arguments().get_matches();
    let CommandLine { command, env_file, url } = match CommandLine::from_arg_matches(&arguments) {
        Ok(line) => line,
        Err(error) => error.exit(),
    };
    let name = arguments.subcommand_name().unwrap_or_default();
    let command = command.unwrap_or(Command::Serve);
    let environment = match environment(env_file.as_deref()) {
        Ok(environment) => environment,
        Err(problem) => return complain(&problem, Outcome::Unusable),
    };
    if let Some(outcome) = without_runtime(&command, &environment) {
        return ended(outcome);
    }
    let variable = |name: &str| environment.get(name);
    let service = match service(name, &variable, url.as_deref()) {
        Ok(service) => service,
        Err(problem) => return complain(&problem, Outcome::Unusable),
    };
    let reads_configuration = service.is_none() && command.reads_configuration();
    let format = match variable("LOG_FORMAT").as_deref().map(str::trim) {
        None | Some("text") => LogFormat::Text,
        Some("json") => LogFormat::Json,
        // It is told with all that is wrong.
        Some(_) if reads_configuration => LogFormat::Text,
        Some(_) => return complain("LOG_FORMAT must be `text` or `json`", Outcome::Unusable),
    };
    if matches!(command, Command::Serve) {
        // Other processes of this user read neither its memory nor its environment, and no dump of
        // it is written.
        let _ =
            rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    }
    // Huge pages double the memory of a small service, and win nothing.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            return complain(
                &format!("the runtime could not be started: {error}"),
                Outcome::Unusable,
            );
        }
    };
    let collector = match collector(&variable) {
        Ok(collector) => collector,
        // It is told with all that is wrong.
        Err(_) if reads_configuration => None,
        Err(problem) => return complain(&problem, Outcome::Unusable),
    };
    let inside = runtime.enter();
    let telemetry = match telemetry::start(
        &variable("RUST_LOG").unwrap_or_else(|| command.default_filter().to_owned()),
        format,
        collector.as_ref(),
    ) {
        Ok(telemetry) => telemetry,
        Err(problem) => return complain(&problem, Outcome::Unusable),
    };
    drop(inside);
    if !matches!(command, Command::Health(_)) {
        for unknown in environment.unknown() {
            tracing::warn!("{unknown}");
        }
    }
    let config = reads_configuration.then(|| Config::from_variables(&variable));
    let database = || config::database_url(&variable).map_err(anyhow::Error::msg);
    let place = async || -> anyhow::Result<Place> {
        match &service {
            Some(service) => Ok(Place::Service(service.clone())),
            None => Place::database(&database()?).await,
        }
    };
    let outcome = runtime.block_on(async {
        match (command, config) {
            (Command::Sync(syncing), None) => match &service {
                Some(service) => command::sync::run_remotely(service, &syncing).await,
                None => unreachable!("it has read its configuration"),
            },
            (Command::EndDate(ending), None) => match &service {
                Some(service) => command::end_date::run_remotely(service, &ending).await,
                None => unreachable!("it has read its configuration"),
            },
            (Command::Mapping(command), Some(config)) => {
                let mappings_dir = variable("MAPPINGS_DIR").map(PathBuf::from);
                let billing = variable("COMMITMENT_BILLING");
                command::mapping::run(command, config, database(), mappings_dir, billing).await
            }
            (_, Some(Err(problems))) => Err(anyhow::anyhow!("{problems}\n{WAYS_ON}")),
            (Command::Serve, Some(Ok(config))) => command::serve::run(config).await,
            (Command::Sync(syncing), Some(Ok(config))) => {
                command::sync::run(config, &syncing).await
            }
            (Command::Snapshot(asked), Some(Ok(config))) => snapshot::run(config, asked).await,
            (Command::EndDate(ending), Some(Ok(config))) => {
                command::end_date::run(config, &ending).await
            }
            (Command::Verify(verifying), Some(Ok(config))) => {
                command::verify::run(config, verifying).await
            }
            (Command::Runs(command), Some(Ok(config))) => {
                command::runs::replay(&config, command).await
            }
            (Command::Runs(command), None) => {
                async { command::runs::run(place().await?, command).await }.await
            }
            (Command::Verify(verifying), None) => {
                async { command::verify::by_place(place().await?, &verifying).await }.await
            }
            (Command::Backfill(backfilling), _) => {
                async { command::backfill::run(place().await?, backfilling).await }.await
            }
            (Command::Check(checking), Some(Ok(config))) => check::run(config, checking).await,
            (Command::Sandbox(sandboxing), _) => command::sandbox::run(sandboxing, &variable).await,
            (Command::Links(command), _) => {
                async { command::links::run(place().await?, command).await }.await
            }
            (Command::Reopen(reopened), _) => {
                async { command::reopen::run(place().await?, &reopened).await }.await
            }
            (Command::Pause(pausing), _) => {
                async { command::pause::pause(place().await?, &command::user(), &pausing).await }
                    .await
            }
            (Command::Resume(resuming), _) => {
                async { command::pause::resume(place().await?, &command::user(), &resuming).await }
                    .await
            }
            (Command::Changes(command), _) => {
                async { command::changes::run(place().await?, command).await }.await
            }
            (Command::Db(command), _) => {
                async { command::db::run(&database()?, command).await }.await
            }
            (Command::Erase(erasing), _) => {
                async { command::changes::erase(place().await?, &erasing).await }.await
            }
            (Command::Adopt(adoption), Some(Ok(config))) => {
                command::adopt::link(&config, adoption).await
            }
            (Command::Adopt(adoption), _) => {
                async { command::adopt::run(place().await?, adoption).await }.await
            }
            (Command::Keys(command), _) => {
                let keys_file = variable("API_KEYS_FILE").map(PathBuf::from);
                let database = config::known_database(&variable);
                command::keys::run(command, database, keys_file, &command::user()).await
            }
            (Command::Health(question), _) => match config::listen_address(&variable) {
                Ok(address) => command::health::run(address, question).await,
                Err(problem) => Err(anyhow::anyhow!(problem)),
            },
            (Command::Config(_) | Command::Completions { .. } | Command::Man { .. }, _)
            | (_, None) => unreachable!("it has ended, or read its configuration"),
        }
    });
    telemetry.end();
    ended(outcome)
}

/// A thread for every second processor. A sync mostly waits: with more threads, most of them are
/// woken to find that another one has the work.
fn runtime() -> std::io::Result<Runtime> {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    Builder::new_multi_thread().worker_threads((processors / 2).max(1)).enable_all().build()
}

/// Where spans go, if anywhere.
fn collector(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Collector>, String> {
    let endpoint =
        variable("OTEL_EXPORTER_OTLP_ENDPOINT").filter(|endpoint| !endpoint.trim().is_empty());
    let headers = config::optional_secret(
        variable,
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_EXPORTER_OTLP_HEADERS_FILE",
    )?;
    Ok(endpoint.map(|endpoint| Collector { endpoint, headers }))
}

/// Carries out a command that asks nobody anything.
fn without_runtime(
    command: &Command,
    environment: &Environment,
) -> Option<anyhow::Result<Outcome>> {
    match command {
        Command::Config(command) => Some(command::settings::run(command, environment)),
        Command::Completions { shell } => {
            Some(command::shells::completions(CommandLine::command(), *shell))
        }
        Command::Man { folder } => {
            let line = arguments();
            Some(command::shells::manual(line, folder))
        }
        _ => None,
    }
}

/// What is said below the problems of the configuration.
const WAYS_ON: &str = "`sync-to-m3ter config show` shows every setting and where it comes from; `sync-to-m3ter sandbox` needs none";

/// The variables of the process, and those of a file.
fn environment(file: Option<&Path>) -> Result<Environment, String> {
    #[expect(clippy::disallowed_methods, reason = "the environment is read here and nowhere else")]
    let process = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let environment = Environment::new(process);
    match file {
        Some(file) => environment.with_file(file),
        None => Ok(environment),
    }
}

/// The service that a command is to speak to; `None`: it works here.
fn service(
    command: &str,
    variable: &dyn Fn(&str) -> Option<String>,
    url: Option<&str>,
) -> Result<Option<Remote>, String> {
    if !SPEAKERS.contains(&command) {
        return match url {
            Some(_) => Err(format!(
                "this command does not speak to a service: --url is for `{}`",
                SPEAKERS.join("`, `")
            )),
            None => Ok(None),
        };
    }
    let remote = config::remote(variable, url)?.map(Remote::new).transpose();
    remote.map_err(|error| ErrorChain(error.as_ref()).to_string())
}

fn ended(outcome: anyhow::Result<Outcome>) -> ExitCode {
    match outcome {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            let outcome =
                error.downcast_ref().map_or(Outcome::Unusable, |none: &NoAnswer| none.outcome);
            complain(&ErrorChain(error.as_ref()).to_string(), outcome)
        }
    }
}

fn complain(problem: &str, outcome: Outcome) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: {problem}");
    outcome.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_says_of_each_command_whether_a_service_can_do_it() {
        let line = CommandLine::command();
        let names: Vec<&str> = line.get_subcommands().map(clap::Command::get_name).collect();
        let url = line.get_arguments().find(|argument| argument.get_id() == "url");
        let of_url = url.and_then(clap::Arg::get_long_help).or(url.and_then(clap::Arg::get_help));
        let of_url = of_url.map(ToString::to_string).unwrap_or_default();
        for speaker in SPEAKERS {
            assert!(
                names.contains(&speaker) && of_url.contains(&format!("`{speaker}`")),
                "{speaker}"
            );
        }
        for command in line.get_subcommands() {
            let about = command.get_long_about().or(command.get_about());
            let about = about.map(ToString::to_string).unwrap_or_default();
            if about.contains("database's settings") {
                let speaks = SPEAKERS.contains(&command.get_name());
                assert_eq!(about.contains("`--url`"), speaks, "{}: {about}", command.get_name());
            }
        }
    }
}
