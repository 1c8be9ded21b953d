//! What shells and `man` read of the command line.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use clap::Command;

use super::Outcome;
use super::output::print;

pub use clap_complete::Shell;

/// The name under which the program is called.
const PROGRAM: &str = "sync-to-m3ter";

/// Prints the script that makes a shell complete.
pub fn completions(mut line: Command, shell: Shell) -> anyhow::Result<Outcome> {
    // In the script for bash, the commands of a program with a hyphen in its name are not found.
    let name = if shell == Shell::Bash { PROGRAM.replace('-', "_") } else { PROGRAM.to_owned() };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut line, name.as_str(), &mut script);
    let script = String::from_utf8(script)?;
    let script = script.replace(&format!(" {name}\n"), &format!(" {PROGRAM}\n"));
    // A closed pipe is not an error.
    let _ = std::io::stdout().write_all(script.as_bytes());
    Ok(Outcome::Done)
}

/// Writes a page for each command into a folder, which is made if it is not there.
pub fn manual(line: Command, folder: &Path) -> anyhow::Result<Outcome> {
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(line, folder))
        .with_context(|| format!("the pages could not be written into {}", folder.display()))?;
    print(format_args!("Try: man {}/{PROGRAM}.1", folder.display()));
    Ok(Outcome::Done)
}
