//! What is done to a value, in one fixed order whatever the order in the file: how each step is
//! written. What it does is in `mapping::steps`.

use rust_decimal::RoundingStrategy;
use toml::de::DeValue;

use super::key::{Form, Key, key, names, words};
use super::parser::{Node, Parser};
use crate::domain::condition::Constant;
use crate::domain::field::{FieldSpec, FieldType};
use crate::domain::text::trimmed;
use crate::mapping::steps::{Op, Operand, Step, Unit};

/// A key that says what is done to a value.
pub struct StepKey {
    /// The key itself.
    pub key: Key,
    takes: Takes,
    makes: Makes,
}

/// What a step can be done to.
#[derive(Clone, Copy)]
enum Takes {
    Anything,
    Texts,
    Numbers,
    Dates,
}

/// What comes of what stands under the key.
enum Makes {
    /// This, if it is switched on.
    Flagged(Step),
    Computed(Op),
    Shifted(Unit),
    Parsed(fn(&mut Parser, Node<'_>) -> Option<Step>),
}

const fn step(
    name: &'static str,
    takes: Takes,
    form: Form,
    meaning: &'static str,
    makes: Makes,
) -> StepKey {
    StepKey { key: key(name, form, meaning), takes, makes }
}

const fn flag(name: &'static str, takes: Takes, meaning: &'static str, step_on: Step) -> StepKey {
    step(name, takes, Form::Flag, meaning, Makes::Flagged(step_on))
}

const fn compute(name: &'static str, meaning: &'static str, op: Op) -> StepKey {
    step(name, Takes::Numbers, OPERAND, meaning, Makes::Computed(op))
}

const fn shift(name: &'static str, meaning: &'static str, unit: Unit) -> StepKey {
    step(name, Takes::Dates, OPERAND, meaning, Makes::Shifted(unit))
}

/// All steps, in the order in which they are applied. Another order is written by nesting: `{ first
/// = [{ … }], … }`.
pub static STEPS: [StepKey; 18] = [
    step(
        "split",
        Takes::Texts,
        Form::Table(&SPLIT_KEYS, &["at", "part"]),
        "One part of a text.",
        Makes::Parsed(Parser::split),
    ),
    flag("trim", Takes::Anything, "Without spaces at both ends.", Step::Trim),
    step(
        "map",
        Takes::Anything,
        Form::Named(&Form::Constant),
        "Replaces one value by another; `*` is all others.",
        Makes::Parsed(Parser::map),
    ),
    flag("upper", Takes::Texts, "In capital letters.", Step::Upper),
    flag("lower", Takes::Texts, "In small letters.", Step::Lower),
    step(
        "as",
        Takes::Anything,
        Form::Word(|| words(&TYPES)),
        "The other type: `number` or `text`.",
        Makes::Parsed(|parser, value| parser.word(value, &TYPES)),
    ),
    flag("zero_is_blank", Takes::Numbers, "0 is treated as blank.", Step::ZeroIsBlank),
    compute("times", "Multiplied by a number or a field.", Op::Times),
    compute("divided_by", "Divided by a number or a field; needs `round`.", Op::DividedBy),
    compute("percent_of", "So many percent of a number or a field.", Op::PercentOf),
    compute("less_percent", "Less so many percent.", Op::LessPercent),
    step(
        "round",
        Takes::Numbers,
        Form::AnyOf(&[DECIMALS, Form::Table(&ROUND_KEYS, &["decimals"])]),
        "To so many decimals.",
        Makes::Parsed(Parser::round),
    ),
    step(
        "date_in",
        Takes::Dates,
        Form::Text,
        "The date of a date-time in this time zone; `mapping` is the file's own.",
        Makes::Parsed(Parser::date_in),
    ),
    shift("add_months", "So many months later.", Unit::Months),
    shift("add_days", "So many days later.", Unit::Days),
    flag(
        "end_exclusive",
        Takes::Dates,
        "Salesforce's last day becomes m3ter's first day after it.",
        Step::EndExclusive,
    ),
    step(
        "truncate",
        Takes::Texts,
        Form::AnyOf(&[Form::Flag, Form::Whole(1, usize::MAX)]),
        "Cut to what m3ter's field holds, or to so many characters, with a warning.",
        Makes::Parsed(Parser::truncate),
    ),
    step(
        "warn",
        Takes::Anything,
        Form::AnyOf(&[Form::Text, Form::Remark]),
        "A sentence that the result gets.",
        Makes::Parsed(|parser, value| parser.remark(value).map(Step::Warn)),
    ),
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

impl Takes {
    /// What the step is for, where a m3ter field of this type is none of that.
    fn misfit(self, field_type: FieldType) -> Option<&'static str> {
        let (is_number, is_date) = (field_type.is_number(), field_type.is_date());
        let is_text = !is_number
            && !is_date
            && field_type != FieldType::Boolean
            && field_type != FieldType::PricingBands;
        match self {
            Self::Texts if !is_text => Some("texts"),
            Self::Numbers if !is_number => Some("numbers"),
            Self::Dates if !is_date => Some("dates"),
            _ => None,
        }
    }
}

impl Parser {
    pub(super) fn steps(&mut self, table: Node<'_>) -> Vec<Step> {
        if let (Some(divisor), None) = (table.get("divided_by"), table.get("round")) {
            let hint = "add `round = 2`, or as many decimals as the price has";
            self.note(divisor, "a quotient may have infinitely many digits", hint);
        }
        let is_mapped = table.get("map").or(table.get("as")).is_some();
        let spec = table.spec.filter(|_| !is_mapped);
        let mut steps = Vec::new();
        for StepKey { key: Key { name, .. }, takes, makes } in &STEPS {
            let Some(value) = table.get(name) else { continue };
            let misfit = |spec: &FieldSpec| Some((spec.name, takes.misfit(spec.field_type)?));
            if let Some((what, kind)) = spec.and_then(misfit) {
                let message = format!("`{name}` is for {kind}, which m3ter's `{what}` is not");
                self.note(value, message, "remove the step");
                continue;
            }
            steps.extend(match makes {
                Makes::Flagged(step) => {
                    self.boolean(value, name).and_then(|on| on.then(|| step.clone()))
                }
                Makes::Computed(op) => self.compute(*op, value),
                Makes::Shifted(unit) => self.operand(value).map(|by| Step::Shift(*unit, by)),
                Makes::Parsed(parse) => parse(self, value),
            });
        }
        steps
    }

    fn compute(&mut self, op: Op, value: Node<'_>) -> Option<Step> {
        match (op, self.operand(value)?) {
            (Op::DividedBy, Operand::Number(number)) if number.is_zero() => {
                self.fault(value, "nothing can be divided by 0", "name another divisor")
            }
            (op, operand) => Some(Step::Compute(op, operand)),
        }
    }

    fn split(&mut self, value: Node<'_>) -> Option<Step> {
        self.check_keys(value, &names(&SPLIT_KEYS));
        let at = value.text_of("at").filter(|at| !at.is_empty());
        let part = value.get("part").and_then(Node::count).filter(|part| *part > 0);
        at.zip(part).map(|(at, part)| Step::Split(at.to_owned(), part)).or_else(|| {
            let message = "`split` takes a separator and the number of a part";
            self.fault(value, message, "such as `split = { at = \"-\", part = 1 }`")
        })
    }

    fn map(&mut self, value: Node<'_>) -> Option<Step> {
        let Some(entries) = value.table().filter(|entries| !entries.is_empty()) else {
            let hint = "such as `map = { Tiered = true, Volume = false }`";
            return self.fault(value, "`map` takes a table of values", hint);
        };
        let map: Vec<(String, Constant)> = entries
            .iter()
            .filter_map(|(from, to)| {
                let to = self.constant(Node { value: to, ..value })?;
                Some((from.get_ref().to_string(), to))
            })
            .collect();
        for (index, (from, _)) in map.iter().enumerate() {
            let is_same =
                |other: &(String, _)| trimmed(&other.0).eq_ignore_ascii_case(trimmed(from));
            if map[..index].iter().any(is_same) {
                let message = format!("`{from}` is in the map twice");
                self.note(value, message, "upper and lower case are the same here");
            }
        }
        Some(Step::Map(map))
    }

    /// A number, or the path of a field that holds one.
    fn operand(&mut self, value: Node<'_>) -> Option<Operand> {
        match value.is() {
            DeValue::Integer(_) | DeValue::Float(_) => {
                let message = "this number cannot be kept exactly";
                let number = value.number().map(Operand::Number);
                number.or_else(|| self.fault(value, message, "write it with fewer digits"))
            }
            _ => self.field_ref(value).map(Operand::Field),
        }
    }

    fn round(&mut self, value: Node<'_>) -> Option<Step> {
        let (decimals, mode) = if value.table().is_some() {
            self.check_keys(value, &names(&ROUND_KEYS));
            (value.get("decimals"), value.get("mode"))
        } else {
            (Some(value), None)
        };
        let decimals = decimals.and_then(Node::count).filter(|decimals| *decimals <= MAX_DECIMALS);
        let Some(decimals) = decimals.and_then(|decimals| u32::try_from(decimals).ok()) else {
            let message = format!("`round` takes 0 to {MAX_DECIMALS} decimals");
            let hint = "such as `round = 2` or `round = { decimals = 2, mode = \"half_even\" }`";
            return self.fault(value, message, hint);
        };
        let mode = match mode {
            None => RoundingStrategy::MidpointAwayFromZero,
            Some(mode) => self.word(mode, &MODES)?,
        };
        Some(Step::Round(decimals, mode))
    }

    fn date_in(&mut self, value: Node<'_>) -> Option<Step> {
        match value.text() {
            Some("mapping") => Some(Step::DateIn(None)),
            Some(_) => self.time_zone(value).map(|zone| Step::DateIn(Some(zone))),
            None => {
                let hint = "such as `\"Europe/London\"`, or `\"mapping\"` for the mapping's own";
                self.fault(value, "`date_in` takes a time zone", hint)
            }
        }
    }

    fn truncate(&mut self, value: Node<'_>) -> Option<Step> {
        let field = value.spec.and_then(|spec| match spec.field_type {
            FieldType::Text { max } => Some((spec.name, max)),
            _ => None,
        });
        match value.is() {
            DeValue::Boolean(true) if field.is_some() => Some(Step::Truncate { to: None, field }),
            DeValue::Boolean(false) => None,
            DeValue::Integer(_) => {
                let to = value.count().filter(|to| *to > 0);
                let message = "`truncate` takes true or a number of characters";
                to.map(|to| Step::Truncate { to: Some(to), field })
                    .or_else(|| self.fault(value, message, "1 or more"))
            }
            _ => {
                let message = "`truncate = true` is for texts with a limit";
                self.fault(value, message, "write the number of characters instead")
            }
        }
    }
}
