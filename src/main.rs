//! The command line.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sync_to_m3ter::command::{
    self, Outcome, health::HealthQuestion, keys::KeysCommand, links::LinksCommand, mapping::MappingCommand, runs::RunsCommand,
    sandbox::Ports,
};
use sync_to_m3ter::config::{self, Config};
use sync_to_m3ter::sync::SyncMode;
use sync_to_m3ter::telemetry::{self, Collector, LogFormat};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Brings a Salesforce deal into m3ter, the usage-based billing platform.
#[derive(Debug, Parser)]
#[command(version, about)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service (the default); it is configured by environment variables.
    Serve,
    /// Run the service against an emulated Salesforce org and an emulated m3ter organization, with example records.
    Sandbox(Ports),
    /// Sync one record from the terminal.
    Sync {
        /// The Salesforce id of the record, with 15 or 18 characters.
        record_id: String,
        /// Only say what would be written.
        #[arg(long)]
        dry_run: bool,
    },
    /// Make API keys.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// End what m3ter bills for one record, from the terminal.
    EndDate(command::end_date::Ending),
    /// Show, check and import mappings.
    #[command(subcommand)]
    Mapping(MappingCommand),
    /// Look at what was done, or do it again.
    #[command(subcommand)]
    Runs(RunsCommand),
    /// Look at which m3ter object belongs to which Salesforce row, or change that; needs the database's settings only.
    #[command(subcommand)]
    Links(LinksCommand),
    /// Look whether everything is in place: configuration, mappings, logins, fields, currency and time zone.
    Check,
    /// Ask the service that runs on this machine, at `LISTEN_ADDRESS`, whether it is well: the exit code is 0 or 1.
    Health(HealthQuestion),
}

fn main() -> ExitCode {
    // Two TLS libraries of one process would disagree about their cryptography at run time: it is chosen here, once.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return complain("the cryptography was chosen twice", Outcome::Unusable);
    }
    let command = CommandLine::parse().command.unwrap_or(Command::Serve);
    #[expect(clippy::disallowed_methods, reason = "the environment is read here and nowhere else")]
    let variable = |name: &str| std::env::var(name).ok();
    let format = match variable("LOG_FORMAT").as_deref() {
        None | Some("" | "text") => LogFormat::Text,
        Some("json") => LogFormat::Json,
        Some(other) => return complain(&format!("LOG_FORMAT is `{other}`; it takes `text` or `json`"), Outcome::Unusable),
    };
    let default_filter = match command {
        Command::Serve | Command::Sandbox(_) => "info",
        Command::Links(_) => "warn,audit=info",
        _ => "warn",
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("the runtime could not be started: {error}"), Outcome::Unusable),
    };
    let endpoint = variable("OTEL_EXPORTER_OTLP_ENDPOINT").filter(|endpoint| !endpoint.trim().is_empty());
    let collector = endpoint.map(|endpoint| Collector { endpoint, headers: variable("OTEL_EXPORTER_OTLP_HEADERS") });
    let inside = runtime.enter();
    let telemetry = match telemetry::start(&variable("RUST_LOG").unwrap_or_else(|| default_filter.to_owned()), format, collector.as_ref()) {
        Ok(telemetry) => telemetry,
        Err(problem) => return complain(&problem, Outcome::Unusable),
    };
    drop(inside);
    let config = if matches!(command, Command::Sandbox(_) | Command::Keys(_) | Command::Health(_) | Command::Links(_)) {
        None
    } else {
        Some(Config::from_variables(&variable))
    };
    let outcome = runtime.block_on(async {
        match (command, config) {
            (Command::Mapping(command), Some(config)) => command::mapping::run(command, config).await,
            (_, Some(Err(problems))) => Err(problems.into()),
            (Command::Serve, Some(Ok(config))) => command::serve::run(config).await,
            (Command::Sync { record_id, dry_run }, Some(Ok(config))) => {
                command::sync::run(config, &record_id, if dry_run { SyncMode::DryRun } else { SyncMode::Apply }).await
            }
            (Command::EndDate(ending), Some(Ok(config))) => command::end_date::run(config, &ending).await,
            (Command::Runs(command), Some(Ok(config))) => command::runs::run(config, command).await,
            (Command::Check, Some(Ok(config))) => command::check::run(config).await,
            (Command::Sandbox(ports), _) => command::sandbox::run(ports).await,
            (Command::Links(command), _) => command::links::run(&config::database_url(&variable), command).await,
            (Command::Keys(command), _) => command::keys::run(command),
            (Command::Health(question), _) => match config::listen_address(&variable) {
                Ok(address) => command::health::run(address, question).await,
                Err(problem) => Err(anyhow::anyhow!(problem)),
            },
            (_, None) => unreachable!("every other command has read its configuration"),
        }
    });
    telemetry.end();
    match outcome {
        Ok(outcome) => outcome.into(),
        Err(error) => complain(&format!("{error:#}"), Outcome::Unusable),
    }
}

fn complain(problem: &str, outcome: Outcome) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "sync-to-m3ter: {problem}");
    outcome.into()
}
