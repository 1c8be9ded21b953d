//! The program as it was before callouts and runs took turns, to be measured beside today's.

use std::path::{Path, PathBuf};

/// The commit that `scripts/baseline` builds.
const COMMIT: &str = "0003c2b";

/// Where it is, if somebody has built it; else says how to.
pub(crate) fn program() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/baseline")
        .join(COMMIT)
        .join("sync-to-m3ter");
    if path.exists() {
        return Some(path);
    }
    println!(
        "  NOT MEASURED: the program of commit {COMMIT} beside today's; `scripts/baseline` builds it"
    );
    None
}
