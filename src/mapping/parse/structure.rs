//! Values that are more than a scalar: addresses, segments, custom fields, and lists of structures.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{Parser, Value, dotted, find};
use crate::domain::field::{
    ADDRESS_PARTS, FieldSpec, FieldType, MOST_CUSTOM_FIELDS, is_identifier_code,
};
use crate::domain::text::is_blank;
use crate::mapping::language::{Expression, NamedValue, Parts, Replace, SetId, Term};
use crate::mapping::structure::{ADDRESS_PART, parts_of};

impl Parser<'_> {
    /// A scalar cannot stand where m3ter's field holds a structure.
    pub(super) fn no_structure(
        &mut self,
        value: &Value<'_>,
        key: &str,
        spec: Option<&'static FieldSpec>,
    ) -> Option<()> {
        let hint = match spec.map(|spec| spec.field_type) {
            Some(FieldType::Address) => {
                "write a table with its parts, such as `{ street = \"BillingStreet\", … }`"
            }
            Some(FieldType::PricingBands) => "use `bands_text`, `unit_price`, `list` or `each`",
            Some(FieldType::FeeDates | FieldType::UsageFilters) => "use `list` or `each`",
            Some(FieldType::Segment | FieldType::CustomFields) => {
                "write a table with a name for each value"
            }
            _ => return Some(()),
        };
        self.fault(&value.span(), key, "m3ter's field holds more than one value", hint);
        None
    }

    pub(super) fn address(
        &mut self,
        table: &DeTable<'_>,
        span: &Range<usize>,
        key: &str,
        set: SetId,
    ) -> Expression {
        let known = || std::iter::once("street").chain(ADDRESS_PARTS.iter().map(|(part, _)| *part));
        self.check_keys(table, key, &known().chain(["once", "clear", "when"]).collect::<Vec<_>>());
        for flag in ["once", "clear"] {
            self.flag(table, key, flag);
        }
        let when = find(table, "when").map(|value| self.condition(value, key, set));
        let mut parts: Parts = Vec::new();
        for part in known() {
            if let Some(value) = find(table, part) {
                parts.extend(
                    self.expression(value, &dotted(key, part), set, Some(&ADDRESS_PART))
                        .map(|expression| (part, expression)),
                );
            }
        }
        if parts.is_empty() {
            self.fault(
                span,
                key,
                "an address has at least one part",
                "such as `{ street = \"BillingStreet\" }`",
            );
        }
        Expression { when: when.flatten(), ..Expression::plain(Term::Address(parts)) }
    }

    /// A value for each name: the dimensions of a segment, or custom fields.
    pub(super) fn named_values(
        &mut self,
        table: &DeTable<'_>,
        span: &Range<usize>,
        key: &str,
        set: SetId,
        spec: Option<&'static FieldSpec>,
    ) -> Expression {
        let is_segment = spec.is_some_and(|spec| spec.field_type == FieldType::Segment);
        if table.is_empty() || table.len() > MOST_CUSTOM_FIELDS {
            self.fault(
                span,
                key,
                "1 to 100 names are expected",
                "write `name = \"Field__c\"` for each",
            );
        }
        let mut values = Vec::new();
        for (name, value) in table {
            let text = name.get_ref().as_ref();
            let full = dotted(key, text);
            let is_name = if is_segment {
                is_identifier_code(text)
            } else {
                !is_blank(text) && text.chars().count() <= 80
            };
            if !is_name {
                self.fault(
                    &name.span(),
                    &full,
                    "m3ter does not take this name",
                    "letters and digits, at most 80, a letter first in a segment",
                );
            }
            let clear = value.get_ref().as_table().is_some_and(|table| {
                find(table, "clear").and_then(|clear| clear.get_ref().as_bool()) == Some(true)
            });
            if let Some(expression) = self.expression(value, &full, set, None) {
                values.push(NamedValue { name: text.to_owned(), expression, clear });
            }
        }
        Expression::plain(Term::Named(values, Replace::Named))
    }

    /// The names of the parts that stand beside `each`.
    #[expect(clippy::unused_self, reason = "it reads like its neighbours")]
    pub(super) fn part_names(&self, spec: Option<&'static FieldSpec>) -> Vec<&'static str> {
        parts_of(spec.map(|spec| spec.field_type)).iter().map(|part| part.name).collect()
    }

    /// `each`: an entry for each row of a set below; `list`: entries written out.
    pub(super) fn structure(
        &mut self,
        source: &str,
        value: &Value<'_>,
        table: &DeTable<'_>,
        key: &str,
        set: SetId,
        spec: Option<&'static FieldSpec>,
    ) -> Option<Term> {
        let parts = parts_of(spec.map(|spec| spec.field_type));
        if parts.is_empty() {
            self.fault(
                &value.span(),
                key,
                format!("`{source}` makes a list, which this field does not hold"),
                "use `field`, `first` or `concat`",
            );
            return None;
        }
        if source == "each" {
            let below = self.set_below(value, key, set)?;
            return self
                .parts(table, &value.span(), key, below, parts)
                .map(|parts| Term::Each(below, parts));
        }
        let items = self.list(value, key);
        let mut entries = Vec::new();
        for item in items {
            let entry = match (parts, item.get_ref()) {
                ([part], _) => self
                    .expression(item, key, set, Some(part))
                    .map(|expression| vec![(part.name, expression)]),
                (_, DeValue::Table(table)) => {
                    self.check_keys(
                        table,
                        key,
                        &parts
                            .iter()
                            .map(|part| part.name)
                            .filter(|name| *name != "upperLimit")
                            .collect::<Vec<_>>(),
                    );
                    self.parts(table, &item.span(), key, set, parts)
                }
                _ => self.table(item, key).and(None),
            };
            entries.extend(entry);
        }
        (!items.is_empty() && entries.len() == items.len()).then_some(Term::List(entries))
    }

    fn parts(
        &mut self,
        table: &DeTable<'_>,
        span: &Range<usize>,
        key: &str,
        set: SetId,
        known: &'static [FieldSpec],
    ) -> Option<Parts> {
        let mut parts = Vec::new();
        let mut is_whole = true;
        for part in known {
            match find(table, part.name) {
                Some(value) => {
                    match self.expression(value, &dotted(key, part.name), set, Some(part)) {
                        Some(expression) => parts.push((part.name, expression)),
                        None => is_whole = false,
                    }
                }
                None if part.required => {
                    self.fault(
                        span,
                        &dotted(key, part.name),
                        "this part is missing",
                        format!("add `{} = …`", part.name),
                    );
                    is_whole = false;
                }
                None => {}
            }
        }
        is_whole.then_some(parts)
    }
}
