//! What m3ter should hold compared with what it holds: an ordered set of changes.
//!
//! `identity` decides which actual object a desired one is, `compare` what must happen to it,
//! `body` what is sent. The changeset can be printed and read before anything is written; a dry run
//! ends with it. Nothing here does I/O or reads a clock.

pub mod adoption;
mod attached;
pub mod body;
pub mod compare;
pub mod ended;
pub mod identity;
pub mod lines;
pub mod merge;
pub mod overlap;
pub mod planned;
pub mod preview;
pub mod price_end;
pub mod price_start;
mod product_overlap;
pub mod refusal;
pub mod render;
pub mod running;
pub mod shared_contract;
pub mod successor;
mod terms;
#[cfg(test)]
mod testing;
pub mod typed_key;
mod unreadable;
pub mod unusual;
mod write_order;

use std::fmt;

use jiff::Timestamp;

use crate::domain::actual::ActualObject;
use crate::domain::desired::DesiredObject;
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::{IdMap, M3terId};
use crate::domain::made_end::{MadeEnd, Until};
use crate::domain::outcome::{Action, FieldChange, Message, ObjectOutcome};
use crate::domain::settings::PricingChange;
use crate::domain::warning::{Attention, Warning};

/// The ids of this sync's objects that m3ter has already.
pub type KnownIds = IdMap<ObjectKey, M3terId>;

/// Everything that one sync would do, in the order of results.
#[derive(Debug, Clone, Default)]
pub struct Changeset {
    /// One change for each desired object.
    pub changes: Vec<Change>,
    /// AccountPlans that leave a time to another one, by the one that needs it: m3ter takes that
    /// one only after them.
    pub write_order: IdMap<ObjectKey, Vec<ObjectKey>>,
    /// Ends of end dating that Salesforce takes back.
    pub reopened: Vec<Reopened>,
}

/// What happens to one object.
#[derive(Debug, Clone)]
pub struct Change {
    /// The object that the record asks for.
    pub desired: DesiredObject,
    /// What must be done.
    pub step: Step,
    /// What a person should know, from mapping and comparison.
    pub warnings: Vec<Warning>,
    /// The key that the object's link remembers.
    pub remembered_key: Option<String>,
    /// An AccountPlan that starts earlier takes the first of several prices along.
    pub first_price: Option<Box<FirstPrice>>,
    /// What m3ter will say to it, as far as a dry run can tell; never there in a sync that writes.
    pub refusal_ahead: Option<Finding>,
    /// What would end for it, as far as that is foreseen; where it is not asked for, empty.
    pub replaces: Vec<ReplacedObject>,
}

impl Change {
    /// What comparing an object brought out; what is known by then of the others is added later.
    pub fn new(desired: DesiredObject, step: Step, warnings: Vec<Warning>) -> Self {
        Self {
            desired,
            step,
            warnings,
            remembered_key: None,
            first_price: None,
            refusal_ahead: None,
            replaces: Vec::new(),
        }
    }
}

/// The first Pricing of a row, and what it becomes.
#[derive(Debug, Clone)]
pub struct FirstPrice {
    /// As it was read.
    pub actual: ActualObject,
    /// It with its new start only.
    pub desired: DesiredObject,
    /// When it starts from now on.
    pub start: Timestamp,
    /// Whether that is written, or only reported.
    pub pricing_change: PricingChange,
}

/// An object that ends when a new one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplacedObject {
    /// Its kind.
    pub kind: EntityKind,
    /// Its id.
    pub id: M3terId,
    /// When it ends now, in m3ter's spelling.
    pub ends: Option<String>,
    /// When it would end.
    pub would_end: String,
}

/// A later end in Salesforce than when end dating ended the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reopened {
    /// The object.
    pub key: ObjectKey,
    /// The end that is taken back.
    pub made: MadeEnd,
    /// The end that Salesforce says.
    pub asked: Until,
    /// Why it is not, where that is left to an operator.
    pub finding: Option<Finding>,
}

/// What must be done with one object.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// m3ter does not have it: it gets all that it should hold.
    Create,
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
        from: Timestamp,
        /// The fields that differ.
        changes: Vec<FieldChange>,
    },
    /// m3ter has it with these values, or it is another record's and only referred to.
    Unchanged {
        /// Its id.
        id: M3terId,
    },
    /// m3ter has it, and the record's key names another one now: it continues as it is, and so does
    /// what refers to it.
    Kept {
        /// Its id.
        id: M3terId,
        /// What differs.
        finding: Finding,
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
            Self::Unchanged { id } | Self::Kept { id, .. } => Some(id),
            Self::Flagged { existing } | Self::Invalid { existing, .. } => existing.as_ref(),
        }
    }
}

/// Whether an object can serve those that refer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Availability {
    /// m3ter has it.
    There(M3terId),
    /// It is there once it was created.
    ToCome,
    /// It will not be there.
    Absent(Absence),
}

/// Why an object will not be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// It failed, or needs one that failed.
    Failed,
    /// Its flag is off and m3ter does not have it.
    Flagged,
}

impl Change {
    /// Whether the object can serve those that refer to it, before anything is written. A Plan that
    /// m3ter has serves even when it is not as the record asks for: its prices and its attachment
    /// are objects of their own.
    pub fn availability(&self) -> Availability {
        match &self.step {
            Step::Create if self.refusal_ahead.is_some() => Availability::Absent(Absence::Failed),
            Step::Create => Availability::ToCome,
            Step::Update { actual, .. } | Step::Supersede { actual, .. } => {
                Availability::There(actual.id.clone())
            }
            Step::Unchanged { id } | Step::Kept { id, .. } => Availability::There(id.clone()),
            Step::Flagged { existing } => {
                existing.clone().map_or(Availability::Absent(Absence::Flagged), Availability::There)
            }
            Step::Invalid { existing: Some(id), .. } if self.desired.kind() == EntityKind::Plan => {
                Availability::There(id.clone())
            }
            // What cannot be read says nothing against the object: it is left as it is, and serves
            // as it did.
            Step::Invalid { existing: Some(id), findings }
                if findings.iter().all(|finding| finding.code == FindingCode::FieldNotReadable) =>
            {
                Availability::There(id.clone())
            }
            Step::Invalid { .. } => Availability::Absent(Absence::Failed),
        }
    }

    /// Lets the data not allow the object, unless its flag says not to sync it.
    fn refuse(&mut self, finding: &Finding) {
        let existing = self.step.known_id().cloned();
        match &mut self.step {
            Step::Flagged { .. } => {}
            Step::Invalid { findings, .. } => findings.push(finding.clone()),
            step => *step = Step::Invalid { findings: vec![finding.clone()], existing },
        }
    }

    /// Whether the step writes to m3ter and so needs what it refers to.
    pub fn writes(&self) -> bool {
        matches!(self.step, Step::Create | Step::Update { .. } | Step::Supersede { .. })
    }

    /// The outcome that a dry run tells of the object, unless one that it needs stands in its way.
    pub fn foresee(&self) -> ObjectOutcome {
        let key = &self.desired.key;
        let outcome = match &self.step {
            Step::Create => {
                let changes = render::creation(self.desired.fields());
                with_changes(key, Action::Created, "Would be created".into(), &changes)
            }
            Step::Update { changes, .. } => {
                let message = Message::with_detail("Would be updated", list(changes));
                with_changes(key, Action::Updated, message, changes)
            }
            Step::Supersede { changes, from, .. } => {
                let started = format!("ended at {from}, and started again with {}", list(changes));
                let message = Message::with_detail("Would be updated", started);
                with_changes(key, Action::Updated, message, changes)
            }
            Step::Unchanged { .. } => with_changes(key, Action::Unchanged, "Unchanged".into(), &[]),
            Step::Flagged { .. } => flagged(key),
            Step::Kept { finding, .. } => invalid(key, std::slice::from_ref(finding)),
            Step::Invalid { findings, .. } => invalid(key, findings),
        };
        let mut outcome = match &self.refusal_ahead {
            None => outcome,
            Some(refusal) => ObjectOutcome {
                message: Message::with_detail("Would fail", &refusal.message),
                changes: outcome.changes,
                ..invalid(key, std::slice::from_ref(refusal))
            },
        };
        outcome.m3ter_id = self.step.known_id().cloned();
        outcome.warnings.clone_from(&self.warnings);
        if matches!(self.step, Step::Update { .. }) {
            outcome.warnings.extend(self.first_price.as_deref().map(FirstPrice::describe));
        }
        outcome
    }
}

fn with_changes(
    key: &ObjectKey,
    action: Action,
    message: Message,
    changes: &[FieldChange],
) -> ObjectOutcome {
    ObjectOutcome { changes: Some(changes.to_vec()), ..ObjectOutcome::new(key, action, message) }
}

impl FirstPrice {
    /// Whether it is written.
    pub fn moves(&self) -> bool {
        self.pricing_change != PricingChange::Report
    }

    /// What is to be told beside the AccountPlan.
    pub fn describe(&self) -> Warning {
        let (id, start) = (&self.actual.id, self.start);
        match self.pricing_change {
            PricingChange::Report => {
                let begins = self.actual.text("startDate").unwrap_or("later");
                Warning::of(
                    Attention::UsageUnpriced,
                    format!(
                        "Usage between {start} and {begins} has no price: the Pricing {id} only starts then, and the mapping says only to report that"
                    ),
                )
            }
            PricingChange::InPlace | PricingChange::FromDate => {
                format!("The Pricing {id}, the first price, is moved to start at {start} with it")
                    .into()
            }
        }
    }
}

impl Changeset {
    /// The outcomes that a dry run tells of every object, in order.
    pub fn foresee(&self) -> Vec<ObjectOutcome> {
        self.changes
            .iter()
            .map(|change| match self.obstacle(change).filter(|_| change.refusal_ahead.is_none()) {
                Some((kind, absence)) => not_attempted(&change.desired.key, kind, absence),
                None => change.foresee(),
            })
            .collect()
    }

    /// The first object that stands in the way of a change, also where it is one that the needed
    /// object itself needs.
    fn obstacle(&self, change: &Change) -> Option<(EntityKind, Absence)> {
        if !change.writes() {
            return None;
        }
        change.desired.dependencies().find_map(|key| {
            let needed = self.changes.iter().find(|other| other.desired.key == *key)?;
            match needed.availability() {
                Availability::There(_) => None,
                Availability::Absent(absence) => Some((key.kind, absence)),
                Availability::ToCome => self.obstacle(needed).map(|_| (key.kind, Absence::Failed)),
            }
        })
    }
}

/// The outcome of an object that needs one that is not there.
pub fn not_attempted(key: &ObjectKey, needed: EntityKind, absence: Absence) -> ObjectOutcome {
    let (why, remedy) = match absence {
        Absence::Failed => ("failed", format!("Fix the {needed} first; see its result")),
        Absence::Flagged => {
            ("was flagged to not sync", format!("Sync the {needed} as well, or create it in m3ter"))
        }
    };
    let message = format!("Not attempted because {needed} {why}");
    ObjectOutcome {
        finding: Some(FindingCode::DependencyFailed),
        remedy: Some(remedy),
        ..ObjectOutcome::new(key, Action::Failed, message)
    }
}

/// The outcome of an object whose flag is off.
pub fn flagged(key: &ObjectKey) -> ObjectOutcome {
    let message = format!(
        "The object {} for the record {} was flagged to not sync.",
        key.kind.plural(),
        key.row
    );
    ObjectOutcome {
        finding: Some(FindingCode::Flagged),
        ..ObjectOutcome::new(key, Action::Skipped, message)
    }
}

/// The outcome of an object that the data does not allow; all findings in one.
pub fn invalid(key: &ObjectKey, findings: &[Finding]) -> ObjectOutcome {
    let sentences = |pick: fn(&Finding) -> &str| {
        let mut distinct: Vec<&str> = Vec::new();
        for sentence in findings.iter().map(pick) {
            if !sentence.is_empty() && !distinct.contains(&sentence) {
                distinct.push(sentence);
            }
        }
        distinct.join(" ")
    };
    let message = sentences(|finding| &finding.message);
    ObjectOutcome {
        finding: findings.first().map(|finding| finding.code),
        remedy: Some(sentences(|finding| &finding.remedy)).filter(|remedy| !remedy.is_empty()),
        ..ObjectOutcome::new(key, Action::Failed, message)
    }
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
