//! The migrations, which are part of the program.
//!
//! sqlx's macro would embed a folder by itself, but makes the compiler build all of sqlx, both
//! engines and TLS once more, for its own use.

use std::sync::LazyLock;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{SqlSafeStr as _, SqlStr};

/// The files of a folder in `migrations`, without their ending.
macro_rules! migrations {
    ($folder:literal: $($file:literal)+) => {
        LazyLock::new(|| {
            Migrator::with_migrations(vec![$(
                migration($file, include_str!(concat!("../../migrations/", $folder, "/", $file, ".sql")).into_sql_str())
            ),+])
        })
    };
}

pub(super) static SQLITE_MIGRATIONS: LazyLock<Migrator> = migrations!(
    "sqlite":
    "0001_runs" "0002_links" "0003_claims" "0005_trace" "0006_links_row" "0007_run_joiners"
    "0008_open_and_failed_runs" "0009_shown_names" "0010_links_source_key" "0011_after_login"
    "0012_attention" "0014_superseded_by" "0015_ends" "0016_plans" "0017_key_uses" "0018_dry_runs"
    "0019_salesforce_user" "0020_shares" "0021_queue" "0022_changes" "0023_verifications"
    "0024_console" "0025_runs_rowid" "0026_compared" "0027_runs_ended"
);

pub(super) static POSTGRES_MIGRATIONS: LazyLock<Migrator> = migrations!(
    "postgres":
    "0001_runs" "0002_links" "0003_claims" "0005_trace" "0006_links_row" "0007_run_joiners"
    "0008_open_and_failed_runs" "0009_shown_names" "0010_links_source_key" "0011_after_login"
    "0012_attention" "0014_superseded_by" "0015_ends" "0016_plans" "0017_key_uses" "0018_dry_runs"
    "0019_salesforce_user" "0020_shares" "0021_queue" "0022_changes" "0023_verifications"
    "0024_console" "0026_compared" "0027_runs_ended"
);

/// The migration of a file: `0026_compared` has version 26.
fn migration(file: &'static str, sql: SqlStr) -> Migration {
    let (version, description) = file.split_once('_').expect("a name begins with its version");
    let version = version.parse().expect("a version is a number");
    Migration::new(version, description.replace('_', " ").into(), MigrationType::Simple, sql, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// sqlx reads the folders itself here: a file that the lists leave out shows, and so does one
    /// that it would describe otherwise.
    #[tokio::test]
    async fn each_file_is_a_migration_as_sqlx_reads_it() {
        for (folder, listed) in
            [("sqlite", &*SQLITE_MIGRATIONS), ("postgres", &*POSTGRES_MIGRATIONS)]
        {
            let folder =
                std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
            let read = Migrator::new(folder).await.unwrap();
            let seen = |migrator: &Migrator| -> Vec<_> {
                let each = |migration: &Migration| {
                    let Migration { version, description, migration_type, sql, checksum, no_tx } =
                        migration.clone();
                    (version, description, migration_type, sql.as_str().to_owned(), checksum, no_tx)
                };
                migrator.iter().map(each).collect()
            };
            assert_eq!(seen(listed), seen(&read));
        }
    }
}
