//! What an operator runs, sees and relies on: commands, secrets, logs, limits.

mod adopt_links;
mod audit;
mod backfill;
mod changes;
pub(crate) mod commands;
mod deployment;
mod given_files;
mod links;
mod metrics_and_logs;
mod outbound;
mod output;
mod personal_data;
mod questions;
mod remote;
mod remote_changes;
mod run_commands;
mod runs;
mod safety;
mod sandbox;
mod secrets;
mod settings;
mod snapshot;
#[cfg(feature = "otel")]
mod spans;
mod terminal_syncs;
mod upgrades;
mod verify;
mod verify_command;
mod verify_refusals;
