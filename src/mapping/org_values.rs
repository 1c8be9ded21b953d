//! Whether the values that the org's fields can hold are those that a mapping counts on: types, and
//! picklists before a map.

use std::collections::{BTreeMap, BTreeSet};

use super::language::{Constant, FieldRef};
use super::mapped::Mapping;
use super::org::{OrgRemark, Severity};
use super::steps::Step;
use super::term::{Expression, Term};
use crate::domain::catalog::CatalogKind;
use crate::domain::field::{FieldSpec, FieldType};
use crate::domain::org_schema::{OrgField, OrgSchema};
use crate::domain::text::trimmed;

impl Mapping {
    /// What an admin should know about the values behind the fields.
    pub fn value_report(&self, schema: &OrgSchema) -> Vec<OrgRemark> {
        let mut remarks = Vec::new();
        for field in self.objects.iter().flat_map(|object| &object.fields) {
            let expression = &field.cell.expression;
            self.look_at_values(expression, Some(field.spec), schema, &mut remarks);
        }
        OrgRemark::once(remarks)
    }

    /// The codes that the file itself names, which m3ter should have.
    pub fn named_codes(&self) -> BTreeMap<CatalogKind, BTreeSet<String>> {
        let mut codes: BTreeMap<CatalogKind, BTreeSet<String>> = BTreeMap::new();
        for rule in &self.product_rules {
            codes.entry(rule.target).or_default().insert(rule.code.clone());
        }
        for field in self.objects.iter().flat_map(|object| &object.fields) {
            add_named(&field.cell.expression, &mut codes);
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
            let problem = of_value(field, &expression.steps, spec);
            remarks.extend(problem.map(|(severity, what)| self.remark(reference, severity, &what)));
        }
        // Fields that are computed with must be numbers, whatever the value becomes.
        let operands = expression.steps.iter().filter_map(Step::operand_field);
        for reference in expression.term.numbers().into_iter().chain(operands) {
            if let Ok(field) = self.org_field(schema, reference)
                && !is_number(field)
            {
                // What stands in a text may be a number.
                let severity = if is_open(field) { Severity::Yellow } else { Severity::Red };
                let what =
                    format!("is a {}, and must be a number to compute with", field.field_type);
                remarks.push(self.remark(reference, severity, &what));
            }
        }
        for (inner, spec) in expression.term.inner(spec) {
            self.look_at_values(inner, spec, schema, remarks);
        }
    }

    fn remark(&self, reference: &FieldRef, severity: Severity, what: &str) -> OrgRemark {
        let message =
            format!("`{}` ({}) {what}", reference.path, self.files.describe_line(reference.line));
        OrgRemark { severity, message }
    }
}

/// What a field can hold and what becomes of it do not go together.
fn of_value(
    field: &OrgField,
    steps: &[Step],
    spec: Option<&FieldSpec>,
) -> Option<(Severity, String)> {
    let map = steps.iter().find_map(|step| match step {
        Step::Map(entries) => Some(entries),
        _ => None,
    });
    if let Some(map) = map {
        let values = outside(field, map);
        return (!values.is_empty()).then(|| {
            let what = format!("can be {}, which the map does not have", values.join(", "));
            (Severity::Yellow, what)
        });
    }
    let wanted =
        spec.filter(|_| steps.is_empty()).and_then(|spec| unfit(field, spec.field_type))?;
    Some((Severity::Red, format!("is a {}, and m3ter takes {wanted}", field.field_type)))
}

fn outside(field: &OrgField, map: &[(String, Constant)]) -> Vec<String> {
    let is_in = |value: &String| {
        map.iter().any(|(from, _)| trimmed(from).eq_ignore_ascii_case(trimmed(value)))
    };
    let outside = field.picklist_values.iter().filter(|value| !is_in(value));
    outside.map(|value| format!("`{value}`")).collect()
}

fn add_named(expression: &Expression, codes: &mut BTreeMap<CatalogKind, BTreeSet<String>>) {
    if let Term::Lookup(lookup) = &expression.term {
        let named = lookup.code.constants().into_iter().map(|code| trimmed(code).to_owned());
        codes.entry(lookup.catalog_kind).or_default().extend(named);
    }
    expression.inner().for_each(|inner| add_named(inner, codes));
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
