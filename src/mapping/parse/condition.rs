//! Conditions and guards: what must hold of a row.

use toml::de::{DeTable, DeValue};

use super::key::{Form, Key, key, names, words};
use super::parser::{Parser, Place, Value, find, is_on, number};
use crate::domain::settings::Otherwise;
use crate::mapping::language::{Condition, Constant, FieldRef, Guard, Test};
use crate::mapping::mapped::Readiness;

/// A field, and what can be asked of it: a condition has at most one test, and without any asks
/// whether a checkbox is on.
pub const CONDITION_KEYS: [Key; 11] = [
    key("is", Form::Constant, "Has this value."),
    key("is_not", Form::Constant, "Has another value."),
    key("in", Form::List(&Form::Constant), "Has one of these values."),
    key("not_in", Form::List(&Form::Constant), "Has none of these values."),
    key("blank", Form::Flag, "Is blank, or with `false` is filled."),
    key("above", Form::Number, "Is more than this number."),
    key("below", Form::Number, "Is less than this number."),
    key("equals", Form::Value, "Is the same as this field."),
    key("differs_from", Form::Value, "Is another value than this field's."),
    key("field", Form::Text, "A Salesforce field by its API name; dots lead to parents."),
    key("optional", Form::Flag, "The org need not have it."),
];
const TESTS: usize = 9;
/// Several conditions; a table has one of the two.
pub const SEVERAL_KEYS: [Key; 2] = [
    key("all", Form::List(&Form::Condition), "All of these hold."),
    key("any", Form::List(&Form::Condition), "One of these holds."),
];
const MESSAGE: Key = key("message", Form::Text, "A sentence.");
const OTHERWISE: [(&str, Otherwise); 2] =
    [("refuse", Otherwise::Refuse), ("warn", Otherwise::Warn)];
/// What stands beside the condition of a guard.
pub const GUARD_KEYS: [Key; 1] = [MESSAGE];
/// What stands beside the condition of `ready_when`.
pub const READINESS_KEYS: [Key; 2] = [
    MESSAGE,
    key(
        "otherwise",
        Form::Word(|| words(&OTHERWISE)),
        "`refuse` refuses the first sync, `warn` syncs with a warning.",
    ),
];
const HOW: &str = "such as `{ field = \"IsWon\", is = true }`, with one of `is`, `is_not`, `in`, `not_in`, `blank`, `above`, `below`, `equals`, `differs_from`";

impl Parser<'_> {
    /// A field that is on, `{ field = …, is = … }`, or `all` or `any` of several.
    pub(super) fn condition(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<Condition> {
        self.condition_beside(value, place, &[])
    }

    /// A condition with a message of its own.
    pub(super) fn guard(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<Guard> {
        self.guard_beside(value, place, &GUARD_KEYS)
    }

    /// A condition of the record, with what happens where it does not hold.
    pub(super) fn readiness(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<Readiness> {
        let guard = self.guard_beside(value, place, &READINESS_KEYS);
        let table = value.get_ref().as_table();
        let otherwise = table.and_then(|table| self.choice(table, "otherwise", &OTHERWISE));
        if table.is_none_or(|table| find(table, "otherwise").is_none()) {
            let hint = "`otherwise = \"refuse\"` refuses the first sync, `otherwise = \"warn\"` syncs with a warning";
            self.note(value, place.key, "what happens otherwise is missing", hint);
        }
        Some(Readiness { guard: guard?, otherwise: otherwise? })
    }

    fn guard_beside(
        &mut self,
        value: &Value<'_>,
        place: Place<'_>,
        beside: &[Key],
    ) -> Option<Guard> {
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
        beside: &[Key],
    ) -> Option<Condition> {
        let key = place.key;
        match value.get_ref() {
            DeValue::String(_) => self.field_ref(value, place).map(is_true),
            DeValue::Table(table) => {
                for name in names(&SEVERAL_KEYS) {
                    let Some(several) = find(table, name) else { continue };
                    self.check_keys(table, key, &[&[name], &names(beside)[..]].concat());
                    let conditions = self.conditions(several, place)?;
                    let is_all = name == "all";
                    let join = if is_all { Condition::All } else { Condition::Any };
                    return Some(join(conditions));
                }
                self.check_keys(table, key, &names(&[&CONDITION_KEYS[..], beside].concat()));
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
        let tests: Vec<&str> = names(&CONDITION_KEYS[..TESTS])
            .into_iter()
            .filter(|test| find(table, test).is_some())
            .collect();
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

fn is_true(field: FieldRef) -> Condition {
    Condition::Test(field, Test::Is(Constant::Boolean(true)))
}
