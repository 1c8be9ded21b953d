//! From TOML to the mapping; every fault with its line and a hint, all of them at once.

mod condition;
mod constant;
mod expression;
mod key;
mod layers;
mod link;
mod object;
mod parser;
mod product;
mod remark;
mod rows;
mod steps;
mod structure;
mod sync_status;
mod syntax;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use self::condition::{CONDITION_KEYS, GUARD_KEYS, READINESS_KEYS, SEVERAL_KEYS};
pub use self::expression::{BESIDE, SOURCES, Source};
pub use self::key::{Form, Key};
use self::key::{key, names, words};
pub(super) use self::layers::Layer;
pub use self::layers::OBJECT_TABLES;
use self::layers::{EXTENDS, REMOVE};
use self::object::OVERLAP;
pub use self::object::{OBJECT_KEYS, keys_of};
use self::parser::{Node, Parser, find, line_at};
use self::product::{PRODUCT_KEYS, RULE_KEYS};
pub use self::remark::{REMARK_KEYS, ROW_REMARK_KEYS};
use self::rows::SET_KEYS;
pub use self::steps::{STEPS, StepKey};
pub use self::structure::ADDRESS_KEYS;
use self::sync_status::STATUS_KEYS;
use super::fault::MappingFault;
use super::files::Files;
use super::language::RowSet;
use super::mapped::Mapping;
use crate::domain::condition::Condition;
use crate::domain::product_rule::ProductRule;
use crate::domain::settings::{
    CommitmentBilling, EndedRule, OverlapRule, PricingChange, RemovedLines, RunningLines, Settings,
};
use crate::soql::is_path;

const RUNNING_LINES: [(&str, RunningLines); 2] =
    [("leave_out", RunningLines::LeaveOut), ("report", RunningLines::Report)];

/// What stands at the head of a file.
pub const TOP_KEYS: [Key; 18] = [
    key("root", Form::Text, "The Salesforce object that is synced, by its API name."),
    key(EXTENDS, Form::Text, "The mapping that this file differs from, by its root object."),
    key(
        REMOVE,
        Form::List(&Form::Text),
        "Tables and keys of the extended mapping that do not apply: `commitment`, `account.address`.",
    ),
    key(
        "only_when",
        Form::OneOrMore(&Form::Guard),
        "A record that does not meet this is never synced.",
    ),
    key(
        "ready_when",
        Form::OneOrMore(&Form::Readiness),
        "A state that the record reaches later; `otherwise` says what happens before.",
    ),
    key("currency", Form::CurrencyCode, "The currency of an org with a single one."),
    key(
        "time_zone",
        Form::Text,
        "In which a date begins, else that of m3ter's organization: `Europe/London`.",
    ),
    key(
        "commitment_billing",
        Form::Word(|| words(&CommitmentBilling::WORDS)),
        "Who invoices the committed amount: `paid_outside` or `billed_by_plan`.",
    ),
    key(
        "pricing_change",
        Form::Word(|| words(&PricingChange::WORDS)),
        "From when a new price applies.",
    ),
    key(
        "removed_lines",
        Form::Word(|| words(&RemovedLines::WORDS)),
        "Whether a deleted line bills on.",
    ),
    key(
        "ended",
        Form::Word(|| words(&EndedRule::WORDS)),
        "Whether Salesforce may extend what an operator ended.",
    ),
    key(
        "running_lines",
        Form::Word(|| words(&RUNNING_LINES)),
        "What happens if a line asks for what is already billed.",
    ),
    key(
        "deal_currency",
        Form::Value,
        "The currency of the whole record, against which plan templates are checked.",
    ),
    key(
        "sync_status",
        Form::Table(&STATUS_KEYS, &[]),
        "The record's own fields that show how its last sync ended.",
    ),
    key("lines", Form::Table(&SET_KEYS, &[]), "The child relationship that holds the lines."),
    key(
        "rows",
        Form::Named(&Form::Table(&SET_KEYS, &[])),
        "More child relationships by a name of yours.",
    ),
    key(
        "product_mapping",
        Form::Table(&PRODUCT_KEYS, &[]),
        "Where a row's product, billing frequency and currency are, by which product rules are chosen.",
    ),
    key(
        "product_rule",
        Form::List(&Form::Table(&RULE_KEYS, &[])),
        "Which plan template or plan a product uses.",
    ),
];

pub(super) enum Parsed {
    Mapping(Box<Mapping>),
    /// Product rules for all mappings.
    Rules(Vec<ProductRule>),
}

/// Parses and checks one file with what it extends of `among`.
pub(super) fn parse(layer: &Layer<'_>, among: &[Layer<'_>]) -> Result<Parsed, Vec<MappingFault>> {
    let chain = layer.chain(among).map_err(|fault| vec![fault])?;
    let (files, text, starts) = Files::joined(chain.iter().map(|layer| (layer.name, layer.text)));
    let mut parser = Parser::new(files, text);
    let table = parser.laid_over(&chain, &starts);
    let parsed = parser.file(table);
    match parsed {
        Some(parsed) if parser.faults.is_empty() => Ok(parsed),
        _ => Err(parser.faults),
    }
}

/// Parses a condition of a record that stands alone: in the language of mapping files, or as the
/// path of a checkbox. `source` is what faults call it.
pub(super) fn condition(
    text: &str,
    source: &str,
    sets: &[RowSet],
) -> Result<Condition, Vec<MappingFault>> {
    const KEY: &str = "condition";
    let text = text.trim();
    let quoted = if is_path(text) { format!("\"{text}\"") } else { text.to_owned() };
    let (files, text, _) =
        Files::joined(std::iter::once((source, format!("{KEY} = {quoted}").as_str())));
    let mut parser = Parser::new(files, text.clone());
    parser.sets = sets.to_vec();
    let one = "one condition is expected";
    let condition = match DeTable::parse(&text) {
        Ok(table) => match find(table.get_ref(), KEY) {
            Some(value) if table.get_ref().len() == 1 => parser.condition(Node::new(value, "")),
            _ => {
                parser.fault_at(1, "", one, "join several with `all` or `any`");
                None
            }
        },
        Err(error) => {
            let line = line_at(&text, error.span().map_or(0, |span| span.start));
            let message = format!("{one}: {}", error.message());
            parser.fault_at(line, "", message, "write `{ field = \"IsWon\", is = true }`");
            None
        }
    };
    condition.filter(|_| parser.faults.is_empty()).ok_or(parser.faults)
}

impl Parser {
    fn file(&mut self, table: DeTable<'_>) -> Option<Parsed> {
        let file = Spanned::new(0..0, DeValue::Table(table));
        let file = Node::new(&file, "");
        let rules = file.setting("product_rule").map(|value| self.product_rules(value));
        if let (Some(rules), None) = (&rules, file.get("root")) {
            self.check_keys(file, &["product_rule"]);
            return Some(Parsed::Rules(rules.clone()));
        }
        self.mapping(file, rules.unwrap_or_default())
            .map(|mapping| Parsed::Mapping(Box::new(mapping)))
    }

    fn mapping(&mut self, file: Node<'_>, product_rules: Vec<ProductRule>) -> Option<Mapping> {
        let tables = OBJECT_TABLES.iter().map(|(name, _)| *name);
        let known: Vec<&str> = names(&TOP_KEYS).into_iter().chain(tables).collect();
        self.check_keys(file, &known);
        let root = self.required_name(file, "root");
        let settings = self.settings(file);
        self.row_sets(file, root.as_deref().unwrap_or_default());
        let only_when = self.all_at(file, "only_when", Self::guard);
        let ready_when = self.all_at(file, "ready_when", Self::readiness);
        let deal_currency = self.at(file, "deal_currency", Self::expression);
        let sync_status = self.at(file, "sync_status", Self::sync_status);
        let product = self.at(file, "product_mapping", Self::product_keys);
        for (name, kind) in OBJECT_TABLES {
            if let Some(value) = file.setting(name) {
                self.objects(value, file, kind);
            }
        }
        if self.objects.is_empty() {
            self.note(file, "the file maps nothing", "add a table such as `[account]`");
        }
        let mut mapping = Mapping {
            files: self.files.clone(),
            is_built_in: false,
            root: root.clone().unwrap_or_default(),
            settings,
            only_when,
            ready_when,
            deal_currency,
            sets: std::mem::take(&mut self.sets),
            objects: std::mem::take(&mut self.objects),
            product,
            product_rules,
            sync_status,
            links: Vec::new(),
            shared: Vec::new(),
        };
        self.link(&mut mapping);
        root.map(|_| mapping)
    }

    fn settings(&mut self, file: Node<'_>) -> Settings {
        Settings {
            currency: self.currency(file),
            time_zone: self
                .text_setting(file, "time_zone")
                .and_then(|_| self.time_zone(file.setting("time_zone")?)),
            commitment_billing: self.choice(file, "commitment_billing", &CommitmentBilling::WORDS),
            pricing_change: self
                .choice(file, "pricing_change", &PricingChange::WORDS)
                .unwrap_or_default(),
            removed_lines: self
                .choice(file, "removed_lines", &RemovedLines::WORDS)
                .unwrap_or_default(),
            ended: self.choice(file, "ended", &EndedRule::WORDS).unwrap_or_default(),
            running_lines: self.choice(file, "running_lines", &RUNNING_LINES).unwrap_or_default(),
            account_plan_overlap: self.overlap_rule(file, "account_plan"),
            commitment_overlap: self.overlap_rule(file, "commitment"),
        }
    }

    fn currency(&mut self, file: Node<'_>) -> Option<String> {
        let code = self.text_setting(file, "currency")?;
        if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Some(code.to_owned());
        }
        let message = format!("`{code}` is not an ISO 4217 code");
        let hint = "three capital letters, such as `USD`";
        self.fault(file.setting("currency")?, message, hint)
    }

    /// The `overlap` of an object's table, or of the first of several that has one.
    fn overlap_rule(&mut self, file: Node<'_>, object: &str) -> OverlapRule {
        let Some(value) = file.get(object) else { return OverlapRule::default() };
        let mut tables = value.items().into_iter().chain([value]);
        tables
            .find(|table| table.get(OVERLAP.name).is_some())
            .and_then(|table| self.choice(table, OVERLAP.name, &OverlapRule::WORDS))
            .unwrap_or_default()
    }
}
