//! Copying all that a `SQLite` file holds into an empty database of `PostgreSQL`.

use std::str::FromStr as _;

use futures::StreamExt as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteLockingMode, SqliteRow,
};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, TypeInfo as _, ValueRef as _,
};

use super::Store;
use super::database::Engine;
use super::error::StoreError;
use super::migrations::SQLITE_MIGRATIONS;
use super::transaction::{Access, Transaction};
use super::value::Value;

/// Rows that one statement writes.
const ROWS_AT_ONCE: usize = 100;
/// The table that others refer to.
const RUNS: &str = "runs";
/// A table that begins with one row.
const BEGINS_FILLED: &str = "ended_objects";
const OPERATION: &str = "copy the database";

/// A table that was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedTable {
    /// Its name.
    pub name: String,
    /// How many rows both databases have.
    pub rows: i64,
}

/// Why nothing was copied. The target is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// It is not the URL of a file.
    #[error("the source must be the URL of a SQLite file, as in `sqlite://sync-to-m3ter.db`")]
    NoFile,
    /// There is no such file.
    #[error("there is no database `{0}`")]
    Missing(String),
    /// A process has the file open.
    #[error(
        "`{0}` is in use: stop all services and commands that have it open, then copy it again"
    )]
    InUse(String),
    /// It is a file.
    #[error("the target is not PostgreSQL: `DATABASE_URL` must begin with `postgres:`")]
    NoServer,
    /// Something is there already.
    #[error("the target is not empty: `{table}` has {rows} rows; name a new database")]
    NotEmpty {
        /// The first table with rows.
        table: String,
        /// How many.
        rows: i64,
    },
    /// The counts differ afterwards.
    #[error("of `{table}` {expected} rows were to be copied, and {copied} arrived")]
    Incomplete {
        /// Which table.
        table: String,
        /// Rows of the source.
        expected: i64,
        /// Rows of the target.
        copied: i64,
    },
    /// The database refused something.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A table of the source.
struct Table {
    name: String,
    columns: Vec<String>,
}

impl Store {
    /// Copies all tables of a file into this database, in one transaction. An older file is brought
    /// up to date first. Both must be at rest: the file is locked as long as it takes.
    pub async fn copy_from(&self, url: &str) -> Result<Vec<CopiedTable>, CopyError> {
        if !matches!(self.database.engine, Engine::Postgres(_)) {
            return Err(CopyError::NoServer);
        }
        let mut source = open_alone(url).await?;
        let tables = tables(&mut source).await?;
        let mut target = self.database.begin(Access::Write, OPERATION).await?;
        target.allow_long_statements();
        target
            .run_plain(&format!("DELETE FROM {BEGINS_FILLED} WHERE run_id = '' AND objects = 0"))
            .await?;
        for Table { name, .. } in &tables {
            let rows = count(&mut target, name).await?;
            if rows > 0 {
                target.roll_back().await?;
                return Err(CopyError::NotEmpty { table: name.clone(), rows });
            }
        }
        let mut copied = Vec::new();
        for table in &tables {
            let expected = copy(&mut source, &mut target, table).await?;
            let rows = count(&mut target, &table.name).await?;
            if rows != expected {
                let table = table.name.clone();
                target.roll_back().await?;
                return Err(CopyError::Incomplete { table, expected, copied: rows });
            }
            copied.push(CopiedTable { name: table.name.clone(), rows });
        }
        target
            .run_plain(
                "SELECT setval(pg_get_serial_sequence('commitment_attempts', 'sequence'), coalesce(max(sequence), 1)) FROM commitment_attempts",
            )
            .await?;
        target.commit().await?;
        source.close().await.map_err(failed)?;
        Ok(copied)
    }
}

fn failed(source: sqlx::Error) -> CopyError {
    StoreError::from_sqlx(OPERATION, "the file that is copied", source).into()
}

/// Opens a file that no other process has open, and brings it up to date.
async fn open_alone(url: &str) -> Result<SqliteConnection, CopyError> {
    let options = Some(url)
        .filter(|url| url.starts_with("sqlite:"))
        .and_then(|url| SqliteConnectOptions::from_str(url).ok())
        .ok_or(CopyError::NoFile)?;
    let file = options.get_filename().to_owned();
    if !file.is_file() {
        return Err(CopyError::Missing(file.display().to_string()));
    }
    let alone = async {
        // With a write-ahead log a reader keeps its part of the lock as long as it has the file
        // open: this one gets all of it, or fails.
        let mut connection = options
            .journal_mode(SqliteJournalMode::Wal)
            .locking_mode(SqliteLockingMode::Exclusive)
            .connect()
            .await?;
        sqlx::raw_sql("BEGIN EXCLUSIVE; COMMIT").execute(&mut connection).await?;
        Ok(connection)
    };
    let mut connection = alone.await.map_err(|error: sqlx::Error| {
        let error = StoreError::from_sqlx(OPERATION, &file.display().to_string(), error);
        match error {
            StoreError::Locked { .. } => CopyError::InUse(file.display().to_string()),
            error => error.into(),
        }
    })?;
    SQLITE_MIGRATIONS
        .run_direct(None, &mut connection, false)
        .await
        .map_err(|source| StoreError::from_migration(&file.display().to_string(), source))?;
    Ok(connection)
}

/// All tables of this version, those first that others refer to.
async fn tables(source: &mut SqliteConnection) -> Result<Vec<Table>, CopyError> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_sqlx_*' ORDER BY name <> 'runs', name",
    )
    .fetch_all(&mut *source)
    .await
    .map_err(failed)?;
    debug_assert_eq!(names.first().map(String::as_str), Some(RUNS));
    let mut tables = Vec::new();
    for name in names {
        let columns = sqlx::query_scalar("SELECT name FROM pragma_table_info($1)")
            .bind(&name)
            .fetch_all(&mut *source)
            .await
            .map_err(failed)?;
        tables.push(Table { name, columns });
    }
    Ok(tables)
}

async fn count(target: &mut Transaction, table: &str) -> Result<i64, StoreError> {
    let rows = target.fetch(&format!("SELECT count(*) AS rows FROM {table}"), Vec::new()).await?;
    rows.first().map_or(Ok(0), |row| row.get("rows"))
}

/// Copies the rows of a table; how many there were.
async fn copy(
    source: &mut SqliteConnection,
    target: &mut Transaction,
    Table { name, columns }: &Table,
) -> Result<i64, CopyError> {
    let names = columns.join(", ");
    let select = format!("SELECT {names} FROM {name}");
    let mut rows = sqlx::query(AssertSqlSafe(select)).fetch(&mut *source).chunks(ROWS_AT_ONCE);
    let mut total = 0;
    while let Some(rows) = rows.next().await {
        let rows: Vec<SqliteRow> = rows.into_iter().collect::<Result<_, _>>().map_err(failed)?;
        let mut values = Vec::new();
        let mut groups = Vec::new();
        for row in &rows {
            let first = values.len() + 1;
            for column in 0..columns.len() {
                values.push(value(row, column).map_err(failed)?);
            }
            let places = (first..=values.len()).map(|place| format!("${place}"));
            groups.push(format!("({})", places.collect::<Vec<_>>().join(", ")));
        }
        total += i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let groups = groups.join(", ");
        let insert =
            format!("INSERT INTO {name} ({names}) OVERRIDING SYSTEM VALUE VALUES {groups}");
        target.fetch(&insert, values).await?;
    }
    Ok(total)
}

/// All columns are texts or whole numbers.
fn value(row: &SqliteRow, column: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(column)?;
    if !raw.is_null() && raw.type_info().name() == "INTEGER" {
        return Ok(Value::Integer(row.try_get(column)?));
    }
    Ok(Value::Text(row.try_get(column)?))
}
