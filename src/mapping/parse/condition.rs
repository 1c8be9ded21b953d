//! Conditions and guards: what must hold of a row.

use toml::de::DeValue;

use super::key::{Form, Key, key, names, words};
use super::parser::{Node, Parser};
use crate::domain::condition::{Condition, Constant, Test};
use crate::domain::rows::FieldRef;
use crate::domain::settings::Otherwise;
use crate::mapping::language::Guard;
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

impl Parser {
    /// A field that is on, `{ field = …, is = … }`, or `all` or `any` of several.
    pub(super) fn condition(&mut self, value: Node<'_>) -> Option<Condition> {
        self.condition_beside(value, &[])
    }

    /// A condition with a message of its own.
    pub(super) fn guard(&mut self, value: Node<'_>) -> Option<Guard> {
        self.guard_beside(value, &GUARD_KEYS)
    }

    /// A condition of the record, with what happens where it does not hold.
    pub(super) fn readiness(&mut self, value: Node<'_>) -> Option<Readiness> {
        let guard = self.guard_beside(value, &READINESS_KEYS);
        let otherwise = self.choice(value, "otherwise", &OTHERWISE);
        if value.get("otherwise").is_none() {
            let hint = "`otherwise = \"refuse\"` refuses the first sync, `otherwise = \"warn\"` syncs with a warning";
            self.note(value, "what happens otherwise is missing", hint);
        }
        Some(Readiness { guard: guard?, otherwise: otherwise? })
    }

    fn guard_beside(&mut self, value: Node<'_>, beside: &[Key]) -> Option<Guard> {
        let condition = self.condition_beside(value, beside)?;
        let message = value.text_of("message").map(ToOwned::to_owned);
        if let (Some(named), None) = (value.get("message"), &message) {
            self.note(named, "`message` takes a sentence", "put it in quotes");
        }
        Some(Guard { condition, message, place: self.place(value) })
    }

    fn condition_beside(&mut self, value: Node<'_>, beside: &[Key]) -> Option<Condition> {
        match value.is() {
            DeValue::String(_) => self.field_ref(value).map(is_true),
            DeValue::Table(_) => {
                for name in names(&SEVERAL_KEYS) {
                    let Some(several) = value.get(name) else { continue };
                    self.check_keys(value, &[&[name], &names(beside)[..]].concat());
                    let conditions = self.all(several, Self::condition)?;
                    let join = if name == "all" { Condition::All } else { Condition::Any };
                    return Some(join(conditions));
                }
                self.check_keys(value, &names(&[&CONDITION_KEYS[..], beside].concat()));
                self.tested(value)
            }
            _ => self.fault(value, "this is not a condition", HOW),
        }
    }

    fn tested(&mut self, table: Node<'_>) -> Option<Condition> {
        let Some(field) = table.get("field") else {
            return self.fault(table, "a condition names a field", HOW);
        };
        let optional = self.flag(table, "optional");
        let field = FieldRef { optional, ..self.field_ref(field)? };
        let tests: Vec<&str> = names(&CONDITION_KEYS[..TESTS])
            .into_iter()
            .filter(|test| table.get(test).is_some())
            .collect();
        match tests.as_slice() {
            [] => Some(is_true(field)),
            [test] => self.test(test, table).map(|test| Condition::Test(field, test)),
            _ => {
                let message = format!("a condition has one test, this one has {}", tests.len());
                self.fault(table, message, "join several with `all` or `any`")
            }
        }
    }

    fn test(&mut self, test: &str, table: Node<'_>) -> Option<Test> {
        let value = table.get(test)?.inside();
        match test {
            "is" => self.constant(value).map(Test::Is),
            "is_not" => self.constant(value).map(Test::IsNot),
            "in" => self.all(value, Self::constant).map(Test::In),
            "not_in" => self.all(value, Self::constant).map(Test::NotIn),
            "blank" => {
                let hint = "`blank = false` holds where the field is filled";
                let blank = value.is().as_bool().map(Test::Blank);
                blank.or_else(|| self.fault(value, "`blank` takes true or false", hint))
            }
            "above" | "below" => {
                let of = if test == "above" { Test::Above } else { Test::Below };
                let message = || format!("`{test}` takes a number");
                let limit = value.number().map(of);
                limit.or_else(|| self.fault(value, message(), "without quotes"))
            }
            _ => {
                let of = if test == "equals" { Test::Equals } else { Test::DiffersFrom };
                let other = self.field_ref(value)?;
                let optional = other.optional || table.is_on("optional");
                Some(of(FieldRef { optional, ..other }))
            }
        }
    }
}

fn is_true(field: FieldRef) -> Condition {
    Condition::Test(field, Test::Is(Constant::Boolean(true)))
}
