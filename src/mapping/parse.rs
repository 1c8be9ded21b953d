//! From TOML to the mapping; every fault with its line and a hint, all of them at once.

mod condition;
mod expression;
mod layers;
mod link;
mod object;
mod parser;
mod product;
mod remark;
mod rows;
mod schema;
mod steps;
mod structure;
mod sync_status;
mod syntax;

use toml::de::DeTable;

use self::layers::{EXTENDS, OBJECT_TABLES, REMOVE};
pub(super) use self::layers::{Layer, MAX_FILE_BYTES};
use self::object::OVERLAP_KEY;
use self::parser::{Parser, Place, find, head, is_path, line_at};
pub(super) use self::schema::schema;
pub(super) use self::syntax::newer_syntax;
use super::fault::MappingFault;
use super::files::Files;
use super::language::{Condition, ROOT, RowSet};
use super::mapped::Mapping;
use super::product::ProductRule;
use crate::domain::settings::{
    CommitmentBilling, EndedRule, OverlapRule, PricingChange, RemovedLines, RunningLines, Settings,
};

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
    let mut parser = Parser::new(files, &text);
    let table = parser.laid_over(&chain, &starts);
    let parsed = parser.file(&table);
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
    let mut parser = Parser::new(files, &text);
    parser.sets = sets.to_vec();
    let one = "one condition is expected";
    let condition = match DeTable::parse(&text) {
        Ok(table) => match find(table.get_ref(), KEY) {
            Some(value) if table.get_ref().iter().count() == 1 => {
                parser.condition(value, Place::new(KEY, ROOT))
            }
            _ => parser.fault(&head(), KEY, one, "join several with `all` or `any`"),
        },
        Err(error) => {
            let line = line_at(&text, error.span().map_or(0, |span| span.start));
            let message = format!("{one}: {}", error.message());
            parser.fault_at(line, KEY, message, "write `{ field = \"IsWon\", is = true }`");
            None
        }
    };
    condition.filter(|_| parser.faults.is_empty()).ok_or(parser.faults)
}

impl Parser<'_> {
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
        let tables = OBJECT_TABLES.iter().map(|(name, _)| *name);
        self.check_keys(table, "", &TOP_KEYS.into_iter().chain(tables).collect::<Vec<_>>());
        let root = self.required_name(table, "", "root", &head());
        let settings = self.settings(table);
        self.row_sets(table, root.as_deref().unwrap_or_default());
        let only_when = find(table, "only_when")
            .map(|value| self.guards(value, Place::new("only_when", ROOT)))
            .unwrap_or_default();
        let ready_when = find(table, "ready_when")
            .map(|value| self.readiness(value, "ready_when"))
            .unwrap_or_default();
        let deal_currency = find(table, "deal_currency")
            .and_then(|value| self.expression(value, Place::new("deal_currency", ROOT)));
        let sync_status = find(table, "sync_status").and_then(|value| self.sync_status(value));
        let product = find(table, "product_mapping").and_then(|value| self.product_keys(value));
        for (name, kind) in OBJECT_TABLES {
            if let Some(value) = find(table, name) {
                self.objects(value, table, name, kind);
            }
        }
        if self.objects.is_empty() {
            self.note(&head(), "", "the file maps nothing", "add a table such as `[account]`");
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

    fn settings(&mut self, table: &DeTable<'_>) -> Settings {
        let time_zone = self
            .text_setting(table, "time_zone")
            .and_then(|_| self.time_zone(find(table, "time_zone")?, "time_zone"));
        let running = [("leave_out", RunningLines::LeaveOut), ("report", RunningLines::Report)];
        Settings {
            currency: self.currency(table),
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

    fn currency(&mut self, table: &DeTable<'_>) -> Option<String> {
        let code = self.text_setting(table, "currency")?;
        if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Some(code.to_owned());
        }
        let message = format!("`{code}` is not an ISO 4217 code");
        let hint = "three capital letters, such as `USD`";
        self.fault(find(table, "currency")?, "currency", message, hint)
    }

    /// The `overlap` of an object's table, or of the first of several that has one.
    fn overlap_rule(&mut self, table: &DeTable<'_>, object: &str) -> OverlapRule {
        let Some(value) = find(table, object) else { return OverlapRule::default() };
        let one = std::slice::from_ref(value);
        let tables = value.get_ref().as_array().map_or(one, |items| items).iter();
        tables
            .filter_map(|value| value.get_ref().as_table())
            .find(|table| find(table, OVERLAP_KEY).is_some())
            .and_then(|table| self.choice(table, OVERLAP_KEY, &OverlapRule::WORDS))
            .unwrap_or_default()
    }
}
