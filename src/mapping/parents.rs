//! Parents of an Account, by opt-in: the same mapping once more for each level, read from the
//! record above.
//!
//! A CRM hierarchy is not a billing hierarchy, so nothing is linked unless the mapping says how
//! many levels up it goes.

use std::collections::HashSet;

use super::language::{
    Condition, Expression, FieldMapping, FieldRef, ObjectMapping, Operand, Step, Term, Test,
};
use crate::domain::desired::{DesiredObject, Intent};
use crate::domain::entity::EntityKind;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::SalesforceId;

/// Levels that a mapping can go up: SOQL follows five relationships, and the Account is one of
/// them.
pub(super) const MOST_LEVELS: usize = 4;
/// Parts of a path that SOQL takes: five relationships and the field.
const MOST_PARTS: usize = 6;
/// Salesforce's own names: the lookup, and the relationship.
const PARENT_ID: &str = "ParentId";
const PARENT: &str = "Parent";

/// The Account's own mapping, linked to the first parent, and one mapping for each level; an error
/// is a path that is too long.
pub(super) fn with_parents(
    own: &ObjectMapping,
    levels: usize,
    line: usize,
) -> Result<Vec<ObjectMapping>, String> {
    let prefix = match &own.row {
        None => String::new(),
        Some(row) => row.path.strip_suffix("__c").map_or_else(
            || row.path.strip_suffix("Id").unwrap_or(&row.path).to_owned(),
            |name| format!("{name}__r"),
        ),
    };
    let above = |level: usize, name: &str| {
        let own = (!prefix.is_empty()).then_some(prefix.as_str());
        own.into_iter()
            .chain(std::iter::repeat_n(PARENT, level))
            .chain([name])
            .collect::<Vec<_>>()
            .join(".")
    };
    let mut chain = Vec::new();
    for level in 0..=levels {
        let mut object = own.clone();
        object.level = level;
        if level > 0 {
            let mut longest = None;
            each_ref(&mut object, &mut |field| {
                let rest = if prefix.is_empty() {
                    Some(field.path.as_str())
                } else {
                    field.path.strip_prefix(&format!("{prefix}."))
                };
                if let Some(rest) = rest {
                    field.path = above(level, rest);
                }
                if field.path.split('.').count() > MOST_PARTS {
                    longest = Some(field.path.clone());
                }
            });
            if let Some(path) = longest {
                return Err(format!("`{path}` would follow more than five relationships"));
            }
            object.row = Some(FieldRef {
                from: own.rows,
                path: above(level - 1, PARENT_ID),
                optional: false,
                line,
            });
        }
        if level < levels
            && let Some(spec) = EntityKind::Account.field("parentAccountId")
        {
            let parent =
                FieldRef { from: own.rows, path: above(level, PARENT_ID), optional: false, line };
            object.fields.push(FieldMapping {
                spec,
                expression: Expression::plain(Term::AccountAt(parent)),
                once: false,
                clear: false,
                line,
            });
        }
        chain.push(object);
    }
    Ok(chain)
}

/// Accounts that are parents of each other in a circle are refused: m3ter could link none of them
/// first.
pub(super) fn refuse_circles(objects: &mut Vec<DesiredObject>) {
    let mut seen: HashSet<SalesforceId> = HashSet::new();
    let accounts: Vec<SalesforceId> = objects
        .iter()
        .filter(|object| object.kind() == EntityKind::Account)
        .map(|object| object.key.row.clone())
        .collect();
    if accounts.iter().all(|row| seen.insert(row.clone())) {
        return;
    }
    let chain: Vec<String> = accounts.iter().map(ToString::to_string).collect();
    let finding = Finding::new(
        FindingCode::ParentCycle,
        format!("The Accounts are parents of each other in a circle: {}", chain.join(" → ")),
        "Correct the parent of one of them in Salesforce",
    );
    let mut kept: HashSet<SalesforceId> = HashSet::new();
    objects.retain(|object| {
        object.kind() != EntityKind::Account || kept.insert(object.key.row.clone())
    });
    for account in objects.iter_mut().filter(|object| object.kind() == EntityKind::Account) {
        account.intent = Intent::Invalid(vec![finding.clone()]);
    }
}

/// Calls `change` with every field that a mapping names.
fn each_ref(object: &mut ObjectMapping, change: &mut impl FnMut(&mut FieldRef)) {
    [&mut object.write_back, &mut object.joins_by, &mut object.joins_with]
        .into_iter()
        .flatten()
        .for_each(&mut *change);
    [&mut object.skip, &mut object.leave_out]
        .into_iter()
        .flatten()
        .for_each(|condition| of_condition(condition, change));
    object.key.iter_mut().for_each(|key| of_expression(key, change));
    object.fields.iter_mut().for_each(|field| of_expression(&mut field.expression, change));
}

fn of_condition(condition: &mut Condition, change: &mut dyn FnMut(&mut FieldRef)) {
    match condition {
        Condition::All(conditions) | Condition::Any(conditions) => {
            for condition in conditions {
                of_condition(condition, change);
            }
        }
        Condition::Test(field, test) => {
            change(field);
            if let Test::Equals(other) | Test::DiffersFrom(other) = test {
                change(other);
            }
        }
    }
}

fn of_expression(expression: &mut Expression, change: &mut dyn FnMut(&mut FieldRef)) {
    match &mut expression.term {
        Term::Field(field)
        | Term::OnlyRow(_, field)
        | Term::MonthsAfter(field, _)
        | Term::BandsText(field)
        | Term::AccountAt(field) => {
            change(field);
        }
        Term::UnitPrice(price, discount) => {
            change(price);
            discount.iter_mut().for_each(&mut *change);
        }
        Term::First(expressions) | Term::Concat(expressions, _) | Term::Extreme(_, expressions) => {
            for expression in expressions {
                of_expression(expression, change);
            }
        }
        Term::Lookup { code, .. } => of_expression(code, change),
        Term::Address(parts) | Term::Each(_, parts) => {
            parts.iter_mut().for_each(|(_, expression)| of_expression(expression, change))
        }
        Term::List(entries) => entries
            .iter_mut()
            .flatten()
            .for_each(|(_, expression)| of_expression(expression, change)),
        Term::Named(values, _) => {
            values.iter_mut().for_each(|value| of_expression(&mut value.expression, change))
        }
        Term::Constant(_)
        | Term::This(_)
        | Term::SameAs(..)
        | Term::CurrencySetting
        | Term::TemplatesCurrency => {}
    }
    expression.when.iter_mut().for_each(|condition| of_condition(condition, change));
    for step in &mut expression.steps {
        if let Step::Warn(remark) = step {
            remark.when.iter_mut().for_each(|condition| of_condition(condition, change));
        }
        if let Step::Times(Operand::Field(field))
        | Step::DividedBy(Operand::Field(field))
        | Step::PercentOf(Operand::Field(field))
        | Step::LessPercent(Operand::Field(field))
        | Step::AddMonths(Operand::Field(field))
        | Step::AddDays(Operand::Field(field)) = step
        {
            change(field);
        }
    }
}
