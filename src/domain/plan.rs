//! A plan: what a run would write, as a set that two runs agree on whenever they would write the
//! same.
//!
//! Of each change of a field there is a digest over kind, row, object, action, field, old and new
//! value. What is not written is not in it: no version numbers, no times of reading, no warnings. A
//! date that was reckoned from today is, so a plan is of its day. A plan can be kept without
//! keeping what it says: nobody's name or address can be read from it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{Context, SHA256};

use super::excerpt;
use super::text::{hex, trimmed};

/// The rules by which hashes are made; another number where the same changes have another hash.
const VERSION: u8 = 1;
/// What is kept of the digest of a change: enough that nobody finds two with the same.
const KEPT_BYTES: usize = 16;
const HASH_BYTES: usize = 33;

/// What a dry run calls `planHash` and a request `expectedPlan`: a version byte, and the SHA-256 of
/// a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanHash([u8; HASH_BYTES]);

/// The text is no hash of a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlanHash {
    /// It has another form.
    #[error("`{0}` is not a plan; pass the `planHash` of a dry run, {length} characters from 0 to 9 and a to f", length = HASH_BYTES * 2)]
    Malformed(String),
    /// It was made by other rules.
    #[error("it is the plan of another version of the service; make a new one with a dry run")]
    OfAnotherVersion,
}

/// What becomes of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlannedAction {
    /// It is made.
    Create,
    /// It is changed.
    Update,
}

/// One field of one object that would be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedChange<'a> {
    /// The kind of object, as in `objectName`.
    pub kind: &'a str,
    /// The Salesforce row that it comes from.
    pub row: &'a str,
    /// What tells several objects of one kind and row apart.
    pub key: &'a str,
    /// The object's id in m3ter; empty for one that is to be made.
    pub m3ter_id: &'a str,
    /// What becomes of the object.
    pub action: PlannedAction,
    /// The field, as m3ter spells it.
    pub field: &'a str,
    /// What m3ter holds.
    pub old: Option<&'a str>,
    /// What it would hold.
    pub new: Option<&'a str>,
}

/// Everything that a run would write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    changes: BTreeSet<[u8; KEPT_BYTES]>,
}

impl Plan {
    /// Takes a change in.
    pub fn add(&mut self, change: &PlannedChange<'_>) {
        let action = match change.action {
            PlannedAction::Create => "create",
            PlannedAction::Update => "update",
        };
        let mut digest = Context::new(&SHA256);
        for text in [change.kind, change.row, change.key, change.m3ter_id, action, change.field] {
            add_text(&mut digest, Some(text));
        }
        add_text(&mut digest, change.old);
        add_text(&mut digest, change.new);
        let mut kept = [0; KEPT_BYTES];
        kept.copy_from_slice(&digest.finish().as_ref()[..KEPT_BYTES]);
        self.changes.insert(kept);
    }

    /// Takes all changes of another plan in.
    pub fn extend(&mut self, other: Self) {
        self.changes.extend(other.changes);
    }

    /// Whether nothing would be written.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether nothing that the other one would write is outside this one.
    pub fn covers(&self, other: &Self) -> bool {
        other.changes.is_subset(&self.changes)
    }

    /// Its hash, whatever the order was in which the changes were met.
    pub fn hash(&self) -> PlanHash {
        let mut digest = Context::new(&SHA256);
        digest.update(&[VERSION]);
        self.changes.iter().for_each(|change| digest.update(change));
        let mut hash = [VERSION; HASH_BYTES];
        hash[1..].copy_from_slice(digest.finish().as_ref());
        PlanHash(hash)
    }

    /// As text for the store.
    pub fn to_saved(&self) -> String {
        self.changes.iter().map(|change| hex(change)).collect()
    }

    /// The plan that was saved so; `None` for other text.
    pub fn from_saved(text: &str) -> Option<Self> {
        let bytes = from_hex(text)?;
        let (changes, rest) = bytes.as_chunks::<KEPT_BYTES>();
        rest.is_empty().then(|| Self { changes: changes.iter().copied().collect() })
    }
}

/// A text with its length before it, so that no two lists of texts look alike.
fn add_text(digest: &mut Context, text: Option<&str>) {
    match text {
        None => digest.update(&[0]),
        Some(text) => {
            digest.update(&[1]);
            digest.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(text.as_bytes());
        }
    }
}

impl FromStr for PlanHash {
    type Err = InvalidPlanHash;

    fn from_str(text: &str) -> Result<Self, InvalidPlanHash> {
        let text = trimmed(text);
        let bytes = from_hex(text).and_then(|bytes| <[u8; HASH_BYTES]>::try_from(bytes).ok());
        match bytes.ok_or_else(|| InvalidPlanHash::Malformed(excerpt::word(text)))? {
            bytes if bytes[0] == VERSION => Ok(Self(bytes)),
            _ => Err(InvalidPlanHash::OfAnotherVersion),
        }
    }
}

impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = text.bytes().map(|byte| digit(&byte)).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGE: PlannedChange<'_> = PlannedChange {
        kind: "Commitment",
        row: "006S900000795MMIAY",
        key: "",
        m3ter_id: "d82738f3-d1d7-4a13-94a2-757658d64948",
        action: PlannedAction::Update,
        field: "amount",
        old: Some("12000"),
        new: Some("15000"),
    };

    fn plan(changes: &[PlannedChange<'_>]) -> Plan {
        let mut plan = Plan::default();
        for change in changes {
            plan.add(change);
        }
        plan
    }

    #[test]
    fn each_part_of_a_change_makes_another_plan() {
        let others = [
            PlannedChange { kind: "Contract", ..CHANGE },
            PlannedChange { row: "006S900000795MNIAY", ..CHANGE },
            PlannedChange { key: "1", ..CHANGE },
            PlannedChange { m3ter_id: "293b2bca-fa87-4036-9a0b-e0f1d3cd8c9e", ..CHANGE },
            PlannedChange { action: PlannedAction::Create, ..CHANGE },
            PlannedChange { field: "amountPrePaid", ..CHANGE },
            PlannedChange { old: Some("12000.01"), ..CHANGE },
            PlannedChange { old: None, ..CHANGE },
            PlannedChange { old: Some(""), ..CHANGE },
            PlannedChange { new: Some("15000.01"), ..CHANGE },
            PlannedChange { new: Some("150000"), ..CHANGE },
            PlannedChange { new: None, ..CHANGE },
            // The same letters, otherwise divided.
            PlannedChange { old: Some("1200"), new: Some("015000"), ..CHANGE },
            PlannedChange { row: "006S900000795MMIAY1", key: "", ..CHANGE },
        ];
        let plans: Vec<Plan> = [CHANGE]
            .iter()
            .chain(&others)
            .map(|change| plan(std::slice::from_ref(change)))
            .collect();
        let hashes: BTreeSet<String> = plans.iter().map(|plan| plan.hash().to_string()).collect();
        assert_eq!(hashes.len(), others.len() + 1, "{hashes:?}");
        assert!(plans[1..].iter().all(|other| !plans[0].covers(other) && !other.covers(&plans[0])));
    }

    #[test]
    fn the_order_in_which_changes_are_met_does_not_matter() {
        let changes = [
            CHANGE,
            PlannedChange { field: "endDate", ..CHANGE },
            PlannedChange { field: "name", ..CHANGE },
        ];
        let [first, second, third] = changes.clone();
        let (one, other) = (plan(&changes), plan(&[third, first.clone(), second, first]));
        assert_eq!(one.hash(), other.hash());
        let mut joined = plan(&changes[..1]);
        joined.extend(plan(&changes[1..]));
        assert_eq!(joined, one);
        // What is left of it lies within it, and is another plan.
        let left = plan(&changes[1..]);
        assert!(one.covers(&left) && one.covers(&Plan::default()) && !left.covers(&one));
        assert_ne!(one.hash(), left.hash());
        assert!(Plan::default().is_empty() && !left.is_empty());
    }

    #[test]
    fn a_plan_and_its_hash_are_read_as_they_were_written() {
        let plan = plan(&[CHANGE, PlannedChange { field: "endDate", ..CHANGE }]);
        assert_eq!(Plan::from_saved(&plan.to_saved()), Some(plan.clone()));
        assert_eq!(Plan::from_saved(""), Some(Plan::default()));
        assert!(
            ["0", "xy", "00ff", &format!("{}0", plan.to_saved())]
                .into_iter()
                .all(|text| Plan::from_saved(text).is_none())
        );
        let text = plan.hash().to_string();
        assert!(text.len() == 66 && text.starts_with("01"), "{text}");
        assert_eq!(format!(" {} ", text.to_uppercase()).parse(), Ok(plan.hash()));
        for malformed in
            ["", "true", &text[2..], &format!("{text}0"), &text.replace('0', "g"), &"ü".repeat(33)]
        {
            assert!(
                matches!(malformed.parse::<PlanHash>(), Err(InvalidPlanHash::Malformed(_))),
                "{malformed}"
            );
        }
        assert_eq!(
            text.replacen("01", "02", 1).parse::<PlanHash>(),
            Err(InvalidPlanHash::OfAnotherVersion)
        );
        // Written down once. If you change the rules, increase the version.
        insta::assert_snapshot!(text, @"0139876c7d6a39335d1dd131d3e7b80e06edb1e68985211bd68cab51a07514ba80");
    }
}
