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
use crate::telemetry::{self, Collector, ErrorChain, LogFormat, Telemetry};
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

    /// Whether it needs neither a runtime nor a log.
    fn asks_nobody(&self) -> bool {
        matches!(self, Self::Config(_) | Self::Completions { .. } | Self::Man { .. })
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
    try_to_run().unwrap_or_else(|problem| complain(&problem, Outcome::Unusable))
}

/// The exit code of the command, or why it could not begin.
fn try_to_run() -> Result<ExitCode, String> {
    // Two TLS libraries of one process would disagree about their cryptography at run time: it is
    // chosen here, once.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return Err("the cryptography was chosen twice".to_owned());
    }
    let arguments = arguments().get_matches();
    let CommandLine { command, env_file, url } =
        CommandLine::from_arg_matches(&arguments).unwrap_or_else(|error| error.exit());
    let name = arguments.subcommand_name().unwrap_or_default();
    let command = command.unwrap_or(Command::Serve);
    let environment = environment(env_file.as_deref())?;
    if command.asks_nobody() {
        let here = Setup { environment: &environment, service: None };
        return Ok(ended(futures::executor::block_on(carry_out(command, &here))));
    }
    let service = service(name, &|name: &str| environment.get(name), url.as_deref())?;
    let setup = Setup { environment: &environment, service };
    let format = setup.log_format(&command)?;
    if matches!(command, Command::Serve) {
        // Other processes of this user read neither its memory nor its environment, and no dump of
        // it is written.
        let _ =
            rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    }
    // Huge pages double the memory of a small service, and win nothing.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    let runtime =
        runtime().map_err(|error| format!("the runtime could not be started: {error}"))?;
    let inside = runtime.enter();
    let telemetry = setup.start_telemetry(&command, format)?;
    drop(inside);
    if !matches!(command, Command::Health(_)) {
        for unknown in environment.unknown() {
            tracing::warn!("{unknown}");
        }
    }
    let outcome = runtime.block_on(carry_out(command, &setup));
    telemetry.end();
    Ok(ended(outcome))
}

/// What a command works with.
struct Setup<'a> {
    environment: &'a Environment,
    /// The service that it speaks to; `None`: it works here.
    service: Option<Remote>,
}

impl Setup<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        self.environment.get(name)
    }

    /// Whether the whole configuration is read: then all that is wrong with it is told together.
    fn reads_configuration(&self, command: &Command) -> bool {
        self.service.is_none() && command.reads_configuration()
    }

    fn log_format(&self, command: &Command) -> Result<LogFormat, String> {
        match self.variable("LOG_FORMAT").as_deref().map(str::trim) {
            None | Some("text") => Ok(LogFormat::Text),
            Some("json") => Ok(LogFormat::Json),
            Some(_) if self.reads_configuration(command) => Ok(LogFormat::Text),
            Some(_) => Err("LOG_FORMAT must be `text` or `json`".to_owned()),
        }
    }

    fn start_telemetry(&self, command: &Command, format: LogFormat) -> Result<Telemetry, String> {
        let collector = match collector(&|name: &str| self.variable(name)) {
            Err(_) if self.reads_configuration(command) => None,
            collector => collector?,
        };
        let filter = self.variable("RUST_LOG");
        let filter = filter.unwrap_or_else(|| command.default_filter().to_owned());
        telemetry::start(&filter, format, collector.as_ref())
    }

    fn config(&self) -> anyhow::Result<Config> {
        Config::from_variables(&|name: &str| self.variable(name))
            .map_err(|problems| anyhow::anyhow!("{problems}\n{WAYS_ON}"))
    }

    fn database(&self) -> anyhow::Result<String> {
        config::database_url(&|name: &str| self.variable(name)).map_err(anyhow::Error::msg)
    }

    async fn place(&self) -> anyhow::Result<Place> {
        match &self.service {
            Some(service) => Ok(Place::Service(service.clone())),
            None => Place::database(&self.database()?).await,
        }
    }
}

async fn carry_out(command: Command, setup: &Setup<'_>) -> anyhow::Result<Outcome> {
    let reads_configuration = setup.reads_configuration(&command);
    let variable = |name: &str| setup.variable(name);
    match command {
        Command::Serve => command::serve::run(setup.config()?).await,
        Command::Sandbox(sandboxing) => command::sandbox::run(sandboxing, &variable).await,
        Command::Sync(syncing) => match &setup.service {
            Some(service) => command::sync::run_remotely(service, &syncing).await,
            None => command::sync::run(setup.config()?, &syncing).await,
        },
        Command::Snapshot(asked) => snapshot::run(setup.config()?, asked).await,
        Command::Verify(verifying) if reads_configuration => {
            command::verify::run(setup.config()?, verifying).await
        }
        Command::Verify(verifying) => {
            command::verify::by_place(setup.place().await?, &verifying).await
        }
        Command::Backfill(backfilling) => {
            command::backfill::run(setup.place().await?, backfilling).await
        }
        Command::Keys(command) => {
            let keys_file = variable("API_KEYS_FILE").map(PathBuf::from);
            let database = config::known_database(&variable);
            command::keys::run(command, database, keys_file, &command::user()).await
        }
        Command::EndDate(ending) => match &setup.service {
            Some(service) => command::end_date::run_remotely(service, &ending).await,
            None => command::end_date::run(setup.config()?, &ending).await,
        },
        Command::Reopen(reopened) => command::reopen::run(setup.place().await?, &reopened).await,
        Command::Mapping(command) => {
            let config = Config::from_variables(&variable);
            let mappings_dir = variable("MAPPINGS_DIR").map(PathBuf::from);
            let billing = variable("COMMITMENT_BILLING");
            command::mapping::run(command, config, setup.database(), mappings_dir, billing).await
        }
        Command::Runs(command) if reads_configuration => {
            command::runs::replay(&setup.config()?, command).await
        }
        Command::Runs(command) => command::runs::run(setup.place().await?, command).await,
        Command::Links(command) => command::links::run(setup.place().await?, command).await,
        Command::Adopt(adoption) if reads_configuration => {
            command::adopt::link(&setup.config()?, adoption).await
        }
        Command::Adopt(adoption) => command::adopt::run(setup.place().await?, adoption).await,
        Command::Changes(command) => command::changes::run(setup.place().await?, command).await,
        Command::Erase(erasing) => command::changes::erase(setup.place().await?, &erasing).await,
        Command::Db(command) => command::db::run(&setup.database()?, command).await,
        Command::Pause(pausing) => {
            command::pause::pause(setup.place().await?, &command::user(), &pausing).await
        }
        Command::Resume(resuming) => {
            command::pause::resume(setup.place().await?, &command::user(), &resuming).await
        }
        Command::Config(command) => command::settings::run(&command, setup.environment),
        Command::Check(checking) => check::run(setup.config()?, checking).await,
        Command::Health(question) => {
            let address = config::listen_address(&variable).map_err(anyhow::Error::msg)?;
            command::health::run(address, question).await
        }
        Command::Completions { shell } => {
            command::shells::completions(CommandLine::command(), shell)
        }
        Command::Man { folder } => command::shells::manual(arguments(), &folder),
    }
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
