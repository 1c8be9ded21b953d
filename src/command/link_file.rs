//! A file of links: CSV with the columns `record`, `kind` and `m3ter id`, and `row` where a record
//! has several objects of a kind.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use super::line_faults::LineFault;
use super::{csv_lines, given, text_file};
use crate::domain::entity::EntityKind;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::sync::WantedLink;

/// One line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LinkLine {
    pub(super) line: usize,
    pub(super) record: SalesforceId,
    pub(super) wanted: WantedLink,
}

/// What it holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LinkFile {
    pub(super) lines: Vec<LinkLine>,
    pub(super) faults: Vec<LineFault>,
}

/// Where its columns are.
struct Columns {
    record: usize,
    kind: usize,
    m3ter_id: usize,
    row: Option<usize>,
}

impl Columns {
    fn of(header: &csv::StringRecord) -> Result<Self, String> {
        let place = |name: &str| {
            let is_meant = |title: &str| {
                let letters = title.chars().filter(char::is_ascii_alphanumeric);
                letters.collect::<String>().eq_ignore_ascii_case(name)
            };
            header.iter().position(is_meant)
        };
        let needed = |name: &str, title: &str| {
            place(name).ok_or_else(|| {
                format!(
                    "there is no column `{title}`; there must be `record`, `kind` and `m3ter id`"
                )
            })
        };
        Ok(Self {
            record: needed("record", "record")?,
            kind: needed("kind", "kind")?,
            m3ter_id: needed("m3terid", "m3ter id")?,
            row: place("row"),
        })
    }
}

/// Whether a file is one of links: its first line names a column `kind`.
pub(super) fn is_one(path: &Path) -> bool {
    let mut first = String::new();
    let read = File::open(path).and_then(|file| BufReader::new(file).read_line(&mut first));
    let is_kind = |title: &str| title.eq_ignore_ascii_case("kind");
    read.is_ok() && csv_lines::rows(&first).iter().any(|(_, titles)| titles.iter().any(is_kind))
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<LinkFile, String> {
    let name = path.display();
    let text = text_file::read(path, "CSV")?;
    let file = parse(&text).map_err(|problem| format!("{name}: {problem}"))?;
    if file.lines.is_empty() && file.faults.is_empty() {
        return Err(format!("{name} has no links"));
    }
    Ok(file)
}

fn parse(text: &str) -> Result<LinkFile, String> {
    let rows = csv_lines::rows(text);
    let mut file = LinkFile::default();
    let Some(((_, header), rows)) = rows.split_first() else { return Ok(file) };
    let columns = Columns::of(header)?;
    for (line, row) in rows {
        match parse_line(row, &columns) {
            Ok((record, wanted)) => file.lines.push(LinkLine { line: *line, record, wanted }),
            Err(what) => file.faults.push(LineFault { line: *line, what }),
        }
    }
    Ok(file)
}

fn parse_line(
    line: &csv::StringRecord,
    columns: &Columns,
) -> Result<(SalesforceId, WantedLink), String> {
    let cell = |column: usize| line.get(column).unwrap_or_default();
    let record = given::record(cell(columns.record)).map_err(|invalid| invalid.to_string())?;
    let word = cell(columns.kind);
    let kind = given::kind(word).ok_or_else(|| {
        let names = EntityKind::ALL.map(EntityKind::name).join(", ");
        format!("`{word}` is not a kind of m3ter object; use {names}")
    })?;
    let m3ter_id = M3terId::parse(cell(columns.m3ter_id)).map_err(|invalid| invalid.to_string())?;
    let row = columns.row.map(cell).filter(|row| !row.is_empty()).map(given::record);
    let row = row.transpose().map_err(|invalid| invalid.to_string())?;
    Ok((record, WantedLink { kind, row, m3ter_id }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "5a9d3b1e-0c0a-4f0e-8d1f-2b3c4d5e6f70";

    #[test]
    fn each_line_is_a_link_or_a_fault() {
        let text = format!(
            "\u{feff}Record,Kind,\"m3ter ID\",Row\n006S900000795MM,account,{ID},\n006S900000795MM,AccountPlan,{ID},00kS900000079M1\n\
             x,Account,{ID}\n006S900000795MM,Meter,{ID}\n006S900000795MM,Plan,5\n"
        );
        let file = parse(&text).unwrap();
        let rows: Vec<(usize, EntityKind, Option<&str>)> = file
            .lines
            .iter()
            .map(|line| {
                (line.line, line.wanted.kind, line.wanted.row.as_ref().map(SalesforceId::as_str))
            })
            .collect();
        let row = Some("00kS900000079M1IAI");
        assert_eq!(rows, [(2, EntityKind::Account, None), (3, EntityKind::AccountPlan, row)]);
        let faults: Vec<String> = file.faults.iter().map(ToString::to_string).collect();
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(
            faults[1].starts_with("line 5: `Meter` is not a kind of m3ter object"),
            "{faults:?}"
        );
    }

    #[test]
    fn a_file_without_its_columns_is_refused() {
        let problem = parse("Id,Kind\n006S900000795MM,Account\n").unwrap_err();
        assert!(problem.contains("no column `record`"), "{problem}");
    }
}
