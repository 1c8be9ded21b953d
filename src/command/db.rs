//! `db`: the service's database as a whole.

use clap::Subcommand;

use super::output::{Column, Form, list_rows};
use super::{Outcome, unusable};
use crate::store::Store;

/// What can be done with the database.
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Copy all that a SQLite file holds into an empty database of PostgreSQL: the one that
    /// `DATABASE_URL` or `DATABASE_URL_FILE` names. Stop the service first. All or nothing is
    /// copied, and the rows of each table are counted on both sides.
    Copy {
        /// The file that is copied, such as `sqlite://sync-to-m3ter.db`.
        from: String,
        /// In which form the tables are listed.
        #[command(flatten)]
        form: Form,
    },
}

/// Carries out a command.
pub async fn run(database_url: &str, command: DbCommand) -> anyhow::Result<Outcome> {
    let DbCommand::Copy { from, form } = command;
    let store = Store::open(database_url).await?;
    let copied = store.copy_from(&from).await;
    store.close().await;
    match copied {
        Ok(tables) => {
            let columns = [Column::word("Table"), Column::word("Rows")];
            let rows: Vec<Vec<String>> =
                tables.into_iter().map(|table| vec![table.name, table.rows.to_string()]).collect();
            list_rows(form, &columns, &rows)?;
            super::remark(
                "Copied. Start the service with the new DATABASE_URL, and keep the file until you no longer need it.",
            );
            Ok(Outcome::Done)
        }
        Err(error) => Ok(unusable(format_args!("{:#}", anyhow::Error::from(error)))),
    }
}
