//! What is wrong in lines that somebody gives: all of it together, up to a bound.

use std::fmt;

/// Faults that are told; of a file that is none of its kind, more help nobody.
const MAX_TOLD: usize = 20;

/// What is wrong in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LineFault {
    pub(super) line: usize,
    pub(super) what: String,
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// Faults, one a line, and how many more there are.
pub(super) fn told(faults: &[impl fmt::Display]) -> String {
    let mut lines: Vec<String> = faults.iter().take(MAX_TOLD).map(ToString::to_string).collect();
    if faults.len() > MAX_TOLD {
        lines.push(format!("and {} more", faults.len() - MAX_TOLD));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_faults_are_counted_and_not_all_told() {
        let fault = |line| LineFault { line, what: "wrong".to_owned() };
        let of = |count| told(&(1..=count).map(fault).collect::<Vec<_>>());
        assert_eq!(of(2), "line 1: wrong\nline 2: wrong");
        assert!(of(20).ends_with("\nline 20: wrong"));
        assert!(of(500).ends_with("\nline 20: wrong\nand 480 more"), "{}", of(500));
    }
}
