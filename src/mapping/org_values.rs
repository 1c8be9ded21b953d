//! Whether the values that the org's fields can hold are those that a mapping counts on: types, and
//! picklists before a map.

use std::collections::{BTreeMap, BTreeSet};

use super::Mapping;
use super::language::{Constant, Expression, FieldRef, Step, Term};
use super::org::{OrgRemark, Severity};
use super::structure::parts_of;
use crate::domain::catalog::Catalogued;
use crate::domain::field::{FieldSpec, FieldType};
use crate::domain::org_schema::{OrgField, OrgSchema};
use crate::domain::text::trimmed;

impl Mapping {
    /// What an admin should know about the values behind the fields.
    pub fn value_report(&self, schema: &OrgSchema) -> Vec<OrgRemark> {
        let mut remarks = Vec::new();
        for field in self.mapped.objects.iter().flat_map(|object| &object.fields) {
            self.look_at_values(&field.expression, Some(field.spec), schema, &mut remarks);
        }
        remarks
    }

    /// The codes that the file itself names, which m3ter should have.
    pub fn named_codes(&self) -> BTreeMap<Catalogued, BTreeSet<String>> {
        let mut codes: BTreeMap<Catalogued, BTreeSet<String>> = BTreeMap::new();
        for rule in &self.product_rules {
            codes.entry(rule.target).or_default().insert(rule.code.clone());
        }
        for field in self.mapped.objects.iter().flat_map(|object| &object.fields) {
            looked_up(&field.expression, &mut codes);
        }
        codes
    }

    fn look_at_values(
        &self,
        expression: &Expression,
        spec: Option<&FieldSpec>,
        schema: &OrgSchema,
        remarks: &mut Vec<OrgRemark>,
    ) {
        if let Term::Field(reference) = &expression.term
            && let Ok(field) = self.org_field(schema, reference)
        {
            let map = expression.steps.iter().find_map(|step| match step {
                Step::Map(entries) => Some(entries),
                _ => None,
            });
            if let Some(map) = map {
                let is_mapped = |value: &&String| {
                    !map.iter().any(|(from, _)| trimmed(from).eq_ignore_ascii_case(trimmed(value)))
                };
                let outside: Vec<&str> =
                    field.picklist_values.iter().filter(is_mapped).map(String::as_str).collect();
                if !outside.is_empty() {
                    let values = outside
                        .iter()
                        .map(|value| format!("`{value}`"))
                        .collect::<Vec<_>>()
                        .join(", ");
                    self.remark(
                        reference,
                        Severity::Yellow,
                        &format!("can be {values}, which the map does not have"),
                        remarks,
                    );
                }
            } else if expression.steps.is_empty()
                && let Some(wanted) = spec.and_then(|spec| unfit(field, spec.field_type))
            {
                self.remark(
                    reference,
                    Severity::Red,
                    &format!("is a {}, and m3ter takes {wanted}", field.field_type),
                    remarks,
                );
            }
        }
        self.look_at_numbers(expression, schema, remarks);
        for (inner, spec) in inner_values(expression, spec) {
            self.look_at_values(inner, spec, schema, remarks);
        }
    }

    /// Fields that are computed with have to be numbers, whatever the value becomes.
    fn look_at_numbers(
        &self,
        expression: &Expression,
        schema: &OrgSchema,
        remarks: &mut Vec<OrgRemark>,
    ) {
        let of_term = match &expression.term {
            Term::UnitPrice(price, discount) => std::iter::once(price).chain(discount).collect(),
            Term::MonthsAfter(months, _) => vec![months],
            _ => Vec::new(),
        };
        let of_steps = expression.steps.iter().filter_map(Step::operand_field);
        for reference in of_term.into_iter().chain(of_steps) {
            if let Ok(field) = self.org_field(schema, reference)
                && !is_number(field)
            {
                // What stands in a text may be a number.
                let severity = if is_open(field) { Severity::Yellow } else { Severity::Red };
                self.remark(
                    reference,
                    severity,
                    &format!("is a {}, and has to hold a number to compute with", field.field_type),
                    remarks,
                );
            }
        }
    }

    fn remark(
        &self,
        reference: &FieldRef,
        severity: Severity,
        what: &str,
        remarks: &mut Vec<OrgRemark>,
    ) {
        let message = format!("`{}` ({}) {what}", reference.path, self.files.shown(reference.line));
        let remark = OrgRemark { severity, message };
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }
}

/// The codes of all look-ups in an expression.
fn looked_up(expression: &Expression, codes: &mut BTreeMap<Catalogued, BTreeSet<String>>) {
    if let Term::Lookup { catalogued, code, .. } = &expression.term {
        let named = constants(code).into_iter().map(|code| trimmed(code).to_owned());
        codes.entry(*catalogued).or_default().extend(named);
    }
    expression.inner().into_iter().for_each(|inner| looked_up(inner, codes));
}

/// The texts of the file itself that an expression can give: constants, defaults, and what a map
/// ends with.
pub(super) fn constants(expression: &Expression) -> Vec<&str> {
    fn texts(constant: &Constant) -> Option<&str> {
        match constant {
            Constant::Text(text) => Some(text.as_str()),
            _ => None,
        }
    }
    let mut found: Vec<&str> = expression.default.iter().filter_map(texts).collect();
    match (&expression.term, expression.steps.as_slice()) {
        (Term::Constant(constant), []) => found.extend(texts(constant)),
        (Term::First(expressions), []) => {
            expressions.iter().for_each(|inner| found.extend(constants(inner)))
        }
        (_, [.., Step::Map(entries)]) => {
            found.extend(entries.iter().filter_map(|(_, to)| texts(to)))
        }
        // What else is done to a text makes another one of it.
        _ => {}
    }
    found
}

/// The expressions directly inside one, each with the m3ter field or part of a list that it feeds.
/// What is looked up or put together is of another type than what it becomes.
fn inner_values<'e>(
    expression: &'e Expression,
    spec: Option<&'e FieldSpec>,
) -> Vec<(&'e Expression, Option<&'e FieldSpec>)> {
    let parts = parts_of(spec.map(|spec| spec.field_type));
    let fed = |(name, inner): &'e (&'static str, Expression)| {
        (inner, parts.iter().find(|part| part.name == *name))
    };
    match &expression.term {
        Term::First(expressions) | Term::Extreme(_, expressions) => {
            expressions.iter().map(|inner| (inner, spec)).collect()
        }
        Term::Each(_, each) => each.iter().map(fed).collect(),
        Term::List(entries) => entries.iter().flatten().map(fed).collect(),
        _ => expression.inner().into_iter().map(|inner| (inner, None)).collect(),
    }
}

/// Texts and formulas may hold anything: what is in them shows when a record is synced.
fn is_open(field: &OrgField) -> bool {
    ["string", "textarea", "picklist", "combobox", "anyType", "encryptedstring"]
        .contains(&field.field_type.as_str())
}

fn is_number(field: &OrgField) -> bool {
    ["double", "currency", "percent", "int", "long"].contains(&field.field_type.as_str())
}

/// What m3ter's field takes, where a Salesforce field of this type cannot hold it.
fn unfit(field: &OrgField, wanted: FieldType) -> Option<&'static str> {
    let is = |types: &[&str]| types.contains(&field.field_type.as_str());
    let is_open = is_open(field);
    match wanted {
        FieldType::Date | FieldType::DateTime if !is(&["date", "datetime"]) && !is_open => {
            Some("a date")
        }
        FieldType::Decimal { .. } | FieldType::Integer { .. } if !is_number(field) => {
            Some("a number")
        }
        FieldType::Boolean if !is(&["boolean"]) => Some("true or false"),
        FieldType::Email if is_number(field) || is(&["boolean", "date", "datetime"]) => {
            Some("an e-mail address")
        }
        _ => None,
    }
}
