//! Whether the values that the org's fields can hold are those that a mapping counts on: types, and picklists before a map.

use std::collections::BTreeSet;

use super::Mapping;
use super::language::{Constant, Expression, FieldRef, Step, Term};
use super::org::{OrgRemark, Severity};
use crate::domain::catalog::Catalogued;
use crate::domain::field::{FieldSpec, FieldType};
use crate::domain::org_schema::{OrgField, OrgSchema};

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
    pub fn named_codes(&self) -> BTreeSet<(Catalogued, String)> {
        fn collect(expression: &Expression, codes: &mut BTreeSet<(Catalogued, String)>) {
            if let Term::Lookup { catalogued, code, .. } = &expression.term
                && let Term::Constant(Constant::Text(code)) = &code.term
            {
                codes.insert((*catalogued, code.clone()));
            }
            expression.inner().into_iter().for_each(|inner| collect(inner, codes));
        }
        let mut codes: BTreeSet<(Catalogued, String)> = self.product_rules.iter().map(|rule| (rule.target, rule.code.clone())).collect();
        for field in self.mapped.objects.iter().flat_map(|object| &object.fields) {
            collect(&field.expression, &mut codes);
        }
        codes
    }

    fn look_at_values(&self, expression: &Expression, spec: Option<&FieldSpec>, schema: &OrgSchema, remarks: &mut Vec<OrgRemark>) {
        if let Term::Field(reference) = &expression.term
            && let Ok(field) = self.org_field(schema, reference)
        {
            let map = expression.steps.iter().find_map(|step| match step {
                Step::Map(entries) => Some(entries),
                _ => None,
            });
            if let Some(map) = map {
                let is_mapped = |value: &&String| !map.iter().any(|(from, _)| from.eq_ignore_ascii_case(value.trim()));
                let outside: Vec<&str> = field.picklist_values.iter().filter(is_mapped).map(String::as_str).collect();
                if !outside.is_empty() {
                    let values = outside.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
                    self.remark(reference, Severity::Yellow, &format!("can be {values}, which the map does not have"), remarks);
                }
            } else if expression.steps.is_empty()
                && let Some(wanted) = spec.and_then(|spec| unfit(field, spec.field_type))
            {
                self.remark(reference, Severity::Red, &format!("is a {}, and m3ter takes {wanted}", field.field_type), remarks);
            }
        }
        // What is looked up or put together is of another type than the field that it feeds.
        let inner_spec = if matches!(expression.term, Term::First(_)) { spec } else { None };
        for inner in expression.inner() {
            self.look_at_values(inner, inner_spec, schema, remarks);
        }
    }

    fn remark(&self, reference: &FieldRef, severity: Severity, what: &str, remarks: &mut Vec<OrgRemark>) {
        let message = format!("`{}` ({}, line {}) {what}", reference.path, self.file, reference.line);
        let remark = OrgRemark { severity, message };
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }
}

/// What m3ter's field takes, where a Salesforce field of this type cannot hold it.
fn unfit(field: &OrgField, wanted: FieldType) -> Option<&'static str> {
    let is = |types: &[&str]| types.contains(&field.field_type.as_str());
    let numbers = ["double", "currency", "percent", "int", "long"];
    // Texts and formulas may hold anything: what is in them shows when a record is synced.
    let is_open = is(&["string", "textarea", "picklist", "combobox", "anyType", "encryptedstring"]);
    match wanted {
        FieldType::Date | FieldType::DateTime if !is(&["date", "datetime"]) && !is_open => Some("a date"),
        FieldType::Decimal { .. } | FieldType::Integer { .. } if !is(&numbers) => Some("a number"),
        FieldType::Boolean if !is(&["boolean"]) => Some("true or false"),
        FieldType::Email if is(&numbers) || is(&["boolean", "date", "datetime"]) => Some("an e-mail address"),
        _ => None,
    }
}
