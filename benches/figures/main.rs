//! The figures that the project promises, measured on the real program: `cargo bench`.
//!
//! The program runs in a process of its own; both vendors are emulated in this one, on loopback.
//! What is printed are counts and ratios of one run, each beside its limit; a figure beyond its
//! limit makes the whole fail. `cargo bench --bench figures -- overhead` measures the figures of
//! one part only; its list is below. Those that need `PostgreSQL` start a server of their own from
//! the machine's programs. Where `scripts/baseline` has built it, an earlier program is measured
//! beside today's.

#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

mod baseline;
mod coalescing;
mod console;
mod crowd;
mod deals;
mod fairness;
mod limit;
mod overhead;
mod postgres;
mod processor;
mod quote;
mod replicas;
mod restart;
mod round_trips;
mod rows;
mod takeover;
mod throughput;
mod verification;
mod world;

use std::fmt;
use std::process::ExitCode;

/// The parts, and which of them need `PostgreSQL`.
const PARTS: [&str; 15] = [
    "round-trips",
    "limit",
    "quote",
    "crowd",
    "fairness",
    "verification",
    "rows",
    "overhead",
    "processor",
    "throughput",
    "console",
    "coalescing",
    "takeover",
    "replicas",
    "restart",
];
const ON_POSTGRES: std::ops::RangeFrom<usize> = 7..;

/// What one part found out.
#[derive(Debug, Default)]
struct Figures {
    beyond: Vec<String>,
}

impl Figures {
    /// Prints a figure beside the most that it may be.
    fn at_most(
        &mut self,
        what: &str,
        figure: f64,
        limit: f64,
        unit: &str,
        note: impl fmt::Display,
    ) {
        let verdict = if figure <= limit { "" } else { "  BEYOND THE LIMIT" };
        println!("  {what:<44} {figure:>8.2} {unit:<12} (at most {limit}){verdict}  {note}");
        if figure > limit {
            self.beyond.push(what.to_owned());
        }
    }

    /// Prints a figure beside the least that it must be.
    fn at_least(
        &mut self,
        what: &str,
        figure: f64,
        limit: f64,
        unit: &str,
        note: impl fmt::Display,
    ) {
        let verdict = if figure >= limit { "" } else { "  BELOW THE LIMIT" };
        println!("  {what:<44} {figure:>8.2} {unit:<12} (at least {limit}){verdict}  {note}");
        if figure < limit {
            self.beyond.push(what.to_owned());
        }
    }

    /// Prints a figure that has no limit.
    fn note(what: &str, figure: impl fmt::Display, note: impl fmt::Display) {
        println!("  {what:<44} {figure:>8} {:<12} {note}", "");
    }
}

fn main() -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    // `cargo bench` adds `--bench` to what it was given.
    let part = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    if let Some(unknown) = part.as_ref().filter(|part| !PARTS.contains(&part.as_str())) {
        println!("There is no part `{unknown}`; there are {}", PARTS.join(", "));
        return ExitCode::FAILURE;
    }
    let is_wanted = |name: &str| part.as_ref().is_none_or(|part| part == name);
    let server =
        PARTS[ON_POSTGRES].iter().any(|part| is_wanted(part)).then(postgres::Server::start);
    let mut figures = Figures::default();
    runtime.block_on(async {
        for part in PARTS.into_iter().filter(|part| is_wanted(part)) {
            match (part, &server) {
                ("round-trips", _) => round_trips::measure(&mut figures).await,
                ("limit", _) => limit::measure(&mut figures).await,
                ("quote", _) => quote::measure(&mut figures).await,
                ("crowd", _) => crowd::measure(&mut figures).await,
                ("fairness", _) => fairness::measure(&mut figures).await,
                ("verification", _) => verification::measure(&mut figures).await,
                ("rows", _) => rows::measure(&mut figures).await,
                ("overhead", Some(server)) => overhead::measure(&mut figures, server).await,
                ("processor", Some(server)) => processor::measure(&mut figures, server).await,
                ("throughput", Some(server)) => throughput::measure(&mut figures, server).await,
                ("console", Some(server)) => console::measure(&mut figures, server).await,
                ("coalescing", Some(server)) => coalescing::measure(&mut figures, server).await,
                ("takeover", Some(server)) => takeover::measure(&mut figures, server).await,
                ("replicas", Some(server)) => replicas::measure(&mut figures, server).await,
                ("restart", Some(server)) => restart::measure(&mut figures, server).await,
                _ => unreachable!("the list names all parts"),
            }
        }
    });
    if figures.beyond.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("\nBeyond their limits: {}", figures.beyond.join("; "));
    ExitCode::FAILURE
}
