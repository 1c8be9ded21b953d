//! What all parts of the parser share: faults with their lines, keys, and values of one kind.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::domain::entity::EntityKind;
use crate::domain::field::FieldSpec;
use crate::domain::money::exact_decimal;
use crate::domain::rows::{ROOT, SetId};
use crate::domain::text::hint_for;
use crate::mapping::fault::MappingFault;
use crate::mapping::files::Files;
use crate::mapping::language::RowSet;
use crate::mapping::mapped::{ObjectMapping, Shared};
use crate::soql::is_name;

#[derive(Default)]
pub(super) struct Parser {
    pub(super) files: Files,
    /// The text of all files, by which a span says its line.
    pub(super) text: String,
    pub(super) faults: Vec<MappingFault>,
    /// The row sets, which turn a row's path through its parent into one of the parent.
    pub(super) sets: Vec<RowSet>,
    pub(super) objects: Vec<ObjectMapping>,
    /// What is parsed, if others may refer to it.
    pub(super) owner: Option<Shared>,
    pub(super) references: Vec<Reference>,
    /// The first price without a discount of the object that is parsed.
    pub(super) undiscounted: Arc<OnceLock<Arc<str>>>,
    /// The parents above an Account whose table is parsed.
    pub(super) above: Option<Above>,
}

/// A reference of a value to another one of the same file.
pub(super) struct Reference {
    /// Whose value it is part of.
    pub(super) by: Option<Shared>,
    pub(super) to: To,
    /// The rows that it starts from.
    pub(super) set: SetId,
}

#[derive(Clone, Copy)]
pub(super) enum To {
    Object(EntityKind),
    Field(EntityKind, &'static str),
    Own(&'static str),
    ProductRule,
}

pub(super) struct Above {
    /// The relationship from the rows to the Account; blank where it is the row itself.
    pub(super) account: String,
    pub(super) level: usize,
    /// A path that follows more relationships than a query can.
    pub(super) too_long: Option<String>,
}

pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// A value of a file where it stands: its key in messages, the rows that it is of, and the m3ter
/// field that it feeds.
#[derive(Clone, Copy)]
pub(super) struct Node<'v> {
    pub(super) value: &'v Value<'v>,
    pub(super) key: &'v str,
    pub(super) set: SetId,
    pub(super) spec: Option<&'static FieldSpec>,
}

impl<'v> Node<'v> {
    /// A value of the record itself, which feeds none of m3ter's fields.
    pub(super) fn new(value: &'v Value<'v>, key: &'v str) -> Self {
        Self { value, key, set: ROOT, spec: None }
    }

    /// The same for what becomes part of a value of another type.
    pub(super) fn inside(self) -> Self {
        Self { spec: None, ..self }
    }

    /// What a table has under a name; messages call it by the table's key.
    pub(super) fn get(self, name: &str) -> Option<Self> {
        Some(Self { value: find(self.table()?, name)?, ..self })
    }

    /// The same; messages call it by its name alone.
    pub(super) fn setting(self, name: &'static str) -> Option<Self> {
        Some(Self { key: name, ..self.get(name)? })
    }

    pub(super) fn text_of(self, name: &str) -> Option<&'v str> {
        self.get(name).and_then(Self::text)
    }

    pub(super) fn is_on(self, flag: &str) -> bool {
        self.get(flag).and_then(|value| value.is().as_bool()) == Some(true)
    }

    pub(super) fn is(self) -> &'v DeValue<'v> {
        self.value.get_ref()
    }

    pub(super) fn table(self) -> Option<&'v DeTable<'v>> {
        self.is().as_table()
    }

    pub(super) fn text(self) -> Option<&'v str> {
        self.is().as_str()
    }

    /// The entries of a list; none of anything else.
    pub(super) fn items(self) -> Vec<Self> {
        let items = self.is().as_array().into_iter().flatten();
        items.map(|value| Self { value, ..self }).collect()
    }

    /// A decimal number, if it can be kept exactly.
    pub(super) fn number(self) -> Option<Decimal> {
        match self.is() {
            DeValue::Integer(number) if number.radix() == 10 => exact_decimal(number.as_str()),
            DeValue::Float(number) => exact_decimal(number.as_str()),
            _ => None,
        }
    }

    /// The same, if it can count something.
    pub(super) fn count(self) -> Option<usize> {
        self.number().and_then(|number| usize::try_from(number).ok())
    }
}

impl Parser {
    pub(super) fn new(files: Files, text: String) -> Self {
        Self { files, text, ..Self::default() }
    }

    pub(super) fn line<T>(&self, at: &Spanned<T>) -> usize {
        line_at(&self.text, at.span().start)
    }

    pub(super) fn place(&self, at: Node<'_>) -> String {
        self.files.describe_line(self.line(at.value))
    }

    /// Notes a fault; there is no value then.
    pub(super) fn fault<N>(
        &mut self,
        at: Node<'_>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Option<N> {
        self.note(at, message, hint);
        None
    }

    /// Notes a fault beside which the value stays.
    pub(super) fn note(
        &mut self,
        at: Node<'_>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.fault_at(self.line(at.value), at.key, message, hint);
    }

    /// Notes a fault about a key of a table, at the table.
    pub(super) fn note_key(
        &mut self,
        table: Node<'_>,
        name: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.note(Node { key: &dotted(table.key, name), ..table }, message, hint);
    }

    pub(super) fn fault_at(
        &mut self,
        line: usize,
        key: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let (file, line) = self.files.place(line);
        let mut hint = hint.into();
        if file != self.files.own() {
            let _ = write!(hint, ", in {}, which extends this", self.files.own());
        }
        self.faults.push(MappingFault::new(file, line, key, message, hint));
    }

    pub(super) fn check_keys(&mut self, table: Node<'_>, known: &[&str]) {
        for key in table.table().into_iter().flat_map(DeTable::keys) {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let (path, message) = (dotted(table.key, name), "this key is not known here");
                self.fault_at(self.line(key), &path, message, hint_for(name, known));
            }
        }
    }

    pub(super) fn time_zone(&mut self, value: Node<'_>) -> Option<TimeZone> {
        let name = value.text().unwrap_or_default();
        TimeZone::get(name).ok().or_else(|| {
            let hint = "use a tz database name such as `Europe/London`";
            self.fault(value, format!("`{name}` is not a time zone"), hint)
        })
    }

    /// A text at the head of a file or of a rule.
    pub(super) fn text_setting<'v>(
        &mut self,
        table: Node<'v>,
        name: &'static str,
    ) -> Option<&'v str> {
        let value = table.setting(name)?;
        value.text().or_else(|| self.fault(value, "a text is expected", "put it in quotes"))
    }

    pub(super) fn choice<T: Copy>(
        &mut self,
        table: Node<'_>,
        name: &'static str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let word = self.text_setting(table, name)?;
        let chosen = choices.iter().find(|(name, _)| *name == word).map(|(_, choice)| *choice);
        chosen.or_else(|| {
            let words: Vec<String> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
            let message = format!("`{word}` is not one of the choices");
            self.fault(table.setting(name)?, message, format!("use {}", words.join(" or ")))
        })
    }

    pub(super) fn word<T: Clone>(&mut self, value: Node<'_>, words: &[(&str, T)]) -> Option<T> {
        let text = value.text().unwrap_or_default();
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, meaning)| meaning.clone()).or_else(|| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.fault(value, format!("`{text}` is not known here"), hint_for(text, &known))
        })
    }

    pub(super) fn table<'v>(&mut self, value: Node<'v>) -> Option<&'v DeTable<'v>> {
        let hint = "write `{ … }`, or a table with its name in brackets";
        value.table().or_else(|| self.fault(value, "a table is expected", hint))
    }

    /// A table that has these keys and no others.
    pub(super) fn table_of(&mut self, value: Node<'_>, known: &[&str]) -> Option<()> {
        self.table(value)?;
        self.check_keys(value, known);
        Some(())
    }

    pub(super) fn list<'v>(&mut self, list: Node<'v>) -> Vec<Node<'v>> {
        let items = list.items();
        if items.is_empty() {
            let message = "a list with at least one entry is expected";
            self.note(list, message, "write `[ … ]`");
        }
        items
    }

    pub(super) fn one_or_more<'v>(&mut self, value: Node<'v>) -> Vec<Node<'v>> {
        if value.is().is_array() { self.list(value) } else { vec![value] }
    }

    /// All entries of a list, each parsed; none where one of them has a fault.
    pub(super) fn all<T>(
        &mut self,
        list: Node<'_>,
        mut parse: impl FnMut(&mut Self, Node<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = self.list(list);
        let parsed: Vec<T> = items.iter().filter_map(|item| parse(self, *item)).collect();
        (!items.is_empty() && parsed.len() == items.len()).then_some(parsed)
    }

    /// What a key of a table holds, if it is there; an error where it has a fault.
    pub(super) fn optional<T>(
        &mut self,
        table: Node<'_>,
        name: &str,
        parse: impl FnOnce(&mut Self, Node<'_>) -> Option<T>,
    ) -> Result<Option<T>, ()> {
        let Some(value) = table.get(name) else { return Ok(None) };
        let key = dotted(table.key, name);
        parse(self, Node { key: &key, ..value }).map(Some).ok_or(())
    }

    /// What a key of a table holds; none where it is not there or has a fault.
    pub(super) fn at<T>(
        &mut self,
        table: Node<'_>,
        name: &str,
        parse: impl FnOnce(&mut Self, Node<'_>) -> Option<T>,
    ) -> Option<T> {
        self.optional(table, name, parse).ok().flatten()
    }

    /// What a key of a table holds, one or a list of them; none of those that have a fault.
    pub(super) fn all_at<T>(
        &mut self,
        table: Node<'_>,
        name: &str,
        mut parse: impl FnMut(&mut Self, Node<'_>) -> Option<T>,
    ) -> Vec<T> {
        let several = |parser: &mut Self, value: Node<'_>| {
            let items = parser.one_or_more(value).into_iter();
            Some(items.filter_map(|item| parse(parser, item)).collect())
        };
        self.at(table, name, several).unwrap_or_default()
    }

    pub(super) fn flag(&mut self, table: Node<'_>, name: &str) -> bool {
        table.get(name).is_some_and(|value| self.boolean(value, name) == Some(true))
    }

    pub(super) fn boolean(&mut self, value: Node<'_>, name: &str) -> Option<bool> {
        let message = || format!("`{name}` takes true or false");
        value.is().as_bool().or_else(|| self.fault(value, message(), "without quotes"))
    }

    /// A name that goes into a query: letters, digits and underscores.
    pub(super) fn required_name(&mut self, table: Node<'_>, name: &str) -> Option<String> {
        if table.get(name).is_none() {
            let hint = format!("add `{name} = \"…\"` with the API name, as Salesforce spells it");
            self.note_key(table, name, "this key is missing", hint);
        }
        self.name(table, name)
    }

    /// The same for a name that need not be there.
    pub(super) fn name(&mut self, table: Node<'_>, name: &str) -> Option<String> {
        self.at(table, name, |parser, value| match value.text() {
            Some(name) if is_name(name) => Some(name.to_owned()),
            _ => {
                let hint = "letters, digits and underscores, as Salesforce spells it";
                parser.fault(value, "this is not an API name", hint)
            }
        })
    }

    pub(super) fn refer(&mut self, to: To, set: SetId) -> usize {
        self.references.push(Reference { by: self.owner, to, set });
        self.references.len() - 1
    }
}

/// The line of a place in a text, counted from 1.
pub(super) fn line_at(text: &str, place: usize) -> usize {
    text.get(..place).unwrap_or_default().matches('\n').count() + 1
}

pub(super) fn find<'v, 'i>(table: &'v DeTable<'i>, key: &str) -> Option<&'v Value<'i>> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
}

pub(super) fn dotted(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}
