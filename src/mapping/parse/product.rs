//! `[product_mapping]`, where a row's product stands, and `[[product_rule]]`, what stands for it in
//! m3ter.

use super::key::{Form, Key, key, names};
use super::parser::{Node, Parser};
use crate::domain::catalog::CatalogKind;
use crate::domain::product_rule::ProductRule;
use crate::domain::text::trimmed;
use crate::mapping::mapped::{ProductKeys, Shared};

pub(super) const PRODUCT_KEYS: [Key; 4] = [
    key("rows", Form::Text, "The rows that have a product; without it, the lines."),
    key("product", Form::Value, "The product's code."),
    key("billing_frequency", Form::Value, "The billing frequency."),
    key("currency", Form::Value, "The currency."),
];
pub(super) const RULE_KEYS: [Key; 5] = [
    key("product", Form::Text, "The product's code."),
    key("billing_frequency", Form::Text, "The billing frequency."),
    key("currency", Form::Text, "The currency."),
    key("plan_template", Form::Text, "The code of the plan template."),
    key("plan", Form::Text, "The code of an existing plan."),
];

impl Parser {
    pub(super) fn product_keys(&mut self, value: Node<'_>) -> Option<ProductKeys> {
        self.table_of(value, &names(&PRODUCT_KEYS))?;
        let lines = self.set_called("lines").unwrap_or_default();
        let rows = self.optional(value, "rows", Self::set_named).ok()?.unwrap_or(lines);
        self.owner = Some(Shared::ProductRule);
        let [product, billing_frequency, currency] = ["product", "billing_frequency", "currency"]
            .map(|key| self.at(Node { set: rows, ..value }, key, Self::expression));
        self.owner = None;
        if value.get("product").is_none() {
            let hint = "such as `product = \"Product2.ProductCode\"`";
            self.note_key(value, "product", "this key is missing", hint);
        }
        Some(ProductKeys { rows, product: product?, billing_frequency, currency })
    }

    pub(super) fn product_rules(&mut self, value: Node<'_>) -> Vec<ProductRule> {
        let mut rules: Vec<ProductRule> = Vec::new();
        for item in self.list(value) {
            let Some(rule) = self.product_rule(item) else { continue };
            if let Some(other) = rules.iter().find(|other| asked(other) == asked(&rule)) {
                let message = format!(
                    "line {} has a rule for the same product, billing frequency and currency",
                    other.line
                );
                self.note(item, message, "keep one of the two");
            }
            rules.push(rule);
        }
        rules
    }

    fn product_rule(&mut self, value: Node<'_>) -> Option<ProductRule> {
        self.table_of(value, &names(&RULE_KEYS))?;
        let [product, billing_frequency, currency, template, plan] =
            RULE_KEYS.map(|key| self.rule_text(value, key.name));
        let Some(product) = product else {
            let hint = "such as `product = \"API_CALLS\"`";
            self.note_key(value, "product", "a rule names a product", hint);
            return None;
        };
        let (target, code) = match (template, plan) {
            (Some(code), None) => (CatalogKind::PlanTemplate, code),
            (None, Some(code)) => (CatalogKind::Plan, code),
            _ => {
                let hint = "add either `plan_template = \"…\"` or `plan = \"…\"`";
                return self.fault(value, "a rule names a plan template or a plan", hint);
            }
        };
        if !target.allows(&code) {
            let message = format!("m3ter cannot have a {} with the code `{code}`", target.noun());
            self.note(value, message, "1 to 80 characters, no outer spaces");
        }
        let (file, line) = self.files.place(self.line(value.value));
        let file = file.to_owned();
        Some(ProductRule { product, billing_frequency, currency, target, code, file, line })
    }

    /// A text of a rule, trimmed; a blank one is the general case.
    fn rule_text(&mut self, table: Node<'_>, key: &'static str) -> Option<String> {
        let text = trimmed(self.text_setting(table, key)?);
        (!text.is_empty()).then(|| text.to_owned())
    }
}

fn asked(rule: &ProductRule) -> [Option<String>; 3] {
    let folded = |text: &Option<String>| text.as_ref().map(|text| text.to_lowercase());
    [Some(rule.product.to_lowercase()), folded(&rule.billing_frequency), folded(&rule.currency)]
}
