//! What fuzzing has found worth keeping, replayed through the same checks.

use std::fs;
use std::path::{Path, PathBuf};

#[path = "../../../fuzz/checks/answers.rs"]
mod answers;
#[path = "../../../fuzz/checks/ids.rs"]
mod ids;
#[path = "../../../fuzz/checks/mappings.rs"]
mod mappings;
#[path = "../../../fuzz/checks/requests.rs"]
mod requests;
#[path = "../../../fuzz/checks/soql.rs"]
mod soql;

/// Panics where the input shows a fault.
type Check = fn(&[u8]);

const TARGETS: [(&str, Check); 5] = [
    ("requests", requests::check),
    ("ids", ids::check),
    ("mappings", mappings::check),
    ("soql", soql::check),
    ("answers", answers::check),
];

/// The inputs of a target, those that once failed among them.
fn inputs(target: &str) -> Vec<PathBuf> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let folders = ["corpus", "regressions"].map(|folder| fuzz.join(folder).join(target));
    let files = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    files.map(|file| file.unwrap().path()).collect()
}

#[test]
fn every_corpus_input_still_passes() {
    for (target, check) in TARGETS {
        let inputs = inputs(target);
        assert!(inputs.len() >= 10, "the corpus of {target} has {} inputs", inputs.len());
        let fails = |path: &PathBuf| {
            let input = fs::read(path).unwrap();
            std::panic::catch_unwind(|| check(&input)).is_err()
        };
        let failed: Vec<PathBuf> = inputs.into_iter().filter(fails).collect();
        assert!(failed.is_empty(), "{failed:?} fail; see above");
    }
}

#[test]
fn every_target_is_replayed() {
    let manifest = include_str!("../../../fuzz/Cargo.toml");
    let targets: Vec<&str> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\""))
        .collect();
    assert_eq!(targets, TARGETS.map(|(target, _)| target));
}
