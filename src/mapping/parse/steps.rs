//! What is done to a value, in one fixed order whatever the order in the file.

use jiff::tz::TimeZone;
use rust_decimal::RoundingStrategy;
use toml::de::{DeTable, DeValue};

use super::{Parser, Value, find};
use crate::domain::field::{FieldSpec, FieldType};
use crate::domain::text::trimmed;
use crate::mapping::language::{Constant, FieldRef, Operand, SetId, Step};

/// All steps, in the order in which they are applied. Another order is written by nesting: `{ first
/// = [{ … }], … }`.
pub(super) const STEP_KEYS: [&str; 18] = [
    "split",
    "trim",
    "map",
    "upper",
    "lower",
    "as",
    "zero_is_blank",
    "times",
    "divided_by",
    "percent_of",
    "less_percent",
    "round",
    "date_in",
    "add_months",
    "add_days",
    "end_exclusive",
    "truncate",
    "warn",
];

/// Digits after the point that a number keeps at most.
const MOST_DECIMALS: u32 = 20;

impl Parser<'_> {
    pub(super) fn steps(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        set: SetId,
        spec: Option<&'static FieldSpec>,
    ) -> Vec<Step> {
        let present: Vec<(&str, &Value<'_>)> =
            STEP_KEYS.iter().filter_map(|name| Some((*name, find(table, name)?))).collect();
        let is_mapped = present.iter().any(|(name, _)| matches!(*name, "map" | "as"));
        if let Some((_, value)) = present.iter().find(|(name, _)| *name == "divided_by")
            && !present.iter().any(|(name, _)| *name == "round")
        {
            self.fault(
                &value.span(),
                key,
                "a quotient may have no end",
                "add `round = 2`, or as many decimals as the price has",
            );
        }
        let mut steps = Vec::new();
        for (name, value) in present {
            if let Some(kind) = misfit(name, spec).filter(|_| !is_mapped) {
                let what = spec.map_or("", |spec| spec.name);
                self.fault(
                    &value.span(),
                    key,
                    format!("`{name}` is for {kind}, and m3ter's `{what}` is none"),
                    "take the step out",
                );
                continue;
            }
            steps.extend(self.step(name, value, key, set, spec));
        }
        steps
    }

    fn step(
        &mut self,
        name: &str,
        value: &Value<'_>,
        key: &str,
        set: SetId,
        spec: Option<&'static FieldSpec>,
    ) -> Option<Step> {
        let flag = |parser: &mut Self, step: Step| match value.get_ref().as_bool() {
            Some(on) => on.then_some(step),
            None => {
                parser.fault(
                    &value.span(),
                    key,
                    format!("`{name}` takes true or false"),
                    "without quotes",
                );
                None
            }
        };
        match name {
            "split" => self.split(value, key),
            "trim" => flag(self, Step::Trim),
            "map" => self.map(value, key, spec),
            "upper" => flag(self, Step::Upper),
            "lower" => flag(self, Step::Lower),
            "as" => self.word(value, key, &[("number", Step::AsNumber), ("text", Step::AsText)]),
            "zero_is_blank" => flag(self, Step::ZeroIsBlank),
            "times" => self.operand(value, key, set).map(Step::Times),
            "divided_by" => match self.operand(value, key, set)? {
                Operand::Number(number) if number.is_zero() => {
                    self.fault(
                        &value.span(),
                        key,
                        "nothing can be divided by 0",
                        "name another divisor",
                    );
                    None
                }
                operand => Some(Step::DividedBy(operand)),
            },
            "percent_of" => self.operand(value, key, set).map(Step::PercentOf),
            "less_percent" => self.operand(value, key, set).map(Step::LessPercent),
            "round" => self.round(value, key),
            "date_in" => match value.get_ref().as_str() {
                Some("mapping") => Some(Step::DateIn(None)),
                Some(zone) => self
                    .time_zone(&value.span(), key, zone)
                    .map(|zone: TimeZone| Step::DateIn(Some(zone))),
                None => {
                    self.fault(
                        &value.span(),
                        key,
                        "`date_in` takes a time zone",
                        "such as `\"Europe/London\"`, or `\"mapping\"` for the mapping's own",
                    );
                    None
                }
            },
            "add_months" => self.operand(value, key, set).map(Step::AddMonths),
            "add_days" => self.operand(value, key, set).map(Step::AddDays),
            "end_exclusive" => flag(self, Step::EndExclusive),
            "truncate" => self.truncate(value, key, spec),
            _ => self.remark(value, key, set).map(Step::Warn),
        }
    }

    fn split(&mut self, value: &Value<'_>, key: &str) -> Option<Step> {
        let table = value.get_ref().as_table();
        let at = table
            .and_then(|table| find(table, "at"))
            .and_then(|at| at.get_ref().as_str())
            .filter(|at| !at.is_empty());
        let part = table
            .and_then(|table| find(table, "part"))
            .and_then(|part| self.number(part))
            .and_then(|part| usize::try_from(part).ok());
        if let Some(table) = table {
            self.check_keys(table, key, &["at", "part"]);
        }
        match (at, part.filter(|part| *part > 0)) {
            (Some(at), Some(part)) => Some(Step::Split(at.to_owned(), part)),
            _ => {
                self.fault(
                    &value.span(),
                    key,
                    "`split` takes a separator and the number of a part",
                    "such as `split = { at = \"-\", part = 1 }`",
                );
                None
            }
        }
    }

    fn map(
        &mut self,
        value: &Value<'_>,
        key: &str,
        spec: Option<&'static FieldSpec>,
    ) -> Option<Step> {
        let Some(entries) = value.get_ref().as_table().filter(|entries| !entries.is_empty()) else {
            self.fault(
                &value.span(),
                key,
                "`map` takes a table of values",
                "such as `map = { Tiered = true, Volume = false }`",
            );
            return None;
        };
        let map: Vec<(String, Constant)> = entries
            .iter()
            .filter_map(|(from, to)| {
                Some((from.get_ref().to_string(), self.constant(to, key, spec)?))
            })
            .collect();
        for (index, (from, _)) in map.iter().enumerate() {
            if map[..index]
                .iter()
                .any(|(other, _)| trimmed(other).eq_ignore_ascii_case(trimmed(from)))
            {
                self.fault(
                    &value.span(),
                    key,
                    format!("`{from}` stands twice in the map"),
                    "upper and lower case count as the same",
                );
            }
        }
        Some(Step::Map(map))
    }

    /// A number, or the path of a field that holds one.
    fn operand(&mut self, value: &Value<'_>, key: &str, set: SetId) -> Option<Operand> {
        match value.get_ref() {
            DeValue::Integer(_) | DeValue::Float(_) => {
                let number = self.number(value);
                if number.is_none() {
                    self.fault(
                        &value.span(),
                        key,
                        "this number cannot be kept exactly",
                        "write it with fewer digits",
                    );
                }
                number.map(Operand::Number)
            }
            _ => self.field_ref(value, key, set).map(|field: FieldRef| Operand::Field(field)),
        }
    }

    fn round(&mut self, value: &Value<'_>, key: &str) -> Option<Step> {
        let (decimals, mode) = match value.get_ref() {
            DeValue::Table(table) => {
                self.check_keys(table, key, &["decimals", "mode"]);
                (find(table, "decimals"), find(table, "mode"))
            }
            _ => (Some(value), None),
        };
        let decimals = decimals
            .and_then(|value| self.number(value))
            .and_then(|number| u32::try_from(number).ok());
        let Some(decimals) = decimals.filter(|decimals| *decimals <= MOST_DECIMALS) else {
            self.fault(
                &value.span(),
                key,
                format!("`round` takes 0 to {MOST_DECIMALS} decimals"),
                "such as `round = 2` or `round = { decimals = 2, mode = \"half_even\" }`",
            );
            return None;
        };
        let modes = [
            ("half_up", RoundingStrategy::MidpointAwayFromZero),
            ("half_even", RoundingStrategy::MidpointNearestEven),
            ("up", RoundingStrategy::AwayFromZero),
            ("down", RoundingStrategy::ToZero),
        ];
        let mode = match mode {
            None => RoundingStrategy::MidpointAwayFromZero,
            Some(mode) => self.word(mode, key, &modes)?,
        };
        Some(Step::Round(decimals, mode))
    }

    fn truncate(
        &mut self,
        value: &Value<'_>,
        key: &str,
        spec: Option<&'static FieldSpec>,
    ) -> Option<Step> {
        let has_limit = matches!(spec.map(|spec| spec.field_type), Some(FieldType::Text { .. }));
        match value.get_ref() {
            DeValue::Boolean(true) if has_limit => Some(Step::Truncate(None)),
            DeValue::Boolean(false) => None,
            DeValue::Integer(_) => {
                let characters = self
                    .number(value)
                    .and_then(|number| usize::try_from(number).ok())
                    .filter(|characters| *characters > 0);
                if characters.is_none() {
                    self.fault(
                        &value.span(),
                        key,
                        "`truncate` takes true or a number of characters",
                        "1 or more",
                    );
                }
                characters.map(|characters| Step::Truncate(Some(characters)))
            }
            _ => {
                self.fault(
                    &value.span(),
                    key,
                    "`truncate = true` is for texts with a limit",
                    "write the number of characters instead",
                );
                None
            }
        }
    }
}

/// What a step is for, where the field does not hold that.
fn misfit(step: &str, spec: Option<&'static FieldSpec>) -> Option<&'static str> {
    let field_type = spec?.field_type;
    let is_number = matches!(field_type, FieldType::Decimal { .. } | FieldType::Integer { .. });
    let is_date = matches!(field_type, FieldType::Date | FieldType::DateTime);
    let is_text = !is_number
        && !is_date
        && field_type != FieldType::Boolean
        && field_type != FieldType::PricingBands;
    match step {
        "split" | "upper" | "lower" | "truncate" if !is_text => Some("texts"),
        "zero_is_blank" | "times" | "divided_by" | "percent_of" | "less_percent" | "round"
            if !is_number =>
        {
            Some("numbers")
        }
        "date_in" | "add_months" | "add_days" | "end_exclusive" if !is_date => Some("dates"),
        _ => None,
    }
}
