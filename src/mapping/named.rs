//! Segments and custom fields: values by names.

use super::evaluated::{Evaluated, Outcome};
use crate::domain::conversion::Raw;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::source::Source;
use crate::domain::value::{CustomFields, CustomValue, Value};
use crate::domain::warning::Warning;

/// Values by name, where they came from, and the first that is blank.
#[derive(Default)]
pub(super) struct Named {
    fields: CustomFields,
    sources: Vec<Source>,
    warnings: Vec<Warning>,
    blank: Option<(String, String)>,
}

impl Named {
    /// Adds a value: a number as a number, everything else as text.
    pub(super) fn add(&mut self, name: &str, found: Evaluated) -> Result<(), Finding> {
        let value = match &found.raw {
            Raw::Json(json) if json.is_number() => CustomValue::Number(found.number()?),
            Raw::Typed(Value::Number(number)) => CustomValue::Number(*number),
            raw => CustomValue::Text(raw.text()),
        };
        self.fields.set.insert(name.to_owned(), value);
        self.warnings.extend(found.warnings);
        found.source.add_to(&mut self.sources);
        Ok(())
    }

    /// Notes a name whose fields are blank, which may remove it.
    pub(super) fn leave_blank(&mut self, name: &str, clear: bool, fields: impl Fn() -> String) {
        self.blank.get_or_insert_with(|| (name.to_owned(), fields()));
        if clear {
            self.fields.clear.insert(name.to_owned());
        }
    }

    /// A segment needs all of its values.
    pub(super) fn segment(self) -> Outcome {
        let values = self.fields.set;
        match self.blank {
            _ if values.is_empty() => Ok(None),
            Some((name, fields)) => Err(Finding::new(
                FindingCode::RequiredValueBlank,
                format!("The segment has no value for `{name}`: {fields} is blank"),
                format!("Fill in {fields}, or clear all fields of the segment"),
            )),
            None => {
                let text = |value: CustomValue| match value {
                    CustomValue::Text(text) => text,
                    CustomValue::Number(number) => number.to_string(),
                };
                let values = values.into_iter().map(|(name, value)| (name, text(value)));
                let raw = Raw::Typed(Value::Segment(values.collect()));
                let source = Source::Several(self.sources);
                Ok(Some(Evaluated { raw, source, warnings: self.warnings }))
            }
        }
    }

    /// Custom fields are each for themselves.
    pub(super) fn custom_fields(self, replace: bool) -> Option<Evaluated> {
        let fields = CustomFields { replace, ..self.fields };
        let is_empty = fields == CustomFields::default();
        let (raw, source) =
            (Raw::Typed(Value::CustomFields(fields)), Source::Several(self.sources));
        (!is_empty).then_some(Evaluated { raw, source, warnings: self.warnings })
    }
}
