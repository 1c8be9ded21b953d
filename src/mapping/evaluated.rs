//! A value on its way from a record to an object: what it is, where it came from, and what a person
//! should know.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::Value as Json;

use crate::domain::condition::Constant;
use crate::domain::conversion::{Problem, Raw, as_date, convert, text};
use crate::domain::field::{FieldSpec, FieldType};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::money::NoDecimal;
use crate::domain::personal;
use crate::domain::rows::FieldRef;
use crate::domain::source::Source;
use crate::domain::text::trimmed;
use crate::domain::value::Value;
use crate::domain::warning::Warning;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Evaluated {
    pub(super) raw: Raw,
    pub(super) source: Source,
    pub(super) warnings: Vec<Warning>,
}

/// `None` where the source is blank.
pub(super) type Outcome = Result<Option<Evaluated>, Finding>;

impl Evaluated {
    pub(super) fn new(raw: Raw, source: Source) -> Self {
        Self { raw, source, warnings: Vec::new() }
    }

    pub(super) fn typed(value: Value, source: Source) -> Self {
        Self::new(Raw::Typed(value), source)
    }

    pub(super) fn of_field(field: &FieldRef, json: &Json) -> Self {
        Self::new(Raw::Json(json.clone()), Source::Field(Arc::clone(&field.name)))
    }

    pub(super) fn made_of(field: &FieldRef, value: Value) -> Self {
        Self::typed(value, Source::Field(Arc::clone(&field.name)))
    }

    pub(super) fn of_constant(constant: &Constant, source: Source) -> Self {
        Self::new(Raw::Json(constant.to_json()), source)
    }

    pub(super) fn number(&self) -> Result<Decimal, Finding> {
        self.raw.number().map_err(|why| {
            let (code, remedy) = match why {
                NoDecimal::NotANumber => (FindingCode::ValueInvalid, "a number"),
                NoDecimal::TooSmall => (FindingCode::ValueOutOfRange, "0 or a larger number"),
                NoDecimal::TooLarge => (FindingCode::ValueOutOfRange, "a smaller number"),
            };
            let source = self.source.to_string();
            let shown = personal::redacted(&source, &self.raw.text());
            let message = format!("`{source}` is `{shown}`, which {why}");
            Finding::new(code, message, format!("Enter {remedy} in `{source}`"))
        })
    }

    pub(super) fn date(&self, time_zone: &TimeZone) -> Result<Date, Finding> {
        as_date(&self.raw, time_zone).ok_or_else(|| self.not_a_date())
    }

    pub(super) fn not_a_date(&self) -> Finding {
        let source = &self.source;
        Finding::new(
            FindingCode::ValueInvalid,
            format!("`{source}` is not a date"),
            format!("Enter a date in `{source}`"),
        )
    }

    /// The value in the type of a m3ter field, or why it does not go in.
    pub(super) fn into_field(
        self,
        spec: &FieldSpec,
        time_zone: &TimeZone,
    ) -> Result<Value, Finding> {
        let Self { mut raw, source, .. } = self;
        // A word that is compared, not read: what stands around it is not meant.
        if let (
            Raw::Json(Json::String(word)),
            FieldType::Email | FieldType::Currency | FieldType::Enum(_),
        ) = (&mut raw, spec.field_type)
            && trimmed(word).len() < word.len()
        {
            *word = trimmed(word).to_owned();
        }
        // It may be a person's name, in the wrong field.
        let is_personal = spec.field_type == FieldType::Email;
        convert(&raw, spec, time_zone).map_err(|problem| {
            let remedy = match source {
                Source::Constant => "Correct the mapping".to_owned(),
                _ => format!("Correct `{source}`"),
            };
            match problem {
                Problem::Invalid(problem) => {
                    let shown = match &raw {
                        _ if is_personal => personal::NOT_SHOWN.to_owned(),
                        Raw::Json(json) => personal::redacted(&source.to_string(), &text(json)),
                        Raw::Typed(_) => String::new(),
                    };
                    let message = format!("`{source}` is `{shown}`, which {problem}");
                    Finding::new(FindingCode::ValueInvalid, message, remedy)
                }
                Problem::OutOfRange(problem) => {
                    let message = format!("`{source}` {problem}");
                    Finding::new(FindingCode::ValueOutOfRange, message, remedy)
                }
            }
        })
    }
}
