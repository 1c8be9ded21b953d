//! The way of one value, from the Salesforce fields of a record to m3ter's field: each source and
//! each step with what came of it. What tells who a person is is not shown.

use super::evaluated::Evaluated;
use super::mapped::{FieldMapping, ObjectMapping};
use super::object::key_of;
use super::reading::Reading;
use super::resolve::resolve_field;
use super::row::Row;
use super::steps::Step;
use super::term::{Expression, Term};
use crate::domain::catalog::Catalog;
use crate::domain::conversion::{Raw, text};
use crate::domain::desired::FieldAction;
use crate::domain::entity::EntityKind;
use crate::domain::field::FieldType;
use crate::domain::personal;
use crate::domain::rows::FieldRef;
use crate::domain::value::Value;

const BLANK: &str = "blank";

/// How one field of one object came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The object and its row, and the field: `Contract 006… endDate`.
    pub title: String,
    /// The file and the line.
    pub place: String,
    /// The way, each step with how deep it lies in others.
    pub steps: Vec<(usize, String)>,
    /// What m3ter gets, or why it gets nothing.
    pub outcome: String,
}

impl<'r> Reading<'r> {
    /// The ways to a field, in all objects of a kind that the record makes, or in those of every
    /// kind.
    pub fn explain(
        mut self,
        catalog: &'r Catalog,
        kind: Option<EntityKind>,
        field: &str,
    ) -> Vec<Explanation> {
        self.tree.around.catalog = Some(catalog);
        self.template_currencies(catalog);
        self.compute_shared();
        let mut explanations = Vec::new();
        let objects = &self.mapping.objects;
        for object in objects.iter().filter(|object| kind.is_none_or(|kind| kind == object.kind)) {
            let is_it = |mapped: &&FieldMapping| mapped.spec.name.eq_ignore_ascii_case(field);
            for mapped in object.fields.iter().filter(is_it) {
                let rows = self.tree.all_of(object.rows);
                explanations.extend(rows.map(|row| self.explained(row, object, mapped)));
            }
        }
        explanations
    }

    fn explained(
        &self,
        row: Row<'_>,
        object: &ObjectMapping,
        mapped: &FieldMapping,
    ) -> Explanation {
        let key =
            key_of(row, object).map_or_else(|| object.kind.to_string(), |key| key.to_string());
        let mut way = Way { reading: self, steps: Vec::new() };
        way.expression(&mapped.cell.expression, row, 0);
        let is_left_out = object.leave_out.as_ref().filter(|condition| condition.holds(row));
        let outcome = match (is_left_out, resolve_field(row, object, mapped)) {
            (Some(condition), _) => {
                format!("the object is left out, as {}", condition.render(row))
            }
            (None, Err(finding)) => {
                format!("{}: {}. {}", finding.code, finding.message, finding.remedy)
            }
            (None, Ok(None)) => "blank: m3ter's value stays".to_owned(),
            (None, Ok(Some((desired, warnings)))) => {
                let once = if desired.once { ", only when the object is created" } else { "" };
                let shown = match &desired.action {
                    FieldAction::Clear => "blank: m3ter's value is cleared".to_owned(),
                    FieldAction::Set(value) => shown_value(value, mapped, &desired.source),
                };
                let warnings = warnings.iter().map(|warning| format!(" (warning: {warning})"));
                format!("{shown}{once}{}", warnings.collect::<Vec<_>>().concat())
            }
        };
        Explanation {
            title: format!("{key} {}", mapped.spec.name),
            place: self.mapping.files.describe_line(mapped.line),
            steps: way.steps,
            outcome,
        }
    }
}

/// What m3ter gets, as far as it is not a person's.
fn shown_value(value: &Value, mapped: &FieldMapping, source: &str) -> String {
    match (value, mapped.spec.field_type) {
        (_, FieldType::Email | FieldType::Address) => personal::NOT_SHOWN.to_owned(),
        (Value::Object(key), _) => format!("the ID of {key}"),
        (Value::Text(text), _) => personal::redacted(source, text),
        (value, _) => personal::without_emails(&value.to_json().to_string()),
    }
}

struct Way<'w, 'r> {
    reading: &'w Reading<'r>,
    steps: Vec<(usize, String)>,
}

impl Way<'_, '_> {
    fn note(&mut self, depth: usize, text: impl Into<String>) {
        self.steps.push((depth, text.into()));
    }

    fn expression(&mut self, expression: &Expression, row: Row<'_>, depth: usize) {
        let not_asked = expression.when.as_ref().filter(|condition| !condition.holds(row));
        if let Some(condition) = not_asked {
            self.note(
                depth,
                format!("{}: not asked, as {}", expression.term.render(), condition.render(row)),
            );
        } else {
            self.term(&expression.term, row, depth);
            self.applied(expression, row, depth);
        }
        if let (Some(default), Ok(None)) = (&expression.default, expression.without_default(row)) {
            self.note(depth, format!("default: {}", default.render()));
        }
    }

    fn applied(&mut self, expression: &Expression, row: Row<'_>, depth: usize) {
        let Ok(Some(mut value)) = expression.term.evaluate(row) else { return };
        for step in &expression.steps {
            let told = value.warnings.len();
            let is_remark = matches!(step, Step::Warn(_));
            let (text, goes_on) = match step.apply(&mut value, row) {
                Ok(true) if value.warnings.len() > told => {
                    let warnings: Vec<&str> =
                        value.warnings[told..].iter().map(|warning| &**warning).collect();
                    (format!("{} (warning: {})", shown(&value), warnings.join(" ")), true)
                }
                Ok(true) if is_remark => continue,
                Ok(true) => (shown(&value), true),
                Ok(false) => (BLANK.to_owned(), false),
                Err(finding) => (finding.message, false),
            };
            self.note(depth, format!("{}: {text}", step.render()));
            if !goes_on {
                return;
            }
        }
    }

    fn term(&mut self, term: &Term, row: Row<'_>, depth: usize) {
        match term {
            Term::Field(field) | Term::BandsText(field) | Term::AccountAt(field) => {
                self.field(field, row, depth);
            }
            Term::First(inner) => {
                self.note(depth, "the first that is not blank:");
                for expression in inner {
                    self.expression(expression, row, depth + 1);
                    if !matches!(expression.evaluate(row), Ok(None)) {
                        break;
                    }
                }
            }
            Term::Each(_, set, parts) => {
                self.note(depth, format!("for each row of `{}`:", set.name));
                for below in row.below(set.set) {
                    let id = below.own_record().id().map_or_else(String::new, |id| id.to_string());
                    self.note(depth + 1, id);
                    for part in parts {
                        self.note(depth + 2, format!("{}:", part.spec.name));
                        self.expression(&part.expression, below, depth + 3);
                    }
                }
            }
            _ => {
                let came_of_it = match term.evaluate(row) {
                    Ok(Some(value)) => shown(&value),
                    Ok(None) => BLANK.to_owned(),
                    Err(finding) => finding.message,
                };
                self.note(depth, format!("{}: {came_of_it}", term.render()));
                for field in term.numbers() {
                    self.field(field, row, depth + 1);
                }
                for (inner, _) in term.inner(None) {
                    self.expression(inner, row, depth + 1);
                }
            }
        }
    }

    fn field(&mut self, field: &FieldRef, row: Row<'_>, depth: usize) {
        let (value, unreadable) = row.observed(|| row.field(field));
        let value = match value {
            Some(json) => format!("`{}`", personal::redacted(&field.name, &text(json))),
            None if unreadable.is_empty() => BLANK.to_owned(),
            None => "not readable".to_owned(),
        };
        let place = self.reading.mapping.files.describe_line(field.line);
        self.note(depth, format!("{} ({place}): {value}", field.render()));
    }
}

fn shown(value: &Evaluated) -> String {
    match &value.raw {
        Raw::Typed(Value::Object(key)) => format!("the ID of {key}"),
        Raw::Typed(Value::Address(_)) => personal::NOT_SHOWN.to_owned(),
        raw => format!("`{}`", personal::redacted(&value.source.to_string(), &raw.text())),
    }
}
