//! `docs/errors.md` holds every code that an answer can have, with cause and remedy, and no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use strum::VariantArray;
use sync_to_m3ter::domain::finding::FindingCode;
use sync_to_m3ter::domain::outcome::ErrorCode;
use sync_to_m3ter::domain::warning::Attention;
use sync_to_m3ter::http::RequestCode;

const CATALOGUE: &str = include_str!("../../../docs/errors.md");

fn source(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The code before the tests of a file.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap()
}

/// The codes of one section; each has a cause and a remedy.
fn catalogued(section: &str) -> BTreeSet<String> {
    let (_, after) = CATALOGUE
        .split_once(&format!("\n## {section}\n"))
        .unwrap_or_else(|| panic!("there is no section {section}"));
    let rows = after.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with("| `"));
    let mut codes = BTreeSet::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert!(cells.len() == 3 && cells.iter().all(|cell| cell.len() > 5), "{row}");
        assert!(codes.insert(cells[0].trim_matches('`').to_owned()), "twice: {row}");
    }
    codes
}

/// How the variants of an enum are spelled.
fn of_enum<T: VariantArray + Copy + Into<&'static str>>() -> BTreeSet<String> {
    let spelled = |code: &T| {
        let text: &'static str = (*code).into();
        text.to_owned()
    };
    T::VARIANTS.iter().map(spelled).collect()
}

/// The codes of all faults that the HTTP face can answer.
fn of_faults() -> BTreeSet<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    let files = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file());
    let texts =
        files.map(|path: PathBuf| fs::read_to_string(path).unwrap()).chain([source("src/http.rs")]);
    let mut codes = BTreeSet::new();
    for text in texts {
        for call in code(&text).split("Fault::new(").skip(1) {
            let literal = call.split('"').nth(1).unwrap_or_default();
            assert!(
                literal.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'),
                "a fault's code is no literal: {literal}"
            );
            codes.insert(literal.to_owned());
        }
    }
    codes
}

#[test]
fn the_list_of_codes_is_complete() {
    let mut of_results = of_enum::<ErrorCode>();
    of_results.extend(of_enum::<RequestCode>());
    for (section, of_code) in [
        ("`errorCode` of a result", of_results),
        ("`findingCode` of an object result", of_enum::<FindingCode>()),
        ("`attention` of a result", of_enum::<Attention>()),
        ("`errorCode` of a fault", of_faults()),
    ] {
        assert!(of_code.len() > 10, "{section}: {of_code:?}");
        let of_page = catalogued(section);
        let missing: Vec<_> = of_code.difference(&of_page).collect();
        let extra: Vec<_> = of_page.difference(&of_code).collect();
        assert!(
            missing.is_empty() && extra.is_empty(),
            "{section}: docs/errors.md lacks {missing:?} and has {extra:?} too many"
        );
    }
}
