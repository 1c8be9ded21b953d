//! Opening the database of a `DATABASE_URL`, and bringing it up to date.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};

use super::StoreError;
use super::database::{Database, Engine};
use super::migrations::{POSTGRES_MIGRATIONS, SQLITE_MIGRATIONS};
use super::postgres::PostgresServer;
use super::sqlite::{Duty, LOCK_TIME, SqliteConnections, SqliteWriter};
use super::transaction::Access;
use crate::domain::text::hex;

/// Between two attempts where `SQLite` itself does not wait.
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// Reads are short and few.
const READERS: u32 = 3;
/// Connections to `PostgreSQL`, each busy for a few milliseconds at a time; ten processes stay
/// within a server's usual hundred.
const POSTGRES_CONNECTIONS: u32 = 10;
/// How long a server that cannot be reached is tried before that is the answer.
const CONNECT_TIME: Duration = Duration::from_secs(3);

pub(super) async fn open(url: &str) -> Result<Database, StoreError> {
    let scheme = url.split_once(':').map_or(url, |(scheme, _)| scheme);
    match scheme {
        "sqlite" => open_sqlite(url).await,
        "postgres" | "postgresql" => open_postgres(url).await,
        // It may be anything, a secret too: none of it is shown.
        _ => Err(StoreError::UnknownScheme),
    }
}

/// Refuses a file that is not there. A server says itself what it does not have.
pub(super) fn check_there(url: &str) -> Result<(), StoreError> {
    if !url.starts_with("sqlite:") {
        return Ok(());
    }
    let (_, file) = sqlite_file(url)?;
    match std::path::absolute(&file) {
        Ok(place) if !place.exists() || is_empty(&place) => Err(StoreError::Absent(place)),
        _ => Ok(()),
    }
}

/// Whether it is a file without a byte, of which `SQLite` would make a database.
fn is_empty(place: &Path) -> bool {
    std::fs::metadata(place).is_ok_and(|file| file.is_file() && file.len() == 0)
}

/// What a URL says about a file, and the file.
fn sqlite_file(url: &str) -> Result<(SqliteConnectOptions, PathBuf), StoreError> {
    let options = SqliteConnectOptions::from_str(url).map_err(StoreError::InvalidUrl)?;
    let file = options.get_filename().to_owned();
    if url.contains(":memory:") || url.contains("mode=memory") || file == Path::new("") {
        return Err(StoreError::NotAFile);
    }
    Ok((options, file))
}

async fn open_sqlite(url: &str) -> Result<Database, StoreError> {
    let (options, file) = sqlite_file(url)?;
    if let Some(directory) = file.parent().filter(|directory| !directory.as_os_str().is_empty())
        && !directory.is_dir()
    {
        return Err(StoreError::DirectoryMissing(directory.to_owned()));
    }
    if file.is_dir() {
        return Err(StoreError::Directory(file));
    }
    let place: Arc<str> = file.display().to_string().into();
    let creates = !url.contains("mode=") || url.contains("mode=rwc");
    if creates {
        make_private(&file);
    }
    let options = options
        .create_if_missing(creates)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(LOCK_TIME);

    let started = Instant::now();
    loop {
        match bring_up_to_date(&options, &place).await {
            // `SQLite` does not wait where another process turns the new file to WAL just now.
            Err(StoreError::Locked { .. }) if started.elapsed() < LOCK_TIME => {
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            done => break done?,
        }
    }
    let connections = |duty, most| SqliteConnections::new(file.clone(), duty, most);
    let engine = Engine::Sqlite {
        writer: SqliteWriter::new(connections(Duty::Write, 1)),
        unsynced: SqliteWriter::new(connections(Duty::WriteUnsynced, 1)),
        readers: connections(Duty::Read, READERS),
    };
    Ok(Database::new(engine, place))
}

/// Brings the tables of a file to this version; sets the file up, if it is new.
async fn bring_up_to_date(options: &SqliteConnectOptions, place: &str) -> Result<(), StoreError> {
    let failed = |source| StoreError::from_sqlx("open the database", place, source);
    let mut connection = options.connect().await.map_err(failed)?;
    // All migrations in one transaction that takes the file's one lock first: another process that
    // starts now finds them done.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    SQLITE_MIGRATIONS
        .run_direct(None, &mut *transaction, false)
        .await
        .map_err(|source| StoreError::from_migration(place, source))?;
    transaction.commit().await.map_err(failed)?;
    connection.close().await.map_err(failed)
}

/// Makes a file that is not there yet, for its owner's eyes only: it tells what is billed to whom.
/// `SQLite` gives the files beside it the same mode, and says better why it could not be made.
fn make_private(file: &Path) {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && others_may_read(file) => {
            tracing::warn!(
                "the database `{}` is readable by others than its owner: `chmod 600` it",
                file.display()
            );
        }
        _ => {}
    }
}

fn others_may_read(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

async fn open_postgres(url: &str) -> Result<Database, StoreError> {
    let options = postgres_options(url)?;
    let name = options.get_database().unwrap_or_else(|| options.get_username());
    let place: Arc<str> = format!("{}:{}/{name}", options.get_host(), options.get_port()).into();
    // A dead connection shows at its first message, for which another one is taken: no test
    // beforehand.
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(CONNECT_TIME)
        .test_before_acquire(false)
        .connect_with(options.clone())
        .await;
    let pool = match pool {
        Ok(pool) => pool,
        Err(sqlx::Error::PoolTimedOut) => {
            let source = why_unreachable(&options).await;
            return Err(StoreError::from_sqlx("open the database", &place, source));
        }
        Err(source) => return Err(StoreError::from_sqlx("open the database", &place, source)),
    };
    let database = Database::new(Engine::Postgres(PostgresServer::new(pool)), place);
    migrate_postgres(&database, &POSTGRES_MIGRATIONS, i64::MAX).await?;
    Ok(database)
}

/// The pool says only that it has tried for a while; one more try says what is wrong.
async fn why_unreachable(options: &PgConnectOptions) -> sqlx::Error {
    match tokio::time::timeout(CONNECT_TIME, options.connect()).await {
        Ok(Err(source)) => source,
        Ok(Ok(_)) | Err(_) => sqlx::Error::PoolTimedOut,
    }
}

/// What a URL says, without parameters that nobody knows: sqlx would log them with their values.
fn postgres_options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let invalid =
        |error: url::ParseError| StoreError::InvalidUrl(sqlx::Error::Configuration(error.into()));
    let mut url = url::Url::parse(url).map_err(invalid)?;
    let (known, unknown): (Vec<_>, Vec<_>) =
        url.query_pairs().into_owned().partition(|(name, _)| is_known(name));
    if !unknown.is_empty() {
        tracing::warn!(
            parameters = unknown.len(),
            "DATABASE_URL has unknown parameters; they are ignored"
        );
        url.query_pairs_mut().clear().extend_pairs(known);
    }
    let options = PgConnectOptions::from_str(url.as_str()).map_err(StoreError::InvalidUrl)?;
    // PgBouncer refuses start parameters that it does not know. Statements hold their values, which
    // no log may show.
    Ok(options
        .extra_float_digits(None)
        .application_name("sync-to-m3ter")
        .disable_statement_logging())
}

/// The parameters of a URL that sqlx reads.
fn is_known(parameter: &str) -> bool {
    const KNOWN: [&str; 18] = [
        "sslmode",
        "ssl-mode",
        "sslrootcert",
        "ssl-root-cert",
        "ssl-ca",
        "sslcert",
        "ssl-cert",
        "sslkey",
        "ssl-key",
        "statement-cache-capacity",
        "host",
        "hostaddr",
        "port",
        "dbname",
        "user",
        "password",
        "application_name",
        "options",
    ];
    KNOWN.contains(&parameter) || parameter.starts_with("options[")
}

/// Connects as another URL says from now on, once that has worked: the connections that there are
/// stay.
pub(super) async fn follow(database: &Database, url: &str) -> Result<(), StoreError> {
    let Engine::Postgres(server) = &database.engine else { return Ok(()) };
    let options = postgres_options(url)?;
    let failed = |source| StoreError::from_sqlx("open the database", &database.place, source);
    let trial = tokio::time::timeout(CONNECT_TIME, options.connect())
        .await
        .map_err(|_| failed(sqlx::Error::PoolTimedOut))?;
    let _ = trial.map_err(failed)?.close().await;
    server.follow(options);
    Ok(())
}

/// Any number, the same in every version: whoever brings the tables up to date holds the lock with
/// it.
const MIGRATION_LOCK: i64 = 0x0073_796e_6332_6d33;

/// Runs the migrations up to version `last`, all or none. sqlx's own way takes a lock of the
/// session, and names its statements: neither survives `PgBouncer` in transaction mode.
pub(super) async fn migrate_postgres(
    database: &Database,
    migrations: &Migrator,
    last: i64,
) -> Result<(), StoreError> {
    let mut transaction = database.begin(Access::Write, "bring the tables up to date").await?;
    transaction.allow_long_statements();
    transaction
        .fetch("SELECT CAST(pg_advisory_xact_lock($1) AS TEXT)", vec![MIGRATION_LOCK.into()])
        .await?;
    transaction
        .run_plain(
            "CREATE TABLE IF NOT EXISTS schema_migrations
             (version BIGINT PRIMARY KEY, description TEXT NOT NULL, checksum TEXT NOT NULL, applied_at_ms BIGINT NOT NULL)",
        )
        .await?;
    let applied =
        transaction.fetch("SELECT version, checksum FROM schema_migrations", Vec::new()).await?;
    let applied: Vec<(i64, String)> = applied
        .iter()
        .map(|row| Ok((row.get("version")?, row.get("checksum")?)))
        .collect::<Result<_, StoreError>>()?;
    if let Some((migration, _)) =
        applied.iter().find(|(version, _)| !migrations.version_exists(*version))
    {
        return Err(StoreError::NewerVersion {
            database: database.place.to_string(),
            migration: *migration,
        });
    }
    for migration in migrations.iter().filter(|migration| migration.version <= last) {
        let checksum = hex(&migration.checksum);
        match applied.iter().find(|(version, _)| *version == migration.version) {
            Some((_, known)) if *known == checksum => {}
            Some(_) => {
                let source = sqlx::migrate::MigrateError::VersionMismatch(migration.version);
                return Err(StoreError::Migration { database: database.place.to_string(), source });
            }
            None => {
                transaction.run_plain(migration.sql.as_str()).await?;
                transaction
                    .execute(
                        "INSERT INTO schema_migrations (version, description, checksum, applied_at_ms) VALUES ($1, $2, $3, {now})",
                        vec![migration.version.into(), migration.description.as_ref().into(), checksum.into()],
                    )
                    .await?;
            }
        }
    }
    transaction.commit().await
}
