//! What a walk met, and how little of it is too little.

use std::collections::BTreeMap;
use std::sync::Mutex;

/// Counters by name, in groups: `operation`, `fault`, `finding`, `excuse`, `checked`.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<BTreeMap<(&'static str, String), u64>>);

impl Tally {
    pub(crate) fn add(&self, group: &'static str, name: &str, count: u64) {
        *self.0.lock().unwrap().entry((group, name.to_owned())).or_default() += count;
    }

    pub(crate) fn count(&self, group: &'static str, name: &str) {
        self.add(group, name, 1);
    }

    pub(crate) fn of(&self, group: &str, name: &str) -> u64 {
        self.0
            .lock()
            .unwrap()
            .iter()
            .filter(|((of, called), _)| *of == group && called == name)
            .map(|(_, count)| count)
            .sum()
    }

    /// One line for each group.
    pub(crate) fn table(&self) -> String {
        let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for ((group, name), count) in self.0.lock().unwrap().iter() {
            groups.entry(group).or_default().push(format!("{name} {count}"));
        }
        let lines: Vec<String> = groups
            .iter()
            .map(|(group, entries)| format!("  {group}: {}", entries.join(", ")))
            .collect();
        lines.join("\n")
    }

    /// What was met less often than it must be.
    pub(crate) fn below(&self, floors: &[(&'static str, &str, u64)]) -> Vec<String> {
        let short = |(group, name, floor): &(&'static str, &str, u64)| {
            let met = self.of(group, name);
            (met < *floor)
                .then(|| format!("{group} `{name}` was met {met} times, and {floor} is the least"))
        };
        floors.iter().filter_map(short).collect()
    }
}
