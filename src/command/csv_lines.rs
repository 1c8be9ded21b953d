//! The lines of a CSV file that somebody gives, as spreadsheets and Salesforce write it.

use csv::StringRecord;

/// What can stand between two cells, the likeliest last.
const DELIMITERS: [u8; 3] = [b'\t', b';', b','];

/// The rows that are not blank, each with the number of the line in which it begins. What stands
/// most often in the first line is between the cells.
pub(super) fn rows(text: &str) -> Vec<(usize, StringRecord)> {
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().next().unwrap_or_default();
    let count = |delimiter: &u8| first.bytes().filter(|byte| byte == delimiter).count();
    let delimiter = DELIMITERS.into_iter().max_by_key(count).unwrap_or(b',');
    let reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let (mut line, mut counted) = (1, 0);
    // Of a text, with any number of cells, nothing is refused.
    let rows = reader.into_records().filter_map(Result::ok).map(|row| {
        let from = row.position().map_or(0, csv::Position::byte);
        // The reader says where the blank lines before a row begin.
        let rest = text.get(usize::try_from(from).unwrap_or_default()..).unwrap_or_default();
        let begins = text.len() - rest.trim_start_matches(['\r', '\n']).len();
        line += text.get(counted..begins).unwrap_or_default().matches('\n').count();
        counted = begins;
        (line, row)
    });
    rows.filter(|(_, row)| row.iter().any(|cell| !cell.is_empty())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_the_numbers_of_their_lines() {
        for text in [
            "\u{feff}Name,Id\r\n\r\n\"Acme, Inc.\n(new)\",1\r\n \r\n,\n\"\"\"B\"\"\", 2 \n",
            "Name;Id\n\n\"Acme, Inc.\n(new)\";1\n\n\n\"\"\"B\"\"\";2",
            "Name\tId\n\n\"Acme, Inc.\n(new)\"\t1\n\n\n\"\"\"B\"\"\"\t2\n\n",
        ] {
            let rows = rows(text);
            let cells: Vec<(usize, Vec<&str>)> =
                rows.iter().map(|(line, row)| (*line, row.iter().collect())).collect();
            let expected = [
                (1, vec!["Name", "Id"]),
                (3, vec!["Acme, Inc.\n(new)", "1"]),
                (7, vec!["\"B\"", "2"]),
            ];
            assert_eq!(cells, expected, "{text:?}");
        }
        assert_eq!(rows(""), []);
    }
}
