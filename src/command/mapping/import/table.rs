//! One table of a mapping file as it is put together, and the fields that it gets from a record.

use super::kind::Kind;
use super::names::spelled;
use super::nested::Carried;
use super::records::is_path;
use crate::domain::field::{FieldSpec, FieldType};

/// One table on its way: keys with their values, and comments.
#[derive(Default)]
pub(super) struct Table {
    pub(super) keys: Vec<(String, String)>,
    pub(super) comments: Vec<String>,
}

impl Table {
    pub(super) fn set(&mut self, key: &str, value: impl Into<String>) {
        if !self.has(key) {
            self.keys.push((key.to_owned(), value.into()));
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|(name, _)| name == key)
    }

    pub(super) fn note(&mut self, comment: impl Into<String>) {
        self.comments.push(comment.into());
    }

    /// What was carried over becomes the key, what was not a comment.
    pub(super) fn carry(&mut self, key: &str, carried: Carried) {
        self.comments.extend(carried.comments);
        if let Some(expression) = carried.expression {
            self.set(key, expression);
        }
    }
}

/// What a record's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    Literal,
    Path,
}

/// Carries over the value of one field, or says why not; `path` is the value as a path from the
/// root's row.
pub(super) fn add_field(
    kind: Kind,
    spec: &FieldSpec,
    value: &str,
    path: &str,
    written: Written,
    table: &mut Table,
) {
    let name = spec.name;
    let is_literal = written == Written::Literal;
    if table.has(name) {
        table.note(format!(
            "{name}: the record has `{value}`; here it is the object of the same sync"
        ));
        return;
    }
    if kind == Kind::Commitment && value == "ListPrice" {
        table.note(format!(
            "{name}: `ListPrice` is the price before discount; `UnitPrice` is what was agreed"
        ));
    }
    if name.ends_with("Id") && value.ends_with("ProductName__c") {
        table.note(format!("{name}: a product's name can change, and then m3ter has no such code; its product code does not"));
    }
    match (kind, name) {
        (Kind::Pricing, "planTemplateId") => {
            table.note(format!("Not imported: planTemplateId = {value}, which would price the shared template for every customer"));
        }
        (Kind::Pricing, "minimumSpendBillInAdvance") if is_literal => {
            table.note(format!(
                "Not imported: {name} = {value}, which would override the organization's setting"
            ));
        }
        (_, "overageSurchargePercent") if value.eq_ignore_ascii_case("Probability") => {
            table.note("Not imported: overageSurchargePercent = Probability, a surcharge of 100 % on every won deal");
        }
        (_, "endDate") if is_literal => {
            table.note(format!("Not imported: endDate = {value}, the same for every deal; the Contract's end is taken"));
        }
        (_, "currency") if is_literal => {
            table.note(format!("Not imported: currency = {value}; it comes from the record, or from the setting `currency`"));
        }
        (_, name)
            if name.ends_with("Description") && matches!(value, "Description" | "NextStep") =>
        {
            table.note(format!(
                "Not imported: {name} = {value}: internal notes on the customer's bill"
            ));
        }
        _ => match converted(spec, path, is_literal) {
            Some(expression) => table.set(name, expression),
            None => table.note(format!("Not imported: {name} = {value}")),
        },
    }
}

/// The expression for a value; `None` where it cannot be one.
fn converted(spec: &FieldSpec, value: &str, is_literal: bool) -> Option<String> {
    let once = if spec.name == "code" { ", once = true" } else { "" };
    if is_literal {
        return match spec.field_type {
            FieldType::Boolean => value
                .to_ascii_lowercase()
                .parse::<bool>()
                .ok()
                .map(|value| format!("{{ value = {value} }}")),
            FieldType::Decimal { .. } | FieldType::Integer { .. } => value
                .parse::<rust_decimal::Decimal>()
                .ok()
                .map(|value| format!("{{ value = {value} }}")),
            FieldType::Text { .. }
            | FieldType::Enum(_)
            | FieldType::Email
            | FieldType::Code
            | FieldType::Id => {
                // JSON's texts are TOML's as well, on one line.
                Some(format!("{{ value = {} }}", serde_json::Value::from(value)))
            }
            _ => None,
        };
    }
    let path = spelled(value);
    if !is_path(&path) {
        return None;
    }
    match (spec.field_type, spec.name) {
        (FieldType::Id, "planTemplateId") => {
            Some(format!("{{ lookup = \"plan_template\", code = \"{path}\", once = true }}"))
        }
        (FieldType::Id, "aggregationId") => {
            Some(format!("{{ lookup = \"aggregation\", code = \"{path}\" }}"))
        }
        (FieldType::Id, "planId") => Some(format!("{{ lookup = \"plan\", code = \"{path}\" }}")),
        (FieldType::Id, "planGroupId") => {
            Some(format!("{{ lookup = \"plan_group\", code = \"{path}\" }}"))
        }
        (FieldType::Id, "compoundAggregationId") => {
            Some(format!("{{ lookup = \"compound_aggregation\", code = \"{path}\" }}"))
        }
        (FieldType::Id | FieldType::IdList | FieldType::PricingBands | FieldType::Address, _) => {
            None
        }
        // The connector sent Salesforce's last day as it was, and m3ter's ends are exclusive: a day
        // was lost.
        (FieldType::Date | FieldType::DateTime, "endDate") => {
            Some(format!("{{ field = \"{path}\", end_exclusive = true }}"))
        }
        _ if once.is_empty() => Some(format!("\"{path}\"")),
        _ => Some(format!("{{ field = \"{path}\"{once} }}")),
    }
}
