//! The program itself, as somebody starts it against the emulators of a world.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::World;

/// The program with what it needs: both vendors, and a database in a folder.
pub(crate) fn program(world: &World, directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"));
    command
        .env_clear()
        .env("DATABASE_URL", format!("sqlite://{}", directory.join("runs.db").display()))
        .env("SALESFORCE_LOGIN_URL", world.org.base_url())
        .env("M3TER_BASE_URL", world.organization.base_url())
        .env("M3TER_ORG_ID", sync_to_m3ter_sandbox::m3ter::ORGANIZATION)
        .env("COMMITMENT_BILLING", "paid_outside")
        .envs(
            [
                "SALESFORCE_CLIENT_ID",
                "SALESFORCE_CLIENT_SECRET",
                "M3TER_API_KEY",
                "M3TER_API_SECRET",
            ]
            .map(|name| (name, "sandbox")),
        );
    command
}

/// The program as a service behind a proxy of this machine, with the keys of the folder, that logs
/// JSON to its standard error; and its address. It listens.
pub(crate) fn serve(world: &World, directory: &Path) -> (Child, String) {
    serve_with(world, directory, &[])
}

/// The same with more settings.
pub(crate) fn serve_with(
    world: &World,
    directory: &Path,
    settings: &[(&str, &str)],
) -> (Child, String) {
    let port = crate::support::ports::free_port();
    let mut child = program(world, directory)
        .envs([
            ("LOG_FORMAT", "json"),
            ("LISTEN_ADDRESS", &format!("127.0.0.1:{port}")),
            ("TRUSTED_PROXIES", "127.0.0.1"),
        ])
        .env("API_KEYS_FILE", directory.join("keys.toml"))
        .env("SHUTDOWN_DRAIN", "0")
        .envs(settings.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It says when it listens.
    let mut listens = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut listens).unwrap();
    assert!(listens.contains("listens on"), "{listens}");
    (child, format!("http://127.0.0.1:{port}"))
}
