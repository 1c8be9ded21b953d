//! What is done to a value, in one fixed order whatever the order in the file: how each step is
//! written. What it does is in `mapping::steps`.

use rust_decimal::RoundingStrategy;
use toml::de::{DeTable, DeValue};

use super::key::{Form, Key, key, names, words};
use super::parser::{Parser, Place, Value, find, number};
use crate::domain::field::{FieldSpec, FieldType};
use crate::domain::text::trimmed;
use crate::mapping::language::Constant;
use crate::mapping::steps::{Op, Operand, Step, Unit};

/// All steps, in the order in which they are applied. Another order is written by nesting: `{ first
/// = [{ … }], … }`.
pub const STEP_KEYS: [Key; 18] = [
    key("split", Form::Table(&SPLIT_KEYS, &["at", "part"]), "One part of a text."),
    key("trim", Form::Flag, "Without spaces at both ends."),
    key("map", Form::Named(&Form::Constant), "Replaces one value by another; `*` is all others."),
    key("upper", Form::Flag, "In capital letters."),
    key("lower", Form::Flag, "In small letters."),
    key("as", Form::Word(|| words(&TYPES)), "The other type: `number` or `text`."),
    key("zero_is_blank", Form::Flag, "0 is treated as blank."),
    key("times", OPERAND, "Multiplied by a number or a field."),
    key("divided_by", OPERAND, "Divided by a number or a field; needs `round`."),
    key("percent_of", OPERAND, "So many percent of a number or a field."),
    key("less_percent", OPERAND, "Less so many percent."),
    key(
        "round",
        Form::AnyOf(&[DECIMALS, Form::Table(&ROUND_KEYS, &["decimals"])]),
        "To so many decimals.",
    ),
    key(
        "date_in",
        Form::Text,
        "The date of a date-time in this time zone; `mapping` is the file's own.",
    ),
    key("add_months", OPERAND, "So many months later."),
    key("add_days", OPERAND, "So many days later."),
    key("end_exclusive", Form::Flag, "Salesforce's last day becomes m3ter's first day after it."),
    key(
        "truncate",
        Form::AnyOf(&[Form::Flag, Form::Whole(1, usize::MAX)]),
        "Cut to what m3ter's field holds, or to so many characters, with a warning.",
    ),
    key("warn", Form::AnyOf(&[Form::Text, Form::Remark]), "A sentence that the result gets."),
];
const OPERAND: Form = Form::AnyOf(&[Form::Number, Form::Value]);
const DECIMALS: Form = Form::Whole(0, MAX_DECIMALS);
const SPLIT_KEYS: [Key; 2] = [
    key("at", Form::Text, "What stands between the parts."),
    key("part", Form::Whole(1, usize::MAX), "Which part, counted from 1."),
];
const ROUND_KEYS: [Key; 2] = [
    key("decimals", DECIMALS, "How many decimals are kept."),
    key("mode", Form::Word(|| words(&MODES)), "What becomes of the digit behind them."),
];
const TYPES: [(&str, Step); 2] = [("number", Step::AsNumber), ("text", Step::AsText)];
const MODES: [(&str, RoundingStrategy); 4] = [
    ("half_up", RoundingStrategy::MidpointAwayFromZero),
    ("half_even", RoundingStrategy::MidpointNearestEven),
    ("up", RoundingStrategy::AwayFromZero),
    ("down", RoundingStrategy::ToZero),
];

/// Digits after the point that a number keeps at most.
const MAX_DECIMALS: usize = 20;

impl Parser<'_> {
    pub(super) fn steps(&mut self, table: &DeTable<'_>, place: Place<'_>) -> Vec<Step> {
        let present: Vec<(&str, &Value<'_>)> = STEP_KEYS
            .iter()
            .filter_map(|step| Some((step.name, find(table, step.name)?)))
            .collect();
        let step = |wanted: &str| present.iter().find(|(name, _)| *name == wanted);
        let is_mapped = step("map").or(step("as")).is_some();
        if let (Some((_, value)), None) = (step("divided_by"), step("round")) {
            let hint = "add `round = 2`, or as many decimals as the price has";
            self.note(value, place.key, "a quotient may have infinitely many digits", hint);
        }
        let mut steps = Vec::new();
        for (name, value) in present {
            if let Some((what, kind)) = misfit(name, place.spec).filter(|_| !is_mapped) {
                let message = format!("`{name}` is for {kind}, which m3ter's `{what}` is not");
                self.note(value, place.key, message, "remove the step");
                continue;
            }
            steps.extend(self.step(name, value, place));
        }
        steps
    }

    fn step(&mut self, name: &str, value: &Value<'_>, place: Place<'_>) -> Option<Step> {
        let key = place.key;
        let flag =
            |parser: &mut Self, step: Step| parser.boolean(value, key, name)?.then_some(step);
        let compute = |parser: &mut Self, op: Op| {
            parser.operand(value, place).map(|operand| Step::Compute(op, operand))
        };
        let shift = |parser: &mut Self, unit: Unit| {
            parser.operand(value, place).map(|operand| Step::Shift(unit, operand))
        };
        match name {
            "split" => self.split(value, key),
            "trim" => flag(self, Step::Trim),
            "map" => self.map(value, place),
            "upper" => flag(self, Step::Upper),
            "lower" => flag(self, Step::Lower),
            "as" => self.word(value, key, &TYPES),
            "zero_is_blank" => flag(self, Step::ZeroIsBlank),
            "times" => compute(self, Op::Times),
            "divided_by" => match compute(self, Op::DividedBy)? {
                Step::Compute(_, Operand::Number(number)) if number.is_zero() => {
                    self.fault(value, key, "nothing can be divided by 0", "name another divisor")
                }
                step => Some(step),
            },
            "percent_of" => compute(self, Op::PercentOf),
            "less_percent" => compute(self, Op::LessPercent),
            "round" => self.round(value, key),
            "date_in" => self.date_in(value, key),
            "add_months" => shift(self, Unit::Months),
            "add_days" => shift(self, Unit::Days),
            "end_exclusive" => flag(self, Step::EndExclusive),
            "truncate" => self.truncate(value, place),
            _ => self.remark(value, place).map(Step::Warn),
        }
    }

    fn split(&mut self, value: &Value<'_>, key: &str) -> Option<Step> {
        let table = value.get_ref().as_table();
        let part = |name: &str| table.and_then(|table| find(table, name));
        let at = part("at").and_then(|at| at.get_ref().as_str()).filter(|at| !at.is_empty());
        let number = part("part").and_then(number).and_then(|part| usize::try_from(part).ok());
        if let Some(table) = table {
            self.check_keys(table, key, &names(&SPLIT_KEYS));
        }
        match (at, number.filter(|part| *part > 0)) {
            (Some(at), Some(part)) => Some(Step::Split(at.to_owned(), part)),
            _ => {
                let message = "`split` takes a separator and the number of a part";
                self.fault(value, key, message, "such as `split = { at = \"-\", part = 1 }`")
            }
        }
    }

    fn map(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<Step> {
        let Some(entries) = value.get_ref().as_table().filter(|entries| !entries.is_empty()) else {
            let hint = "such as `map = { Tiered = true, Volume = false }`";
            return self.fault(value, place.key, "`map` takes a table of values", hint);
        };
        let map: Vec<(String, Constant)> = entries
            .iter()
            .filter_map(|(from, to)| Some((from.get_ref().to_string(), self.constant(to, place)?)))
            .collect();
        for (index, (from, _)) in map.iter().enumerate() {
            let is_same =
                |other: &(String, _)| trimmed(&other.0).eq_ignore_ascii_case(trimmed(from));
            if map[..index].iter().any(is_same) {
                let message = format!("`{from}` is in the map twice");
                self.note(value, place.key, message, "upper and lower case are the same here");
            }
        }
        Some(Step::Map(map))
    }

    /// A number, or the path of a field that holds one.
    fn operand(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<Operand> {
        match value.get_ref() {
            DeValue::Integer(_) | DeValue::Float(_) => {
                let message = "this number cannot be kept exactly";
                let number = number(value).map(Operand::Number);
                number
                    .or_else(|| self.fault(value, place.key, message, "write it with fewer digits"))
            }
            _ => self.field_ref(value, place).map(Operand::Field),
        }
    }

    fn round(&mut self, value: &Value<'_>, key: &str) -> Option<Step> {
        let (decimals, mode) = match value.get_ref() {
            DeValue::Table(table) => {
                self.check_keys(table, key, &names(&ROUND_KEYS));
                (find(table, "decimals"), find(table, "mode"))
            }
            _ => (Some(value), None),
        };
        let decimals = decimals.and_then(number).and_then(|number| u32::try_from(number).ok());
        let is_kept = |decimals: &u32| *decimals as usize <= MAX_DECIMALS;
        let Some(decimals) = decimals.filter(is_kept) else {
            let message = format!("`round` takes 0 to {MAX_DECIMALS} decimals");
            let hint = "such as `round = 2` or `round = { decimals = 2, mode = \"half_even\" }`";
            return self.fault(value, key, message, hint);
        };
        let mode = match mode {
            None => RoundingStrategy::MidpointAwayFromZero,
            Some(mode) => self.word(mode, key, &MODES)?,
        };
        Some(Step::Round(decimals, mode))
    }

    fn date_in(&mut self, value: &Value<'_>, key: &str) -> Option<Step> {
        match value.get_ref().as_str() {
            Some("mapping") => Some(Step::DateIn(None)),
            Some(_) => self.time_zone(value, key).map(|zone| Step::DateIn(Some(zone))),
            None => {
                let hint = "such as `\"Europe/London\"`, or `\"mapping\"` for the mapping's own";
                self.fault(value, key, "`date_in` takes a time zone", hint)
            }
        }
    }

    fn truncate(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<Step> {
        let field = place.spec.and_then(|spec| match spec.field_type {
            FieldType::Text { max } => Some((spec.name, max)),
            _ => None,
        });
        match value.get_ref() {
            DeValue::Boolean(true) if field.is_some() => Some(Step::Truncate { to: None, field }),
            DeValue::Boolean(false) => None,
            DeValue::Integer(_) => {
                let to = number(value).and_then(|number| usize::try_from(number).ok());
                let to = to.filter(|to| *to > 0);
                let message = "`truncate` takes true or a number of characters";
                to.map(|to| Step::Truncate { to: Some(to), field })
                    .or_else(|| self.fault(value, place.key, message, "1 or more"))
            }
            _ => {
                let message = "`truncate = true` is for texts with a limit";
                self.fault(value, place.key, message, "write the number of characters instead")
            }
        }
    }
}

/// The m3ter field that a step does not fit, and what the step is for.
fn misfit(step: &str, spec: Option<&'static FieldSpec>) -> Option<(&'static str, &'static str)> {
    let FieldSpec { name, field_type, .. } = *spec?;
    let (is_number, is_date) = (field_type.is_number(), field_type.is_date());
    let is_text = !is_number
        && !is_date
        && field_type != FieldType::Boolean
        && field_type != FieldType::PricingBands;
    let kind = match step {
        "split" | "upper" | "lower" | "truncate" if !is_text => "texts",
        "zero_is_blank" | "times" | "divided_by" | "percent_of" | "less_percent" | "round"
            if !is_number =>
        {
            "numbers"
        }
        "date_in" | "add_months" | "add_days" | "end_exclusive" if !is_date => "dates",
        _ => return None,
    };
    Some((name, kind))
}
