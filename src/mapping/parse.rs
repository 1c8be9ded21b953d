//! From TOML to the tree; every fault with its line, all of them at once.

mod expression;

use std::ops::Range;

use jiff::tz::TimeZone;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Mapping;
use super::fault::{MappingFault, nearest};
use super::language::{FieldMapping, FieldRef, Lines, Mapped, ObjectMapping, Rows};
use crate::domain::entity::EntityKind;
use crate::domain::settings::{CommitmentBilling, OverlapRule, PricingChange, RemovedLines, Settings};

/// The tables of a file, in the order of results.
const OBJECT_TABLES: [(&str, EntityKind); 6] = [
    ("account", EntityKind::Account),
    ("contract", EntityKind::Contract),
    ("commitment", EntityKind::Commitment),
    ("plan", EntityKind::Plan),
    ("pricing", EntityKind::Pricing),
    ("account_plan", EntityKind::AccountPlan),
];

const TOP_KEYS: [&str; 8] =
    ["root", "currency", "time_zone", "commitment_billing", "pricing_change", "removed_lines", "deal_currency", "lines"];
const LINE_KEYS: [&str; 5] = ["relationship", "sobject", "parent", "order_by", "leave_out"];
const OBJECT_KEYS: [&str; 7] = ["rows", "row", "sobject", "skip", "write_back", "joins_by", "billing_line"];

/// The key of a Commitment's and an AccountPlan's table that says what happens about one that stands in the way.
const OVERLAP_KEY: &str = "overlap";

/// A file that is larger is not a mapping.
const LARGEST_FILE_BYTES: usize = 256 * 1024;

/// Parses and checks one file.
pub(super) fn parse(file: &str, text: &str) -> Result<Mapping, Vec<MappingFault>> {
    if text.len() > LARGEST_FILE_BYTES {
        let message = format!("the file is larger than {} KiB", LARGEST_FILE_BYTES / 1024);
        return Err(vec![MappingFault::new(file, 1, "", message, None)]);
    }
    let mut parser = Parser { file, text, faults: Vec::new(), lines_parent: None };
    let table = DeTable::parse(text).map_err(|error| {
        let line = parser.line(&error.span().unwrap_or_default());
        vec![MappingFault::new(file, line, "", error.message(), Some("the file must be valid TOML".to_owned()))]
    })?;
    let mapping = parser.mapping(table.get_ref());
    match mapping {
        Some(mapping) if parser.faults.is_empty() => Ok(mapping),
        _ => Err(parser.faults),
    }
}

struct Parser<'a> {
    file: &'a str,
    text: &'a str,
    faults: Vec<MappingFault>,
    /// The lines' relationship back to the root, which turns a line's path into one of the root.
    lines_parent: Option<String>,
}

type Value<'a> = Spanned<DeValue<'a>>;

impl Parser<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        self.text.get(..span.start).unwrap_or_default().matches('\n').count() + 1
    }

    fn fault(&mut self, span: &Range<usize>, key: &str, message: impl Into<String>, hint: Option<String>) {
        let line = self.line(span);
        self.faults.push(MappingFault::new(self.file, line, key, message, hint));
    }

    fn mapping(&mut self, table: &DeTable<'_>) -> Option<Mapping> {
        let object_tables = || OBJECT_TABLES.iter().map(|(name, _)| *name);
        self.check_keys(table, "", &TOP_KEYS.iter().copied().chain(object_tables()).collect::<Vec<_>>());
        let root = self.required_name(table, "", "root", 0..0);
        let settings = self.settings(table);
        let lines = find(table, "lines").and_then(|value| self.lines(value));
        self.lines_parent = lines.as_ref().map(|lines| lines.parent.clone());
        let deal_currency = find(table, "deal_currency").and_then(|value| self.expression(value, "deal_currency", Rows::Root, None));
        let mut objects = Vec::new();
        for (name, kind) in OBJECT_TABLES {
            if let Some(value) = find(table, name) {
                objects.extend(self.object(value, name, kind, lines.is_some()));
            }
        }
        let mapped = Mapped { deal_currency, lines, objects };
        self.check_references(&mapped);
        Some(Mapping { file: self.file.to_owned(), root: root?, settings, mapped })
    }

    fn check_keys(&mut self, table: &DeTable<'_>, prefix: &str, known: &[&str]) {
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let hint = nearest(name, known.iter().copied()).map(|known| format!("did you mean `{known}`?"));
                self.fault(&key.span(), &dotted(prefix, name), "this key is not known here", hint);
            }
        }
    }

    fn settings(&mut self, table: &DeTable<'_>) -> Settings {
        let time_zone = self.text_setting(table, "time_zone").and_then(|(span, name)| {
            let zone = TimeZone::get(&name).ok();
            if zone.is_none() {
                let hint = Some("use a tz database name such as `Europe/London`".to_owned());
                self.fault(&span, "time_zone", format!("`{name}` is not a time zone"), hint);
            }
            zone
        });
        let currency = self.text_setting(table, "currency").and_then(|(span, code)| {
            let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
            if !is_code {
                self.fault(
                    &span,
                    "currency",
                    format!("`{code}` is not an ISO 4217 code"),
                    Some("three capital letters, such as `USD`".to_owned()),
                );
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

    /// The `overlap` of an object's table.
    fn overlap_rule(&mut self, table: &DeTable<'_>, object: &str) -> OverlapRule {
        let rules = [("report", OverlapRule::Report), ("replace", OverlapRule::Replace), ("replace_any", OverlapRule::ReplaceAny)];
        let table = find(table, object).and_then(|value| value.get_ref().as_table());
        table.and_then(|table| self.choice(table, OVERLAP_KEY, &rules)).unwrap_or_default()
    }

    fn text_setting(&mut self, table: &DeTable<'_>, key: &str) -> Option<(Range<usize>, String)> {
        let value = find(table, key)?;
        let text = value.get_ref().as_str().map(ToOwned::to_owned);
        if text.is_none() {
            self.fault(&value.span(), key, "a text is expected", None);
        }
        Some((value.span(), text?))
    }

    fn choice<T: Copy>(&mut self, table: &DeTable<'_>, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let (span, word) = self.text_setting(table, key)?;
        let chosen = choices.iter().find(|(name, _)| *name == word).map(|(_, choice)| *choice);
        if chosen.is_none() {
            let words: Vec<String> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
            self.fault(&span, key, format!("`{word}` is not one of the choices"), Some(format!("use {}", words.join(" or "))));
        }
        chosen
    }

    fn lines(&mut self, value: &Value<'_>) -> Option<Lines> {
        let table = self.table(value, "lines")?;
        self.check_keys(table, "lines", &LINE_KEYS);
        let relationship = self.required_name(table, "lines", "relationship", value.span());
        let sobject = self.required_name(table, "lines", "sobject", value.span());
        let parent = self.required_name(table, "lines", "parent", value.span());
        let order_by = match find(table, "order_by") {
            None => "Id".to_owned(),
            Some(value) => self.order_by(value)?,
        };
        let leave_out = find(table, "leave_out").and_then(|value| self.field_ref(value, "lines.leave_out", Rows::Lines));
        Some(Lines { relationship: relationship?, sobject: sobject?, parent: parent?, order_by, leave_out })
    }

    /// `SortOrder NULLS LAST, Id`: it goes into the query, so every word of it is checked.
    fn order_by(&mut self, value: &Value<'_>) -> Option<String> {
        let text = value.get_ref().as_str().unwrap_or_default();
        let is_term = |term: &str| {
            let mut words = term.split_whitespace();
            let rest: Vec<String> = words.by_ref().skip(1).map(str::to_ascii_uppercase).collect();
            let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
            term.split_whitespace().next().is_some_and(is_path)
                && matches!(
                    rest.as_slice(),
                    [] | ["ASC" | "DESC"] | ["NULLS", "FIRST" | "LAST"] | ["ASC" | "DESC", "NULLS", "FIRST" | "LAST"]
                )
        };
        if text.is_empty() || !text.split(',').all(is_term) {
            let hint = Some("field names by commas, each with ASC, DESC, NULLS FIRST or NULLS LAST if needed".to_owned());
            self.fault(&value.span(), "lines.order_by", "this is not an order", hint);
            return None;
        }
        Some(text.to_owned())
    }

    fn object(&mut self, value: &Value<'_>, name: &str, kind: EntityKind, has_lines: bool) -> Option<ObjectMapping> {
        let table = self.table(value, name)?;
        let rows = match find(table, "rows").map(|rows| (rows.span(), rows.get_ref().as_str().unwrap_or_default())) {
            None | Some((_, "root")) => Rows::Root,
            Some((_, "lines")) if has_lines => Rows::Lines,
            Some((span, "lines")) => {
                self.fault(&span, &dotted(name, "rows"), "the file has no `[lines]` table", None);
                Rows::Root
            }
            Some((span, other)) => {
                self.fault(
                    &span,
                    &dotted(name, "rows"),
                    format!("`{other}` is not a kind of rows"),
                    Some("use `root` or `lines`".to_owned()),
                );
                Rows::Root
            }
        };
        let mut field_ref = |key: &str, rows: Rows| find(table, key).and_then(|value| self.field_ref(value, &dotted(name, key), rows));
        let row = field_ref("row", rows);
        let skip = field_ref("skip", rows);
        // Whether the org has it is seen in the record: a field that is not there is not written.
        let write_back = field_ref("write_back", rows).map(|field| FieldRef { optional: true, ..field });
        let joins_by = field_ref("joins_by", rows);
        let billing_line = field_ref("billing_line", Rows::Lines);
        let sobject = find(table, "sobject").and_then(|_| self.required_name(table, name, "sobject", value.span()));
        let mut fields = Vec::new();
        for (key, value) in table {
            let key_name = key.get_ref().as_ref();
            let has_overlap = matches!(kind, EntityKind::Commitment | EntityKind::AccountPlan);
            if OBJECT_KEYS.contains(&key_name) || has_overlap && key_name == OVERLAP_KEY {
                continue;
            }
            let Some(spec) = kind.field(key_name) else {
                let known = kind.fields().iter().map(|field| field.name).chain(OBJECT_KEYS);
                let hint = nearest(key_name, known).map(|known| format!("did you mean `{known}`?"));
                self.fault(&key.span(), &dotted(name, key_name), format!("{kind} has no such field in m3ter"), hint);
                continue;
            };
            let full = dotted(name, key_name);
            if let Some(expression) = self.expression(value, &full, rows, Some(spec)) {
                let flag =
                    |flag: &str| value.get_ref().as_table().and_then(|table| find(table, flag)).and_then(|value| value.get_ref().as_bool());
                fields.push(FieldMapping { spec, expression, once: flag("once") == Some(true), clear: flag("clear") == Some(true) });
            }
        }
        for spec in kind.fields().iter().filter(|spec| spec.required) {
            if !table.keys().any(|key| key.get_ref() == spec.name) {
                self.fault(&value.span(), &dotted(name, spec.name), format!("m3ter requires this field of a {kind}"), None);
            }
        }
        Some(ObjectMapping { kind, rows, row, sobject, skip, write_back, joins_by, billing_line, fields })
    }

    /// References to other objects must lead to tables of the file.
    fn check_references(&mut self, mapped: &Mapped) {
        let mut missing = Vec::new();
        for object in &mapped.objects {
            for field in &object.fields {
                expression::references(&field.expression, &mut |kind, named| {
                    let target = mapped.object(kind);
                    if target.is_none() || named.is_some_and(|named| target.is_some_and(|target| target.field(named).is_none())) {
                        missing.push((object.kind, field.spec.name, kind, named));
                    }
                });
            }
        }
        for (kind, field, target, named) in missing {
            let what = named.map_or_else(|| format!("the {target}"), |named| format!("`{named}` of the {target}"));
            self.fault(&(0..0), &format!("{kind}.{field}"), format!("it refers to {what}, which the file does not map"), None);
        }
    }

    fn table<'v>(&mut self, value: &'v Value<'_>, key: &str) -> Option<&'v DeTable<'v>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.fault(&value.span(), key, "a table is expected", None);
        }
        table
    }

    /// A name that goes into a query: letters, digits and underscores.
    fn required_name(&mut self, table: &DeTable<'_>, prefix: &str, key: &str, place: Range<usize>) -> Option<String> {
        let Some(value) = find(table, key) else {
            self.fault(&place, &dotted(prefix, key), "this key is missing", None);
            return None;
        };
        match value.get_ref().as_str() {
            Some(name) if is_path(name) && !name.contains('.') => Some(name.to_owned()),
            _ => {
                let hint = Some("letters, digits and underscores, as Salesforce spells it".to_owned());
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
