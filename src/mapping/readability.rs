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
            let (on_the_way, _) = self.names_on_the_way(schema, reference);
            shown.extend(on_the_way);
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
            if let (_, Some(missing)) = self.names_on_the_way(schema, reference)
                && was_shown(&missing)
            {
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
            if let (_, Some(missing)) = self.names_on_the_way(schema, reference)
                && !shown_before.contains(&remembered_name(&missing))
                && let Some((object, field)) = missing.split_once('.')
            {
                never.entry(object.to_owned()).or_default().insert(field.to_owned());
            }
        }
        never
    }

    /// The fields of the rows that the org shows.
    fn present_fields(&self, schema: &OrgSchema) -> Vec<&FieldRef> {
        let is_present = |reference: &&FieldRef| self.is_present(schema, reference.from);
        self.fields().into_iter().filter(is_present).collect()
    }

    /// The relationship that leads to rows below the root.
    pub(super) fn relationship_name(&self, set: SetId) -> String {
        let rows = &self.sets[set];
        format!("{}.{}", self.sets[rows.of].sobject, rows.relationship)
    }

    /// The names on a path as far as the org shows them, and the first one that it does not show.
    fn names_on_the_way(
        &self,
        schema: &OrgSchema,
        reference: &FieldRef,
    ) -> (Vec<String>, Option<String>) {
        let mut shown = Vec::new();
        let mut sobject = self.sobject_of(reference);
        let mut names = reference.path.split('.').peekable();
        while let Some(name) = names.next() {
            let full = format!("{sobject}.{name}");
            let described = schema.sobject(sobject);
            let next = if names.peek().is_none() {
                described.and_then(|described| described.field(name)).map(|_| None)
            } else {
                described.and_then(|described| described.parent(name)).map(Some)
            };
            match next {
                None => return (shown, Some(full)),
                Some(parent) => {
                    shown.push(full);
                    sobject = parent.unwrap_or(sobject);
                }
            }
        }
        (shown, None)
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use serde_json::json;

    use super::*;
    use crate::domain::catalog::Catalog;
    use crate::domain::desired::Intent;
    use crate::domain::record::Record;
    use crate::mapping::{Context, Scales, fuzzing};

    /// What the findings of an Account name whose `name` is this, when one field cannot be read and
    /// the others hold these values.
    fn named_by_findings(name: &str, hidden: &str, record: &serde_json::Value) -> Vec<String> {
        let text = format!(
            "root = \"Account\"\n[account]\ncode = \"Id\"\nemailAddress = {{ value = \"a@b.example\" }}\nname = {name}\n"
        );
        let mapping = fuzzing::parse("test.toml", text.as_bytes()).unwrap().unwrap();
        let mut schema = fuzzing::org_of(&mapping);
        let shown_before =
            mapping.shown_names(&schema).iter().map(|name| remembered_name(name)).collect();
        let mut account = schema.sobject("Account").unwrap().clone();
        account.fields.retain(|field| field.name != hidden);
        schema.insert(account);
        let unreadable = mapping.unreadable(&schema, &shown_before);
        assert_eq!(unreadable.names(), BTreeSet::from([format!("Account.{hidden}").as_str()]));
        let mut fields = record.as_object().cloned().unwrap();
        fields.insert("Id".to_owned(), json!("001S900000RzsIUIAZ"));
        let catalog = Catalog::default();
        let scales = Scales::default();
        let context =
            Context { time_zone: &TimeZone::UTC, unreadable: &unreadable, scales: &scales };
        let record = Record::new(fields);
        let resolution = mapping.read(&record, context).resolve(&catalog);
        match &resolution.objects[0].intent {
            Intent::Sync(_) => Vec::new(),
            Intent::Invalid(findings) => findings
                .iter()
                .map(|finding| finding.message.split('`').nth(1).unwrap().to_owned())
                .collect(),
            Intent::Flagged => vec!["flagged".to_owned()],
        }
    }

    #[test]
    fn only_what_a_value_hangs_on_matters() {
        let field = |name: &str| format!("{{ field = \"{name}\", optional = true }}");
        let first = format!("{{ first = [{}, {}, \"C\"] }}", field("A"), field("B"));
        let when = |condition: &str| {
            format!("{{ first = [{{ field = \"C\", when = {condition} }}, \"D\"] }}")
        };
        let any = when(
            "{ any = [{ field = \"A\", optional = true, is = \"x\" }, { field = \"B\", is = \"y\" }] }",
        );
        let all = when(
            "{ all = [{ field = \"A\", optional = true, is = \"x\" }, { field = \"B\", is = \"y\" }] }",
        );
        let not = when("{ field = \"A\", optional = true, is_not = \"x\" }");
        let joined = format!("{{ concat = [{}, \"C\"], separator = \" \" }}", field("A"));
        let everything = || json!({"A": "a", "B": "y", "C": "c", "D": "d"});
        for (expression, hidden, record, expected) in [
            // An alternative that comes before what has a value matters, one that comes after it
            // does not.
            (first.as_str(), "A", everything(), vec!["Account.A"]),
            (&first, "B", everything(), vec![]),
            (&first, "B", json!({"C": "c"}), vec!["Account.B"]),
            // A condition that another part of it decides does not matter.
            (&any, "A", everything(), vec![]),
            (&any, "A", json!({"B": "n", "C": "c", "D": "d"}), vec!["Account.A"]),
            (&all, "A", json!({"B": "n", "C": "c", "D": "d"}), vec![]),
            (&all, "A", everything(), vec!["Account.A"]),
            // What is not something is not what cannot be read.
            (&not, "A", everything(), vec!["Account.A"]),
            (&joined, "A", everything(), vec!["Account.A"]),
        ] {
            assert_eq!(
                named_by_findings(expression, hidden, &record),
                expected,
                "{expression} without {hidden}: {record}"
            );
        }
    }

    #[test]
    fn a_flag_that_cannot_be_read_is_neither_on_nor_off() {
        let skip = "\"C\"\nskip = { field = \"A\", optional = true }";
        assert_eq!(named_by_findings(skip, "A", &json!({"C": "c"})), ["Account.A"]);
        let certain = "{ first = [{ field = \"B\", optional = true }, \"C\"] }\nskip = \"A\"";
        assert_eq!(named_by_findings(certain, "B", &json!({"A": true, "C": "c"})), ["flagged"]);
    }
}
