//! A throw-away `PostgreSQL` server from the machine's programs, with its own defaults: what is
//! committed is on the disk.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::world::free_address;

/// Where systems put the programs; of several versions the last one is taken.
const INSTALLED: [&str; 3] = ["/usr/lib/postgresql", "/usr/local/pgsql", "/opt/homebrew/opt"];

/// A server. It ends with this.
pub(crate) struct Server {
    programs: PathBuf,
    directory: TempDir,
    port: String,
    databases: AtomicU32,
}

impl Server {
    /// Stops the whole measurement where there is no `PostgreSQL`: nothing is left out in silence.
    pub(crate) fn start() -> Self {
        let programs =
            find_programs().expect("PostgreSQL is not installed; `scripts/test` installs it");
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755))
            .expect("it is ours");
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(directory.path()));
        }
        let port = free_address().rsplit_once(':').expect("host and port").1.to_owned();
        let server = Self { programs, directory, port, databases: AtomicU32::new(0) };
        run(server
            .program("initdb")
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-D"])
            .arg(server.data()));
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={}",
            server.port,
            server.directory.path().display()
        );
        let log = server.directory.path().join("log");
        run(server
            .program("pg_ctl")
            .args(["-w", "-o", &options, "-l"])
            .arg(log)
            .args(["start", "-D"])
            .arg(server.data()));
        server
    }

    /// The URL of a new, empty database.
    pub(crate) fn database(&self) -> String {
        let name = format!("bench_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        run(self.program("createdb").args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.port,
            "-U",
            "postgres",
            &name,
        ]));
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.port)
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// One of the programs; the server refuses to run as root.
    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        if !is_root() {
            return Command::new(path);
        }
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(path);
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self
            .program("pg_ctl")
            .args(["-m", "immediate", "stop", "-D"])
            .arg(self.data())
            .stdout(Stdio::null())
            .status();
    }
}

fn find_programs() -> Option<PathBuf> {
    let directories = |path: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).chain([path.to_owned()]).collect()
    };
    let programs = INSTALLED
        .iter()
        .flat_map(|place| directories(Path::new(place)))
        .map(|directory| directory.join("bin"));
    programs.filter(|programs| programs.join("initdb").exists()).max()
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().expect("`id` is there").stdout == b"0\n"
}

fn run(command: &mut Command) {
    let status = command.current_dir("/").stdout(Stdio::null()).status();
    assert!(
        status.as_ref().is_ok_and(std::process::ExitStatus::success),
        "{command:?}: {status:?}"
    );
}
