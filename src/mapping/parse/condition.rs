//! Conditions and guards: what has to hold of a row.

use toml::de::{DeTable, DeValue};

use super::{Parser, Value, find};
use crate::domain::money::exact_decimal;
use crate::domain::settings::Otherwise;
use crate::mapping::language::{
    Condition, Constant, FieldRef, Guard, ROOT, Readiness, SetId, Test,
};

/// What can be asked of a field; a condition has at most one, and without any asks whether a
/// checkbox is on.
const TESTS: [&str; 9] =
    ["is", "is_not", "in", "not_in", "blank", "above", "below", "equals", "differs_from"];
const HOW: &str = "such as `{ field = \"IsWon\", is = true }`, with one of `is`, `is_not`, `in`, `not_in`, `blank`, `above`, `below`, `equals`, `differs_from`";

impl Parser<'_> {
    /// A field that is on, `{ field = …, is = … }`, or `all` or `any` of several.
    pub(super) fn condition(
        &mut self,
        value: &Value<'_>,
        key: &str,
        set: SetId,
    ) -> Option<Condition> {
        self.condition_beside(value, key, set, &[])
    }

    /// One guard, or a list of them: conditions with a message of their own.
    pub(super) fn guards(&mut self, value: &Value<'_>, key: &str, set: SetId) -> Vec<Guard> {
        let one = std::slice::from_ref(value);
        let values = if value.get_ref().is_array() { self.list(value, key) } else { one };
        values.iter().filter_map(|value| self.guard(value, key, set, &["message"])).collect()
    }

    /// Conditions of the record, each with what happens where it does not hold.
    pub(super) fn readiness(&mut self, value: &Value<'_>, key: &str) -> Vec<Readiness> {
        let one = std::slice::from_ref(value);
        let values = if value.get_ref().is_array() { self.list(value, key) } else { one };
        let ready = |parser: &mut Self, value: &Value<'_>| {
            let guard = parser.guard(value, key, ROOT, &["message", "otherwise"]);
            let words = [("refuse", Otherwise::Refuse), ("warn", Otherwise::Warn)];
            let table = value.get_ref().as_table();
            let otherwise = table.and_then(|table| parser.choice(table, "otherwise", &words));
            if table.is_none_or(|table| find(table, "otherwise").is_none()) {
                let hint = "`otherwise = \"refuse\"` refuses the first sync, `otherwise = \"warn\"` syncs with a warning";
                parser.fault(&value.span(), key, "it is not said what happens otherwise", hint);
            }
            Some(Readiness { guard: guard?, otherwise: otherwise? })
        };
        values.iter().filter_map(|value| ready(self, value)).collect()
    }

    fn guard(
        &mut self,
        value: &Value<'_>,
        key: &str,
        set: SetId,
        beside: &[&str],
    ) -> Option<Guard> {
        let condition = self.condition_beside(value, key, set, beside)?;
        let message = value.get_ref().as_table().and_then(|table| find(table, "message"));
        let text = message.and_then(|message| message.get_ref().as_str().map(ToOwned::to_owned));
        if let (Some(message), None) = (message, &text) {
            self.fault(&message.span(), key, "`message` takes a sentence", "put it in quotes");
        }
        Some(Guard { condition, message: text, line: self.line(&value.span()) })
    }

    fn condition_beside(
        &mut self,
        value: &Value<'_>,
        key: &str,
        set: SetId,
        beside: &[&str],
    ) -> Option<Condition> {
        let is_on = |field: FieldRef| Condition::Test(field, Test::Is(Constant::Boolean(true)));
        let table = match value.get_ref() {
            DeValue::String(_) => return self.field_ref(value, key, set).map(is_on),
            DeValue::Table(table) => table,
            _ => {
                self.fault(&value.span(), key, "this is not a condition", HOW);
                return None;
            }
        };
        for (word, make) in
            [("all", Condition::All as fn(_) -> _), ("any", Condition::Any as fn(_) -> _)]
        {
            if let Some(conditions) = find(table, word) {
                self.check_keys(table, key, &[&[word], beside].concat());
                let items = self.list(conditions, key);
                let parsed: Vec<Condition> =
                    items.iter().filter_map(|item| self.condition(item, key, set)).collect();
                return (!items.is_empty() && parsed.len() == items.len()).then(|| make(parsed));
            }
        }
        self.check_keys(table, key, &[&TESTS[..], &["field", "optional"], beside].concat());
        let Some(field) = find(table, "field") else {
            self.fault(&value.span(), key, "a condition names a field", HOW);
            return None;
        };
        let optional = self.flag(table, key, "optional");
        let field = self.field_ref(field, key, set).map(|field| FieldRef { optional, ..field })?;
        let tests: Vec<&str> =
            TESTS.into_iter().filter(|test| find(table, test).is_some()).collect();
        match tests.as_slice() {
            [] => Some(is_on(field)),
            [test] => self.test(test, table, key, set).map(|test| Condition::Test(field, test)),
            _ => {
                self.fault(
                    &value.span(),
                    key,
                    format!("a condition asks one thing, here are {}", tests.len()),
                    "join several with `all` or `any`",
                );
                None
            }
        }
    }

    fn test(&mut self, test: &str, table: &DeTable<'_>, key: &str, set: SetId) -> Option<Test> {
        let value = find(table, test)?;
        let optional =
            find(table, "optional").and_then(|value| value.get_ref().as_bool()) == Some(true);
        match test {
            "is" => self.constant(value, key, None).map(Test::Is),
            "is_not" => self.constant(value, key, None).map(Test::IsNot),
            "in" | "not_in" => {
                let items = self.list(value, key);
                let constants: Vec<Constant> =
                    items.iter().filter_map(|item| self.constant(item, key, None)).collect();
                let is_whole = !items.is_empty() && constants.len() == items.len();
                is_whole.then(|| {
                    if test == "in" { Test::In(constants) } else { Test::NotIn(constants) }
                })
            }
            "blank" => {
                let blank = value.get_ref().as_bool();
                if blank.is_none() {
                    self.fault(
                        &value.span(),
                        key,
                        "`blank` takes true or false",
                        "`blank = false` holds where the field is filled",
                    );
                }
                blank.map(Test::Blank)
            }
            "above" | "below" => {
                let number = self.number(value);
                if number.is_none() {
                    self.fault(
                        &value.span(),
                        key,
                        format!("`{test}` takes a number"),
                        "without quotes",
                    );
                }
                number.map(
                    |number| {
                        if test == "above" { Test::Above(number) } else { Test::Below(number) }
                    },
                )
            }
            _ => {
                let other = self
                    .field_ref(value, key, set)
                    .map(|other| FieldRef { optional: other.optional || optional, ..other })?;
                Some(if test == "equals" { Test::Equals(other) } else { Test::DiffersFrom(other) })
            }
        }
    }

    /// A number, exactly.
    #[expect(clippy::unused_self, reason = "it reads like its neighbours")]
    pub(super) fn number(&self, value: &Value<'_>) -> Option<rust_decimal::Decimal> {
        match value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => exact_decimal(number.as_str()),
            DeValue::Float(number) => exact_decimal(number.as_str()),
            _ => None,
        }
    }
}
