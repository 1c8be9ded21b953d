//! What m3ter should hold compared with what it holds: an ordered set of changes.
//!
//! `identity` decides which actual object a desired one is, `compare` what has to happen to it, `body` what is sent. The
//! changeset can be printed and read before anything is written; a dry run ends with it. Nothing here does I/O or reads a clock.

pub mod body;
pub mod compare;
pub mod identity;

use std::collections::HashMap;
use std::fmt;

use crate::domain::actual::ActualObject;
use crate::domain::desired::DesiredObject;
use crate::domain::entity::ObjectKey;
use crate::domain::finding::Finding;
use crate::domain::ids::M3terId;
use crate::domain::outcome::{Action, FieldChange, ObjectResult};

/// The ids of this sync's objects that m3ter has already.
pub type KnownIds = HashMap<ObjectKey, M3terId>;

/// Everything that one sync would do, in the order of results, which is also an order that respects dependence.
#[derive(Debug, Clone, Default)]
pub struct Changeset {
    /// One change for each desired object.
    pub changes: Vec<Change>,
}

/// What happens to one object.
#[derive(Debug, Clone)]
pub struct Change {
    /// The object that the record asks for.
    pub desired: DesiredObject,
    /// What has to be done.
    pub step: Step,
    /// What a person should know, from mapping and comparison.
    pub warnings: Vec<String>,
}

/// What has to be done with one object.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// m3ter does not have it.
    Create {
        /// The fields that it gets, for people.
        changes: Vec<FieldChange>,
    },
    /// m3ter has it with other values.
    Update {
        /// As it was read.
        actual: ActualObject,
        /// The fields that differ.
        changes: Vec<FieldChange>,
    },
    /// A new price from a date on: the running object ends there and another one starts.
    Supersede {
        /// The object that runs now.
        actual: ActualObject,
        /// The instant between the two, in m3ter's spelling.
        from: jiff::Timestamp,
        /// The fields that differ.
        changes: Vec<FieldChange>,
    },
    /// m3ter has it with these values, or it is another record's and only referred to.
    Unchanged {
        /// Its id.
        id: M3terId,
    },
    /// Its flag says not to sync it.
    Flagged {
        /// Its id, where m3ter has it all the same.
        existing: Option<M3terId>,
    },
    /// The data does not allow it.
    Invalid {
        /// What is wrong; at least one.
        findings: Vec<Finding>,
        /// Its id, where m3ter has it all the same.
        existing: Option<M3terId>,
    },
}

impl Step {
    /// The id of the object in m3ter, if it has one before anything is written.
    pub fn known_id(&self) -> Option<&M3terId> {
        match self {
            Self::Create { .. } => None,
            Self::Update { actual, .. } | Self::Supersede { actual, .. } => Some(&actual.id),
            Self::Unchanged { id } => Some(id),
            Self::Flagged { existing } | Self::Invalid { existing, .. } => existing.as_ref(),
        }
    }
}

impl Change {
    /// The result that a dry run gives for the object, unless one that it needs stands in its way.
    pub fn foresee(&self) -> ObjectResult {
        let key = &self.desired.key;
        let mut result = match &self.step {
            Step::Create { changes } => {
                let mut result = ObjectResult::new(key, Action::Created, "Would be created");
                result.changes = Some(changes.clone());
                result
            }
            Step::Update { changes, .. } => {
                let mut result = ObjectResult::new(key, Action::Updated, format!("Would be updated: {}", list(changes)));
                result.changes = Some(changes.clone());
                result
            }
            Step::Supersede { changes, from, .. } => {
                let message = format!("Would be updated: ended at {from}, and started anew with {}", list(changes));
                let mut result = ObjectResult::new(key, Action::Updated, message);
                result.changes = Some(changes.clone());
                result
            }
            Step::Unchanged { .. } => {
                let mut result = ObjectResult::new(key, Action::Unchanged, "Unchanged");
                result.changes = Some(Vec::new());
                result
            }
            Step::Flagged { .. } => flagged(key),
            Step::Invalid { findings, .. } => invalid(key, findings),
        };
        result.m3ter_id = self.step.known_id().map(ToString::to_string);
        result.warnings.clone_from(&self.warnings);
        result
    }
}

/// The result of an object whose flag is off.
pub fn flagged(key: &ObjectKey) -> ObjectResult {
    let message = format!("The object {} for the record {} was flagged to not sync.", key.kind.plural(), key.row);
    ObjectResult::new(key, Action::Skipped, message)
}

/// The result of an object that the data does not allow; all findings in one.
pub fn invalid(key: &ObjectKey, findings: &[Finding]) -> ObjectResult {
    let sentences = |pick: fn(&Finding) -> &str| {
        let mut distinct: Vec<&str> = Vec::new();
        for sentence in findings.iter().map(pick) {
            if !sentence.is_empty() && !distinct.contains(&sentence) {
                distinct.push(sentence);
            }
        }
        distinct.join(" ")
    };
    let mut result = ObjectResult::new(key, Action::Failed, sentences(|finding| &finding.message));
    result.finding_code = findings.first().map(|finding| finding.code.to_string());
    result.remedy = Some(sentences(|finding| &finding.remedy)).filter(|remedy| !remedy.is_empty());
    result
}

fn list(changes: &[FieldChange]) -> String {
    let texts: Vec<String> = changes.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        write!(f, "{} {} → {}", self.field, shown(&self.old_value), shown(&self.new_value))
    }
}

impl fmt::Display for Changeset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            writeln!(f, "{}: {}", change.desired.key, change.foresee().message)?;
        }
        Ok(())
    }
}
