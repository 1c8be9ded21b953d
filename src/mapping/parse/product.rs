//! `[product_mapping]`, where a row's product stands, and `[[product_rule]]`, what stands for it in
//! m3ter.

use toml::de::DeTable;

use super::key::{Form, Key, key, names};
use super::parser::{Parser, Place, Value, find};
use crate::domain::catalog::CatalogKind;
use crate::domain::text::trimmed;
use crate::mapping::language::ROOT;
use crate::mapping::mapped::{ProductKeys, Shared};
use crate::mapping::product::ProductRule;

const PREFIX: &str = "product_mapping";
pub(super) const PRODUCT_KEYS: [Key; 4] = [
    key("rows", Form::Text, "The rows that have a product; without it, the lines."),
    key("product", Form::Value, "The product's code."),
    key("billing_frequency", Form::Value, "The billing frequency."),
    key("currency", Form::Value, "The currency."),
];
const RULE_PREFIX: &str = "product_rule";
pub(super) const RULE_KEYS: [Key; 5] = [
    key("product", Form::Text, "The product's code."),
    key("billing_frequency", Form::Text, "The billing frequency."),
    key("currency", Form::Text, "The currency."),
    key("plan_template", Form::Text, "The code of the plan template."),
    key("plan", Form::Text, "The code of an existing plan."),
];

impl Parser<'_> {
    pub(super) fn product_keys(&mut self, value: &Value<'_>) -> Option<ProductKeys> {
        let table = self.table(value, PREFIX)?;
        self.check_keys(table, PREFIX, &names(&PRODUCT_KEYS));
        let lines = self.sets.iter().position(|set| set.name == "lines").unwrap_or_default();
        let rows = self.optional(table, "rows", Place::new(PREFIX, ROOT), Self::set_named).ok()?;
        let place = Place::new(PREFIX, rows.unwrap_or(lines));
        self.owner = Some(Shared::ProductRule);
        let [product, billing_frequency, currency] = ["product", "billing_frequency", "currency"]
            .map(|key| self.at(table, key, place, Self::expression));
        self.owner = None;
        if find(table, "product").is_none() {
            let hint = "such as `product = \"Product2.ProductCode\"`";
            self.note(value, "product_mapping.product", "this key is missing", hint);
        }
        Some(ProductKeys { rows: place.set, product: product?, billing_frequency, currency })
    }

    pub(super) fn product_rules(&mut self, value: &Value<'_>) -> Vec<ProductRule> {
        let mut rules: Vec<ProductRule> = Vec::new();
        for item in self.list(value, RULE_PREFIX) {
            let Some(rule) = self.product_rule(item) else { continue };
            if let Some(other) = rules.iter().find(|other| asked(other) == asked(&rule)) {
                let message = format!(
                    "line {} has a rule for the same product, billing frequency and currency",
                    other.line
                );
                self.note(item, RULE_PREFIX, message, "keep one of the two");
            }
            rules.push(rule);
        }
        rules
    }

    fn product_rule(&mut self, value: &Value<'_>) -> Option<ProductRule> {
        let table = self.table(value, RULE_PREFIX)?;
        self.check_keys(table, RULE_PREFIX, &names(&RULE_KEYS));
        let [product, billing_frequency, currency, template, plan] =
            RULE_KEYS.map(|key| self.rule_text(table, key.name));
        let Some(product) = product else {
            let hint = "such as `product = \"API_CALLS\"`";
            return self.fault(value, "product_rule.product", "a rule names a product", hint);
        };
        let (target, code) = match (template, plan) {
            (Some(code), None) => (CatalogKind::PlanTemplate, code),
            (None, Some(code)) => (CatalogKind::Plan, code),
            _ => {
                let hint = "add either `plan_template = \"…\"` or `plan = \"…\"`";
                let message = "a rule names a plan template or a plan";
                return self.fault(value, RULE_PREFIX, message, hint);
            }
        };
        if !target.allows(&code) {
            let message = format!("m3ter cannot have a {} with the code `{code}`", target.noun());
            self.note(value, RULE_PREFIX, message, "1 to 80 characters, no outer spaces");
        }
        let (file, line) = self.files.place(self.line(value));
        let file = file.to_owned();
        Some(ProductRule { product, billing_frequency, currency, target, code, file, line })
    }

    /// A text of a rule, trimmed; a blank one is the general case.
    fn rule_text(&mut self, table: &DeTable<'_>, key: &str) -> Option<String> {
        let text = trimmed(self.text_setting(table, key)?);
        (!text.is_empty()).then(|| text.to_owned())
    }
}

fn asked(rule: &ProductRule) -> [Option<String>; 3] {
    let folded = |text: &Option<String>| text.as_ref().map(|text| text.to_lowercase());
    [Some(rule.product.to_lowercase()), folded(&rule.billing_frequency), folded(&rule.currency)]
}
