//! From TOML to the tree; every fault with its line and a hint, all of them at once.

mod condition;
mod expression;
mod layers;
mod object;
mod product;
mod references;
mod remark;
mod rows;
mod steps;
mod structure;
mod sync_status;

use std::fmt::Write as _;
use std::ops::Range;

use jiff::tz::TimeZone;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(super) use self::layers::Layer;
use self::layers::{EXTENDS, REMOVE};
use super::Mapping;
use super::fault::{MappingFault, hint_for};
use super::files::Files;
use super::language::{Mapped, ProductRule, ROOT, RowSet};
use crate::domain::entity::EntityKind;
use crate::domain::settings::{
    CommitmentBilling, EndedRule, OverlapRule, PricingChange, RemovedLines, RunningLines, Settings,
};

/// The tables of a file, in the order of results.
pub(super) const OBJECT_TABLES: [(&str, EntityKind); 6] = [
    ("account", EntityKind::Account),
    ("contract", EntityKind::Contract),
    ("commitment", EntityKind::Commitment),
    ("plan", EntityKind::Plan),
    ("pricing", EntityKind::Pricing),
    ("account_plan", EntityKind::AccountPlan),
];

const TOP_KEYS: [&str; 18] = [
    "root",
    EXTENDS,
    REMOVE,
    "only_when",
    "ready_when",
    "currency",
    "time_zone",
    "commitment_billing",
    "pricing_change",
    "removed_lines",
    "ended",
    "running_lines",
    "deal_currency",
    "sync_status",
    "lines",
    "rows",
    "product_mapping",
    "product_rule",
];

/// The key of a Commitment's and an AccountPlan's table that says what happens about one that
/// stands in the way.
const OVERLAP_KEY: &str = "overlap";

/// A file that is larger is not a mapping.
pub(super) const LARGEST_FILE_BYTES: usize = 256 * 1024;

/// What one file holds.
pub(super) enum Parsed {
    /// The mapping of a root object.
    Mapping(Box<Mapping>),
    /// Product rules for all mappings.
    Rules(Vec<ProductRule>),
}

/// Parses and checks one file with what it extends of `among`.
pub(super) fn parse(layer: &Layer<'_>, among: &[Layer<'_>]) -> Result<Parsed, Vec<MappingFault>> {
    let chain = layer.chain(among).map_err(|fault| vec![fault])?;
    let (files, text, starts) = Files::joined(chain.iter().map(|layer| (layer.name, layer.text)));
    let mut parser = Parser { files, text: &text, faults: Vec::new(), sets: Vec::new() };
    let table = parser.laid_over(&chain, &starts);
    let parsed = parser.file(&table);
    match parsed {
        Some(parsed) if parser.faults.is_empty() => Ok(parsed),
        _ => Err(parser.faults),
    }
}

struct Parser<'a> {
    files: Files,
    /// The text of all files, by which a span says its line.
    text: &'a str,
    faults: Vec<MappingFault>,
    /// The row sets, which turn a row's path through its parent into one of the parent.
    sets: Vec<RowSet>,
}

type Value<'a> = Spanned<DeValue<'a>>;

impl Parser<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        line_at(self.text, span.start)
    }

    fn fault(
        &mut self,
        span: &Range<usize>,
        key: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let line = self.line(span);
        self.fault_at(line, key, message, hint);
    }

    fn fault_at(
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

    fn file(&mut self, table: &DeTable<'_>) -> Option<Parsed> {
        let rules = find(table, "product_rule").map(|value| self.product_rules(value));
        if let (Some(rules), None) = (&rules, find(table, "root")) {
            self.check_keys(table, "", &["product_rule"]);
            return Some(Parsed::Rules(rules.clone()));
        }
        self.mapping(table, rules.unwrap_or_default())
            .map(|mapping| Parsed::Mapping(Box::new(mapping)))
    }

    fn mapping(&mut self, table: &DeTable<'_>, product_rules: Vec<ProductRule>) -> Option<Mapping> {
        let object_tables = || OBJECT_TABLES.iter().map(|(name, _)| *name);
        self.check_keys(
            table,
            "",
            &TOP_KEYS.iter().copied().chain(object_tables()).collect::<Vec<_>>(),
        );
        let root = self.required_name(table, "", "root", 0..0);
        let settings = self.settings(table);
        self.row_sets(table, root.as_deref().unwrap_or_default());
        let only_when = find(table, "only_when")
            .map(|value| self.guards(value, "only_when", ROOT))
            .unwrap_or_default();
        let ready_when = find(table, "ready_when")
            .map(|value| self.readiness(value, "ready_when"))
            .unwrap_or_default();
        let deal_currency = find(table, "deal_currency")
            .and_then(|value| self.expression(value, "deal_currency", ROOT, None));
        let sync_status = find(table, "sync_status").and_then(|value| self.sync_status(value));
        let product = find(table, "product_mapping").and_then(|value| self.product_keys(value));
        let mut objects = Vec::new();
        for (name, kind) in OBJECT_TABLES {
            if let Some(value) = find(table, name) {
                objects.extend(self.objects(value, table, name, kind));
            }
        }
        if objects.is_empty() {
            self.fault(&(0..0), "", "the file maps nothing", "add a table such as `[account]`");
        }
        let mapped = Mapped {
            only_when,
            ready_when,
            deal_currency,
            sets: std::mem::take(&mut self.sets),
            objects,
            product,
            sync_status,
        };
        self.check_references(&mapped, !product_rules.is_empty());
        Some(Mapping {
            files: self.files.clone(),
            is_built_in: false,
            root: root?,
            settings,
            mapped,
            product_rules,
        })
    }

    fn check_keys(&mut self, table: &DeTable<'_>, prefix: &str, known: &[&str]) {
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                self.fault(
                    &key.span(),
                    &dotted(prefix, name),
                    "this key is not known here",
                    hint_for(name, known),
                );
            }
        }
    }

    fn settings(&mut self, table: &DeTable<'_>) -> Settings {
        let time_zone = self
            .text_setting(table, "time_zone")
            .and_then(|(span, name)| self.time_zone(&span, "time_zone", &name));
        let currency = self.text_setting(table, "currency").and_then(|(span, code)| {
            let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
            if !is_code {
                self.fault(
                    &span,
                    "currency",
                    format!("`{code}` is not an ISO 4217 code"),
                    "three capital letters, such as `USD`",
                );
            }
            is_code.then_some(code)
        });
        let running = [("leave_out", RunningLines::LeaveOut), ("report", RunningLines::Report)];
        Settings {
            currency,
            time_zone,
            commitment_billing: self.choice(table, "commitment_billing", &CommitmentBilling::WORDS),
            pricing_change: self
                .choice(table, "pricing_change", &PricingChange::WORDS)
                .unwrap_or_default(),
            removed_lines: self
                .choice(table, "removed_lines", &RemovedLines::WORDS)
                .unwrap_or_default(),
            ended: self.choice(table, "ended", &EndedRule::WORDS).unwrap_or_default(),
            running_lines: self.choice(table, "running_lines", &running).unwrap_or_default(),
            account_plan_overlap: self.overlap_rule(table, "account_plan"),
            commitment_overlap: self.overlap_rule(table, "commitment"),
        }
    }

    /// The `overlap` of an object's table, or of the first of several that has one.
    fn overlap_rule(&mut self, table: &DeTable<'_>, object: &str) -> OverlapRule {
        let Some(value) = find(table, object) else { return OverlapRule::default() };
        let one = std::slice::from_ref(value);
        let mut tables = value
            .get_ref()
            .as_array()
            .map_or(one, |items| items)
            .iter()
            .filter_map(|value| value.get_ref().as_table());
        let table = tables.find(|table| find(table, OVERLAP_KEY).is_some());
        table
            .and_then(|table| self.choice(table, OVERLAP_KEY, &OverlapRule::WORDS))
            .unwrap_or_default()
    }

    fn time_zone(&mut self, span: &Range<usize>, key: &str, name: &str) -> Option<TimeZone> {
        let zone = TimeZone::get(name).ok();
        if zone.is_none() {
            self.fault(
                span,
                key,
                format!("`{name}` is not a time zone"),
                "use a tz database name such as `Europe/London`",
            );
        }
        zone
    }

    fn text_setting(&mut self, table: &DeTable<'_>, key: &str) -> Option<(Range<usize>, String)> {
        let value = find(table, key)?;
        let text = value.get_ref().as_str().map(ToOwned::to_owned);
        if text.is_none() {
            self.fault(&value.span(), key, "a text is expected", "put it in quotes");
        }
        Some((value.span(), text?))
    }

    fn choice<T: Copy>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let (span, word) = self.text_setting(table, key)?;
        let chosen = choices.iter().find(|(name, _)| *name == word).map(|(_, choice)| *choice);
        if chosen.is_none() {
            let words: Vec<String> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
            self.fault(
                &span,
                key,
                format!("`{word}` is not one of the choices"),
                format!("use {}", words.join(" or ")),
            );
        }
        chosen
    }

    fn table<'v>(&mut self, value: &'v Value<'_>, key: &str) -> Option<&'v DeTable<'v>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.fault(
                &value.span(),
                key,
                "a table is expected",
                "write `{ … }`, or a table with its name in brackets",
            );
        }
        table
    }

    fn list<'v>(&mut self, value: &'v Value<'_>, key: &str) -> &'v [Value<'v>] {
        match value.get_ref().as_array() {
            Some(items) if !items.is_empty() => items,
            _ => {
                self.fault(
                    &value.span(),
                    key,
                    "a list with at least one entry is expected",
                    "write `[ … ]`",
                );
                &[]
            }
        }
    }

    fn flag(&mut self, table: &DeTable<'_>, key: &str, name: &str) -> bool {
        let Some(value) = find(table, name) else { return false };
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.fault(
                &value.span(),
                key,
                format!("`{name}` takes true or false"),
                "without quotes",
            );
        }
        flag == Some(true)
    }

    /// A name that goes into a query: letters, digits and underscores.
    fn required_name(
        &mut self,
        table: &DeTable<'_>,
        prefix: &str,
        key: &str,
        place: Range<usize>,
    ) -> Option<String> {
        let Some(value) = find(table, key) else {
            let hint = format!("add `{key} = \"…\"` with the API name, as Salesforce spells it");
            self.fault(&place, &dotted(prefix, key), "this key is missing", hint);
            return None;
        };
        match value.get_ref().as_str() {
            Some(name) if is_path(name) && !name.contains('.') => Some(name.to_owned()),
            _ => {
                let hint = "letters, digits and underscores, as Salesforce spells it";
                self.fault(&value.span(), &dotted(prefix, key), "this is not an API name", hint);
                None
            }
        }
    }
}

/// Parts of letters, digits and underscores, each with a letter first, joined by dots; at most five
/// parents.
fn is_path(path: &str) -> bool {
    let is_name = |name: &str| {
        name.len() <= 80
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    path.split('.').count() <= 6 && path.split('.').all(is_name)
}

/// The line of a place in a text, counted from 1.
fn line_at(text: &str, place: usize) -> usize {
    text.get(..place).unwrap_or_default().matches('\n').count() + 1
}

fn find<'v, 'i>(table: &'v DeTable<'i>, key: &str) -> Option<&'v Value<'i>> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
}

fn dotted(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}
