//! Not readable is not blank: what the org has shown before and does not show now.
//!
//! Salesforce leaves a field that the integration user may not read out of its describe, and
//! refuses it in a query. A lost permission says nothing about the deal: whatever such a field
//! feeds is not written, and the answer names the field. A field that the org has never shown
//! counts as blank.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::finding::{Finding, FindingCode};
use crate::domain::rows::{FieldRef, SetId};

/// Fields and child relationships that a mapping names and that cannot be read, each as
/// `Object.Name`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unreadable {
    pub(super) fields: BTreeMap<(SetId, String), String>,
    pub(super) sets: BTreeMap<SetId, String>,
}

impl Unreadable {
    /// The names, each once.
    pub fn names(&self) -> BTreeSet<&str> {
        self.fields.values().chain(self.sets.values()).map(String::as_str).collect()
    }

    /// The name of a field that cannot be read.
    pub fn field(&self, field: &FieldRef) -> Option<&str> {
        if self.fields.is_empty() {
            return None;
        }
        self.fields.get(&field.id()).map(String::as_str)
    }

    /// The relationship that keeps rows of a set from being read: its own, or one above.
    pub fn rows(&self, set: SetId) -> Option<&str> {
        self.sets.get(&set).map(String::as_str)
    }
}

/// The name as it is remembered: Salesforce's names have no case.
pub fn remembered_name(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// What is found on an object that hangs on a name that cannot be read.
pub fn not_readable(name: &str) -> Finding {
    Finding::new(
        FindingCode::FieldNotReadable,
        format!(
            "`{name}` could be read before and cannot be read now; what depends on it is left as it is"
        ),
        format!(
            "Let the integration user read `{name}` again, by the permission set `M3ter Sync Integration` or one of your own. If it was deleted on purpose, run `sync-to-m3ter mapping forget-field {name}`"
        ),
    )
}
