//! Salesforce's street of several lines in the four lines of a m3ter address.

use std::collections::BTreeMap;

use super::field::ADDRESS_PARTS;
use super::text::trimmed;
use super::warning::Warning;

/// The parts of an address that are the lines of a street.
const STREET_LINES: usize = 4;

/// The parts of an address, blank where the street has no such line, with a warning for each that
/// was cut.
pub fn address(
    street: Option<&str>,
    others: &[(&'static str, String)],
) -> (BTreeMap<&'static str, String>, Vec<Warning>) {
    let mut parts = BTreeMap::new();
    let mut warnings = Vec::new();
    if let Some(street) = street {
        // A street that became shorter leaves no line of the former one behind.
        let lines = street_lines(street).into_iter().chain(std::iter::repeat(String::new()));
        parts.extend(ADDRESS_PARTS.iter().map(|(part, _)| *part).zip(lines).take(STREET_LINES));
    }
    for (part, text) in others {
        let most = ADDRESS_PARTS
            .iter()
            .find(|(name, _)| name == part)
            .and_then(|(_, most)| *most)
            .unwrap_or(usize::MAX);
        let text = trimmed(text);
        if text.chars().count() > most {
            warnings.push(format!("The address's {part} was cut to {most} characters").into());
        }
        parts.insert(*part, text.chars().take(most).collect());
    }
    (parts, warnings)
}

/// At most four lines; the first two hold 50 characters and hand on what does not fit, at a space
/// where there is one.
fn street_lines(street: &str) -> Vec<String> {
    let mut rest: Vec<String> = street
        .lines()
        .map(trimmed)
        .filter(|line| !line.is_empty())
        .map(ToOwned::to_owned)
        .collect();
    let mut lines = Vec::new();
    while let Some(line) = (!rest.is_empty()).then(|| rest.remove(0)) {
        if lines.len() == STREET_LINES - 1 {
            let joined = std::iter::once(line).chain(rest).collect::<Vec<_>>().join(", ");
            lines.push(joined);
            break;
        }
        let most = ADDRESS_PARTS[lines.len()].1.unwrap_or(usize::MAX);
        let (fits, more) = broken(&line, most);
        lines.push(fits);
        if !more.is_empty() {
            rest.insert(0, more);
        }
    }
    lines
}

fn broken(line: &str, most: usize) -> (String, String) {
    let Some((limit, _)) = line.char_indices().nth(most) else {
        return (line.to_owned(), String::new());
    };
    // A space right behind the limit breaks the line as well as one before it.
    let is_word_end = line[limit..].starts_with(' ');
    let at = if is_word_end {
        limit
    } else {
        line[..limit].rfind(' ').filter(|at| *at > 0).unwrap_or(limit)
    };
    (line[..at].trim_end().to_owned(), line[at..].trim_start().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_street_fills_up_to_four_lines() {
        assert_eq!(street_lines("1 Main Street\r\nBuilding 7"), ["1 Main Street", "Building 7"]);
        assert_eq!(street_lines("a\nb\nc\nd\ne"), ["a", "b", "c", "d, e"]);
        let long = "The Very Long Name Of A House In The Countryside, Somewhere Far Away";
        assert_eq!(
            street_lines(long),
            ["The Very Long Name Of A House In The Countryside,", "Somewhere Far Away"]
        );
        let without_space = "x".repeat(60);
        assert_eq!(street_lines(&without_space), ["x".repeat(50), "x".repeat(10)]);
        assert_eq!(street_lines(&"é".repeat(60))[0].chars().count(), 50);
    }

    #[test]
    fn a_street_sets_each_line_even_if_blank() {
        let (parts, _) = address(Some("1 Main Street"), &[("locality", "London".to_owned())]);
        let lines: Vec<&str> = ADDRESS_PARTS
            .iter()
            .filter_map(|(part, _)| parts.get(part).map(String::as_str))
            .collect();
        assert_eq!(lines, ["1 Main Street", "", "", "", "London"]);
        let (parts, _) = address(None, &[("locality", "London".to_owned())]);
        assert_eq!(parts.len(), 1, "{parts:?}");
    }

    #[test]
    fn a_part_that_is_too_long_is_truncated_with_a_warning() {
        let (parts, warnings) =
            address(None, &[("postCode", "9".repeat(30)), ("country", "Norway".to_owned())]);
        assert_eq!(
            (parts["postCode"].len(), parts["country"].as_str(), warnings.len()),
            (20, "Norway", 1)
        );
    }
}
