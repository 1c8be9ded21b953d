//! Conditions and guards: what must hold of a row.

use toml::de::{DeTable, DeValue};

use super::parser::{Parser, Place, Value, find, is_on, number};
use crate::domain::settings::Otherwise;
use crate::mapping::language::{Condition, Constant, FieldRef, Guard, ROOT, Test};
use crate::mapping::mapped::Readiness;

/// What can be asked of a field; a condition has at most one, and without any asks whether a
/// checkbox is on.
pub(super) const TESTS: [&str; 9] =
    ["is", "is_not", "in", "not_in", "blank", "above", "below", "equals", "differs_from"];
const HOW: &str = "such as `{ field = \"IsWon\", is = true }`, with one of `is`, `is_not`, `in`, `not_in`, `blank`, `above`, `below`, `equals`, `differs_from`";

impl Parser<'_> {
    /// A field that is on, `{ field = …, is = … }`, or `all` or `any` of several.
    pub(super) fn condition(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<Condition> {
        self.condition_beside(value, place, &[])
    }

    /// One guard, or a list of them: conditions with a message of their own.
    pub(super) fn guards(&mut self, value: &Value<'_>, place: Place<'_>) -> Vec<Guard> {
        let guards = self.one_or_more(value, place.key).iter();
        guards.filter_map(|value| self.guard(value, place, &["message"])).collect()
    }

    /// Conditions of the record, each with what happens where it does not hold.
    pub(super) fn readiness(&mut self, value: &Value<'_>, key: &str) -> Vec<Readiness> {
        let all = self.one_or_more(value, key).iter();
        all.filter_map(|value| self.ready(value, Place::new(key, ROOT))).collect()
    }

    fn ready(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<Readiness> {
        let guard = self.guard(value, place, &["message", "otherwise"]);
        let words = [("refuse", Otherwise::Refuse), ("warn", Otherwise::Warn)];
        let table = value.get_ref().as_table();
        let otherwise = table.and_then(|table| self.choice(table, "otherwise", &words));
        if table.is_none_or(|table| find(table, "otherwise").is_none()) {
            let hint = "`otherwise = \"refuse\"` refuses the first sync, `otherwise = \"warn\"` syncs with a warning";
            self.note(value, place.key, "what happens otherwise is missing", hint);
        }
        Some(Readiness { guard: guard?, otherwise: otherwise? })
    }

    fn guard(&mut self, value: &Value<'_>, place: Place<'_>, beside: &[&str]) -> Option<Guard> {
        let condition = self.condition_beside(value, place, beside)?;
        let message = value.get_ref().as_table().and_then(|table| find(table, "message"));
        let text = message.and_then(|message| message.get_ref().as_str().map(ToOwned::to_owned));
        if let (Some(message), None) = (message, &text) {
            self.note(message, place.key, "`message` takes a sentence", "put it in quotes");
        }
        Some(Guard { condition, message: text, place: self.place(value) })
    }

    fn condition_beside(
        &mut self,
        value: &Value<'_>,
        place: Place<'_>,
        beside: &[&str],
    ) -> Option<Condition> {
        let key = place.key;
        match value.get_ref() {
            DeValue::String(_) => self.field_ref(value, place).map(is_true),
            DeValue::Table(table) => {
                if let Some(all) = find(table, "all") {
                    self.check_keys(table, key, &[&["all"], beside].concat());
                    return self.conditions(all, place).map(Condition::All);
                }
                if let Some(any) = find(table, "any") {
                    self.check_keys(table, key, &[&["any"], beside].concat());
                    return self.conditions(any, place).map(Condition::Any);
                }
                self.check_keys(table, key, &[&TESTS[..], &["field", "optional"], beside].concat());
                self.tested(table, value, place)
            }
            _ => self.fault(value, key, "this is not a condition", HOW),
        }
    }

    fn conditions(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<Vec<Condition>> {
        self.all(value, place.key, |parser, item| parser.condition(item, place))
    }

    fn tested(
        &mut self,
        table: &DeTable<'_>,
        value: &Value<'_>,
        place: Place<'_>,
    ) -> Option<Condition> {
        let Some(field) = find(table, "field") else {
            return self.fault(value, place.key, "a condition names a field", HOW);
        };
        let optional = self.flag(table, place.key, "optional");
        let field = FieldRef { optional, ..self.field_ref(field, place)? };
        let tests: Vec<&str> =
            TESTS.into_iter().filter(|test| find(table, test).is_some()).collect();
        match tests.as_slice() {
            [] => Some(is_true(field)),
            [test] => self.test(test, table, place).map(|test| Condition::Test(field, test)),
            _ => {
                let message = format!("a condition has one test, this one has {}", tests.len());
                self.fault(value, place.key, message, "join several with `all` or `any`")
            }
        }
    }

    fn test(&mut self, test: &str, table: &DeTable<'_>, place: Place<'_>) -> Option<Test> {
        let (value, plain, key) = (find(table, test)?, place.inside(), place.key);
        let constants =
            |parser: &mut Self| parser.all(value, key, |parser, item| parser.constant(item, plain));
        match test {
            "is" => self.constant(value, plain).map(Test::Is),
            "is_not" => self.constant(value, plain).map(Test::IsNot),
            "in" => constants(self).map(Test::In),
            "not_in" => constants(self).map(Test::NotIn),
            "blank" => {
                let hint = "`blank = false` holds where the field is filled";
                let blank = value.get_ref().as_bool().map(Test::Blank);
                blank.or_else(|| self.fault(value, key, "`blank` takes true or false", hint))
            }
            "above" | "below" => {
                let of = if test == "above" { Test::Above } else { Test::Below };
                let message = || format!("`{test}` takes a number");
                let limit = number(value).map(of);
                limit.or_else(|| self.fault(value, key, message(), "without quotes"))
            }
            _ => {
                let of = if test == "equals" { Test::Equals } else { Test::DiffersFrom };
                let other = self.field_ref(value, place)?;
                let optional = other.optional || is_on(table, "optional");
                Some(of(FieldRef { optional, ..other }))
            }
        }
    }
}

/// A checkbox that is on.
fn is_true(field: FieldRef) -> Condition {
    Condition::Test(field, Test::Is(Constant::Boolean(true)))
}
