//! Databases for tests: each test has one of its own.

use std::str::FromStr as _;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgPool, SqliteConnection};
use uuid::Uuid;

use super::database::{Database, Engine};
use super::migrations::{POSTGRES_MIGRATIONS, SQLITE_MIGRATIONS};
use super::open::migrate_postgres;
use super::postgres::PostgresServer;
use super::sqlite::{Duty, SqliteConnections, SqliteWriter};

/// The version of the tables that this program makes.
pub(super) fn last_migration() -> i64 {
    SQLITE_MIGRATIONS.iter().map(|migration| migration.version).max().unwrap()
}

/// The throw-away server of `scripts/test`.
pub(super) fn postgres_url() -> String {
    #[expect(clippy::disallowed_methods, reason = "only the test script knows where its server listens")]
    std::env::var("TEST_POSTGRES_URL")
        .expect("TEST_POSTGRES_URL is not set: run the tests with `scripts/test`, which starts a PostgreSQL server")
}

/// The URL of a new, empty database there.
pub(super) async fn postgres_database() -> String {
    let url = postgres_url();
    let server = PgPool::connect(&url).await.unwrap();
    let name = format!("test_{}", Uuid::new_v4().simple());
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&server).await.unwrap();
    server.close().await;
    PgConnectOptions::from_str(&url).unwrap().database(&name).to_url_lossy().to_string()
}

/// The database as it is, without migrations.
pub(super) async fn unmigrated(url: &str) -> Database {
    let engine = if url.starts_with("sqlite:") {
        let file = SqliteConnectOptions::from_str(url).unwrap().get_filename().to_owned();
        let connections = SqliteConnections::new(file, Duty::Write, 1);
        let writer = SqliteWriter::new(connections.clone());
        Engine::Sqlite { writer: writer.clone(), unsynced: writer, readers: connections }
    } else {
        Engine::Postgres(PostgresServer::new(PgPool::connect(url).await.unwrap()))
    };
    Database::new(engine, "test".into())
}

/// Brings an empty database to an older version.
pub(super) async fn migrate(url: &str, version: i64) {
    if url.starts_with("sqlite:") {
        let url = format!("{url}?mode=rwc");
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        SQLITE_MIGRATIONS.run_to(version, &mut connection).await.unwrap();
        return connection.close().await.unwrap();
    }
    let database = unmigrated(url).await;
    migrate_postgres(&database, &POSTGRES_MIGRATIONS, version).await.unwrap();
    database.close().await;
}
