//! The figures that the project promises, measured on the real program: `cargo bench`.
//!
//! The program runs in a process of its own; both vendors are emulated in this one, on loopback. What is printed are counts and
//! ratios of one run, each beside its limit; a figure beyond its limit makes the whole fail. `cargo bench -- round-trips` measures
//! the figures of one part only.

#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

mod deals;
mod overhead;
mod round_trips;
mod world;

use std::fmt;
use std::process::ExitCode;

/// What one part found out.
#[derive(Debug, Default)]
struct Figures {
    beyond: Vec<String>,
}

impl Figures {
    /// Prints a figure beside the most that it may be.
    fn at_most(&mut self, what: &str, figure: f64, limit: f64, unit: &str, note: impl fmt::Display) {
        let verdict = if figure <= limit { "" } else { "  BEYOND THE LIMIT" };
        println!("  {what:<44} {figure:>8.2} {unit:<12} (at most {limit}){verdict}  {note}");
        if figure > limit {
            self.beyond.push(what.to_owned());
        }
    }

    /// Prints a figure that has no limit.
    fn note(what: &str, figure: impl fmt::Display, note: impl fmt::Display) {
        println!("  {what:<44} {figure:>8} {:<12} {note}", "");
    }
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    // `cargo bench` adds `--bench` to what it was given.
    let part = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let is_wanted = |name: &str| part.as_ref().is_none_or(|part| part == name);
    let mut figures = Figures::default();
    runtime.block_on(async {
        if is_wanted("round-trips") {
            round_trips::measure(&mut figures).await;
        }
        if is_wanted("overhead") {
            overhead::measure(&mut figures).await;
        }
    });
    if figures.beyond.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("\nBeyond their limits: {}", figures.beyond.join("; "));
    ExitCode::FAILURE
}
