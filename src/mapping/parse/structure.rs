//! Values that are more than a scalar: addresses, segments, custom fields, and lists of structures.

use toml::de::{DeTable, DeValue};

use super::expression::{CLEAR, ONCE, WHEN};
use super::key::{Key, names};
use super::parser::{Parser, Place, Value, dotted, find, is_on};
use crate::domain::field::{
    ADDRESS_PARTS, FieldSpec, FieldType, MAX_CUSTOM_FIELDS, is_identifier_code,
};
use crate::domain::text::is_blank;
use crate::mapping::structure::{ADDRESS_PART, UPPER_LIMIT, parts_of};
use crate::mapping::term::{Expression, NamedValue, Part, Parts, Replace, Term};

/// What stands beside the parts of an address.
pub const ADDRESS_KEYS: [Key; 3] = [ONCE, CLEAR, WHEN];

impl Parser<'_> {
    /// A scalar cannot stand where m3ter's field holds a structure.
    pub(super) fn no_structure(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<()> {
        let hint = match place.spec.map(|spec| spec.field_type) {
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
        self.fault(value, place.key, "m3ter's field holds more than one value", hint)
    }

    pub(super) fn address(
        &mut self,
        table: &DeTable<'_>,
        value: &Value<'_>,
        place: Place<'_>,
    ) -> Expression {
        let known: Vec<&str> =
            std::iter::once("street").chain(ADDRESS_PARTS.iter().map(|(part, _)| *part)).collect();
        self.check_keys(table, place.key, &[&known[..], &names(&ADDRESS_KEYS)[..]].concat());
        for flag in ["once", "clear"] {
            self.flag(table, place.key, flag);
        }
        let when = find(table, "when").and_then(|value| self.condition(value, place));
        let part = |name: &'static str| {
            let key = dotted(place.key, name);
            let place = Place { key: &key, spec: Some(&ADDRESS_PART), ..place };
            Some((name, self.expression(find(table, name)?, place)?))
        };
        let parts: Vec<(&str, Expression)> = known.into_iter().filter_map(part).collect();
        if parts.is_empty() {
            let hint = "such as `{ street = \"BillingStreet\" }`";
            self.note(value, place.key, "an address has at least one part", hint);
        }
        Expression { when, ..Expression::plain(Term::Address(parts)) }
    }

    /// A value for each name: the dimensions of a segment, or custom fields.
    pub(super) fn named_values(
        &mut self,
        table: &DeTable<'_>,
        value: &Value<'_>,
        place: Place<'_>,
    ) -> Expression {
        let is_segment = place.spec.is_some_and(|spec| spec.field_type == FieldType::Segment);
        if table.is_empty() || table.len() > MAX_CUSTOM_FIELDS {
            let hint = "write `name = \"Field__c\"` for each";
            self.note(value, place.key, "1 to 100 names are expected", hint);
        }
        let mut values = Vec::new();
        for (name, value) in table {
            let text = name.get_ref().as_ref();
            let key = dotted(place.key, text);
            let is_name = if is_segment {
                is_identifier_code(text)
            } else {
                !is_blank(text) && text.chars().count() <= 80
            };
            if !is_name {
                let hint = "letters and digits, at most 80, a letter first in a segment";
                self.note(name, &key, "m3ter does not take this name", hint);
            }
            let clear = value.get_ref().as_table().is_some_and(|table| is_on(table, "clear"));
            if let Some(expression) = self.expression(value, Place::new(&key, place.set)) {
                values.push(NamedValue { name: text.to_owned(), expression, clear });
            }
        }
        Expression::plain(if is_segment {
            Term::Segment(values)
        } else {
            Term::CustomFields(values, Replace::Named)
        })
    }

    /// The m3ter field that holds a list, and the parts of each entry.
    fn list_of(
        &mut self,
        source: &str,
        value: &Value<'_>,
        place: Place<'_>,
    ) -> Option<(&'static FieldSpec, &'static [FieldSpec])> {
        let list = place.spec.map(|spec| (spec, parts_of(spec)));
        list.filter(|(_, parts)| !parts.is_empty()).or_else(|| {
            let message = format!("`{source}` makes a list, which this field does not hold");
            self.fault(value, place.key, message, "use `field`, `first` or `concat`")
        })
    }

    pub(super) fn each(
        &mut self,
        value: &Value<'_>,
        table: &DeTable<'_>,
        place: Place<'_>,
    ) -> Option<Term> {
        let (list, parts) = self.list_of("each", value, place)?;
        let below = self.set_below(value, place)?;
        let place = Place { set: below.set, ..place };
        self.parts(table, value, place, parts).map(|parts| Term::Each(list, below, parts))
    }

    pub(super) fn entries(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<Term> {
        let (list, parts) = self.list_of("list", value, place)?;
        let names = parts.iter().map(|part| part.name).filter(|name| *name != UPPER_LIMIT);
        let names: Vec<&str> = names.collect();
        let entry = |parser: &mut Self, item: &Value<'_>| match (parts, item.get_ref()) {
            ([part], _) => {
                let place = Place { spec: Some(part), ..place };
                let expression = parser.expression(item, place)?;
                Some(vec![Part { spec: part, expression }])
            }
            (_, DeValue::Table(table)) => {
                parser.check_keys(table, place.key, &names);
                parser.parts(table, item, place, parts)
            }
            _ => parser.table(item, place.key).and(None),
        };
        self.all(value, place.key, entry).map(|entries| Term::List(list, entries))
    }

    fn parts(
        &mut self,
        table: &DeTable<'_>,
        value: &Value<'_>,
        place: Place<'_>,
        known: &'static [FieldSpec],
    ) -> Option<Parts> {
        let mut parts = Some(Vec::new());
        for spec in known {
            let key = dotted(place.key, spec.name);
            let found = match find(table, spec.name) {
                Some(part) => self.expression(part, Place { key: &key, spec: Some(spec), ..place }),
                None if spec.required => {
                    let hint = format!("add `{} = …`", spec.name);
                    self.fault(value, &key, "this part is missing", hint)
                }
                None => continue,
            };
            parts = parts.zip(found).map(|(mut parts, expression)| {
                parts.push(Part { spec, expression });
                parts
            });
        }
        parts
    }
}
