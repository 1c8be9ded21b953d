//! `[product_mapping]`, where a row's product stands, and `[[product_rule]]`, what stands for it in
//! m3ter.

use toml::de::DeTable;

use super::{Parser, Value, dotted, find};
use crate::domain::catalog::Catalogued;
use crate::domain::text::trimmed;
use crate::mapping::language::{ProductKeys, ProductRule};

const KEYS: [&str; 4] = ["rows", "product", "billing_frequency", "currency"];
const RULE: [&str; 5] = ["product", "billing_frequency", "currency", "plan_template", "plan"];

impl Parser<'_> {
    pub(super) fn product_keys(&mut self, value: &Value<'_>) -> Option<ProductKeys> {
        let prefix = "product_mapping";
        let table = self.table(value, prefix)?;
        self.check_keys(table, prefix, &KEYS);
        let rows = match find(table, "rows") {
            Some(rows) => self.set_named(rows, &dotted(prefix, "rows"))?,
            None => self.sets.iter().position(|set| set.name == "lines").unwrap_or_default(),
        };
        let expression = |parser: &mut Self, key: &str| {
            find(table, key)
                .and_then(|value| parser.expression(value, &dotted(prefix, key), rows, None))
        };
        let (billing_frequency, currency) =
            (expression(self, "billing_frequency"), expression(self, "currency"));
        if find(table, "product").is_none() {
            self.fault(
                &value.span(),
                "product_mapping.product",
                "this key is missing",
                "such as `product = \"Product2.ProductCode\"`",
            );
        }
        Some(ProductKeys {
            rows,
            product: expression(self, "product")?,
            billing_frequency,
            currency,
        })
    }

    pub(super) fn product_rules(&mut self, value: &Value<'_>) -> Vec<ProductRule> {
        let items = self.list(value, "product_rule");
        let mut rules: Vec<ProductRule> = Vec::new();
        for item in items {
            let Some(rule) = self.product_rule(item) else { continue };
            let is_same = |other: &&ProductRule| {
                same(&other.product, &rule.product) && same_or_none(other, &rule)
            };
            if let Some(other) = rules.iter().find(is_same) {
                let message = format!(
                    "line {} has a rule for the same product, billing frequency and currency",
                    other.line
                );
                self.fault(&item.span(), "product_rule", message, "keep one of the two");
            }
            rules.push(rule);
        }
        rules
    }

    fn product_rule(&mut self, value: &Value<'_>) -> Option<ProductRule> {
        let prefix = "product_rule";
        let table = self.table(value, prefix)?;
        self.check_keys(table, prefix, &RULE);
        let product = self.rule_text(table, "product");
        let (billing_frequency, currency) =
            (self.rule_text(table, "billing_frequency"), self.rule_text(table, "currency"));
        let (template, plan) =
            (self.rule_text(table, "plan_template"), self.rule_text(table, "plan"));
        let Some(product) = product else {
            self.fault(
                &value.span(),
                "product_rule.product",
                "a rule names a product",
                "such as `product = \"API_CALLS\"`",
            );
            return None;
        };
        let (target, code) = match (template, plan) {
            (Some(code), None) => (Catalogued::PlanTemplate, code),
            (None, Some(code)) => (Catalogued::Plan, code),
            _ => {
                self.fault(
                    &value.span(),
                    prefix,
                    "a rule names a plan template or a plan",
                    "add either `plan_template = \"…\"` or `plan = \"…\"`",
                );
                return None;
            }
        };
        if !target.allows(&code) {
            self.fault(
                &value.span(),
                prefix,
                format!("m3ter cannot have a {} with the code `{code}`", target.noun()),
                "1 to 80 characters, no outer spaces",
            );
        }
        let (file, line) = self.files.place(self.line(&value.span()));
        Some(ProductRule {
            product,
            billing_frequency,
            currency,
            target,
            code,
            file: file.to_owned(),
            line,
        })
    }

    /// A text of a rule, trimmed; a blank one is the general case.
    fn rule_text(&mut self, table: &DeTable<'_>, key: &str) -> Option<String> {
        let (_, text) = find(table, key).and_then(|_| self.text_setting(table, key))?;
        Some(trimmed(&text).to_owned()).filter(|text| !text.is_empty())
    }
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

fn same_or_none(one: &ProductRule, other: &ProductRule) -> bool {
    let equal = |one: &Option<String>, other: &Option<String>| match (one, other) {
        (Some(one), Some(other)) => same(one, other),
        (one, other) => one.is_none() && other.is_none(),
    };
    equal(&one.billing_frequency, &other.billing_frequency) && equal(&one.currency, &other.currency)
}
