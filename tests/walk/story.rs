//! What happened, and the shortest part of it that concerns what broke.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::judge::Broken;
use crate::ops::{Op, Target};
use crate::world::World;

/// A history longer than this is cut at its beginning.
const MAX_LINES: usize = 80;

/// The operations so far, with the round of each.
#[derive(Debug, Default)]
pub(crate) struct Story(Vec<(usize, Op)>);

impl Story {
    pub(crate) fn tell(&mut self, round: usize, op: Op) {
        self.0.push((round, op));
    }

    /// What broke, with the operations that touched the records concerned, those with everything
    /// among them.
    pub(crate) fn shortened(&self, world: &World, broken: &Broken) -> String {
        let mut about: BTreeSet<Target> =
            broken.about.iter().filter_map(|id| world.target(id)).collect();
        // Who was merged, cloned or named belongs to it.
        for (_, op) in &self.0 {
            let targets = op.targets();
            if !matches!(op, Op::Sync { .. }) && targets.iter().any(|target| about.contains(target))
            {
                about.extend(targets);
            }
        }
        let concerns = |op: &Op| {
            let targets = op.targets();
            (targets.is_empty() && !matches!(op, Op::Pause(_)))
                || targets.iter().any(|target| about.contains(target))
        };
        let mut text = format!("`{}` does not hold: {}\n", broken.invariant, broken.what);
        for target in &about {
            let _ = writeln!(text, "  {target:?} is {}", world.id(*target).unwrap_or("?"));
        }
        let lines: Vec<String> = self
            .0
            .iter()
            .filter(|(_, op)| concerns(op))
            .map(|(round, op)| format!("  round {round}: {op:?}"))
            .collect();
        let left_out = lines.len().saturating_sub(MAX_LINES);
        if left_out > 0 {
            let _ = writeln!(text, "  … {left_out} earlier operations");
        }
        text + &lines[left_out..].join("\n")
    }
}
