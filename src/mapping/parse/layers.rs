//! `extends`: a file that holds only what differs from another mapping, laid over that one.
//!
//! The objects' tables, `[lines]`, `[rows.NAME]` and `[product_mapping]` are merged key by key.
//! Everything else is a value, and what stands above takes its place as a whole. `remove` names
//! what goes before anything is laid over it.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::parser::{Node, Parser, Value, dotted, find, line_at};
use super::syntax;
use crate::domain::encoding::{self, NotText};
use crate::domain::entity::EntityKind;
use crate::domain::text::hint_for;
use crate::mapping::fault::MappingFault;
use crate::mapping::files::{MAX_FILE_BYTES, MappingSource};

/// The tables of a file, in the order of results.
pub const OBJECT_TABLES: [(&str, EntityKind); 6] = [
    ("account", EntityKind::Account),
    ("contract", EntityKind::Contract),
    ("commitment", EntityKind::Commitment),
    ("plan", EntityKind::Plan),
    ("pricing", EntityKind::Pricing),
    ("account_plan", EntityKind::AccountPlan),
];

pub(super) const EXTENDS: &str = "extends";
pub(super) const REMOVE: &str = "remove";

/// One file: valid TOML, and not looked into further.
#[derive(Debug)]
pub(in crate::mapping) struct Layer<'s> {
    pub(super) name: &'s str,
    pub(super) text: &'s str,
    pub(in crate::mapping) is_built_in: bool,
    table: DeTable<'s>,
}

impl<'s> Layer<'s> {
    pub(in crate::mapping) fn read(
        source: &'s MappingSource,
        is_built_in: bool,
    ) -> Result<Self, MappingFault> {
        let name = source.name.as_str();
        let unreadable = |line: usize, message: String, hint: &str| {
            MappingFault::new(name, line, "", message, hint)
        };
        if source.bytes.len() > MAX_FILE_BYTES {
            let message = format!("the file is larger than {} KiB", MAX_FILE_BYTES / 1024);
            return Err(unreadable(1, message, "a mapping is a short text; is this another file?"));
        }
        let text = encoding::text(&source.bytes).map_err(|what| match what {
            NotText::Line(line) => {
                let message = "the file is not UTF-8".to_owned();
                unreadable(line, message, "save it with the encoding UTF-8")
            }
            _ => unreadable(1, format!("the file {what}"), "a mapping is TOML, in UTF-8"),
        })?;
        let table = syntax::parse(name, text)?;
        Ok(Self { name, text, is_built_in, table })
    }

    /// The root object: the file's own, else that of the mapping that it extends.
    fn root(&self) -> Option<&str> {
        find(&self.table, "root").or_else(|| find(&self.table, EXTENDS))?.get_ref().as_str()
    }

    fn is_of(&self, root: &str) -> bool {
        self.root().is_some_and(|own| own.eq_ignore_ascii_case(root))
    }

    /// This file and those that it extends, the nearest first.
    pub(super) fn chain<'l>(&'l self, among: &'l [Self]) -> Result<Vec<&'l Self>, MappingFault> {
        let (mut chain, mut last) = (vec![self], self);
        while let Some(extends) = find(&last.table, EXTENDS) {
            let next = last.extended(extends.get_ref().as_str(), among, &chain);
            last = next.map_err(|(message, hint)| {
                let line = line_at(last.text, extends.span().start);
                MappingFault::new(last.name, line, EXTENDS, message, hint)
            })?;
            chain.push(last);
        }
        Ok(chain)
    }

    /// The file that it extends, or why there is none, with a hint.
    fn extended<'l>(
        &self,
        root: Option<&str>,
        among: &'l [Self],
        chain: &[&Self],
    ) -> Result<&'l Self, (String, String)> {
        let Some(root) = root else {
            let hint = "name the root object of a mapping, such as `Opportunity`";
            return Err(("a text is expected".to_owned(), hint.to_owned()));
        };
        // Under its own name a file can extend what comes with the service only; an operator's own
        // file goes before that one.
        let can_be_meant =
            |other: &&Self| other.is_of(root) && (other.is_built_in || !self.is_of(root));
        let Some(next) = among.iter().rfind(can_be_meant) else {
            let built_in = among.iter().filter(|other| other.is_built_in);
            let roots: Vec<&str> = built_in.filter_map(Self::root).collect();
            let message =
                format!("there is no other mapping of `{root}`, which this file could extend");
            return Err((message, hint_for(root, &roots)));
        };
        if chain.iter().any(|other| std::ptr::eq(*other, next)) {
            let names: Vec<&str> =
                chain.iter().copied().chain([next]).map(|other| other.name).collect();
            let message = format!("the files extend each other in a circle: {}", names.join(", "));
            return Err((message, "put the whole mapping in one of them".to_owned()));
        }
        Ok(next)
    }
}

impl Parser {
    /// What the files of a chain come to. `starts` are the places of their texts in the joined one.
    pub(super) fn laid_over<'s>(&mut self, chain: &[&Layer<'s>], starts: &[usize]) -> DeTable<'s> {
        let mut merged = DeTable::new();
        for (index, (layer, start)) in chain.iter().zip(starts).enumerate().rev() {
            let mut above = moved(&layer.table, *start);
            let remove = above.remove(REMOVE);
            above.remove(EXTENDS);
            if let Some(remove) = &remove {
                let remove = Node::new(remove, REMOVE);
                if index + 1 == chain.len() {
                    let hint = "add `extends = \"…\"`, or delete this line";
                    self.note(remove, "there is nothing to remove from", hint);
                } else {
                    self.take_out(&mut merged, remove);
                }
            }
            lay_over(&mut merged, above, "");
        }
        merged
    }

    fn take_out(&mut self, table: &mut DeTable<'_>, remove: Node<'_>) {
        for name in self.list(remove) {
            let Some(path) = name.text() else {
                let hint =
                    "name a table or a key of one, such as `commitment` or `account.address`";
                self.note(name, "a text is expected", hint);
                continue;
            };
            if let Err(hint) = taken_out(table, path) {
                self.note(name, format!("what this file extends has no `{path}`"), hint);
            }
        }
    }
}

fn taken_out(table: &mut DeTable<'_>, path: &str) -> Result<(), String> {
    let (first, rest) =
        path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let known: Vec<&str> = table.keys().map(|key| key.get_ref().as_ref()).collect();
    let hint = hint_for(first, &known);
    let Some(rest) = rest else {
        return table.remove(first).map(drop).ok_or(hint);
    };
    match table.get_mut(first).map(Spanned::get_mut) {
        Some(DeValue::Table(inner)) => taken_out(inner, rest),
        Some(_) => Err(format!("`{first}` can only be removed as a whole")),
        None => Err(hint),
    }
}

fn lay_over<'s>(below: &mut DeTable<'s>, above: DeTable<'s>, prefix: &str) {
    for (key, value) in above {
        let path = dotted(prefix, key.get_ref());
        let (span, value) = (value.span(), value.into_inner());
        // The key goes with its value, so that both say their file.
        let replaced = below.remove(key.get_ref().as_ref()).map(Spanned::into_inner);
        let value = match (replaced, value) {
            (Some(DeValue::Table(mut inner)), DeValue::Table(table)) if is_section(&path) => {
                lay_over(&mut inner, table, &path);
                DeValue::Table(inner)
            }
            (_, value) => value,
        };
        below.insert(key, Spanned::new(span, value));
    }
}

fn is_section(path: &str) -> bool {
    let is_rows = path.strip_prefix("rows.").is_some_and(|name| !name.contains('.'));
    is_rows
        || ["lines", "rows", "product_mapping"].contains(&path)
        || OBJECT_TABLES.iter().any(|(name, _)| *name == path)
}

/// A table whose spans count from another place.
fn moved<'s>(table: &DeTable<'s>, by: usize) -> DeTable<'s> {
    table
        .iter()
        .map(|(key, value)| {
            (Spanned::new(shifted(&key.span(), by), key.get_ref().clone()), moved_value(value, by))
        })
        .collect()
}

fn moved_value<'s>(value: &Value<'s>, by: usize) -> Value<'s> {
    let inner = match value.get_ref() {
        DeValue::Table(table) => DeValue::Table(moved(table, by)),
        DeValue::Array(items) => {
            DeValue::Array(items.iter().map(|item| moved_value(item, by)).collect())
        }
        plain => plain.clone(),
    };
    Spanned::new(shifted(&value.span(), by), inner)
}

fn shifted(span: &Range<usize>, by: usize) -> Range<usize> {
    span.start + by..span.end + by
}
