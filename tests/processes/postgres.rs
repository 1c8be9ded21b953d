//! PostgreSQL for these tests: a database on the server of `scripts/test`, or a server of a test's
//! own that it may stop.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sqlx::{AssertSqlSafe, PgPool};
use tempfile::TempDir;
use uuid::Uuid;

fn variable(name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "only the test script knows where its server is")]
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: run the tests with `scripts/test`, which starts a PostgreSQL server"
        )
    })
}

/// A new, empty database on the shared server: its name, and the URL.
pub(crate) async fn database() -> (String, String) {
    let url = variable("TEST_POSTGRES_URL");
    let server = PgPool::connect(&url).await.unwrap();
    let name = format!("test_{}", Uuid::new_v4().simple());
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&server).await.unwrap();
    server.close().await;
    let (server, _) = url.rsplit_once('/').unwrap();
    (name.clone(), format!("{server}/{name}"))
}

/// `127.0.0.1:5432` of the shared server.
pub(crate) fn shared_address() -> String {
    let url = variable("TEST_POSTGRES_URL");
    url.rsplit_once('@').unwrap().1.split('/').next().unwrap().to_owned()
}

/// A shell that finds PostgreSQL's own programs.
pub(crate) fn shell() -> Command {
    let mut shell = Command::new("sh");
    shell.env("PATH", format!("{}:/usr/bin:/bin", variable("TEST_POSTGRES_BIN")));
    shell
}

/// A directory that PostgreSQL's own user may write, where this process is root: PostgreSQL refuses
/// to be that.
pub(crate) fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    if is_root() {
        assert!(
            Command::new("chown").arg("postgres").arg(directory.path()).status().unwrap().success()
        );
    }
    directory
}

/// A command that runs as PostgreSQL's user.
pub(crate) fn as_postgres(program: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.stdout(Stdio::null());
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout == b"0\n"
}

/// A server of a test's own.
pub(crate) struct Server {
    programs: PathBuf,
    directory: TempDir,
    port: u16,
}

impl Server {
    pub(crate) fn start() -> Self {
        let server = Self::created();
        server.start_again();
        server
    }

    /// One that takes encrypted connections, with a certificate for `localhost` alone, signed by
    /// the authority in `authority`. In `stranger` is another authority.
    pub(crate) fn start_with_certificate() -> Self {
        let server = Self::created();
        let at = |name: &str| server.directory.path().join(name);
        let openssl = |arguments: &[&str]| {
            let mut command = as_postgres(Path::new("openssl"));
            command.current_dir(server.directory.path()).stderr(Stdio::null());
            assert!(command.args(arguments).status().unwrap().success(), "{arguments:?}");
        };
        for (name, key) in [("authority", "authority.key"), ("stranger", "stranger.key")] {
            openssl(&[
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                &format!("/CN={name}"),
                "-keyout",
                key,
                "-out",
                name,
            ]);
        }
        std::fs::write(at("names"), "subjectAltName=DNS:localhost\n").unwrap();
        openssl(&[
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=localhost",
            "-keyout",
            "server.key",
            "-out",
            "request",
        ]);
        openssl(&[
            "x509",
            "-req",
            "-in",
            "request",
            "-CA",
            "authority",
            "-CAkey",
            "authority.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "names",
            "-out",
            "certificate",
        ]);
        let settings = format!(
            "ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n",
            at("certificate").display(),
            at("server.key").display()
        );
        let mut file =
            std::fs::OpenOptions::new().append(true).open(server.data().join("postgresql.conf"));
        std::io::Write::write_all(file.as_mut().unwrap(), settings.as_bytes()).unwrap();
        server.start_again();
        server
    }

    /// Where it is, by a name of its machine, and the file of an authority.
    pub(crate) fn verified_url(&self, host: &str, authority: &str) -> String {
        let (port, directory) = (self.port, self.directory.path().display());
        format!(
            "postgres://postgres@{host}:{port}/postgres?sslmode=verify-full&sslrootcert={directory}/{authority}"
        )
    }

    fn created() -> Self {
        let server = Self {
            programs: variable("TEST_POSTGRES_BIN").into(),
            directory: directory(),
            port: crate::ports::free_port(),
        };
        let data = server.data();
        let created = as_postgres(&server.program("initdb"))
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-D"])
            .arg(&data)
            .status();
        assert!(created.unwrap().success());
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Lets all sessions only read, as on a server that has become a standby, or no longer.
    pub(crate) async fn switch_to_read_only(&self, is_on: bool) {
        let server = PgPool::connect(&self.url()).await.unwrap();
        let word = if is_on { "on" } else { "off" };
        let setting = format!("ALTER SYSTEM SET default_transaction_read_only = {word}");
        for statement in [setting, "SELECT pg_reload_conf()".to_owned()] {
            sqlx::query(AssertSqlSafe(statement)).execute(&server).await.unwrap();
        }
        server.close().await;
    }

    /// As a crash would: without a word to anyone who is connected.
    pub(crate) fn stop(&self) {
        let stopped = as_postgres(&self.program("pg_ctl"))
            .args(["-m", "immediate", "-w", "stop", "-D"])
            .arg(self.data())
            .status();
        assert!(stopped.unwrap().success());
    }

    pub(crate) fn start_again(&self) {
        let (port, sockets) = (self.port, self.directory.path().display());
        let options =
            format!("-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={sockets}");
        let log = self.directory.path().join("log");
        let started = as_postgres(&self.program("pg_ctl"))
            .args(["-w", "-o", &options, "-l"])
            .arg(log)
            .args(["start", "-D"])
            .arg(self.data())
            .status();
        assert!(started.unwrap().success());
    }

    /// Stops what puts on the disk what no commit waits for, until the server is stopped.
    pub(crate) fn suspend_writer(&self) {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let server = file.lines().next().unwrap();
        let listed = Command::new("ps").args(["--ppid", server, "-o", "pid=,args="]).output();
        let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
        let writer = listed.lines().find(|line| line.contains("walwriter")).unwrap();
        let writer = writer.split_whitespace().next().unwrap();
        assert!(Command::new("kill").args(["-STOP", writer]).status().unwrap().success());
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = as_postgres(&self.program("pg_ctl"))
            .args(["-m", "immediate", "stop", "-D"])
            .arg(self.data())
            .status();
    }
}
