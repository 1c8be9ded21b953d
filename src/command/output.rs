//! The forms in which a command lists things: for people, for programs, and for spreadsheets.

use clap::ValueEnum;
use serde::Serialize;

use super::print;
use super::table::table;

/// The form of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A table as wide as the terminal.
    #[default]
    Table,
    /// One line of JSON for each, as the API has it.
    Json,
    /// Comma-separated values, with the names in the first line.
    Csv,
}

/// Lists things in a form: `rows` are what people and spreadsheets see of them.
pub(super) fn list<T: Serialize, const COLUMNS: usize>(
    output: Output,
    columns: [&str; COLUMNS],
    things: &[T],
    rows: impl Fn(&T) -> Vec<[String; COLUMNS]>,
) -> anyhow::Result<()> {
    match output {
        Output::Table => {
            let mut table = table(columns);
            for row in things.iter().flat_map(rows) {
                table.add_row(row);
            }
            print(table);
        }
        Output::Json => {
            for thing in things {
                print(serde_json::to_string(thing)?);
            }
        }
        Output::Csv => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(columns)?;
            for row in things.iter().flat_map(rows) {
                writer.write_record(row.map(harmless))?;
            }
            print(String::from_utf8(writer.into_inner()?)?.trim_end());
        }
    }
    Ok(())
}

/// A spreadsheet takes what begins so for a formula, wherever it comes from.
fn harmless(text: String) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if is_formula && text.parse::<f64>().is_err() { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_a_formula() {
        for (text, written) in [
            ("=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-1+2", "'-1+2"),
            ("-12.5", "-12.5"),
            ("2026-01-01", "2026-01-01"),
            ("", ""),
        ] {
            assert_eq!(harmless(text.to_owned()), written);
        }
    }
}
