//! What all parts of the parser share: faults with their lines, keys, and values of one kind.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::domain::entity::EntityKind;
use crate::domain::field::FieldSpec;
use crate::domain::money::exact_decimal;
use crate::mapping::fault::{MappingFault, hint_for};
use crate::mapping::files::Files;
use crate::mapping::language::{RowSet, SetId};
use crate::mapping::mapped::{ObjectMapping, Shared};

pub(super) struct Parser<'a> {
    pub(super) files: Files,
    /// The text of all files, by which a span says its line.
    pub(super) text: &'a str,
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

/// Where a value stands: its key in messages, the rows that it is of, and the m3ter field that it
/// feeds.
#[derive(Clone, Copy)]
pub(super) struct Place<'k> {
    pub(super) key: &'k str,
    pub(super) set: SetId,
    pub(super) spec: Option<&'static FieldSpec>,
}

impl<'k> Place<'k> {
    pub(super) fn new(key: &'k str, set: SetId) -> Self {
        Self { key, set, spec: None }
    }

    /// The same for what becomes part of a value of another type.
    pub(super) fn inside(self) -> Self {
        Self { spec: None, ..self }
    }
}

impl<'a> Parser<'a> {
    pub(super) fn new(files: Files, text: &'a str) -> Self {
        Self {
            files,
            text,
            faults: Vec::new(),
            sets: Vec::new(),
            objects: Vec::new(),
            owner: None,
            references: Vec::new(),
            undiscounted: Arc::default(),
            above: None,
        }
    }

    pub(super) fn line<T>(&self, at: &Spanned<T>) -> usize {
        line_at(self.text, at.span().start)
    }

    pub(super) fn place<T>(&self, at: &Spanned<T>) -> String {
        self.files.describe_line(self.line(at))
    }

    /// Notes a fault; there is no value then.
    pub(super) fn fault<T, N>(
        &mut self,
        at: &Spanned<T>,
        key: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Option<N> {
        self.fault_at(self.line(at), key, message, hint);
        None
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

    pub(super) fn check_keys(&mut self, table: &DeTable<'_>, prefix: &str, known: &[&str]) {
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let message = "this key is not known here";
                self.note(key, &dotted(prefix, name), message, hint_for(name, known));
            }
        }
    }

    /// Notes a fault beside which the value stays.
    pub(super) fn note<T>(
        &mut self,
        at: &Spanned<T>,
        key: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.fault_at(self.line(at), key, message, hint);
    }

    pub(super) fn time_zone(&mut self, value: &Value<'_>, key: &str) -> Option<TimeZone> {
        let name = value.get_ref().as_str().unwrap_or_default();
        TimeZone::get(name).ok().or_else(|| {
            let hint = "use a tz database name such as `Europe/London`";
            self.fault(value, key, format!("`{name}` is not a time zone"), hint)
        })
    }

    /// A text at the head of a file or of a rule.
    pub(super) fn text_setting<'v>(
        &mut self,
        table: &'v DeTable<'_>,
        key: &str,
    ) -> Option<&'v str> {
        let value = find(table, key)?;
        let text = value.get_ref().as_str();
        text.or_else(|| self.fault(value, key, "a text is expected", "put it in quotes"))
    }

    pub(super) fn choice<T: Copy>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let word = self.text_setting(table, key)?;
        let chosen = choices.iter().find(|(name, _)| *name == word).map(|(_, choice)| *choice);
        chosen.or_else(|| {
            let words: Vec<String> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
            let message = format!("`{word}` is not one of the choices");
            self.fault(find(table, key)?, key, message, format!("use {}", words.join(" or ")))
        })
    }

    pub(super) fn word<T: Clone>(
        &mut self,
        value: &Value<'_>,
        key: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let text = value.get_ref().as_str().unwrap_or_default();
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, meaning)| meaning.clone()).or_else(|| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let message = format!("`{text}` is not known here");
            self.fault(value, key, message, hint_for(text, &known))
        })
    }

    pub(super) fn table<'v>(&mut self, value: &'v Value<'_>, key: &str) -> Option<&'v DeTable<'v>> {
        let hint = "write `{ … }`, or a table with its name in brackets";
        let table = value.get_ref().as_table();
        table.or_else(|| self.fault(value, key, "a table is expected", hint))
    }

    pub(super) fn list<'v>(&mut self, value: &'v Value<'_>, key: &str) -> &'v [Value<'v>] {
        match value.get_ref().as_array() {
            Some(items) if !items.is_empty() => items,
            _ => {
                let message = "a list with at least one entry is expected";
                self.note(value, key, message, "write `[ … ]`");
                &[]
            }
        }
    }

    pub(super) fn one_or_more<'v>(&mut self, value: &'v Value<'v>, key: &str) -> &'v [Value<'v>] {
        if value.get_ref().is_array() { self.list(value, key) } else { std::slice::from_ref(value) }
    }

    /// All entries of a list, each parsed; none where one of them has a fault.
    pub(super) fn all<T>(
        &mut self,
        value: &Value<'_>,
        key: &str,
        mut parse: impl FnMut(&mut Self, &Value<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = self.list(value, key);
        let parsed: Vec<T> = items.iter().filter_map(|item| parse(self, item)).collect();
        (!items.is_empty() && parsed.len() == items.len()).then_some(parsed)
    }

    /// What a key of a table holds, if it is there; an error where it has a fault.
    pub(super) fn optional<T>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        place: Place<'_>,
        parse: impl FnOnce(&mut Self, &Value<'_>, Place<'_>) -> Option<T>,
    ) -> Result<Option<T>, ()> {
        let Some(value) = find(table, key) else { return Ok(None) };
        let key = dotted(place.key, key);
        parse(self, value, Place { key: &key, ..place }).map(Some).ok_or(())
    }

    /// What a key of a table holds; none where it is not there or has a fault.
    pub(super) fn at<T>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        place: Place<'_>,
        parse: impl FnOnce(&mut Self, &Value<'_>, Place<'_>) -> Option<T>,
    ) -> Option<T> {
        self.optional(table, key, place, parse).ok().flatten()
    }

    /// What a key of a table holds, one or a list of them; none of those that have a fault.
    pub(super) fn all_at<T>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        place: Place<'_>,
        mut parse: impl FnMut(&mut Self, &Value<'_>, Place<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(value) = find(table, key) else { return Vec::new() };
        let key = dotted(place.key, key);
        let place = Place { key: &key, ..place };
        let items = self.one_or_more(value, &key).iter();
        items.filter_map(|item| parse(self, item, place)).collect()
    }

    pub(super) fn flag(&mut self, table: &DeTable<'_>, key: &str, name: &str) -> bool {
        find(table, name).is_some_and(|value| self.boolean(value, key, name) == Some(true))
    }

    pub(super) fn boolean(&mut self, value: &Value<'_>, key: &str, name: &str) -> Option<bool> {
        let flag = value.get_ref().as_bool();
        let message = || format!("`{name}` takes true or false");
        flag.or_else(|| self.fault(value, key, message(), "without quotes"))
    }

    /// A name that goes into a query: letters, digits and underscores.
    pub(super) fn required_name<T>(
        &mut self,
        table: &DeTable<'_>,
        prefix: &str,
        key: &str,
        at: &Spanned<T>,
    ) -> Option<String> {
        let full = dotted(prefix, key);
        let Some(value) = find(table, key) else {
            let hint = format!("add `{key} = \"…\"` with the API name, as Salesforce spells it");
            return self.fault(at, &full, "this key is missing", hint);
        };
        match value.get_ref().as_str() {
            Some(name) if is_path(name) && !name.contains('.') => Some(name.to_owned()),
            _ => {
                let hint = "letters, digits and underscores, as Salesforce spells it";
                self.fault(value, &full, "this is not an API name", hint)
            }
        }
    }

    pub(super) fn refer(&mut self, to: To, set: SetId) -> usize {
        self.references.push(Reference { by: self.owner, to, set });
        self.references.len() - 1
    }
}

pub(super) fn number(value: &Value<'_>) -> Option<Decimal> {
    match value.get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => exact_decimal(number.as_str()),
        DeValue::Float(number) => exact_decimal(number.as_str()),
        _ => None,
    }
}

/// Parts of letters, digits and underscores, each with a letter first, joined by dots; at most five
/// parents.
pub(super) fn is_path(path: &str) -> bool {
    let is_name = |name: &str| {
        name.len() <= 80
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    path.split('.').count() <= MAX_PARTS && path.split('.').all(is_name)
}

/// Parts of a path that SOQL takes: five relationships and the field.
pub(super) const MAX_PARTS: usize = 6;

/// The line of a place in a text, counted from 1.
pub(super) fn line_at(text: &str, place: usize) -> usize {
    text.get(..place).unwrap_or_default().matches('\n').count() + 1
}

pub(super) fn find<'v, 'i>(table: &'v DeTable<'i>, key: &str) -> Option<&'v Value<'i>> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
}

pub(super) fn is_on(table: &DeTable<'_>, flag: &str) -> bool {
    find(table, flag).and_then(|value| value.get_ref().as_bool()) == Some(true)
}

pub(super) fn dotted(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}

/// The whole of a file.
pub(super) fn head() -> Spanned<()> {
    Spanned::new(Range { start: 0, end: 0 }, ())
}
