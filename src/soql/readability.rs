//! Which of what is read the org shows, has shown before, or has never shown.

use std::collections::{BTreeMap, BTreeSet};

use super::reads::Reads;
use super::unreadable::{Unreadable, remembered_name};
use crate::domain::org_schema::OrgSchema;
use crate::domain::rows::FieldRef;

impl Reads<'_> {
    /// What is read and the org shows: fields, the relationships on the way to them,
    /// child relationships.
    pub fn shown_names(&self, schema: &OrgSchema) -> BTreeSet<String> {
        let mut shown = BTreeSet::new();
        for reference in self.present_fields(schema) {
            let _ = schema.follow(&self.rows[reference.from].sobject, &reference.path, |name| {
                shown.insert(name.to_string());
            });
        }
        let sets = self.below().filter(|set| self.is_present(schema, *set));
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
        for set in self.below().filter(|set| !self.is_present(schema, *set)) {
            let own = Some(self.relationship_name(set)).filter(was_shown);
            // Rows below such as cannot be read cannot be read either.
            let name = own.or_else(|| unreadable.sets.get(&self.rows[set].of).cloned());
            unreadable.sets.extend(name.map(|name| (set, name)));
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
        let is_of_a_deal = |reference: &&FieldRef| reference.optional && !self.is_status(reference);
        for reference in self.present_fields(schema).filter(is_of_a_deal) {
            if let Err(missing) = self.org_field(schema, reference)
                && !shown_before.contains(&remembered_name(&missing.to_string()))
            {
                let fields = never.entry(missing.sobject.to_owned()).or_default();
                fields.insert(missing.name.to_owned());
            }
        }
        never
    }

    /// Whether a field says how a sync ended, and nothing about the deal.
    pub fn is_status(&self, field: &FieldRef) -> bool {
        self.status.iter().flat_map(|status| status.fields()).any(|own| std::ptr::eq(own, field))
    }

    fn present_fields(&self, schema: &OrgSchema) -> impl Iterator<Item = &FieldRef> {
        let fields = self.fields.iter().copied();
        fields.filter(|field| self.is_present(schema, field.from))
    }
}
