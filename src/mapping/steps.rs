//! What is done to a value on its way: each step, how people read it, and what it does. How it is
//! written is in `parse::steps`.

use jiff::Span;
use jiff::tz::TimeZone;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value as Json;

use super::evaluated::Evaluated;
use super::language::Remark;
use super::row::Row;
use crate::domain::condition::{Condition, Constant};
use crate::domain::conversion::{Raw, as_instant};
use crate::domain::dates::{EndExclusive, date_at};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::money::{NoDecimal, count, less_percent, percent_of, product, quotient};
use crate::domain::personal;
use crate::domain::rows::FieldRef;
use crate::domain::text::trimmed;
use crate::domain::value::Value;

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// The part at a place, counted from 1, of a text that is cut at a separator.
    Split(String, usize),
    Trim,
    Map(Vec<(String, Constant)>),
    Upper,
    Lower,
    ZeroIsBlank,
    Compute(Op, Operand),
    Round(u32, RoundingStrategy),
    /// A text of digits becomes a number, or a number a text.
    AsNumber,
    AsText,
    /// The date of an instant in a time zone; that of the mapping where none is named.
    DateIn(Option<TimeZone>),
    /// A date so many units later.
    Shift(Unit, Operand),
    /// An inclusive last day becomes the first day after it.
    EndExclusive,
    /// To so many characters, or to as many as m3ter's field holds, with a warning.
    Truncate {
        to: Option<usize>,
        field: Option<(&'static str, usize)>,
    },
    /// A sentence for the reader of the result.
    Warn(Remark),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Times,
    /// A quotient is rounded by the step that follows; until then it has as many digits as fit.
    DividedBy,
    /// So many percent of the other number.
    PercentOf,
    LessPercent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Months,
    Days,
}

/// What a number or a date is computed with.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Number(Decimal),
    Field(FieldRef),
}

/// The entry of a map that stands for all other values.
const OTHERWISE: &str = "*";

impl Step {
    /// The field that the step computes with, where that is no number of the file.
    pub(super) fn operand_field(&self) -> Option<&FieldRef> {
        match self {
            Self::Compute(_, Operand::Field(field)) | Self::Shift(_, Operand::Field(field)) => {
                Some(field)
            }
            _ => None,
        }
    }

    pub(super) fn when(&self) -> Option<&Condition> {
        if let Self::Warn(remark) = self { remark.when.as_ref() } else { None }
    }

    pub(super) fn render(&self) -> String {
        match self {
            Self::Split(separator, part) => format!("part {part} at `{separator}`"),
            Self::Trim => "trim".to_owned(),
            Self::Map(entries) => {
                let entry = |(from, to): &(String, Constant)| format!("{from} → {}", to.render());
                entries.iter().map(entry).collect::<Vec<_>>().join("; ")
            }
            Self::Upper => "upper".to_owned(),
            Self::Lower => "lower".to_owned(),
            Self::ZeroIsBlank => "0 is blank".to_owned(),
            Self::Compute(Op::Times, by) => format!("× {}", by.render()),
            Self::Compute(Op::DividedBy, by) => format!("÷ {}", by.render()),
            Self::Compute(Op::PercentOf, of) => format!("% of {}", of.render()),
            Self::Compute(Op::LessPercent, by) => format!("less {} %", by.render()),
            Self::Round(places, _) => format!("round to {places}"),
            Self::AsNumber => "as number".to_owned(),
            Self::AsText => "as text".to_owned(),
            Self::DateIn(zone) => {
                let zone = zone.as_ref().and_then(TimeZone::iana_name);
                format!("date in {}", zone.unwrap_or("the mapping's time zone"))
            }
            Self::Shift(Unit::Months, months) => format!("+ {} months", months.render()),
            Self::Shift(Unit::Days, days) => format!("+ {} days", days.render()),
            Self::EndExclusive => "the day after".to_owned(),
            Self::Truncate { to: None, .. } => "truncate".to_owned(),
            Self::Truncate { to: Some(most), .. } => format!("truncate to {most}"),
            Self::Warn(_) => "warn".to_owned(),
        }
    }

    /// Applies it; `false` makes the value blank.
    pub(super) fn apply(&self, value: &mut Evaluated, row: Row<'_>) -> Result<bool, Finding> {
        match self {
            Self::Split(at, part) => {
                return Ok(change_text(value, |text| part_of(text, at, *part)));
            }
            Self::Trim => return Ok(change_text(value, |text| Some(trimmed(text).to_owned()))),
            Self::Map(entries) => value.raw = Raw::Json(mapped(value, entries)?.to_json()),
            Self::Upper => return Ok(change_text(value, |text| Some(text.to_uppercase()))),
            Self::Lower => return Ok(change_text(value, |text| Some(text.to_lowercase()))),
            Self::ZeroIsBlank => {
                return Ok(!value.raw.number().is_ok_and(|number| number.is_zero()));
            }
            Self::Compute(op, operand) => match operand.number(row)? {
                Some(other) => compute(value, *op, other)?,
                // Less a percentage that is blank is less nothing; what is multiplied by nothing
                // is nothing known.
                None => return Ok(*op == Op::LessPercent),
            },
            Self::Round(decimals, mode) => {
                let rounded = value.number()?.round_dp_with_strategy(*decimals, *mode);
                value.raw = Raw::Typed(Value::Number(rounded));
            }
            Self::AsNumber => value.raw = Raw::Typed(Value::Number(value.number()?)),
            Self::AsText => value.raw = Raw::Json(Json::String(value.raw.text())),
            Self::DateIn(zone) => {
                if let Raw::Json(json) = &value.raw
                    && let Some(instant) = as_instant(json)
                {
                    let date = date_at(instant, zone.as_ref().unwrap_or(row.time_zone()));
                    value.raw = Raw::Typed(Value::Date(date));
                }
            }
            Self::Shift(unit, operand) => match operand.number(row)? {
                Some(by) => shift(value, *unit, by, row.time_zone())?,
                None => return Ok(false),
            },
            Self::EndExclusive => {
                let end = EndExclusive::after(value.date(row.time_zone())?);
                let EndExclusive(end) = end.ok_or_else(|| value.not_a_date())?;
                value.raw = Raw::Typed(Value::Date(end));
            }
            Self::Truncate { to, field } => truncate(value, *to, *field),
            Self::Warn(remark) => value.warnings.extend(remark.describe(row)),
        }
        Ok(true)
    }
}

impl Operand {
    fn render(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Field(field) => field.render(),
        }
    }

    fn number(&self, row: Row<'_>) -> Result<Option<Decimal>, Finding> {
        match self {
            Self::Number(number) => Ok(Some(*number)),
            Self::Field(field) => row.number(field),
        }
    }
}

fn part_of(text: &str, at: &str, part: usize) -> Option<String> {
    let part = trimmed(text.split(at).nth(part - 1)?);
    (!part.is_empty()).then(|| part.to_owned())
}

/// Changes a text; a value that is none stays as it is, and `false` says that nothing is left.
fn change_text(value: &mut Evaluated, change: impl Fn(&str) -> Option<String>) -> bool {
    let (Raw::Json(Json::String(text)) | Raw::Typed(Value::Text(text))) = &mut value.raw else {
        return true;
    };
    match change(text) {
        Some(changed) => {
            *text = changed;
            true
        }
        None => false,
    }
}

fn compute(value: &mut Evaluated, op: Op, other: Decimal) -> Result<(), Finding> {
    let number = value.number()?;
    let result = match op {
        Op::Times => Some(product(number, other)),
        Op::DividedBy => quotient(number, other),
        Op::PercentOf => Some(percent_of(number, other)),
        Op::LessPercent => Some(less_percent(number, other)),
    };
    let result = result.unwrap_or(Err(NoDecimal::NotANumber)).map_err(|why| {
        let source = &value.source;
        let why = match why {
            NoDecimal::NotANumber => "the divisor is 0".to_owned(),
            why => format!("the result {why}"),
        };
        Finding::new(
            FindingCode::ValueOutOfRange,
            format!("`{source}` cannot be computed with {other}: {why}"),
            format!("Correct `{source}`, or the field that it is computed with"),
        )
    })?;
    value.raw = Raw::Typed(Value::Number(result.normalize()));
    Ok(())
}

fn shift(value: &mut Evaluated, unit: Unit, by: Decimal, zone: &TimeZone) -> Result<(), Finding> {
    let date = value.date(zone)?;
    let span = count(by).and_then(|count| match unit {
        Unit::Months => Span::new().try_months(count).ok(),
        Unit::Days => Span::new().try_days(count).ok(),
    });
    let shifted = span.and_then(|span| date.checked_add(span).ok()).ok_or_else(|| {
        let source = &value.source;
        Finding::new(
            FindingCode::ValueOutOfRange,
            format!("`{source}` cannot be moved by {by}: it must be a whole number, and the result a valid date"),
            format!("Correct `{source}`, or the number that is added"),
        )
    })?;
    value.raw = Raw::Typed(Value::Date(shifted));
    Ok(())
}

fn truncate(value: &mut Evaluated, to: Option<usize>, field: Option<(&str, usize)>) {
    let Some(most) = to.or(field.map(|(_, most)| most)) else { return };
    let (Raw::Json(Json::String(text)) | Raw::Typed(Value::Text(text))) = &mut value.raw else {
        return;
    };
    if text.chars().count() > most {
        let kept: String = text.chars().take(most).collect();
        kept.trim_end().clone_into(text);
        let why = match field {
            Some((name, limit)) if limit == most => format!("that m3ter's `{name}` holds"),
            _ => "that the mapping says".to_owned(),
        };
        let text = format!("`{}` was cut to the {most} characters {why}", value.source);
        value.warnings.push(text.into());
    }
}

fn mapped<'e>(
    value: &Evaluated,
    entries: &'e [(String, Constant)],
) -> Result<&'e Constant, Finding> {
    let text = value.raw.text();
    let entry = |wanted: &str| {
        entries.iter().find(|(from, _)| trimmed(from).eq_ignore_ascii_case(trimmed(wanted)))
    };
    if let Some((_, to)) = entry(&text).or_else(|| entry(OTHERWISE)) {
        return Ok(to);
    }
    let source = value.source.to_string();
    let known: Vec<String> = entries.iter().map(|(from, _)| format!("`{from}`")).collect();
    let shown = personal::redacted(&source, &text);
    Err(Finding::new(
        FindingCode::ValueInvalid,
        format!("`{source}` is `{shown}`, which the mapping does not know"),
        format!("Choose {}, or add the value to the mapping", known.join(" or ")),
    ))
}
