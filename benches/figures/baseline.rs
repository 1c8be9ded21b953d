//! Earlier programs, to be measured beside today's.

use std::path::{Path, PathBuf};

/// Before callouts and runs took turns.
const BEFORE_TURNS: &str = "0003c2b";
/// Before a mapping was compiled, and what a sync reads was evaluated, parsed and formatted once.
const BEFORE_THE_HOUSE: &str = "d0631c9";

/// The program as it was before callouts and runs took turns, if `scripts/baseline` has built it.
pub(crate) fn before_turns() -> Option<PathBuf> {
    program(BEFORE_TURNS)
}

/// The program as it was before what a sync does twice was done once.
pub(crate) fn before_the_house() -> Option<PathBuf> {
    program(BEFORE_THE_HOUSE)
}

fn program(commit: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/baseline")
        .join(commit)
        .join("sync-to-m3ter");
    if path.exists() {
        return Some(path);
    }
    println!(
        "  NOT MEASURED: the program of commit {commit} beside today's; `scripts/baseline` builds it"
    );
    None
}
