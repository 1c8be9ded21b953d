//! The program. All of it is in the library, so that nothing is compiled for both.

use std::process::ExitCode;

fn main() -> ExitCode {
    sync_to_m3ter::command::line::run()
}
