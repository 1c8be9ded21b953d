//! What a mapping reads of an org, and which of it the org shows, has shown before, or has never
//! shown.

use std::collections::{BTreeMap, BTreeSet};

use super::language::{FieldRef, SetId};
use super::mapped::Mapping;
use super::unreadable::{Unreadable, remembered_name};
use crate::domain::org_schema::OrgSchema;

impl Mapping {
    /// What the mapping reads and the org shows: fields, the relationships on the way to them,
    /// child relationships.
    pub fn shown_names(&self, schema: &OrgSchema) -> BTreeSet<String> {
        let mut shown = BTreeSet::new();
        for reference in self.present_fields(schema) {
            let _ = schema.follow(self.sobject_of(reference), &reference.path, |name| {
                shown.insert(name.to_string());
            });
        }
        let sets = self.sets_below().filter(|set| self.is_present(schema, *set));
        shown.extend(sets.map(|set| self.relationship_name(set)));
        shown
    }

    /// What of that the org does not show although it has shown it before. `shown_before` holds
    /// names as they are remembered.
    pub fn unreadable(&self, schema: &OrgSchema, shown_before: &BTreeSet<String>) -> Unreadable {
        let was_shown = |name: &String| shown_before.contains(&remembered_name(name));
        let mut unreadable = Unreadable::default();
        for reference in self.present_fields(schema) {
            let missing =
                self.org_field(schema, reference).err().map(|missing| missing.to_string());
            if let Some(missing) = missing.filter(was_shown) {
                unreadable.fields.insert(reference.id(), missing);
            }
        }
        for set in self.sets_below().filter(|set| !self.is_present(schema, *set)) {
            let name = self.relationship_name(set);
            if was_shown(&name) {
                unreadable.sets.insert(set, name);
            }
        }
        unreadable
    }

    /// The optional fields that the org does not show and has never shown, by their object. Those
    /// that tell of a sync are no part of a deal.
    pub fn never_shown(
        &self,
        schema: &OrgSchema,
        shown_before: &BTreeSet<String>,
    ) -> BTreeMap<String, BTreeSet<String>> {
        let mut never: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let is_of_a_deal =
            |reference: &&FieldRef| reference.optional && !self.is_sync_status(reference);
        for reference in self.present_fields(schema).into_iter().filter(is_of_a_deal) {
            if let Err(missing) = self.org_field(schema, reference)
                && !shown_before.contains(&remembered_name(&missing.to_string()))
            {
                let fields = never.entry(missing.sobject.to_owned()).or_default();
                fields.insert(missing.name.to_owned());
            }
        }
        never
    }

    fn present_fields(&self, schema: &OrgSchema) -> Vec<&FieldRef> {
        let is_present = |reference: &&FieldRef| self.is_present(schema, reference.from);
        self.fields().into_iter().filter(is_present).collect()
    }

    pub(super) fn relationship_name(&self, set: SetId) -> String {
        let rows = &self.sets[set];
        format!("{}.{}", self.sets[rows.of].sobject, rows.relationship)
    }
}
