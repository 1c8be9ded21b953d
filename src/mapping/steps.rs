//! What is done to a value on its way.

use jiff::Span;
use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::bands::{less_percent, percent_of};
use super::convert::{Raw, as_date, as_instant, whole};
use super::evaluate::{Evaluated, no_decimal, not_a_date};
use super::language::{Constant, Step};
use super::row::Row;
use crate::domain::dates::{EndExclusive, date_at};
use crate::domain::field::{FieldSpec, FieldType};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::money::{NoDecimal, decimal_in_json, product, quotient, read_decimal_in_json};
use crate::domain::personal;
use crate::domain::text::trimmed;
use crate::domain::value::Value;

/// The entry of a map that stands for all other values.
const OTHERWISE: &str = "*";

impl Row<'_> {
    /// Applies a step; `false` makes the value blank.
    pub(super) fn apply_step(
        self,
        evaluated: &mut Evaluated,
        step: &Step,
        spec: Option<&FieldSpec>,
    ) -> Result<bool, Finding> {
        match step {
            Step::Warn(remark) => evaluated.warnings.extend(remark.told(self)),
            Step::Trim => return Ok(change_text(evaluated, |text| Some(trimmed(text).to_owned()))),
            Step::Upper => return Ok(change_text(evaluated, |text| Some(text.to_uppercase()))),
            Step::Lower => return Ok(change_text(evaluated, |text| Some(text.to_lowercase()))),
            Step::Split(at, part) => {
                return Ok(change_text(evaluated, |text| {
                    text.split(at.as_str())
                        .nth(part - 1)
                        .map(|part| trimmed(part).to_owned())
                        .filter(|part| !part.is_empty())
                }));
            }
            Step::AsText => evaluated.raw = Raw::Json(Json::String(evaluated.raw.text())),
            Step::AsNumber => {
                let number = number(evaluated)?;
                evaluated.raw = Raw::Typed(Value::Number(number));
            }
            Step::Truncate(most) => truncate(evaluated, *most, spec),
            Step::Map(entries) => map(evaluated, entries)?,
            Step::ZeroIsBlank => {
                return Ok(!decimal_of(&evaluated.raw).is_some_and(|number| number.is_zero()));
            }
            Step::Times(operand)
            | Step::DividedBy(operand)
            | Step::PercentOf(operand)
            | Step::LessPercent(operand) => {
                return match self.operand(operand)? {
                    Some(other) => self.compute(evaluated, step, other).map(|()| true),
                    // Less a percentage that is blank is less nothing; what is multiplied by
                    // nothing is nothing known.
                    None => Ok(matches!(step, Step::LessPercent(_))),
                };
            }
            Step::Round(decimals, mode) => {
                let rounded = number(evaluated)?.round_dp_with_strategy(*decimals, *mode);
                evaluated.raw = Raw::Typed(Value::Number(rounded));
            }
            Step::DateIn(zone) => {
                if let Raw::Json(json) = &evaluated.raw
                    && let Some(instant) = as_instant(json)
                {
                    evaluated.raw = Raw::Typed(Value::Date(date_at(
                        instant,
                        zone.as_ref().unwrap_or(self.context.time_zone),
                    )));
                }
            }
            Step::AddMonths(operand) | Step::AddDays(operand) => match self.operand(operand)? {
                None => return Ok(false),
                Some(count) => self.move_date(evaluated, step, count)?,
            },
            Step::EndExclusive => {
                let last_day = as_date(&evaluated.raw, self.context.time_zone);
                let EndExclusive(end) =
                    last_day.and_then(EndExclusive::after).ok_or_else(|| not_a_date(evaluated))?;
                evaluated.raw = Raw::Typed(Value::Date(end));
            }
        }
        Ok(true)
    }

    #[expect(clippy::unused_self, reason = "it reads like its neighbours")]
    fn compute(
        self,
        evaluated: &mut Evaluated,
        step: &Step,
        other: Decimal,
    ) -> Result<(), Finding> {
        let number = number(evaluated)?;
        let result = match step {
            Step::Times(_) => Some(product(number, other)),
            // A quotient is rounded by the step that follows; until then it has as many digits as
            // fit.
            Step::DividedBy(_) => quotient(number, other),
            Step::PercentOf(_) => Some(percent_of(number, other)),
            _ => Some(less_percent(number, other)),
        };
        let source = &evaluated.source;
        let result = result.unwrap_or(Err(NoDecimal::NotANumber)).map_err(|why| {
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
        evaluated.raw = Raw::Typed(Value::Number(result.normalize()));
        Ok(())
    }

    fn move_date(
        self,
        evaluated: &mut Evaluated,
        step: &Step,
        count: Decimal,
    ) -> Result<(), Finding> {
        let date =
            as_date(&evaluated.raw, self.context.time_zone).ok_or_else(|| not_a_date(evaluated))?;
        let moved = whole(count).and_then(|count| i64::try_from(count).ok()).and_then(|count| {
            let span = match step {
                Step::AddMonths(_) => Span::new().try_months(count),
                _ => Span::new().try_days(count),
            };
            date.checked_add(span.ok()?).ok()
        });
        let source = &evaluated.source;
        let moved = moved.ok_or_else(|| {
            Finding::new(
                FindingCode::ValueOutOfRange,
                format!("`{source}` cannot be moved by {count}: a whole number that leaves a date of the calendar is expected"),
                format!("Correct `{source}`, or the number that is added"),
            )
        })?;
        evaluated.raw = Raw::Typed(Value::Date(moved));
        Ok(())
    }
}

/// Changes a text; a value that is none stays as it is, and `false` says that nothing is left.
fn change_text(evaluated: &mut Evaluated, change: impl Fn(&str) -> Option<String>) -> bool {
    let (Raw::Json(Json::String(text)) | Raw::Typed(Value::Text(text))) = &mut evaluated.raw else {
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

fn decimal_of(raw: &Raw) -> Option<Decimal> {
    match raw {
        Raw::Json(json) => decimal_in_json(json),
        Raw::Typed(Value::Number(number)) => Some(*number),
        Raw::Typed(_) => None,
    }
}

fn number(evaluated: &Evaluated) -> Result<Decimal, Finding> {
    let source = &evaluated.source;
    match &evaluated.raw {
        Raw::Json(json) => {
            read_decimal_in_json(json).map_err(|why| no_decimal(source, &evaluated.raw.text(), why))
        }
        Raw::Typed(Value::Number(number)) => Ok(*number),
        Raw::Typed(_) => Err(no_decimal(source, &evaluated.raw.text(), NoDecimal::NotANumber)),
    }
}

fn truncate(evaluated: &mut Evaluated, most: Option<usize>, spec: Option<&FieldSpec>) {
    let limit = match spec {
        Some(FieldSpec { field_type: FieldType::Text { max }, .. }) => Some(*max),
        _ => None,
    };
    let Some(most) = most.or(limit) else { return };
    let (Raw::Json(Json::String(text)) | Raw::Typed(Value::Text(text))) = &mut evaluated.raw else {
        return;
    };
    if text.chars().count() > most {
        let kept: String = text.chars().take(most).collect();
        kept.trim_end().clone_into(text);
        let why = match (limit, spec) {
            (Some(limit), Some(spec)) if limit == most => {
                format!("that m3ter's `{}` holds", spec.name)
            }
            _ => "that the mapping says".to_owned(),
        };
        let text = format!("`{}` was cut to the {most} characters {why}", evaluated.source);
        evaluated.warnings.push(text.into());
    }
}

fn map(evaluated: &mut Evaluated, entries: &[(String, Constant)]) -> Result<(), Finding> {
    let value = evaluated.raw.text();
    let entry = |wanted: &str| {
        entries.iter().find(|(from, _)| trimmed(from).eq_ignore_ascii_case(trimmed(wanted)))
    };
    let Some((_, to)) = entry(&value).or_else(|| entry(OTHERWISE)) else {
        let known: Vec<String> = entries.iter().map(|(from, _)| format!("`{from}`")).collect();
        let shown = personal::shown(&evaluated.source, &value);
        return Err(Finding::new(
            FindingCode::ValueInvalid,
            format!("`{}` is `{shown}`, which the mapping does not know", evaluated.source),
            format!("Choose {}, or add the value to the mapping", known.join(" or ")),
        ));
    };
    evaluated.raw = Raw::Json(to.to_json());
    Ok(())
}
