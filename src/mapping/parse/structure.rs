//! Values that are more than a scalar: addresses, segments, custom fields, and lists of structures.

use toml::de::DeValue;

use super::expression::{CLEAR, ONCE, WHEN};
use super::key::{Key, names};
use super::parser::{Node, Parser, dotted};
use crate::domain::field::{
    ADDRESS_PART, ADDRESS_PARTS, FieldSpec, FieldType, MAX_CUSTOM_FIELDS, UPPER_LIMIT,
    is_identifier_code,
};
use crate::domain::text::is_blank;
use crate::mapping::term::{Expression, NamedValue, Part, Parts, Replace, Term};

/// What stands beside the parts of an address.
pub const ADDRESS_KEYS: [Key; 3] = [ONCE, CLEAR, WHEN];

impl Parser {
    /// A scalar cannot stand where m3ter's field holds a structure.
    pub(super) fn no_structure(&mut self, value: Node<'_>) -> Option<()> {
        let hint = match value.spec.map(|spec| spec.field_type) {
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
        self.fault(value, "m3ter's field holds more than one value", hint)
    }

    pub(super) fn address(&mut self, table: Node<'_>) -> Expression {
        let known: Vec<&str> =
            std::iter::once("street").chain(ADDRESS_PARTS.iter().map(|(part, _)| *part)).collect();
        self.check_keys(table, &[&known[..], &names(&ADDRESS_KEYS)[..]].concat());
        for flag in ["once", "clear"] {
            self.flag(table, flag);
        }
        let when = table.get("when").and_then(|value| self.condition(value));
        let place = Node { spec: Some(&ADDRESS_PART), ..table };
        let part = |name: &'static str| Some((name, self.at(place, name, Self::expression)?));
        let parts: Vec<(&str, Expression)> = known.into_iter().filter_map(part).collect();
        if parts.is_empty() {
            let hint = "such as `{ street = \"BillingStreet\" }`";
            self.note(table, "an address has at least one part", hint);
        }
        Expression { when, ..Expression::plain(Term::Address(parts)) }
    }

    /// A value for each name: the dimensions of a segment, or custom fields.
    pub(super) fn named_values(&mut self, table: Node<'_>) -> Expression {
        let is_segment = table.spec.is_some_and(|spec| spec.field_type == FieldType::Segment);
        let entries = table.table();
        if entries.is_none_or(|names| names.is_empty() || names.len() > MAX_CUSTOM_FIELDS) {
            let hint = "write `name = \"Field__c\"` for each";
            self.note(table, "1 to 100 names are expected", hint);
        }
        let mut values = Vec::new();
        for (name, value) in entries.into_iter().flatten() {
            let text = name.get_ref().as_ref();
            let key = dotted(table.key, text);
            let is_name = if is_segment {
                is_identifier_code(text)
            } else {
                !is_blank(text) && text.chars().count() <= 80
            };
            if !is_name {
                let hint = "letters and digits, at most 80, a letter first in a segment";
                self.fault_at(self.line(name), &key, "m3ter does not take this name", hint);
            }
            let value = Node { value, key: &key, ..table.inside() };
            if let Some(expression) = self.expression(value) {
                let clear = value.is_on("clear");
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
        value: Node<'_>,
    ) -> Option<(&'static FieldSpec, &'static [FieldSpec])> {
        let list = value.spec.map(|spec| (spec, spec.parts()));
        list.filter(|(_, parts)| !parts.is_empty()).or_else(|| {
            let message = format!("`{source}` makes a list, which this field does not hold");
            self.fault(value, message, "use `field`, `first` or `concat`")
        })
    }

    pub(super) fn each(&mut self, value: Node<'_>, table: Node<'_>) -> Option<Term> {
        let (list, parts) = self.list_of("each", value)?;
        let below = self.set_below(value)?;
        let table = Node { set: below.set, ..table };
        self.parts(table, value, parts).map(|parts| Term::Each(list, below, parts))
    }

    pub(super) fn entries(&mut self, value: Node<'_>) -> Option<Term> {
        let (list, parts) = self.list_of("list", value)?;
        let names = parts.iter().map(|part| part.name).filter(|name| *name != UPPER_LIMIT);
        let names: Vec<&str> = names.collect();
        let entry = |parser: &mut Self, item: Node<'_>| match (parts, item.is()) {
            ([part], _) => {
                let expression = parser.expression(Node { spec: Some(part), ..item })?;
                Some(vec![Part { spec: part, expression }])
            }
            (_, DeValue::Table(_)) => {
                parser.check_keys(item, &names);
                parser.parts(item, item, parts)
            }
            _ => parser.table(item).and(None),
        };
        self.all(value, entry).map(|entries| Term::List(list, entries))
    }

    /// What an entry has for each part; `at` is where a part is missed.
    fn parts(
        &mut self,
        table: Node<'_>,
        at: Node<'_>,
        known: &'static [FieldSpec],
    ) -> Option<Parts> {
        let mut parts = Some(Vec::new());
        for spec in known {
            let found = match table.get(spec.name) {
                Some(_) => self.at(Node { spec: Some(spec), ..table }, spec.name, Self::expression),
                None if spec.required => {
                    let hint = format!("add `{} = …`", spec.name);
                    self.note_key(at, spec.name, "this part is missing", hint);
                    None
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
