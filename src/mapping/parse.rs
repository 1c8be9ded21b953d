//! From TOML to the tree; every fault with its line and a hint, all of them at once.

mod condition;
mod expression;
mod object;
mod product;
mod references;
mod rows;
mod steps;
mod structure;

use std::ops::Range;

use jiff::tz::TimeZone;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{MappingFault, hint_for};
use super::language::{Mapped, ProductRule, ROOT, RowSet};
use super::{Mapping, MappingSource};
use crate::domain::entity::EntityKind;
use crate::domain::settings::{CommitmentBilling, OverlapRule, PricingChange, RemovedLines, Settings};

/// The tables of a file, in the order of results.
pub(super) const OBJECT_TABLES: [(&str, EntityKind); 6] = [
    ("account", EntityKind::Account),
    ("contract", EntityKind::Contract),
    ("commitment", EntityKind::Commitment),
    ("plan", EntityKind::Plan),
    ("pricing", EntityKind::Pricing),
    ("account_plan", EntityKind::AccountPlan),
];

const TOP_KEYS: [&str; 12] = [
    "root",
    "only_when",
    "currency",
    "time_zone",
    "commitment_billing",
    "pricing_change",
    "removed_lines",
    "deal_currency",
    "lines",
    "rows",
    "product_mapping",
    "product_rule",
];

/// The key of a Commitment's and an AccountPlan's table that says what happens about one that stands in the way.
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

/// Parses and checks one file.
pub(super) fn parse(source: &MappingSource) -> Result<Parsed, Vec<MappingFault>> {
    let file = source.name.as_str();
    let unreadable = |line: usize, message: String, hint: &str| vec![MappingFault::new(file, line, "", message, hint)];
    if source.bytes.len() > LARGEST_FILE_BYTES {
        let message = format!("the file is larger than {} KiB", LARGEST_FILE_BYTES / 1024);
        return Err(unreadable(1, message, "a mapping is a short text; is this another file?"));
    }
    let text = std::str::from_utf8(&source.bytes).map_err(|error| {
        let line = source.bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
        unreadable(line, "the file is not UTF-8".to_owned(), "save it with the encoding UTF-8")
    })?;
    let mut parser = Parser { file, text, faults: Vec::new(), sets: Vec::new() };
    let table = DeTable::parse(text).map_err(|error| {
        let line = parser.line(&error.span().unwrap_or_default());
        unreadable(line, error.message().to_owned(), "the file must be valid TOML")
    })?;
    let parsed = parser.file(table.get_ref());
    match parsed {
        Some(parsed) if parser.faults.is_empty() => Ok(parsed),
        _ => Err(parser.faults),
    }
}

struct Parser<'a> {
    file: &'a str,
    text: &'a str,
    faults: Vec<MappingFault>,
    /// The row sets, which turn a row's path through its parent into one of the parent.
    sets: Vec<RowSet>,
}

type Value<'a> = Spanned<DeValue<'a>>;

impl Parser<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        self.text.get(..span.start).unwrap_or_default().matches('\n').count() + 1
    }

    fn fault(&mut self, span: &Range<usize>, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        let line = self.line(span);
        self.fault_at(line, key, message, hint);
    }

    fn fault_at(&mut self, line: usize, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.faults.push(MappingFault::new(self.file, line, key, message, hint));
    }

    fn file(&mut self, table: &DeTable<'_>) -> Option<Parsed> {
        let rules = find(table, "product_rule").map(|value| self.product_rules(value));
        if let (Some(rules), None) = (&rules, find(table, "root")) {
            self.check_keys(table, "", &["product_rule"]);
            return Some(Parsed::Rules(rules.clone()));
        }
        self.mapping(table, rules.unwrap_or_default()).map(|mapping| Parsed::Mapping(Box::new(mapping)))
    }

    fn mapping(&mut self, table: &DeTable<'_>, product_rules: Vec<ProductRule>) -> Option<Mapping> {
        let object_tables = || OBJECT_TABLES.iter().map(|(name, _)| *name);
        self.check_keys(table, "", &TOP_KEYS.iter().copied().chain(object_tables()).collect::<Vec<_>>());
        let root = self.required_name(table, "", "root", 0..0);
        let settings = self.settings(table);
        self.row_sets(table, root.as_deref().unwrap_or_default());
        let only_when = find(table, "only_when").map(|value| self.guards(value, "only_when", ROOT)).unwrap_or_default();
        let deal_currency = find(table, "deal_currency").and_then(|value| self.expression(value, "deal_currency", ROOT, None));
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
        let mapped = Mapped { only_when, deal_currency, sets: std::mem::take(&mut self.sets), objects, product };
        self.check_references(&mapped, !product_rules.is_empty());
        Some(Mapping { file: self.file.to_owned(), is_built_in: false, root: root?, settings, mapped, product_rules })
    }

    fn check_keys(&mut self, table: &DeTable<'_>, prefix: &str, known: &[&str]) {
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                self.fault(&key.span(), &dotted(prefix, name), "this key is not known here", hint_for(name, known));
            }
        }
    }

    fn settings(&mut self, table: &DeTable<'_>) -> Settings {
        let time_zone = self.text_setting(table, "time_zone").and_then(|(span, name)| self.time_zone(&span, "time_zone", &name));
        let currency = self.text_setting(table, "currency").and_then(|(span, code)| {
            let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
            if !is_code {
                self.fault(&span, "currency", format!("`{code}` is not an ISO 4217 code"), "three capital letters, such as `USD`");
            }
            is_code.then_some(code)
        });
        let billing = [("paid_outside", CommitmentBilling::PaidOutside), ("billed_by_plan", CommitmentBilling::BilledByPlan)];
        let pricing = [("in_place", PricingChange::InPlace), ("from_date", PricingChange::FromDate), ("report", PricingChange::Report)];
        let removed = [("warn", RemovedLines::Warn), ("fail", RemovedLines::Fail), ("end", RemovedLines::End)];
        Settings {
            currency,
            time_zone,
            commitment_billing: self.choice(table, "commitment_billing", &billing),
            pricing_change: self.choice(table, "pricing_change", &pricing).unwrap_or_default(),
            removed_lines: self.choice(table, "removed_lines", &removed).unwrap_or_default(),
            account_plan_overlap: self.overlap_rule(table, "account_plan"),
            commitment_overlap: self.overlap_rule(table, "commitment"),
        }
    }

    /// The `overlap` of an object's table, or of the first of several that has one.
    fn overlap_rule(&mut self, table: &DeTable<'_>, object: &str) -> OverlapRule {
        let rules = [("report", OverlapRule::Report), ("replace", OverlapRule::Replace), ("replace_any", OverlapRule::ReplaceAny)];
        let Some(value) = find(table, object) else { return OverlapRule::default() };
        let one = std::slice::from_ref(value);
        let mut tables = value.get_ref().as_array().map_or(one, |items| items).iter().filter_map(|value| value.get_ref().as_table());
        let table = tables.find(|table| find(table, OVERLAP_KEY).is_some());
        table.and_then(|table| self.choice(table, OVERLAP_KEY, &rules)).unwrap_or_default()
    }

    fn time_zone(&mut self, span: &Range<usize>, key: &str, name: &str) -> Option<TimeZone> {
        let zone = TimeZone::get(name).ok();
        if zone.is_none() {
            self.fault(span, key, format!("`{name}` is not a time zone"), "use a tz database name such as `Europe/London`");
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

    fn choice<T: Copy>(&mut self, table: &DeTable<'_>, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let (span, word) = self.text_setting(table, key)?;
        let chosen = choices.iter().find(|(name, _)| *name == word).map(|(_, choice)| *choice);
        if chosen.is_none() {
            let words: Vec<String> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
            self.fault(&span, key, format!("`{word}` is not one of the choices"), format!("use {}", words.join(" or ")));
        }
        chosen
    }

    fn table<'v>(&mut self, value: &'v Value<'_>, key: &str) -> Option<&'v DeTable<'v>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.fault(&value.span(), key, "a table is expected", "write `{ … }`, or a table with its name in brackets");
        }
        table
    }

    fn list<'v>(&mut self, value: &'v Value<'_>, key: &str) -> &'v [Value<'v>] {
        match value.get_ref().as_array() {
            Some(items) if !items.is_empty() => items,
            _ => {
                self.fault(&value.span(), key, "a list with at least one entry is expected", "write `[ … ]`");
                &[]
            }
        }
    }

    fn flag(&mut self, table: &DeTable<'_>, key: &str, name: &str) -> bool {
        let Some(value) = find(table, name) else { return false };
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.fault(&value.span(), key, format!("`{name}` takes true or false"), "without quotes");
        }
        flag == Some(true)
    }

    /// A name that goes into a query: letters, digits and underscores.
    fn required_name(&mut self, table: &DeTable<'_>, prefix: &str, key: &str, place: Range<usize>) -> Option<String> {
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

/// Parts of letters, digits and underscores, each with a letter first, joined by dots; at most five parents.
fn is_path(path: &str) -> bool {
    let is_name = |name: &str| {
        name.len() <= 80
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    path.split('.').count() <= 6 && path.split('.').all(is_name)
}

fn find<'v, 'i>(table: &'v DeTable<'i>, key: &str) -> Option<&'v Value<'i>> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
}

fn dotted(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}
