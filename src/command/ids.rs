//! Ids of records in a file: a list, one a line, or CSV with ids in its column `Id` or in its first
//! one.

use std::collections::HashMap;
use std::path::Path;

use super::line_faults::{LineFault, told};
use super::{csv_lines, given, text_file};
use crate::domain::ids::SalesforceId;

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct IdList {
    /// The ids, each once, with the line that it stands in.
    pub(super) ids: Vec<(usize, SalesforceId)>,
    /// What is no id, or stands there twice.
    pub(super) faults: Vec<LineFault>,
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<IdList, String> {
    let list = parse(&text_file::read(path, "CSV")?);
    if !list.ids.is_empty() {
        return Ok(list);
    }
    let name = format!("`{}`", path.display());
    Err(match list.faults.as_slice() {
        [] => format!("{name} has no ID: give one a line, or CSV with a column `Id`"),
        [one] => format!("{name} has no ID: {one}"),
        several => format!("{name} has no ID:\n{}", told(several)),
    })
}

fn parse(text: &str) -> IdList {
    let rows = csv_lines::rows(text);
    let header = rows
        .first()
        .and_then(|(_, first)| first.iter().position(|title| title.eq_ignore_ascii_case("id")));
    let mut list = IdList::default();
    let mut known: HashMap<SalesforceId, usize> = HashMap::new();
    for (line, row) in rows.iter().skip(usize::from(header.is_some())) {
        let word = row.get(header.unwrap_or_default()).unwrap_or_default();
        let fault = match given::record(word) {
            Ok(id) => match known.get(&id) {
                Some(first) => format!("{id} is in line {first} already"),
                None => {
                    known.insert(id.clone(), *line);
                    list.ids.push((*line, id));
                    continue;
                }
            },
            Err(invalid) => invalid.to_string(),
        };
        list.faults.push(LineFault { line: *line, what: fault });
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_from_a_list_and_from_csv() {
        for text in [
            "006S900000795MM\n\n006S900000795MNIAY\n",
            "\u{feff}Name,Id\nA,\"006S900000795MMIAY\"\nB,006S900000795MN\n",
            "\"Name\",\"ID\"\n\"Acme, Inc.\",\"006S900000795MMIAY\"\n\"B\",\"006S900000795MN\"\n",
            "Name;Id\nA;006S900000795MMIAY\nB;006S900000795MN\n",
        ] {
            let list = parse(text);
            assert_eq!((list.ids.len(), list.faults), (2, Vec::new()), "{text}");
        }
        let list = parse("Id\n006S900000795MM\nnonsense\n006S900000795MMIAY\n");
        let faults: Vec<String> = list.faults.iter().map(ToString::to_string).collect();
        assert_eq!(list.ids.len(), 1);
        assert!(faults[0].starts_with("line 3: `nonsense`"), "{faults:?}");
        assert_eq!(faults[1], "line 4: 006S900000795MMIAY is in line 2 already");
    }
}
